//! Rules that the company sets, in versions: added, and never changed (OP-3.2, OP-4.2, SG-7).

use kefu_contracts::analytics::{
    AssessmentRulesDefinition, AssessmentRulesVersion, ExceptionRulesDefinition,
    ExceptionRulesVersion, ReportRulesDefinition, ReportRulesVersion,
};
use kefu_service::{
    error::Fault,
    versions::{self, versioned},
};
use sqlx::PgConnection;

use crate::domain::{assessment, exception, report};

/// Whose rules they are.
pub(crate) struct FigureRules;

versioned!(
    FigureRules,
    ReportRulesVersion,
    ReportRulesDefinition,
    "analytics.report_rules_version",
    report::shipped
);

versioned!(
    FigureRules,
    ExceptionRulesVersion,
    ExceptionRulesDefinition,
    "analytics.exception_rules_version",
    exception::shipped
);

versioned!(
    FigureRules,
    AssessmentRulesVersion,
    AssessmentRulesDefinition,
    "analytics.assessment_rules_version",
    assessment::shipped
);

/// All versions of the rules by which reports are made, oldest first, the one that is shipped
/// before them.
pub(crate) async fn reports(
    connection: &mut PgConnection,
) -> Result<Vec<ReportRulesVersion>, Fault> {
    versions::all::<FigureRules, ReportRulesVersion>(connection).await
}

/// The same of the rules by which exceptions are found.
pub(crate) async fn exceptions(
    connection: &mut PgConnection,
) -> Result<Vec<ExceptionRulesVersion>, Fault> {
    versions::all::<FigureRules, ExceptionRulesVersion>(connection).await
}

/// The same of the schemes by which staff is assessed.
pub(crate) async fn assessments(
    connection: &mut PgConnection,
) -> Result<Vec<AssessmentRulesVersion>, Fault> {
    versions::all::<FigureRules, AssessmentRulesVersion>(connection).await
}
