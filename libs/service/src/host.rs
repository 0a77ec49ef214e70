//! What a service hands over to be run, and how it is run and ended.
//!
//! The end goes by steps, each bounded: NOT_SERVING → time for callers to notice
//! → open answers are ended, GOAWAY → calls under way end → jobs end. The pool and telemetry are the
//! caller's, after that: jobs need the one and report through the other.

mod beat;
mod jobs;
#[cfg(test)]
mod tests;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use self::{
    beat::Beat,
    jobs::{Running, start_jobs},
};
use crate::server::{
    GrpcService, Health, Reflected, ServeError, ServeOptions, serve, with_health, with_reflection,
};
use crate::{
    clock::{Clock, sleep},
    error::Fault,
    telemetry::job_span,
};

/// After the first look that fails; doubled for each that follows, up to the job's own pace.
const AGAIN: Duration = Duration::from_secs(5);

/// A service, ready to be run.
pub struct Hosted {
    /// Its name, as in `kefu serve ticket`.
    pub name: &'static str,
    /// What answers its calls.
    pub service: GrpcService,
    /// What it does on its own.
    pub jobs: Vec<Job>,
    /// Cancelled when it is about to end: answers that stay open end by themselves, so that
    /// nobody waits for them.
    pub ending: CancellationToken,
    /// What it waits for before it takes calls, its jobs running; a bound of time is up to it.
    pub ready: Option<JobRun>,
}

/// The future of one run of a job.
pub type JobRun = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a service does on its own, until the token is cancelled. A run that
/// panics or returns before is followed by another.
#[derive(Clone)]
pub struct Job {
    /// For the log.
    pub name: String,
    /// Begins a run.
    pub run: Arc<dyn Fn(CancellationToken) -> JobRun + Send + Sync>,
}

impl Job {
    /// A job of this name.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(CancellationToken) -> JobRun + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            run: Arc::new(run),
        }
    }

    /// A job that looks at once and then every so often. A look that fails is warned of in
    /// these words and tried again, sooner where the next one is far off.
    pub fn every<F>(
        name: impl Into<String>,
        clock: Arc<dyn Clock>,
        every: Duration,
        trouble: &'static str,
        look: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let (name, look): (String, _) = (name.into(), Arc::new(look));
        let beat = Beat::new(&name, clock.clone(), every);
        let of: Arc<str> = name.as_str().into();
        Self::new(name, move |stop| {
            let (clock, look, beat) = (clock.clone(), look.clone(), beat.clone());
            let of = of.clone();
            Box::pin(async move {
                let mut failed = 0;
                loop {
                    let outcome = look().instrument(job_span(&of)).await;
                    beat.looked(outcome.is_ok());
                    failed = match outcome {
                        Ok(()) => 0,
                        Err(fault) => {
                            tracing::warn!(detail = %fault.detail, "{trouble}");
                            failed + 1
                        }
                    };
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(clock.as_ref(), until_next(every, failed)) => {}
                    }
                }
            })
        })
    }
}

/// From a look to the next, when so many in a row have failed: what is done once an hour must
/// not wait an hour because the database was away for a second.
fn until_next(every: Duration, failed: u32) -> Duration {
    match failed {
        0 => every,
        _ => every.min(AGAIN * 2u32.saturating_pow(failed - 1)),
    }
}

/// Where and how a service is run.
pub struct Seat {
    /// Where it is called.
    pub listener: TcpListener,
    /// Where health alone answers, in plaintext.
    pub health_listener: Option<TcpListener>,
    /// How its server is run; `drain` also bounds the end of its jobs.
    pub options: ServeOptions,
    /// Time between NOT_SERVING and GOAWAY, for callers to notice. Calls are
    /// answered meanwhile.
    pub notice: Duration,
    /// What `grpc.reflection.v1` tells.
    pub reflection: Reflected,
}

/// Runs a service until `shutdown` ends, then ends it in order.
///
/// # Errors
/// When a server cannot be run; the jobs have ended then too.
pub async fn run(
    hosted: Hosted,
    seat: Seat,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let Hosted {
        name,
        service,
        jobs,
        ending: closing,
        ready,
    } = hosted;
    let drain = seat.options.drain;
    let health = Health::new(&[name]).await;
    let service = with_health(with_reflection(service, seat.reflection), &health);

    let running = start_jobs(jobs, CancellationToken::new());
    let ending = CancellationToken::new();
    // Aborted when this future is dropped, as the set is dropped with it.
    let mut probes = JoinSet::new();
    if let Some(listener) = seat.health_listener {
        let options = ServeOptions {
            drain: Duration::ZERO,
            ..ServeOptions::default()
        };
        probes.spawn(serve(
            health.service(),
            listener,
            options,
            ending.clone().cancelled_owned(),
        ));
    }

    let mut shutdown = Box::pin(shutdown);
    let told_to_end = tokio::select! {
        () = async { if let Some(ready) = ready { ready.await } } => false,
        () = &mut shutdown => true,
    };
    health.serving().await;
    tracing::info!(service = name, "serving");
    let announced = async move {
        if !told_to_end {
            shutdown.await;
        }
        health.not_serving().await;
        tracing::info!(service = name, "ending");
        tokio::time::sleep(seat.notice).await;
        closing.cancel();
        health.end().await;
    };
    let served = serve(service, seat.listener, seat.options, announced).await;
    running.stop(drain).await;
    ending.cancel();
    probes.join_all().await;
    tracing::info!(service = name, "ended");
    served
}

/// Runs several services in one process until the token is cancelled. When one
/// cannot be run, the others are ended as well.
///
/// # Errors
/// The first of theirs.
pub async fn run_all(
    services: Vec<(Hosted, Seat)>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    // Ends these alone: the token is the caller's.
    let ending = shutdown.child_token();
    let mut running = JoinSet::new();
    for (hosted, seat) in services {
        running.spawn(run(hosted, seat, ending.clone().cancelled_owned()));
    }
    together(running, ending).await
}

/// Ends all when one has ended.
async fn together(
    mut running: JoinSet<Result<(), ServeError>>,
    ending: CancellationToken,
) -> Result<(), ServeError> {
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        ending.cancel();
        // A panic is a defect of ours and goes on to the top.
        let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        outcome = outcome.and(ended);
    }
    outcome
}
