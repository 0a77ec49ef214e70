//! Queues are added, changed and listed.

use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, QueueChanged, event},
    ticket::{
        CreateQueueRequest, ListQueuesRequest, ListQueuesResponse, Queue, UpdateQueueRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, parse_etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Queues, ensure_reach};
use crate::{
    domain::queue::check_queue,
    store::queues::{self, Defined, QUEUES},
};

const VIEWED: &str = "queue.viewed";

/// A queue that is to be written, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    department: Uuid,
    queue: Queue,
    /// The revision that it was decided upon; none: it is new.
    revision: Option<i64>,
    claim: Option<Claim>,
}

impl Queues {
    /// Clause SG-2.2.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateQueueRequest,
    ) -> Result<Answer<Queue>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let queue = request.queue.unwrap_or_default();
        let department = fields.name("queue.department", &queue.department, "departments");
        check_queue(&mut fields, &queue);
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            department: department.unwrap_or_default(),
            queue,
            revision: None,
            claim,
        };
        self.write(call, wanted).await
    }

    /// Clause SG-2.2.
    pub(super) async fn update(
        &self,
        call: Call,
        request: UpdateQueueRequest,
    ) -> Result<Answer<Queue>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let queue = request.queue.unwrap_or_default();
        let id = fields.name("queue.name", &queue.name, QUEUES);
        let revision = fields.etag("queue.etag", &queue.etag);
        let department = fields.name("queue.department", &queue.department, "departments");
        check_queue(&mut fields, &queue);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            department: department.unwrap_or_default(),
            queue,
            revision: Some(revision.unwrap_or_default()),
            claim,
        };
        self.write(call, wanted).await
    }

    /// Clause SG-2.2.
    pub(super) async fn list(
        &self,
        call: Call,
        _: ListQueuesRequest,
    ) -> Result<Answer<ListQueuesResponse>, Fault> {
        let db = &self.core.deps.db;
        let queues = db
            .run(|connection| Box::pin(queues::find(connection, None)))
            .await?;
        let shown: Vec<Shown> = queues
            .iter()
            .map(|one| Shown::of_company(&one.name))
            .collect();
        self.core.views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(ListQueuesResponse { queues }))
    }

    async fn write(&self, call: Call, wanted: Wanted) -> Result<Answer<Queue>, Fault> {
        let resource = wanted.queue.name.clone();
        let writing = (call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "queue.refused", &resource, outcome)
            .await?;
        written.into_answer(views, &call, VIEWED).await
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Queue>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<Queue>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    ensure_reach(call, wanted.department)?;
    let defined = Defined {
        id: wanted.id,
        department: wanted.department,
        queue: &wanted.queue,
    };
    let kind = match wanted.revision {
        None => {
            if !queues::insert(connection, &defined, call.now).await? {
                return Err(Fault::new(Reason::AlreadyExists).with("field", "queue.code"));
            }
            "queue.created"
        }
        Some(from) => {
            ensure_same(connection, wanted, from).await?;
            queues::update(connection, &defined).await?;
            "queue.updated"
        }
    };
    let gone = || Fault::internal("a queue that was just written is not there");
    let mut found = queues::find(connection, Some(wanted.id)).await?;
    let queue = found.pop().ok_or_else(gone)?;
    let event = event::Event::QueueChanged(QueueChanged {
        queue_id: wanted.id.as_bytes().to_vec(),
        department_id: wanted.department.as_bytes().to_vec(),
        closed: queue.closed,
        revision: parse_etag(&queue.etag).unwrap_or_default(),
    });
    let name = queue.name.clone();
    let entry = entry(call, EntryKind::Change, kind, name, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, wanted.id, &queue, position).await?;
    let shown = Shown::of_company(&queue.name);
    Ok(Written::now(queue, shown, position))
}

/// Refuses to change what is no longer as it was, and what stays.
async fn ensure_same(
    connection: &mut PgConnection,
    wanted: &Wanted,
    revision: i64,
) -> Result<(), Fault> {
    queues::lock(connection, wanted.id).await?;
    let found = queues::find(connection, Some(wanted.id)).await?;
    let queue = found
        .first()
        .ok_or_else(|| Fault::not_found(&wanted.queue.name))?;
    if queue.etag != etag(revision) {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", &queue.etag));
    }
    let mut fields = Fields::new();
    let new = &wanted.queue;
    fields.ensure(queue.code == new.code, "queue.code", Violation::Immutable);
    fields.ensure(
        queue.department == new.department,
        "queue.department",
        Violation::Immutable,
    );
    fields.finish()
}
