//! How large the log is and what it hashes to, signed: a note as c2sp.org/signed-note and
//! c2sp.org/tlog-checkpoint have it, so that other tools for such logs read it too.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::tree::Hash;

/// What begins a line with a signature: an em dash.
const MARK: &str = "\u{2014} ";
/// Ed25519, as signed notes number algorithms.
const ALGORITHM: u8 = 1;

/// The log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves in it.
    pub size: u64,
    /// Root of them.
    pub root: Hash,
}

/// Why a note is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum NoteError {
    /// Not a key.
    #[error("not a key for checkpoints")]
    Key,
    /// Not a checkpoint in a signed note.
    #[error("not a signed checkpoint")]
    Malformed,
    /// Of another log.
    #[error("checkpoint of another log")]
    Origin,
    /// Not signed with the key.
    #[error("checkpoint is not signed with the key")]
    Signature,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root)
        )
    }
}

/// Signs checkpoints of one log.
pub struct CheckpointKey {
    origin: String,
    pair: Ed25519KeyPair,
}

impl CheckpointKey {
    /// The key of this log (PKCS #8).
    ///
    /// # Errors
    /// When it is no Ed25519 key.
    pub fn from_pkcs8(origin: &str, pkcs8: &[u8]) -> Result<Self, NoteError> {
        Ok(Self {
            origin: origin.to_owned(),
            pair: Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| NoteError::Key)?,
        })
    }

    /// A signed note of the log at this size.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        };
        let text = checkpoint.text();
        let mut signature = key_hash(&self.origin, self.pair.public_key().as_ref()).to_vec();
        signature.extend(self.pair.sign(text.as_bytes()).as_ref());
        format!(
            "{text}\n{MARK}{} {}\n",
            self.origin,
            STANDARD.encode(signature)
        )
    }

    /// What checks its notes.
    pub fn verifier(&self) -> CheckpointVerifier {
        CheckpointVerifier {
            origin: self.origin.clone(),
            public: self.pair.public_key().as_ref().to_vec(),
        }
    }

    /// The same as text, to be handed out: `origin+hash+key`.
    pub fn verifier_text(&self) -> String {
        let public = self.pair.public_key().as_ref();
        let hash = key_hash(&self.origin, public);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = STANDARD.encode([&[ALGORITHM], public].concat());
        format!("{}+{hash}+{key}", self.origin)
    }
}

/// Checks the checkpoints of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointVerifier {
    origin: String,
    public: Vec<u8>,
}

impl CheckpointVerifier {
    /// From the text that [`CheckpointKey::verifier_text`] gives.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn from_text(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (origin, hash, key) = (parts.next(), parts.next(), parts.next());
        let (origin, hash) = origin.zip(hash).ok_or(NoteError::Key)?;
        let key = STANDARD
            .decode(key.ok_or(NoteError::Key)?)
            .map_err(|_| NoteError::Key)?;
        let Some((&ALGORITHM, public)) = key.split_first() else {
            return Err(NoteError::Key);
        };
        let own: String = key_hash(origin, public)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let right = own == hash && public.len() == 32 && !origin.is_empty();
        right.then_some(()).ok_or(NoteError::Key)?;
        Ok(Self {
            origin: origin.to_owned(),
            public: public.to_vec(),
        })
    }

    /// The checkpoint of a note, if the key signed it. Signatures of others are passed
    /// over, as witnesses may add theirs.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (body, signatures) = note.split_once("\n\n").ok_or(NoteError::Malformed)?;
        let mut lines = body.split('\n');
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let number = size.filter(|size| *size == "0" || !size.starts_with(['0', '+']));
        let checkpoint = Checkpoint {
            origin: origin.ok_or(NoteError::Malformed)?.to_owned(),
            size: number
                .and_then(|size| size.parse().ok())
                .ok_or(NoteError::Malformed)?,
            root: root
                .and_then(|root| STANDARD.decode(root).ok())
                .and_then(|root| Hash::try_from(root).ok())
                .ok_or(NoteError::Malformed)?,
        };
        if checkpoint.origin != self.origin {
            return Err(NoteError::Origin);
        }
        let signed = format!("{body}\n");
        let mut signatures = signatures.lines().filter_map(|line| self.signature(line));
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        let signed = signatures.any(|signature| key.verify(signed.as_bytes(), &signature).is_ok());
        signed.then_some(checkpoint).ok_or(NoteError::Signature)
    }

    /// The signature of a line, where it is one of our key.
    fn signature(&self, line: &str) -> Option<Vec<u8>> {
        let (name, signature) = line.strip_prefix(MARK)?.rsplit_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        let (hash, signature) = signature.split_at_checked(4)?;
        let ours = name == self.origin && hash == key_hash(&self.origin, &self.public);
        ours.then(|| signature.to_vec())
    }
}

/// First four bytes of SHA-256 over name, algorithm and key.
fn key_hash(origin: &str, public: &[u8]) -> [u8; 4] {
    let text = [origin.as_bytes(), b"\n", &[ALGORITHM], public].concat();
    let mut hash = [0; 4];
    hash.copy_from_slice(&digest(&SHA256, &text).as_ref()[..4]);
    hash
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use proptest::prelude::*;

    use super::*;

    fn key(origin: &str) -> CheckpointKey {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        CheckpointKey::from_pkcs8(origin, pkcs8.as_ref()).unwrap()
    }

    fn verifier(key: &CheckpointKey) -> CheckpointVerifier {
        CheckpointVerifier::from_text(&key.verifier_text()).unwrap()
    }

    #[test]
    fn what_is_signed_is_what_is_read() {
        let key = key("kefu.example/audit");
        let note = key.sign(7, [3; 32]);
        let checkpoint = Checkpoint {
            origin: "kefu.example/audit".into(),
            size: 7,
            root: [3; 32],
        };
        assert_eq!(verifier(&key).open(&note), Ok(checkpoint));
        assert!(note.starts_with("kefu.example/audit\n7\nAwMD"), "{note}");
        let witnessed = format!("{note}{MARK}witness.example AAAAAAAA\n");
        assert!(verifier(&key).open(&witnessed).is_ok());
    }

    #[test]
    fn other_keys_other_logs_and_other_texts_are_refused() {
        let (one, other) = (key("one"), key("other"));
        let again = key("one");
        let note = one.sign(7, [3; 32]);
        assert_eq!(verifier(&other).open(&note), Err(NoteError::Origin));
        assert_eq!(verifier(&again).open(&note), Err(NoteError::Signature));
        for bad in [
            "",
            "one\n7\n",
            "one\n07\nAA==\n\n",
            &note.replace("\n7\n", "\n+7\n"),
        ] {
            assert_eq!(verifier(&one).open(bad), Err(NoteError::Malformed), "{bad}");
        }
        for bad in [
            "",
            "one",
            "one+00000000+AA==",
            &one.verifier_text().replace("one+", "two+"),
        ] {
            assert_eq!(
                CheckpointVerifier::from_text(bad),
                Err(NoteError::Key),
                "{bad}"
            );
        }
        assert!(CheckpointKey::from_pkcs8("one", b"no key").is_err());
    }

    proptest! {
        #[test]
        fn no_changed_byte_is_believed(at in any::<prop::sample::Index>(), to in any::<u8>(), size in any::<u64>()) {
            let key = key("log");
            let mut note = key.sign(size, [9; 32]).into_bytes();
            let body = note.windows(2).position(|two| two == b"\n\n").unwrap() + 1;
            let place = at.index(body);
            prop_assume!(note[place] != to);
            note[place] = to;
            if let Ok(text) = String::from_utf8(note) {
                prop_assert!(verifier(&key).open(&text).is_err());
            }
        }
    }
}
