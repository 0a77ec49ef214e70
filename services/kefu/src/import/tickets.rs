//! Rows that become tickets with their history (OP-3.1, SG-2.1). The priority
//! is not sent: the suite finds it from impact and urgency.

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    ticket::{Assignment, Level, Ticket, TicketKind, TicketState, WaitingFor},
};

use super::{
    drive::Importer,
    mapping::{HistoryFields, TicketFields},
    reader::{Reader, proto_time},
    record::stand_in,
    report::Sent,
    session::{Failure, Session},
};

/// What is sent for one ticket.
#[derive(Debug, PartialEq)]
pub(super) struct TicketPlan {
    /// The customer's external reference.
    pub(super) customer: String,
    /// Without the customer's name, which only the suite knows.
    pub(super) ticket: Ticket,
    /// What happened to it, oldest first.
    pub(super) steps: Vec<Step>,
}

/// Something that happened to a ticket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// When.
    pub(super) at: Timestamp,
    pub(super) action: Action,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Other traits than before.
    Update {
        before: Traits,
        after: Traits,
    },
    /// To whom it is given.
    Assign(String),
    Start,
    Suspend(WaitingFor),
    /// What was done about it.
    Resolve(String),
    /// Why it was taken up again.
    Reopen(String),
    Close,
}

/// What a ticket is judged by, and may be judged otherwise later.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Traits {
    pub(super) category: String,
    pub(super) impact: i32,
    pub(super) urgency: i32,
}

/// In whose hands a ticket is.
#[derive(Debug, Clone, PartialEq)]
struct Hands {
    /// `employees/…`
    whose: String,
    /// How often it had been given to somebody else, where the rows count that.
    count: Option<i32>,
}

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Standing {
    state: TicketState,
    waiting_for: WaitingFor,
}

impl Importer for TicketFields {
    const KIND: &'static str = "tickets";
    type Plan = TicketPlan;

    fn plan(&self, external_ref: &str, rows: &[Reader<'_>]) -> TicketPlan {
        let row = &rows[0];
        let traits = self.traits(row);
        let received = row.time("received_time", &self.received_time);
        let ticket = Ticket {
            external_ref: external_ref.to_owned(),
            kind: row.number_of("kind", &self.kind, TicketKind::from_str_name),
            channel: row.number_of("channel", &self.channel, Channel::from_str_name),
            subject: row.required("subject", &self.subject),
            description: row.text("description", &self.description),
            category: traits.category.clone(),
            impact: traits.impact,
            urgency: traits.urgency,
            department: row.text("department", &self.department),
            received_time: received.map(proto_time),
            ..Ticket::default()
        };
        let history = self.history.as_ref();
        TicketPlan {
            customer: row.required("customer", &self.customer),
            ticket,
            steps: history
                .map(|history| self.steps(history, rows, traits, received))
                .unwrap_or_default(),
        }
    }

    async fn send(&self, session: &Session, plan: &TicketPlan) -> Result<Sent, Failure> {
        super::ticket_calls::send(session, plan).await
    }
}

impl TicketFields {
    fn traits(&self, row: &Reader<'_>) -> Traits {
        Traits {
            category: row.text("category", &self.category),
            impact: row.number_of("impact", &self.impact, Level::from_str_name),
            urgency: row.number_of("urgency", &self.urgency, Level::from_str_name),
        }
    }

    /// What happened, from what each row tells of its moment.
    fn steps(
        &self,
        history: &HistoryFields,
        rows: &[Reader<'_>],
        mut traits: Traits,
        received: Option<Timestamp>,
    ) -> Vec<Step> {
        let mut standing = Standing {
            state: TicketState::New,
            waiting_for: WaitingFor::Unspecified,
        };
        let mut hands: Option<Hands> = None;
        let mut latest = received.unwrap_or(Timestamp::MIN);
        let mut steps = Vec::new();
        for row in rows {
            let Some((at, next)) = moment(history, row) else {
                continue;
            };
            // Files round times: nothing happens before what led to it.
            latest = latest.max(at);
            let after = self.traits(row);
            let mut actions = Vec::new();
            if after != traits {
                let before = std::mem::replace(&mut traits, after.clone());
                actions.push(Action::Update { before, after });
            }
            if let Some(now) = history.hands(row) {
                match handed(hands.as_ref(), &now) {
                    Ok(times) => {
                        let assign = Action::Assign(now.whose.clone());
                        actions.extend(std::iter::repeat_n(assign, times));
                    }
                    Err(problem) => row.refuse(format!("{at}: {problem}")),
                }
                hands = Some(now);
            }
            match changes(standing, next, || texts(history, row)) {
                Ok(changes) => actions.extend(changes),
                Err(problem) => row.refuse(format!("{at}: {problem}")),
            }
            standing = next;
            steps.extend(
                actions
                    .into_iter()
                    .map(|action| Step { at: latest, action }),
            );
        }
        if let Some(last) = rows.last() {
            // The later one first: the other may move as far as it lets it.
            let closed = last.time("closed_time", &history.closed_time);
            move_last(&mut steps, |action| *action == Action::Close, closed);
            let resolved = last.time("resolved_time", &history.resolved_time);
            move_last(
                &mut steps,
                |action| matches!(action, Action::Resolve(_)),
                resolved,
            );
        }
        steps
    }
}

impl HistoryFields {
    /// In whose hands the ticket was; none where the row does not say.
    fn hands(&self, row: &Reader<'_>) -> Option<Hands> {
        let whose = row.text("assignee", &self.assignee);
        let counted = self.reassignments.as_ref();
        let count = counted.map(|count| row.whole("reassignments", count));
        if whose.is_empty() {
            return None;
        }
        let whose = match whose.starts_with("employees/") {
            true => whose,
            false => stand_in(&whose),
        };
        Some(Hands { whose, count })
    }
}

/// How often the ticket was given to somebody between two rows.
fn handed(before: Option<&Hands>, now: &Hands) -> Result<usize, String> {
    let first = usize::from(before.is_none());
    let Some(count) = now.count else {
        let another = before.is_some_and(|before| before.whose != now.whose);
        return Ok(first + usize::from(another));
    };
    let counted = before.and_then(|before| before.count).unwrap_or_default();
    let more = usize::try_from(count - counted)
        .map_err(|_| format!("{count} reassignments after {counted}"))?;
    Ok(first + more)
}

/// Moves the last of such steps to when it was, where that is known, but not before what led
/// to it, nor past the next change of state.
fn move_last(steps: &mut Vec<Step>, is: fn(&Action) -> bool, at: Option<Timestamp>) {
    let from = steps.iter().rposition(|step| is(&step.action));
    let Some((from, at)) = from.zip(at) else {
        return;
    };
    let mut moved = steps.remove(from);
    let earliest = from.checked_sub(1).map_or(at, |before| steps[before].at);
    let later = &steps[from..];
    let moves = |step: &Step| step.action.leads_to().is_some();
    let latest = later.iter().find(|step| moves(step)).map(|step| step.at);
    moved.at = latest.map_or(at, |latest| at.min(latest)).max(earliest);
    let until = later
        .iter()
        .take_while(|step| !moves(step) && step.at <= moved.at)
        .count();
    steps.insert(from + until, moved);
}

/// When a row was so, and where the ticket stood.
fn moment(history: &HistoryFields, row: &Reader<'_>) -> Option<(Timestamp, Standing)> {
    let at = row.must("time", |row| row.time("time", &history.time));
    let state = row.must("state", |row| {
        row.choice("state", &history.state, TicketState::from_str_name)
    });
    let waiting_for = row.choice(
        "waiting_for",
        &history.waiting_for,
        WaitingFor::from_str_name,
    );
    // What is missing or wrong is noted by now, and rejects the ticket.
    let (at, state) = (at?, state?);
    let waiting_for = match state {
        TicketState::Pending => waiting_for.unwrap_or_default(),
        _ => WaitingFor::Unspecified,
    };
    Some((at, Standing { state, waiting_for }))
}

/// The texts that changes need: what was done, and why it was taken up again.
fn texts(history: &HistoryFields, row: &Reader<'_>) -> (String, String) {
    (
        row.required("resolution", &history.resolution),
        row.required("reopen_reason", &history.reopen_reason),
    )
}

/// The calls that lead from one standing to the next.
fn changes(
    from: Standing,
    to: Standing,
    texts: impl FnOnce() -> (String, String),
) -> Result<Vec<Action>, String> {
    use TicketState::{Closed, New, Open, Pending, Resolved, Unspecified};
    if from == to {
        return Ok(Vec::new());
    }
    let (resolution, reason) = texts();
    let (resolve, reopen) = (Action::Resolve(resolution), Action::Reopen(reason));
    let suspend = Action::Suspend(to.waiting_for);
    let finished = matches!(from.state, Resolved | Closed);
    Ok(match to.state {
        New | Unspecified => return Err("a ticket cannot become new again".to_owned()),
        Pending if to.waiting_for == WaitingFor::Unspecified => {
            return Err("the ticket waits, and it is not said for whom".to_owned());
        }
        Open if finished => vec![reopen],
        Open => vec![Action::Start],
        Pending if finished => vec![reopen, suspend],
        Pending => vec![suspend],
        Resolved if finished => vec![reopen, resolve],
        Resolved => vec![resolve],
        Closed if from.state == Resolved => vec![Action::Close],
        // The suite closes what is resolved; a file may leave that out.
        Closed => vec![resolve, Action::Close],
    })
}

impl Action {
    /// State that the ticket is in afterwards; `None` when it stays.
    pub(super) fn leads_to(&self) -> Option<TicketState> {
        Some(match self {
            Self::Update { .. } | Self::Assign(_) => return None,
            Self::Start | Self::Reopen(_) => TicketState::Open,
            Self::Suspend(_) => TicketState::Pending,
            Self::Resolve(_) => TicketState::Resolved,
            Self::Close => TicketState::Closed,
        })
    }
}

impl TicketPlan {
    /// Whether the ticket changes hands.
    pub(super) fn assigns(&self) -> bool {
        let assigns = |step: &Step| matches!(step.action, Action::Assign(_));
        self.steps.iter().any(assigns)
    }

    /// Number of the first step that neither the ticket's history nor that of its hands tells of.
    pub(super) fn next_step(&self, ticket: &Ticket, assignments: &[Assignment]) -> usize {
        let (mut history, mut hands) = (ticket.history.iter(), assignments.iter());
        let mut next = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let time = Some(proto_time(step.at));
            let told = match (&step.action, step.action.leads_to()) {
                (Action::Assign(to), _) => {
                    hands.any(|one| one.to == *to && one.occurred_time == time)
                }
                (_, Some(state)) => {
                    history.any(|change| change.to() == state && change.occurred_time == time)
                }
                _ => continue,
            };
            if !told {
                break;
            }
            next = at + 1;
        }
        next
    }
}

#[cfg(test)]
mod tests;
