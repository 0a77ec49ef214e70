//! What is printed.

use crate::{IN_FLIGHT, ROUND, ROUNDS, load::Round, processor};

/// The rounds of one contestant.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    /// Whose processor time is counted.
    pub(crate) process: Option<u32>,
    pub(crate) many: Vec<Round>,
    pub(crate) single: Vec<Round>,
}

impl Series {
    pub(crate) fn new(name: &'static str, address: String, process: Option<u32>) -> Self {
        Self {
            name,
            address,
            process,
            many: Vec::new(),
            single: Vec::new(),
        }
    }

    /// Turn by turn, so that whatever else the machine did met both; the median.
    fn share_of(&self, other: &Self) -> f64 {
        median(
            self.many
                .iter()
                .zip(&other.many)
                .map(|(own, other)| own.rate / other.rate),
        )
    }

    /// Microseconds that one call takes longer than the other's, turn by turn; the median.
    fn added_to(&self, other: &Self) -> f64 {
        median(
            self.single
                .iter()
                .zip(&other.single)
                .map(|(own, other)| own.median - other.median),
        )
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn print(series: &[Series]) {
    println!(
        "Passing calls on: {ROUNDS} rounds of {ROUND} ms in turns with {IN_FLIGHT} calls in flight over 4 connections,\n\
         and of {} ms with one; medians of the rounds. Each proxy alone on one core, the echo and the\n\
         load (h2) on another; \"direct\" leaves the proxy's core idle. Steal and idle are shares of both cores.\n\
         µs used: processor time of the proxy for a call, which whatever else runs here distorts least.\n",
        ROUND / 2
    );
    println!(
        "{:<18} {:>9} {:>17} {:>9} {:>8}   {:>10} {:>9}   {:>6} {:>6}",
        "", "calls/s", "(min–max)", "p99 µs", "µs used", "one: p50", "p99 µs", "steal", "idle"
    );
    for one in series {
        let rates = || one.many.iter().map(|round| round.rate);
        let share = |part: fn(&Round) -> u64| {
            let all: u64 = one.many.iter().map(|round| round.spent.all).sum();
            100.0 * one.many.iter().map(part).sum::<u64>() as f64 / all.max(1) as f64
        };
        println!(
            "{:<18} {:>9.0} {:>17} {:>9.0} {:>8.1}   {:>10.1} {:>9.1}   {:>5.1}% {:>5.1}%",
            one.name,
            median(rates()),
            format!(
                "({:.0}–{:.0})",
                rates().fold(f64::MAX, f64::min),
                rates().fold(0.0, f64::max)
            ),
            median(one.many.iter().map(|round| round.p99)),
            median(one.many.iter().map(|round| round.used)),
            median(one.single.iter().map(|round| round.median)),
            median(one.single.iter().map(|round| round.p99)),
            share(|round| round.spent.steal),
            share(|round| round.spent.idle),
        );
    }
    println!("\n  load of the machine at the end: {}", processor::load());
    let [kefu, bare, ..] = series else { return };
    let met = |met: bool| if met { "met" } else { "not met" };
    let share = kefu.share_of(bare);
    println!(
        "  kefu / bare tonic {share:.2}   target: at least 0.85: {}",
        met(share >= 0.85)
    );
    let used = |one: &Series| median(one.many.iter().map(|round| round.used));
    println!(
        "  by processor time alone it would be {:.2}: {:.1} µs more a call",
        used(bare) / used(kefu),
        used(kefu) - used(bare)
    );
    let added = kefu.added_to(bare);
    println!(
        "  kefu adds {added:.1} µs to bare tonic with one call in flight   target: at most 25: {}",
        met(added <= 25.0)
    );
    for (name, least) in [("nginx grpc_pass", 1.0), ("Envoy with RBAC", 1.6)] {
        if let Some(peer) = series.iter().find(|one| one.name == name) {
            let share = kefu.share_of(peer);
            println!(
                "  kefu / {name} {share:.2}   target: more than {least}: {}",
                met(share > least)
            );
        }
    }
}
