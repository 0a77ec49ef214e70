//! The file of rows that could not be imported: the original columns and why.
//! Put right, it can be imported as it is: `reason` is a column no mapping names.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context;
use csv::{ByteRecord, StringRecord, Writer, WriterBuilder};

/// Name of the column that is added.
const REASON: &str = "reason";

/// Writes rejected rows; makes the file with the first of them.
pub(super) struct Rejects {
    path: PathBuf,
    headers: StringRecord,
    delimiter: u8,
    writer: Option<Writer<File>>,
}

impl Rejects {
    /// Rejected rows of a file with these headers. What an earlier run rejected
    /// is dropped: this run tries it again.
    ///
    /// # Errors
    /// When the file of an earlier run cannot be removed.
    pub(super) fn new(
        path: PathBuf,
        headers: StringRecord,
        delimiter: char,
    ) -> anyhow::Result<Self> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
            _ => {}
        }
        Ok(Self {
            path,
            headers,
            delimiter: u8::try_from(delimiter).context("the delimiter must be ASCII")?,
            writer: None,
        })
    }

    /// Where they are written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn add(&mut self, row: &ByteRecord, reason: &str) -> anyhow::Result<()> {
        let path = self.path.clone();
        self.try_add(row, reason)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn try_add(&mut self, row: &ByteRecord, reason: &str) -> anyhow::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                // A broken row may have more cells or fewer than the header.
                let mut writer = WriterBuilder::new()
                    .delimiter(self.delimiter)
                    .flexible(true)
                    .from_path(&self.path)?;
                let old = self.headers.iter().filter(|name| *name != REASON);
                writer.write_record(old.chain([REASON]))?;
                none.insert(writer)
            }
        };
        // A row that was rejected before brings its old reason along.
        let old = self.headers.iter().position(|name| name == REASON);
        let cells = row
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != old)
            .map(|(_, cell)| cell);
        writer.write_record(cells.chain([reason.as_bytes()]))?;
        // At once: whoever watches the run wants to see it.
        writer.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_row_keeps_its_columns_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.rejected.csv");
        fs::write(&path, "of an earlier run").unwrap();
        let headers = StringRecord::from(vec!["a", "b"]);
        let mut rejects = Rejects::new(path.clone(), headers, ';').unwrap();
        assert!(!path.exists());
        let row = ByteRecord::from(vec!["1;2", "x\ny"]);
        rejects.add(&row, "b is not an amount").unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(written, "a;b;reason\n\"1;2\";\"x\ny\";b is not an amount\n");
    }

    #[test]
    fn the_reason_of_an_earlier_run_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.rejected.csv");
        let headers = StringRecord::from(vec!["a", "reason"]);
        let mut rejects = Rejects::new(path.clone(), headers, ',').unwrap();
        rejects
            .add(&ByteRecord::from(vec!["1", "old"]), "new")
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a,reason\n1,new\n");
    }
}
