//! A scope as SQL, and what the rules of a context say about each row of a query.
//!
//! Every expression is complete, stands in parentheses and is TRUE or FALSE, never
//! NULL, so that it may be put anywhere, also behind NOT. `x IS NOT NULL AND x = …`
//! does that and leaves an index on x usable; COALESCE would hide the column from it.

use jiff::Timestamp;
use kefu_contracts::policy::{DataClass, Purpose};
use uuid::Uuid;

use crate::{
    context::{AccessContext, Rule},
    scope::Scope,
};

/// SQL that tells whether a subject has duty on the row: `before $n after`, with the
/// subject's id bound. Must not yield NULL; EXISTS does not.
#[derive(Clone, Copy, Debug)]
pub struct DutySql {
    /// What stands before the bound subject:
    /// `EXISTS (SELECT 1 FROM profile.duty d WHERE d.customer_id = c.id AND d.subject_id = `.
    pub before: &'static str,
    /// What stands after it: `)`.
    pub after: &'static str,
}

/// SQL that tells whether the row's customer consented to a purpose: `before $n after`,
/// with the purpose's number (int4) bound. Must not yield NULL; EXISTS does not.
#[derive(Clone, Copy, Debug)]
pub struct ConsentSql {
    /// What stands before the bound number.
    pub before: &'static str,
    /// What stands after it.
    pub after: &'static str,
}

/// Where a query finds what scopes ask for. What a table does not know is `None`
/// and reads FALSE: a scope that asks for it reaches no row of that table.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScopeColumns {
    /// Column with the department's id, nullable or not: `c.department_id`.
    pub department: Option<&'static str>,
    /// Column with the id of the subject whose row it is.
    pub owner: Option<&'static str>,
    /// Column with the customer's id.
    pub customer: Option<&'static str>,
    /// Whether a subject has duty on the row.
    pub duty: Option<DutySql>,
    /// Whether the customer consented to a purpose.
    pub consent: Option<ConsentSql>,
}

/// Where SQL goes; each bind writes the next placeholder.
pub trait SqlSink {
    /// Text as it is.
    fn text(&mut self, sql: &str);
    /// A bound uuid.
    fn bind_uuid(&mut self, value: Uuid);
    /// A bound uuid[].
    fn bind_uuids(&mut self, values: &[Uuid]);
    /// A bound int4.
    fn bind_i32(&mut self, value: i32);
}

const ALWAYS: &str = "(TRUE)";
const NEVER: &str = "(FALSE)";

impl Scope {
    /// Writes the scope as one boolean expression, in parentheses and never NULL.
    pub fn write_sql(&self, columns: &ScopeColumns, sink: &mut dyn SqlSink) {
        match self {
            Scope::All => sink.text(ALWAYS),
            Scope::None => sink.text(NEVER),
            Scope::Departments(ids) => write_any_of(columns.department, ids, sink),
            Scope::Customers(ids) => write_any_of(columns.customer, ids, sink),
            Scope::Owner(id) => write_owner(columns.owner, *id, sink),
            Scope::Duty(id) => write_duty(columns.duty, *id, sink),
            Scope::Consented(purpose, inner) => write_consented(*purpose, inner, columns, sink),
            Scope::Union(scopes) => write_either(&scopes.iter().collect::<Vec<_>>(), columns, sink),
        }
    }
}

fn write_any_of(column: Option<&str>, ids: &[Uuid], sink: &mut dyn SqlSink) {
    let Some(column) = column.filter(|_| !ids.is_empty()) else {
        return sink.text(NEVER);
    };
    sink.text(&format!("({column} IS NOT NULL AND {column} = ANY("));
    sink.bind_uuids(ids);
    sink.text("))");
}

fn write_owner(column: Option<&str>, id: Uuid, sink: &mut dyn SqlSink) {
    let Some(column) = column else {
        return sink.text(NEVER);
    };
    sink.text(&format!("({column} IS NOT NULL AND {column} = "));
    sink.bind_uuid(id);
    sink.text(")");
}

fn write_duty(duty: Option<DutySql>, id: Uuid, sink: &mut dyn SqlSink) {
    let Some(duty) = duty else {
        return sink.text(NEVER);
    };
    sink.text("(");
    sink.text(duty.before);
    sink.bind_uuid(id);
    sink.text(duty.after);
    sink.text(")");
}

fn write_consented(
    purpose: Purpose,
    inner: &Scope,
    columns: &ScopeColumns,
    sink: &mut dyn SqlSink,
) {
    // Nobody can consent to a purpose that is not named.
    let named = purpose != Purpose::Unspecified;
    let Some(consent) = columns.consent.filter(|_| named) else {
        return sink.text(NEVER);
    };
    sink.text("((");
    sink.text(consent.before);
    sink.bind_i32(purpose as i32);
    sink.text(consent.after);
    sink.text(") AND ");
    inner.write_sql(columns, sink);
    sink.text(")");
}

fn write_either(scopes: &[&Scope], columns: &ScopeColumns, sink: &mut dyn SqlSink) {
    if scopes.contains(&&Scope::All) {
        return sink.text(ALWAYS);
    }
    let Some((first, rest)) = scopes.split_first() else {
        return sink.text(NEVER);
    };
    sink.text("(");
    first.write_sql(columns, sink);
    for scope in rest {
        sink.text(" OR ");
        scope.write_sql(columns, sink);
    }
    sink.text(")");
}

/// Each different scope among the rules, with the bits of the rules that have it.
/// The two halves of a split rule share one scope, and its EXISTS need run only once.
fn distinct<'a>(rules: impl Iterator<Item = (usize, &'a Rule)>) -> Vec<(&'a Scope, i64)> {
    let mut scopes: Vec<(&Scope, i64)> = Vec::new();
    for (index, rule) in rules.filter(|(_, rule)| rule.scope != Scope::None) {
        match scopes.iter_mut().find(|(scope, _)| **scope == rule.scope) {
            Some((_, bits)) => *bits |= 1 << index,
            None => scopes.push((&rule.scope, 1 << index)),
        }
    }
    scopes
}

fn write_rules<'a>(
    rules: impl Iterator<Item = (usize, &'a Rule)>,
    columns: &ScopeColumns,
    sink: &mut dyn SqlSink,
) {
    let scopes: Vec<&Scope> = distinct(rules)
        .into_iter()
        .map(|(scope, _)| scope)
        .collect();
    write_either(&scopes, columns, sink);
}

/// Writes which rows the context reaches: those of any rule that is not expired.
pub fn write_scope(
    context: &AccessContext,
    now: Timestamp,
    columns: &ScopeColumns,
    sink: &mut dyn SqlSink,
) {
    write_rules(context.standing(now), columns, sink);
}

/// Writes on which rows the class is cleared: those of any rule that is not expired
/// and clears it. A filter or an order by a classified field counts on these alone,
/// so that what is masked cannot be inferred either (promise 2).
pub fn write_scope_for_class(
    context: &AccessContext,
    now: Timestamp,
    class: DataClass,
    columns: &ScopeColumns,
    sink: &mut dyn SqlSink,
) {
    write_rules(clearing(context, now, class), columns, sink);
}

/// Whether the class is cleared wherever the context reaches at all, so that
/// [`write_scope_for_class`] would say beside [`write_scope`] what that says. To the planner of a
/// database a condition that is there twice lets half as much through.
pub fn is_cleared_throughout(context: &AccessContext, now: Timestamp, class: DataClass) -> bool {
    let clearing = distinct(clearing(context, now, class));
    let mut reached = distinct(context.standing(now)).into_iter();
    reached.all(|(scope, _)| clearing.iter().any(|(clearing, _)| *clearing == scope))
}

fn clearing(
    context: &AccessContext,
    now: Timestamp,
    class: DataClass,
) -> impl Iterator<Item = (usize, &Rule)> {
    let standing = context.standing(now);
    standing.filter(move |(_, rule)| rule.classes.contains(class))
}

/// Writes an int8 that tells which rules let the row through: bit n for rule n,
/// expired rules never. [`AccessContext::clearance`] reads it.
pub fn write_matched(
    context: &AccessContext,
    now: Timestamp,
    columns: &ScopeColumns,
    sink: &mut dyn SqlSink,
) {
    let scopes = distinct(context.standing(now));
    sink.text("(");
    if scopes.is_empty() {
        sink.text("0");
    }
    for (at, (scope, bits)) in scopes.into_iter().enumerate() {
        sink.text(if at == 0 {
            "CASE WHEN "
        } else {
            " | CASE WHEN "
        });
        scope.write_sql(columns, sink);
        sink.text(&format!(" THEN {bits} ELSE 0 END"));
    }
    sink.text(")::int8");
}

#[cfg(test)]
mod tests;
