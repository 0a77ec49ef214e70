//! The company's rules of handling (IH-3.1, OP-3.2, SG-2.1).

use kefu_contracts::{
    journal::HandlingRulesChanged,
    ticket::{HandlingDefinition, HandlingRules, HandlingVersion, ReviseHandlingRulesRequest},
};
use kefu_service::{
    error::Fault,
    fields::Fields,
    versions::{Names, Revisable, revisable},
};
use sqlx::PgConnection;

use crate::{
    domain::handling::{check, ensure_kept},
    store::versions::{self, TicketRules},
};

impl Revisable<TicketRules> for HandlingVersion {
    revisable!(
        TicketRules,
        HandlingRules,
        ReviseHandlingRulesRequest,
        HandlingRulesChanged
    );

    const NAMES: Names = Names {
        resource: "handlingRules",
        viewed: "handling_rules.viewed",
        revised: "handling_rules.revised",
    };

    fn check(fields: &mut Fields, definition: &HandlingDefinition) {
        check(fields, definition);
    }

    /// Categories are never taken away.
    async fn ensure(
        connection: &mut PgConnection,
        definition: &HandlingDefinition,
    ) -> Result<(), Fault> {
        let before: Vec<Self> = versions::all(connection).await?;
        let before = before.iter().rfind(|version| !version.withdrawn);
        let before = before.and_then(|version| version.definition.clone());
        ensure_kept(&before.unwrap_or_default(), definition)
    }
}
