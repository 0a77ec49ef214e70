//! A sheet filled in: whether it is whole, and what it comes to, in whole numbers alone.

use std::collections::BTreeSet;

use kefu_contracts::ticket::{
    InspectionSheet, ItemScore, KnockOutAnswer, KnockOutEffect, SheetComment,
};
use kefu_service::{error::Violation, fields::Fields};

use crate::domain::entry::MEDIUM;

/// A whole score: hundredths of a point.
pub(crate) const FULL: i32 = 10_000;

/// What an inspector filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filled {
    pub(crate) scores: Vec<ItemScore>,
    pub(crate) knock_outs: Vec<KnockOutAnswer>,
    pub(crate) comments: Vec<SheetComment>,
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// In hundredths of a point, 0–10,000.
    pub(crate) score: i32,
    pub(crate) passed: bool,
}

/// Notes every fault: each item and each knock-out is judged once, and what is short of the
/// full points, or not passed, is commented on.
pub(crate) fn check(fields: &mut Fields, sheet: &InspectionSheet, filled: &Filled) {
    let mut to_explain = BTreeSet::new();
    let mut judged = BTreeSet::new();
    for (at, one) in filled.scores.iter().enumerate() {
        let place = format!("scores[{at}]");
        let Some(item) = sheet.items.iter().find(|item| item.id == one.item) else {
            fields.refuse(format_args!("{place}.item"), Violation::Unknown);
            continue;
        };
        let once = judged.insert(one.item.as_str());
        fields.ensure(once, format_args!("{place}.item"), Violation::Duplicate);
        let bounds = Violation::OutOfRange(0, item.scale.into());
        let within = (0..=item.scale).contains(&one.points);
        fields.ensure(within, format_args!("{place}.points"), bounds);
        if one.points < item.scale {
            to_explain.insert(one.item.as_str());
        }
    }
    for (at, one) in filled.knock_outs.iter().enumerate() {
        let place = format!("knock_outs[{at}].knock_out");
        let known = sheet
            .knock_outs
            .iter()
            .any(|known| known.id == one.knock_out);
        fields.ensure(known, &place, Violation::Unknown);
        let once = judged.insert(one.knock_out.as_str());
        fields.ensure(once || !known, place, Violation::Duplicate);
        if one.failed && known {
            to_explain.insert(one.knock_out.as_str());
        }
    }
    let items = sheet.items.iter().map(|item| ("scores", &item.id));
    let knock_outs = sheet.knock_outs.iter().map(|one| ("knock_outs", &one.id));
    for (field, id) in items.chain(knock_outs) {
        let there = judged.contains(id.as_str());
        fields.ensure(there, format_args!("{field}.{id}"), Violation::Required);
    }
    let mut explained = BTreeSet::new();
    for (at, one) in filled.comments.iter().enumerate() {
        let place = format!("comments[{at}]");
        let known = judged.contains(one.item.as_str());
        fields.ensure(known, format_args!("{place}.item"), Violation::Unknown);
        let once = explained.insert(one.item.as_str());
        fields.ensure(once, format_args!("{place}.item"), Violation::Duplicate);
        fields.required_text(format_args!("{place}.text"), &one.text, MEDIUM);
    }
    for id in to_explain.difference(&explained) {
        fields.refuse(format_args!("comments.{id}"), Violation::Required);
    }
}

/// What a sheet without faults comes to: the points' shares of their scales by weight, rounded
/// half up, and what the knock-outs make of it.
pub(crate) fn outcome(sheet: &InspectionSheet, filled: &Filled) -> Outcome {
    // All scales go into it, so that nothing is rounded before the end.
    let unit = sheet
        .items
        .iter()
        .fold(1, |unit, item| common(unit, item.scale.into()));
    let shares = sheet.items.iter().map(|item| {
        let given = filled.scores.iter().find(|one| one.item == item.id);
        let points = given.map_or(0, |one| i64::from(one.points));
        i64::from(item.weight) * points * (unit / i64::from(item.scale.max(1)))
    });
    // Weights sum to 100: all points come to 100 units.
    let hundredths = rounded(shares.sum::<i64>() * 100, unit);
    let failed = |effect: KnockOutEffect| {
        sheet.knock_outs.iter().any(|one| {
            let answered = filled.knock_outs.iter();
            let mut failed = answered.filter(|answer| answer.failed);
            one.effect() == effect && failed.any(|answer| answer.knock_out == one.id)
        })
    };
    let score = match failed(KnockOutEffect::Zero) {
        true => 0,
        false => i32::try_from(hundredths).unwrap_or(FULL).clamp(0, FULL),
    };
    let knocked_out = failed(KnockOutEffect::Zero) || failed(KnockOutEffect::Fail);
    Outcome {
        score,
        passed: !knocked_out && score >= sheet.pass_score,
    }
}

/// The nearest whole number, half up; of nothing it is 0.
pub(crate) fn rounded(sum: i64, parts: i64) -> i64 {
    match parts {
        0 => 0,
        parts => (2 * sum + parts).div_euclid(2 * parts),
    }
}

/// The least number that both go into.
fn common(one: i64, other: i64) -> i64 {
    let (mut a, mut b) = (one, other.max(1));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    one / a * other.max(1)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::ticket::{KnockOut, SheetItem};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::inspection::rules::shipped;

    fn item(at: usize, weight: i32, scale: i32) -> SheetItem {
        SheetItem {
            id: format!("item_{at}"),
            weight,
            scale,
            ..SheetItem::default()
        }
    }

    fn filled(sheet: &InspectionSheet, points: &[i32], failed: &[bool]) -> Filled {
        let scores = sheet.items.iter().zip(points);
        let knock_outs = sheet.knock_outs.iter().zip(failed);
        Filled {
            scores: scores
                .map(|(item, points)| ItemScore {
                    item: item.id.clone(),
                    points: *points,
                })
                .collect(),
            knock_outs: knock_outs
                .map(|(one, failed)| KnockOutAnswer {
                    knock_out: one.id.clone(),
                    failed: *failed,
                })
                .collect(),
            comments: Vec::new(),
        }
    }

    /// Obviously right: fractions, one added to the other.
    fn exact(sheet: &InspectionSheet, points: &[i32]) -> (i128, i128) {
        let mut sum = (0_i128, 1_i128);
        for (item, points) in sheet.items.iter().zip(points) {
            let (scale, share) = (i128::from(item.scale), i128::from(item.weight * points));
            sum = (sum.0 * scale + share * sum.1, sum.1 * scale);
            let mut divisor = (sum.0, sum.1);
            while divisor.1 != 0 {
                divisor = (divisor.1, divisor.0 % divisor.1);
            }
            sum = (sum.0 / divisor.0.max(1), sum.1 / divisor.0.max(1));
        }
        sum
    }

    /// Cuts 100 into weights of at least 1 each.
    fn weights(cuts: &[u8]) -> Vec<i32> {
        let cuts: BTreeSet<i32> = cuts.iter().map(|cut| i32::from(*cut) % 99 + 1).collect();
        let ends = cuts.iter().copied().chain([100]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        ends.zip(starts).map(|(end, start)| end - start).collect()
    }

    proptest! {
        /// Clause OP-5: the score is the nearest hundredth to what the fractions come to, half
        /// up; a knock-out leaves nothing of it, or does not let it pass.
        #[test]
        fn a_score_is_what_its_fractions_come_to(
            cuts in proptest::collection::vec(any::<u8>(), 0..12),
            scales in proptest::collection::vec((1..=20_i32, 0..=20_i32), 13),
            failed in proptest::array::uniform2(any::<bool>()),
            pass_score in 0..=FULL,
        ) {
            let weights = weights(&cuts);
            let items = weights.iter().enumerate().map(|(at, weight)| item(at, *weight, scales[at].0));
            let knock_out = |id: &str, effect: KnockOutEffect| KnockOut {
                id: id.into(),
                effect: effect.into(),
                ..KnockOut::default()
            };
            let sheet = InspectionSheet {
                items: items.collect(),
                knock_outs: vec![
                    knock_out("leak", KnockOutEffect::Zero),
                    knock_out("rude", KnockOutEffect::Fail),
                ],
                pass_score,
                ..InspectionSheet::default()
            };
            prop_assert_eq!(sheet.items.iter().map(|one| one.weight).sum::<i32>(), 100);
            let points: Vec<i32> = scales.iter().map(|(scale, points)| *points.min(scale)).collect();
            let (share, whole) = exact(&sheet, &points);
            let plain = outcome(&sheet, &filled(&sheet, &points, &[false, false]));
            let score = i128::from(plain.score);
            // score − ½ ≤ exact < score + ½, in hundredths.
            prop_assert!((2 * score - 1) * whole <= 200 * share && 200 * share < (2 * score + 1) * whole);
            prop_assert_eq!(plain.passed, plain.score >= pass_score);
            let found = outcome(&sheet, &filled(&sheet, &points, &failed));
            let expected = if failed[0] { 0 } else { plain.score };
            prop_assert_eq!(found.score, expected);
            prop_assert_eq!(found.passed, plain.passed && !failed[0] && !failed[1]);
        }
    }

    /// Clause OP-5: the norms of the policy, and a leak leaves nothing of the rest.
    #[test]
    fn the_norms_are_scored_and_a_leak_knocks_out() {
        let sheet = &shipped().sheets[0];
        let all = |failed| outcome(sheet, &filled(sheet, &[5; 5], &[failed]));
        assert_eq!((all(false).score, all(false).passed), (FULL, true));
        assert_eq!((all(true).score, all(true).passed), (0, false));
        let half = outcome(sheet, &filled(sheet, &[3, 3, 4, 5, 5], &[false]));
        assert_eq!((half.score, half.passed), (8_000, true));
        let less = outcome(sheet, &filled(sheet, &[3, 3, 4, 5, 4], &[false]));
        assert_eq!((less.score, less.passed), (7_600, false));
    }

    /// Clause OP-5: every item is scored, with a comment where it falls short.
    #[test]
    fn every_fault_of_a_sheet_is_told_at_once() {
        let sheet = &shipped().sheets[0];
        let mut wrong = filled(sheet, &[6, 4, 5, 5], &[true]);
        wrong.scores.push(wrong.scores[1].clone());
        wrong.scores.push(ItemScore::default());
        wrong.comments = vec![SheetComment {
            item: "elsewhere".into(),
            text: String::new(),
        }];
        let mut fields = Fields::new();
        check(&mut fields, sheet, &wrong);
        let found = fields.finish().unwrap_err().violations;
        let found: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            found,
            [
                "scores[0].points",
                "scores[4].item",
                "scores[5].item",
                "scores.no_passing_the_buck",
                "comments[0].item",
                "comments[0].text",
                "comments.clarity",
                "comments.no_leak",
            ]
        );
        let mut right = filled(sheet, &[5, 4, 5, 5, 5], &[false]);
        right.comments = vec![SheetComment {
            item: "clarity".into(),
            text: "解释不够清楚".into(),
        }];
        let mut fields = Fields::new();
        check(&mut fields, sheet, &right);
        assert!(fields.finish().is_ok());
    }
}
