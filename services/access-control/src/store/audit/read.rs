//! The log is looked at.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_audit::{Hash, NodeId};
use kefu_contracts::{
    access::{AuditEntry, ExportedEntry, ExportedNode},
    journal::EntryKind,
};
use kefu_service::{error::Fault, fields, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{incident::Incident, register::EMPLOYEES, share::SHARES};

/// What entries are looked for; absent: all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) subject: Option<Uuid>,
    pub(crate) customer: Option<Uuid>,
    pub(crate) permission: Option<String>,
    pub(crate) purpose: Option<i16>,
    pub(crate) grant: Option<Uuid>,
    pub(crate) kind: Option<i16>,
    pub(crate) service: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

/// An entry as it is stored.
pub(crate) struct Listed {
    seq: i64,
    service: String,
    recorded_at: jiff_sqlx::Timestamp,
    actor_id: Option<Uuid>,
    purpose: i16,
    kind: i16,
    resource: String,
    customer_id: Option<Uuid>,
    r#type: String,
    method: String,
    permission: String,
    reason: String,
    cleared: Vec<i16>,
    grant_ids: Vec<Uuid>,
    leaf: Vec<u8>,
    leaf_hash: Vec<u8>,
}

impl Listed {
    /// As messages carry it.
    pub(crate) fn entry(&self) -> AuditEntry {
        let named = |collection, id: Option<Uuid>| {
            id.map(|id| fields::name(collection, id))
                .unwrap_or_default()
        };
        AuditEntry {
            seq: self.seq,
            service: self.service.clone(),
            record_time: Some(to_proto(self.recorded_at.to_jiff())),
            actor: named(EMPLOYEES, self.actor_id),
            purpose: self.purpose.into(),
            kind: self.kind.into(),
            resource: self.resource.clone(),
            customer: named("customers", self.customer_id),
            r#type: self.r#type.clone(),
            method: self.method.clone(),
            permission: self.permission.clone(),
            reason: self.reason.clone(),
            cleared: self.cleared.iter().copied().map(i32::from).collect(),
            grants: self
                .grant_ids
                .iter()
                .map(|id| fields::name(SHARES, *id))
                .collect(),
        }
    }

    /// As it leaves for checking.
    pub(crate) fn exported(self) -> ExportedEntry {
        ExportedEntry {
            entry: Some(self.entry()),
            leaf: self.leaf,
            leaf_hash: self.leaf_hash,
        }
    }
}

/// The first and the last entry that was recorded within a time, whatever clocks did meanwhile. By
/// the order of the log alone a page of yesterday would begin to look at the first entry ever.
async fn bounds(
    connection: &mut PgConnection,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Result<Option<(i64, i64)>, Fault> {
    let bounds = sqlx::query!(
        "SELECT min(seq) AS first, max(seq) AS last FROM access.audit_entry
         WHERE recorded_at >= $1 AND recorded_at < COALESCE($2, 'infinity'::timestamptz)",
        from.to_sqlx(),
        until.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
    )
    .fetch_one(connection)
    .await?;
    Ok(bounds.first.zip(bounds.last))
}

/// Entries from `seq` on, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    from: i64,
    most: i64,
) -> Result<Vec<Listed>, Fault> {
    let (mut first, mut last) = (from, i64::MAX);
    if let Some(since) = filter.from {
        // Who goes on has begun within it.
        if from == 0 || filter.until.is_some() {
            let Some(bounds) = bounds(connection, since, filter.until).await? else {
                return Ok(Vec::new());
            };
            (first, last) = (from.max(bounds.0), bounds.1);
        }
    }
    let rows = sqlx::query_as!(
        Listed,
        "SELECT seq, service, recorded_at, actor_id, purpose, kind, resource, customer_id, type, method, permission,
                reason, cleared, grant_ids, leaf, leaf_hash
         FROM access.audit_entry
         WHERE seq >= $1 AND seq <= $12
           AND ($3::uuid IS NULL OR actor_id = $3)
           AND ($4::uuid IS NULL OR customer_id = $4)
           AND ($5::text IS NULL OR permission = $5)
           AND ($6::int2 IS NULL OR purpose = $6)
           AND ($7::uuid IS NULL OR (grant_ids @> ARRAY[$7] AND grant_ids <> '{}'))
           AND ($8::int2 IS NULL OR kind = $8)
           AND ($9::text IS NULL OR service = $9)
           AND ($10::timestamptz IS NULL OR recorded_at >= $10)
           AND ($11::timestamptz IS NULL OR recorded_at < $11)
         ORDER BY seq LIMIT $2",
        first,
        most,
        filter.subject,
        filter.customer,
        filter.permission,
        filter.purpose,
        filter.grant,
        filter.kind,
        filter.service,
        filter.from.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        filter.until.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        last,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Entries of these places, for checking: a place whose row is gone is passed over.
pub(crate) async fn stretch(
    connection: &mut PgConnection,
    from: i64,
    most: i64,
) -> Result<Vec<Listed>, Fault> {
    list(connection, &Filter::default(), from, most).await
}

/// Entries behind the end of the log: there are none unless somebody put them there.
/// Size and rows are looked at in one statement, as the log may grow meanwhile.
pub(crate) async fn entries_beyond(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<Listed>, Fault> {
    let rows = sqlx::query_as!(
        Listed,
        "SELECT seq, service, recorded_at, actor_id, purpose, kind, resource, customer_id, type, method, permission,
                reason, cleared, grant_ids, leaf, leaf_hash
         FROM access.audit_entry
         WHERE seq >= (SELECT size FROM access.audit_head)
         ORDER BY seq LIMIT $1",
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Checkpoints of more entries than the log has: there are none unless it was made shorter.
pub(crate) async fn checkpoints_beyond(
    connection: &mut PgConnection,
) -> Result<Vec<String>, Fault> {
    let notes = sqlx::query_scalar!(
        "SELECT note FROM access.audit_checkpoint
         WHERE size > (SELECT size FROM access.audit_head) ORDER BY size DESC LIMIT 1",
    )
    .fetch_all(connection)
    .await?;
    Ok(notes)
}

/// How many entries the log has.
pub(crate) async fn head(connection: &mut PgConnection) -> Result<u64, Fault> {
    let size = sqlx::query_scalar!("SELECT size FROM access.audit_head")
        .fetch_one(connection)
        .await?;
    u64::try_from(size).map_err(|_| Fault::internal("size of the audit log"))
}

/// Hashes of these subtrees, in their order.
pub(crate) async fn hashes(
    connection: &mut PgConnection,
    wanted: &[NodeId],
) -> Result<Vec<Hash>, Fault> {
    let levels: Vec<i16> = wanted.iter().map(|id| id.level.into()).collect();
    let places: Vec<i64> = wanted
        .iter()
        .map(|id| i64::try_from(id.index).unwrap_or(i64::MAX))
        .collect();
    // Looked up one by one: a join may be planned while the log is small, and then goes through
    // the whole of it for each batch until somebody gathers statistics.
    let found = sqlx::query_scalar!(
        r#"SELECT CASE level
               WHEN 0 THEN (SELECT e.leaf_hash FROM access.audit_entry e WHERE e.seq = wanted.index)
               ELSE (SELECT n.hash FROM access.audit_node n
                     WHERE n.level = wanted.level AND n.index = wanted.index)
           END AS hash
           FROM UNNEST($1::int2[], $2::int8[]) WITH ORDINALITY AS wanted (level, index, place)
           ORDER BY wanted.place"#,
        &levels,
        &places,
    )
    .fetch_all(connection)
    .await?;
    let hashes = found.into_iter().map(|hash| Hash::try_from(hash?).ok());
    let hashes: Option<Vec<Hash>> = hashes.collect();
    hashes.ok_or_else(|| Fault::internal("the audit log lacks a node"))
}

/// Subtrees above these leaves: those whose last leaf is one of them.
pub(crate) async fn nodes(
    connection: &mut PgConnection,
    from: i64,
    until: i64,
) -> Result<Vec<ExportedNode>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT n.level, n.index, n.hash
           FROM generate_series(1, 62) AS l (level)
           CROSS JOIN LATERAL (
               -- By itself, so that its bounds are those of a range in the index.
               SELECT level, index, hash FROM access.audit_node
               WHERE level = l.level::int2 AND index >= ($1::int8 >> l.level) AND index <= ($2::int8 >> l.level)
               OFFSET 0
           ) n
           WHERE ((n.index + 1) << n.level) > $1 AND ((n.index + 1) << n.level) <= $2
           ORDER BY (n.index + 1) << n.level, n.level"#,
        from,
        until,
    )
    .fetch_all(connection)
    .await?;
    let nodes = rows.into_iter().map(|row| ExportedNode {
        level: row.level.into(),
        index: row.index,
        hash: row.hash,
    });
    Ok(nodes.collect())
}

/// Signed checkpoints of sizes above one and up to another.
pub(crate) async fn checkpoints(
    connection: &mut PgConnection,
    above: i64,
    up_to: i64,
) -> Result<Vec<String>, Fault> {
    let notes = sqlx::query_scalar!(
        "SELECT note FROM access.audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size",
        above,
        up_to,
    )
    .fetch_all(connection)
    .await?;
    Ok(notes)
}

/// The latest signed checkpoint and its size.
pub(crate) async fn latest_checkpoint(
    connection: &mut PgConnection,
) -> Result<Option<(u64, String)>, Fault> {
    let row =
        sqlx::query!("SELECT size, note FROM access.audit_checkpoint ORDER BY size DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(row.and_then(|row| Some((u64::try_from(row.size).ok()?, row.note))))
}

/// Keeps a signed checkpoint; the first of a size counts.
pub(crate) async fn put_checkpoint(
    connection: &mut PgConnection,
    size: u64,
    note: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let size = i64::try_from(size).map_err(|_| Fault::internal("size of the audit log"))?;
    sqlx::query!(
        "INSERT INTO access.audit_checkpoint (size, note, signed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        size,
        note,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which looks at customers' files are meant. What names nothing leaves nothing out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looked {
    pub(crate) grant: Option<Uuid>,
    pub(crate) subjects: Vec<Uuid>,
    pub(crate) customers: Vec<Uuid>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// First place in the log that is not looked at.
    pub(crate) below: Option<i64>,
}

impl Looked {
    /// Those within what is suspected, as far as the log went when that was closed.
    pub(crate) fn of(incident: &Incident) -> Self {
        let bounds = &incident.bounds;
        Self {
            grant: bounds.grant,
            subjects: bounds.subjects.iter().copied().collect(),
            customers: bounds.customers.iter().copied().collect(),
            from: Some(bounds.from),
            until: Some(bounds.until),
            below: incident.closed_size,
        }
    }
}

/// One person's looks at one file.
pub(crate) struct Look {
    pub(crate) actor_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) first_at: jiff_sqlx::Timestamp,
    pub(crate) last_at: jiff_sqlx::Timestamp,
    pub(crate) count: i64,
    pub(crate) classes: Vec<i16>,
    pub(crate) permissions: Vec<String>,
}

/// What was seen, of each file by each person, by file.
pub(crate) async fn looks(
    connection: &mut PgConnection,
    looked: &Looked,
) -> Result<Vec<Look>, Fault> {
    let looks = sqlx::query_as!(
        Look,
        r#"SELECT actor_id AS "actor_id!", customer_id AS "customer_id!", min(recorded_at) AS "first_at!",
                  max(recorded_at) AS "last_at!", count(DISTINCT seq) AS "count!",
                  COALESCE(array_agg(DISTINCT class) FILTER (WHERE class IS NOT NULL), '{}') AS "classes!",
                  array_agg(DISTINCT permission) AS "permissions!"
           FROM access.audit_entry LEFT JOIN LATERAL unnest(cleared) AS class ON true
           WHERE kind = $1 AND actor_id IS NOT NULL AND customer_id IS NOT NULL
             AND ($2::uuid IS NULL OR (grant_ids @> ARRAY[$2] AND grant_ids <> '{}'))
             AND (actor_id = ANY($3) OR $3 = '{}') AND (customer_id = ANY($4) OR $4 = '{}')
             AND ($5::timestamptz IS NULL OR recorded_at >= $5) AND ($6::timestamptz IS NULL OR recorded_at < $6)
             AND ($7::int8 IS NULL OR seq < $7)
           GROUP BY actor_id, customer_id ORDER BY customer_id, actor_id"#,
        EntryKind::View as i16,
        looked.grant,
        &looked.subjects,
        &looked.customers,
        looked.from.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        looked.until.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        looked.below,
    )
    .fetch_all(connection)
    .await?;
    Ok(looks)
}

/// A page of customers whose files were looked at.
pub(crate) struct Customers {
    /// In their order.
    pub(crate) ids: Vec<Uuid>,
    /// How many there are on all pages.
    pub(crate) total: i64,
}

/// Customers of whom something was seen, after one of them.
pub(crate) async fn customers(
    connection: &mut PgConnection,
    looked: &Looked,
    after: Option<Uuid>,
    most: usize,
) -> Result<Customers, Fault> {
    let rows = sqlx::query!(
        r#"WITH seen AS (
               SELECT DISTINCT customer_id FROM access.audit_entry
               WHERE kind = $1 AND actor_id IS NOT NULL AND customer_id IS NOT NULL
                 AND ($2::uuid IS NULL OR (grant_ids @> ARRAY[$2] AND grant_ids <> '{}'))
                 AND (actor_id = ANY($3) OR $3 = '{}') AND (customer_id = ANY($4) OR $4 = '{}')
                 AND ($5::timestamptz IS NULL OR recorded_at >= $5) AND ($6::timestamptz IS NULL OR recorded_at < $6)
                 AND ($7::int8 IS NULL OR seq < $7)
           )
           SELECT customer_id AS "id!", (SELECT count(*) FROM seen) AS "total!" FROM seen
           WHERE $8::uuid IS NULL OR customer_id > $8 ORDER BY customer_id LIMIT $9"#,
        EntryKind::View as i16,
        looked.grant,
        &looked.subjects,
        &looked.customers,
        looked.from.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        looked.until.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        looked.below,
        after,
        i64::try_from(most).unwrap_or(i64::MAX),
    )
    .fetch_all(connection)
    .await?;
    Ok(Customers {
        total: rows.first().map_or(0, |row| row.total),
        ids: rows.into_iter().map(|row| row.id).collect(),
    })
}
