//! Jobs under supervision.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Job, beat::Failures};

/// Before the first new run; doubled for each run that ends soon again…
const BACK_OFF: Duration = Duration::from_millis(100);
/// …up to this.
const BACK_OFF_MOST: Duration = Duration::from_secs(30);
/// A run of this length has worked; what ends it is a new trouble.
const WORKED: Duration = Duration::from_secs(60);

/// How a run can end before it is asked to.
const PANICKED: &str = "panicked";
const RETURNED: &str = "returned";

/// Jobs that run. Dropping this aborts them; [`stop`](Self::stop) lets them end.
#[must_use = "the jobs are aborted when this is dropped"]
pub struct Running {
    token: CancellationToken,
    jobs: JoinSet<()>,
    names: Vec<(String, AbortHandle)>,
}

/// Starts jobs, each in a task of its own. They end when `token` is cancelled.
pub fn start_jobs(jobs: Vec<Job>, token: CancellationToken) -> Running {
    // Stopping these must not stop others that share the token.
    let token = token.child_token();
    let mut running = Running {
        token,
        jobs: JoinSet::new(),
        names: Vec::new(),
    };
    for job in jobs {
        let name = job.name.clone();
        let handle = running.jobs.spawn(supervise(job, running.token.clone()));
        running.names.push((name, handle));
    }
    running
}

impl Running {
    /// Asks the jobs to end, waits for `bound` at most and aborts the rest.
    /// Answers with the names of those.
    pub async fn stop(mut self, bound: Duration) -> Vec<String> {
        self.token.cancel();
        let ended = timeout(bound, async {
            while self.jobs.join_next().await.is_some() {}
        });
        if ended.await.is_ok() {
            return Vec::new();
        }
        let late = self
            .names
            .into_iter()
            .filter(|(_, handle)| !handle.is_finished());
        let late: Vec<String> = late.map(|(name, _)| name).collect();
        tracing::warn!(jobs = ?late, "jobs that did not end in time are aborted");
        self.jobs.abort_all();
        late
    }
}

/// Runs a job again and again until it is cancelled.
async fn supervise(job: Job, token: CancellationToken) {
    let mut back_off = BACK_OFF;
    let failures = Failures::of(&job.name);
    for outcome in [PANICKED, RETURNED] {
        failures.count(outcome, 0);
    }
    while !token.is_cancelled() {
        let since = Instant::now();
        // Nothing of a run outlives it but what the job shares, and that it must
        // keep sound itself, as for any other task.
        let run = AssertUnwindSafe(async { (job.run)(token.clone()).await })
            .catch_unwind()
            .await;
        if token.is_cancelled() {
            if run.is_err() {
                tracing::error!(job = job.name, "job panicked while ending");
            }
            break;
        }
        if since.elapsed() >= WORKED {
            back_off = BACK_OFF;
        }
        let outcome = if run.is_err() { PANICKED } else { RETURNED };
        failures.count(outcome, 1);
        tracing::error!(job = job.name, outcome, again_after = ?back_off, "job ended before it was asked to");
        tokio::select! {
            () = token.cancelled() => break,
            () = tokio::time::sleep(back_off) => {}
        }
        back_off = (back_off * 2).min(BACK_OFF_MOST);
    }
}
