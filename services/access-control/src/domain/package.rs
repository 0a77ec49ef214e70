//! A package: lines of JSON, encrypted with age (age-encryption.org/v1) as they come, so
//! that memory is bounded whatever the size. Pure but for the randomness that age takes
//! from the operating system by itself.
//!
//! | line   | carries                                                          |
//! |--------|------------------------------------------------------------------|
//! | first  | `_kefu`: share, receiver, purpose, classes, period, files        |
//! | record | `_kefu`: share, receiver, row, mark; its type; the record        |
//! | last   | `_kefu`: records of each kind, SHA-256 of all lines before       |

use std::{
    io::{self, Write},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use age::{Encryptor, Recipient, scrypt, secrecy::SecretString, stream::StreamWriter, x25519};
use aws_lc_rs::digest::{Context, SHA256};
use kefu_vault::IndexKey;
use uuid::Uuid;

/// Shortest and longest passphrase, in characters.
pub const PASSPHRASE: std::ops::RangeInclusive<usize> = 12..=256;
/// Bytes of a chunk, as it is stored and sent.
pub const CHUNK: usize = 128 * 1024;

/// To whom a package is encrypted.
#[derive(Clone)]
pub enum Key {
    /// A public key of the receiver's.
    Recipient(x25519::Recipient),
    /// A secret of the receiver's; in memory alone.
    Passphrase(SecretString),
}

impl Key {
    /// An age X25519 recipient.
    pub fn recipient(text: &str) -> Option<Self> {
        x25519::Recipient::from_str(text).ok().map(Self::Recipient)
    }

    /// A passphrase of a length that is taken.
    pub fn passphrase(text: &str) -> Option<Self> {
        let fits = PASSPHRASE.contains(&text.chars().count());
        fits.then(|| Self::Passphrase(SecretString::from(text.to_owned())))
    }

    /// What may be kept of it.
    pub fn public(&self) -> Option<String> {
        match self {
            Self::Recipient(recipient) => Some(recipient.to_string()),
            Self::Passphrase(_) => None,
        }
    }
}

/// A package in the making.
pub struct Package {
    writer: StreamWriter<Buffer>,
    buffer: Buffer,
    lines: Context,
}

impl Package {
    /// Begins one. Costly for passphrases: `work_factor` is the base-2 logarithm of
    /// scrypt's N, which takes 2^(work_factor + 10) bytes while it runs.
    ///
    /// # Errors
    /// When age does not take the key.
    pub fn new(key: &Key, work_factor: u8) -> io::Result<Self> {
        let passphrase;
        let recipient: &dyn Recipient = match key {
            Key::Recipient(recipient) => recipient,
            Key::Passphrase(secret) => {
                let mut of = scrypt::Recipient::new(secret.clone());
                of.set_work_factor(work_factor);
                passphrase = of;
                &passphrase
            }
        };
        let encryptor =
            Encryptor::with_recipients(std::iter::once(recipient)).map_err(io::Error::other)?;
        let buffer = Buffer::default();
        Ok(Self {
            writer: encryptor.wrap_output(buffer.clone())?,
            buffer,
            lines: Context::new(&SHA256),
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// None that happen: it is written to memory.
    pub fn line(&mut self, value: &serde_json::Value) -> io::Result<()> {
        let line = format!("{value}\n");
        self.lines.update(line.as_bytes());
        self.writer.write_all(line.as_bytes())
    }

    /// SHA-256 of the lines so far, in hexadecimal digits.
    pub fn digest(&self) -> String {
        hex(self.lines.clone().finish().as_ref())
    }

    /// A chunk of what is encrypted, once there is a whole one.
    pub fn chunk(&self) -> Option<Vec<u8>> {
        let mut bytes = self.buffer.lock();
        (bytes.len() >= CHUNK).then(|| bytes.drain(..CHUNK).collect())
    }

    /// Ends it, and gives what is left.
    ///
    /// # Errors
    /// None that happen.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.writer.finish()?;
        Ok(std::mem::take(&mut *self.buffer.lock()))
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The mark of a record in an export: a MAC under the suite's index key, 32 hexadecimal
/// digits. Not under the package's own key: that one is destroyed with the package, and
/// a row that turns up later has to be told apart all the same.
pub fn mark(key: &IndexKey, export: Uuid, record: &str) -> String {
    let value = format!("{export}/{record}");
    hex(&key.blind("access.export", "mark", &value).to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use age::{Decryptor, Identity};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn packed(key: &Key, lines: &[String]) -> (Vec<u8>, usize) {
        let mut package = Package::new(key, 4).unwrap();
        let (mut whole, mut most) = (Vec::new(), 0);
        for line in lines {
            package.line(&json!({ "text": line })).unwrap();
            most = most.max(package.buffer.lock().len());
            while let Some(chunk) = package.chunk() {
                assert_eq!(chunk.len(), CHUNK);
                whole.extend(chunk);
            }
        }
        whole.extend(package.finish().unwrap());
        (whole, most)
    }

    fn opened(bytes: &[u8], identity: &dyn Identity) -> Option<String> {
        let decryptor = Decryptor::new(bytes).ok()?;
        let mut text = String::new();
        let mut reader = decryptor.decrypt(std::iter::once(identity)).ok()?;
        reader.read_to_string(&mut text).ok()?;
        Some(text)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Clause CF-6.3: the receiver's key opens exactly what was put in; another, or a
        /// byte that was changed, opens nothing.
        #[test]
        fn the_receivers_key_alone_opens_a_package(
            lines in prop::collection::vec(".{0,40}", 0..20),
            by_passphrase in any::<bool>(),
            at in any::<prop::sample::Index>(),
        ) {
            let identity = x25519::Identity::generate();
            let secret = "correct horse battery";
            let (key, own, other): (Key, Box<dyn Identity>, Box<dyn Identity>) = if by_passphrase {
                let of = |text: &str| Box::new(scrypt::Identity::new(SecretString::from(text.to_owned())));
                (Key::passphrase(secret).unwrap(), of(secret), of("another passphrase"))
            } else {
                let key = Key::recipient(&identity.to_public().to_string()).unwrap();
                (key, Box::new(identity), Box::new(x25519::Identity::generate()))
            };
            let (bytes, _) = packed(&key, &lines);
            let wanted: String = lines.iter().map(|line| format!("{}\n", json!({ "text": line }))).collect();
            prop_assert_eq!(opened(&bytes, own.as_ref()), Some(wanted));
            prop_assert_eq!(opened(&bytes, other.as_ref()), None);
            let mut changed = bytes.clone();
            let place = at.index(changed.len());
            changed[place] ^= 1;
            prop_assert_eq!(opened(&changed, own.as_ref()), None, "byte {}", place);
            prop_assert_eq!(opened(&bytes[..bytes.len() - 1], own.as_ref()), None);
        }
    }

    #[test]
    fn memory_is_bounded_whatever_the_size() {
        let identity = x25519::Identity::generate();
        let key = Key::recipient(&identity.to_public().to_string()).unwrap();
        let lines = vec!["客".repeat(10_000); 100];
        let (bytes, most) = packed(&key, &lines);
        assert!(bytes.len() > 20 * CHUNK);
        assert!(most < 2 * CHUNK, "{most}");
        assert!(opened(&bytes, &identity).is_some());
    }

    #[test]
    fn only_keys_that_can_be_meant_are_taken() {
        assert!(Key::recipient("age1qqqq").is_none());
        assert!(Key::passphrase("too short").is_none());
        assert!(Key::passphrase(&"x".repeat(257)).is_none());
        assert!(Key::passphrase("long enough it is").is_some_and(|key| key.public().is_none()));
    }
}
