//! The file to import with the rows of other files joined to it.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use csv::StringRecord;

use super::{
    mapping::{Join, Source},
    table::Table,
    template::Cells,
};

#[derive(Debug)]
struct Joined {
    join: Join,
    table: Table,
    /// Numbers of the rows with a key, in the order of the file.
    by_key: HashMap<String, Vec<usize>>,
}

/// The file to import with everything joined to it.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) main: Table,
    joins: BTreeMap<String, Joined>,
    null: Vec<String>,
}

impl Data {
    /// Reads the files; `read` gives the bytes of one.
    ///
    /// # Errors
    /// When a file cannot be read or a join has no sense.
    pub(super) fn load(
        file: &Path,
        source: &Source,
        joins: &BTreeMap<String, Join>,
        mut read: impl FnMut(&Path) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<Self> {
        let mut table = |path: &Path| {
            Table::parse(&read(path)?, source.delimiter)
                .with_context(|| format!("cannot use {}", path.display()))
        };
        let mut data = Self {
            main: table(file)?,
            joins: BTreeMap::new(),
            null: source.null.clone(),
        };
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        for (name, join) in joins {
            let joined = index(join, table(&folder.join(&join.file))?)
                .with_context(|| format!("cannot join [join.{name}]"))?;
            data.joins.insert(name.clone(), joined);
        }
        data.check_joins()?;
        Ok(data)
    }

    fn check_joins(&self) -> anyhow::Result<()> {
        for (name, joined) in &self.joins {
            let context = || format!("cannot join [join.{name}]");
            let mut at = joined;
            for _ in 0..=self.joins.len() {
                let Some(from) = &at.join.from else { break };
                at = self
                    .joins
                    .get(from)
                    .with_context(|| format!("from = \"{from}\" names no [join.{from}]"))
                    .with_context(context)?;
            }
            if at.join.from.is_some() {
                bail!("[join.{name}] comes from itself");
            }
            let parent = match &joined.join.from {
                Some(from) => &self.joins[from].table,
                None => &self.main,
            };
            parent.column(&joined.join.on).with_context(context)?;
        }
        Ok(())
    }

    /// Whether there is a join of this name.
    pub(super) fn has_join(&self, name: &str) -> bool {
        self.joins.contains_key(name)
    }

    /// Checks that a column can be read for a row, or for a row of the join `each`.
    ///
    /// # Errors
    /// When there is no such column or more than one row to take it from.
    pub(super) fn check(&self, column: &str, each: Option<&str>) -> anyhow::Result<()> {
        let Some((name, joined, column)) = self.joined(column) else {
            return self.main.column(column).map(drop);
        };
        joined.table.column(column)?;
        let mut next = Some(name);
        while let Some(name) = next.filter(|name| Some(*name) != each) {
            let join = &self.joins[name].join;
            if join.many {
                bail!("[join.{name}] has many rows: it can only be used where each = \"{name}\"");
            }
            next = join.from.as_deref();
        }
        Ok(())
    }

    /// Takes `join.column` apart; `None` when it is a column of the file itself.
    fn joined<'a>(&self, column: &'a str) -> Option<(&'a str, &Joined, &'a str)> {
        let (name, column) = column.split_once('.')?;
        Some((name, self.joins.get(name)?, column))
    }

    fn known<'a>(&self, cell: &'a str) -> Option<&'a str> {
        let text = cell.trim();
        (!text.is_empty() && !self.null.iter().any(|null| null == text)).then_some(cell)
    }
}

fn index(join: &Join, table: Table) -> anyhow::Result<Joined> {
    if let Some((_, reason)) = table.broken.first() {
        bail!("{}: {reason}", join.file);
    }
    let key = table.column(join.key.as_deref().unwrap_or(&join.on))?;
    let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        by_key.entry(row[key].to_owned()).or_default().push(at);
    }
    Ok(Joined {
        join: join.clone(),
        table,
        by_key,
    })
}

/// What can be read for one row: its cells and those joined to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    data: &'a Data,
    row: &'a StringRecord,
    /// The row of a join that is dealt with just now.
    each: Option<(&'a str, &'a StringRecord)>,
}

impl<'a> Scope<'a> {
    /// A row of the file itself, by its number.
    pub(super) fn of(data: &'a Data, row: usize) -> Self {
        Self {
            data,
            row: &data.main.rows[row],
            each: None,
        }
    }

    /// One scope for each row of a join.
    pub(super) fn each<'b>(&self, name: &'b str) -> Vec<Scope<'b>>
    where
        'a: 'b,
    {
        self.rows(name)
            .map(|row| Scope {
                each: Some((name, row)),
                ..*self
            })
            .collect()
    }

    fn rows(&self, name: &str) -> impl Iterator<Item = &'a StringRecord> {
        let found = self.data.joins.get(name).and_then(|joined| {
            let key = match joined.join.from.as_deref() {
                Some(from) => self.cell_of(from, &joined.join.on),
                None => self.own(&joined.join.on),
            }?;
            Some((&joined.table, joined.by_key.get(key)?))
        });
        found
            .into_iter()
            .flat_map(|(table, rows)| rows.iter().map(|row| &table.rows[*row]))
    }

    fn own(&self, column: &str) -> Option<&'a str> {
        let at = self.data.main.column(column).ok()?;
        self.data.known(&self.row[at])
    }

    fn cell_of(&self, name: &str, column: &str) -> Option<&'a str> {
        let row = match self.each {
            Some((each, row)) if each == name => row,
            _ => self.rows(name).next()?,
        };
        let at = self.data.joins.get(name)?.table.column(column).ok()?;
        self.data.known(&row[at])
    }
}

impl Cells for Scope<'_> {
    fn cell(&self, column: &str) -> Option<&str> {
        match self.data.joined(column) {
            Some((name, _, column)) => self.cell_of(name, column),
            None => self.own(column),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Data of inline files: the first is the file to import.
    pub(in super::super) fn data(
        files: &[(&str, &str)],
        source: &Source,
        joins: &BTreeMap<String, Join>,
    ) -> anyhow::Result<Data> {
        Data::load(Path::new(files[0].0), source, joins, |path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            let (_, text) = found.with_context(|| format!("no file {}", path.display()))?;
            Ok(text.as_bytes().to_vec())
        })
    }

    const FILES: &[(&str, &str)] = &[
        ("orders.csv", "id,buyer\n1,b\n2,?\n3,c\n"),
        ("items.csv", "order,product\n1,p\n1,q\n"),
        ("products.csv", "product,kind\np,pen\n"),
        ("buyers.csv", "buyer,name\nb,Bea\n"),
    ];

    fn joined(text: &str) -> anyhow::Result<Data> {
        let source = Source {
            null: vec!["?".into()],
            ..Source::default()
        };
        data(FILES, &source, &toml::from_str(text)?)
    }

    const JOINS: &str = r#"
        items = { file = "items.csv", on = "id", key = "order", many = true }
        product = { file = "products.csv", on = "product", from = "items" }
        buyer = { file = "buyers.csv", on = "buyer" }
    "#;

    #[test]
    fn cells_are_found_through_joins() {
        let data = joined(JOINS).unwrap();
        let first = Scope::of(&data, 0);
        assert_eq!(first.cell("buyer.name"), Some("Bea"));
        let kinds: Vec<_> = first
            .each("items")
            .iter()
            .map(|row| row.cell("product.kind").map(str::to_owned))
            .collect();
        assert_eq!(kinds, [Some("pen".to_owned()), None]);
        let second = Scope::of(&data, 1);
        assert_eq!(
            (second.cell("buyer"), second.cell("buyer.name")),
            (None, None)
        );
        assert!(second.each("items").is_empty());
        assert_eq!(Scope::of(&data, 2).cell("buyer.name"), None);
    }

    #[test]
    fn columns_that_cannot_be_read_are_refused() {
        let data = joined(JOINS).unwrap();
        data.check("product.kind", Some("items")).unwrap();
        for (column, each, expected) in [
            ("buyr", None, "no column \"buyr\""),
            ("buyer.nam", None, "no column \"nam\""),
            ("items.product", None, "many rows"),
            ("product.kind", None, "many rows"),
        ] {
            let error = data.check(column, each).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn joins_without_sense_are_refused() {
        for (joins, expected) in [
            (
                r#"a = { file = "none.csv", on = "id" }"#,
                "no file none.csv",
            ),
            (
                r#"a = { file = "items.csv", on = "id" }"#,
                "no column \"id\"",
            ),
            (
                r#"a = { file = "items.csv", on = "x", key = "order" }"#,
                "no column \"x\"",
            ),
            (
                r#"a = { file = "items.csv", on = "order", from = "b" }"#,
                "no [join.b]",
            ),
            (
                r#"a = { file = "items.csv", on = "order", from = "a" }"#,
                "from itself",
            ),
        ] {
            let error = format!("{:#}", joined(joins).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
