//! What customers said about orders (OP-3.4.5). Sealed apart from the order,
//! so that a new word does not mean sealing the order again.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    ClassSet,
    order::{Order, Review},
    policy::DataClass,
};
use kefu_service::{error::Fault, sealed::Sealer, time};
use kefu_vault::CustomerKey;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

/// Classes of a review.
const SERVICE: ClassSet = ClassSet::of(&[DataClass::Service]);

/// A review about to be recorded.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) review: &'a Review,
    pub(crate) answered_at: Timestamp,
    pub(crate) sealed: &'a [u8],
}

/// Records a review; `false` when its external reference is taken in this order.
pub(crate) async fn insert(connection: &mut PgConnection, row: &NewRow<'_>) -> Result<bool, Fault> {
    let reference =
        Some(row.review.external_ref.as_str()).filter(|reference| !reference.is_empty());
    let written = sqlx::query!(
        "INSERT INTO orders.review (id, order_id, customer_id, external_ref, score, answered_at, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (order_id, external_ref) DO NOTHING",
        row.id,
        row.order_id,
        row.customer_id,
        reference,
        i16::try_from(row.review.score).map_err(|_| Fault::internal("score was not checked"))?,
        row.answered_at.to_sqlx() as _,
        row.sealed
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Seals what the customer said in their own words and whether it arrived; the
/// rest is in columns.
pub(crate) fn seal(
    sealer: &Sealer,
    key: &CustomerKey,
    id: Uuid,
    review: &Review,
) -> Result<Vec<u8>, Fault> {
    let said = Review {
        comment: review.comment.clone(),
        arrived: review.arrived,
        ..Default::default()
    };
    sealer.seal(
        key,
        id,
        &Order {
            reviews: vec![said],
            ..Default::default()
        },
    )
}

/// A review as it was read, its words still sealed.
pub(crate) struct StoredReview {
    id: Uuid,
    columns: Review,
    sealed: Vec<u8>,
}

impl StoredReview {
    /// An order's reviews from the arrays of [`WHOLE`](super::records::WHOLE), oldest first.
    pub(crate) fn read(row: &PgRow) -> Result<Vec<Self>, Fault> {
        let ids: Option<Vec<Uuid>> = row.try_get("review_ids")?;
        let references: Option<Vec<Option<String>>> = row.try_get("review_refs")?;
        let scores: Option<Vec<i16>> = row.try_get("review_scores")?;
        let answered: Option<Vec<jiff_sqlx::Timestamp>> = row.try_get("review_answered")?;
        let sealed: Option<Vec<Vec<u8>>> = row.try_get("review_sealed")?;
        let what = references
            .unwrap_or_default()
            .into_iter()
            .zip(scores.unwrap_or_default());
        let said = answered
            .unwrap_or_default()
            .into_iter()
            .zip(sealed.unwrap_or_default());
        Ok(ids
            .unwrap_or_default()
            .into_iter()
            .zip(what)
            .zip(said)
            .map(|((id, (reference, score)), (answered, sealed))| {
                let columns = Review {
                    score: score.into(),
                    answered_time: Some(time::to_proto(answered.to_jiff())),
                    external_ref: reference.unwrap_or_default(),
                    ..Default::default()
                };
                Self {
                    id,
                    columns,
                    sealed,
                }
            })
            .collect())
    }

    /// The review where its class is cleared; otherwise an empty one in its
    /// place, so that redaction takes it out and says so.
    pub(crate) fn open(
        &self,
        sealer: &Sealer,
        key: &CustomerKey,
        cleared: ClassSet,
    ) -> Result<Review, Fault> {
        if !cleared.contains(DataClass::Service) {
            return Ok(Review::default());
        }
        let (opened, _) = sealer.open::<Order>(key, self.id, &self.sealed, SERVICE)?;
        let said = opened.reviews.into_iter().next().unwrap_or_default();
        Ok(Review {
            comment: said.comment,
            arrived: said.arrived,
            ..self.columns.clone()
        })
    }
}
