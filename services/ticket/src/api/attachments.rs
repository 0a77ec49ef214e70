//! `kefu.ticket.v1.AttachmentService`: files come in by parts, and are looked at.

mod download;
mod finish;
mod start;
mod upload;

use std::{pin::Pin, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    journal::{AttachmentChanged, event},
    ticket::{
        Attachment, AttachmentAct, DownloadAttachmentRequest, DownloadAttachmentResponse,
        FinishAttachmentRequest, StartAttachmentRequest, StartAttachmentResponse,
        UploadPartRequest, UploadPartResponse, attachment_service_server::AttachmentService,
    },
};
use kefu_service::{
    call::{self, Call, answer},
    core::Core,
    error::Fault,
    fields::name,
    present::Shown,
    time::to_proto,
};
use kefu_vault::{CustomerKey, Place, Vault};
use prost::Message;
use sqlx::PgConnection;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    domain::file::Limits,
    objects::Objects,
    store::{
        attachments::{ATTACHMENTS, RECORD, StoredAttachment},
        history::Actor,
    },
};

const VIEWED: &str = "attachment.viewed";
const REFUSED: &str = "attachment.refused";

/// How long a file may take to come in.
pub(crate) const MOST_TIME: SignedDuration = SignedDuration::from_hours(24);

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Attachments {
    core: Core,
    objects: Objects,
    limits: Arc<Limits>,
}

impl Attachments {
    pub(crate) fn new(core: &Core, objects: Objects, limits: Limits) -> Self {
        Self {
            core: core.clone(),
            objects,
            limits: Arc::new(limits),
        }
    }

    fn vault(&self) -> &Vault {
        &self.core.deps.vault
    }

    async fn key(&self, stored: &StoredAttachment) -> Result<CustomerKey, Fault> {
        let vault = self.vault();
        Ok(vault.open_key(stored.customer_id, &stored.wrapped).await?)
    }
}

/// Where what an attachment is lies sealed.
fn place(attachment: Uuid) -> Place {
    Place {
        table: "ticket.attachment",
        column: "service",
        row: attachment,
    }
}

/// Where a part of it is sealed, wherever that lies.
fn part_place(attachment: Uuid, seq: i32) -> Place {
    Place {
        table: "ticket.attachment_part",
        column: "content",
        row: Uuid::new_v5(&attachment, &seq.to_be_bytes()),
    }
}

/// What was said of a file when it was announced.
pub(super) fn open(
    vault: &Vault,
    key: &CustomerKey,
    attachment: Uuid,
    sealed: &[u8],
) -> Result<Attachment, Fault> {
    let plain = vault.open(key, &place(attachment), sealed)?;
    let unreadable = |_| Fault::internal("a sealed attachment that cannot be read");
    Attachment::decode(plain.as_slice()).map_err(unreadable)
}

/// The attachment, if the call reaches it and may see what it is.
async fn find(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    name: &str,
) -> Result<StoredAttachment, Fault> {
    let mut query = RECORD.get(call, id);
    let row = query.build().fetch_optional(connection).await?;
    let stored = row.as_ref().map(StoredAttachment::read).transpose()?;
    stored.ok_or_else(|| Fault::not_found(name))
}

/// An attachment about to be shown.
fn shown(call: &Call, stored: &StoredAttachment) -> Shown {
    Shown {
        resource: name(ATTACHMENTS, stored.id),
        customer_id: Some(stored.customer_id),
        clearance: call.context.clearance(stored.matched, call.now),
    }
}

/// One that is whole, as its ticket shows it.
pub(super) fn finished(
    id: Uuid,
    author: Actor,
    finished_at: Option<Timestamp>,
    said: Attachment,
) -> Attachment {
    Attachment {
        name: name(ATTACHMENTS, id),
        author: author.name(),
        finish_time: finished_at.map(to_proto),
        ..said
    }
}

/// What happened to an attachment, for the journal.
pub(crate) fn changed(
    (attachment, ticket, customer): (Uuid, Uuid, Uuid),
    act: AttachmentAct,
) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    event::Event::AttachmentChanged(AttachmentChanged {
        attachment_id: bytes(attachment),
        ticket_id: bytes(ticket),
        customer_id: bytes(customer),
        act: act.into(),
    })
}

#[tonic::async_trait]
impl AttachmentService for Attachments {
    type DownloadAttachmentStream =
        Pin<Box<dyn Stream<Item = Result<DownloadAttachmentResponse, Status>> + Send>>;

    async fn start_attachment(
        &self,
        request: Request<StartAttachmentRequest>,
    ) -> Result<Response<StartAttachmentResponse>, Status> {
        answer(request, |call, body| self.start(call, body)).await
    }

    async fn upload_part(
        &self,
        request: Request<UploadPartRequest>,
    ) -> Result<Response<UploadPartResponse>, Status> {
        answer(request, |call, body| self.upload(call, body)).await
    }

    async fn finish_attachment(
        &self,
        request: Request<FinishAttachmentRequest>,
    ) -> Result<Response<Attachment>, Status> {
        answer(request, |call, body| self.finish(call, body)).await
    }

    async fn download_attachment(
        &self,
        request: Request<DownloadAttachmentRequest>,
    ) -> Result<Response<Self::DownloadAttachmentStream>, Status> {
        let call = call::of(&request)?;
        let language = call.language;
        let stream = self.download(call, request.into_inner()).await;
        Ok(Response::new(Box::pin(
            stream.map_err(|fault| fault.into_status(language))?,
        )))
    }
}
