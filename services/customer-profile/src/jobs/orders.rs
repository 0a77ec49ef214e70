use kefu_contracts::{
    journal::{Entry, OrderChanged, event::Event},
    order::OrderStage,
};
use kefu_service::{consumer::Effect, database::Use, error::Fault, time};
use sqlx::PgConnection;

use super::id;
use crate::store::{destruction, duty, purchases, retention};

/// Who follows an order up has duty on its customer's file until it is over
/// (CF-9.1); an order that stands is a purchase (CF-2.2); and it is business (CF-5.2).
pub(crate) struct OrderEffects;

impl Effect for OrderEffects {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                if let Some(Event::OrderChanged(order)) =
                    entry.event.as_ref().and_then(|event| event.event.as_ref())
                {
                    settle(connection, &entry.resource, order).await?;
                }
            }
            Ok(())
        })
    }
}

async fn settle(
    connection: &mut PgConnection,
    resource: &str,
    order: &OrderChanged,
) -> Result<(), Fault> {
    let (Some(order_id), Some(customer)) = (id(&order.order_id), id(&order.customer_id)) else {
        return Ok(());
    };
    if !destruction::stands(connection, customer).await? {
        return Ok(());
    }
    let over = matches!(order.stage(), OrderStage::Completed | OrderStage::Cancelled);
    duty::settle(
        connection,
        resource,
        customer,
        id(&order.owner_id).filter(|_| !over),
    )
    .await?;
    if let Some(at) = order.occurred_at.as_ref().and_then(time::from_proto) {
        retention::business(connection, customer, at).await?;
    }
    let placed_at = order.placed_at.as_ref().and_then(time::from_proto);
    match (&order.total, placed_at) {
        _ if order.stage() == OrderStage::Cancelled => {
            purchases::discount(connection, order_id).await
        }
        (Some(total), Some(placed_at)) => {
            purchases::count(connection, order_id, customer, total, placed_at).await
        }
        _ => Ok(()),
    }
}
