//! Reading one's own writes across services: a call that brings the place of an
//! earlier write along is answered once this service has consumed that far.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use kefu_contracts::common::Reason;
use kefu_journal::Cursor;
use tokio::sync::watch;

use crate::error::Fault;

/// How far a service has consumed each journal it follows.
#[derive(Clone, Default)]
pub struct Progress {
    sources: Arc<BTreeMap<&'static str, Source>>,
}

struct Source {
    reached: watch::Sender<Cursor>,
    /// Everything that whoever had begun by then wrote has taken effect.
    caught_up_at: Mutex<Option<Timestamp>>,
}

impl Progress {
    /// For a service that follows these journals.
    pub fn of(sources: &[&'static str]) -> Self {
        let sources = sources
            .iter()
            .map(|source| {
                let nothing = Source {
                    reached: watch::Sender::new(Cursor::START),
                    caught_up_at: Mutex::default(),
                };
                (*source, nothing)
            })
            .collect();
        Self {
            sources: Arc::new(sources),
        }
    }

    /// Everything up to here has taken effect.
    pub fn report(&self, source: &str, cursor: Cursor) {
        if let Some(progress) = self.sources.get(source) {
            progress.reached.send_if_modified(|known| {
                let further = cursor > *known;
                *known = cursor.max(*known);
                further
            });
        }
    }

    /// How far a journal has been consumed.
    pub fn reached(&self, source: &str) -> Option<Cursor> {
        Some(*self.sources.get(source)?.reached.borrow())
    }

    /// Everything has taken effect that whoever had begun by this moment wrote.
    pub fn caught_up(&self, source: &str, at: Timestamp) {
        if let Some(progress) = self.sources.get(source) {
            *known(progress) = Some(at);
        }
    }

    /// The last moment as of which all of a journal is known to have taken effect; `None` where
    /// none is known since this process began.
    pub fn caught_up_at(&self, source: &str) -> Option<Timestamp> {
        *known(self.sources.get(source)?)
    }

    /// Waits until every place has been reached. Places in journals that this
    /// service does not follow have no meaning here and are passed over. The
    /// caller bounds the wait.
    ///
    /// # Errors
    /// When the service is going down.
    pub async fn wait(&self, places: &[(String, Cursor)]) -> Result<(), Fault> {
        for (source, place) in places {
            if let Some(progress) = self.sources.get(source.as_str()) {
                progress
                    .reached
                    .subscribe()
                    .wait_for(|reached| reached >= place)
                    .await
                    .map_err(|_| Fault::new(Reason::PositionNotReached))?;
            }
        }
        Ok(())
    }
}

fn known(source: &Source) -> MutexGuard<'_, Option<Timestamp>> {
    let known = source.caught_up_at.lock();
    known.unwrap_or_else(PoisonError::into_inner)
}

/// Places in `kefu-position` metadata: `ticket:812.55, order-followup:9.1`.
/// What cannot be read is left out: it was not one of ours.
pub fn parse(value: &str) -> Vec<(String, Cursor)> {
    value
        .split(',')
        .filter_map(|part| {
            let (source, place) = part.trim().split_once(':')?;
            Some((source.to_owned(), place.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_waits_for_its_place_and_no_longer() {
        let progress = Progress::of(&["ticket"]);
        let places = parse("ticket:812.55,nonsense,other:1.1");
        let waiting = tokio::spawn({
            let progress = progress.clone();
            async move { progress.wait(&places).await }
        });
        progress.report(
            "ticket",
            Cursor {
                transaction_id: 812,
                position: 54,
            },
        );
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        progress.report(
            "ticket",
            Cursor {
                transaction_id: 813,
                position: 2,
            },
        );
        waiting.await.unwrap().unwrap();
    }
}
