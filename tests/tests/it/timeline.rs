//! One history of each customer, by what is cleared; and who had to do with them.

use std::{collections::BTreeSet, time::Duration};

use kefu_contracts::{
    order::{OrderStage, RecordReviewRequest, RecordStageRequest, Review},
    policy::{DataClass, Purpose},
    profile::{
        Duty, GetPortraitRequest, ListDutiesRequest, ListFileViewsRequest, ListTimelineRequest,
        TimelineEntry, TimelineKind, timeline_service_client::TimelineServiceClient,
    },
    ticket::{
        AssignTicketRequest, CloseTicketRequest, Level, ResolveTicketRequest, Ticket, TicketKind,
    },
};
use kefu_service::{
    clock::Clock,
    time::{from_proto, to_proto},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    records::{
        consent, enter, get, open, order, orders, person, place, refusal, ticket, tickets,
        violations,
    },
    shares::World,
};

fn timeline(caller: &Caller) -> TimelineServiceClient<Caller> {
    TimelineServiceClient::new(caller.clone())
}

/// Everything by pages of two, which the total agrees with.
pub(crate) async fn history(
    caller: &Caller,
    file: &str,
    filter: &str,
    order_by: &str,
) -> Result<Vec<TimelineEntry>, Status> {
    let mut all = Vec::new();
    let mut request = ListTimelineRequest {
        parent: file.into(),
        page_size: 2,
        filter: filter.into(),
        order_by: order_by.into(),
        ..Default::default()
    };
    loop {
        let page = timeline(caller).list_timeline(request.clone()).await?;
        let page = page.into_inner();
        all.extend(page.entries);
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size as usize, all.len());
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn duties(caller: &Caller, filter: String, standing_only: bool) -> Vec<Duty> {
    let request = ListDutiesRequest {
        filter,
        standing_only,
        ..Default::default()
    };
    let answer = timeline(caller).list_duties(request).await.unwrap();
    answer.into_inner().duties
}

/// A customer with something of every kind; what was entered, and by whom.
async fn lived(suite: &TestSuite) -> (String, Caller) {
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await.name;
    suite.clock.advance(Duration::from_secs(1));
    consent(&erp, &file, Purpose::Sales).await;
    for kind in [TicketKind::Consultation, TicketKind::Complaint] {
        suite.clock.advance(Duration::from_secs(1));
        let one = Ticket {
            kind: kind.into(),
            ..ticket(&file)
        };
        open(&erp, one).await;
    }
    suite.clock.advance(Duration::from_secs(1));
    let bought = place(&erp, order(&file)).await;
    suite.clock.advance(Duration::from_secs(1));
    let request = RecordStageRequest {
        name: bought.name.clone(),
        stage: OrderStage::Shipped.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    orders(&erp).record_stage(request).await.unwrap();
    let request = RecordReviewRequest {
        name: bought.name,
        review: Some(Review {
            score: 4,
            arrived: true,
            answered_time: Some(to_proto(suite.clock.now())),
            ..Default::default()
        }),
        ..Default::default()
    };
    orders(&erp).record_review(request).await.unwrap();
    (file, erp)
}

fn kinds(entries: &[TimelineEntry]) -> BTreeSet<TimelineKind> {
    entries.iter().map(TimelineEntry::kind).collect()
}

/// Clauses CF-2.3, CF-2.2: one list of what happened, forwards and backwards, whole by pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_one_history() {
    let suite = TestSuite::start().await;
    let (file, erp) = lived(&suite).await;
    let archive = suite.caller_for("feng.yulan", "administration").after(&erp);
    let down = history(&archive, &file, "", "").await.unwrap();
    let mut up = history(&archive, &file, "", "time").await.unwrap();
    up.reverse();
    assert_eq!(down, up);
    assert!(down.is_sorted_by_key(|one| {
        let at = one.time.unwrap();
        std::cmp::Reverse((at.seconds, at.nanos))
    }));
    let every: BTreeSet<_> = [
        TimelineKind::File,
        TimelineKind::Consent,
        TimelineKind::Consultation,
        TimelineKind::Complaint,
        TimelineKind::Purchase,
        TimelineKind::Feedback,
    ]
    .into();
    assert_eq!(kinds(&down), every);
    let bought = history(&archive, &file, "kind = PURCHASE", "time").await;
    let bought = bought.unwrap();
    let stages: Vec<_> = bought
        .iter()
        .map(|one| one.order.as_ref().unwrap().stage())
        .collect();
    assert_eq!(stages, [OrderStage::Submitted, OrderStage::Shipped]);
    assert_eq!(
        bought[0]
            .order
            .as_ref()
            .unwrap()
            .total
            .as_ref()
            .unwrap()
            .units,
        2599
    );
    let complaint = history(&archive, &file, "kind = COMPLAINT", "")
        .await
        .unwrap();
    assert_eq!(
        complaint[0].ticket.as_ref().unwrap().category,
        "installation"
    );
    assert_eq!(complaint[0].act, "ticket.opened");

    let wrong = history(&archive, &file, "kind = PARTY", "when")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["filter", "order_by"]);
}

/// Clauses CF-2.3, CF-6.1: whose class is not cleared is not there and not counted, and that it is
/// not is said; the file out of reach has no history at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_holds_what_is_cleared() {
    let suite = TestSuite::start().await;
    let (file, erp) = lived(&suite).await;
    let sales = suite.caller_for("wu.peng", "sales").after(&erp);
    let seen = history(&sales, &file, "", "").await.unwrap();
    assert_eq!(
        kinds(&seen),
        [TimelineKind::File, TimelineKind::Purchase].into()
    );
    for hidden in ["CONSULTATION", "COMPLAINT", "CONSENT", "FEEDBACK"] {
        let found = history(&sales, &file, &format!("kind = {hidden}"), "").await;
        assert_eq!(found.unwrap(), [], "{hidden}");
    }
    let request = ListTimelineRequest {
        parent: file.clone(),
        ..Default::default()
    };
    let page = timeline(&sales).list_timeline(request).await.unwrap();
    let hidden: Vec<_> = page.into_inner().hidden_classes;
    assert_eq!(
        hidden,
        [DataClass::Service as i32, DataClass::Relation as i32]
    );

    // A grave complaint holds the file, and that it is held tells of it.
    let grave = Ticket {
        kind: TicketKind::Complaint.into(),
        impact: Level::High.into(),
        urgency: Level::High.into(),
        ..ticket(&file)
    };
    let grave = open(&erp, grave).await;
    let archive = suite.caller_for("feng.yulan", "administration").after(&erp);
    let held = eventually(async || {
        let entries = history(&archive, &file, "kind = FILE", "").await.unwrap();
        entries.into_iter().find(|one| one.act == "hold.file_added")
    })
    .await;
    assert_eq!(held.data_class(), DataClass::Service);
    assert_eq!(held.resource, grave.name.replace("tickets/", "holds/"));
    let seen = history(&sales, &file, "kind = FILE", "").await.unwrap();
    let acts: Vec<_> = seen.iter().map(|one| one.act.as_str()).collect();
    assert!(acts.contains(&"customer.created"), "{acts:?}");
    assert!(!acts.iter().any(|act| act.starts_with("hold.")), "{acts:?}");

    let stranger = suite.caller("ma.chao").after(&erp);
    let unseen = history(&stranger, &file, "", "").await.unwrap_err();
    let absent = "customers/0190c5a8-0000-7000-8000-0000000000ab";
    let nothing = history(&stranger, absent, "", "").await.unwrap_err();
    assert_eq!(refusal(&unseen), refusal(&nothing));
    assert_eq!(refusal(&unseen).0, Code::NotFound);
    let marketing = suite.caller_for("zheng.xue", "marketing").after(&erp);
    let refused = history(&marketing, &file, "", "").await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
}

/// Clauses SG-1.4, CF-2.2: what they buy and come with, within the days asked for and by
/// what is cleared.
#[tokio::test(flavor = "multi_thread")]
async fn a_portrait_is_drawn_of_the_history() {
    let suite = TestSuite::start().await;
    let (file, erp) = lived(&suite).await;
    let twenty = suite.clock.now() - Duration::from_secs(20 * 86_400);
    let mut earlier = order(&file);
    earlier.placed_time = Some(to_proto(twenty));
    place(&erp, earlier).await;
    let portrait = async |caller: &Caller, days| {
        let request = GetPortraitRequest {
            parent: file.clone(),
            days,
        };
        timeline(caller).get_portrait(request).await
    };
    let archive = suite.caller_for("feng.yulan", "administration").after(&erp);
    let whole = portrait(&archive, 0).await.unwrap().into_inner();
    let bought = whole.purchases.unwrap();
    assert_eq!((bought.order_count, bought.average_interval_days), (2, 20));
    assert_eq!(bought.totals[0].units, 5198);
    let service = whole.service.unwrap();
    assert_eq!(service.ticket_count, 2);
    let with = |kind| (kind, "installation", 1);
    let categories: Vec<_> = service
        .categories
        .iter()
        .map(|one| (one.kind(), one.category.as_str(), one.ticket_count))
        .collect();
    assert_eq!(
        categories,
        [
            with(TimelineKind::Consultation),
            with(TimelineKind::Complaint)
        ]
    );
    let lately = portrait(&archive, 10).await.unwrap().into_inner();
    let bought = lately.purchases.unwrap();
    assert_eq!((bought.order_count, bought.average_interval_days), (1, 0));

    let sales = suite.caller_for("wu.peng", "sales").after(&erp);
    let part = portrait(&sales, 0).await.unwrap().into_inner();
    assert_eq!((part.tier, part.service), (0, None));
    assert_eq!(part.purchases.unwrap().order_count, 2);
    assert_eq!(
        part.hidden_classes,
        [DataClass::Service as i32, DataClass::Relation as i32]
    );
    for days in [-1, 3651] {
        let refused = portrait(&archive, days).await.unwrap_err();
        assert_eq!(violations(&refused), ["days"]);
    }
}

/// Clause CF-9.1: who had duty on the file, by what, from when until when.
#[tokio::test(flavor = "multi_thread")]
async fn a_duty_is_kept_when_it_is_over() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await.name;
    let opened = open(&erp, ticket(&file)).await;
    let employee = format!("employees/{}", employee_id("li.wei"));
    let assign = AssignTicketRequest {
        name: opened.name.clone(),
        etag: opened.etag,
        assignee: employee.clone(),
        ..Default::default()
    };
    let from = suite.clock.now();
    let now = tickets(&erp).assign_ticket(assign).await.unwrap();
    let archive = suite.caller_for("feng.yulan", "administration").after(&erp);
    let standing = duties(&archive, format!("customer = {file}"), true).await;
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].employee, employee);
    assert_eq!(standing[0].resource, opened.name);
    let since = from_proto(&standing[0].start_time.unwrap()).unwrap();
    assert!((from..=suite.clock.now()).contains(&since));
    assert_eq!(standing[0].end_time, None);

    suite.clock.advance(Duration::from_secs(5));
    let resolve = ResolveTicketRequest {
        name: opened.name.clone(),
        etag: now.into_inner().etag,
        resolution: "已安装".into(),
        ..Default::default()
    };
    let now = tickets(&erp).resolve_ticket(resolve).await.unwrap();
    let close = CloseTicketRequest {
        name: opened.name,
        etag: now.into_inner().etag,
        ..Default::default()
    };
    let until = suite.clock.now();
    tickets(&erp).close_ticket(close).await.unwrap();
    let archive = suite.caller_for("feng.yulan", "administration").after(&erp);
    assert_eq!(
        duties(&archive, format!("customer = {file}"), true).await,
        []
    );
    let kept = duties(&archive, format!("employee = {employee}"), false).await;
    assert_eq!(kept.len(), 1);
    let over = from_proto(&kept[0].end_time.unwrap()).unwrap();
    assert!((until..=suite.clock.now()).contains(&over));
    let gone = get(&suite.caller("li.wei").after(&erp), &file).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);

    let request = ListDutiesRequest::default();
    let agent = timeline(&suite.caller("li.wei")).list_duties(request).await;
    assert_eq!(
        refusal(&agent.unwrap_err()),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
}

/// Clauses CF-6.3, CF-9.1: who was shown the file, for what, by which rule, in which
/// classes; each look once.
#[tokio::test(flavor = "multi_thread")]
async fn looks_at_a_file_are_listed() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await.name;
    for _ in 0..3 {
        get(&agent, &file).await.unwrap();
    }
    let looks = async |caller: &Caller| {
        let request = ListFileViewsRequest {
            parent: file.clone(),
            ..Default::default()
        };
        let answer = timeline(caller).list_file_views(request).await;
        answer.map(|answer| answer.into_inner().views)
    };
    let auditor = suite.caller_for("dong.jie", "audit");
    let seen = looks(&auditor).await.unwrap();
    assert_eq!(seen.len(), 3);
    let id = employee_id("li.wei").to_string();
    for look in &seen {
        assert_eq!(
            (look.actor_id.as_str(), look.purpose()),
            (id.as_str(), Purpose::Service)
        );
        assert_eq!(look.method, "/kefu.profile.v1.CustomerService/GetCustomer");
        assert!(look.cleared.contains(&(DataClass::Contact as i32)));
        assert!(look.sources.contains(&"role:agent#own".to_owned()));
    }
    // The auditor's look shows nothing of the customer, and is none.
    assert_eq!(looks(&auditor).await.unwrap().len(), 3);
    assert_eq!(
        refusal(&looks(&agent).await.unwrap_err()),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
}

/// Clauses CF-2.3, CF-6.3: that somebody without duty may see the file is in its history, in
/// which classes and until when, and that it is over; not who.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_in_the_history_of_the_file() {
    let world = Box::pin(World::of(TestSuite::start().await)).await;
    let (suite, file) = (&world.suite, &world.shared.name);
    let share = world.granted().await;
    let told = async |acts: &[&str]| {
        eventually(|| async {
            let archive = suite.caller_for("feng.yulan", "administration");
            let request = ListTimelineRequest {
                parent: file.clone(),
                filter: "kind = GRANT".into(),
                order_by: "time".into(),
                ..Default::default()
            };
            let page = timeline(&archive).list_timeline(request).await.ok()?;
            let entries = page.into_inner().entries;
            let found = entries.iter().map(|one| one.act.as_str());
            found.eq(acts.iter().copied()).then_some(entries)
        })
        .await
    };
    let begun = told(&["share.activated"]).await;
    assert_eq!(begun[0].resource, share.name);
    let facts = begun[0].grant.as_ref().unwrap();
    assert_eq!(
        facts.classes,
        [DataClass::Basic as i32, DataClass::Contact as i32]
    );
    assert_eq!(
        (facts.start_time, facts.end_time),
        (share.active_from, share.active_until)
    );
    suite.clock.advance(Duration::from_secs(601));
    let over = told(&["share.activated", "share.ended"]).await;
    assert_eq!(over[1].time, share.active_until);

    // The other customer of the suite was not granted, and what is kept names nobody.
    let mut sql = suite.database.connect().await.unwrap();
    let kept: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT event FROM profile.timeline WHERE kind = 5")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    assert_eq!(kept.len(), 2);
    let receiver = employee_id("song.yue").to_string();
    for event in kept {
        let event = String::from_utf8_lossy(&event).into_owned();
        assert!(!event.contains(&receiver), "{event}");
    }
}
