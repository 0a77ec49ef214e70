use kefu_contracts::{
    analytics::{
        AssessmentRules, AssessmentRulesDefinition, AssessmentRulesVersion,
        ReviseAssessmentRulesRequest,
    },
    journal::AssessmentRulesChanged,
};
use kefu_service::{
    fields::Fields,
    versions::{Names, Revisable, revisable},
};

use crate::{domain::assessment::check::check, store::versions::FigureRules};

impl Revisable<FigureRules> for AssessmentRulesVersion {
    revisable!(
        FigureRules,
        AssessmentRules,
        ReviseAssessmentRulesRequest,
        AssessmentRulesChanged
    );

    const NAMES: Names = Names {
        resource: "assessmentRules",
        viewed: "assessment_rules.viewed",
        revised: "assessment_rules.revised",
    };
    const MUST_SAY: bool = true;

    fn check(fields: &mut Fields, definition: &AssessmentRulesDefinition) {
        check(fields, definition);
    }
}
