//! Words that are looked for in long texts of a record, of which each has many: the marks of each text are a row of
//! its own (`text_marks` of libs/vault).
//!
//! Who has a word is told in three ways, which tell the same: record by record, by all rows that have it, and by rows
//! that were looked up before. Which one is quick depends on how many there are (`listing/texts.rs`).

use std::collections::BTreeSet;

use kefu_vault::TextMarks;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Filter, Term, Value};

/// Where the marks of texts lie.
#[derive(Debug, PartialEq)]
pub struct Texts {
    /// Table and column that the marks are of.
    pub of: (&'static str, &'static str),
    /// Where from: `ticket.text_mark m`, with the columns `pairs` and `longer`.
    pub from: &'static str,
    /// Key of the record that a row is about: `m.ticket_id`.
    pub record: &'static str,
}

/// How it is told which records have the words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Way {
    /// The texts of each record are looked at.
    Looked,
    /// By all texts that there are.
    All,
    /// By what was found before.
    Found(Vec<Uuid>),
}

impl Filter {
    /// Whether it looks for words in long texts.
    pub(crate) fn has_texts(&self) -> bool {
        self.texts().next().is_some()
    }

    fn texts(&self) -> impl Iterator<Item = (&Term, &'static Texts, &TextMarks, &Way)> {
        self.terms.iter().filter_map(|term| match &term.value {
            Value::Texts(texts, marks, way) => Some((term, *texts, marks, way)),
            _ => None,
        })
    }

    /// Adds for each comparison that looks for words, in their order, whether the record with this
    /// key has them: `… AS has_0, … AS has_1`.
    pub(crate) fn write_each_look(&self, id: &str, query: &mut QueryBuilder<Postgres>) {
        for (index, (_, texts, marks, _)) in self.texts().enumerate() {
            if index > 0 {
                query.push(", ");
            }
            write_look(texts, marks, id, query);
            query.push(format_args!(" AS has_{index}"));
        }
    }

    /// Comparisons that look for words.
    pub(crate) fn texts_count(&self) -> usize {
        self.texts().count()
    }

    /// Statements that find the records with the words, one for each comparison that looks for
    /// some: those of the first `most` texts and one more, whoever may see them.
    pub(crate) fn look_ups(&self, most: usize) -> Vec<QueryBuilder<Postgres>> {
        let look_ups = self.texts().map(|(_, texts, marks, _)| {
            let mut query = QueryBuilder::new("");
            write_all(texts, marks, &mut query);
            query.push(format_args!(" LIMIT {}", most + 1));
            query
        });
        look_ups.collect()
    }

    /// The same filter, which goes by what was found where that is given.
    pub(crate) fn by(&self, found: impl Iterator<Item = Option<Vec<Uuid>>>) -> Self {
        let ways = found.map(|found| {
            let each = |ids: Vec<Uuid>| ids.into_iter().collect::<BTreeSet<_>>();
            found.map_or(Way::Looked, |ids| {
                Way::Found(each(ids).into_iter().collect())
            })
        });
        self.in_ways(ways)
    }

    /// The same filter, which goes by all texts that there are for the comparisons of which this
    /// is so, and has the records looked at for the others.
    pub(crate) fn by_all(&self, which: &[bool]) -> Self {
        self.in_ways(which.iter().map(|all| match all {
            true => Way::All,
            false => Way::Looked,
        }))
    }

    fn in_ways(&self, mut ways: impl Iterator<Item = Way>) -> Self {
        let mut filter = self.clone();
        for term in &mut filter.terms {
            if let Value::Texts(_, _, way) = &mut term.value
                && let Some(next) = ways.next()
            {
                *way = next;
            }
        }
        filter
    }

    /// Adds what is to be in texts: of the record with this key, or that of the list.
    pub(crate) fn write_texts(&self, id: Option<&str>, query: &mut QueryBuilder<Postgres>) {
        for (term, texts, marks, way) in self.texts() {
            let id = id.unwrap_or(term.column);
            match way {
                Way::Looked => {
                    query.push(" AND ");
                    write_look(texts, marks, id, query);
                }
                Way::All => {
                    query.push(format_args!(" AND {id} = ANY(ARRAY("));
                    write_all(texts, marks, query);
                    query.push("))");
                }
                Way::Found(ids) => {
                    query.push(format_args!(" AND {id} = ANY("));
                    query.push_bind(ids.clone()).push(")");
                }
            }
        }
    }
}

/// By the index of pairs, whatever is thought of how many have them: a statement of its own
/// is planned for all of its rows, and still gives no more than are taken.
fn write_all(texts: &Texts, marks: &TextMarks, query: &mut QueryBuilder<Postgres>) {
    let (record, from) = (texts.record, texts.from);
    query.push(format_args!(
        "WITH hit AS MATERIALIZED (SELECT {record} AS id FROM {from} WHERE pairs @> "
    ));
    query.push_bind(marks.pairs.clone());
    if !marks.longer.is_empty() {
        query.push(" AND longer @> ");
        query.push_bind(marks.longer.clone());
    }
    query.push(") SELECT id FROM hit");
}

/// By the rows of the record alone: no index of pairs serves such comparisons, and nothing is
/// joined to what has an offset.
fn write_look(texts: &Texts, marks: &TextMarks, id: &str, query: &mut QueryBuilder<Postgres>) {
    let (record, from) = (texts.record, texts.from);
    query.push(format_args!(
        "EXISTS (SELECT 1 FROM {from} WHERE {record} = {id}"
    ));
    // The longest tell most.
    for mark in &marks.longer {
        query.push(" AND ").push_bind(*mark);
        query.push(" = ANY(longer)");
    }
    for mark in &marks.pairs {
        query.push(" AND ").push_bind(*mark);
        query.push(" = ANY(pairs)");
    }
    query.push(" OFFSET 0)");
}
