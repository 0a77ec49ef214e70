//! Versions of the rules of rating.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{RatingDefinition, RatingPreview, RatingRules, RatingRulesState};
use kefu_service::{
    error::Fault,
    fields::{Fields, etag, name},
    time,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::rating::Rules;

/// Collection of the resource names.
pub(crate) const RULES: &str = "rating-rules";

/// A version about to be added.
pub(crate) struct NewRules<'a> {
    pub(crate) id: Uuid,
    pub(crate) definition: &'a RatingDefinition,
    pub(crate) author: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) now: Timestamp,
}

/// The version of this id, or all of them, newest first.
pub(crate) async fn find(
    connection: &mut PgConnection,
    only: Option<Uuid>,
) -> Result<Vec<RatingRules>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, version, definition, author, recorded_at AS "recorded_at: jiff_sqlx::Timestamp", reason,
                  preview, effective_at AS "effective_at: jiff_sqlx::Timestamp", enforcer, revision
           FROM profile.rating_rules WHERE $1::uuid IS NULL OR id = $1 ORDER BY version DESC"#,
        only as Option<Uuid>
    )
    .fetch_all(connection)
    .await?;
    let rules = rows.into_iter().map(|row| {
        let preview = row.preview.as_deref().map(RatingPreview::decode);
        let preview = preview.transpose().map_err(|_| strange())?;
        let state = match (&row.effective_at, &preview) {
            (Some(_), _) => RatingRulesState::Enforced,
            (None, Some(_)) => RatingRulesState::Previewed,
            (None, None) => RatingRulesState::Drafted,
        };
        Ok(RatingRules {
            name: name(RULES, row.id),
            version: row.version,
            definition: Some(defined(&row.definition)?),
            state: state.into(),
            effective_time: row.effective_at.map(|at| time::to_proto(at.to_jiff())),
            author: row.author,
            record_time: Some(time::to_proto(row.recorded_at.to_jiff())),
            reason: row.reason,
            preview,
            enforcer: row.enforcer,
            etag: etag(row.revision),
        })
    });
    rules.collect()
}

/// The definition of a version.
pub(crate) async fn definition(
    connection: &mut PgConnection,
    version: i32,
) -> Result<RatingDefinition, Fault> {
    let definition = sqlx::query_scalar!(
        "SELECT definition FROM profile.rating_rules WHERE version = $1",
        version
    )
    .fetch_one(connection)
    .await?;
    defined(&definition)
}

/// The rules that are in force then; none before the first.
pub(crate) async fn in_force(
    connection: &mut PgConnection,
    at: Timestamp,
) -> Result<Option<Rules>, Fault> {
    let row = sqlx::query!(
        "SELECT version, definition FROM profile.rating_rules WHERE effective_at <= $1
         ORDER BY effective_at DESC, version DESC LIMIT 1",
        at.to_sqlx() as _
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let version = u32::try_from(row.version).map_err(|_| strange())?;
    let rules = Rules::read(&mut Fields::new(), &defined(&row.definition)?, version);
    rules.map(Some).ok_or_else(strange)
}

/// When others come into force after then.
pub(crate) async fn next_moment(
    connection: &mut PgConnection,
    after: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let at = sqlx::query_scalar!(
        r#"SELECT min(effective_at) AS "at: jiff_sqlx::Timestamp" FROM profile.rating_rules WHERE effective_at > $1"#,
        after.to_sqlx() as _
    )
    .fetch_one(connection)
    .await?;
    Ok(at.map(|at| at.to_jiff()))
}

/// Keeps others from adding versions until the transaction ends.
pub(crate) async fn alone(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!("LOCK TABLE profile.rating_rules IN SHARE ROW EXCLUSIVE MODE")
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a version that counts for nothing yet; whoever does is [alone].
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewRules<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.rating_rules (id, version, definition, author, recorded_at, reason)
         SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5 FROM profile.rating_rules",
        new.id,
        new.definition.encode_to_vec(),
        new.author,
        new.now.to_sqlx() as _,
        new.reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps what a version would lead to.
pub(crate) async fn keep_preview(
    connection: &mut PgConnection,
    id: Uuid,
    preview: &RatingPreview,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.rating_rules SET preview = $2, revision = revision + 1 WHERE id = $1",
        id,
        preview.encode_to_vec()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a version in force from then on.
pub(crate) async fn enforce(
    connection: &mut PgConnection,
    id: Uuid,
    at: Timestamp,
    enforcer: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.rating_rules SET effective_at = $2, enforcer = $3, revision = revision + 1 WHERE id = $1",
        id,
        at.to_sqlx() as _,
        enforcer
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn defined(bytes: &[u8]) -> Result<RatingDefinition, Fault> {
    RatingDefinition::decode(bytes).map_err(|_| strange())
}

fn strange() -> Fault {
    Fault::internal("stored rules of rating that cannot be read")
}
