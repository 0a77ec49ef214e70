//! Whose a record is: of the customer that it was made with or, where that file became part of another, of the one that it
//! is part of now (IH-2.2). Records keep the file that they were made with; whose they are then is kept with its merge
//! (store/merges.rs).

use kefu_access::ScopeColumns;

use super::{Asked, days, rows::SCOPE};
use crate::domain::{fact::Kind, question::Door};

/// Joins the merge of the file that a fact `f` was made with. There are few, and one for each file.
pub(super) const MERGE: &str = " LEFT JOIN analytics.fact absorbed
        ON absorbed.generation = {live} AND absorbed.kind = 11 AND absorbed.merged AND absorbed.id = f.customer_id";

/// Whose the fact is, beside that merge.
pub(super) const CUSTOMER: &str = "coalesce(absorbed.customer_id, f.customer_id)";

/// By what it is in a scope, beside that merge: who reaches the customer reaches all that is theirs.
pub(super) const REACHED: ScopeColumns = ScopeColumns {
    customer: Some(CUSTOMER),
    ..SCOPE
};

/// Whether an answer of facts depends on whose they are. All others are counted without a look at it.
pub(super) fn matters(asked: &Asked<'_>, kind: Kind) -> bool {
    let question = asked.question;
    let into_records = matches!(question.door, Door::Records | Door::StaffRecords);
    // Of how many customers a row is matters to who is told of many only, and to what a row opens into for them.
    asked.told.is_some()
        || into_records
        || question.is_by_customer()
        || question.is_by_region() && kind != Kind::Customer
        || !days::is_of_departments(asked.context, asked.now)
}
