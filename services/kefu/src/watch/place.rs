//! Where a list is at: what another call goes on with, and the file that it is kept in.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
};

use anyhow::{Context, bail};

/// Most names that a call takes.
const MOST_HELD: usize = 5_000;

/// What another call goes on with. Its file has the token, and then a name in each line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    /// Of the last message that had one; empty: from now on.
    pub(super) token: String,
    /// Names that were shown and have not left, those shown last at the end.
    pub(super) held: Vec<String>,
}

impl Place {
    /// The place that a file has; the beginning where there is no file.
    ///
    /// # Errors
    /// When it cannot be read, or has none.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let Some(token) = lines.next() else {
            bail!(
                "there is no place in {}: list anew, and begin without it",
                path.display()
            );
        };
        Ok(Self {
            token: token.to_owned(),
            held: lines.map(str::to_owned).collect(),
        })
    }

    /// Goes on by what a message tells: names that changed, names that left.
    pub(super) fn pass(&mut self, token: String, changed: &[String], left: &[String]) {
        let told: HashSet<&String> = changed.iter().chain(left).collect();
        self.held.retain(|name| !told.contains(name));
        self.held.extend_from_slice(changed);
        // Of more than a call takes, those that were not shown for longest are let go.
        let over = self.held.len().saturating_sub(MOST_HELD);
        self.held.drain(..over);
        if !token.is_empty() {
            self.token = token;
        }
    }

    /// Keeps it in a file, in one step: whenever this is cut short, there is the place of before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let written = self.replace(path);
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let mut file = File::create(&draft)?;
        let mut text = self.token.clone();
        for name in &self.held {
            text.push('\n');
            text.push_str(name);
        }
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        let name = |number: usize| format!("tickets/{number}");
        numbers.into_iter().map(name).collect()
    }

    fn place() -> Place {
        Place {
            token: "one".into(),
            held: names([1, 2]),
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("place");
        assert_eq!(Place::read(&file).unwrap(), Place::default());
        place().write(&file).unwrap();
        assert_eq!(Place::read(&file).unwrap(), place());
        let next = Place {
            token: "two".into(),
            held: Vec::new(),
        };
        next.write(&file).unwrap();
        assert_eq!(Place::read(&file).unwrap(), next);
        // As it was kept before names were.
        fs::write(&file, "one").unwrap();
        let before = Place {
            held: Vec::new(),
            ..place()
        };
        assert_eq!(Place::read(&file).unwrap(), before);
    }

    #[test]
    fn a_write_that_is_cut_short_leaves_the_place_of_before() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("place");
        place().write(&file).unwrap();
        fs::create_dir(folder.path().join("place.new")).unwrap();
        assert!(Place::default().write(&file).is_err());
        assert_eq!(Place::read(&file).unwrap(), place());
    }

    #[test]
    fn a_file_without_a_place_is_not_the_beginning() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("place");
        for text in ["", "\n"] {
            fs::write(&file, text).unwrap();
            let refused = Place::read(&file).unwrap_err().to_string();
            assert!(refused.contains("there is no place in"), "{refused}");
        }
        fs::write(&file, [0xff]).unwrap();
        assert!(Place::read(&file).is_err());
        assert!(Place::read(folder.path()).is_err());
    }

    #[test]
    fn what_was_shown_is_held_until_it_leaves() {
        let mut place = place();
        place.pass(String::new(), &names([3, 1]), &names([2]));
        assert_eq!(place.held, names([3, 1]));
        assert_eq!(place.token, "one", "more of the same stretch follows");
        place.pass("two".into(), &names(10..5_009), &[]);
        assert_eq!(place.token, "two");
        assert_eq!(place.held.len(), MOST_HELD);
        assert_eq!(place.held[..2], names([1, 10]));
    }
}
