//! How long files are kept, and what holds them (CF-5.2).

use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use kefu_contracts::{
    common::Channel,
    profile::{
        AddHeldFilesRequest, Customer, FileRetention, GetHoldRequest, HeldFile, Hold, HoldKind,
        HoldStanding, HoldState, LiftHoldRequest, ListFileRetentionsRequest, ListHeldFilesRequest,
        ListHoldsRequest, OpenHoldRequest, RemoveHeldFilesRequest,
        hold_service_client::HoldServiceClient, retention_service_client::RetentionServiceClient,
    },
    ticket::{Level, OpenTicketRequest, Ticket, TicketKind},
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, eventually};
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, ticket, tickets, violations};

pub(crate) fn holds(caller: &Caller) -> HoldServiceClient<Caller> {
    HoldServiceClient::new(caller.clone())
}

/// A file of somebody with whom there was nothing since.
pub(crate) fn last_met(at: Timestamp) -> Customer {
    Customer {
        contact_time: Some(to_proto(at)),
        ..person()
    }
}

pub(crate) fn ago(suite: &TestSuite, months: i32) -> Timestamp {
    let now = suite.clock.now().to_zoned(TimeZone::UTC);
    now.checked_sub(months.months()).unwrap().timestamp()
}

async fn listed(caller: &Caller, filter: &str) -> Vec<FileRetention> {
    let request = ListFileRetentionsRequest {
        filter: filter.into(),
        ..ListFileRetentionsRequest::default()
    };
    let mut client = RetentionServiceClient::new(caller.clone());
    let answer = client.list_file_retentions(request).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(
        usize::try_from(answer.total_size).unwrap(),
        answer.retentions.len()
    );
    answer.retentions
}

/// Files that may be destroyed now.
async fn due(suite: &TestSuite, caller: &Caller) -> Vec<String> {
    let now = suite.clock.now();
    let filter = format!("due_time <= \"{now}\" AND standing = FREE");
    let due = listed(caller, &filter).await.into_iter();
    due.map(|one| one.customer).collect()
}

async fn retention(caller: &Caller, customer: &str) -> FileRetention {
    let found = listed(caller, &format!("customer = {customer}")).await;
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

pub(crate) fn opening(customers: &[&str]) -> OpenHoldRequest {
    OpenHoldRequest {
        hold: Some(Hold {
            kind: HoldKind::LegalDispute.into(),
            title: "case 2026-17".into(),
            reason: "the court asked for the files".into(),
            ..Hold::default()
        }),
        customers: customers.iter().map(|one| (*one).to_owned()).collect(),
        request_id: String::new(),
    }
}

pub(crate) async fn hold(caller: &Caller, customers: &[&str]) -> Hold {
    let opened = holds(caller).open_hold(opening(customers)).await;
    opened.unwrap().into_inner()
}

pub(crate) async fn lift(caller: &Caller, hold: &Hold) -> Result<Hold, Status> {
    let request = LiftHoldRequest {
        name: hold.name.clone(),
        etag: hold.etag.clone(),
        reason: "settled".into(),
        request_id: String::new(),
    };
    let lifted = holds(caller).lift_hold(request).await;
    lifted.map(tonic::Response::into_inner)
}

async fn files(caller: &Caller, filter: String) -> Vec<HeldFile> {
    let request = ListHeldFilesRequest {
        filter,
        ..ListHeldFilesRequest::default()
    };
    let answer = holds(caller).list_held_files(request).await.unwrap();
    answer.into_inner().files
}

/// Clause CF-5.2: so many months after the last business, longer by tier; an order or a ticket
/// begins them anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_runs_from_the_last_business() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let old = enter(&erp, last_met(ago(&suite, 61))).await.name;
    let silver = enter(&erp, last_met(ago(&suite, 62))).await.name;
    let young = enter(&erp, last_met(ago(&suite, 59))).await.name;
    let mut sql = suite.database.connect().await.unwrap();
    let id =
        |name: &str| -> uuid::Uuid { name.strip_prefix("customers/").unwrap().parse().unwrap() };
    sqlx::query("UPDATE profile.customer SET tier = 2 WHERE id = $1")
        .bind(id(&silver))
        .execute(&mut sql)
        .await
        .unwrap();
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    // Once the schedule is there, which the service puts into the database after it has begun.
    eventually(async || (due(&suite, &keeper).await == [old.as_str()]).then_some(())).await;
    let all = listed(&keeper, "").await;
    let order: Vec<_> = all.iter().map(|one| one.customer.as_str()).collect();
    assert_eq!(
        order,
        [&silver, &old, &young],
        "the longest without business first"
    );

    // Counted by hand: the end of that day, and sixty months.
    let met = ago(&suite, 61).to_zoned(TimeZone::UTC).date();
    let clock = met.tomorrow().unwrap().to_zoned(TimeZone::UTC).unwrap();
    let shown = retention(&keeper, &old).await;
    assert_eq!(shown.clock_time, Some(to_proto(clock.timestamp())));
    let end = clock.checked_add(60.months()).unwrap();
    assert_eq!(shown.due_time, Some(to_proto(end.timestamp())));

    let opened = suite.caller_for("erp", "integration").after(&keeper);
    open(&opened, ticket(&old)).await;
    let keeper = suite
        .caller_for("feng.yulan", "administration")
        .after(&opened);
    // The rating may have found by now what tier the other one is of.
    assert!(!due(&suite, &keeper).await.contains(&old));
}

/// Clause CF-5.2: a file is free when no hold has it, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_free_when_no_hold_is_left() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let one = enter(&erp, last_met(ago(&suite, 70))).await.name;
    let other = enter(&erp, last_met(ago(&suite, 71))).await.name;
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    let first = hold(&keeper, &[&one, &other]).await;
    assert_eq!((first.state(), first.file_count), (HoldState::Open, 2));
    let leader = suite
        .caller_for("chen.guodong", "administration")
        .after(&keeper);
    let second = hold(&leader, &[&one]).await;
    assert!(due(&suite, &keeper).await.is_empty());
    assert_eq!(
        retention(&keeper, &one).await.standing(),
        HoldStanding::Held
    );

    let lifted = lift(&keeper, &first).await.unwrap();
    assert_eq!((lifted.state(), lifted.file_count), (HoldState::Lifted, 0));
    assert_eq!(lifted.lift_reason, "settled");
    assert_eq!(due(&suite, &keeper).await, [other.as_str()]);
    let request = RemoveHeldFilesRequest {
        name: second.name.clone(),
        etag: second.etag.clone(),
        customers: vec![one.clone(), other.clone()],
        request_id: String::new(),
    };
    let left = holds(&keeper).remove_held_files(request).await.unwrap();
    assert_eq!(left.into_inner().file_count, 0);
    assert_eq!(due(&suite, &keeper).await, [other.as_str(), one.as_str()]);

    // What was is kept: two files in the first hold, one in the second.
    let kept = files(&keeper, format!("customer = {one}")).await;
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|file| file.remove_time.is_some()));
    assert_eq!(
        files(&keeper, format!("hold = {}", first.name)).await.len(),
        2
    );
    let open = ListHoldsRequest {
        filter: "state = OPEN".into(),
        ..ListHoldsRequest::default()
    };
    let open = holds(&keeper).list_holds(open).await.unwrap().into_inner();
    assert_eq!(open.holds.len(), 1);
    let mut sql = suite.database.connect().await.unwrap();
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT type FROM profile.journal WHERE kind = 1 AND resource LIKE 'holds/%' ORDER BY position",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let expected = [
        "hold.opened",
        "hold.file_added",
        "hold.file_added",
        "hold.opened",
        "hold.file_added",
        "hold.lifted",
        "hold.file_removed",
        "hold.file_removed",
        "hold.file_removed",
    ];
    assert_eq!(told, expected);
}

/// Clause CF-5.2: a grave complaint holds the file until somebody lifts that, whatever
/// becomes of the complaint.
#[tokio::test(flavor = "multi_thread")]
async fn a_grave_complaint_holds_the_file() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let name = enter(&erp, person()).await.name;
    let complaint = |level: Level| Ticket {
        kind: TicketKind::Complaint.into(),
        impact: level.into(),
        urgency: level.into(),
        channel: Channel::Phone.into(),
        ..ticket(&name)
    };
    let request = |ticket| OpenTicketRequest {
        ticket: Some(ticket),
        request_id: String::new(),
    };
    let mut client = tickets(&erp);
    let mild = client.open_ticket(request(complaint(Level::Low))).await;
    mild.unwrap();
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    assert_eq!(
        retention(&keeper, &name).await.standing(),
        HoldStanding::Free
    );

    let grave = client.open_ticket(request(complaint(Level::High))).await;
    let grave = grave.unwrap().into_inner();
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    assert_eq!(
        retention(&keeper, &name).await.standing(),
        HoldStanding::Held
    );
    let held = GetHoldRequest {
        name: grave.name.replace("tickets/", "holds/"),
    };
    let held = holds(&keeper).get_hold(held).await.unwrap().into_inner();
    assert_eq!(held.kind(), HoldKind::GraveComplaint);
    assert_eq!(
        (held.ticket.as_str(), held.opener.as_str()),
        (grave.name.as_str(), "")
    );
    lift(&keeper, &held).await.unwrap();
    assert_eq!(
        retention(&keeper, &name).await.standing(),
        HoldStanding::Free
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_refused_to_whom_and_where_they_are_not_due() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let name = enter(&erp, person()).await.name;
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    let refused = holds(&keeper).open_hold(OpenHoldRequest::default()).await;
    assert_eq!(violations(&refused.unwrap_err()), ["hold", "customers"]);
    let nobody = "customers/0190c5a8-0000-7000-8000-0000000000ab";
    let refused = holds(&keeper).open_hold(opening(&[&name, nobody])).await;
    assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);
    assert!(files(&keeper, String::new()).await.is_empty());

    // The same request is the same hold, another under its id none.
    let request = OpenHoldRequest {
        request_id: "0190c5a8-0000-7000-8000-0000000000f1".into(),
        ..opening(&[&name])
    };
    let first = holds(&keeper).open_hold(request.clone()).await.unwrap();
    let again = holds(&keeper).open_hold(request.clone()).await.unwrap();
    let first = first.into_inner();
    assert_eq!(first, again.into_inner());
    let other = OpenHoldRequest {
        customers: vec![nobody.into()],
        ..request
    };
    let refused = holds(&keeper).open_hold(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");

    let add = |etag: &str| AddHeldFilesRequest {
        name: first.name.clone(),
        etag: etag.into(),
        customers: vec![name.clone()],
        request_id: String::new(),
    };
    let refused = holds(&keeper).add_held_files(add("r9")).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let same = holds(&keeper).add_held_files(add(&first.etag)).await;
    let same = same.unwrap().into_inner();
    assert_eq!(same.file_count, 1);
    let lifted = lift(&keeper, &same).await.unwrap();
    for refused in [
        lift(&keeper, &lifted).await.unwrap_err(),
        holds(&keeper)
            .add_held_files(add(&lifted.etag))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    }

    // The leader may hold and not let go; an agent learns of none.
    let leader = suite
        .caller_for("chen.guodong", "administration")
        .after(&keeper);
    let held = hold(&leader, &[&name]).await;
    let refused = lift(&leader, &held).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    let agent = suite.caller("li.wei");
    let refused = holds(&agent)
        .open_hold(opening(&[&name]))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
}

/// Clause CF-5.2: files are added to a hold at once by many, and each is in it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_in_a_hold_once() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let name = enter(&erp, person()).await.name;
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    let opened: Vec<_> = (0..8)
        .map(|_| {
            let (keeper, name) = (keeper.clone(), name.clone());
            tokio::spawn(async move { hold(&keeper, &[&name]).await })
        })
        .collect();
    for one in opened {
        let one = tokio::time::timeout(Duration::from_secs(30), one).await;
        assert_eq!(one.unwrap().unwrap().file_count, 1);
    }
    assert_eq!(files(&keeper, format!("customer = {name}")).await.len(), 8);
}
