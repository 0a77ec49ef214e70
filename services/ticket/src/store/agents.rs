//! Who serves queues, and whether they are there.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::ticket::{Agent, Presence};
use kefu_service::{error::Fault, fields::name, scope::RecordSpec, time::to_proto};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

/// Under which agents are listed.
pub(crate) const AGENTS: RecordSpec = RecordSpec {
    columns: "a.employee_id, a.department_id, a.skills, a.languages, a.capacity, a.presence, a.present_until,
              (SELECT count(*) FROM ticket.ticket t WHERE t.assignee_id = a.employee_id AND t.state < 4) AS open",
    from: "ticket.agent a",
    id: "a.employee_id",
    scope: ScopeColumns {
        department: Some("a.department_id"),
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    ..RecordSpec::PLAIN
};

/// Says what somebody can do.
pub(crate) async fn set(
    connection: &mut PgConnection,
    employee: Uuid,
    department: Uuid,
    agent: &Agent,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.agent
             (employee_id, department_id, skills, languages, capacity, presence, present_until, serves, routed_seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, '{}', 0)
         ON CONFLICT (employee_id) DO UPDATE
         SET department_id = $2, skills = $3, languages = $4, capacity = $5",
        employee,
        department,
        &agent.skills,
        &agent.languages,
        agent.capacity,
        Presence::Off as i16,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A sign of life, and where they may serve until it ends.
pub(crate) async fn present(
    connection: &mut PgConnection,
    employee: Uuid,
    presence: Presence,
    until: Timestamp,
    serves: &[Uuid],
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.agent
             (employee_id, skills, languages, capacity, presence, present_until, serves, routed_seq)
         VALUES ($1, '{}', '{}', 0, $2, $3, $4, 0)
         ON CONFLICT (employee_id) DO UPDATE SET presence = $2, present_until = $3, serves = $4",
        employee,
        presence as i16,
        until.to_sqlx() as _,
        serves
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The department that answers for somebody; none when nobody set them yet. They stay as
/// they are until the transaction ends.
pub(crate) async fn department(
    connection: &mut PgConnection,
    employee: Uuid,
) -> Result<Option<Uuid>, Fault> {
    let row = sqlx::query_scalar!(
        "SELECT department_id FROM ticket.agent WHERE employee_id = $1 FOR UPDATE",
        employee
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.flatten())
}

/// Somebody as they are now.
pub(crate) async fn find(
    connection: &mut PgConnection,
    employee: Uuid,
    now: Timestamp,
) -> Result<Agent, Fault> {
    let statement = format!(
        "SELECT {} FROM {} WHERE {} = $1",
        AGENTS.columns, AGENTS.from, AGENTS.id
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(employee)
        .fetch_one(connection)
        .await?;
    read(&row, now)
}

/// Reads a row; presence that has ended is none.
pub(crate) fn read(row: &PgRow, now: Timestamp) -> Result<Agent, Fault> {
    let department: Option<Uuid> = row.try_get("department_id")?;
    let until = row
        .try_get::<jiff_sqlx::Timestamp, _>("present_until")?
        .to_jiff();
    let presence = match row.try_get::<i16, _>("presence")? {
        _ if until <= now => Presence::Off as i32,
        presence => presence.into(),
    };
    let open: i64 = row.try_get("open")?;
    Ok(Agent {
        employee: name("employees", row.try_get("employee_id")?),
        department: department
            .map(|id| name("departments", id))
            .unwrap_or_default(),
        skills: row.try_get("skills")?,
        languages: row.try_get("languages")?,
        capacity: row.try_get("capacity")?,
        presence,
        end_time: Some(to_proto(until)),
        open_count: i32::try_from(open).unwrap_or(i32::MAX),
    })
}
