//! Tickets that come out of others: what follows up a closed one, and what was split.

use kefu_contracts::{
    common::Reason,
    ticket::{LinkKind, NoticeRulesVersion, Ticket},
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    written::Written,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Tickets,
    details::{AsOf, details},
    links::linked,
    open::{New, written},
};
use crate::store::{
    customers,
    links::{self, NewLink},
    opening, versions,
};

/// What a ticket is to the one that it comes out of.
pub(super) struct Origin {
    pub(super) kind: LinkKind,
    pub(super) ticket: Uuid,
    pub(super) link_id: Uuid,
}

/// A ticket that was opened, and under which key.
pub(super) struct Successor {
    pub(super) key: CustomerKey,
    written: Written<Ticket>,
}

impl Tickets {
    /// Opens a ticket that is linked to the one it comes out of. `entries` are journaled before
    /// it: its own are the last, where the caller's next reads have to have come.
    pub(super) async fn open_successor(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: &New,
        origin: &Origin,
        mut entries: Vec<Entry>,
    ) -> Result<Successor, Fault> {
        let customer = new.entry.customer;
        if !customers::is_known(connection, customer).await? {
            let violation = ("ticket.customer".to_owned(), Violation::Unknown);
            return Err(Fault::fields(vec![violation]));
        }
        let (key, wrapped) = self.sealer.key(connection, customer, call.now).await?;
        let versions = versions::all(connection).await?;
        let notices: Vec<NoticeRulesVersion> = versions::all(connection).await?;
        let classed = new.classed(&versions, &notices, call.now)?;
        self.rules.put(versions);
        self.notice_rules.put(notices);
        let link = NewLink {
            id: origin.link_id,
            kind: origin.kind,
            from: new.id,
            to: origin.ticket,
            customer,
            author: call.caller(),
            now: call.now,
        };
        links::insert(connection, &link).await?;
        entries.push(linked(call, &link, false));
        kefu_journal::append(connection, &entries).await?;
        let opening = self.sealed(call, new, &classed, &wrapped).await?;
        // Something changed since it was looked at just now: the transaction is tried again.
        let opened = opening::write(connection, &opening)
            .await?
            .ok_or_else(|| Fault::new(Reason::Conflict))?;
        let written = written(call, new, classed.ticket, opened);
        self.tell_received(connection, call, new, (&written.record, &key))
            .await?;
        Ok(Successor { key, written })
    }

    /// The answer about it, with what was said.
    pub(super) async fn answer_successor(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        (id, successor): (Uuid, Successor),
    ) -> Result<Written<Ticket>, Fault> {
        let mut written = successor.written;
        let cleared = written.shown.clearance.classes;
        let details = details(connection, call, id, AsOf::Change(1), cleared).await?;
        self.attach(&successor.key, details, &mut written.record)?;
        Ok(written)
    }
}
