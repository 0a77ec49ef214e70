//! The person concerned objects.

use kefu_contracts::{
    analytics::{AppealAssessmentRequest, Assessment},
    journal::AssessmentAct,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};
use sqlx::PgConnection;

use super::{
    Assessments,
    change::{By, Change, read},
};
use crate::{
    domain::assessment::{
        LONGEST_TEXT,
        state::{self, Event},
    },
    store::assessments::{self, StoredAssessment},
};

#[derive(Clone)]
struct Appeal {
    reason: String,
}

impl Change for Appeal {
    const ACT: AssessmentAct = AssessmentAct::Appealed;
    const KIND: &'static str = "assessment.appealed";
    const BY: By = By::Own;

    async fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredAssessment,
    ) -> Result<(), Fault> {
        state::after(row.state, Event::Appeal)?;
        if row.appeal_until.is_none_or(|until| until < call.now) {
            return Err(Fault::state("APPEAL_OVER", Event::Appeal.name()));
        }
        assessments::appeal(connection, row.id, call.now, &self.reason).await
    }
}

impl Assessments {
    /// Clause OP-4.2.
    pub(super) async fn appeal(
        &self,
        call: Call,
        request: AppealAssessmentRequest,
    ) -> Result<Answer<Assessment>, Fault> {
        let mut fields = Fields::new();
        let asked = (
            request.name.as_str(),
            request.etag.as_str(),
            request.request_id.as_str(),
        );
        let wanted = read(&mut fields, &call, asked, &request);
        fields.required_text("reason", &request.reason, LONGEST_TEXT);
        fields.finish()?;
        let reason = request.reason;
        self.change(call, wanted, Appeal { reason }).await
    }
}
