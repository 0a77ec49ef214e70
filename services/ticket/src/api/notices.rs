//! `kefu.ticket.v1.NoticeService`: what customers are told, and whether they were.

mod look;
mod mark;
mod rules;
mod tell;

use kefu_contracts::{
    common::Channel,
    journal::{NoticeChanged, event},
    ticket::{
        GetNoticeRequest, GetNoticeRulesRequest, ListNoticesRequest, ListNoticesResponse,
        MarkNoticeFailedRequest, MarkNoticeSentRequest, Notice, NoticeAct, NoticeRules,
        NoticeRulesVersion, NoticeState, ReviseNoticeRulesRequest,
        notice_service_server::NoticeService,
    },
};
use kefu_service::{call::answer, core::Core, error::Fault, sealed::Sealer, versions};
use kefu_vault::CustomerKey;
use tonic::{Request, Response, Status};

pub(crate) use self::tell::{Known, News, by_call, by_itself};
use crate::store::{notices::StoredNotice, versions::TicketRules};

const VIEWED: &str = "notice.viewed";
const REFUSED: &str = "notice.refused";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Notices {
    core: Core,
    pub(crate) sealer: Sealer,
}

impl Notices {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "ticket.notice"),
        }
    }

    /// Seals what is in no column.
    pub(crate) fn seal(
        &self,
        key: &CustomerKey,
        row: &StoredNotice,
        notice: &Notice,
    ) -> Result<Vec<u8>, Fault> {
        let sealed = Notice {
            text: notice.text.clone(),
            note: notice.note.clone(),
            reference: notice.reference.clone(),
            ..Notice::default()
        };
        self.sealer.seal(key, row.id, &sealed)
    }
}

/// What happened to a notice, for the journal; state and revision are as they are afterwards.
pub(crate) fn changed(
    row: &StoredNotice,
    act: NoticeAct,
    (state, channel): (NoticeState, Channel),
    revision: i64,
) -> event::Event {
    let bytes = |id: uuid::Uuid| id.as_bytes().to_vec();
    event::Event::NoticeChanged(NoticeChanged {
        notice_id: bytes(row.id),
        ticket_id: bytes(row.ticket_id),
        customer_id: bytes(row.customer_id),
        event: row.columns.event,
        act: act.into(),
        state: state.into(),
        attempt_count: row.attempts,
        channel: channel.into(),
        revision,
    })
}

#[tonic::async_trait]
impl NoticeService for Notices {
    async fn get_notice_rules(
        &self,
        request: Request<GetNoticeRulesRequest>,
    ) -> Result<Response<NoticeRules>, Status> {
        let get = versions::get::<TicketRules, NoticeRulesVersion>;
        answer(request, |call, _| get(&self.core, call)).await
    }

    /// Clause SG-2.4.
    async fn revise_notice_rules(
        &self,
        request: Request<ReviseNoticeRulesRequest>,
    ) -> Result<Response<NoticeRules>, Status> {
        let revise = versions::revise::<TicketRules, NoticeRulesVersion>;
        answer(request, |call, body| revise(&self.core, call, body)).await
    }

    async fn get_notice(
        &self,
        request: Request<GetNoticeRequest>,
    ) -> Result<Response<Notice>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_notices(
        &self,
        request: Request<ListNoticesRequest>,
    ) -> Result<Response<ListNoticesResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn mark_notice_sent(
        &self,
        request: Request<MarkNoticeSentRequest>,
    ) -> Result<Response<Notice>, Status> {
        answer(request, |call, body| self.mark_sent(call, body)).await
    }

    async fn mark_notice_failed(
        &self,
        request: Request<MarkNoticeFailedRequest>,
    ) -> Result<Response<Notice>, Status> {
        answer(request, |call, body| self.mark_failed(call, body)).await
    }
}
