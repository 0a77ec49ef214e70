use kefu_contracts::ticket::{GetTicketRequest, Ticket};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};
use uuid::Uuid;

use super::{
    Tickets,
    details::{AsOf, Details, details},
};
use crate::store::records::{RECORD, StoredTicket};

impl Tickets {
    /// Clause CC-2.4.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetTicketRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, "tickets");
        fields.finish()?;
        let Some((row, details)) = self.find(&call, id.unwrap_or_default()).await? else {
            let fault = Fault::not_found(&request.name);
            return Err(self
                .core
                .views
                .refuse(&call, "ticket.refused", &request.name, fault)
                .await);
        };
        let (ticket, shown) = self.present(&call, &row, Some(details)).await?;
        self.core
            .views
            .record(&call, "ticket.viewed", &[shown])
            .await?;
        Ok(Answer::read(ticket))
    }

    /// The row with this key within the call's scope, and its details.
    async fn find(&self, call: &Call, id: Uuid) -> Result<Option<(StoredTicket, Details)>, Fault> {
        let (call, mut query) = (call.clone(), RECORD.get(call, id));
        self.core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let Some(row) = query.build().fetch_optional(&mut *connection).await? else {
                        return Ok(None);
                    };
                    let row = StoredTicket::read(&row)?;
                    let cleared = call.context.clearance(row.matched, call.now).classes;
                    let at = AsOf::Now(row.revision);
                    let details = details(connection, &call, row.id, at, cleared).await?;
                    Ok(Some((row, details)))
                })
            })
            .await
    }
}
