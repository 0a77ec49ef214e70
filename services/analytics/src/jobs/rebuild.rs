//! Counts all facts anew beside those that are answered from, and answers from the new ones once
//! they have come as far. How far it has come lies in the database: it goes on after an end of
//! the process, and wherever another instance is quicker that one's work counts.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use kefu_contracts::journal::{FiguresRebuilt, event};
use kefu_journal::Entry;
use kefu_service::{consumer::Consumer, core::Core, error::Fault, host::Job, server::GrpcService};

use super::{Intake, SOURCES, Target, sources};
use crate::store::generations;

const EVERY: Duration = Duration::from_millis(250);

/// What it takes to count anew.
#[derive(Clone)]
pub(crate) struct Rebuild {
    pub(crate) core: Core,
    /// Each followed journal, in the order of their names.
    pub(crate) peers: Arc<Vec<GrpcService>>,
}

impl Rebuild {
    /// Looks four times a second whether something is to be counted anew.
    pub(crate) fn job(self) -> Job {
        let (clock, trouble) = (self.core.deps.clock.clone(), "figures cannot be rebuilt");
        Job::every("rebuild figures", clock, EVERY, trouble, move || {
            let rebuild = self.clone();
            async move { rebuild.look().await }
        })
    }

    async fn look(&self) -> Result<(), Fault> {
        let db = &self.core.deps.db;
        let building = db
            .run(|connection| Box::pin(generations::building(connection)))
            .await?;
        let Some(generation) = building else {
            return Ok(());
        };
        let consumers = SOURCES
            .iter()
            .zip(self.peers.iter())
            .map(|(&source, peer)| {
                let intake = Intake {
                    source,
                    into: Target::Generation(generation),
                };
                let place = generations::place(source, generation).into();
                self.core
                    .consumer_apart(source, place, peer.clone(), Arc::new(intake))
            });
        let consumers: Arc<Vec<Consumer>> = Arc::new(consumers.collect());
        try_join_all(consumers.iter().map(Consumer::catch_up)).await?;
        self.switch(generation, consumers).await
    }

    /// Whatever came in meanwhile is little, and is counted while what is answered from stands
    /// still: under any load it comes to an end.
    async fn switch(&self, generation: i32, consumers: Arc<Vec<Consumer>>) -> Result<(), Fault> {
        let deps = &self.core.deps;
        let (now, request) = (deps.clock.now(), deps.ids.next()?.to_string());
        let switched = deps.db.transaction(move |connection| {
            let (request, consumers) = (request.clone(), consumers.clone());
            Box::pin(async move {
                if !generations::hold_places(connection, &sources(), generation).await? {
                    return Ok(false);
                }
                // One after the other: each takes a connection.
                for consumer in consumers.iter() {
                    consumer.catch_up().await?;
                }
                if !generations::switch(connection, &sources(), generation, now).await? {
                    return Ok(false);
                }
                let live = true;
                let event = event::Event::FiguresRebuilt(FiguresRebuilt { generation, live });
                let resource = format!("rebuilds/{generation}");
                let entry =
                    Entry::by_itself(now, request, "figures.rebuilt", resource, None, event);
                kefu_journal::append(connection, &[entry]).await?;
                Ok(true)
            })
        });
        if switched.await? {
            tracing::info!(generation, "figures are answered from another generation");
        }
        Ok(())
    }
}
