//! Rules as they are entered and kept, and as they are applied.

use kefu_contracts::profile::{RatingDefinition, Tier, TierFigures, TierRule};
use kefu_service::{error::Violation, fields::Fields};

use super::{
    Rules,
    credit::CreditRules,
    tier::{Step, TierRules},
};

/// Longest name of a service or strategy, in characters.
const MOST_TEXT: usize = 200;
const MOST_DAYS: i64 = 3650;
const TIERS: [Tier; 4] = [Tier::Normal, Tier::Silver, Tier::Gold, Tier::Diamond];

impl Rules {
    /// Reads a definition; everything that is wrong is noted.
    pub(crate) fn read(
        fields: &mut Fields,
        definition: &RatingDefinition,
        version: u32,
    ) -> Option<Self> {
        let currency = &definition.currency;
        let is_code = currency.len() == 3 && currency.bytes().all(|one| one.is_ascii_uppercase());
        fields.ensure(is_code, "definition.currency", Violation::Format);
        let mut number = |name: &str, value: i64, least: i64, most: i64| {
            let fits = (least..=most).contains(&value);
            let field = format!("definition.{name}");
            fields.ensure(fits, field, Violation::OutOfRange(least, most));
            u16::try_from(value).unwrap_or_default()
        };
        let window_days = number("window_days", definition.window_days.into(), 1, MOST_DAYS);
        let established_days = number(
            "established_days",
            definition.established_days.into(),
            1,
            MOST_DAYS,
        );
        let payments_days = number(
            "payments_days",
            definition.payments_days.into(),
            1,
            MOST_DAYS,
        );
        let breach_days = number("breach_days", definition.breach_days.into(), 0, MOST_DAYS);
        let favourable_needed = number(
            "favourable_needed",
            definition.favourable_needed.into(),
            1,
            5,
        );
        let standard = definition.payments >= 1;
        fields.ensure(
            standard,
            "definition.payments",
            Violation::OutOfRange(1, i64::MAX),
        );
        let steps = tiers(fields, &definition.tiers);
        let strategies = texts(
            fields,
            "definition.strategies",
            definition.strategies.iter().map(String::as_str).collect(),
        );
        let services = texts(
            fields,
            "definition.tiers.service",
            definition
                .tiers
                .iter()
                .map(|one| one.service.as_str())
                .collect(),
        );
        let [_, silver, gold, diamond] = steps?;
        Some(Self {
            version,
            currency: currency.clone(),
            tier: TierRules {
                window_days,
                silver,
                gold,
                diamond,
                services: services?,
            },
            credit: CreditRules {
                established_days,
                payments_days,
                payments: definition.payments,
                breach_days,
                favourable_needed: favourable_needed.into(),
                strategies: strategies?,
            },
        })
    }

    /// As they are kept.
    pub(crate) fn definition(&self) -> RatingDefinition {
        let steps = [
            Step::NOTHING,
            self.tier.silver,
            self.tier.gold,
            self.tier.diamond,
        ];
        let tiers = TIERS.iter().zip(steps).zip(&self.tier.services);
        RatingDefinition {
            currency: self.currency.clone(),
            window_days: self.tier.window_days.into(),
            tiers: tiers
                .map(|((tier, step), service)| TierRule {
                    tier: (*tier).into(),
                    asked: Some(step.figures()),
                    service: service.clone(),
                    contact_count: saturated(step.contacts),
                })
                .collect(),
            established_days: self.credit.established_days.into(),
            payments_days: self.credit.payments_days.into(),
            payments: self.credit.payments,
            breach_days: self.credit.breach_days.into(),
            favourable_needed: i32::try_from(self.credit.favourable_needed).unwrap_or(i32::MAX),
            strategies: self.credit.strategies.to_vec(),
        }
    }
}

impl Step {
    /// As the contracts say it.
    pub(crate) fn figures(self) -> TierFigures {
        TierFigures {
            amount: self.amount,
            order_count: saturated(self.orders),
            loyalty_days: saturated(self.loyalty_days),
        }
    }

    fn of(rule: &TierRule) -> Self {
        let figures = rule.asked.unwrap_or_default();
        Self {
            amount: figures.amount,
            orders: figures.order_count.into(),
            loyalty_days: figures.loyalty_days.into(),
            contacts: rule.contact_count.into(),
        }
    }
}

/// As far as the contracts can say it.
pub(crate) fn saturated(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn tiers(fields: &mut Fields, rules: &[TierRule]) -> Option<[Step; 4]> {
    let named: Vec<Tier> = rules.iter().map(TierRule::tier).collect();
    if named != TIERS {
        fields.refuse("definition.tiers", Violation::Format);
        return None;
    }
    let mut before = Step::NOTHING;
    let steps = rules.iter().enumerate().map(|(place, rule)| {
        let step = Step::of(rule);
        let asks_nothing = step == Step::NOTHING;
        let rises = step.reaches(before) && (place > 0) != asks_nothing;
        let field = format!("definition.tiers[{place}].asked");
        fields.ensure(rises, field, Violation::Contradiction);
        before = step;
        step
    });
    steps.collect::<Vec<_>>().try_into().ok()
}

fn texts<const N: usize>(
    fields: &mut Fields,
    field: &str,
    texts: Vec<&str>,
) -> Option<[String; N]> {
    for text in &texts {
        fields.required_text(field, text, MOST_TEXT);
    }
    let owned: Vec<String> = texts.into_iter().map(str::to_owned).collect();
    let all = owned.try_into().ok();
    fields.ensure(all.is_some(), field, Violation::Format);
    all
}

#[cfg(test)]
mod tests {
    use super::{super::shipped, *};

    #[test]
    fn rules_are_read_as_they_are_kept() {
        let definition = shipped().definition();
        let mut fields = Fields::new();
        let read = Rules::read(&mut fields, &definition, 7).unwrap();
        fields.finish().unwrap();
        assert_eq!(read.definition(), definition);
        assert_eq!(read.version, 7);
    }

    #[test]
    fn everything_wrong_with_rules_is_told_at_once() {
        let mut definition = shipped().definition();
        definition.currency = "yuan".into();
        definition.window_days = 0;
        definition.favourable_needed = 6;
        definition.payments = 0;
        definition.tiers[2].asked = definition.tiers[0].asked;
        definition.strategies.pop();
        let mut fields = Fields::new();
        Rules::read(&mut fields, &definition, 1);
        let violations = fields.finish().unwrap_err().violations;
        let told: Vec<&str> = violations.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            told,
            [
                "definition.currency",
                "definition.window_days",
                "definition.favourable_needed",
                "definition.payments",
                "definition.tiers[2].asked",
                "definition.strategies"
            ]
        );
    }
}
