//! The question after delivery, and complaints that name an order (OP-3.4.5).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    ClassSet,
    order::{AttemptOutcome, Confirmation, ConfirmationAttempt, Order, OrderComplaint},
    policy::DataClass,
};
use kefu_service::{
    error::Fault,
    fields::{name, subject_name},
    sealed::Sealer,
    time::to_proto,
};
use kefu_vault::CustomerKey;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

/// Classes of an attempt.
const SERVICE: ClassSet = ClassSet::of(&[DataClass::Service]);

/// Says how the question about a locked order stands.
pub(crate) async fn stand(
    connection: &mut PgConnection,
    order: Uuid,
    confirmation: Confirmation,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.purchase_order SET confirmation = $2 WHERE id = $1",
        order,
        confirmation as i16
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An attempt about to be recorded.
pub(crate) struct NewAttempt<'a> {
    pub(crate) id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) outcome: AttemptOutcome,
    pub(crate) actor: (Uuid, bool),
    pub(crate) now: Timestamp,
    pub(crate) sealed: &'a [u8],
}

/// Records an attempt.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewAttempt<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.confirmation_attempt
             (id, order_id, customer_id, outcome, attempted_at, actor_id, actor_is_system, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id,
        new.order_id,
        new.customer_id,
        new.outcome as i16,
        new.now.to_sqlx() as _,
        new.actor.0,
        new.actor.1,
        new.sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Seals what was said; the rest is in columns.
pub(crate) fn seal(
    sealer: &Sealer,
    key: &CustomerKey,
    id: Uuid,
    words: &str,
) -> Result<Vec<u8>, Fault> {
    let said = ConfirmationAttempt {
        words: words.to_owned(),
        ..ConfirmationAttempt::default()
    };
    let order = Order {
        attempts: vec![said],
        ..Order::default()
    };
    sealer.seal(key, id, &order)
}

/// An attempt as it was read, its words still sealed.
pub(crate) struct StoredAttempt {
    id: Uuid,
    columns: ConfirmationAttempt,
    sealed: Vec<u8>,
}

impl StoredAttempt {
    /// An order's attempts from the arrays of [`WHOLE`](super::records::WHOLE), oldest first.
    pub(crate) fn read(row: &PgRow) -> Result<Vec<Self>, Fault> {
        let ids: Option<Vec<Uuid>> = row.try_get("attempt_ids")?;
        let outcomes: Option<Vec<i16>> = row.try_get("attempt_outcomes")?;
        let times: Option<Vec<jiff_sqlx::Timestamp>> = row.try_get("attempt_times")?;
        let actors: Option<Vec<Uuid>> = row.try_get("attempt_actors")?;
        let systems: Option<Vec<bool>> = row.try_get("attempt_systems")?;
        let sealed: Option<Vec<Vec<u8>>> = row.try_get("attempt_sealed")?;
        let (outcomes, times) = (outcomes.unwrap_or_default(), times.unwrap_or_default());
        let (actors, systems) = (actors.unwrap_or_default(), systems.unwrap_or_default());
        let what = outcomes.into_iter().zip(times);
        let who = actors.into_iter().zip(systems);
        let ids = ids
            .unwrap_or_default()
            .into_iter()
            .zip(sealed.unwrap_or_default());
        let all = ids.zip(what).zip(who);
        let one = |(((id, sealed), (outcome, at)), (actor, is_system)): (_, (Uuid, bool))| {
            let (id, sealed): (Uuid, Vec<u8>) = (id, sealed);
            let (outcome, at): (i16, jiff_sqlx::Timestamp) = (outcome, at);
            Self {
                id,
                columns: ConfirmationAttempt {
                    outcome: outcome.into(),
                    attempt_time: Some(to_proto(at.to_jiff())),
                    actor: subject_name(actor, is_system),
                    ..ConfirmationAttempt::default()
                },
                sealed,
            }
        };
        Ok(all.map(one).collect())
    }

    /// The attempt where its class is cleared; otherwise an empty one in its place, so that redaction
    /// takes it out and says so.
    pub(crate) fn open(
        &self,
        sealer: &Sealer,
        key: &CustomerKey,
        cleared: ClassSet,
    ) -> Result<ConfirmationAttempt, Fault> {
        if !cleared.contains(DataClass::Service) {
            return Ok(ConfirmationAttempt::default());
        }
        let (opened, _) = sealer.open::<Order>(key, self.id, &self.sealed, SERVICE)?;
        let said = opened.attempts.into_iter().next().unwrap_or_default();
        Ok(ConfirmationAttempt {
            words: said.words,
            ..self.columns.clone()
        })
    }
}

/// The complaints of an order from the array of [`WHOLE`](super::records::WHOLE), oldest first.
pub(crate) fn complaints(row: &PgRow) -> Result<Vec<OrderComplaint>, Fault> {
    let tickets: Option<Vec<Uuid>> = row.try_get("complaints")?;
    let tickets = tickets.unwrap_or_default().into_iter();
    let one = |id| OrderComplaint {
        ticket: name("tickets", id),
    };
    Ok(tickets.map(one).collect())
}

/// Learns that a complaint of this customer names an order; `false` where it was known, or there is
/// no such order of theirs.
pub(crate) async fn complain(
    connection: &mut PgConnection,
    ticket: Uuid,
    order: Uuid,
    customer: Uuid,
    opened_at: Timestamp,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.order_complaint (ticket_id, order_id, customer_id, opened_at)
         SELECT $1, o.id, o.customer_id, $4
         FROM orders.purchase_order o JOIN orders.known_customer c ON c.customer_id = o.customer_id
         WHERE o.id = $2 AND o.customer_id = $3
         ON CONFLICT DO NOTHING",
        ticket,
        order,
        customer,
        opened_at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}
