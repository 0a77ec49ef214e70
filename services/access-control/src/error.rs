//! What the register refuses, and how it is said.

use kefu_contracts::{
    access::{
        DeviceState, EnrolmentState, IncidentState, TrainingSessionState, TransferState,
        WebhookDeliveryState, WebhookPause,
    },
    common::Reason,
};
use kefu_service::{
    error::{Fault, Violation},
    fields,
};

use uuid::Uuid;

use crate::domain::{
    alert::AlertsProblem,
    approval::{FlowsProblem, Hat, Refusal},
    binding::{BINDINGS, Collision},
    borrowing::{BorrowedCopy, ItemRefusal, ItemState},
    delegation::DELEGATIONS,
    incident,
    register::EMPLOYEES,
    roles::RolesProblem,
    training::{self, ENROLMENTS, RESULTS},
    transfer::TRANSFERS,
    webhook,
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
    /// The same was delegated for a part of the same time.
    DelegatedTwice(Uuid),
    /// The delegation no longer counts: there is nothing to take back.
    DelegationOver {
        /// Whether somebody took it back.
        revoked: bool,
    },
    /// Another transfer of the same employee has not been carried out yet.
    TransferOrdered(Uuid),
    /// The transfer was carried out or called off.
    TransferSettled(TransferState),
    /// Another device bears this number.
    AssetNumberTaken(String),
    /// From the one state of a device no step leads to the other.
    DeviceState(DeviceState, DeviceState),
    /// The binding no longer counts: there is nothing to revoke.
    BindingOver {
        /// Whether somebody revoked it.
        revoked: bool,
    },
    /// The request for approval does not stand there, or is not theirs.
    Approval(Refusal),
    /// The incident does not stand there, or is not theirs to close.
    Incident(incident::Refusal),
    /// The borrowed copy does not stand there, or is not of that borrowing.
    Item(ItemRefusal),
    /// What is asked for in training does not stand there, or is not theirs.
    Training(training::Refusal),
    /// The webhook or what it is sent does not stand there, or nothing can be sent.
    Webhook(webhook::Refusal),
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
            RegisterError::Incident(refusal) => of_incident(refusal),
            RegisterError::Item(refusal) => of_copy(refusal),
            RegisterError::Training(refusal) => of_training(refusal),
            RegisterError::Webhook(refusal) => of_webhook(refusal),
            RegisterError::DelegatedTwice(id) => {
                Self::new(Reason::AlreadyExists).with("delegation", fields::name(DELEGATIONS, id))
            }
            RegisterError::TransferOrdered(id) => {
                Self::new(Reason::AlreadyExists).with("transfer", fields::name(TRANSFERS, id))
            }
            RegisterError::TransferSettled(state) => {
                let state = state.as_str_name().trim_start_matches("TRANSFER_STATE_");
                Self::state(state, "SCHEDULED")
            }
            RegisterError::AssetNumberTaken(number) => Self::new(Reason::AlreadyExists)
                .with("field", "device.asset_number")
                .with("value", number),
            RegisterError::DeviceState(state, wanted) => {
                let name =
                    |state: DeviceState| state.as_str_name().trim_start_matches("DEVICE_STATE_");
                Self::state(name(state), name(wanted))
            }
            RegisterError::DelegationOver { revoked } | RegisterError::BindingOver { revoked } => {
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
        Refusal::TheirOwn => {
            turn("nobody hands out, inspects or follows up what they borrow themselves")
        }
        Refusal::NotTheCustodian(may) => {
            turn("only whoever keeps the files").with("ask", whom(&may))
        }
        Refusal::Involved => {
            turn("whoever applied, receives or decided an earlier stage decides none")
        }
        Refusal::NotAnApprover(may) => {
            turn("not an approver of this stage").with("ask", whom(&may))
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

/// Whom to ask, each with the post by which they may.
fn whom(may: &[Hat]) -> String {
    let one = |hat: &Hat| {
        let post = hat.post.as_str();
        format!("{} ({post})", fields::name(EMPLOYEES, hat.actor))
    };
    may.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Says what has to be done before, and by whom.
fn of_incident(refusal: incident::Refusal) -> Fault {
    let name = |state: IncidentState| state.as_str_name().trim_start_matches("INCIDENT_STATE_");
    match refusal {
        incident::Refusal::State(state, act) => Fault::new(Reason::StateNotAllowed)
            .with("state", name(state))
            .with("act", act.as_str_name().trim_start_matches("INCIDENT_ACT_")),
        incident::Refusal::Unreported => {
            Fault::state(name(IncidentState::Assessed), name(IncidentState::Reported))
        }
        incident::Refusal::TheirOwn => Fault::new(Reason::NotTheCallersTurn)
            .with("rule", "whoever opened it does not close it"),
    }
}

/// Says where it stands, or who may.
fn of_training(refusal: training::Refusal) -> Fault {
    use training::Refusal;
    let session = |state: TrainingSessionState| {
        let name = state.as_str_name();
        name.trim_start_matches("TRAINING_SESSION_STATE_")
    };
    let enrolment =
        |state: EnrolmentState| state.as_str_name().trim_start_matches("ENROLMENT_STATE_");
    let state = |state: &str| Fault::new(Reason::StateNotAllowed).with("state", state);
    let turn = |rule: &str| Fault::new(Reason::NotTheCallersTurn).with("rule", rule);
    match refusal {
        Refusal::Session(now, step) => state(session(now)).with("act", step),
        Refusal::Enrolment(now, step) => state(enrolment(now)).with("act", step),
        Refusal::NotYet(begin) => {
            state(session(TrainingSessionState::Open)).with("begin_time", begin.to_string())
        }
        Refusal::Unsettled(open) => {
            let names = open.into_iter().map(|id| fields::name(ENROLMENTS, id));
            let names: Vec<String> = names.collect();
            state(session(TrainingSessionState::Held)).with("open", names.join(", "))
        }
        Refusal::TheirOwn => turn("nobody examines, corrects or records for themselves"),
        Refusal::SecondPerson => turn("whoever recorded a result does not correct it"),
        Refusal::NotAttended(now) => {
            Fault::state(enrolment(now), enrolment(EnrolmentState::Present))
        }
        Refusal::NotFailed => Fault::state("NOT_FAILED", "FAILED"),
        Refusal::Superseded => Fault::state("SUPERSEDED", "COUNTING"),
        Refusal::Retired => Fault::state("RETIRED", "IN_FORCE"),
        Refusal::EnrolledTwice(id) => {
            Fault::new(Reason::AlreadyExists).with("enrolment", fields::name(ENROLMENTS, id))
        }
        Refusal::ResultThere(id) => {
            Fault::new(Reason::AlreadyExists).with("result", fields::name(RESULTS, id))
        }
    }
}

/// Says where it stands, or what has to be set or done before.
fn of_webhook(refusal: webhook::Refusal) -> Fault {
    use webhook::Refusal;
    let pause = |pause: WebhookPause| pause.as_str_name().trim_start_matches("WEBHOOK_PAUSE_");
    let state = |state: WebhookDeliveryState| {
        let name = state.as_str_name();
        name.trim_start_matches("WEBHOOK_DELIVERY_STATE_")
    };
    match refusal {
        Refusal::Off => Fault::state("NOT_CONFIGURED", "CONFIGURED")
            .with("setting", "access_control.rules.webhooks.signing_key"),
        Refusal::Deleted => Fault::state("DELETED", "ACTIVE"),
        Refusal::Paused(why) => Fault::state(pause(why), "ACTIVE"),
        Refusal::NoSecret => {
            Fault::state("WITHOUT_SECRET", "ACTIVE").with("ask", "RotateWebhookSecret")
        }
        Refusal::NotDead(now) => Fault::state(state(now), state(WebhookDeliveryState::Dead)),
    }
}

/// Says which copy stands where.
fn of_copy(refusal: ItemRefusal) -> Fault {
    let state = |copy: BorrowedCopy, state: ItemState| {
        Fault::new(Reason::StateNotAllowed)
            .with("state", state.as_str().to_ascii_uppercase())
            .with("item", copy.label)
    };
    match refusal {
        ItemRefusal::Unknown(place) => {
            Fault::fields(vec![(format!("items[{place}]"), Violation::Unknown)])
        }
        ItemRefusal::State(copy, now) => state(copy, now),
        ItemRefusal::Unsettled(copy, now) => state(copy, now).with("wanted", "SETTLED"),
        ItemRefusal::Closed => Fault::state("CLOSED", "OPEN"),
    }
}

impl From<AlertsProblem> for Fault {
    fn from(problem: AlertsProblem) -> Self {
        Self::internal(problem.to_string())
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
