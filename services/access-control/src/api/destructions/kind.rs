//! Destructions as a kind of requests for approval. With the last approval the cooling-off
//! begins by itself, and its end is told to customer-profile by the journal.

use kefu_contracts::{
    access::{self as wire, ApprovalEvent},
    journal::ApprovalChanged,
};
use kefu_service::{error::Fault, fields::Fields, scope::RecordSpec, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use super::messages;
use crate::{
    api::approvals::{Desk, Kind, messages::step_type},
    domain::{
        approval::{Case, Flow, Flows, State},
        destruction::{DESTRUCTIONS, DestructionTerms, KIND},
    },
    store::{
        approval::{Step, Stored},
        destruction::{self, RECORD, StoredDestruction},
    },
};

impl Kind for StoredDestruction {
    type Terms = DestructionTerms;
    type Message = wire::Destruction;
    type TermsMessage = wire::DestructionTerms;
    type Heard = ();

    const KIND: &'static str = KIND;
    const COLLECTION: &'static str = DESTRUCTIONS;
    const RECORD: &'static RecordSpec = &RECORD;
    const VIEWED: &'static str = "destruction.viewed";
    const REFUSED: &'static str = "destruction.refused";
    const BEGINS_BY_ITSELF: bool = true;

    fn flow(flows: &Flows) -> &Flow {
        &flows.destruction
    }

    fn journal_type(event: ApprovalEvent) -> &'static str {
        step_type!("destruction", event)
    }

    async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Self>, Fault> {
        destruction::list(connection, ids).await
    }

    async fn put(
        &self,
        connection: &mut PgConnection,
        _: &Desk<'_>,
        left: &DestructionTerms,
    ) -> Result<(), Fault> {
        destruction::put(connection, self.approval.id, &self.destruction, left).await
    }

    fn approval(&self) -> &Stored {
        &self.approval
    }

    fn terms(&self) -> &DestructionTerms {
        &self.terms
    }

    fn concerned(&self, _: &Desk<'_>) -> Vec<Uuid> {
        Vec::new()
    }

    fn describe(&self, desk: &Desk<'_>, changed: &mut ApprovalChanged) {
        changed.destruction = Some(order(self, desk));
    }

    fn message(&self, desk: &Desk<'_>) -> wire::Destruction {
        messages::destruction(self, desk)
    }

    fn terms_message(terms: &DestructionTerms) -> wire::DestructionTerms {
        messages::terms_to_proto(terms)
    }

    async fn read_terms(
        _: &mut PgConnection,
        fields: &mut Fields,
        desk: &Desk<'_>,
        at: &str,
        message: &wire::DestructionTerms,
        (): &(),
        _: Uuid,
    ) -> Result<Option<DestructionTerms>, Fault> {
        Ok(messages::terms(fields, at, message, desk.flow.cooling_off))
    }

    fn wider_fields(terms: &DestructionTerms, than: &DestructionTerms) -> Vec<&'static str> {
        terms.wider_fields(than)
    }

    /// From the end of the cooling-off on it happens, or has happened.
    fn check(
        &self,
        case: &Case<DestructionTerms>,
        event: ApprovalEvent,
        _: Option<&DestructionTerms>,
    ) -> Result<(), Fault> {
        let stops = matches!(event, ApprovalEvent::Withdrawn | ApprovalEvent::Revoked);
        if stops && case.state == State::Active {
            return Err(Fault::state("ACTIVE", "SCHEDULED"));
        }
        Ok(())
    }
}

/// What customer-profile has to know to destroy and to certify it.
fn order(stored: &StoredDestruction, desk: &Desk<'_>) -> wire::DestructionOrder {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let decision = |step: &Step| {
        let (stage, hat) = step.stage.zip(step.hat)?;
        let stood_in = Some(hat.principal).filter(|principal| *principal != hat.actor);
        Some(wire::DestructionDecision {
            stage: desk.flow.stages.get(stage)?.id.clone(),
            approver_id: bytes(hat.actor),
            principal_id: stood_in.map(bytes).unwrap_or_default(),
            decision_time: Some(to_proto(step.at)),
        })
    };
    let approval = &stored.approval;
    wire::DestructionOrder {
        customer_ids: stored.terms.customers.iter().copied().map(bytes).collect(),
        early: stored.destruction.early,
        justification: stored.destruction.justification.clone(),
        applicant_id: bytes(approval.applicant),
        decisions: approval.agreed().filter_map(decision).collect(),
    }
}
