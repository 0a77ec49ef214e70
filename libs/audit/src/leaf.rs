//! A journal entry as the bytes that are hashed.
//!
//! The bytes are a version, the service's name with its length, and the entry as the
//! contract encodes it. Protobuf promises no canonical form in general; this one is: prost
//! writes fields in the order of their numbers, leaves out what is at its default, and
//! the messages of `kefu.journal.v1` hold no maps. What a leaf was made of is read back
//! from it, so that nobody has to encode an old entry again.

use kefu_contracts::journal::Entry;
use prost::Message;
use thiserror::Error;

/// First byte of each leaf.
const VERSION: u8 = 1;

/// An entry, and whose journal it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// `ticket`
    pub service: String,
    /// The entry, with its cursor.
    pub entry: Entry,
}

/// Bytes that no leaf has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a leaf of an audit log")]
pub struct NotALeaf;

impl Leaf {
    /// The bytes that are hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u8::try_from(self.service.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![VERSION, length];
        bytes.extend(self.service.bytes().take(usize::from(length)));
        bytes.extend(self.entry.encode_to_vec());
        bytes
    }

    /// Reads a leaf.
    ///
    /// # Errors
    /// When these are not the bytes of one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotALeaf> {
        let [VERSION, length, rest @ ..] = bytes else {
            return Err(NotALeaf);
        };
        let (service, entry) = rest
            .split_at_checked(usize::from(*length))
            .ok_or(NotALeaf)?;
        Ok(Self {
            service: String::from_utf8(service.to_vec()).map_err(|_| NotALeaf)?,
            entry: Entry::decode(entry).map_err(|_| NotALeaf)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::journal::Cursor;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_leaf_is_read_back_as_it_was(
            service in "[a-z-]{0,30}", resource in ".{0,20}", position in 0..i64::MAX, actor in any::<[u8; 16]>(),
        ) {
            let entry = Entry {
                cursor: Some(Cursor { transaction_id: 7, position }),
                resource,
                actor_id: actor.to_vec(),
                ..Entry::default()
            };
            let leaf = Leaf { service, entry };
            prop_assert_eq!(Leaf::from_bytes(&leaf.to_bytes()), Ok(leaf));
        }

        #[test]
        fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Leaf::from_bytes(&bytes);
        }
    }

    #[test]
    fn two_services_have_no_leaf_in_common() {
        let of = |service: &str| {
            Leaf {
                service: service.into(),
                entry: Entry::default(),
            }
            .to_bytes()
        };
        assert_ne!(of("ticket"), of("ticke"));
        assert_eq!(Leaf::from_bytes(&[]), Err(NotALeaf));
        assert_eq!(Leaf::from_bytes(&[2, 0]), Err(NotALeaf));
        assert_eq!(Leaf::from_bytes(&[1, 9, b'x']), Err(NotALeaf));
    }
}
