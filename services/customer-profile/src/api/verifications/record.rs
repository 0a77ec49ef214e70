//! What somebody found out is entered.

use kefu_access::{ClassSet, SubjectKind};
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, VerificationRecorded, event},
    policy::DataClass,
    profile::{RecordVerificationRequest, Verification, VerificationCheck},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::Claim,
    present::entry,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Verifications;
use crate::{
    api::{
        on_file::{Entered, OnFile},
        present::ensure_cleared,
    },
    domain::verification::{Finding, classes_of},
    store::{
        revisions,
        verifications::{self, NewRow},
    },
};

/// A result that can be entered, if the caller may.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) finding: Finding,
    /// Of the file that was checked.
    pub(super) revision: i64,
    pub(super) claim: Option<Claim>,
}

impl Verifications {
    /// Clauses SG-1.2, SG-1.3.
    pub(super) async fn record(
        &self,
        call: Call,
        request: RecordVerificationRequest,
    ) -> Result<Answer<Verification>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let by_system = call.context.subject.kind == SubjectKind::SystemAccount;
        let finding = match &request.verification {
            Some(verification) => Finding::read(&mut fields, verification, by_system, call.now),
            None => {
                fields.refuse("verification", Violation::Required);
                None
            }
        };
        let revision = fields.etag("customer_etag", &request.customer_etag);
        fields.finish()?;
        let lost = || Fault::internal("a violation was lost");
        let wanted = Wanted {
            id: self.shelf.core.deps.ids.next()?,
            finding: finding.ok_or_else(lost)?,
            revision: revision.ok_or_else(lost)?,
            claim,
        };
        let resource = name("customers", wanted.finding.customer);
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let db = &self.shelf.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter_found(connection, &call, &wanted).await })
            })
            .await;
        self.shelf.answer(&call, &resource, outcome).await
    }

    async fn enter_found(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Entered<Verification>, Fault> {
        let finding = &wanted.finding;
        let file = OnFile::lock(connection, call, &self.shelf.sealer, finding.customer).await?;
        let claim = wanted.claim.as_ref();
        if let Some(before) =
            Entered::before(connection, &self.shelf.sealer, claim, &file.held).await?
        {
            return Ok(before);
        }
        ensure_cleared(needed(finding.check), &file.held.clearance)?;
        if file.row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(file.row.revision)));
        }
        let is_check = finding.check != VerificationCheck::Confirmation;
        let subject = call.context.subject.id;
        if is_check && revisions::had_a_hand(connection, file.row.id, subject).await? {
            return Err(Fault::new(Reason::NotTheCallersTurn)
                .with("rule", "who entered or changed a file does not verify it"));
        }
        self.enter(connection, call, &file, wanted).await
    }

    /// Enters a result, from wherever it is.
    pub(super) async fn enter(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        file: &OnFile,
        wanted: &Wanted,
    ) -> Result<Entered<Verification>, Fault> {
        let mut verification = verification(call, wanted);
        let row = NewRow {
            id: wanted.id,
            finding: &wanted.finding,
            revision: wanted.revision,
            verifier: &verification.verifier,
            sealed: &self
                .shelf
                .sealer
                .seal(&file.held.key, wanted.id, &verification)?,
            now: call.now,
        };
        verification.stale = verifications::enter(connection, &row).await?;
        let entry = entry(
            call,
            EntryKind::Change,
            "verification.recorded",
            verification.name.clone(),
            Some(file.row.id),
            recorded(wanted, file.row.department_id),
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        let kept = (&self.shelf.sealer, wanted.claim.as_ref(), &file.held);
        Entered::now(connection, call, kept, (wanted.id, verification), position).await
    }
}

/// What has to be cleared for whoever makes the check.
pub(super) fn needed(check: VerificationCheck) -> ClassSet {
    let classes = classes_of(check).iter();
    classes.chain([DataClass::Relation]).collect()
}

fn verification(call: &Call, wanted: &Wanted) -> Verification {
    let found = &wanted.finding;
    Verification {
        name: name("verifications", wanted.id),
        customer: name("customers", found.customer),
        check: found.check.into(),
        method: found.method.into(),
        outcome: found.outcome.into(),
        mismatches: found.mismatches.clone(),
        evidence: found.evidence.clone(),
        note: found.note.clone(),
        confirmed_by: found.confirmed_by.clone(),
        check_time: Some(to_proto(found.checked_at)),
        customer_revision: wanted.revision,
        verifier: call.caller(),
        record_time: Some(to_proto(call.now)),
        stale: false,
        current: true,
        disclosure: None,
    }
}

/// The facts of a result, for the journal.
fn recorded(wanted: &Wanted, department: Uuid) -> event::Event {
    let found = &wanted.finding;
    event::Event::VerificationRecorded(VerificationRecorded {
        verification_id: wanted.id.as_bytes().to_vec(),
        customer_id: found.customer.as_bytes().to_vec(),
        check: found.check.into(),
        method: found.method.into(),
        outcome: found.outcome.into(),
        mismatched_fields: found.mismatched(),
        customer_revision: wanted.revision,
        check_time: Some(to_proto(found.checked_at)),
        department_id: department.as_bytes().to_vec(),
    })
}
