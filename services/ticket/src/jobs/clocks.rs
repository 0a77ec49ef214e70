//! Keeps clocks as this service's own journal says, and journals what they pass within a
//! second of its time, once, however many instances look.
//!
//! What a clock has passed is judged by the ticket as it is in the same transaction, so that
//! an answer that came in time is never too late for having been read late.

mod figures;

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use kefu_contracts::{
    journal::{ClockPassed, event},
    ticket::{ClockMetric, ClockState, NoticeEvent},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps,
    error::Fault,
    fields::name,
    host::Job,
    own_journal,
    telemetry::{Histogram, instruments::CLOCK_LATENESS, meter},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{Tickets, notices::by_itself},
    domain::timing::{Timed, Timing},
    store::{
        assignments,
        clocks::{self, Passed, Ticket},
    },
};

/// Reads the journal on under this name.
const READER: &str = "clocks";
const EVERY: Duration = Duration::from_millis(250);
/// Entries, or tickets, of one transaction.
const MOST: u16 = 500;

/// The job that looks four times a second.
pub(crate) fn job(deps: Deps, tickets: Tickets) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "clocks cannot be read");
    let keeper = Keeper {
        deps,
        tickets,
        lateness: CLOCK_LATENESS.histogram(&meter()),
    };
    Job::every("clocks", clock, EVERY, trouble, move || {
        let keeper = keeper.clone();
        async move { keeper.look().await }
    })
}

/// What the job needs.
#[derive(Clone)]
struct Keeper {
    deps: Deps,
    tickets: Tickets,
    lateness: Histogram<f64>,
}

/// What a step is taken with.
struct Look {
    now: Timestamp,
    request: Uuid,
    /// Tells customers that the promised time is another.
    tickets: Tickets,
    lateness: Histogram<f64>,
}

type Step = for<'c> fn(&'c mut PgConnection, Look) -> kefu_service::database::Use<'c, bool>;

impl Keeper {
    async fn look(&self) -> Result<(), Fault> {
        while self.step(follow).await? {}
        while self.step(read_anew).await? {}
        while self.step(note_passed).await? {}
        Ok(())
    }

    /// Takes a step in a transaction of its own; whether there is more of it.
    async fn step(&self, step: Step) -> Result<bool, Fault> {
        let request = self.deps.ids.next()?;
        let now = self.deps.clock.now();
        let (tickets, lateness) = (self.tickets.clone(), self.lateness.clone());
        self.deps
            .db
            .transaction(move |connection| {
                let look = Look {
                    now,
                    request,
                    tickets: tickets.clone(),
                    lateness: lateness.clone(),
                };
                step(connection, look)
            })
            .await
    }
}

/// Reads on in the journal: what happened to tickets, targets and calendars.
fn follow(connection: &mut PgConnection, look: Look) -> kefu_service::database::Use<'_, bool> {
    Box::pin(async move {
        let Some(stretch) = own_journal::next(connection, READER, MOST).await? else {
            return Ok(false);
        };
        let mut tickets = BTreeSet::new();
        let mut all = false;
        for entry in &stretch.entries {
            let event = entry.event.as_ref();
            match event.and_then(|event| event.event.as_ref()) {
                Some(event::Event::TicketChanged(ticket)) => {
                    tickets.extend(Uuid::from_slice(&ticket.ticket_id).ok());
                }
                Some(event::Event::CalendarChanged(_) | event::Event::TargetsChanged(_)) => {
                    all = true;
                }
                _ => {}
            }
        }
        if all {
            clocks::read_all_anew(connection).await?;
        }
        read(connection, &look, tickets).await?;
        stretch.done(connection).await
    })
}

fn read_anew(connection: &mut PgConnection, look: Look) -> kefu_service::database::Use<'_, bool> {
    Box::pin(async move {
        let tickets = clocks::take_to_read(connection, MOST.into()).await?;
        let more = tickets.len() == usize::from(MOST);
        read(connection, &look, tickets.into_iter().collect()).await?;
        Ok(more)
    })
}

fn note_passed(connection: &mut PgConnection, look: Look) -> kefu_service::database::Use<'_, bool> {
    Box::pin(async move {
        let tickets = clocks::passed(connection, look.now, MOST.into()).await?;
        let more = tickets.len() == usize::from(MOST);
        read(connection, &look, tickets.into_iter().collect()).await?;
        Ok(more)
    })
}

/// Reads the clocks of these tickets, keeps what they read and journals what they passed.
async fn read(
    connection: &mut PgConnection,
    look: &Look,
    tickets: BTreeSet<Uuid>,
) -> Result<(), Fault> {
    if tickets.is_empty() {
        return Ok(());
    }
    let timing = clocks::timing(connection).await?;
    let mut entries = Vec::new();
    for id in tickets {
        if let Some(ticket) = clocks::ticket(connection, id).await? {
            read_one(connection, look, &timing, id, &ticket, &mut entries).await?;
        }
    }
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(())
}

async fn read_one(
    connection: &mut PgConnection,
    look: &Look,
    timing: &Timing,
    id: Uuid,
    ticket: &Ticket,
    entries: &mut Vec<Entry>,
) -> Result<(), Fault> {
    let before = clocks::list(connection, id).await?;
    let timed = timing.clocks(&ticket.record);
    let dropped = clocks::drop_others(connection, id, &timed).await?;
    let mut changed: Vec<_> = dropped.into_iter().map(figures::dropped).collect();
    for one in &timed {
        let (metric, number) = (one.attempt.metric, one.attempt.number);
        let known = before
            .iter()
            .find(|clock| (clock.metric, clock.attempt) == (metric as i16, number));
        if known.is_some_and(|known| known.stopped_at.is_some()) {
            continue;
        }
        clocks::keep(connection, id, ticket.customer_id, one, look.now).await?;
        if figures::is_news(known, one, look.now) {
            let mut news = figures::changed(one, ticket.merged_at, look.now);
            let missed = news.state() == ClockState::Missed;
            if let Some(missed_at) = one.due_at.filter(|_| missed) {
                let handed = assignments::handed(connection, id).await?;
                let holder = figures::holder(&handed, ticket.assignee_id, missed_at);
                let holder = holder.map(|holder| holder.as_bytes().to_vec());
                news.holder_id = Some(holder.unwrap_or_default());
            }
            changed.push(news);
        }
        let promised = known.and_then(|known| known.promised_at);
        let moved = promised
            .zip(one.due_at)
            .is_some_and(|(old, new)| old != new);
        if metric == ClockMetric::Resolution && moved && one.attempt.stopped_at.is_none() {
            entries.extend(tell(connection, look, id).await?);
        }
        // What had stopped before it was first read is history: nobody is to be warned.
        if known.is_none() && one.attempt.stopped_at.is_some() {
            continue;
        }
        let until = one.attempt.stopped_at.unwrap_or(look.now);
        let passed = |at: Option<Timestamp>| at.is_some_and(|at| at < until);
        let what = match () {
            () if passed(one.due_at) => Passed::Due,
            () if passed(one.warn_at) && one.attempt.stopped_at.is_none() => Passed::Warning,
            () => continue,
        };
        if clocks::note(connection, id, metric, number, what).await? {
            // What is first read, or was moved, could not have been noted any sooner.
            if known.is_some_and(|known| known.due_at == one.due_at) {
                look.noted(one, what);
            }
            entries.push(entry(look, id, ticket, one, metric, what));
        }
    }
    if !changed.is_empty() {
        let event = figures::event(id, ticket, changed);
        let (request, resource) = (look.request.to_string(), name("tickets", id));
        let (customer, kind) = (Some(ticket.customer_id), "clocks.changed");
        entries.push(Entry::by_itself(
            look.now, request, kind, resource, customer, event,
        ));
    }
    Ok(())
}

impl Look {
    fn noted(&self, timed: &Timed<'_>, passed: Passed) {
        let at = match passed {
            Passed::Warning => timed.warn_at,
            Passed::Due => timed.due_at,
        };
        if let Some(at) = at {
            let late = self.now.duration_since(at).as_secs_f64();
            self.lateness.record(late.max(0.0), &[]);
        }
    }
}

/// The solution is due at another time than was said before (SG-2.4).
async fn tell(connection: &mut PgConnection, look: &Look, id: Uuid) -> Result<Vec<Entry>, Fault> {
    let tickets = &look.tickets;
    let told = tickets
        .tell_by_itself(connection, id, NoticeEvent::PromiseChanged, look.now)
        .await?;
    Ok(by_itself(look.now, look.request, told).collect())
}

fn entry(
    look: &Look,
    id: Uuid,
    ticket: &Ticket,
    timed: &Timed<'_>,
    metric: ClockMetric,
    passed: Passed,
) -> Entry {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let kind = match passed {
        Passed::Warning => "clock.near",
        Passed::Due => "clock.missed",
    };
    let event = event::Event::ClockPassed(ClockPassed {
        ticket_id: bytes(id),
        customer_id: bytes(ticket.customer_id),
        metric: metric.into(),
        attempt: timed.attempt.number,
        missed: passed == Passed::Due,
        due_time: timed.due_at.map(to_proto),
        target_seconds: timed.target.as_secs(),
        department_id: bytes(ticket.department_id),
        assignee_id: ticket.assignee_id.map(bytes).unwrap_or_default(),
    });
    let (request, resource) = (look.request.to_string(), name("tickets", id));
    let customer = Some(ticket.customer_id);
    Entry::by_itself(look.now, request, kind, resource, customer, event)
}
