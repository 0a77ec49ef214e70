//! What each command asks for, read and checked; what is done with it is the
//! same for all.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::ticket::{
    AnalyseComplaintRequest, AnswerResultRequest, AskToCloseRequest, AssignTicketRequest,
    CheckLegitimacyRequest, CloseTicketRequest, ComplaintNature, DecideOnClosingRequest,
    DecideOnCompensationRequest, Direction, Gravity, Legitimacy, OfferCompensationRequest,
    RateTicketRequest, RecordCompensationPaymentRequest, ReleaseTicketRequest, ReopenTicketRequest,
    ReplyToTicketRequest, ResolveTicketRequest, ResultAnswer, StartTicketRequest,
    SummariseComplaintRequest, SuspendTicketRequest, TagTicketRequest, TakeOverTicketRequest,
    TransferTicketRequest, UpdateTicketRequest, WaitingFor,
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
    time::from_proto,
};
use prost_types::Timestamp as ProtoTime;
use uuid::Uuid;

use crate::{
    domain::{
        action::{Action, Analysis, Note, Said},
        change::Change,
        compensation::check_amount,
        entry::{LONG, MEDIUM},
        moment,
        tag::Tagging,
        talk,
    },
    store::{attachments::ATTACHMENTS, macros::MACROS},
};

/// Files of one reply.
const MOST_ATTACHMENTS: usize = 20;

/// Most people mentioned in one message.
const MOST_MENTIONS: usize = 20;

/// A command that can be read; whether it may be carried out is told by the ticket.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) name: String,
    /// The one that it was decided upon; none: whatever it is.
    pub(super) revision: Option<i64>,
    pub(super) action: Action,
    /// When it happened, as told; now, when it was not.
    pub(super) told: Option<Timestamp>,
    pub(super) claim: Option<Claim>,
}

/// What every command has.
pub(super) struct Envelope<'a> {
    name: (&'static str, &'a str),
    etag: (&'static str, &'a str),
    request_id: &'a str,
    occurred_time: Option<&'a ProtoTime>,
}

/// A request to change a ticket that is there.
pub(super) trait Command: prost::Message + Sized {
    /// What it has in common with the others.
    fn envelope(&self) -> Envelope<'_>;

    /// What it wants done; what cannot be read is noted, and whatever is then
    /// given back is not looked at.
    fn action(self, fields: &mut Fields) -> Action;

    /// Notes what is wrong with it by the time of the call.
    fn check(&self, _fields: &mut Fields, _now: Timestamp) {}

    /// Reads it whole.
    fn read(self, call: &Call) -> Result<Wanted, Fault> {
        let mut fields = Fields::new();
        let envelope = self.envelope();
        let name = envelope.name.1.to_owned();
        let request_id = fields.request_id(envelope.request_id);
        let id = fields.name(envelope.name.0, &name, "tickets");
        let revision = fields.etag(envelope.etag.0, envelope.etag.1);
        let kind = call.context.subject.kind;
        let told = moment::told(
            &mut fields,
            "occurred_time",
            envelope.occurred_time,
            kind,
            call.now,
        );
        let claim = Claim::of(call, request_id, &self);
        self.check(&mut fields, call.now);
        let action = self.action(&mut fields);
        fields.finish()?;
        Ok(Wanted {
            id: id.unwrap_or_default(),
            name,
            revision,
            action,
            told,
            claim,
        })
    }
}

macro_rules! command {
    ($request:ty: |$self:ident, $fields:ident| $action:expr) => {
        impl Command for $request {
            fn envelope(&self) -> Envelope<'_> {
                Envelope {
                    name: ("name", &self.name),
                    etag: ("etag", &self.etag),
                    request_id: &self.request_id,
                    occurred_time: self.occurred_time.as_ref(),
                }
            }

            fn action($self, $fields: &mut Fields) -> Action {
                $action
            }
        }
    };
}

// Whether there is such an employee, and may work on it, is asked for once it is known which
// ticket it is (`people.rs`). The caller's scope holds for the ticket as it is.
command!(AssignTicketRequest: |self, fields| {
    Action::Assign(fields.name("assignee", &self.assignee, "employees").unwrap_or_default())
});

command!(StartTicketRequest: |self, _fields| Action::Start);

command!(SuspendTicketRequest: |self, fields| {
    let whom = fields.required_enum::<WaitingFor>("waiting_for", self.waiting_for);
    Action::Suspend(whom.unwrap_or_default())
});

command!(ResolveTicketRequest: |self, fields| {
    fields.required_text("resolution", &self.resolution, LONG);
    Action::Resolve(self.resolution)
});

command!(ReopenTicketRequest: |self, fields| {
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Reopen(self.reason)
});

command!(RateTicketRequest: |self, fields| {
    fields.ensure((1..=5).contains(&self.score), "score", Violation::OutOfRange(1, 5));
    fields.text("comment", &self.comment, MEDIUM);
    Action::Rate { score: self.score, comment: self.comment }
});

command!(CloseTicketRequest: |self, _fields| Action::Close);

command!(CheckLegitimacyRequest: |self, fields| {
    let legitimacy = fields.required_enum::<Legitimacy>("legitimacy", self.legitimacy);
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Check(legitimacy.unwrap_or_default(), self.reason)
});

command!(AnalyseComplaintRequest: |self, fields| {
    let nature = fields.required_enum::<ComplaintNature>("nature", self.nature);
    let gravity = fields.required_enum::<Gravity>("gravity", self.gravity);
    let department = fields.optional_name("department", &self.department, "departments");
    fields.required_text("analysis", &self.analysis, MEDIUM);
    Action::Analyse(Analysis {
        nature: nature.unwrap_or_default(),
        gravity: gravity.unwrap_or_default(),
        department,
        text: self.analysis,
    })
});

command!(AnswerResultRequest: |self, fields| {
    let answer = fields.required_enum::<ResultAnswer>("answer", self.answer).unwrap_or_default();
    match answer {
        ResultAnswer::Unsatisfied => fields.required_text("words", &self.words, MEDIUM),
        _ => fields.text("words", &self.words, MEDIUM),
    };
    Action::Answer(answer, self.words)
});

command!(SummariseComplaintRequest: |self, fields| {
    fields.required_text("cause", &self.cause, MEDIUM);
    fields.required_text("improvement", &self.improvement, MEDIUM);
    Action::Summarise { cause: self.cause, improvement: self.improvement }
});

command!(OfferCompensationRequest: |self, fields| {
    let amount = self.amount.unwrap_or_default();
    check_amount(fields, &amount);
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Compensate(amount, self.reason)
});

command!(DecideOnCompensationRequest: |self, fields| {
    fields.ensure(self.number > 0, "number", Violation::Required);
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::DecideOnCompensation { number: self.number, approve: self.approve, reason: self.reason }
});

command!(RecordCompensationPaymentRequest: |self, fields| {
    fields.ensure(self.number > 0, "number", Violation::Required);
    fields.required_text("reference", &self.reference, 120);
    Action::Pay { number: self.number, reference: self.reference }
});

command!(AskToCloseRequest: |self, fields| {
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::AskToClose(self.reason)
});

command!(DecideOnClosingRequest: |self, fields| {
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::DecideOnClosing(self.approve, self.reason)
});

command!(TransferTicketRequest: |self, fields| {
    let department = fields.name("department", &self.department, "departments");
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Transfer(department.unwrap_or_default(), self.reason)
});

command!(TagTicketRequest: |self, fields| Action::Tag(Tagging::put(fields, self.tags)));

command!(TakeOverTicketRequest: |self, fields| {
    fields.required_text("reason", &self.reason, MEDIUM);
    // Who it is, the request does not say: the call does.
    Action::TakeOver { by: Uuid::nil(), reason: self.reason }
});

command!(ReleaseTicketRequest: |self, fields| {
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Release(self.reason)
});

impl Command for ReplyToTicketRequest {
    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            name: ("name", &self.name),
            etag: ("etag", &self.etag),
            request_id: &self.request_id,
            occurred_time: self.occurred_time.as_ref(),
        }
    }

    fn check(&self, fields: &mut Fields, now: Timestamp) {
        talk::check_reply(fields, self, now);
    }

    fn action(self, fields: &mut Fields) -> Action {
        let direction = fields.required_enum::<Direction>("direction", self.direction);
        fields.required_text("body", &self.body, LONG);
        let direction = direction.unwrap_or_default();
        let mentions = mentions(fields, direction, &self.mentions);
        let used_macro = fields.optional_name("used_macro", &self.used_macro, MACROS);
        let names = self.attachments.iter().enumerate();
        let attachments: Vec<Uuid> = names
            .filter_map(|(at, name)| {
                fields.name(format_args!("attachments[{at}]"), name, ATTACHMENTS)
            })
            .collect();
        let once: BTreeSet<&Uuid> = attachments.iter().collect();
        let apart = once.len() == attachments.len();
        fields.ensure(apart, "attachments", Violation::Duplicate);
        let few = attachments.len() <= MOST_ATTACHMENTS;
        fields.ensure(few, "attachments", Violation::TooMany(MOST_ATTACHMENTS));
        let moment = |at: Option<&ProtoTime>| at.and_then(from_proto);
        let said = Said {
            used_macro,
            attachments,
            channel: self.channel(),
            call: (
                moment(self.call_start_time.as_ref()),
                moment(self.call_end_time.as_ref()),
            ),
            recording: self.recording,
            mentions,
        };
        Action::Reply(Note {
            direction,
            body: self.body,
            said,
        })
    }
}

impl Command for UpdateTicketRequest {
    fn envelope(&self) -> Envelope<'_> {
        let ticket = self.ticket.as_ref();
        Envelope {
            name: ("ticket.name", ticket.map_or("", |ticket| &ticket.name)),
            etag: ("ticket.etag", ticket.map_or("", |ticket| &ticket.etag)),
            request_id: &self.request_id,
            occurred_time: self.occurred_time.as_ref(),
        }
    }

    fn action(self, fields: &mut Fields) -> Action {
        let paths = self.update_mask.map(|mask| mask.paths).unwrap_or_default();
        Action::Update(Change::parse(
            fields,
            &paths,
            self.ticket.unwrap_or_default(),
        ))
    }
}

/// Who is mentioned, each once; only among ourselves.
fn mentions(fields: &mut Fields, direction: Direction, names: &[String]) -> Vec<Uuid> {
    let internal = direction == Direction::Internal || names.is_empty();
    fields.ensure(internal, "mentions", Violation::NotApplicable);
    let few = names.len() <= MOST_MENTIONS;
    fields.ensure(few, "mentions", Violation::TooMany(MOST_MENTIONS));
    let mut mentioned = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let place = format!("mentions[{at}]");
        let id = fields.name(&place, name, "employees").unwrap_or_default();
        fields.ensure(!mentioned.contains(&id), place, Violation::Duplicate);
        mentioned.push(id);
    }
    mentioned
}

#[cfg(test)]
mod tests;
