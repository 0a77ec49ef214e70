//! What can be done with a case, each with its event, its name in the journal and its effect on
//! the record (IH-6, OP-3.4.6).

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    google::r#type::Money,
    order::{AfterSalesDefinition, Case, CaseKind, CasePaymentState, CaseState, CaseStep, Cover},
};
use kefu_service::{
    error::{Fault, Violation},
    fields::name,
    time::{from_proto, to_proto},
};
use uuid::Uuid;

use super::{
    cover::{self, Delivery},
    due::{first_step, hours_after, plan_due},
    payment::{self, Proposal},
    rules::deadline,
    state::{Event, after, is_over},
};

/// What somebody wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Assign(Uuid),
    /// By the rules.
    Check,
    /// Otherwise than the rules.
    Override(Cover, String),
    Plan {
        plan: String,
        /// None: by the rule of the kind.
        deadline: Option<Timestamp>,
        cost: Option<Money>,
    },
    Answer {
        agree: bool,
        words: String,
    },
    AddStep(NewStep),
    StepDone {
        number: i32,
        result: String,
    },
    Finish(String),
    Confirm {
        satisfied: bool,
        words: String,
    },
    Evaluate {
        /// 1–5
        score: i32,
        comment: String,
    },
    Cancel {
        withdrawn: bool,
        reason: String,
    },
    Propose(Proposal),
    Decide {
        number: i32,
        approve: bool,
        reason: String,
    },
    Pay {
        number: i32,
        reference: String,
    },
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewStep {
    pub(crate) task: String,
    pub(crate) on_site: bool,
    pub(crate) place: String,
    /// None: whose the case is.
    pub(crate) assignee: Option<Uuid>,
    /// None: the deadline of the plan.
    pub(crate) due: Option<Timestamp>,
}

/// What an action is done under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) now: Timestamp,
    pub(crate) rules: &'a AfterSalesDefinition,
    pub(crate) rules_version: i32,
    /// `employees/…` or `system-accounts/…` who does it.
    pub(crate) actor: &'a str,
    /// How the order stands; none: the case is of none.
    pub(crate) order: Option<&'a OrderStanding>,
}

/// What of an order a case goes by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderStanding {
    pub(crate) currency: String,
    /// It was told that the money came, or that the customer has the goods.
    pub(crate) paid: bool,
    pub(crate) delivered: Option<Timestamp>,
}

impl Action {
    /// Its row in the table of states.
    pub(crate) fn event(&self) -> Event {
        match self {
            Self::Assign(_) => Event::Assign,
            Self::Check => Event::Check,
            Self::Override(..) => Event::Override,
            Self::Plan { .. } => Event::Plan,
            Self::Answer { agree: true, .. } => Event::Agree,
            Self::Answer { .. } => Event::Decline,
            Self::AddStep(_) => Event::Step,
            Self::StepDone { .. } => Event::StepDone,
            Self::Finish(_) => Event::Finish,
            Self::Confirm {
                satisfied: true, ..
            } => Event::Satisfied,
            Self::Confirm { .. } => Event::Unsatisfied,
            Self::Evaluate { .. } => Event::Evaluate,
            Self::Cancel { .. } => Event::Cancel,
            Self::Propose(_) => Event::Propose,
            Self::Decide { .. } => Event::Decide,
            Self::Pay { .. } => Event::Pay,
        }
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(&self) -> &'static str {
        match self.event() {
            Event::Assign => "case.assigned",
            Event::Check => "case.cover_checked",
            Event::Override => "case.cover_overridden",
            Event::Plan => "case.planned",
            Event::Agree => "case.plan_agreed",
            Event::Decline => "case.plan_declined",
            Event::Step => "case.step_added",
            Event::StepDone => "case.step_done",
            Event::Finish => "case.finished",
            Event::Satisfied => "case.closed",
            Event::Unsatisfied => "case.reopened",
            Event::Evaluate => "case.evaluated",
            Event::Cancel => "case.cancelled",
            Event::Propose => "case.payment_proposed",
            Event::Decide => "case.payment_decided",
            Event::Pay => "case.payment_recorded",
        }
    }

    /// Whether only somebody may do it who had no hand in the case.
    pub(crate) fn by_a_second_person(&self) -> bool {
        matches!(self, Self::Decide { .. })
    }

    /// Whether it is about money, which only who may see it may move.
    pub(crate) fn about_money(&self) -> bool {
        matches!(
            self,
            Self::Plan { .. } | Self::Propose(_) | Self::Decide { .. } | Self::Pay { .. }
        )
    }

    /// Number of the payment that it is about; 0: a new one.
    pub(crate) fn pays(&self) -> Option<i32> {
        match self {
            Self::Propose(_) => Some(0),
            Self::Decide { number, .. } | Self::Pay { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// Does it to the record.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED`, `STEP_MISSING`, `SECOND_PERSON_REQUIRED`, `BEYOND_LIMIT` or a violation;
    /// the record is then worth nothing.
    pub(crate) fn apply(&self, case: &mut Case, around: Around<'_>) -> Result<(), Fault> {
        let next = after(case.kind(), case.state(), self.event())?;
        self.take(case, around)?;
        case.set_state(next);
        case.due_time = due(case, self.event(), around).map(to_proto);
        if is_over(next) && case.close_time.is_none() {
            case.close_time = Some(to_proto(around.now));
        }
        Ok(())
    }

    fn take(&self, case: &mut Case, around: Around<'_>) -> Result<(), Fault> {
        let now = Some(to_proto(around.now));
        match self {
            Self::Assign(employee) => case.assignee = name("employees", *employee),
            Self::Check => check(case, around),
            Self::Override(cover, reason) => {
                if case.registrar == around.actor {
                    return Err(Fault::new(Reason::SecondPersonRequired));
                }
                case.set_cover(*cover);
                around.actor.clone_into(&mut case.cover_decider);
                reason.clone_into(&mut case.cover_reason);
            }
            Self::Plan {
                plan,
                deadline: until,
                cost,
            } => {
                plan_can_be(case, cost.is_some())?;
                let hours = deadline(around.rules, case.kind()).work_hours;
                let until = until.unwrap_or_else(|| hours_after(around.now, hours));
                plan.clone_into(&mut case.plan);
                case.deadline = Some(to_proto(until));
                case.cost.clone_from(cost);
                case.plan_count = case.plan_count.saturating_add(1);
            }
            Self::Answer { words, .. } => words.clone_into(&mut case.customer_words),
            Self::AddStep(step) => case.steps.push(added(case, step)),
            Self::StepDone { number, result } => {
                let step = open_step(case, *number)?;
                step.done_time = now;
                result.clone_into(&mut step.result);
                around.actor.clone_into(&mut step.recorder);
            }
            Self::Finish(result) => {
                ensure_all_done(case)?;
                result.clone_into(&mut case.result);
                case.done_time = now;
            }
            Self::Confirm { satisfied, words } => {
                words.clone_into(&mut case.customer_words);
                if !satisfied {
                    reopen(case);
                }
            }
            Self::Evaluate { score, comment } => {
                case.score = *score;
                comment.clone_into(&mut case.comment);
            }
            Self::Cancel { withdrawn, reason } => cancel(case, *withdrawn, reason)?,
            Self::Propose(proposal) => payment::propose(case, proposal, around)?,
            Self::Decide {
                number,
                approve,
                reason,
            } => payment::decide(case, *number, *approve, reason, around)?,
            Self::Pay { number, reference } => payment::pay(case, *number, reference, around)?,
        }
        Ok(())
    }
}

/// What is not covered is planned once somebody decided otherwise, and only what is chargeable
/// costs the customer anything.
fn plan_can_be(case: &Case, costs: bool) -> Result<(), Fault> {
    if case.cover() == Cover::Refused {
        return Err(Fault::state("REFUSED", "plan"));
    }
    if costs && case.cover() != Cover::Chargeable {
        let field = "cost".to_owned();
        return Err(Fault::fields(vec![(field, Violation::NotApplicable)]));
    }
    Ok(())
}

fn check(case: &mut Case, around: Around<'_>) {
    let told = case.delivered_time.as_ref().and_then(from_proto);
    let delivery = match around.order {
        Some(order) => order.delivered.map_or(Delivery::Outstanding, Delivery::At),
        None => told.map_or(Delivery::Unknown, Delivery::At),
    };
    if let (Some(_), Delivery::At(at)) = (around.order, delivery) {
        case.delivered_time = Some(to_proto(at));
    }
    let kind = case.kind();
    case.findings = cover::findings(around.rules, kind, &case.lines, delivery, around.now);
    case.set_cover(match (kind, case.findings.is_empty()) {
        // Of no goods at all: to be told something costs nothing.
        (CaseKind::Guidance, true) => Cover::Covered,
        _ => cover::least(&case.findings),
    });
    case.rules_version = around.rules_version;
    case.cover_decider.clear();
    case.cover_reason.clear();
}

fn added(case: &Case, step: &NewStep) -> CaseStep {
    CaseStep {
        number: i32::try_from(case.steps.len() + 1).unwrap_or(i32::MAX),
        task: step.task.clone(),
        on_site: step.on_site,
        place: step.place.clone(),
        assignee: match step.assignee {
            Some(employee) => name("employees", employee),
            None => case.assignee.clone(),
        },
        due_time: step.due.map(to_proto).or(case.deadline),
        ..CaseStep::default()
    }
}

/// Steps that are still to be done.
pub(super) fn open_steps(case: &Case) -> impl Iterator<Item = &CaseStep> {
    case.steps.iter().filter(|step| step.done_time.is_none())
}

fn open_step(case: &mut Case, number: i32) -> Result<&mut CaseStep, Fault> {
    let unknown = || Fault::fields(vec![("number".to_owned(), Violation::Unknown)]);
    let mut steps = case.steps.iter_mut();
    let step = steps
        .find(|step| step.number == number)
        .ok_or_else(unknown)?;
    match step.done_time {
        Some(_) => Err(Fault::state("DONE", "step done")),
        None => Ok(step),
    }
}

fn ensure_all_done(case: &Case) -> Result<(), Fault> {
    let missing = |needs: &str| Err(Fault::new(Reason::StepMissing).with("needs", needs));
    if open_steps(case).next().is_some() {
        return missing("STEPS");
    }
    if payment::outstanding(case) {
        return missing("PAYMENTS");
    }
    Ok(())
}

/// A further attempt: another plan is due; what was said of the last result no longer counts.
fn reopen(case: &mut Case) {
    case.reopen_count = case.reopen_count.saturating_add(1);
    case.done_time = None;
    case.close_time = None;
    case.deadline = None;
    case.score = 0;
    case.comment.clear();
}

fn cancel(case: &mut Case, withdrawn: bool, reason: &str) -> Result<(), Fault> {
    let done = case.steps.iter().any(|step| step.done_time.is_some());
    let paid = |payment: &CasePaymentState| *payment == CasePaymentState::Paid;
    let mut payments = case.payments.iter().map(|payment| payment.state());
    if done || payments.any(|state| paid(&state)) {
        return Err(Fault::state("CARRIED_OUT", "cancel"));
    }
    for payment in &mut case.payments {
        if payment.state() != CasePaymentState::Refused {
            payment.set_state(CasePaymentState::Dropped);
        }
    }
    case.withdrawn = withdrawn;
    reason.clone_into(&mut case.end_reason);
    Ok(())
}

/// When the next thing is due, once the event has happened.
fn due(case: &Case, event: Event, around: Around<'_>) -> Option<Timestamp> {
    let stands = case.due_time.as_ref().and_then(from_proto);
    let until = case.deadline.as_ref().and_then(from_proto);
    let closing = || {
        let hours = deadline(around.rules, case.kind()).closing_hours;
        hours_after(around.now, hours)
    };
    match case.state() {
        CaseState::Registered => stands,
        CaseState::Checked if matches!(event, Event::Decline | Event::Unsatisfied) => {
            Some(plan_due(around.rules, case, around.now))
        }
        CaseState::Checked => stands,
        CaseState::Planned if event == Event::Plan => {
            Some(until.map_or_else(closing, |until| until.min(closing())))
        }
        CaseState::Planned => stands,
        CaseState::Agreed => until,
        CaseState::UnderWay => first_step(case).map(|(at, _)| at).or(until),
        CaseState::Done if event == Event::Finish => Some(closing()),
        CaseState::Done => stands,
        CaseState::Closed
        | CaseState::Evaluated
        | CaseState::Cancelled
        | CaseState::Unspecified => None,
    }
}

#[cfg(test)]
mod tests;
