//! Lists of files to look at, each from some time on: to rate them, to compare them, to
//! measure them.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// A table of customers and times, and what is asked of it.
pub(crate) struct DueList {
    due: &'static str,
    put_off: &'static str,
    take: &'static str,
    look_at: &'static str,
}

macro_rules! list {
    ($table:literal) => {
        DueList {
            due: concat!(
                "SELECT customer_id FROM profile.",
                $table,
                " WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
            ),
            put_off: concat!(
                "UPDATE profile.",
                $table,
                " SET due_at = $2 WHERE customer_id = $1"
            ),
            take: concat!(
                "DELETE FROM profile.",
                $table,
                " WHERE customer_id = $1 AND due_at <= $2"
            ),
            look_at: concat!(
                "INSERT INTO profile.",
                $table,
                " AS d (customer_id, due_at) VALUES ($1, $2)
                  ON CONFLICT (customer_id) DO UPDATE SET due_at = LEAST(d.due_at, EXCLUDED.due_at)"
            ),
        }
    };
}

/// Whom to rate (CF-2.4, IH-8.2).
pub(crate) static TO_RATE: DueList = list!("rating_due");
/// Which files to compare with others (IH-2.2).
pub(crate) static TO_COMPARE: DueList = list!("duplicate_due");
/// Which files to measure (CF-7.3).
pub(crate) static TO_MEASURE: DueList = list!("quality_due");

impl DueList {
    /// What is due, the longest first.
    pub(crate) async fn due(
        &self,
        connection: &mut PgConnection,
        now: Timestamp,
        most: i64,
    ) -> Result<Vec<Uuid>, Fault> {
        let due = sqlx::query_scalar(self.due).bind(now.to_sqlx()).bind(most);
        Ok(due.fetch_all(connection).await?)
    }

    /// Puts off a file that cannot be looked at now.
    pub(crate) async fn put_off(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        until: Timestamp,
    ) -> Result<(), Fault> {
        let put_off = sqlx::query(self.put_off).bind(customer);
        put_off.bind(until.to_sqlx()).execute(connection).await?;
        Ok(())
    }

    /// Takes a file off the list, where nobody has yet. What happens with it from then on puts
    /// it there again. The file must be locked: whoever changes it holds it before its place.
    pub(crate) async fn take(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let take = sqlx::query(self.take).bind(customer);
        let taken = take.bind(now.to_sqlx()).execute(connection).await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Has a file looked at from then on, or before, where it is on the list for that.
    pub(crate) async fn look_at(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let look_at = sqlx::query(self.look_at).bind(customer);
        look_at.bind(at.to_sqlx()).execute(connection).await?;
        Ok(())
    }
}
