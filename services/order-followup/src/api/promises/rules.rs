//! The company's rules about promises (OP-3.4.4).

use kefu_contracts::{
    journal::PromiseRulesChanged,
    order::{
        GetPromiseRulesRequest, PromiseDefinition, PromiseRules, PromiseRulesVersion,
        RevisePromiseRulesRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    versions::{self, Names, Revisable, revisable},
};

use super::Promises;
use crate::{domain::promise::rules::check, store::versions::OrderRules};

impl Revisable<OrderRules> for PromiseRulesVersion {
    revisable!(
        OrderRules,
        PromiseRules,
        RevisePromiseRulesRequest,
        PromiseRulesChanged
    );

    const NAMES: Names = Names {
        resource: "promiseRules",
        viewed: "promise_rules.viewed",
        revised: "promise_rules.revised",
    };

    fn check(fields: &mut Fields, definition: &PromiseDefinition) {
        check(fields, definition);
    }
}

impl Promises {
    pub(super) async fn rules(
        &self,
        call: Call,
        _: GetPromiseRulesRequest,
    ) -> Result<Answer<PromiseRules>, Fault> {
        versions::get::<OrderRules, PromiseRulesVersion>(&self.0.core, call).await
    }

    /// Clause OP-3.4.4.
    pub(super) async fn revise(
        &self,
        call: Call,
        request: RevisePromiseRulesRequest,
    ) -> Result<Answer<PromiseRules>, Fault> {
        versions::revise::<OrderRules, PromiseRulesVersion>(&self.0.core, call, request).await
    }
}
