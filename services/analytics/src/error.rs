//! What the database's failures mean to a caller.

use kefu_service::error::{Fault, Violation};

/// A figure's failure as a fault. The database keeps time zones of its own: one
/// that is newer than its tables is the caller's to know, everything else is ours.
pub(crate) fn from_figure(error: sqlx::Error) -> Fault {
    const INVALID_PARAMETER: &str = "22023";
    let unknown_zone = error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == INVALID_PARAMETER);
    if unknown_zone {
        Fault::fields(vec![("time_zone".into(), Violation::UnknownValue)])
    } else {
        error.into()
    }
}
