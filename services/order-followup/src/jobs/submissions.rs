//! Has the company's order system take orders, and give up those that were cancelled: each under
//! its submission's id, however often it takes, for a day. What goes out is journaled before it
//! does; an order system that took an order and did not say so in time is asked under the same id.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{Order, SubmissionState};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    api::{
        Orders,
        submissions::{Said, changed},
    },
    desk::By,
    domain::submission::{Step, next_attempt},
    ports::{NotTaken, OrderSystem},
    store::submissions::{self, SUBMISSIONS, StoredSubmission},
};

const EVERY: Duration = Duration::from_millis(500);
/// How long a submission is believed to be with the order system.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Submissions that are with it at one time.
const MOST: u8 = 20;

/// What the order system is asked, and what it said.
enum Asked {
    Submit(Box<Order>),
    Withdraw,
}

#[derive(Clone)]
enum Answer {
    Taken(String),
    Withdrawn,
    Not(NotTaken),
}

/// The job that looks twice a second.
pub(crate) fn job(deps: Deps, orders: Orders, system: Arc<dyn OrderSystem>) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "orders cannot be submitted");
    Job::every("submissions", clock, EVERY, trouble, move || {
        let (deps, orders, system) = (deps.clone(), orders.clone(), system.clone());
        async move {
            while send_some(&deps, &orders, &system).await? {}
            Ok(())
        }
    })
}

/// Sends some; whether there may be more.
async fn send_some(
    deps: &Deps,
    orders: &Orders,
    system: &Arc<dyn OrderSystem>,
) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let service = orders.clone();
    let taken = deps
        .db
        .transaction(move |connection| {
            let service = service.clone();
            Box::pin(async move { take(connection, &service, now, request).await })
        })
        .await?;
    let more = taken.len() == usize::from(MOST);
    let mut sending = JoinSet::new();
    for (row, asked) in taken {
        let (deps, orders, system) = (deps.clone(), orders.clone(), system.clone());
        sending.spawn(async move { send(&deps, &orders, system.as_ref(), row, asked).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(|error| Fault::internal(format!("submission: {error}")))??;
    }
    Ok(more)
}

/// Takes some, and journals that they go out.
async fn take(
    connection: &mut PgConnection,
    service: &Orders,
    now: Timestamp,
    request: Uuid,
) -> Result<Vec<(StoredSubmission, Asked)>, Fault> {
    let far = |_| Fault::internal("a moment out of range");
    let until = now.saturating_add(LEASE).map_err(far)?;
    let taken = submissions::take(connection, now, until, MOST.into()).await?;
    let mut asked = Vec::with_capacity(taken.len());
    let mut entries = Vec::with_capacity(taken.len());
    for row in taken {
        let what = match row.state() {
            SubmissionState::Withdrawing => Asked::Withdraw,
            _ => match service.whole_of(connection, row.order_id).await? {
                Some(order) => Asked::Submit(Box::new(order)),
                None => continue,
            },
        };
        let event = changed(row.parts(), row.state(), row.attempts, row.revision);
        let (request, resource) = (request.to_string(), name(SUBMISSIONS, row.id));
        let (kind, customer) = ("submission.attempted", Some(row.customer_id));
        entries.push(Entry::by_itself(
            now, request, kind, resource, customer, event,
        ));
        asked.push((row, what));
    }
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(asked)
}

async fn send(
    deps: &Deps,
    orders: &Orders,
    system: &dyn OrderSystem,
    row: StoredSubmission,
    asked: Asked,
) -> Result<(), Fault> {
    let answer = match &asked {
        Asked::Submit(order) => match system.submit(row.id, order).await {
            Ok(taken) => Answer::Taken(taken.reference),
            Err(not) => Answer::Not(not),
        },
        Asked::Withdraw => match system.withdraw(row.id).await {
            Ok(()) => Answer::Withdrawn,
            Err(not) => Answer::Not(not),
        },
    };
    let asked_to_submit = matches!(asked, Asked::Submit(_));
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let (orders, id) = (orders.clone(), row.id);
    deps.db
        .transaction(move |connection| {
            let (orders, answer) = (orders.clone(), answer.clone());
            Box::pin(async move {
                let Some(row) = submissions::lock(connection, id).await? else {
                    return Ok(());
                };
                let by = By::Itself { now, request };
                keep(connection, &orders, &row, (answer, asked_to_submit), &by).await
            })
        })
        .await
}

/// Keeps what the order system said.
async fn keep(
    connection: &mut PgConnection,
    orders: &Orders,
    row: &StoredSubmission,
    (answer, asked_to_submit): (Answer, bool),
    by: &By<'_>,
) -> Result<(), Fault> {
    let state = row.state();
    // Somebody said meanwhile what became of it.
    if !matches!(
        state,
        SubmissionState::Pending | SubmissionState::Withdrawing
    ) {
        return Ok(());
    }
    // The order was cancelled while it was on its way: it is taken out next, whatever was said.
    let overtaken = asked_to_submit && state == SubmissionState::Withdrawing;
    if overtaken && matches!(answer, Answer::Not(_)) {
        return Ok(());
    }
    let again = match answer {
        Answer::Not(NotTaken::Silent) => next_attempt(row.asked_since, row.attempts, by.now()),
        _ => None,
    };
    if let Some(at) = again {
        return submissions::postpone(connection, row.id, at).await;
    }
    let entries = match answer {
        Answer::Taken(reference) => {
            let said = Said {
                reference: &reference,
                ..Said::default()
            };
            let entries = orders.step(connection, by, row, Step::Accept, said).await?;
            if overtaken {
                submissions::postpone(connection, row.id, by.now()).await?;
            }
            entries
        }
        Answer::Withdrawn => {
            let said = Said::default();
            orders
                .step(connection, by, row, Step::Withdrawn, said)
                .await?
        }
        Answer::Not(_) if state == SubmissionState::Withdrawing => {
            submissions::give_up(connection, row.id).await?;
            let opened = orders.see_to_it(connection, by, row, state).await?;
            opened.into_iter().collect()
        }
        Answer::Not(_) => {
            let said = Said::default();
            orders.step(connection, by, row, Step::Refuse, said).await?
        }
    };
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(())
}
