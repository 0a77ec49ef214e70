//! `IncidentService`: leaks, written down, judged, reported and closed (IH-5).

mod act;
mod affected;
mod messages;
mod open;

use std::sync::Arc;

use kefu_contracts::access::{
    AssessIncidentRequest, CloseIncidentRequest, CreateIncidentRequest, GetIncidentRequest,
    Incident, IncidentState, ListAffectedCustomersRequest, ListAffectedCustomersResponse,
    ListIncidentsRequest, ListIncidentsResponse, ReportIncidentRequest,
    incident_service_server::IncidentService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::Fault,
    fields::Fields,
};
use tonic::{Request, Response, Status};

use super::{
    Register,
    about::{self, Asked},
};
use crate::domain::{alert::Rules, incident};
pub(crate) use messages::overdue;

/// The service over the incidents.
pub(crate) struct IncidentsApi {
    pub(crate) register: Register,
    pub(crate) rules: Arc<Rules>,
}

#[tonic::async_trait]
impl IncidentService for IncidentsApi {
    async fn create_incident(
        &self,
        request: Request<CreateIncidentRequest>,
    ) -> Result<Response<Incident>, Status> {
        answer(request, |call, message| {
            open::open(&self.register, &self.rules, call, message)
        })
        .await
    }

    async fn assess_incident(
        &self,
        request: Request<AssessIncidentRequest>,
    ) -> Result<Response<Incident>, Status> {
        answer(request, |call, message| {
            act::assess(&self.register, call, message)
        })
        .await
    }

    async fn report_incident(
        &self,
        request: Request<ReportIncidentRequest>,
    ) -> Result<Response<Incident>, Status> {
        answer(request, |call, message| {
            act::report(&self.register, call, message)
        })
        .await
    }

    async fn close_incident(
        &self,
        request: Request<CloseIncidentRequest>,
    ) -> Result<Response<Incident>, Status> {
        answer(request, |call, message| {
            act::close(&self.register, call, message)
        })
        .await
    }

    async fn get_incident(
        &self,
        request: Request<GetIncidentRequest>,
    ) -> Result<Response<Incident>, Status> {
        answer(request, |call, message| get(&self.register, call, message)).await
    }

    async fn list_incidents(
        &self,
        request: Request<ListIncidentsRequest>,
    ) -> Result<Response<ListIncidentsResponse>, Status> {
        answer(request, |call, message| list(&self.register, call, message)).await
    }

    async fn list_affected_customers(
        &self,
        request: Request<ListAffectedCustomersRequest>,
    ) -> Result<Response<ListAffectedCustomersResponse>, Status> {
        answer(request, |call, message| {
            affected::list(&self.register, call, message)
        })
        .await
    }
}

async fn get(
    register: &Register,
    call: Call,
    request: GetIncidentRequest,
) -> Result<Answer<Incident>, Fault> {
    let incident = about::get::<incident::Incident>(register, &call, &request.name).await?;
    Ok(Answer::read(incident))
}

async fn list(
    register: &Register,
    call: Call,
    request: ListIncidentsRequest,
) -> Result<Answer<ListIncidentsResponse>, Fault> {
    let mut fields = Fields::new();
    let state: Option<IncidentState> = fields.optional_enum("state", request.state);
    let state = state.filter(|state| *state != IncidentState::Unspecified);
    let asked = Asked {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: request.state.to_string(),
    };
    let (incidents, next_page_token) =
        about::list::<incident::Incident>(register, &call, fields, asked, |query| {
            if let Some(state) = state {
                query.push(" AND i.state = ").push_bind(state as i16);
            }
        })
        .await?;
    Ok(Answer::read(ListIncidentsResponse {
        incidents,
        next_page_token,
    }))
}
