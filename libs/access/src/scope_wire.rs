//! A scope as `kefu.access.v1.Scope`.

use kefu_contracts::{
    access::{self as wire, scope::Scope as Kind},
    policy::Purpose,
};
use uuid::Uuid;

use crate::{
    scope::Scope,
    wire::{WireError, uuids, uuids_to_wire},
};

/// How deep scopes may be nested: what decide builds needs four; more is an attack
/// on the stack or on the query planner.
const MAX_DEPTH: usize = 8;

impl Scope {
    /// The message. `Owner` and `Duty` have no id on the wire, they mean the subject
    /// of the context; those of anybody else become `None` rather than the subject's.
    pub fn to_proto(&self, subject: Uuid) -> wire::Scope {
        let kind = match self {
            Scope::All => Kind::All(wire::scope::All {}),
            Scope::Departments(ids) => Kind::Departments(wire::scope::Departments {
                department_ids: uuids_to_wire(ids),
            }),
            Scope::Owner(id) if *id == subject => Kind::Owner(wire::scope::Owner {}),
            Scope::Duty(id) if *id == subject => Kind::Duty(wire::scope::Duty {}),
            Scope::None | Scope::Owner(_) | Scope::Duty(_) => Kind::None(wire::scope::None {}),
            Scope::Customers(ids) => Kind::Customers(wire::scope::Customers {
                customer_ids: uuids_to_wire(ids),
            }),
            Scope::Consented(purpose, inner) => Kind::Consented(Box::new(wire::scope::Consented {
                purpose: *purpose as i32,
                inner: Some(Box::new(inner.to_proto(subject))),
            })),
            Scope::Union(scopes) => Kind::Union(wire::scope::Union {
                scopes: scopes.iter().map(|scope| scope.to_proto(subject)).collect(),
            }),
        };
        wire::Scope { scope: Some(kind) }
    }

    /// Reads the message; `Owner` and `Duty` become the subject's.
    ///
    /// # Errors
    ///
    /// A malformed id, an absent or unknown kind, a consent to no known purpose,
    /// or nesting deeper than eight.
    pub fn from_proto(message: &wire::Scope, subject: Uuid) -> Result<Scope, WireError> {
        read(message, subject, MAX_DEPTH)
    }
}

fn read(message: &wire::Scope, subject: Uuid, depth: usize) -> Result<Scope, WireError> {
    let deeper = depth.checked_sub(1).ok_or(WireError::TooDeep("scope"))?;
    // A kind of a later contract arrives as absent, too.
    let kind = message.scope.as_ref().ok_or(WireError::Missing("scope"))?;
    Ok(match kind {
        Kind::All(_) => Scope::All,
        Kind::None(_) => Scope::None,
        Kind::Owner(_) => Scope::Owner(subject),
        Kind::Duty(_) => Scope::Duty(subject),
        Kind::Departments(list) => {
            Scope::Departments(uuids(&list.department_ids, "scope.departments")?)
        }
        Kind::Customers(list) => Scope::Customers(uuids(&list.customer_ids, "scope.customers")?),
        Kind::Consented(consented) => {
            let purpose = Purpose::try_from(consented.purpose)
                .ok()
                .filter(|purpose| *purpose != Purpose::Unspecified)
                .ok_or(WireError::Value("scope.consented.purpose"))?;
            let inner = consented
                .inner
                .as_deref()
                .ok_or(WireError::Missing("scope.consented.inner"))?;
            Scope::Consented(purpose, Box::new(read(inner, subject, deeper)?))
        }
        Kind::Union(union) => Scope::Union(
            union
                .scopes
                .iter()
                .map(|scope| read(scope, subject, deeper))
                .collect::<Result<_, _>>()?,
        ),
    })
}
