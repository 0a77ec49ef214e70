//! From a stored row to what the caller may see of it.

use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    ClassSet, Resource,
    common::Reason,
    journal::{CustomerChanged, DraftAct, DraftChanged, EntryKind, event},
    profile::{Customer, CustomerAct},
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::Fault,
    present::{Shown, disclose, entry},
};
use uuid::Uuid;

use super::Customers;
use crate::{
    domain::region::division,
    store::records::{StoredCustomer, is_about_drafts},
};

impl Customers {
    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(
        &self,
        call: &Call,
        row: &StoredCustomer,
    ) -> Result<(Customer, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Customer>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut customer = row.with_columns(opened);
        disclose(&mut customer, &clearance, account);
        let shown = shown(&customer, row.id, clearance);
        Ok((customer, shown))
    }

    /// Opens a row whole, for rules and for sealing again; never for an answer.
    pub(super) async fn open_whole(&self, row: &StoredCustomer) -> Result<Customer, Fault> {
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let everything = ClassSet::of(Customer::CLASSES);
        let (opened, _) = self
            .sealer
            .open::<Customer>(&key, row.id, &row.sealed, everything)?;
        Ok(row.with_columns(opened))
    }
}

/// A record about to be shown.
pub(super) fn shown(customer: &Customer, id: Uuid, clearance: Clearance) -> Shown {
    Shown {
        resource: customer.name.clone(),
        customer_id: Some(id),
        clearance,
    }
}

/// What one may not see one may neither enter nor overwrite.
///
/// # Errors
/// PERMISSION_MISSING with the classes that are not cleared.
pub(super) fn ensure_cleared(classes: ClassSet, clearance: &Clearance) -> Result<(), Fault> {
    let hidden = classes.without(clearance.classes);
    if hidden.is_empty() {
        return Ok(());
    }
    let classes: Vec<_> = hidden.iter().map(|class| class.as_str_name()).collect();
    Err(Fault::new(Reason::PermissionMissing).with("classes", classes.join(",")))
}

/// What the rules look at in a file that is not in the database yet.
pub(super) fn facts(id: Uuid, department: Uuid, owner: Option<Uuid>) -> RowFacts {
    RowFacts {
        department: Some(department),
        owner,
        customer: Some(id),
        duty: Vec::new(),
        consents: Vec::new(),
    }
}

/// The facts of a change, for the journal: of a file, or of what is none yet, which no
/// other service has to know.
pub(super) fn changed(call: &Call, customer: &Customer, act: CustomerAct, done: &Done) -> Entry {
    let customer_id = done.id.as_bytes().to_vec();
    let department_id = done.department.as_bytes().to_vec();
    let is_draft = is_about_drafts(call) && act != CustomerAct::Submitted;
    let event = if is_draft {
        event::Event::DraftChanged(DraftChanged {
            customer_id,
            act: match act {
                CustomerAct::Entered => DraftAct::Entered,
                CustomerAct::Withdrawn => DraftAct::Withdrawn,
                _ => DraftAct::Changed,
            } as i32,
            intake_channel: customer.intake_channel,
            department_id,
            entry_due_at: customer.entry_due_time,
            changed_fields: done.paths.clone(),
            revision: done.revision,
        })
    } else {
        event::Event::CustomerChanged(CustomerChanged {
            customer_id,
            r#type: customer.r#type,
            state: customer.state,
            department_id,
            owner_id: done
                .owner
                .map(|id| id.as_bytes().to_vec())
                .unwrap_or_default(),
            changed_fields: done.paths.clone(),
            revision: done.revision,
            tier: customer.tier,
            region: division(&customer.region).unwrap_or_default(),
        })
    };
    let name = customer.name.clone();
    entry(
        call,
        EntryKind::Change,
        done.kind,
        name,
        Some(done.id),
        event,
    )
}

/// What was done, for the journal.
pub(super) struct Done {
    pub(super) id: Uuid,
    pub(super) department: Uuid,
    pub(super) owner: Option<Uuid>,
    pub(super) paths: Vec<String>,
    pub(super) revision: i64,
    /// `customer.updated`
    pub(super) kind: &'static str,
}
