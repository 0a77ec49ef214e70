//! What the register refuses, and how it is said.

use kefu_contracts::common::Reason;
use kefu_service::{
    error::{Fault, Violation},
    fields,
};

use crate::domain::{
    approval::{FlowsProblem, Refusal},
    binding::{BINDINGS, Collision},
    register::EMPLOYEES,
    roles::RolesProblem,
};

/// Why a change of the register was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterError {
    /// Another department has this code.
    CodeTaken(String),
    /// Somebody else has this login.
    LoginTaken(String),
    /// The employee has changed since they were read.
    Stale,
    /// No such record, or none within the caller's reach.
    NotFound(String),
    /// The two roles may not be held by one person.
    KeptApart(Collision),
    /// The binding no longer counts: there is nothing to revoke.
    BindingOver {
        /// Whether somebody revoked it.
        revoked: bool,
    },
    /// The request for approval does not stand there, or is not theirs.
    Approval(Refusal),
}

impl From<RegisterError> for Fault {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::CodeTaken(code) => Self::new(Reason::AlreadyExists)
                .with("field", "department.code")
                .with("value", code),
            RegisterError::LoginTaken(login) => Self::new(Reason::AlreadyExists)
                .with("field", "employee.login")
                .with("value", login),
            RegisterError::Stale => Self::new(Reason::EtagMismatch),
            RegisterError::NotFound(name) => Self::not_found(&name),
            RegisterError::KeptApart(collision) => Self::new(Reason::SeparationOfDuties)
                .with("binding", fields::name(BINDINGS, collision.binding))
                .with("role", format!("roles/{}", collision.role))
                .with("rule", collision.why),
            RegisterError::Approval(refusal) => approval(refusal),
            RegisterError::BindingOver { revoked } => {
                Self::state(if revoked { "REVOKED" } else { "ENDED" }, "STANDING")
            }
        }
    }
}

/// Says which rule refused, and who may (promise 5).
fn approval(refusal: Refusal) -> Fault {
    let turn = |rule: &str| Fault::new(Reason::NotTheCallersTurn).with("rule", rule);
    match refusal {
        Refusal::State(state) => {
            Fault::new(Reason::StateNotAllowed).with("state", state.as_str().to_ascii_uppercase())
        }
        Refusal::NotTheApplicant => turn("only whoever applied"),
        Refusal::NotAReceiver => turn("only whoever applied or receives"),
        Refusal::NotTheCompanion => turn("only whoever is named to accompany"),
        Refusal::Involved => {
            turn("whoever applied, receives or decided an earlier stage decides none")
        }
        Refusal::NotAnApprover(may) => {
            let may: Vec<String> = may
                .iter()
                .map(|hat| {
                    format!(
                        "{} ({})",
                        fields::name(EMPLOYEES, hat.actor),
                        hat.post.as_str()
                    )
                })
                .collect();
            turn("not an approver of this stage").with("ask", may.join(", "))
        }
        Refusal::NotYet(start) => {
            turn("not before the time that was granted").with("start_time", start.to_string())
        }
        Refusal::CarriedOutInstead => {
            turn("an export is carried out by customer service, not activated")
                .with("ask", "CarryOutExport")
        }
        Refusal::CarriesOutOwn => turn("whoever applied or receives does not carry it out"),
        Refusal::NotCustomerService(departments) => {
            turn("only customer service carries it out").with("ask", departments.join(", "))
        }
        Refusal::Wider => Fault::fields(vec![("terms".to_owned(), Violation::Wider)]),
        Refusal::NothingLeft => Fault::fields(vec![(
            "terms.end_time".to_owned(),
            Violation::Contradiction,
        )]),
    }
}

impl From<FlowsProblem> for Fault {
    fn from(problem: FlowsProblem) -> Self {
        Self::internal(problem.to_string())
    }
}

impl From<RolesProblem> for Fault {
    fn from(problem: RolesProblem) -> Self {
        Self::internal(problem.to_string())
    }
}
