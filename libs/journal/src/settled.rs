use jiff::Timestamp;
use sqlx::{PgConnection, Row};

/// Transactions of the cluster, by number: whatever was given a number below `oldest` has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The oldest that runs yet; `next` where none does.
    pub oldest: i64,
    /// The next to be given.
    pub next: i64,
}

/// Those that run now.
///
/// # Errors
/// The driver's.
pub async fn running(connection: &mut PgConnection) -> Result<Running, sqlx::Error> {
    let row = sqlx::query(
        "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint
         FROM pg_current_snapshot() AS now",
    )
    .fetch_one(connection)
    .await?;
    Ok(Running {
        oldest: row.try_get(0)?,
        next: row.try_get(1)?,
    })
}

/// Since when everything in a journal can be read. To have read all that is safe to read says
/// nothing about now: what was committed meanwhile is held back while an older transaction runs.
#[derive(Debug, Default)]
pub struct Settled {
    at: Option<Timestamp>,
    /// All that had begun then has ended once the oldest that runs is this one.
    awaited: Option<(Timestamp, i64)>,
}

impl Settled {
    /// The latest known moment since when all have begun to write that run now: what others
    /// wrote is safe to read. None where none is known yet. `at` is from before `running` was
    /// asked for, and that from before the journal is read.
    pub fn look(&mut self, at: Timestamp, running: Running) -> Option<Timestamp> {
        if running.oldest >= running.next {
            self.at = Some(at);
            self.awaited = None;
        } else if let Some((began, next)) = self.awaited {
            if running.oldest >= next {
                self.at = Some(began);
                self.awaited = Some((at, running.next));
            }
        } else {
            self.awaited = Some((at, running.next));
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(at: i64) -> Timestamp {
        Timestamp::from_second(at).unwrap()
    }

    #[test]
    fn what_runs_is_waited_for_and_nothing_that_begins_later() {
        let mut settled = Settled::default();
        let look = |settled: &mut Settled, at, oldest, next| {
            settled.look(second(at), Running { oldest, next })
        };
        assert_eq!(look(&mut settled, 1, 10, 10), Some(second(1)));
        assert_eq!(look(&mut settled, 2, 10, 12), Some(second(1)), "10 runs");
        assert_eq!(look(&mut settled, 3, 11, 15), Some(second(1)), "11 runs");
        assert_eq!(
            look(&mut settled, 4, 13, 16),
            Some(second(2)),
            "13 is later"
        );
        assert_eq!(look(&mut settled, 5, 16, 17), Some(second(4)));
        assert_eq!(look(&mut settled, 6, 17, 17), Some(second(6)));
        let mut unknown = Settled::default();
        assert_eq!(look(&mut unknown, 1, 10, 11), None);
    }

    proptest! {
        /// Transactions of any length: none that runs began before what is said, and once
        /// nothing runs it is now that is said.
        #[test]
        fn nothing_that_began_before_runs(lengths in prop::collection::vec((0_i64..5, 0_i64..20), 1..40)) {
            let mut begun = 0;
            // Of each by its number: when it began, and when it ends.
            let transactions: Vec<(i64, i64)> = lengths
                .into_iter()
                .map(|(pause, length)| {
                    begun += pause;
                    (begun, begun + length)
                })
                .collect();
            let mut settled = Settled::default();
            for at in 0..=begun + 60 {
                let numbered = || (0..).zip(&transactions);
                let next = numbered().filter(|(_, (began, _))| *began <= at).count();
                let runs = |(began, ends): (i64, i64)| began <= at && at < ends;
                let oldest = numbered().find(|(_, of)| runs(**of)).map_or(next as i64, |(number, _)| number);
                let said = settled.look(second(at), Running { oldest, next: next as i64 });
                if let Some(said) = said {
                    let mut open = transactions.iter().filter(|of| runs(**of));
                    prop_assert!(open.all(|(began, _)| second(*began) > said));
                }
                if oldest == next as i64 {
                    prop_assert_eq!(said, Some(second(at)));
                }
            }
        }
    }
}
