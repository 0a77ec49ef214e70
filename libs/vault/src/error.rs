//! What can go wrong, without a byte of key or plaintext in any message.

use std::io;

/// Why the vault refused.
///
/// No variant carries key bytes, plaintext or text from a key file: these errors are logged.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Authentication failed: the bytes were altered, or belong to another key, customer or place.
    ///
    /// Which of these it was cannot be told apart, by design of the cipher. An unknown format version counts too,
    /// since the version byte is as easily altered as any other.
    #[error("the sealed bytes were altered or do not belong here")]
    Tampered,

    /// The bytes cannot be what they are said to be, whatever the key.
    #[error("malformed {what}")]
    Malformed {
        /// What was being read.
        what: &'static str,
    },

    /// The provider holds no key-encryption key of this id; most likely it was retired before everything wrapped
    /// under it had been re-wrapped.
    #[error("unknown key-encryption key `{kek_id}`")]
    UnknownKek {
        /// The id the wrapped key names.
        kek_id: String,
    },

    /// The customer's key was destroyed, and the data with it. Returned by the keeper of the wrapped keys, or by a
    /// provider that can tell; never by this crate on its own.
    #[error("the customer's key has been destroyed")]
    Destroyed,

    /// A remote provider could not be reached or declined; trying again may help.
    #[error("key provider unavailable: {reason}")]
    Unavailable {
        /// A reason fit for a log: no secrets, no token, no address with credentials.
        reason: String,
    },

    /// The value is longer than AES-GCM can seal under one nonce (about 64 GiB).
    #[error("value too long to seal")]
    TooLong,

    /// The source of randomness failed; nothing was sealed.
    #[error("the source of randomness failed")]
    Randomness,

    /// The local provider's keys could not be loaded.
    #[error("keys from {origin}: {problem}")]
    KeyFile {
        /// The file's path or the environment variable's name.
        origin: String,
        /// What is wrong with it.
        problem: KeyFileProblem,
    },
}

/// What is wrong with a key file. Lines are counted from one; their text is never repeated, since a key pasted in
/// the wrong place would be repeated with it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileProblem {
    /// The file could not be opened or read, or is not UTF-8.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),

    /// The file's permissions let the group or others at it.
    #[error("mode {mode:04o} lets group or others at it, expected 0600 or 0400")]
    Exposed {
        /// The permission bits found.
        mode: u32,
    },

    /// The environment variable is not set, or is not UTF-8.
    #[error("not set, or not utf-8")]
    NoVariable,

    /// A line is neither empty, a comment, nor `name = value`.
    #[error("line {line} is not `name = value`")]
    NotAssignment {
        /// The offending line.
        line: usize,
    },

    /// A name other than `current`, `index` and `kek.<id>`.
    #[error("line {line} sets an unknown name")]
    UnknownName {
        /// The offending line.
        line: usize,
    },

    /// The same name is set twice.
    #[error("line {line} sets a name a second time")]
    Duplicate {
        /// The second of the two lines.
        line: usize,
    },

    /// A key-encryption key's id is not 1 to 32 of `A-Z a-z 0-9 _ -`.
    #[error("line {line} has a key id that is not 1 to 32 letters, digits, `-` or `_`")]
    BadKekId {
        /// The offending line.
        line: usize,
    },

    /// A key is not standard, padded base64.
    #[error("line {line} holds a key that is not base64")]
    NotBase64 {
        /// The offending line.
        line: usize,
    },

    /// A key is not 32 bytes long.
    #[error("line {line} holds a key of {bytes} bytes, expected 32")]
    WrongLength {
        /// The offending line.
        line: usize,
        /// The length found.
        bytes: usize,
    },

    /// No `current` line.
    #[error("`current` is missing")]
    MissingCurrent,

    /// No `index` line.
    #[error("`index` is missing")]
    MissingIndex,

    /// `current` names a key that is not in the file.
    #[error("`current` names no key of the file")]
    CurrentNotListed,

    /// Two names hold the same key; rotation would change nothing, or the index key would open data.
    #[error("two names hold the same key")]
    Reused,
}
