//! `kefu.ticket.v1.CalendarService`: when the company is open.

mod change;
mod measure;

use kefu_contracts::ticket::{
    BusinessCalendar, CreateCalendarRequest, GetCalendarRequest, ListCalendarsRequest,
    ListCalendarsResponse, MeasureTimeRequest, MeasureTimeResponse, ReviseCalendarRequest,
    calendar_service_server::CalendarService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    present::Shown,
    time,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::store::calendars::{self, CALENDARS};

const VIEWED: &str = "calendar.viewed";
const REFUSED: &str = "calendar.refused";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Calendars {
    core: Core,
}

impl Calendars {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }

    async fn get(
        &self,
        call: Call,
        request: GetCalendarRequest,
    ) -> Result<Answer<BusinessCalendar>, Fault> {
        let fields = Fields::new();
        let calendar = self.find(&call, fields, &request.name).await?;
        self.core
            .views
            .record(&call, VIEWED, &[Shown::of_company(&calendar.name)])
            .await?;
        Ok(Answer::read(calendar))
    }

    /// The calendar of this name; that there is none is journaled.
    async fn find(
        &self,
        call: &Call,
        mut fields: Fields,
        name: &str,
    ) -> Result<BusinessCalendar, Fault> {
        let id = fields.name("name", name, CALENDARS);
        fields.finish()?;
        let mut found = self.load(Some(vec![id.unwrap_or_default()])).await?;
        match found.pop() {
            Some(calendar) => Ok(calendar),
            None => {
                let fault = Fault::not_found(name);
                Err(self.core.views.refuse(call, REFUSED, name, fault).await)
            }
        }
    }

    async fn load(&self, only: Option<Vec<Uuid>>) -> Result<Vec<BusinessCalendar>, Fault> {
        let db = &self.core.deps.db;
        db.run(move |connection| {
            Box::pin(async move { calendars::find(connection, only.as_deref()).await })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        _: ListCalendarsRequest,
    ) -> Result<Answer<ListCalendarsResponse>, Fault> {
        let mut calendars = self.load(None).await?;
        let now = time::to_proto(call.now);
        for calendar in &mut calendars {
            let versions = &mut calendar.versions;
            versions.retain(|one| !one.withdrawn);
            let began = versions.iter().rposition(|one| {
                let from = one.effective_time.unwrap_or_default();
                (from.seconds, from.nanos) <= (now.seconds, now.nanos)
            });
            versions.drain(..began.unwrap_or_default());
        }
        let shown: Vec<Shown> = calendars
            .iter()
            .map(|one| Shown::of_company(&one.name))
            .collect();
        self.core.views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(ListCalendarsResponse { calendars }))
    }
}

#[tonic::async_trait]
impl CalendarService for Calendars {
    async fn create_calendar(
        &self,
        request: Request<CreateCalendarRequest>,
    ) -> Result<Response<BusinessCalendar>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn revise_calendar(
        &self,
        request: Request<ReviseCalendarRequest>,
    ) -> Result<Response<BusinessCalendar>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }

    async fn get_calendar(
        &self,
        request: Request<GetCalendarRequest>,
    ) -> Result<Response<BusinessCalendar>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_calendars(
        &self,
        request: Request<ListCalendarsRequest>,
    ) -> Result<Response<ListCalendarsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn measure_time(
        &self,
        request: Request<MeasureTimeRequest>,
    ) -> Result<Response<MeasureTimeResponse>, Status> {
        answer(request, |call, body| self.measure(call, body)).await
    }
}
