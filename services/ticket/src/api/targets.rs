//! `kefu.ticket.v1.TargetService`: how long answers and solutions may take.

use kefu_contracts::{
    journal::TargetsChanged,
    ticket::{
        GetTargetsRequest, ReviseTargetsRequest, Targets, TargetsDefinition, TargetsVersion,
        target_service_server::TargetService,
    },
};
use kefu_service::{
    call::answer,
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    versions::{self, Names, Revisable, revisable},
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use crate::{
    domain::targets::check,
    store::{
        calendars::{self, CALENDARS},
        versions::TicketRules,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct TargetsApi {
    core: Core,
}

impl TargetsApi {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }
}

impl Revisable<TicketRules> for TargetsVersion {
    revisable!(TicketRules, Targets, ReviseTargetsRequest, TargetsChanged);

    const NAMES: Names = Names {
        resource: "targets",
        viewed: "targets.viewed",
        revised: "targets.revised",
    };

    fn check(fields: &mut Fields, definition: &TargetsDefinition) {
        check(fields, definition);
    }

    /// There is no rule by a calendar that there is not.
    async fn ensure(
        connection: &mut PgConnection,
        definition: &TargetsDefinition,
    ) -> Result<(), Fault> {
        let known = calendars::find(connection, None).await?;
        let mut fields = Fields::new();
        for (at, rule) in definition.rules.iter().enumerate() {
            let calendar = parse_name(&rule.calendar, CALENDARS);
            let named = rule.calendar.is_empty()
                || calendar.is_some() && known.iter().any(|one| one.name == rule.calendar);
            fields.ensure(
                named,
                format_args!("definition.rules[{at}].calendar"),
                Violation::Unknown,
            );
        }
        fields.finish()
    }
}

#[tonic::async_trait]
impl TargetService for TargetsApi {
    async fn get_targets(
        &self,
        request: Request<GetTargetsRequest>,
    ) -> Result<Response<Targets>, Status> {
        let get = versions::get::<TicketRules, TargetsVersion>;
        answer(request, |call, _| get(&self.core, call)).await
    }

    /// Clauses IH-4, SG-2.1.
    async fn revise_targets(
        &self,
        request: Request<ReviseTargetsRequest>,
    ) -> Result<Response<Targets>, Status> {
        let revise = versions::revise::<TicketRules, TargetsVersion>;
        answer(request, |call, body| revise(&self.core, call, body)).await
    }
}
