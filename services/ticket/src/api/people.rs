//! Whether the people whom a command names may see the ticket, and work on what becomes theirs
//! (SG-2.2). Asked before the change: it never waits for another service.

use kefu_access::Purpose;
use kefu_service::{
    call::Call,
    entitlements::{self, Asked},
    error::Fault,
    fields::Fields,
};
use uuid::Uuid;

use super::{Tickets, commands::Wanted};
use crate::{
    domain::action::Action,
    store::records::{RECORD, StoredTicket},
};

/// For what people work on tickets.
const WORK: &[Purpose] = &[Purpose::Service, Purpose::Complaint];

impl Tickets {
    /// Refuses who may not; what else is wrong with the command is told by the change, which
    /// is decided upon the same revision.
    pub(super) async fn ensure_entitled(&self, call: &Call, wanted: &Wanted) -> Result<(), Fault> {
        let (people, given): (&[Uuid], bool) = match &wanted.action {
            // What a system brings has happened.
            Action::Assign(_) if wanted.told.is_some() => return Ok(()),
            Action::Assign(employee) => (std::slice::from_ref(employee), true),
            Action::Reply(note) => (&note.said.mentions, false),
            _ => return Ok(()),
        };
        if people.is_empty() {
            return Ok(());
        }
        let row = self.core.deps.db.row(RECORD.get(call, wanted.id)).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let Some(row) = row.filter(|row| wanted.revision.is_none_or(|at| at == row.revision))
        else {
            return Ok(());
        };
        let (permissions, purposes): (&[&str], _) = match given {
            true => (&["ticket.tickets.get", "ticket.tickets.work"], WORK),
            false => (&["ticket.tickets.get"], &[][..]),
        };
        let asked = Asked {
            subjects: people,
            permissions,
            purposes,
            row: row.facts(),
            as_theirs: given,
        };
        let wrong = entitlements::ask(self.people.clone(), &asked).await?;
        let mut fields = Fields::new();
        for (at, wrong) in wrong.into_iter().enumerate() {
            match (wrong, given) {
                (None, _) => {}
                (Some(wrong), true) => fields.refuse("assignee", wrong),
                (Some(wrong), false) => fields.refuse(format_args!("mentions[{at}]"), wrong),
            }
        }
        fields.finish()
    }
}
