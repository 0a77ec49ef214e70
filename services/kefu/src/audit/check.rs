//! The check itself: every row of the log, every node above it and every checkpoint are
//! worked out again, and the journals are held against it. Pure.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt, mem,
};

use kefu_access_control::domain::audit::Said;
use kefu_audit::{
    Checkpoint, CheckpointVerifier, Frontier, Hash, Leaf, NodeId, NoteError, leaf_hash, parts,
    range_root,
};
use kefu_contracts::access::{AuditEntry, ExportAuditLogResponse, ExportedEntry, ExportedNode};
use uuid::Uuid;

/// Something is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Finding {
    /// Bytes of an entry were changed in the log.
    Changed(i64),
    /// What an entry can be looked for by is not what it says.
    Relabelled(i64),
    /// An entry was taken out of the log.
    Removed(i64),
    /// An entry stands behind the end of the log.
    Added(i64),
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
    /// A subtree was taken out of the log, so that nothing below it can be proved.
    SubtreeRemoved {
        /// First entry below it.
        first: u64,
        /// Last entry below it.
        last: u64,
    },
    /// A checkpoint is not signed with the key, or is none.
    Forged(NoteError),
    /// A checkpoint stands where one of another size was.
    Replaced(u64),
    /// Two different logs were signed at this size: one is kept from before, or whoever
    /// holds the key rewrote the log and signed it again.
    SignedTwice(u64),
    /// The log is no longer what was signed at this size.
    Rewritten(u64),
    /// Of the entries that were signed the last are gone.
    Shortened {
        /// How many there are.
        left: u64,
        /// How many there were.
        signed: u64,
    },
    /// Of the entries that the log counts the last are gone; no checkpoint held them.
    Uncounted {
        /// How many there are.
        left: u64,
        /// How many it counts.
        counted: u64,
    },
    /// An entry of a journal is not what was collected.
    JournalChanged(Place),
    /// An entry was taken out of a journal.
    JournalRemoved(Place),
    /// An entry of a journal is not in the log, although later ones are.
    NotCollected(Place),
}

/// An entry of a journal, and where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
            Self::Added(seq) => write!(f, "entry {seq} was added behind the end of the log"),
            Self::Reordered(seq) => write!(f, "entry {seq} is not in its place"),
            Self::Subtree { first, last } => write!(
                f,
                "entries {first} to {last} are not what they hashed to: one was changed with its hash, or they changed places"
            ),
            Self::SubtreeRemoved { first, last } => {
                write!(f, "the subtree over entries {first} to {last} was removed")
            }
            Self::Replaced(size) => write!(
                f,
                "the checkpoint of {size} entries stands in the place of another"
            ),
            Self::SignedTwice(size) => write!(
                f,
                "the first {size} entries were signed twice, and differ: the log was rewritten and signed again"
            ),
            Self::Uncounted { left, counted } => write!(
                f,
                "entries from {left} on were removed: the log counts {counted}"
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

/// Most entries in a row that are told of as removed one by one.
const GAP: i64 = 10_000;

/// A subtree as it was worked out.
struct Made {
    hash: Hash,
    /// Whether the log has it too.
    seen: bool,
    /// Whether something below it is already told of.
    told: bool,
}

impl Made {
    fn new(hash: Hash, seen: bool) -> Self {
        let told = false;
        Self { hash, seen, told }
    }
}

/// A check under way.
pub struct Check {
    verifier: CheckpointVerifier,
    frontier: Frontier,
    /// How many entries the log says it has.
    counted: u64,
    nodes: HashMap<NodeId, Made>,
    /// Roots at the sizes that were signed.
    signed: BTreeMap<u64, Hash>,
    /// The note of the largest of them, of the log or kept from before.
    newest: Option<(u64, String)>,
    /// Size of the log's checkpoint that came last.
    before: Option<u64>,
    /// Place and hash of each entry, by its journal.
    collected: HashMap<String, BTreeMap<Cursor, (i64, Hash)>>,
    /// Subtrees that came before all entries below them.
    early: Vec<ExportedNode>,
    findings: Vec<Finding>,
    found: HashSet<Finding>,
}

impl Check {
    /// A check with the key that was handed out.
    pub fn new(verifier: CheckpointVerifier) -> Self {
        Self {
            verifier,
            frontier: Frontier::default(),
            counted: 0,
            nodes: HashMap::new(),
            signed: BTreeMap::new(),
            newest: None,
            before: None,
            collected: HashMap::new(),
            early: Vec::new(),
            findings: Vec::new(),
            found: HashSet::new(),
        }
    }

    /// Takes in the next stretch of the log.
    pub fn stretch(&mut self, stretch: &ExportAuditLogResponse) {
        self.counted = u64::try_from(stretch.size).unwrap_or_default();
        stretch.entries.iter().for_each(|row| self.entry(row));
        for node in mem::take(&mut self.early).iter().chain(&stretch.nodes) {
            self.node(node);
        }
        stretch
            .checkpoints
            .iter()
            .for_each(|note| self.checkpoint(note));
    }

    /// The next row of the log.
    fn entry(&mut self, row: &ExportedEntry) {
        let shown = row.entry.clone().unwrap_or_default();
        let (seq, hash) = (shown.seq, leaf_hash(&row.leaf));
        let expected = i64::try_from(self.frontier.size()).unwrap_or(i64::MAX);
        let counted = i64::try_from(self.counted).unwrap_or(i64::MAX);
        // A row so far away was moved there: what lacks it is told of by itself.
        if seq >= counted || seq.saturating_sub(expected) > GAP {
            self.find(Finding::Added(seq));
            return;
        }
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
        self.nodes.insert(at, Made::new(hash, true));
        for node in self.frontier.push(hash) {
            self.nodes.insert(node.id, Made::new(node.hash, false));
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

    /// A subtree, once all entries below it are in.
    fn node(&mut self, node: &ExportedNode) {
        let level = u8::try_from(node.level)
            .ok()
            .filter(|level| (1..63).contains(level));
        let index = u64::try_from(node.index).ok();
        let Some((level, index)) = level.zip(index) else {
            return;
        };
        let (first, size) = (index << level, 1 << level);
        let last = first + (size - 1);
        // Entries at the end of a stretch may be gone; where no others follow, the end of
        // the log is told of.
        if last >= self.frontier.size() {
            self.early.push(node.clone());
            return;
        }
        // Where one below it is wrong, so is this: the lowest says most.
        let below = level - 1;
        let told = [2 * index, 2 * index + 1].iter().any(|&index| {
            let child = self.nodes.get(&NodeId {
                level: below,
                index,
            });
            child.is_some_and(|made| made.told)
        });
        let Some(made) = self.nodes.get_mut(&NodeId { level, index }) else {
            return;
        };
        let wrong = made.hash[..] != node.hash[..];
        made.seen = true;
        made.told = told || wrong;
        if wrong && !told {
            self.find(Finding::Subtree { first, last });
        }
    }

    /// Takes in a checkpoint that was kept from before: whatever the log says, this is
    /// what it was.
    pub fn kept(&mut self, note: &str) {
        self.signed(note);
    }

    /// A checkpoint of the log; they come by size.
    fn checkpoint(&mut self, note: &str) {
        let Some(size) = self.signed(note) else {
            return;
        };
        if self.before.is_some_and(|before| size <= before) {
            self.find(Finding::Replaced(size));
        }
        self.before = self.before.max(Some(size));
    }

    fn signed(&mut self, note: &str) -> Option<u64> {
        let Checkpoint { size, root, .. } = match self.verifier.open(note) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                self.find(Finding::Forged(error));
                return None;
            }
        };
        if *self.signed.entry(size).or_insert(root) != root {
            self.find(Finding::SignedTwice(size));
        }
        if self
            .newest
            .as_ref()
            .is_none_or(|(newest, _)| *newest < size)
        {
            self.newest = Some((size, note.to_owned()));
        }
        Some(size)
    }

    /// The whole log is in: checks it against every checkpoint.
    pub fn log_ends(&mut self) {
        let left = self.frontier.size();
        let there = || self.signed.range(..=left);
        // The first says where; that the later ones do not hold either follows.
        let rewritten = there().find(|(size, root)| self.root_at(**size) != Some(**root));
        let rewritten = rewritten.map(|(size, _)| Finding::Rewritten(*size));
        let most = self.newest_size().filter(|signed| *signed > left);
        let counted = self.counted;
        let shortened = match most {
            Some(signed) => Some(Finding::Shortened { left, signed }),
            None => (counted > left).then_some(Finding::Uncounted { left, counted }),
        };
        let gone = self.unseen().map(|id| Finding::SubtreeRemoved {
            first: id.index << id.level,
            last: ((id.index + 1) << id.level) - 1,
        });
        let findings: Vec<_> = rewritten.into_iter().chain(shortened).chain(gone).collect();
        findings.into_iter().for_each(|finding| self.find(finding));
    }

    /// Subtrees that the log lacks, the first entries' first.
    fn unseen(&self) -> impl Iterator<Item = NodeId> {
        let unseen = self.nodes.iter().filter(|(_, made)| !made.seen);
        let mut unseen: Vec<NodeId> = unseen.map(|(id, _)| *id).collect();
        unseen.sort_by_key(|id| (id.index << id.level, id.level));
        unseen.into_iter()
    }

    fn root_at(&self, size: u64) -> Option<Hash> {
        let parts = parts(0, size);
        let hashes: Option<Vec<Hash>> = parts
            .iter()
            .map(|id| Some(self.nodes.get(id)?.hash))
            .collect();
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
    pub fn newest_size(&self) -> Option<u64> {
        self.newest.as_ref().map(|(size, _)| *size)
    }

    /// The note of the largest checkpoint, to be kept for the next time: never of a
    /// smaller log than the one kept before.
    pub fn newest(&self) -> Option<&str> {
        self.newest.as_ref().map(|(_, note)| note.as_str())
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
        if self.found.insert(finding.clone()) {
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

#[cfg(test)]
mod tests;
