//! Filters of lists: the part of AIP-160 that joins comparisons by AND, over
//! declared fields. A comparison on a classified field counts only on records
//! where that class is cleared: what may not be seen cannot be searched for.

mod text;
mod texts;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{ClassSet, ScopeColumns, is_cleared_throughout, write_scope_for_class};
use kefu_contracts::policy::DataClass;
use kefu_vault::{IndexKey, Needle, TextMarks};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{
    call::Call,
    error::Violation,
    fields::{name, parse_name},
    scope::{COUNT_LIMIT, Sql, WORDS_COUNT_LIMIT},
};
use text::{Token, quote, tokens};
use texts::Way;

pub use texts::Texts;

/// First second of the time that the database keeps: day 0 of the Julian period.
const FIRST_KEPT: i64 = -210_866_803_200;

/// A field that a list can be filtered by.
pub struct FilterField {
    /// Name in filters: `state`.
    pub name: &'static str,
    /// SQL: `t.state`.
    pub column: &'static str,
    /// What it is compared with.
    pub kind: FilterKind,
    /// Class of what it tells.
    pub class: DataClass,
}

impl FilterField {
    /// A field that tells nothing about a customer.
    pub const fn system(name: &'static str, column: &'static str, kind: FilterKind) -> Self {
        Self {
            name,
            column,
            kind,
            class: DataClass::System,
        }
    }
}

/// What a field is compared with.
pub enum FilterKind {
    /// Text, by equality.
    Text,
    /// Text, by equality, or by how it begins (`:`). The column is collated by code point.
    Start,
    /// Resource name of a collection, by equality.
    Name(&'static str),
    /// Resource name of an employee, by equality, or `me`: whoever looks.
    Person,
    /// Enum value without its prefix, by equality, kept as smallint.
    Enum {
        /// `TICKET_STATE_`
        prefix: &'static str,
        /// Number of a full value name.
        parse: fn(&str) -> Option<i32>,
    },
    /// RFC 3339 time, by order.
    Time,
    /// Whole number, by order, kept as smallint.
    Number,
    /// Text of something that belongs to the record, by equality: the record's id is among
    /// what `of`, compared with the text, selects. `=` alone.
    Listed {
        /// `SELECT customer_id FROM file_number WHERE number`
        of: &'static str,
    },
    /// A sealed value, by equality with the whole of it: `=` alone. The record's id is among
    /// what `of`, compared with the value's blind index, selects.
    Key {
        /// `SELECT customer_id FROM lookup_key WHERE blind`
        of: &'static str,
        /// The blind index of a value as it is written; none of one that cannot be.
        blind: fn(&IndexKey, &str) -> Option<Vec<u8>>,
    },
    /// A sealed text, by the words in it: `:` alone. The column has the text's marks
    /// ([`IndexKey::marks`]).
    Words {
        /// Table and column that the marks are of.
        of: (&'static str, &'static str),
    },
    /// Long sealed texts of the record, by the words in one of them: `:` alone. The column is
    /// the record's id.
    Texts(&'static Texts),
    /// Whether the caller is among those the record is related to, by equality with `me`: the
    /// column is among what `of`, compared with the caller's id, selects. Of what is saved it
    /// is whoever looks.
    Mine {
        /// `SELECT ticket_id FROM watcher WHERE employee_id`
        of: &'static str,
    },
    /// One of the texts in a column that has several: `=` alone.
    Member,
    /// Resource name of something the record is related to, by equality: the column is
    /// among what `of`, compared with its id, selects.
    Related {
        /// `employees`
        collection: &'static str,
        /// `SELECT approval_id FROM approval_party WHERE subject_id`
        of: &'static str,
    },
}

/// A filter that was read and understood.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    /// The comparison as it is written back.
    text: String,
    column: &'static str,
    class: DataClass,
    operator: &'static str,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Caller,
    Mine(&'static str),
    Member(String),
    Related(&'static str, Uuid),
    Listed(&'static str, String),
    Key(&'static str, Vec<u8>),
    Words(Vec<Needle>),
    Texts(&'static Texts, TextMarks, Way),
    Text(String),
    Start(String),
    Id(Uuid),
    Number(i16),
    Time(Timestamp),
}

impl Filter {
    /// Reads a filter over these fields; an empty one lets everything through.
    ///
    /// # Errors
    /// [`Violation::Filter`] when it cannot be read.
    pub fn parse(text: &str, fields: &[FilterField], key: &IndexKey) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        // No text that is kept has one.
        if text.contains('\0') {
            return Err(Violation::Filter);
        }
        let tokens = tokens(text).ok_or(Violation::Filter)?;
        let mut terms = Vec::new();
        for (at, term) in tokens
            .split(|token| *token == Token::Word("AND".into()))
            .enumerate()
        {
            if at >= 16 {
                return Err(Violation::TooMany(16));
            }
            let [Token::Word(field), Token::Operator(operator), value] = term else {
                return Err(Violation::Filter);
            };
            let field = fields
                .iter()
                .find(|declared| declared.name == field)
                .ok_or(Violation::Filter)?;
            terms.push(Self::term(field, operator, value, key).ok_or(Violation::Filter)?);
        }
        Ok(Self { terms })
    }

    fn term(
        field: &FilterField,
        operator: &'static str,
        value: &Token,
        key: &IndexKey,
    ) -> Option<Term> {
        let (Token::Word(text) | Token::Quoted(text)) = value else {
            return None;
        };
        let (value, written) = match field.kind {
            FilterKind::Start if operator == ":" => {
                let begins = !text.trim().is_empty();
                (Value::Start(begins.then(|| text.clone())?), quote(text))
            }
            FilterKind::Text | FilterKind::Start => (Value::Text(text.clone()), quote(text)),
            FilterKind::Name(collection) => {
                let id = parse_name(text, collection)?;
                (Value::Id(id), name(collection, id))
            }
            FilterKind::Person if text == "me" => (Value::Caller, text.clone()),
            FilterKind::Person => {
                let id = parse_name(text, "employees")?;
                (Value::Id(id), name("employees", id))
            }
            FilterKind::Enum { prefix, parse } => {
                let short = text.to_ascii_uppercase();
                let number = parse(&format!("{prefix}{short}"))?;
                (Value::Number(i16::try_from(number).ok()?), short)
            }
            FilterKind::Time => {
                let at: Timestamp = text.parse().ok()?;
                let kept = at.as_second() > FIRST_KEPT;
                (Value::Time(kept.then_some(at)?), at.to_string())
            }
            FilterKind::Number => {
                let number: i16 = text.parse().ok()?;
                (Value::Number(number), number.to_string())
            }
            FilterKind::Related { collection, of } => {
                let id = parse_name(text, collection)?;
                (Value::Related(of, id), name(collection, id))
            }
            FilterKind::Mine { of } if text == "me" => (Value::Mine(of), text.clone()),
            FilterKind::Mine { .. } => return None,
            FilterKind::Member => (Value::Member(text.clone()), quote(text)),
            FilterKind::Listed { of } => (Value::Listed(of, text.clone()), quote(text)),
            FilterKind::Key { of, blind } => (Value::Key(of, blind(key, text)?), quote(text)),
            FilterKind::Words {
                of: (table, column),
            } => {
                let needles = key.needles(table, column, text).ok()?;
                (Value::Words(needles), quote(text))
            }
            FilterKind::Texts(texts) => {
                let marks = key.text_needle(texts.of.0, texts.of.1, text).ok()?;
                (Value::Texts(texts, marks, Way::Looked), quote(text))
            }
        };
        let fits = match field.kind {
            FilterKind::Time | FilterKind::Number => operator != ":",
            FilterKind::Key { .. } | FilterKind::Listed { .. } | FilterKind::Member => {
                operator == "="
            }
            FilterKind::Words { .. } | FilterKind::Texts(_) => operator == ":",
            FilterKind::Start => matches!(operator, "=" | "!=" | ":"),
            _ => matches!(operator, "=" | "!="),
        };
        fits.then(|| Term {
            text: format!("{} {operator} {written}", field.name),
            column: field.column,
            class: field.class,
            operator: if operator == "!=" {
                "IS DISTINCT FROM"
            } else {
                operator
            },
            value,
        })
    }

    /// Its comparisons as they are written back, in order, each once. They read as the same
    /// filter, and one that has all comparisons of another lets through no more than it.
    pub fn comparisons(&self) -> Vec<String> {
        let written: BTreeSet<&String> = self.terms.iter().map(|term| &term.text).collect();
        written.into_iter().cloned().collect()
    }

    /// Classes of what it compares, beside SYSTEM.
    pub fn classes(&self) -> ClassSet {
        let classes: ClassSet = self.terms.iter().map(|term| term.class).collect();
        classes.without(ClassSet::of(&[DataClass::System]))
    }

    /// Whether it looks for words.
    pub fn has_words(&self) -> bool {
        let words = |term: &Term| matches!(term.value, Value::Words(_) | Value::Texts(..));
        self.terms.iter().any(words)
    }

    /// Most records that are counted exactly.
    pub fn count_limit(&self) -> i64 {
        match self.is_about_sealed() {
            true => WORDS_COUNT_LIMIT,
            false => COUNT_LIMIT,
        }
    }

    /// Whether it compares sealed values: what is looked for is then itself data about
    /// somebody, and is written down nowhere.
    pub fn is_about_sealed(&self) -> bool {
        let sealed = |term: &Term| {
            matches!(
                term.value,
                Value::Key(..) | Value::Words(_) | Value::Texts(..)
            )
        };
        self.terms.iter().any(sealed)
    }

    /// Adds it to a statement that asks for the scope as well, each comparison with ` AND `.
    pub fn write(&self, call: &Call, columns: &ScopeColumns, query: &mut QueryBuilder<Postgres>) {
        self.write_but_texts(call, columns, query);
        self.write_texts(None, query);
    }

    /// The same without what is to be in texts; that their class is cleared is in it.
    pub(crate) fn write_but_texts(
        &self,
        call: &Call,
        columns: &ScopeColumns,
        query: &mut QueryBuilder<Postgres>,
    ) {
        for class in self.classes().iter() {
            if !is_cleared_throughout(&call.context, call.now, class) {
                query.push(" AND ");
                let sink = &mut Sql(query);
                write_scope_for_class(&call.context, call.now, class, columns, sink);
            }
        }
        for term in &self.terms {
            match &term.value {
                value @ (Value::Related(of, _) | Value::Listed(of, _) | Value::Key(of, _)) => {
                    let not = if term.operator == "=" { "" } else { "NOT " };
                    query.push(format_args!(" AND {} {not}IN ({of} = ", term.column));
                    value.bind(query);
                    query.push(")");
                }
                Value::Mine(of) => {
                    let not = if term.operator == "=" { "" } else { "NOT " };
                    query.push(format_args!(" AND {} {not}IN ({of} = ", term.column));
                    query.push_bind(call.context.subject.id).push(")");
                }
                Value::Member(text) => {
                    // An index of those that have any leaves out the others.
                    let column = term.column;
                    query.push(format_args!(" AND {column} <> '{{}}' AND {column} @> "));
                    query.push_bind(vec![text.clone()]);
                }
                Value::Words(needles) => {
                    for needle in needles {
                        write_needle(term.column, needle, query);
                    }
                }
                Value::Texts(..) => {}
                Value::Start(text) => {
                    // As no index is asked for a pattern that is told later.
                    query.push(format_args!(" AND {} >= ", term.column));
                    query.push_bind(text.clone());
                    query.push(format_args!(" AND {} < ", term.column));
                    query.push_bind(format!("{text}{}", char::MAX));
                }
                Value::Caller => {
                    query.push(format_args!(" AND {} {} ", term.column, term.operator));
                    query.push_bind(call.context.subject.id);
                }
                plain => {
                    query.push(format_args!(" AND {} {} ", term.column, term.operator));
                    plain.bind(query);
                }
            }
        }
    }
}

impl Value {
    /// Adds what is compared with a column as it is.
    fn bind(&self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Related(_, id) | Self::Id(id) => query.push_bind(*id),
            Self::Listed(_, text) | Self::Text(text) | Self::Start(text) => {
                query.push_bind(text.clone())
            }
            Self::Key(_, blind) => query.push_bind(blind.clone()),
            Self::Number(number) => query.push_bind(*number),
            Self::Time(at) => query.push_bind(at.to_sqlx()),
            Self::Words(_) | Self::Texts(..) | Self::Mine(_) | Self::Member(_) | Self::Caller => {
                query
            }
        };
    }
}

fn write_needle(column: &str, needle: &Needle, query: &mut QueryBuilder<Postgres>) {
    query.push(format_args!(" AND ({column} @> "));
    query.push_bind(needle.all.clone());
    if !needle.any.is_empty() {
        query.push(format_args!(" OR {column} && "));
        query.push_bind(needle.any.clone());
    }
    query.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[FilterField] = &[
        FilterField {
            name: "ref",
            column: "r",
            kind: FilterKind::Text,
            class: DataClass::System,
        },
        FilterField {
            name: "at",
            column: "a",
            kind: FilterKind::Time,
            class: DataClass::System,
        },
        FilterField::system("score", "s", FilterKind::Number),
        FilterField::system("follower", "f", FilterKind::Mine { of: "SELECT" }),
        FilterField::system("tag", "t", FilterKind::Member),
        FilterField {
            name: "customer",
            column: "c",
            kind: FilterKind::Name("customers"),
            class: DataClass::System,
        },
        FilterField {
            name: "phone",
            column: "c.id",
            kind: FilterKind::Key {
                of: "SELECT id FROM k WHERE blind",
                blind: |key, text| {
                    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                    digits.then(|| key.blind("c", "phone", text).to_vec())
                },
            },
            class: DataClass::Contact,
        },
        FilterField {
            name: "name",
            column: "c.name",
            kind: FilterKind::Words { of: ("c", "name") },
            class: DataClass::Basic,
        },
        FilterField::system("number", "n", FilterKind::Start),
        FilterField {
            name: "text",
            column: "c.id",
            kind: FilterKind::Texts(&Texts {
                of: ("t", "text"),
                from: "t.text t",
                record: "t.id",
            }),
            class: DataClass::Service,
        },
    ];

    fn key() -> IndexKey {
        IndexKey::from_bytes(&[7; 32])
    }

    /// What is sealed is looked for by keyed hashes, in one way each.
    #[test]
    fn sealed_values_are_compared_as_hashes() {
        let of = |text: &str| Filter::parse(text, FIELDS, &key());
        for text in ["name:张三", r#"name : "张三""#, "name:张三 AND phone = 138"] {
            let filter = of(text).unwrap();
            let expected = key().needles("c", "name", "张三").unwrap();
            assert_eq!(filter.terms[0].value, Value::Words(expected), "{text}");
            assert!(filter.is_about_sealed());
        }
        let blind = key().blind("c", "phone", "138").to_vec();
        let found = of("phone = 138").unwrap();
        assert_eq!(
            found.terms[0].value,
            Value::Key("SELECT id FROM k WHERE blind", blind)
        );
        assert!(found.classes().contains(DataClass::Contact));
        assert!(!of("ref = x").unwrap().is_about_sealed());
        for text in [
            "name = 张三",
            "name != 张三",
            "name:a",
            "name:",
            "phone:138",
            "phone != 138",
            "phone = x",
            "ref:x",
            "at:2018-05-16T00:00:00Z",
        ] {
            assert_eq!(of(text), Err(Violation::Filter), "{text}");
        }
    }

    /// What texts have is looked for in one way, by words of two characters or more.
    #[test]
    fn texts_are_looked_for_by_words() {
        let of = |text: &str| Filter::parse(text, FIELDS, &key());
        let filter = of(r#"text:"打印机 卡纸" AND number:T1"#).unwrap();
        let marks = key().text_needle("t", "text", "卡纸 打印机").unwrap();
        assert!(matches!(&filter.terms[0].value, Value::Texts(_, found, _) if *found == marks));
        assert!(filter.has_texts() && filter.has_words() && filter.is_about_sealed());
        assert_eq!(filter.look_ups(10).len(), 1);
        for text in ["text = 打印机", "text != 打印机", "text:打", "text:x"] {
            assert_eq!(of(text), Err(Violation::Filter), "{text}");
        }
    }

    /// A number is compared whole, or by how it begins.
    #[test]
    fn numbers_are_compared_by_how_they_begin() {
        let of = |text: &str| Filter::parse(text, FIELDS, &key());
        for (text, value) in [
            ("number:T1", Value::Start("T1".into())),
            ("number = T1", Value::Text("T1".into())),
            ("number != T1", Value::Text("T1".into())),
        ] {
            let filter = of(text).unwrap();
            assert_eq!(filter.terms[0].value, value);
            assert!(!filter.is_about_sealed());
            let again = of(&filter.comparisons()[0]).unwrap();
            assert_eq!(again, filter, "{text}");
        }
        for text in [r#"number:"""#, r#"number:" ""#, "number < T1"] {
            assert_eq!(of(text), Err(Violation::Filter), "{text}");
        }
    }

    #[test]
    fn what_is_declared_is_read() {
        let filter = Filter::parse(
            r#"ref = "a \"quoted\" 张三" AND at >= 2018-05-16T00:00:00Z AND customer = customers/0190c5a8-0000-7000-8000-0000000000ab"#, FIELDS, &key())
        .unwrap();
        assert_eq!(filter.terms.len(), 3);
        assert_eq!(
            filter.terms[0].value,
            Value::Text("a \"quoted\" 张三".into())
        );
    }

    /// A number is compared by order, and written in one way.
    #[test]
    fn numbers_are_compared_by_order() {
        for operator in ["=", "!=", "<", "<=", ">", ">="] {
            let text = format!("score {operator} 085");
            let filter = Filter::parse(&text, FIELDS, &key()).unwrap();
            assert_eq!(filter.terms[0].value, Value::Number(85));
            assert_eq!(filter.comparisons(), [format!("score {operator} 85")]);
        }
    }

    /// Whoever looks is named in one way, and is nobody until they do.
    #[test]
    fn what_is_ones_own_is_found_by_me() {
        for text in ["follower = me", "follower=\"me\"", "follower != me"] {
            let filter = Filter::parse(text, FIELDS, &key()).unwrap();
            assert_eq!(filter.terms[0].value, Value::Mine("SELECT"));
            assert!(filter.comparisons()[0].ends_with("= me"));
        }
        let filter = Filter::parse("tag = \"a b\"", FIELDS, &key()).unwrap();
        assert_eq!(filter.terms[0].value, Value::Member("a b".into()));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "ref",
            "ref =",
            "= x",
            "ref = x AND",
            "AND",
            "ref = x OR ref = y",
            "other = x",
            "ref < x",
            "at = nonsense",
            "score < many",
            "score < 8.5",
            "score < 99999",
            "score:85",
            "follower = employees/0190c5a8-0000-7000-8000-0000000000ab",
            "follower < me",
            "tag != a",
            "tag:a",
            r#"ref = "open"#,
            "ref = x y",
            "ref = x; DROP TABLE t",
            "customer = tickets/0190c5a8-0000-7000-8000-0000000000ab",
        ] {
            assert_eq!(
                Filter::parse(text, FIELDS, &key()),
                Err(Violation::Filter),
                "{text}"
            );
        }
    }

    /// What the database would not take is no filter.
    #[test]
    fn what_cannot_be_kept_is_refused() {
        let of = |text: &str| Filter::parse(text, FIELDS, &key());
        for text in [
            "ref = \"a\0b\"",
            "ref = \"a\\\0b\"",
            "number:\"T\0\"",
            "tag = \"\0\"",
            "ref = a\0",
            "at > -009999-01-01T00:00:00Z",
            "at > -004713-11-24T00:00:00Z",
        ] {
            assert_eq!(of(text), Err(Violation::Filter), "{text:?}");
        }
        for text in [
            "at > -004713-11-24T00:00:01Z",
            "at < 0001-01-01T00:00:00Z",
            "at < 9999-01-01T00:00:00Z",
        ] {
            assert!(of(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_written_back_is_the_same_filter() {
        let texts = [
            r#"ref = "a \"b\\" AND at >= 2018-05-16T02:00:00+02:00"#,
            "customer != customers/0190c5a8-0000-7000-8000-0000000000ab AND ref = x AND ref = x",
        ];
        let written = [
            vec!["at >= 2018-05-16T00:00:00Z", r#"ref = "a \"b\\""#],
            vec![
                "customer != customers/0190c5a8-0000-7000-8000-0000000000ab",
                r#"ref = "x""#,
            ],
        ];
        for (text, written) in texts.into_iter().zip(written) {
            let filter = Filter::parse(text, FIELDS, &key()).unwrap();
            assert_eq!(filter.comparisons(), written);
            let again = Filter::parse(&written.join(" AND "), FIELDS, &key()).unwrap();
            assert_eq!(again.comparisons(), written);
            assert!(filter.terms.iter().all(|term| again.terms.contains(term)));
        }
    }
}
