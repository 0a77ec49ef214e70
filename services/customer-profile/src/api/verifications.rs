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
    listing::{self, Asked, ListSpec},
    present::{Shown, disclose},
    scope::{After, Order},
    sealed::Sealer,
};
use tonic::{Request, Response, Status};

use crate::{
    config::CustomerProfileConfig,
    ports::Ports,
    store::verifications::{RECORD, StoredOutstanding, StoredVerification, outstanding},
};

const VIEWED: &str = "verification.viewed";
const REFUSED: &str = "verification.refused";

const LIST: ListSpec<'static, StoredVerification> = ListSpec {
    record: &RECORD,
    time: "record_time",
    order: Order {
        column: "v.recorded_at",
        descending: true,
    },
    read: StoredVerification::read,
    place: |row| After {
        at: row.recorded_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Verifications {
    core: Core,
    /// Of results.
    sealer: Sealer,
    /// Of files.
    files: Sealer,
    ports: Ports,
    target: f64,
}

impl Verifications {
    pub(crate) fn new(core: &Core, ports: Ports, config: &CustomerProfileConfig) -> Self {
        let sealer = |table| Sealer::new(core.deps.vault.clone(), table);
        Self {
            core: core.clone(),
            sealer: sealer("profile.verification"),
            files: sealer(super::TABLE),
            ports,
            target: config.accuracy_target,
        }
    }

    /// Clause SG-1.2.
    async fn get(
        &self,
        call: Call,
        request: GetVerificationRequest,
    ) -> Result<Answer<Verification>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, "verifications");
        fields.finish()?;
        let mut query = RECORD.get(&call, id.unwrap_or_default());
        let db = &self.core.deps.db;
        let row = db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_optional(connection).await?) })
            })
            .await?;
        let views = &self.core.views;
        let Some(row) = row.as_ref().map(StoredVerification::read).transpose()? else {
            let fault = Fault::not_found(&request.name);
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (verification, shown) = self.open(&call, &row).await?;
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(verification))
    }

    /// Clause SG-1.2.
    async fn list(
        &self,
        call: Call,
        request: ListVerificationsRequest,
    ) -> Result<Answer<ListVerificationsResponse>, Fault> {
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.open(reader, &row).await })
        })
        .await?;
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
            &self.core,
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

    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(
        &self,
        call: &Call,
        row: &StoredVerification,
    ) -> Result<(Verification, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Verification>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut verification = row.with_columns(opened);
        disclose(&mut verification, &clearance, account);
        let shown = Shown {
            resource: verification.name.clone(),
            customer_id: Some(row.customer),
            clearance,
        };
        Ok((verification, shown))
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
        answer(request, |call, body| self.get(call, body)).await
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
