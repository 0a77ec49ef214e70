//! Customer service carries an approved export out.

use std::sync::{Arc, Mutex, PoisonError};

use kefu_contracts::{
    ClassSet,
    access::{
        ApprovalEvent, CarryOutExportRequest, CarryOutExportResponse, ExportEvent, ReceiverKey,
        ShareMode, receiver_key,
    },
    common::Reason,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
};
use uuid::Uuid;

use super::{follow, messages};
use crate::{
    api::{
        Register,
        approvals::{
            Desk, Kind,
            act::opened,
            write::{self, Happened, Wanted},
        },
        write::{Asking, Done, claim},
    },
    domain::{
        approval::{Act, Chart, Refusal, State},
        export::{EXPORTS, Event, State as Stage},
        package::Key,
        register::{EMPLOYEES, Employee},
        share::{MOST_RECEIVERS, SHARES},
    },
    jobs::exports::{LEASE, Packager, Work},
    store::{changes::Revision, chart, employee, export, share::StoredShare},
};

/// Makes the share active, and has the packages made.
pub(super) async fn out(
    register: &Register,
    packager: &Packager,
    call: Call,
    request: CarryOutExportRequest,
) -> Result<Answer<CarryOutExportResponse>, Fault> {
    let claim = claim(&call, &request.request_id, &without_secrets(&request));
    // Filled by the attempt that counts: an answer that was kept starts nothing.
    let begun = Arc::new(Mutex::new(Vec::new()));
    let works = begun.clone();
    let answer = register
        .change(call, claim, request, move |revision, asking| {
            let works = works.clone();
            Box::pin(async move {
                let (done, work) = attempt(revision, asking).await?;
                *works.lock().unwrap_or_else(PoisonError::into_inner) = work;
                Ok(done)
            })
        })
        .await?;
    let works = std::mem::take(&mut *begun.lock().unwrap_or_else(PoisonError::into_inner));
    for work in works {
        packager.start(work);
    }
    Ok(answer)
}

/// The request as it may be remembered: not even a digest of a passphrase is kept.
fn without_secrets(request: &CarryOutExportRequest) -> CarryOutExportRequest {
    let mut request = request.clone();
    for key in &mut request.keys {
        if let Some(receiver_key::Key::Passphrase(secret)) = &mut key.key {
            secret.clear();
        }
    }
    request
}

async fn attempt(
    revision: &mut Revision<'_>,
    asking: &Asking<CarryOutExportRequest>,
) -> Result<(Done<CarryOutExportResponse>, Vec<Work>), Fault> {
    let Asking {
        register,
        call,
        request,
    } = asking;
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("share", &request.share, SHARES);
    let keys = read_keys(&mut fields, &request.keys);
    fields.finish()?;
    let id = id.unwrap_or_default();
    let chart = chart::at(revision.connection, call.now).await?;
    let desk = register.desk::<StoredShare>(&chart, call.now);
    let wanted = Wanted { id, etag: None };
    let (stored, mut case) = opened::<StoredShare>(revision, call, &desk, &wanted).await?;
    if stored.share.mode != ShareMode::Export {
        let field = ("share".to_owned(), Violation::Contradiction);
        return Err(Fault::fields(vec![field]));
    }
    serves(revision, call, &desk).await?;
    let carrier = call.context.subject.id;
    let first = case.state != State::Active;
    if first {
        let act = case.act(carrier, Act::CarryOut, desk.flow, desk.chart, desk.now);
        act.map_err(write::refused)?;
    }
    case.ensure_carrier(carrier).map_err(write::refused)?;
    if first {
        stored.save(revision, &desk, &case).await?;
    }
    let mut works = Vec::new();
    for (receiver, key) in keys {
        let asked = Carried {
            call,
            chart: &chart,
            share: id,
            receiver,
        };
        works.push(one(revision, register, &asked, key).await?);
    }
    let ids: Vec<Uuid> = works.iter().map(|work| work.id).collect();
    let exports = export::list(revision.connection, &ids).await?;
    let body = CarryOutExportResponse {
        exports: exports
            .iter()
            .map(|one| messages::export(one, &desk.flow.export))
            .collect(),
    };
    let done = if first {
        let happened = Happened::plain(ApprovalEvent::Activated);
        let done = write::done::<StoredShare>(revision, call, &desk, id, happened).await?;
        Done {
            body,
            id,
            resource: done.resource,
            kind: done.kind,
        }
    } else {
        let event = ExportEvent::CarriedOut;
        let last = exports.last().ok_or_else(|| Fault::internal("no keys"))?;
        revision.tell(follow::changed(last, event, &[]));
        Done {
            body,
            id,
            resource: fields::name(EXPORTS, last.id),
            kind: follow::kind(event),
        }
    };
    Ok((done, works))
}

fn read_keys(fields: &mut Fields, keys: &[ReceiverKey]) -> Vec<(Uuid, Key)> {
    fields.ensure(!keys.is_empty(), "keys", Violation::Required);
    if keys.len() > MOST_RECEIVERS {
        fields.refuse("keys", Violation::TooMany(MOST_RECEIVERS));
        return Vec::new();
    }
    let mut all: Vec<(Uuid, Key)> = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let receiver = fields.name(format!("keys[{place}].receiver"), &key.receiver, EMPLOYEES);
        let read = match &key.key {
            Some(receiver_key::Key::Recipient(text)) => ("recipient", Key::recipient(text)),
            Some(receiver_key::Key::Passphrase(text)) => ("passphrase", Key::passphrase(text)),
            None => ("key", None),
        };
        let violation = match &key.key {
            None => Violation::Required,
            Some(_) => Violation::UnknownValue,
        };
        let (field, read) = read;
        fields.ensure(read.is_some(), format!("keys[{place}].{field}"), violation);
        if let Some((receiver, read)) = receiver.zip(read) {
            let again = all.iter().any(|(other, _)| *other == receiver);
            let field = format!("keys[{place}].receiver");
            fields.ensure(!again, field, Violation::Duplicate);
            all.push((receiver, read));
        }
    }
    all
}

/// Only customer service carries exports out (CF-6.3).
async fn serves(revision: &mut Revision<'_>, call: &Call, desk: &Desk<'_>) -> Result<(), Fault> {
    let carrier = employee::get(revision.connection, call.context.subject.id).await?;
    let department = carrier.and_then(|one| one.department);
    let serves =
        department.is_some_and(|own| desk.chart.is_within(own, &desk.flow.companion_departments));
    let refusal = || Refusal::NotCustomerService(desk.flow.companion_departments.clone());
    serves
        .then_some(())
        .ok_or_else(|| write::refused(refusal()))
}

/// Whose package, of which share.
struct Carried<'a> {
    call: &'a Call,
    chart: &'a Chart,
    share: Uuid,
    receiver: Uuid,
}

async fn one(
    revision: &mut Revision<'_>,
    register: &Register,
    asked: &Carried<'_>,
    key: Key,
) -> Result<Work, Fault> {
    let rule = &register.flows.share.export;
    let now = asked.call.now;
    let exports = export::lock_of_share(revision.connection, asked.share).await?;
    let own = exports
        .into_iter()
        .find(|one| one.receiver == asked.receiver);
    let unknown = || Fault::fields(vec![("keys.receiver".to_owned(), Violation::Unknown)]);
    let mut own = own
        .filter(|one| asked.chart.present.contains(&one.receiver))
        .ok_or_else(unknown)?;
    let state = own.state.after(Event::CarryOut).ok_or_else(|| {
        let state = own.state.as_str().to_ascii_uppercase();
        Fault::state(&state, Stage::ToCarryOut.to_proto().as_str_name())
    })?;
    let receiver = employee::get(revision.connection, own.receiver).await?;
    let receiver = receiver.ok_or_else(unknown)?;
    ensure_cleared(&receiver, own.classes, now)?;
    let (_, wrapped) = register.core.deps.vault.new_key(own.id).await?;
    own.state = state;
    own.carrier = Some(asked.call.context.subject.id);
    own.recipient = key.public();
    own.key = Some(wrapped);
    own.attempt += 1;
    own.size = 0;
    own.claimed_until = now.saturating_add(LEASE).ok();
    export::update(revision.connection, &own, rule).await?;
    let (actor, event) = (own.carrier, ExportEvent::CarriedOut);
    follow::journal(revision.connection, now, actor, own.id, event, &[]).await?;
    Ok(Work {
        id: own.id,
        attempt: own.attempt,
        key,
    })
}

/// Sensitive classes go to nobody without a valid agreement and training (CF-8.1).
///
/// # Errors
/// Says which rule refused.
pub(super) fn ensure_cleared(
    receiver: &Employee,
    classes: ClassSet,
    now: jiff::Timestamp,
) -> Result<(), Fault> {
    let valid = |until: Option<jiff::Timestamp>| until.is_some_and(|until| now < until);
    let may = valid(receiver.agreement_valid_until) && valid(receiver.training_valid_until);
    if may || classes.intersection(ClassSet::SENSITIVE).is_empty() {
        return Ok(());
    }
    Err(Fault::new(Reason::NotTheCallersTurn)
        .with(
            "rule",
            "sensitive data needs the receiver's valid confidentiality agreement and training",
        )
        .with("receiver", receiver.name()))
}
