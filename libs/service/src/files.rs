//! Records for a package that leaves (CF-6.3): a service opens the classes that a grant
//! names, of the customers it names, and journals each record as shown to the receiver
//! before it hands it out. Scope, opening and redaction are those of any read, under a
//! context that holds the grant and nothing else.

use std::{pin::Pin, sync::Arc};

use kefu_access::{AccessContext, ClassSet, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::access::{
    ReadFilesRequest, ReadFilesResponse,
    file_export_service_server::{FileExportService, FileExportServiceServer},
};
use prost::Message;
use sqlx::{Postgres, QueryBuilder};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    call::{self, Call},
    error::{Fault, Violation},
    fields::Fields,
    present::{Shown, Views},
    scope::RecordSpec,
    time::from_proto,
};

/// Records opened at once: what is in memory, and what is journaled together.
const BATCH: usize = 64;
/// Most files of a grant.
const MOST: usize = 500;

/// A record that is about to leave.
pub struct File {
    id: Uuid,
    record: Vec<u8>,
    shown: Shown,
}

impl File {
    /// The record of this key, disclosed, and what of it is shown. Records come in the
    /// order of their keys.
    pub fn new(id: Uuid, record: &impl Message, shown: Shown) -> Self {
        Self {
            id,
            record: record.encode_to_vec(),
            shown,
        }
    }
}

/// The records of a service, as grants read them.
#[tonic::async_trait]
pub trait Files: Clone + Send + Sync + 'static {
    /// Full name of the record's message: `kefu.profile.v1.Customer`.
    const TYPE: &'static str;
    /// Type of the journal entry of a view: `customer.viewed`.
    const VIEWED: &'static str;

    /// The first records of this [`page`] of a grant's call, opened as it clears them.
    async fn read(&self, call: &Call, query: QueryBuilder<Postgres>) -> Result<Vec<File>, Fault>;
}

/// Hands out a service's records to access-control.
pub struct FileExport<F> {
    files: F,
    record: &'static RecordSpec,
    views: Views,
}

impl<F: Files> FileExport<F> {
    /// The gRPC service over these records, each looked at as `record` says.
    pub fn server(
        files: F,
        record: &'static RecordSpec,
        views: Views,
    ) -> FileExportServiceServer<Self> {
        FileExportServiceServer::new(Self {
            files,
            record,
            views,
        })
    }
}

#[tonic::async_trait]
impl<F: Files> FileExportService for FileExport<F> {
    type ReadFilesStream = Pin<Box<dyn Stream<Item = Result<ReadFilesResponse, Status>> + Send>>;

    async fn read_files(
        &self,
        request: Request<ReadFilesRequest>,
    ) -> Result<Response<Self::ReadFilesStream>, Status> {
        let asked = call::of(&request)?;
        let language = asked.language;
        let call =
            granted(asked, request.into_inner()).map_err(|fault| fault.into_status(language))?;
        let (sender, receiver) = mpsc::channel(BATCH);
        let (files, record, views) = (self.files.clone(), self.record, self.views.clone());
        tokio::spawn(async move {
            if let Err(fault) = send_all(&files, record, &views, &call, &sender).await {
                // The reader has gone when this cannot be sent.
                let _ = sender.send(Err(fault.into_status(language))).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

async fn send_all<F: Files>(
    files: &F,
    record: &RecordSpec,
    views: &Views,
    call: &Call,
    sender: &mpsc::Sender<Result<ReadFilesResponse, Status>>,
) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let batch = files.read(call, page(record, call, after)).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let shown: Vec<Shown> = batch.iter().map(|file| file.shown.clone()).collect();
        views.record(call, F::VIEWED, &shown).await?;
        for file in batch {
            let response = ReadFilesResponse {
                r#type: F::TYPE.to_owned(),
                name: file.shown.resource,
                record: file.record,
            };
            if sender.send(Ok(response)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Records within the call's scope after this one, in the order of their keys.
fn page(record: &RecordSpec, call: &Call, after: Option<Uuid>) -> QueryBuilder<Postgres> {
    let mut query = record.select(call);
    if let Some(after) = after {
        query.push(format_args!(" AND {} > ", record.id));
        query.push_bind(after);
    }
    query.push(format_args!(" ORDER BY {} LIMIT {BATCH}", record.id));
    query
}

/// The call as its receiver's, by the grant alone.
fn granted(call: Call, request: ReadFilesRequest) -> Result<Call, Fault> {
    let mut fields = Fields::new();
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    let grant = id(&request.grant_id);
    fields.ensure(grant.is_some(), "grant_id", Violation::Uuid);
    let receiver = id(&request.receiver_id);
    fields.ensure(receiver.is_some(), "receiver_id", Violation::Uuid);
    let count = request.customer_ids.len();
    fields.ensure(count > 0, "customer_ids", Violation::Required);
    fields.ensure(count <= MOST, "customer_ids", Violation::TooMany(MOST));
    let customers: Option<Vec<Uuid>> = request.customer_ids.iter().map(|one| id(one)).collect();
    fields.ensure(customers.is_some(), "customer_ids", Violation::Uuid);
    let until = request.until.as_ref().and_then(from_proto);
    fields.ensure(
        until.is_some_and(|until| call.now < until),
        "until",
        Violation::Time,
    );
    let purpose = fields.required_enum("purpose", request.purpose);
    fields.finish()?;
    let lost = || Fault::internal("a violation was lost");
    let receiver = receiver.ok_or_else(lost)?;
    let purpose = purpose.ok_or_else(lost)?;
    let rule = Rule {
        scope: Scope::Customers(customers.ok_or_else(lost)?).shared_for(purpose),
        classes: ClassSet::from_numbers(&request.classes),
        source: format!("grant:{}", grant.ok_or_else(lost)?),
        expires_at: until,
    };
    let context = AccessContext {
        subject: Subject {
            id: receiver,
            kind: SubjectKind::Employee,
            departments: Vec::new(),
        },
        purpose,
        rules: vec![rule],
        ..call.context.as_ref().clone()
    };
    Ok(Call {
        context: Arc::new(context),
        id: request.request_id,
        ..call
    })
}
