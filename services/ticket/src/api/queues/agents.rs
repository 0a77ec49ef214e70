//! What agents can do, and whether they are there.

use jiff::{SignedDuration, Timestamp};
use kefu_access::Scope;
use kefu_contracts::{
    journal::{AgentChanged, EntryKind, event},
    ticket::{
        Agent, ListAgentsRequest, ListAgentsResponse, Presence, SetAgentRequest, SetPresenceRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, name, parse_name},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Queues, ensure_reach};
use crate::{domain::queue::check_agent, store::agents};

const VIEWED: &str = "agent.viewed";

/// How long a sign of life lasts.
const PRESENT_FOR: SignedDuration = SignedDuration::from_mins(2);

/// What is said of an agent, read and checked.
#[derive(Clone)]
struct Wanted {
    employee: Uuid,
    department: Uuid,
    agent: Agent,
    claim: Option<Claim>,
}

impl Queues {
    /// Clause SG-2.2.
    pub(super) async fn set(
        &self,
        call: Call,
        request: SetAgentRequest,
    ) -> Result<Answer<Agent>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let agent = request.agent.unwrap_or_default();
        let employee = fields.name("agent.employee", &agent.employee, "employees");
        let department = fields.name("agent.department", &agent.department, "departments");
        check_agent(&mut fields, &agent);
        fields.finish()?;
        let resource = agent.employee.clone();
        let wanted = Wanted {
            employee: employee.unwrap_or_default(),
            department: department.unwrap_or_default(),
            agent,
            claim,
        };
        let writing = (call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { set(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "agent.refused", &resource, outcome)
            .await?;
        written.into_answer(views, &call, VIEWED).await
    }

    /// Clause SG-2.2.
    pub(super) async fn present(
        &self,
        call: Call,
        request: SetPresenceRequest,
    ) -> Result<Answer<Agent>, Fault> {
        let mut fields = Fields::new();
        let presence = fields.required_enum::<Presence>("presence", request.presence);
        fields.finish()?;
        let presence = presence.unwrap_or_default();
        let writing = call.clone();
        let (agent, position) = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let call = writing.clone();
                Box::pin(async move { present(connection, &call, presence).await })
            })
            .await?;
        Ok(Answer::written(agent, position))
    }

    /// Clause SG-2.2.
    pub(super) async fn agents(
        &self,
        call: Call,
        _: ListAgentsRequest,
    ) -> Result<Answer<ListAgentsResponse>, Fault> {
        let mut query = agents::AGENTS.select(&call);
        query.push(" ORDER BY a.employee_id");
        let db = &self.core.deps.db;
        let rows = db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let agents: Vec<Agent> = rows
            .iter()
            .map(|row| agents::read(row, call.now))
            .collect::<Result<_, _>>()?;
        let shown: Vec<Shown> = agents
            .iter()
            .map(|one| Shown::of_company(&one.employee))
            .collect();
        self.core.views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(ListAgentsResponse { agents }))
    }
}

async fn set(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Agent>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<Agent>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.employee);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    ensure_reach(call, wanted.department)?;
    if let Some(department) = agents::department(connection, wanted.employee).await? {
        ensure_reach(call, department)?;
    }
    let (employee, department) = (wanted.employee, wanted.department);
    agents::set(connection, employee, department, &wanted.agent, call.now).await?;
    let agent = agents::find(connection, employee, call.now).await?;
    let position = journal(connection, call, "agent.set", employee, &agent).await?;
    idempotency::keep_plain(connection, call, claim, employee, &agent, position).await?;
    let shown = Shown::of_company(&agent.employee);
    Ok(Written::now(agent, shown, position))
}

/// Where the caller may serve now is where queues give them tickets until this ends, which
/// it does with the first rule that lets them.
async fn present(
    connection: &mut PgConnection,
    call: &Call,
    presence: Presence,
) -> Result<(Agent, kefu_journal::Cursor), Fault> {
    let employee = call.context.subject.id;
    let (serves, until) = serves(call)?;
    agents::present(connection, employee, presence, until, &serves).await?;
    let agent = agents::find(connection, employee, call.now).await?;
    let position = journal(connection, call, "agent.present", employee, &agent).await?;
    Ok((agent, position))
}

fn serves(call: &Call) -> Result<(Vec<Uuid>, Timestamp), Fault> {
    let far = |_| Fault::internal("a moment out of range");
    let mut until = call.now.checked_add(PRESENT_FOR).map_err(far)?;
    let mut serves = Vec::new();
    let rules = &call.context.rules;
    for rule in rules.iter().filter(|rule| rule.stands(call.now)) {
        if let Scope::Departments(departments) = &rule.scope {
            serves.extend(departments);
            until = rule.expires_at.map_or(until, |end| end.min(until));
        }
    }
    Ok((serves, until))
}

async fn journal(
    connection: &mut PgConnection,
    call: &Call,
    kind: &'static str,
    employee: Uuid,
    agent: &Agent,
) -> Result<kefu_journal::Cursor, Fault> {
    let department = parse_name(&agent.department, "departments");
    let event = event::Event::AgentChanged(AgentChanged {
        employee_id: employee.as_bytes().to_vec(),
        department_id: department
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default(),
        capacity: agent.capacity,
        presence: agent.presence,
        end_time: agent.end_time,
    });
    let resource = name("employees", employee);
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    Ok(kefu_journal::append(connection, &[entry]).await?)
}
