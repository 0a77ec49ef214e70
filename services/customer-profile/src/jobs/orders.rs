use kefu_contracts::{
    journal::{Entry, FollowUpChanged, OrderChanged, event::Event},
    order::{FollowUpState, OrderStage},
};
use kefu_service::{consumer::Effect, database::Use, error::Fault, time};
use sqlx::PgConnection;

use super::{
    history::{self, Source, moment, place},
    id,
};
use crate::store::{destruction, due::TO_RATE, duty, purchases, retention};

/// Who follows an order up, or has something to do for a customer, has duty on the file until
/// that is over (CF-9.1); an order that stands is a purchase (CF-2.2); what happens with it is in the
/// customer's history (CF-2.3), is business (CF-5.2), and has the customer rated anew
/// (CF-2.4, IH-8.2).
pub(crate) struct OrderEffects;

impl Effect for OrderEffects {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                if !history::keep(connection, Source::OrderFollowup, entry).await? {
                    continue;
                }
                match entry.event.as_ref().and_then(|event| event.event.as_ref()) {
                    Some(Event::OrderChanged(order)) => settle(connection, entry, order).await?,
                    Some(Event::FollowUpChanged(one)) => give(connection, entry, one).await?,
                    _ => {}
                }
            }
            Ok(())
        })
    }
}

/// Whose an open follow-up is has duty until it is closed.
async fn give(
    connection: &mut PgConnection,
    entry: &Entry,
    one: &FollowUpChanged,
) -> Result<(), Fault> {
    let Some(customer) = id(&one.customer_id) else {
        return Ok(());
    };
    if !destruction::stands(connection, customer).await? {
        return Ok(());
    }
    let open = one.state() == FollowUpState::Open;
    let assignee = id(&one.assignee_id).filter(|_| open);
    let own = place(Source::OrderFollowup, entry);
    let at = moment(None, entry)?;
    duty::settle(connection, own, &entry.resource, customer, assignee, at).await
}

async fn settle(
    connection: &mut PgConnection,
    entry: &Entry,
    order: &OrderChanged,
) -> Result<(), Fault> {
    let (Some(order_id), Some(customer)) = (id(&order.order_id), id(&order.customer_id)) else {
        return Ok(());
    };
    let over = matches!(order.stage(), OrderStage::Completed | OrderStage::Cancelled);
    let owner = id(&order.owner_id).filter(|_| !over);
    let (own, at) = (
        place(Source::OrderFollowup, entry),
        moment(order.occurred_at, entry)?,
    );
    duty::settle(connection, own, &entry.resource, customer, owner, at).await?;
    retention::business(connection, customer, at).await?;
    let placed_at = order.placed_at.as_ref().and_then(time::from_proto);
    match (&order.total, placed_at) {
        _ if order.stage() == OrderStage::Cancelled => {
            purchases::discount(connection, order_id).await?;
        }
        (Some(total), Some(placed_at)) => {
            purchases::count(connection, order_id, customer, total, placed_at).await?;
        }
        _ => return Ok(()),
    }
    TO_RATE.look_at(connection, customer, at).await
}
