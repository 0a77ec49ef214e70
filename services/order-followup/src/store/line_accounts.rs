//! What all cases of an order have taken back of each line (IH-6). Rows are locked in the order of
//! lines, so that two cases of one order wait for each other and never in a circle.

use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::case::account::{Bookings, Line};

/// Opens the accounts of lines that a case is about; one that is there goes by what the order says
/// now, and never below what is booked.
pub(crate) async fn open(
    connection: &mut PgConnection,
    order: Uuid,
    customer: Uuid,
    lines: &[Line],
) -> Result<(), Fault> {
    let numbers: Vec<i32> = lines.iter().map(|line| line.line).collect();
    let ordered: Vec<i32> = lines.iter().map(|line| whole(line.ordered)).collect();
    let paid: Vec<String> = lines.iter().map(|line| line.paid.to_string()).collect();
    sqlx::query!(
        "INSERT INTO orders.line_account AS a (order_id, line, customer_id, ordered, paid)
         SELECT $1, l.line, $2, l.ordered, l.paid::numeric
         FROM UNNEST($3::int[], $4::int[], $5::text[]) AS l (line, ordered, paid)
         ORDER BY l.line
         ON CONFLICT (order_id, line) DO UPDATE
         SET ordered = greatest(EXCLUDED.ordered, a.taken), paid = greatest(EXCLUDED.paid, a.refunded)",
        order,
        customer,
        &numbers,
        &ordered,
        &paid
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Books what a change of a case takes or releases.
///
/// # Errors
/// `BEYOND_LIMIT` where it would be more than there is.
pub(crate) async fn book(
    connection: &mut PgConnection,
    order: Uuid,
    bookings: &Bookings,
    currency: &str,
) -> Result<(), Fault> {
    if bookings.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i32> = bookings.keys().copied().collect();
    let rows = sqlx::query!(
        r#"SELECT line, ordered, taken, paid::text AS "paid!", refunded::text AS "refunded!"
           FROM orders.line_account WHERE order_id = $1 AND line = ANY($2) ORDER BY line FOR UPDATE"#,
        order,
        &numbers
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.len() != numbers.len() {
        return Err(Fault::internal("a line without an account"));
    }
    let (mut taken, mut refunded) = (Vec::new(), Vec::new());
    for row in rows {
        let mut line = Line {
            line: row.line,
            ordered: row.ordered.into(),
            taken: row.taken.into(),
            paid: nanos(&row.paid)?,
            refunded: nanos(&row.refunded)?,
        };
        line.book(bookings[&row.line], currency)?;
        taken.push(whole(line.taken));
        refunded.push(line.refunded.to_string());
    }
    sqlx::query!(
        "UPDATE orders.line_account a SET taken = l.taken, refunded = l.refunded::numeric
         FROM UNNEST($2::int[], $3::int[], $4::text[]) AS l (line, taken, refunded)
         WHERE a.order_id = $1 AND a.line = l.line",
        order,
        &numbers,
        &taken,
        &refunded
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn whole(pieces: i64) -> i32 {
    i32::try_from(pieces).unwrap_or(i32::MAX)
}

fn nanos(text: &str) -> Result<i128, Fault> {
    let unread = |_| Fault::internal("an amount that is no number");
    text.parse().map_err(unread)
}
