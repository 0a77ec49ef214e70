//! Statements of customers about purposes, and which of them counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    policy::{DataClass, Purpose},
    profile::{Consent, ConsentDecision},
};
use kefu_service::{
    error::Fault,
    fields::name,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    hanging::{Hanging, Kept},
    records::SCOPE,
};
use crate::domain::consent::{Said, Statement};

/// Under which every look at statements is taken: that of their customer's file.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "s.id, s.customer_id, s.purpose, s.decision, s.channels, s.heard_channel, s.said_at, s.recorder,
              s.recorded_at, s.sealed, k.kek_id, k.wrapped,
              NOT EXISTS (SELECT 1 FROM profile.consent_statement l
                          WHERE l.customer_id = s.customer_id AND l.purpose = s.purpose
                            AND (l.said_at, l.recorded_at, l.id) > (s.said_at, s.recorded_at, s.id)) AS current",
    from: "profile.consent_statement s
           JOIN profile.customer c ON c.id = s.customer_id AND c.state IN (2, 3, 4)
           JOIN profile.customer_key k ON k.customer_id = s.customer_id",
    id: "s.id",
    scope: SCOPE,
    fields: &[
        FilterField {
            name: "customer",
            column: "s.customer_id",
            kind: FilterKind::Name("customers"),
            class: DataClass::System,
        },
        FilterField {
            name: "purpose",
            column: "s.purpose",
            kind: FilterKind::Enum {
                prefix: "PURPOSE_",
                parse: |name| Purpose::from_str_name(name).map(Into::into),
            },
            class: DataClass::System,
        },
        FilterField {
            name: "decision",
            column: "s.decision",
            kind: FilterKind::Enum {
                prefix: "CONSENT_DECISION_",
                parse: |name| ConsentDecision::from_str_name(name).map(Into::into),
            },
            class: DataClass::System,
        },
        FilterField {
            name: "said_time",
            column: "s.said_at",
            kind: FilterKind::Time,
            class: DataClass::System,
        },
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
pub(crate) struct StoredConsent {
    pub(crate) kept: Kept,
    columns: Consent,
}

impl Hanging for StoredConsent {
    type Record = Consent;

    fn read(row: &PgRow) -> Result<Self, Fault> {
        let kept = Kept::read(row)?;
        let at = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| at.to_jiff())
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let channels: Vec<i16> = row.try_get("channels")?;
        let columns = Consent {
            name: name("consents", kept.id),
            customer: name("customers", kept.customer),
            purpose: small("purpose")?,
            decision: small("decision")?,
            channels: channels.into_iter().map(i32::from).collect(),
            heard_channel: small("heard_channel")?,
            said_time: Some(time::to_proto(at("said_at")?)),
            recorder: row.try_get("recorder")?,
            record_time: Some(time::to_proto(kept.recorded_at)),
            current: row.try_get("current")?,
            ..Consent::default()
        };
        Ok(Self { kept, columns })
    }

    fn kept(&self) -> &Kept {
        &self.kept
    }

    fn with_columns(&self, opened: Self::Record) -> Self::Record {
        Consent {
            evidence: opened.evidence,
            ..self.columns.clone()
        }
    }

    fn name(record: &Consent) -> &String {
        &record.name
    }
}

/// A statement about to be entered.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) statement: &'a Statement,
    pub(crate) recorder: &'a str,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Enters a statement, and puts what counts from now on; whether that is this one. The
/// customer's file must be locked.
pub(crate) async fn enter(connection: &mut PgConnection, row: &NewRow<'_>) -> Result<bool, Fault> {
    let said = row.statement;
    let channels: Vec<i16> = said.channels.iter().map(|one| *one as i16).collect();
    sqlx::query!(
        "INSERT INTO profile.consent_statement
             (id, customer_id, purpose, decision, channels, heard_channel, said_at, recorder, recorded_at, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.id,
        said.customer,
        said.purpose as i16,
        said.decision as i16,
        &channels,
        said.heard as i16,
        said.said_at.to_sqlx() as _,
        row.recorder,
        row.now.to_sqlx() as _,
        row.sealed,
    )
    .execute(&mut *connection)
    .await?;
    let latest = sqlx::query_scalar!(
        "SELECT id FROM profile.consent_statement WHERE customer_id = $1 AND purpose = $2
         ORDER BY said_at DESC, recorded_at DESC, id DESC LIMIT 1",
        said.customer,
        said.purpose as i16,
    )
    .fetch_one(&mut *connection)
    .await?;
    if latest != row.id {
        return Ok(false);
    }
    settle(connection, said.customer, &[said.purpose as i16]).await?;
    Ok(true)
}

/// Puts what counts of what a customer said about these purposes. The customer's file must be
/// locked.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    customer: Uuid,
    purposes: &[i16],
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM profile.consent WHERE customer_id = $1 AND purpose = ANY($2)",
        customer,
        purposes
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO profile.consent (customer_id, purpose, given_at, channels)
         SELECT $1, l.purpose, l.said_at, l.channels
         FROM (SELECT DISTINCT ON (purpose) purpose, decision, said_at, channels
               FROM profile.consent_statement WHERE customer_id = $1 AND purpose = ANY($3)
               ORDER BY purpose, said_at DESC, recorded_at DESC, id DESC) l
         WHERE l.decision = $2",
        customer,
        ConsentDecision::Given as i16,
        purposes
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the customer of a file said last, purpose by purpose.
pub(crate) async fn last_said(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<BTreeMap<i16, Said>, Fault> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (purpose) purpose, decision, channels
         FROM profile.consent_statement WHERE customer_id = $1
         ORDER BY purpose, said_at DESC, recorded_at DESC, id DESC",
        customer
    )
    .fetch_all(connection)
    .await?;
    let given = ConsentDecision::Given as i16;
    let said = rows.into_iter().map(|row| {
        let said = (row.decision == given).then_some(row.channels);
        (row.purpose, said)
    });
    Ok(said.collect())
}

/// Purposes that a customer refused, or no longer agreed to, in what was entered since a merge.
pub(crate) async fn refused_since(
    connection: &mut PgConnection,
    customer: Uuid,
    since: Timestamp,
) -> Result<Vec<i16>, Fault> {
    let purposes = sqlx::query_scalar!(
        "SELECT DISTINCT purpose FROM profile.consent_statement
         WHERE customer_id = $1 AND recorded_at >= $2 AND decision <> $3 AND merge_id IS NULL
         ORDER BY purpose",
        customer,
        since.to_sqlx() as _,
        ConsentDecision::Given as i16,
    )
    .fetch_all(connection)
    .await?;
    Ok(purposes)
}

/// Says by which merge a statement was made.
pub(crate) async fn by_merge(
    connection: &mut PgConnection,
    statement: Uuid,
    merge: Uuid,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.consent_statement SET merge_id = $2 WHERE id = $1",
        statement,
        merge
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes out what a merge said for a customer; the journal keeps that it did.
pub(crate) async fn forget_merge(connection: &mut PgConnection, merge: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM profile.consent_statement WHERE merge_id = $1",
        merge
    )
    .execute(connection)
    .await?;
    Ok(())
}
