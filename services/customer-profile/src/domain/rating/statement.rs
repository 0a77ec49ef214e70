//! What people say about a customer's rating: conditions that no figure tells (IH-8.2), and
//! tiers and credits that are others than the rules say, until a moment (CF-2.4).

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    policy::DataClass,
    profile::{CreditClass, CreditCondition, RatingStatement, Tier},
};
use kefu_service::{error::Violation, fields::Fields, time};
use uuid::Uuid;

use super::{
    Rules,
    credit::{Condition, Credit, Finding},
};

const MOST_TEXT: usize = 500;
const MOST_EVIDENCE: usize = 200;
/// Longest time for which a tier or credit is another than the rules say.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Condition(Condition),
    Tier(Tier),
    Credit(Credit),
}

/// What is said, and for when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) said: Said,
    pub(crate) from: Timestamp,
    /// First moment at which it no longer holds.
    pub(crate) until: Option<Timestamp>,
}

impl Said {
    /// As it is kept.
    pub(crate) fn numbers(self) -> (i16, i16) {
        match self {
            Self::Condition(condition) => (1, condition.number()),
            Self::Tier(tier) => (2, tier as i16),
            Self::Credit(credit) => (3, credit.class() as i16),
        }
    }

    /// As it was kept.
    pub(crate) fn of(kind: i16, value: i16) -> Option<Self> {
        match kind {
            1 => Condition::of(value).map(Self::Condition),
            2 => Tier::try_from(i32::from(value)).ok().map(Self::Tier),
            3 => {
                let class = CreditClass::try_from(i32::from(value)).ok()?;
                Credit::of(class).map(Self::Credit)
            }
            _ => None,
        }
    }

    /// What its being said tells of the customer.
    pub(crate) fn class(self) -> DataClass {
        match self {
            Self::Tier(_) => DataClass::Relation,
            Self::Condition(_) | Self::Credit(_) => DataClass::Financial,
        }
    }

    /// Puts it into a message.
    pub(crate) fn tell(self, message: &mut RatingStatement) {
        match self {
            Self::Condition(condition) => message.condition = condition.number().into(),
            Self::Tier(tier) => message.tier = tier.into(),
            Self::Credit(credit) => message.credit = credit.class().into(),
        }
    }
}

impl Statement {
    /// Reads one, with whom it is about; everything that is wrong is noted.
    pub(crate) fn read(
        fields: &mut Fields,
        message: &RatingStatement,
        now: Timestamp,
    ) -> Option<(Uuid, Self)> {
        let customer = fields.name("statement.customer", &message.customer, "customers");
        let said = said(fields, message);
        let overrides = said.is_some_and(|said| !matches!(said, Said::Condition(_)));
        let from = match &message.start_time {
            None => Some(now),
            Some(_) if overrides => {
                fields.refuse("statement.start_time", Violation::NotApplicable);
                None
            }
            start => fields.past("statement.start_time", start.as_ref(), now),
        };
        let until = message.end_time.as_ref().and_then(time::from_proto);
        let field = "statement.end_time";
        match (from, until) {
            (_, None) if overrides => fields.refuse(field, Violation::Required),
            (Some(from), Some(until)) if until <= from => {
                fields.refuse(field, Violation::Contradiction);
            }
            (Some(from), Some(until)) if overrides => {
                let longest = from.saturating_add(LONGEST).unwrap_or(from);
                let fits = until <= longest;
                fields.ensure(fits, field, Violation::OutOfRange(1, 366));
            }
            _ => {}
        }
        check_texts(fields, message, said);
        let (said, from) = said.zip(from)?;
        Some((customer?, Self { said, from, until }))
    }

    /// Whether it holds then.
    pub(crate) fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// Exactly one of what can be said.
fn said(fields: &mut Fields, message: &RatingStatement) -> Option<Said> {
    let condition: Option<CreditCondition> =
        fields.optional_enum("statement.condition", message.condition);
    let tier: Option<Tier> = fields.optional_enum("statement.tier", message.tier);
    let credit: Option<CreditClass> = fields.optional_enum("statement.credit", message.credit);
    let condition = condition.and_then(|one| Condition::of(one as i16));
    let by_figures = condition.is_some_and(Condition::is_told_by_figures);
    fields.ensure(!by_figures, "statement.condition", Violation::NotApplicable);
    let said = [
        condition.map(Said::Condition),
        tier.filter(|tier| *tier != Tier::Unspecified)
            .map(Said::Tier),
        credit.and_then(Credit::of).map(Said::Credit),
    ];
    let mut said = said.into_iter().flatten();
    let (first, second) = (said.next(), said.next());
    fields.ensure(first.is_some(), "statement", Violation::Required);
    fields.ensure(second.is_none(), "statement", Violation::Contradiction);
    first
}

/// Each kind has words of its own class.
fn check_texts(fields: &mut Fields, message: &RatingStatement, said: Option<Said>) {
    let of_tier = matches!(said, Some(Said::Tier(_)));
    for (field, text, most, asked) in [
        ("statement.reason", &message.reason, MOST_TEXT, of_tier),
        ("statement.finding", &message.finding, MOST_TEXT, !of_tier),
        (
            "statement.evidence",
            &message.evidence,
            MOST_EVIDENCE,
            !of_tier,
        ),
    ] {
        if asked {
            fields.required_text(field, text, most);
        } else {
            fields.ensure(text.is_empty(), field, Violation::NotApplicable);
        }
    }
}

/// Conditions, as the rules look at them.
pub(crate) fn findings(statements: &[Statement]) -> Vec<Finding> {
    let found = statements.iter().filter_map(|one| match one.said {
        Said::Condition(condition) => Some(Finding {
            condition,
            from: one.from,
            until: one.until,
        }),
        _ => None,
    });
    found.collect()
}

/// The tier that counts instead of what the rules say, of statements in the order in which
/// they were recorded.
pub(crate) fn tier_at(statements: &[Statement], at: Timestamp) -> Option<Tier> {
    let standing = statements.iter().rev().filter(|one| one.holds(at));
    let mut tiers = standing.filter_map(|one| match one.said {
        Said::Tier(tier) => Some(tier),
        _ => None,
    });
    tiers.next()
}

/// The same of the credit.
pub(crate) fn credit_at(statements: &[Statement], at: Timestamp) -> Option<Credit> {
    let standing = statements.iter().rev().filter(|one| one.holds(at));
    let mut credits = standing.filter_map(|one| match one.said {
        Said::Credit(credit) => Some(credit),
        _ => None,
    });
    credits.next()
}

impl Rules {
    /// When what was said next makes a difference, after this moment.
    pub(crate) fn next_moment(
        &self,
        statements: &[Statement],
        after: Timestamp,
    ) -> Option<Timestamp> {
        let counts_on = SignedDuration::from_hours(24 * i64::from(self.credit.breach_days));
        let moments = statements.iter().flat_map(|one| {
            let breach = one.said == Said::Condition(Condition::Breach);
            let until = one.until.filter(|_| breach);
            let forgotten = until.and_then(|until| until.saturating_add(counts_on).ok());
            [Some(one.from), one.until, forgotten]
        });
        moments.flatten().filter(|at| *at > after).min()
    }
}

#[cfg(test)]
mod tests {
    use kefu_service::time::to_proto;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn hours(hours: i64) -> Timestamp {
        NOW + SignedDuration::from_hours(hours)
    }

    fn tier() -> RatingStatement {
        RatingStatement {
            customer: "customers/0190c5a8-0000-7000-8000-0000000000ab".into(),
            tier: Tier::Gold.into(),
            end_time: Some(to_proto(hours(24))),
            reason: "战略合作".into(),
            ..RatingStatement::default()
        }
    }

    fn breach() -> RatingStatement {
        RatingStatement {
            tier: 0,
            end_time: None,
            reason: String::new(),
            condition: CreditCondition::Breach.into(),
            start_time: Some(to_proto(hours(-48))),
            finding: "货款逾期".into(),
            evidence: "合同 17".into(),
            ..tier()
        }
    }

    fn wrong(message: &RatingStatement) -> Vec<String> {
        let mut fields = Fields::new();
        Statement::read(&mut fields, message, NOW);
        let violations = fields.finish().err().map(|fault| fault.violations);
        let fields = violations.unwrap_or_default().into_iter();
        fields.map(|(field, _)| field).collect()
    }

    #[test]
    fn what_can_be_said_is_read() {
        let mut fields = Fields::new();
        let (_, read) = Statement::read(&mut fields, &tier(), NOW).unwrap();
        assert_eq!(read.said, Said::Tier(Tier::Gold));
        assert_eq!((read.from, read.until), (NOW, Some(hours(24))));
        let (_, read) = Statement::read(&mut fields, &breach(), NOW).unwrap();
        assert_eq!(read.said, Said::Condition(Condition::Breach));
        assert_eq!((read.from, read.until), (hours(-48), None));
        assert!(fields.is_clean());
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        let nothing = RatingStatement::default();
        let asked = ["customer", "", "finding", "evidence"];
        let named = |field: &&str| match *field {
            "" => "statement".to_owned(),
            field => format!("statement.{field}"),
        };
        assert_eq!(wrong(&nothing), asked.iter().map(named).collect::<Vec<_>>());
        let both = RatingStatement {
            credit: CreditClass::A.into(),
            ..breach()
        };
        assert_eq!(wrong(&both), ["statement"]);
        let by_figures = RatingStatement {
            condition: CreditCondition::Established.into(),
            ..breach()
        };
        assert_eq!(wrong(&by_figures), ["statement.condition"]);
        let for_ever = RatingStatement {
            end_time: None,
            ..tier()
        };
        assert_eq!(wrong(&for_ever), ["statement.end_time"]);
        for end in [0, 366 * 24 + 1] {
            let odd = RatingStatement {
                end_time: Some(to_proto(hours(end))),
                ..tier()
            };
            assert_eq!(wrong(&odd), ["statement.end_time"], "{end}");
        }
        let before = RatingStatement {
            start_time: Some(to_proto(hours(-1))),
            finding: "x".into(),
            ..tier()
        };
        assert_eq!(
            wrong(&before),
            ["statement.start_time", "statement.finding"]
        );
    }

    /// Clause CF-2.4: until its moment, exactly; and what was said last counts.
    #[test]
    fn a_tier_that_was_said_holds_until_its_moment() {
        let of = |tier, until| Statement {
            said: Said::Tier(tier),
            from: NOW,
            until: Some(hours(until)),
        };
        let said = [of(Tier::Gold, 48), of(Tier::Diamond, 24)];
        assert_eq!(tier_at(&said, hours(0)), Some(Tier::Diamond));
        assert_eq!(tier_at(&said, hours(24)), Some(Tier::Gold));
        assert_eq!(tier_at(&said, hours(48)), None);
        assert_eq!(tier_at(&said, hours(-1)), None);
        assert_eq!(credit_at(&said, hours(0)), None);
        let rules = super::super::shipped();
        assert_eq!(rules.next_moment(&said, NOW), Some(hours(24)));
        assert_eq!(rules.next_moment(&said, hours(24)), Some(hours(48)));
        assert_eq!(rules.next_moment(&said, hours(48)), None);
    }

    /// Clause IH-8.2: a breach counts on after its end, and somebody looks when it no longer does.
    #[test]
    fn a_breach_is_looked_at_when_it_is_forgotten() {
        let rules = super::super::shipped();
        let breach = [Statement {
            said: Said::Condition(Condition::Breach),
            from: NOW,
            until: Some(hours(1)),
        }];
        let forgotten = hours(1 + 24 * i64::from(rules.credit.breach_days));
        assert_eq!(rules.next_moment(&breach, hours(1)), Some(forgotten));
        let before = forgotten - SignedDuration::from_secs(1);
        let at = |at| rules.rate_credit(&[], &findings(&breach), at).credit;
        assert_eq!((at(before), at(forgotten)), (Credit::C, Credit::B));
    }

    #[test]
    fn what_was_said_is_kept_as_numbers() {
        for said in [
            Said::Condition(Condition::AccountsAtRisk),
            Said::Tier(Tier::Diamond),
            Said::Credit(Credit::C),
        ] {
            let (kind, value) = said.numbers();
            assert_eq!(Said::of(kind, value), Some(said));
        }
        assert_eq!(Said::of(1, 15), None);
        assert_eq!(Said::of(4, 1), None);
    }
}
