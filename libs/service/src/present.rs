//! The last step of every answer that shows records: what is not cleared goes,
//! what was held back is said, and what is shown is in the journal before it
//! leaves (promises 3 and 5).

use kefu_access::Clearance;
use kefu_contracts::{
    Account, Resource,
    common::Reason,
    journal::{EntryKind, Refused, Viewed, event},
    policy::Disclosure,
    redact::Path,
};
use kefu_journal::{Cursor, Entry, ViewWriter};
use uuid::Uuid;

use crate::{
    call::Call,
    error::{Fault, reason_name},
    time,
};

/// Takes from a record what is not cleared and says so in it. `account` tells
/// what was already held back when the record was opened.
pub fn disclose<R: Resource>(record: &mut R, clearance: &Clearance, mut account: Account) {
    record.redact(clearance.classes, &Path::ROOT, &mut account);
    *record.disclosure_mut() = Some(Disclosure {
        cleared: clearance.classes.to_numbers(),
        masked_fields: account.masked,
        omitted_fields: account.omitted,
        sources: clearance.sources.clone(),
        cleared_until: clearance.until.map(time::to_proto),
    });
}

/// One record that is about to be shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Resource name.
    pub resource: String,
    /// Whose it is.
    pub customer_id: Option<Uuid>,
    /// What of it is shown.
    pub clearance: Clearance,
}

impl Shown {
    /// Something of the company's own, which says nothing of a customer.
    pub fn of_company(resource: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            customer_id: None,
            clearance: Clearance::default(),
        }
    }

    /// Something of a customer.
    pub fn of_customer(resource: impl Into<String>, customer: Uuid, clearance: Clearance) -> Self {
        Self {
            resource: resource.into(),
            customer_id: Some(customer),
            clearance,
        }
    }
}

/// Journals what is shown; shared by all calls of a service.
#[derive(Clone)]
pub struct Views {
    writer: ViewWriter,
}

impl Views {
    /// Through this writer.
    pub fn new(writer: ViewWriter) -> Self {
        Self { writer }
    }

    /// Journals records about to be shown: an entry for each, and one for an
    /// answer that shows none. `kind` names them: `customer.viewed`.
    ///
    /// # Errors
    /// When they could not be journaled; the answer must then not leave.
    pub async fn record(
        &self,
        call: &Call,
        kind: &'static str,
        shown: &[Shown],
    ) -> Result<Cursor, Fault> {
        let count = i32::try_from(shown.len()).unwrap_or(i32::MAX);
        let nothing = Shown {
            resource: String::new(),
            customer_id: None,
            clearance: Clearance::default(),
        };
        let all = if shown.is_empty() {
            std::slice::from_ref(&nothing)
        } else {
            shown
        };
        let entries = all
            .iter()
            .map(|one| {
                let viewed = Viewed {
                    method: call.method.path.to_owned(),
                    cleared: one.clearance.classes.to_numbers(),
                    sources: one.clearance.sources.clone(),
                    policy_revision: call.context.policy_revision,
                    shown_count: count,
                };
                entry(
                    call,
                    EntryKind::View,
                    kind,
                    one.resource.clone(),
                    one.customer_id,
                    event::Event::Viewed(viewed),
                )
            })
            .collect();
        Ok(self.writer.write(entries).await?)
    }

    /// What came of a call; that a record was meant which the caller may not know of is
    /// journaled.
    ///
    /// # Errors
    /// The call's own, or the journal's.
    pub async fn or_refused<T>(
        &self,
        call: &Call,
        kind: &'static str,
        resource: &str,
        outcome: Result<T, Fault>,
    ) -> Result<T, Fault> {
        let unseen = [Reason::NotFoundOrOutOfScope];
        self.noting(call, kind, resource, &unseen, outcome).await
    }

    /// The same also where the caller knows of the record, and may not do that to it.
    ///
    /// # Errors
    /// The call's own, or the journal's.
    pub async fn or_not_allowed<T>(
        &self,
        call: &Call,
        kind: &'static str,
        resource: &str,
        outcome: Result<T, Fault>,
    ) -> Result<T, Fault> {
        let refused = [
            Reason::NotFoundOrOutOfScope,
            Reason::PermissionMissing,
            Reason::SecondPersonRequired,
        ];
        self.noting(call, kind, resource, &refused, outcome).await
    }

    async fn noting<T>(
        &self,
        call: &Call,
        kind: &'static str,
        resource: &str,
        reasons: &[Reason],
        outcome: Result<T, Fault>,
    ) -> Result<T, Fault> {
        match outcome {
            Err(fault) if reasons.contains(&fault.reason) => {
                Err(self.refuse(call, kind, resource, fault).await)
            }
            outcome => outcome,
        }
    }

    /// Journals that a record was asked for and not shown, and hands the fault on.
    pub async fn refuse(
        &self,
        call: &Call,
        kind: &'static str,
        resource: &str,
        fault: Fault,
    ) -> Fault {
        let refused = Refused {
            method: call.method.path.to_owned(),
            permission: call.method.permission.to_owned(),
            reason: reason_name(fault.reason).to_owned(),
            policy_revision: call.context.policy_revision,
            repeated_count: 0,
        };
        let entry = entry(
            call,
            EntryKind::Refusal,
            kind,
            resource.to_owned(),
            None,
            event::Event::Refused(refused),
        );
        match self.writer.write(vec![entry]).await {
            Ok(_) => fault,
            Err(error) => error.into(),
        }
    }
}

/// An entry of this call.
pub fn entry(
    call: &Call,
    kind: EntryKind,
    r#type: &'static str,
    resource: String,
    customer_id: Option<Uuid>,
    event: event::Event,
) -> Entry {
    Entry {
        recorded_at: call.now,
        actor_id: Some(call.context.subject.id),
        purpose: call.context.purpose,
        request_id: call.id.clone(),
        kind,
        resource,
        customer_id,
        r#type,
        event,
    }
}
