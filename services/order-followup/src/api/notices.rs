//! `kefu.order.v1.NoticeService`: what customers are told of trouble with orders, and whether they
//! were.

mod rules;
mod tell;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{OrderNoticeChanged, event},
    order::{
        GetNoticeRequest, GetNoticeRulesRequest, ListNoticesRequest, ListNoticesResponse,
        MarkNoticeFailedRequest, MarkNoticeSentRequest, NoticeAct, NoticeRules, NoticeRulesVersion,
        NoticeState, OrderNotice, ReviseNoticeRulesRequest, notice_service_server::NoticeService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::asked,
    notice::{self, Change, Names, Outbox, Outcome, Said, Stored, told},
    scope::RecordSpec,
    sealed::Sealer,
    versions,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

pub(crate) use self::tell::{Subject, Telling};
use crate::{
    config::OrderFollowupConfig,
    store::{
        notices::{self, NOTICES, RECORD},
        versions::OrderRules,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Notices {
    core: Core,
    sealer: Sealer,
    /// Whether a connector sends them.
    has_connector: bool,
}

impl Notices {
    pub(crate) fn new(core: &Core, config: &OrderFollowupConfig) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "orders.notice"),
            has_connector: !config.notices.uri.is_empty(),
        }
    }

    /// Clauses OP-3.4.4, SG-2.4.
    async fn list(
        &self,
        call: Call,
        request: ListNoticesRequest,
    ) -> Result<Answer<ListNoticesResponse>, Fault> {
        let page = notice::list(self, &call, asked!(request)).await?;
        Ok(Answer::read(ListNoticesResponse {
            notices: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clauses OP-3.4.4, SG-2.4.
    async fn mark_sent(
        &self,
        call: Call,
        request: MarkNoticeSentRequest,
    ) -> Result<Answer<OrderNotice>, Fault> {
        let said = Said {
            name: &request.name,
            etag: &request.etag,
            request_id: &request.request_id,
            note: &request.note,
            sent: Some((request.channel, &request.reference)),
        };
        notice::mark(self, call, &request, said).await
    }

    /// Clauses OP-3.4.4, SG-2.4.
    async fn mark_failed(
        &self,
        call: Call,
        request: MarkNoticeFailedRequest,
    ) -> Result<Answer<OrderNotice>, Fault> {
        let said = Said {
            name: &request.name,
            etag: &request.etag,
            request_id: &request.request_id,
            note: &request.note,
            sent: None,
        };
        notice::mark(self, call, &request, said).await
    }
}

impl Outbox for Notices {
    told!(
        OrderNotice,
        NOTICES,
        order,
        "orders",
        NoticeState,
        NoticeAct
    );

    const NAMES: Names = Names {
        viewed: "order_notice.viewed",
        refused: "order_notice.refused",
        written: "order_notice.written",
        attempted: "order_notice.attempted",
        sent: "order_notice.sent",
        failed: "order_notice.failed",
        given_up: "order_notice.given_up",
    };
    const RECORD: &'static RecordSpec = &RECORD;

    fn core(&self) -> &Core {
        &self.core
    }

    fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    fn changed(row: &Stored<Self>, change: &Change) -> event::Event {
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        event::Event::OrderNoticeChanged(OrderNoticeChanged {
            notice_id: bytes(row.id),
            order_id: bytes(row.about),
            customer_id: bytes(row.customer_id),
            event: row.columns.event,
            act: change.act as i32,
            state: change.state as i32,
            attempt_count: row.attempts,
            channel: change.channel.into(),
            revision: change.revision,
        })
    }

    async fn take(
        connection: &mut PgConnection,
        now: Timestamp,
        until: Timestamp,
        most: i64,
    ) -> Result<Vec<Uuid>, Fault> {
        notices::take(connection, now, until, most).await
    }

    async fn postpone(
        connection: &mut PgConnection,
        id: Uuid,
        until: Timestamp,
    ) -> Result<(), Fault> {
        notices::postpone(connection, id, until).await
    }

    async fn end(
        connection: &mut PgConnection,
        id: Uuid,
        outcome: &Outcome<'_>,
    ) -> Result<(), Fault> {
        notices::end(connection, id, outcome).await
    }
}

#[tonic::async_trait]
impl NoticeService for Notices {
    async fn get_notice_rules(
        &self,
        request: Request<GetNoticeRulesRequest>,
    ) -> Result<Response<NoticeRules>, Status> {
        let get = versions::get::<OrderRules, NoticeRulesVersion>;
        answer(request, |call, _| get(&self.core, call)).await
    }

    /// Clauses OP-3.4.4, SG-2.4.
    async fn revise_notice_rules(
        &self,
        request: Request<ReviseNoticeRulesRequest>,
    ) -> Result<Response<NoticeRules>, Status> {
        let revise = versions::revise::<OrderRules, NoticeRulesVersion>;
        answer(request, |call, body| revise(&self.core, call, body)).await
    }

    async fn get_notice(
        &self,
        request: Request<GetNoticeRequest>,
    ) -> Result<Response<OrderNotice>, Status> {
        answer(request, |call, body| async move {
            notice::get(self, call, &body.name).await
        })
        .await
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
    ) -> Result<Response<OrderNotice>, Status> {
        answer(request, |call, body| self.mark_sent(call, body)).await
    }

    async fn mark_notice_failed(
        &self,
        request: Request<MarkNoticeFailedRequest>,
    ) -> Result<Response<OrderNotice>, Status> {
        answer(request, |call, body| self.mark_failed(call, body)).await
    }
}
