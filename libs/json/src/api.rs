//! All methods, and which of them a request means.

use std::{collections::HashMap, sync::LazyLock};

use kefu_contracts::{DESCRIPTOR_SET, method};
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::{
    binding::{Binding, Verb},
    template::Path,
};

/// Most processes never speak JSON: they do not read the contracts for it.
static CONTRACTS: LazyLock<Result<Api, Vec<String>>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET);
    Api::read(pool.map_err(|error| vec![error.to_string()])?)
});

/// The public methods by where they are asked for.
#[derive(Debug)]
pub struct Api {
    pool: DescriptorPool,
    bindings: Vec<Binding>,
    /// Places in `bindings`, by collection.
    collections: HashMap<String, Vec<usize>>,
}

/// What a request means.
#[derive(Debug)]
pub enum Route<'a> {
    /// This call, with these values of fields from its path.
    Call(&'a Binding, Vec<(&'a str, String)>),
    /// The path is there, for these verbs.
    OtherVerbs(Vec<Verb>),
    /// There is no such path.
    Nothing,
}

impl Api {
    /// The bindings of the contracts, read when they are first asked for.
    ///
    /// # Errors
    /// What the contracts owe; a test sees to it that it is nothing.
    pub fn of_contracts() -> Result<&'static Self, &'static [String]> {
        CONTRACTS.as_ref().map_err(Vec::as_slice)
    }

    /// The bindings of these contracts.
    ///
    /// # Errors
    /// Public methods without exactly one valid binding, and bindings that collide.
    pub fn read(pool: DescriptorPool) -> Result<Self, Vec<String>> {
        let http = pool.get_extension_by_name("google.api.http");
        let http = http.ok_or_else(|| vec!["google.api.http is not among the contracts".into()])?;
        let mut owed = Vec::new();
        let mut bindings: Vec<Binding> = Vec::new();
        for one in pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            let Some(rule) = method(&path(&one)).filter(|rule| !rule.internal) else {
                if one.options().has_extension(&http) {
                    owed.push(format!("{}: internal, and has a binding", one.full_name()));
                }
                continue;
            };
            match Binding::read(one, rule, &http) {
                Ok(binding) => bindings.push(binding),
                Err(lines) => owed.extend(lines),
            }
        }
        owed.extend(collisions(&bindings));
        if !owed.is_empty() {
            return Err(owed);
        }
        let mut collections: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, binding) in bindings.iter().enumerate() {
            let collection = binding.template.collection().unwrap_or_default();
            collections
                .entry(collection.to_owned())
                .or_default()
                .push(at);
        }
        Ok(Self {
            pool,
            bindings,
            collections,
        })
    }

    /// The contracts.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Every public method, in the order of the contracts.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Which call it is; the path as it was sent, without its query.
    pub fn route(&self, verb: Option<Verb>, path: &str) -> Route<'_> {
        let Some(path) = Path::read(path) else {
            return Route::Nothing;
        };
        let near = path.collection().and_then(|one| self.collections.get(one));
        let mut others = Vec::new();
        for binding in near.into_iter().flatten().map(|at| &self.bindings[*at]) {
            let Some(values) = binding.template.matches(&path) else {
                continue;
            };
            if Some(binding.verb) == verb {
                return Route::Call(binding, values);
            }
            others.push(binding.verb);
        }
        if others.is_empty() {
            return Route::Nothing;
        }
        others.sort_unstable();
        Route::OtherVerbs(others)
    }
}

/// `/kefu.ticket.v1.TicketService/OpenTicket`
pub(crate) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn collisions(bindings: &[Binding]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, one) in bindings.iter().enumerate() {
        for two in &bindings[..at] {
            if one.verb == two.verb && one.template.overlaps(&two.template) {
                let (one, two) = (one.method.full_name(), two.method.full_name());
                found.push(format!("{one} and {two}: the same verb at the same path"));
            }
        }
    }
    found
}
