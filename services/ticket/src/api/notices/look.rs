use kefu_contracts::ticket::{GetNoticeRequest, ListNoticesRequest, ListNoticesResponse, Notice};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, One, asked},
    present::{Shown, disclose},
    scope::{After, Order},
};

use super::{Notices, REFUSED, VIEWED};
use crate::store::notices::{NOTICES, RECORD, StoredNotice};

const ONE: One<StoredNotice> = One {
    record: &RECORD,
    collection: NOTICES,
    read: StoredNotice::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredNotice> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "n.created_at",
        descending: true,
    },
    read: StoredNotice::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

impl Notices {
    /// Clause SG-2.4.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetNoticeRequest,
    ) -> Result<Answer<Notice>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await
    }

    /// Clause SG-2.4.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListNoticesRequest,
    ) -> Result<Answer<ListNoticesResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListNoticesResponse {
            notices: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    async fn present(&self, call: &Call, row: &StoredNotice) -> Result<(Notice, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Notice>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut notice = row.with_opened(opened);
        disclose(&mut notice, &clearance, account);
        let shown = Shown {
            resource: notice.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((notice, shown))
    }
}
