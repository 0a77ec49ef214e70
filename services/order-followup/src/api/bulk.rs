//! News of many orders at once (OP-3.4.4): each is decided upon as a single call would have it,
//! and several are written in one transaction. An event counts once, so that no request id is
//! needed: what was cut short is told again whole.

use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet,
    common::{BulkResult, Reason},
    order::{BulkRecordStagesRequest, BulkRecordStagesResponse, Order, StageResult},
};
use kefu_journal::Cursor;
use kefu_service::{
    bulk,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    present::Shown,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Orders, command::Action, commands::told};
use crate::{
    domain::stage::Reached,
    store::{orders, records},
};

/// Most events of one call.
const MOST: usize = 500;
/// Events of one transaction: what is locked for others meanwhile is free in a moment.
const AT_ONCE: usize = 50;

/// One event.
#[derive(Clone)]
struct News {
    /// In the request.
    place: usize,
    id: Uuid,
    name: String,
    reached: Reached,
}

/// What one event came to.
struct Came {
    order: Order,
    customer: Uuid,
    clearance: Clearance,
    known: bool,
}

/// What several came to, each at the place of its event, and where the journal tells of it.
type Told = (Vec<Option<Came>>, Option<Cursor>);

impl Orders {
    /// Clause OP-3.4.4.
    pub(super) async fn record_stages(
        &self,
        call: Call,
        request: BulkRecordStagesRequest,
    ) -> Result<Answer<BulkRecordStagesResponse>, Fault> {
        let mut news = read(&call, request)?;
        let mut results = vec![StageResult::default(); news.len()];
        // Those of one order together and as they came; orders are locked in the same order
        // by whoever else tells of many.
        news.sort_by_key(|one| (one.id, one.place));
        let mut last = None;
        for some in news.chunks(AT_ONCE) {
            let (came, position) = self.tell_some(&call, some).await;
            last = position.max(last);
            for (one, outcome) in some.iter().zip(self.settled(&call, some, came).await?) {
                results[one.place] = outcome;
            }
        }
        Ok(Answer {
            body: BulkRecordStagesResponse { results },
            position: last,
        })
    }

    /// Tells some together; where that cannot be, one by one, so that one stops no other.
    async fn tell_some(
        &self,
        call: &Call,
        some: &[News],
    ) -> (Vec<Result<Came, Fault>>, Option<Cursor>) {
        let whole = self.tell_together(call, some).await;
        let fault = match whole {
            Ok((came, position)) => {
                let came = some.iter().zip(came);
                let came = came.map(|(one, came)| came.ok_or_else(|| Fault::not_found(&one.name)));
                return (came.collect(), position);
            }
            Err(fault) => fault,
        };
        if some.len() == 1 || is_everyones(fault.reason) {
            return (some.iter().map(|_| Err(fault.clone())).collect(), None);
        }
        let (mut all, mut last) = (Vec::with_capacity(some.len()), None);
        for one in some.chunks(1) {
            let (came, position) = Box::pin(self.tell_some(call, one)).await;
            all.extend(came);
            last = position.max(last);
        }
        (all, last)
    }

    async fn tell_together(&self, call: &Call, some: &[News]) -> Result<Told, Fault> {
        let (service, shared) = (self.clone(), (call.clone(), some.to_vec()));
        let db = &self.core.deps.db;
        db.transaction(move |connection| {
            let (service, (call, some)) = (service.clone(), shared.clone());
            Box::pin(async move { service.tell_all(connection, &call, &some).await })
        })
        .await
    }

    async fn tell_all(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        some: &[News],
    ) -> Result<Told, Fault> {
        let ids: Vec<Uuid> = some.iter().map(|one| one.id).collect();
        orders::lock_all(connection, &ids).await?;
        let mut rows = records::these(connection, call, &ids).await?;
        let (mut all, mut entries) = (Vec::with_capacity(some.len()), Vec::new());
        let mut before = None;
        for one in some {
            if before == Some(one.id) {
                // As the event before this one left it.
                rows.extend(records::these(connection, call, &[one.id]).await?);
            }
            before = Some(one.id);
            let Some(row) = rows.remove(&one.id) else {
                all.push(None);
                continue;
            };
            let clearance = call.context.clearance(row.matched, call.now);
            let customer = row.customer_id;
            let action = Action::Stage(one.reached);
            let (at_hand, told) = self.apply(connection, call, row, &action).await?;
            all.push(Some(Came {
                order: at_hand.order,
                customer,
                clearance,
                known: told.is_empty(),
            }));
            entries.extend(told);
        }
        let position = match entries.as_slice() {
            [] => None,
            entries => Some(kefu_journal::append(connection, entries).await?),
        };
        Ok((all, position))
    }

    /// What is said of each; what was asked for and not found, and what is shown without having
    /// been changed, is journaled first (promise 3).
    async fn settled(
        &self,
        call: &Call,
        some: &[News],
        came: Vec<Result<Came, Fault>>,
    ) -> Result<Vec<StageResult>, Fault> {
        let views = &self.core.views;
        let (mut results, mut shown) = (Vec::with_capacity(some.len()), Vec::new());
        for (one, came) in some.iter().zip(came) {
            let outcome = views.or_refused(call, "order.refused", &one.name, came);
            let came = match outcome.await {
                Ok(came) => came,
                Err(fault) => {
                    results.push(StageResult {
                        result: Some(bulk::refused(&one.name, &fault)),
                        ..StageResult::default()
                    });
                    continue;
                }
            };
            results.push(StageResult {
                result: Some(BulkResult {
                    name: one.name.clone(),
                    etag: came.order.etag.clone(),
                    ..BulkResult::default()
                }),
                stage: came.order.stage,
                known: came.known,
            });
            if came.known {
                shown.push(came.shown());
            }
        }
        if !shown.is_empty() {
            views.record(call, "order.viewed", &shown).await?;
        }
        Ok(results)
    }
}

impl Came {
    /// Its stage and revision are told, nothing of its customer.
    fn shown(self) -> Shown {
        Shown {
            resource: self.order.name,
            customer_id: Some(self.customer),
            clearance: Clearance {
                classes: ClassSet::NONE,
                ..self.clearance
            },
        }
    }
}

/// Whether a single call would be refused for the same: nothing of the orders is the cause.
fn is_everyones(reason: Reason) -> bool {
    reason != Reason::Internal && !bulk::is_lasting(reason)
}

/// Reads a call whole; every fault of it is noted.
fn read(call: &Call, request: BulkRecordStagesRequest) -> Result<Vec<News>, Fault> {
    let mut fields = Fields::new();
    let given = request.news;
    fields.ensure(!given.is_empty(), "news", Violation::Required);
    fields.ensure(given.len() <= MOST, "news", Violation::TooMany(MOST));
    let mut news = Vec::with_capacity(given.len().min(MOST));
    for (place, one) in given.into_iter().enumerate().take(MOST) {
        let id = fields.name(format_args!("news[{place}].name"), &one.name, "orders");
        let told_of = (one.stage, one.occurred_time.as_ref());
        let reached = told(&mut fields, call, &format!("news[{place}]."), told_of);
        news.extend(id.zip(reached).map(|(id, reached)| News {
            place,
            id,
            name: one.name,
            reached,
        }));
    }
    fields.finish()?;
    Ok(news)
}
