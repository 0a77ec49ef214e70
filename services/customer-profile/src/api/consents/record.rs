//! What a customer said is entered.

use kefu_access::ClassSet;
use kefu_contracts::{
    Resource,
    journal::{ConsentRecorded, EntryKind, event},
    profile::{Consent, RecordConsentRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::Claim,
    present::entry,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Consents;
use crate::{
    api::{
        on_file::{Entered, OnFile},
        present::ensure_cleared,
    },
    domain::consent::Statement,
    store::consents::{self, NewRow},
};

/// A statement that can be entered, if the caller may.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    statement: Statement,
    claim: Option<Claim>,
}

impl Consents {
    /// Clauses IH-2.1, CC-2.2.
    pub(super) async fn record(
        &self,
        call: Call,
        request: RecordConsentRequest,
    ) -> Result<Answer<Consent>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let statement = match &request.consent {
            Some(consent) => Statement::read(&mut fields, consent, call.now),
            None => {
                fields.refuse("consent", Violation::Required);
                None
            }
        };
        fields.finish()?;
        let statement = statement.ok_or_else(|| Fault::internal("a violation was lost"))?;
        let customer = statement.customer;
        let wanted = Wanted {
            id: self.shelf.core.deps.ids.next()?,
            statement,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let db = &self.shelf.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, &wanted).await })
            })
            .await;
        let resource = name("customers", customer);
        self.shelf.answer(&call, &resource, outcome).await
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Entered<Consent>, Fault> {
        let said = &wanted.statement;
        let claim = wanted.claim.as_ref();
        let file = OnFile::lock(connection, call, &self.shelf.sealer, said.customer).await?;
        if let Some(before) =
            Entered::before(connection, &self.shelf.sealer, claim, &file.held).await?
        {
            return Ok(before);
        }
        ensure_cleared(ClassSet::of(Consent::CLASSES), &file.held.clearance)?;
        let mut consent = consent(call, wanted);
        let entered = NewRow {
            id: wanted.id,
            statement: said,
            recorder: &consent.recorder,
            sealed: &self
                .shelf
                .sealer
                .seal(&file.held.key, wanted.id, &consent)?,
            now: call.now,
        };
        consent.current = consents::enter(connection, &entered).await?;
        let entry = entry(
            call,
            EntryKind::Change,
            "consent.recorded",
            consent.name.clone(),
            Some(said.customer),
            recorded(wanted, consent.current),
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        let kept = (&self.shelf.sealer, claim, &file.held);
        Entered::now(connection, call, kept, (wanted.id, consent), position).await
    }
}

fn consent(call: &Call, wanted: &Wanted) -> Consent {
    let said = &wanted.statement;
    Consent {
        name: name("consents", wanted.id),
        customer: name("customers", said.customer),
        purpose: said.purpose.into(),
        decision: said.decision.into(),
        channels: said.channels.iter().map(|one| i32::from(*one)).collect(),
        heard_channel: said.heard.into(),
        said_time: Some(to_proto(said.said_at)),
        evidence: said.evidence.clone(),
        recorder: call.caller(),
        record_time: Some(to_proto(call.now)),
        current: false,
        disclosure: None,
    }
}

/// The facts of a statement, for the journal.
fn recorded(wanted: &Wanted, current: bool) -> event::Event {
    let said = &wanted.statement;
    event::Event::ConsentRecorded(ConsentRecorded {
        consent_id: wanted.id.as_bytes().to_vec(),
        customer_id: said.customer.as_bytes().to_vec(),
        purpose: said.purpose.into(),
        decision: said.decision.into(),
        channels: said.channels.iter().map(|one| i32::from(*one)).collect(),
        said_time: Some(to_proto(said.said_at)),
        current,
    })
}
