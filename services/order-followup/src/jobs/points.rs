//! Points are earned by completed orders, as this service's own journal tells, and end in
//! their time (OP-3.3): each once, however many instances look.

use std::time::Duration;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{OrderChanged, event::Event},
    order::{LoyaltyRulesVersion, OrderStage},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps, database::Use, error::Fault, host::Job, own_journal, time::from_proto,
    versions::in_force,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    desk::By,
    domain::loyalty,
    points::{Occasion, Points, Posting},
    store::{
        cases, orders,
        points::{accounts, merges, postings},
        relations, versions,
    },
};

/// Reads the journal on under this name.
const READER: &str = "points";
const EVERY: Duration = Duration::from_secs(1);
/// Entries of one transaction.
const MOST: u16 = 200;
/// Accounts of one transaction.
const MOST_ACCOUNTS: i64 = 50;

/// The job that looks once a second.
pub(crate) fn job(deps: Deps, points: Points) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "points cannot be posted");
    Job::every("points", clock, EVERY, trouble, move || {
        let (deps, points) = (deps.clone(), points.clone());
        async move {
            while step(&deps, &points, follow).await? {}
            while step(&deps, &points, expire).await? {}
            Ok(())
        }
    })
}

/// What a step is taken with.
struct Look {
    now: Timestamp,
    request: Uuid,
    points: Points,
}

impl Look {
    fn by(&self) -> By<'static> {
        By::Itself {
            now: self.now,
            request: self.request,
        }
    }
}

type Step = for<'c> fn(&'c mut PgConnection, Look) -> Use<'c, bool>;

/// Takes a step in a transaction of its own; whether there is more of it.
async fn step(deps: &Deps, points: &Points, step: Step) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let points = points.clone();
    deps.db
        .transaction(move |connection| {
            let look = Look {
                now,
                request,
                points: points.clone(),
            };
            step(connection, look)
        })
        .await
}

/// Reads on in the journal: which orders were completed, or came to nothing.
fn follow(connection: &mut PgConnection, look: Look) -> Use<'_, bool> {
    Box::pin(async move {
        let Some(stretch) = own_journal::next(connection, READER, MOST).await? else {
            return Ok(false);
        };
        let mut entries = Vec::new();
        for entry in &stretch.entries {
            let event = entry.event.as_ref();
            if let Some(Event::OrderChanged(order)) = event.and_then(|event| event.event.as_ref()) {
                entries.extend(settle(connection, &look, order).await?);
            }
        }
        if !entries.is_empty() {
            kefu_journal::append(connection, &entries).await?;
        }
        stretch.done(connection).await
    })
}

async fn settle(
    connection: &mut PgConnection,
    look: &Look,
    order: &OrderChanged,
) -> Result<Vec<Entry>, Fault> {
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    let (Some(order_id), Some(customer)) = (id(&order.order_id), id(&order.customer_id)) else {
        return Ok(Vec::new());
    };
    match order.stage() {
        OrderStage::Completed => earn(connection, look, order, order_id, customer).await,
        OrderStage::Cancelled => {
            let (of, points) = ((order_id, customer), &look.points);
            points
                .take_back(connection, &look.by(), of, &Occasion::Cancelled)
                .await
        }
        _ => Ok(Vec::new()),
    }
}

/// By the rules in force when it was completed.
async fn earn(
    connection: &mut PgConnection,
    look: &Look,
    order: &OrderChanged,
    order_id: Uuid,
    customer: Uuid,
) -> Result<Vec<Entry>, Fault> {
    let completed_at = order.occurred_at.as_ref().and_then(from_proto);
    let completed_at = completed_at.unwrap_or(look.now);
    let versions = versions::all::<LoyaltyRulesVersion>(connection).await?;
    let version = in_force(&versions, completed_at);
    let rules = version.and_then(|version| version.definition.as_ref());
    let (Some(rules), Some(total)) = (rules, order.total.as_ref()) else {
        return Ok(Vec::new());
    };
    let holder = merges::account_of(connection, customer).await?;
    let tier = relations::tier(connection, customer).await?;
    let Some((holder, tier)) = holder.zip(tier) else {
        return Ok(Vec::new());
    };
    // No refund of it is paid meanwhile: either this or that sees the other.
    orders::lock(connection, order_id).await?;
    let refunded = cases::refunded_of(connection, order_id).await?;
    let points = loyalty::earned(rules, total, refunded, tier);
    if points == 0 {
        return Ok(Vec::new());
    }
    let mut account = accounts::lock(connection, holder, look.now).await?;
    if postings::earned_by(connection, order_id).await?.is_some() {
        return Ok(Vec::new());
    }
    let mut movements = account.ledger.expire(look.now);
    let end = loyalty::end(rules, completed_at);
    movements.extend(account.ledger.earn(points, end));
    let posting = Posting {
        customer: holder,
        order: Some(order_id),
        rules_version: version.map_or(0, |version| version.number),
        ..Posting::default()
    };
    let (by, points) = (look.by(), &look.points);
    points
        .post(connection, &by, account, &movements, &posting)
        .await
}

/// Posts what has ended.
fn expire(connection: &mut PgConnection, look: Look) -> Use<'_, bool> {
    Box::pin(async move {
        let customers = accounts::ended(connection, look.now, MOST_ACCOUNTS).await?;
        let mut entries = Vec::new();
        for customer in &customers {
            let mut account = accounts::lock(connection, *customer, look.now).await?;
            let movements = account.ledger.expire(look.now);
            let posting = Posting {
                customer: *customer,
                ..Posting::default()
            };
            let (by, points) = (look.by(), &look.points);
            let posted = points.post(connection, &by, account, &movements, &posting);
            entries.extend(posted.await?);
        }
        if !entries.is_empty() {
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(i64::try_from(customers.len()).unwrap_or(i64::MAX) == MOST_ACCOUNTS)
    })
}
