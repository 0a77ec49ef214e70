//! A part comes in. Its object is announced before it is written and taken after it: whatever
//! happens in between, nothing is left behind.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    ticket::{UploadPartRequest, UploadPartResponse},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Attachments, MOST_TIME, REFUSED, find, open, part_place};
use crate::{
    domain::file::part_at,
    store::attachments::{self, ATTACHMENTS, Part, StoredAttachment},
};

/// What comes, but for its bytes.
#[derive(Clone)]
struct Coming {
    id: Uuid,
    name: String,
    offset: i64,
    length: i64,
    object: String,
}

/// A part that may be written.
struct Ready {
    stored: StoredAttachment,
    key: CustomerKey,
    part: Part,
}

impl Attachments {
    /// Clauses OP-3.1, CC-2.4.
    pub(super) async fn upload(
        &self,
        call: Call,
        request: UploadPartRequest,
    ) -> Result<Answer<UploadPartResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ATTACHMENTS);
        fields.ensure(!request.data.is_empty(), "data", Violation::Required);
        fields.finish()?;
        let id = id.unwrap_or_default();
        let coming = Coming {
            id,
            name: request.name.clone(),
            offset: request.offset,
            length: i64::try_from(request.data.len()).unwrap_or(i64::MAX),
            object: format!("{id}/{}", self.core.deps.ids.next()?),
        };
        let ready = self.prepare(&call, &coming).await;
        let views = &self.core.views;
        let ready = views
            .or_refused(&call, REFUSED, &request.name, ready)
            .await?;
        let seq = ready.part.seq;
        let sealed = self
            .vault()
            .seal(&ready.key, &part_place(id, seq), &request.data)?;
        self.objects.put(&ready.part.object, sealed).await?;
        let (part, customer, now) = (ready.part, ready.stored.customer_id, call.now);
        let received = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let part = part.clone();
                Box::pin(async move { take(connection, (id, customer), &part, now).await })
            })
            .await?;
        Ok(Answer::read(UploadPartResponse {
            received_bytes: received,
        }))
    }

    async fn prepare(&self, call: &Call, coming: &Coming) -> Result<Ready, Fault> {
        let (service, reading) = (self.clone(), (call.clone(), coming.clone()));
        let db = &self.core.deps.db;
        db.transaction(move |connection| {
            let (service, (call, coming)) = (service.clone(), reading.clone());
            Box::pin(async move {
                let stored = find(connection, &call, coming.id, &coming.name).await?;
                ensure_coming(&stored, call.now)?;
                let key = service.key(&stored).await?;
                let said = open(service.vault(), &key, stored.id, &stored.sealed)?;
                let mut fields = Fields::new();
                let part = part_at(said.size_bytes, coming.offset);
                fields.ensure(part.is_some(), "offset", Violation::Contradiction);
                let fits = part.is_none_or(|(_, length)| length == coming.length);
                fields.ensure(fits, "data", Violation::Contradiction);
                fields.finish()?;
                let part = Part {
                    seq: part.map(|(seq, _)| seq).unwrap_or_default(),
                    object: coming.object.clone(),
                    size: coming.length,
                };
                let due = call.now.saturating_add(MOST_TIME);
                let due = due.map_err(|_| Fault::internal("a moment out of range"))?;
                attachments::announce(connection, &part.object, due).await?;
                Ok(Ready { stored, key, part })
            })
        })
        .await
    }
}

/// Refuses what is whole, and what took too long.
pub(super) fn ensure_coming(stored: &StoredAttachment, now: Timestamp) -> Result<(), Fault> {
    let until = stored.started_at.saturating_add(MOST_TIME);
    let state = match () {
        () if stored.whole => "FINISHED",
        () if stored.ticket_closed => "TICKET_CLOSED",
        () if until.is_ok_and(|until| until <= now) => "LAPSED",
        () => return Ok(()),
    };
    Err(Fault::state(state, "STARTED"))
}

/// Takes a part that was written; how much of the file is there then.
async fn take(
    connection: &mut PgConnection,
    (attachment, customer): (Uuid, Uuid),
    part: &Part,
    now: Timestamp,
) -> Result<i64, Fault> {
    if !attachments::lock_coming(connection, attachment).await? {
        return Err(Fault::state("FINISHED", "STARTED"));
    }
    if !attachments::keep_part(connection, (attachment, customer), part, now).await? {
        return Err(Fault::new(Reason::Conflict));
    }
    let parts = attachments::parts(connection, attachment).await?;
    Ok(parts.iter().map(|part| part.size).sum())
}
