//! Looking at shares.

use kefu_contracts::access::{GetShareRequest, ListSharesRequest, ListSharesResponse, Share};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::Asked,
};

use super::Register;
use crate::{api::approvals::look, store::share::StoredShare};

/// One share, whole.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetShareRequest,
) -> Result<Answer<Share>, Fault> {
    let share = look::get::<StoredShare>(register, &call, &request.name).await?;
    Ok(Answer::read(share))
}

/// Shares within reach, the newest first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListSharesRequest,
) -> Result<Answer<ListSharesResponse>, Fault> {
    let asked = Asked {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: &request.filter,
        order_by: &request.order_by,
    };
    let page = look::list::<StoredShare>(register, &call, asked).await?;
    Ok(Answer::read(ListSharesResponse {
        shares: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}
