//! Copies of a file that are elsewhere follow it when it is destroyed (CF-6.3, CF-9.2, CF-10.2).

use std::time::Duration;

use age::x25519;
use kefu_contracts::{
    access::{
        ApproveBorrowingRequest, BorrowedCopy, BorrowedItemState, Borrowing, BorrowingTerms,
        CarryOutExportRequest, CopyMedium, CreateBorrowingRequest, ExportState,
        GetBorrowingRequest, GetExportRequest, HandOutItemsRequest, ReceiverKey,
        SubmitBorrowingRequest, borrowing_service_client::BorrowingServiceClient,
        export_service_client::ExportServiceClient, receiver_key,
    },
    policy::{DataClass, Purpose},
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};

use crate::{
    destruction::{COOLING, certificate, form, scheduled},
    exports::{approved_until, package},
    records::{enter, refusal},
    retention::{ago, last_met},
};

const LONG: Duration = Duration::from_secs(30 * 86_400);

fn borrowings(caller: &Caller) -> BorrowingServiceClient<Caller> {
    BorrowingServiceClient::new(caller.clone())
}

/// A package of these files for song.yue, whole.
async fn packaged(suite: &TestSuite, customers: &[&str]) -> String {
    let customers = customers.iter().map(|one| (*one).to_owned()).collect();
    let until = suite.clock.now() + LONG;
    let classes = [DataClass::Basic];
    let share = approved_until(suite, customers, &classes, Purpose::Service, until).await;
    let request = CarryOutExportRequest {
        share: share.name,
        keys: vec![ReceiverKey {
            receiver: format!("employees/{}", employee_id("song.yue")),
            key: Some(receiver_key::Key::Recipient(
                x25519::Identity::generate().to_public().to_string(),
            )),
        }],
        request_id: String::new(),
    };
    let mut exports = ExportServiceClient::new(suite.caller("li.wei"));
    let carried = exports.carry_out_export(request).await.unwrap();
    let name = carried.into_inner().exports[0].name.clone();
    stands(suite, &name, ExportState::Ready).await;
    name
}

async fn stands(suite: &TestSuite, export: &str, state: ExportState) {
    eventually(|| async {
        let mut exports = ExportServiceClient::new(suite.caller("song.yue"));
        let request = GetExportRequest {
            name: export.into(),
        };
        let found = exports.get_export(request).await.ok()?.into_inner();
        (found.state() == state).then_some(())
    })
    .await;
}

fn copy(customer: &str, label: &str) -> BorrowedCopy {
    BorrowedCopy {
        customer: customer.into(),
        medium: CopyMedium::Physical as i32,
        label: label.into(),
    }
}

/// Three volumes for song.yue, of which the first and the last are out.
async fn lent(suite: &TestSuite, items: [BorrowedCopy; 3]) -> String {
    let mut applicant = borrowings(&suite.caller("song.yue"));
    let request = CreateBorrowingRequest {
        borrowing: Some(Borrowing {
            purpose: Purpose::Service as i32,
            justification: "年度审计，需要原件".into(),
            requested: Some(BorrowingTerms {
                items: items.to_vec(),
                end_time: Some(to_proto(suite.clock.now() + LONG)),
                ..BorrowingTerms::default()
            }),
            ..Borrowing::default()
        }),
        request_id: String::new(),
    };
    let form = applicant.create_borrowing(request).await.unwrap();
    let request = SubmitBorrowingRequest {
        name: form.into_inner().name,
        ..SubmitBorrowingRequest::default()
    };
    let mut form = applicant.submit_borrowing(request).await.unwrap();
    for login in ["qian.hua", "chen.guodong"] {
        let request = ApproveBorrowingRequest {
            name: form.get_ref().name.clone(),
            etag: form.get_ref().etag.clone(),
            ..ApproveBorrowingRequest::default()
        };
        let mut approver = borrowings(&suite.caller(login));
        form = approver.approve_borrowing(request).await.unwrap();
    }
    let request = HandOutItemsRequest {
        name: form.into_inner().name,
        items: vec![items[0].clone(), items[2].clone()],
        ..HandOutItemsRequest::default()
    };
    let mut archive = borrowings(&suite.caller("feng.yulan"));
    let out = archive.hand_out_items(request).await.unwrap();
    out.into_inner().name
}

async fn borrowing(suite: &TestSuite, name: &str) -> Option<Borrowing> {
    let mut archive = borrowings(&suite.caller("feng.yulan"));
    let request = GetBorrowingRequest { name: name.into() };
    Some(archive.get_borrowing(request).await.ok()?.into_inner())
}

/// Clauses CF-6.3, CF-10.2: what left is recalled, what did not leave is made anew, and a package
/// of other files stays as it is.
#[tokio::test(flavor = "multi_thread")]
async fn packages_with_a_destroyed_file_are_taken_back() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let gone = enter(&erp, last_met(ago(&suite, 70))).await.name;
    let other = enter(&erp, last_met(ago(&suite, 10))).await.name;
    let left = packaged(&suite, &[&gone, &other]).await;
    let kept = packaged(&suite, &[&gone]).await;
    let of_other = packaged(&suite, &[&other]).await;
    let bytes = package(suite.caller("song.yue"), &left).await;
    assert!(!bytes.is_empty());

    let destruction = scheduled(&suite, form(&[&gone])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    stands(&suite, &left, ExportState::Recalled).await;
    stands(&suite, &kept, ExportState::ToCarryOut).await;
    stands(&suite, &of_other, ExportState::Ready).await;
    let mut sql = suite.database.connect().await.unwrap();
    let chunks: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT DISTINCT export_id FROM access.export_chunk")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    assert_eq!(chunks, [crate::destruction::id(&of_other)]);
}

/// Clauses CF-9.2, CF-10.2: a copy that is out is due at once and chased, one that waits is not
/// handed out any more, and those of other files stay where they are.
#[tokio::test(flavor = "multi_thread")]
async fn borrowed_copies_of_a_destroyed_file_are_due_at_once() {
    use BorrowedItemState::{Dropped, Out};
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let gone = enter(&erp, last_met(ago(&suite, 70))).await.name;
    let other = enter(&erp, last_met(ago(&suite, 10))).await.name;
    let items = [
        copy(&gone, "第 1 卷"),
        copy(&gone, "第 2 卷"),
        copy(&other, "第 3 卷"),
    ];
    let name = lent(&suite, items.clone()).await;
    let destruction = scheduled(&suite, form(&[&gone])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    let recalled = eventually(|| async {
        let found = borrowing(&suite, &name).await?;
        let history = found.steps.iter().map(|step| step.event().as_str_name());
        let history: Vec<_> = history.collect();
        history
            .ends_with(&["APPROVAL_EVENT_FILE_DESTROYED", "APPROVAL_EVENT_OVERDUE"])
            .then_some(found)
    })
    .await;
    let lines = recalled.lines.iter();
    let lines: Vec<_> = lines.map(|line| (line.state(), line.overdue)).collect();
    assert_eq!(lines, [(Out, true), (Dropped, false), (Out, false)]);

    let request = HandOutItemsRequest {
        name,
        items: vec![items[1].clone()],
        ..HandOutItemsRequest::default()
    };
    let mut archive = borrowings(&suite.caller("feng.yulan"));
    let refused = archive.hand_out_items(request).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
}
