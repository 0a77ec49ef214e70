//! Finds PostgreSQL's programs on the machine.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use crate::{StartError, launch::Launcher};

/// The oldest major version the suite is written for.
const MINIMUM: u32 = 14;

/// A folder with `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The newest version at hand, or the one that made the data in `data`.
    pub(crate) async fn find(data: &Path, launcher: &Launcher) -> Result<Self, StartError> {
        let folders = candidates(launcher).await;
        let mut found = Vec::new();
        for folder in &folders {
            if let Some(major) = version(folder, launcher).await
                && major >= MINIMUM
            {
                found.push(Self {
                    folder: folder.clone(),
                    major,
                });
            }
        }
        // A stable sort: of two folders with one version, the first looked in.
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        let Some(newest) = found.first() else {
            return Err(StartError::NoBinaries {
                minimum: MINIMUM,
                looked: listed(folders.iter().map(|f| f.display())),
            });
        };
        let Ok(made_by) = std::fs::read_to_string(data.join("PG_VERSION")) else {
            return Ok(newest.clone());
        };
        let made_by = made_by.trim();
        found
            .iter()
            .find(|binaries| binaries.major.to_string() == made_by)
            .cloned()
            .ok_or_else(|| StartError::OtherVersion {
                folder: data.to_owned(),
                made_by: made_by.to_owned(),
                found: listed(found.iter().map(|binaries| binaries.major)),
            })
    }

    pub(crate) fn major(&self) -> u32 {
        self.major
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Where to look, most wanted first. `KEFU_PG_BIN`, where set, is all there is.
async fn candidates(launcher: &Launcher) -> Vec<PathBuf> {
    if let Some(folder) = env::var_os("KEFU_PG_BIN") {
        return vec![folder.into()];
    }
    let mut folders = Vec::new();
    let path = env::var_os("PATH").unwrap_or_default();
    for folder in env::split_paths(&path) {
        // Debian's PATH holds pg_ctl's neighbours only as wrappers: ask for the server itself.
        if folder.join("postgres").is_file() && folder.join("initdb").is_file() {
            folders.push(folder);
        }
    }
    if let Ok(said) = launcher.ask(Path::new("pg_config"), "--bindir").await {
        folders.push(said.trim().into());
    }
    folders.extend(versioned(Path::new("/usr/lib/postgresql"), "", "bin"));
    // Fedora and PostgreSQL's own RPMs.
    folders.extend(versioned(Path::new("/usr"), "pgsql-", "bin"));
    for brew in ["/opt/homebrew/opt", "/usr/local/opt"] {
        folders.extend(versioned(Path::new(brew), "postgresql", "bin"));
    }
    let mut seen = BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// The folders `parent/prefix…/inner`.
fn versioned(parent: &Path, prefix: &str, inner: &str) -> Vec<PathBuf> {
    let Ok(entries) = parent.read_dir() else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(inner))
        .collect()
}

/// The major version of the server in `folder`, if all three programs are there.
async fn version(folder: &Path, launcher: &Launcher) -> Option<u32> {
    if !["initdb", "pg_ctl", "postgres"]
        .iter()
        .all(|name| folder.join(name).is_file())
    {
        return None;
    }
    let said = launcher
        .ask(&folder.join("postgres"), "--version")
        .await
        .ok()?;
    major(&said)
}

/// `postgres (PostgreSQL) 15.10 (Debian 15.10-0+deb12u1)` is 15; `18beta1` is 18.
fn major(said: &str) -> Option<u32> {
    let number = said.split(") ").nth(1)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn listed(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        "PATH and the usual folders".to_owned()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.10 (Debian 15.10-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("postgres (Homebrew) x\n"), None);
    }
}
