//! `kefu.order.v1.SubmissionService`: how orders go to the company's order system.

mod mark;
mod steps;

use kefu_contracts::{
    ClassSet, Resource,
    order::{
        GetSubmissionRequest, ListSubmissionsRequest, ListSubmissionsResponse,
        MarkSubmissionRequest, Submission, submission_service_server::SubmissionService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, asked},
    present::{Shown, disclose},
    scope::{After, Order as By},
    sealed::Sealer,
};
use kefu_vault::CustomerKey;
use tonic::{Request, Response, Status};

pub(crate) use self::steps::{Said, changed};
use super::Orders;
use crate::store::submissions::{RECORD, SUBMISSIONS, StoredSubmission};

const VIEWED: &str = "submission.viewed";
const REFUSED: &str = "submission.refused_view";

const LIST: ListSpec<StoredSubmission> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: By {
        column: "s.created_at",
        descending: true,
    },
    read: StoredSubmission::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Submissions(pub(crate) Orders);

impl Submissions {
    async fn get(
        &self,
        call: Call,
        request: GetSubmissionRequest,
    ) -> Result<Answer<Submission>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, SUBMISSIONS);
        fields.finish()?;
        let core = &self.0.core;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            let views = &core.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (submission, shown) = self.present(&call, &StoredSubmission::read(&row)?).await?;
        core.views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(submission))
    }

    async fn list(
        &self,
        call: Call,
        request: ListSubmissionsRequest,
    ) -> Result<Answer<ListSubmissionsResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.0.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListSubmissionsResponse {
            submissions: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    async fn present(
        &self,
        call: &Call,
        row: &StoredSubmission,
    ) -> Result<(Submission, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let sealer = self.0.submission_sealer();
        let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            sealer.open::<Submission>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut submission = row.with_opened(opened);
        disclose(&mut submission, &clearance, account);
        let shown = Shown {
            resource: submission.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((submission, shown))
    }
}

impl Orders {
    fn submission_sealer(&self) -> Sealer {
        self.sealer.of_table("orders.submission")
    }

    /// Opens one whole, for sealing again; never for an answer.
    fn open_submission(
        &self,
        key: &CustomerKey,
        row: &StoredSubmission,
    ) -> Result<Submission, Fault> {
        let everything = ClassSet::of(Submission::CLASSES);
        let (opened, _) = self
            .submission_sealer()
            .open(key, row.id, &row.sealed, everything)?;
        Ok(row.with_opened(opened))
    }
}

#[tonic::async_trait]
impl SubmissionService for Submissions {
    async fn get_submission(
        &self,
        request: Request<GetSubmissionRequest>,
    ) -> Result<Response<Submission>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_submissions(
        &self,
        request: Request<ListSubmissionsRequest>,
    ) -> Result<Response<ListSubmissionsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn mark_submission(
        &self,
        request: Request<MarkSubmissionRequest>,
    ) -> Result<Response<Submission>, Status> {
        answer(request, |call, body| self.mark(call, body)).await
    }
}
