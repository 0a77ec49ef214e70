//! Records gone through in the order of their list, the texts of each looked at, and never more of them than are
//! allowed for: quick where what is looked for is frequent, or records are few.

use sqlx::{Postgres, QueryBuilder};

use super::{After, Order, RecordSpec};
use crate::{call::Call, filter::Filter};

impl RecordSpec {
    /// How many records there are within the scope and the rest of the filter, up to `most`; where they are so
    /// many, also how many of the first `looked` have all the words, and how many have those of each comparison.
    pub(crate) fn glance(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        (looked, most): (usize, usize),
    ) -> QueryBuilder<Postgres> {
        let has: Vec<String> = (0..filter.texts_count())
            .map(|index| format!("has_{index}"))
            .collect();
        let each = has
            .iter()
            .map(|has| format!("count(*) FILTER (WHERE {has})"));
        let each = each.collect::<Vec<_>>().join(", ");
        let mut query = QueryBuilder::new("WITH w AS MATERIALIZED (");
        self.write_window(call, filter, order, None, most, &mut query);
        query.push(format_args!(
            ") SELECT (SELECT count(*) FROM w), count(*) FILTER (WHERE {}), ARRAY[{each}] FROM (SELECT ",
            has.join(" AND "),
        ));
        filter.write_each_look("g.id", &mut query);
        // Each is looked for once, however often it is counted.
        query.push(format_args!(
            " FROM (SELECT id FROM w LIMIT {looked}) g
             WHERE (SELECT count(*) FROM w) = {most} OFFSET 0) g"
        ));
        query
    }

    /// Keys of those among the first `most` that have the words.
    pub(crate) fn matching_among(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        most: usize,
    ) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT w.id");
        self.write_among(call, filter, order, None, most, &mut query);
        query
    }

    /// Counts those among the first `most` that have the words, up to one more than the filter's limit.
    pub(crate) fn count_among(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        most: usize,
    ) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT 1");
        self.write_among(call, filter, order, None, most, &mut query);
        let limit = filter.count_limit() + 1;
        query.push(format_args!(" LIMIT {limit}) AS counted"));
        query
    }

    /// A page as [`page`](Self::page) gives it, of what the next `most` records after the place have.
    pub(crate) fn page_among(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        after: Option<After>,
        (size, most): (usize, usize),
    ) -> QueryBuilder<Postgres> {
        let mut query = self.shown(call);
        query.push(format_args!("{} IN (SELECT w.id", self.id));
        self.write_among(call, filter, order, after, most, &mut query);
        let at = Order {
            column: "w.at",
            ..order
        };
        query.push(format_args!("{} LIMIT {})", at.by("", "w.id"), size + 1));
        query.push(order.by("", self.id));
        query
    }

    /// ` FROM … w WHERE …`: those among the next `most` that have the words.
    fn write_among(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        after: Option<After>,
        most: usize,
        query: &mut QueryBuilder<Postgres>,
    ) {
        query.push(" FROM (");
        self.write_window(call, filter, order, after, most, query);
        query.push(") w WHERE true");
        filter.write_texts(Some("w.id"), query);
    }

    fn write_window(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        after: Option<After>,
        most: usize,
        query: &mut QueryBuilder<Postgres>,
    ) {
        query.push(format_args!(
            "SELECT {} AS id, {} AS at FROM {} WHERE ",
            self.id, order.column, self.from
        ));
        self.write_near(call, query);
        self.write_reach(call, query);
        filter.write_but_texts(call, &self.scope, query);
        self.write_after(order, after, query);
        query.push(format_args!("{} LIMIT {most}", order.by("", self.id)));
    }
}
