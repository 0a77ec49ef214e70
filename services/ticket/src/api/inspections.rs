//! `kefu.ticket.v1.InspectionService`: what is inspected, by whom, and what came of it.

mod appeal;
mod complete;
mod figures;
mod hand_over;
mod order;
mod results;
mod rules;
mod tasks;

use kefu_contracts::{
    common::Reason,
    journal::{InspectionAct, InspectionChanged, InspectionTaskAct, InspectionTaskChanged, event},
    policy::DataClass,
    ticket::{
        AppealInspectionRequest, CompleteInspectionTaskRequest, DecideInspectionAppealRequest,
        GetInspectionRequest, GetInspectionRulesRequest, GetInspectionTaskRequest,
        HandOverInspectionTasksRequest, HandOverInspectionTasksResponse, InspectTicketRequest,
        InspectTicketResponse, Inspection, InspectionRules, InspectionRulesVersion, InspectionTask,
        ListInspectionTasksRequest, ListInspectionTasksResponse, ListInspectionsRequest,
        ListInspectionsResponse, MeasureInspectionsRequest, MeasureInspectionsResponse,
        ReviseInspectionRulesRequest, inspection_service_server::InspectionService,
    },
};
use kefu_service::{
    call::answer, core::Core, error::Fault, fields::name, sealed::Sealer, time::to_proto, versions,
};
use tonic::{Request, Response, Status};

use crate::store::{
    inspection_tasks::{StoredTask, TASKS},
    inspections::{INSPECTIONS, StoredInspection},
    versions::TicketRules,
};

const REFUSED: &str = "inspection.refused";
const TASK_REFUSED: &str = "inspection_task.refused";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Inspections {
    core: Core,
    /// Of results.
    results: Sealer,
    /// Of tasks.
    tasks: Sealer,
}

impl Inspections {
    pub(crate) fn new(core: &Core) -> Self {
        let vault = &core.deps.vault;
        Self {
            core: core.clone(),
            results: Sealer::new(vault.clone(), "ticket.inspection"),
            tasks: Sealer::new(vault.clone(), "ticket.inspection_task"),
        }
    }
}

/// Refuses to have somebody write who may not read it.
fn ensure_cleared(clearance: &kefu_access::Clearance) -> Result<(), Fault> {
    let class = DataClass::Service;
    match clearance.classes.contains(class) {
        true => Ok(()),
        false => Err(Fault::new(Reason::PermissionMissing).with("classes", class.as_str_name())),
    }
}

/// What happened to an inspection, for the journal: its resource, and the event. `now` is as it
/// is afterwards.
pub(crate) fn changed(
    row: &StoredInspection,
    now: &Inspection,
    act: InspectionAct,
    revision: i64,
) -> (String, event::Event) {
    let bytes = |id: uuid::Uuid| id.as_bytes().to_vec();
    let event = InspectionChanged {
        inspection_id: bytes(row.id),
        ticket_id: bytes(row.ticket_id),
        customer_id: bytes(row.customer_id),
        act: act.into(),
        state: now.state,
        agent_id: bytes(row.agent_id),
        department_id: bytes(row.department_id),
        score: now.score,
        passed: now.passed,
        appeal_outcome: now.appeal_outcome,
        revision,
    };
    let resource = name(INSPECTIONS, row.id);
    (resource, event::Event::InspectionChanged(event))
}

/// What was done of a task, for the journal.
fn done(row: &StoredTask, revision: i64) -> (String, event::Event) {
    let bytes = |id: uuid::Uuid| id.as_bytes().to_vec();
    let event = InspectionTaskChanged {
        task_id: bytes(row.id),
        inspection_id: bytes(row.inspection_id),
        customer_id: bytes(row.customer_id),
        act: InspectionTaskAct::Done.into(),
        kind: row.kind.into(),
        inspector_id: row.inspector_id.map(bytes).unwrap_or_default(),
        due_time: Some(to_proto(row.due_at)),
        revision,
    };
    let resource = name(TASKS, row.id);
    (resource, event::Event::InspectionTaskChanged(event))
}

#[tonic::async_trait]
impl InspectionService for Inspections {
    async fn get_inspection_rules(
        &self,
        request: Request<GetInspectionRulesRequest>,
    ) -> Result<Response<InspectionRules>, Status> {
        let get = versions::get::<TicketRules, InspectionRulesVersion>;
        answer(request, |call, _| get(&self.core, call)).await
    }

    /// Clauses OP-5, SG-7.
    async fn revise_inspection_rules(
        &self,
        request: Request<ReviseInspectionRulesRequest>,
    ) -> Result<Response<InspectionRules>, Status> {
        let revise = versions::revise::<TicketRules, InspectionRulesVersion>;
        answer(request, |call, body| revise(&self.core, call, body)).await
    }

    async fn inspect_ticket(
        &self,
        request: Request<InspectTicketRequest>,
    ) -> Result<Response<InspectTicketResponse>, Status> {
        answer(request, |call, body| self.order(call, body)).await
    }

    async fn get_inspection_task(
        &self,
        request: Request<GetInspectionTaskRequest>,
    ) -> Result<Response<InspectionTask>, Status> {
        answer(request, |call, body| self.task(call, body)).await
    }

    async fn list_inspection_tasks(
        &self,
        request: Request<ListInspectionTasksRequest>,
    ) -> Result<Response<ListInspectionTasksResponse>, Status> {
        answer(request, |call, body| self.list_tasks(call, body)).await
    }

    async fn complete_inspection_task(
        &self,
        request: Request<CompleteInspectionTaskRequest>,
    ) -> Result<Response<InspectionTask>, Status> {
        answer(request, |call, body| self.complete(call, body)).await
    }

    async fn decide_inspection_appeal(
        &self,
        request: Request<DecideInspectionAppealRequest>,
    ) -> Result<Response<InspectionTask>, Status> {
        answer(request, |call, body| self.decide(call, body)).await
    }

    async fn hand_over_inspection_tasks(
        &self,
        request: Request<HandOverInspectionTasksRequest>,
    ) -> Result<Response<HandOverInspectionTasksResponse>, Status> {
        answer(request, |call, body| self.hand_over(call, body)).await
    }

    async fn get_inspection(
        &self,
        request: Request<GetInspectionRequest>,
    ) -> Result<Response<Inspection>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_inspections(
        &self,
        request: Request<ListInspectionsRequest>,
    ) -> Result<Response<ListInspectionsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn appeal_inspection(
        &self,
        request: Request<AppealInspectionRequest>,
    ) -> Result<Response<Inspection>, Status> {
        answer(request, |call, body| self.appeal(call, body)).await
    }

    async fn measure_inspections(
        &self,
        request: Request<MeasureInspectionsRequest>,
    ) -> Result<Response<MeasureInspectionsResponse>, Status> {
        answer(request, |call, body| self.measure(call, body)).await
    }
}
