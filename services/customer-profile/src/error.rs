//! What the database's constraints mean to a caller.

use kefu_contracts::common::Reason;
use kefu_service::error::Fault;

/// A statement's failure as a fault: a taken external reference is the caller's
/// to know, everything else is ours.
pub(crate) fn from_insert(error: sqlx::Error) -> Fault {
    let taken = error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some("customer_external_ref_key"));
    if taken {
        Fault::new(Reason::AlreadyExists).with("field", "customer.external_ref")
    } else {
        error.into()
    }
}
