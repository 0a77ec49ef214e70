//! What a PromQL expression asks for. It reads no more than it has to: that expressions
//! are well formed is for promtool to say.

use std::{collections::BTreeSet, iter::Peekable, str::Chars};

/// One series that is asked for: `kefu_job_overdue_seconds{kefu_job_name="clocks"}`.
pub(super) struct Selector {
    pub(super) metric: String,
    /// Label and value of each matcher.
    pub(super) matchers: Vec<(String, String)>,
}

/// All that an expression asks for.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) selectors: Vec<Selector>,
    /// Labels of `by`, `on` and the like.
    pub(super) grouped: BTreeSet<String>,
}

const GROUPING: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

pub(super) fn asked(expression: &str) -> Asked {
    let mut asked = Asked::default();
    let mut rest = expression.chars().peekable();
    while let Some(&next) = rest.peek() {
        match next {
            '"' => drop(quoted(&mut rest)),
            '[' => while rest.next_if(|c| *c != ']').is_some() {},
            '{' => {
                let matchers = matchers(&mut rest);
                if let Some(selector) = asked.selectors.last_mut() {
                    selector.matchers = matchers;
                }
            }
            c if c.is_ascii_digit() => drop(word(&mut rest)),
            c if is_of_word(c) => {
                let name = word(&mut rest);
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                let opens = rest.peek() == Some(&'(');
                if opens && GROUPING.contains(&name.as_str()) {
                    asked.grouped.extend(labels(&mut rest));
                } else if !opens && !WORDS.contains(&name.as_str()) && !is_grouped(&rest) {
                    let matchers = Vec::new();
                    asked.selectors.push(Selector {
                        metric: name,
                        matchers,
                    });
                }
            }
            _ => {
                rest.next();
            }
        }
    }
    asked
}

/// What is read was `sum` of `sum by (job) (…)`.
fn is_grouped(rest: &Peekable<Chars<'_>>) -> bool {
    GROUPING.contains(&word(&mut rest.clone()).as_str())
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:.$".contains(c)
}

fn word(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut word = String::new();
    while let Some(c) = rest.next_if(|c| is_of_word(*c)) {
        word.push(c);
    }
    word
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> String {
    rest.next();
    let mut text = String::new();
    while let Some(c) = rest.next().filter(|c| *c != '"') {
        text.push(c);
    }
    text
}

/// `{job="kefu/gateway", le!=""}`
fn matchers(rest: &mut Peekable<Chars<'_>>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut label = String::new();
    while let Some(&next) = rest.peek() {
        match next {
            '}' => break,
            '"' => all.push((std::mem::take(&mut label), quoted(rest))),
            c if is_of_word(c) => label = word(rest),
            _ => {
                rest.next();
            }
        }
    }
    rest.next();
    all
}

/// `(job, le)`
fn labels(rest: &mut Peekable<Chars<'_>>) -> Vec<String> {
    let mut inside = String::new();
    while let Some(c) = rest.next_if(|c| *c != ')') {
        inside.push(c);
    }
    let words = inside.split(|c: char| !is_of_word(c));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
