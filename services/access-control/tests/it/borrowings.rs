//! Borrowings: asked for, decided by two people, handed out, and back (CF-9.2).

mod counter;
mod refusals;
mod time;

use jiff::SignedDuration;
use kefu_access::Scope;
use kefu_contracts::{
    access::{
        ApprovalEvent, ApprovalState, ApproveBorrowingRequest, BorrowedCopy, BorrowedItemState,
        Borrowing, BorrowingTerms, CloseBorrowingRequest, CopyCondition, CopyMedium,
        CreateBorrowingRequest, GetBorrowingRequest, HandOutItemsRequest, ListBorrowingsRequest,
        RecordFollowUpRequest, ReportItemsLostRequest, ReturnedCopy, SubmitBorrowingRequest,
        TakeBackItemsRequest, WatchSnapshotRequest,
    },
    journal::{EntryKind, event},
    policy::Purpose,
};
use kefu_service::{clock::Clock, time::to_proto};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::house::{Caller, House, reason, said, violations};

fn copy(number: u128) -> BorrowedCopy {
    BorrowedCopy {
        customer: format!("customers/{}", Uuid::from_u128(number)),
        medium: CopyMedium::Physical as i32,
        label: format!("2024-{number} 卷"),
    }
}

fn in_hours(house: &House, hours: i64) -> Option<prost_types::Timestamp> {
    Some(to_proto(
        house.clock.now() + SignedDuration::from_hours(hours),
    ))
}

/// Two volumes for song.yue of finance, until the day after tomorrow.
fn form(house: &House) -> Borrowing {
    Borrowing {
        purpose: Purpose::Service as i32,
        justification: "年度审计，需要原件".into(),
        requested: Some(BorrowingTerms {
            items: vec![copy(1), copy(2)],
            end_time: in_hours(house, 48),
            ..BorrowingTerms::default()
        }),
        ..Borrowing::default()
    }
}

/// The archive manager, who reaches every borrowing.
fn archive(house: &House) -> Caller {
    house.caller(house.id("feng.yulan"), Scope::All)
}

async fn create(by: &Caller, borrowing: Borrowing) -> Result<Borrowing, Status> {
    let request = CreateBorrowingRequest {
        borrowing: Some(borrowing),
        request_id: String::new(),
    };
    let answer = by.borrowings().create_borrowing(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn submit(by: &Caller, name: &str) -> Result<Borrowing, Status> {
    let request = SubmitBorrowingRequest {
        name: name.into(),
        ..SubmitBorrowingRequest::default()
    };
    let answer = by.borrowings().submit_borrowing(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn get(by: &Caller, name: &str) -> Result<Borrowing, Status> {
    let request = GetBorrowingRequest { name: name.into() };
    let answer = by.borrowings().get_borrowing(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn approve(
    by: &Caller,
    borrowing: &Borrowing,
    terms: Option<BorrowingTerms>,
) -> Result<Borrowing, Status> {
    let request = ApproveBorrowingRequest {
        name: borrowing.name.clone(),
        etag: borrowing.etag.clone(),
        terms,
        ..ApproveBorrowingRequest::default()
    };
    let answer = by.borrowings().approve_borrowing(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn hand_out(by: &Caller, name: &str, items: &[BorrowedCopy]) -> Result<Borrowing, Status> {
    let request = HandOutItemsRequest {
        name: name.into(),
        items: items.to_vec(),
        ..HandOutItemsRequest::default()
    };
    let answer = by.borrowings().hand_out_items(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn take_back(
    by: &Caller,
    name: &str,
    item: BorrowedCopy,
    condition: CopyCondition,
) -> Result<Borrowing, Status> {
    let request = TakeBackItemsRequest {
        name: name.into(),
        items: vec![ReturnedCopy {
            item: Some(item),
            condition: condition.into(),
            note: "已检查".into(),
        }],
        ..TakeBackItemsRequest::default()
    };
    let answer = by.borrowings().take_back_items(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn report_lost(by: &Caller, name: &str, item: BorrowedCopy) -> Result<Borrowing, Status> {
    let request = ReportItemsLostRequest {
        name: name.into(),
        items: vec![item],
        comment: "搬家时遗失".into(),
        ..ReportItemsLostRequest::default()
    };
    let answer = by.borrowings().report_items_lost(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn follow_up(by: &Caller, name: &str, item: BorrowedCopy) -> Result<Borrowing, Status> {
    let request = RecordFollowUpRequest {
        name: name.into(),
        items: vec![item],
        comment: "按制度赔偿并补办".into(),
        ..RecordFollowUpRequest::default()
    };
    let answer = by.borrowings().record_follow_up(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn close(by: &Caller, name: &str) -> Result<Borrowing, Status> {
    let request = CloseBorrowingRequest {
        name: name.into(),
        ..CloseBorrowingRequest::default()
    };
    let answer = by.borrowings().close_borrowing(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn handed_in(house: &House, borrowing: Borrowing) -> Borrowing {
    let applicant = house.person("song.yue");
    let draft = create(&applicant, borrowing).await.unwrap();
    submit(&applicant, &draft.name).await.unwrap()
}

async fn approved(house: &House, borrowing: Borrowing) -> Borrowing {
    let borrowing = handed_in(house, borrowing).await;
    let borrowing = approve(&house.person("qian.hua"), &borrowing, None)
        .await
        .unwrap();
    approve(&house.person("chen.guodong"), &borrowing, None)
        .await
        .unwrap()
}

async fn out(house: &House, borrowing: Borrowing) -> Borrowing {
    let borrowing = approved(house, borrowing).await;
    hand_out(&archive(house), &borrowing.name, &[])
        .await
        .unwrap()
}

fn events(borrowing: &Borrowing) -> Vec<ApprovalEvent> {
    borrowing.steps.iter().map(|step| step.event()).collect()
}

fn states(borrowing: &Borrowing) -> Vec<BorrowedItemState> {
    borrowing.lines.iter().map(|line| line.state()).collect()
}
