//! Numbers open into their records.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::{
    analytics::{
        Dimension, ListFigureRecordsRequest, ListFigureRecordsResponse, ListStaffRecordsRequest,
        QueryMetricRequest, metrics_service_client::MetricsServiceClient,
    },
    common::Channel,
    google::r#type::Date,
    ticket::{GetTicketRequest, ResolveTicketRequest},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::Status;
use uuid::Uuid;

use super::{
    planted::{CLOCK, INSPECTION, ORDER, Planted, TICKET, departments, plant},
    query,
};
use crate::{
    handovers::transfer,
    records::{enter, open, order, person, place, refusal, ticket, tickets, violations},
    surveys,
};

fn row(metric: &str, by: &[Dimension], dimensions: &[&str]) -> ListFigureRecordsRequest {
    let query = QueryMetricRequest {
        metric: metric.into(),
        group_by: by.iter().map(|one| *one as i32).collect(),
        ..Default::default()
    };
    ListFigureRecordsRequest {
        query: Some(query),
        dimensions: dimensions.iter().map(|one| (*one).to_owned()).collect(),
        ..Default::default()
    }
}

async fn list(
    caller: &Caller,
    row: ListFigureRecordsRequest,
) -> Result<ListFigureRecordsResponse, Status> {
    let mut client = MetricsServiceClient::new(caller.clone());
    let listed = client.list_figure_records(row).await;
    listed.map(tonic::Response::into_inner)
}

fn names(listed: &ListFigureRecordsResponse) -> Vec<String> {
    listed.records.iter().map(|one| one.name.clone()).collect()
}

/// Clauses SG-7, CC-1.4, CF-6.1: the rows of a figure open into exactly the records that it counts,
/// page by page, within the scope; each that is named is in the journal.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_opens_into_its_records() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let (support, centre) = (
        suite.caller("ma.chao").after(&erp),
        suite.caller("li.wei").after(&erp),
    );
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(open(&support, ticket(&customer)).await.name);
    }
    let other = open(&centre, ticket(&customer)).await.name;
    let placed = place(&erp, order(&customer)).await.name;
    let after = |login: &str| {
        let caller = suite.caller_for(login, "analysis");
        caller.after(&erp).after(&support).after(&centre)
    };
    let leader = after("chen.guodong");
    let by = [Dimension::Department];
    let figure = query(&leader, "tickets", &by).await;
    let mut named = BTreeSet::new();
    for one in &figure.rows {
        let listed = list(&leader, row("tickets", &by, &[&one.dimensions[0]])).await;
        let listed = listed.unwrap();
        assert_eq!((listed.named_count, listed.hidden_count), (one.count, 0));
        assert!(!listed.hidden_suppressed && listed.approximation.is_none());
        assert!(listed.records.iter().all(|one| one.counted == 1));
        named.extend(names(&listed));
    }
    let all: BTreeSet<String> = own.iter().chain([&other]).cloned().collect();
    assert_eq!(named, all);

    // The head's own, one by one, the newest first.
    let head = after("zhao.lei");
    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let page = ListFigureRecordsRequest {
            page_size: 1,
            page_token: token,
            ..row("tickets", &[], &[])
        };
        let page = list(&head, page).await.unwrap();
        assert_eq!((page.named_count, page.records.len()), (3, 1));
        paged.extend(page.records);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let times: Vec<_> = paged
        .iter()
        .map(|one| one.time.map(|time| (time.seconds, time.nanos)))
        .collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
    let paged: BTreeSet<String> = paged.into_iter().map(|one| one.name).collect();
    assert_eq!(paged, own.iter().cloned().collect());

    let orders = list(&leader, row("orders", &[], &[])).await.unwrap();
    assert_eq!(names(&orders), std::slice::from_ref(&placed));
    let bought = row("sales", &[Dimension::Customer], &[&customer]);
    let bought = list(&leader, bought).await.unwrap();
    assert_eq!(names(&bought), [placed]);
    let nothing = list(&leader, row("tickets", &by, &["departments/none"])).await;
    let nothing = nothing.unwrap();
    assert_eq!((nothing.named_count, nothing.hidden_count), (0, 0));

    let mut sql = suite.database.connect().await.unwrap();
    let journaled: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT resource FROM analytics.journal
         WHERE type = 'metric.opened' AND actor_id = $1 AND customer_id = $2",
    )
    .bind(employee_id("zhao.lei"))
    .bind(Uuid::parse_str(customer.strip_prefix("customers/").unwrap()).unwrap())
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert_eq!(journaled.into_iter().collect::<BTreeSet<_>>(), paged);
}

fn planted(kind: i16, number: u128, customer: u128, department: Uuid) -> Planted {
    let day = i64::try_from(number % 20).unwrap() * 86_400;
    Planted {
        kind,
        id: Uuid::from_u128(number),
        part: 0,
        at: Timestamp::from_second(1_704_100_000 + day).unwrap(),
        customer: Some(Uuid::from_u128(customer)),
        department: Some(department),
        priority: 1,
        amount: 100,
        score: 3,
    }
}

/// Clauses SG-7, OP-5, CF-6.1: a record that counts several times is named once; customers are named by
/// figures of customers, inspections by their own lists alone; to who may see no records it is said about
/// how many there are.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_named_is_told_as_a_number() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let support = departments(&leader).await["technical_support"];
    let mut sql = suite.database.connect().await.unwrap();
    let mut facts = Vec::new();
    for part in 0..3 {
        let clock = planted(CLOCK, 500, 7, support);
        facts.push(Planted { part, ..clock });
    }
    facts.extend((0..40).map(|number| planted(TICKET, 1000 + number, number, support)));
    facts.extend((0..4).map(|number| planted(INSPECTION, 2000 + number, number, support)));
    facts.extend((0..6).map(|number| planted(ORDER, 3000 + number, 1 + number / 2, support)));
    plant(&mut sql, &facts).await;

    let clocks = list(&leader, row("next_response_time", &[], &[])).await;
    let clocks = clocks.unwrap();
    assert_eq!((clocks.named_count, clocks.records.len()), (3, 1));
    assert_eq!(
        (clocks.records[0].counted, &clocks.records[0].name),
        (3, &format!("tickets/{}", Uuid::from_u128(500)))
    );

    let inspected = list(&leader, row("inspection_pass_rate", &[], &[])).await;
    let inspected = inspected.unwrap();
    assert_eq!((inspected.named_count, inspected.hidden_count), (0, 4));
    assert!(inspected.records.is_empty() && inspected.approximation.is_none());

    let day = |day| {
        Some(Date {
            year: 2024,
            month: 2,
            day,
        })
    };
    let mut churn = row("churn", &[], &[]);
    let churned = churn.query.as_mut().unwrap();
    (churned.first_day, churned.last_day) = (day(1), day(29));
    let buyers = row("buyers", &[Dimension::Currency], &["CNY"]);
    for customers in [churn, buyers] {
        let customers = list(&leader, customers).await.unwrap();
        assert_eq!((customers.named_count, customers.hidden_count), (3, 0));
        assert!(customers.records.iter().all(|one| one.time.is_none()));
        let expected = [3, 2, 1].map(|one| format!("customers/{}", Uuid::from_u128(one)));
        assert_eq!(names(&customers), expected);
    }
    let cohort = row(
        "cohort_retention",
        &[Dimension::Cohort, Dimension::Age],
        &["2024-01", "0"],
    );
    assert_eq!(list(&leader, cohort).await.unwrap().named_count, 3);

    // An inspector sees of tickets what their tasks show.
    let inspector = suite.caller_for("gao.yuan", "quality");
    let hidden = list(&inspector, row("tickets", &[], &[])).await.unwrap();
    assert!(hidden.records.is_empty() && hidden.named_count == 0);
    assert!(hidden.hidden_count % 5 == 0 && hidden.approximation.is_some());
    let figure = query(&inspector, "tickets", &[]).await.total.unwrap();
    assert_eq!(hidden.hidden_count, figure.count, "as the row itself says");
    let few = list(&inspector, row("orders", &[], &[])).await.unwrap();
    assert_eq!((few.hidden_count, few.hidden_suppressed), (0, true));
}

/// Clauses SG-7, CF-9.1: how long answers took and what customers answered counts for the department that had
/// the ticket then, and is named to whoever may look at the ticket as it is now.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_a_ticket_is_named_where_the_ticket_is() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let agent = suite.caller("ma.chao").after(&erp);
    let opened = open(&agent, ticket(&customer)).await;
    let resolve = ResolveTicketRequest {
        name: opened.name,
        etag: opened.etag,
        resolution: "已更换滤网".into(),
        ..Default::default()
    };
    let erp = erp.after(&agent);
    let resolved = tickets(&erp).resolve_ticket(resolve).await.unwrap();
    let resolved = resolved.into_inner();
    let asked = format!("ticket = {}", resolved.name);
    let survey = surveys::listed(&erp, &asked).await.remove(0);
    let issued = surveys::issue(&erp, &survey, Channel::Phone).await;
    surveys::give(&erp, &issued.unwrap().token, (5, 2), "")
        .await
        .unwrap();

    let (giver, taker, leader) = ("zhao.lei", "zhou.ting", "chen.guodong");
    let open_by = async |login: &str, metric: &str, after: &Caller| {
        let caller = suite.caller_for(login, "analysis").after(after);
        let listed = list(&caller, row(metric, &[], &[])).await.unwrap();
        (names(&listed), listed.hidden_count)
    };
    let of_ticket = [
        ("first_response_time", resolved.name.clone()),
        ("satisfaction", survey.name.clone()),
    ];
    for (metric, name) in of_ticket.clone() {
        let named = (vec![name], 0);
        // Clocks follow by themselves.
        eventually(async || (open_by(giver, metric, &erp).await == named).then_some(())).await;
        assert_eq!(open_by(leader, metric, &erp).await, named);
        assert_eq!(open_by(taker, metric, &erp).await, (vec![], 0));
    }
    let name = resolved.name;
    let request = GetTicketRequest { name };
    let now = tickets(&erp).get_ticket(request).await.unwrap();
    transfer(&erp, &now.into_inner(), "complaints").await;
    for (metric, name) in of_ticket {
        assert_eq!(open_by(giver, metric, &erp).await, (vec![], 1), "{metric}");
        assert_eq!(open_by(taker, metric, &erp).await, (vec![], 0), "{metric}");
        let named = (vec![name], 0);
        assert_eq!(open_by(leader, metric, &erp).await, named, "{metric}");
    }

    // What is told of it from then on is the other department's.
    let head = suite.caller(taker).after(&erp);
    let due = surveys::listed(&head, &asked).await.remove(0);
    surveys::visit(&head, &due, "已上门重修", "").await.unwrap();
    let named = (vec![survey.name], 0);
    assert_eq!(open_by(taker, "satisfaction", &head).await, named);
    assert_eq!(open_by(giver, "satisfaction", &head).await, (vec![], 0));
}

/// Clauses SG-7, OP-4.2, CF-6.1: rows are opened by those who oversee the records, by employee by the line
/// above alone, and only as the figure was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_opened_by_whom_it_is_for() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let support = suite.caller("ma.chao").after(&erp);
    let own = open(&support, ticket(&customer)).await.name;
    open(&support, ticket(&customer)).await;
    let of_staff = async |login: &str, employee: &str| {
        let caller = suite.caller_for(login, "analysis").after(&support);
        let row = Some(row("tickets", &[Dimension::Employee], &[employee]));
        let mut client = MetricsServiceClient::new(caller);
        let listed = client.list_staff_records(ListStaffRecordsRequest { row });
        listed.await.map(|one| one.into_inner().records.unwrap())
    };
    // Whoever opens a ticket has it to begin with.
    let agent = format!("employees/{}", employee_id("ma.chao"));
    for login in ["zhao.lei", "chen.guodong"] {
        let listed = of_staff(login, &agent).await.unwrap();
        assert_eq!(listed.named_count, 2, "{login}");
        assert!(names(&listed).contains(&own));
    }
    let elsewhere = of_staff("zhou.ting", &agent).await.unwrap();
    assert_eq!((elsewhere.named_count, elsewhere.hidden_count), (0, 0));
    for login in ["zheng.xue", "he.xiaoyan", "gao.yuan", "tang.wei", "ma.chao"] {
        let refused = of_staff(login, &agent).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING", "{login}");
    }
    for login in ["zheng.xue", "he.xiaoyan", "tang.wei", "ma.chao"] {
        let caller = suite.caller_for(login, "analysis");
        let refused = list(&caller, row("tickets", &[], &[])).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING", "{login}");
    }

    let leader = suite.caller_for("chen.guodong", "analysis").after(&support);
    let refused = |row: ListFigureRecordsRequest| {
        let leader = leader.clone();
        async move { violations(&list(&leader, row).await.unwrap_err()) }
    };
    let nothing = ListFigureRecordsRequest::default();
    assert_eq!(refused(nothing).await, ["query"]);
    assert_eq!(refused(row("reads", &[], &[])).await, ["metric"]);
    let by = [Dimension::Priority];
    assert_eq!(refused(row("tickets", &by, &[])).await, ["dimensions"]);
    assert_eq!(refused(row("tickets", &[], &["low"])).await, ["dimensions"]);
    let by_employee = row("tickets", &[Dimension::Employee], &[""]);
    assert_eq!(refused(by_employee).await, ["group_by[0]"]);
    let mut ranked = row("tickets", &by, &["low"]);
    ranked.page_size = 201;
    ranked.query.as_mut().unwrap().limit = 5;
    assert_eq!(refused(ranked).await, ["limit", "page_size"]);

    let mut first = row("tickets", &[], &[]);
    first.page_size = 1;
    let page_token = list(&leader, first).await.unwrap().next_page_token;
    assert!(!page_token.is_empty());
    let other = ListFigureRecordsRequest {
        page_token,
        ..row("orders", &[], &[])
    };
    let refused = list(&leader, other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "INVALID_PAGE_TOKEN");
}
