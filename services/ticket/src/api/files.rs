use kefu_service::{
    call::Call,
    error::Fault,
    files::{File, Files},
};
use sqlx::{Postgres, QueryBuilder};

use super::{
    Tickets,
    details::{AsOf, details},
};
use crate::store::records::StoredTicket;

#[tonic::async_trait]
impl Files for Tickets {
    const TYPE: &'static str = "kefu.ticket.v1.Ticket";
    const VIEWED: &'static str = "ticket.viewed";

    /// Clause CF-6.3.
    async fn read(
        &self,
        call: &Call,
        mut query: QueryBuilder<Postgres>,
    ) -> Result<Vec<File>, Fault> {
        let reader = call.clone();
        let rows = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for row in query.build().fetch_all(&mut *connection).await? {
                        let row = StoredTicket::read(&row)?;
                        let cleared = reader.context.clearance(row.matched, reader.now).classes;
                        let at = AsOf::Now(row.revision);
                        let details = details(connection, &reader, row.id, at, cleared).await?;
                        found.push((row, details));
                    }
                    Ok(found)
                })
            })
            .await?;
        let mut files = Vec::with_capacity(rows.len());
        for (row, details) in rows {
            let (ticket, shown) = self.present(call, &row, Some(details)).await?;
            files.push(File::new(row.id, &ticket, shown));
        }
        Ok(files)
    }
}
