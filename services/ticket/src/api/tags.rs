//! `kefu.ticket.v1.TagService`: words that tickets are found by.

use std::borrow::Cow;

use jiff::Timestamp;
use kefu_contracts::ticket::{
    ListTagsRequest, ListTagsResponse, TagTicketRequest, Ticket, tag_service_server::TagService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::Fault,
    present::Shown,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{Tickets, commands::Wanted};
use crate::{domain::action::Action, store::tags};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Tags(pub(crate) Tickets);

impl Tags {
    async fn list(
        &self,
        call: Call,
        _: ListTagsRequest,
    ) -> Result<Answer<ListTagsResponse>, Fault> {
        let core = &self.0.core;
        let read = core
            .deps
            .db
            .run(|connection| Box::pin(async move { tags::list(connection).await }));
        let tags = read.await?;
        let shown = [Shown::of_company("tags")];
        core.views.record(&call, "tags.viewed", &shown).await?;
        Ok(Answer::read(ListTagsResponse { tags }))
    }
}

#[tonic::async_trait]
impl TagService for Tags {
    async fn tag_ticket(
        &self,
        request: Request<TagTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.0.command(call, body)).await
    }

    async fn list_tags(
        &self,
        request: Request<ListTagsRequest>,
    ) -> Result<Response<ListTagsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }
}

/// The command with the tags that come as the company wrote them first; those that are new are
/// the company's from then on.
pub(super) async fn as_written<'a>(
    connection: &mut PgConnection,
    wanted: &'a Wanted,
    now: Timestamp,
) -> Result<Cow<'a, Wanted>, Fault> {
    let Action::Tag(tagging) = &wanted.action else {
        return Ok(Cow::Borrowed(wanted));
    };
    let coming = tags::as_written(connection, tagging.coming(), now).await?;
    Ok(Cow::Owned(Wanted {
        action: Action::Tag(tagging.written(coming)),
        ..wanted.clone()
    }))
}
