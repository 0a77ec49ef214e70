//! Processor time, from /proc: what this process (with the programs it started)
//! and PostgreSQL have used. On a busy machine it says more than a clock.

use std::{fs, time::Duration};

use sqlx::PgConnection;

/// Linux counts processor time in hundredths of a second for whoever asks.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Meter {
    postmaster: Option<u32>,
}

/// Processor time used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) ours: Duration,
    pub(crate) postgres: Duration,
}

impl Spent {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            ours: self.ours.saturating_sub(earlier.ours),
            postgres: self.postgres.saturating_sub(earlier.postgres),
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            ours: self.ours + other.ours,
            postgres: self.postgres + other.postgres,
        }
    }
}

impl Meter {
    /// Of this process and the server behind the connection.
    pub(crate) async fn of(connection: &mut PgConnection) -> anyhow::Result<Self> {
        let session: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(connection)
            .await?;
        let postmaster = Process::read(&session.to_string()).map(|process| process.parent);
        Ok(Self { postmaster })
    }

    /// So far; nothing where there is no /proc.
    pub(crate) fn read(&self) -> Spent {
        let ours = Process::read("self").map_or(Duration::ZERO, Process::whole);
        Spent {
            ours,
            postgres: self.postmaster.map_or(Duration::ZERO, server),
        }
    }
}

/// The server and its sessions, also those that have ended.
fn server(postmaster: u32) -> Duration {
    let Ok(folders) = fs::read_dir("/proc") else {
        return Duration::ZERO;
    };
    let running = folders
        .filter_map(|folder| Process::read(folder.ok()?.file_name().to_str()?))
        .filter(|process| process.parent == postmaster)
        .map(|process| process.own);
    let itself = Process::read(&postmaster.to_string()).map_or(Duration::ZERO, Process::whole);
    running.sum::<Duration>() + itself
}

struct Process {
    parent: u32,
    own: Duration,
    /// Of its processes that have ended.
    ended: Duration,
}

impl Process {
    /// `pid (name) state parent …`, see proc(5).
    fn read(pid: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Self {
            parent: ticks(1)?,
            own: TICK * (ticks(11)? + ticks(12)?),
            ended: TICK * (ticks(13)? + ticks(14)?),
        })
    }

    fn whole(self) -> Duration {
        self.own + self.ended
    }
}
