//! A calendar is added, or gets another version.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    ticket::{BusinessCalendar, CalendarDefinition, CreateCalendarRequest, ReviseCalendarRequest},
};
use kefu_service::{
    calendar::week,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{CALENDARS, Calendars, REFUSED, VIEWED};
use crate::{
    domain::{holidays::add_holidays, is_code},
    store::calendars::{self, NewVersion},
};

const LONGEST_TITLE: usize = 120;
const LONGEST_REASON: usize = 200;

/// What is to be done, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    step: Step,
    definition: CalendarDefinition,
    effective_at: Timestamp,
    reason: String,
    claim: Option<Claim>,
}

#[derive(Clone)]
enum Step {
    Add {
        code: String,
        title: String,
    },
    /// The revision that it was decided upon.
    Revise(i64),
}

impl Calendars {
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateCalendarRequest,
    ) -> Result<Answer<BusinessCalendar>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let calendar = request.calendar.unwrap_or_default();
        fields.ensure(is_code(&calendar.code), "calendar.code", Violation::Format);
        fields.required_text("calendar.title", &calendar.title, LONGEST_TITLE);
        let definition = definition(
            &mut fields,
            request.definition,
            &request.holidays,
            request.worked_as,
        );
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            step: Step::Add {
                code: calendar.code,
                title: calendar.title,
            },
            definition,
            effective_at: call.now,
            reason: String::new(),
            claim,
        };
        self.change(call, wanted).await
    }

    pub(super) async fn revise(
        &self,
        call: Call,
        request: ReviseCalendarRequest,
    ) -> Result<Answer<BusinessCalendar>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let id = fields.name("name", &request.name, CALENDARS);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        let told = request.effective_time.as_ref();
        let effective_at = fields.from_when("effective_time", told, call.now);
        let definition = definition(
            &mut fields,
            request.definition,
            &request.holidays,
            request.worked_as,
        );
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            step: Step::Revise(revision.unwrap_or_default()),
            definition,
            effective_at,
            reason: request.reason,
            claim,
        };
        self.change(call, wanted).await
    }

    async fn change(&self, call: Call, wanted: Wanted) -> Result<Answer<BusinessCalendar>, Fault> {
        let writing = (call.clone(), wanted.clone());
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await;
        let resource = kefu_service::fields::name(CALENDARS, wanted.id);
        let views = &self.core.views;
        let written = views.or_refused(&call, REFUSED, &resource, outcome).await?;
        written.into_answer(views, &call, VIEWED).await
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<BusinessCalendar>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<BusinessCalendar>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    match &wanted.step {
        Step::Add { code, title } => {
            if !calendars::insert(connection, wanted.id, code, title, call.now).await? {
                return Err(Fault::new(Reason::AlreadyExists).with("field", "calendar.code"));
            }
        }
        Step::Revise(from) => {
            let revision = calendars::lock(connection, wanted.id).await?;
            let revision = revision.ok_or_else(|| {
                Fault::not_found(&kefu_service::fields::name(CALENDARS, wanted.id))
            })?;
            if revision != *from {
                return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(revision)));
            }
        }
    }
    let version = NewVersion {
        calendar: wanted.id,
        effective_at: wanted.effective_at,
        author: &call.caller(),
        reason: &wanted.reason,
        definition: &wanted.definition,
        now: call.now,
    };
    calendars::add_version(connection, &version).await?;
    let mut found = calendars::find(connection, Some(&[wanted.id])).await?;
    let gone = || Fault::internal("a calendar that was just written is not there");
    let calendar = found.pop().ok_or_else(gone)?;
    let event = calendars::told(wanted.id, &calendar);
    let kind = match wanted.step {
        Step::Add { .. } => "calendar.created",
        Step::Revise(_) => "calendar.revised",
    };
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        calendar.name.clone(),
        None,
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, wanted.id, &calendar, position).await?;
    let shown = Shown::of_company(&calendar.name);
    Ok(Written::now(calendar, shown, position))
}

/// The definition with the days of the file; faults of either are noted.
fn definition(
    fields: &mut Fields,
    definition: Option<CalendarDefinition>,
    holidays: &str,
    worked_as: i32,
) -> CalendarDefinition {
    let Some(mut definition) = definition else {
        fields.refuse("definition", Violation::Required);
        return CalendarDefinition::default();
    };
    add_holidays(fields, &mut definition, holidays, worked_as);
    week(fields, "definition", &definition);
    definition
}
