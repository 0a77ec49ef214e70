//! Records in SQL: one place writes the scope of a call into every statement
//! that looks for records, so that get, list and count cannot disagree
//! (promise 2).

mod walk;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{
    ClassSet, Scope, ScopeColumns, SqlSink, write_matched, write_scope, write_scope_for_class,
};
use kefu_contracts::{common::TotalKind, policy::DataClass};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{
    call::Call,
    filter::{Filter, FilterField},
};

/// Most records counted exactly; beyond, a total is a lower bound.
pub const COUNT_LIMIT: i64 = 5_000;

/// The same where words or sealed values are looked for: what is counted is then read row by
/// row.
pub const WORDS_COUNT_LIMIT: i64 = 1_000;

/// How few records are found by those they belong to, without going through all others.
pub struct Near {
    /// `SELECT id FROM ticket WHERE owner_id`
    pub owner: &'static str,
    /// `SELECT ticket_id FROM duty WHERE ended_at IS NULL AND subject_id`
    pub duty: &'static str,
}

/// How a kind of record lies in the database.
pub struct RecordSpec {
    /// What is selected: `t.id, t.state`; the matched rules follow as `matched`.
    pub columns: &'static str,
    /// Where from: `ticket.ticket t JOIN …`.
    pub from: &'static str,
    /// What every record has to be: `t.state IN (1, 2)`. Empty: nothing.
    pub only: &'static str,
    /// What is joined to `from` to be shown, and neither selects nor orders: left out where
    /// records are only looked for, or counted.
    pub joins: &'static str,
    /// Its key: `t.id`.
    pub id: &'static str,
    /// What its scope looks at.
    pub scope: ScopeColumns,
    /// What the scope looks at in a second record that this one is about as well: both have to
    /// be within it. The rules that let the second through follow as `also_matched`.
    pub also: Option<ScopeColumns>,
    /// Who a record is hidden from, whatever their scope: `CASE WHEN … THEN a.employee_id END`,
    /// whom it is about until they are to know. `None`: nobody.
    pub hidden_from: Option<&'static str>,
    /// Column with the number of the class that a record's being there tells of, where
    /// records differ in that: each is there only where its class is cleared.
    pub class: Option<&'static str>,
    /// Where who has few is led to them; `None`: all records are gone through. The customer
    /// that the scope looks at has to be the record itself.
    pub near: Option<Near>,
    /// What it can be filtered by.
    pub fields: &'static [FilterField],
}

/// One order of a list: by a time, then by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// `t.received_at`
    pub column: &'static str,
    /// Latest first.
    pub descending: bool,
}

/// Where a page begins: after this record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Its value in the order's column.
    pub at: Timestamp,
    /// Its key.
    pub id: Uuid,
}

impl RecordSpec {
    /// With nothing that most kinds of records do without.
    pub const PLAIN: Self = Self {
        columns: "",
        from: "",
        only: "",
        joins: "",
        id: "",
        scope: ScopeColumns {
            department: None,
            owner: None,
            customer: None,
            duty: None,
            consent: None,
        },
        also: None,
        hidden_from: None,
        class: None,
        near: None,
        fields: &[],
    };

    /// The record with this key, if the call's scope reaches it.
    pub fn get(&self, call: &Call, id: Uuid) -> QueryBuilder<Postgres> {
        let mut query = self.select(call);
        query.push(" AND ").push(self.id).push(" = ").push_bind(id);
        query
    }

    /// Records within the scope; the caller adds conditions with ` AND `.
    pub fn select(&self, call: &Call) -> QueryBuilder<Postgres> {
        let mut query = self.shown(call);
        self.write_reach(call, &mut query);
        query
    }

    /// Records as they are shown, up to ` WHERE `.
    fn shown(&self, call: &Call) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(self.columns).push(", ");
        write_matched(&call.context, call.now, &self.scope, &mut Sql(&mut query));
        if let Some(also) = &self.also {
            query.push(" AS matched, ");
            write_matched(&call.context, call.now, also, &mut Sql(&mut query));
            query.push(" AS also_matched FROM ");
        } else {
            query.push(" AS matched FROM ");
        }
        query
            .push(self.from)
            .push(" ")
            .push(self.joins)
            .push(" WHERE ");
        query
    }

    /// Keys of the records within the scope and the filter, up to one more than the filter's
    /// [limit](Filter::count_limit).
    pub(crate) fn matching(&self, call: &Call, filter: &Filter) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(self.id);
        self.write_some(call, filter, &mut query);
        query
    }

    /// One page of the records with these keys, as [`page`](Self::page) gives it: they are known
    /// to be all that there are.
    pub(crate) fn page_of(
        &self,
        call: &Call,
        ids: Vec<Uuid>,
        order: Order,
        after: Option<After>,
        size: usize,
    ) -> QueryBuilder<Postgres> {
        let mut query = self.select(call);
        query.push(format_args!(" AND {} = ANY(", self.id));
        query.push_bind(ids).push(")");
        self.write_after(order, after, &mut query);
        query.push(format_args!("{} LIMIT {}", order.by("", self.id), size + 1));
        query
    }

    /// One page of the records within the scope and the filter; one more than
    /// `size`, which tells whether there is a next page. Where all that there are is known to
    /// be few, they are found first and then sorted: following the order until there are
    /// enough of them could go through every record.
    pub fn page(
        &self,
        call: &Call,
        filter: &Filter,
        order: Order,
        after: Option<After>,
        (size, few): (usize, bool),
    ) -> QueryBuilder<Postgres> {
        // No index is in the order of an expression.
        let plus = if few { " + interval '0'" } else { "" };
        let by = order.by(plus, self.id);
        // What is only shown is joined to the records of the page, not to all that are
        // looked through for it.
        let apart = !self.joins.is_empty();
        let mut query = self.shown(call);
        if apart {
            query.push(format_args!(
                "{} IN (SELECT {} FROM {} WHERE ",
                self.id, self.id, self.from
            ));
        }
        self.write_near(call, &mut query);
        self.write_reach(call, &mut query);
        filter.write(call, &self.scope, &mut query);
        self.write_after(order, after, &mut query);
        query.push(format_args!("{by} LIMIT {}", size + 1));
        if apart {
            query.push(format_args!("){by}"));
        }
        query
    }

    /// Which of these records are within the scope and the filter: key and customer.
    pub fn customers(&self, call: &Call, filter: &Filter, ids: &[Uuid]) -> QueryBuilder<Postgres> {
        let customer = self.scope.customer.unwrap_or("NULL::uuid");
        let mut query = QueryBuilder::new("SELECT ");
        query.push(format_args!(
            "{}, {customer} FROM {} WHERE ",
            self.id, self.from
        ));
        self.write_reach(call, &mut query);
        filter.write(call, &self.scope, &mut query);
        query.push(format_args!(" AND {} = ANY(", self.id));
        query.push_bind(ids.to_vec()).push(")");
        query
    }

    /// Figures of all records within the scope, by group: `by` and aggregates in `figures`.
    pub fn figures(
        &self,
        call: &Call,
        figures: impl std::fmt::Display,
        by: &str,
    ) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(figures).push(" FROM ").push(self.from);
        query.push(" WHERE ");
        self.write_reach(call, &mut query);
        query.push(format_args!(" GROUP BY {by} ORDER BY {by}"));
        query
    }

    /// Counts the records within the scope and the filter, up to one more than the filter's
    /// [limit](Filter::count_limit).
    pub fn count(&self, call: &Call, filter: &Filter) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT 1");
        self.write_some(call, filter, &mut query);
        query.push(") AS counted");
        query
    }

    fn write_some(&self, call: &Call, filter: &Filter, query: &mut QueryBuilder<Postgres>) {
        query.push(" FROM ").push(self.from).push(" WHERE ");
        self.write_near(call, query);
        self.write_reach(call, query);
        filter.write(call, &self.scope, query);
        query.push(format_args!(" LIMIT {}", filter.count_limit() + 1));
    }
}

impl Order {
    fn by(self, plus: &str, id: &str) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        format!(
            " ORDER BY {}{plus} {direction}, {id} {direction}",
            self.column
        )
    }
}

impl RecordSpec {
    fn write_after(&self, order: Order, after: Option<After>, query: &mut QueryBuilder<Postgres>) {
        let Some(after) = after else { return };
        let comparison = if order.descending { "<" } else { ">" };
        query.push(format_args!(
            " AND ({}, {}) {comparison} (",
            order.column, self.id
        ));
        query
            .push_bind(after.at.to_sqlx())
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }

    fn write_near(&self, call: &Call, query: &mut QueryBuilder<Postgres>) {
        if let Some((near, few)) = self.near.as_ref().zip(Few::of(call)) {
            few.write(self.id, near, query);
        }
    }

    fn write_reach(&self, call: &Call, query: &mut QueryBuilder<Postgres>) {
        if !self.only.is_empty() {
            query.push(self.only).push(" AND ");
        }
        if let Some(whom) = self.hidden_from {
            query.push(format_args!("({whom}) IS DISTINCT FROM "));
            query.push_bind(call.context.subject.id).push(" AND ");
        }
        let scopes = || std::iter::once(&self.scope).chain(&self.also);
        let Some(column) = self.class else {
            for (at, scope) in scopes().enumerate() {
                query.push(if at == 0 { "" } else { " AND " });
                write_scope(&call.context, call.now, scope, &mut Sql(query));
            }
            return;
        };
        query.push(format_args!("({column} = {}", DataClass::System as i32));
        for scope in scopes() {
            query.push(" AND ");
            write_scope(&call.context, call.now, scope, &mut Sql(query));
        }
        for class in ClassSet::PERSONAL.iter() {
            query.push(format_args!(" OR {column} = {}", class as i32));
            for scope in scopes() {
                query.push(" AND ");
                write_scope_for_class(&call.context, call.now, class, scope, &mut Sql(query));
            }
        }
        query.push(")");
    }
}

/// Whose records a call reaches, where it reaches none by their place. It only leads there:
/// what is within reach is said by the scope, which is asked as well.
#[derive(Default)]
struct Few {
    owners: Vec<Uuid>,
    duties: Vec<Uuid>,
    customers: Vec<Uuid>,
}

impl Few {
    fn of(call: &Call) -> Option<Self> {
        let mut few = Self::default();
        let rules = call.context.rules.iter();
        for rule in rules {
            few.add(&rule.scope)?;
        }
        Some(few)
    }

    /// `None` where that is no longer few.
    fn add(&mut self, scope: &Scope) -> Option<()> {
        match scope {
            Scope::None => {}
            Scope::All | Scope::Departments(_) => return None,
            Scope::Owner(subject) => self.owners.push(*subject),
            Scope::Duty(subject) => self.duties.push(*subject),
            Scope::Customers(customers) => self.customers.extend(customers),
            Scope::Consented(_, inner) => self.add(inner)?,
            Scope::Union(scopes) => {
                for scope in scopes {
                    self.add(scope)?;
                }
            }
        }
        Some(())
    }

    fn write(self, id: &str, near: &Near, query: &mut QueryBuilder<Postgres>) {
        query.push(format_args!("{id} IN ({} = ANY(", near.owner));
        query.push_bind(self.owners);
        query.push(format_args!(") UNION ALL {} = ANY(", near.duty));
        query.push_bind(self.duties);
        query.push(") UNION ALL SELECT unnest(");
        query.push_bind(self.customers);
        query.push("::uuid[])) AND ");
    }
}

/// What [`RecordSpec::count`] found of at most so many, as a list says it.
pub fn total(counted: i64, limit: i64) -> (i32, TotalKind) {
    let kind = if counted > limit {
        TotalKind::LowerBound
    } else {
        TotalKind::Exact
    };
    (i32::try_from(counted.min(limit)).unwrap_or(i32::MAX), kind)
}

/// Lets the decision core write into a statement.
pub struct Sql<'q>(pub &'q mut QueryBuilder<Postgres>);

impl SqlSink for Sql<'_> {
    fn text(&mut self, sql: &str) {
        self.0.push(sql);
    }

    fn bind_uuid(&mut self, value: Uuid) {
        self.0.push_bind(value);
    }

    fn bind_uuids(&mut self, values: &[Uuid]) {
        self.0.push_bind(values.to_vec());
    }

    fn bind_i32(&mut self, value: i32) {
        self.0.push_bind(value);
    }
}
