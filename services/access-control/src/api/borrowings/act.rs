//! What people do to a borrowing on its way.

use kefu_contracts::access::{
    ApproveBorrowingRequest, Borrowing, RejectBorrowingRequest, ReturnBorrowingFormRequest,
    SubmitBorrowingRequest, WithdrawBorrowingRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
};

use super::Register;
use crate::{
    api::approvals::act::{What, act, asked},
    domain::approval::Act,
    store::borrowing::StoredBorrowing,
};

/// Hands it in.
pub(super) async fn submit(
    register: &Register,
    call: Call,
    request: SubmitBorrowingRequest,
) -> Result<Answer<Borrowing>, Fault> {
    let what = What::<StoredBorrowing>::Plain(Act::Submit);
    act(register, call, &request, asked!(request, etag false), what).await
}

/// Agrees, to all or to less.
pub(super) async fn approve(
    register: &Register,
    call: Call,
    request: ApproveBorrowingRequest,
) -> Result<Answer<Borrowing>, Fault> {
    let what = What::<StoredBorrowing>::Approve(request.terms.clone(), ());
    act(
        register,
        call,
        &request,
        asked!(request, etag true, comment false),
        what,
    )
    .await
}

/// Gives the form back to be changed.
pub(super) async fn give_back(
    register: &Register,
    call: Call,
    request: ReturnBorrowingFormRequest,
) -> Result<Answer<Borrowing>, Fault> {
    let what = What::<StoredBorrowing>::Plain(Act::Return);
    act(
        register,
        call,
        &request,
        asked!(request, etag true, comment true),
        what,
    )
    .await
}

/// Says no.
pub(super) async fn reject(
    register: &Register,
    call: Call,
    request: RejectBorrowingRequest,
) -> Result<Answer<Borrowing>, Fault> {
    let what = What::<StoredBorrowing>::Plain(Act::Reject);
    act(
        register,
        call,
        &request,
        asked!(request, etag true, comment true),
        what,
    )
    .await
}

/// Takes one's own back.
pub(super) async fn withdraw(
    register: &Register,
    call: Call,
    request: WithdrawBorrowingRequest,
) -> Result<Answer<Borrowing>, Fault> {
    let what = What::<StoredBorrowing>::Plain(Act::Withdraw);
    act(
        register,
        call,
        &request,
        asked!(request, comment false),
        what,
    )
    .await
}
