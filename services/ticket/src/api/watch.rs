//! `kefu.ticket.v1.WatchService`: the tickets of a list as they change (SG-3, SG-5).

use std::time::Duration;

use kefu_contracts::{
    journal::event::Event,
    ticket::{
        Ticket, WatchTicketsRequest, WatchTicketsResponse, watch_service_server::WatchService,
    },
};
use kefu_service::{
    call::{self, Call},
    core::Core,
    error::Fault,
    present::Shown,
    scope::RecordSpec,
    watch::{self, Answers, AskedToWatch, Seats, Told, Wake, Watchable},
};
use sqlx::postgres::PgRow;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Tickets;
use crate::{
    config::TicketConfig,
    store::records::{RECORD, StoredTicket},
};

/// The handler.
#[derive(Clone)]
pub(crate) struct Watch(watch::Watch<Tickets>);

impl Watch {
    pub(crate) fn new(core: &Core, tickets: Tickets, wake: Wake, config: &TicketConfig) -> Self {
        let seats = Seats::new(config.watch_streams);
        let heartbeat = Duration::from_secs(config.watch_heartbeat_seconds.into());
        Self(watch::Watch::new(core, tickets, wake, seats, heartbeat))
    }
}

#[tonic::async_trait]
impl Watchable for Tickets {
    type Record = Ticket;
    type Response = WatchTicketsResponse;

    const RECORD: &'static RecordSpec = &RECORD;
    const COLLECTION: &'static str = "tickets";
    const VIEWED: &'static str = "ticket.viewed";

    fn named(event: &Event, caller: Uuid) -> Option<Uuid> {
        let id = match event {
            Event::TicketChanged(ticket) => &ticket.ticket_id,
            Event::TicketWatched(watched) if watched.employee_id == caller.as_bytes() => {
                &watched.ticket_id
            }
            _ => return None,
        };
        Uuid::from_slice(id).ok()
    }

    async fn present(&self, call: &Call, row: &PgRow) -> Result<(Uuid, Ticket, Shown), Fault> {
        let row = StoredTicket::read(row)?;
        let (ticket, shown) = self.present(call, &row, None).await?;
        Ok((row.id, ticket, shown))
    }

    fn response(told: Told<Ticket>) -> WatchTicketsResponse {
        WatchTicketsResponse {
            changed: told.changed,
            left: told.left,
            resume_token: told.resume_token,
            caught_up: told.caught_up,
            relist: told.relist,
        }
    }
}

#[tonic::async_trait]
impl WatchService for Watch {
    type WatchTicketsStream = Answers<WatchTicketsResponse>;

    async fn watch_tickets(
        &self,
        request: Request<WatchTicketsRequest>,
    ) -> Result<Response<Self::WatchTicketsStream>, Status> {
        let call = call::of(&request)?;
        let body = request.into_inner();
        let asked = AskedToWatch {
            filter: &body.filter,
            resume_token: &body.resume_token,
            held: &body.held,
        };
        self.0.answer(call, asked).await
    }
}
