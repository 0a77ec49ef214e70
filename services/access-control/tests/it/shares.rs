//! Shares: asked for, decided by two people, used, and taken back (CF-6.2, CF-6.3, CF-9.1).

mod companions;
mod refusals;
mod time;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    access::{
        ActivateShareRequest, ApprovalEvent, ApprovalState, ApproveShareRequest,
        CreateDelegationRequest, CreateShareRequest, Delegation, Department, GetDepartmentRequest,
        GetShareRequest, ListSharesRequest, ReturnShareRequest, RevokeShareRequest, Share,
        ShareMode, ShareTerms, SnapshotGrant, SubmitShareRequest, TransferEmployeeRequest,
        UpdateDepartmentRequest, WatchSnapshotRequest, WatchSnapshotResponse, WithdrawShareRequest,
    },
    journal::{EntryKind, event},
    policy::{DataClass, Purpose},
};
use kefu_service::clock::Clock;
use kefu_service::time::to_proto;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::house::{Caller, House, reason, said, violations};

/// Whose files.
const FILES: [u128; 3] = [0xA1, 0xA2, 0xA3];

fn customer(number: u128) -> String {
    format!("customers/{}", Uuid::from_u128(number))
}

fn in_hours(house: &House, hours: i64) -> Option<prost_types::Timestamp> {
    Some(to_proto(
        house.clock.now() + SignedDuration::from_hours(hours),
    ))
}

/// Three files for song.yue of finance, until the day after tomorrow.
fn form(house: &House) -> Share {
    Share {
        purpose: Purpose::Service as i32,
        justification: "年度对账，需要核对客户信息".into(),
        mode: ShareMode::Access as i32,
        requested: Some(ShareTerms {
            customers: FILES.map(customer).to_vec(),
            classes: [DataClass::Basic, DataClass::Contact, DataClass::Purchase]
                .map(|class| class as i32)
                .to_vec(),
            receivers: vec![house.employee("song.yue")],
            end_time: in_hours(house, 48),
            ..ShareTerms::default()
        }),
        ..Share::default()
    }
}

async fn create(by: &Caller, share: Share) -> Result<Share, Status> {
    let request = CreateShareRequest {
        share: Some(share),
        request_id: String::new(),
    };
    by.shares()
        .create_share(request)
        .await
        .map(|answer| answer.into_inner())
}

async fn submit(by: &Caller, name: &str) -> Result<Share, Status> {
    let request = SubmitShareRequest {
        name: name.into(),
        ..SubmitShareRequest::default()
    };
    by.shares()
        .submit_share(request)
        .await
        .map(|answer| answer.into_inner())
}

async fn get(by: &Caller, name: &str) -> Result<Share, Status> {
    let request = GetShareRequest { name: name.into() };
    by.shares()
        .get_share(request)
        .await
        .map(|answer| answer.into_inner())
}

/// Agrees to what is left, or to less.
async fn approve(by: &Caller, share: &Share, terms: Option<ShareTerms>) -> Result<Share, Status> {
    let request = ApproveShareRequest {
        name: share.name.clone(),
        etag: share.etag.clone(),
        terms,
        comment: "同意".into(),
        request_id: String::new(),
    };
    by.shares()
        .approve_share(request)
        .await
        .map(|answer| answer.into_inner())
}

async fn activate(by: &Caller, name: &str) -> Result<Share, Status> {
    let request = ActivateShareRequest {
        name: name.into(),
        ..ActivateShareRequest::default()
    };
    by.shares()
        .activate_share(request)
        .await
        .map(|answer| answer.into_inner())
}

async fn revoke(by: &Caller, name: &str) -> Result<Share, Status> {
    let request = RevokeShareRequest {
        name: name.into(),
        comment: "不再需要".into(),
        request_id: String::new(),
    };
    by.shares()
        .revoke_share(request)
        .await
        .map(|answer| answer.into_inner())
}

async fn handed_in(house: &House, share: Share) -> Share {
    let applicant = house.person("song.yue");
    let draft = create(&applicant, share).await.unwrap();
    submit(&applicant, &draft.name).await.unwrap()
}

async fn approved(house: &House, share: Share) -> Share {
    let share = handed_in(house, share).await;
    let share = approve(&house.person("qian.hua"), &share, None)
        .await
        .unwrap();
    approve(&house.person("chen.guodong"), &share, None)
        .await
        .unwrap()
}

async fn watch(house: &House) -> Streaming<WatchSnapshotResponse> {
    let mut snapshots = house.snapshots();
    let answer = snapshots.watch_snapshot(WatchSnapshotRequest {}).await;
    answer.unwrap().into_inner()
}

/// The next message that is more than a heartbeat; never waits for long.
async fn news(stream: &mut Streaming<WatchSnapshotResponse>) -> WatchSnapshotResponse {
    let bound = std::time::Duration::from_secs(10);
    let next = async {
        loop {
            let message = stream.message().await.unwrap().unwrap();
            let news = !message.grants.is_empty() || !message.removed_grant_ids.is_empty();
            if message.full || news {
                return message;
            }
        }
    };
    tokio::time::timeout(bound, next)
        .await
        .expect("news in time")
}

fn grant_of(message: &WatchSnapshotResponse, share: &Share) -> Option<SnapshotGrant> {
    let id = share
        .name
        .strip_prefix("shares/")
        .unwrap()
        .parse::<Uuid>()
        .unwrap();
    let mut grants = message.grants.iter();
    grants.find(|grant| grant.id == id.as_bytes()).cloned()
}

fn events(share: &Share) -> Vec<ApprovalEvent> {
    share.steps.iter().map(|step| step.event()).collect()
}

/// Clauses CF-6.2, CF-6.3: written, handed in, narrowed by the head, agreed to by the
/// leader, put to use; and gateways are told exactly that and no more.
#[tokio::test]
async fn two_people_make_a_share_and_gateways_hold_exactly_that() {
    let house = House::new().await;
    let mut stream = watch(&house).await;
    assert!(news(&mut stream).await.grants.is_empty());

    let share = handed_in(&house, form(&house)).await;
    assert_eq!(share.state(), ApprovalState::InReview);
    let stage = share.stage.clone().unwrap();
    assert_eq!(stage.stage, "department_head");
    assert_eq!(stage.approvers, [house.employee("qian.hua")]);

    let narrower = ShareTerms {
        customers: vec![customer(FILES[1])],
        classes: vec![DataClass::Basic as i32, DataClass::Contact as i32],
        end_time: in_hours(&house, 24),
        duration: Some(prost_types::Duration {
            seconds: 3600,
            nanos: 0,
        }),
        ..share.terms.clone().unwrap()
    };
    let share = approve(&house.person("qian.hua"), &share, Some(narrower.clone()))
        .await
        .unwrap();
    assert_eq!(
        share.stage.clone().unwrap().approvers,
        [house.employee("chen.guodong")]
    );
    assert_eq!(
        share.requested,
        form(&house).requested,
        "what was asked for is kept"
    );
    let share = approve(&house.person("chen.guodong"), &share, None)
        .await
        .unwrap();
    assert_eq!(
        (share.state(), share.terms.clone()),
        (ApprovalState::Approved, Some(narrower))
    );

    house.clock.advance(std::time::Duration::from_secs(60));
    let began = house.clock.now();
    let share = activate(&house.person("song.yue"), &share.name)
        .await
        .unwrap();
    assert_eq!(share.state(), ApprovalState::Active);
    let end = began + SignedDuration::from_hours(1);
    assert_eq!(share.active_until, Some(to_proto(end)));
    use ApprovalEvent::{Activated, Approved, Created, Submitted};
    assert_eq!(
        events(&share),
        [Created, Submitted, Approved, Approved, Activated]
    );
    let stages: Vec<&str> = share.steps.iter().map(|step| step.stage.as_str()).collect();
    assert_eq!(
        stages,
        ["", "", "department_head", "supervising_leader", ""]
    );

    let grant = grant_of(&news(&mut stream).await, &share).unwrap();
    assert_eq!(
        grant.subject_ids,
        [house.id("song.yue").as_bytes().to_vec()]
    );
    assert_eq!(grant.customer_ids, [FILES[1].to_be_bytes().to_vec()]);
    assert_eq!(
        grant.classes,
        [DataClass::Basic as i32, DataClass::Contact as i32]
    );
    assert_eq!(grant.purpose(), Purpose::Service);
    assert_eq!(
        (grant.starts_at, grant.ends_at),
        (Some(to_proto(began)), Some(to_proto(end)))
    );
    let lent = ["profile.customers.get", "order.orders.list"].map(String::from);
    assert!(lent.iter().all(|one| grant.permissions.contains(one)));
    assert!(!grant.permissions.iter().any(|one| one.contains("update")));
}

/// Clause CF-6.3: taken back from those who have it, at once, and for good.
#[tokio::test]
async fn a_revoked_share_is_taken_from_every_gateway() {
    let house = House::new().await;
    let share = approved(&house, form(&house)).await;
    activate(&house.person("song.yue"), &share.name)
        .await
        .unwrap();
    let mut stream = watch(&house).await;
    assert!(grant_of(&news(&mut stream).await, &share).is_some());

    let stranger = revoke(&house.person("song.yue"), &share.name)
        .await
        .unwrap_err();
    assert_eq!(reason(&stranger), "NOT_THE_CALLERS_TURN");
    let share = revoke(&house.person("qian.hua"), &share.name)
        .await
        .unwrap();
    assert_eq!(share.state(), ApprovalState::Revoked);
    let taken = news(&mut stream).await;
    assert_eq!(taken.removed_grant_ids.len(), 1);
    let mut anew = watch(&house).await;
    assert!(news(&mut anew).await.grants.is_empty());
    let again = activate(&house.person("song.yue"), &share.name)
        .await
        .unwrap_err();
    assert_eq!(
        (reason(&again).as_str(), said(&again, "state").as_str()),
        ("STATE_NOT_ALLOWED", "REVOKED")
    );
}

/// Each step is in the journal, with who did it and who may decide next.
#[tokio::test]
async fn every_step_is_journaled() {
    let house = House::new().await;
    let share = approved(&house, form(&house)).await;
    let entries = house.journal(EntryKind::Change, 5).await;
    let steps: Vec<_> = entries
        .iter()
        .filter(|recorded| recorded.entry.resource == share.name)
        .map(|recorded| {
            let event::Event::ApprovalChanged(changed) =
                recorded.entry.event.clone().unwrap().event.unwrap()
            else {
                panic!("{recorded:?}")
            };
            let actor = Uuid::from_slice(&recorded.entry.actor_id).unwrap();
            let approvers = changed.approver_ids.clone();
            (
                recorded.entry.r#type.clone(),
                actor,
                changed.state(),
                approvers,
            )
        })
        .collect();
    let id = |login| house.id(login);
    let bytes = |login| vec![house.id(login).as_bytes().to_vec()];
    let expected = [
        (
            "share.created",
            id("song.yue"),
            ApprovalState::Draft,
            vec![],
        ),
        (
            "share.submitted",
            id("song.yue"),
            ApprovalState::InReview,
            bytes("qian.hua"),
        ),
        (
            "share.approved",
            id("qian.hua"),
            ApprovalState::InReview,
            bytes("chen.guodong"),
        ),
        (
            "share.approved",
            id("chen.guodong"),
            ApprovalState::Approved,
            vec![],
        ),
    ];
    let expected = expected.map(|(kind, who, state, next)| (kind.to_owned(), who, state, next));
    assert_eq!(steps, expected);
}

/// A share is seen whole by those it concerns, found by them, and by nobody else.
#[tokio::test]
async fn who_has_a_part_in_a_share_finds_it() {
    let house = House::new().await;
    let applicant = house.person("song.yue");
    let draft = create(&applicant, form(&house)).await.unwrap();
    let found = |by: Caller, filter: String| async move {
        let request = ListSharesRequest {
            filter,
            ..ListSharesRequest::default()
        };
        by.shares().list_shares(request).await.unwrap().into_inner()
    };
    // A form that is not handed in is nobody else's.
    for login in ["qian.hua", "chen.guodong", "tang.wei"] {
        let hidden = get(&house.person(login), &draft.name).await.unwrap_err();
        assert_eq!(hidden.code(), Code::NotFound, "{login}");
        assert_eq!(
            found(house.person(login), String::new()).await.total_size,
            0
        );
    }
    let share = submit(&applicant, &draft.name).await.unwrap();
    for (login, sees) in [
        ("song.yue", true),
        ("qian.hua", true),
        ("chen.guodong", false),
        ("tang.wei", false),
    ] {
        let whole = get(&house.person(login), &share.name).await;
        assert_eq!(whole.ok(), sees.then(|| share.clone()), "{login}");
        let listed = found(house.person(login), String::new()).await;
        assert_eq!(
            (listed.shares.len(), listed.total_size),
            (sees.into(), sees.into()),
            "{login}"
        );
    }
    // Whoever decided goes on seeing it.
    let share = approve(&house.person("qian.hua"), &share, None)
        .await
        .unwrap();
    for login in ["qian.hua", "chen.guodong"] {
        assert_eq!(get(&house.person(login), &share.name).await.unwrap(), share);
    }
    let by = |filter: &str| found(house.person("song.yue"), filter.to_owned());
    for (filter, count) in [
        ("state = IN_REVIEW".to_owned(), 1),
        ("state = ACTIVE".to_owned(), 0),
        ("purpose = SERVICE AND mode = ACCESS".to_owned(), 1),
        (format!("customer = {}", customer(FILES[0])), 1),
        (format!("customer = {}", customer(0xFF)), 0),
        (format!("party = {}", house.employee("qian.hua")), 1),
        (format!("party = {}", house.employee("tang.wei")), 0),
        (format!("party != {}", house.employee("tang.wei")), 1),
        (format!("applicant = {}", house.employee("song.yue")), 1),
    ] {
        assert_eq!(by(&filter).await.total_size, count, "{filter}");
    }
}

/// Somebody of the example company moves, at once.
async fn transfer(house: &House, login: &str, department: &str) {
    let request = TransferEmployeeRequest {
        name: house.employee(login),
        department: house.department(department),
        ..TransferEmployeeRequest::default()
    };
    let mut staff = house.administrator().staff();
    staff.transfer_employee(request).await.unwrap();
}

/// Clauses CF-6.1, CF-6.3: a share is decided where its applicant is when it is handed in, and not
/// where the form was written: no department's form serves to leave the company leader out.
#[tokio::test]
async fn a_share_is_decided_where_its_applicant_is_when_it_is_handed_in() {
    let house = House::new().await;
    // Finance is overseen by somebody else than who leads the company.
    let mut organisation = house.administrator().organisation();
    let request = GetDepartmentRequest {
        name: house.department("finance"),
    };
    let finance = organisation.get_department(request).await.unwrap();
    let request = UpdateDepartmentRequest {
        department: Some(Department {
            supervising_leader: house.employee("liu.jianhua"),
            ..finance.into_inner()
        }),
        request_id: String::new(),
    };
    organisation.update_department(request).await.unwrap();
    let applicant = house.person("tang.wei");
    let draft = create(&applicant, form(&house)).await.unwrap();
    assert_eq!(draft.department, house.department("sales"));
    transfer(&house, "tang.wei", "finance").await;
    let share = submit(&applicant, &draft.name).await.unwrap();
    assert_eq!(share.department, house.department("finance"));
    let hidden = approve(&house.person("wu.peng"), &share, None).await;
    assert_eq!(reason(&hidden.unwrap_err()), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let mut passed = share.clone();
    for (stage, approver) in [
        ("department_head", "qian.hua"),
        ("supervising_leader", "liu.jianhua"),
        ("company_leader", "chen.guodong"),
    ] {
        let at = passed.stage.clone().unwrap();
        assert_eq!(at.stage, stage);
        assert_eq!(at.approvers, [house.employee(approver)]);
        if stage != "company_leader" {
            passed = approve(&house.person(approver), &passed, None)
                .await
                .unwrap();
        }
    }
    // Given back and handed in again it is decided where they are by then.
    let back = ReturnShareRequest {
        name: passed.name,
        etag: passed.etag,
        comment: "请补充用途".into(),
        request_id: String::new(),
    };
    let leader = house.person("chen.guodong");
    leader.shares().return_share(back).await.unwrap();
    transfer(&house, "tang.wei", "sales").await;
    let share = submit(&applicant, &draft.name).await.unwrap();
    assert_eq!(share.department, house.department("sales"));
    assert_eq!(share.stage.unwrap().approvers, [house.employee("wu.peng")]);
}

/// The same request again is the same answer, and one step.
#[tokio::test]
async fn a_step_that_is_sent_twice_is_taken_once() {
    let house = House::new().await;
    let share = handed_in(&house, form(&house)).await;
    let request = ApproveShareRequest {
        name: share.name.clone(),
        etag: share.etag.clone(),
        request_id: Uuid::from_u128(77).to_string(),
        ..ApproveShareRequest::default()
    };
    let head = house.person("qian.hua");
    let first = head
        .shares()
        .approve_share(request.clone())
        .await
        .unwrap()
        .into_inner();
    let second = head
        .shares()
        .approve_share(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, second);
    let (one, other) = (head.shares(), head.shares());
    let both = [one, other].map(|mut client| {
        let request = WithdrawShareRequest {
            name: share.name.clone(),
            ..WithdrawShareRequest::default()
        };
        async move { client.withdraw_share(request).await.map(|_| ()) }
    });
    for refused in futures_util::future::join_all(both).await {
        assert_eq!(reason(&refused.unwrap_err()), "NOT_THE_CALLERS_TURN");
    }
    let now = get(&head, &share.name).await.unwrap();
    assert_eq!(events(&now).len(), 3);
}

/// Clause CF-6.3: whoever stands in for the head decides in the head's place, and both
/// names are kept; whoever applies does not come to decide by it.
#[tokio::test]
async fn who_stands_in_decides_and_both_names_are_kept() {
    let house = House::new().await;
    let head = house.person("qian.hua");
    let lend = |to: &str| CreateDelegationRequest {
        delegation: Some(Delegation {
            delegator: house.employee("qian.hua"),
            delegate: house.employee(to),
            end_time: in_hours(&house, 24),
            reason: "出差".into(),
            ..Delegation::default()
        }),
        request_id: String::new(),
    };
    for to in ["tang.wei", "song.yue"] {
        head.delegations()
            .create_delegation(lend(to))
            .await
            .unwrap();
    }
    let share = handed_in(&house, form(&house)).await;
    let approvers = ["qian.hua", "tang.wei"].map(|login| house.employee(login));
    assert_eq!(share.stage.clone().unwrap().approvers, approvers);
    let own = approve(&house.person("song.yue"), &share, None)
        .await
        .unwrap_err();
    assert!(said(&own, "rule").starts_with("whoever applied"));
    let share = approve(&house.person("tang.wei"), &share, None)
        .await
        .unwrap();
    let step = share.steps.last().unwrap();
    assert_eq!(
        (&step.actor, &step.principal),
        (&house.employee("tang.wei"), &house.employee("qian.hua"))
    );
    let twice = approve(&head, &share, None).await.unwrap_err();
    assert!(said(&twice, "rule").starts_with("whoever applied"));
}
