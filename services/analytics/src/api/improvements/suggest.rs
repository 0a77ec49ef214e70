//! Somebody suggests an improvement.

use kefu_access::SubjectKind;
use kefu_contracts::analytics::{
    Improvement, ImprovementEvent, ImprovementState, ImprovementStep, SuggestImprovementRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim},
    present::Shown,
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;

use super::{Improvements, VIEWED, again, journaled, present};
use crate::{
    domain::improvement::suggestion::check,
    store::{
        improvements::{self, IMPROVEMENTS, StoredImprovement},
        query::value,
    },
};

impl Improvements {
    /// Clause SG-8.
    pub(super) async fn suggest(
        &self,
        call: Call,
        request: SuggestImprovementRequest,
    ) -> Result<Answer<Improvement>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let suggested = request.improvement.unwrap_or_default();
        let department = check(&mut fields, &suggested, &value);
        let person = call.context.subject.kind == SubjectKind::Employee;
        fields.ensure(person, "improvement", Violation::NotApplicable);
        fields.finish()?;
        if let Some(department) = department {
            let known = self.maker.organisation().await?.knows(department);
            let mut fields = Fields::new();
            fields.ensure(known, "improvement.department", Violation::Unknown);
            fields.finish()?;
        }
        let id = self.core.deps.ids.next()?;
        let new = self.suggestion(&call, id, suggested);
        let writing = (call.clone(), new, claim);
        let written = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, new, claim) = writing.clone();
                Box::pin(async move { write(connection, &call, new, claim.as_ref()).await })
            })
            .await?;
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    /// What somebody says, and nothing that they have no say in.
    fn suggestion(&self, call: &Call, id: uuid::Uuid, said: Improvement) -> StoredImprovement {
        let caller = call.caller();
        StoredImprovement {
            id,
            revision: 1,
            created_at: call.now,
            record: Improvement {
                name: name(IMPROVEMENTS, id),
                title: said.title,
                description: said.description,
                origin: said.origin,
                standard: said.standard,
                department: said.department,
                target: said.target,
                state: ImprovementState::Suggested.into(),
                proposer: caller.clone(),
                time_zone: self.zone.name().to_owned(),
                steps: vec![ImprovementStep {
                    event: ImprovementEvent::Suggested.into(),
                    time: Some(to_proto(call.now)),
                    actor: caller,
                    text: String::new(),
                }],
                etag: etag(1),
                create_time: Some(to_proto(call.now)),
                ..Improvement::default()
            },
        }
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    new: StoredImprovement,
    claim: Option<&Claim>,
) -> Result<Written<Improvement>, Fault> {
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok(again(call, kept));
    }
    improvements::insert(connection, &new).await?;
    let entry = journaled(call, &new.record);
    let position = kefu_journal::append(connection, &[entry]).await?;
    let id = new.id;
    let body = present(call, new);
    idempotency::keep_plain(connection, call, claim, id, &body, position).await?;
    let shown = Shown::of_company(&body.name);
    Ok(Written::now(body, shown, position))
}
