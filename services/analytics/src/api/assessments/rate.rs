//! What people are asked to score: theirs alone, so that nobody learns of another's.

use kefu_contracts::{
    analytics::{
        AssessmentRating, AssessmentRatingKind, AssessmentState, GetAssessmentRatingRequest,
        GiveAssessmentRatingRequest, GivenPoints, ListAssessmentRatingsRequest,
        ListAssessmentRatingsResponse,
    },
    common::Reason,
    journal::{AssessmentAct, AssessmentRated, EntryKind, event},
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim},
    listing::{self, ListSpec, One, asked},
    present::{Shown, entry},
    scope::{After, Order},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Assessments, RATING_REFUSED};
use crate::{
    assessor::{self, Ruled},
    domain::assessment::{
        self, RATINGS, given,
        state::{self, Event},
    },
    store::{
        assessments,
        ratings::{self, RECORD, StoredRating},
        versions,
    },
};

const VIEWED: &str = "assessment_rating.viewed";

const ONE: One<StoredRating> = One {
    record: &RECORD,
    collection: RATINGS,
    read: StoredRating::read,
    viewed: VIEWED,
    refused: RATING_REFUSED,
};

const LIST: ListSpec<StoredRating> = ListSpec {
    record: &RECORD,
    time: "ask_time",
    order: Order {
        column: "r.asked_at",
        descending: true,
    },
    read: StoredRating::read,
    place: |row| After {
        at: row.asked_at,
        id: row.id,
    },
};

/// What somebody gives, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    points: Vec<GivenPoints>,
    ruled: Ruled,
    claim: Option<Claim>,
}

impl Assessments {
    /// Clause OP-4.2.
    pub(super) async fn rating(
        &self,
        call: Call,
        request: GetAssessmentRatingRequest,
    ) -> Result<Answer<AssessmentRating>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move {
                let ruled = self.ruled_by(&row).await?;
                Ok(shown(reader, &row, &ruled))
            })
        })
        .await
    }

    /// Clause OP-4.2.
    pub(super) async fn list_ratings(
        &self,
        call: Call,
        request: ListAssessmentRatingsRequest,
    ) -> Result<Answer<ListAssessmentRatingsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let db = &self.core.deps.db;
        let versions = db.run(|connection| Box::pin(versions::assessments(connection)));
        let versions = &versions.await?;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let ruled = Ruled::of(versions, row.rules_version, &row.scheme)?;
                Ok(shown(reader, &row, &ruled))
            })
        })
        .await?;
        Ok(Answer::read(ListAssessmentRatingsResponse {
            assessment_ratings: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    async fn ruled_by(&self, row: &StoredRating) -> Result<Ruled, Fault> {
        let db = &self.core.deps.db;
        let versions = db.run(|connection| Box::pin(versions::assessments(connection)));
        Ruled::of(&versions.await?, row.rules_version, &row.scheme)
    }

    /// Clause OP-4.2.
    pub(super) async fn give(
        &self,
        call: Call,
        request: GiveAssessmentRatingRequest,
    ) -> Result<Answer<AssessmentRating>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, RATINGS);
        let revision = fields.etag("etag", &request.etag);
        let Some(id) = id else {
            return Err(fields
                .finish()
                .err()
                .unwrap_or_else(|| Fault::not_found("")));
        };
        let (views, name) = (&self.core.views, request.name.clone());
        let Some(row) = self.core.deps.db.row(RECORD.get(&call, id)).await? else {
            let fault = Fault::not_found(&name);
            return Err(views.refuse(&call, RATING_REFUSED, &name, fault).await);
        };
        let row = StoredRating::read(&row)?;
        let ruled = self.ruled_by(&row).await?;
        let asked = assessment::asked(&ruled.scheme, row.kind);
        given::check(&mut fields, &asked, &request.points);
        fields.finish()?;
        let wanted = Wanted {
            claim: Claim::of(&call, request_id, &request),
            id,
            name: name.clone(),
            revision: revision.unwrap_or_default(),
            points: request.points,
            ruled,
        };
        let writing = (call.clone(), wanted);
        let written = self.core.deps.db.transaction(move |connection| {
            let (call, wanted) = writing.clone();
            Box::pin(async move { give(connection, &call, &wanted).await })
        });
        let written = views.or_refused(&call, RATING_REFUSED, &name, written.await);
        written.await?.into_answer(views, &call, VIEWED).await
    }
}

/// The assessment is held first, as whoever publishes it does: what is counted then is what was
/// given.
async fn give(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<AssessmentRating>, Fault> {
    let of = read(connection, call, wanted).await?.assessment;
    let held = assessor::again(connection, of).await?;
    let row = read(connection, call, wanted).await?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        let (_, shown) = shown(call, &row, &wanted.ruled);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    state::after(held.state, Event::Rate)?;
    let is_over = held.score_until <= call.now;
    if is_over && row.kind == AssessmentRatingKind::Colleague {
        return Err(Fault::state("SCORING_OVER", Event::Rate.name()));
    }
    ratings::give(connection, row.id, &wanted.points, call.now).await?;
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let rated = AssessmentRated {
        rating_id: bytes(row.id),
        assessment_id: bytes(held.id),
        kind: row.kind.into(),
        revision: row.revision + 1,
    };
    let rated = event::Event::AssessmentRated(rated);
    let (change, name) = (EntryKind::Change, wanted.name.clone());
    let mut entries: Vec<Entry> = vec![entry(
        call,
        change,
        "assessment_rating.given",
        name,
        None,
        rated,
    )];
    let given = ratings::of(connection, held.id).await?;
    if held.state == AssessmentState::Collecting && assessor::is_complete(&given, is_over) {
        let ready = state::after(held.state, Event::Complete)?;
        assessments::turn(connection, held.id, ready).await?;
        let held = assessor::again(connection, held.id).await?;
        let (resource, event) = assessor::changed(&held, AssessmentAct::Ready);
        let kind = "assessment.ready";
        entries.push(entry(call, change, kind, resource, None, event));
    }
    let position = kefu_journal::append(connection, &entries).await?;
    let row = read(connection, call, wanted).await?;
    let (rating, shown) = shown(call, &row, &wanted.ruled);
    idempotency::keep_plain(connection, call, claim, row.id, &rating, position).await?;
    Ok(Written::now(rating, shown, position))
}

async fn read(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<StoredRating, Fault> {
    let mut query = RECORD.get(call, wanted.id);
    let row = query.build().fetch_optional(connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    StoredRating::read(&row)
}

/// The rating as its rater is shown it, with what there is to score.
fn shown(call: &Call, row: &StoredRating, ruled: &Ruled) -> (AssessmentRating, Shown) {
    let over = row.score_until <= call.now && row.kind == AssessmentRatingKind::Colleague;
    let rating = AssessmentRating {
        open: !over && state::after(row.state, Event::Rate).is_ok(),
        criteria: assessment::asked(&ruled.scheme, row.kind),
        ..row.record.clone()
    };
    let shown = Shown {
        resource: rating.name.clone(),
        customer_id: None,
        clearance: call.context.clearance(row.matched, call.now),
    };
    (rating, shown)
}
