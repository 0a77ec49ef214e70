//! The company's connector makes a check. That the file's data goes to it is journaled
//! before it does; what comes of it, also nothing, is a result.

use kefu_contracts::{
    ClassSet, Resource,
    common::Reason,
    journal::{EntryKind, VerificationAsked, event},
    profile::{
        Customer, Mismatch, RunVerificationRequest, Verification, VerificationCheck,
        VerificationMethod, VerificationOutcome,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::Claim,
    present::entry,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    KIND, Verifications,
    record::{Wanted, needed},
};
use crate::{
    api::{
        on_file::{Entered, OnFile},
        present::ensure_cleared,
    },
    domain::verification::{Finding, MOST_EVIDENCE, can_be_asked, classes_of},
    ports::{Answered, Question, Unanswered},
};

/// A check that can be asked for, if the caller may.
#[derive(Clone)]
struct Asking {
    id: Uuid,
    customer: Uuid,
    check: VerificationCheck,
    evidence: String,
    claim: Option<Claim>,
}

/// What is to be asked, or what was answered to this request before.
enum Ready {
    Ask {
        question: Box<Question>,
        revision: i64,
    },
    Before(Box<Entered<Verification>>),
}

impl Verifications {
    /// Clause SG-1.2.
    pub(super) async fn run(
        &self,
        call: Call,
        request: RunVerificationRequest,
    ) -> Result<Answer<Verification>, Fault> {
        let asking = self.read(&call, &request)?;
        let port = self.ports.of(asking.check).ok_or_else(|| {
            Fault::new(Reason::NoConnector).with("check", asking.check.as_str_name())
        })?;
        let resource = name("customers", asking.customer);
        let db = &self.shelf.core.deps.db;
        let (service, writing) = (self.clone(), (call.clone(), asking.clone()));
        let ready = db
            .transaction(move |connection| {
                let (service, (call, asking)) = (service.clone(), writing.clone());
                Box::pin(async move { service.prepare(connection, &call, &asking).await })
            })
            .await;
        let ready = self
            .shelf
            .core
            .views
            .or_refused(&call, KIND.refused, &resource, ready)
            .await?;
        let (question, revision) = match ready {
            Ready::Ask { question, revision } => (question, revision),
            Ready::Before(before) => {
                return self.shelf.answer(&call, &resource, Ok(*before)).await;
            }
        };
        let answered = port.ask(&question).await;
        let wanted = Wanted {
            id: asking.id,
            finding: finding(&call, &asking, answered),
            revision,
            claim: asking.claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.enter_answer(connection, &call, &wanted).await })
            })
            .await;
        self.shelf.answer(&call, &resource, outcome).await
    }

    fn read(&self, call: &Call, request: &RunVerificationRequest) -> Result<Asking, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let customer = fields.name("customer", &request.customer, "customers");
        let check = fields.required_enum("check", request.check);
        match check {
            Some(VerificationCheck::Document) => {
                fields.required_text("evidence", &request.evidence, MOST_EVIDENCE);
            }
            Some(VerificationCheck::Confirmation) => {
                fields.refuse("check", Violation::NotApplicable);
            }
            _ => {
                let none = request.evidence.is_empty();
                fields.ensure(none, "evidence", Violation::NotApplicable);
            }
        }
        fields.finish()?;
        let lost = || Fault::internal("a violation was lost");
        Ok(Asking {
            id: self.shelf.core.deps.ids.next()?,
            customer: customer.ok_or_else(lost)?,
            check: check.ok_or_else(lost)?,
            evidence: request.evidence.clone(),
            claim: Claim::of(call, request_id, request),
        })
    }

    async fn prepare(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        asking: &Asking,
    ) -> Result<Ready, Fault> {
        let file = OnFile::lock(connection, call, &self.shelf.sealer, asking.customer).await?;
        let claim = asking.claim.as_ref();
        if let Some(before) =
            Entered::before(connection, &self.shelf.sealer, claim, &file.held).await?
        {
            return Ok(Ready::Before(Box::new(before)));
        }
        let check = asking.check;
        ensure_cleared(needed(check), &file.held.clearance)?;
        let everything = ClassSet::of(Customer::CLASSES);
        let row = &file.row;
        let (opened, _) =
            self.files
                .open::<Customer>(&file.held.key, row.id, &row.sealed, everything)?;
        let customer = row.with_columns(opened);
        if !can_be_asked(check, &customer) {
            let nothing = ("check".to_owned(), Violation::NotApplicable);
            return Err(Fault::fields(vec![nothing]));
        }
        let asked = VerificationAsked {
            verification_id: asking.id.as_bytes().to_vec(),
            customer_id: row.id.as_bytes().to_vec(),
            check: check.into(),
            classes: classes_of(check).to_numbers(),
            customer_revision: row.revision,
        };
        let entry = entry(
            call,
            EntryKind::Change,
            "verification.asked",
            name("verifications", asking.id),
            Some(row.id),
            event::Event::VerificationAsked(asked),
        );
        kefu_journal::append(connection, &[entry]).await?;
        Ok(Ready::Ask {
            question: Box::new(Question::new(
                asking.id,
                check,
                asking.evidence.clone(),
                &customer,
            )),
            revision: row.revision,
        })
    }

    async fn enter_answer(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Entered<Verification>, Fault> {
        let customer = wanted.finding.customer;
        let file = OnFile::lock(connection, call, &self.shelf.sealer, customer).await?;
        // The same request may have been answered meanwhile.
        let claim = wanted.claim.as_ref();
        match Entered::before(connection, &self.shelf.sealer, claim, &file.held).await? {
            Some(before) => Ok(before),
            None => self.enter(connection, call, &file, wanted).await,
        }
    }
}

fn finding(call: &Call, asking: &Asking, answered: Result<Answered, Unanswered>) -> Finding {
    let (answered, note) = match answered {
        Ok(answered) => (answered, String::new()),
        Err(why) => {
            let nothing = Answered {
                outcome: VerificationOutcome::CouldNotBeDone,
                mismatched: Vec::new(),
                reference: String::new(),
            };
            (nothing, why.note().to_owned())
        }
    };
    let mismatches = answered.mismatched.into_iter().map(|field| Mismatch {
        field,
        text: String::new(),
    });
    Finding {
        customer: asking.customer,
        check: asking.check,
        method: VerificationMethod::Connector,
        outcome: answered.outcome,
        mismatches: mismatches.collect(),
        evidence: answered.reference,
        note,
        confirmed_by: String::new(),
        checked_at: call.now,
    }
}
