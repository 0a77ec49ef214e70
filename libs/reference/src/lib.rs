//! The API reference in `docs/reference`: a page for each package of the contracts, in Markdown.
//!
//! What it says comes from where it is decided: comments and options of the contracts, the shipped
//! roles, and for refusals the code of the services, as nothing else knows them all
//! ([`refusals`]). `make reference` writes the pages; a test holds them current.

mod contract;
mod example;
mod index;
mod message;
mod method;
mod page;
mod posts;
pub mod refusals;
mod text;

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;

pub use contract::{Contract, Rpc};
pub use example::Example;
pub use posts::Posts;

use refusals::Refusals;

/// Where the pages lie, from the root of the project.
pub const FOLDER: &str = "docs/reference";

/// Whatever pages are written from.
pub struct Sources {
    /// The contracts.
    pub contract: Contract,
    /// Who may call what.
    pub posts: Posts,
    refusals: Refusals,
}

impl Sources {
    /// Reads them.
    ///
    /// # Errors
    /// When a source is not there or cannot be read; says which.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let contract = Contract::read()?;
        let posts = Posts::read(&root.join("services/access-control"))?;
        let refusals = Refusals::read(root).context("the services' code")?;
        Ok(Self {
            contract,
            posts,
            refusals,
        })
    }

    /// What the services' code refuses with.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Every page by the name of its file.
    pub fn pages(&self) -> BTreeMap<String, String> {
        let mut pages: BTreeMap<String, String> = self
            .contract
            .packages()
            .iter()
            .map(|package| (page::file(package), page::write(self, package)))
            .collect();
        pages.insert("README.md".to_owned(), index::write(self));
        pages
    }

    /// A call of this RPC as it may be typed.
    pub fn example(&self, rpc: &Rpc) -> Example {
        Example::of(self, rpc)
    }
}
