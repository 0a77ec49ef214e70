//! The share form: which files, which data, for whom, for how long (CF-6.2).

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{ClassSet, access::ShareMode, policy::Purpose};
use uuid::Uuid;

use super::{
    approval::{Case, Refusal, State, case::Terms},
    selection::Selection,
};

/// Collection of shares in resource names.
pub const SHARES: &str = "shares";
/// Kind of these requests in `approvals.toml`.
pub const KIND: &str = "share";
/// Most files of one share: the context of a call carries them all.
pub const MOST_CUSTOMERS: usize = 500;
/// Most people of one share.
pub const MOST_RECEIVERS: usize = 50;
/// Longest way ahead that a share may reach.
pub const FURTHEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A share: what the form says beside its terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The one purpose it is for.
    pub purpose: Purpose,
    /// Why, for the approvers.
    pub justification: String,
    /// How the files are shared.
    pub mode: ShareMode,
    /// What was asked for; what is left of it is the case's.
    pub requested: ShareTerms,
    /// First moment at which the companion no longer agrees to accompany.
    pub accompanied_until: Option<Timestamp>,
}

/// What is asked for. Lists are in order and name each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareTerms {
    /// The files; of a selection only once it is approved.
    pub customers: Vec<Uuid>,
    /// The files by rule.
    pub selection: Option<Selection>,
    /// Which data of them.
    pub classes: ClassSet,
    /// Who receives it.
    pub receivers: Vec<Uuid>,
    /// Not before; absent: from activation.
    pub not_before: Option<Timestamp>,
    /// Not after, whenever it is activated.
    pub until: Timestamp,
    /// How long from activation; absent: until `until`.
    pub duration: Option<SignedDuration>,
    /// Who accompanies every look (CF-9.1).
    pub companion: Option<Uuid>,
}

impl ShareTerms {
    /// Fields in which this asks for more than the other, by their names in the contract.
    pub fn wider_fields(&self, other: &Self) -> Vec<&'static str> {
        let all_in = |these: &[Uuid], those: &[Uuid]| these.iter().all(|one| those.contains(one));
        let sooner = other
            .not_before
            .is_some_and(|start| self.not_before < Some(start));
        let longer = other
            .duration
            .is_some_and(|most| self.duration.is_none_or(|own| own > most));
        let (listed, selected) = match (&self.selection, &other.selection) {
            (Some(own), Some(wider)) => (false, !own.is_within(wider)),
            // Whether files are among those of a rule nobody knows before it is frozen.
            (None, Some(_)) => (true, false),
            (Some(_), None) => (false, true),
            (None, None) => (!all_in(&self.customers, &other.customers), false),
        };
        let fields = [
            ("customers", listed),
            ("selection", selected),
            ("classes", !self.classes.without(other.classes).is_empty()),
            ("receivers", !all_in(&self.receivers, &other.receivers)),
            ("start_time", sooner),
            ("end_time", self.until > other.until),
            ("duration", longer),
            (
                "companion",
                other.companion.is_some() && self.companion != other.companion,
            ),
        ];
        let wider = fields.into_iter().filter(|(_, wider)| *wider);
        wider.map(|(field, _)| field).collect()
    }
}

impl Terms for ShareTerms {
    fn is_within(&self, wider: &Self) -> bool {
        self.wider_fields(wider).is_empty()
    }

    fn beneficiaries(&self) -> &[Uuid] {
        &self.receivers
    }

    fn over_at(&self) -> Timestamp {
        self.until
    }

    fn period(&self, activated_at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let start = self
            .not_before
            .map_or(activated_at, |earliest| earliest.max(activated_at));
        let whole = self
            .duration
            .and_then(|duration| start.saturating_add(duration).ok());
        let end = whole.map_or(self.until, |whole| whole.min(self.until));
        (start < end).then_some((start, end))
    }
}

impl ShareTerms {
    /// Puts the files that the rule has selected, for good (CF-6.2).
    ///
    /// # Errors
    /// Why not; the terms are then as they were.
    pub fn freeze(&mut self, mut selected: Vec<Uuid>) -> Result<(), Unfit> {
        let most = self.selection.as_ref().map_or(0, |rule| rule.most);
        if selected.is_empty() {
            return Err(Unfit::Nothing);
        }
        if selected.len() > most {
            return Err(Unfit::TooMany(most));
        }
        selected.sort_unstable();
        self.customers = selected;
        Ok(())
    }
}

/// Why files that a rule selects are not shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It selects none.
    Nothing,
    /// It selects more than was asked for, which is at most this many.
    TooMany(usize),
}

impl Share {
    /// The companion agrees to accompany until a moment, or no longer (CF-9.1).
    ///
    /// # Errors
    /// Why they may not; the share is then as it was.
    pub fn accompany(
        &mut self,
        case: &Case<ShareTerms>,
        actor: Uuid,
        until: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        if !matches!(
            case.state,
            State::Approved | State::Scheduled | State::Active
        ) {
            return Err(Refusal::State(case.state));
        }
        if case.terms.companion != Some(actor) {
            return Err(Refusal::NotTheCompanion);
        }
        self.accompanied_until = until.map(|until| until.min(case.terms.until));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::policy::DataClass;
    use proptest::{prelude::*, sample::subsequence};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ids(numbers: Vec<u128>) -> Vec<Uuid> {
        numbers.into_iter().map(Uuid::from_u128).collect()
    }

    /// Two comparisons, each of which holds for some of four files.
    const RULES: [(&str, &[u128]); 2] = [("a = 1", &[1, 2, 3]), ("b = 1", &[2, 3, 4])];

    fn any_selection() -> impl Strategy<Value = Option<Selection>> {
        let comparisons = subsequence(RULES.map(|(text, _)| text.to_owned()).to_vec(), 1..=2);
        let rule = (comparisons, 1..=4_usize);
        prop::option::of(rule.prop_map(|(comparisons, most)| Selection {
            comparisons,
            most,
            saved: None,
        }))
    }

    fn selected(rule: &Selection) -> Vec<Uuid> {
        let holds = |file: &u128, text| {
            let mut rules = RULES.iter();
            rules.any(|(rule, files)| *rule == text && files.contains(file))
        };
        let fits = |file: &u128| rule.comparisons.iter().all(|text| holds(file, text));
        ids((1..=4).filter(fits).collect())
    }

    fn any_terms() -> impl Strategy<Value = ShareTerms> {
        let classes = vec![DataClass::Basic, DataClass::Contact, DataClass::Purchase];
        (
            subsequence(vec![1, 2, 3], 1..=3),
            subsequence(classes, 1..=3),
            subsequence(vec![11, 12], 1..=2),
            prop::option::of(0..10_i64),
            1..12_i64,
            prop::option::of(1..12_i64),
            prop::option::of(21..23_u128),
            any_selection(),
        )
            .prop_map(
                |(files, classes, people, start, until, duration, companion, selection)| {
                    ShareTerms {
                        customers: ids(if selection.is_some() {
                            Vec::new()
                        } else {
                            files
                        }),
                        selection,
                        classes: classes.into_iter().collect(),
                        receivers: ids(people),
                        not_before: start.map(at),
                        until: at(until),
                        duration: duration.map(SignedDuration::from_secs),
                        companion: companion.map(Uuid::from_u128),
                    }
                },
            )
    }

    /// Who could see which class of which file at which second, and alone or with whom.
    fn reach(terms: &ShareTerms, activated: i64) -> Vec<(Uuid, DataClass, Uuid, i64)> {
        let mut all = Vec::new();
        let Some((start, end)) = terms.period(at(activated)) else {
            return all;
        };
        let selected = terms.selection.as_ref().map(selected);
        for file in selected.as_ref().unwrap_or(&terms.customers) {
            for class in terms.classes.iter() {
                for person in &terms.receivers {
                    let seconds =
                        (0..20).filter(|second| start <= at(*second) && at(*second) < end);
                    all.extend(seconds.map(|second| (*file, class, *person, second)));
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Clause CF-6.2: whoever narrows gives nobody anything that the wider form could
        /// not have given them, and for no longer at a time.
        #[test]
        fn narrower_terms_reach_no_further(one in any_terms(), other in any_terms(), activated in 0..12_i64) {
            prop_assert!(one.is_within(&one));
            if one.is_within(&other) {
                let possible: Vec<_> = (activated..20).flat_map(|at| reach(&other, at)).collect();
                let all = reach(&one, activated);
                prop_assert!(all.iter().all(|seen| possible.contains(seen)));
                let seconds = |terms| {
                    let reached = reach(terms, activated);
                    reached.iter().map(|seen| seen.3).collect::<std::collections::HashSet<_>>().len()
                };
                let most = (activated..20).map(|at| {
                    let period = other.period(super::tests::at(at));
                    period.map_or(0, |(start, end)| (end.as_second() - start.as_second()) as usize)
                });
                prop_assert!(seconds(&one) <= most.max().unwrap_or(0));
                prop_assert!(other.companion.is_none() || one.companion == other.companion);
                if let (Some(rule), Some(wider)) = (&one.selection, &other.selection) {
                    let mut frozen = one.clone();
                    if frozen.freeze(selected(rule)).is_ok() {
                        prop_assert!((1..=wider.most).contains(&frozen.customers.len()));
                    }
                }
            }
        }

        #[test]
        fn to_be_within_is_an_order(a in any_terms(), b in any_terms(), c in any_terms()) {
            if a.is_within(&b) && b.is_within(&c) {
                prop_assert!(a.is_within(&c));
            }
            if a.is_within(&b) && b.is_within(&a) {
                prop_assert_eq!(a, b);
            }
        }
    }
}
