//! The company's rules after the sale (IH-6).

use kefu_contracts::{
    journal::AfterSalesRulesChanged,
    order::{
        AfterSalesDefinition, AfterSalesRules, AfterSalesVersion, GetAfterSalesRulesRequest,
        ReviseAfterSalesRulesRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    versions::{self, Names, Revisable, revisable},
};

use super::Cases;
use crate::{domain::case::rules::check, store::versions::OrderRules};

impl Revisable<OrderRules> for AfterSalesVersion {
    revisable!(
        OrderRules,
        AfterSalesRules,
        ReviseAfterSalesRulesRequest,
        AfterSalesRulesChanged
    );

    const NAMES: Names = Names {
        resource: "afterSalesRules",
        viewed: "after_sales_rules.viewed",
        revised: "after_sales_rules.revised",
    };
    // One that says nothing would take every cover away.
    const MUST_SAY: bool = true;

    fn check(fields: &mut Fields, definition: &AfterSalesDefinition) {
        check(fields, definition);
    }
}

impl Cases {
    pub(super) async fn get_rules(
        &self,
        call: Call,
        _: GetAfterSalesRulesRequest,
    ) -> Result<Answer<AfterSalesRules>, Fault> {
        versions::get::<OrderRules, AfterSalesVersion>(&self.core, call).await
    }

    /// Clause IH-6.
    pub(super) async fn revise_rules(
        &self,
        call: Call,
        request: ReviseAfterSalesRulesRequest,
    ) -> Result<Answer<AfterSalesRules>, Fault> {
        versions::revise::<OrderRules, AfterSalesVersion>(&self.core, call, request).await
    }
}
