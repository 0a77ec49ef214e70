//! `kefu.profile.v1.VerificationService`: whether what stands in a file is true.

mod measure;
mod record;
mod run;

use kefu_contracts::profile::{
    GetVerificationRequest, ListOutstandingChecksRequest, ListOutstandingChecksResponse,
    ListVerificationsRequest, ListVerificationsResponse, MeasureAccuracyRequest,
    MeasureAccuracyResponse, RecordVerificationRequest, RunVerificationRequest, Verification,
    VerificationCheck, verification_service_server::VerificationService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, Asked, ListSpec, asked},
    present::Shown,
    scope::{After, Order},
    sealed::Sealer,
};
use tonic::{Request, Response, Status};

use super::on_file::{Kind, Shelf};
use crate::{
    config::CustomerProfileConfig,
    ports::Ports,
    store::{
        hanging::Hanging,
        verifications::{RECORD, StoredOutstanding, StoredVerification, outstanding},
    },
};

static KIND: Kind<StoredVerification> = Kind {
    table: "profile.verification",
    collection: "verifications",
    viewed: "verification.viewed",
    refused: "verification.refused",
    list: ListSpec {
        record: &RECORD,
        time: "record_time",
        order: Order {
            column: "v.recorded_at",
            descending: true,
        },
        read: StoredVerification::read,
        place: |row| After {
            at: row.kept.recorded_at,
            id: row.kept.id,
        },
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Verifications {
    pub(super) shelf: Shelf<StoredVerification>,
    /// Of files.
    files: Sealer,
    ports: Ports,
    target: f64,
}

impl Verifications {
    pub(crate) fn new(core: &Core, ports: Ports, config: &CustomerProfileConfig) -> Self {
        Self {
            shelf: Shelf::new(core, &KIND),
            files: Sealer::new(core.deps.vault.clone(), super::TABLE),
            ports,
            target: config.accuracy_target,
        }
    }

    /// Clause SG-1.2.
    async fn list(
        &self,
        call: Call,
        request: ListVerificationsRequest,
    ) -> Result<Answer<ListVerificationsResponse>, Fault> {
        let asked = asked!(request);
        let page = self.shelf.list(&call, asked).await?;
        Ok(Answer::read(ListVerificationsResponse {
            verifications: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clause SG-1.2.
    async fn outstanding(
        &self,
        call: Call,
        request: ListOutstandingChecksRequest,
    ) -> Result<Answer<ListOutstandingChecksResponse>, Fault> {
        let mut fields = Fields::new();
        let check: Option<VerificationCheck> = fields.required_enum("check", request.check);
        fields.finish()?;
        let record = check.and_then(outstanding);
        let list = ListSpec {
            record: record.ok_or_else(|| Fault::internal("a violation was lost"))?,
            time: "create_time",
            order: Order {
                column: "c.created_at",
                descending: false,
            },
            read: StoredOutstanding::read,
            place: |row: &StoredOutstanding| After {
                at: row.created_at,
                id: row.customer,
            },
        };
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: "",
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(
            &self.shelf.core,
            &call,
            &list,
            asked,
            "outstanding.viewed",
            |row| {
                Box::pin(async move {
                    let shown = Shown {
                        resource: row.check.customer.clone(),
                        customer_id: Some(row.customer),
                        clearance: reader.context.clearance(row.matched, reader.now),
                    };
                    Ok((row.check, shown))
                })
            },
        )
        .await?;
        Ok(Answer::read(ListOutstandingChecksResponse {
            checks: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

#[tonic::async_trait]
impl VerificationService for Verifications {
    async fn record_verification(
        &self,
        request: Request<RecordVerificationRequest>,
    ) -> Result<Response<Verification>, Status> {
        answer(request, |call, body| self.record(call, body)).await
    }

    async fn run_verification(
        &self,
        request: Request<RunVerificationRequest>,
    ) -> Result<Response<Verification>, Status> {
        answer(request, |call, body| self.run(call, body)).await
    }

    async fn get_verification(
        &self,
        request: Request<GetVerificationRequest>,
    ) -> Result<Response<Verification>, Status> {
        answer(request, |call, body| async move {
            self.shelf.get(&call, &body.name).await
        })
        .await
    }

    async fn list_verifications(
        &self,
        request: Request<ListVerificationsRequest>,
    ) -> Result<Response<ListVerificationsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn list_outstanding_checks(
        &self,
        request: Request<ListOutstandingChecksRequest>,
    ) -> Result<Response<ListOutstandingChecksResponse>, Status> {
        answer(request, |call, body| self.outstanding(call, body)).await
    }

    async fn measure_accuracy(
        &self,
        request: Request<MeasureAccuracyRequest>,
    ) -> Result<Response<MeasureAccuracyResponse>, Status> {
        answer(request, |call, body| self.measure(call, body)).await
    }
}
