//! Somebody told the customer, or could not.

use kefu_contracts::{
    common::{Channel, Reason},
    journal::EntryKind,
    policy::DataClass,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Act, Change, LONGEST_TEXT, Outbox, Outcome, State, Stored};
use crate::{
    call::{Answer, Call},
    connector::LONGEST_REFERENCE,
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    written::Written,
};

/// What a request says of a notice.
pub struct Said<'a> {
    /// Of the notice.
    pub name: &'a str,
    /// As it was read.
    pub etag: &'a str,
    /// UUID, or empty.
    pub request_id: &'a str,
    /// How, or why not.
    pub note: &'a str,
    /// By which it was sent, and by what that is found again; `None`: the customer cannot be told.
    pub sent: Option<(i32, &'a str)>,
}

/// The same, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    /// `None`: the customer cannot be told.
    channel: Option<Channel>,
    note: String,
    reference: String,
    claim: Option<Claim>,
}

impl Wanted {
    fn state(&self) -> State {
        match self.channel {
            Some(_) => State::Sent,
            None => State::Failed,
        }
    }
}

/// Keeps what somebody says became of a notice.
///
/// # Errors
/// Every field that is wrong, a notice that is out of scope, or not as it was, or over, and a
/// channel that the customer left out.
pub async fn mark<O: Outbox>(
    outbox: &O,
    call: Call,
    request: &impl Message,
    said: Said<'_>,
) -> Result<Answer<O::Notice>, Fault> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(said.request_id);
    let claim = Claim::of(&call, request_id, request);
    let id = fields.name("name", said.name, O::COLLECTION);
    let revision = fields.etag("etag", said.etag);
    let channel = said
        .sent
        .map(|(channel, _)| fields.required_enum::<Channel>("channel", channel));
    fields.required_text("note", said.note, LONGEST_TEXT);
    let reference = said.sent.map_or("", |(_, reference)| reference);
    fields.text("reference", reference, LONGEST_REFERENCE);
    fields.finish()?;
    let wanted = Wanted {
        id: id.unwrap_or_default(),
        name: said.name.to_owned(),
        revision: revision.unwrap_or_default(),
        channel: channel.map(Option::unwrap_or_default),
        note: said.note.to_owned(),
        reference: reference.to_owned(),
        claim,
    };
    let (core, resource) = (outbox.core(), wanted.name.clone());
    let (writing, at) = ((outbox.clone(), wanted), call.clone());
    let outcome = core
        .deps
        .db
        .transaction(move |connection| {
            let ((outbox, wanted), call) = (writing.clone(), at.clone());
            Box::pin(async move { write(connection, &outbox, &call, &wanted).await })
        })
        .await;
    let (views, refused) = (&core.views, O::NAMES.refused);
    let written = views
        .or_not_allowed(&call, refused, &resource, outcome)
        .await;
    let written = written?.disclosed();
    written.into_answer(views, &call, O::NAMES.viewed).await
}

async fn write<O: Outbox>(
    connection: &mut PgConnection,
    outbox: &O,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<O::Notice>, Fault> {
    let mut query = O::RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF n");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(Stored::<O>::read).transpose()?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let clearance = call.context.clearance(row.matched, call.now);
    let sealer = outbox.sealer();
    let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
    if let Some(claim) = &wanted.claim
        && let Some(kept) = idempotency::find(connection, claim).await?
    {
        let notice: O::Notice = sealer.open_answer(&key, row.id, &kept.answer)?;
        let shown = Shown::of_customer(&wanted.name, row.customer_id, clearance);
        return Ok(Written::before(notice, shown, kept.position));
    }
    // Who does not see what is to be told has told nobody.
    if !clearance.classes.contains(DataClass::Service) {
        let class = DataClass::Service.as_str_name();
        return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
    }
    ensure_open(&row, wanted)?;
    let revision = row.revision + 1;
    let mut notice = row.open(sealer, &key)?;
    let [_, note, reference] = O::words_mut(&mut notice);
    note.clone_from(&wanted.note);
    reference.clone_from(&wanted.reference);
    let (state, channel) = (wanted.state(), wanted.channel.unwrap_or_default());
    let outcome = Outcome {
        state,
        at: call.now,
        channel,
        marked_by: &call.caller(),
        sealed: &row.seal(sealer, &key, &notice)?,
    };
    O::ended(&mut notice, &outcome, revision);
    O::end(connection, row.id, &outcome).await?;
    let (act, kind) = match state {
        State::Sent => (Act::Sent, O::NAMES.sent),
        _ => (Act::Failed, O::NAMES.failed),
    };
    let change = Change {
        act,
        state,
        channel,
        revision,
    };
    let (event, resource) = (O::changed(&row, &change), name(O::COLLECTION, row.id));
    let customer = Some(row.customer_id);
    let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    if let Some(claim) = &wanted.claim {
        let kept = Kept {
            resource_id: row.id,
            answer: sealer.seal_answer(&key, row.id, &notice)?,
            position,
        };
        idempotency::keep(connection, call, claim, customer, &kept).await?;
    }
    let shown = Shown::of_customer(&wanted.name, row.customer_id, clearance);
    Ok(Written::now(notice, shown, position))
}

/// Refuses what is not as it was, what is over, and a channel that the customer left out.
fn ensure_open<O: Outbox>(row: &Stored<O>, wanted: &Wanted) -> Result<(), Fault> {
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    if !row.is_open() {
        let (_, state) = O::state(&row.columns);
        return Err(Fault::state(state, "NOTICE_STATE_PENDING"));
    }
    let channels = row.channels();
    let left_out = |channel| !channels.is_empty() && !channels.contains(&channel);
    if wanted.channel.is_some_and(left_out) {
        let violation = ("channel".to_owned(), Violation::Contradiction);
        return Err(Fault::fields(vec![violation]));
    }
    Ok(())
}
