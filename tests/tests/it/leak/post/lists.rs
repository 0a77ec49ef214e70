//! Lists: pages, counts, orders and filters against what the oracle lets be seen.

use kefu_access::Clearance;
use kefu_contracts::{policy::DataClass, ticket::TicketState};
use prost_reflect::{DynamicMessage, Value};
use tonic::Code;

use super::{Door, Post};
use crate::leak::{
    calls::{record_of, request, string},
    offers::{self, Offer},
    oracle::Known,
    schema::{self, number, text},
};

/// The list of what is still to be done.
fn of_work(door: &Door<'_>) -> bool {
    door.method.path.ends_with("/ListQueuedTickets")
}

fn is_unsolved(known: &Known) -> bool {
    let state = number(&known.whole, "state");
    state < TicketState::Resolved as i64
}

impl Post<'_> {
    /// All pages, filters and orders hold exactly what is visible.
    pub(super) async fn list(&self, door: &Door<'_>, offer: &Offer) {
        let kind = offer.record.full_name();
        let visible: Vec<(&Known, Clearance)> = self
            .known(kind)
            .filter(|one| !of_work(door) || is_unsolved(one))
            .filter_map(|one| Some((one, door.clearance(one, self.leak.now)?)))
            .collect();
        let all: Vec<&Known> = visible.iter().map(|(one, _)| *one).collect();
        if self.is_repeated(door) {
            let seen = self.pages(door, &[], 200).await;
            return self.check_list(door, "everything", seen, &all);
        }
        for size in [1, 2, 200] {
            let seen = self.pages(door, &[], size).await;
            self.check_list(door, "everything", seen, &all);
        }
        for order in &offer.orders {
            let seen = self.pages(door, &[("order_by", string(order))], 200).await;
            self.check_order(door, order, &seen);
            self.check_list(door, order, seen, &all);
        }
        for term in &offer.terms {
            let class = self.leak.schema.policy(&term.field).0;
            let matching = visible.iter().filter(|(one, clearance)| {
                (class == DataClass::System || clearance.classes.contains(class))
                    && offers::found_by(term, one)
            });
            let matching: Vec<&Known> = matching.map(|(one, _)| *one).collect();
            // What is found by words is also gone through.
            let size = if term.operator == ":" { 2 } else { 200 };
            let filter = [("filter", string(&term.written))];
            let seen = self.pages(door, &filter, size).await;
            self.check_list(door, &term.written, seen, &matching);
        }
        for filter in offers::forbidden(&self.leak.schema, &offer.record, offer, &self.leak.known) {
            let asked = request(&door.descriptor.input(), &[("filter", string(&filter))]);
            let answer = self.send(door, asked).await;
            if answer.code() != Code::InvalidArgument {
                self.find(
                    door,
                    format_args!("{filter} is no filter, the answer is {:?}", answer.code()),
                );
            }
        }
    }

    /// Follows every page; the names with the total of each.
    pub(super) async fn pages(
        &self,
        door: &Door<'_>,
        with: &[(&str, Value)],
        size: i32,
    ) -> Vec<(DynamicMessage, i64)> {
        let mut seen = Vec::new();
        let mut token = String::new();
        for _ in 0..100 {
            let mut asked = request(&door.descriptor.input(), with);
            asked.set_field_by_name("page_size", Value::I32(size));
            asked.set_field_by_name("page_token", string(&token));
            let answer = self.send(door, asked).await;
            let Some(page) = answer.messages(&door.descriptor.output()).pop() else {
                self.find(
                    door,
                    format_args!("no page for {with:?}: {:?}", answer.code()),
                );
                return seen;
            };
            let total = number(&page, "total_size");
            let mut records = Vec::new();
            schema::records_in(&page, &mut records);
            // Reports have none in them.
            let of_records = record_of(&door.descriptor.output()).is_some();
            if of_records && records.is_empty() && total != 0 {
                self.find(door, format_args!("an empty page of {total} for {with:?}"));
            }
            seen.extend(records.into_iter().map(|one| (one, total)));
            token = text(&page, "next_page_token");
            if token.is_empty() {
                return seen;
            }
        }
        self.find(door, "pages without end");
        seen
    }

    fn check_list(
        &self,
        door: &Door<'_>,
        what: &str,
        seen: Vec<(DynamicMessage, i64)>,
        expected: &[&Known],
    ) {
        let total = expected.len() as i64;
        if let Some((_, told)) = seen.iter().find(|(_, told)| *told != total) {
            self.find(
                door,
                format_args!("{what}: counts {told}, the oracle {total}"),
            );
        }
        let mut names: Vec<String> = seen.iter().map(|(one, _)| text(one, "name")).collect();
        names.sort();
        let mut right: Vec<String> = expected.iter().map(|one| one.name.clone()).collect();
        right.sort();
        if names != right {
            self.find(
                door,
                format_args!("{what}: shows {names:?}, the oracle says {right:?}"),
            );
        }
    }

    fn check_order(&self, door: &Door<'_>, order: &str, seen: &[(DynamicMessage, i64)]) {
        let (field, descending) = order
            .split_once(' ')
            .map_or((order, false), |(field, _)| (field, true));
        let mut times: Vec<_> = seen
            .iter()
            .map(|(one, _)| schema::time(one, field))
            .collect();
        if descending {
            times.reverse();
        }
        if !times.is_sorted() {
            self.find(door, format_args!("not in the order of {order}"));
        }
    }
}
