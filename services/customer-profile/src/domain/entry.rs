//! What may stand in a file (CF-2.1, SG-1.1): every fault of an entry at once,
//! and the form in which it is kept.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kefu_contracts::profile::{Credibility, Customer, CustomerType, Sex, SourceHand};
use kefu_service::{error::Violation, fields::Fields, time::civil};

use super::{
    contact::{Region, normal_email, normal_phone},
    file_number::is_business_line,
    identity::{id_card, is_bank_card, is_credit_code},
    people::check_people,
};

/// Most phones, e-mails, addresses or contact persons of one file.
pub(super) const MOST_CONTACTS: usize = 20;
/// Most tags of one file.
const MOST_TAGS: usize = 20;

/// Checks the fields of a file and brings them to the form in which they are
/// kept. `today` bounds birth dates.
pub(crate) fn check(fields: &mut Fields, customer: &mut Customer, region: Region, today: Date) {
    let person = match customer.r#type() {
        CustomerType::Person => true,
        CustomerType::Enterprise => false,
        CustomerType::Unspecified => {
            let what = if customer.r#type == 0 {
                Violation::Required
            } else {
                Violation::UnknownValue
            };
            fields.refuse("customer.type", what);
            true
        }
    };
    check_basic(fields, customer, person, today);
    check_contacts(fields, customer, region);
    check_people(fields, &mut customer.contact_persons, region);
    check_identity(fields, customer, person, today);
    fields.ensure(
        customer.business_line.is_empty() || is_business_line(&customer.business_line),
        "customer.business_line",
        Violation::Format,
    );
    fields.text("customer.external_ref", &customer.external_ref, 120);
    fields.optional_enum::<kefu_contracts::profile::SourceChannel>(
        "customer.source_channel",
        customer.source_channel,
    );
    check_source(fields, customer, today);
    fields.text("customer.special_needs", &customer.special_needs, 2000);
    check_tags(fields, &mut customer.tags);
    fields.ensure(
        customer.purchase_preferences.len() <= 50,
        "customer.purchase_preferences",
        Violation::TooMany(50),
    );
    for (at, preference) in customer.purchase_preferences.iter().enumerate() {
        fields.required_text(
            format_args!("customer.purchase_preferences[{at}]"),
            preference,
            120,
        );
    }
}

/// Words that files are sorted by (CF-4.2).
fn check_tags(fields: &mut Fields, tags: &mut [String]) {
    fields.ensure(
        tags.len() <= MOST_TAGS,
        "customer.tags",
        Violation::TooMany(MOST_TAGS),
    );
    let mut seen = BTreeSet::new();
    for (at, tag) in tags.iter_mut().enumerate() {
        *tag = tag.trim().to_owned();
        let place = format!("customer.tags[{at}]");
        fields.required_text(&place, tag, 30);
        fields.ensure(seen.insert(tag.to_lowercase()), place, Violation::Duplicate);
    }
}

fn check_basic(fields: &mut Fields, customer: &mut Customer, person: bool, today: Date) {
    customer.display_name = customer.display_name.trim().to_owned();
    fields.required_text("customer.display_name", &customer.display_name, 120);
    fields.optional_enum::<Sex>("customer.sex", customer.sex);
    fields.ensure(
        person || customer.sex == 0,
        "customer.sex",
        Violation::NotApplicable,
    );
    fields.text("customer.occupation", &customer.occupation, 120);
    fields.text("customer.region", &customer.region, 120);
    if let Some(birth) = &customer.birth_date {
        match civil(birth) {
            _ if !person => fields.refuse("customer.birth_date", Violation::NotApplicable),
            None => fields.refuse("customer.birth_date", Violation::Date),
            Some(date) => fields.ensure(date <= today, "customer.birth_date", Violation::InFuture),
        }
    }
}

fn check_contacts(fields: &mut Fields, customer: &mut Customer, region: Region) {
    let lists = [
        (
            "customer.phones",
            customer.phones.len(),
            customer.phones.iter().filter(|one| one.primary).count(),
        ),
        (
            "customer.emails",
            customer.emails.len(),
            customer.emails.iter().filter(|one| one.primary).count(),
        ),
        (
            "customer.addresses",
            customer.addresses.len(),
            customer.addresses.iter().filter(|one| one.primary).count(),
        ),
    ];
    for (field, count, primary) in lists {
        fields.ensure(
            count <= MOST_CONTACTS,
            field,
            Violation::TooMany(MOST_CONTACTS),
        );
        fields.ensure(
            primary <= 1,
            format_args!("{field}.primary"),
            Violation::Duplicate,
        );
    }
    for (at, phone) in customer.phones.iter_mut().enumerate() {
        match normal_phone(region, &phone.number) {
            Some(number) => phone.number = number,
            None => fields.refuse(
                format_args!("customer.phones[{at}].number"),
                Violation::Phone,
            ),
        }
        fields.optional_enum::<kefu_contracts::profile::ContactKind>(
            format_args!("customer.phones[{at}].kind"),
            phone.kind,
        );
    }
    for (at, email) in customer.emails.iter_mut().enumerate() {
        match normal_email(&email.address) {
            Some(address) => email.address = address,
            None => fields.refuse(
                format_args!("customer.emails[{at}].address"),
                Violation::Email,
            ),
        }
        fields.optional_enum::<kefu_contracts::profile::ContactKind>(
            format_args!("customer.emails[{at}].kind"),
            email.kind,
        );
    }
    for (at, address) in customer.addresses.iter().enumerate() {
        let parts = [
            ("province", &address.province),
            ("city", &address.city),
            ("district", &address.district),
            ("street", &address.street),
            ("postal_code", &address.postal_code),
        ];
        for (part, text) in parts {
            fields.text(format_args!("customer.addresses[{at}].{part}"), text, 200);
        }
    }
}

/// Where it comes from (IH-9), and since when they are ours (SG-1.1).
fn check_source(fields: &mut Fields, customer: &Customer, today: Date) {
    fields.optional_enum::<SourceHand>("customer.source_hand", customer.source_hand);
    fields.optional_enum::<Credibility>("customer.source_credibility", customer.source_credibility);
    if let Some(signed) = &customer.signing_date {
        match civil(signed) {
            None => fields.refuse("customer.signing_date", Violation::Date),
            Some(date) => {
                fields.ensure(date <= today, "customer.signing_date", Violation::InFuture)
            }
        }
    }
}

fn check_identity(fields: &mut Fields, customer: &mut Customer, person: bool, today: Date) {
    if !customer.id_card.is_empty() {
        customer.id_card.make_ascii_uppercase();
        match id_card(&customer.id_card) {
            _ if !person => fields.refuse("customer.id_card", Violation::NotApplicable),
            None => fields.refuse("customer.id_card", Violation::IdCard),
            Some(card) if card.birth > today => {
                fields.refuse("customer.id_card", Violation::InFuture)
            }
            Some(card) => {
                let given = customer.birth_date.as_ref().and_then(civil);
                fields.ensure(
                    given.is_none_or(|given| given == card.birth),
                    "customer.birth_date",
                    Violation::Contradiction,
                );
                let given = customer.sex();
                fields.ensure(
                    given == Sex::Unspecified || given == card.sex,
                    "customer.sex",
                    Violation::Contradiction,
                );
            }
        }
    }
    if !customer.credit_code.is_empty() {
        customer.credit_code.make_ascii_uppercase();
        fields.ensure(!person, "customer.credit_code", Violation::NotApplicable);
        fields.ensure(
            is_credit_code(&customer.credit_code),
            "customer.credit_code",
            Violation::CreditCode,
        );
    }
    if !customer.bank_card.is_empty() {
        customer.bank_card.retain(|letter| !letter.is_whitespace());
        fields.ensure(
            is_bank_card(&customer.bank_card),
            "customer.bank_card",
            Violation::BankCard,
        );
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use kefu_contracts::{
        google::r#type as google,
        profile::{Email, Phone},
    };

    use super::*;

    fn violations(mut customer: Customer) -> Vec<(String, Violation)> {
        let mut fields = Fields::new();
        check(
            &mut fields,
            &mut customer,
            Region::parse("CN").unwrap(),
            date(2026, 11, 23),
        );
        fields
            .finish()
            .err()
            .map(|fault| fault.violations)
            .unwrap_or_default()
    }

    fn person() -> Customer {
        Customer {
            r#type: CustomerType::Person as i32,
            display_name: "张三丰".into(),
            ..Default::default()
        }
    }

    /// Clause CF-3.2: what is wrong is told, all of it.
    #[test]
    fn every_fault_of_an_entry_is_told_at_once() {
        let found = violations(Customer {
            r#type: CustomerType::Enterprise as i32,
            display_name: " ".into(),
            sex: 1,
            phones: vec![
                Phone {
                    number: "12".into(),
                    primary: true,
                    ..Default::default()
                };
                2
            ],
            emails: vec![Email {
                address: "x".into(),
                ..Default::default()
            }],
            id_card: "11010519491231002X".into(),
            credit_code: "91350100M000100Y44".into(),
            bank_card: "1".into(),
            business_line: "ab".into(),
            ..Default::default()
        });
        let named: Vec<_> = found
            .iter()
            .map(|(field, what)| (field.as_str(), *what))
            .collect();
        assert_eq!(
            named,
            [
                ("customer.display_name", Violation::Required),
                ("customer.sex", Violation::NotApplicable),
                ("customer.phones.primary", Violation::Duplicate),
                ("customer.phones[0].number", Violation::Phone),
                ("customer.phones[1].number", Violation::Phone),
                ("customer.emails[0].address", Violation::Email),
                ("customer.id_card", Violation::NotApplicable),
                ("customer.credit_code", Violation::CreditCode),
                ("customer.bank_card", Violation::BankCard),
                ("customer.business_line", Violation::Format),
            ]
        );
    }

    /// Clauses SG-1.1, IH-9: since when, and from whom.
    #[test]
    fn a_signing_date_and_a_source_are_of_this_world() {
        let signed = |year, month, day| Customer {
            signing_date: Some(google::Date { year, month, day }),
            source_hand: SourceHand::Second as i32,
            source_credibility: Credibility::High as i32,
            ..person()
        };
        assert_eq!(violations(signed(2026, 11, 23)), []);
        for (customer, field, what) in [
            (signed(2026, 11, 24), "signing_date", Violation::InFuture),
            (signed(2026, 2, 30), "signing_date", Violation::Date),
            (signed(2026, 0, 0), "signing_date", Violation::Date),
            (
                Customer {
                    source_hand: 3,
                    ..person()
                },
                "source_hand",
                Violation::UnknownValue,
            ),
            (
                Customer {
                    source_credibility: 9,
                    ..person()
                },
                "source_credibility",
                Violation::UnknownValue,
            ),
        ] {
            assert_eq!(violations(customer), [(format!("customer.{field}"), what)]);
        }
    }

    /// Clause CF-2.1: nobody's ID card says that they are still to be born.
    #[test]
    fn an_id_card_of_the_future_is_refused() {
        let of = |id_card: &str| {
            violations(Customer {
                id_card: id_card.into(),
                ..person()
            })
        };
        assert_eq!(of("110105202611230015"), []);
        let future = ("customer.id_card".to_owned(), Violation::InFuture);
        assert_eq!(of("110105202701010016"), [future]);
    }

    /// Clause CF-2.1: the birth date agrees with the ID card.
    #[test]
    fn a_birth_date_that_contradicts_the_id_card_is_refused() {
        let birth = |year, month, day| Some(google::Date { year, month, day });
        let with = |birth_date| Customer {
            id_card: "11010519491231002x".into(),
            birth_date,
            ..person()
        };
        assert_eq!(violations(with(birth(1949, 12, 31))), []);
        assert_eq!(violations(with(None)), []);
        let found = violations(with(birth(1949, 12, 30)));
        assert_eq!(
            found,
            [("customer.birth_date".into(), Violation::Contradiction)]
        );
        let found = violations(Customer {
            birth_date: birth(2027, 1, 1),
            ..person()
        });
        assert_eq!(found, [("customer.birth_date".into(), Violation::InFuture)]);
    }

    /// Clause CF-2.1: so does the sex.
    #[test]
    fn a_sex_that_contradicts_the_id_card_is_refused() {
        let with = |sex: Sex| {
            violations(Customer {
                id_card: "11010519491231002X".into(),
                sex: sex.into(),
                ..person()
            })
        };
        assert_eq!(with(Sex::Female), []);
        assert_eq!(with(Sex::Unspecified), []);
        let contradiction = ("customer.sex".into(), Violation::Contradiction);
        assert_eq!(with(Sex::Male), [contradiction]);
    }
}
