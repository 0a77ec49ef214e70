//! By what is inspected (OP-5, SG-7).

use kefu_contracts::{
    journal::InspectionRulesChanged,
    ticket::{
        InspectionDefinition, InspectionRules, InspectionRulesVersion, ReviseInspectionRulesRequest,
    },
};
use kefu_service::{
    fields::Fields,
    versions::{Names, Revisable, revisable},
};

use crate::{domain::inspection::rules::check, store::versions::TicketRules};

impl Revisable<TicketRules> for InspectionRulesVersion {
    revisable!(
        TicketRules,
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
