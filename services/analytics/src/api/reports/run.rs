//! A report is made by hand: of a period that was reported on, or never was.

use jiff::Timestamp;
use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    analytics::{Audience, Report, ReportDefinition, RunReportRequest},
    journal::EntryKind,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name, parse_name},
    idempotency::{self, Claim, Plain},
    present::{Shown, entry},
    versions::in_force,
    written::Written,
};
use uuid::Uuid;

use super::{REFUSED, Reports, VIEWED};
use crate::{
    domain::{
        organisation::Organisation,
        period::{Zone, day},
        report::{
            DEPARTMENTS,
            cadence::{containing, over_at},
            find, named,
        },
    },
    maker::{self, Wanted},
    store::{reports::REPORTS, versions},
};

impl Reports {
    /// Clauses OP-3.2, CF-6.1.
    pub(super) async fn run(
        &self,
        call: Call,
        request: RunReportRequest,
    ) -> Result<Answer<Report>, Fault> {
        let db = &self.core.deps.db;
        let request_id = Fields::new().request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let (known, now) = (claim.clone(), call.now);
        let looked = db.run(move |connection| {
            Box::pin(async move {
                let kept = idempotency::find_plain::<Report>(connection, known.as_ref()).await?;
                let versions = versions::reports(connection).await?;
                Ok((kept, in_force(&versions, now).cloned()))
            })
        });
        let (kept, version) = looked.await?;
        if let Some(kept) = kept {
            let organisation = self.maker.organisation().await?;
            let clearance = self.cleared(&call, &request, &organisation).await?;
            let written = again(kept, clearance);
            return written.into_answer(&self.core.views, &call, VIEWED).await;
        }
        let version = version.unwrap_or_default();
        let rules = version.definition.unwrap_or_default();
        let wanted = Wanted {
            version: version.number,
            requester: call.caller(),
            ..read(
                &request,
                find(&rules, &request.report),
                &rules.time_zone,
                now,
            )?
        };
        let organisation = self.maker.organisation().await?;
        let clearance = self.cleared(&call, &request, &organisation).await?;
        let counted = self.maker.count(&wanted, &organisation).await?;
        let id = self.core.deps.ids.next()?;
        let asking = (call.clone(), claim, clearance);
        let written = db.transaction(move |connection| {
            let (call, claim, clearance) = asking.clone();
            let (wanted, counted) = (wanted.clone(), counted.clone());
            Box::pin(async move {
                let claim = claim.as_ref();
                if let Some(kept) = idempotency::find_plain(connection, claim).await? {
                    return Ok(again(kept, clearance));
                }
                let (report, event) = maker::keep(connection, id, &wanted, &counted).await?;
                let resource = name(REPORTS, id);
                let made = entry(
                    &call,
                    EntryKind::Change,
                    "report.made",
                    resource,
                    None,
                    event,
                );
                let position = kefu_journal::append(connection, &[made]).await?;
                idempotency::keep_plain(connection, &call, claim, id, &report, position).await?;
                let shown = shown(&report, clearance);
                Ok(Written::now(report, shown, position))
            })
        });
        let written = written.await?;
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    /// What is cleared of all that the report is of. What is out of reach is as unknown as what
    /// there is not.
    async fn cleared(
        &self,
        call: &Call,
        request: &RunReportRequest,
        organisation: &Organisation,
    ) -> Result<Clearance, Fault> {
        let department = parse_name(&request.department, DEPARTMENTS);
        if let Some(clearance) = cleared(call, department, organisation) {
            return Ok(clearance);
        }
        let resource = match department {
            Some(_) => &request.department,
            None => &request.report,
        };
        let (views, fault) = (&self.core.views, Fault::not_found(resource));
        Err(views.refuse(call, REFUSED, resource, fault).await)
    }
}

/// What was answered before.
fn again(kept: Plain<Report>, clearance: Clearance) -> Written<Report> {
    let shown = shown(&kept.body, clearance);
    Written::before(kept.body, shown, kept.position)
}

fn shown(report: &Report, clearance: Clearance) -> Shown {
    Shown {
        resource: report.name.clone(),
        customer_id: None,
        clearance,
    }
}

/// What is asked for, checked against the rules in force.
fn read(
    request: &RunReportRequest,
    definition: Option<&ReportDefinition>,
    time_zone: &str,
    now: Timestamp,
) -> Result<Wanted, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let what = match request.report.is_empty() {
        true => Violation::Required,
        false => Violation::Unknown,
    };
    fields.ensure(definition.is_some(), "report", what);
    let department = fields.optional_name("department", &request.department, DEPARTMENTS);
    match definition.map(ReportDefinition::audience) {
        Some(Audience::Departments) => {
            let given = !request.department.is_empty();
            fields.ensure(given, "department", Violation::Required);
        }
        Some(_) => {
            let none = request.department.is_empty();
            fields.ensure(none, "department", Violation::NotApplicable);
        }
        None => {}
    }
    if let Some((definition, id)) = definition.zip(department) {
        let meant = named(definition);
        let one = meant.is_empty() || meant.contains(&id);
        fields.ensure(one, "department", Violation::Unknown);
    }
    let zone = Zone::parse(time_zone);
    let on = request.day.as_ref().and_then(day);
    let what = match request.day {
        Some(_) => Violation::Date,
        None => Violation::Required,
    };
    fields.ensure(on.is_some(), "day", what);
    let period = definition
        .zip(on)
        .map(|(definition, on)| containing(definition.cadence(), on));
    let over = period
        .zip(zone.as_ref())
        .and_then(|(period, zone)| over_at(period, zone));
    if period.is_some() {
        let past = over.is_some_and(|over| over <= now);
        fields.ensure(past, "day", Violation::InFuture);
    }
    fields.finish()?;
    match (definition, period, zone, over) {
        (Some(definition), Some(period), Some(zone), Some(over_at)) => Ok(Wanted {
            version: 0,
            zone,
            definition: definition.clone(),
            department,
            period,
            over_at,
            requester: String::new(),
        }),
        _ => Err(Fault::internal("a violation was not noted")),
    }
}

/// What is cleared of a report, where the call reaches all that it is of.
fn cleared(
    call: &Call,
    department: Option<Uuid>,
    organisation: &Organisation,
) -> Option<Clearance> {
    let within = |department| {
        let row = RowFacts {
            department,
            ..RowFacts::default()
        };
        call.context.clearance_of(&row, call.now)
    };
    let whole = department.is_none_or(|id| {
        let mut below = organisation.reach(id).into_iter();
        organisation.knows(id) && below.all(|id| within(Some(id)).is_some())
    });
    within(department).filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::google::r#type::Date;

    use super::*;
    use crate::domain::report::shipped;

    #[test]
    fn a_period_that_is_not_over_and_a_department_too_many_are_refused_at_once() {
        let rules = shipped();
        let request = RunReportRequest {
            report: "complaints".into(),
            department: "departments/0190c5a8-0000-7000-8000-0000000000ab".into(),
            day: Some(Date {
                year: 2026,
                month: 11,
                day: 1,
            }),
            request_id: "no".into(),
        };
        let run = |request: &RunReportRequest, now: &str| {
            read(
                request,
                find(&rules, &request.report),
                "Asia/Shanghai",
                now.parse().unwrap(),
            )
        };
        let fields = |fault: Fault| -> Vec<(String, &str)> {
            fault
                .violations
                .into_iter()
                .map(|(field, what)| (field, what.name()))
                .collect()
        };
        let wrong = run(&request, "2026-11-30T15:59:59Z")
            .err()
            .map(fields)
            .unwrap();
        let named = |field: &str, what| (field.to_owned(), what);
        assert_eq!(
            wrong,
            [
                named("request_id", "UUID"),
                named("department", "NOT_APPLICABLE"),
                named("day", "IN_FUTURE"),
            ]
        );
        let request = RunReportRequest {
            department: String::new(),
            request_id: String::new(),
            ..request
        };
        let found = run(&request, "2026-11-30T16:00:00Z").unwrap();
        assert_eq!(found.period.last, jiff::civil::date(2026, 11, 30));
        let unknown = RunReportRequest {
            report: "gossip".into(),
            day: None,
            ..request
        };
        let wrong = run(&unknown, "2026-12-30T16:00:00Z")
            .err()
            .map(fields)
            .unwrap();
        assert_eq!(
            wrong,
            [named("report", "UNKNOWN"), named("day", "REQUIRED")]
        );
    }
}
