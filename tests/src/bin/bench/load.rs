//! Calls in a closed loop: so many under way at once, for so long.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::task::JoinSet;
use tonic::Status;

use crate::meter::{Meter, Spent};

/// One call; the number says which.
pub(crate) trait Call:
    Fn(usize) -> Pin<Box<dyn Future<Output = Result<(), Status>> + Send>> + Clone + Send + 'static
{
}

impl<C> Call for C where
    C: Fn(usize) -> Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>
        + Clone
        + Send
        + 'static
{
}

/// What one turn came to.
pub(crate) struct Round {
    pub(crate) calls: u64,
    pub(crate) lasted: Duration,
    pub(crate) spent: Spent,
    /// Sum of the calls' times.
    pub(crate) waited: Duration,
    /// Microseconds of each; none where it is not known.
    pub(crate) micros: Vec<u32>,
}

impl Round {
    pub(crate) fn rate(&self) -> f64 {
        self.calls as f64 / self.lasted.as_secs_f64()
    }
}

/// The turns of one contestant.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<Round>,
}

impl Series {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
        }
    }

    /// Calls a second in its median turn.
    pub(crate) fn rate(&self) -> f64 {
        median(self.rounds.iter().map(Round::rate).collect())
    }

    /// The share of the other's rate, turn by turn; the median.
    pub(crate) fn share_of(&self, other: &Self) -> f64 {
        let turns = self.rounds.iter().zip(&other.rounds);
        median(
            turns
                .map(|(own, other)| own.rate() / other.rate())
                .collect(),
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Keeps so many calls under way for so long; one that fails ends it all.
pub(crate) async fn load(
    meter: &Meter,
    in_flight: usize,
    lasting: Duration,
    call: impl Call,
) -> anyhow::Result<Round> {
    let before = meter.read();
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..in_flight {
        let call = call.clone();
        workers.spawn(async move {
            let mut micros = Vec::with_capacity(4096);
            let mut number = worker;
            while begun.elapsed() < lasting {
                let at = Instant::now();
                call(number).await?;
                micros.push(u32::try_from(at.elapsed().as_micros()).unwrap_or(u32::MAX));
                number += in_flight;
            }
            Ok::<_, Status>(micros)
        });
    }
    let mut micros = Vec::new();
    while let Some(ended) = workers.join_next().await {
        micros.extend(ended?.context("a call failed")?);
    }
    Ok(Round {
        calls: micros.len() as u64,
        lasted: begun.elapsed(),
        spent: meter.read().since(before),
        waited: Duration::from_micros(micros.iter().copied().map(u64::from).sum()),
        micros,
    })
}
