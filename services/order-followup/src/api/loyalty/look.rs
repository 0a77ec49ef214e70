//! Accounts and postings are looked at.

use kefu_contracts::{
    Account, ClassSet, Resource,
    order::{
        GetPointsAccountRequest, GetPointsPostingRequest, ListPointsAccountsRequest,
        ListPointsAccountsResponse, ListPointsPostingsRequest, ListPointsPostingsResponse,
        PointsAccount, PointsPosting,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, asked},
    present::{Shown, disclose},
    scope::{After, Order},
};

use super::Loyalty;
use crate::store::points::{
    accounts::{self, ACCOUNTS, StoredAccount},
    postings::{self, POSTINGS, StoredPosting},
};

pub(super) const ACCOUNT_VIEWED: &str = "points_account.viewed";
const POSTING_VIEWED: &str = "points_posting.viewed";
pub(super) const REFUSED: &str = "points.refused";

const ACCOUNT_LIST: ListSpec<StoredAccount> = ListSpec {
    record: &accounts::USED,
    time: "update_time",
    order: Order {
        column: "a.updated_at",
        descending: true,
    },
    read: StoredAccount::read,
    place: |row| After {
        at: row.updated_at,
        id: row.customer_id,
    },
};

const POSTING_LIST: ListSpec<StoredPosting> = ListSpec {
    record: &postings::RECORD,
    time: "post_time",
    order: Order {
        column: "p.posted_at",
        descending: true,
    },
    read: StoredPosting::read,
    place: |row| After {
        at: row.posted_at,
        id: row.id,
    },
};

impl Loyalty {
    pub(super) async fn account(
        &self,
        call: Call,
        request: GetPointsAccountRequest,
    ) -> Result<Answer<PointsAccount>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ACCOUNTS);
        fields.finish()?;
        let query = accounts::RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            let views = &self.core.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (account, shown) = self
            .present_account(&call, &StoredAccount::read(&row)?)
            .await?;
        let views = &self.core.views;
        views.record(&call, ACCOUNT_VIEWED, &[shown]).await?;
        Ok(Answer::read(account))
    }

    pub(super) async fn accounts(
        &self,
        call: Call,
        request: ListPointsAccountsRequest,
    ) -> Result<Answer<ListPointsAccountsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(
            &self.core,
            &call,
            &ACCOUNT_LIST,
            asked,
            ACCOUNT_VIEWED,
            |row| Box::pin(async move { self.present_account(reader, &row).await }),
        )
        .await?;
        Ok(Answer::read(ListPointsAccountsResponse {
            points_accounts: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    pub(super) async fn posting(
        &self,
        call: Call,
        request: GetPointsPostingRequest,
    ) -> Result<Answer<PointsPosting>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, POSTINGS);
        fields.finish()?;
        let query = postings::RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            let views = &self.core.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (posting, shown) = self
            .present_posting(&call, &StoredPosting::read(&row)?)
            .await?;
        let views = &self.core.views;
        views.record(&call, POSTING_VIEWED, &[shown]).await?;
        Ok(Answer::read(posting))
    }

    pub(super) async fn postings(
        &self,
        call: Call,
        request: ListPointsPostingsRequest,
    ) -> Result<Answer<ListPointsPostingsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(
            &self.core,
            &call,
            &POSTING_LIST,
            asked,
            POSTING_VIEWED,
            |row| Box::pin(async move { self.present_posting(reader, &row).await }),
        )
        .await?;
        Ok(Answer::read(ListPointsPostingsResponse {
            points_postings: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    async fn present_account(
        &self,
        call: &Call,
        row: &StoredAccount,
    ) -> Result<(PointsAccount, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let (mut account, held) = self.open(row, clearance.classes).await?;
        disclose(&mut account, &clearance, held);
        let shown = Shown {
            resource: account.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((account, shown))
    }

    async fn present_posting(
        &self,
        call: &Call,
        row: &StoredPosting,
    ) -> Result<(PointsPosting, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let sealer = self.points.sealer();
        let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, held) =
            sealer.open::<PointsPosting>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut posting = row.with_opened(opened);
        disclose(&mut posting, &clearance, held);
        let shown = Shown {
            resource: posting.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((posting, shown))
    }

    /// The account with what is cleared of the reason of a correction that waits.
    async fn open(
        &self,
        row: &StoredAccount,
        cleared: ClassSet,
    ) -> Result<(PointsAccount, Account), Fault> {
        let Some((correction, wrapped)) = row.correction.as_ref().zip(row.wrapped.as_ref()) else {
            let nothing = PointsAccount::default();
            return Ok((row.with_opened(nothing), Account::default()));
        };
        let key = self.sealer.open_key(row.customer_id, wrapped).await?;
        let sealed = correction.sealed.as_slice();
        let opened = self.sealer.open(&key, correction.id, sealed, cleared);
        let (opened, held) = opened?;
        Ok((row.with_opened(opened), held))
    }

    /// The account whole, for whoever changed it; never for an answer that is not disclosed.
    pub(super) async fn open_whole(&self, row: &StoredAccount) -> Result<PointsAccount, Fault> {
        let everything = ClassSet::of(PointsAccount::CLASSES);
        Ok(self.open(row, everything).await?.0)
    }
}
