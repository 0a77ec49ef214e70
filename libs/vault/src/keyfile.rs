//! The local provider's key file: where it is read from, and its grammar.
//!
//! ```text
//! # comments and empty lines are passed over
//! current = k2
//! kek.k1  = <base64 of 32 bytes>
//! kek.k2  = <base64 of 32 bytes>
//! index   = <base64 of 32 bytes>
//! ```
//!
//! Strict on purpose: a key file that is nearly right should stop the process at start, not surface later as data
//! that does not open.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::KeyFileProblem as Problem;
use crate::key::KEY_BYTES;

pub(crate) type Secret = Zeroizing<[u8; KEY_BYTES]>;

const KEK_ID_CHARS: usize = 32;

/// A key file's contents. `current` is one of `keks`, and no two keys are the same.
pub(crate) struct KeyFile {
    pub(crate) current: String,
    pub(crate) keks: BTreeMap<String, Secret>,
    pub(crate) index: Secret,
}

/// Reads the text of a key file, refusing one that anybody but its owner has access to.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, Problem> {
    let mut file = File::open(path).map_err(Problem::Unreadable)?;
    refuse_exposed(&file)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text)
        .map_err(Problem::Unreadable)?;
    Ok(text)
}

/// Asks the open file, not its path, so that what is checked is what is read.
#[cfg(unix)]
fn refuse_exposed(file: &File) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file
        .metadata()
        .map_err(Problem::Unreadable)?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(Problem::Exposed { mode })
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &File) -> Result<(), Problem> {
    Ok(())
}

/// Parses the text of a key file.
pub(crate) fn parse(text: &str) -> Result<KeyFile, Problem> {
    let mut current = None;
    let mut index = None;
    let mut keks = BTreeMap::new();

    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (name, value) = content
            .split_once('=')
            .ok_or(Problem::NotAssignment { line })?;
        let (name, value) = (name.trim(), value.trim());
        let earlier = match name.strip_prefix("kek.") {
            Some(id) => keks
                .insert(kek_id(id, line)?, secret(value, line)?)
                .is_some(),
            None if name == "current" => current.replace(kek_id(value, line)?).is_some(),
            None if name == "index" => index.replace(secret(value, line)?).is_some(),
            None => return Err(Problem::UnknownName { line }),
        };
        if earlier {
            return Err(Problem::Duplicate { line });
        }
    }

    let current = current.ok_or(Problem::MissingCurrent)?;
    let index = index.ok_or(Problem::MissingIndex)?;
    if !keks.contains_key(&current) {
        return Err(Problem::CurrentNotListed);
    }
    refuse_reused(keks.values().chain([&index]))?;
    Ok(KeyFile {
        current,
        keks,
        index,
    })
}

/// The text of a key file with one key-encryption key.
pub(crate) fn text(kek_id: &str, kek: &Secret, index: &Secret) -> String {
    let kek = Zeroizing::new(STANDARD.encode(kek.as_slice()));
    let index = Zeroizing::new(STANDARD.encode(index.as_slice()));
    format!(
        "current = {kek_id}\nkek.{kek_id} = {}\nindex = {}\n",
        *kek, *index
    )
}

fn kek_id(id: &str, line: usize) -> Result<String, Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=KEK_ID_CHARS).contains(&id.len()) && id.chars().all(allowed) {
        Ok(id.to_owned())
    } else {
        Err(Problem::BadKekId { line })
    }
}

fn secret(value: &str, line: usize) -> Result<Secret, Problem> {
    let decoded = STANDARD
        .decode(value)
        .map(Zeroizing::new)
        .map_err(|_| Problem::NotBase64 { line })?;
    let bytes = decoded.len();
    <[u8; KEY_BYTES]>::try_from(decoded.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| Problem::WrongLength { line, bytes })
}

fn refuse_reused<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Result<(), Problem> {
    let mut sorted: Vec<&[u8]> = secrets.map(|secret| secret.as_slice()).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Problem::Reused);
    }
    Ok(())
}
