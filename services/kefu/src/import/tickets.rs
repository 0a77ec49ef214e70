//! Rows that become tickets with their history (OP-3.1, SG-2.1). The priority
//! is not sent: the suite finds it from impact and urgency.

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    ticket::{Level, Ticket, TicketKind, TicketState, WaitingFor},
};

use super::{
    drive::Importer,
    mapping::{HistoryFields, TicketFields},
    reader::{Reader, proto_time},
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
        steps
    }
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
            Self::Update { .. } => return None,
            Self::Start | Self::Reopen(_) => TicketState::Open,
            Self::Suspend(_) => TicketState::Pending,
            Self::Resolve(_) => TicketState::Resolved,
            Self::Close => TicketState::Closed,
        })
    }
}

impl TicketPlan {
    /// Number of the first step that the ticket's history does not tell of.
    pub(super) fn next_step(&self, ticket: &Ticket) -> usize {
        let mut history = ticket.history.iter();
        let mut next = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let Some(state) = step.action.leads_to() else {
                continue;
            };
            let time = Some(proto_time(step.at));
            if !history.any(|change| change.to() == state && change.occurred_time == time) {
                break;
            }
            next = at + 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::ticket::StateChange;

    use super::*;
    use crate::import::drive::tests::planned;

    const MAPPING: &str = r#"
        external_ref = "s:{number}"
        [source]
        time_format = "%d-%m-%Y %H:%M"
        null = ["?"]
        [ticket]
        customer = "caller:{caller}"
        kind = "TICKET_KIND_SERVICE_REQUEST"
        channel = "CHANNEL_PHONE"
        subject = "{category?} case"
        category = "{category}"
        impact = { from = "{impact}", map = { M = "LEVEL_MEDIUM", H = "LEVEL_HIGH" } }
        received_time = "{opened}"
        [ticket.history]
        time = "{updated}"
        state = { from = "{state}", map = { New = "TICKET_STATE_NEW", Active = "TICKET_STATE_OPEN", User = "TICKET_STATE_PENDING", Vendor = "TICKET_STATE_PENDING", Resolved = "TICKET_STATE_RESOLVED", Closed = "TICKET_STATE_CLOSED" } }
        waiting_for = { from = "{state}", map = { User = "WAITING_FOR_CUSTOMER", Vendor = "WAITING_FOR_SUPPLIER" }, otherwise = "" }
        resolution = ["code {code}", "no code"]
        reopen_reason = "taken up again"
    "#;

    /// Plans one ticket from `state impact category minute` rows, opened at 10:10.
    fn plan(rows: &[&str]) -> Result<TicketPlan, String> {
        let mut file = "number,caller,opened,state,impact,category,updated,code\n".to_owned();
        for row in rows {
            let [state, impact, category, minute] = row.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            file += &format!(
                "1,c,01-03-2016 10:10,{state},{impact},{category},01-03-2016 10:{minute},?\n"
            );
        }
        planned(MAPPING, &[("f.csv", &file)], |mapping| mapping.ticket).remove(0)
    }

    fn actions(rows: &[&str]) -> Vec<Action> {
        let steps = plan(rows).unwrap().steps;
        steps.into_iter().map(|step| step.action).collect()
    }

    fn resolve() -> Action {
        Action::Resolve("no code".into())
    }

    fn reopen() -> Action {
        Action::Reopen("taken up again".into())
    }

    #[test]
    fn each_change_of_state_is_its_call() {
        use Action::{Close, Start, Suspend};
        let rows = [
            "New M ? 10",
            "New M ? 11",
            "Active M ? 12",
            "User M ? 13",
            "Vendor M ? 14",
            "Active M ? 15",
            "Resolved M ? 16",
            "Active M ? 17",
            "Resolved M ? 18",
            "Closed M ? 19",
        ];
        let (customer, vendor) = (WaitingFor::Customer, WaitingFor::Supplier);
        let expected = [
            Start,
            Suspend(customer),
            Suspend(vendor),
            Start,
            resolve(),
            reopen(),
            resolve(),
            Close,
        ];
        assert_eq!(actions(&rows), expected);
    }

    #[test]
    fn a_ticket_may_come_at_any_state_and_skip_some() {
        assert_eq!(actions(&["Active M ? 10"]), [Action::Start]);
        assert_eq!(
            actions(&["User M ? 10"]),
            [Action::Suspend(WaitingFor::Customer)]
        );
        assert_eq!(actions(&["Closed M ? 10"]), [resolve(), Action::Close]);
        assert_eq!(
            actions(&["Resolved M ? 10", "User M ? 11"]),
            [resolve(), reopen(), Action::Suspend(WaitingFor::Customer)]
        );
        let error = plan(&["Active M ? 10", "New M ? 11"]).unwrap_err();
        assert_eq!(
            error,
            "2016-03-01T10:11:00Z: a ticket cannot become new again"
        );
    }

    #[test]
    fn what_is_judged_otherwise_is_said_before_the_state_changes() {
        let plan = plan(&["New M a 10", "Active H a 11", "Active H ? 12"]).unwrap();
        assert_eq!(plan.ticket.category, "a");
        let names: Vec<_> = plan
            .steps
            .iter()
            .map(|step| step.action.leads_to())
            .collect();
        assert_eq!(names, [None, Some(TicketState::Open), None]);
        let Action::Update { before, after } = &plan.steps[0].action else {
            panic!("{plan:?}")
        };
        assert_eq!((before.impact, after.impact), (2, 3));
    }

    #[test]
    fn nothing_happens_before_the_ticket_was_received() {
        let plan = plan(&["Active M ? 05", "Resolved M ? 20"]).unwrap();
        let times: Vec<_> = plan.steps.iter().map(|step| step.at.to_string()).collect();
        assert_eq!(times, ["2016-03-01T10:10:00Z", "2016-03-01T10:20:00Z"]);
    }

    #[test]
    fn what_the_history_tells_is_not_done_again() {
        let plan = plan(&[
            "New M ? 10",
            "Active H ? 11",
            "Resolved H ? 12",
            "Closed M ? 13",
        ])
        .unwrap();
        let change = |to: TicketState, step: usize| StateChange {
            to: to.into(),
            occurred_time: Some(proto_time(plan.steps[step].at)),
            ..StateChange::default()
        };
        let mut ticket = Ticket::default();
        assert_eq!(plan.next_step(&ticket), 0);
        ticket.history.push(change(TicketState::New, 0));
        ticket.history.push(change(TicketState::Open, 1));
        assert_eq!(plan.next_step(&ticket), 2);
        ticket.history.push(change(TicketState::Resolved, 2));
        assert_eq!(plan.next_step(&ticket), 3);
    }
}
