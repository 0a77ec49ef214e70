//! A file is announced.

use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    policy::DataClass,
    ticket::{
        Attachment, AttachmentAct, StartAttachmentRequest, StartAttachmentResponse, TicketState,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, name},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Attachments, REFUSED, VIEWED, changed, place};
use crate::{
    api::present::actor,
    domain::file::{PART, check},
    store::{
        attachments::{self, ATTACHMENTS, NewAttachment},
        records::{self, StoredTicket},
    },
};

/// What is announced, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    ticket: Uuid,
    name: String,
    said: Attachment,
    claim: Option<Claim>,
}

impl Attachments {
    /// Clauses OP-3.1, CC-2.4.
    pub(super) async fn start(
        &self,
        call: Call,
        request: StartAttachmentRequest,
    ) -> Result<Answer<StartAttachmentResponse>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let ticket = fields.name("ticket", &request.ticket, "tickets");
        check(&mut fields, &request, &self.limits);
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            ticket: ticket.unwrap_or_default(),
            name: request.ticket.clone(),
            claim: Claim::of(&call, request_id, &request),
            said: Attachment {
                file_name: request.file_name,
                content_type: request.content_type,
                size_bytes: request.size_bytes,
                sha256: request.sha256,
                ..Attachment::default()
            },
        };
        let resource = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.announce(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let started = views
            .or_not_allowed(&call, REFUSED, &resource, outcome)
            .await?;
        started.into_answer(views, &call, VIEWED).await
    }

    async fn announce(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<StartAttachmentResponse>, Fault> {
        let mut query = records::RECORD.get(call, wanted.ticket);
        // Neither closed nor destroyed until the attachment stands.
        query.push(" FOR SHARE OF t");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let clearance = call.context.clearance(row.matched, call.now);
        if !clearance.classes.contains(DataClass::Service) {
            let class = DataClass::Service.as_str_name();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
        }
        let shown = |started: &StartAttachmentResponse| Shown {
            resource: started.name.clone(),
            customer_id: Some(row.customer_id),
            clearance: clearance.clone(),
        };
        let claim = wanted.claim.as_ref();
        let kept = idempotency::find_plain::<StartAttachmentResponse>(connection, claim).await?;
        if let Some(kept) = kept {
            let shown = shown(&kept.body);
            return Ok(Written::before(kept.body, shown, kept.position));
        }
        if row.standing().state == TicketState::Closed {
            let closed = TicketState::Closed.as_str_name();
            return Err(Fault::state(closed, "attach"));
        }
        let vault = self.vault();
        let key = vault.open_key(row.customer_id, &row.wrapped).await?;
        let sealed = vault.seal(&key, &place(wanted.id), &wanted.said.encode_to_vec())?;
        let new = NewAttachment {
            id: wanted.id,
            ticket_id: row.id,
            customer_id: row.customer_id,
            author: actor(call),
            sealed: &sealed,
            now: call.now,
        };
        attachments::insert(connection, &new).await?;
        let resource = name(ATTACHMENTS, wanted.id);
        let whose = (wanted.id, row.id, row.customer_id);
        let entry = entry(
            call,
            EntryKind::Change,
            "attachment.started",
            resource.clone(),
            Some(row.customer_id),
            changed(whose, AttachmentAct::Started),
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        let started = StartAttachmentResponse {
            name: resource,
            part_bytes: i32::try_from(PART).unwrap_or(i32::MAX),
        };
        idempotency::keep_plain(connection, call, claim, wanted.id, &started, position).await?;
        let shown = shown(&started);
        Ok(Written::now(started, shown, position))
    }
}
