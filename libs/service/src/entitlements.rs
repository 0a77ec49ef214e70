//! Whether others may see a record and work on it, asked of access-control by the service
//! that owns the record, before somebody puts them to work on it.

use kefu_access::{Purpose, RowFacts};
use kefu_contracts::access::{
    CheckEntitlementsRequest, entitlement_service_client::EntitlementServiceClient,
};
use uuid::Uuid;

use crate::{
    error::{Fault, Violation},
    facts,
    fields::Fields,
    peer::PeerService,
};

/// A question.
pub struct Asked<'a> {
    /// About whom; at most 100.
    pub subjects: &'a [Uuid],
    /// `ticket.tickets.get`; all of them.
    pub permissions: &'a [&'a str],
    /// For any of these; none: for any that there is.
    pub purposes: &'a [Purpose],
    /// The record; consents are not looked at.
    pub row: RowFacts,
    /// As if it were theirs, and they had duty on it.
    pub as_theirs: bool,
}

/// Asks; of each subject, in their order, what is wrong with them.
///
/// # Errors
/// When access-control cannot be reached, or does not answer as it should.
pub async fn ask(peer: PeerService, asked: &Asked<'_>) -> Result<Vec<Option<Violation>>, Fault> {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let optional = |id: Option<Uuid>| id.map(bytes).unwrap_or_default();
    let request = CheckEntitlementsRequest {
        subject_ids: asked.subjects.iter().copied().map(bytes).collect(),
        permissions: asked
            .permissions
            .iter()
            .map(|one| (*one).to_owned())
            .collect(),
        purposes: asked.purposes.iter().map(|one| *one as i32).collect(),
        department_id: optional(asked.row.department),
        owner_id: optional(asked.row.owner),
        customer_id: optional(asked.row.customer),
        as_theirs: asked.as_theirs,
        duty_subject_ids: asked.row.duty.iter().copied().map(bytes).collect(),
    };
    let mut client = EntitlementServiceClient::new(peer);
    let answer = client.check_entitlements(request).await;
    let answer = answer.map_err(|status| facts::fault(&status))?.into_inner();
    if answer.entitlements.len() != asked.subjects.len() {
        return Err(Fault::internal(
            "entitlements of others than were asked about",
        ));
    }
    let found = answer.entitlements.into_iter();
    let wrong = found.map(|one| match (one.known, one.entitled) {
        (false, _) => Some(Violation::Unknown),
        (true, false) => Some(Violation::NotEntitled),
        (true, true) => None,
    });
    Ok(wrong.collect())
}

/// Refuses, in this field, those who may not.
///
/// # Errors
/// As [`ask`], and what is wrong with each of them.
pub async fn ensure(peer: PeerService, asked: &Asked<'_>, field: &str) -> Result<(), Fault> {
    let mut fields = Fields::new();
    for wrong in ask(peer, asked).await?.into_iter().flatten() {
        fields.refuse(field, wrong);
    }
    fields.finish()
}
