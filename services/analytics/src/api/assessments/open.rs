//! People are assessed outside of the monthly rounds.

use std::collections::BTreeSet;

use kefu_access::RowFacts;
use kefu_contracts::{
    analytics::{
        AssessmentOrigin, AssessmentRulesVersion, AssessmentScheme, AssessmentSource,
        OpenAssessmentsRequest, OpenAssessmentsResponse,
    },
    common::Reason,
    journal::EntryKind,
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name, parse_name},
    idempotency::{self, Claim},
    present::entry,
    versions::in_force,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Assessments, REFUSED,
    look::{VIEWED, shown},
};
use crate::{
    assessor::{self, Planned},
    domain::{
        assessment::{ASSESSMENTS, EMPLOYEES, LEAST_COLLEAGUES, check::MOST_COLLEAGUES, find},
        company::Company,
        period::{Days, Zone, day},
        report::cadence::over_at,
    },
    store::{
        assessments::{self, Round},
        ratings, versions,
    },
};

const MOST_PEOPLE: usize = 50;
const MOST_DAYS: i32 = 366;

/// What is asked for, as far as it can be checked without the company.
struct Asked {
    scheme: AssessmentScheme,
    days: Days,
    /// Each with the colleagues that are named.
    people: Vec<(Uuid, Vec<Uuid>)>,
}

impl Assessments {
    /// Clause OP-4.2.
    pub(super) async fn open(
        &self,
        call: Call,
        request: OpenAssessmentsRequest,
    ) -> Result<Answer<OpenAssessmentsResponse>, Fault> {
        let db = &self.core.deps.db;
        let request_id = Fields::new().request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let (known, now) = (claim.clone(), call.now);
        let looked = db.run(move |connection| {
            Box::pin(async move {
                let kept = idempotency::find_plain(connection, known.as_ref()).await?;
                let versions = versions::assessments(connection).await?;
                Ok((kept, in_force(&versions, now).cloned()))
            })
        });
        let (kept, version) = looked.await?;
        if let Some(kept) = kept {
            return self.again(&call, kept.body, kept.position).await;
        }
        let version: AssessmentRulesVersion = version.unwrap_or_default();
        let asked = read(&request, &version, &call)?;
        let company = self.assessor.company().await?;
        for (person, _) in &asked.people {
            if !reaches(&call, &company, *person) {
                let resource = name(EMPLOYEES, *person);
                let (views, fault) = (&self.core.views, Fault::not_found(&resource));
                return Err(views.refuse(&call, REFUSED, &resource, fault).await);
            }
        }
        check_people(&asked, &company, &call)?;
        let round = Round {
            id: self.core.deps.ids.next()?,
            origin: AssessmentOrigin::AdHoc,
            rules_version: version.number,
            first_day: asked.days.first,
            last_day: asked.days.last,
            opened_at: call.now,
            opened_by: Some(call.context.subject.id),
        };
        let people = asked.people.iter().map(|(person, named)| {
            let (core, scheme) = (&self.core, &asked.scheme);
            let planned = assessor::plan(core, &company, scheme, *person, named, call.now)?;
            planned.ok_or_else(|| Fault::not_found(&name(EMPLOYEES, *person)))
        });
        let planned: Vec<Planned> = people.collect::<Result<_, _>>()?;
        let asking = call.clone();
        let written = db.transaction(move |connection| {
            let (call, claim) = (asking.clone(), claim.clone());
            let (round, planned) = (round.clone(), planned.clone());
            Box::pin(async move { begin(connection, &call, claim, &round, &planned).await })
        });
        match written.await? {
            (opened, position, true) => self.again(&call, opened, position).await,
            (opened, position, false) => Ok(Answer::written(opened, position)),
        }
    }

    /// What was answered before, while the caller reaches all of it.
    async fn again(
        &self,
        call: &Call,
        opened: OpenAssessmentsResponse,
        position: Cursor,
    ) -> Result<Answer<OpenAssessmentsResponse>, Fault> {
        let mut seen = Vec::new();
        for one in &opened.assessments {
            let id = parse_name(&one.name, ASSESSMENTS).unwrap_or_default();
            let row = self.reached(call, id, &one.name).await?;
            seen.push(shown(call, &row).1);
        }
        self.core.views.record(call, VIEWED, &seen).await?;
        Ok(Answer::written(opened, position))
    }
}

/// What was opened, where that is journaled, and whether it was answered before.
type Opened = (OpenAssessmentsResponse, Cursor, bool);

async fn begin(
    connection: &mut PgConnection,
    call: &Call,
    claim: Option<Claim>,
    round: &Round,
    planned: &[Planned],
) -> Result<Opened, Fault> {
    if let Some(kept) = idempotency::find_plain(connection, claim.as_ref()).await? {
        return Ok((kept.body, kept.position, true));
    }
    let all: Vec<_> = planned.iter().map(|one| one.new.clone()).collect();
    let opened = assessments::open(connection, round, &all).await?;
    if let Some(there) = all.iter().find(|one| !opened.contains(&one.id)) {
        let whose = name(EMPLOYEES, there.employee);
        return Err(Fault::new(Reason::AlreadyExists).with("resource", whose));
    }
    let asked: Vec<_> = planned.iter().flat_map(|one| one.asked.clone()).collect();
    ratings::ask(connection, &asked, call.now).await?;
    let (mut entries, mut answer) = (Vec::new(), OpenAssessmentsResponse::default());
    for one in planned {
        let (resource, event) = assessor::opened(one, round.rules_version);
        let kind = "assessment.opened";
        entries.push(entry(call, EntryKind::Change, kind, resource, None, event));
        let row = assessor::again(connection, one.new.id).await?;
        answer.assessments.push(shown(call, &row).0);
    }
    let position = kefu_journal::append(connection, &entries).await?;
    let claim = claim.as_ref();
    idempotency::keep_plain(connection, call, claim, round.id, &answer, position).await?;
    Ok((answer, position, false))
}

/// Whether somebody is below the caller. Who is not is as unknown as who is not there.
fn reaches(call: &Call, company: &Company, person: Uuid) -> bool {
    let own = call.context.subject.id == person;
    company.superior(person).is_some_and(|above| {
        let row = RowFacts {
            department: above.department,
            duty: vec![above.id],
            ..RowFacts::default()
        };
        !own && call.context.clearance_of(&row, call.now).is_some()
    })
}

fn read(
    request: &OpenAssessmentsRequest,
    version: &AssessmentRulesVersion,
    call: &Call,
) -> Result<Asked, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let rules = version.definition.as_ref();
    let scheme = rules.and_then(|rules| find(rules, &request.scheme));
    let what = match request.scheme.is_empty() {
        true => Violation::Required,
        false => Violation::Unknown,
    };
    fields.ensure(scheme.is_some(), "scheme", what);
    let zone = rules.and_then(|rules| Zone::parse(&rules.time_zone));
    let days = days(&mut fields, request, zone.as_ref(), call);
    let people = people(&mut fields, request);
    fields.finish()?;
    match (scheme, days) {
        (Some(scheme), Some(days)) => Ok(Asked {
            scheme: scheme.clone(),
            days,
            people,
        }),
        _ => Err(Fault::internal("a violation was not noted")),
    }
}

/// Of a period that is over.
fn days(
    fields: &mut Fields,
    request: &OpenAssessmentsRequest,
    zone: Option<&Zone>,
    call: &Call,
) -> Option<Days> {
    let mut bound = |field: &str, date: Option<&_>| {
        let day = date.and_then(day);
        let what = match date {
            Some(_) => Violation::Date,
            None => Violation::Required,
        };
        fields.ensure(day.is_some(), field, what);
        day
    };
    let first = bound("first_day", request.first_day.as_ref());
    let last = bound("last_day", request.last_day.as_ref());
    let (first, last) = first.zip(last)?;
    let length = first.until(last).map_or(MOST_DAYS, |span| span.get_days());
    let within = (0..MOST_DAYS).contains(&length);
    fields.ensure(within, "last_day", Violation::Contradiction);
    let days = Days { first, last };
    let over = zone.and_then(|zone| over_at(days, zone));
    let past = zone.is_none() || over.is_some_and(|over| over <= call.now);
    fields.ensure(past, "last_day", Violation::InFuture);
    Some(days)
}

fn people(fields: &mut Fields, request: &OpenAssessmentsRequest) -> Vec<(Uuid, Vec<Uuid>)> {
    let count = request.people.len();
    fields.ensure(count > 0, "people", Violation::Required);
    fields.ensure(
        count <= MOST_PEOPLE,
        "people",
        Violation::TooMany(MOST_PEOPLE),
    );
    let (mut people, mut known) = (Vec::new(), BTreeSet::new());
    for (at, one) in request.people.iter().enumerate().take(MOST_PEOPLE) {
        let place = format!("people[{at}]");
        let person = fields.name(format_args!("{place}.employee"), &one.employee, EMPLOYEES);
        let once = person.is_none_or(|person| known.insert(person));
        fields.ensure(once, format_args!("{place}.employee"), Violation::Duplicate);
        let field = format!("{place}.colleagues");
        let few = one.colleagues.len() <= MOST_COLLEAGUES;
        fields.ensure(few, &field, Violation::TooMany(MOST_COLLEAGUES));
        let enough = one.colleagues.is_empty() || one.colleagues.len() >= LEAST_COLLEAGUES;
        fields.ensure(enough, &field, Violation::Required);
        let mut named = Vec::new();
        for (at, colleague) in one.colleagues.iter().enumerate().take(MOST_COLLEAGUES) {
            let field = format!("{field}[{at}]");
            let id = fields.name(&field, colleague, EMPLOYEES);
            let once = id.is_none_or(|id| !named.contains(&id));
            fields.ensure(once, &field, Violation::Duplicate);
            named.extend(id);
        }
        people.extend(person.map(|person| (person, named)));
    }
    people
}

/// The scheme is for them, and who is named works with them.
fn check_people(asked: &Asked, company: &Company, call: &Call) -> Result<(), Fault> {
    let mut fields = Fields::new();
    let mut criteria = asked.scheme.criteria.iter();
    let scored = criteria.any(|one| one.source() == AssessmentSource::Colleague);
    for (at, (person, named)) in asked.people.iter().enumerate() {
        let place = format!("people[{at}]");
        let meant = company.is_meant(&asked.scheme, *person, call.now);
        fields.ensure(
            meant,
            format_args!("{place}.employee"),
            Violation::NotApplicable,
        );
        let field = format!("{place}.colleagues");
        fields.ensure(scored || named.is_empty(), &field, Violation::NotApplicable);
        let colleagues = company.colleagues(*person);
        for (at, one) in named.iter().enumerate() {
            let known = colleagues.contains(one);
            fields.ensure(known, format_args!("{field}[{at}]"), Violation::Unknown);
        }
    }
    fields.finish()
}
