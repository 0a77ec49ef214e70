//! Why a decision is as it is: every rule that was considered, with its verdict,
//! and whom to ask.
//!
//! What is decided comes from [`Snapshot::decide`] and
//! [`AccessContext::clearance_of`](crate::AccessContext::clearance_of), as it does in
//! the gateway and in the services; the account of rules stands beside it, and a
//! property test holds the two together.

mod consider;

use jiff::Timestamp;
use kefu_contracts::{ClassSet, common::Reason, policy::Purpose};
use uuid::Uuid;

use crate::{
    context::{AccessContext, Clearance},
    decide::{Allowance, Decision, Query},
    denial::Whom,
    scope::RowFacts,
    snapshot::Snapshot,
};

/// On what the question is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum About<'a> {
    /// On whatever records there are.
    Anything,
    /// On the record with these facts.
    Record(&'a RowFacts),
    /// On a record that is not there, or that whoever asks must not know of: the
    /// two are answered alike.
    Unknown,
}

/// The account of one decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What is decided.
    pub outcome: Outcome,
    /// Every rule that was considered, those that let through first, else by
    /// binding and in the order of the role.
    pub considered: Vec<Considered>,
    /// Whom to ask when refused, as in [`Denial::ask`](crate::Denial::ask); for a
    /// record by its department.
    pub ask: Vec<Whom>,
    /// Revision of the policy.
    pub revision: i64,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Let through, with these classes cleared.
    Allowed(Clearance),
    /// Refused.
    Refused {
        /// As the gateway says it, or `NotFoundOrOutOfScope` as the services do.
        reason: Reason,
        /// Which rule refused, as in [`Denial::rule`](crate::Denial::rule).
        rule: String,
    },
}

/// One rule, and what it has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    /// `role:agent#duty`; its sensitive classes are a rule of their own.
    pub source: String,
    /// By which binding it is held; none for what is no role's.
    pub binding: Option<Uuid>,
    /// Whether it lets through.
    pub verdict: Verdict,
    /// What it clears, or would.
    pub classes: ClassSet,
    /// First moment at which it counts no longer; open-ended when absent.
    pub until: Option<Timestamp>,
}

/// What a rule has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A grant that needs this companion, who has not agreed to accompany (CF-9.1).
    Unaccompanied(Uuid),
    /// It lets through.
    LetsThrough,
    /// The role is held from then on.
    NotBegun(Timestamp),
    /// The role was held until then.
    Ended(Timestamp),
    /// It does not grant the permission.
    PermissionNotGranted,
    /// It grants it for other purposes.
    PurposeNotAllowed(Purpose),
    /// Sensitive classes are withheld: no agreement, or one that ended then (CF-8.1).
    AgreementLapsed(Option<Timestamp>),
    /// Sensitive classes are withheld: no training, or one that ended then (CF-8.1).
    TrainingLapsed(Option<Timestamp>),
    /// It does not reach the record.
    OutOfScope(Miss),
}

/// Why a rule does not reach a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Miss {
    /// It reaches no record at all.
    Nothing,
    /// The record belongs to this department, which is not among those reached.
    Department(Option<Uuid>),
    /// The record belongs to somebody else, or to nobody.
    Owner(Option<Uuid>),
    /// No open ticket, order or visit gives duty on it (CF-9.1).
    Duty,
    /// It is about a customer that is not listed.
    Customer,
    /// Its customer did not consent to the purpose (CC-2.2).
    Consent(Purpose),
    /// There is none, or none that whoever asks may know of.
    Unknown,
}

impl Snapshot {
    /// Accounts for the decision on one question. `now` is the moment of the call.
    pub fn account(&self, query: &Query<'_>, about: About<'_>, now: Timestamp) -> Explanation {
        let decision = self.decide(query, now);
        let considered = self.consider(query, about, &decision, now);
        let ask = match (&decision, about) {
            (_, About::Record(row)) => self.whom_to_ask_about(query.subject, row.department, now),
            (Decision::Deny(denial), _) => denial.ask.clone(),
            (Decision::Allow(_), _) => self.whom_to_ask_about(query.subject, None, now),
        };
        let outcome = outcome(decision, query, about, now);
        let refused = matches!(outcome, Outcome::Refused { .. });
        Explanation {
            outcome,
            considered,
            ask: if refused { ask } else { Vec::new() },
            revision: self.revision(),
        }
    }

    /// What people call the department.
    pub fn department_title(&self, id: Uuid) -> Option<&str> {
        let department = self.tree().upwards(id).next()?;
        Some(&department.title)
    }

    /// Whether the subject can see the record for any purpose at all with this
    /// permission, and so may know that it is there (promise 2).
    pub fn may_know_of(
        &self,
        subject: Uuid,
        permission: &str,
        row: &RowFacts,
        now: Timestamp,
    ) -> bool {
        (0..)
            .map_while(|number| Purpose::try_from(number).ok())
            .any(|purpose| {
                let query = Query {
                    subject,
                    permission,
                    purpose,
                    purpose_required: true,
                };
                self.classes_of(&query, row, now).is_some()
            })
    }
}

fn outcome(decision: Decision, query: &Query<'_>, about: About<'_>, now: Timestamp) -> Outcome {
    let allowance = match decision {
        Decision::Allow(allowance) => allowance,
        Decision::Deny(denial) => {
            return Outcome::Refused {
                reason: denial.reason,
                rule: denial.rule,
            };
        }
    };
    let sources: Vec<String> = allowance
        .rules
        .iter()
        .map(|rule| rule.source.clone())
        .collect();
    let context = context(allowance, query, now);
    let clearance = match about {
        About::Anything => Some(context.clearance(i64::MAX, now)),
        About::Record(row) => context.clearance_of(row, now),
        About::Unknown => None,
    };
    match clearance {
        Some(clearance) => Outcome::Allowed(clearance),
        None => Outcome::Refused {
            reason: Reason::NotFoundOrOutOfScope,
            rule: format!("record is out of the scope of {}", sources.join(", ")),
        },
    }
}

/// The decision as a service is told it.
fn context(allowance: Allowance, query: &Query<'_>, now: Timestamp) -> AccessContext {
    AccessContext {
        subject: allowance.subject,
        permission: query.permission.to_owned(),
        purpose: query.purpose,
        rules: allowance.rules,
        policy_revision: allowance.revision,
        issued_at: now,
        expires_at: now,
    }
}

#[cfg(test)]
pub(crate) mod tests;
