//! What customers often ask, and why they complain: words of what was written, counted (SG-8).

mod stop;
pub(crate) mod terms;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use uuid::Uuid;

/// What was written of a ticket, as it is counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) ticket: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) category: String,
    /// Each once, however often it was written.
    pub(crate) terms: BTreeSet<String>,
}

/// A word that many have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Theme {
    pub(crate) term: String,
    /// In the order in which they were given.
    pub(crate) tickets: Vec<Uuid>,
    pub(crate) customers: usize,
    /// Tickets of the period before.
    pub(crate) before: usize,
    /// In a larger part of the tickets than before.
    pub(crate) rising: bool,
    /// Most tickets first.
    pub(crate) categories: Vec<(String, usize)>,
}

/// The words that at least so many different customers have, the most rising first: by how many
/// standard errors their part of the tickets is larger than before. Of those alike what more
/// tickets have, then by the word.
pub(crate) fn themes(now: &[Told], before: &[Told], least_customers: usize) -> Vec<Theme> {
    let mut places: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for told in now {
        for term in &told.terms {
            places.entry(term).or_default().push(told);
        }
    }
    let mut earlier: BTreeMap<&str, usize> = BTreeMap::new();
    for term in before.iter().flat_map(|told| &told.terms) {
        *earlier.entry(term).or_default() += 1;
    }
    let mut found = Vec::new();
    for (term, told) in places {
        let customers: BTreeSet<Uuid> = told.iter().map(|one| one.customer).collect();
        if customers.len() < least_customers {
            continue;
        }
        let earlier = earlier.get(term).copied().unwrap_or_default();
        let growth = growth((told.len(), now.len()), (earlier, before.len()));
        let theme = Theme {
            term: term.to_owned(),
            customers: customers.len(),
            before: earlier,
            rising: growth > 0.0,
            categories: categories(&told),
            tickets: told.iter().map(|one| one.ticket).collect(),
        };
        found.push((growth, theme));
    }
    found.sort_by(|(growth, one), (other_growth, other)| {
        let by_growth = other_growth.total_cmp(growth);
        let by_count = Reverse(one.tickets.len()).cmp(&Reverse(other.tickets.len()));
        by_growth.then(by_count).then(one.term.cmp(&other.term))
    });
    found.into_iter().map(|(_, theme)| theme).collect()
}

fn categories(told: &[&Told]) -> Vec<(String, usize)> {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for one in told {
        *counted.entry(&one.category).or_default() += 1;
    }
    let mut categories: Vec<_> = counted
        .into_iter()
        .map(|(category, count)| (category.to_owned(), count))
        .collect();
    categories.sort_by_key(|(_, count)| Reverse(*count));
    categories
}

/// By how many standard errors a part is larger than before; none where neither can be told.
fn growth(now: (usize, usize), before: (usize, usize)) -> f64 {
    let part = |(some, all): (usize, usize)| float(some) / float(all.max(1));
    let both = part((now.0 + before.0, now.1 + before.1));
    let apart = 1.0 / float(now.1.max(1)) + 1.0 / float(before.1.max(1));
    let error = (both * (1.0 - both) * apart).sqrt();
    match error > 0.0 {
        true => (part(now) - part(before)) / error,
        false => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands of tickets")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(ticket: usize, customer: u8, terms: &[u8]) -> Told {
        Told {
            ticket: Uuid::from_u128(ticket as u128),
            customer: Uuid::from_u128(customer.into()),
            category: format!("category{}", customer % 3),
            terms: terms.iter().map(|term| format!("词{term}")).collect(),
        }
    }

    fn period() -> impl Strategy<Value = Vec<Told>> {
        let one = (0..12_u8, prop::collection::vec(0..6_u8, 0..4));
        prop::collection::vec(one, 0..40).prop_map(|all| {
            let all = all.into_iter().enumerate();
            all.map(|(at, (customer, terms))| told(at, customer, &terms))
                .collect()
        })
    }

    proptest! {
        /// Clause SG-8: what is told is what counting each word by itself gives, of words alone that
        /// enough different customers have.
        #[test]
        fn themes_are_what_counting_word_by_word_gives(now in period(), before in period(), least in 5..8_usize) {
            let found = themes(&now, &before, least);
            for term in (0..6).map(|term| format!("词{term}")) {
                let has = |told: &&Told| told.terms.contains(&term);
                let tickets: Vec<Uuid> = now.iter().filter(has).map(|told| told.ticket).collect();
                let customers: BTreeSet<Uuid> = now.iter().filter(has).map(|told| told.customer).collect();
                let theme = found.iter().find(|theme| theme.term == term);
                prop_assert_eq!(theme.is_some(), customers.len() >= least);
                let Some(theme) = theme else { continue };
                prop_assert_eq!(&theme.tickets, &tickets);
                prop_assert_eq!(theme.customers, customers.len());
                let earlier = before.iter().filter(has).count();
                prop_assert_eq!(theme.before, earlier);
                prop_assert_eq!(theme.rising, tickets.len() * before.len().max(1) > earlier * now.len()
                    && tickets.len() + earlier < now.len() + before.len());
                let sum: usize = theme.categories.iter().map(|(_, count)| count).sum();
                prop_assert_eq!(sum, tickets.len());
                prop_assert!(theme.categories.windows(2).all(|two| two[0].1 >= two[1].1));
            }
            let rising: Vec<bool> = found.iter().map(|theme| theme.rising).collect();
            prop_assert!(rising.windows(2).all(|two| two[0] >= two[1]), "rising first");
        }
    }

    /// Clause SG-8: what rises most stands first.
    #[test]
    fn what_rises_most_stands_first() {
        let now: Vec<Told> = (0..20_u8)
            .map(|at| {
                let terms: &[u8] = if at < 10 { &[1, 2] } else { &[2] };
                told(at.into(), at, terms)
            })
            .collect();
        let before: Vec<Told> = (0..20_u8).map(|at| told(at.into(), at, &[2, 3])).collect();
        let found = themes(&now, &before, 5);
        let terms: Vec<_> = found.iter().map(|theme| theme.term.as_str()).collect();
        assert_eq!(terms, ["词1", "词2"]);
        assert_eq!((found[0].before, found[0].rising), (0, true));
        assert_eq!((found[1].before, found[1].rising), (20, false));
    }
}
