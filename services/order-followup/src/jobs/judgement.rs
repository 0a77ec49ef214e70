//! Finds orders that are late or stuck before their customers ask, and sees when they no longer
//! are (OP-3.4.4): once for each occasion, however many instances look and however often they
//! begin anew. The department concerned follows them up, and the customer is told by the company's
//! rules. What is to be looked at stands in the orders' own rows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    journal::{OrderLateness, OrderTrouble, OrderTroubled, event},
    order::{FollowUpKind, FollowUpState, OrderStage, PromiseDefinition, PromiseRulesVersion},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps,
    error::{Fault, Language},
    fields::name,
    host::Job,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::notices::{Notices, Subject, Telling},
    desk::{By, Desk, Wanted},
    domain::{
        notice::{Before, news},
        promise::{
            Trouble, cause, judge,
            lateness::{counts, once_late},
            rules::in_force,
        },
        stage::{Reached, in_words},
    },
    store::{
        promises::{self, Found, ToJudge},
        versions,
    },
};

const EVERY: Duration = Duration::from_secs(1);
/// Orders of one transaction.
const MOST: u16 = 200;

/// The job that looks once a second.
pub(crate) fn job(deps: Deps, desk: Desk, notices: Notices) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "orders cannot be judged");
    Job::every("judgement", clock, EVERY, trouble, move || {
        let (deps, desk, notices) = (deps.clone(), desk.clone(), notices.clone());
        async move {
            while judge_some(&deps, &desk, &notices).await? {}
            Ok(())
        }
    })
}

/// Judges some; whether there may be more.
async fn judge_some(deps: &Deps, desk: &Desk, notices: &Notices) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let (desk, notices) = (desk.clone(), notices.clone());
    deps.db
        .transaction(move |connection| {
            let (desk, notices) = (desk.clone(), notices.clone());
            Box::pin(async move {
                let orders = promises::take(connection, now, MOST.into()).await?;
                if orders.is_empty() {
                    return Ok(false);
                }
                let versions: Vec<PromiseRulesVersion> = versions::all(connection).await?;
                let look = Look {
                    desk: &desk,
                    telling: notices.telling(connection, (now, request)).await?,
                    rules: in_force(&versions, now),
                    now,
                    request,
                };
                let mut found = Vec::with_capacity(orders.len());
                let mut entries = Vec::new();
                for order in &orders {
                    found.push(look.at(connection, order, &mut entries).await?);
                }
                promises::keep(connection, &found).await?;
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(orders.len() == usize::from(MOST))
            })
        })
        .await
}

/// What orders are looked at with.
struct Look<'a> {
    desk: &'a Desk,
    telling: Telling<'a>,
    rules: PromiseDefinition,
    now: Timestamp,
    request: Uuid,
}

/// One kind of trouble, and what is said of it.
struct Kind {
    trouble: OrderTrouble,
    follow_up: FollowUpKind,
    /// Names it in causes.
    name: &'static str,
    begun: &'static str,
    over: &'static str,
    /// What becomes of the follow-up when it is over by itself.
    outcome: &'static str,
}

const LATE: Kind = Kind {
    trouble: OrderTrouble::Late,
    follow_up: FollowUpKind::Late,
    name: "late",
    begun: "order.late",
    over: "order.late_no_more",
    outcome: "订单已赶上或另有承诺。",
};
const STUCK: Kind = Kind {
    trouble: OrderTrouble::Stuck,
    follow_up: FollowUpKind::Stuck,
    name: "stuck",
    begun: "order.stuck",
    over: "order.stuck_no_more",
    outcome: "订单已有新进展。",
};

impl Look<'_> {
    /// What is found of an order; what changed is journaled, followed up and told.
    async fn at(
        &self,
        connection: &mut PgConnection,
        order: &ToJudge,
        entries: &mut Vec<Entry>,
    ) -> Result<Found, Fault> {
        let judged = judge(&order.standing, &self.rules, self.now);
        let stuck_before = order.stuck_since;
        let stuck = judged.stuck.map(|trouble| trouble.since.at);
        if judged.late.map(|trouble| trouble.since) != order.late {
            let before = order.late;
            self.turn(connection, order, &LATE, before, judged.late, entries)
                .await?;
        }
        let once = self
            .once_late(connection, order, judged.late, entries)
            .await?;
        if stuck != stuck_before {
            let before = stuck_before.map(|at| Reached {
                at,
                stage: OrderStage::Unspecified,
            });
            self.turn(connection, order, &STUCK, before, judged.stuck, entries)
                .await?;
        }
        let before = Before {
            late: order.late,
            stuck_since: stuck_before,
        };
        let subject = Subject {
            order: order.id,
            number: &order.number,
            customer: order.customer_id,
        };
        for news in news(&order.standing, &self.rules, before, &judged, self.now) {
            let told = self.telling.tell(connection, &subject, news).await?;
            entries.extend(told);
        }
        Ok(Found {
            id: order.id,
            late: judged.late.map(|trouble| trouble.since),
            once_late: once,
            stuck_since: stuck,
            look_at: judged.next,
        })
    }

    /// What an order was late with first, by all that is known now; it is said where that differs from
    /// what was said, as it is by saying that the order is late.
    async fn once_late(
        &self,
        connection: &mut PgConnection,
        order: &ToJudge,
        late: Option<Trouble>,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<Reached>, Fault> {
        let turned = late.map(|trouble| trouble.since);
        let turned = turned.filter(|late| Some(*late) != order.late);
        let (customer, department) = (order.customer_id, order.standing.department);
        let mut missed = order.missed.clone();
        if let Some(late) = turned.filter(|late| counts(*late, order.entered)) {
            promises::keep_missed(connection, order.id, customer, late).await?;
            missed.push(late);
        }
        let once = once_late(&order.standing, &missed, self.now);
        if once != order.once_late || (turned.is_some() && once.is_none()) {
            let bytes = |id: Uuid| id.as_bytes().to_vec();
            let event = event::Event::OrderLateness(OrderLateness {
                order_id: bytes(order.id),
                customer_id: bytes(customer),
                department_id: bytes(department),
                late: once.is_some(),
                stage: once.map_or(0, |once| once.stage.into()),
                promised_at: once.map(|once| to_proto(once.at)),
            });
            let (request, resource) = (self.request.to_string(), name("orders", order.id));
            let (kind, customer) = ("order.lateness", Some(customer));
            let entry = Entry::by_itself(self.now, request, kind, resource, customer, event);
            entries.push(entry);
        }
        Ok(once)
    }

    /// One trouble is over, another begins, or both.
    async fn turn(
        &self,
        connection: &mut PgConnection,
        order: &ToJudge,
        kind: &Kind,
        before: Option<Reached>,
        trouble: Option<Trouble>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Fault> {
        let by = By::Itself {
            now: self.now,
            request: self.request,
        };
        let resource = name("orders", order.id);
        if let Some(before) = before {
            let own = order.standing.department;
            entries.push(self.entry(order, kind, (before, own), true));
            let (how, what) = (FollowUpState::Settled, kind.outcome);
            let closed = self
                .desk
                .close(connection, &by, &resource, kind.follow_up, how, what);
            entries.extend(closed.await?);
        }
        let Some(trouble) = trouble else {
            return Ok(());
        };
        entries.push(self.entry(order, kind, (trouble.since, trouble.concerned), false));
        let hours = SignedDuration::from_hours(self.rules.follow_up_hours.into());
        let far = |_| Fault::internal("a moment out of range");
        let wanted = Wanted {
            kind: kind.follow_up,
            cause: cause(kind.name, order.id, trouble.since),
            customer: order.customer_id,
            subject: &resource,
            department: trouble.concerned,
            // Whoever follows the order up, where it is theirs to see to.
            assignee: order
                .owner_id
                .filter(|_| trouble.concerned == order.standing.department),
            due_at: self.now.checked_add(hours).map_err(far)?,
            reason: reason(kind, &order.number, trouble.since),
        };
        entries.extend(self.desk.open(connection, &by, wanted).await?);
        Ok(())
    }

    fn entry(
        &self,
        order: &ToJudge,
        kind: &Kind,
        (since, department): (Reached, Uuid),
        over: bool,
    ) -> Entry {
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        let event = event::Event::OrderTroubled(OrderTroubled {
            order_id: bytes(order.id),
            customer_id: bytes(order.customer_id),
            department_id: bytes(department),
            trouble: kind.trouble.into(),
            stage: since.stage.into(),
            since: Some(to_proto(since.at)),
            over,
        });
        let r#type = if over { kind.over } else { kind.begun };
        let (request, resource) = (self.request.to_string(), name("orders", order.id));
        let customer = Some(order.customer_id);
        Entry::by_itself(self.now, request, r#type, resource, customer, event)
    }
}

/// What is to be done, in words.
fn reason(kind: &Kind, number: &str, since: Reached) -> String {
    let stage = in_words(since.stage, Language::Chinese);
    match kind.trouble {
        OrderTrouble::Late => format!(
            "订单 {number} 承诺于 {} {stage}，至今未达。请与责任部门核实，告知客户并另行承诺。",
            since.at
        ),
        _ => format!(
            "订单 {number} 自 {}（{stage}）起再无消息。请与责任部门核实进展并告知客户。",
            since.at
        ),
    }
}
