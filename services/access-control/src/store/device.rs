//! Devices.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::access::DeviceState;
use kefu_service::{
    call::Call,
    error::Fault,
    scope::{After, RecordSpec},
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::domain::device::{Device, Holder};

/// A device belongs to who has it, and to the department where that is.
const SPEC: RecordSpec = RecordSpec {
    columns: "d.id, d.created_at",
    from: "access.device d LEFT JOIN access.employee e ON e.id = d.holder_id",
    id: "d.id",
    scope: ScopeColumns {
        department: Some("COALESCE(d.department_id, e.department_id)"),
        owner: Some("d.holder_id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[],
    ..RecordSpec::PLAIN
};

/// Which devices a list asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) holder: Option<Holder>,
    pub(crate) department: Option<Uuid>,
    pub(crate) state: Option<DeviceState>,
}

/// One place of a page, and the rules that let it through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) at: After,
    pub(crate) matched: i64,
}

/// One page within the call's scope, in the order they were registered; one more
/// than `size` where there is a next page.
pub(crate) async fn page(
    connection: &mut PgConnection,
    call: &Call,
    asked: Asked,
    after: Option<After>,
    size: usize,
) -> Result<Vec<Listed>, Fault> {
    let mut query = SPEC.select(call);
    match asked.holder {
        Some(Holder::Employee(id)) => query.push(" AND d.holder_id = ").push_bind(id),
        Some(Holder::Department(id)) => query.push(" AND d.department_id = ").push_bind(id),
        None => &mut query,
    };
    if let Some(department) = asked.department {
        query
            .push(" AND COALESCE(d.department_id, e.department_id) = ")
            .push_bind(department);
    }
    if let Some(state) = asked.state {
        query.push(" AND d.state = ").push_bind(number(state));
    }
    if let Some(after) = after {
        query
            .push(" AND (d.created_at, d.id) > (")
            .push_bind(after.at.to_sqlx())
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    query.push(format_args!(
        " ORDER BY d.created_at, d.id LIMIT {}",
        size + 1
    ));
    let rows = query.build().fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(1)?.to_jiff();
            let id = row.try_get(0)?;
            Ok(Listed {
                at: After { at, id },
                matched: row.try_get(2)?,
            })
        })
        .collect()
}

/// A device and the department where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) device: Device,
    pub(crate) department: Option<Uuid>,
}

/// These devices.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Placed>, Fault> {
    let rows = sqlx::query!(
        "SELECT d.id, asset_number, kind, title, state, holder_id, d.department_id, since, note, revision,
                COALESCE(d.department_id, (SELECT e.department_id FROM access.employee e WHERE e.id = d.holder_id))
                    AS place
         FROM access.device d
         WHERE d.id = ANY($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    let devices = rows.into_iter().map(|row| Placed {
        department: row.place,
        device: Device {
            id: row.id,
            asset_number: row.asset_number,
            kind: row.kind,
            title: row.title,
            state: DeviceState::try_from(i32::from(row.state)).unwrap_or_default(),
            holder: row
                .holder_id
                .map(Holder::Employee)
                .or(row.department_id.map(Holder::Department)),
            since: row.since.to_jiff(),
            note: row.note,
            revision: row.revision,
        },
    });
    Ok(devices.collect())
}

/// The device of this id.
pub(crate) async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Placed>, Fault> {
    Ok(list(connection, &[id]).await?.pop())
}

/// The device that bears this number.
pub(crate) async fn find_asset_number(
    connection: &mut PgConnection,
    asset_number: &str,
) -> Result<Option<Uuid>, Fault> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM access.device WHERE asset_number = $1",
        asset_number
    )
    .fetch_optional(connection)
    .await?)
}

/// Registers one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    device: &Device,
    at: Timestamp,
) -> Result<(), Fault> {
    let (holder, department) = hands(device);
    sqlx::query!(
        "INSERT INTO access.device (id, asset_number, kind, title, state, holder_id, department_id, since, note,
                                    revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        device.id,
        device.asset_number,
        device.kind,
        device.title,
        number(device.state),
        holder,
        department,
        device.since.to_sqlx(),
        device.note,
        device.revision,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts everything that may change as it shall be.
pub(crate) async fn update(connection: &mut PgConnection, device: &Device) -> Result<(), Fault> {
    let (holder, department) = hands(device);
    sqlx::query!(
        "UPDATE access.device
         SET state = $2, holder_id = $3, department_id = $4, since = $5, note = $6, revision = $7
         WHERE id = $1",
        device.id,
        number(device.state),
        holder,
        department,
        device.since.to_sqlx(),
        device.note,
        device.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn hands(device: &Device) -> (Option<Uuid>, Option<Uuid>) {
    match device.holder {
        Some(Holder::Employee(id)) => (Some(id), None),
        Some(Holder::Department(id)) => (None, Some(id)),
        None => (None, None),
    }
}

fn number(state: DeviceState) -> i16 {
    i16::try_from(state as i32).unwrap_or_default()
}
