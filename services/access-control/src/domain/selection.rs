//! Files by rule instead of by name (CF-6.2).

use uuid::Uuid;

/// A rule that selects files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Comparisons that all have to hold, as customer-profile writes them: in order, each
    /// once.
    pub comparisons: Vec<String>,
    /// Most files it may select.
    pub most: usize,
    /// Where it came from, if it was saved before; says nothing of what it selects.
    pub saved: Option<Saved>,
}

/// A version of a saved selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Of the selection.
    pub id: Uuid,
    /// From 1 on.
    pub version: i32,
}

impl Selection {
    /// Whether it selects nothing that the other does not select, whatever the files are.
    /// What could be known from the files alone is not asked: they change.
    pub fn is_within(&self, wider: &Self) -> bool {
        let all = &self.comparisons;
        self.most <= wider.most && wider.comparisons.iter().all(|one| all.contains(one))
    }

    /// As lists take it.
    pub fn filter(&self) -> String {
        self.comparisons.join(" AND ")
    }
}
