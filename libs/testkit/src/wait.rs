//! Waiting for what comes about by itself: a job's next look, a journal that is read, a
//! process that comes up. What time brings about is not waited for: the clock is turned.

use std::time::Duration;

/// More than two rounds of the jobs that look once a minute: one whose first look was in vain,
/// as the row was another's just then, is waited for.
const BOUND: Duration = Duration::from_secs(150);
/// Between two looks, so that what is waited for has the processor.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something, which has to be within the bound.
///
/// # Panics
/// When it is not.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(BOUND, found).await.expect("in time")
}
