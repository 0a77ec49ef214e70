//! `AuditService`: the log of all journals, looked at and proved.
//!
//! Whoever may look at all is let through; the log knows no departments, so that any
//! narrower scope reaches nothing of it.

mod export;
mod prove;

use std::pin::Pin;

use kefu_contracts::{
    access::{
        AuditKind, ExportAuditLogRequest, ExportAuditLogResponse, ExportJournalRequest,
        ExportJournalResponse, GetAuditEntryRequest, GetAuditEntryResponse, GetCheckpointRequest,
        GetCheckpointResponse, ListAuditEntriesRequest, ListAuditEntriesResponse,
        audit_service_server::AuditService,
    },
    policy::Purpose,
};
use kefu_service::{
    call::{self, Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
    page::{self, Binding},
    peer::PeerService,
    present::Shown,
    scope::After,
};
use prost::Message;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Register, clearance, messages::moment};
use crate::{
    domain::{audit::SERVICES, register::parse_subject, share::SHARES},
    store::audit::{self, Filter},
};

/// The service over the log.
pub(crate) struct Audit {
    pub(crate) register: Register,
    /// Where each service's journal is followed, by the service's name.
    pub(crate) journals: Vec<(&'static str, PeerService)>,
}

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for Audit {
    type ExportAuditLogStream = Streamed<ExportAuditLogResponse>;
    type ExportJournalStream = Streamed<ExportJournalResponse>;

    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        answer(request, |call, message| list(&self.register, call, message)).await
    }

    async fn get_audit_entry(
        &self,
        request: Request<GetAuditEntryRequest>,
    ) -> Result<Response<GetAuditEntryResponse>, Status> {
        answer(request, |call, message| {
            prove::get(&self.register, call, message)
        })
        .await
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        answer(request, |call, message| {
            prove::checkpoint(&self.register, call, message)
        })
        .await
    }

    async fn export_audit_log(
        &self,
        request: Request<ExportAuditLogRequest>,
    ) -> Result<Response<Self::ExportAuditLogStream>, Status> {
        let call = call::of(&request)?;
        let language = call.language;
        let stream = export::log(&self.register, call).await;
        stream
            .map(Response::new)
            .map_err(|fault| fault.into_status(language))
    }

    async fn export_journal(
        &self,
        request: Request<ExportJournalRequest>,
    ) -> Result<Response<Self::ExportJournalStream>, Status> {
        let call = call::of(&request)?;
        let language = call.language;
        let stream = export::journal(self, call, &request.into_inner().service).await;
        stream
            .map(Response::new)
            .map_err(|fault| fault.into_status(language))
    }
}

/// What is journaled of a look at the log.
fn shown(call: &Call, resource: String) -> Result<Shown, Fault> {
    let clearance = clearance(call, None, None);
    let clearance = clearance.ok_or_else(|| Fault::not_found(&resource))?;
    Ok(Shown {
        resource,
        customer_id: None,
        clearance,
    })
}

async fn list(
    register: &Register,
    call: Call,
    request: ListAuditEntriesRequest,
) -> Result<Answer<ListAuditEntriesResponse>, Fault> {
    let mut fields = Fields::new();
    let size = page::size(&mut fields, request.page_size);
    let filter = filter(&mut fields, &request);
    fields.finish()?;
    // The token is bound to everything that was asked for but itself.
    let asked = ListAuditEntriesRequest {
        page_token: String::new(),
        ..request.clone()
    };
    let binding = Binding::of(&call, &format!("{:?}", asked.encode_to_vec()), "seq");
    let key = register.core.deps.vault.index_key();
    let after = binding.after(key, &request.page_token)?;
    let from = after.map_or(0, |after| after.id.as_u128() as i64 + 1);
    let most = i64::try_from(size).unwrap_or(i64::MAX) + 1;
    let shown = shown(&call, "audit".to_owned())?;
    let listed = register
        .core
        .deps
        .db
        .run(move |connection| {
            let filter = filter.clone();
            Box::pin(async move { audit::list(connection, &filter, from, most).await })
        })
        .await?;
    let more = listed.len() > size;
    let entries: Vec<_> = listed.iter().take(size).map(|one| one.entry()).collect();
    let next = entries.last().filter(|_| more).and_then(|last| {
        let at = last
            .record_time
            .as_ref()
            .and_then(kefu_service::time::from_proto)?;
        let id = Uuid::from_u128(u128::try_from(last.seq).ok()?);
        Some(binding.token(key, After { at, id }))
    });
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(ListAuditEntriesResponse {
        entries,
        next_page_token: next.unwrap_or_default(),
    }))
}

/// Journals looks at the log under this type.
const VIEWED: &str = "audit.viewed";

fn filter(fields: &mut Fields, request: &ListAuditEntriesRequest) -> Filter {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let subject = match request.subject.as_str() {
        "" => None,
        name => {
            let subject = parse_subject(name).map(|(id, _)| id);
            fields.ensure(subject.is_some(), "subject", Violation::ResourceName);
            subject
        }
    };
    let known = request.service.is_empty() || SERVICES.contains(&request.service.as_str());
    fields.ensure(known, "service", Violation::Unknown);
    let purpose: Option<Purpose> = fields.optional_enum("purpose", request.purpose);
    let kind: Option<AuditKind> = fields.optional_enum("kind", request.kind);
    let named = |purpose: &Purpose| *purpose != Purpose::Unspecified;
    Filter {
        subject,
        customer: fields.optional_name("customer", &request.customer, "customers"),
        permission: text(&request.permission),
        purpose: purpose.filter(named).map(|purpose| purpose as i16),
        grant: fields.optional_name("grant", &request.grant, SHARES),
        kind: kind
            .filter(|kind| *kind != AuditKind::Unspecified)
            .map(|kind| kind as i16),
        service: text(&request.service),
        from: moment(fields, "start_time", request.start_time.as_ref()),
        until: moment(fields, "end_time", request.end_time.as_ref()),
    }
}
