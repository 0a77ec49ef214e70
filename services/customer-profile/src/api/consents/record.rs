//! What a customer said is entered.

use kefu_access::{ClassSet, Clearance, SubjectKind};
use kefu_contracts::{
    Resource,
    common::Reason,
    journal::{ConsentRecorded, EntryKind, event},
    profile::{Consent, RecordConsentRequest},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name, subject_name},
    idempotency::{self, Claim, Kept},
    present::{disclose, entry},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Consents, REFUSED, VIEWED, shown};
use crate::{
    api::present::ensure_cleared,
    domain::consent::Statement,
    store::{
        consents::{self, NewRow},
        records::{FILES, StoredCustomer},
    },
};

/// A statement that can be entered, if the caller may.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    statement: Statement,
    claim: Option<Claim>,
}

/// A statement as it was entered.
struct Outcome {
    consent: Consent,
    clearance: Clearance,
    position: Cursor,
    /// It was entered before.
    replayed: bool,
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
            id: self.core.deps.ids.next()?,
            statement,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let db = &self.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let mut outcome = match outcome {
            Err(fault) if fault.reason == Reason::NotFoundOrOutOfScope => {
                let resource = name("customers", customer);
                return Err(views.refuse(&call, REFUSED, &resource, fault).await);
            }
            outcome => outcome?,
        };
        disclose(&mut outcome.consent, &outcome.clearance, Default::default());
        if outcome.replayed {
            let shown = shown(&outcome.consent, customer, outcome.clearance);
            views.record(&call, VIEWED, &[shown]).await?;
        }
        Ok(Answer::written(outcome.consent, outcome.position))
    }

    async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Outcome, Fault> {
        let said = &wanted.statement;
        let kept = match &wanted.claim {
            Some(claim) => idempotency::find(connection, claim).await?,
            None => None,
        };
        let mut query = FILES.get(call, said.customer);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&name("customers", said.customer)))?;
        let row = StoredCustomer::read(&row)?;
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        if let Some(kept) = kept {
            let consent =
                self.sealer
                    .open_answer::<Consent>(&key, kept.resource_id, &kept.answer)?;
            return Ok(Outcome {
                consent,
                clearance,
                position: kept.position,
                replayed: true,
            });
        }
        ensure_cleared(ClassSet::of(Consent::CLASSES), &clearance)?;
        let mut consent = consent(call, wanted);
        let entered = NewRow {
            id: wanted.id,
            statement: said,
            recorder: &consent.recorder,
            sealed: &self.sealer.seal(&key, wanted.id, &consent)?,
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
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: wanted.id,
                answer: self.sealer.seal_answer(&key, wanted.id, &consent)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(said.customer), &kept).await?;
        }
        Ok(Outcome {
            consent,
            clearance,
            position,
            replayed: false,
        })
    }
}

fn consent(call: &Call, wanted: &Wanted) -> Consent {
    let said = &wanted.statement;
    let subject = &call.context.subject;
    let is_system = subject.kind == SubjectKind::SystemAccount;
    Consent {
        name: name("consents", wanted.id),
        customer: name("customers", said.customer),
        purpose: said.purpose.into(),
        decision: said.decision.into(),
        channels: said.channels.iter().map(|one| i32::from(*one)).collect(),
        heard_channel: said.heard.into(),
        said_time: Some(to_proto(said.said_at)),
        evidence: said.evidence.clone(),
        recorder: subject_name(subject.id, is_system),
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
