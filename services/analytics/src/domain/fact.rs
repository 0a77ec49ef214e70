//! Facts: what is kept of each record, read from entries that carry it as it is afterwards.
//!
//! An entry says all there is to keep of a record, so that no earlier one is needed, and the same
//! facts come of the same journals in whatever stretches they are read. Numbers are those of the
//! contract's enums: a value of a later contract is kept as it came.
//!
//! | kind      | one for each                  | belongs to the day of  | told by                |
//! |-----------|-------------------------------|------------------------|------------------------|
//! | ticket    | ticket                        | being received         | TicketChanged          |
//! | call      | later call of a ticket        | its beginning          | TicketChanged          |
//! | clock     | attempt of a ticket's clock   | its beginning          | ClocksChanged          |
//! | answer    | answered survey               | the first answer       | SurveyChanged          |
//! | order     | order                         | being placed           | OrderChanged           |
//! | review    | score of an order             | the answer             | OrderReviewed          |
//! | trouble   | silence that is not over      | being last heard of    | OrderTroubled          |
//! | lateness  | order that was late once      | what was promised for  | OrderLateness, OrderTroubled |
//! | case      | after-sales case              | being registered       | CaseChanged            |
//! | visit     | visit                         | taking place, or being due | VisitChanged       |
//! | customer  | file                          | being entered          | CustomerChanged        |
//! | credit    | file that was rated           | being entered          | RatingChanged          |
//! | departure | merge of a file, and its destruction | being entered   | FilesMerged, FileDestroyed |
//! | check     | result of a check             | the check              | VerificationRecorded   |
//! | inspection | inspection with a result    | being drawn            | InspectionChanged      |
//! | approval  | request for approval          | being made             | ApprovalChanged        |

mod access;
mod orders;
mod profile;
#[cfg(test)]
mod tests;
mod tickets;

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::{
    google::r#type::Money,
    journal::{CategoryTotal, Entry, event::Event},
};
use kefu_service::time;
use prost_types::Timestamp as ProtoTime;
use uuid::Uuid;

/// What a fact is of; kept under this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Ticket = 1,
    Clock = 2,
    Answer = 3,
    Order = 4,
    Review = 5,
    Trouble = 6,
    Case = 7,
    Visit = 8,
    Customer = 9,
    Credit = 10,
    Departure = 11,
    Check = 12,
    Approval = 13,
    Inspection = 14,
    Lateness = 15,
    Call = 16,
}

impl Kind {
    pub(crate) const ALL: [Self; 16] = [
        Self::Ticket,
        Self::Clock,
        Self::Answer,
        Self::Order,
        Self::Review,
        Self::Trouble,
        Self::Case,
        Self::Visit,
        Self::Customer,
        Self::Credit,
        Self::Departure,
        Self::Check,
        Self::Approval,
        Self::Inspection,
        Self::Lateness,
        Self::Call,
    ];

    pub(crate) const fn number(self) -> i16 {
        self as i16
    }
}

/// Which fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) id: Uuid,
    /// Within the record; 0 where it has one fact.
    pub(crate) part: i32,
}

/// By which entry: the record's revision and, where that is the same or there is none, the place
/// in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) revision: i64,
    pub(crate) position: i64,
}

/// What is known of one record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub(crate) key: Key,
    pub(crate) told: Told,
    /// By which it belongs to a day.
    pub(crate) at: Timestamp,
    /// There is nothing to count any more.
    pub(crate) gone: bool,
    pub(crate) values: Values,
}

/// What it is counted by; each kind has some of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Values {
    pub(crate) customer: Option<Uuid>,
    pub(crate) department: Option<Uuid>,
    /// Whose it is.
    pub(crate) employee: Option<Uuid>,
    /// Another record that it is about.
    pub(crate) subject: Option<Uuid>,
    /// When it was over.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) seconds: Option<i64>,
    pub(crate) total: Option<Money>,
    pub(crate) attempt: Option<i32>,
    pub(crate) repeats: Option<i32>,
    /// Of the customer, after what a ticket was opened with; none where that was not said.
    pub(crate) messages: Option<i32>,
    /// Its kind among those of its kind: of a ticket, a case, a customer.
    pub(crate) sort: Option<i16>,
    pub(crate) state: Option<i16>,
    pub(crate) channel: Option<i16>,
    pub(crate) priority: Option<i16>,
    pub(crate) outcome: Option<i16>,
    pub(crate) metric: Option<i16>,
    pub(crate) tier: Option<i16>,
    pub(crate) credit: Option<i16>,
    pub(crate) purpose: Option<i16>,
    /// 1–5
    pub(crate) score: Option<i16>,
    pub(crate) second_score: Option<i16>,
    /// It is part of another, and counted as that.
    pub(crate) merged: bool,
    /// Of a ticket; of a customer the division of their region.
    pub(crate) category: Option<String>,
    /// What an order comes to by product categories, where that is said.
    pub(crate) products: Vec<CategoryTotal>,
}

/// What an entry says.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) facts: Vec<Fact>,
    /// It tells of a record, and lacks what makes a fact of it.
    pub(crate) incomplete: bool,
}

/// Reads an entry.
pub(crate) fn read(entry: &Entry) -> Read {
    let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
    let Some(event) = event else {
        return Read::default();
    };
    let place = Place {
        position: entry.cursor.map_or(0, |cursor| cursor.position),
        recorded_at: entry.recorded_at.as_ref().and_then(time::from_proto),
    };
    let facts = match event {
        Event::TicketChanged(told) => tickets::ticket(told, place),
        Event::ClocksChanged(told) => tickets::clocks(told, place),
        Event::SurveyChanged(told) => tickets::answer(told, place),
        Event::InspectionChanged(told) => tickets::inspection(told, place).map(one),
        Event::OrderChanged(told) => orders::order(told, place).map(one),
        Event::OrderReviewed(told) => orders::review(told, place).map(one),
        Event::OrderTroubled(told) => orders::trouble(told, place).map(one),
        Event::OrderLateness(told) => orders::lateness(told, place).map(one),
        Event::CaseChanged(told) => orders::case(told, place).map(one),
        Event::VisitChanged(told) => orders::visit(told, place).map(one),
        Event::CustomerChanged(told) => profile::customer(told, place).map(one),
        Event::RatingChanged(told) => profile::credit(told, place).map(one),
        Event::FilesMerged(told) => profile::merged(told, place).map(one),
        Event::FileDestroyed(told) => profile::destroyed(told, place).map(one),
        Event::VerificationRecorded(told) => profile::check(told, place).map(one),
        Event::ApprovalChanged(told) => access::approval(told, place).map(one),
        _ => Some(Vec::new()),
    };
    Read {
        incomplete: facts.is_none(),
        facts: facts.unwrap_or_default(),
    }
}

/// What is known in the end of each record, in order; a statement can change a row only once.
pub(crate) fn latest(facts: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
    let mut known: BTreeMap<Key, Fact> = BTreeMap::new();
    for fact in facts {
        match known.get(&fact.key) {
            Some(other) if fact.told < other.told => {}
            _ => {
                known.insert(fact.key, fact);
            }
        }
    }
    known.into_values().collect()
}

/// Where an entry stands in its journal.
#[derive(Debug, Clone, Copy)]
struct Place {
    position: i64,
    recorded_at: Option<Timestamp>,
}

impl Place {
    /// Of a record with revisions.
    fn told(self, revision: i64) -> Told {
        Told {
            revision,
            position: self.position,
        }
    }

    /// A fact of a record, the only one.
    fn fact(self, kind: Kind, id: Uuid, revision: i64, at: Timestamp, values: Values) -> Fact {
        Fact {
            key: Key { kind, id, part: 0 },
            told: self.told(revision),
            at,
            gone: false,
            values,
        }
    }

    /// When a record was made: its id says so, and keeps to it.
    fn made(self, id: Uuid) -> Option<Timestamp> {
        let by_id = id.get_timestamp().and_then(|at| {
            let (seconds, nanoseconds) = at.to_unix();
            let seconds = i64::try_from(seconds).ok()?;
            Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
        });
        by_id.or(self.recorded_at)
    }
}

fn one(fact: Fact) -> Vec<Fact> {
    vec![fact]
}

fn id(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

fn moment(at: Option<&ProtoTime>) -> Option<Timestamp> {
    at.and_then(time::from_proto)
}

fn number(value: i32) -> Option<i16> {
    i16::try_from(value).ok()
}

/// 1–5; what is no score is none, rather than one of 0, which would pull the mean down.
fn score(value: i32) -> Option<i16> {
    number(value).filter(|score| (1..=5).contains(score))
}
