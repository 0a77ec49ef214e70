use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use kefu_audit::CheckpointKey;
use kefu_contracts::journal::{Cursor, Entry};
use proptest::prelude::*;

use super::*;

/// A log as access-control exports it, to be spoilt.
struct Log {
    key: CheckpointKey,
    message: ExportAuditLogResponse,
}

fn leaf(position: i64) -> Leaf {
    let entry = Entry {
        cursor: Some(Cursor {
            transaction_id: 7,
            position,
        }),
        resource: format!("tickets/{position}"),
        ..Entry::default()
    };
    Leaf {
        service: "ticket".into(),
        entry,
    }
}

fn row(seq: i64, leaf: &Leaf) -> ExportedEntry {
    let bytes = leaf.to_bytes();
    ExportedEntry {
        entry: Some(AuditEntry {
            seq,
            service: leaf.service.clone(),
            resource: leaf.entry.resource.clone(),
            ..AuditEntry::default()
        }),
        leaf_hash: leaf_hash(&bytes).to_vec(),
        leaf: bytes,
    }
}

impl Log {
    /// A log of so many entries, signed at these sizes.
    fn new(size: i64, signed: &[i64]) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let mut log = Self {
            key: CheckpointKey::from_pkcs8("log", pkcs8.as_ref()).unwrap(),
            message: ExportAuditLogResponse::default(),
        };
        log.write(0..size, signed);
        log
    }

    /// Written by whoever holds the key: entries, nodes and checkpoints agree.
    fn write(&mut self, positions: impl IntoIterator<Item = i64>, signed: &[i64]) {
        let mut frontier = Frontier::default();
        let mut message = ExportAuditLogResponse::default();
        for (seq, position) in positions.into_iter().enumerate() {
            let row = row(seq as i64, &leaf(position));
            for node in frontier.push(leaf_hash(&row.leaf)) {
                message.nodes.push(ExportedNode {
                    level: node.id.level.into(),
                    index: node.id.index as i64,
                    hash: node.hash.to_vec(),
                });
            }
            message.entries.push(row);
            if signed.contains(&(frontier.size() as i64)) {
                let note = self.key.sign(frontier.size(), frontier.root());
                message.checkpoints.push(note);
            }
        }
        message.size = frontier.size() as i64;
        self.message = message;
    }

    /// Checked in stretches of so many places.
    fn check_by(&self, places: i64, kept: Option<&str>) -> Check {
        let verifier = self.key.verifier();
        let mut check = Check::new(verifier.clone());
        kept.into_iter().for_each(|note| check.kept(note));
        let size_of = |note: &String| verifier.open(note).map_or(0, |note| note.size as i64);
        let (mut from, end) = (0, self.message.size.max(1));
        while from < end {
            let until = from + places;
            // What is beyond comes last.
            let here = |place: i64| place >= from && (place < until || until >= end);
            let mut stretch = self.message.clone();
            stretch
                .entries
                .retain(|row| here(row.entry.as_ref().unwrap().seq));
            stretch
                .nodes
                .retain(|node| here(((node.index + 1) << node.level) - 1));
            stretch
                .checkpoints
                .retain(|note| here((size_of(note) - 1).max(0)));
            check.stretch(&stretch);
            from = until;
        }
        check.log_ends();
        check
    }

    fn findings(&self) -> Vec<Finding> {
        self.check_by(500, None).findings().to_vec()
    }

    fn spoilt(&mut self, spoil: impl FnOnce(&mut ExportAuditLogResponse)) -> Vec<Finding> {
        let whole = self.message.clone();
        spoil(&mut self.message);
        let findings = self.findings();
        self.message = whole;
        findings
    }
}

proptest! {
    #[test]
    fn an_untouched_log_is_whole_however_it_comes(
        size in 1..70_i64, signed in 1..70_i64, places in 1..20_i64,
    ) {
        let check = Log::new(size, &[signed, size]).check_by(places, None);
        prop_assert_eq!(check.findings(), []);
        prop_assert_eq!(check.newest_size(), Some(size as u64));
    }

    #[test]
    fn an_entry_that_is_gone_is_named_and_no_other_as_gone(
        size in 3..70_i64, gone in any::<prop::sample::Index>(), places in 1..20_i64,
    ) {
        let mut log = Log::new(size, &[size]);
        let gone = gone.index(size as usize - 1);
        log.message.entries.remove(gone);
        let check = log.check_by(places, None);
        let lacks = |found: &&Finding| {
            matches!(found, Finding::Removed(_) | Finding::SubtreeRemoved { .. } | Finding::Shortened { .. })
        };
        let named: Vec<_> = check.findings().iter().filter(lacks).cloned().collect();
        prop_assert_eq!(named, [Finding::Removed(gone as i64)]);
    }

    #[test]
    fn any_changed_bit_is_found(
        size in 2..40_i64, row in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0..8,
    ) {
        let mut log = Log::new(size, &[size]);
        let row = row.index(size as usize);
        let change = |bytes: &mut Vec<u8>| {
            let place = byte.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
        };
        let changed = Finding::Changed(row as i64);
        prop_assert!(log.spoilt(|log| change(&mut log.entries[row].leaf)).contains(&changed));
        prop_assert!(log.spoilt(|log| change(&mut log.entries[row].leaf_hash)).contains(&changed));
        let nodes = log.message.nodes.len();
        let node = row % nodes;
        prop_assert!(!log.spoilt(|log| change(&mut log.nodes[node].hash)).is_empty());
        let rewritten = log.spoilt(|log| {
            change(&mut log.entries[row].leaf);
            log.entries[row].leaf_hash = leaf_hash(&log.entries[row].leaf).to_vec();
        });
        prop_assert!(rewritten.contains(&Finding::Rewritten(size as u64)));
    }
}

/// Who holds the key can sign a second log; the first was kept.
#[test]
fn a_log_that_is_rewritten_and_signed_again_is_found_by_what_was_kept() {
    let mut log = Log::new(9, &[6]);
    let kept = log.message.checkpoints[0].clone();
    log.write([0, 1, 3, 4, 5, 6, 7, 8, 9], &[6, 9]);
    assert_eq!(log.findings(), [], "by itself it cannot be told");
    let check = log.check_by(500, Some(&kept));
    let expected = [Finding::SignedTwice(6), Finding::Rewritten(6)];
    assert_eq!(check.findings(), expected);
}

/// What is kept for the next time never becomes an earlier log.
#[test]
fn what_is_kept_does_not_go_back() {
    let mut log = Log::new(9, &[4, 8]);
    let (early, late) = (
        log.message.checkpoints[0].clone(),
        log.message.checkpoints.pop().unwrap(),
    );
    let check = log.check_by(500, Some(&late));
    assert_eq!(check.findings(), []);
    assert_eq!(check.newest(), Some(late.as_str()));
    assert_ne!(early, late);
    log.write(0..5, &[4]);
    let shortened = Finding::Shortened { left: 5, signed: 8 };
    let check = log.check_by(500, Some(&late));
    assert_eq!(check.findings(), [shortened]);
}

#[test]
fn a_log_that_is_made_shorter_is_found_by_its_own_checkpoints() {
    let mut log = Log::new(9, &[4, 8]);
    let late = log.message.checkpoints.pop().unwrap();
    log.write(0..5, &[4]);
    log.message.checkpoints.push(late);
    let shortened = Finding::Shortened { left: 5, signed: 8 };
    assert_eq!(log.findings(), [shortened]);
}

#[test]
fn what_is_taken_out_put_in_or_put_elsewhere_is_named() {
    let mut log = Log::new(9, &[4, 8]);
    let unsigned = log.spoilt(|log| drop(log.entries.pop()));
    let uncounted = Finding::Uncounted {
        left: 8,
        counted: 9,
    };
    assert_eq!(unsigned, [uncounted]);
    let added = log.spoilt(|log| log.entries.push(row(9, &leaf(9))));
    assert_eq!(added, [Finding::Added(9)]);
    let far = 1 << 60;
    let moved = log.spoilt(|log| log.entries[8].entry.as_mut().unwrap().seq = far);
    assert!(moved.contains(&Finding::Added(far)), "{moved:?}");
    let node = log.spoilt(|log| drop(log.nodes.remove(2)));
    assert_eq!(node, [Finding::SubtreeRemoved { first: 0, last: 3 }]);
    let note = log.spoilt(|log| log.checkpoints[1] = log.checkpoints[0].clone());
    assert_eq!(note, [Finding::Replaced(4)]);
    let forged = log.spoilt(|log| log.checkpoints[0] = "none".into());
    assert_eq!(forged, [Finding::Forged(NoteError::Malformed)]);
}
