//! What the machine did meanwhile, from /proc: on a shared one the figures are worth no
//! more than the processor time there was.

use std::fs;

/// Hundredths of a second of all processors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) all: u64,
    pub(crate) idle: u64,
    /// Taken by the machine's host.
    pub(crate) steal: u64,
}

impl Spent {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            idle: self.idle - before.idle,
            steal: self.steal - before.steal,
        }
    }
}

/// So far; nothing where there is no /proc.
pub(crate) fn read() -> Spent {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|one| one.parse().ok())
        .collect();
    let at = |index: usize| ticks.get(index).copied().unwrap_or_default();
    Spent {
        all: ticks.iter().take(8).sum(),
        idle: at(3) + at(4),
        steal: at(7),
    }
}

/// Hundredths of a second that the process has used, in all its threads; nothing where
/// there is no /proc.
pub(crate) fn used_by(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Its name, in brackets, may hold anything.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let used = fields.split_whitespace().skip(11).take(2);
    used.filter_map(|one| one.parse::<u64>().ok()).sum()
}

/// Processes that ran or wanted to, over the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
