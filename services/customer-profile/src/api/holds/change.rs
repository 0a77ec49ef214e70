//! Holds are opened, changed and lifted: the files' rows are locked, so that none is
//! destroyed while it is being held.

use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, HoldChanged, HoldEvent, event},
    profile::{Hold, HoldKind, OpenHoldRequest},
};
use kefu_journal::{Cursor, Entry};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, name},
    idempotency::{self, Claim},
    present::entry,
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Holds, REFUSED, VIEWED, shown};
use crate::{
    api::ask::claim,
    domain::hold::{self, Opening},
    store::{
        holds::{self, By, HOLDS, StoredHold},
        records::FILES,
    },
};

/// A change of a hold that can be made, if the hold allows it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    /// Of the hold it was decided upon.
    pub(super) revision: i64,
    pub(super) deed: Deed,
    pub(super) claim: Option<Claim>,
}

/// What is done to a hold.
#[derive(Clone)]
pub(super) enum Deed {
    /// With these files.
    Open(Opening, Vec<Uuid>),
    Add(Vec<Uuid>),
    Remove(Vec<Uuid>),
    /// For this reason.
    Lift(String),
}

/// A hold as a change left it.
struct Outcome {
    hold: Hold,
    matched: i64,
    position: Cursor,
    /// It was made before.
    replayed: bool,
}

impl Holds {
    /// Clause CF-5.2.
    pub(super) async fn open(
        &self,
        call: Call,
        request: OpenHoldRequest,
    ) -> Result<Answer<Hold>, Fault> {
        let mut fields = Fields::new();
        let claim = claim(&call, &mut fields, &request.request_id, &request);
        let opening = Opening::read(&mut fields, request.hold.as_ref());
        let files = hold::files(&mut fields, &request.customers);
        fields.finish()?;
        let opening = opening.ok_or_else(|| Fault::internal("a violation was lost"))?;
        let wanted = Wanted {
            id: self.0.deps.ids.next()?,
            revision: 1,
            deed: Deed::Open(opening, files),
            claim,
        };
        self.change(call, wanted).await
    }

    /// Makes a change, once for each request id.
    pub(super) async fn change(&self, call: Call, wanted: Wanted) -> Result<Answer<Hold>, Fault> {
        let files = match &wanted.deed {
            Deed::Open(_, files) | Deed::Add(files) => files.as_slice(),
            Deed::Remove(_) | Deed::Lift(_) => &[],
        };
        let ids = files
            .iter()
            .map(|file| Ok((self.0.deps.ids.next()?, *file)));
        let files: Vec<(Uuid, Uuid)> = ids.collect::<Result<_, Fault>>()?;
        let writing = (call.clone(), wanted, files);
        let db = &self.0.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (call, wanted, files) = writing.clone();
                Box::pin(async move { attempt(connection, &call, &wanted, &files).await })
            })
            .await;
        let views = &self.0.views;
        let outcome = match outcome {
            Err(fault) if fault.reason == Reason::NotFoundOrOutOfScope => {
                let named = fault.metadata.iter().find(|(key, _)| *key == "resource");
                let resource = named.map(|(_, name)| name.clone()).unwrap_or_default();
                return Err(views.refuse(&call, REFUSED, &resource, fault).await);
            }
            outcome => outcome?,
        };
        if outcome.replayed {
            let shown = shown(&call, &outcome.hold.name, None, outcome.matched);
            views.record(&call, VIEWED, &[shown]).await?;
        }
        Ok(Answer::written(outcome.hold, outcome.position))
    }
}

async fn attempt(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
    files: &[(Uuid, Uuid)],
) -> Result<Outcome, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<Hold>(connection, claim).await? {
        let matched = reached(connection, call, kept.resource_id).await;
        return Ok(Outcome {
            hold: kept.body,
            matched: matched.map(|hold| hold.matched).unwrap_or_default(),
            position: kept.position,
            replayed: true,
        });
    }
    let by = By {
        actor: Some(call.context.subject.id),
        now: call.now,
    };
    let changed = match &wanted.deed {
        Deed::Open(opening, _) => {
            lock_files(connection, call, files).await?;
            holds::open(connection, wanted.id, opening, None, by).await?;
            holds::add(connection, wanted.id, files, by).await?
        }
        deed => {
            let hold = reached(connection, call, wanted.id).await?;
            if hold.revision != wanted.revision {
                let current = hold.message.etag;
                return Err(Fault::new(Reason::EtagMismatch).with("etag", current));
            }
            hold::ensure_open(hold.message.state(), deed.verb())?;
            let changed = match deed {
                Deed::Add(_) => {
                    lock_files(connection, call, files).await?;
                    holds::add(connection, wanted.id, files, by).await?
                }
                Deed::Remove(customers) => {
                    holds::remove(connection, wanted.id, Some(customers.as_slice()), by).await?
                }
                _ => holds::remove(connection, wanted.id, None, by).await?,
            };
            holds::touch(connection, wanted.id, deed.reason(), by).await?;
            changed
        }
    };
    let after = reached(connection, call, wanted.id).await?;
    let told = |entry: Told| self::told(call, &after, entry);
    let entries: Vec<Entry> = wanted.deed.told(&changed).into_iter().map(told).collect();
    let position = kefu_journal::append(connection, &entries).await?;
    // Holds are the company's own data.
    idempotency::keep_plain(connection, call, claim, wanted.id, &after.message, position).await?;
    Ok(Outcome {
        hold: after.message,
        matched: after.matched,
        position,
        replayed: false,
    })
}

/// The hold within reach, locked.
async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<StoredHold, Fault> {
    let mut query = HOLDS.get(call, id);
    query.push(" FOR UPDATE OF h");
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&name("holds", id)))?;
    StoredHold::read(&row)
}

/// Locks the files against being destroyed; each has to be within reach.
async fn lock_files(
    connection: &mut PgConnection,
    call: &Call,
    files: &[(Uuid, Uuid)],
) -> Result<(), Fault> {
    let wanted: Vec<Uuid> = files.iter().map(|(_, customer)| *customer).collect();
    let mut query = FILES.select(call);
    query
        .push(" AND c.id = ANY(")
        .push_bind(wanted.clone())
        .push(") ORDER BY c.id FOR SHARE OF c");
    let rows = query.build().fetch_all(connection).await?;
    let found: Vec<Uuid> = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?;
    match wanted.iter().find(|one| !found.contains(one)) {
        Some(missing) => Err(Fault::not_found(&name("customers", *missing))),
        None => Ok(()),
    }
}

/// One thing that the journal says: about the hold, or about a file in it.
type Told = (HoldEvent, Option<Uuid>);

impl Deed {
    fn verb(&self) -> &'static str {
        match self {
            Self::Open(..) => "open",
            Self::Add(_) => "add",
            Self::Remove(_) => "remove",
            Self::Lift(_) => "lift",
        }
    }

    /// Why it is lifted, where it is.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Lift(reason) => Some(reason),
            _ => None,
        }
    }

    /// A file after the other, so that each customer's history has its own; the hold
    /// itself first, where something becomes of it.
    fn told(&self, changed: &[Uuid]) -> Vec<Told> {
        let (own, of_files) = match self {
            Self::Open(..) => (Some(HoldEvent::Opened), HoldEvent::FileAdded),
            Self::Add(_) => (None, HoldEvent::FileAdded),
            Self::Remove(_) => (None, HoldEvent::FileRemoved),
            Self::Lift(_) => (Some(HoldEvent::Lifted), HoldEvent::FileRemoved),
        };
        let files = changed.iter().map(|file| (of_files, Some(*file)));
        own.map(|event| (event, None))
            .into_iter()
            .chain(files)
            .collect()
    }
}

fn told(call: &Call, hold: &StoredHold, (what, customer): Told) -> Entry {
    let event = changed(
        hold.id,
        what,
        hold.message.kind(),
        customer,
        None,
        hold.revision,
    );
    let resource = hold.message.name.clone();
    entry(
        call,
        EntryKind::Change,
        journal_type(what),
        resource,
        customer,
        event,
    )
}

/// The facts of a change of a hold, for the journal.
pub(crate) fn changed(
    hold: Uuid,
    what: HoldEvent,
    kind: HoldKind,
    customer: Option<Uuid>,
    ticket: Option<Uuid>,
    revision: i64,
) -> event::Event {
    let bytes = |id: Option<Uuid>| id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    event::Event::HoldChanged(HoldChanged {
        hold_id: hold.as_bytes().to_vec(),
        event: what.into(),
        kind: kind.into(),
        customer_id: bytes(customer),
        ticket_id: bytes(ticket),
        revision,
    })
}

/// Type of the journal entry of this event.
pub(crate) fn journal_type(event: HoldEvent) -> &'static str {
    match event {
        HoldEvent::FileAdded => "hold.file_added",
        HoldEvent::FileRemoved => "hold.file_removed",
        HoldEvent::Lifted => "hold.lifted",
        HoldEvent::Opened | HoldEvent::Unspecified => "hold.opened",
    }
}
