//! Whether a case is covered: the term of the rule of its kind and of the goods' category, from
//! delivery on (IH-6).

use jiff::{Span, Timestamp, tz::TimeZone};
use kefu_contracts::order::{
    AfterSalesDefinition, CaseKind, CaseLine, Cover, CoverFinding, CoverGround, CoverRule,
};
use kefu_service::time::to_proto;

/// What is known of the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    At(Timestamp),
    /// Of an order: it is still on its way.
    Outstanding,
    /// Nobody said when the customer got them.
    Unknown,
}

/// What the rules say of each line, in order.
pub(crate) fn findings(
    rules: &AfterSalesDefinition,
    kind: CaseKind,
    lines: &[CaseLine],
    delivery: Delivery,
    now: Timestamp,
) -> Vec<CoverFinding> {
    let lines = lines.iter().enumerate();
    let finding = |(at, line): (usize, &CaseLine)| CoverFinding {
        line: i32::try_from(at + 1).unwrap_or(i32::MAX),
        ..of_line(rule(rules, kind, &line.category), kind, delivery, now)
    };
    lines.map(finding).collect()
}

/// The least favourable of them; of none: nothing is promised.
pub(crate) fn least(findings: &[CoverFinding]) -> Cover {
    let covers = findings.iter().map(CoverFinding::cover);
    covers
        .max_by_key(|cover| *cover as i32)
        .unwrap_or(Cover::Refused)
}

/// The rule of the category, or the one for all that have none.
fn rule<'r>(
    rules: &'r AfterSalesDefinition,
    kind: CaseKind,
    category: &str,
) -> Option<&'r CoverRule> {
    let of = |category: &str| {
        let mut rules = rules.covers.iter();
        rules.find(|rule| rule.kind() == kind && rule.category == category)
    };
    of(category).or_else(|| of(""))
}

fn of_line(
    rule: Option<&CoverRule>,
    kind: CaseKind,
    delivery: Delivery,
    now: Timestamp,
) -> CoverFinding {
    let said = |cover: Cover, ground: CoverGround| CoverFinding {
        cover: cover.into(),
        ground: ground.into(),
        ..CoverFinding::default()
    };
    let Some(rule) = rule else {
        return said(uncovered(serves(kind)), CoverGround::NoRule);
    };
    if rule.months == 0 && rule.days == 0 {
        return said(Cover::Covered, CoverGround::Always);
    }
    let delivered = match delivery {
        Delivery::At(at) => at,
        // Of what never came the money is asked back; nothing else can be done about it.
        Delivery::Outstanding if kind == CaseKind::Refund => {
            return said(Cover::Covered, CoverGround::NotDelivered);
        }
        Delivery::Outstanding => return said(Cover::Refused, CoverGround::NotDelivered),
        Delivery::Unknown => {
            let cover = uncovered(rule.chargeable_after);
            return said(cover, CoverGround::DeliveryUnknown);
        }
    };
    let until = until(rule, delivered);
    let (cover, ground) = match until {
        Some(until) if now >= until => (uncovered(rule.chargeable_after), CoverGround::AfterTerm),
        _ => (Cover::Covered, CoverGround::WithinTerm),
    };
    CoverFinding {
        until_time: until.map(to_proto),
        ..said(cover, ground)
    }
}

/// When the term ends, by the calendar; `None`: beyond all that can be told.
fn until(rule: &CoverRule, delivered: Timestamp) -> Option<Timestamp> {
    let term = Span::new().months(rule.months).days(rule.days);
    let end = delivered.to_zoned(TimeZone::UTC).checked_add(term);
    end.ok().map(|end| end.timestamp())
}

fn uncovered(chargeable: bool) -> Cover {
    match chargeable {
        true => Cover::Chargeable,
        false => Cover::Refused,
    }
}

/// Whether it is a service, which can be paid for.
fn serves(kind: CaseKind) -> bool {
    matches!(
        kind,
        CaseKind::Guidance | CaseKind::Repair | CaseKind::Maintenance | CaseKind::Installation
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rules() -> AfterSalesDefinition {
        let rule = |kind: CaseKind, category: &str, months, days, chargeable_after| CoverRule {
            kind: kind.into(),
            category: category.into(),
            months,
            days,
            chargeable_after,
        };
        AfterSalesDefinition {
            covers: vec![
                rule(CaseKind::Repair, "", 12, 0, true),
                rule(CaseKind::Repair, "phones", 24, 0, false),
                rule(CaseKind::Return, "", 0, 7, false),
                rule(CaseKind::Refund, "", 0, 7, false),
                rule(CaseKind::Guidance, "", 0, 0, true),
            ],
            ..AfterSalesDefinition::default()
        }
    }

    fn check(
        kind: CaseKind,
        category: &str,
        delivery: Delivery,
        now: &str,
    ) -> (Cover, CoverGround) {
        let line = CaseLine {
            category: category.into(),
            ..CaseLine::default()
        };
        let found = findings(&rules(), kind, &[line], delivery, at(now));
        assert_eq!(found.len(), 1);
        (found[0].cover(), found[0].ground())
    }

    /// Clause IH-6: months are the calendar's, and the moment the term ends is no longer in it.
    #[test]
    fn a_term_goes_by_the_calendar_and_by_category() {
        let got = Delivery::At(at("2024-02-29T08:00:00Z"));
        let repair = |category, now| check(CaseKind::Repair, category, got, now);
        let within = (Cover::Covered, CoverGround::WithinTerm);
        assert_eq!(repair("", "2025-02-28T07:59:59Z"), within);
        let after = (Cover::Chargeable, CoverGround::AfterTerm);
        assert_eq!(repair("", "2025-02-28T08:00:00Z"), after);
        assert_eq!(repair("phones", "2026-02-28T07:59:59Z"), within);
        let refused = (Cover::Refused, CoverGround::AfterTerm);
        assert_eq!(repair("phones", "2026-03-01T00:00:00Z"), refused);
    }

    /// Clause IH-6.
    #[test]
    fn what_has_not_come_and_what_has_no_rule_says_so() {
        let now = "2025-01-01T00:00:00Z";
        let table = [
            (
                CaseKind::Return,
                Delivery::Outstanding,
                Cover::Refused,
                CoverGround::NotDelivered,
            ),
            (
                CaseKind::Refund,
                Delivery::Outstanding,
                Cover::Covered,
                CoverGround::NotDelivered,
            ),
            (
                CaseKind::Return,
                Delivery::Unknown,
                Cover::Refused,
                CoverGround::DeliveryUnknown,
            ),
            (
                CaseKind::Repair,
                Delivery::Unknown,
                Cover::Chargeable,
                CoverGround::DeliveryUnknown,
            ),
            (
                CaseKind::Exchange,
                Delivery::Unknown,
                Cover::Refused,
                CoverGround::NoRule,
            ),
            (
                CaseKind::Maintenance,
                Delivery::Unknown,
                Cover::Chargeable,
                CoverGround::NoRule,
            ),
            (
                CaseKind::Guidance,
                Delivery::Unknown,
                Cover::Covered,
                CoverGround::Always,
            ),
        ];
        for (kind, delivery, cover, ground) in table {
            assert_eq!(check(kind, "", delivery, now), (cover, ground), "{kind:?}");
        }
    }

    #[test]
    fn the_least_favourable_line_tells_of_the_case() {
        let of = |covers: &[Cover]| {
            let finding = |cover: &Cover| CoverFinding {
                cover: (*cover).into(),
                ..CoverFinding::default()
            };
            least(&covers.iter().map(finding).collect::<Vec<_>>())
        };
        assert_eq!(of(&[Cover::Covered, Cover::Chargeable]), Cover::Chargeable);
        assert_eq!(of(&[Cover::Refused, Cover::Covered]), Cover::Refused);
        assert_eq!(of(&[]), Cover::Refused);
    }

    proptest! {
        /// What is covered at a moment was covered at every moment before it.
        #[test]
        fn cover_never_comes_back(seconds in prop::collection::vec(0..200_000_000_i64, 2)) {
            let got = Delivery::At(at("2020-01-31T00:00:00Z"));
            let (mut early, mut late) = (seconds[0], seconds[1]);
            if early > late {
                std::mem::swap(&mut early, &mut late);
            }
            let cover = |second: i64| {
                let now = at("2020-01-31T00:00:00Z") + jiff::SignedDuration::from_secs(second);
                check(CaseKind::Repair, "", got, &now.to_string()).0 as i32
            };
            prop_assert!(cover(early) <= cover(late));
        }
    }
}
