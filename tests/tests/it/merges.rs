//! Files of one customer become one, and two again.

mod refusals;

use kefu_contracts::{
    policy::Purpose,
    profile::{
        ConsentDecision, Customer, CustomerState, DataRequestKind, DestructionOutcome, Email,
        GetMergeRequest, ListFileViewsRequest, ListMergesRequest, LookupCustomerRequest, Merge,
        MergeFilesRequest, MergeOrigin, MergePreview, MergeState, Phone, PreviewMergeRequest,
        RecordConsentRequest, UndoMergeRequest, VerificationCheck,
        consent_service_client::ConsentServiceClient, lookup_customer_request::By,
        merge_service_client::MergeServiceClient, timeline_service_client::TimelineServiceClient,
    },
    ticket::{AssignTicketRequest, Level, Ticket, TicketKind},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use sqlx::PgConnection;
use tonic::{Code, Status};

use crate::{
    data_requests::{ask, asked},
    destruction::{COOLING, certificate, form, id, scheduled, scrubbed},
    intake::approve,
    records::{
        customers, enter, get, open, order, person, place, refusal, said, said_consent, ticket,
        tickets, update,
    },
    retention::{ago, hold, last_met, lift},
    revisions, timeline,
    verifications::{found, record},
};

fn merges(caller: &Caller) -> MergeServiceClient<Caller> {
    MergeServiceClient::new(caller.clone())
}

pub(crate) fn keeper(suite: &TestSuite, after: &Caller) -> Caller {
    let keeper = suite.caller_for("feng.yulan", "administration");
    keeper.after(after)
}

/// A file that an agent entered and a reviewer archived.
pub(crate) async fn archived(suite: &TestSuite, before: &Caller, customer: Customer) -> Customer {
    let agent = suite.caller("li.wei").after(before);
    let file = enter(&agent, customer).await;
    let reviewer = suite.caller("lin.na").after(&agent);
    approve(&reviewer, &file).await.unwrap()
}

/// The same person, as somebody else entered them.
pub(crate) fn again() -> Customer {
    Customer {
        display_name: "张三豐".into(),
        occupation: String::new(),
        region: "上海".into(),
        phones: vec![
            Phone {
                number: "+86 138 1234 5678".into(),
                ..Phone::default()
            },
            Phone {
                number: "139 8765 4321".into(),
                primary: true,
                ..Phone::default()
            },
        ],
        emails: vec![Email {
            address: "zhang@example.com".into(),
            primary: true,
            ..Email::default()
        }],
        bank_card: String::new(),
        tags: vec!["老客户".into()],
        external_ref: "crm-77".into(),
        ..person()
    }
}

pub(crate) fn asks(survivor: &Customer, absorbed: &Customer) -> MergeFilesRequest {
    MergeFilesRequest {
        survivor: survivor.name.clone(),
        survivor_etag: survivor.etag.clone(),
        absorbed: absorbed.name.clone(),
        absorbed_etag: absorbed.etag.clone(),
        take_absorbed: Vec::new(),
        reason: "the same person, entered twice".into(),
        request_id: String::new(),
    }
}

pub(crate) async fn merge(caller: &Caller, request: MergeFilesRequest) -> Result<Merge, Status> {
    let made = merges(caller).merge_files(request).await;
    made.map(tonic::Response::into_inner)
}

async fn preview(caller: &Caller, request: &MergeFilesRequest) -> Result<MergePreview, Status> {
    let request = PreviewMergeRequest {
        survivor: request.survivor.clone(),
        absorbed: request.absorbed.clone(),
        take_absorbed: request.take_absorbed.clone(),
    };
    let shown = merges(caller).preview_merge(request).await;
    shown.map(tonic::Response::into_inner)
}

fn undoing(merge: &Merge) -> UndoMergeRequest {
    UndoMergeRequest {
        name: merge.name.clone(),
        etag: merge.etag.clone(),
        reason: "two people after all".into(),
        request_id: String::new(),
    }
}

pub(crate) async fn undo(caller: &Caller, merge: &Merge) -> Result<Merge, Status> {
    let undone = merges(caller).undo_merge(undoing(merge)).await;
    undone.map(tonic::Response::into_inner)
}

/// A file but for when it was changed last, and why.
fn data(file: Customer) -> Customer {
    Customer {
        etag: String::new(),
        update_time: None,
        change_reason: String::new(),
        ..file
    }
}

async fn say(caller: &Caller, file: &str, purpose: Purpose, decision: ConsentDecision) {
    let request = RecordConsentRequest {
        consent: Some(said_consent(file, purpose, decision)),
        request_id: String::new(),
    };
    let mut client = ConsentServiceClient::new(caller.clone());
    client.record_consent(request).await.unwrap();
}

/// Everything that hangs on a file, as the database has it: what counts of what was said, and
/// the rows of each table.
async fn hanging(sql: &mut PgConnection, file: &str) -> String {
    sqlx::query_scalar(
        "SELECT concat_ws(' ',
             (SELECT string_agg(purpose || ':' || channels::text, ',' ORDER BY purpose) FROM profile.consent WHERE customer_id = $1),
             (SELECT string_agg(id::text || COALESCE(origin_id::text, ''), ',' ORDER BY id) FROM profile.consent_statement WHERE customer_id = $1),
             (SELECT string_agg(id::text || COALESCE(origin_id::text, ''), ',' ORDER BY id) FROM profile.verification WHERE customer_id = $1),
             (SELECT string_agg(kind || verification_id::text || stale, ',' ORDER BY kind) FROM profile.standing_check WHERE customer_id = $1),
             (SELECT string_agg(id::text || COALESCE(origin_id::text, ''), ',' ORDER BY id) FROM profile.data_request WHERE customer_id = $1),
             (SELECT string_agg(subject_id || resource || COALESCE(ended_at::text, 'now'), ',' ORDER BY id) FROM profile.duty WHERE customer_id = $1),
             (SELECT string_agg(order_id::text || COALESCE(origin_id::text, ''), ',' ORDER BY order_id) FROM profile.purchase WHERE customer_id = $1),
             (SELECT string_agg(id::text || COALESCE(origin_id::text, ''), ',' ORDER BY id) FROM profile.timeline WHERE customer_id = $1),
             (SELECT string_agg(number, ',' ORDER BY number) FROM profile.file_number WHERE customer_id = $1),
             (SELECT string_agg(hold_id::text, ',' ORDER BY hold_id) FROM profile.hold_file WHERE customer_id = $1 AND removed_at IS NULL),
             (SELECT state || COALESCE(merged_into::text, '') || COALESCE(last_business_on::text, '') || retained_from FROM profile.customer WHERE id = $1))",
    )
    .bind(id(file))
    .fetch_one(sql)
    .await
    .unwrap()
}

async fn find(caller: &Caller, by: By) -> Vec<String> {
    let request = LookupCustomerRequest { by: Some(by) };
    let found = customers(caller).lookup_customer(request).await.unwrap();
    let found = found.into_inner().customers.into_iter();
    found.map(|one| one.name).collect()
}

/// Waits until customer-profile has read what the other services said.
async fn heard(sql: &mut PgConnection, file: &str, entries: i64) {
    let id = id(file);
    eventually(async || {
        let found: i64 =
            sqlx::query_scalar("SELECT count(*) FROM profile.timeline WHERE customer_id = $1")
                .bind(id)
                .fetch_one(&mut *sql)
                .await
                .unwrap();
        (found == entries).then_some(())
    })
    .await;
}

/// Clause IH-2.2: what the preview says comes about; the numbers, names and keys of both lead
/// to the survivor; and undone, both are to the last field what they were.
#[tokio::test(flavor = "multi_thread")]
async fn two_files_become_one_and_two_again() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut sql = suite.database.connect().await.unwrap();
    let one = archived(&suite, &erp, person()).await;
    let other = archived(&suite, &erp, again()).await;
    say(&erp, &one.name, Purpose::Marketing, ConsentDecision::Given).await;
    say(&erp, &other.name, Purpose::Sales, ConsentDecision::Given).await;
    let keeper = keeper(&suite, &erp);
    let identity = found(&one.name, VerificationCheck::Identity, false);
    record(&keeper, identity).await.unwrap();
    let document = found(&other.name, VerificationCheck::Document, false);
    record(&keeper, document).await.unwrap();
    let rights = asked(&other.name, DataRequestKind::Correction);
    ask(&keeper, rights).await.unwrap();
    let held = hold(&keeper, &[&other.name]).await;
    open(&erp, ticket(&other.name)).await;
    place(&erp, order(&other.name)).await;
    heard(&mut sql, &other.name, 2).await;
    let rated = "SELECT count(*) FROM profile.rating WHERE customer_id = ANY($1)";
    eventually(async || {
        let both = vec![id(&one.name), id(&other.name)];
        let counted = sqlx::query_scalar::<_, i64>(rated).bind(both);
        (counted.fetch_one(&mut sql).await.unwrap() == 2).then_some(())
    })
    .await;

    let (one, other) = (
        get(&keeper, &one.name).await.unwrap(),
        get(&keeper, &other.name).await.unwrap(),
    );
    let before = (
        hanging(&mut sql, &one.name).await,
        hanging(&mut sql, &other.name).await,
    );
    let asked = MergeFilesRequest {
        take_absorbed: vec!["display_name".into()],
        ..asks(&one, &other)
    };
    let would = preview(&keeper, &asked).await.unwrap();
    let origin = |field: &str| {
        let found = would.fields.iter().find(|one| one.field == field);
        found.map(|one| (one.origin(), one.differs))
    };
    assert_eq!(origin("display_name"), Some((MergeOrigin::Absorbed, true)));
    assert_eq!(origin("occupation"), Some((MergeOrigin::Survivor, false)));
    assert_eq!(origin("region"), Some((MergeOrigin::Absorbed, false)));
    assert_eq!(origin("phones"), Some((MergeOrigin::Both, true)));
    assert_eq!(origin("id_card"), Some((MergeOrigin::Both, false)));
    assert_eq!(origin("sex"), None);
    assert_eq!(would.hold_count, 1);
    assert_eq!(would.file_numbers, [other.file_number.as_str()]);
    let given = |purpose: Purpose| {
        let found = would.consents.iter().find(|one| one.purpose() == purpose);
        found.is_some_and(|one| one.given)
    };
    assert!(given(Purpose::Marketing) && given(Purpose::Sales) && !given(Purpose::Quality));

    let merged = merge(&keeper, asked).await.unwrap();
    assert_eq!(merged.state(), MergeState::Standing);
    let changed = ["display_name", "region", "phones", "emails", "tags"];
    assert_eq!(merged.changed_fields, changed);
    let file = get(&keeper, &one.name).await.unwrap();
    let numbers: Vec<_> = file.phones.iter().map(|one| one.number.as_str()).collect();
    assert_eq!(numbers, ["+8613812345678", "+8613987654321"]);
    assert!(file.phones[0].primary && !file.phones[1].primary);
    let shown = Customer {
        purchases: None,
        ..data(file.clone())
    };
    let foretold = Customer {
        checks: shown.checks.clone(),
        ..data(would.merged.unwrap())
    };
    assert_eq!(shown, foretold, "what was foretold came about");
    assert_eq!(file.purchases.unwrap().order_count, 1);
    // By its old name, its number, its keys and its reference.
    assert_eq!(get(&keeper, &other.name).await.unwrap().name, one.name);
    let said = async |name: &str| timeline::history(&keeper, name, "kind = CONSENT", "").await;
    let by_old = said(&other.name).await.unwrap();
    assert!(!by_old.is_empty());
    assert_eq!(by_old, said(&one.name).await.unwrap());
    let by_old = revisions::history(&keeper, &other.name).await.unwrap();
    let mut names = by_old.iter().map(|change| &change.name);
    assert!(!by_old.is_empty() && names.all(|name| name.starts_with(&one.name)));
    let by_old = ListFileViewsRequest {
        parent: other.name.clone(),
        ..ListFileViewsRequest::default()
    };
    let mut histories = TimelineServiceClient::new(keeper.clone());
    let looks = histories.list_file_views(by_old).await.unwrap();
    assert!(looks.into_inner().total_size > 0);
    for by in [
        By::FileNumber(other.file_number.clone()),
        By::Phone("13987654321".into()),
        By::Phone("13812345678".into()),
        By::Email("zhang@example.com".into()),
        By::ExternalRef("crm-77".into()),
    ] {
        assert_eq!(find(&keeper, by).await, [one.name.as_str()]);
    }
    let refused = update(&keeper, other.clone(), &["region"], "x").await;
    assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);

    let undone = undo(&keeper, &merged).await.unwrap();
    assert_eq!(undone.state(), MergeState::Undone);
    assert!(undone.kept_fields.is_empty());
    let after = (
        hanging(&mut sql, &one.name).await,
        hanging(&mut sql, &other.name).await,
    );
    assert_eq!(after, before, "what hangs on either is as it was");
    let back = get(&keeper, &one.name).await.unwrap();
    assert_eq!(data(back), data(one));
    let back = get(&keeper, &other.name).await.unwrap();
    assert_eq!(data(back.clone()), data(other));
    assert_eq!(
        find(&keeper, By::FileNumber(back.file_number)).await,
        [back.name.as_str()]
    );
    assert_eq!(
        find(&keeper, By::Phone("13987654321".into())).await,
        [back.name.as_str()]
    );
    // What is sealed can be opened under the key that it has now.
    let lifted = lift(&keeper, &held).await;
    assert!(lifted.is_ok());
    let request = kefu_contracts::profile::ListConsentsRequest {
        filter: format!("customer = {}", back.name),
        ..Default::default()
    };
    let mut client = ConsentServiceClient::new(keeper.clone());
    let consents = client
        .list_consents(request)
        .await
        .unwrap()
        .into_inner()
        .consents;
    assert_eq!(consents.len(), 1);
    assert_eq!(consents[0].evidence, "录音 2026-11-23/17");

    // The histories of both tell of it.
    let told: Vec<(String, String)> = sqlx::query_as(
        "SELECT customer_id::text, type FROM profile.journal WHERE type LIKE 'merge.m%' OR type LIKE 'merge.u%'
         ORDER BY position",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let ids = (
        id(&undone.survivor).to_string(),
        id(&undone.absorbed).to_string(),
    );
    let expected = ["merge.made", "merge.undone"].into_iter().flat_map(|kind| {
        [
            (ids.0.clone(), kind.to_owned()),
            (ids.1.clone(), kind.to_owned()),
        ]
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    let previewed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM profile.journal WHERE type = 'merge.previewed'")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert_eq!(previewed, 2, "both were shown");
}

/// Clause CC-2.2: a refusal in either file counts for both, whenever it was; what is refused
/// while they are one is refused in both when they part; and so with holds (CF-5.2).
#[tokio::test(flavor = "multi_thread")]
async fn what_protects_the_customer_more_counts() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut sql = suite.database.connect().await.unwrap();
    let one = archived(&suite, &erp, last_met(ago(&suite, 10))).await;
    let other = archived(&suite, &erp, last_met(ago(&suite, 2))).await;
    let (given, withdrawn) = (ConsentDecision::Given, ConsentDecision::Withdrawn);
    say(&erp, &one.name, Purpose::Marketing, withdrawn).await;
    say(&erp, &other.name, Purpose::Marketing, given).await;
    for file in [&one.name, &other.name] {
        say(&erp, file, Purpose::Sales, given).await;
    }
    say(&erp, &other.name, Purpose::Analysis, given).await;
    let keeper = keeper(&suite, &erp);
    let counts = async |sql: &mut PgConnection, file: &str| -> Vec<i16> {
        sqlx::query_scalar("SELECT purpose FROM profile.consent WHERE customer_id = $1 ORDER BY 1")
            .bind(id(file))
            .fetch_all(sql)
            .await
            .unwrap()
    };
    let clock = async |sql: &mut PgConnection, file: &str| -> String {
        sqlx::query_scalar("SELECT retained_from::text FROM profile.customer WHERE id = $1")
            .bind(id(file))
            .fetch_one(sql)
            .await
            .unwrap()
    };
    let (sales, marketing, analysis) = (
        Purpose::Sales as i16,
        Purpose::Marketing as i16,
        Purpose::Analysis as i16,
    );
    let clocks = (
        clock(&mut sql, &one.name).await,
        clock(&mut sql, &other.name).await,
    );
    assert!(clocks.0 < clocks.1);

    let made = merge(&keeper, asks(&one, &other)).await.unwrap();
    assert_eq!(counts(&mut sql, &one.name).await, {
        let mut both = [sales, analysis];
        both.sort_unstable();
        both
    });
    assert_eq!(
        clock(&mut sql, &one.name).await,
        clocks.1,
        "kept as long as either"
    );
    // A late form from before brings nothing back.
    let late = kefu_contracts::profile::Consent {
        said_time: Some(kefu_service::time::to_proto(ago(&suite, 1))),
        ..said_consent(&one.name, Purpose::Marketing, given)
    };
    let request = RecordConsentRequest {
        consent: Some(late),
        request_id: String::new(),
    };
    let mut client = ConsentServiceClient::new(keeper.clone());
    client.record_consent(request).await.unwrap();
    assert!(!counts(&mut sql, &one.name).await.contains(&marketing));

    // Said and held while they are one.
    say(&keeper, &one.name, Purpose::Analysis, withdrawn).await;
    hold(&keeper, &[&one.name]).await;
    undo(&keeper, &made).await.unwrap();
    assert_eq!(counts(&mut sql, &one.name).await, [sales]);
    let mut expected = [sales, marketing];
    expected.sort_unstable();
    assert_eq!(counts(&mut sql, &other.name).await, expected);
    let held: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT customer_id) FROM profile.hold_file WHERE removed_at IS NULL",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(held, 2);
    assert_eq!(clock(&mut sql, &one.name).await, clocks.0);
}

/// Clause IH-2.2: what was changed between a merge and its end stays, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_since_stays() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let one = archived(&suite, &erp, person()).await;
    let other = archived(&suite, &erp, again()).await;
    let keeper = keeper(&suite, &erp);
    let one = get(&keeper, &one.name).await.unwrap();
    let made = merge(&keeper, asks(&one, &other)).await.unwrap();
    let file = get(&keeper, &one.name).await.unwrap();
    let moved = Customer {
        region: "北京".into(),
        occupation: "医生".into(),
        ..file
    };
    update(&keeper, moved, &["region", "occupation"], "moved")
        .await
        .unwrap();
    let undone = undo(&keeper, &made).await.unwrap();
    assert_eq!(undone.kept_fields, ["region"]);
    let back = get(&keeper, &one.name).await.unwrap();
    let expected = Customer {
        region: "北京".into(),
        occupation: "医生".into(),
        ..one
    };
    assert_eq!(data(back), data(expected));
}

/// Clause IH-2.2: what other services say of a file that is part of another is the other's, and goes back
/// with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_with_a_part_happens_with_the_whole() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut sql = suite.database.connect().await.unwrap();
    let one = archived(&suite, &erp, person()).await;
    let other = archived(&suite, &erp, again()).await;
    let keeper = keeper(&suite, &erp);
    let made = merge(&keeper, asks(&one, &other)).await.unwrap();
    // Somebody who has the old name opens a grave complaint by it.
    let late = Ticket {
        kind: TicketKind::Complaint.into(),
        impact: Level::High.into(),
        urgency: Level::High.into(),
        ..ticket(&other.name)
    };
    let erp = suite.caller_for("erp", "integration").after(&keeper);
    let opened = open(&erp, late).await;
    let assign = AssignTicketRequest {
        name: opened.name.clone(),
        etag: opened.etag,
        assignee: format!("employees/{}", employee_id("li.wei")),
        ..AssignTicketRequest::default()
    };
    tickets(&erp).assign_ticket(assign).await.unwrap();
    heard(&mut sql, &one.name, 2).await;
    // Duties that stand, holds, and entries of the history.
    let counts = "SELECT (SELECT count(*) FROM profile.duty WHERE customer_id = $1 AND ended_at IS NULL),
                         (SELECT count(*) FROM profile.hold_file WHERE customer_id = $1 AND removed_at IS NULL),
                         (SELECT count(*) FROM profile.timeline WHERE customer_id = $1)";
    let count = async |sql: &mut PgConnection, file: &str| -> (i64, i64, i64) {
        sqlx::query_as(counts)
            .bind(id(file))
            .fetch_one(sql)
            .await
            .unwrap()
    };
    assert_eq!(count(&mut sql, &one.name).await, (1, 1, 2));
    assert_eq!(count(&mut sql, &other.name).await, (0, 0, 0));
    // Whoever works on it sees the whole file.
    let agent = suite.caller("li.wei").after(&erp);
    assert_eq!(get(&agent, &other.name).await.unwrap().name, one.name);

    undo(&keeper, &made).await.unwrap();
    assert_eq!(count(&mut sql, &one.name).await, (0, 0, 0));
    assert_eq!(count(&mut sql, &other.name).await, (1, 1, 2));
}

/// Clause IH-2.2: a merge inside another is undone after it.
#[tokio::test(flavor = "multi_thread")]
async fn merges_are_undone_from_the_outside_in() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let keeper = keeper(&suite, &erp);
    let mut files = Vec::new();
    for _ in 0..3 {
        files.push(archived(&suite, &erp, person()).await);
    }
    let inner = merge(&keeper, asks(&files[1], &files[2])).await.unwrap();
    let middle = get(&keeper, &files[1].name).await.unwrap();
    let outer = merge(&keeper, asks(&files[0], &middle)).await.unwrap();
    for file in &files {
        assert_eq!(get(&keeper, &file.name).await.unwrap().name, files[0].name);
    }
    let refused = undo(&keeper, &inner).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "STATE_NOT_ALLOWED".into())
    );
    assert_eq!(said(&refused, "survivor"), files[0].name);
    undo(&keeper, &outer).await.unwrap();
    let whose = async |at: usize| get(&keeper, &files[at].name).await.unwrap().name;
    assert_eq!(whose(0).await, files[0].name);
    assert_eq!(whose(1).await, files[1].name);
    assert_eq!(whose(2).await, files[1].name);
    let number = By::FileNumber(files[2].file_number.clone());
    assert_eq!(find(&keeper, number).await, [files[1].name.as_str()]);
    undo(&keeper, &inner).await.unwrap();
    assert_eq!(whose(2).await, files[2].name);

    let request = ListMergesRequest {
        filter: format!("survivor = {} AND state = UNDONE", files[1].name),
        ..ListMergesRequest::default()
    };
    let listed = merges(&keeper)
        .list_merges(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((listed.total_size, listed.merges.len()), (1, 1));
    assert_eq!(listed.merges[0].name, inner.name);
    let request = GetMergeRequest { name: outer.name };
    let shown = merges(&keeper)
        .get_merge(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shown.state(), MergeState::Undone);
}

/// Clause CF-10.2: what is part of a file is destroyed with it, everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_destroyed_with_the_whole() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut sql = suite.database.connect().await.unwrap();
    let one = archived(&suite, &erp, last_met(ago(&suite, 70))).await;
    let other = archived(&suite, &erp, last_met(ago(&suite, 71))).await;
    let keeper = keeper(&suite, &erp);
    let record_of = found(&other.name, VerificationCheck::Identity, false);
    record(&keeper, record_of).await.unwrap();
    merge(&keeper, asks(&one, &other)).await.unwrap();
    let destruction = scheduled(&suite, form(&[&one.name, &other.name])).await;
    suite.clock.advance(COOLING);
    let issued = certificate(&suite, &destruction).await;
    let mut outcomes: Vec<_> = issued
        .files
        .iter()
        .map(|file| (file.customer.clone(), file.outcome()))
        .collect();
    outcomes.sort();
    let mut expected =
        [one.name.clone(), other.name.clone()].map(|file| (file, DestructionOutcome::Destroyed));
    expected.sort();
    assert_eq!(outcomes, expected);
    for file in [&one.name, &other.name] {
        scrubbed(&suite, file).await;
        let left: (i16, i64, i64) = sqlx::query_as(
            "SELECT c.state, (SELECT count(*) FROM profile.customer_key k WHERE k.customer_id = c.id),
                    (SELECT count(*) FROM profile.verification v WHERE v.customer_id = c.id OR v.origin_id = c.id)
             FROM profile.customer c WHERE c.id = $1",
        )
        .bind(id(file))
        .fetch_one(&mut sql)
        .await
        .unwrap();
        assert_eq!(left, (CustomerState::Destroyed as i16, 0, 0));
    }
}
