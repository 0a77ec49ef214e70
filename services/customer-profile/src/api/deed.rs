//! What a step does to the data of a file, and the checks of the file as it shall be.

use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet, Resource,
    access::SubjectKind,
    profile::{Customer, CustomerState},
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::{Fields, name},
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Customers, present::ensure_cleared, step::Deed};
use crate::{
    domain::{change::Change, file_number::prefix},
    store::{file_numbers, records::StoredCustomer, revisions},
};

impl Customers {
    /// Does to the file what is wanted; tells which of its data changed.
    pub(super) async fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredCustomer,
        clearance: &Clearance,
        deed: &Deed,
        customer: &mut Customer,
    ) -> Result<Change, Fault> {
        customer.change_reason.clear();
        let (change, values, reason) = match deed {
            Deed::Update {
                change,
                values,
                reason,
            } => {
                if row.state() == CustomerState::Archived && reason.trim().is_empty() {
                    return Err(required("reason"));
                }
                (change.clone(), values.as_ref().clone(), reason)
            }
            Deed::Restore { revision, reason } => {
                let earlier = self.earlier(connection, row, *revision).await?;
                let change = Change::between(customer, &earlier);
                if change.is_empty() {
                    let same = ("revision".to_owned(), Violation::NotApplicable);
                    return Err(Fault::fields(vec![same]));
                }
                (change, earlier, reason)
            }
            Deed::Submit => {
                customer.return_reasons.clear();
                if customer.entered_time.is_none() {
                    customer.entered_time = Some(time::to_proto(call.now));
                }
                let subject = &call.context.subject;
                if customer.owner.is_empty() && subject.kind == SubjectKind::Employee {
                    customer.owner = name("employees", subject.id);
                }
                return Ok(Change::default());
            }
            Deed::Return(reasons) => {
                customer.return_reasons.clone_from(reasons);
                return Ok(Change::default());
            }
            Deed::Approve => return Ok(Change::default()),
            Deed::Withdraw(reason) => {
                customer.change_reason.clone_from(reason);
                return Ok(Change::default());
            }
        };
        let classes = change.classes().union(change.held_against(customer));
        ensure_cleared(classes, clearance)?;
        change.apply(customer, &values);
        customer.change_reason.clone_from(reason);
        Ok(change)
    }

    /// The data of a revision.
    async fn earlier(
        &self,
        connection: &mut PgConnection,
        row: &StoredCustomer,
        revision: i64,
    ) -> Result<Customer, Fault> {
        let sealed = revisions::sealed(connection, row.id, revision).await?;
        let Some(sealed) = sealed else {
            let unknown = ("revision".to_owned(), Violation::Unknown);
            return Err(Fault::fields(vec![unknown]));
        };
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let everything = ClassSet::of(Customer::CLASSES);
        let (opened, _) = self
            .sealer
            .open::<Customer>(&key, row.id, &sealed, everything)?;
        Ok(opened)
    }

    /// Checks the file as it shall be, whole; tells whose it is. What its channel asks for
    /// has to be there from when it is submitted (CF-3.2).
    pub(super) fn check(
        &self,
        call: &Call,
        row: &StoredCustomer,
        deed: &Deed,
        customer: &mut Customer,
    ) -> Result<Option<Uuid>, Fault> {
        let mut fields = Fields::new();
        match deed {
            Deed::Update { .. } | Deed::Restore { .. } => {
                self.check_entry(&mut fields, call, customer);
                if row.state() != CustomerState::Draft {
                    self.intake.check(&mut fields, customer);
                }
                let line = &mut customer.business_line;
                if line.is_empty() {
                    line.clone_from(&self.business_line);
                }
            }
            Deed::Submit | Deed::Approve => self.intake.check(&mut fields, customer),
            Deed::Return(_) | Deed::Withdraw(_) => {}
        }
        let owner = fields.optional_name("customer.owner", &customer.owner, "employees");
        if row.state() == CustomerState::Draft && matches!(deed, Deed::Update { .. }) {
            let none = customer.owner.is_empty();
            fields.ensure(none, "customer.owner", Violation::NotApplicable);
        }
        fields.finish()?;
        Ok(owner)
    }

    /// Clause CF-4.3: a file gets its number when it becomes one, and another when its
    /// business changes.
    pub(super) async fn number(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        before: &Customer,
        customer: &mut Customer,
        id: Uuid,
    ) -> Result<(), Fault> {
        let is_file = !matches!(
            customer.state(),
            CustomerState::Draft | CustomerState::Withdrawn
        );
        let moved = before.business_line != customer.business_line;
        if is_file && (moved || customer.file_number.is_empty()) {
            let line = &customer.business_line;
            let series = prefix(customer.r#type(), customer.tier(), line);
            customer.file_number = file_numbers::issue(connection, &series, id, call.now).await?;
        }
        Ok(())
    }
}

fn required(field: &str) -> Fault {
    Fault::fields(vec![(field.to_owned(), Violation::Required)])
}
