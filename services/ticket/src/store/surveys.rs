//! Surveys in the database.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{ScopeColumns, write_scope_for_class};
use kefu_contracts::{
    common::Channel,
    policy::DataClass,
    ticket::{ReturnVisit, Survey, SurveyState},
};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::{RecordSpec, Sql},
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::records;
use crate::domain::survey::{Given, SATISFIED};

/// Collection of the resource names.
pub(crate) const SURVEYS: &str = "surveys";

/// Under which every look at surveys is taken: they are seen where their ticket is.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "s.id, s.ticket_id, s.customer_id, s.attempt, s.channels, s.state, s.invited_at, s.expires_at,
              s.sent_at, s.answered_at, s.service_score, s.result_score, s.visit, s.visited_at, s.sealed,
              s.revision, s.sent_channel, s.agent_id, t.department_id, t.merged_at, k.kek_id, k.wrapped",
    from: "ticket.survey s JOIN ticket.ticket t ON t.id = s.ticket_id
           JOIN ticket.customer_key k ON k.customer_id = s.customer_id",
    id: "s.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("ticket", "s.ticket_id", FilterKind::Name("tickets")),
        FilterField::system("customer", "s.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "s.state",
            FilterKind::Enum {
                prefix: "SURVEY_STATE_",
                parse: |name| SurveyState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField {
            name: "visit",
            column: "s.visit",
            kind: FilterKind::Enum {
                prefix: "RETURN_VISIT_",
                parse: |name| ReturnVisit::from_str_name(name).map(Into::into),
            },
            class: DataClass::Service,
        },
        FilterField::system("invite_time", "s.invited_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

const SCOPE: ScopeColumns = records::RECORD.scope;

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredSurvey {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    /// Who gave the resolution that is asked about.
    pub(crate) agent_id: Option<Uuid>,
    pub(crate) revision: i64,
    pub(crate) invited_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    /// By which the link was sent last.
    pub(crate) sent_channel: Channel,
    /// Its ticket is part of another: nobody is asked about it.
    pub(crate) is_merged: bool,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through; of a look by token there are none.
    pub(crate) matched: i64,
    pub(crate) columns: Survey,
}

impl StoredSurvey {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            row.try_get::<jiff_sqlx::Timestamp, _>(column)
                .map(|at| at.to_jiff())
        };
        let perhaps = |column| {
            row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column)
                .map(|at| at.map(|at| at.to_jiff()))
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, ticket_id) = (row.try_get("id")?, row.try_get("ticket_id")?);
        let customer_id = row.try_get("customer_id")?;
        let (invited_at, expires_at) = (time("invited_at")?, time("expires_at")?);
        let answered_at = perhaps("answered_at")?;
        let revision = row.try_get("revision")?;
        let channels: Vec<i16> = row.try_get("channels")?;
        let columns = Survey {
            name: name(SURVEYS, id),
            ticket: name("tickets", ticket_id),
            customer: name("customers", customer_id),
            attempt: row.try_get("attempt")?,
            state: small("state")?,
            channels: channels.into_iter().map(i32::from).collect(),
            invite_time: Some(to_proto(invited_at)),
            expire_time: Some(to_proto(expires_at)),
            send_time: perhaps("sent_at")?.map(to_proto),
            answer_time: answered_at.map(to_proto),
            service_score: small("service_score")?,
            result_score: small("result_score")?,
            visit: small("visit")?,
            visit_time: perhaps("visited_at")?.map(to_proto),
            etag: etag(revision),
            ..Survey::default()
        };
        Ok(Self {
            id,
            ticket_id,
            customer_id,
            department_id: row.try_get("department_id")?,
            agent_id: row.try_get("agent_id")?,
            revision,
            invited_at,
            expires_at,
            answered_at,
            sent_channel: Channel::try_from(small("sent_channel")?).unwrap_or_default(),
            is_merged: perhaps("merged_at")?.is_some(),
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: Survey) -> Survey {
        Survey {
            reasons: opened.reasons,
            comment: opened.comment,
            visit_note: opened.visit_note,
            ..self.columns.clone()
        }
    }
}

/// A survey about to be made.
pub(crate) struct NewSurvey {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) attempt: i32,
    /// Who gave the resolution.
    pub(crate) agent_id: Option<Uuid>,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Makes a survey, unless the customer does not want to be turned to; whether it was made.
pub(crate) async fn invite(connection: &mut PgConnection, new: &NewSurvey) -> Result<bool, Fault> {
    let made = sqlx::query!(
        "INSERT INTO ticket.survey (id, ticket_id, customer_id, attempt, channels, state, invited_at, expires_at,
                                    service_score, result_score, visit, sealed, revision, agent_id)
         SELECT $1, $2, c.customer_id, $4, coalesce(c.survey_channels, '{}'), 1, $5, $6, 0, 0, 0, '', 1, $7
         FROM ticket.known_customer c
         WHERE c.customer_id = $3 AND coalesce(cardinality(c.survey_channels) > 0, true)
         ON CONFLICT (ticket_id, attempt) DO NOTHING",
        new.id,
        new.ticket_id,
        new.customer_id,
        new.attempt,
        new.now.to_sqlx() as _,
        new.expires_at.to_sqlx() as _,
        new.agent_id,
    )
    .execute(connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// The survey that a token is for, as long as an answer to it is taken. What makes it worth
/// nothing is part of the statement: whatever that is, no row is found and none is locked.
pub(crate) fn by_token(
    hash: &[u8],
    now: Timestamp,
    answered_after: Timestamp,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ");
    query.push(RECORD.from).push(" WHERE s.token_hash = ");
    query.push_bind(hash.to_vec());
    query.push(" AND (t.merged_at IS NULL AND s.answered_at IS NULL AND s.expires_at > ");
    query.push_bind(now.to_sqlx()).push(" OR s.answered_at > ");
    query.push_bind(answered_after.to_sqlx()).push(")");
    query
}

/// Keeps that a token was made: `false` when the survey is another by now.
pub(crate) async fn sent(
    connection: &mut PgConnection,
    survey: &StoredSurvey,
    hash: &[u8],
    now: Timestamp,
    channel: Channel,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "UPDATE ticket.survey SET token_hash = $3, sent_at = $4, sent_channel = $5, state = 2, revision = revision + 1
         WHERE id = $1 AND revision = $2",
        survey.id,
        survey.revision,
        hash,
        now.to_sqlx() as _,
        channel as i16,
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Keeps an answer in the place of the one before.
pub(crate) async fn answer(
    connection: &mut PgConnection,
    id: Uuid,
    given: &Given,
    visit: ReturnVisit,
    answered_at: Timestamp,
    sealed: &[u8],
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.survey SET state = 3, service_score = $2, result_score = $3, visit = $4, answered_at = $5,
                sealed = $6, revision = revision + 1
         WHERE id = $1",
        id,
        i16::try_from(given.service).unwrap_or_default(),
        i16::try_from(given.result).unwrap_or_default(),
        visit as i16,
        answered_at.to_sqlx() as _,
        sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps that the customer was visited.
pub(crate) async fn visited(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
    sealed: &[u8],
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.survey SET visit = 2, visited_at = $2, sealed = $3, revision = revision + 1 WHERE id = $1",
        id,
        now.to_sqlx() as _,
        sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is counted of which answers.
pub(crate) struct Window {
    pub(crate) department: Option<Uuid>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Counts the answers in the scope, where they are cleared. Marks outlive their customer's
/// key, so that figures keep their totals.
pub(crate) fn count(call: &Call, window: &Window) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(format!(
        "SELECT count(*) AS answers,
                count(*) FILTER (WHERE s.service_score >= {SATISFIED}) AS service,
                count(*) FILTER (WHERE s.result_score >= {SATISFIED}) AS result,
                count(*) FILTER (WHERE least(s.service_score, s.result_score) >= {SATISFIED}) AS both_marks,
                count(*) FILTER (WHERE s.visit = 1) AS visits
         FROM ticket.survey s JOIN ticket.ticket t ON t.id = s.ticket_id
         WHERE s.answered_at IS NOT NULL AND "
    ));
    let class = DataClass::Service;
    write_scope_for_class(&call.context, call.now, class, &SCOPE, &mut Sql(&mut query));
    if let Some(department) = window.department {
        query.push(" AND t.department_id = ").push_bind(department);
    }
    for (bound, at) in [(" >= ", window.from), (" < ", window.to)] {
        if let Some(at) = at {
            query.push(" AND s.answered_at").push(bound);
            query.push_bind(at.to_sqlx());
        }
    }
    query
}
