//! What there is to be had (OP-3.4.2). Pieces are set aside, let go and taken in the transaction
//! of the order that they are for.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::StockItem;
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::stock::Got;

/// Collection of the resource names.
pub(crate) const STOCK_ITEMS: &str = "stock-items";

/// The company's own; it says nothing of a customer.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "s.id, s.sku, s.on_hand, s.reserved, s.alternatives, s.revision, s.updated_at",
    from: "orders.stock s",
    id: "s.id",
    fields: &[
        FilterField::system("sku", "s.sku", FilterKind::Text),
        FilterField::system("update_time", "s.updated_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// An item as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredItem {
    pub(crate) id: Uuid,
    pub(crate) sku: String,
    pub(crate) on_hand: i32,
    pub(crate) reserved: i32,
    pub(crate) alternatives: Vec<String>,
    pub(crate) revision: i64,
    pub(crate) updated_at: Timestamp,
}

impl StoredItem {
    /// Reads a row of [`RECORD`].
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let updated_at: jiff_sqlx::Timestamp = row.try_get("updated_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            sku: row.try_get("sku")?,
            on_hand: row.try_get("on_hand")?,
            reserved: row.try_get("reserved")?,
            alternatives: row.try_get("alternatives")?,
            revision: row.try_get("revision")?,
            updated_at: updated_at.to_jiff(),
        })
    }

    pub(crate) fn item(&self) -> StockItem {
        StockItem {
            name: name(STOCK_ITEMS, self.id),
            sku: self.sku.clone(),
            on_hand: self.on_hand,
            reserved: self.reserved,
            alternatives: self.alternatives.clone(),
            etag: etag(self.revision),
            update_time: Some(to_proto(self.updated_at)),
        }
    }
}

/// The item of this number, for whoever changes it next.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    sku: &str,
) -> Result<Option<StoredItem>, Fault> {
    let row = sqlx::query(
        "SELECT id, sku, on_hand, reserved, alternatives, revision, updated_at FROM orders.stock
         WHERE sku = $1 FOR UPDATE",
    )
    .bind(sku)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(StoredItem::read).transpose()
}

/// Enters an item; `false` when somebody did meanwhile.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    item: &StoredItem,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.stock (id, sku, on_hand, alternatives, revision, updated_at)
         VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (sku) DO NOTHING",
        item.id,
        item.sku,
        item.on_hand,
        &item.alternatives,
        item.updated_at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Puts the next revision of a locked item down.
pub(crate) async fn update(connection: &mut PgConnection, item: &StoredItem) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.stock SET on_hand = $2, alternatives = $3, revision = $4, updated_at = $5 WHERE id = $1",
        item.id,
        item.on_hand,
        &item.alternatives,
        item.revision,
        item.updated_at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets pieces aside where there are enough that nobody else was given. Whoever is given the
/// last ones holds the row until the order is written.
pub(crate) async fn reserve(
    connection: &mut PgConnection,
    sku: &str,
    pieces: i32,
) -> Result<Got, Fault> {
    let written = sqlx::query!(
        "UPDATE orders.stock SET reserved = reserved + $2 WHERE sku = $1 AND on_hand - reserved >= $2",
        sku,
        pieces
    )
    .execute(&mut *connection)
    .await?;
    if written.rows_affected() == 1 {
        return Ok(Got::Reserved);
    }
    let kept = sqlx::query_scalar!("SELECT alternatives FROM orders.stock WHERE sku = $1", sku)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(alternatives) = kept else {
        return Ok(Got::NotKept);
    };
    let there = sqlx::query_scalar!(
        r#"SELECT a.sku AS "sku!" FROM UNNEST($1::text[]) WITH ORDINALITY AS a (sku, place)
           JOIN orders.stock s ON s.sku = a.sku
           WHERE s.on_hand - s.reserved >= $2 ORDER BY a.place"#,
        &alternatives,
        pieces
    )
    .fetch_all(connection)
    .await?;
    Ok(Got::Short(there))
}

/// Lets go of pieces that were set aside.
pub(crate) async fn release(
    connection: &mut PgConnection,
    sku: &str,
    pieces: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.stock SET reserved = GREATEST(reserved - $2, 0) WHERE sku = $1",
        sku,
        pieces
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Pieces that were set aside have left.
pub(crate) async fn consume(
    connection: &mut PgConnection,
    sku: &str,
    pieces: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.stock SET reserved = GREATEST(reserved - $2, 0), on_hand = GREATEST(on_hand - $2, 0)
         WHERE sku = $1",
        sku,
        pieces
    )
    .execute(connection)
    .await?;
    Ok(())
}
