//! Whom the customer wants us to talk to (CF-2.4).

use kefu_contracts::profile::ContactPerson;
use kefu_service::{error::Violation, fields::Fields};

use super::{
    contact::{Region, normal_email, normal_phone},
    entry::MOST_CONTACTS,
};

/// Checks contact persons and brings them to the form in which they are kept.
pub(super) fn check_people(fields: &mut Fields, people: &mut [ContactPerson], region: Region) {
    let list = "customer.contact_persons";
    fields.ensure(
        people.len() <= MOST_CONTACTS,
        list,
        Violation::TooMany(MOST_CONTACTS),
    );
    fields.ensure(
        people.iter().filter(|one| one.primary).count() <= 1,
        format_args!("{list}.primary"),
        Violation::Duplicate,
    );
    for (at, person) in people.iter_mut().enumerate() {
        person.name = person.name.trim().to_owned();
        fields.required_text(format_args!("{list}[{at}].name"), &person.name, 120);
        fields.text(format_args!("{list}[{at}].title"), &person.title, 120);
        if !person.phone.is_empty() {
            match normal_phone(region, &person.phone) {
                Some(number) => person.phone = number,
                None => fields.refuse(format_args!("{list}[{at}].phone"), Violation::Phone),
            }
        }
        if !person.email.is_empty() {
            match normal_email(&person.email) {
                Some(address) => person.email = address,
                None => fields.refuse(format_args!("{list}[{at}].email"), Violation::Email),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause CF-2.4.
    #[test]
    fn contact_persons_can_be_reached_as_they_say() {
        let mut people = [
            ContactPerson {
                name: " 赵敏 ".into(),
                title: "采购经理".into(),
                phone: "138 1234 5678".into(),
                email: "min@Example.COM".into(),
                primary: true,
            },
            ContactPerson {
                name: "周芷若".into(),
                ..Default::default()
            },
        ];
        let mut fields = Fields::new();
        check_people(&mut fields, &mut people, Region::china());
        fields.finish().unwrap();
        assert_eq!(people[0].name, "赵敏");
        assert_eq!(people[0].phone, "+8613812345678");
        assert_eq!(people[0].email, "min@example.com");

        let mut wrong = vec![
            ContactPerson {
                phone: "12".into(),
                email: "x".into(),
                primary: true,
                ..Default::default()
            };
            21
        ];
        let mut fields = Fields::new();
        check_people(&mut fields, &mut wrong, Region::china());
        let found = fields.finish().unwrap_err().violations;
        let named: Vec<_> = found
            .iter()
            .take(5)
            .map(|(field, what)| (field.trim_start_matches("customer.contact_persons"), *what))
            .collect();
        assert_eq!(
            named,
            [
                ("", Violation::TooMany(20)),
                (".primary", Violation::Duplicate),
                ("[0].name", Violation::Required),
                ("[0].phone", Violation::Phone),
                ("[0].email", Violation::Email),
            ]
        );
    }
}
