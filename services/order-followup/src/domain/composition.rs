//! What an order comes to by the company's product categories, for figures (IH-8.1). What stands in
//! a line is the customer's purchase and may say anything; what is told is of the company's list.

use std::{collections::BTreeMap, sync::Arc};

use kefu_contracts::{journal::CategoryTotal, order::OrderLine};

use super::money::{amount, line_total};

/// Most categories of the list.
const MOST: usize = 500;
/// Longest of them.
const LONGEST: usize = 60;

/// The company's list of product categories.
#[derive(Debug, Clone)]
pub(crate) struct Categories(Arc<BTreeMap<String, String>>);

impl Categories {
    /// Each as it is told; lines name it in whatever case.
    pub(crate) fn new(listed: &[String]) -> Self {
        let listed = listed.iter().map(|one| (folded(one), one.clone()));
        Self(Arc::new(listed.collect()))
    }

    /// What is wrong with a list.
    pub(crate) fn problem(listed: &[String]) -> Option<String> {
        let bad = listed.iter().find(|one| {
            let length = one.chars().count();
            one.trim() != one.as_str() || !(1..=LONGEST).contains(&length)
        });
        if let Some(bad) = bad {
            return Some(format!(
                "{bad:?} is not of 1 to {LONGEST} characters without spaces around them"
            ));
        }
        let named = Self::new(listed).0.len();
        (named != listed.len() || named > MOST)
            .then(|| format!("must be up to {MOST}, each once in whatever case"))
    }

    /// What the lines come to, by category, those of no category first; nothing where that is more than an
    /// amount can say.
    pub(crate) fn totals(&self, lines: &[OrderLine], currency: &str) -> Vec<CategoryTotal> {
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for line in lines {
            let named = self.0.get(&folded(&line.category));
            let sum = sums.entry(named.map_or("", String::as_str)).or_default();
            let Some(more) = line_total(line, currency).and_then(|total| sum.checked_add(total))
            else {
                return Vec::new();
            };
            *sum = more;
        }
        let totals = sums.into_iter().map(|(category, sum)| {
            Some(CategoryTotal {
                category: category.to_owned(),
                total: Some(amount(sum, currency)?),
            })
        });
        totals.collect::<Option<_>>().unwrap_or_default()
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use kefu_contracts::google::r#type::Money;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::money::{nanos, total};

    fn line(category: &str, units: i64, nanos: i32, discount: i64) -> OrderLine {
        let money = |units, nanos| Money {
            currency_code: "CNY".into(),
            units,
            nanos,
        };
        OrderLine {
            category: category.into(),
            quantity: 1,
            unit_price: Some(money(units, nanos)),
            discount: Some(money(discount, 0)),
            ..OrderLine::default()
        }
    }

    fn listed() -> Vec<String> {
        ["手机", "Laptop"].map(str::to_owned).to_vec()
    }

    /// Clause IH-8.1: lines are told by the list, in its words; all others together.
    #[test]
    fn lines_are_told_by_the_list() {
        let lines = [
            line(" laptop ", 5, 0, 0),
            line("给张三的手机", 7, 0, 0),
            line("手机", 9, 500_000_000, 2),
            line("LAPTOP", 1, 0, 0),
        ];
        let told = Categories::new(&listed()).totals(&lines, "CNY");
        let told: Vec<_> = told
            .iter()
            .map(|one| {
                (
                    one.category.as_str(),
                    one.total.as_ref().and_then(|total| nanos(total, "CNY")),
                )
            })
            .collect();
        let unit = 1_000_000_000;
        assert_eq!(
            told,
            [
                ("", Some(7 * unit)),
                ("Laptop", Some(6 * unit)),
                ("手机", Some(7 * unit + unit / 2))
            ]
        );
    }

    #[test]
    fn a_list_names_each_once() {
        assert_eq!(Categories::problem(&listed()), None);
        for bad in ["", " a", "laptop"] {
            let with = [listed(), vec![bad.to_owned()]].concat();
            assert!(Categories::problem(&with).is_some(), "{bad:?}");
        }
    }

    proptest! {
        /// Clauses IH-8.1, CF-6.1: together they are what the order comes to, and nothing is said that is not on the list.
        #[test]
        fn categories_together_are_the_order(
            lines in prop::collection::vec(
                (prop::sample::select(vec!["手机", "laptop", "x", ""]), 0..1000_i64, 0..1_000_000_000_i32, 0..50_i64),
                0..6,
            )
        ) {
            let lines: Vec<_> = lines.into_iter().map(|(category, units, nanos, off)| line(category, units, nanos, off)).collect();
            let told = Categories::new(&listed()).totals(&lines, "CNY");
            let known = listed();
            prop_assert!(told.iter().all(|one| one.category.is_empty() || known.contains(&one.category)));
            let sum: i128 = told.iter().filter_map(|one| nanos(one.total.as_ref()?, "CNY")).sum();
            if let Some(total) = total(&lines, "CNY") {
                prop_assert_eq!(Some(sum), nanos(&total, "CNY"));
            }
        }
    }
}
