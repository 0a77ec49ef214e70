//! Rules of rating are drafted, previewed, put in force and looked at.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, RatingRulesChanged, event},
    profile::{
        DraftRatingRulesRequest, EnforceRatingRulesRequest, GetRatingRulesRequest,
        ListRatingRulesRequest, ListRatingRulesResponse, PreviewRatingRulesRequest,
        RatingDefinition, RatingPreview, RatingRules, RatingRulesState,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::Customers,
    domain::rating::Rules,
    store::{
        rating_rules::{self, NewRules, RULES},
        ratings,
    },
};

const VIEWED: &str = "rating_rules.viewed";
const REFUSED: &str = "rating_rules.refused";
const LONGEST_REASON: usize = 200;

/// What is to be done, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    step: Step,
    claim: Option<Claim>,
}

#[derive(Clone)]
enum Step {
    Draft(RatingDefinition, String),
    /// With the revision that it was decided upon.
    Preview(RatingPreview, i64),
    Enforce(Timestamp, i64),
}

impl Customers {
    pub(super) async fn draft_rules(
        &self,
        call: Call,
        request: DraftRatingRulesRequest,
    ) -> Result<Answer<RatingRules>, Fault> {
        let mut fields = Fields::new();
        let claim = super::super::claim(&call, &mut fields, &request.request_id, &request);
        match &request.definition {
            Some(definition) => {
                Rules::read(&mut fields, definition, 0);
            }
            None => fields.refuse("definition", Violation::Required),
        }
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            step: Step::Draft(request.definition.unwrap_or_default(), request.reason),
            claim,
        };
        self.change_rules(call, wanted).await
    }

    pub(super) async fn preview_rules(
        &self,
        call: Call,
        request: PreviewRatingRulesRequest,
    ) -> Result<Answer<RatingRules>, Fault> {
        let mut fields = Fields::new();
        let claim = super::super::claim(&call, &mut fields, &request.request_id, &request);
        let revision = fields.etag("etag", &request.etag);
        let (id, rules) = self
            .find_rules(&call, fields, claim.as_ref(), &request.name)
            .await?;
        let definition = rules.definition.unwrap_or_default();
        let rules = Rules::read(&mut Fields::new(), &definition, 0)
            .ok_or_else(|| Fault::internal("stored rules of rating that cannot be read"))?;
        let preview = self.try_rules(&call, &rules).await?;
        let wanted = Wanted {
            id,
            step: Step::Preview(preview, revision.unwrap_or_default()),
            claim,
        };
        self.change_rules(call, wanted).await
    }

    pub(super) async fn enforce_rules(
        &self,
        call: Call,
        request: EnforceRatingRulesRequest,
    ) -> Result<Answer<RatingRules>, Fault> {
        let mut fields = Fields::new();
        let claim = super::super::claim(&call, &mut fields, &request.request_id, &request);
        let revision = fields.etag("etag", &request.etag);
        let told = request.effective_time.as_ref();
        let at = fields.from_when("effective_time", told, call.now);
        let (id, _) = self
            .find_rules(&call, fields, claim.as_ref(), &request.name)
            .await?;
        let wanted = Wanted {
            id,
            step: Step::Enforce(at, revision.unwrap_or_default()),
            claim,
        };
        self.change_rules(call, wanted).await
    }

    pub(super) async fn get_rules(
        &self,
        call: Call,
        request: GetRatingRulesRequest,
    ) -> Result<Answer<RatingRules>, Fault> {
        let (_, rules) = self
            .find_rules(&call, Fields::new(), None, &request.name)
            .await?;
        let shown = [Shown::of_company(&rules.name)];
        self.core.views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(rules))
    }

    pub(super) async fn list_rules(
        &self,
        call: Call,
        _: ListRatingRulesRequest,
    ) -> Result<Answer<ListRatingRulesResponse>, Fault> {
        let rules = self.load_rules(None).await?;
        let shown: Vec<Shown> = rules
            .iter()
            .map(|one| Shown::of_company(&one.name))
            .collect();
        self.core.views.record(&call, VIEWED, &shown).await?;
        Ok(Answer::read(ListRatingRulesResponse { rules }))
    }

    /// The rules of this name; that there are none is journaled.
    async fn find_rules(
        &self,
        call: &Call,
        mut fields: Fields,
        claim: Option<&Claim>,
        name: &str,
    ) -> Result<(Uuid, RatingRules), Fault> {
        let id = fields.name("name", name, RULES);
        idempotency::finish(&self.core.deps.db, fields, claim).await?;
        let id = id.unwrap_or_default();
        match self.load_rules(Some(id)).await?.pop() {
            Some(rules) => Ok((id, rules)),
            None => {
                let fault = Fault::not_found(name);
                Err(self.core.views.refuse(call, REFUSED, name, fault).await)
            }
        }
    }

    async fn load_rules(&self, only: Option<Uuid>) -> Result<Vec<RatingRules>, Fault> {
        let db = &self.core.deps.db;
        db.run(move |connection| {
            Box::pin(async move { rating_rules::find(connection, only).await })
        })
        .await
    }

    async fn change_rules(&self, call: Call, wanted: Wanted) -> Result<Answer<RatingRules>, Fault> {
        let writing = (call.clone(), wanted);
        let db = &self.core.deps.db;
        let written = db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { change(connection, &call, &wanted).await })
            })
            .await?;
        written.into_answer(&self.core.views, &call, VIEWED).await
    }
}

async fn change(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<RatingRules>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain::<RatingRules>(connection, claim).await? {
        let shown = Shown::of_company(&kept.body.name);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    take(connection, call, wanted).await?;
    let rules = standing(connection, wanted.id).await?;
    let event = event::Event::RatingRulesChanged(RatingRulesChanged {
        rules_id: wanted.id.as_bytes().to_vec(),
        version: rules.version,
        state: rules.state,
        effective_time: rules.effective_time,
    });
    let kind = match wanted.step {
        Step::Draft(..) => "rating_rules.drafted",
        Step::Preview(..) => "rating_rules.previewed",
        Step::Enforce(..) => "rating_rules.enforced",
    };
    let entry = entry(
        call,
        EntryKind::Change,
        kind,
        rules.name.clone(),
        None,
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, wanted.id, &rules, position).await?;
    let shown = Shown::of_company(&rules.name);
    Ok(Written::now(rules, shown, position))
}

/// Takes the step, if the rules allow it.
async fn take(connection: &mut PgConnection, call: &Call, wanted: &Wanted) -> Result<(), Fault> {
    let author = call.caller();
    rating_rules::alone(connection).await?;
    let revision = match &wanted.step {
        Step::Draft(definition, reason) => {
            let new = NewRules {
                id: wanted.id,
                definition,
                author: &author,
                reason,
                now: call.now,
            };
            return rating_rules::insert(connection, &new).await;
        }
        Step::Preview(_, revision) | Step::Enforce(_, revision) => *revision,
    };
    let rules = standing(connection, wanted.id).await?;
    if rules.etag != etag(revision) {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", rules.etag));
    }
    match (&wanted.step, rules.state()) {
        (Step::Preview(preview, _), RatingRulesState::Drafted | RatingRulesState::Previewed) => {
            rating_rules::keep_preview(connection, wanted.id, preview).await
        }
        (Step::Enforce(at, _), RatingRulesState::Previewed) => {
            rating_rules::enforce(connection, wanted.id, *at, &author).await?;
            ratings::look_at_all(connection, *at).await
        }
        (Step::Enforce(..), RatingRulesState::Drafted) => {
            Err(Fault::state("DRAFTED", "enforce").with("allowed", "PREVIEWED"))
        }
        (Step::Enforce(..), _) => {
            Err(Fault::state("ENFORCED", "enforce").with("allowed", "PREVIEWED"))
        }
        _ => Err(Fault::state("ENFORCED", "preview").with("allowed", "DRAFTED,PREVIEWED")),
    }
}

async fn standing(connection: &mut PgConnection, id: Uuid) -> Result<RatingRules, Fault> {
    let mut found = rating_rules::find(connection, Some(id)).await?;
    found
        .pop()
        .ok_or_else(|| Fault::not_found(&name(RULES, id)))
}
