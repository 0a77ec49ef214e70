//! Agreements signed and trainings passed (CF-8.1, OP-4.1).

use jiff::Timestamp;
use kefu_contracts::access::{
    self as wire, ListQualificationsRequest, ListQualificationsResponse, QualificationKind,
    RecordAgreementRequest, RecordTrainingRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
    idempotency::Claim,
    present::Shown,
};
use uuid::Uuid;

use super::{
    Register, VIEWED, clearance, messages, missing,
    write::{Done, claim},
};
use crate::{
    domain::{
        qualification::{MOST_EVIDENCE, QUALIFICATIONS, Qualification, counts, without},
        register::{EMPLOYEES, Employee},
    },
    error::RegisterError,
    store::{
        changes::{Record, Revision},
        employee, qualification,
    },
};

/// Every agreement and training of one employee.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListQualificationsRequest,
) -> Result<Answer<ListQualificationsResponse>, Fault> {
    let (employee, clearance) = register
        .employee(&call, "employee", &request.employee)
        .await?;
    let qualifications = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(qualification::of(connection, employee.id)))
        .await?;
    let shown: Vec<Shown> = qualifications
        .iter()
        .map(|one| Shown {
            resource: fields::name(QUALIFICATIONS, one.id),
            customer_id: None,
            clearance: clearance.clone(),
        })
        .collect();
    register.core.views.record(&call, VIEWED, &shown).await?;
    let qualifications = qualifications.iter().map(messages::qualification).collect();
    Ok(Answer::read(ListQualificationsResponse { qualifications }))
}

/// What is recorded, under which name the request carries it.
#[derive(Clone)]
struct Wanted {
    kind: QualificationKind,
    field: &'static str,
    body: Option<wire::Qualification>,
    request_id: String,
}

/// A confidentiality agreement was signed.
pub(super) async fn agreement(
    register: &Register,
    call: Call,
    request: RecordAgreementRequest,
) -> Result<Answer<wire::Qualification>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        kind: QualificationKind::Agreement,
        field: "agreement",
        body: request.agreement,
        request_id: request.request_id,
    };
    record(register, call, claim, wanted).await
}

/// A training was passed.
pub(super) async fn training(
    register: &Register,
    call: Call,
    request: RecordTrainingRequest,
) -> Result<Answer<wire::Qualification>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        kind: QualificationKind::Training,
        field: "training",
        body: request.training,
        request_id: request.request_id,
    };
    record(register, call, claim, wanted).await
}

async fn record(
    register: &Register,
    call: Call,
    claim: Option<Claim>,
    wanted: Wanted,
) -> Result<Answer<wire::Qualification>, Fault> {
    let id = register.core.deps.ids.next()?;
    register
        .change(call, claim, wanted, move |revision, asking| {
            Box::pin(add(revision, &asking.call, id, &asking.request))
        })
        .await
}

async fn add(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    wanted: &Wanted,
) -> Result<Done<wire::Qualification>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&wanted.request_id);
    let Some(body) = &wanted.body else {
        return Err(missing(fields, wanted.field));
    };
    let new = read(&mut fields, call, id, wanted, body);
    let found = employee::get(revision.connection, new.employee).await?;
    let found = found.filter(|one| {
        !one.system_account && clearance(call, one.department, Some(one.id)).is_some()
    });
    let named = !new.employee.is_nil();
    fields.ensure(
        found.is_some() || !named,
        format_args!("{}.employee", wanted.field),
        Violation::Unknown,
    );
    fields.finish()?;
    let mut employee = found.ok_or_else(|| RegisterError::NotFound(body.employee.clone()))?;

    qualify(revision, call, &mut employee, &new).await?;
    let body = messages::qualification(&new);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: match new.kind {
            QualificationKind::Training => "training.recorded",
            _ => "agreement.recorded",
        },
    })
}

/// Keeps what was signed or passed; from then on it says until when its holder is qualified, unless
/// a later one does.
pub(super) async fn qualify(
    revision: &mut Revision<'_>,
    call: &Call,
    employee: &mut Employee,
    new: &Qualification,
) -> Result<(), Fault> {
    let recorded = qualification::of(revision.connection, employee.id).await?;
    qualification::insert(revision.connection, new, call.now).await?;
    let record = Record::Qualification(new.id);
    revision.note(&record, None).await?;
    if counts(&recorded, new) {
        let until = Some(new.valid_until);
        holds_until(revision, employee, new.kind, until).await?;
    }
    Ok(())
}

/// Takes back what turned out not to have been passed. Where it said until when its holder is
/// qualified, that is again what it was before: `held_until`, or what was recorded since.
pub(super) async fn withdraw(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    held_until: Option<Timestamp>,
) -> Result<(), Fault> {
    let gone = || Fault::internal("a result of a qualification that is not there");
    let whose = qualification::whose(revision.connection, id).await?;
    let employee = employee::get(revision.connection, whose.ok_or_else(gone)?).await?;
    let mut employee = employee.ok_or_else(gone)?;
    let recorded = qualification::of(revision.connection, employee.id).await?;
    let withdrawn = recorded.iter().find(|one| one.id == id).ok_or_else(gone)?;
    let record = Record::Qualification(id);
    let image = revision.image(&record).await?;
    qualification::withdraw(revision.connection, id, call.now).await?;
    revision.note(&record, image).await?;
    let until = match withdrawn.kind {
        QualificationKind::Training => employee.training_valid_until,
        _ => employee.agreement_valid_until,
    };
    if until == Some(withdrawn.valid_until) {
        let until = without(&recorded, withdrawn, held_until);
        holds_until(revision, &mut employee, withdrawn.kind, until).await?;
    }
    Ok(())
}

async fn holds_until(
    revision: &mut Revision<'_>,
    employee: &mut Employee,
    kind: QualificationKind,
    until: Option<Timestamp>,
) -> Result<(), Fault> {
    let record = Record::Employee(employee.id);
    let image = revision.image(&record).await?;
    match kind {
        QualificationKind::Training => employee.training_valid_until = until,
        _ => employee.agreement_valid_until = until,
    }
    employee.revision += 1;
    employee::update(revision.connection, employee).await?;
    revision.note(&record, image).await
}

fn read(
    fields: &mut Fields,
    call: &Call,
    id: Uuid,
    wanted: &Wanted,
    body: &wire::Qualification,
) -> Qualification {
    let path = |name: &str| format!("{}.{name}", wanted.field);
    let employee = fields.name(path("employee"), &body.employee, EMPLOYEES);
    let obtained_at = fields
        .past(path("obtain_time"), body.obtain_time.as_ref(), call.now)
        .unwrap_or(call.now);
    if body.valid_until.is_none() {
        fields.refuse(path("valid_until"), Violation::Required);
    }
    let valid_until = fields.time(path("valid_until"), body.valid_until.as_ref());
    fields.ensure(
        valid_until.is_none_or(|end| end > obtained_at),
        path("valid_until"),
        Violation::Contradiction,
    );
    fields.required_text(path("evidence"), &body.evidence, MOST_EVIDENCE);
    Qualification {
        id,
        employee: employee.unwrap_or_default(),
        kind: wanted.kind,
        obtained_at,
        valid_until: valid_until.unwrap_or(obtained_at),
        evidence: body.evidence.clone(),
        withdrawn_at: None,
    }
}
