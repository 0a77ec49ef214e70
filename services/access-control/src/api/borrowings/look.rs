//! Looking at borrowings.

use kefu_contracts::access::{
    Borrowing, GetBorrowingRequest, ListBorrowingsRequest, ListBorrowingsResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::Asked,
};

use super::Register;
use crate::{api::approvals::look, store::borrowing::StoredBorrowing};

/// One borrowing, whole.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetBorrowingRequest,
) -> Result<Answer<Borrowing>, Fault> {
    let borrowing = look::get::<StoredBorrowing>(register, &call, &request.name).await?;
    Ok(Answer::read(borrowing))
}

/// Borrowings within reach, the newest first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListBorrowingsRequest,
) -> Result<Answer<ListBorrowingsResponse>, Fault> {
    let asked = Asked {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    };
    let page = look::list::<StoredBorrowing>(register, &call, asked).await?;
    Ok(Answer::read(ListBorrowingsResponse {
        borrowings: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}
