//! The organisation at one moment, as approvals look at it.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;

use super::{delegation, department};
use crate::domain::approval::{Chart, Finder, Seat, Stand};

/// The organisation as it is now. System accounts approve nothing and are not in it.
pub(crate) async fn at(connection: &mut PgConnection, now: Timestamp) -> Result<Chart, Fault> {
    let departments = department::list(connection, None).await?;
    let seats = departments.into_iter().map(|one| {
        let seat = Seat {
            code: one.code,
            parent: one.parent,
            head: one.head,
            supervising_leader: one.supervising_leader,
        };
        (one.id, seat)
    });
    let present = sqlx::query_scalar!(
        "SELECT id FROM access.employee
         WHERE NOT system_account AND (joins_at IS NULL OR joins_at <= $1) AND (leaves_at IS NULL OR leaves_at > $1)",
        now.to_sqlx(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let posts = [Finder::CompanyLeader, Finder::ArchiveManager];
    let roles: Vec<String> = posts
        .iter()
        .filter_map(|post| post.role())
        .map(str::to_owned)
        .collect();
    let held = sqlx::query!(
        "SELECT DISTINCT role_id, subject_id FROM access.binding
         WHERE role_id = ANY($1) AND revoked_at IS NULL AND starts_at <= $2 AND (ends_at IS NULL OR ends_at > $2)
         ORDER BY role_id, subject_id",
        &roles,
        now.to_sqlx(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut holders: HashMap<String, Vec<_>> = HashMap::new();
    for row in held {
        holders.entry(row.role_id).or_default().push(row.subject_id);
    }
    let standing = delegation::standing(connection, now).await?.into_iter();
    let stands = standing.map(|one| Stand {
        from: one.from,
        to: one.to,
        department: one.department,
    });
    Ok(Chart {
        departments: seats.collect(),
        present: present.into_iter().collect(),
        holders,
        stands: stands.collect(),
    })
}
