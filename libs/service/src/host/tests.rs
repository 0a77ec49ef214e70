use std::sync::atomic::{AtomicU32, Ordering};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tonic::{Status, body::Body, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{service_fn, util::BoxCloneSyncService};

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// A job that says each time that it runs, and ends when it is asked to.
fn patient(begun: mpsc::UnboundedSender<()>) -> Job {
    Job::new("patient", move |token| {
        begun.send(()).unwrap();
        Box::pin(token.cancelled_owned())
    })
}

/// A job that does not listen.
fn deaf() -> Job {
    Job::new("deaf", |_| Box::pin(std::future::pending()))
}

fn hosted(jobs: Vec<Job>) -> Hosted {
    let service =
        service_fn(|_: http::Request<Body>| async { Ok(Status::unimplemented("").into_http()) });
    Hosted {
        ready: None,
        name: "ticket",
        service: BoxCloneSyncService::new(service),
        jobs,
        ending: CancellationToken::new(),
    }
}

async fn seat() -> (Seat, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probes = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let (main, health) = (uri(&listener), uri(&probes));
    let options = ServeOptions {
        drain: Duration::from_millis(50),
        ..ServeOptions::default()
    };
    let seat = Seat {
        listener,
        health_listener: Some(probes),
        options,
        notice: Duration::ZERO,
        reflection: crate::server::Reflected::All,
    };
    (seat, main, health)
}

#[test]
fn a_look_that_fails_is_tried_again_sooner_and_ever_less_so() {
    let hour = Duration::from_secs(3600);
    let seconds = |failed| until_next(hour, failed).as_secs();
    assert_eq!([0, 1, 2, 3].map(seconds), [3600, 5, 10, 20]);
    assert_eq!(
        [10, 11, 40, u32::MAX].map(seconds),
        [2560, 3600, 3600, 3600]
    );
    let second = Duration::from_secs(1);
    assert_eq!(
        [0, 1, 9].map(|failed| until_next(second, failed)),
        [second; 3]
    );
}

#[tokio::test]
async fn a_job_that_panics_or_returns_runs_again() {
    let (begun, mut seen) = mpsc::unbounded_channel();
    let count = AtomicU32::new(0);
    let job = Job::new("weak", move |token| {
        let run = count.fetch_add(1, Ordering::Relaxed);
        begun.send(run).unwrap();
        Box::pin(async move {
            match run {
                0 => panic!("at once"),
                1 => {}
                _ => token.cancelled().await,
            }
        })
    });
    let running = start_jobs(vec![job], CancellationToken::new());
    for run in 0..3 {
        assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some(run));
    }
    assert!(running.stop(SOON).await.is_empty());
    assert_eq!(seen.recv().await, None, "no run after the end");
}

#[tokio::test]
async fn a_job_whose_making_panics_runs_again() {
    let (begun, mut seen) = mpsc::unbounded_channel();
    let job = Job::new("unborn", move |token| {
        let first = begun.strong_count() == 1 && begun.send(()).is_ok();
        assert!(!first || token.is_cancelled(), "not even a future");
        Box::pin(token.cancelled_owned())
    });
    let _running = start_jobs(vec![job], CancellationToken::new());
    timeout(SOON, seen.recv()).await.unwrap();
    timeout(SOON, seen.recv()).await.unwrap();
}

#[tokio::test]
async fn stopping_is_bounded_and_names_who_did_not_end() {
    let (begun, mut seen) = mpsc::unbounded_channel();
    let running = start_jobs(vec![patient(begun), deaf()], CancellationToken::new());
    seen.recv().await.unwrap();
    let late = timeout(SOON, running.stop(Duration::from_millis(20)))
        .await
        .unwrap();
    assert_eq!(late, ["deaf"]);
}

#[tokio::test]
async fn jobs_end_with_the_token_but_do_not_end_it() {
    let token = CancellationToken::new();
    let (begun, mut seen) = mpsc::unbounded_channel();
    let one = start_jobs(vec![patient(begun.clone())], token.clone());
    let two = start_jobs(vec![patient(begun)], token.clone());
    for _ in 0..2 {
        seen.recv().await.unwrap();
    }
    assert!(one.stop(SOON).await.is_empty());
    assert!(!token.is_cancelled());
    token.cancel();
    assert!(two.stop(SOON).await.is_empty());
}

#[tokio::test]
async fn a_service_is_served_with_health_and_ends_its_jobs_last() {
    let (begun, mut seen) = mpsc::unbounded_channel();
    let (seat, main, health) = seat().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let running = tokio::spawn(run(hosted(vec![patient(begun)]), seat, shutdown));
    for uri in [main, health] {
        let mut client =
            HealthClient::new(Endpoint::from_shared(uri).unwrap().connect().await.unwrap());
        let answer = client
            .check(HealthCheckRequest {
                service: "ticket".into(),
            })
            .await
            .unwrap();
        assert_eq!(
            answer.into_inner().status(),
            tonic_health::pb::health_check_response::ServingStatus::Serving
        );
    }
    seen.recv().await.unwrap();
    stop.send(()).unwrap();
    timeout(SOON, running).await.unwrap().unwrap().unwrap();
    assert_eq!(seen.recv().await, None);
}

#[tokio::test]
async fn when_one_cannot_be_run_the_others_end() {
    let (seat, ..) = seat().await;
    let ending = CancellationToken::new();
    let mut running = JoinSet::new();
    let good = run(hosted(vec![]), seat, ending.clone().cancelled_owned());
    running.spawn(good);
    running.spawn(async {
        let broken = Endpoint::from_shared("not a uri").unwrap_err();
        Err(ServeError::Transport(broken))
    });
    let outcome = timeout(SOON, together(running, ending)).await.unwrap();
    assert!(
        matches!(outcome, Err(ServeError::Transport(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn ending_what_runs_together_does_not_end_the_callers_token() {
    let token = CancellationToken::new();
    let outcome = run_all(vec![], token.clone()).await;
    assert!(outcome.is_ok() && !token.is_cancelled());
}
