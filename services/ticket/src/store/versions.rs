//! Rules that the company sets, in versions: added, and never changed. Whoever opens tickets
//! compares the number of the last.

use kefu_contracts::ticket::{
    HandlingDefinition, HandlingVersion, InspectionDefinition, InspectionRulesVersion,
    NoticeDefinition, NoticeRulesVersion, TargetsDefinition, TargetsVersion,
};
use kefu_service::{
    error::Fault,
    versions::{self, Versioned, versioned},
};
use sqlx::PgConnection;

use crate::domain::{handling, inspection, notice, targets};

/// Whose rules they are.
pub(crate) struct TicketRules;

versioned!(
    TicketRules,
    HandlingVersion,
    HandlingDefinition,
    "ticket.handling_version",
    handling::shipped
);
versioned!(
    TicketRules,
    TargetsVersion,
    TargetsDefinition,
    "ticket.targets_version",
    targets::shipped
);
versioned!(
    TicketRules,
    NoticeRulesVersion,
    NoticeDefinition,
    "ticket.notice_version",
    notice::shipped
);
versioned!(
    TicketRules,
    InspectionRulesVersion,
    InspectionDefinition,
    "ticket.inspection_rules_version",
    inspection::rules::shipped
);

/// All versions, oldest first, the one that is shipped before them.
pub(crate) async fn all<V: Versioned<TicketRules>>(
    connection: &mut PgConnection,
) -> Result<Vec<V>, Fault> {
    versions::all::<TicketRules, V>(connection).await
}
