//! What an inspector has not done is given to others.

use kefu_contracts::{
    journal::{EntryKind, InspectionTaskAct, InspectionTaskChanged, event},
    ticket::{HandOverInspectionTasksRequest, HandOverInspectionTasksResponse},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name, parse_name},
    present::entry,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Inspections, TASK_REFUSED};
use crate::{
    api::queues::ensure_reach,
    domain::inspection::rules::in_force,
    store::{
        inspection_tasks::{self, Released, TASKS},
        versions,
    },
};

impl Inspections {
    /// Clause SG-3. How many there were is not told: it would tell of tasks that are not the
    /// caller's.
    pub(super) async fn hand_over(
        &self,
        call: Call,
        request: HandOverInspectionTasksRequest,
    ) -> Result<Answer<HandOverInspectionTasksResponse>, Fault> {
        let mut fields = Fields::new();
        let inspector = fields.name("inspector", &request.inspector, "employees");
        fields.finish()?;
        let writing = (call.clone(), inspector.unwrap_or_default());
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, inspector) = writing.clone();
                Box::pin(async move { write(connection, &call, inspector).await })
            })
            .await;
        let views = &self.core.views;
        let resource = &request.inspector;
        let handed_over = views.or_not_allowed(&call, TASK_REFUSED, resource, outcome);
        let position = match handed_over.await? {
            Some(position) => position,
            None => views.record(&call, "inspection_task.asked", &[]).await?,
        };
        let answer = HandOverInspectionTasksResponse {};
        Ok(Answer::written(answer, position))
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    inspector: Uuid,
) -> Result<Option<kefu_journal::Cursor>, Fault> {
    let versions = versions::all(connection).await?;
    let department = in_force(&versions, call.now)
        .and_then(|(_, definition)| parse_name(&definition.department, "departments"));
    let Some(department) = department else {
        // Nobody inspects, and nobody has anything.
        let violation = ("inspector".to_owned(), Violation::Unknown);
        return Err(Fault::fields(vec![violation]));
    };
    ensure_reach(call, department)?;
    let released = inspection_tasks::release(connection, inspector).await?;
    if released.is_empty() {
        return Ok(None);
    }
    let entries: Vec<_> = released
        .iter()
        .map(|task| {
            let (resource, event) = handed_over(task, inspector);
            let (kind, customer) = ("inspection_task.handed_over", Some(task.customer_id));
            entry(call, EntryKind::Change, kind, resource, customer, event)
        })
        .collect();
    Ok(Some(kefu_journal::append(connection, &entries).await?))
}

fn handed_over(task: &Released, inspector: Uuid) -> (String, event::Event) {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let event = InspectionTaskChanged {
        task_id: bytes(task.id),
        inspection_id: bytes(task.inspection_id),
        customer_id: bytes(task.customer_id),
        act: InspectionTaskAct::HandedOver.into(),
        kind: task.kind.into(),
        inspector_id: bytes(inspector),
        due_time: Some(to_proto(task.due_at)),
        revision: task.revision,
    };
    let resource = name(TASKS, task.id);
    (resource, event::Event::InspectionTaskChanged(event))
}
