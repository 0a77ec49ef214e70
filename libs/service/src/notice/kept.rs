//! Notices as they are kept: columns, and what is sealed.

use jiff::Timestamp;
use kefu_contracts::{ClassSet, Resource, common::Channel};
use kefu_vault::{CustomerKey, WrappedKey};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{Outbox, State};
use crate::{
    error::Fault, fields::etag, scope::RecordSpec, sealed::Sealer, time::to_proto, versions::Moment,
};

/// The columns of a notice, as the contracts have them.
pub struct Columns {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub about: Uuid,
    /// Whom it tells.
    pub customer: Uuid,
    /// Number of what it tells of.
    pub event: i32,
    /// By which version of the rules it was written.
    pub rules_version: i32,
    /// By which rule of it.
    pub rule: String,
    /// Number of the language.
    pub language: i32,
    /// By which the customer may be told; none: any.
    pub channels: Vec<i32>,
    /// Number of its state.
    pub state: i32,
    /// When it was written.
    pub create_time: Option<Moment>,
    /// How often the connector was asked.
    pub attempt_count: i32,
    /// When it is asked again.
    pub next_attempt_time: Option<Moment>,
    /// When it ended.
    pub outcome_time: Option<Moment>,
    /// By which it was sent.
    pub channel: i32,
    /// Who said so.
    pub marked_by: String,
    /// Of its revision.
    pub etag: String,
}

/// What an [`Outbox`] says of the message of its contract, which has the same fields whatever
/// notices are about.
#[macro_export]
macro_rules! told {
    ($notice:ident, $collection:expr, $about:ident, $about_collection:literal, $state:ident, $act:ident) => {
        type Notice = $notice;

        const COLLECTION: &'static str = $collection;

        fn of(columns: $crate::notice::Columns) -> $notice {
            const {
                use $crate::notice::{Act, State};
                assert!($state::Pending as i32 == State::Pending as i32);
                assert!($state::Sent as i32 == State::Sent as i32);
                assert!($state::Failed as i32 == State::Failed as i32);
                assert!($state::Undelivered as i32 == State::Undelivered as i32);
                assert!($act::Written as i32 == Act::Written as i32);
                assert!($act::Sent as i32 == Act::Sent as i32);
                assert!($act::Failed as i32 == Act::Failed as i32);
                assert!($act::GivenUp as i32 == Act::GivenUp as i32);
                assert!($act::Attempted as i32 == Act::Attempted as i32);
            }
            let name = $crate::fields::name;
            $notice {
                name: name($collection, columns.id),
                $about: name($about_collection, columns.about),
                customer: name("customers", columns.customer),
                event: columns.event,
                rules_version: columns.rules_version,
                rule: columns.rule,
                language: columns.language,
                channels: columns.channels,
                state: columns.state,
                create_time: columns.create_time,
                attempt_count: columns.attempt_count,
                next_attempt_time: columns.next_attempt_time,
                outcome_time: columns.outcome_time,
                channel: columns.channel,
                marked_by: columns.marked_by,
                etag: columns.etag,
                ..$notice::default()
            }
        }

        fn words(notice: &$notice) -> [&String; 3] {
            [&notice.text, &notice.note, &notice.reference]
        }

        fn words_mut(notice: &mut $notice) -> [&mut String; 3] {
            [&mut notice.text, &mut notice.note, &mut notice.reference]
        }

        fn state(notice: &$notice) -> (i32, &'static str) {
            (notice.state, notice.state().as_str_name())
        }

        fn channels(notice: &$notice) -> &[i32] {
            &notice.channels
        }

        fn of_what(notice: &$notice) -> (i32, i32) {
            (notice.event, notice.language)
        }

        fn ended(notice: &mut $notice, outcome: &$crate::notice::Outcome<'_>, revision: i64) {
            notice.state = outcome.state as i32;
            notice.channel = outcome.channel as i32;
            outcome.marked_by.clone_into(&mut notice.marked_by);
            notice.outcome_time = Some($crate::time::to_proto(outcome.at));
            notice.next_attempt_time = None;
            notice.etag = $crate::fields::etag(revision);
        }
    };
}

/// A row as it was read, its classified fields still sealed.
pub struct Stored<O: Outbox> {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub about: Uuid,
    /// What people call that by.
    pub number: String,
    /// Whom it tells.
    pub customer_id: Uuid,
    /// Of its row.
    pub revision: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often the connector was asked.
    pub attempts: i32,
    /// Text, note and reference.
    pub sealed: Vec<u8>,
    /// The customer's key.
    pub wrapped: WrappedKey,
    /// Rules of the call that let the row through; of a look of our own there are none.
    pub matched: i64,
    /// All but what is sealed.
    pub columns: O::Notice,
}

impl<O: Outbox> Stored<O> {
    /// Reads a row.
    ///
    /// # Errors
    /// When it is none of a notice.
    pub fn read(row: &PgRow) -> Result<Self, Fault> {
        let perhaps = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| to_proto(at.to_jiff())))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, about) = (row.try_get("id")?, row.try_get("about_id")?);
        let customer_id = row.try_get("customer_id")?;
        let created_at = row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff();
        let revision = row.try_get("revision")?;
        let attempts = row.try_get("attempts")?;
        let channels: Vec<i16> = row.try_get("channels")?;
        let columns = O::of(Columns {
            id,
            about,
            customer: customer_id,
            event: small("event")?,
            rules_version: row.try_get("rules_version")?,
            rule: row.try_get("rule")?,
            language: small("language")?,
            channels: channels.into_iter().map(i32::from).collect(),
            state: small("state")?,
            create_time: Some(to_proto(created_at)),
            attempt_count: attempts,
            next_attempt_time: perhaps("next_attempt_at")?,
            outcome_time: perhaps("outcome_at")?,
            channel: small("channel")?,
            marked_by: row.try_get("marked_by")?,
            etag: etag(revision),
        });
        Ok(Self {
            id,
            about,
            number: row.try_get("number")?,
            customer_id,
            revision,
            created_at,
            attempts,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// The record: its columns with the opened fields.
    pub(super) fn with_opened(&self, mut opened: O::Notice) -> O::Notice {
        let mut whole = self.columns.clone();
        let words = O::words_mut(&mut opened);
        for (to, from) in O::words_mut(&mut whole).into_iter().zip(words) {
            std::mem::swap(to, from);
        }
        whole
    }

    /// The record whole, for what happens to it next; never for an answer.
    pub(super) fn open(&self, sealer: &Sealer, key: &CustomerKey) -> Result<O::Notice, Fault> {
        let everything = ClassSet::of(O::Notice::CLASSES);
        let (opened, _) = sealer.open::<O::Notice>(key, self.id, &self.sealed, everything)?;
        Ok(self.with_opened(opened))
    }

    /// Seals what is in no column.
    pub(super) fn seal(
        &self,
        sealer: &Sealer,
        key: &CustomerKey,
        notice: &O::Notice,
    ) -> Result<Vec<u8>, Fault> {
        let mut words = O::Notice::default();
        for (to, from) in O::words_mut(&mut words).into_iter().zip(O::words(notice)) {
            to.clone_from(from);
        }
        sealer.seal(key, self.id, &words)
    }

    /// Whether somebody is still to send it.
    pub(super) fn is_open(&self) -> bool {
        let (state, _) = O::state(&self.columns);
        state == State::Pending as i32 || state == State::Undelivered as i32
    }

    /// By which the customer may be told; none: any.
    pub(super) fn channels(&self) -> Vec<Channel> {
        let known = |one: &i32| Channel::try_from(*one).ok();
        O::channels(&self.columns)
            .iter()
            .filter_map(known)
            .collect()
    }
}

/// These, whatever the scope.
pub(super) async fn all<O: Outbox>(
    connection: &mut PgConnection,
    ids: Vec<Uuid>,
) -> Result<Vec<Stored<O>>, Fault> {
    let mut query = plain(O::RECORD);
    query.push("n.id = ANY (").push_bind(ids).push(")");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(Stored::read).collect()
}

/// A notice that is still to be sent, held until the transaction ends.
pub(super) async fn lock_pending<O: Outbox>(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Stored<O>>, Fault> {
    let mut query = plain(O::RECORD);
    query.push("n.state = 1 AND n.id = ").push_bind(id);
    query.push(" FOR UPDATE OF n");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(Stored::read).transpose()
}

/// Notices whatever the scope, up to ` WHERE `.
fn plain(record: &RecordSpec) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(record.columns)
        .push(", 0::int8 AS matched FROM ");
    query.push(record.from).push(" WHERE ");
    query
}
