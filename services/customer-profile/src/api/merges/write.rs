//! Files are locked for a merge and written by it, each with its revision.

use kefu_contracts::profile::{Customer, CustomerAct, CustomerState};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{name, parse_name},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Pair;
use crate::{
    api::Customers,
    domain::change::Change,
    store::{
        customers::{self, Standing},
        keys::{self, Marks},
        records::{FILES, StoredCustomer},
        revisions::{self, NewRevision},
    },
};

impl Customers {
    /// Puts a locked file as it shall be, and keeps the change.
    pub(super) async fn put_file(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredCustomer,
        mut customer: Customer,
        (act, revision_id): (CustomerAct, Uuid),
    ) -> Result<Vec<String>, Fault> {
        let before = self.open_whole(row).await?;
        let change = Change::between(&before, &customer);
        // What was bought is no part of the file's own data.
        customer.purchases = None;
        let key = self.sealer.open_key(row.id, &row.wrapped).await?;
        let sealed = self.sealer.seal(&key, row.id, &customer)?;
        let owner = parse_name(&customer.owner, "employees");
        let standing = Standing::of(&customer, owner, &sealed);
        let index = self.sealer.vault().index_key();
        let (id, marks) = (row.id, Marks::of(index, &customer));
        customers::update(connection, id, row.revision, &standing, &marks, call.now).await?;
        keys::replace(connection, id, &keys::of(index, &customer)).await?;
        let changed = change.paths();
        let revision = NewRevision {
            id: revision_id,
            customer_id: id,
            revision: row.revision + 1,
            act,
            actor_id: Some(call.context.subject.id),
            actor_is_system: false,
            changed: &changed,
            tier: customer.tier,
            standing: &standing,
            now: call.now,
        };
        revisions::insert(connection, &revision).await?;
        Ok(changed)
    }

    /// Keeps that a locked file became part of another, or is by itself again; its data is as
    /// it was.
    pub(super) async fn keep_step(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredCustomer,
        state: CustomerState,
        (act, revision_id): (CustomerAct, Uuid),
    ) -> Result<(), Fault> {
        let file = row.with_columns(Customer::default());
        let owner = parse_name(&file.owner, "employees");
        let mut standing = Standing::of(&file, owner, &row.sealed);
        standing.state = state;
        let revision = NewRevision {
            id: revision_id,
            customer_id: row.id,
            revision: row.revision + 1,
            act,
            actor_id: Some(call.context.subject.id),
            actor_is_system: false,
            changed: &[],
            tier: file.tier,
            standing: &standing,
            now: call.now,
        };
        revisions::insert(connection, &revision).await
    }

    /// The files of this population, locked one after the other in one order; each has to be
    /// within reach.
    pub(super) async fn lock_file(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        record: &RecordSpec,
        id: Uuid,
    ) -> Result<StoredCustomer, Fault> {
        let mut query = record.get(call, id);
        query.push(" FOR UPDATE OF c");
        let row = query.build().fetch_optional(connection).await?;
        let row = row.ok_or_else(|| Fault::not_found(&name("customers", id)))?;
        StoredCustomer::read(&row)
    }

    pub(super) async fn lock_pair(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        (survivor, absorbed): (Uuid, Uuid),
    ) -> Result<Pair, Fault> {
        let first = survivor.min(absorbed);
        let one = self.lock_file(connection, call, &FILES, first).await?;
        let other = self
            .lock_file(connection, call, &FILES, survivor.max(absorbed))
            .await?;
        let (survivor, absorbed) = if first == survivor {
            (one, other)
        } else {
            (other, one)
        };
        Ok(Pair::of(call, survivor, absorbed))
    }
}
