//! Tasks, for whoever's they are.

use kefu_contracts::ticket::{
    GetInspectionTaskRequest, InspectionTask, ListInspectionTasksRequest,
    ListInspectionTasksResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, One, asked},
    present::{Shown, disclose},
    scope::{After, Order},
};

use super::{Inspections, TASK_REFUSED};
use crate::store::inspection_tasks::{RECORD, StoredTask, TASKS};

pub(super) const VIEWED: &str = "inspection_task.viewed";

const ONE: One<StoredTask> = One {
    record: &RECORD,
    collection: TASKS,
    read: StoredTask::read,
    viewed: VIEWED,
    refused: TASK_REFUSED,
};

const LIST: ListSpec<StoredTask> = ListSpec {
    record: &RECORD,
    time: "due_time",
    order: Order {
        column: "x.due_at",
        descending: false,
    },
    read: StoredTask::read,
    place: |row| After {
        at: row.due_at,
        id: row.id,
    },
};

impl Inspections {
    /// Clause OP-5.
    pub(super) async fn task(
        &self,
        call: Call,
        request: GetInspectionTaskRequest,
    ) -> Result<Answer<InspectionTask>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present_task(reader, &row).await })
        })
        .await
    }

    /// Clause OP-5.
    pub(super) async fn list_tasks(
        &self,
        call: Call,
        request: ListInspectionTasksRequest,
    ) -> Result<Answer<ListInspectionTasksResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present_task(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListInspectionTasksResponse {
            inspection_tasks: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a task, and says how it is shown.
    async fn present_task(
        &self,
        call: &Call,
        row: &StoredTask,
    ) -> Result<(InspectionTask, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let (opened, account) = match &row.wrapped {
            Some(wrapped) => {
                let key = self.tasks.open_key(row.customer_id, wrapped).await?;
                self.tasks
                    .open(&key, row.id, &row.sealed, clearance.classes)?
            }
            None => Default::default(),
        };
        let mut task = row.with_opened(opened);
        disclose(&mut task, &clearance, account);
        let shown = Shown {
            resource: task.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((task, shown))
    }
}
