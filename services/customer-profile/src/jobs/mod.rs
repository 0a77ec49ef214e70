//! What other services' journals and time do to the customer file.

mod birthdays;
mod destructions;
mod duplicates;
mod history;
mod marks;
mod orders;
mod overdue;
mod quality;
mod rating;
mod schedule;
mod tickets;
mod turns;
mod withdrawn;

pub(crate) use birthdays::job as birthdays;
pub(crate) use destructions::Destructions;
pub(crate) use duplicates::{changed as duplicate_changed, job as duplicates};
pub(crate) use marks::job as marks;
pub(crate) use orders::OrderEffects;
pub(crate) use overdue::job as overdue;
pub(crate) use quality::{job as quality, told};
pub(crate) use rating::{Turn, job as rating, rated};
pub(crate) use schedule::job as schedule;
pub(crate) use tickets::TicketEffects;
pub(crate) use withdrawn::job as withdrawn;

use uuid::Uuid;

/// An id in an event; `None` when it is left out.
fn id(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}
