//! What can keep a cluster from starting, each with the way out.

use std::{io, path::PathBuf};

/// Why no cluster could be started, found or stopped.
///
/// The texts are written for whoever runs `make run` or `make test`: they name
/// what is missing and how to get it, and never hold the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither `KEFU_PG_BIN` nor any usual place holds PostgreSQL's programs.
    #[error(
        "no PostgreSQL {minimum} or newer found (looked in: {looked}): install it with \
         `apt-get install postgresql` (Debian, Ubuntu) or `brew install postgresql@17` (macOS), \
         or set KEFU_PG_BIN to the folder that holds initdb, pg_ctl and postgres"
    )]
    NoBinaries {
        /// The oldest major version that is good enough.
        minimum: u32,
        /// The folders that were looked in, separated by commas.
        looked: String,
    },

    /// The data was written by a major version whose programs are gone.
    #[error(
        "{} was made by PostgreSQL {made_by}, but only {found} is installed: install PostgreSQL \
         {made_by} again, or delete the folder to start afresh (its data is lost)",
        folder.display()
    )]
    OtherVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// What its `PG_VERSION` says.
        made_by: String,
        /// The major versions at hand, separated by commas.
        found: String,
    },

    /// Run as root, and there is nobody to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` \
         to run it as: create one with `useradd --system postgres`, or run as another user than root"
    )]
    NoServerUser,

    /// The server's user cannot reach the data.
    #[error(
        "the server runs as user {user}, who may not enter {}: allow it with `chmod o+x {}`, \
         choose a folder elsewhere, or run as another user than root",
        folder.display(), folder.display()
    )]
    NotReachable {
        /// The first folder on the way that is closed.
        folder: PathBuf,
        /// The user the server runs as.
        user: String,
    },

    /// The data belongs to somebody else.
    #[error(
        "{} belongs to user {owner}, perhaps because it was started as root before: start it as \
         that user or as root, or delete the folder to start afresh (its data is lost)",
        folder.display()
    )]
    OtherOwner {
        /// The cluster's folder, or the server's part of it.
        folder: PathBuf,
        /// Number of the user who owns it.
        owner: u32,
    },

    /// The port that was asked for is in use.
    #[error(
        "port {port} on 127.0.0.1 is in use by another program: stop that, or ask for no fixed port"
    )]
    PortTaken {
        /// The port asked for.
        port: u16,
    },

    /// A server runs on the data, but does not take the password kept beside it.
    #[error(
        "a server runs on {} but refuses us: stop it and delete the folder to start afresh \
         (its data is lost)",
        folder.display()
    )]
    Refused {
        /// The cluster's folder.
        folder: PathBuf,
        /// What the server said.
        source: sqlx::Error,
    },

    /// One of PostgreSQL's programs failed.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// Its path.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it printed, or of the server's log.
        output: String,
    },

    /// Something did not happen within its bound.
    #[error("{what} took longer than {seconds} s; see {}", see.display())]
    TooSlow {
        /// What was waited for.
        what: &'static str,
        /// The bound.
        seconds: u64,
        /// Where to look.
        see: PathBuf,
    },

    /// No `target` folder above the running program.
    #[error(
        "{} does not lie in a cargo target folder: set KEFU_TEST_POSTGRES_DIR to the folder for \
         the test cluster, or KEFU_DATABASE_URL to a server's URL",
        program.display()
    )]
    NoTargetFolder {
        /// The running program.
        program: PathBuf,
    },

    /// `KEFU_DATABASE_URL` is set to something else than a URL of PostgreSQL.
    /// The value is not shown: it may hold a password.
    #[error("KEFU_DATABASE_URL is not a URL like postgres://user:password@host:5432/database")]
    BadUrl,

    /// A file or program could not be used.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Says what was tried on which file when it fails.
pub(crate) trait At<T> {
    fn at(self, what: &'static str, path: impl Into<PathBuf>) -> Result<T, StartError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: impl Into<PathBuf>) -> Result<T, StartError> {
        self.map_err(|source| StartError::Io {
            what,
            path: path.into(),
            source,
        })
    }
}
