//! What a customer agreed to: which statements can be entered.

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    policy::Purpose,
    profile::{Consent, ConsentDecision},
};
use kefu_service::{error::Violation, fields::Fields};
use uuid::Uuid;

/// Longest reference to where a statement can be looked up, in characters.
const MOST_EVIDENCE: usize = 200;

/// Purposes a customer can agree to. Serving them and what the law demands need no
/// consent, and none can be withdrawn from them.
const CONSENTABLE: &[Purpose] = &[
    Purpose::Sales,
    Purpose::Marketing,
    Purpose::Quality,
    Purpose::Analysis,
    Purpose::Training,
];

/// A statement that can be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) customer: Uuid,
    pub(crate) purpose: Purpose,
    pub(crate) decision: ConsentDecision,
    /// In order, each once.
    pub(crate) channels: Vec<Channel>,
    pub(crate) heard: Channel,
    pub(crate) said_at: Timestamp,
    pub(crate) evidence: String,
}

impl Statement {
    /// Reads one; everything that is wrong is noted.
    pub(crate) fn read(fields: &mut Fields, consent: &Consent, now: Timestamp) -> Option<Self> {
        let customer = fields.name("consent.customer", &consent.customer, "customers");
        let purpose: Option<Purpose> = fields.required_enum("consent.purpose", consent.purpose);
        let asked_for = purpose.is_none_or(|purpose| CONSENTABLE.contains(&purpose));
        fields.ensure(asked_for, "consent.purpose", Violation::NotApplicable);
        let decision = fields.required_enum("consent.decision", consent.decision);
        let channels = channels(fields, &consent.channels, decision);
        let heard = fields.required_enum("consent.heard_channel", consent.heard_channel);
        let said_at = match &consent.said_time {
            None => Some(now),
            said => fields.past("consent.said_time", said.as_ref(), now),
        };
        fields.required_text("consent.evidence", &consent.evidence, MOST_EVIDENCE);
        Some(Self {
            customer: customer?,
            purpose: purpose?,
            decision: decision?,
            channels,
            heard: heard?,
            said_at: said_at?,
            evidence: consent.evidence.clone(),
        })
    }
}

/// What counts of two last statements about one purpose, when the files that they were made
/// in turn out to be one customer's: a refusal of either, whenever it was; what both agree to;
/// who said nothing says nothing. The ways by which a consent is given, or `None` where it is
/// not (IH-2.2).
pub(crate) fn stricter(one: Option<&Said>, other: Option<&Said>) -> Option<Vec<i16>> {
    match (one, other) {
        (None, None) => None,
        (Some(said), None) | (None, Some(said)) => said.clone(),
        (Some(one), Some(other)) => {
            let mut both = one.clone()?;
            let other = other.as_ref()?;
            both.retain(|channel| other.contains(channel));
            (!both.is_empty()).then_some(both)
        }
    }
}

/// A last statement: the ways by which consent is given, or that it is not.
pub(crate) type Said = Option<Vec<i16>>;

fn channels(
    fields: &mut Fields,
    numbers: &[i32],
    decision: Option<ConsentDecision>,
) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let field = format!("consent.channels[{place}]");
        let Some(channel) = fields.required_enum(&field, *number) else {
            continue;
        };
        fields.ensure(!channels.contains(&channel), &field, Violation::Duplicate);
        channels.push(channel);
    }
    channels.sort_unstable();
    match decision {
        Some(ConsentDecision::Given) => {
            fields.ensure(!numbers.is_empty(), "consent.channels", Violation::Required);
        }
        Some(_) => fields.ensure(
            numbers.is_empty(),
            "consent.channels",
            Violation::NotApplicable,
        ),
        None => {}
    }
    channels
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn given() -> Consent {
        Consent {
            customer: "customers/0190c5a8-0000-7000-8000-0000000000ab".into(),
            purpose: Purpose::Marketing.into(),
            decision: ConsentDecision::Given.into(),
            channels: vec![Channel::Email.into(), Channel::Phone.into()],
            heard_channel: Channel::OnSite.into(),
            evidence: "form 17".into(),
            ..Consent::default()
        }
    }

    fn wrong(consent: &Consent) -> Vec<(String, Violation)> {
        let mut fields = Fields::new();
        Statement::read(&mut fields, consent, NOW);
        fields
            .finish()
            .map_or_else(|fault| fault.violations, |()| Vec::new())
    }

    /// Clause CC-2.2: a customer is never reached by a way that either file refuses, nor stops being where
    /// nothing was refused.
    #[test]
    fn of_two_statements_the_stricter_counts() {
        let given = |ways: &[i16]| Some(Some(ways.to_vec()));
        let ways = [None, Some(None), given(&[1]), given(&[2]), given(&[1, 2])];
        for one in &ways {
            for other in &ways {
                let counts = stricter(one.as_ref(), other.as_ref());
                assert_eq!(counts, stricter(other.as_ref(), one.as_ref()));
                for way in [1, 2] {
                    let allows = |said: &Option<Said>| match said {
                        None => true,
                        Some(None) => false,
                        Some(Some(ways)) => ways.contains(&way),
                    };
                    let said_at_all = one.is_some() || other.is_some();
                    let expected = said_at_all && allows(one) && allows(other);
                    let counts = counts.as_ref().is_some_and(|ways| ways.contains(&way));
                    assert_eq!(counts, expected, "{one:?} {other:?} {way}");
                }
            }
        }
    }

    #[test]
    fn a_whole_statement_is_read() {
        let mut fields = Fields::new();
        let read = Statement::read(&mut fields, &given(), NOW).unwrap();
        assert!(fields.is_clean());
        assert_eq!(read.channels, [Channel::Phone, Channel::Email]);
        assert_eq!(read.said_at, NOW);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let all = wrong(&Consent {
            customer: "tickets/1".into(),
            purpose: Purpose::Service.into(),
            decision: 9,
            channels: vec![1, 1, 99],
            said_time: Some(kefu_service::time::to_proto(Timestamp::MAX)),
            ..Consent::default()
        });
        let fields: Vec<&str> = all.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "consent.customer",
                "consent.purpose",
                "consent.decision",
                "consent.channels[1]",
                "consent.channels[2]",
                "consent.heard_channel",
                "consent.said_time",
                "consent.evidence",
            ]
        );
    }

    /// Clause IH-2.1: to agree names the ways to be addressed, to withdraw names none.
    #[test]
    fn channels_are_those_of_a_consent_that_is_given() {
        let none = Consent {
            channels: Vec::new(),
            ..given()
        };
        assert_eq!(
            wrong(&none),
            [("consent.channels".to_owned(), Violation::Required)]
        );
        let withdrawn = Consent {
            decision: ConsentDecision::Withdrawn.into(),
            ..given()
        };
        assert_eq!(
            wrong(&withdrawn),
            [("consent.channels".to_owned(), Violation::NotApplicable)]
        );
    }

    #[test]
    fn what_needs_no_consent_cannot_be_consented_to() {
        let known = (1..).map_while(|number| Purpose::try_from(number).ok());
        for purpose in known {
            let asked = Consent {
                purpose: purpose.into(),
                ..given()
            };
            assert_eq!(wrong(&asked).is_empty(), CONSENTABLE.contains(&purpose));
        }
    }
}
