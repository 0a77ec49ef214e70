//! What a run has done so far, and the words for it.

use std::{collections::BTreeMap, fmt, time::Duration};

/// What was sent for one record.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sent {
    /// Whether the record came to be by it.
    pub(super) created: bool,
    /// What belongs to the record, and how much of it there is: stages, reviews.
    pub(super) parts: Vec<(&'static str, usize)>,
}

/// Figures of a run.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    /// Rows of the file dealt with by this run.
    pub(super) rows: usize,
    /// Records that came to be.
    pub(super) created: usize,
    /// Records that the suite had already.
    pub(super) there: usize,
    /// Of those, the ones known from the state of an earlier run and not sent.
    pub(super) skipped: usize,
    /// Records that could not be imported.
    pub(super) rejected: usize,
    /// Rows of the skipped records, which took no time.
    skipped_rows: usize,
    parts: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// A record of so many rows was done by an earlier run.
    pub(super) fn skip(&mut self, rows: usize) {
        self.rows += rows;
        self.skipped_rows += rows;
        self.there += 1;
        self.skipped += 1;
    }

    /// A record of so many rows was sent.
    pub(super) fn sent(&mut self, rows: usize, sent: &Sent) {
        self.rows += rows;
        match sent.created {
            true => self.created += 1,
            false => self.there += 1,
        }
        for (part, count) in &sent.parts {
            *self.parts.entry(part).or_default() += count;
        }
    }

    /// A record of so many rows was rejected.
    pub(super) fn reject(&mut self, rows: usize) {
        self.rows += rows;
        self.rejected += 1;
    }

    /// Rows that this run sent in a second.
    pub(super) fn rate(&self, elapsed: Duration) -> f64 {
        let rows = u32::try_from(self.rows - self.skipped_rows).unwrap_or(u32::MAX);
        f64::from(rows) / elapsed.as_secs_f64().max(0.001)
    }

    /// In one line.
    pub(super) fn line(&self, elapsed: Duration) -> String {
        format!("{self}, {:.0} rows/s", self.rate(elapsed))
    }

    /// In full, for the end of a run.
    pub(super) fn summary(&self, kind: &str, elapsed: Duration) -> String {
        let mut text = format!("{kind}: {self}");
        for (part, count) in &self.parts {
            text += &format!("\n  with {count} {part}");
        }
        if self.skipped > 0 {
            text += &format!(
                "\n  {} of those already there are known from an earlier run and were not sent again",
                self.skipped
            );
        }
        text + &format!(
            "\n  {:.1} s, {:.0} rows/s",
            elapsed.as_secs_f64(),
            self.rate(elapsed)
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows, {} created, {} already there, {} rejected",
            self.rows, self.created, self.there, self.rejected
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_rows_and_records() {
        let mut tally = Tally::default();
        tally.skip(3);
        tally.sent(
            2,
            &Sent {
                created: true,
                parts: vec![("stages", 4)],
            },
        );
        tally.sent(
            1,
            &Sent {
                created: false,
                parts: vec![("stages", 3)],
            },
        );
        tally.reject(1);
        assert_eq!(
            tally.summary("orders", Duration::from_secs(2)),
            "orders: 7 rows, 1 created, 2 already there, 1 rejected\n  with 7 stages\n  \
             1 of those already there are known from an earlier run and were not sent again\n  \
             2.0 s, 2 rows/s"
        );
    }
}
