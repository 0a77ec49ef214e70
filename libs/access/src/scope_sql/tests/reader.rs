//! Just enough of SQL to read what `scope_sql` writes: AND, OR, comparison with the
//! three values of SQL, and the sum of cases that tells which rules matched.

use std::fmt;

use uuid::Uuid;

use crate::{SqlSink, scope::RowFacts};

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Number(i32),
}

/// What was written, with the values that were bound.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Part>);

impl SqlSink for Parts {
    fn text(&mut self, sql: &str) {
        self.0.push(Part::Text(sql.to_owned()));
    }
    fn bind_uuid(&mut self, value: Uuid) {
        self.0.push(Part::Uuid(value));
    }
    fn bind_uuids(&mut self, values: &[Uuid]) {
        self.0.push(Part::Uuids(values.to_vec()));
    }
    fn bind_i32(&mut self, value: i32) {
        self.0.push(Part::Number(value));
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |id: &Uuid| id.as_u128().to_string();
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Uuid(id) => f.write_str(&short(id)),
            Part::Number(number) => write!(f, "{number}"),
            Part::Uuids(ids) => {
                let ids: Vec<String> = ids.iter().map(short).collect();
                write!(f, "{{{}}}", ids.join(","))
            }
        })
    }
}

/// The boolean expression on this row; `None` is NULL.
pub(super) fn evaluate(parts: &Parts, row: &RowFacts) -> Option<bool> {
    let mut reader = Reader::new(parts, row);
    let value = reader.primary();
    assert_eq!(
        reader.tokens.next(),
        None,
        "one complete expression: {parts}"
    );
    value
}

/// The sum of cases on this row.
pub(super) fn number(parts: &Parts, row: &RowFacts) -> i64 {
    let mut reader = Reader::new(parts, row);
    let value = reader.cases();
    assert_eq!(
        reader.tokens.next(),
        None,
        "one complete expression: {parts}"
    );
    value
}

struct Reader<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Part>>,
    row: &'a RowFacts,
}

impl<'a> Reader<'a> {
    fn new(parts: &Parts, row: &'a RowFacts) -> Self {
        let tokens: Vec<Part> = parts.0.iter().flat_map(tokens).collect();
        Self {
            tokens: tokens.into_iter().peekable(),
            row,
        }
    }

    fn word(&mut self) -> String {
        match self.tokens.next() {
            Some(Part::Text(word)) => word,
            other => panic!("a word, not {other:?}"),
        }
    }

    fn expect(&mut self, word: &str) {
        assert_eq!(self.word(), word);
    }

    fn is_next(&mut self, word: &str) -> bool {
        let next = Part::Text(word.to_owned());
        self.tokens.next_if_eq(&next).is_some()
    }

    fn either(&mut self) -> Option<bool> {
        let mut value = self.both();
        while self.is_next("OR") {
            value = match (value, self.both()) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        value
    }

    fn both(&mut self) -> Option<bool> {
        let mut value = self.primary();
        while self.is_next("AND") {
            value = match (value, self.primary()) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
        }
        value
    }

    fn primary(&mut self) -> Option<bool> {
        match self.word().as_str() {
            "TRUE" => Some(true),
            "FALSE" => Some(false),
            "(" => {
                let value = self.either();
                self.expect(")");
                value
            }
            "HAS_DUTY" => {
                Some(matches!(self.bound(), Part::Uuid(id) if self.row.duty.contains(&id)))
            }
            "CONSENTED" => Some(match self.bound() {
                Part::Number(number) => self.row.consents.iter().any(|it| *it as i32 == number),
                other => panic!("a number, not {other:?}"),
            }),
            column => {
                let value = match column {
                    "department" => self.row.department,
                    "owner" => self.row.owner,
                    "customer" => self.row.customer,
                    other => panic!("unknown column {other}"),
                };
                self.comparison(value)
            }
        }
    }

    fn bound(&mut self) -> Part {
        self.expect("(");
        let value = self.tokens.next().unwrap();
        self.expect(")");
        value
    }

    fn comparison(&mut self, value: Option<Uuid>) -> Option<bool> {
        if self.is_next("IS") {
            self.expect("NOT");
            self.expect("NULL");
            return Some(value.is_some());
        }
        self.expect("=");
        if self.is_next("ANY") {
            return match self.bound() {
                Part::Uuids(ids) => value.map(|value| ids.contains(&value)),
                other => panic!("ids, not {other:?}"),
            };
        }
        match self.tokens.next() {
            Some(Part::Uuid(id)) => value.map(|value| value == id),
            other => panic!("an id, not {other:?}"),
        }
    }

    fn cases(&mut self) -> i64 {
        self.expect("(");
        let mut sum = 0;
        while !self.is_next(")") {
            sum |= match self.word().as_str() {
                "|" => continue,
                "CASE" => self.case(),
                literal => literal.parse().unwrap(),
            };
        }
        self.expect("::int8");
        sum
    }

    fn case(&mut self) -> i64 {
        self.expect("WHEN");
        let holds = self.primary() == Some(true);
        self.expect("THEN");
        let value: i64 = self.word().parse().unwrap();
        ["ELSE", "0", "END"]
            .iter()
            .for_each(|word| self.expect(word));
        if holds { value } else { 0 }
    }
}

fn tokens(part: &Part) -> Vec<Part> {
    let Part::Text(text) = part else {
        return vec![part.clone()];
    };
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words = spaced.split_whitespace();
    words.map(|word| Part::Text(word.to_owned())).collect()
}
