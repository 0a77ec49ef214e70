//! The service's own refusals. What the database says beyond these is not the
//! caller's to know.

use kefu_contracts::{common::Reason, order::OrderStage};
use kefu_service::error::{Fault, Violation};

/// The external reference is taken.
pub(crate) fn taken(field: &'static str) -> Fault {
    Fault::new(Reason::AlreadyExists).with("field", field)
}

/// Nobody of this name has a file, or none that has come here yet.
pub(crate) fn unknown_customer() -> Fault {
    Fault::fields(vec![("order.customer".to_owned(), Violation::Unknown)])
}

/// The order would lie where no rule of the caller reaches.
pub(crate) fn out_of_scope() -> Fault {
    Fault::new(Reason::PermissionMissing).with("rule", "the order would lie outside of your scope")
}

/// A command may not put this stage in the place of that one.
pub(crate) fn not_from(stage: OrderStage, wanted: OrderStage) -> Fault {
    Fault::state(stage.as_str_name(), wanted.as_str_name())
}
