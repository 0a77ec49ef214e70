//! The locks between processes that use one cluster's folder. They belong to the
//! open file, so that the system gives them back however a process ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{StartError, error::At};

/// Enough for another process to create and start a cluster on a slow disk.
const BOUND: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(20);

/// A lock that is given back on drop, also while a child that is just being
/// started still holds a copy of the file: closing alone would keep it then.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Held by the one who starts, stops or deletes the cluster in `folder`,
    /// which is created where it is missing.
    pub(crate) async fn for_change(folder: &Path) -> Result<Self, StartError> {
        let path = folder.join("lock");
        let deadline = Instant::now() + BOUND;
        loop {
            std::fs::create_dir_all(folder).at("create", folder)?;
            let lock = Self(open(&path)?);
            // The folder may have been deleted while we waited: a lock on a
            // file that nobody else can open is none.
            if taken(lock.0.try_lock(), &path)? && lock.is_at(&path) {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                return Err(StartError::TooSlow {
                    what: "waiting for another process that starts or stops the cluster",
                    seconds: BOUND.as_secs(),
                    see: path,
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// Held by everyone who uses the cluster. Nothing while it is being ended.
    pub(crate) fn for_use(folder: &Path) -> Result<Option<Self>, StartError> {
        let path = folder.join("in-use");
        let lock = Self(open(&path)?);
        Ok(taken(lock.0.try_lock_shared(), &path)?.then_some(lock))
    }

    /// Held by the one who ends the cluster. Nothing while somebody uses it.
    pub(crate) fn for_end(folder: &Path) -> Result<Option<Self>, StartError> {
        let path = folder.join("in-use");
        let lock = Self(open(&path)?);
        Ok(taken(lock.0.try_lock(), &path)?.then_some(lock))
    }

    fn is_at(&self, path: &Path) -> bool {
        match (self.0.metadata(), path.metadata()) {
            (Ok(ours), Ok(there)) => ours.dev() == there.dev() && ours.ino() == there.ino(),
            _ => false,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Failing leaves the lock to the closing of the file.
        let _ = self.0.unlock();
    }
}

fn open(path: &Path) -> Result<File, StartError> {
    let outcome = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    if let Err(error) = &outcome
        && error.kind() == ErrorKind::PermissionDenied
        && let Some(folder) = path.parent()
        && let Ok(metadata) = folder.metadata()
    {
        return Err(StartError::OtherOwner {
            folder: folder.to_owned(),
            owner: metadata.uid(),
        });
    }
    outcome.at("open", path)
}

fn taken(outcome: Result<(), TryLockError>, path: &Path) -> Result<bool, StartError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(source).at("lock", path),
    }
}
