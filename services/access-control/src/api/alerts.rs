//! `AlertService`: what of the audit log is worth telling, and who looked into it (IH-5).

mod acknowledge;
mod messages;

use kefu_contracts::access::{
    AcknowledgeAlertRequest, Alert, AlertRule, GetAlertRequest, ListAlertsRequest,
    ListAlertsResponse, alert_service_server::AlertService,
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
    optional_subject,
};
use crate::domain::alert;
pub(crate) use messages::entry;

/// The service over the alerts.
pub(crate) struct AlertsApi(pub(crate) Register);

#[tonic::async_trait]
impl AlertService for AlertsApi {
    async fn get_alert(
        &self,
        request: Request<GetAlertRequest>,
    ) -> Result<Response<Alert>, Status> {
        answer(request, |call, message| get(&self.0, call, message)).await
    }

    async fn list_alerts(
        &self,
        request: Request<ListAlertsRequest>,
    ) -> Result<Response<ListAlertsResponse>, Status> {
        answer(request, |call, message| list(&self.0, call, message)).await
    }

    async fn acknowledge_alert(
        &self,
        request: Request<AcknowledgeAlertRequest>,
    ) -> Result<Response<Alert>, Status> {
        answer(request, |call, message| {
            acknowledge::acknowledge(&self.0, call, message)
        })
        .await
    }
}

async fn get(
    register: &Register,
    call: Call,
    request: GetAlertRequest,
) -> Result<Answer<Alert>, Fault> {
    let alert = about::get::<alert::Alert>(register, &call, &request.name).await?;
    Ok(Answer::read(alert))
}

async fn list(
    register: &Register,
    call: Call,
    request: ListAlertsRequest,
) -> Result<Answer<ListAlertsResponse>, Fault> {
    let mut fields = Fields::new();
    let subject = optional_subject(&mut fields, "subject", &request.subject);
    let rule: Option<AlertRule> = fields.optional_enum("rule", request.rule);
    let rule = rule.filter(|rule| *rule != AlertRule::Unspecified);
    let asked = Asked {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: format!("{} {} {}", request.subject, request.rule, request.open_only),
    };
    let (alerts, next_page_token) =
        about::list::<alert::Alert>(register, &call, fields, asked, |query| {
            if let Some((id, _)) = subject {
                query.push(" AND a.subject_id = ").push_bind(id);
            }
            if let Some(rule) = rule {
                query.push(" AND a.rule = ").push_bind(rule as i16);
            }
            if request.open_only {
                query.push(" AND a.count > a.acknowledged_count");
            }
        })
        .await?;
    Ok(Answer::read(ListAlertsResponse {
        alerts,
        next_page_token,
    }))
}
