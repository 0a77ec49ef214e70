//! The three checks of a file and its confirmation (SG-1.2, SG-1.3): what each looks at,
//! and which results can be entered.

use jiff::Timestamp;
use kefu_contracts::{
    ClassSet,
    policy::DataClass,
    profile::{
        CheckState, Customer, Mismatch, Verification, VerificationCheck, VerificationMethod,
        VerificationOutcome,
    },
};
use kefu_service::{error::Violation, fields::Fields};
use uuid::Uuid;

/// Longest reference to where a result can be looked up, in characters.
pub(crate) const MOST_EVIDENCE: usize = 200;
const MOST_TEXT: usize = 500;
const MOST_NAME: usize = 120;

/// Fields of the file that the check looks at.
pub(crate) fn fields_of(check: VerificationCheck) -> &'static [&'static str] {
    match check {
        VerificationCheck::Document => &[
            "display_name",
            "sex",
            "birth_date",
            "id_card",
            "credit_code",
        ],
        VerificationCheck::Identity => &["display_name", "id_card", "credit_code"],
        VerificationCheck::Account => &["display_name", "bank_card"],
        VerificationCheck::Confirmation => &[
            "display_name",
            "sex",
            "birth_date",
            "occupation",
            "region",
            "phones",
            "emails",
            "addresses",
        ],
        VerificationCheck::Unspecified => &[],
    }
}

/// Classes of what the check looks at: who may not see them cannot make it.
pub(crate) fn classes_of(check: VerificationCheck) -> ClassSet {
    let other = match check {
        VerificationCheck::Document | VerificationCheck::Identity => DataClass::Identity,
        VerificationCheck::Account => DataClass::Financial,
        VerificationCheck::Confirmation => DataClass::Contact,
        VerificationCheck::Unspecified => DataClass::System,
    };
    ClassSet::of(&[DataClass::Basic, other])
}

/// Whether the file has what the authority or the bank is asked about.
pub(crate) fn can_be_asked(check: VerificationCheck, customer: &Customer) -> bool {
    match check {
        VerificationCheck::Document => true,
        VerificationCheck::Identity => {
            !customer.id_card.is_empty() || !customer.credit_code.is_empty()
        }
        VerificationCheck::Account => !customer.bank_card.is_empty(),
        VerificationCheck::Confirmation | VerificationCheck::Unspecified => false,
    }
}

/// Marks the checks that a change of these fields makes stale.
pub(crate) fn make_stale(states: &mut [CheckState], changed: &[String]) {
    for state in states {
        let looked_at = fields_of(state.check());
        state.stale |= changed
            .iter()
            .any(|path| looked_at.contains(&path.as_str()));
    }
}

/// A result that can be entered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) customer: Uuid,
    pub(crate) check: VerificationCheck,
    pub(crate) method: VerificationMethod,
    pub(crate) outcome: VerificationOutcome,
    pub(crate) mismatches: Vec<Mismatch>,
    pub(crate) evidence: String,
    pub(crate) note: String,
    pub(crate) confirmed_by: String,
    pub(crate) checked_at: Timestamp,
}

impl Finding {
    /// Reads one that a person enters, or a company system; everything that is wrong is
    /// noted.
    pub(crate) fn read(
        fields: &mut Fields,
        verification: &Verification,
        by_system: bool,
        now: Timestamp,
    ) -> Option<Self> {
        let at = |field: &str| format!("verification.{field}");
        let customer = fields.name(at("customer"), &verification.customer, "customers");
        let check = fields.required_enum(at("check"), verification.check);
        let method = fields.required_enum(at("method"), verification.method);
        if let (Some(check), Some(method)) = (check, method) {
            let fits = fits(check, method, by_system);
            fields.ensure(fits, at("method"), Violation::NotApplicable);
        }
        let outcome = fields.required_enum(at("outcome"), verification.outcome);
        if let (Some(check), Some(outcome)) = (check, outcome) {
            check_mismatches(fields, check, outcome, &verification.mismatches);
        }
        let undone = outcome == Some(VerificationOutcome::CouldNotBeDone);
        let (evidence, note) = (&verification.evidence, &verification.note);
        if undone {
            fields.text(at("evidence"), evidence, MOST_EVIDENCE);
            fields.required_text(at("note"), note, MOST_TEXT);
        } else {
            fields.required_text(at("evidence"), evidence, MOST_EVIDENCE);
            fields.text(at("note"), note, MOST_TEXT);
        }
        let who = &verification.confirmed_by;
        match check {
            Some(VerificationCheck::Confirmation) if !undone => {
                fields.required_text(at("confirmed_by"), who, MOST_NAME);
            }
            Some(VerificationCheck::Confirmation) | None => {
                fields.text(at("confirmed_by"), who, MOST_NAME);
            }
            Some(_) => fields.ensure(who.is_empty(), at("confirmed_by"), Violation::NotApplicable),
        }
        let checked_at = match &verification.check_time {
            None => Some(now),
            said => fields.past(at("check_time"), said.as_ref(), now),
        };
        Some(Self {
            customer: customer?,
            check: check?,
            method: method?,
            outcome: outcome?,
            mismatches: verification.mismatches.clone(),
            evidence: evidence.clone(),
            note: note.clone(),
            confirmed_by: who.clone(),
            checked_at: checked_at?,
        })
    }

    /// Fields that do not agree.
    pub(crate) fn mismatched(&self) -> Vec<String> {
        self.mismatches
            .iter()
            .map(|one| one.field.clone())
            .collect()
    }
}

/// Checks are made by hand, what connectors find is not entered; customers confirm by
/// signature, or in a system that says so itself.
fn fits(check: VerificationCheck, method: VerificationMethod, by_system: bool) -> bool {
    let confirms = check == VerificationCheck::Confirmation;
    match method {
        VerificationMethod::Manual => !confirms && !by_system,
        VerificationMethod::Signature | VerificationMethod::ESignature => confirms,
        VerificationMethod::System => confirms && by_system,
        VerificationMethod::Connector | VerificationMethod::Unspecified => false,
    }
}

fn check_mismatches(
    fields: &mut Fields,
    check: VerificationCheck,
    outcome: VerificationOutcome,
    mismatches: &[Mismatch],
) {
    let list = "verification.mismatches";
    let expected = outcome == VerificationOutcome::Mismatch;
    match (expected, mismatches.is_empty()) {
        (true, true) => fields.refuse(list, Violation::Required),
        (false, false) => fields.refuse(list, Violation::NotApplicable),
        _ => {}
    }
    for (place, mismatch) in mismatches.iter().enumerate() {
        let named = format!("{list}[{place}].field");
        let known = fields_of(check).contains(&mismatch.field.as_str());
        fields.ensure(known, &named, Violation::UnknownValue);
        let before = mismatches[..place]
            .iter()
            .any(|one| one.field == mismatch.field);
        fields.ensure(!before, &named, Violation::Duplicate);
        fields.text(format!("{list}[{place}].text"), &mismatch.text, MOST_TEXT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const CHECKS: [VerificationCheck; 4] = [
        VerificationCheck::Document,
        VerificationCheck::Identity,
        VerificationCheck::Account,
        VerificationCheck::Confirmation,
    ];

    fn passed(check: VerificationCheck, method: VerificationMethod) -> Verification {
        let confirms = check == VerificationCheck::Confirmation;
        Verification {
            customer: "customers/0190c5a8-0000-7000-8000-0000000000ab".into(),
            check: check.into(),
            method: method.into(),
            outcome: VerificationOutcome::Passed.into(),
            evidence: "scan 17".into(),
            confirmed_by: if confirms {
                "张三丰".into()
            } else {
                String::new()
            },
            ..Verification::default()
        }
    }

    fn wrong(verification: &Verification, by_system: bool) -> Vec<(String, Violation)> {
        let mut fields = Fields::new();
        let read = Finding::read(&mut fields, verification, by_system, NOW);
        let wrong = fields
            .finish()
            .map_or_else(|fault| fault.violations, |()| Vec::new());
        assert!(read.is_some() || !wrong.is_empty());
        wrong
    }

    /// Clauses SG-1.2, SG-1.3: which check is made how, and by whom.
    #[test]
    fn a_result_is_found_out_in_a_way_that_there_is() {
        let methods = (1..).map_while(|number| VerificationMethod::try_from(number).ok());
        for method in methods {
            for check in CHECKS {
                for by_system in [false, true] {
                    let confirms = check == VerificationCheck::Confirmation;
                    let allowed = match method.as_str_name() {
                        "VERIFICATION_METHOD_MANUAL" => !confirms && !by_system,
                        "VERIFICATION_METHOD_SYSTEM" => confirms && by_system,
                        "VERIFICATION_METHOD_CONNECTOR" => false,
                        _ => confirms,
                    };
                    let found = wrong(&passed(check, method), by_system);
                    assert_eq!(
                        found.is_empty(),
                        allowed,
                        "{check:?} {method:?} {by_system}"
                    );
                }
            }
        }
    }

    /// Clause SG-1.2: a mismatch names fields that were looked at, each once.
    #[test]
    fn a_mismatch_says_in_what() {
        let mismatch = |fields: &[&str]| Verification {
            outcome: VerificationOutcome::Mismatch.into(),
            mismatches: fields
                .iter()
                .map(|field| Mismatch {
                    field: (*field).into(),
                    text: String::new(),
                })
                .collect(),
            ..passed(VerificationCheck::Account, VerificationMethod::Manual)
        };
        assert_eq!(wrong(&mismatch(&["bank_card"]), false), []);
        assert_eq!(
            wrong(&mismatch(&[]), false),
            [("verification.mismatches".to_owned(), Violation::Required)]
        );
        assert_eq!(
            wrong(&mismatch(&["bank_card", "id_card", "bank_card"]), false),
            [
                (
                    "verification.mismatches[1].field".to_owned(),
                    Violation::UnknownValue
                ),
                (
                    "verification.mismatches[2].field".to_owned(),
                    Violation::Duplicate
                ),
            ]
        );
        let passed = Verification {
            outcome: VerificationOutcome::Passed.into(),
            ..mismatch(&["bank_card"])
        };
        assert_eq!(
            wrong(&passed, false),
            [(
                "verification.mismatches".to_owned(),
                Violation::NotApplicable
            )]
        );
    }

    /// What could not be done says why, and needs no evidence.
    #[test]
    fn everything_wrong_is_told_at_once() {
        let undone = Verification {
            outcome: VerificationOutcome::CouldNotBeDone.into(),
            evidence: String::new(),
            note: "电话无人接听".into(),
            confirmed_by: String::new(),
            ..passed(
                VerificationCheck::Confirmation,
                VerificationMethod::Signature,
            )
        };
        assert_eq!(wrong(&undone, false), []);
        let fields: Vec<String> = wrong(&Verification::default(), false)
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(
            fields,
            ["customer", "check", "method", "outcome", "evidence"]
                .map(|one| format!("verification.{one}"))
        );
    }

    #[test]
    fn checks_look_at_fields_of_the_classes_they_need() {
        for check in CHECKS {
            let mut fields = Fields::new();
            let paths: Vec<String> = fields_of(check).iter().map(|one| (*one).into()).collect();
            let change = change::Change::parse(&mut fields, &paths);
            assert!(fields.is_clean());
            assert_eq!(change.classes(), classes_of(check));
        }
    }

    /// Clause SG-1.2: what was found out of a field says nothing of another value.
    #[test]
    fn a_change_makes_stale_what_looked_at_it() {
        let state = |check: VerificationCheck| CheckState {
            check: check.into(),
            ..CheckState::default()
        };
        let mut states = CHECKS.map(state);
        make_stale(&mut states, &["bank_card".into(), "special_needs".into()]);
        assert_eq!(states.map(|one| one.stale), [false, false, true, false]);
        make_stale(&mut states, &["id_card".into()]);
        assert_eq!(states.map(|one| one.stale), [true, true, true, false]);
    }
}
