//! `kefu.profile.v1.CertificateService`: what is left of files that were destroyed (CF-10.2).

use kefu_contracts::profile::{
    Certificate, GetCertificateRequest, ListCertificatesRequest, ListCertificatesResponse,
    LookupTombstoneRequest, Tombstone, certificate_service_server::CertificateService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, One, asked},
    scope::{After, Order},
};
use tonic::{Request, Response, Status};

use super::retentions::shown;
use crate::store::certificates::{CERTIFICATES, StoredCertificate, TOMBSTONES, tombstone};

const VIEWED: &str = "certificate.viewed";

const ONE: One<StoredCertificate> = One {
    record: &CERTIFICATES,
    collection: "certificates",
    read: StoredCertificate::read,
    viewed: VIEWED,
    refused: "certificate.refused",
};

const LIST: ListSpec<StoredCertificate> = ListSpec {
    record: &CERTIFICATES,
    time: "issue_time",
    order: Order {
        column: "t.issued_at",
        descending: true,
    },
    read: StoredCertificate::read,
    place: |row| After {
        at: row.issued_at,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Certificates(pub(crate) Core);

impl Certificates {
    /// Clause CF-10.2.
    async fn get(
        &self,
        call: Call,
        request: GetCertificateRequest,
    ) -> Result<Answer<Certificate>, Fault> {
        let reader = &call;
        ONE.show(&self.0, &call, &request.name, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, None, row.matched);
                Ok((row.message, shown))
            })
        })
        .await
    }

    /// Clause CF-10.2.
    async fn list(
        &self,
        call: Call,
        request: ListCertificatesRequest,
    ) -> Result<Answer<ListCertificatesResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.0, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, None, row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListCertificatesResponse {
            certificates: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clauses CF-4.3, CF-10.2.
    async fn lookup(
        &self,
        call: Call,
        request: LookupTombstoneRequest,
    ) -> Result<Answer<Tombstone>, Fault> {
        let mut fields = Fields::new();
        fields.required_text("file_number", &request.file_number, 32);
        fields.finish()?;
        let mut query = TOMBSTONES.select(&call);
        query
            .push(" AND c.id = (SELECT customer_id FROM profile.file_number WHERE number = ")
            .push_bind(request.file_number)
            .push(")");
        let db = &self.0.deps.db;
        let row = db.row(query).await?;
        let views = &self.0.views;
        let Some((id, tombstone, matched)) = row.as_ref().map(tombstone).transpose()? else {
            let fault = Fault::not_found("");
            return Err(views.refuse(&call, "tombstone.refused", "", fault).await);
        };
        let shown = shown(&call, &tombstone.customer, Some(id), matched);
        views.record(&call, "tombstone.viewed", &[shown]).await?;
        Ok(Answer::read(tombstone))
    }
}

#[tonic::async_trait]
impl CertificateService for Certificates {
    async fn get_certificate(
        &self,
        request: Request<GetCertificateRequest>,
    ) -> Result<Response<Certificate>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_certificates(
        &self,
        request: Request<ListCertificatesRequest>,
    ) -> Result<Response<ListCertificatesResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn lookup_tombstone(
        &self,
        request: Request<LookupTombstoneRequest>,
    ) -> Result<Response<Tombstone>, Status> {
        answer(request, |call, body| self.lookup(call, body)).await
    }
}
