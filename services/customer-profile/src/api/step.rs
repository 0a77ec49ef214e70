//! What is done to a file that is there: one way for changes, for the review and for
//! putting an earlier revision back.

use kefu_access::Clearance;
use kefu_contracts::{
    ClassSet, Resource,
    access::SubjectKind,
    common::Reason,
    profile::{Customer, CustomerAct, CustomerState, ReturnReason},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::Claim,
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Customers,
    outcome::Outcome,
    present::{Done, changed},
    write::Written,
};
use crate::{
    domain::{
        change::Change,
        file_number::prefix,
        state::{self, Step},
    },
    store::{
        customers::{self, Standing},
        file_numbers, phones,
        records::{StoredCustomer, is_about_drafts, view},
        revisions,
    },
};

/// A step that can be read; whether it may be taken is told by the file.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    /// Resource name, as it was given.
    pub(super) name: String,
    /// Of the file it was decided upon.
    pub(super) revision: i64,
    pub(super) deed: Deed,
    pub(super) claim: Option<Claim>,
}

/// What is done.
#[derive(Clone)]
pub(super) enum Deed {
    Update {
        change: Change,
        values: Box<Customer>,
        reason: String,
    },
    Submit,
    Return(Vec<ReturnReason>),
    Approve,
    Withdraw(String),
    Restore {
        revision: i64,
        reason: String,
    },
}

impl Deed {
    fn step(&self) -> Step {
        match self {
            Self::Update { .. } | Self::Restore { .. } => Step::Update,
            Self::Submit => Step::Submit,
            Self::Return(_) => Step::Return,
            Self::Approve => Step::Approve,
            Self::Withdraw(_) => Step::Withdraw,
        }
    }

    /// As revisions and as the journal name it.
    fn names(&self, of_draft: bool) -> (CustomerAct, &'static str) {
        match self {
            Self::Update { .. } if of_draft => (CustomerAct::Changed, "draft.updated"),
            Self::Withdraw(_) if of_draft => (CustomerAct::Withdrawn, "draft.withdrawn"),
            Self::Update { .. } => (CustomerAct::Changed, "customer.updated"),
            Self::Submit => (CustomerAct::Submitted, "customer.submitted"),
            Self::Return(_) => (CustomerAct::Returned, "customer.returned"),
            Self::Approve => (CustomerAct::Approved, "customer.approved"),
            Self::Withdraw(_) => (CustomerAct::Withdrawn, "customer.withdrawn"),
            Self::Restore { .. } => (CustomerAct::Restored, "customer.restored"),
        }
    }
}

impl Customers {
    /// Takes the step. That a file was meant which the caller may not know of is journaled.
    pub(super) async fn step(&self, call: Call, wanted: Wanted) -> Result<Answer<Customer>, Fault> {
        let resource = wanted.name.clone();
        let revision_id = self.core.deps.ids.next()?;
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.take(connection, &call, &wanted, revision_id).await })
            })
            .await;
        match outcome {
            Ok(outcome) => self.answer(&call, outcome).await,
            Err(fault) if fault.reason == Reason::NotFoundOrOutOfScope => Err(self
                .core
                .views
                .refuse(&call, "customer.refused", &resource, fault)
                .await),
            Err(fault) => Err(fault),
        }
    }

    async fn take(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        revision_id: Uuid,
    ) -> Result<Outcome, Fault> {
        if let Some(outcome) = self.replay(connection, call, wanted.claim.as_ref()).await? {
            return Ok(outcome);
        }
        let mut query = view(call).get(call, wanted.id);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let row = StoredCustomer::read(&row)?;
        let clearance = call.context.clearance(row.matched, call.now);
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let next = state::after(row.state(), wanted.deed.step())?;
        if matches!(wanted.deed, Deed::Return(_) | Deed::Approve) {
            self.be_another(connection, call, row.id).await?;
        }
        let before = self.open_whole(&row).await?;
        let mut customer = before.clone();
        let change = self
            .apply(
                connection,
                call,
                &row,
                &clearance,
                &wanted.deed,
                &mut customer,
            )
            .await?;
        customer.state = next as i32;
        let paths = match &wanted.deed {
            Deed::Return(reasons) => reasons.iter().map(|one| one.field.clone()).collect(),
            _ => change.paths(),
        };
        let owner = self.check(call, &row, &wanted.deed, &mut customer)?;
        self.number(connection, call, &before, &mut customer, row.id)
            .await?;
        customer.etag = etag(row.revision + 1);
        customer.update_time = Some(time::to_proto(call.now));
        // What was bought is no part of the file's own data.
        let purchases = customer.purchases.take();
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let sealed = self.sealer.seal(&key, row.id, &customer)?;
        customer.purchases = purchases;
        let standing = Standing::of(&customer, owner, &sealed);
        customers::update(connection, row.id, row.revision, &standing, call.now).await?;
        if change.names("phones") {
            phones::replace(connection, row.id, &self.blinds(&customer)).await?;
        }
        let (act, kind) = wanted.deed.names(is_about_drafts(call));
        let done = Done {
            id: row.id,
            department: row.department_id,
            owner,
            paths,
            revision: row.revision + 1,
            kind,
        };
        let written = Written {
            act,
            revision_id,
            standing: &standing,
            entry: changed(call, &customer, act, &done),
            done,
            claim: wanted.claim.as_ref(),
        };
        let position = self
            .write_down(connection, call, &key, &customer, written)
            .await?;
        Ok(Outcome {
            customer,
            clearance,
            position,
            replayed: false,
        })
    }

    /// Clause CF-3.3: nobody reviews what they had a hand in.
    async fn be_another(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        customer: Uuid,
    ) -> Result<(), Fault> {
        if revisions::had_a_hand(connection, customer, call.context.subject.id).await? {
            return Err(Fault::new(Reason::NotTheCallersTurn)
                .with("rule", "who entered or changed a file does not review it"));
        }
        Ok(())
    }

    /// Does to the file what is wanted; tells which of its data changed.
    async fn apply(
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
        let hidden = change.classes().without(clearance.classes);
        if !hidden.is_empty() {
            let classes: Vec<_> = hidden.iter().map(|class| class.as_str_name()).collect();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", classes.join(",")));
        }
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
    fn check(
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
    async fn number(
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
