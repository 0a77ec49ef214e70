//! What texts to customers are put together from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::ticket::{HandlingVersion, Language, Ticket};
use kefu_service::{error::Fault, time::from_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::{
        handling::in_force,
        phrase::{Facts, Phrase, Placeholder},
    },
    store::{clocks, versions},
};

/// Who reads a text, and when.
pub(super) struct Reader {
    pub(super) language: Language,
    pub(super) now: Timestamp,
    /// Whether a time that goes by the customer's tier may be told.
    pub(super) tier_cleared: bool,
}

/// What is known of a ticket, of all that the phrase asks for and the reader may know.
pub(super) async fn facts(
    connection: &mut PgConnection,
    phrase: &Phrase,
    ticket: &Ticket,
    id: Uuid,
    reader: &Reader,
) -> Result<Facts, Fault> {
    let now = reader.now;
    let mut category = ticket.category.clone();
    if phrase.placeholders().contains(&Placeholder::Category) {
        let versions: Vec<HandlingVersion> = versions::all(connection).await?;
        let (_, rules) = in_force(&versions, now);
        let known = rules.categories.into_iter().find(|one| one.id == category);
        category = known.map_or(category, |one| one.title);
    }
    let (mut promised_at, mut zone) = (None, None);
    if phrase.tells_time()
        && let Some(counted) = clocks::ticket(connection, id).await?
    {
        let timing = clocks::timing(connection).await?;
        (promised_at, zone) = timing.promise(&counted.record, now, reader.tier_cleared);
    }
    Ok(Facts {
        language: reader.language,
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        category,
        received_at: ticket.received_time.as_ref().and_then(from_proto),
        promised_at,
        now,
        zone,
        values: BTreeMap::new(),
    })
}
