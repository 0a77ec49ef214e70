//! What is done to a request.

use kefu_contracts::{
    ClassSet, Resource,
    common::Reason,
    profile::{Customer, DataRequest, DataRequestAct, DataRequestKind, DataRequestState},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::Claim,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{DataRequests, REFUSED, VIEWED, record::changed};
use crate::{
    api::{
        on_file::{Entered, Held, or_refused},
        present::ensure_cleared,
    },
    domain::data_request::{Step, after},
    store::{
        data_requests::{self, RECORD, Standing, StoredRequest},
        revisions,
    },
};

/// A step that can be read; whether it may be taken is told by the request.
#[derive(Clone)]
pub(super) struct Wanted {
    id: Uuid,
    /// Resource name, as it was given.
    name: String,
    /// Of the request that was decided upon.
    revision: i64,
    claim: Option<Claim>,
}

/// What is done.
#[derive(Clone)]
pub(super) enum Deed {
    Assign(Uuid),
    Fulfil {
        answer: String,
        reference: String,
        /// Of the file, for corrections.
        revision: i64,
    },
    HandOver(String),
    Refuse(String),
    /// Whether it is refused.
    Decide(bool),
}

impl Deed {
    fn step(&self) -> (Step, DataRequestAct) {
        match self {
            Self::Assign(_) => (Step::Assign, DataRequestAct::Assigned),
            Self::Fulfil { .. } => (Step::Fulfil, DataRequestAct::Fulfilled),
            Self::HandOver(_) => (Step::HandOver, DataRequestAct::HandedOver),
            Self::Refuse(_) => (Step::Refuse, DataRequestAct::RefusalProposed),
            Self::Decide(true) => (Step::Agree, DataRequestAct::Refused),
            Self::Decide(false) => (Step::Reject, DataRequestAct::RefusalRejected),
        }
    }

    /// Does it to the request; who proposed a refusal, while one is proposed.
    fn apply(&self, call: &Call, request: &mut DataRequest) -> Option<Uuid> {
        match self {
            Self::Assign(assignee) => request.assignee = name("employees", *assignee),
            Self::Fulfil {
                answer, reference, ..
            } => {
                request.answer.clone_from(answer);
                request.reference.clone_from(reference);
            }
            Self::HandOver(reference) => request.reference.clone_from(reference),
            Self::Refuse(reason) => {
                request.answer.clone_from(reason);
                return Some(call.context.subject.id);
            }
            Self::Decide(true) => {}
            Self::Decide(false) => request.answer.clear(),
        }
        None
    }
}

impl DataRequests {
    /// What every step says, and what is wrong with it.
    pub(super) fn wanted<M: prost::Message>(
        &self,
        call: &Call,
        body: &M,
        named: &str,
        etag: &str,
        request_id: &str,
    ) -> (Wanted, Fields) {
        let mut fields = Fields::new();
        let id = fields.name("name", named, "data-requests");
        let revision = fields.etag("etag", etag);
        let request_id = fields.request_id(request_id);
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: named.to_owned(),
            revision: revision.unwrap_or_default(),
            claim: Claim::of(call, request_id, body),
        };
        (wanted, fields)
    }

    /// Takes a step. Clause IH-2.4.
    pub(super) async fn step(
        &self,
        call: Call,
        (wanted, mut fields): (Wanted, Fields),
        deed: impl FnOnce(&mut Fields) -> Deed,
    ) -> Result<Answer<DataRequest>, Fault> {
        let deed = deed(&mut fields);
        fields.finish()?;
        let resource = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted, deed));
        let db = &self.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (service, (call, wanted, deed)) = (service.clone(), writing.clone());
                Box::pin(async move { service.take(connection, &call, &wanted, &deed).await })
            })
            .await;
        let entered = or_refused(&self.core, &call, REFUSED, &resource, outcome).await?;
        entered
            .answer(&self.core, &call, VIEWED, |one| &one.name)
            .await
    }

    async fn take(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        deed: &Deed,
    ) -> Result<Entered<DataRequest>, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF c, q");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let row = StoredRequest::read(&row)?;
        let held = Held {
            customer: row.customer,
            clearance: call.context.clearance(row.matched, call.now),
            key: self.sealer.open_key(row.customer, &row.wrapped).await?,
        };
        let claim = wanted.claim.as_ref();
        if let Some(before) = Entered::before(connection, &self.sealer, claim, &held).await? {
            return Ok(before);
        }
        ensure_cleared(ClassSet::of(DataRequest::CLASSES), &held.clearance)?;
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let (step, act) = deed.step();
        let state = after(row.kind(), row.state(), step)?;
        self.ensure_may(connection, call, &row, &held, deed).await?;
        let everything = ClassSet::of(DataRequest::CLASSES);
        let (opened, _) =
            self.sealer
                .open::<DataRequest>(&held.key, row.id, &row.sealed, everything)?;
        let mut request = row.with_columns(opened);
        let proposer = deed.apply(call, &mut request);
        let over = matches!(
            state,
            DataRequestState::Fulfilled | DataRequestState::Refused
        );
        request.state = state.into();
        request.close_time = over.then(|| to_proto(call.now));
        request.etag = etag(row.revision + 1);
        let standing = Standing {
            state,
            assignee: match deed {
                Deed::Assign(assignee) => Some(*assignee),
                _ => row.assignee,
            },
            proposer: match deed {
                Deed::Assign(_) => row.proposer,
                _ => proposer,
            },
            closed_at: over.then_some(call.now),
            sealed: &self.sealer.seal(&held.key, row.id, &request)?,
        };
        data_requests::update(connection, (row.id, row.revision), &standing).await?;
        let entry = changed(call, &request, row.customer, act, row.revision + 1);
        let position = kefu_journal::append(connection, &[entry]).await?;
        let kept = (&self.sealer, claim, &held);
        Entered::now(connection, call, kept, (row.id, request), position).await
    }

    /// Two people refuse, and what is said to be corrected or copied was.
    async fn ensure_may(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredRequest,
        held: &Held,
        deed: &Deed,
    ) -> Result<(), Fault> {
        match deed {
            Deed::Decide(_) if row.proposer == Some(call.context.subject.id) => {
                Err(Fault::new(Reason::NotTheCallersTurn)
                    .with("rule", "who proposed a refusal does not decide on it"))
            }
            Deed::Fulfil { revision, .. } if row.kind() == DataRequestKind::Correction => {
                self.ensure_corrected(connection, row, held, *revision)
                    .await
            }
            Deed::Fulfil { revision, .. } if *revision != 0 => {
                Err(wrong_revision(Violation::NotApplicable))
            }
            Deed::Fulfil { .. } if row.asks_for_a_copy() => {
                if data_requests::was_copied(connection, row).await? {
                    return Ok(());
                }
                Err(Fault::new(Reason::StateNotAllowed).with("rule", "the copy is made first"))
            }
            _ => Ok(()),
        }
    }

    /// The revision is a change whose reason names the request.
    async fn ensure_corrected(
        &self,
        connection: &mut PgConnection,
        row: &StoredRequest,
        held: &Held,
        revision: i64,
    ) -> Result<(), Fault> {
        if revision == 0 {
            return Err(wrong_revision(Violation::Required));
        }
        let sealed = revisions::sealed(connection, row.customer, revision).await?;
        let sealed = sealed.ok_or_else(|| wrong_revision(Violation::Unknown))?;
        let everything = ClassSet::of(Customer::CLASSES);
        let (file, _) =
            self.files
                .open::<Customer>(&held.key, row.customer, &sealed, everything)?;
        if file.change_reason.contains(&name("data-requests", row.id)) {
            Ok(())
        } else {
            Err(wrong_revision(Violation::NotApplicable))
        }
    }
}

fn wrong_revision(what: Violation) -> Fault {
    Fault::fields(vec![("customer_revision".to_owned(), what)])
}
