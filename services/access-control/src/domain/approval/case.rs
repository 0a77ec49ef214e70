//! One request on its way: what people do to it, and what time does.
//!
//! Time works by itself: before anybody acts, [`Case::advance`] brings the request to
//! where it stands at that moment, so that a job that is late changes nothing but when
//! it is written down.

use std::collections::HashSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    chart::{Chart, Hat},
    flow::{Finder, Flow, StageRule},
    state::{Event, State},
};

/// What is asked for, and can be narrowed.
pub trait Terms: Clone + PartialEq {
    /// Whether this asks for nothing that `wider` does not ask for.
    fn is_within(&self, wider: &Self) -> bool;
    /// Who gets something by it.
    fn beneficiaries(&self) -> &[Uuid];
    /// First moment at which there is nothing left of it, whenever it is activated.
    fn over_at(&self) -> Timestamp;
    /// From when to when it counts if it is activated now; `None` when nothing is left.
    fn period(&self, activated_at: Timestamp) -> Option<(Timestamp, Timestamp)>;
}

/// An approver agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Stage of the flow, from 0.
    pub stage: usize,
    /// Who, and in what capacity.
    pub hat: Hat,
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Case<T> {
    /// Where it stands.
    pub state: State,
    /// Who asks.
    pub applicant: Uuid,
    /// The applicant's department when it was submitted last; of a draft, when it was written.
    pub department: Uuid,
    /// As narrowed so far.
    pub terms: T,
    /// Who was to benefit when it was submitted: narrowing makes nobody an approver.
    pub beneficiaries: Vec<Uuid>,
    /// Stage it is in, or was in last; from 0.
    pub stage: usize,
    /// When that stage opened.
    pub stage_opened_at: Timestamp,
    /// Whether its approvers were reminded.
    pub reminded: bool,
    /// Whether its fallback may decide as well.
    pub escalated: bool,
    /// Agreements since it was submitted last.
    pub decisions: Vec<Decision>,
    /// When the last approver agreed.
    pub approved_at: Option<Timestamp>,
    /// From when to when it counts, once it is activated.
    pub period: Option<(Timestamp, Timestamp)>,
}

/// What somebody does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act<T> {
    /// Hands it in.
    Submit,
    /// Agrees, to all of it or to less.
    Approve(Option<T>),
    /// Gives it back to be changed.
    Return,
    /// Says no.
    Reject,
    /// Takes it back.
    Withdraw,
    /// Puts it to use.
    Activate,
    /// Puts it to use for those who receive it, and is none of them (CF-6.3).
    CarryOut,
    /// Takes it back from those who have it.
    Revoke,
}

/// What time did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// The stage's approvers are reminded.
    Reminded,
    /// The stage's fallback may decide as well.
    Escalated,
    /// Nobody decided or activated it in time.
    Expired,
    /// Its period began.
    Begun,
    /// Its period is over.
    Ended,
}

/// Why somebody may not do what they want to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It does not stand where that could happen.
    State(State),
    /// Only whoever asked for it may.
    NotTheApplicant,
    /// Only whoever asked for it or gets something by it may.
    NotAReceiver,
    /// Only whoever was named to accompany may.
    NotTheCompanion,
    /// Nobody keeps the register on what they have themselves.
    TheirOwn,
    /// Only whoever keeps what this is about may; these do.
    NotTheCustodian(Vec<Hat>),
    /// They applied, benefit, or decided before: never also this.
    Involved,
    /// It is not theirs to decide; these may.
    NotAnApprover(Vec<Hat>),
    /// It asks for more than was left.
    Wider,
    /// Its time is over before it begins.
    NothingLeft,
    /// Its time has not come.
    NotYet(Timestamp),
    /// Packages are carried out by customer service, not activated.
    CarriedOutInstead,
    /// Whoever applied or receives does not carry it out.
    CarriesOutOwn,
    /// Only people of these departments carry it out.
    NotCustomerService(Vec<String>),
}

impl<T: Terms> Case<T> {
    /// A request that is being written.
    pub fn draft(applicant: Uuid, department: Uuid, terms: T, now: Timestamp) -> Self {
        Self {
            state: State::Draft,
            applicant,
            department,
            terms,
            beneficiaries: Vec::new(),
            stage: 0,
            stage_opened_at: now,
            reminded: false,
            escalated: false,
            decisions: Vec::new(),
            approved_at: None,
            period: None,
        }
    }

    /// Everything that time did up to now, in order, each with its moment.
    pub fn advance(&mut self, flow: &Flow, now: Timestamp) -> Vec<(Timestamp, Timed)> {
        let mut happened = Vec::new();
        while let Some((at, what)) = self.next_by_time(flow).filter(|(at, _)| *at <= now) {
            match what {
                Timed::Reminded => self.reminded = true,
                Timed::Escalated => self.escalated = true,
                Timed::Expired => self.move_on(Event::Expire),
                Timed::Begun => self.move_on(Event::Begin),
                Timed::Ended => self.move_on(Event::End),
            }
            happened.push((at, what));
        }
        happened
    }

    /// What time does next, if nobody acts; `None` when it does nothing.
    pub fn next_by_time(&self, flow: &Flow) -> Option<(Timestamp, Timed)> {
        match self.state {
            State::InReview => {
                let rule = flow.stages.get(self.stage)?;
                let after = |delay| self.stage_opened_at.saturating_add(delay).ok();
                let deadline = after(rule.deadline)?;
                let end = deadline.saturating_add(rule.fallback_deadline).ok()?;
                let end = end.min(self.terms.over_at());
                let reminder = after(rule.reminder).filter(|_| !self.reminded);
                let escalation = Some(deadline).filter(|_| !self.escalated);
                let steps = [
                    (reminder, Timed::Reminded),
                    (escalation, Timed::Escalated),
                    (Some(end), Timed::Expired),
                ];
                let due = steps.into_iter().filter_map(|(at, what)| Some((at?, what)));
                due.min_by_key(|(at, _)| *at)
            }
            State::Approved => {
                let lapse = self.approved_at?.saturating_add(flow.activation).ok()?;
                Some((lapse.min(self.terms.over_at()), Timed::Expired))
            }
            State::Scheduled => self.period.map(|(start, _)| (start, Timed::Begun)),
            State::Active => self.period.map(|(_, end)| (end, Timed::Ended)),
            _ => None,
        }
    }

    /// Somebody acts. The request must have been advanced to this moment.
    ///
    /// # Errors
    /// Why they may not; the request is then as it was.
    pub fn act(
        &mut self,
        actor: Uuid,
        act: Act<T>,
        flow: &Flow,
        chart: &Chart,
        now: Timestamp,
    ) -> Result<Option<Hat>, Refusal> {
        match act {
            Act::Submit => self.submit(actor, flow, chart, now).map(|()| None),
            Act::Approve(narrowed) => self.approve(actor, narrowed, flow, chart, now).map(Some),
            Act::Return => self.say_no(actor, Event::Return, flow, chart).map(Some),
            Act::Reject => self.say_no(actor, Event::Reject, flow, chart).map(Some),
            Act::Withdraw => self.withdraw(actor).map(|()| None),
            Act::Activate => self.activate(actor, flow, chart, now),
            Act::CarryOut => self.carry_out(actor, now).map(|()| None),
            Act::Revoke => self.revoke(actor, chart),
        }
    }

    fn submit(
        &mut self,
        actor: Uuid,
        flow: &Flow,
        chart: &Chart,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.ensure(Event::Submit)?;
        self.ensure_applicant(actor)?;
        if self.terms.over_at() <= now {
            return Err(Refusal::NothingLeft);
        }
        self.beneficiaries = self.terms.beneficiaries().to_vec();
        self.decisions.clear();
        let first = self.stage_from(0, flow, chart).unwrap_or_default();
        self.open(first, now);
        self.move_on(Event::Submit);
        Ok(())
    }

    fn approve(
        &mut self,
        actor: Uuid,
        narrowed: Option<T>,
        flow: &Flow,
        chart: &Chart,
        now: Timestamp,
    ) -> Result<Hat, Refusal> {
        self.ensure(Event::Approve)?;
        let hat = self.hat_of(actor, flow, chart)?;
        let terms = narrowed.unwrap_or_else(|| self.terms.clone());
        if !terms.is_within(&self.terms) {
            return Err(Refusal::Wider);
        }
        if terms.over_at() <= now {
            return Err(Refusal::NothingLeft);
        }
        self.terms = terms;
        let stage = self.stage;
        self.decisions.push(Decision { stage, hat });
        match self.stage_from(stage + 1, flow, chart) {
            Some(next) => {
                self.open(next, now);
                self.move_on(Event::Pass);
            }
            None => {
                self.approved_at = Some(now);
                self.move_on(Event::Approve);
            }
        }
        Ok(hat)
    }

    fn say_no(
        &mut self,
        actor: Uuid,
        event: Event,
        flow: &Flow,
        chart: &Chart,
    ) -> Result<Hat, Refusal> {
        self.ensure(event)?;
        let hat = self.hat_of(actor, flow, chart)?;
        self.move_on(event);
        Ok(hat)
    }

    fn withdraw(&mut self, actor: Uuid) -> Result<(), Refusal> {
        self.ensure(Event::Withdraw)?;
        self.ensure_applicant(actor)?;
        self.move_on(Event::Withdraw);
        Ok(())
    }

    fn activate(
        &mut self,
        actor: Uuid,
        flow: &Flow,
        chart: &Chart,
        now: Timestamp,
    ) -> Result<Option<Hat>, Refusal> {
        self.ensure(Event::Schedule)?;
        let hat = match flow.custodian {
            Some(_) => Some(self.custodian(actor, flow, chart)?),
            None if actor == self.applicant || self.terms.beneficiaries().contains(&actor) => None,
            None => return Err(Refusal::NotAReceiver),
        };
        self.put_to_use(now)?;
        Ok(hat)
    }

    /// Its period begins, or is known from now on.
    ///
    /// # Errors
    /// When it is not approved, or nothing is left of it.
    pub fn put_to_use(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.ensure(Event::Schedule)?;
        let (start, end) = self.terms.period(now).ok_or(Refusal::NothingLeft)?;
        self.period = Some((start, end));
        self.move_on(if start <= now {
            Event::Begin
        } else {
            Event::Schedule
        });
        Ok(())
    }

    /// In what capacity somebody keeps what this is about; never whoever it is for.
    ///
    /// # Errors
    /// Why they may not.
    pub fn custodian(&self, actor: Uuid, flow: &Flow, chart: &Chart) -> Result<Hat, Refusal> {
        let mut own: HashSet<Uuid> = self.beneficiaries.iter().copied().collect();
        own.extend(self.terms.beneficiaries());
        own.insert(self.applicant);
        if own.contains(&actor) {
            return Err(Refusal::TheirOwn);
        }
        let keep = |post| chart.hats(post, self.department, &own);
        let hats = flow.custodian.map(keep).unwrap_or_default();
        let hat = hats.iter().find(|hat| hat.actor == actor).copied();
        hat.ok_or(Refusal::NotTheCustodian(hats))
    }

    /// Ends it before its time, or notes that its time is over.
    ///
    /// # Errors
    /// When it was never put to use.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        if self.state == State::Ended {
            return Ok(());
        }
        self.ensure(Event::End)?;
        self.move_on(Event::End);
        Ok(())
    }

    fn carry_out(&mut self, actor: Uuid, now: Timestamp) -> Result<(), Refusal> {
        self.ensure(Event::Schedule)?;
        self.ensure_carrier(actor)?;
        let (start, end) = self.terms.period(now).ok_or(Refusal::NothingLeft)?;
        if start > now {
            return Err(Refusal::NotYet(start));
        }
        self.period = Some((start, end));
        self.move_on(Event::Begin);
        Ok(())
    }

    /// Whoever carries it out neither applied nor receives.
    ///
    /// # Errors
    /// [`Refusal::CarriesOutOwn`]
    pub fn ensure_carrier(&self, actor: Uuid) -> Result<(), Refusal> {
        let receives =
            self.beneficiaries.contains(&actor) || self.terms.beneficiaries().contains(&actor);
        let own = actor == self.applicant || receives;
        (!own).then_some(()).ok_or(Refusal::CarriesOutOwn)
    }

    /// Whoever agreed to it may take it back, and whoever leads the company.
    fn revoke(&mut self, actor: Uuid, chart: &Chart) -> Result<Option<Hat>, Refusal> {
        self.ensure(Event::Revoke)?;
        let agreed = self.decisions.iter().map(|decision| decision.hat);
        let mut agreed = agreed.filter(|hat| hat.actor == actor || hat.principal == actor);
        let hat = agreed.next().or_else(|| {
            let leads = chart.hats(Finder::CompanyLeader, self.department, &HashSet::new());
            leads.into_iter().find(|hat| hat.actor == actor)
        });
        let hat = hat.ok_or_else(|| Refusal::NotAnApprover(self.agreed()))?;
        self.move_on(Event::Revoke);
        Ok(Some(hat))
    }

    /// It is taken back, and by nobody: the suite cannot know any more that it stands.
    ///
    /// # Errors
    /// When it is not approved, or is over.
    pub fn take_back(&mut self) -> Result<(), Refusal> {
        self.ensure(Event::Revoke)?;
        self.move_on(Event::Revoke);
        Ok(())
    }

    fn agreed(&self) -> Vec<Hat> {
        self.decisions.iter().map(|decision| decision.hat).collect()
    }

    /// Who may decide the stage it is in.
    pub fn approvers(&self, flow: &Flow, chart: &Chart) -> Vec<Hat> {
        let rule = flow.stages.get(self.stage);
        let Some(rule) = rule.filter(|_| self.state == State::InReview) else {
            return Vec::new();
        };
        let barred = self.barred();
        let mut hats = chart.hats(rule.approver, self.department, &barred);
        if hats.is_empty() || self.escalated {
            for hat in chart.hats(rule.fallback, self.department, &barred) {
                if hats.iter().all(|other| other.actor != hat.actor) {
                    hats.push(hat);
                }
            }
        }
        hats
    }

    fn hat_of(&self, actor: Uuid, flow: &Flow, chart: &Chart) -> Result<Hat, Refusal> {
        if self.barred().contains(&actor) {
            return Err(Refusal::Involved);
        }
        let hats = self.approvers(flow, chart);
        let hat = hats.iter().find(|hat| hat.actor == actor).copied();
        hat.ok_or(Refusal::NotAnApprover(hats))
    }

    /// Whoever applied, benefits, decided an earlier stage or lent the post for it.
    fn barred(&self) -> HashSet<Uuid> {
        let decided = self
            .agreed()
            .into_iter()
            .flat_map(|hat| [hat.actor, hat.principal]);
        let mut barred: HashSet<Uuid> = decided.collect();
        barred.insert(self.applicant);
        barred.extend(&self.beneficiaries);
        barred.extend(self.terms.beneficiaries());
        barred
    }

    /// The first stage from this one on that the request passes through.
    fn stage_from(&self, from: usize, flow: &Flow, chart: &Chart) -> Option<usize> {
        let passes = |rule: &StageRule| {
            let excepted = chart.is_within(self.department, &rule.except_departments);
            let decided = rule.once && self.was_decided_by(rule.approver, chart);
            !excepted && !decided
        };
        (from..flow.stages.len()).find(|at| passes(&flow.stages[*at]))
    }

    /// Whether this post's word is given already: in the post itself, or by whoever just
    /// decided and holds it. What others hold since they decided does not count.
    fn was_decided_by(&self, post: Finder, chart: &Chart) -> bool {
        let just = self.decisions.last().map(|decision| decision.hat.principal);
        let holds = just
            .zip(post.role())
            .is_some_and(|(just, role)| chart.holds(just, role));
        holds
            || self
                .decisions
                .iter()
                .any(|decision| decision.hat.post == post)
    }

    fn open(&mut self, stage: usize, now: Timestamp) {
        self.stage = stage;
        self.stage_opened_at = now;
        self.reminded = false;
        self.escalated = false;
    }

    fn ensure(&self, event: Event) -> Result<(), Refusal> {
        let possible = self.state.after(event).is_some();
        possible.then_some(()).ok_or(Refusal::State(self.state))
    }

    fn ensure_applicant(&self, actor: Uuid) -> Result<(), Refusal> {
        let own = actor == self.applicant;
        own.then_some(()).ok_or(Refusal::NotTheApplicant)
    }

    fn move_on(&mut self, event: Event) {
        if let Some(next) = self.state.after(event) {
            self.state = next;
        }
    }
}
