//! `kefu.analytics.v1.ExceptionService`: figures outside what is usual, and what is done about them.

mod acknowledge;

use kefu_contracts::{
    analytics::{
        AcknowledgeExceptionRequest, Exception, ExceptionRules, ExceptionRulesDefinition,
        ExceptionRulesVersion, GetExceptionRequest, GetExceptionRulesRequest,
        ListExceptionsRequest, ListExceptionsResponse, ReviseExceptionRulesRequest,
        exception_service_server::ExceptionService,
    },
    journal::ExceptionRulesChanged,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, One, asked},
    present::Shown,
    scope::{After, Order},
    versions::{self, Names, Revisable, revisable},
};
use tonic::{Request, Response, Status};

use crate::{
    domain::exception,
    store::{
        exceptions::{EXCEPTIONS, RECORD, StoredException},
        query::value,
        versions::FigureRules,
    },
};

const VIEWED: &str = "exception.viewed";
const REFUSED: &str = "exception.refused";

const ONE: One<StoredException> = One {
    record: &RECORD,
    collection: EXCEPTIONS,
    read: StoredException::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredException> = ListSpec {
    record: &RECORD,
    time: "find_time",
    order: Order {
        column: "x.found_at",
        descending: true,
    },
    read: StoredException::read,
    place: |row| After {
        at: row.found_at,
        id: row.id,
    },
};

impl Revisable<FigureRules> for ExceptionRulesVersion {
    revisable!(
        FigureRules,
        ExceptionRules,
        ReviseExceptionRulesRequest,
        ExceptionRulesChanged
    );

    const NAMES: Names = Names {
        resource: "exceptionRules",
        viewed: "exception_rules.viewed",
        revised: "exception_rules.revised",
    };
    const MUST_SAY: bool = true;

    fn check(fields: &mut Fields, definition: &ExceptionRulesDefinition) {
        exception::check(fields, definition, &value);
    }
}

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Exceptions {
    core: Core,
}

impl Exceptions {
    pub(crate) fn new(core: &Core) -> Self {
        Self { core: core.clone() }
    }

    async fn rules(&self, call: Call) -> Result<Answer<ExceptionRules>, Fault> {
        versions::get::<FigureRules, ExceptionRulesVersion>(&self.core, call).await
    }

    /// Clause SG-7.
    async fn revise(
        &self,
        call: Call,
        request: ReviseExceptionRulesRequest,
    ) -> Result<Answer<ExceptionRules>, Fault> {
        versions::revise::<FigureRules, ExceptionRulesVersion>(&self.core, call, request).await
    }

    async fn get(
        &self,
        call: Call,
        request: GetExceptionRequest,
    ) -> Result<Answer<Exception>, Fault> {
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { Ok(shown(row)) })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListExceptionsRequest,
    ) -> Result<Answer<ListExceptionsResponse>, Fault> {
        let asked = asked!(request);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { Ok(shown(row)) })
        })
        .await?;
        Ok(Answer::read(ListExceptionsResponse {
            exceptions: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

/// Nothing in it is masked: it holds what whoever reaches its department may see.
fn shown(row: StoredException) -> (Exception, Shown) {
    let shown = Shown::of_company(&row.record.name);
    (row.record, shown)
}

#[tonic::async_trait]
impl ExceptionService for Exceptions {
    async fn get_exception_rules(
        &self,
        request: Request<GetExceptionRulesRequest>,
    ) -> Result<Response<ExceptionRules>, Status> {
        answer(request, |call, _| self.rules(call)).await
    }

    async fn revise_exception_rules(
        &self,
        request: Request<ReviseExceptionRulesRequest>,
    ) -> Result<Response<ExceptionRules>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }

    async fn get_exception(
        &self,
        request: Request<GetExceptionRequest>,
    ) -> Result<Response<Exception>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_exceptions(
        &self,
        request: Request<ListExceptionsRequest>,
    ) -> Result<Response<ListExceptionsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn acknowledge_exception(
        &self,
        request: Request<AcknowledgeExceptionRequest>,
    ) -> Result<Response<Exception>, Status> {
        answer(request, |call, body| self.acknowledge(call, body)).await
    }
}
