//! `kefu.profile.v1.CustomerCopyService`: a copy of what is kept about a customer, for them.
//! Made in memory under the clearance of whoever makes it, and kept nowhere.

mod render;

use aws_lc_rs::digest::{SHA256, digest};
use kefu_access::ClassSet;
use kefu_contracts::{
    journal::{CustomerCopied, EntryKind, event},
    profile::{
        CopyForm, CustomerCopy, DataRequestState, MakeCustomerCopyRequest,
        MakeCustomerCopyResponse, TimelineEntry, customer_copy_service_server::CustomerCopyService,
    },
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::{Fields, name},
    present::{Shown, entry},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, postgres::PgRow};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Customers, consents::Consents, data_requests::DataRequests, timeline,
    verifications::Verifications,
};
use crate::store::{
    consents::{self, StoredConsent},
    data_requests::{self, StoredRequest},
    hanging::Hanging,
    records::{FILES, StoredCustomer},
    timeline::{StoredEntry, TIMELINE},
    verifications::{self, StoredVerification},
};

const REFUSED: &str = "customer_copy.refused";

/// Most records of a kind in a copy.
const MOST: usize = 1000;

/// The handlers of what a copy holds.
#[derive(Clone)]
pub(crate) struct Copies {
    pub(crate) customers: Customers,
    pub(crate) consents: Consents,
    pub(crate) verifications: Verifications,
    pub(crate) data_requests: DataRequests,
}

/// Everything of a customer in the caller's scope, still sealed.
struct Found {
    file: StoredCustomer,
    request: StoredRequest,
    consents: Vec<PgRow>,
    verifications: Vec<PgRow>,
    requests: Vec<PgRow>,
    history: Vec<PgRow>,
}

impl Copies {
    /// Clause IH-2.1.
    async fn make(
        &self,
        call: Call,
        request: MakeCustomerCopyRequest,
    ) -> Result<Answer<MakeCustomerCopyResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("data_request", &request.data_request, "data-requests");
        let form: Option<CopyForm> = fields.required_enum("form", request.form);
        fields.finish()?;
        let core = &self.customers.core;
        let (reading, id) = (call.clone(), id.unwrap_or_default());
        let found = core
            .deps
            .db
            .run(move |connection| {
                let call = reading.clone();
                Box::pin(async move { find(connection, &call, id).await })
            })
            .await;
        let found = core
            .views
            .or_refused(&call, REFUSED, &request.data_request, found)
            .await?;
        may_be_copied(&found.request)?;
        let customer = found.file.id;
        let (copy, shown) = self.open(&call, found).await?;
        let (content, media_type) = match form {
            Some(CopyForm::Html) => (render::html(&copy)?, "text/html; charset=utf-8"),
            _ => (render::json(&copy)?, "application/json"),
        };
        let mark = digest(&SHA256, content.as_bytes());
        core.views
            .record(&call, "customer_copy.viewed", &shown)
            .await?;
        let copied = CustomerCopied {
            data_request_id: id.as_bytes().to_vec(),
            customer_id: customer.as_bytes().to_vec(),
            form: request.form,
            sha256: mark.as_ref().to_vec(),
            record_count: i32::try_from(shown.len()).unwrap_or(i32::MAX),
            withheld_classes: copy.withheld_classes.clone(),
        };
        let position = self.note(&call, customer, id, copied).await?;
        let sha256 = mark
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let made = MakeCustomerCopyResponse {
            copy: Some(copy),
            content,
            media_type: media_type.to_owned(),
            sha256,
        };
        Ok(Answer::written(made, position))
    }

    /// Opens what the call's rules clear of what was found, and says how each is shown.
    async fn open(&self, call: &Call, found: Found) -> Result<(CustomerCopy, Vec<Shown>), Fault> {
        let (customer, file) = self.customers.open(call, &found.file).await?;
        let lists = [
            &found.consents,
            &found.verifications,
            &found.requests,
            &found.history,
        ];
        let mut copy = CustomerCopy {
            make_time: Some(to_proto(call.now)),
            customer: Some(customer),
            withheld_classes: ClassSet::PERSONAL
                .without(file.clearance.classes)
                .to_numbers(),
            cut_short: lists.iter().any(|list| list.len() > MOST),
            ..CustomerCopy::default()
        };
        let mut all_shown = vec![file];
        for row in found.consents.iter().take(MOST) {
            let row = StoredConsent::read(row)?;
            let (consent, shown) = self.consents.shelf.open(call, &row).await?;
            copy.consents.push(consent);
            all_shown.push(shown);
        }
        for row in found.verifications.iter().take(MOST) {
            let row = StoredVerification::read(row)?;
            let (verification, shown) = self.verifications.shelf.open(call, &row).await?;
            copy.verifications.push(verification);
            all_shown.push(shown);
        }
        for row in found.requests.iter().take(MOST) {
            let row = StoredRequest::read(row)?;
            let (request, shown) = self.data_requests.shelf.open(call, &row).await?;
            copy.data_requests.push(request);
            all_shown.push(shown);
        }
        for row in found.history.iter().take(MOST) {
            let (entry, shown) = timeline::entry(call, StoredEntry::read(row)?);
            copy.history.push(TimelineEntry {
                actor_id: String::new(),
                ..entry
            });
            all_shown.push(shown);
        }
        Ok((copy, all_shown))
    }

    /// Writes down that a copy was made for this request.
    async fn note(
        &self,
        call: &Call,
        customer: Uuid,
        request: Uuid,
        copied: CustomerCopied,
    ) -> Result<Cursor, Fault> {
        let entry = entry(
            call,
            EntryKind::Change,
            data_requests::COPIED,
            name("data-requests", request),
            Some(customer),
            event::Event::CustomerCopied(copied),
        );
        let db = &self.customers.core.deps.db;
        db.transaction(move |connection| {
            let entry = entry.clone();
            Box::pin(async move { Ok(kefu_journal::append(connection, &[entry]).await?) })
        })
        .await
    }
}

/// A copy answers an open request for one.
fn may_be_copied(request: &StoredRequest) -> Result<(), Fault> {
    if !request.asks_for_a_copy() {
        let other = ("data_request".to_owned(), Violation::NotApplicable);
        return Err(Fault::fields(vec![other]));
    }
    if request.state() != DataRequestState::Open {
        let state = request.state().as_str_name();
        return Err(
            Fault::state(state.trim_start_matches("DATA_REQUEST_STATE_"), "copy")
                .with("allowed", "OPEN"),
        );
    }
    Ok(())
}

async fn find(connection: &mut PgConnection, call: &Call, id: Uuid) -> Result<Found, Fault> {
    let unknown = || Fault::not_found(&name("data-requests", id));
    let mut query = data_requests::RECORD.get(call, id);
    let request = query.build().fetch_optional(&mut *connection).await?;
    let request = StoredRequest::read(&request.ok_or_else(unknown)?)?;
    let customer = request.kept.customer;
    let mut query = FILES.get(call, customer);
    let file = query.build().fetch_optional(&mut *connection).await?;
    let file = StoredCustomer::read(&file.ok_or_else(unknown)?)?;
    Ok(Found {
        file,
        request,
        consents: all(
            connection,
            call,
            &consents::RECORD,
            customer,
            "s.recorded_at",
        )
        .await?,
        verifications: all(
            connection,
            call,
            &verifications::RECORD,
            customer,
            "v.recorded_at",
        )
        .await?,
        requests: all(
            connection,
            call,
            &data_requests::RECORD,
            customer,
            "q.recorded_at",
        )
        .await?,
        history: all(connection, call, &TIMELINE, customer, "e.occurred_at").await?,
    })
}

/// The records of a customer, newest first; one more than a copy holds.
async fn all(
    connection: &mut PgConnection,
    call: &Call,
    record: &RecordSpec,
    customer: Uuid,
    time: &str,
) -> Result<Vec<PgRow>, Fault> {
    let mut query = record.select(call);
    query.push(" AND c.id = ").push_bind(customer);
    query.push(format_args!(
        " ORDER BY {time} DESC, {} DESC LIMIT {}",
        record.id,
        MOST + 1
    ));
    Ok(query.build().fetch_all(connection).await?)
}

#[tonic::async_trait]
impl CustomerCopyService for Copies {
    async fn make_customer_copy(
        &self,
        request: Request<MakeCustomerCopyRequest>,
    ) -> Result<Response<MakeCustomerCopyResponse>, Status> {
        answer(request, |call, body| self.make(call, body)).await
    }
}
