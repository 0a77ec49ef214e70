//! The result is counted, kept and shown to the person concerned, with what follows from it.

use jiff::civil::Date;
use kefu_contracts::{
    analytics::{Assessment, AssessmentConsequence, AssessmentResult, PublishAssessmentRequest},
    google::r#type::Date as WireDate,
    journal::AssessmentAct,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Assessments,
    change::{Change, read},
    look::ensure_whole,
};
use crate::{
    assessor::{self, Figures, Ruled, days_from, kept},
    domain::{
        assessment::{
            EMPLOYEES, LONGEST_TEXT,
            state::{self, Event},
        },
        company::Company,
        period::day,
    },
    store::{
        assessments::{self, Care, NewResult, StoredAssessment},
        ratings,
    },
};

/// Who is to see to what follows, and until when, as it is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedCare {
    owner: Option<Uuid>,
    due_day: Option<Date>,
}

impl AskedCare {
    /// What is asked for, as far as it can be checked before there is a result: somebody who
    /// works there, and a day that is not past.
    pub(super) fn read(
        fields: &mut Fields,
        (owner, due_day): (&str, Option<&WireDate>),
        (row, company, today): (&StoredAssessment, &Company, Date),
    ) -> Self {
        let named = fields.optional_name("owner", owner, EMPLOYEES);
        if let Some(named) = named {
            let known = company.knows(named) && named != row.employee;
            fields.ensure(known, "owner", Violation::Unknown);
        }
        let due = due_day.and_then(day);
        fields.ensure(
            due_day.is_some() == due.is_some(),
            "due_day",
            Violation::Date,
        );
        let past = due.is_some_and(|due| due < today);
        fields.ensure(!past, "due_day", Violation::Contradiction);
        Self {
            owner: named,
            due_day: due,
        }
    }

    /// Both where something follows from a result, and neither where nothing does.
    pub(super) fn for_result(self, result: &AssessmentResult) -> Result<Care, Fault> {
        let mut fields = Fields::new();
        let nothing = result.consequence() == AssessmentConsequence::None;
        for (field, given) in [
            ("owner", self.owner.is_some()),
            ("due_day", self.due_day.is_some()),
        ] {
            fields.ensure(given || nothing, field, Violation::Required);
            fields.ensure(!given || !nothing, field, Violation::NotApplicable);
        }
        fields.finish()?;
        Ok(self.owner.zip(self.due_day))
    }
}

#[derive(Clone)]
struct Publish {
    ruled: Ruled,
    figures: Figures,
    care: AskedCare,
    note: String,
}

impl Change for Publish {
    const ACT: AssessmentAct = AssessmentAct::Published;
    const KIND: &'static str = "assessment.published";

    /// What people gave is read while nobody gives otherwise.
    async fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredAssessment,
    ) -> Result<(), Fault> {
        state::after(row.state, Event::Publish)?;
        let scheme = &self.ruled.scheme;
        let given = ratings::of(connection, row.id).await?;
        let result = assessor::result(scheme, &self.figures, &given)?;
        ensure_whole(scheme, &result)?;
        let care = self.care.for_result(&result)?;
        keep(connection, call, row.id, 1, &result).await?;
        let until = days_from(call.now, scheme.appeal_days)?;
        let by = (call.context.subject.id, call.now);
        assessments::publish(connection, row.id, by, until, care, &self.note).await
    }
}

impl Assessments {
    /// Clause OP-4.2.
    pub(super) async fn publish(
        &self,
        call: Call,
        request: PublishAssessmentRequest,
    ) -> Result<Answer<Assessment>, Fault> {
        let mut fields = Fields::new();
        let asked = (
            request.name.as_str(),
            request.etag.as_str(),
            request.request_id.as_str(),
        );
        let wanted = read(&mut fields, &call, asked, &request);
        fields.text("note", &request.note, LONGEST_TEXT);
        let mut fields = wanted.named(fields)?;
        let row = self.reached(&call, wanted.id, &wanted.name).await?;
        if let Some(answered) = self.answered(&call, &row, &wanted).await? {
            return Ok(answered);
        }
        let ruled = self.assessor.ruled(&row).await?;
        let company = self.assessor.company().await?;
        let today = ruled.zone.today(call.now);
        let asked = (request.owner.as_str(), request.due_day.as_ref());
        let care = AskedCare::read(&mut fields, asked, (&row, &company, today));
        fields.finish()?;
        let figures = self.assessor.figures(&row, &ruled, &company).await?;
        let publish = Publish {
            ruled,
            figures,
            care,
            note: request.note,
        };
        self.change(call, wanted, publish).await
    }
}

/// Keeps a result, for good.
pub(super) async fn keep(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
    number: i32,
    result: &AssessmentResult,
) -> Result<(), Fault> {
    let (content, sha256) = kept(result);
    let new = NewResult {
        number,
        made_at: call.now,
        made_by: call.context.subject.id,
        content: &content,
        sha256: &sha256,
    };
    assessments::keep(connection, id, &new).await
}
