//! How a run shows that it goes on: a bar on a terminal, a line every few
//! seconds elsewhere. On standard error, so that the summary can be piped on.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::report::Tally;

/// Time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Shows how far a run is.
pub(super) struct Progress {
    began: Instant,
    rows: usize,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// Begins to show a run over so many rows.
    pub(super) fn new(rows: usize) -> Self {
        let bar = stderr()
            .is_terminal()
            .then(|| ProgressBar::new(rows as u64).with_style(style()));
        let now = Instant::now();
        Self {
            began: now,
            rows,
            bar,
            last_line: now,
        }
    }

    /// Since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Shows what is done, and what keeps it from going on.
    pub(super) fn show(&mut self, tally: &Tally, trouble: Option<&str>) {
        let trouble = trouble
            .map(|trouble| format!("; trying again: {trouble}"))
            .unwrap_or_default();
        match &self.bar {
            Some(bar) => {
                bar.set_position(tally.rows as u64);
                bar.set_message(format!("{}{trouble}", tally.line(self.elapsed())));
            }
            None if self.last_line.elapsed() >= BETWEEN_LINES => {
                self.last_line = Instant::now();
                eprintln!("{} of {}{trouble}", tally.line(self.elapsed()), self.rows);
            }
            None => {}
        }
    }

    /// Ends the showing.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    // The template is constant; should it ever be wrong, a plain bar does.
    ProgressStyle::with_template("{bar:40} {percent:>3} % {eta_precise}\n{wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
