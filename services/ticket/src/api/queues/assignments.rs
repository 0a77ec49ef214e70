use kefu_contracts::ticket::{ListAssignmentsRequest, ListAssignmentsResponse};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    present::Shown,
};

use super::Queues;
use crate::store::{
    assignments,
    records::{RECORD, StoredTicket},
};

impl Queues {
    /// Clause SG-3.
    pub(super) async fn assignments(
        &self,
        call: Call,
        request: ListAssignmentsRequest,
    ) -> Result<Answer<ListAssignmentsResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("parent", &request.parent, "tickets");
        fields.finish()?;
        let mut query = RECORD.get(&call, id.unwrap_or_default());
        let db = &self.core.deps.db;
        let found = db
            .run(move |connection| {
                Box::pin(async move {
                    let Some(row) = query.build().fetch_optional(&mut *connection).await? else {
                        return Ok(None);
                    };
                    let row = StoredTicket::read(&row)?;
                    let assignments = assignments::list(connection, row.id).await?;
                    Ok(Some((row, assignments)))
                })
            })
            .await?;
        let Some((row, assignments)) = found else {
            let fault = Fault::not_found(&request.parent);
            let views = &self.core.views;
            return Err(views
                .refuse(&call, "assignments.refused", &request.parent, fault)
                .await);
        };
        let shown = Shown {
            resource: request.parent,
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        let views = &self.core.views;
        views.record(&call, "assignments.viewed", &[shown]).await?;
        Ok(Answer::read(ListAssignmentsResponse { assignments }))
    }
}
