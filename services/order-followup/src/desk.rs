//! Opens and closes follow-ups for whatever needs one, in the transaction of what they are
//! about: an order that is late, a case that waits, a visit that is due.

use jiff::Timestamp;
use kefu_access::SubjectKind;
use kefu_contracts::{
    ClassSet, Resource,
    journal::{EntryKind, FollowUpChanged, event},
    order::{FollowUp, FollowUpKind, FollowUpState},
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call, core::Core, error::Fault, fields::name, ids::Ids, present::entry, sealed::Sealer,
    time::to_proto,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    config::OrderFollowupConfig,
    domain::follow_up::{Escalation, Standing},
    store::{
        customers,
        follow_ups::{self, Change, FOLLOW_UPS, NewRow, StoredFollowUp},
    },
};

/// On whose behalf something is opened or closed.
pub(crate) enum By<'a> {
    /// Of whoever calls.
    Call(&'a Call),
    /// Nobody's: time did it, or what was read in another journal.
    Itself { now: Timestamp, request: Uuid },
}

/// What is to be opened.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: FollowUpKind,
    /// Names the occasion: under the same cause one is opened once, ever. `late:{order}:{stage}`
    pub(crate) cause: String,
    pub(crate) customer: Uuid,
    /// Resource name of what it is about; empty: the customer.
    pub(crate) subject: &'a str,
    pub(crate) department: Uuid,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    /// What is to be done, in words.
    pub(crate) reason: String,
}

/// Where follow-ups are opened and closed.
#[derive(Clone)]
pub(crate) struct Desk {
    ids: Ids,
    sealer: Sealer,
    escalation: Escalation,
}

impl Desk {
    pub(crate) fn new(core: &Core, config: &OrderFollowupConfig) -> Self {
        Self {
            ids: core.deps.ids.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "orders.follow_up"),
            escalation: Escalation::after_hours(&config.escalate_after_hours),
        }
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(crate) fn escalation(&self) -> &Escalation {
        &self.escalation
    }

    /// Opens one, and tells what the caller has to journal with what it is about; none where
    /// it was opened before, or nothing is left of the customer.
    pub(crate) async fn open(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Option<Entry>, Fault> {
        let id = self.ids.next()?;
        let opened = self.open_as(connection, by, id, wanted).await?;
        Ok(opened.map(|(entry, _)| entry))
    }

    /// The same under this id; the record itself as well.
    pub(crate) async fn open_as(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        id: Uuid,
        wanted: Wanted<'_>,
    ) -> Result<Option<(Entry, FollowUp)>, Fault> {
        // Held until the transaction ends, so that nothing is left behind of who is destroyed.
        if !customers::is_known(connection, wanted.customer).await? {
            return Ok(None);
        }
        let now = by.now();
        let (key, _) = self.sealer.key(connection, wanted.customer, now).await?;
        let words = FollowUp {
            reason: wanted.reason,
            ..FollowUp::default()
        };
        let standing = Standing {
            kind: wanted.kind,
            state: FollowUpState::Open,
            assignee: wanted.assignee,
            due_at: wanted.due_at,
        };
        let new = NewRow {
            id,
            cause: &wanted.cause,
            customer_id: wanted.customer,
            subject: wanted.subject,
            department_id: wanted.department,
            standing,
            escalates_at: self.escalation.next(wanted.due_at, 0),
            sealed: &self.sealer.seal(&key, id, &words)?,
            now,
        };
        if !follow_ups::insert(connection, &new).await? {
            return Ok(None);
        }
        let row = follow_ups::lock(connection, id).await?;
        let row = row.ok_or_else(|| Fault::internal("a follow-up that was not kept"))?;
        let entry = by.entry("follow_up.opened", &row, changed(&row, standing, 0, 1));
        Ok(Some((entry, row.with_opened(words))))
    }

    /// Closes the open ones of this kind about this: `Done` by whoever calls, or `Settled`.
    /// What the caller has to journal with it.
    pub(crate) async fn close(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        subject: &str,
        kind: FollowUpKind,
        how: FollowUpState,
        outcome: &str,
    ) -> Result<Vec<Entry>, Fault> {
        let open = follow_ups::open_about(connection, subject, kind).await?;
        let mut entries = Vec::with_capacity(open.len());
        for row in &open {
            let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
            let mut words = self.open_words(&key, row)?;
            outcome.clone_into(&mut words.outcome);
            let standing = Standing {
                state: how,
                ..row.standing
            };
            let change = Change {
                id: row.id,
                standing,
                postponements: row.postponements,
                escalation: row.escalation,
                escalates_at: None,
                sealed: &self.seal_words(&key, row.id, &words)?,
                closer: by.who().filter(|_| how == FollowUpState::Done),
                now: by.now(),
            };
            follow_ups::update(connection, &change).await?;
            let event = changed(row, standing, row.escalation, row.revision + 1);
            let kind = match how {
                FollowUpState::Settled => "follow_up.settled",
                _ => "follow_up.completed",
            };
            entries.push(by.entry(kind, row, event));
        }
        Ok(entries)
    }

    /// What was written of one, whole: for sealing again, never for an answer.
    pub(crate) fn open_words(
        &self,
        key: &CustomerKey,
        row: &StoredFollowUp,
    ) -> Result<FollowUp, Fault> {
        let everything = ClassSet::of(FollowUp::CLASSES);
        let (opened, _) = self.sealer.open(key, row.id, &row.sealed, everything)?;
        Ok(opened)
    }

    pub(crate) fn seal_words(
        &self,
        key: &CustomerKey,
        id: Uuid,
        words: &FollowUp,
    ) -> Result<Vec<u8>, Fault> {
        let words = FollowUp {
            reason: words.reason.clone(),
            outcome: words.outcome.clone(),
            ..FollowUp::default()
        };
        self.sealer.seal(key, id, &words)
    }
}

impl By<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Call(call) => call.now,
            Self::Itself { now, .. } => *now,
        }
    }

    /// Who, and whether that is a system.
    pub(crate) fn who(&self) -> Option<(Uuid, bool)> {
        let Self::Call(call) = self else { return None };
        let subject = &call.context.subject;
        Some((subject.id, subject.kind == SubjectKind::SystemAccount))
    }

    /// An entry about a follow-up.
    pub(crate) fn entry(
        &self,
        kind: &'static str,
        row: &StoredFollowUp,
        event: event::Event,
    ) -> Entry {
        self.fact(kind, name(FOLLOW_UPS, row.id), Some(row.customer_id), event)
    }

    /// What the journal says of anything else that happens with it.
    pub(crate) fn fact(
        &self,
        kind: &'static str,
        resource: String,
        customer: Option<Uuid>,
        event: event::Event,
    ) -> Entry {
        match self {
            Self::Call(call) => entry(call, EntryKind::Change, kind, resource, customer, event),
            Self::Itself { now, request } => {
                Entry::by_itself(*now, request.to_string(), kind, resource, customer, event)
            }
        }
    }
}

/// One as a change leaves it, for the journal.
pub(crate) fn changed(
    row: &StoredFollowUp,
    standing: Standing,
    escalation: i16,
    revision: i64,
) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    event::Event::FollowUpChanged(FollowUpChanged {
        follow_up_id: bytes(row.id),
        customer_id: bytes(row.customer_id),
        department_id: bytes(row.department_id),
        assignee_id: standing.assignee.map(bytes).unwrap_or_default(),
        kind: standing.kind.into(),
        state: standing.state.into(),
        subject: row.subject().to_owned(),
        due_at: Some(to_proto(standing.due_at)),
        escalation: escalation.into(),
        revision,
    })
}
