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
    #[error("key service unavailable: {0}")]
    Unavailable(Outage),

    /// A remote provider is not set up as it has to be; trying again does not help.
    #[error("key service: {0}")]
    Setup(SetupProblem),

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

/// Why a remote provider gave no answer. A closed set: what it says itself is not repeated, for these errors are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No connection, or it broke before an answer had come whole.
    #[error("it cannot be reached, or the connection broke")]
    Unreachable,

    /// No answer in time.
    #[error("it did not answer in time")]
    Silent,

    /// It is sealed, or down for maintenance (503).
    #[error("it is sealed or under maintenance")]
    Sealed,

    /// It takes no more requests for now (429).
    #[error("it takes no more requests for now")]
    Busy,

    /// The node that answered does not know yet what another one did (412, or a key version from the future).
    #[error("the node that answered is behind the others")]
    Behind,

    /// The token is not good, or not for this key (403). The file it comes from is read anew each time.
    #[error("the token is refused")]
    Denied,

    /// The token's file cannot be read, or holds none.
    #[error("the file of the token cannot be read, or holds none")]
    NoToken,

    /// It failed, or refused for a reason that is none of the above.
    #[error("it answered with status {status}")]
    Failed {
        /// The status of HTTP.
        status: u16,
    },

    /// The answer is none of those that are documented.
    #[error("its answer cannot be understood")]
    Unintelligible,
}

/// What is wrong with the way a remote provider is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupProblem {
    /// The address cannot be relied upon.
    #[error("its address has to be https with a host and no path; http is for this machine alone")]
    Address,

    /// The path or the name of the key has characters that addresses do not.
    #[error("the engine's path and the key's name are of letters, digits, `-`, `_` and `.`")]
    Name,

    /// The namespace cannot be sent as a header.
    #[error("the namespace cannot be sent")]
    Namespace,

    /// The file of authorities cannot be read, or holds no certificate.
    #[error("the file of its certificate authorities cannot be read, or holds none")]
    Authorities,

    /// No key of this name under this path, as far as the token may see.
    #[error("there is no key of this name, or the token may not see it")]
    NoKey,

    /// The key was not made with `derived`: it would ignore whose key it wraps.
    #[error(
        "the key was made without `derived`, so that it would not bind what it wraps to the customer"
    )]
    NotDerived,

    /// The key does not encrypt and decrypt.
    #[error("the key is not for encrypting and decrypting")]
    NotForEncrypting,

    /// The index key is not 32 bytes in base64.
    #[error("the index key is not 32 bytes in base64")]
    IndexKey,
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
