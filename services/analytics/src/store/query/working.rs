//! Working time of records: what of a calendar was open between their beginning and their end.

use jiff_sqlx::ToSqlx;
use sqlx::{Postgres, QueryBuilder};

use super::Asked;
use crate::store::population::end;

/// ` CROSS JOIN (…) open`: the calendar's open stretches, beside each row.
pub(super) fn write_stretches(asked: &Asked<'_>, query: &mut QueryBuilder<Postgres>) {
    let Some(working) = asked.working else {
        return;
    };
    let moments = |all: &[jiff::Timestamp]| -> Vec<jiff_sqlx::Timestamp> {
        all.iter().map(|at| at.to_sqlx()).collect()
    };
    query.push(" CROSS JOIN (SELECT ");
    query.push_bind(moments(&working.starts));
    query.push("::timestamptz[] AS starts, ");
    query.push_bind(moments(&working.ends));
    query.push("::timestamptz[] AS ends, ");
    query.push_bind(working.before.clone());
    query.push("::int8[] AS before) open ");
}

/// Seconds of a row, whole ones as of any duration.
pub(super) fn worth(asked: &Asked<'_>) -> String {
    let until = end(asked.question.metric.of);
    let open_before = |at: &str| {
        format!(
            "(CASE WHEN width_bucket({at}, open.starts) > 0
                THEN open.before[width_bucket({at}, open.starts)]
                    + extract(epoch FROM least({at}, open.ends[width_bucket({at}, open.starts)])
                        - open.starts[width_bucket({at}, open.starts)])
                ELSE 0 END)"
        )
    };
    format!("({} - {})::int8", open_before(until), open_before("f.at"))
}
