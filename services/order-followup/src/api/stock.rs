//! `kefu.order.v1.StockService`: what there is to be had, and what customers choose where
//! something is short.

mod set;

use kefu_contracts::order::{
    AdjustStockRequest, ChooseOnShortageRequest, ListStockRequest, ListStockResponse, Order,
    OrderStep, OrderStepKind, OrderStock, SetStockRequest, ShortageChoice, StockItem,
    stock_service_server::StockService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
    listing::{self, ListSpec, asked},
    present::Shown,
    scope::{After, Order as By},
};
use tonic::{Request, Response, Status};

use super::{
    Orders,
    command::{Action, Command},
    write::{AtHand, step},
};
use crate::{
    domain::{
        entry::check_lines,
        finding::clear_up,
        stock::{Choice, choose, of_lines},
    },
    store::stock::{RECORD, StoredItem},
};

const LONGEST_NOTE: usize = 2000;

const LIST: ListSpec<StoredItem> = ListSpec {
    record: &RECORD,
    time: "update_time",
    order: By {
        column: "s.updated_at",
        descending: true,
    },
    read: StoredItem::read,
    place: |row| After {
        at: row.updated_at,
        id: row.id,
    },
};

const VIEWED: &str = "stock.viewed";

/// The handlers.
#[derive(Clone)]
pub(crate) struct Stock(pub(crate) Orders);

/// What a customer chose.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) choices: Vec<Choice>,
    pub(super) note: String,
}

impl Stock {
    async fn list(
        &self,
        call: Call,
        request: ListStockRequest,
    ) -> Result<Answer<ListStockResponse>, Fault> {
        let asked = asked!(request);
        let core = &self.0.core;
        let page = listing::show(core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let item = row.item();
                let shown = Shown::of_company(item.name.clone());
                Ok((item, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListStockResponse {
            items: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clause OP-3.4.2.
    async fn choose(
        &self,
        call: Call,
        request: ChooseOnShortageRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("note", &request.note, LONGEST_NOTE);
        let most = self.0.most_lines;
        let some = !request.choices.is_empty();
        fields.ensure(some, "choices", Violation::Required);
        let few = request.choices.len() <= most;
        fields.ensure(few, "choices", Violation::TooMany(most));
        let mut choices = Vec::new();
        for (at, one) in request.choices.iter().enumerate().take(most) {
            let field = format!("choices[{at}].choice");
            let choice = fields.required_enum::<ShortageChoice>(field, one.choice);
            choices.push(Choice {
                // What is no line is refused where lines are known.
                line: usize::try_from(one.line).unwrap_or(usize::MAX),
                choice: choice.unwrap_or_default(),
                alternative: one.alternative.clone(),
            });
        }
        fields.finish()?;
        let claim = Claim::of(&call, request_id, &request);
        let chosen = Chosen {
            choices,
            note: request.note,
        };
        let command = Command {
            id: id.unwrap_or_default(),
            revision,
            claim,
            action: Action::Choose(Box::new(chosen)),
        };
        self.0.carry_out(call, command).await
    }
}

impl Orders {
    /// Puts what the customer chose into an order; the caller asks for what it needs now.
    pub(super) fn choose(
        &self,
        call: &Call,
        at_hand: &mut AtHand,
        chosen: &Chosen,
    ) -> Result<(), Fault> {
        let order = &mut at_hand.order;
        if !matches!(order.stock(), OrderStock::Short | OrderStock::Waiting) {
            return Err(Fault::state(order.stock().as_str_name(), "choose"));
        }
        let before = order.lines.clone();
        choose(&mut order.lines, &chosen.choices)?;
        let mut fields = Fields::new();
        let (currency, most) = (&order.currency, self.most_lines);
        order.total = check_lines(&mut fields, "", &mut order.lines, currency, most);
        fields.finish()?;
        let cleared = clear_up(order, &before, &[], self.plausible)?;
        order.set_stock(of_lines(&order.lines));
        order.steps.push(OrderStep {
            corrected: cleared.corrected,
            ..step(call, OrderStepKind::Chosen, &chosen.note)
        });
        Ok(())
    }
}

#[tonic::async_trait]
impl StockService for Stock {
    async fn set_stock(
        &self,
        request: Request<SetStockRequest>,
    ) -> Result<Response<StockItem>, Status> {
        answer(request, |call, body| self.set(call, body)).await
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<StockItem>, Status> {
        answer(request, |call, body| self.adjust(call, body)).await
    }

    async fn list_stock(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn choose_on_shortage(
        &self,
        request: Request<ChooseOnShortageRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.choose(call, body)).await
    }
}
