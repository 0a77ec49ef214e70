//! What is printed.

use std::time::Duration;

use crate::{
    CONNECTIONS, IN_FLIGHT, ROUND, ROUNDS,
    load::{Round, Series},
    meter::Spent,
};

/// What is aimed at: for what, and the share of the bare handler's rate.
pub(crate) struct Target(pub(crate) &'static str, pub(crate) f64);

/// The contestants: the gateway, the bare handler, pgbench where there is one.
pub(crate) fn print(title: &str, series: &[Series], target: Target) {
    println!(
        "{title}: {ROUNDS} rounds of {} s in turns; gateway and bare handler with {IN_FLIGHT} calls in flight\n\
         over 4 channels, pgbench with {CONNECTIONS} connections. Processor time is of this process\n\
         (client and server; or pgbench) and of PostgreSQL.\n",
        ROUND.as_secs()
    );
    println!(
        "{:<20} {:>8} {:>17}   {:>7} {:>7} {:>7}   {:>9} {:>10}",
        "", "calls/s", "(min–max)", "mean ms", "p50 ms", "p99 ms", "µs of CPU", "PostgreSQL"
    );
    for one in series {
        line(one);
    }
    let [gateway, bare, rest @ ..] = series else {
        return;
    };
    let Target(what, aim) = target;
    let share = gateway.share_of(bare);
    let met = if share >= aim { "met" } else { "not met" };
    println!("\n  gateway / bare handler  {share:.2}   target for {what}: at least {aim}: {met}");
    for pgbench in rest {
        println!("  bare handler / pgbench  {:.2}", bare.share_of(pgbench));
        println!("  gateway / pgbench       {:.2}", gateway.share_of(pgbench));
    }
    println!();
}

fn line(series: &Series) {
    let mut rates: Vec<f64> = series.rounds.iter().map(Round::rate).collect();
    rates.sort_by(f64::total_cmp);
    let least = rates.first().copied().unwrap_or_default();
    let most = rates.last().copied().unwrap_or_default();
    let all = all(&series.rounds);
    println!(
        "{:<20} {:>8.0} {:>17}   {:>7.2} {:>7} {:>7}   {:>9.0} {:>10.0}",
        series.name,
        series.rate(),
        format!("({least:.0}–{most:.0})"),
        micros(all.waited, all.calls) / 1_000.0,
        millis(&all.micros, 50),
        millis(&all.micros, 99),
        micros(all.spent.ours, all.calls),
        micros(all.spent.postgres, all.calls),
    );
}

/// The rounds as one, their calls in order of time.
fn all(rounds: &[Round]) -> Round {
    let mut micros: Vec<u32> = Vec::new();
    for round in rounds {
        micros.extend(&round.micros);
    }
    micros.sort_unstable();
    Round {
        calls: rounds.iter().map(|round| round.calls).sum(),
        lasted: rounds.iter().map(|round| round.lasted).sum(),
        waited: rounds.iter().map(|round| round.waited).sum(),
        spent: rounds
            .iter()
            .fold(Spent::default(), |sum, round| sum.and(round.spent)),
        micros,
    }
}

/// Microseconds a call.
fn micros(time: Duration, calls: u64) -> f64 {
    time.as_secs_f64() * 1e6 / calls.max(1) as f64
}

fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    sorted.get(sorted.len() * percent / 100).copied()
}

fn millis(sorted: &[u32], percent: usize) -> String {
    percentile(sorted, percent).map_or_else(
        || "–".to_owned(),
        |micros| format!("{:.2}", f64::from(micros) / 1_000.0),
    )
}

pub(crate) fn begin_steps(in_flight: usize) {
    if in_flight == 1 {
        println!("Where the time of a read goes: the same read with ever less around it.\n");
    }
    println!(
        "{:<36} {:>8}   {:>8} {:>8} {:>8}   {:>9} {:>10}",
        format!("{in_flight} in flight; µs a call"),
        "calls/s",
        "mean",
        "p50",
        "p99",
        "µs of CPU",
        "PostgreSQL"
    );
}

pub(crate) fn step(name: &str, round: &Round) {
    let all = all(std::slice::from_ref(round));
    let at = |percent| percentile(&all.micros, percent).unwrap_or_default();
    println!(
        "{name:<36} {:>8.0}   {:>8.0} {:>8} {:>8}   {:>9.0} {:>10.0}",
        round.rate(),
        micros(all.waited, all.calls),
        at(50),
        at(99),
        micros(all.spent.ours, all.calls),
        micros(all.spent.postgres, all.calls),
    );
}
