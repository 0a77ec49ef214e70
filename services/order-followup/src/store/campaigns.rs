//! Campaigns, and whom they turned to (OP-3.3, CC-2.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::{
    common::Channel,
    order::{Campaign, CampaignState},
    policy::Purpose,
};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

/// Collection of the resource names.
pub(crate) const CAMPAIGNS: &str = "campaigns";

/// Under which every look at campaigns is taken; they say nothing of a customer.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "c.id, c.state, c.title, c.message, c.selection_id, c.selection_version, c.filter, c.purpose, c.channel,
              c.start_at, c.end_at, c.owner_id, c.department_id, c.approver_id, c.approved_at, c.end_reason, c.after,
              c.gone_through, c.contacts, c.revision, c.created_at",
    from: "orders.campaign c",
    id: "c.id",
    scope: ScopeColumns {
        department: Some("c.department_id"),
        owner: Some("c.owner_id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system(
            "state",
            "c.state",
            FilterKind::Enum {
                prefix: "CAMPAIGN_STATE_",
                parse: |name| CampaignState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "purpose",
            "c.purpose",
            FilterKind::Enum {
                prefix: "PURPOSE_",
                parse: |name| Purpose::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "channel",
            "c.channel",
            FilterKind::Enum {
                prefix: "CHANNEL_",
                parse: |name| Channel::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("owner", "c.owner_id", FilterKind::Name("employees")),
        FilterField::system("department", "c.department_id", FilterKind::Name("departments")),
        FilterField::system("create_time", "c.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
#[derive(Clone)]
pub(crate) struct StoredCampaign {
    pub(crate) id: Uuid,
    pub(crate) selection_id: Uuid,
    pub(crate) filter: String,
    pub(crate) end_at: Timestamp,
    pub(crate) owner_id: Uuid,
    /// The last of the selection that it went to.
    pub(crate) after: Uuid,
    pub(crate) gone_through: bool,
    pub(crate) revision: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) record: Campaign,
}

impl StoredCampaign {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, selection_id) = (row.try_get("id")?, row.try_get("selection_id")?);
        let (owner_id, department) = (row.try_get("owner_id")?, row.try_get("department_id")?);
        let approver: Option<Uuid> = row.try_get("approver_id")?;
        let start_at = time("start_at")?.unwrap_or_default();
        let end_at = time("end_at")?.unwrap_or_default();
        let created_at = time("created_at")?.unwrap_or_default();
        let revision = row.try_get("revision")?;
        Ok(Self {
            id,
            selection_id,
            filter: row.try_get("filter")?,
            end_at,
            owner_id,
            after: row.try_get("after")?,
            gone_through: row.try_get("gone_through")?,
            revision,
            created_at,
            record: Campaign {
                name: name(CAMPAIGNS, id),
                title: row.try_get("title")?,
                message: row.try_get("message")?,
                selection: name("selections", selection_id),
                selection_version: row.try_get("selection_version")?,
                purpose: small("purpose")?,
                channel: small("channel")?,
                start_time: Some(to_proto(start_at)),
                end_time: Some(to_proto(end_at)),
                state: small("state")?,
                owner: name("employees", owner_id),
                department: name("departments", department),
                approver: approver.map(|id| name("employees", id)).unwrap_or_default(),
                approve_time: time("approved_at")?.map(to_proto),
                contact_count: row.try_get("contacts")?,
                end_reason: row.try_get("end_reason")?,
                etag: etag(revision),
                create_time: Some(to_proto(created_at)),
            },
        })
    }
}

/// A campaign about to be made.
pub(crate) struct NewCampaign<'a> {
    pub(crate) id: Uuid,
    pub(crate) campaign: &'a Campaign,
    pub(crate) selection: (Uuid, i32),
    pub(crate) filter: &'a str,
    pub(crate) start_at: Timestamp,
    pub(crate) end_at: Timestamp,
    pub(crate) owner_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) now: Timestamp,
}

/// Makes a draft.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewCampaign<'_>,
) -> Result<(), Fault> {
    let small = |number: i32| i16::try_from(number).map_err(|_| Fault::internal("not checked"));
    sqlx::query!(
        "INSERT INTO orders.campaign
             (id, state, title, message, selection_id, selection_version, filter, purpose, channel, start_at, end_at,
              owner_id, department_id, revision, created_at)
         VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13)",
        new.id,
        new.campaign.title,
        new.campaign.message,
        new.selection.0,
        new.selection.1,
        new.filter,
        small(new.campaign.purpose)?,
        small(new.campaign.channel)?,
        new.start_at.to_sqlx() as _,
        new.end_at.to_sqlx() as _,
        new.owner_id,
        new.department_id,
        new.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Brings a locked campaign to a state.
pub(crate) async fn step(
    connection: &mut PgConnection,
    id: Uuid,
    state: CampaignState,
    approver: Option<Uuid>,
    end_reason: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.campaign
         SET state = $2, approver_id = coalesce($3, approver_id),
             approved_at = CASE WHEN $3::uuid IS NULL THEN approved_at ELSE $4 END,
             end_reason = $5, revision = revision + 1
         WHERE id = $1",
        id,
        state as i16,
        approver,
        now.to_sqlx() as _,
        end_reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One, whatever the scope, for whoever changes it next.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredCampaign>, Fault> {
    let mut query = all();
    query.push("c.id = ").push_bind(id).push(" FOR UPDATE OF c");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredCampaign::read).transpose()
}

/// Those that were agreed to and whose start has come, RUNNING or to be.
pub(crate) async fn under_way(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<StoredCampaign>, Fault> {
    let mut query = all();
    query
        .push("c.state IN (2, 3) AND c.start_at <= ")
        .push_bind(now.to_sqlx())
        .push(" ORDER BY c.start_at, c.id");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(StoredCampaign::read).collect()
}

fn all() -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ")
        .push(RECORD.from)
        .push(" WHERE ");
    query
}

/// Notes how far a locked campaign went, and to how many more.
pub(crate) async fn reach(
    connection: &mut PgConnection,
    id: Uuid,
    after: Uuid,
    gone_through: bool,
    contacts: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.campaign SET after = $2, gone_through = $3, contacts = contacts + $4 WHERE id = $1",
        id,
        after,
        gone_through,
        contacts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Somebody whom a campaign may turn to.
pub(crate) struct Reached {
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
}

/// The customer, if they are served under this file and agreed to the purpose by the channel, and
/// no other campaign comes at the same time.
pub(crate) async fn reachable(
    connection: &mut PgConnection,
    customer: Uuid,
    purpose: Purpose,
    channel: Channel,
) -> Result<Option<Reached>, Fault> {
    let found = sqlx::query_as!(
        Reached,
        "SELECT r.department_id, r.owner_id
         FROM orders.customer_relation r
         JOIN orders.customer_consent a ON a.customer_id = r.customer_id AND a.purpose = $2
         WHERE r.customer_id = $1 AND r.active AND $3 = ANY(a.channels) FOR UPDATE OF r",
        customer,
        purpose as i16,
        channel as i16
    )
    .fetch_optional(connection)
    .await?;
    Ok(found)
}

/// How often the customer was turned to since then, whichever campaigns it was for.
pub(crate) async fn contacts_since(
    connection: &mut PgConnection,
    customer: Uuid,
    since: Timestamp,
) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM orders.campaign_contact WHERE customer_id = $1 AND contact_at > $2"#,
        customer,
        since.to_sqlx() as _
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Notes that a campaign turns to a customer; `false` when it has.
pub(crate) async fn contact(
    connection: &mut PgConnection,
    campaign: Uuid,
    customer: Uuid,
    purpose: Purpose,
    at: Timestamp,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.campaign_contact (campaign_id, customer_id, purpose, contact_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        campaign,
        customer,
        purpose as i16,
        at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Campaigns whose contacts with a customer are to be ended, as they no longer agree to the
/// purpose: each once.
pub(crate) async fn end_contacts(
    connection: &mut PgConnection,
    customer: Uuid,
    purpose: Purpose,
) -> Result<Vec<Uuid>, Fault> {
    let campaigns = sqlx::query_scalar!(
        "UPDATE orders.campaign_contact SET over = true
         WHERE customer_id = $1 AND purpose = $2 AND NOT over RETURNING campaign_id",
        customer,
        purpose as i16
    )
    .fetch_all(connection)
    .await?;
    Ok(campaigns)
}

/// Contacts that are to be ended with their campaigns: each once, some at a time.
pub(crate) async fn ended(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    // ENDED
    let rows = sqlx::query!(
        "UPDATE orders.campaign_contact SET over = true
         WHERE (campaign_id, customer_id) IN (
             SELECT p.campaign_id, p.customer_id
             FROM orders.campaign_contact p JOIN orders.campaign c ON c.id = p.campaign_id
             WHERE c.state = 4 AND NOT p.over LIMIT $1 FOR UPDATE OF p SKIP LOCKED)
         RETURNING campaign_id, customer_id",
        most
    )
    .fetch_all(connection)
    .await?;
    let pairs = rows
        .into_iter()
        .map(|row| (row.campaign_id, row.customer_id));
    Ok(pairs.collect())
}
