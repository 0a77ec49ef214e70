//! From the handler of each call to all that it leads to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter::successors,
};

use kefu_contracts::common::Reason;

use super::{
    BY_CONTRACT, OF_EVERY_CALL,
    read::{Code, Function, Module, Named},
};

/// Methods of one name that are followed where it is not known whose is called.
const FEW: usize = 3;
/// Modules that a name is imported through, one after the other.
const MOST_IMPORTS: usize = 8;
/// Methods that types outside of the suite have too: followed only where the receiver's type is known.
const OF_EVERYTHING: &[&str] = &[
    "all", "any", "collect", "contains", "end", "extend", "filter", "find", "finish", "get",
    "insert", "into", "iter", "join", "last", "lock", "map", "next", "open", "parse", "push",
    "read", "record", "remove", "replace", "run", "send", "split", "state", "take", "then",
    "write",
];

/// Reasons by `CustomerService.get_customer`.
pub(super) fn handlers(code: &Code) -> BTreeMap<String, BTreeSet<&'static str>> {
    let walk = Walk::over(code);
    let mut found = BTreeMap::new();
    for (at, function) in code.functions.iter().enumerate() {
        if let Some(service) = &function.carries_out
            && service.ends_with("Service")
        {
            found.insert(format!("{service}.{}", function.name), walk.from(at));
        }
    }
    found
}

struct Walk<'a> {
    code: &'a Code,
    by_name: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Walk<'a> {
    fn over(code: &'a Code) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, function) in code.functions.iter().enumerate() {
            by_name.entry(&function.name).or_default().push(at);
        }
        Self { code, by_name }
    }

    fn from(&self, handler: usize) -> BTreeSet<&'static str> {
        let mut reasons = BTreeSet::new();
        let mut functions = BTreeSet::from([handler]);
        let mut variants = BTreeSet::new();
        let first = &self.code.functions[handler];
        let mut waiting: Vec<(&Function, &Named)> = vec![(first, &first.named)];
        while let Some((from, named)) = waiting.pop() {
            reasons.extend(named.reasons.iter().filter_map(|reason| published(reason)));
            let mut next = BTreeSet::new();
            for path in &named.paths {
                if let [.., kind, variant] = path.as_slice()
                    && let Some((within, inner)) =
                        self.code.variants.get(&(kind.clone(), variant.clone()))
                    && variants.insert((kind, variant))
                {
                    waiting.push((within, inner));
                }
                next.extend(self.path(&from.module, path));
            }
            for (receiver, method) in &named.methods {
                next.extend(self.method(from, receiver.as_deref(), method));
            }
            for at in next {
                if functions.insert(at) {
                    let function = &self.code.functions[at];
                    waiting.push((function, &function.named));
                }
            }
        }
        reasons
    }

    fn called(&self, name: &str) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn that(&self, name: &str, fits: impl Fn(&Function) -> bool) -> Vec<usize> {
        let all = self.called(name).iter().copied();
        all.filter(|at| fits(&self.code.functions[*at])).collect()
    }

    /// Functions that a path means where it is written in this module.
    fn path(&self, module: &Module, path: &[String]) -> Vec<usize> {
        let Some((name, before)) = path.split_last() else {
            return Vec::new();
        };
        if self.called(name).is_empty() {
            return Vec::new();
        }
        if let Some(kind) = before
            .last()
            .filter(|kind| kind.starts_with(char::is_uppercase))
        {
            return self.that(name, |function| function.owner.as_ref() == Some(kind));
        }
        let at = |full: &[String]| {
            let (name, place) = full.split_last()?;
            let found = self.that(name, |function| {
                function.owner.is_none() && function.module == place
            });
            (!found.is_empty()).then_some(found)
        };
        let full = self.full(module, path);
        // What is named there may be imported from somewhere else, and there again.
        let places = successors(Some(full.clone()), |full| self.through(full));
        if let Some(found) = places.take(1 + MOST_IMPORTS).find_map(|full| at(&full)) {
            return found;
        }
        let Some((name, place)) = full.split_last() else {
            return Vec::new();
        };
        if before.is_empty() && !self.imports(module, name) {
            return Vec::new();
        }
        // Passed on from a module below.
        self.that(name, |function| {
            function.owner.is_none() && function.module.starts_with(place)
        })
    }

    /// Where a path leads, one of whose modules is an import.
    fn through(&self, full: &[String]) -> Option<Vec<String>> {
        (1..full.len()).find_map(|at| {
            let (place, rest) = full.split_at(at);
            let place = place.to_vec();
            self.imports(&place, &rest[0])
                .then(|| self.full(&place, rest))
        })
    }

    fn imports(&self, module: &Module, name: &str) -> bool {
        let imports = self.code.imports.get(module);
        imports.is_some_and(|imports| imports.contains_key(name))
    }

    /// The path from the root of the crate.
    fn full(&self, module: &Module, path: &[String]) -> Vec<String> {
        let imported = path
            .first()
            .and_then(|first| self.code.imports.get(module)?.get(first));
        let path: Vec<String> = match imported {
            Some(import) => import.iter().chain(&path[1..]).cloned().collect(),
            None => path.to_vec(),
        };
        let root = || match module.first().map(String::as_str) {
            Some("kefu_service") => vec!["kefu_service".to_owned()],
            _ => Vec::new(),
        };
        let mut place = module.clone();
        let mut rest = path.as_slice();
        if rest.first().is_some_and(|first| first == "kefu_service") {
            return path;
        }
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => place = root(),
                "super" => {
                    place.pop();
                }
                "self" => {}
                _ => break,
            }
            rest = after;
        }
        place.extend(rest.iter().cloned());
        place
    }

    /// Methods of this name: of the receiver's type where that is known, else the few that there are.
    fn method(&self, from: &Function, receiver: Option<&[String]>, name: &str) -> Vec<usize> {
        let kind = receiver.and_then(|receiver| self.kind(from, receiver));
        if let Some(kind) = kind.filter(|kind| kind.len() > 1) {
            return self.that(name, |function| function.owner.as_deref() == Some(kind));
        }
        if OF_EVERYTHING.contains(&name) {
            return Vec::new();
        }
        let methods = self.that(name, |function| {
            function.owner.is_some() && from.may_call(function)
        });
        let traits: BTreeSet<_> = methods
            .iter()
            .map(|at| &self.code.functions[*at].carries_out)
            .collect();
        // What several types do for one trait is followed into all of them.
        let one_trait = traits.len() == 1 && !traits.contains(&None);
        match methods.len() <= FEW || one_trait {
            true => methods,
            false => Vec::new(),
        }
    }

    /// The type of `self.core.deps`, from the type that `self` is of.
    fn kind<'b>(&'b self, from: &'b Function, receiver: &[String]) -> Option<&'b str> {
        let (first, fields) = receiver.split_first()?;
        let constant = || {
            self.code
                .constants
                .get(&(from.module.clone(), first.clone()))
        };
        let named = from.receivers.get(first).or_else(constant);
        let mut kind = named?.as_str();
        for field in fields {
            kind = self.code.fields.get(&(kind.to_owned(), field.clone()))?;
        }
        Some(kind)
    }
}

/// The reason's name in the contract, where it is one that is said of single calls.
fn published(reason: &str) -> Option<&'static str> {
    let mut name = "REASON".to_owned();
    for letter in reason.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    let name = Reason::from_str_name(&name)?.as_str_name();
    let name = name.trim_start_matches("REASON_");
    let elsewhere =
        OF_EVERY_CALL.contains(&name) || BY_CONTRACT.contains(&name) || name == "UNSPECIFIED";
    (!elsewhere).then_some(name)
}
