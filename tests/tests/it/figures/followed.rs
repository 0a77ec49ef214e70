//! What the services tell becomes figures: each by the way it takes through its service.

use std::{collections::BTreeMap, time::Duration};

use kefu_contracts::{
    access::{
        CreateShareRequest, Share, ShareMode, ShareTerms, SubmitShareRequest, WithdrawShareRequest,
    },
    analytics::{
        Dimension, MeasureStaffRequest, QueryMetricRequest,
        metrics_service_client::MetricsServiceClient,
    },
    common::Channel,
    policy::{DataClass, Purpose},
    profile::GetCustomerRequest,
    ticket::{
        AssignTicketRequest, CheckLegitimacyRequest, Direction, Legitimacy, Level,
        ReplyToTicketRequest, ResolveTicketRequest, Ticket, TicketKind,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{TestSuite, employee_id, eventually};

use super::{counts, query};
use crate::{
    handling::handling,
    records::{customers, enter, open, person, refusal, ticket, tickets},
    shares::shares,
    surveys,
};

/// Clauses SG-2.1, IH-4, OP-4.2: how long answers took and whether they were in time is what the
/// clocks of the tickets read; an answer that is due and not given counts as late.
#[tokio::test(flavor = "multi_thread")]
async fn answers_in_time_are_what_the_clocks_read() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    // Urgent ones are to be answered within two hours.
    for (minutes, answered) in [
        (30, true),
        (60, true),
        (180, true),
        (200, false),
        (5, false),
    ] {
        let came = suite.clock.now() - Duration::from_secs(minutes * 60);
        let one = Ticket {
            kind: TicketKind::ServiceRequest.into(),
            impact: Level::High.into(),
            urgency: Level::High.into(),
            received_time: Some(to_proto(came)),
            ..ticket(&customer)
        };
        let opened = open(&erp, one).await;
        if answered {
            let reply = ReplyToTicketRequest {
                name: opened.name,
                etag: opened.etag,
                direction: Direction::Out.into(),
                body: "已安排师傅上门".into(),
                ..Default::default()
            };
            tickets(&erp).reply_to_ticket(reply).await.unwrap();
        }
    }
    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    let rate = eventually(async || {
        let figure = query(&leader, "timely_response_rate", &[Dimension::Priority]).await;
        let total = figure.total.unwrap();
        (total.count == 4).then_some(total)
    })
    .await;
    assert_eq!((rate.sum.as_deref(), rate.mean), (Some("2"), Some(0.5)));
    let times = query(&leader, "first_response_time", &[Dimension::Priority]).await;
    let row = &times.rows[0];
    assert_eq!((row.dimensions[0].as_str(), row.count), ("critical", 3));
    let minutes = |seconds: Option<f64>| (seconds.unwrap() / 60.0).floor();
    assert_eq!((minutes(row.p50), minutes(row.p90)), (60.0, 180.0));
}

/// Clause OP-4.2: an answer that was not given in time is a matter of who had the ticket when it was due, whoever
/// gives it afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_miss_stays_with_who_had_the_ticket() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let agent = suite.caller("li.wei").after(&erp);
    // To be answered within two hours; whoever opens it has it.
    let urgent = Ticket {
        kind: TicketKind::ServiceRequest.into(),
        impact: Level::High.into(),
        urgency: Level::High.into(),
        ..ticket(&customer)
    };
    let opened = open(&agent, urgent).await;
    suite.clock.advance(Duration::from_secs(3 * 3600));
    suite.policy_is_fresh().await;
    let by_employee = async |metric: &str| {
        let query = QueryMetricRequest {
            metric: metric.into(),
            group_by: vec![Dimension::Employee.into()],
            ..Default::default()
        };
        let request = MeasureStaffRequest { query: Some(query) };
        let head = suite.caller_for("zhang.min", "analysis");
        let measured = MetricsServiceClient::new(head).measure_staff(request).await;
        let figure = measured.unwrap().into_inner().figure.unwrap();
        let rows = figure.rows.iter();
        let rows = rows.map(|row| (row.dimensions[0].clone(), row.mean));
        rows.collect::<BTreeMap<_, _>>()
    };
    let holder = format!("employees/{}", employee_id("li.wei"));
    let late = BTreeMap::from([(holder, Some(0.0))]);
    eventually(async || (by_employee("timely_response_rate").await == late).then_some(())).await;

    let granted = CheckLegitimacyRequest {
        name: opened.name,
        etag: opened.etag,
        legitimacy: Legitimacy::Granted.into(),
        reason: "延保有效".into(),
        ..Default::default()
    };
    // Tokens do not last that long.
    let again = suite.caller("li.wei").after(&agent);
    let checked = handling(&again).check_legitimacy(granted).await.unwrap();
    let checked = checked.into_inner();
    let assign = AssignTicketRequest {
        name: checked.name,
        etag: checked.etag,
        assignee: format!("employees/{}", employee_id("wang.fang")),
        ..Default::default()
    };
    let erp = suite.caller_for("erp", "integration").after(&again);
    let assigned = tickets(&erp).assign_ticket(assign).await.unwrap();
    let assigned = assigned.into_inner();
    let reply = ReplyToTicketRequest {
        name: assigned.name,
        etag: assigned.etag,
        direction: Direction::Out.into(),
        body: "已安排师傅上门".into(),
        ..Default::default()
    };
    tickets(&erp).reply_to_ticket(reply).await.unwrap();
    // It has stopped by then.
    eventually(async || {
        let times = by_employee("first_response_time").await;
        (!times.is_empty()).then_some(())
    })
    .await;
    assert_eq!(by_employee("timely_response_rate").await, late);
}

/// Clauses OP-4.2, CF-6.1: what each of the staff did is for the line above them alone; others count
/// by department.
#[tokio::test(flavor = "multi_thread")]
async fn staff_is_measured_by_the_line_above() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let support = suite.caller("ma.chao").after(&erp);
    let opened = open(&support, ticket(&customer)).await;
    let assign = AssignTicketRequest {
        name: opened.name,
        etag: opened.etag,
        assignee: format!("employees/{}", employee_id("ma.chao")),
        ..Default::default()
    };
    let assigned = tickets(&erp.after(&support))
        .assign_ticket(assign)
        .await
        .unwrap()
        .into_inner();
    let resolve = ResolveTicketRequest {
        name: assigned.name,
        etag: assigned.etag,
        resolution: "已更换滤网".into(),
        ..Default::default()
    };
    tickets(&erp).resolve_ticket(resolve).await.unwrap();
    let measure = async |login: &str, metric: &str| {
        let caller = suite
            .caller_for(login, "analysis")
            .after(&erp)
            .after(&support);
        let query = QueryMetricRequest {
            metric: metric.into(),
            group_by: vec![Dimension::Employee.into()],
            ..Default::default()
        };
        let request = MeasureStaffRequest { query: Some(query) };
        let mut client = MetricsServiceClient::new(caller);
        client
            .measure_staff(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let own = format!("employees/{}", employee_id("ma.chao"));
    for login in ["zhao.lei", "chen.guodong"] {
        let figure = measure(login, "resolution_rate")
            .await
            .unwrap()
            .figure
            .unwrap();
        assert_eq!(figure.rows.len(), 1, "{login}");
        assert_eq!(
            figure.rows[0].dimensions,
            std::slice::from_ref(&own),
            "{login}"
        );
        assert_eq!(figure.rows[0].mean, Some(1.0), "{login}");
    }
    let elsewhere = measure("zhou.ting", "resolution_rate").await.unwrap();
    assert_eq!(elsewhere.figure.unwrap().total.unwrap().count, 0);
    for login in ["ma.chao", "zheng.xue"] {
        let refused = measure(login, "tickets").await.unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING", "{login}");
    }
    // By the door for everybody's figures nobody is told apart.
    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    let request = QueryMetricRequest {
        metric: "tickets".into(),
        group_by: vec![Dimension::Employee.into()],
        ..Default::default()
    };
    let refused = MetricsServiceClient::new(leader)
        .query_metric(request)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "INVALID_FIELDS");
}

/// Clauses CF-6.3, IH-7: looks at records are counted by what they were for, and only for who sees
/// the whole company; files by tier.
#[tokio::test(flavor = "multi_thread")]
async fn looks_are_counted_by_purpose() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for purpose in ["complaint", "quality", "complaint"] {
        let supervisor = suite.caller_for("liu.jianhua", purpose).after(&erp);
        let request = GetCustomerRequest {
            name: customer.clone(),
        };
        // Whether or not it is shown: a look that is refused is one that is counted as that.
        let _ = customers(&supervisor).get_customer(request).await;
    }
    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    eventually(async || {
        let looks = counts(&query(&leader, "reads", &[Dimension::Purpose]).await);
        let found = (looks.get("complaint"), looks.get("quality"));
        (found == (Some(&2), Some(&1))).then_some(())
    })
    .await;
    let head = suite.caller_for("zhao.lei", "analysis").after(&erp);
    let none = query(&head, "reads", &[]).await.total.unwrap();
    assert_eq!(none.count, 0);
    let files = counts(&query(&leader, "customers", &[Dimension::Tier]).await);
    assert_eq!(files.values().sum::<i64>(), 1);
}

/// Clauses CF-6.2, CF-6.3: a request counts once it is handed in; a form that is given up before is none.
#[tokio::test(flavor = "multi_thread")]
async fn requests_count_once_they_are_handed_in() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let applicant = suite.caller("song.yue").after(&erp);
    let form = Share {
        purpose: Purpose::Service.into(),
        justification: "核对发票抬头".into(),
        mode: ShareMode::Access.into(),
        requested: Some(ShareTerms {
            customers: vec![customer],
            classes: vec![DataClass::Basic.into()],
            receivers: vec![format!("employees/{}", employee_id("song.yue"))],
            end_time: Some(to_proto(suite.clock.now() + Duration::from_secs(600))),
            ..Default::default()
        }),
        ..Default::default()
    };
    for handed_in in [false, true] {
        let create = CreateShareRequest {
            share: Some(form.clone()),
            ..Default::default()
        };
        let drafted = shares(&applicant).create_share(create).await.unwrap();
        let name = drafted.into_inner().name;
        if handed_in {
            let submit = SubmitShareRequest {
                name: name.clone(),
                ..Default::default()
            };
            shares(&applicant).submit_share(submit).await.unwrap();
        }
        let withdraw = WithdrawShareRequest {
            name,
            ..Default::default()
        };
        shares(&applicant).withdraw_share(withdraw).await.unwrap();
        let leader = suite
            .caller_for("chen.guodong", "analysis")
            .after(&applicant);
        let counted = counts(&query(&leader, "share_requests", &[Dimension::Status]).await);
        let expected: BTreeMap<String, i64> = match handed_in {
            true => [("withdrawn".to_owned(), 1)].into(),
            false => BTreeMap::new(),
        };
        assert_eq!(counted, expected);
    }
}

/// Clauses CC-1.4, SG-4: an answer is by the channel by which the customer was asked, whatever comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_by_the_channel_that_asked() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let agent = suite.caller("wang.fang").after(&erp);
    let opened = open(&agent, ticket(&customer)).await;
    let asked = format!("ticket = {}", opened.name);
    let resolve = ResolveTicketRequest {
        name: opened.name,
        etag: opened.etag,
        resolution: "已更换滤网".into(),
        ..Default::default()
    };
    let erp = erp.after(&agent);
    tickets(&erp).resolve_ticket(resolve).await.unwrap();
    let invited = surveys::listed(&erp, &asked).await.remove(0);
    let issued = surveys::issue(&erp, &invited, Channel::Phone).await;
    surveys::give(&erp, &issued.unwrap().token, (5, 2), "")
        .await
        .unwrap();
    let agent = agent.after(&erp);
    let by_channel = async || {
        let leader = suite.caller_for("chen.guodong", "analysis").after(&agent);
        counts(&query(&leader, "satisfaction", &[Dimension::Channel]).await)
    };
    let once = BTreeMap::from([("phone".to_owned(), 1)]);
    assert_eq!(by_channel().await, once);
    let answered = surveys::listed(&agent, &asked).await.remove(0);
    surveys::visit(&agent, &answered, "已上门重修", "")
        .await
        .unwrap();
    assert_eq!(by_channel().await, once);
}
