//! Rules that select files, saved under a name.

use kefu_contracts::{
    access::{
        CustomerSelection, Share, ShareTerms, UpdateShareRequest,
        share_service_client::ShareServiceClient,
    },
    policy::Purpose,
    profile::{
        ArchiveSelectionRequest, CreateSelectionRequest, GetSelectionRequest,
        ListSelectionsRequest, ResolveSelectionRequest, Selection, SelectionState,
        UpdateSelectionRequest, selection_service_client::SelectionServiceClient,
    },
};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    records::{enter, person, refusal, said, violations},
    selections::{BUSINESS, approve, create as create_share, handed_in, left, rule, terms, world},
};

fn selections(caller: &Caller) -> SelectionServiceClient<Caller> {
    SelectionServiceClient::new(caller.clone())
}

pub(crate) fn form(title: &str, filter: &str) -> Selection {
    Selection {
        title: title.into(),
        description: "for the yearly check".into(),
        filter: filter.into(),
        ..Selection::default()
    }
}

pub(crate) async fn save(
    caller: &Caller,
    selection: Selection,
    id: &str,
) -> Result<Selection, Status> {
    let request = CreateSelectionRequest {
        selection: Some(selection),
        request_id: id.into(),
    };
    let saved = selections(caller).create_selection(request).await;
    saved.map(tonic::Response::into_inner)
}

async fn change(caller: &Caller, selection: Selection) -> Result<Selection, Status> {
    let request = UpdateSelectionRequest {
        selection: Some(selection),
        request_id: String::new(),
    };
    let changed = selections(caller).update_selection(request).await;
    changed.map(tonic::Response::into_inner)
}

async fn read(caller: &Caller, name: &str, version: i32) -> Result<Selection, Status> {
    let request = GetSelectionRequest {
        name: name.into(),
        version,
    };
    let read = selections(caller).get_selection(request).await;
    read.map(tonic::Response::into_inner)
}

pub(crate) async fn archive(caller: &Caller, selection: &Selection) -> Result<Selection, Status> {
    let request = ArchiveSelectionRequest {
        name: selection.name.clone(),
        etag: selection.etag.clone(),
        request_id: String::new(),
    };
    let archived = selections(caller).archive_selection(request).await;
    archived.map(tonic::Response::into_inner)
}

fn of_business() -> String {
    format!(r#"business_line = "{BUSINESS}""#)
}

/// By what was saved, and not by a filter.
fn by(selection: &Selection, version: i32) -> Option<CustomerSelection> {
    Some(CustomerSelection {
        saved: selection.name.clone(),
        version,
        max_files: 10,
        ..CustomerSelection::default()
    })
}

fn rule_of(share: &Share) -> CustomerSelection {
    left(share).selection.clone().unwrap()
}

/// Clause CF-6.2: what was asked for by a saved rule is shared by the version that was asked
/// for, whatever becomes of the selection; an approver may narrow it, and it still says where
/// it came from.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_by_a_saved_rule_is_of_the_version_that_was_asked_for() {
    let (suite, files) = world(2).await;
    let owner = suite.caller("li.wei");
    let saved = save(&owner, form("line Q", &of_business()), "")
        .await
        .unwrap();
    assert_eq!((saved.version, saved.state()), (1, SelectionState::Current));
    let share = handed_in(&suite, Purpose::Service, terms(&suite, by(&saved, 0))).await;
    let written = rule_of(&share);
    assert_eq!(written.filter, of_business());
    assert_eq!((&written.saved, written.version), (&saved.name, 1));

    // It becomes another rule, and then none.
    let wider = Selection {
        filter: "type = PERSON".into(),
        ..saved.clone()
    };
    let changed = change(&owner, wider).await.unwrap();
    assert_eq!(
        (changed.version, changed.filter.as_str()),
        (2, "type = PERSON")
    );
    let first = read(&owner, &saved.name, 1).await.unwrap();
    assert_eq!((first.version, first.filter), (1, of_business()));
    archive(&owner, &changed).await.unwrap();

    let narrower = CustomerSelection {
        filter: format!("{} AND type = PERSON", of_business()),
        ..written.clone()
    };
    let narrowed = ShareTerms {
        selection: Some(narrower),
        ..left(&share).clone()
    };
    let another = Selection {
        name: format!("selections/{}", Uuid::nil()),
        ..saved.clone()
    };
    let foreign = ShareTerms {
        selection: Some(CustomerSelection {
            filter: of_business(),
            ..by(&another, 0).unwrap()
        }),
        ..narrowed.clone()
    };
    let head = suite.caller("qian.hua");
    let refused = approve(&head, &share, Some(foreign)).await.unwrap_err();
    assert_eq!(violations(&refused), ["terms.selection.saved"]);
    let share = approve(&head, &share, Some(narrowed)).await.unwrap();
    assert_eq!(
        (rule_of(&share).saved, rule_of(&share).version),
        (saved.name.clone(), 1)
    );
    // It would be one of the second version.
    enter(&suite.caller_for("erp", "integration"), person()).await;
    let share = approve(&suite.caller("chen.guodong"), &share, None)
        .await
        .unwrap();
    let mut names: Vec<_> = files.iter().map(|file| file.name.clone()).collect();
    names.sort();
    assert_eq!(left(&share).customers, names);
}

/// Clause CF-6.2: only what is there, is not archived and says what is written beside it can be
/// asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_refers_to_a_rule_that_stands() {
    let (suite, _) = world(1).await;
    let owner = suite.caller("li.wei");
    let saved = save(&owner, form("line Q", &of_business()), "")
        .await
        .unwrap();
    let asked = async |selection: Option<CustomerSelection>| {
        create_share(&suite, Purpose::Service, terms(&suite, selection)).await
    };
    let nobody = Selection {
        name: format!("selections/{}", Uuid::nil()),
        ..saved.clone()
    };
    let malformed = Selection {
        name: "customers/x".into(),
        ..saved.clone()
    };
    let beside = |filter: &str| {
        Some(CustomerSelection {
            filter: filter.into(),
            ..by(&saved, 1).unwrap()
        })
    };
    let versioned = CustomerSelection {
        version: 3,
        ..rule(&of_business(), 5).unwrap()
    };
    for (selection, field) in [
        (by(&nobody, 0), "saved"),
        (by(&malformed, 0), "saved"),
        (by(&saved, 2), "saved"),
        (by(&saved, -1), "version"),
        (beside("type = PERSON"), "filter"),
        (Some(versioned), "version"),
    ] {
        let refused = asked(selection).await.unwrap_err();
        assert_eq!(
            violations(&refused),
            [format!("share.requested.selection.{field}")]
        );
    }
    // A form that was read is written again as it is.
    let share = asked(by(&saved, 1)).await.unwrap();
    let request = UpdateShareRequest {
        share: Some(share.clone()),
        ..UpdateShareRequest::default()
    };
    let mut shares = ShareServiceClient::new(suite.caller("song.yue"));
    let again = shares
        .update_share(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.requested, share.requested);
    archive(&owner, &saved).await.unwrap();
    let request = UpdateShareRequest {
        share: Some(again),
        ..request
    };
    let refused = shares.update_share(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["share.requested.selection.saved"]);
}

/// Clause CF-6.2: everybody reads what is saved, its owner alone changes it, and each change is
/// a version.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_saved_by_its_owner() {
    let suite = TestSuite::start().await;
    let (owner, colleague) = (suite.caller("li.wei"), suite.caller("ma.chao"));
    let id = "0190c5a8-0000-7000-8000-0000000000e1";
    let written = form(
        "people",
        "type = PERSON AND state = ARCHIVED AND type = PERSON",
    );
    let saved = save(&owner, written.clone(), id).await.unwrap();
    assert_eq!(saved.filter, "state = ARCHIVED AND type = PERSON");
    assert_eq!(saved.owner, format!("employees/{}", employee_id("li.wei")));
    assert_eq!(save(&owner, written.clone(), id).await.unwrap(), saved);
    let taken = save(&owner, written.clone(), "").await.unwrap_err();
    assert_eq!(
        refusal(&taken),
        (Code::AlreadyExists, "ALREADY_EXISTS".into())
    );
    assert_eq!(read(&colleague, &saved.name, 0).await.unwrap(), saved);

    // Everything that is wrong, at once.
    let wrong = save(&owner, form("", "phone = \"13800000000\""), "x")
        .await
        .unwrap_err();
    let expected = ["request_id", "selection.title", "selection.filter"];
    assert_eq!(violations(&wrong), expected);
    for filter in ["", "tier =", "name : 张三", "nothing = 1"] {
        let wrong = save(&owner, form("t", filter), "").await.unwrap_err();
        assert_eq!(violations(&wrong), ["selection.filter"], "{filter}");
    }
    let wrong = change(&owner, Selection::default()).await.unwrap_err();
    let expected = [
        "selection.title",
        "selection.filter",
        "selection.name",
        "selection.etag",
    ];
    assert_eq!(violations(&wrong), expected);
    // To others it can be read, and no more.
    for refused in [
        change(&colleague, saved.clone()).await,
        archive(&colleague, &saved).await,
    ] {
        assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);
    }
    let stale = Selection {
        etag: "r9".into(),
        ..saved.clone()
    };
    for refused in [
        change(&owner, stale.clone()).await,
        archive(&owner, &stale).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refusal(&refused), (Code::Aborted, "ETAG_MISMATCH".into()));
    }
    let missing = format!("selections/{}", Uuid::nil());
    for (name, version, code) in [
        (missing.as_str(), 0, Code::NotFound),
        (&saved.name, 5, Code::NotFound),
        (&saved.name, -1, Code::InvalidArgument),
    ] {
        let refused = read(&owner, name, version).await.unwrap_err();
        assert_eq!(refusal(&refused).0, code);
    }
    // What services ask each other is no public method.
    let request = ResolveSelectionRequest {
        name: saved.name.clone(),
        version: 0,
    };
    let refused = selections(&owner).resolve_selection(request).await;
    assert!(refused.is_err());

    // Two at once: one of them has to look again.
    let other = |filter: &str| Selection {
        filter: filter.into(),
        ..saved.clone()
    };
    let (one, two) = tokio::join!(
        change(&owner, other("type = ENTERPRISE")),
        change(&owner, other("type = PERSON"))
    );
    assert!(one.is_ok() != two.is_ok());
    let changed = one.or(two).unwrap();
    assert_eq!(changed.version, 2);
    let archived = archive(&owner, &changed).await.unwrap();
    assert_eq!(archived.state(), SelectionState::Archived);
    let refused = change(&owner, archived.clone()).await.unwrap_err();
    assert_eq!(said(&refused, "allowed"), "CURRENT");
    // Its title is free again.
    save(&owner, written, "").await.unwrap();
    let list = async |filter: &str| {
        let request = ListSelectionsRequest {
            filter: filter.into(),
            ..ListSelectionsRequest::default()
        };
        let listed = selections(&colleague)
            .list_selections(request)
            .await
            .unwrap();
        listed.into_inner().total_size
    };
    assert_eq!((list("").await, list("state = ARCHIVED").await), (2, 1));

    let mut sql = suite.database.connect().await.unwrap();
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT type FROM profile.journal WHERE kind = 1 AND type LIKE 'selection.%' ORDER BY position",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let expected = [
        "selection.saved",
        "selection.changed",
        "selection.archived",
        "selection.saved",
    ];
    assert_eq!(told, expected);
}
