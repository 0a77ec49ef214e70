//! `kefu.order.v1.AfterSalesService`: what is done for customers after the sale.

mod carry;
mod commands;
mod follow;
mod register;
mod rules;

use kefu_contracts::{
    ClassSet, Resource,
    order::{
        AddCaseStepRequest, AfterSalesRules, AnswerPlanRequest, AssignCaseRequest,
        CancelCaseRequest, Case, CheckCoverRequest, CompleteCaseStepRequest, ConfirmCaseRequest,
        DecideOnCasePaymentRequest, EvaluateCaseRequest, FinishCaseRequest,
        GetAfterSalesRulesRequest, GetCaseRequest, ListCasesRequest, ListCasesResponse,
        OverrideCoverRequest, PlanCaseRequest, ProposeCasePaymentRequest, RecordCasePaymentRequest,
        RegisterCaseRequest, ReviseAfterSalesRulesRequest,
        after_sales_service_server::AfterSalesService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::{self, ListSpec, One, asked},
    peer::PeerService,
    present::{Shown, disclose},
    scope::{After, Order},
    sealed::Sealer,
    server::GrpcService,
};
use kefu_vault::CustomerKey;
use tonic::{Request, Response, Status};

use crate::{
    desk::Desk,
    points::Points,
    store::cases::{CASES, RECORD, StoredCase},
};

const VIEWED: &str = "case.viewed";
const REFUSED: &str = "case.refused";

const ONE: One<StoredCase> = One {
    record: &RECORD,
    collection: CASES,
    read: StoredCase::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredCase> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "c.created_at",
        descending: true,
    },
    read: StoredCase::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Cases {
    core: Core,
    desk: Desk,
    points: Points,
    sealer: Sealer,
    /// Of the orders that cases are of.
    order_sealer: Sealer,
    /// Asked who may work on what becomes theirs.
    people: PeerService,
}

impl Cases {
    pub(crate) fn new(
        core: &Core,
        desk: Desk,
        points: Points,
        access_control: GrpcService,
    ) -> Self {
        let sealer = |table| Sealer::new(core.deps.vault.clone(), table);
        Self {
            desk,
            points,
            sealer: sealer("orders.after_sales_case"),
            order_sealer: sealer("orders.purchase_order"),
            people: core.identity.calling(access_control),
            core: core.clone(),
        }
    }

    async fn get(&self, call: Call, request: GetCaseRequest) -> Result<Answer<Case>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListCasesRequest,
    ) -> Result<Answer<ListCasesResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListCasesResponse {
            cases: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn present(
        &self,
        call: &Call,
        row: &StoredCase,
    ) -> Result<(Case, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Case>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut case = row.with_columns(opened);
        disclose(&mut case, &clearance, account);
        let shown = Shown {
            resource: case.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((case, shown))
    }

    /// Opens a row whole, for rules and for sealing again; never for an answer that is not
    /// disclosed.
    fn open_whole(&self, key: &CustomerKey, row: &StoredCase) -> Result<Case, Fault> {
        let everything = ClassSet::of(Case::CLASSES);
        let (opened, _) = self.sealer.open(key, row.id, &row.sealed, everything)?;
        Ok(row.with_columns(opened))
    }
}

/// Methods that are commands on a case, or have a handler of their own.
macro_rules! methods {
    ($($name:ident: $request:ty => $answer:ty, $handler:ident;)*) => {
        #[tonic::async_trait]
        impl AfterSalesService for Cases {
            $(async fn $name(&self, request: Request<$request>) -> Result<Response<$answer>, Status> {
                answer(request, |call, body| self.$handler(call, body)).await
            })*
        }
    };
}

methods! {
    register_case: RegisterCaseRequest => Case, register;
    get_case: GetCaseRequest => Case, get;
    list_cases: ListCasesRequest => ListCasesResponse, list;
    assign_case: AssignCaseRequest => Case, command;
    check_cover: CheckCoverRequest => Case, command;
    override_cover: OverrideCoverRequest => Case, command;
    plan_case: PlanCaseRequest => Case, command;
    answer_plan: AnswerPlanRequest => Case, command;
    add_case_step: AddCaseStepRequest => Case, command;
    complete_case_step: CompleteCaseStepRequest => Case, command;
    finish_case: FinishCaseRequest => Case, command;
    confirm_case: ConfirmCaseRequest => Case, command;
    evaluate_case: EvaluateCaseRequest => Case, command;
    cancel_case: CancelCaseRequest => Case, command;
    propose_case_payment: ProposeCasePaymentRequest => Case, command;
    decide_on_case_payment: DecideOnCasePaymentRequest => Case, command;
    record_case_payment: RecordCasePaymentRequest => Case, command;
    get_after_sales_rules: GetAfterSalesRulesRequest => AfterSalesRules, get_rules;
    revise_after_sales_rules: ReviseAfterSalesRulesRequest => AfterSalesRules, revise_rules;
}
