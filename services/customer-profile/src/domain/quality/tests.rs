use jiff::{Timestamp, civil::date, tz::TimeZone};
use kefu_contracts::profile::{Phone, Tier};
use kefu_service::error::Violation;
use proptest::{collection::btree_set, prelude::*, sample::select};

use super::*;

const PLAIN: [&str; 6] = [
    "display_name",
    "occupation",
    "region",
    "id_card",
    "bank_card",
    "special_needs",
];

fn put(file: &mut Customer, path: &str) {
    let text = match path {
        "display_name" => &mut file.display_name,
        "occupation" => &mut file.occupation,
        "region" => &mut file.region,
        "id_card" => &mut file.id_card,
        "bank_card" => &mut file.bank_card,
        _ => &mut file.special_needs,
    };
    "x".clone_into(text);
}

fn paths() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set(select(&PLAIN[..]).prop_map(str::to_owned), 0..6)
}

proptest! {
    /// Clauses CF-7.3, CF-2.1, SG-1.1: as many hundredths as there are of the expected fields,
    /// each counted as often as it weighs; and of the filled ones that are as they have to be.
    #[test]
    fn scores_are_what_counting_one_by_one_gives(
        filled in paths(), faulty in paths(), weights in proptest::collection::vec(1_u16..20, 6), known in 0_usize..6,
    ) {
        let expected = PLAIN.iter().zip(&weights).take(known);
        let rules = QualityRules {
            person: expected.clone().map(|(path, weight)| ((*path).to_owned(), *weight)).collect(),
            ..QualityRules::default()
        };
        let mut file = Customer { r#type: CustomerType::Person.into(), ..Customer::default() };
        filled.iter().for_each(|path| put(&mut file, path));
        let found = look(&rules, &file, &faulty);

        let units: Vec<&str> = expected.flat_map(|(path, weight)| vec![*path; usize::from(*weight)]).collect();
        let there = units.iter().filter(|path| filled.contains(**path)).count();
        let share = (!units.is_empty()).then(|| u8::try_from(there * 100 / units.len()).unwrap());
        prop_assert_eq!(found.completeness, share);
        let right = filled.difference(&faulty).count();
        let share = (!filled.is_empty()).then(|| u8::try_from(right * 100 / filled.len()).unwrap());
        prop_assert_eq!(found.validity, share);
        let missing: BTreeSet<&str> = units.into_iter().filter(|path| !filled.contains(*path)).collect();
        prop_assert_eq!(found.missing.iter().map(String::as_str).collect::<BTreeSet<_>>(), missing);
        prop_assert_eq!(found.invalid.into_iter().collect::<BTreeSet<_>>(), filled.intersection(&faulty).cloned().collect());
    }

    /// A score that is not measured is not taken for a bad one.
    #[test]
    fn the_mean_is_of_what_is_measured(scores in proptest::collection::vec(proptest::option::of(0_u8..=100), 0..5)) {
        let measured: Vec<u8> = scores.iter().flatten().copied().collect();
        match overall(&scores) {
            None => prop_assert!(measured.is_empty()),
            Some(mean) => {
                let sum: usize = measured.iter().map(|one| usize::from(*one)).sum();
                let (low, high) = (usize::from(mean) * measured.len(), (usize::from(mean) + 1) * measured.len());
                prop_assert!((low..high).contains(&sum));
            }
        }
    }
}

/// What is wrong somewhere in a field is wrong of the field.
#[test]
fn violations_are_of_fields() {
    let mut fields = Fields::new();
    for path in [
        "customer.phones[0].number",
        "customer.phones.primary",
        "customer.id_card",
        "update_mask",
    ] {
        fields.refuse(path, Violation::Format);
    }
    let of: Vec<String> = fields_of(fields).into_iter().collect();
    assert_eq!(of, ["id_card", "phones"]);
    assert!(fields_of(Fields::new()).is_empty());
}

/// A number that is no number is no gap, and the other way round.
#[test]
fn what_is_wrong_is_not_missing() {
    let mut file = Customer {
        r#type: CustomerType::Person.into(),
        phones: vec![Phone {
            number: "12".into(),
            ..Phone::default()
        }],
        ..Customer::default()
    };
    let mut fields = Fields::new();
    let region = crate::domain::contact::Region::china();
    crate::domain::entry::check(&mut fields, &mut file, region, date(2026, 11, 24));
    let found = look(&QualityRules::default(), &file, &fields_of(fields));
    assert_eq!(
        (found.validity, found.invalid),
        (Some(0), vec!["phones".to_owned()])
    );
    assert!(!found.missing.contains(&"phones".to_owned()));
    assert!(found.missing.contains(&"display_name".to_owned()));
}

/// Clause CF-7.1: monthly or quarterly, by the calendar.
#[test]
fn better_customers_are_looked_at_more_often() {
    let rules = QualityRules::default();
    assert_eq!(rules.problems(), Vec::<String>::new());
    let at = |month: i8, day: i8| -> Timestamp {
        let at = date(2026, month, day)
            .at(9, 0, 0, 0)
            .to_zoned(TimeZone::UTC);
        at.unwrap().timestamp()
    };
    assert_eq!(rules.review_due(Tier::Normal, at(1, 31)), at(4, 30));
    assert_eq!(rules.review_due(Tier::Diamond, at(1, 31)), at(2, 28));
    assert_eq!(rules.review_due(Tier::Gold, at(3, 15)), at(4, 15));
}

#[test]
fn everything_that_cannot_be_meant_is_told() {
    let mut rules = QualityRules {
        fresh_days: 540,
        dismiss_days: 0,
        ..QualityRules::default()
    };
    rules.review_months.gold = 4;
    rules.mend_days.invalid = 400;
    rules.person.insert("owner".into(), 0);
    rules.enterprise.clear();
    assert_eq!(rules.problems().len(), 7, "{:?}", rules.problems());
}
