use kefu_contracts::journal::Entry;
use kefu_service::{consumer::Effect, database::Use, error::Fault};
use sqlx::PgConnection;

use crate::{
    domain::{
        fact::{self, Fact, latest},
        reads::tally,
    },
    store::{calendars, facts, generations, reads},
};

/// Where facts go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// What is answered from, whichever that is then.
    Live,
    /// A generation that is being counted.
    Generation(i32),
}

/// Takes a journal in.
pub(crate) struct Intake {
    /// Whose journal it is.
    pub(crate) source: &'static str,
    pub(crate) into: Target,
}

impl Effect for Intake {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            let generation = match self.into {
                Target::Live => generations::hold_live(connection).await?,
                Target::Generation(number) => {
                    if !generations::hold_building(connection, number).await? {
                        return Err(Fault::internal("that generation is no longer counted"));
                    }
                    number
                }
            };
            if self.source == "ticket" {
                calendars::keep(connection, entries).await?;
            }
            let facts = latest(entries.iter().flat_map(read));
            facts::settle(connection, generation, facts).await?;
            reads::add(connection, generation, self.source, &tally(entries)).await
        })
    }
}

/// The facts of an entry. One that cannot be counted is said to be so, and the feed goes on:
/// standing still would keep every later fact out of the figures because of this one.
fn read(entry: &Entry) -> Vec<Fact> {
    let read = fact::read(entry);
    if read.incomplete {
        let position = entry.cursor.map(|cursor| cursor.position);
        tracing::error!(
            resource = entry.resource,
            position,
            "entry without what makes a fact is not counted"
        );
    }
    read.facts
}
