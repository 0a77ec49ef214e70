//! A customer takes a reward.

use kefu_contracts::order::{LoyaltyRulesVersion, PointsAccount, SpendPointsRequest};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
    versions::in_force,
};
use sqlx::PgConnection;

use super::{
    Loyalty,
    step::{AtHand, Deed, Step},
};
use crate::{
    desk::By,
    domain::loyalty,
    points::Posting,
    store::{points::accounts::ACCOUNTS, versions},
};

const LONGEST_ID: usize = 40;

impl Loyalty {
    /// Clause OP-3.3.
    pub(super) async fn spend(
        &self,
        call: Call,
        request: SpendPointsRequest,
    ) -> Result<Answer<PointsAccount>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let customer = fields.name("name", &request.name, ACCOUNTS);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reward", &request.reward, LONGEST_ID);
        fields.finish()?;
        let step = Step {
            customer: customer.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            claim,
            deed: Deed::Spend(request.reward),
        };
        self.carry_out(call, step).await
    }

    /// Posts what the reward takes by the catalogue in force.
    pub(super) async fn take(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: AtHand,
        reward: &str,
    ) -> Result<Vec<Entry>, Fault> {
        let versions = versions::all::<LoyaltyRulesVersion>(connection).await?;
        let version = in_force(&versions, call.now);
        let rules = version.and_then(|version| version.definition.as_ref());
        let found = rules.and_then(|rules| loyalty::reward(rules, reward));
        let unknown = || Fault::fields(vec![("reward".to_owned(), Violation::Unknown)]);
        let found = found.ok_or_else(unknown)?;
        let AtHand { row, mut locked } = at_hand;
        // What has ended by now is not there to be spent, whether or not it was posted.
        let mut movements = locked.ledger.expire(call.now);
        movements.extend(locked.ledger.spend(found.points)?);
        let posting = Posting {
            customer: row.customer_id,
            reward,
            rules_version: version.map_or(0, |version| version.number),
            ..Posting::default()
        };
        self.points
            .post(connection, &By::Call(call), locked, &movements, &posting)
            .await
    }
}
