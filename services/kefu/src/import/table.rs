//! CSV files. A file is read into memory as a whole: grouping and joining need
//! all of its rows, and millions of them fit.

use std::collections::HashMap;

use anyhow::{Context, bail};
use csv::{ByteRecord, ReaderBuilder, StringRecord};

/// A CSV file.
#[derive(Debug)]
pub(super) struct Table {
    headers: StringRecord,
    columns: HashMap<String, usize>,
    /// Rows that can be read.
    pub(super) rows: Vec<StringRecord>,
    /// Rows that cannot, and why.
    pub(super) broken: Vec<(ByteRecord, String)>,
}

impl Table {
    /// Reads a table with a header line.
    ///
    /// # Errors
    /// When it is no such table, or has the same column twice.
    pub(super) fn parse(bytes: &[u8], delimiter: char) -> anyhow::Result<Self> {
        let delimiter =
            u8::try_from(delimiter).context("the delimiter must be an ASCII character")?;
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(bytes);
        let headers = reader.headers().context("no header line in UTF-8")?.clone();
        let mut columns = HashMap::new();
        for (at, name) in headers.iter().enumerate() {
            if columns.insert(name.to_owned(), at).is_some() {
                bail!("there are two columns \"{name}\"");
            }
        }
        let (mut rows, mut broken) = (Vec::new(), Vec::new());
        for record in reader.into_byte_records() {
            match readable(record?, headers.len()) {
                Ok(row) => rows.push(row),
                Err(row) => broken.push(row),
            }
        }
        Ok(Self {
            headers,
            columns,
            rows,
            broken,
        })
    }

    /// Names of the columns in their order.
    pub(super) fn headers(&self) -> &StringRecord {
        &self.headers
    }

    /// Number of a column.
    ///
    /// # Errors
    /// Names the columns there are, when this is none.
    pub(super) fn column(&self, name: &str) -> anyhow::Result<usize> {
        let Some(at) = self.columns.get(name) else {
            let known: Vec<_> = self.headers.iter().collect();
            bail!("no column \"{name}\"; there are: {}", known.join(", "));
        };
        Ok(*at)
    }
}

fn readable(record: ByteRecord, width: usize) -> Result<StringRecord, (ByteRecord, String)> {
    if record.len() != width {
        let reason = format!("the row has {} cells, the header {width}", record.len());
        return Err((record, reason));
    }
    StringRecord::from_byte_record(record)
        .map_err(|error| (error.into_byte_record(), "the row is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cannot_be_read_are_kept_apart() {
        let table = Table::parse(b"\xef\xbb\xbfa;b\n1;\"x\ny\"\n2\n3;\xff\n4;5\n", ';').unwrap();
        assert_eq!(table.headers(), vec!["a", "b"]);
        assert_eq!(table.rows, [vec!["1", "x\ny"], vec!["4", "5"]]);
        let reasons: Vec<_> = table.broken.iter().map(|(_, why)| why.as_str()).collect();
        assert_eq!(
            reasons,
            ["the row has 1 cells, the header 2", "the row is not UTF-8"]
        );
    }

    #[test]
    fn a_header_must_name_each_column_once() {
        let error = Table::parse(b"a,a\n", ',').unwrap_err();
        assert_eq!(error.to_string(), "there are two columns \"a\"");
    }
}
