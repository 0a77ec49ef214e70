//! A file leaves, part by part.

use kefu_contracts::{
    common::Reason,
    ticket::{Attachment, DownloadAttachmentRequest, DownloadAttachmentResponse},
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::Fields,
};
use kefu_vault::CustomerKey;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Attachments, REFUSED, VIEWED, find, open, part_place, shown};
use crate::{
    domain::file::PART,
    store::attachments::{self, ATTACHMENTS, StoredAttachment},
};

type Sent = Result<DownloadAttachmentResponse, Status>;

impl Attachments {
    /// Clause CC-2.4.
    pub(super) async fn download(
        &self,
        call: Call,
        request: DownloadAttachmentRequest,
    ) -> Result<ReceiverStream<Sent>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ATTACHMENTS);
        let ahead = Violation::OutOfRange(0, i64::MAX);
        fields.ensure(request.offset >= 0, "offset", ahead);
        fields.finish()?;
        let (reader, name) = (call.clone(), request.name.clone());
        let found = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let id = id.unwrap_or_default();
                    let stored = find(connection, &reader, id, &name).await?;
                    // What is not whole is not there yet.
                    if !stored.whole {
                        return Err(Fault::not_found(&name));
                    }
                    Ok(stored)
                })
            })
            .await;
        let views = &self.core.views;
        let stored = views
            .or_refused(&call, REFUSED, &request.name, found)
            .await?;
        let key = self.key(&stored).await?;
        let said = open(self.vault(), &key, stored.id, &stored.sealed)?;
        let size = said.size_bytes;
        if request.offset >= size {
            let range = Violation::OutOfRange(0, size - 1);
            return Err(Fault::fields(vec![("offset".to_owned(), range)]));
        }
        let shown = shown(&call, &stored);
        views.record(&call, VIEWED, &[shown]).await?;
        let sending = Sending {
            service: self.clone(),
            call,
            stored,
            said,
            key,
        };
        // One part ahead of the reader: who is slow, or gone, holds no more than that.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(sending.run(request.offset, sender));
        Ok(ReceiverStream::new(receiver))
    }
}

/// A download under way.
struct Sending {
    service: Attachments,
    call: Call,
    stored: StoredAttachment,
    said: Attachment,
    key: CustomerKey,
}

impl Sending {
    async fn run(self, from: i64, sender: mpsc::Sender<Sent>) {
        let mut at = from;
        while at < self.said.size_bytes {
            let Ok(permit) = sender.reserve().await else {
                return;
            };
            match self.next(at).await {
                Ok(data) => {
                    let offset = at;
                    at += i64::try_from(data.len()).unwrap_or_default();
                    permit.send(Ok(DownloadAttachmentResponse { offset, data }));
                }
                Err(fault) => {
                    permit.send(Err(fault.into_status(self.call.language)));
                    return;
                }
            }
        }
    }

    /// The bytes from here to the end of their part.
    async fn next(&self, at: i64) -> Result<Vec<u8>, Fault> {
        let gap = || Fault::internal("an attachment with a gap");
        let seq = i32::try_from(at / PART).map_err(|_| gap())?;
        // Looked for each time: the customer's file may be destroyed meanwhile.
        let id = self.stored.id;
        let db = &self.service.core.deps.db;
        let parts = db
            .run(move |connection| Box::pin(attachments::parts(connection, id)))
            .await?;
        let part = parts.iter().find(|part| part.seq == seq);
        let part = part.ok_or_else(|| Fault::new(Reason::CustomerDestroyed))?;
        let sealed = self.service.objects.get(&part.object).await?;
        let place = part_place(self.stored.id, seq);
        let plain = self.service.vault().open(&self.key, &place, &sealed)?;
        let skipped = usize::try_from(at % PART).map_err(|_| gap())?;
        let rest = plain.get(skipped..).filter(|rest| !rest.is_empty());
        Ok(rest.ok_or_else(gap)?.to_vec())
    }
}
