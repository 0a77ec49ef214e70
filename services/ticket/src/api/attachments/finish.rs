//! A file is held against what was said of it, and is part of its ticket from then on.

use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    ticket::{Attachment, AttachmentAct, FinishAttachmentRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    present::entry,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Attachments, REFUSED, VIEWED, changed, find, finished, open, part_place, shown,
    upload::ensure_coming,
};
use crate::{
    domain::file::{Inspection, part_count},
    store::attachments::{self, ATTACHMENTS, Part, StoredAttachment},
};

/// What was found before the file is read.
struct Found {
    stored: StoredAttachment,
    parts: Vec<Part>,
}

impl Attachments {
    /// Clauses OP-3.1, CC-2.4.
    pub(super) async fn finish(
        &self,
        call: Call,
        request: FinishAttachmentRequest,
    ) -> Result<Answer<Attachment>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ATTACHMENTS);
        fields.finish()?;
        let id = id.unwrap_or_default();
        let outcome = self.look(&call, id, &request.name).await;
        let views = &self.core.views;
        let found = views
            .or_refused(&call, REFUSED, &request.name, outcome)
            .await?;
        let key = self.key(&found.stored).await?;
        let said = open(self.vault(), &key, id, &found.stored.sealed)?;
        if found.stored.whole {
            let stored = &found.stored;
            // The same again: it is shown again, and nothing is changed.
            views.record(&call, VIEWED, &[shown(&call, stored)]).await?;
            let whole = finished(id, stored.author, stored.finished_at, said);
            return Ok(Answer::read(whole));
        }
        ensure_coming(&found.stored, call.now)?;
        self.inspect(&key, id, &said, &found.parts).await?;
        let (caller, resource) = (call.clone(), request.name);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, name, parts) = (caller.clone(), resource.clone(), found.parts.clone());
                Box::pin(async move { complete(connection, &call, (id, &name), &parts).await })
            })
            .await;
        let (stored, position) = views
            .or_refused(&call, REFUSED, &name(ATTACHMENTS, id), outcome)
            .await?;
        let whole = finished(id, stored.author, Some(call.now), said);
        Ok(Answer::written(whole, position))
    }

    async fn look(&self, call: &Call, id: Uuid, name: &str) -> Result<Found, Fault> {
        let (call, name) = (call.clone(), name.to_owned());
        let db = &self.core.deps.db;
        db.run(move |connection| {
            Box::pin(async move {
                let stored = find(connection, &call, id, &name).await?;
                let parts = attachments::parts(connection, id).await?;
                Ok(Found { stored, parts })
            })
        })
        .await
    }

    /// Reads the whole file.
    async fn inspect(
        &self,
        key: &CustomerKey,
        id: Uuid,
        said: &Attachment,
        parts: &[Part],
    ) -> Result<(), Fault> {
        let mut fields = Fields::new();
        let all = parts.len() == part_count(said.size_bytes);
        fields.ensure(all, "size_bytes", Violation::Contradiction);
        fields.finish()?;
        let mut inspection = Inspection::begin();
        for part in parts {
            let sealed = self.objects.get(&part.object).await?;
            inspection.read(&self.vault().open(key, &part_place(id, part.seq), &sealed)?);
        }
        let mut fields = Fields::new();
        inspection.check(&mut fields, said);
        fields.finish()
    }
}

async fn complete(
    connection: &mut PgConnection,
    call: &Call,
    (id, resource): (Uuid, &str),
    inspected: &[Part],
) -> Result<(StoredAttachment, kefu_journal::Cursor), Fault> {
    let coming = attachments::lock_coming(connection, id).await?;
    let stored = find(connection, call, id, resource).await?;
    // Somebody else finished it, or brought a part anew: tried again, that is seen.
    if !coming || attachments::parts(connection, id).await? != inspected {
        return Err(Fault::new(Reason::Conflict));
    }
    ensure_coming(&stored, call.now)?;
    attachments::finish(connection, id, stored.ticket_revision, call.now).await?;
    let whose = (id, stored.ticket_id, stored.customer_id);
    let entry = entry(
        call,
        EntryKind::Change,
        "attachment.finished",
        name(ATTACHMENTS, id),
        Some(stored.customer_id),
        changed(whose, AttachmentAct::Finished),
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    Ok((stored, position))
}
