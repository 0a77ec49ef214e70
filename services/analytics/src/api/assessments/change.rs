//! What every change of an assessment has in common: it is reached, a repeated request gets its
//! answer, nobody changed it since it was read, and all of it is journaled in one transaction.

use kefu_contracts::{
    analytics::{Assessment, CompleteAssessmentConsequenceRequest, WithdrawAssessmentRequest},
    common::Reason,
    journal::{AssessmentAct, EntryKind},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::entry,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Assessments, REFUSED,
    look::{VIEWED, is_own, shown},
};
use crate::{
    assessor,
    domain::assessment::{
        ASSESSMENTS, LONGEST_TEXT,
        state::{self, Event},
    },
    store::assessments::{self, RECORD, StoredAssessment},
};

/// What is to be changed, read and checked.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) revision: i64,
    pub(super) claim: Option<Claim>,
}

impl Wanted {
    /// What was noted so far, where it is said which assessment is meant; more is then noted
    /// beside it.
    pub(super) fn named(&self, fields: Fields) -> Result<Fields, Fault> {
        if self.id.is_nil() {
            fields.finish()?;
            return Err(Fault::not_found(&self.name));
        }
        Ok(fields)
    }
}

/// By whom a change may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Whom it is about.
    Own,
    /// Anybody else who reaches it.
    Line,
}

/// A change of an assessment.
pub(super) trait Change: Clone + Send + Sync + 'static {
    /// As the journal has it.
    const ACT: AssessmentAct;
    /// Type of its entry.
    const KIND: &'static str;
    const BY: By = By::Line;

    /// Makes it, while nobody else does.
    fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredAssessment,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What followed was done.
#[derive(Clone)]
struct Complete {
    note: String,
}

impl Change for Complete {
    const ACT: AssessmentAct = AssessmentAct::Completed;
    const KIND: &'static str = "assessment.completed";

    async fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredAssessment,
    ) -> Result<(), Fault> {
        state::after(row.state, Event::CarryOut)?;
        if row.record.owner.is_empty() {
            return Err(Fault::state("NOTHING_FOLLOWS", Event::CarryOut.name()));
        }
        if row.record.complete_time.is_some() {
            return Err(Fault::state("COMPLETED", Event::CarryOut.name()));
        }
        assessments::complete(connection, row.id, call.now, &self.note).await
    }
}

/// It ends without a result.
#[derive(Clone)]
struct Withdraw {
    reason: String,
}

impl Change for Withdraw {
    const ACT: AssessmentAct = AssessmentAct::Withdrawn;
    const KIND: &'static str = "assessment.withdrawn";

    async fn apply(
        &self,
        connection: &mut PgConnection,
        _: &Call,
        row: &StoredAssessment,
    ) -> Result<(), Fault> {
        state::after(row.state, Event::Withdraw)?;
        assessments::withdraw(connection, row.id, &self.reason).await
    }
}

/// Reads what every change is asked with.
pub(super) fn read<M: prost::Message>(
    fields: &mut Fields,
    call: &Call,
    (name, tag, request_id): (&str, &str, &str),
    request: &M,
) -> Wanted {
    let request_id = fields.request_id(request_id);
    let id = fields.name("name", name, ASSESSMENTS);
    let revision = fields.etag("etag", tag);
    Wanted {
        claim: Claim::of(call, request_id, request),
        id: id.unwrap_or_default(),
        name: name.to_owned(),
        revision: revision.unwrap_or_default(),
    }
}

impl Assessments {
    /// What was answered to the same request before: it may no longer pass the checks.
    pub(super) async fn answered(
        &self,
        call: &Call,
        row: &StoredAssessment,
        wanted: &Wanted,
    ) -> Result<Option<Answer<Assessment>>, Fault> {
        let claim = wanted.claim.clone();
        let db = &self.core.deps.db;
        let kept = db.run(move |connection| {
            Box::pin(async move { idempotency::find_plain(connection, claim.as_ref()).await })
        });
        let Some(kept) = kept.await? else {
            return Ok(None);
        };
        let written = Written::before(kept.body, shown(call, row).1, kept.position);
        let answer = written.into_answer(&self.core.views, call, VIEWED);
        answer.await.map(Some)
    }

    /// Carries a change out.
    pub(super) async fn change(
        &self,
        call: Call,
        wanted: Wanted,
        change: impl Change,
    ) -> Result<Answer<Assessment>, Fault> {
        let (views, asked) = (&self.core.views, (call.clone(), wanted.clone()));
        let written = self.core.deps.db.transaction(move |connection| {
            let ((call, wanted), change) = (asked.clone(), change.clone());
            Box::pin(async move { one(connection, &call, &wanted, &change).await })
        });
        let written = views.or_not_allowed(&call, REFUSED, &wanted.name, written.await);
        written.await?.into_answer(views, &call, VIEWED).await
    }

    /// Clause OP-4.2: what follows from a result is done.
    pub(super) async fn complete(
        &self,
        call: Call,
        request: CompleteAssessmentConsequenceRequest,
    ) -> Result<Answer<Assessment>, Fault> {
        let mut fields = Fields::new();
        let asked = (
            request.name.as_str(),
            request.etag.as_str(),
            request.request_id.as_str(),
        );
        let wanted = read(&mut fields, &call, asked, &request);
        fields.required_text("note", &request.note, LONGEST_TEXT);
        fields.finish()?;
        let note = request.note;
        self.change(call, wanted, Complete { note }).await
    }

    /// Clause OP-4.2: one that has no result ends without.
    pub(super) async fn withdraw(
        &self,
        call: Call,
        request: WithdrawAssessmentRequest,
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
        self.change(call, wanted, Withdraw { reason }).await
    }
}

async fn one<C: Change>(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
    change: &C,
) -> Result<Written<Assessment>, Fault> {
    let mut query = RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF a");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredAssessment::read).transpose()?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        let (_, shown) = shown(call, &row);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    match (C::BY, is_own(call, &row)) {
        (By::Own, false) => {
            let rule = "only the person concerned objects to a result";
            return Err(Fault::new(Reason::PermissionMissing).with("rule", rule));
        }
        (By::Line, true) => return Err(Fault::new(Reason::SecondPersonRequired)),
        _ => {}
    }
    change.apply(connection, call, &row).await?;
    let row = StoredAssessment {
        matched: row.matched,
        ..assessor::again(connection, wanted.id).await?
    };
    let (resource, event) = assessor::changed(&row, C::ACT);
    let entry = entry(call, EntryKind::Change, C::KIND, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    let (assessment, shown) = shown(call, &row);
    idempotency::keep_plain(connection, call, claim, row.id, &assessment, position).await?;
    Ok(Written::now(assessment, shown, position))
}
