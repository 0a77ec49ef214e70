//! Of what alone a bench asks.

/// Kinds of questions that are named in the arguments, by a part of their names; whatever is a
/// number or a flag names none.
pub(crate) struct Only<'a>(Vec<&'a str>);

impl<'a> Only<'a> {
    pub(crate) fn of(args: &'a [String]) -> Self {
        let names = args.iter().map(String::as_str);
        Self(
            names
                .filter(|arg| arg.parse::<usize>().is_err() && !arg.starts_with("--"))
                .collect(),
        )
    }

    /// None is named: everything is asked.
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the kind of this name is asked.
    pub(crate) fn takes(&self, kind: &str) -> bool {
        self.is_all() || self.0.iter().any(|name| kind.contains(name))
    }
}
