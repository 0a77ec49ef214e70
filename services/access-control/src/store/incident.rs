//! Incidents, and what was done about them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::access::{IncidentAct, IncidentSeverity, IncidentState};
use kefu_service::{database::Use, error::Fault, scope::RecordSpec};
use sqlx::PgConnection;
use uuid::Uuid;

use super::about::About;
use crate::domain::incident::{Bounds, Deadlines, Incident, Step};

/// An incident is the company's, and no department's.
const RECORD: RecordSpec = RecordSpec {
    columns: "i.id, i.opened_at",
    from: "access.incident i",
    id: "i.id",
    scope: ScopeColumns {
        department: None,
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[],
    ..RecordSpec::PLAIN
};

impl About for Incident {
    const RECORD: &'static RecordSpec = &RECORD;
    const TIME: &'static str = "i.opened_at";
    const NOT_ABOUT: (&'static str, &'static str) = (" AND NOT (", " = ANY(i.subject_ids))");

    fn id(&self) -> Uuid {
        self.id
    }

    fn revision(&self) -> i64 {
        self.revision
    }

    fn lock(connection: &mut PgConnection, id: Uuid) -> Use<'_, ()> {
        Box::pin(async move {
            sqlx::query!(
                "SELECT id FROM access.incident WHERE id = $1 FOR UPDATE",
                id
            )
            .fetch_optional(connection)
            .await?;
            Ok(())
        })
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Use<'c, Vec<Self>> {
        Box::pin(list(connection, ids))
    }
}

async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Incident>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, alert_id, description, subject_ids, customer_ids, grant_id, export_id, period_from, period_until,
                  state, severity, opened_by, opened_at, assess_by, report_by, told, closed_size, revision,
                  ARRAY(SELECT e.id FROM access.employee e WHERE e.id = ANY(subject_ids) AND e.system_account)
                      AS "machines!"
           FROM access.incident WHERE id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let steps = sqlx::query!(
        "SELECT incident_id, act, at, actor_id, severity, recipient, text
         FROM access.incident_step WHERE incident_id = ANY($1) ORDER BY incident_id, place",
        ids
    )
    .fetch_all(connection)
    .await?;
    let step_of = |id: Uuid| {
        let own = steps.iter().filter(move |one| one.incident_id == id);
        own.map(|one| Step {
            act: act(one.act),
            at: one.at.to_jiff(),
            by: one.actor_id,
            severity: severity(one.severity),
            recipient: one.recipient.clone(),
            text: one.text.clone(),
        })
    };
    let incidents = rows.into_iter().map(|row| Incident {
        id: row.id,
        description: row.description,
        alert: row.alert_id,
        export: row.export_id,
        bounds: Bounds {
            from: row.period_from.to_jiff(),
            until: row.period_until.to_jiff(),
            subjects: row.subject_ids.into_iter().collect(),
            customers: row.customer_ids.into_iter().collect(),
            grant: row.grant_id,
        },
        machines: row.machines.into_iter().collect(),
        state: IncidentState::try_from(i32::from(row.state)).unwrap_or_default(),
        severity: severity(row.severity),
        opener: row.opened_by,
        opened_at: row.opened_at.to_jiff(),
        deadlines: Deadlines {
            assess: row.assess_by.to_jiff(),
            report: row.report_by.to_jiff(),
        },
        told: row.told.into_iter().map(act).collect(),
        closed_size: row.closed_size,
        steps: step_of(row.id).collect(),
        revision: row.revision,
    });
    Ok(incidents.collect())
}

fn act(number: i16) -> IncidentAct {
    IncidentAct::try_from(i32::from(number)).unwrap_or_default()
}

fn severity(number: i16) -> IncidentSeverity {
    IncidentSeverity::try_from(i32::from(number)).unwrap_or_default()
}

fn ids(all: &BTreeSet<Uuid>) -> Vec<Uuid> {
    all.iter().copied().collect()
}

/// Writes one down.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    incident: &Incident,
) -> Result<(), Fault> {
    let bounds = &incident.bounds;
    sqlx::query!(
        "INSERT INTO access.incident (id, alert_id, description, subject_ids, customer_ids, grant_id, export_id,
                                      period_from, period_until, state, severity, opened_by, opened_at, assess_by,
                                      report_by, told, next_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, '{}', $16, $17)",
        incident.id,
        incident.alert,
        incident.description,
        &ids(&bounds.subjects),
        &ids(&bounds.customers),
        bounds.grant,
        incident.export,
        bounds.from.to_sqlx(),
        bounds.until.to_sqlx(),
        incident.state as i16,
        incident.severity as i16,
        incident.opener,
        incident.opened_at.to_sqlx(),
        incident.deadlines.assess.to_sqlx(),
        incident.deadlines.report.to_sqlx(),
        incident.next().map(|(at, _)| at.to_sqlx()),
        incident.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts everything that may change as it shall be.
pub(crate) async fn update(
    connection: &mut PgConnection,
    incident: &Incident,
) -> Result<(), Fault> {
    let told: Vec<i16> = incident.told.iter().map(|act| *act as i16).collect();
    sqlx::query!(
        "UPDATE access.incident
         SET state = $2, severity = $3, told = $4, next_at = $5, closed_size = $6, revision = $7
         WHERE id = $1",
        incident.id,
        incident.state as i16,
        incident.severity as i16,
        &told,
        incident.next().map(|(at, _)| at.to_sqlx()),
        incident.closed_size,
        incident.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps what was done last.
pub(crate) async fn add_step(
    connection: &mut PgConnection,
    incident: &Incident,
) -> Result<(), Fault> {
    let Some(step) = incident.steps.last() else {
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO access.incident_step (incident_id, place, act, at, actor_id, severity, recipient, text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        incident.id,
        i32::try_from(incident.steps.len()).unwrap_or(i32::MAX),
        step.act as i16,
        step.at.to_sqlx(),
        step.by,
        step.severity as i16,
        step.recipient,
        step.text,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Incidents of which something is overdue that nobody was told of.
pub(crate) async fn due(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.incident WHERE next_at <= $1 ORDER BY next_at LIMIT 1000",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}
