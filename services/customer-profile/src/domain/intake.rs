//! How files come in (CF-3.1, CF-3.2): the channels, what each asks for and within what
//! time, kept as data.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::profile::{Customer, CustomerType, IntakeChannel};
use kefu_service::{error::Violation, fields::Fields};
use serde::{Deserialize, Serialize};

use super::change;

/// What each channel asks for; `intake.toml` unless the configuration says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeRules {
    /// An agent who dealt with the customer.
    pub reception: ChannelRule,
    /// Sales.
    pub sales: ChannelRule,
    /// Market research.
    pub research: ChannelRule,
    /// The customer, through a company system.
    pub self_service: ChannelRule,
}

/// What one channel asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRule {
    /// From the contact until the file has to be complete.
    pub entry_hours: u16,
    /// Fields that a person's file has to have.
    pub person: Vec<String>,
    /// Fields that an enterprise's file has to have.
    pub enterprise: Vec<String>,
}

/// What is entered: a file, or a draft for somebody to make one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entering {
    File,
    Draft,
}

impl Default for IntakeRules {
    fn default() -> Self {
        toml::from_str(include_str!("../../intake.toml")).expect("a test reads intake.toml")
    }
}

impl IntakeRules {
    /// The first field that no file has, or a limit that nobody can keep.
    pub(crate) fn problem(&self) -> Option<String> {
        let rules = [
            &self.reception,
            &self.sales,
            &self.research,
            &self.self_service,
        ];
        rules.into_iter().find_map(|rule| {
            if rule.entry_hours == 0 {
                return Some("entry_hours must be at least 1".to_owned());
            }
            let mut fields = rule.person.iter().chain(&rule.enterprise);
            fields
                .find(|field| !change::is_data(field))
                .map(|field| format!("{field} is no field of a file"))
        })
    }

    /// Until when a file that came in by this channel has to be complete; `None`: at once.
    pub(crate) fn due(&self, channel: IntakeChannel, contact: Timestamp) -> Option<Timestamp> {
        let hours = self.rule(channel)?.entry_hours;
        contact
            .checked_add(SignedDuration::from_hours(hours.into()))
            .ok()
    }

    /// Notes what the channel asks for and the file does not have.
    pub(crate) fn check(&self, fields: &mut Fields, customer: &Customer) {
        let Some(rule) = self.rule(customer.intake_channel()) else {
            return;
        };
        let asked = match customer.r#type() {
            CustomerType::Enterprise => &rule.enterprise,
            _ => &rule.person,
        };
        // That there is no name is told by every check of a file.
        for field in asked.iter().filter(|field| *field != "display_name") {
            fields.ensure(
                change::is_set(customer, field),
                format_args!("customer.{field}"),
                Violation::Required,
            );
        }
    }

    fn rule(&self, channel: IntakeChannel) -> Option<&ChannelRule> {
        match channel {
            IntakeChannel::Reception => Some(&self.reception),
            IntakeChannel::Sales => Some(&self.sales),
            IntakeChannel::Research => Some(&self.research),
            IntakeChannel::SelfService => Some(&self.self_service),
            IntakeChannel::Transfer | IntakeChannel::Unspecified => None,
        }
    }
}

/// The channel by which this comes in: people enter files by reception, company systems
/// transfer them or hand in what customers wrote; one that does not fit is noted.
pub(crate) fn channel(
    fields: &mut Fields,
    given: i32,
    entering: Entering,
    by_system: bool,
) -> IntakeChannel {
    let field = "customer.intake_channel";
    let usual = if by_system {
        IntakeChannel::Transfer
    } else {
        IntakeChannel::Reception
    };
    let Some(given) = fields.optional_enum::<IntakeChannel>(field, given) else {
        return usual;
    };
    let fits = match (entering, given) {
        (Entering::File, IntakeChannel::Unspecified) => return usual,
        (Entering::File, given) => given == usual,
        (Entering::Draft, IntakeChannel::Unspecified) => {
            fields.refuse(field, Violation::Required);
            return given;
        }
        (Entering::Draft, IntakeChannel::SelfService) => by_system,
        (Entering::Draft, given) => {
            matches!(given, IntakeChannel::Sales | IntakeChannel::Research) && !by_system
        }
    };
    fields.ensure(fits, field, Violation::NotApplicable);
    given
}

#[cfg(test)]
mod tests {
    use kefu_contracts::profile::Phone;

    use super::*;

    fn missing(rules: &IntakeRules, customer: &Customer) -> Vec<String> {
        let mut fields = Fields::new();
        rules.check(&mut fields, customer);
        let violations = fields.finish().err().map(|fault| fault.violations);
        violations
            .unwrap_or_default()
            .into_iter()
            .map(|(field, _)| field)
            .collect()
    }

    /// Clause CF-3.2: what has to be there depends on channel and type.
    #[test]
    fn each_channel_asks_for_its_own_fields() {
        let rules = IntakeRules::default();
        assert_eq!(rules.problem(), None);
        let of = |channel: IntakeChannel, kind: CustomerType| Customer {
            intake_channel: channel as i32,
            r#type: kind as i32,
            ..Default::default()
        };
        use {CustomerType::*, IntakeChannel::*};
        assert_eq!(missing(&rules, &of(Reception, Person)), ["customer.phones"]);
        assert_eq!(
            missing(&rules, &of(Sales, Enterprise)),
            [
                "customer.phones",
                "customer.credit_code",
                "customer.purchase_preferences"
            ]
        );
        assert_eq!(missing(&rules, &of(Transfer, Person)), [""; 0]);
        let whole = Customer {
            phones: vec![Phone::default()],
            region: "华东".into(),
            ..of(Research, Person)
        };
        assert_eq!(missing(&rules, &whole), [""; 0]);
    }

    /// Clause CF-3.2: the time limit runs from the contact.
    #[test]
    fn a_file_is_due_so_long_after_the_contact() {
        let rules = IntakeRules::default();
        let contact: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        for (channel, due) in [
            (IntakeChannel::Reception, Some("2026-03-03T08:00:00Z")),
            (IntakeChannel::SelfService, Some("2026-03-04T08:00:00Z")),
            (IntakeChannel::Sales, Some("2026-03-05T08:00:00Z")),
            (IntakeChannel::Research, Some("2026-03-09T08:00:00Z")),
            (IntakeChannel::Transfer, None),
        ] {
            let due = due.map(|due| due.parse().unwrap());
            assert_eq!(rules.due(channel, contact), due, "{channel:?}");
        }
    }

    /// Clause CF-3.1: who enters what by which way.
    #[test]
    fn a_channel_fits_what_is_entered_and_by_whom() {
        use {Entering::*, IntakeChannel::*};
        let all = [
            Unspecified,
            Reception,
            Sales,
            Research,
            SelfService,
            Transfer,
        ];
        for (entering, by_system, fit) in [
            (File, false, &[Unspecified, Reception][..]),
            (File, true, &[Unspecified, Transfer]),
            (Draft, false, &[Sales, Research]),
            (Draft, true, &[SelfService]),
        ] {
            for given in all {
                let mut fields = Fields::new();
                let taken = channel(&mut fields, given as i32, entering, by_system);
                assert_eq!(
                    fields.is_clean(),
                    fit.contains(&given),
                    "{entering:?} {given:?}"
                );
                assert!(taken != Unspecified || !fields.is_clean());
            }
        }
    }

    #[test]
    fn rules_that_nobody_can_keep_are_refused() {
        let mut rules = IntakeRules::default();
        rules.sales.person.push("tier".into());
        assert_eq!(rules.problem().unwrap(), "tier is no field of a file");
        let mut rules = IntakeRules::default();
        rules.research.entry_hours = 0;
        assert!(rules.problem().is_some());
    }
}
