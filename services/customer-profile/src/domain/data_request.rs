//! What customers ask for about their own data (IH-2.1, IH-2.4): which requests can be
//! entered, by when they are due, and which step leads where.

use std::time::Duration;

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    profile::{DataRequest, DataRequestKind, DataRequestState, IdentityProof},
};
use kefu_service::{error::Fault, fields::Fields};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const MOST_NAME: usize = 120;
pub(crate) const MOST_REFERENCE: usize = 200;
pub(crate) const MOST_TEXT: usize = 500;

/// Hours from when a request is received until it is due, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DueHours {
    /// To see what is kept.
    pub access: u32,
    /// Corrections are made at once (IH-2.4).
    pub correction: u32,
    /// As are deletions.
    pub deletion: u32,
    /// To have it in a form that others can read in.
    pub portability: u32,
}

impl Default for DueHours {
    fn default() -> Self {
        Self {
            access: 15 * 24,
            correction: 24,
            deletion: 24,
            portability: 15 * 24,
        }
    }
}

impl DueHours {
    /// When a request of this kind is due.
    pub(crate) fn due(&self, kind: DataRequestKind, received_at: Timestamp) -> Timestamp {
        let hours = match kind {
            DataRequestKind::Access => self.access,
            DataRequestKind::Correction => self.correction,
            DataRequestKind::Deletion => self.deletion,
            DataRequestKind::Portability | DataRequestKind::Unspecified => self.portability,
        };
        let limit = Duration::from_secs(u64::from(hours) * 3600);
        received_at.checked_add(limit).unwrap_or(Timestamp::MAX)
    }

    /// Whether nothing is due before it is received.
    pub(crate) fn can_be_kept(&self) -> bool {
        [
            self.access,
            self.correction,
            self.deletion,
            self.portability,
        ]
        .iter()
        .all(|hours| (1..=24 * 366).contains(hours))
    }
}

/// A request that can be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) customer: Uuid,
    pub(crate) kind: DataRequestKind,
    pub(crate) channel: Channel,
    pub(crate) proof: IdentityProof,
    pub(crate) received_at: Timestamp,
    pub(crate) asker: String,
    pub(crate) identity_evidence: String,
    pub(crate) wish: String,
}

impl Asked {
    /// Reads one; everything that is wrong is noted.
    pub(crate) fn read(fields: &mut Fields, request: &DataRequest, now: Timestamp) -> Option<Self> {
        let at = |field: &str| format!("data_request.{field}");
        let customer = fields.name(at("customer"), &request.customer, "customers");
        let kind = fields.required_enum(at("kind"), request.kind);
        let channel = fields.required_enum(at("channel"), request.channel);
        let received_at = match &request.receive_time {
            None => Some(now),
            said => fields.past(at("receive_time"), said.as_ref(), now),
        };
        fields.required_text(at("asker"), &request.asker, MOST_NAME);
        let proof = fields.required_enum(at("identity_proof"), request.identity_proof);
        let evidence = &request.identity_evidence;
        fields.required_text(at("identity_evidence"), evidence, MOST_REFERENCE);
        fields.required_text(at("wish"), &request.wish, MOST_TEXT);
        Some(Self {
            customer: customer?,
            kind: kind?,
            channel: channel?,
            proof: proof?,
            received_at: received_at?,
            asker: request.asker.clone(),
            identity_evidence: evidence.clone(),
            wish: request.wish.clone(),
        })
    }
}

/// What can be done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Assign,
    Fulfil,
    HandOver,
    Refuse,
    Agree,
    Reject,
}

type To = Option<DataRequestState>;
const NO: To = None;
const OPEN: To = Some(DataRequestState::Open);
const OVER: To = Some(DataRequestState::HandedOver);
const ASKED: To = Some(DataRequestState::RefusalProposed);
const DONE: To = Some(DataRequestState::Fulfilled);
const NEVER: To = Some(DataRequestState::Refused);

/// The states in the order of the table's columns.
const STATES: [DataRequestState; 5] = [
    DataRequestState::Open,
    DataRequestState::HandedOver,
    DataRequestState::RefusalProposed,
    DataRequestState::Fulfilled,
    DataRequestState::Refused,
];

/// The whole of it.
#[rustfmt::skip]
const TABLE: [(&str, [To; 5]); 6] = [
    // from:         OPEN   HANDED_OVER PROPOSED FULFILLED REFUSED
    ("assign",    [  OPEN,  OVER,       ASKED,   NO,       NO  ]),
    ("fulfil",    [  DONE,  DONE,       NO,      NO,       NO  ]),
    ("hand over", [  OVER,  NO,         NO,      NO,       NO  ]),
    ("refuse",    [  ASKED, ASKED,      NO,      NO,       NO  ]),
    ("agree",     [  NO,    NO,         NEVER,   NO,       NO  ]),
    ("reject",    [  NO,    NO,         OPEN,    NO,       NO  ]),
];

/// Where the step leads from this state. Only deletions are handed over.
///
/// # Errors
/// `STATE_NOT_ALLOWED` with the states that allow it, when the table has no way.
pub(crate) fn after(
    kind: DataRequestKind,
    state: DataRequestState,
    step: Step,
) -> Result<DataRequestState, Fault> {
    let (wanted, ways) = &TABLE[step as usize];
    let column = STATES.iter().position(|known| *known == state);
    let fits = step != Step::HandOver || kind == DataRequestKind::Deletion;
    let way = column.and_then(|column| ways[column]).filter(|_| fits);
    way.ok_or_else(|| {
        let allowed = STATES
            .into_iter()
            .zip(ways)
            .filter(|(_, way)| way.is_some() && fits);
        let allowed: Vec<_> = allowed.map(|(state, _)| name(state)).collect();
        Fault::state(name(state), wanted).with("allowed", allowed.join(","))
    })
}

/// `OPEN`: the enum value without its prefix, as filters have it.
fn name(state: DataRequestState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("DATA_REQUEST_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::common::Reason;
    use kefu_service::error::Violation;

    use super::*;

    const KINDS: [DataRequestKind; 4] = [
        DataRequestKind::Access,
        DataRequestKind::Correction,
        DataRequestKind::Deletion,
        DataRequestKind::Portability,
    ];

    /// Clause IH-2.4: what is over stays so, and nothing is refused by one word.
    #[test]
    fn a_request_goes_only_where_the_policy_lets_it() {
        let steps = [
            Step::Assign,
            Step::Fulfil,
            Step::HandOver,
            Step::Refuse,
            Step::Agree,
            Step::Reject,
        ];
        for kind in KINDS {
            for state in STATES {
                for step in steps {
                    let over = matches!(
                        state,
                        DataRequestState::Fulfilled | DataRequestState::Refused
                    );
                    let next = after(kind, state, step);
                    match &next {
                        Err(fault) => assert_eq!(fault.reason, Reason::StateNotAllowed),
                        Ok(DataRequestState::Refused) => {
                            assert_eq!(state, DataRequestState::RefusalProposed);
                        }
                        Ok(DataRequestState::HandedOver) if step == Step::HandOver => {
                            assert_eq!(kind, DataRequestKind::Deletion);
                        }
                        Ok(_) => {}
                    }
                    assert!(!over || next.is_err(), "{state:?} {step:?}");
                }
            }
        }
        let open = DataRequestState::Open;
        let deletion = DataRequestKind::Deletion;
        assert!(after(deletion, open, Step::HandOver).is_ok());
        assert!(after(DataRequestKind::Access, open, Step::Fulfil).is_ok());
    }

    /// Clause IH-2.4: corrections and deletions at once, the others in time.
    #[test]
    fn a_request_is_due_by_its_kind() {
        let received = Timestamp::UNIX_EPOCH;
        let hours = KINDS.map(|kind| {
            let due = DueHours::default().due(kind, received);
            due.as_second() / 3600
        });
        assert_eq!(hours, [360, 24, 24, 360]);
        let never = DueHours {
            deletion: 0,
            ..DueHours::default()
        };
        assert!(DueHours::default().can_be_kept() && !never.can_be_kept());
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut fields = Fields::new();
        assert_eq!(
            Asked::read(&mut fields, &DataRequest::default(), Timestamp::UNIX_EPOCH),
            None
        );
        let wrong = fields.finish().unwrap_err().violations;
        let named: Vec<&str> = wrong
            .iter()
            .map(|(field, _)| field.trim_start_matches("data_request."))
            .collect();
        let all = [
            "customer",
            "kind",
            "channel",
            "asker",
            "identity_proof",
            "identity_evidence",
            "wish",
        ];
        assert_eq!(named, all);
        assert!(wrong.iter().all(|(_, what)| *what == Violation::Required));
    }
}
