//! Visits are planned ahead, one for a customer and a period, as the plan in force says
//! (OP-3.3); those to customers who are no longer served under their file are ended.

use std::time::Duration;

use kefu_contracts::order::{
    RelationPlansVersion, RelationRule, VisitMethod, VisitOrigin, VisitResponsible,
};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::parse_name, host::Job, versions::in_force};
use sqlx::PgConnection;

use crate::{
    desk::By,
    domain::relation::{self, Days},
    store::{
        customers,
        relations::{self, ToLookAt},
        versions, visits,
    },
    visits::{Planned, Visits},
};

const EVERY: Duration = Duration::from_secs(1);
/// Customers of one transaction.
const MOST: i64 = 100;

/// The job that looks once a second.
pub(crate) fn job(deps: Deps, visits: Visits) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "visits cannot be planned");
    Job::every("relations", clock, EVERY, trouble, move || {
        let (deps, visits) = (deps.clone(), visits.clone());
        async move {
            while look(&deps, &visits).await? {}
            Ok(())
        }
    })
}

/// Looks at some; whether there may be more.
async fn look(deps: &Deps, visits: &Visits) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let visits = visits.clone();
    deps.db
        .transaction(move |connection| {
            let visits = visits.clone();
            Box::pin(async move {
                let by = By::Itself { now, request };
                let versions = versions::all::<RelationPlansVersion>(connection).await?;
                let version = in_force(&versions, now);
                let number = version.map_or(0, |version| version.number);
                let some = relations::to_look_at(connection, number, now, MOST).await?;
                let mut entries = Vec::new();
                for one in &some {
                    entries.extend(settle(connection, &visits, &by, version, one).await?);
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(i64::try_from(some.len()).unwrap_or(i64::MAX) == MOST)
            })
        })
        .await
}

/// Plans a visit where one is due, and notes when to look again.
async fn settle(
    connection: &mut PgConnection,
    visits: &Visits,
    by: &By<'_>,
    version: Option<&RelationPlansVersion>,
    one: &ToLookAt,
) -> Result<Vec<Entry>, Fault> {
    let (number, customer) = (version.map_or(0, |version| version.number), one.customer_id);
    if !one.active {
        relations::looked_at(connection, customer, number, None).await?;
        return visits.end(connection, by, customer).await;
    }
    let plan = version.and_then(|version| version.definition.as_ref());
    let rule = plan.and_then(|plan| relation::rule(plan, (one.tier, one.credit, one.importance)));
    let (mut again_at, mut entries) = (None, Vec::new());
    let waits = visits::is_planned(connection, customer).await?;
    if let Some((plan, rule)) = plan.zip(rule).filter(|_| !waits)
        && let Some(days) = Days::of(plan)
        && let Some(due) = days.due(rule, one.counted_from, by.now())
    {
        if due.plan_at > by.now() {
            again_at = Some(due.plan_at);
        } else if customers::is_known(connection, customer).await? {
            // Not destroyed until the transaction ends.
            let planned = planned(rule, one, due.at, number);
            let made = visits.plan(connection, by, &planned).await?;
            entries = made.map(|(_, entries)| entries).unwrap_or_default();
        }
    }
    relations::looked_at(connection, customer, number, again_at).await?;
    Ok(entries)
}

fn planned(
    rule: &RelationRule,
    one: &ToLookAt,
    due_at: jiff::Timestamp,
    version: i32,
) -> Planned<'static> {
    let of_department = rule.responsible() == VisitResponsible::Department;
    let department = parse_name(&rule.department, "departments");
    Planned {
        customer: one.customer_id,
        origin: VisitOrigin::Plan,
        method: VisitMethod::try_from(rule.method).unwrap_or_default(),
        department: department.unwrap_or(one.department_id),
        owner: one.owner_id.filter(|_| !of_department),
        due_at,
        period: Some((version, one.counted_from)),
        reason: "",
    }
}
