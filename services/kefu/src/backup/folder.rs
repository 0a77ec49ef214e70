//! Where backups lie.
//!
//! ```text
//! FOLDER/data-TIME/dump.age       the database without customers' keys
//! FOLDER/data-TIME/manifest.age   what is in it, and what the dump hashes to
//! FOLDER/keys-TIME-FILES.age      customers' keys and what was destroyed
//! FOLDER/unfinished-…             in the making, or of a run that was killed
//! ```
//!
//! TIME is that of the snapshot, as the database's clock tells it; FILES how many customers' files there were,
//! destroyed ones among them. What has its name is whole: it
//! was written under another one, is on the disk, and was then renamed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use jiff::{Timestamp, tz::TimeZone};

const UNFINISHED: &str = "unfinished-";
const DATA: &str = "data-";
const KEYS: &str = "keys-";
const ENDING: &str = ".age";

/// To a thousandth of a second, sorted as texts.
const TIME: &str = "%Y%m%dT%H%M%S%3fZ";

/// A folder of backups.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Held by whoever writes backups.
#[derive(Debug)]
pub struct Writing(#[expect(dead_code, reason = "held, not read")] File);

/// A backup of the data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Data {
    /// Of the snapshot.
    pub time: String,
    folder: PathBuf,
}

/// A backup of the keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keys {
    /// Of the snapshot.
    pub time: String,
    /// Customers' files that there were, destroyed ones among them: never fewer than before.
    pub files: u64,
    /// The file.
    pub file: PathBuf,
}

impl Data {
    /// The database without customers' keys.
    pub fn dump(&self) -> PathBuf {
        self.folder.join("dump.age")
    }

    /// What is in it.
    pub fn manifest(&self) -> PathBuf {
        self.folder.join("manifest.age")
    }
}

/// The moment as names of backups have it.
pub fn time_of(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime(TIME).to_string()
}

impl Folder {
    /// This folder, which may yet have to be made.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Nobody else writes data here while this is held; what earlier runs left unfinished is deleted.
    ///
    /// # Errors
    /// When somebody else writes, or the folder cannot be.
    pub fn write_data(&self) -> anyhow::Result<Writing> {
        let lock = self.lock("lock-data")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another backup into {} is under way", self.0.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the folder"),
        }
        self.sweep(DATA)?;
        Ok(Writing(lock))
    }

    /// The same for keys, which are written quickly: somebody else is waited for.
    ///
    /// # Errors
    /// When the folder cannot be.
    pub fn write_keys(&self) -> anyhow::Result<Writing> {
        let lock = self.lock("lock-keys")?;
        lock.lock().context("cannot lock the folder")?;
        self.sweep(KEYS)?;
        Ok(Writing(lock))
    }

    fn lock(&self, name: &str) -> anyhow::Result<File> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0);
        made.with_context(|| format!("cannot make {}", self.0.display()))?;
        let path = self.0.join(name);
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        options
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))
    }

    fn sweep(&self, kind: &str) -> anyhow::Result<()> {
        let names = self.names()?.into_iter();
        let unfinished = names.filter(|name| {
            name.strip_prefix(UNFINISHED)
                .is_some_and(|rest| rest.starts_with(kind))
        });
        unfinished
            .map(|name| self.0.join(name))
            .try_for_each(|path| remove(&path))
    }

    /// Where the data of this snapshot are written until they are whole.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn begin_data(&self, time: &str) -> anyhow::Result<Data> {
        let folder = self.0.join(format!("{UNFINISHED}{DATA}{time}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .context("cannot make a folder for the backup")?;
        Ok(Data {
            time: time.to_owned(),
            folder,
        })
    }

    /// They are whole: from here on they are a backup.
    ///
    /// # Errors
    /// When they cannot be renamed.
    pub fn finish_data(&self, data: Data) -> anyhow::Result<Data> {
        sync(&data.folder)?;
        let folder = self.0.join(format!("{DATA}{}", data.time));
        fs::rename(&data.folder, &folder).context("cannot rename the backup")?;
        sync(&self.0)?;
        Ok(Data { folder, ..data })
    }

    /// Where the keys of this snapshot are written until they are whole. A database that has had fewer
    /// files than the last one is another: keys of it would take the place of those that all backups here need.
    ///
    /// # Errors
    /// When it is another, unless that is `expected`.
    pub fn begin_keys(&self, time: &str, files: u64, expected: bool) -> anyhow::Result<Keys> {
        // Keys that were taken while data were dumped are newer than these.
        let older = self
            .keys()?
            .into_iter()
            .rfind(|keys| keys.time.as_str() < time);
        let before = older.map_or(0, |keys| keys.files);
        if files < before && !expected {
            bail!(
                "this database has had {files} files of customers, the last one {before}: it is another, and its keys would \
                 take the place of those that the backups in {} need. After a restore: --after-restore, once",
                self.0.display()
            );
        }
        let name = format!("{UNFINISHED}{KEYS}{time}-{files}{ENDING}");
        Ok(Keys {
            time: time.to_owned(),
            files,
            file: self.0.join(name),
        })
    }

    /// They are whole.
    ///
    /// # Errors
    /// When they cannot be renamed.
    pub fn finish_keys(&self, keys: Keys) -> anyhow::Result<Keys> {
        let name = format!("{KEYS}{}-{}{ENDING}", keys.time, keys.files);
        let file = self.0.join(name);
        fs::rename(&keys.file, &file).context("cannot rename the backup of the keys")?;
        sync(&self.0)?;
        Ok(Keys { file, ..keys })
    }

    /// Backups of the data, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn data(&self) -> anyhow::Result<Vec<Data>> {
        let names = self.names()?.into_iter();
        let found = names.filter_map(|name| {
            let time = name.strip_prefix(DATA)?.to_owned();
            Some(Data {
                time,
                folder: self.0.join(name),
            })
        });
        let mut found: Vec<Data> = found.collect();
        found.sort();
        Ok(found)
    }

    /// Backups of the keys, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn keys(&self) -> anyhow::Result<Vec<Keys>> {
        let names = self.names()?.into_iter();
        let found = names.filter_map(|name| {
            let (time, files) = name
                .strip_prefix(KEYS)?
                .strip_suffix(ENDING)?
                .split_once('-')?;
            Some(Keys {
                time: time.to_owned(),
                files: files.parse().ok()?,
                file: self.0.join(&name),
            })
        });
        let mut found: Vec<Keys> = found.collect();
        found.sort();
        Ok(found)
    }

    /// The backup of this time, or the newest.
    ///
    /// # Errors
    /// When there is none.
    pub fn chosen(&self, time: Option<&str>) -> anyhow::Result<Data> {
        let mut all = self.data()?;
        let found = match time {
            Some(time) => all.into_iter().find(|one| one.time == time),
            None => all.pop(),
        };
        found.with_context(|| format!("no such backup in {}", self.0.display()))
    }

    /// The newest keys, which have to be as new as these data: older ones would bring back who
    /// was destroyed between the two.
    ///
    /// # Errors
    /// When there are none.
    pub fn keys_for(&self, data: &Data) -> anyhow::Result<Keys> {
        let newest = self.keys()?.pop();
        let newest =
            newest.with_context(|| format!("no backup of the keys in {}", self.0.display()))?;
        if newest.time < data.time {
            bail!(
                "the newest keys are of {}, the data of {}: what was destroyed between the two is not known, and older \
                 keys would bring it back. Bring the newest keys-….age into {}",
                newest.time,
                data.time,
                self.0.display()
            );
        }
        Ok(newest)
    }

    /// Keeps so many of the newest data.
    ///
    /// # Errors
    /// When one cannot be deleted.
    pub fn keep_data(&self, most: usize, _: &Writing) -> anyhow::Result<()> {
        older(self.data()?, most).try_for_each(|one| remove(&one.folder))
    }

    /// Keeps so many of the newest keys.
    ///
    /// # Errors
    /// When one cannot be deleted.
    pub fn keep_keys(&self, most: usize, _: &Writing) -> anyhow::Result<()> {
        older(self.keys()?, most).try_for_each(|one| remove(&one.file))
    }

    fn names(&self) -> anyhow::Result<Vec<String>> {
        let entries =
            fs::read_dir(&self.0).with_context(|| format!("cannot read {}", self.0.display()))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names
            .collect::<std::io::Result<_>>()
            .context("cannot read the folder")
    }
}

fn older<T>(sorted: Vec<T>, kept: usize) -> impl Iterator<Item = T> {
    let older = sorted.len().saturating_sub(kept.max(1));
    sorted.into_iter().take(older)
}

/// Renamed first, so that nothing half deleted passes for a backup.
fn remove(path: &Path) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = match name.starts_with(UNFINISHED) {
        true => path.to_owned(),
        false => path.with_file_name(format!("{UNFINISHED}{name}")),
    };
    let removed = fs::rename(path, &aside).and_then(|()| match aside.is_dir() {
        true => fs::remove_dir_all(&aside),
        false => fs::remove_file(&aside),
    });
    removed.with_context(|| format!("cannot delete {}", path.display()))
}

fn sync(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot write {}", folder.display()))
}
