//! The policy as gateways are told it: whole, or what changed after a revision.
//! Read in one snapshot of the database, so that it is the policy of exactly the
//! revision it names.

use jiff::Timestamp;
use kefu_service::{database::Db, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    binding::{self, Which},
    changes::{self, Record},
    department, employee,
    role::{self, StoredRole},
    share::{self, StoredShare},
};
use crate::domain::{
    binding::Binding,
    register::{Department, Employee},
};

/// The policy at a revision, or a part of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub(crate) revision: i64,
    pub(crate) departments: Vec<Department>,
    pub(crate) employees: Vec<Employee>,
    pub(crate) roles: Vec<StoredRole>,
    /// None of them revoked.
    pub(crate) bindings: Vec<Binding>,
    pub(crate) revoked: Vec<Uuid>,
    pub(crate) grants: Vec<StoredShare>,
    /// Grants that no longer stand, for another reason than that their time is over.
    pub(crate) taken_back: Vec<Uuid>,
}

/// The whole policy.
pub(crate) async fn whole(db: &Db, now: Timestamp) -> Result<Policy, Fault> {
    db.snapshot(move |connection| {
        Box::pin(async move {
            Ok(Policy {
                revision: changes::revision(connection).await?,
                departments: department::list(connection, None).await?,
                employees: employee::list(connection, None).await?,
                roles: role::list(connection, None).await?,
                bindings: binding::list(connection, Which::Unrevoked).await?,
                revoked: Vec::new(),
                grants: share::granted(connection, None, now).await?,
                taken_back: Vec::new(),
            })
        })
    })
    .await
}

/// What changed after a revision, as it is now; nothing but the revision when
/// nothing did.
pub(crate) async fn since(db: &Db, held: i64, now: Timestamp) -> Result<Policy, Fault> {
    // Mostly nothing has: one statement tells.
    let revision = db
        .run(|connection| Box::pin(changes::revision(connection)))
        .await?;
    if revision == held {
        return Ok(Policy {
            revision,
            ..Policy::default()
        });
    }
    db.snapshot(move |connection| {
        Box::pin(async move {
            let revision = changes::revision(connection).await?;
            let changed = changes::since(connection, held).await?;
            Ok(Policy {
                revision,
                ..read(connection, changed, now).await?
            })
        })
    })
    .await
}

async fn read(
    connection: &mut PgConnection,
    changed: Vec<Record>,
    now: Timestamp,
) -> Result<Policy, Fault> {
    let (mut departments, mut employees, mut roles) = (vec![], vec![], vec![]);
    let (mut bindings, mut shares) = (vec![], vec![]);
    for record in changed {
        match record {
            Record::Department(id) => departments.push(id),
            Record::Employee(id) => employees.push(id),
            Record::Role(id) => roles.push(id),
            Record::Binding(id) => bindings.push(id),
            Record::Grant(id) => shares.push(id),
            // Gateways decide without these.
            Record::Delegation(_)
            | Record::Transfer(_)
            | Record::Qualification(_)
            | Record::Device(_) => {}
        }
    }
    let bindings = binding::list(connection, Which::These(&bindings)).await?;
    let (revoked, standing) = bindings
        .into_iter()
        .partition(|binding| binding.revoked_at.is_some());
    let revoked: Vec<Binding> = revoked;
    let grants = share::granted(connection, Some(&shares), now).await?;
    shares.retain(|id| grants.iter().all(|grant| grant.approval.id != *id));
    Ok(Policy {
        revision: 0,
        departments: department::list(connection, Some(&departments)).await?,
        employees: employee::list(connection, Some(&employees)).await?,
        roles: role::list(connection, Some(&roles)).await?,
        bindings: standing,
        revoked: revoked.into_iter().map(|binding| binding.id).collect(),
        grants,
        taken_back: shares,
    })
}
