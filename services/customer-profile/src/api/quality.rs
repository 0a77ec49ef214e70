//! `kefu.profile.v1.QualityService`: how good files are, what is to be mended in them, and
//! that they are gone through (CF-7.1, CF-7.3).

mod change;
mod departments;
mod review;

use std::sync::Arc;

use kefu_contracts::profile::{
    AssignQualityFindingRequest, CompleteFileReviewRequest, DismissQualityFindingRequest,
    FileQuality, FileReview, GetFileQualityRequest, GetQualityFindingRequest,
    ListDepartmentQualitiesRequest, ListDepartmentQualitiesResponse, ListFileQualitiesRequest,
    ListFileQualitiesResponse, ListFileReviewsRequest, ListFileReviewsResponse,
    ListQualityFindingsRequest, ListQualityFindingsResponse, QualityFinding,
    quality_service_server::QualityService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
    idempotency,
    listing::{self, ListSpec, One, asked},
    scope::{After, Order},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::change::{Deed, MOST_REASON, Wanted};
use super::{ask::claim, duplicates::likeness, retentions::shown};
use crate::{
    config::CustomerProfileConfig,
    domain::quality::rules::QualityRules,
    store::{
        duplicates,
        file_reviews::{REVIEWS, StoredReview},
        quality::{FILE_QUALITY, QUALITIES, StoredQuality},
        quality_findings::{COLLECTION, FINDINGS, StoredFinding},
    },
};

const VIEWED: &str = "quality.viewed";
const REFUSED: &str = "quality.refused";

const ONE: One<StoredFinding> = One {
    record: &FINDINGS,
    collection: COLLECTION,
    read: StoredFinding::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const QUALITY_LIST: ListSpec<StoredQuality> = ListSpec {
    record: &QUALITIES,
    time: "confirm_time",
    order: Order {
        column: "q.confirmed_at",
        descending: false,
    },
    read: StoredQuality::read,
    place: |row| After {
        at: row.confirmed_at,
        id: row.id,
    },
};

const FINDING_LIST: ListSpec<StoredFinding> = ListSpec {
    record: &FINDINGS,
    time: "find_time",
    order: Order {
        column: "f.found_at",
        descending: false,
    },
    read: StoredFinding::read,
    place: |row| After {
        at: row.found_at,
        id: row.id,
    },
};

const REVIEW_LIST: ListSpec<StoredReview> = ListSpec {
    record: &REVIEWS,
    time: "review_time",
    order: Order {
        column: "w.reviewed_at",
        descending: true,
    },
    read: StoredReview::read,
    place: |row| After {
        at: row.reviewed_at,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Qualities {
    core: Core,
    rules: Arc<QualityRules>,
}

impl Qualities {
    pub(crate) fn new(core: &Core, config: &CustomerProfileConfig) -> Self {
        Self {
            core: core.clone(),
            rules: Arc::new(config.quality.clone()),
        }
    }

    async fn get(
        &self,
        call: Call,
        request: GetFileQualityRequest,
    ) -> Result<Answer<FileQuality>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("parent", &request.parent, "customers");
        fields.finish()?;
        let query = FILE_QUALITY.get(&call, id.unwrap_or_default());
        let row = self.core.deps.db.row(query).await?;
        let views = &self.core.views;
        let Some(row) = row.as_ref().map(StoredQuality::read).transpose()? else {
            let fault = Fault::not_found(&request.parent);
            return Err(views.refuse(&call, REFUSED, &request.parent, fault).await);
        };
        let (id, matched) = (row.id, row.matched);
        let classes = call.context.clearance(matched, call.now).classes;
        let mut quality = [(id, row.cleared(classes))];
        self.compare(&call, &mut quality).await?;
        let [(_, quality)] = quality;
        let shown = shown(&call, &quality.customer, Some(id), matched);
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(quality))
    }

    async fn list(
        &self,
        call: Call,
        request: ListFileQualitiesRequest,
    ) -> Result<Answer<ListFileQualitiesResponse>, Fault> {
        let (reader, asked) = (&call, asked!(request));
        let page = listing::show(&self.core, &call, &QUALITY_LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let (id, matched) = (row.id, row.matched);
                let quality = row.cleared(reader.context.clearance(matched, reader.now).classes);
                let shown = shown(reader, &quality.customer, Some(id), matched);
                Ok(((id, quality), shown))
            })
        })
        .await?;
        let mut qualities = page.records;
        self.compare(&call, &mut qualities).await?;
        let qualities = qualities.into_iter().map(|(_, quality)| quality);
        Ok(Answer::read(ListFileQualitiesResponse {
            qualities: qualities.collect(),
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Says of measured files how alike they are to others that the caller may see as well:
    /// what lies beyond the scope is not told by a score either.
    async fn compare(&self, call: &Call, files: &mut [(Uuid, FileQuality)]) -> Result<(), Fault> {
        let ids: Vec<Uuid> = files.iter().map(|(id, _)| *id).collect();
        let mut query = duplicates::open_pairs(call, Some(&ids));
        let db = &self.core.deps.db;
        let rows = db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let likeness = likeness(call, &rows)?;
        for (id, quality) in files.iter_mut().filter(|(_, one)| one.overall.is_some()) {
            let most = likeness.get(id).copied().unwrap_or_default();
            quality.uniqueness = Some(100 - most);
        }
        Ok(())
    }

    async fn get_finding(
        &self,
        call: Call,
        request: GetQualityFindingRequest,
    ) -> Result<Answer<QualityFinding>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, Some(row.customer), row.matched);
                Ok((row.message, shown))
            })
        })
        .await
    }

    async fn list_findings(
        &self,
        call: Call,
        request: ListQualityFindingsRequest,
    ) -> Result<Answer<ListQualityFindingsResponse>, Fault> {
        let (reader, asked) = (&call, asked!(request));
        let page = listing::show(&self.core, &call, &FINDING_LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, Some(row.customer), row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListQualityFindingsResponse {
            findings: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    async fn list_reviews(
        &self,
        call: Call,
        request: ListFileReviewsRequest,
    ) -> Result<Answer<ListFileReviewsResponse>, Fault> {
        let (reader, asked) = (&call, asked!(request));
        let page = listing::show(&self.core, &call, &REVIEW_LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, Some(row.customer), row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListFileReviewsResponse {
            reviews: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

#[tonic::async_trait]
impl QualityService for Qualities {
    async fn get_file_quality(
        &self,
        request: Request<GetFileQualityRequest>,
    ) -> Result<Response<FileQuality>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_file_qualities(
        &self,
        request: Request<ListFileQualitiesRequest>,
    ) -> Result<Response<ListFileQualitiesResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn list_department_qualities(
        &self,
        request: Request<ListDepartmentQualitiesRequest>,
    ) -> Result<Response<ListDepartmentQualitiesResponse>, Status> {
        answer(request, |call, _| self.measure(call)).await
    }

    async fn list_quality_findings(
        &self,
        request: Request<ListQualityFindingsRequest>,
    ) -> Result<Response<ListQualityFindingsResponse>, Status> {
        answer(request, |call, body| self.list_findings(call, body)).await
    }

    async fn get_quality_finding(
        &self,
        request: Request<GetQualityFindingRequest>,
    ) -> Result<Response<QualityFinding>, Status> {
        answer(request, |call, body| self.get_finding(call, body)).await
    }

    async fn assign_quality_finding(
        &self,
        request: Request<AssignQualityFindingRequest>,
    ) -> Result<Response<QualityFinding>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let assignee = fields.name("assignee", &body.assignee, "employees");
            let wanted = Wanted {
                id: fields
                    .name("name", &body.name, COLLECTION)
                    .unwrap_or_default(),
                revision: fields.etag("etag", &body.etag).unwrap_or_default(),
                claim: claim(&call, &mut fields, &body.request_id, &body),
                deed: Deed::Assign(assignee.unwrap_or_default()),
                name: body.name,
            };
            fields.finish()?;
            self.change(call, wanted).await
        })
        .await
    }

    async fn dismiss_quality_finding(
        &self,
        request: Request<DismissQualityFindingRequest>,
    ) -> Result<Response<QualityFinding>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            fields.required_text("reason", &body.reason, MOST_REASON);
            let until = match &body.until_time {
                None => {
                    fields.refuse("until_time", Violation::Required);
                    None
                }
                said => fields.time("until_time", said.as_ref()),
            };
            let most = self.rules.dismissed_at_most(call.now);
            if let Some(until) = until {
                let fits = until > call.now && until <= most;
                let range = Violation::OutOfRange(call.now.as_second(), most.as_second());
                fields.ensure(fits, "until_time", range);
            }
            let wanted = Wanted {
                id: fields
                    .name("name", &body.name, COLLECTION)
                    .unwrap_or_default(),
                revision: fields.etag("etag", &body.etag).unwrap_or_default(),
                claim: claim(&call, &mut fields, &body.request_id, &body),
                deed: Deed::Dismiss(body.reason, until.unwrap_or_default()),
                name: body.name,
            };
            idempotency::finish(&self.core.deps.db, fields, wanted.claim.as_ref()).await?;
            self.change(call, wanted).await
        })
        .await
    }

    async fn complete_file_review(
        &self,
        request: Request<CompleteFileReviewRequest>,
    ) -> Result<Response<FileReview>, Status> {
        answer(request, |call, body| self.review(call, body)).await
    }

    async fn list_file_reviews(
        &self,
        request: Request<ListFileReviewsRequest>,
    ) -> Result<Response<ListFileReviewsResponse>, Status> {
        answer(request, |call, body| self.list_reviews(call, body)).await
    }
}
