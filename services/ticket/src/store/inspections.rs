//! Inspections in the database: what was drawn, and what came of it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{ScopeColumns, write_scope};
use kefu_contracts::ticket::{AppealOutcome, Inspection, InspectionResult, InspectionState};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::{RecordSpec, Sql},
    time::to_proto,
};
use kefu_vault::WrappedKey;
use prost::Message;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::inspection::score::Outcome;

/// Collection of the resource names.
pub(crate) const INSPECTIONS: &str = "inspections";

/// Columns of an inspection, whoever looks.
macro_rules! columns {
    () => {
        "i.id, i.ticket_id, i.customer_id, i.department_id, i.agent_id, i.rules_version, i.sheet, i.two, i.state,
         i.score, i.passed, i.answers, i.final_at, i.appeal_until, i.appealed_at, i.appeal_outcome, i.sealed,
         i.revision, k.kek_id, k.wrapped"
    };
}

/// Without a key where the customer's file is destroyed: the scores stay.
macro_rules! from {
    () => {
        "ticket.inspection i LEFT JOIN ticket.customer_key k ON k.customer_id = i.customer_id"
    };
}

const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("i.department_id"),
    owner: Some("i.agent_id"),
    customer: Some("i.customer_id"),
    duty: None,
    consent: None,
};

/// Under which every look at results is taken. What has none is nobody's to know of: it would
/// tell a second inspector of the first.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: columns!(),
    from: from!(),
    // FINAL, APPEALED and CLOSED.
    only: ONLY,
    id: "i.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("agent", "i.agent_id", FilterKind::Name("employees")),
        FilterField::system(
            "department",
            "i.department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system("ticket", "i.ticket_id", FilterKind::Name("tickets")),
        FilterField::system(
            "state",
            "i.state",
            FilterKind::Enum {
                prefix: "INSPECTION_STATE_",
                parse: |name| InspectionState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("final_time", "i.final_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

const ONLY: &str = "i.state >= 3";

/// A row as it was read, its classified fields still sealed.
#[derive(Clone)]
pub(crate) struct StoredInspection {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) rules_version: i32,
    pub(crate) two: bool,
    pub(crate) state: InspectionState,
    pub(crate) final_at: Option<Timestamp>,
    pub(crate) appeal_until: Option<Timestamp>,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    /// None where the customer's file is destroyed.
    pub(crate) wrapped: Option<WrappedKey>,
    /// Rules of the call that let the row through; of a look without a scope there are none.
    pub(crate) matched: i64,
    pub(crate) columns: Inspection,
}

impl StoredInspection {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let perhaps = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, ticket_id) = (row.try_get("id")?, row.try_get("ticket_id")?);
        let (customer_id, agent_id) = (row.try_get("customer_id")?, row.try_get("agent_id")?);
        let department_id = row.try_get("department_id")?;
        let (final_at, appeal_until) = (perhaps("final_at")?, perhaps("appeal_until")?);
        let (rules_version, revision) = (row.try_get("rules_version")?, row.try_get("revision")?);
        let answers = answers(row.try_get("answers")?)?;
        let state = small("state")?;
        let kek_id: Option<String> = row.try_get("kek_id")?;
        let wrapped: Option<Vec<u8>> = row.try_get("wrapped")?;
        let columns = Inspection {
            name: name(INSPECTIONS, id),
            state,
            ticket: name("tickets", ticket_id),
            customer: name("customers", customer_id),
            agent: name("employees", agent_id),
            department: name("departments", department_id),
            rules_version,
            sheet: row.try_get("sheet")?,
            score: row.try_get("score")?,
            passed: row.try_get("passed")?,
            scores: answers.scores,
            knock_outs: answers.knock_outs,
            final_time: final_at.map(to_proto),
            appeal_until_time: appeal_until.map(to_proto),
            appeal_time: perhaps("appealed_at")?.map(to_proto),
            appeal_outcome: small("appeal_outcome")?,
            etag: etag(revision),
            ..Inspection::default()
        };
        Ok(Self {
            id,
            ticket_id,
            customer_id,
            department_id,
            agent_id,
            rules_version,
            two: row.try_get("two")?,
            state: InspectionState::try_from(state).unwrap_or_default(),
            final_at,
            appeal_until,
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: kek_id
                .zip(wrapped)
                .map(|(kek_id, bytes)| WrappedKey { kek_id, bytes }),
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: Inspection) -> Inspection {
        Inspection {
            comments: opened.comments,
            appeal_reason: opened.appeal_reason,
            decision_reason: opened.decision_reason,
            ..self.columns.clone()
        }
    }
}

/// Points and knock-outs as they are kept.
pub(crate) fn answers(bytes: &[u8]) -> Result<InspectionResult, Fault> {
    InspectionResult::decode(bytes).map_err(|_| Fault::internal("a sheet that cannot be read"))
}

/// An inspection about to be made.
pub(crate) struct NewInspection<'a> {
    pub(crate) id: Uuid,
    pub(crate) ticket: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) department: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) rules_version: i32,
    pub(crate) sheet: &'a str,
    pub(crate) two: bool,
    pub(crate) now: Timestamp,
}

/// Makes an inspection; `false` where the ticket has one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewInspection<'_>,
) -> Result<bool, Fault> {
    let made = sqlx::query!(
        "INSERT INTO ticket.inspection
             (id, ticket_id, customer_id, department_id, agent_id, rules_version, sheet, two, state, score, passed,
              answers, appeal_outcome, sealed, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 0, false, '', 0, '', 1, $9)
         ON CONFLICT (ticket_id) DO NOTHING",
        new.id,
        new.ticket,
        new.customer,
        new.department,
        new.agent,
        new.rules_version,
        new.sheet,
        new.two,
        new.now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// The inspection of this key, or of this ticket, as nobody else changes it until the
/// transaction ends.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    by: By,
) -> Result<Option<StoredInspection>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new(concat!(
        "SELECT ",
        columns!(),
        ", 0::int8 AS matched FROM ",
        from!(),
        " WHERE "
    ));
    match by {
        By::Id(id) => query.push("i.id = ").push_bind(id),
        By::Ticket(ticket) => query.push("i.ticket_id = ").push_bind(ticket),
    };
    query.push(" FOR UPDATE OF i");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredInspection::read).transpose()
}

/// By what an inspection is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Id(Uuid),
    Ticket(Uuid),
}

/// Has it inspected by two.
pub(crate) async fn second(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection SET two = true, revision = revision + 1 WHERE id = $1",
        id
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A result, and what is sealed of it.
pub(crate) struct Counted<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) answers: &'a InspectionResult,
    pub(crate) sealed: &'a [u8],
}

/// Puts an inspection into a state that changes no result.
pub(crate) async fn turn(
    connection: &mut PgConnection,
    id: Uuid,
    state: InspectionState,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection SET state = $2, revision = revision + 1 WHERE id = $1",
        id,
        state as i16
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives it its result.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    id: Uuid,
    result: &Counted<'_>,
    now: Timestamp,
    appeal_until: Option<Timestamp>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection
         SET state = 3, score = $2, passed = $3, answers = $4, sealed = $5, final_at = $6, appeal_until = $7,
             revision = revision + 1
         WHERE id = $1",
        id,
        result.outcome.score,
        result.outcome.passed,
        result.answers.encode_to_vec(),
        result.sealed,
        now.to_sqlx() as _,
        appeal_until.map(|at| at.to_sqlx()) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the agent objects.
pub(crate) async fn appeal(
    connection: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection SET state = 4, appealed_at = $2, sealed = $3, revision = revision + 1
         WHERE id = $1",
        id,
        now.to_sqlx() as _,
        sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what the appeal came to, with the result as it is then.
pub(crate) async fn close(
    connection: &mut PgConnection,
    id: Uuid,
    result: &Counted<'_>,
    outcome: AppealOutcome,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection
         SET state = 5, score = $2, passed = $3, answers = $4, sealed = $5, appeal_outcome = $6,
             revision = revision + 1
         WHERE id = $1",
        id,
        result.outcome.score,
        result.outcome.passed,
        result.answers.encode_to_vec(),
        result.sealed,
        outcome as i16,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is counted of which results.
pub(crate) struct Window {
    pub(crate) agent: Option<Uuid>,
    pub(crate) department: Option<Uuid>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Sums of the results in the scope, those that a list shows: of each agent in each department.
pub(crate) fn measure(call: &Call, window: &Window) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT i.agent_id, i.department_id, count(*) AS inspections, sum(i.score)::int8 AS scores,
                count(*) FILTER (WHERE i.passed) AS passed
         FROM ticket.inspection i WHERE ",
    );
    query.push(ONLY).push(" AND ");
    write_scope(&call.context, call.now, &SCOPE, &mut Sql(&mut query));
    for (column, id) in [
        ("i.agent_id", window.agent),
        ("i.department_id", window.department),
    ] {
        if let Some(id) = id {
            query.push(format_args!(" AND {column} = ")).push_bind(id);
        }
    }
    for (bound, at) in [(" >= ", window.from), (" < ", window.to)] {
        if let Some(at) = at {
            query.push(" AND i.final_at").push(bound);
            query.push_bind(at.to_sqlx());
        }
    }
    query.push(" GROUP BY i.agent_id, i.department_id ORDER BY i.agent_id, i.department_id");
    query
}
