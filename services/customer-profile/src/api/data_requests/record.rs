//! What a customer asks for is entered.

use kefu_access::ClassSet;
use kefu_contracts::{
    Resource,
    journal::{DataRequestChanged, EntryKind, event},
    profile::{DataRequest, DataRequestAct, DataRequestState, RecordDataRequestRequest},
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name, parse_name},
    idempotency::Claim,
    present::entry,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::DataRequests;
use crate::{
    api::{
        on_file::{Entered, OnFile},
        present::ensure_cleared,
    },
    domain::data_request::Asked,
    store::data_requests::{self, NewRow},
};

/// A request that can be entered, if the caller may.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    asked: Asked,
    claim: Option<Claim>,
}

impl DataRequests {
    /// Clauses IH-2.1, IH-2.4.
    pub(super) async fn record(
        &self,
        call: Call,
        request: RecordDataRequestRequest,
    ) -> Result<Answer<DataRequest>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let asked = match &request.data_request {
            Some(request) => Asked::read(&mut fields, request, call.now),
            None => {
                fields.refuse("data_request", Violation::Required);
                None
            }
        };
        fields.finish()?;
        let wanted = Wanted {
            id: self.shelf.core.deps.ids.next()?,
            asked: asked.ok_or_else(|| Fault::internal("a violation was lost"))?,
            claim,
        };
        let resource = name("customers", wanted.asked.customer);
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let db = &self.shelf.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, &wanted).await })
            })
            .await;
        self.shelf.answer(&call, &resource, outcome).await
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Entered<DataRequest>, Fault> {
        let asked = &wanted.asked;
        let held = OnFile::lock(connection, call, &self.shelf.sealer, asked.customer)
            .await?
            .held;
        let claim = wanted.claim.as_ref();
        if let Some(before) = Entered::before(connection, &self.shelf.sealer, claim, &held).await? {
            return Ok(before);
        }
        ensure_cleared(ClassSet::of(DataRequest::CLASSES), &held.clearance)?;
        let due_at = self.due.due(asked.kind, asked.received_at);
        let _subject = &call.context.subject;
        let request = DataRequest {
            name: name("data-requests", wanted.id),
            customer: name("customers", asked.customer),
            kind: asked.kind.into(),
            state: DataRequestState::Open.into(),
            channel: asked.channel.into(),
            receive_time: Some(to_proto(asked.received_at)),
            asker: asked.asker.clone(),
            identity_proof: asked.proof.into(),
            identity_evidence: asked.identity_evidence.clone(),
            wish: asked.wish.clone(),
            due_time: Some(to_proto(due_at)),
            recorder: call.caller(),
            record_time: Some(to_proto(call.now)),
            etag: etag(1),
            ..DataRequest::default()
        };
        let row = NewRow {
            id: wanted.id,
            asked,
            due_at,
            recorder: &request.recorder,
            sealed: &self.shelf.sealer.seal(&held.key, wanted.id, &request)?,
            now: call.now,
        };
        data_requests::insert(connection, &row).await?;
        let entry = changed(call, &request, asked.customer, DataRequestAct::Recorded, 1);
        let position = kefu_journal::append(connection, &[entry]).await?;
        let kept = (&self.shelf.sealer, claim, &held);
        Entered::now(connection, call, kept, (wanted.id, request), position).await
    }
}

/// What happened to a request, for the journal.
pub(super) fn changed(
    call: &Call,
    request: &DataRequest,
    customer: Uuid,
    act: DataRequestAct,
    revision: i64,
) -> Entry {
    let bytes = |name: &str, collection| {
        parse_name(name, collection)
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default()
    };
    let changed = DataRequestChanged {
        data_request_id: bytes(&request.name, "data-requests"),
        customer_id: customer.as_bytes().to_vec(),
        kind: request.kind,
        act: act.into(),
        state: request.state,
        assignee_id: bytes(&request.assignee, "employees"),
        due_time: request.due_time,
        revision,
    };
    entry(
        call,
        EntryKind::Change,
        kind(act),
        request.name.clone(),
        Some(customer),
        event::Event::DataRequestChanged(changed),
    )
}

fn kind(act: DataRequestAct) -> &'static str {
    match act {
        DataRequestAct::Recorded => "data_request.recorded",
        DataRequestAct::Assigned => "data_request.assigned",
        DataRequestAct::Fulfilled => "data_request.fulfilled",
        DataRequestAct::HandedOver => "data_request.handed_over",
        DataRequestAct::RefusalProposed => "data_request.refusal_proposed",
        DataRequestAct::Refused => "data_request.denied",
        DataRequestAct::RefusalRejected => "data_request.refusal_rejected",
        DataRequestAct::Overdue | DataRequestAct::Unspecified => "data_request.overdue",
    }
}
