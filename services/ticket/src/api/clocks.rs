//! `kefu.ticket.v1.ClockService`: what the clocks of a ticket read, and why.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    policy::DataClass,
    ticket::{
        ClockMetric, ClockState, ClockStretch, ClockStretchKind, ExplainClockRequest,
        ExplainClockResponse, ListTicketClocksRequest, ListTicketClocksResponse, TargetsVersion,
        TicketClock, TryTargetsRequest, TryTargetsResponse, clock_service_server::ClockService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, name, parse_name},
    present::Shown,
    time::to_proto,
};
use tonic::{Request, Response, Status};

use crate::{
    domain::{
        clock::{Attempt, StretchKind},
        targets,
        timing::{Timed, Timing},
    },
    store::{
        calendars::CALENDARS,
        clocks::{self, StoredClock, Ticket},
        records::{RECORD, StoredTicket},
    },
};

const VIEWED: &str = "clocks.viewed";
const REFUSED: &str = "ticket.refused";
const MOST_STRETCHES: usize = 1000;

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Clocks {
    core: Core,
}

/// What a look at the clocks of a ticket found.
struct Found {
    shown: Shown,
    timing: Timing,
    ticket: Ticket,
    stored: Vec<StoredClock>,
}

impl Clocks {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }

    /// Clauses IH-4, SG-2.1.
    async fn list(
        &self,
        call: Call,
        request: ListTicketClocksRequest,
    ) -> Result<Answer<ListTicketClocksResponse>, Fault> {
        let found = self.find(&call, Fields::new(), &request.parent).await?;
        let clocks = found.clocks(call.now);
        let clocks = clocks.into_iter().map(|(clock, _)| clock).collect();
        self.core
            .views
            .record(&call, VIEWED, &[found.shown])
            .await?;
        Ok(Answer::read(ListTicketClocksResponse { clocks }))
    }

    /// Clauses IH-4, SG-2.1.
    async fn explain(
        &self,
        call: Call,
        request: ExplainClockRequest,
    ) -> Result<Answer<ExplainClockResponse>, Fault> {
        let mut fields = Fields::new();
        let metric = fields.required_enum::<ClockMetric>("metric", request.metric);
        let attempt = request.attempt.max(1);
        fields.ensure(
            request.attempt >= 0,
            "attempt",
            Violation::OutOfRange(1, i32::MAX.into()),
        );
        let found = self.find(&call, fields, &request.parent).await?;
        let wanted = (metric.unwrap_or_default() as i32, attempt);
        let mut all = found.clocks(call.now).into_iter();
        let one = all.rfind(|(clock, _)| (clock.metric, clock.attempt) == wanted);
        self.core
            .views
            .record(&call, VIEWED, std::slice::from_ref(&found.shown))
            .await?;
        let Some((clock, timed)) = one else {
            return Err(Fault::not_found(&request.parent));
        };
        let tier = match found.is_tier_cleared() {
            true => found.tier(wanted, timed.as_ref()),
            false => 0,
        };
        let mut stretches = timed
            .map(|timed| stretches(&timed, call.now))
            .unwrap_or_default();
        let stretches_cut = stretches.len() > MOST_STRETCHES;
        stretches.truncate(MOST_STRETCHES);
        Ok(Answer::read(ExplainClockResponse {
            clock: Some(clock),
            stretches,
            stretches_cut,
            tier,
        }))
    }

    /// Clause IH-4.
    async fn attempt(
        &self,
        call: Call,
        request: TryTargetsRequest,
    ) -> Result<Answer<TryTargetsResponse>, Fault> {
        let mut fields = Fields::new();
        let definition = request.definition.unwrap_or_default();
        targets::check(&mut fields, &definition);
        let mut found = self.find(&call, fields, &request.parent).await?;
        // What a target by tier comes to tells the tier.
        if targets::go_by_tier(&definition) && !found.is_tier_cleared() {
            let class = DataClass::Relation.as_str_name();
            let fault = Fault::new(Reason::PermissionMissing).with("classes", class);
            let views = &self.core.views;
            return Err(views.refuse(&call, REFUSED, &request.parent, fault).await);
        }
        let mut fields = Fields::new();
        for (at, rule) in definition.rules.iter().enumerate() {
            let calendar = parse_name(&rule.calendar, CALENDARS);
            let known = calendar.is_some_and(|id| found.timing.calendars.contains_key(&id));
            fields.ensure(
                known || rule.calendar.is_empty(),
                format_args!("definition.rules[{at}].calendar"),
                Violation::Unknown,
            );
        }
        fields.finish()?;
        found.timing.targets = vec![TargetsVersion {
            definition: Some(definition),
            ..TargetsVersion::default()
        }];
        found.stored.clear();
        let clocks = found.clocks(call.now);
        let clocks = clocks.into_iter().map(|(clock, _)| clock).collect();
        let views = &self.core.views;
        views.record(&call, VIEWED, &[found.shown]).await?;
        Ok(Answer::read(TryTargetsResponse { clocks }))
    }

    /// The ticket of this name within the call's scope, with its clocks; that it is not
    /// there is journaled.
    async fn find(&self, call: &Call, mut fields: Fields, parent: &str) -> Result<Found, Fault> {
        let id = fields.name("parent", parent, "tickets").unwrap_or_default();
        fields.finish()?;
        let (reader, mut query) = (call.clone(), RECORD.get(call, id));
        let found = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let row = query.build().fetch_optional(&mut *connection).await?;
                    let Some(row) = row.as_ref().map(StoredTicket::read).transpose()? else {
                        return Ok(None);
                    };
                    let Some(ticket) = clocks::ticket(connection, id).await? else {
                        return Ok(None);
                    };
                    let shown = Shown {
                        resource: name("tickets", id),
                        customer_id: Some(row.customer_id),
                        clearance: reader.context.clearance(row.matched, reader.now),
                    };
                    Ok(Some(Found {
                        shown,
                        timing: clocks::timing(connection).await?,
                        ticket,
                        stored: clocks::list(connection, id).await?,
                    }))
                })
            })
            .await?;
        match found {
            Some(found) => Ok(found),
            None => {
                let fault = Fault::not_found(parent);
                let views = &self.core.views;
                Err(views.refuse(call, REFUSED, parent, fault).await)
            }
        }
    }
}

impl Found {
    /// The customer's tier when this attempt began, as its clock went by it.
    fn tier(&self, of: (i32, i32), timed: Option<&Timed<'_>>) -> i32 {
        let mut stored = self.stored.iter();
        let stored = stored.find(|clock| (clock.metric.into(), clock.attempt) == of);
        match (stored, timed) {
            (Some(kept), _) if kept.stopped_at.is_some() => kept.tier.into(),
            (_, Some(timed)) => timed.tier,
            (_, None) => 0,
        }
    }

    fn is_tier_cleared(&self) -> bool {
        let classes = self.shown.clearance.classes;
        classes.contains(DataClass::Relation)
    }

    /// What may be told of them now, in the order of the contract. Where targets go by the tier
    /// and that is not cleared, it is what the ticket's own times tell: whether and when a clock is
    /// due, what it counts and stops for, and that there is one, would tell the tier.
    fn clocks(&self, now: Timestamp) -> Vec<(TicketClock, Option<Timed<'_>>)> {
        let mut clocks = self.readings(now);
        if !self.is_tier_cleared() {
            clocks.retain(|(clock, _)| !self.timing.go_by_tier(clock.targets_version));
            for (attempt, version) in self.timing.whatever_the_tier(&self.ticket.record) {
                let bare = bare_clock(&attempt, version);
                let same = |(clock, _): &(TicketClock, _)| {
                    (clock.metric, clock.attempt) == (bare.metric, bare.attempt)
                };
                if !clocks.iter().any(same) {
                    clocks.push((bare, None));
                }
            }
        }
        clocks.sort_by_key(|(clock, _)| (clock.metric, clock.attempt));
        clocks
    }

    /// What they read now: one that has stopped as it was kept, with how it came about where it
    /// would come about so today.
    fn readings(&self, now: Timestamp) -> Vec<(TicketClock, Option<Timed<'_>>)> {
        let timed = self.timing.clocks(&self.ticket.record);
        let mut clocks: Vec<_> = timed
            .into_iter()
            .map(|timed| {
                let attempt = &timed.attempt;
                let of = (attempt.metric as i16, attempt.number);
                let stored = self.stored.iter();
                let stored = stored
                    .clone()
                    .find(|clock| (clock.metric, clock.attempt) == of);
                match stored {
                    Some(kept) if kept.stopped_at.is_some() => (kept_clock(kept), Some(timed)),
                    stored => (running_clock(&timed, stored, now), Some(timed)),
                }
            })
            .collect();
        for kept in self.stored.iter().filter(|kept| kept.stopped_at.is_some()) {
            let of = (i32::from(kept.metric), kept.attempt);
            if !clocks
                .iter()
                .any(|(clock, _)| (clock.metric, clock.attempt) == of)
            {
                clocks.push((kept_clock(kept), None));
            }
        }
        if let Some(merged) = self.ticket.merged_at.map(to_proto) {
            let ended = clocks
                .iter_mut()
                .filter(|(clock, _)| clock.stop_time == Some(merged));
            for (clock, _) in ended.filter(|(clock, _)| clock.state() == ClockState::Met) {
                clock.set_state(ClockState::Ended);
            }
        }
        clocks
    }
}

fn running_clock(timed: &Timed<'_>, stored: Option<&StoredClock>, now: Timestamp) -> TicketClock {
    let attempt = &timed.attempt;
    let until = attempt.stopped_at.unwrap_or(now);
    let paused = matches!(attempt.pauses.last(), Some((_, None)));
    let state = match timed.due_at {
        Some(due) if due < until => ClockState::Missed,
        _ if attempt.stopped_at.is_some() => ClockState::Met,
        _ if paused => ClockState::Paused,
        _ => ClockState::Running,
    };
    TicketClock {
        metric: attempt.metric.into(),
        attempt: attempt.number,
        state: state.into(),
        start_time: Some(to_proto(attempt.started_at)),
        stop_time: attempt.stopped_at.map(to_proto),
        due_time: timed.due_at.map(to_proto),
        target_seconds: timed.target.as_secs(),
        used_seconds: timed.reading().used(now).as_secs(),
        targets_version: timed.targets_version,
        calendar: timed
            .calendar_id
            .map(|id| name(CALENDARS, id))
            .unwrap_or_default(),
        warned: stored.is_some_and(|stored| stored.warned),
        breach_noted: stored.is_some_and(|stored| stored.breach_noted),
    }
}

fn kept_clock(kept: &StoredClock) -> TicketClock {
    let missed = kept
        .due_at
        .zip(kept.stopped_at)
        .is_some_and(|(due, at)| due < at);
    let state = match missed {
        true => ClockState::Missed,
        false => ClockState::Met,
    };
    TicketClock {
        metric: kept.metric.into(),
        attempt: kept.attempt,
        state: state.into(),
        start_time: Some(to_proto(kept.started_at)),
        stop_time: kept.stopped_at.map(to_proto),
        due_time: kept.due_at.map(to_proto),
        target_seconds: kept.target_seconds,
        used_seconds: kept.used_seconds,
        targets_version: kept.targets_version,
        calendar: kept
            .calendar_id
            .map(|id| name(CALENDARS, id))
            .unwrap_or_default(),
        warned: kept.warned,
        breach_noted: kept.breach_noted,
    }
}

fn bare_clock(attempt: &Attempt, targets_version: i32) -> TicketClock {
    TicketClock {
        metric: attempt.metric.into(),
        attempt: attempt.number,
        start_time: Some(to_proto(attempt.started_at)),
        stop_time: attempt.stopped_at.map(to_proto),
        targets_version,
        ..TicketClock::default()
    }
}

fn stretches(timed: &Timed<'_>, now: Timestamp) -> Vec<ClockStretch> {
    let mut used = jiff::SignedDuration::ZERO;
    let all = timed.reading().stretches(now).into_iter().map(|stretch| {
        let kind = match stretch.kind {
            StretchKind::Counted => {
                used += stretch.span.length();
                ClockStretchKind::Counted
            }
            StretchKind::Closed => ClockStretchKind::Closed,
            StretchKind::Paused => ClockStretchKind::Paused,
        };
        ClockStretch {
            start_time: Some(to_proto(stretch.span.start)),
            end_time: Some(to_proto(stretch.span.end)),
            kind: kind.into(),
            used_seconds: used.as_secs(),
        }
    });
    all.collect()
}

#[tonic::async_trait]
impl ClockService for Clocks {
    async fn list_ticket_clocks(
        &self,
        request: Request<ListTicketClocksRequest>,
    ) -> Result<Response<ListTicketClocksResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn explain_clock(
        &self,
        request: Request<ExplainClockRequest>,
    ) -> Result<Response<ExplainClockResponse>, Status> {
        answer(request, |call, body| self.explain(call, body)).await
    }

    async fn try_targets(
        &self,
        request: Request<TryTargetsRequest>,
    ) -> Result<Response<TryTargetsResponse>, Status> {
        answer(request, |call, body| self.attempt(call, body)).await
    }
}
