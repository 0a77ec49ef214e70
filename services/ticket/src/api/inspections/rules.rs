//! By what is inspected (OP-5, SG-7).

use kefu_contracts::{
    journal::InspectionRulesChanged,
    ticket::{
        InspectionDefinition, InspectionRules, InspectionRulesVersion, ReviseInspectionRulesRequest,
    },
};
use kefu_service::fields::Fields;

use crate::{
    api::versions::{Names, Revisable, contract},
    domain::inspection::rules::check,
};

impl Revisable for InspectionRulesVersion {
    contract!(
        InspectionRules,
        ReviseInspectionRulesRequest,
        InspectionRulesChanged
    );

    const NAMES: Names = Names {
        resource: "inspectionRules",
        viewed: "inspection_rules.viewed",
        revised: "inspection_rules.revised",
    };

    fn check(fields: &mut Fields, definition: &InspectionDefinition) {
        check(fields, definition);
    }
}
