//! `kefu.ticket.v1.HandOverService`: tickets go from one department to another when that one
//! takes them.

mod answer;
mod make;

use kefu_contracts::{
    ClassSet, Resource,
    journal::{EntryKind, OfferChanged, event},
    ticket::{
        AcceptOfferRequest, DeclineOfferRequest, GetOfferRequest, ListOffersRequest,
        ListOffersResponse, Offer, OfferState, OfferTicketRequest, Ticket, TransferTicketRequest,
        WithdrawOfferRequest, hand_over_service_server::HandOverService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::name,
    listing::{self, ListSpec, One, asked},
    present::{Shown, disclose, entry},
    scope::{After, Order},
    sealed::Sealer,
    time::to_proto,
};
use kefu_vault::CustomerKey;
use tonic::{Request, Response, Status};

use self::answer::Answering;
use super::Tickets;
use crate::{
    config::TicketConfig,
    domain::handover::Step,
    store::offers::{OFFERS, RECORD, StoredOffer},
};

const VIEWED: &str = "offer.viewed";
const REFUSED: &str = "offer.refused";

const ONE: One<StoredOffer> = One {
    record: &RECORD,
    collection: OFFERS,
    read: StoredOffer::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredOffer> = ListSpec {
    record: &RECORD,
    time: "offer_time",
    order: Order {
        column: "o.offered_at",
        descending: true,
    },
    read: StoredOffer::read,
    place: |row| After {
        at: row.offered_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct HandOvers {
    core: Core,
    tickets: Tickets,
    sealer: Sealer,
    /// How long an offer can be answered.
    open: jiff::SignedDuration,
}

impl HandOvers {
    pub(crate) fn new(core: &Core, tickets: Tickets, config: &TicketConfig) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "ticket.offer"),
            tickets,
            open: jiff::SignedDuration::from_hours(config.offer_hours.into()),
        }
    }

    async fn get(&self, call: Call, request: GetOfferRequest) -> Result<Answer<Offer>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListOffersRequest,
    ) -> Result<Answer<ListOffersResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListOffersResponse {
            offers: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    async fn present(&self, call: &Call, row: &StoredOffer) -> Result<(Offer, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Offer>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut offer = row.with_opened(opened);
        disclose(&mut offer, &clearance, account);
        let shown = Shown {
            resource: offer.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((offer, shown))
    }

    /// Opens a row whole, for sealing again; never for an answer.
    fn open_whole(&self, key: &CustomerKey, row: &StoredOffer) -> Result<Offer, Fault> {
        let everything = ClassSet::of(Offer::CLASSES);
        let (opened, _) = self.sealer.open(key, row.id, &row.sealed, everything)?;
        Ok(row.with_opened(opened))
    }
}

/// What happened to an offer, for the journal; everything is as it is afterwards.
pub(crate) fn changed(row: &StoredOffer, state: OfferState) -> event::Event {
    let bytes = |id: uuid::Uuid| id.as_bytes().to_vec();
    event::Event::OfferChanged(OfferChanged {
        offer_id: bytes(row.id),
        ticket_id: bytes(row.ticket_id),
        customer_id: bytes(row.customer_id),
        from_department_id: bytes(row.from_department),
        department_id: bytes(row.to_department),
        state: state.into(),
        expire_time: Some(to_proto(row.expires_at)),
    })
}

fn journaled(
    call: &Call,
    kind: &'static str,
    row: &StoredOffer,
    state: OfferState,
) -> kefu_journal::Entry {
    let (resource, event) = (name(OFFERS, row.id), changed(row, state));
    let customer = Some(row.customer_id);
    entry(call, EntryKind::Change, kind, resource, customer, event)
}

#[tonic::async_trait]
impl HandOverService for HandOvers {
    async fn offer_ticket(
        &self,
        request: Request<OfferTicketRequest>,
    ) -> Result<Response<Offer>, Status> {
        answer(request, |call, body| self.offer(call, body)).await
    }

    async fn accept_offer(
        &self,
        request: Request<AcceptOfferRequest>,
    ) -> Result<Response<Offer>, Status> {
        answer(request, |call, body| {
            self.answer(call, Answering::of(&body, Step::Accept))
        })
        .await
    }

    async fn decline_offer(
        &self,
        request: Request<DeclineOfferRequest>,
    ) -> Result<Response<Offer>, Status> {
        answer(request, |call, body| {
            self.answer(call, Answering::of(&body, Step::Decline))
        })
        .await
    }

    async fn withdraw_offer(
        &self,
        request: Request<WithdrawOfferRequest>,
    ) -> Result<Response<Offer>, Status> {
        answer(request, |call, body| {
            self.answer(call, Answering::of(&body, Step::Withdraw))
        })
        .await
    }

    async fn get_offer(
        &self,
        request: Request<GetOfferRequest>,
    ) -> Result<Response<Offer>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_offers(
        &self,
        request: Request<ListOffersRequest>,
    ) -> Result<Response<ListOffersResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn transfer_ticket(
        &self,
        request: Request<TransferTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        answer(request, |call, body| self.tickets.command(call, body)).await
    }
}
