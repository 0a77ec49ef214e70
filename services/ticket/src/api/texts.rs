//! What tickets are found by, of what is opened for that alone.

use kefu_contracts::{ClassSet, policy::DataClass, ticket::Ticket};
use kefu_service::error::Fault;
use kefu_vault::{IndexKey, TextMarks};
use sqlx::PgConnection;

use super::Tickets;
use crate::store::{
    messages,
    texts::{self, Own, Part, ToMark},
};

const SERVICE: ClassSet = ClassSet::of(&[DataClass::Service]);

impl Tickets {
    /// The key of the marks.
    pub(super) fn index(&self) -> &IndexKey {
        self.sealer.vault().index_key()
    }

    /// What all that was written of a ticket is found by.
    pub(crate) async fn marks_of(
        &self,
        connection: &mut PgConnection,
        ticket: &ToMark,
    ) -> Result<Vec<(Part, TextMarks)>, Fault> {
        let id = ticket.ticket_id;
        let key = self
            .sealer
            .open_key(ticket.customer_id, &ticket.key())
            .await?;
        let (opened, _) = self
            .sealer
            .open::<Ticket>(&key, id, &ticket.sealed, SERVICE)?;
        let mut marks = Vec::from(Own::of(&opened).marks(self.index()));
        let said = messages::list(connection, id, ticket.revision).await?;
        // What was said elsewhere is found where it was said.
        for stored in said.iter().filter(|one| one.ticket_id == id) {
            let body = self.open_body(&key, stored)?;
            marks.push((Part::Message, texts::message(self.index(), &body)));
        }
        Ok(marks)
    }
}
