//! Tier (CF-2.4) and credit (IH-8.2) by rules kept as data.

pub(crate) mod credit;
mod definition;
pub(crate) mod statement;
pub(crate) mod tier;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

pub(crate) use definition::saturated;

/// One version of the rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// Named by whatever rests on it.
    pub version: u32,
    /// The currency that amounts are in.
    pub currency: String,
    /// Rules of the tier.
    pub tier: tier::TierRules,
    /// Rules of the credit rating.
    pub credit: credit::CreditRules,
}

/// An order that stands.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    /// ISO 4217.
    pub currency: String,
    /// In hundredths.
    pub amount: i64,
    /// When it was placed.
    pub placed_at: Timestamp,
}

/// What a customer did that tiers and credit rest on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    /// Orders that stand.
    pub purchases: Vec<Purchase>,
    /// When the customer turned to us, a moment a ticket.
    pub contacts: Vec<Timestamp>,
}

impl Past {
    /// Whether there is nothing that time could move out of a window.
    pub(crate) fn is_empty(&self) -> bool {
        self.purchases.is_empty() && self.contacts.is_empty()
    }
}

impl Rules {
    /// What was bought in the rules' currency up to `at`.
    fn bought<'a>(
        &self,
        purchases: &'a [Purchase],
        at: Timestamp,
    ) -> impl Iterator<Item = &'a Purchase> + Clone {
        let currency = self.currency.clone();
        purchases
            .iter()
            .filter(move |one| one.currency == currency && one.placed_at <= at)
    }
}

/// Whether `moment` lies within the `days` that end at `at`; the far end is out.
fn within(moment: Timestamp, at: Timestamp, days: u16) -> bool {
    at.duration_since(moment) < SignedDuration::from_hours(i64::from(days) * 24)
}

/// Whole days from the first purchase to `at`.
fn loyalty_days<'a>(bought: impl Iterator<Item = &'a Purchase>, at: Timestamp) -> i64 {
    bought
        .map(|one| one.placed_at)
        .min()
        .map_or(0, |first| at.duration_since(first).as_hours() / 24)
}

fn total<'a>(bought: impl Iterator<Item = &'a Purchase>) -> i64 {
    bought.fold(0, |sum, one| sum.saturating_add(one.amount))
}

/// The rules that come with the suite.
pub(crate) fn shipped() -> Rules {
    toml::from_str(include_str!("../../../rating_rules.toml"))
        .expect("a test reads rating_rules.toml")
}
