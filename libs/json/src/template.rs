//! Paths of `google.api.http`: `/v1/{ticket.name=tickets/*}:assign`. Only what the contracts
//! use of that grammar: literals, `*`, variables of whole segments, a custom verb at the end.

use std::ops::Range;

use percent_encoding::percent_decode_str;

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text.
    Literal(String),
    /// Any text that is not empty.
    Any,
}

/// A field that a part of the path is the value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Path of the field in the request: `ticket.name`.
    pub field: String,
    /// Which segments make up its value.
    pub segments: Range<usize>,
}

/// A path with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What stands between the slashes, from `v1` on.
    pub segments: Vec<Segment>,
    /// What stands behind the colon.
    pub verb: Option<String>,
    /// In the order of the path.
    pub variables: Vec<Variable>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, for whoever writes contracts.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?} {what}");
        let path = text.strip_prefix('/');
        let path = path.ok_or_else(|| wrong("does not begin with a slash"))?;
        let (path, verb) = match path.rsplit_once(':') {
            Some((path, verb)) if !verb.contains(['/', '}']) => (path, Some(verb)),
            _ => (path, None),
        };
        if verb.is_some_and(|verb| verb.is_empty() || !verb.chars().all(char::is_alphanumeric)) {
            return Err(wrong("has a verb that is no word"));
        }
        let mut template = Self {
            segments: Vec::new(),
            verb: verb.map(str::to_owned),
            variables: Vec::new(),
        };
        let mut rest = path;
        while !rest.is_empty() {
            let end = if rest.starts_with('{') {
                let end = rest.find('}');
                let end = end.ok_or_else(|| wrong("has a variable without an end"))?;
                template.variable(&rest[1..end]).map_err(wrong)?;
                end + 1
            } else {
                let end = rest.find('/').unwrap_or(rest.len());
                template.segment(&rest[..end]).map_err(wrong)?;
                end
            };
            rest = match rest[end..].strip_prefix('/') {
                Some("") => return Err(wrong("ends with a slash")),
                Some(rest) => rest,
                None if rest[end..].is_empty() => "",
                None => return Err(wrong("has a variable that is no whole segment")),
            };
        }
        if template.collection().is_none() {
            return Err(wrong("does not begin with v1 and a collection"));
        }
        Ok(template)
    }

    fn segment(&mut self, text: &str) -> Result<(), &'static str> {
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        self.segments.push(match text {
            "*" => Segment::Any,
            "" => return Err("has an empty segment"),
            _ if text.chars().all(word) => Segment::Literal(text.to_owned()),
            _ => return Err("has a segment that is neither a word nor *"),
        });
        Ok(())
    }

    fn variable(&mut self, text: &str) -> Result<(), &'static str> {
        let (field, pattern) = text.split_once('=').unwrap_or((text, "*"));
        let from = self.segments.len();
        for part in pattern.split('/') {
            self.segment(part)?;
        }
        self.variables.push(Variable {
            field: field.to_owned(),
            segments: from..self.segments.len(),
        });
        Ok(())
    }

    /// `tickets` of `/v1/{name=tickets/*}`: what paths are first told apart by.
    pub fn collection(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [Segment::Literal(version), Segment::Literal(collection), ..] if version == "v1" => {
                Some(collection)
            }
            _ => None,
        }
    }

    /// Values of the variables where the path is one of this template.
    pub(crate) fn matches(&self, path: &Path) -> Option<Vec<(&str, String)>> {
        if path.segments.len() != self.segments.len() || path.verb != self.verb {
            return None;
        }
        let mut pairs = self.segments.iter().zip(&path.segments);
        let fits = pairs.all(|(segment, text)| match segment {
            Segment::Literal(literal) => literal == text,
            Segment::Any => !text.is_empty(),
        });
        let value = |variable: &Range<usize>| path.segments[variable.clone()].join("/");
        fits.then(|| {
            let variables = self.variables.iter();
            variables
                .map(|variable| (variable.field.as_str(), value(&variable.segments)))
                .collect()
        })
    }

    /// Whether some path is one of both templates.
    pub fn overlaps(&self, other: &Self) -> bool {
        let either = |(one, two): (&Segment, &Segment)| match (one, two) {
            (Segment::Literal(one), Segment::Literal(two)) => one == two,
            _ => true,
        };
        self.verb == other.verb
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(either)
    }
}

/// A path as it was asked for.
pub(crate) struct Path {
    segments: Vec<String>,
    verb: Option<String>,
}

impl Path {
    /// `None` where it is no path of ours, or holds what is no text.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        // Before anything is decoded: a colon that was written as %3A is no verb's.
        let last = path.rfind('/').map_or(0, |slash| slash + 1);
        let (path, verb) = match path[last..].rfind(':') {
            Some(colon) => (&path[..last + colon], Some(&path[last + colon + 1..])),
            None => (path, None),
        };
        let decoded = |text| {
            let text = percent_decode_str(text).decode_utf8().ok()?;
            Some(text.into_owned())
        };
        Some(Self {
            segments: path.split('/').map(decoded).collect::<Option<_>>()?,
            verb: verb.map(str::to_owned),
        })
    }

    pub(crate) fn collection(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [version, collection, ..] if version == "v1" => Some(collection),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, path: &str) -> Option<Vec<(String, String)>> {
        let template = Template::parse(template).unwrap();
        let found = template.matches(&Path::read(path)?)?;
        let owned = |(field, value): (&str, String)| (field.to_owned(), value);
        Some(found.into_iter().map(owned).collect())
    }

    #[test]
    fn a_path_gives_the_values_of_its_variables() {
        let one = |field: &str, value: &str| Some(vec![(field.to_owned(), value.to_owned())]);
        for (template, path, expected) in [
            ("/v1/tickets", "/v1/tickets", Some(vec![])),
            (
                "/v1/{name=tickets/*}",
                "/v1/tickets/x",
                one("name", "tickets/x"),
            ),
            (
                "/v1/{name=tickets/*}:close",
                "/v1/tickets/x:close",
                one("name", "tickets/x"),
            ),
            (
                "/v1/{a.name=tickets/*}/parts",
                "/v1/tickets/x/parts",
                one("a.name", "tickets/x"),
            ),
            ("/v1/entries/{seq}", "/v1/entries/7", one("seq", "7")),
            (
                "/v1/{name=tickets/*}",
                "/v1/tickets/%E7%A5%A8%3Ax",
                one("name", "tickets/票:x"),
            ),
            ("/v1/{name=tickets/*}", "/v1/tickets/", None),
            ("/v1/{name=tickets/*}", "/v1/tickets/x:close", None),
            ("/v1/{name=tickets/*}:close", "/v1/tickets/x", None),
            ("/v1/{name=tickets/*}", "/v1/tickets/x/y", None),
            ("/v1/{name=tickets/*}", "/v1/orders/x", None),
            ("/v1/tickets", "/v1/tickets/", None),
            ("/v1/tickets", "/v1/tickets%ff", None),
        ] {
            assert_eq!(values(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for wrong in [
            "v1/tickets",
            "/tickets",
            "/v2/tickets",
            "/v1/{name=*}",
            "/v1/tickets/",
            "/v1//tickets",
            "/v1/tickets/{name",
            "/v1/tickets/{name}x",
            "/v1/{name=tickets/**}",
            "/v1/tickets:",
            "/v1/tickets:a-b",
        ] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn templates_overlap_where_a_path_could_be_of_both() {
        let overlap = |one, two| {
            let parse = |text| Template::parse(text).unwrap();
            let (one, two) = (parse(one), parse(two));
            assert_eq!(one.overlaps(&two), two.overlaps(&one));
            one.overlaps(&two)
        };
        assert!(overlap(
            "/v1/{name=tickets/*}",
            "/v1/{ticket.name=tickets/*}"
        ));
        assert!(overlap("/v1/tickets/{a}", "/v1/tickets/open"));
        assert!(!overlap("/v1/tickets/{a}", "/v1/tickets/{a}:open"));
        assert!(!overlap("/v1/tickets/{a}", "/v1/tickets"));
        assert!(!overlap("/v1/tickets/{a}", "/v1/orders/{a}"));
    }
}
