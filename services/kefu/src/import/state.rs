//! Which records are done, kept beside the file, so that a run that was killed
//! goes on where it was. Only a short cut: without it every record is sent
//! again, and the suite recognises it by its request id.
//!
//! A header line and then one line a record: the first half of the SHA-256 of
//! its external reference, and a checksum of that and of what the state is bound
//! to. A line that was torn or spoiled does not count.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

use anyhow::{Context, bail};
use aws_lc_rs::digest::{self, SHA256};

/// Lines between two fsyncs: what at most is sent again after a crash.
const BATCH: usize = 128;

/// The records that are done.
#[derive(Debug)]
pub(super) struct State {
    file: File,
    binding: String,
    done: HashSet<String>,
    unsynced: usize,
}

/// How the state of an earlier run was found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// There is none.
    Nothing,
    /// So many records are done.
    Done(usize),
    /// Of another file, mapping or suite, and therefore dropped.
    Other,
}

impl State {
    /// Opens the state for what `binding` stands for.
    ///
    /// # Errors
    /// When the file cannot be used, or another run uses it.
    pub(super) fn open(path: &Path, binding: String) -> anyhow::Result<(Self, Found)> {
        let context = || format!("cannot use {}; see --state-dir", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .with_context(context)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another import of this file is running: it holds {}",
                    path.display()
                )
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(context)?;
        let mut state = Self {
            file,
            binding,
            done: HashSet::new(),
            unsynced: 0,
        };
        let found = state.take_over(&bytes).with_context(context)?;
        Ok((state, found))
    }

    fn take_over(&mut self, bytes: &[u8]) -> anyhow::Result<Found> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        match lines.next() {
            None => {
                self.start_over()?;
                return Ok(Found::Nothing);
            }
            Some(header) if header == self.header() => {}
            Some(_) => {
                self.start_over()?;
                return Ok(Found::Other);
            }
        }
        for line in lines {
            let id = line.split(' ').next().unwrap_or_default();
            if self.line(id) == line {
                self.done.insert(id.to_owned());
            }
        }
        if !text.ends_with('\n') {
            // The last line was torn: what follows must not be glued to it.
            self.file.write_all(b"\n")?;
        }
        Ok(Found::Done(self.done.len()))
    }

    /// Forgets what is done.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn start_over(&mut self) -> anyhow::Result<()> {
        self.done.clear();
        self.file.set_len(0)?;
        let header = self.header();
        writeln!(self.file, "{header}")?;
        self.sync()
    }

    /// Whether a record is done.
    pub(super) fn is_done(&self, external_ref: &str) -> bool {
        self.done.contains(&id(external_ref))
    }

    /// Notes that a record is done.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn note(&mut self, external_ref: &str) -> anyhow::Result<()> {
        let id = id(external_ref);
        let line = self.line(&id);
        if self.done.insert(id) {
            // One write a line: a kill between two leaves no half of either.
            self.file.write_all(format!("{line}\n").as_bytes())?;
            self.unsynced += 1;
        }
        if self.unsynced >= BATCH {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes what was noted outlast a crash of the machine.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        self.file
            .sync_data()
            .context("cannot keep what is done on disk")?;
        self.unsynced = 0;
        Ok(())
    }

    fn header(&self) -> String {
        format!("kefu-import 1 {}", self.binding)
    }

    fn line(&self, id: &str) -> String {
        let sum = hash(&[self.binding.as_bytes(), id.as_bytes()]);
        format!("{id} {}", &sum[..8])
    }
}

fn id(external_ref: &str) -> String {
    let mut id = hash(&[external_ref.as_bytes()]);
    id.truncate(32);
    id
}

/// SHA-256 of these parts, in hexadecimal; their borders count.
pub(super) fn hash(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(path: &Path, binding: &str) -> (State, Found) {
        State::open(path, binding.to_owned()).unwrap()
    }

    #[test]
    fn what_is_done_is_known_to_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut state, found) = open(&path, "b");
        assert_eq!(found, Found::Nothing);
        state.note("a").unwrap();
        state.note("a").unwrap();
        state.note("张三").unwrap();
        let busy = State::open(&path, "b".into()).unwrap_err().to_string();
        assert!(busy.contains("another import"), "{busy}");
        drop(state);
        let (state, found) = open(&path, "b");
        assert_eq!(found, Found::Done(2));
        assert!(state.is_done("张三") && !state.is_done("b"));
    }

    #[test]
    fn another_file_or_mapping_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        open(&path, "b").0.note("a").unwrap();
        let (state, found) = open(&path, "c");
        assert_eq!(found, Found::Other);
        assert!(!state.is_done("a"));
    }

    #[test]
    fn torn_and_spoiled_lines_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut state, _) = open(&path, "b");
        for record in ["one", "two", "three"] {
            state.note(record).unwrap();
        }
        drop(state);
        let mut bytes = fs::read(&path).unwrap();
        let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1 + 42;
        bytes[second + 3] ^= 1;
        bytes.truncate(bytes.len() - 7);
        bytes.push(0xff);
        fs::write(&path, bytes).unwrap();
        let (mut state, found) = open(&path, "b");
        assert_eq!(found, Found::Done(1));
        assert!(state.is_done("one") && !state.is_done("two") && !state.is_done("three"));
        state.note("three").unwrap();
        drop(state);
        assert_eq!(open(&path, "b").1, Found::Done(2));
    }
}
