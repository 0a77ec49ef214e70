//! The log is made longer: entries, the subtrees they complete, and its new size, in the
//! transaction that moves the cursor of the journal they come from.

use jiff_sqlx::ToSqlx;
use kefu_audit::{Frontier, Hash, Leaf, Node, leaf_hash, parts};
use kefu_contracts::journal::Entry;
use kefu_service::{error::Fault, time::from_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use super::read;
use crate::domain::audit::Said;

/// Appends entries of a service's journal, in their order.
pub(crate) async fn append(
    connection: &mut PgConnection,
    service: &str,
    entries: &[Entry],
) -> Result<(), Fault> {
    // Whoever else makes the log longer waits here.
    let size = sqlx::query_scalar!("SELECT size FROM access.audit_head FOR UPDATE")
        .fetch_one(&mut *connection)
        .await?;
    let mut frontier = frontier(connection, size).await?;
    let mut rows = Rows::default();
    let mut completed = Vec::new();
    for entry in entries {
        let leaf = Leaf {
            service: service.to_owned(),
            entry: entry.clone(),
        };
        let bytes = leaf.to_bytes();
        let hash = leaf_hash(&bytes);
        let seq =
            i64::try_from(frontier.size()).map_err(|_| Fault::internal("audit log is full"))?;
        completed.extend(frontier.push(hash));
        rows.push(seq, &leaf, bytes, hash)?;
    }
    rows.insert(connection, service).await?;
    insert_nodes(connection, &completed).await?;
    let size = i64::try_from(frontier.size()).map_err(|_| Fault::internal("audit log is full"))?;
    sqlx::query!("UPDATE access.audit_head SET size = $1", size)
        .execute(connection)
        .await?;
    Ok(())
}

async fn frontier(connection: &mut PgConnection, size: i64) -> Result<Frontier, Fault> {
    let size = u64::try_from(size).map_err(|_| Fault::internal("size of the audit log"))?;
    let edge = read::hashes(connection, &parts(0, size)).await?;
    Frontier::of(size, edge).ok_or_else(|| Fault::internal("edge of the audit log"))
}

async fn insert_nodes(connection: &mut PgConnection, nodes: &[Node]) -> Result<(), Fault> {
    let levels: Vec<i16> = nodes.iter().map(|node| node.id.level.into()).collect();
    let places: Vec<i64> = nodes
        .iter()
        .map(|node| i64::try_from(node.id.index).unwrap_or(i64::MAX))
        .collect();
    let hashes: Vec<Vec<u8>> = nodes.iter().map(|node| node.hash.to_vec()).collect();
    sqlx::query!(
        "INSERT INTO access.audit_node (level, index, hash)
         SELECT * FROM UNNEST($1::int2[], $2::int8[], $3::bytea[])",
        &levels,
        &places,
        &hashes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The rows of new entries, a column each.
#[derive(Default)]
struct Rows {
    seqs: Vec<i64>,
    transactions: Vec<i64>,
    positions: Vec<i64>,
    recorded_at: Vec<jiff_sqlx::Timestamp>,
    actors: Vec<Option<Uuid>>,
    purposes: Vec<i16>,
    kinds: Vec<i16>,
    resources: Vec<String>,
    customers: Vec<Option<Uuid>>,
    types: Vec<String>,
    methods: Vec<String>,
    permissions: Vec<String>,
    reasons: Vec<String>,
    /// Arrays as text: PostgreSQL unnests arrays of arrays flat.
    cleared: Vec<String>,
    grants: Vec<String>,
    leaves: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
}

impl Rows {
    fn push(&mut self, seq: i64, leaf: &Leaf, bytes: Vec<u8>, hash: Hash) -> Result<(), Fault> {
        let strange = || Fault::internal("a journal entry that cannot be read");
        let entry = &leaf.entry;
        let cursor = entry.cursor.ok_or_else(strange)?;
        let at = entry.recorded_at.as_ref().and_then(from_proto);
        let said = Said::by(leaf);
        let cleared: Vec<String> = said.cleared.iter().map(i32::to_string).collect();
        let grants: Vec<String> = said.grants.iter().map(Uuid::to_string).collect();
        self.seqs.push(seq);
        self.transactions
            .push(i64::try_from(cursor.transaction_id).map_err(|_| strange())?);
        self.positions.push(cursor.position);
        self.recorded_at.push(at.ok_or_else(strange)?.to_sqlx());
        self.actors.push(Uuid::from_slice(&entry.actor_id).ok());
        self.purposes
            .push(i16::try_from(entry.purpose).map_err(|_| strange())?);
        self.kinds
            .push(i16::try_from(entry.kind).map_err(|_| strange())?);
        self.resources.push(entry.resource.clone());
        self.customers
            .push(Uuid::from_slice(&entry.customer_id).ok());
        self.types.push(entry.r#type.clone());
        self.methods.push(said.method);
        self.permissions.push(said.permission);
        self.reasons.push(said.reason);
        self.cleared.push(format!("{{{}}}", cleared.join(",")));
        self.grants.push(format!("{{{}}}", grants.join(",")));
        self.leaves.push(bytes);
        self.hashes.push(hash.to_vec());
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, service: &str) -> Result<(), Fault> {
        sqlx::query!(
            "INSERT INTO access.audit_entry (service, seq, transaction_id, position, recorded_at, actor_id, purpose,
                                             kind, resource, customer_id, type, method, permission, reason, cleared,
                                             grant_ids, leaf, leaf_hash)
             SELECT $1, seq, transaction_id, position, recorded_at, actor_id, purpose, kind, resource, customer_id, type,
                    method, permission, reason, cleared::int2[], grant_ids::uuid[], leaf, leaf_hash
             FROM UNNEST($2::int8[], $3::int8[], $4::int8[], $5::timestamptz[], $6::uuid[], $7::int2[], $8::int2[],
                         $9::text[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                         $16::text[], $17::bytea[], $18::bytea[])
                  AS given (seq, transaction_id, position, recorded_at, actor_id, purpose, kind, resource, customer_id,
                            type, method, permission, reason, cleared, grant_ids, leaf, leaf_hash)",
            service,
            &self.seqs,
            &self.transactions,
            &self.positions,
            &self.recorded_at,
            &self.actors as &[Option<Uuid>],
            &self.purposes,
            &self.kinds,
            &self.resources,
            &self.customers as &[Option<Uuid>],
            &self.types,
            &self.methods,
            &self.permissions,
            &self.reasons,
            &self.cleared,
            &self.grants,
            &self.leaves,
            &self.hashes,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
