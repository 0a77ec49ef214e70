//! The check itself: every row of the log, every node above it and every checkpoint are
//! worked out again, and the journals are held against it. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use kefu_access_control::domain::audit::Said;
use kefu_audit::{
    CheckpointVerifier, Frontier, Hash, Leaf, NodeId, NoteError, leaf_hash, parts, range_root,
};
use kefu_contracts::access::{AuditEntry, ExportedEntry, ExportedNode};
use uuid::Uuid;

/// Something is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Bytes of an entry were changed in the log.
    Changed(i64),
    /// What an entry can be looked for by is not what it says.
    Relabelled(i64),
    /// An entry was taken out of the log.
    Removed(i64),
    /// An entry stands before one of the same journal that was written earlier.
    Reordered(i64),
    /// A subtree is not made of the entries below it: one of them was changed together
    /// with its hash, or changed places.
    Subtree {
        /// First entry below it.
        first: u64,
        /// Last entry below it.
        last: u64,
    },
    /// A checkpoint is not signed with the key, or is none.
    Forged(NoteError),
    /// The log is no longer what was signed at this size.
    Rewritten(u64),
    /// Of the entries that were signed the last are gone.
    Shortened {
        /// How many there are.
        left: u64,
        /// How many there were.
        signed: u64,
    },
    /// An entry of a journal is not what was collected.
    JournalChanged(Place),
    /// An entry was taken out of a journal.
    JournalRemoved(Place),
    /// An entry of a journal is not in the log, although later ones are.
    NotCollected(Place),
}

/// An entry of a journal, and where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `ticket`
    pub service: String,
    /// Position in its journal.
    pub position: i64,
    /// Place in the log, where it has one.
    pub seq: Option<i64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal of {}, position {}", self.service, self.position)?;
        self.seq.map_or(Ok(()), |seq| write!(f, " (entry {seq})"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "entry {seq} was changed in the log"),
            Self::Relabelled(seq) => {
                write!(f, "entry {seq} is listed as something else than it says")
            }
            Self::Removed(seq) => write!(f, "entry {seq} was removed from the log"),
            Self::Reordered(seq) => write!(f, "entry {seq} is not in its place"),
            Self::Subtree { first, last } => write!(
                f,
                "entries {first} to {last} are not what they hashed to: one was changed with its hash, or they changed places"
            ),
            Self::Forged(error) => write!(f, "a checkpoint is not believed: {error}"),
            Self::Rewritten(size) => write!(f, "the first {size} entries are not what was signed"),
            Self::Shortened { left, signed } => {
                write!(
                    f,
                    "entries from {left} on were removed: {signed} were signed"
                )
            }
            Self::JournalChanged(place) => write!(f, "{place}: was changed after it was collected"),
            Self::JournalRemoved(place) => write!(f, "{place}: was removed after it was collected"),
            Self::NotCollected(place) => {
                write!(
                    f,
                    "{place}: is not in the log; removed there, or added here afterwards"
                )
            }
        }
    }
}

type Cursor = (u64, i64);

/// A check under way.
pub struct Check {
    verifier: CheckpointVerifier,
    frontier: Frontier,
    /// Subtrees as they are worked out.
    nodes: HashMap<NodeId, Hash>,
    /// Roots at the sizes that were signed.
    signed: BTreeMap<u64, Hash>,
    /// Place and hash of each entry, by its journal.
    collected: HashMap<String, BTreeMap<Cursor, (i64, Hash)>>,
    findings: Vec<Finding>,
}

impl Check {
    /// A check with the key that was handed out.
    pub fn new(verifier: CheckpointVerifier) -> Self {
        Self {
            verifier,
            frontier: Frontier::default(),
            nodes: HashMap::new(),
            signed: BTreeMap::new(),
            collected: HashMap::new(),
            findings: Vec::new(),
        }
    }

    /// Takes in the next row of the log.
    pub fn entry(&mut self, row: &ExportedEntry) {
        let shown = row.entry.clone().unwrap_or_default();
        let (seq, hash) = (shown.seq, leaf_hash(&row.leaf));
        let expected = i64::try_from(self.frontier.size()).unwrap_or(i64::MAX);
        for missing in expected..seq {
            self.find(Finding::Removed(missing));
            // Its place is kept, so that what follows is checked where it stands.
            self.push([0; 32]);
        }
        if row.leaf_hash != hash {
            self.find(Finding::Changed(seq));
        }
        match Leaf::from_bytes(&row.leaf) {
            Ok(leaf) => self.leaf(&shown, &leaf, hash),
            Err(_) => self.find(Finding::Changed(seq)),
        }
        // The subtrees stand on what was hashed when it was collected.
        self.push(Hash::try_from(row.leaf_hash.as_slice()).unwrap_or(hash));
    }

    fn push(&mut self, hash: Hash) {
        let at = NodeId {
            level: 0,
            index: self.frontier.size(),
        };
        self.nodes.insert(at, hash);
        for node in self.frontier.push(hash) {
            self.nodes.insert(node.id, node.hash);
        }
    }

    fn leaf(&mut self, shown: &AuditEntry, leaf: &Leaf, hash: Hash) {
        if !says(shown, leaf) {
            self.find(Finding::Relabelled(shown.seq));
        }
        let cursor = cursor(leaf);
        let journal = self.collected.entry(leaf.service.clone()).or_default();
        let later = journal
            .last_key_value()
            .is_some_and(|(last, _)| *last >= cursor);
        journal.insert(cursor, (shown.seq, hash));
        if later {
            self.find(Finding::Reordered(shown.seq));
        }
    }

    /// Takes in a subtree, once all entries below it are in.
    pub fn node(&mut self, node: &ExportedNode) {
        let level = u8::try_from(node.level).ok().filter(|level| *level < 63);
        let index = u64::try_from(node.index).ok();
        let Some((level, index)) = level.zip(index) else {
            return;
        };
        let (first, size) = (index << level, 1 << level);
        let last = first + (size - 1);
        // What stands on entries that are gone is told of by what was signed.
        if last >= self.frontier.size() {
            return;
        }
        let known = self.nodes.get(&NodeId { level, index });
        let same = known.is_some_and(|hash| hash[..] == node.hash[..]);
        // Where one below it is wrong, so is this: the lowest says most.
        let told = self.findings.iter().any(|finding| {
            matches!(finding, Finding::Subtree { first: f, last: l } if first <= *f && *l <= last)
        });
        if !same && !told {
            self.find(Finding::Subtree { first, last });
        }
    }

    /// Takes in a signed note.
    pub fn checkpoint(&mut self, note: &str) {
        match self.verifier.open(note) {
            Ok(checkpoint) => {
                self.signed.insert(checkpoint.size, checkpoint.root);
            }
            Err(error) => self.find(Finding::Forged(error)),
        }
    }

    /// The whole log is in: checks it against every checkpoint.
    pub fn log_ends(&mut self) {
        let left = self.frontier.size();
        let there = || self.signed.range(..=left);
        // The first says where; that the later ones do not hold either follows.
        let rewritten = there().find(|(size, root)| self.root_at(**size) != Some(**root));
        let rewritten = rewritten.map(|(size, _)| Finding::Rewritten(*size));
        let signed = self.signed().filter(|signed| *signed > left);
        let shortened = signed.map(|signed| Finding::Shortened { left, signed });
        rewritten
            .into_iter()
            .chain(shortened)
            .for_each(|finding| self.find(finding));
    }

    fn root_at(&self, size: u64) -> Option<Hash> {
        let parts = parts(0, size);
        let hashes: Option<Vec<Hash>> =
            parts.iter().map(|id| self.nodes.get(id).copied()).collect();
        Some(range_root(&hashes?))
    }

    /// Holds a journal as it is now against what was collected of it.
    pub fn journal(&mut self, service: &str, leaves: &[Vec<u8>]) {
        let mut collected = self.collected.remove(service).unwrap_or_default();
        let newest = collected.last_key_value().map(|(cursor, _)| *cursor);
        let place = |cursor: Cursor, seq| Place {
            service: service.to_owned(),
            position: cursor.1,
            seq,
        };
        let mut findings = Vec::new();
        for bytes in leaves {
            let Ok(leaf) = Leaf::from_bytes(bytes) else {
                continue;
            };
            let cursor = cursor(&leaf);
            match collected.remove(&cursor) {
                Some((_, hash)) if hash == leaf_hash(bytes) => {}
                Some((seq, _)) => findings.push(Finding::JournalChanged(place(cursor, Some(seq)))),
                // What came after is not collected yet.
                None if newest.is_none_or(|newest| newest < cursor) => {}
                None => findings.push(Finding::NotCollected(place(cursor, None))),
            }
        }
        let removed = collected.into_iter();
        findings.extend(
            removed.map(|(cursor, (seq, _))| Finding::JournalRemoved(place(cursor, Some(seq)))),
        );
        self.findings.extend(findings);
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The size that was signed last.
    pub fn signed(&self) -> Option<u64> {
        self.signed.last_key_value().map(|(size, _)| *size)
    }

    /// How many checkpoints held.
    pub fn checkpoints(&self) -> usize {
        self.signed.len()
    }

    /// Everything that is not as it was, in the order it was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn find(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

fn cursor(leaf: &Leaf) -> Cursor {
    let cursor = leaf.entry.cursor.unwrap_or_default();
    (cursor.transaction_id, cursor.position)
}

/// Whether a row is listed as what its leaf says.
fn says(shown: &AuditEntry, leaf: &Leaf) -> bool {
    let (entry, said) = (&leaf.entry, Said::by(leaf));
    let named = |collection: &str, id: &[u8]| {
        Uuid::from_slice(id)
            .map(|id| format!("{collection}/{id}"))
            .unwrap_or_default()
    };
    let grants: Vec<String> = said
        .grants
        .iter()
        .map(|id| format!("shares/{id}"))
        .collect();
    *shown
        == AuditEntry {
            seq: shown.seq,
            service: leaf.service.clone(),
            record_time: entry.recorded_at,
            actor: named("employees", &entry.actor_id),
            purpose: entry.purpose,
            kind: entry.kind,
            resource: entry.resource.clone(),
            customer: named("customers", &entry.customer_id),
            r#type: entry.r#type.clone(),
            method: said.method,
            permission: said.permission,
            reason: said.reason,
            cleared: said.cleared,
            grants,
        }
}
