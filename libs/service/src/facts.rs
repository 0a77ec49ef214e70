//! What scopes look at in a record, and which records a rule selects, told to
//! access-control, which explains decisions and shares files without holding records. Both ends are here, and the facts are read through the
//! same columns and conditions that scopes are written with, so that an explanation
//! cannot see a record otherwise than a query does.

mod select;

use std::sync::Arc;

use kefu_access::{Purpose, RowFacts};
use kefu_contracts::{
    access::{
        GetRecordFactsRequest, GetRecordFactsResponse, SelectRecordsRequest, SelectRecordsResponse,
        record_facts_service_client::RecordFactsServiceClient,
        record_facts_service_server::{RecordFactsService, RecordFactsServiceServer},
    },
    common::Reason,
};
use kefu_vault::Vault;
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use tonic::{Code, Request, Response, Status, metadata::AsciiMetadataValue};
use uuid::Uuid;

use crate::{
    call::{Answer, POSITION, answer},
    core::Deps,
    database::Db,
    error::{Fault, Violation},
    fields::{Fields, parse_name},
    peer::PeerService,
    scope::RecordSpec,
};

pub use select::{Selected, select, select_after};

/// Most subjects asked about at once.
const MOST: usize = 100;

/// A kind of record whose facts a service tells.
pub struct FactsOf {
    /// `customers`
    pub collection: &'static str,
    /// Under which every look at them is taken.
    pub record: &'static RecordSpec,
    /// Comparison that holds for those a rule may select; absent: none may be.
    pub selectable: Option<&'static str>,
}

/// Tells the facts of a service's own records.
pub struct RecordFacts {
    db: Db,
    vault: Arc<Vault>,
    kinds: &'static [FactsOf],
}

impl RecordFacts {
    /// The gRPC service over these kinds of records.
    pub fn server(deps: &Deps, kinds: &'static [FactsOf]) -> RecordFactsServiceServer<Self> {
        let (db, vault) = (deps.db.clone(), deps.vault.clone());
        RecordFactsServiceServer::new(Self { db, vault, kinds })
    }

    async fn tell(
        &self,
        request: GetRecordFactsRequest,
    ) -> Result<Answer<GetRecordFactsResponse>, Fault> {
        let mut fields = Fields::new();
        let found = self
            .kinds
            .iter()
            .find_map(|kind| Some((kind, parse_name(&request.name, kind.collection)?)));
        fields.ensure(found.is_some(), "name", Violation::ResourceName);
        fields.ensure(
            request.subject_ids.len() <= MOST,
            "subject_ids",
            Violation::TooMany(MOST),
        );
        let subjects: Result<Vec<Uuid>, _> = request
            .subject_ids
            .iter()
            .map(|bytes| Uuid::from_slice(bytes))
            .collect();
        fields.ensure(subjects.is_ok(), "subject_ids", Violation::Uuid);
        fields.finish()?;
        let (Some((kind, id)), Ok(subjects)) = (found, subjects) else {
            return Err(Fault::internal("a violation was lost"));
        };
        let query = statement(kind.record, id, subjects);
        let row = self.db.row(query).await?;
        let row = row.ok_or_else(|| Fault::not_found(&request.name))?;
        Ok(Answer::read(read(&row)?))
    }
}

#[tonic::async_trait]
impl RecordFactsService for RecordFacts {
    async fn get_record_facts(
        &self,
        request: Request<GetRecordFactsRequest>,
    ) -> Result<Response<GetRecordFactsResponse>, Status> {
        answer(request, |_, message| self.tell(message)).await
    }

    async fn select_records(
        &self,
        request: Request<SelectRecordsRequest>,
    ) -> Result<Response<SelectRecordsResponse>, Status> {
        answer(request, |call, message| {
            select::answer(&self.db, self.vault.index_key(), self.kinds, call, message)
        })
        .await
    }
}

/// Every fact by the column or condition that scopes are written with.
fn statement(spec: &RecordSpec, id: Uuid, subjects: Vec<Uuid>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    let columns = [
        (spec.scope.department, "department"),
        (spec.scope.owner, "owner"),
        (spec.scope.customer, "customer"),
    ];
    for (column, name) in columns {
        let column = column.unwrap_or("NULL");
        query.push(format_args!("({column})::uuid AS {name}, "));
    }
    match spec.scope.duty {
        None => query.push("'{}'::uuid[]"),
        Some(duty) => query
            .push("ARRAY(SELECT asked.id FROM unnest(")
            .push_bind(subjects)
            .push("::uuid[]) AS asked(id) WHERE (")
            .push(duty.before)
            .push("asked.id")
            .push(duty.after)
            .push("))"),
    };
    query.push(" AS duty, ");
    match spec.scope.consent {
        None => query.push("'{}'::int4[]"),
        Some(consent) => query
            .push("ARRAY(SELECT stated.purpose FROM unnest(")
            .push_bind(purposes())
            .push("::int4[]) AS stated(purpose) WHERE (")
            .push(consent.before)
            .push("stated.purpose")
            .push(consent.after)
            .push("))"),
    };
    query
        .push(" AS consents FROM ")
        .push(spec.from)
        .push(" WHERE ")
        .push(spec.only)
        .push(if spec.only.is_empty() { "" } else { " AND " })
        .push(spec.id)
        .push(" = ")
        .push_bind(id);
    query
}

fn purposes() -> Vec<i32> {
    let known = (1..).map_while(|number| Purpose::try_from(number).ok());
    known.map(|purpose| purpose as i32).collect()
}

fn read(row: &PgRow) -> Result<GetRecordFactsResponse, Fault> {
    let id = |column| -> Result<Vec<u8>, Fault> {
        let id: Option<Uuid> = row.try_get(column)?;
        Ok(id.map(|id| id.as_bytes().to_vec()).unwrap_or_default())
    };
    let duty: Vec<Uuid> = row.try_get("duty")?;
    Ok(GetRecordFactsResponse {
        department_id: id("department")?,
        owner_id: id("owner")?,
        customer_id: id("customer")?,
        duty_subject_ids: duty.iter().map(|id| id.as_bytes().to_vec()).collect(),
        consents: row.try_get("consents")?,
    })
}

/// Asks the service that owns the record for its facts, of which duty is told of
/// these subjects alone; `None` when there is no such record. `places` are those
/// that the caller brought, so that facts are at least as new as what they wrote.
///
/// # Errors
/// When the service cannot be reached, or does not answer as it should.
pub async fn ask(
    owner: PeerService,
    name: &str,
    subjects: &[Uuid],
    places: &[AsciiMetadataValue],
) -> Result<Option<RowFacts>, Fault> {
    let mut request = Request::new(GetRecordFactsRequest {
        name: name.to_owned(),
        subject_ids: subjects.iter().map(|id| id.as_bytes().to_vec()).collect(),
    });
    for place in places {
        request.metadata_mut().append(POSITION, place.clone());
    }
    let mut client = RecordFactsServiceClient::new(owner);
    match client.get_record_facts(request).await {
        Ok(response) => Ok(Some(facts(response.into_inner())?)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(fault(&status)),
    }
}

fn facts(message: GetRecordFactsResponse) -> Result<RowFacts, Fault> {
    let strange = |_| Fault::internal("record facts with an id that is none");
    let optional = |bytes: &[u8]| match bytes {
        [] => Ok(None),
        bytes => Uuid::from_slice(bytes).map(Some).map_err(strange),
    };
    let duty = message.duty_subject_ids.iter();
    Ok(RowFacts {
        department: optional(&message.department_id)?,
        owner: optional(&message.owner_id)?,
        customer: optional(&message.customer_id)?,
        duty: duty
            .map(|bytes| Uuid::from_slice(bytes).map_err(strange))
            .collect::<Result<_, _>>()?,
        consents: message.consents().collect(),
    })
}

/// What it means here that the owner of the records did not answer as it should.
pub fn fault(status: &Status) -> Fault {
    tracing::warn!(code = ?status.code(), "record facts cannot be had");
    match status.code() {
        Code::Unavailable => {
            Fault::new(Reason::UpstreamUnavailable).retry_after(std::time::Duration::from_secs(1))
        }
        Code::DeadlineExceeded | Code::Cancelled => Fault::new(Reason::DeadlineExceeded),
        _ => Fault::internal("record facts cannot be had"),
    }
}
