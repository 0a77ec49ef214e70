//! The company's rules of points and its catalogue of rewards.

use kefu_contracts::{
    journal::LoyaltyRulesChanged,
    order::{
        GetLoyaltyRulesRequest, LoyaltyDefinition, LoyaltyRules, LoyaltyRulesVersion,
        ReviseLoyaltyRulesRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    versions::{self, Names, Revisable, revisable},
};

use super::Loyalty;
use crate::{domain::loyalty, store::versions::OrderRules};

impl Revisable<OrderRules> for LoyaltyRulesVersion {
    revisable!(
        OrderRules,
        LoyaltyRules,
        ReviseLoyaltyRulesRequest,
        LoyaltyRulesChanged
    );

    const NAMES: Names = Names {
        resource: "loyaltyRules",
        viewed: "loyalty_rules.viewed",
        revised: "loyalty_rules.revised",
    };

    fn check(fields: &mut Fields, definition: &LoyaltyDefinition) {
        loyalty::check(fields, definition);
    }
}

impl Loyalty {
    pub(super) async fn rules(
        &self,
        call: Call,
        _: GetLoyaltyRulesRequest,
    ) -> Result<Answer<LoyaltyRules>, Fault> {
        versions::get::<OrderRules, LoyaltyRulesVersion>(&self.core, call).await
    }

    /// Clause OP-3.3.
    pub(super) async fn revise(
        &self,
        call: Call,
        request: ReviseLoyaltyRulesRequest,
    ) -> Result<Answer<LoyaltyRules>, Fault> {
        versions::revise::<OrderRules, LoyaltyRulesVersion>(&self.core, call, request).await
    }
}
