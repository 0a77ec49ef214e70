//! What access-control tells: who asked to share, borrow or destroy files, and what for.

use kefu_contracts::{access::ApprovalState, journal::ApprovalChanged};

use super::{Fact, Kind, Place, Values, id, number};

/// A request, once it was handed in: a form that is not is the applicant's alone, whatever becomes of it.
pub(super) fn approval(told: &ApprovalChanged, place: Place) -> Option<Fact> {
    let approval = id(&told.approval_id)?;
    let sort = match told.kind.as_str() {
        "share" => 1,
        "borrowing" => 2,
        "destruction" => 3,
        _ => 0,
    };
    let values = Values {
        department: id(&told.department_id),
        sort: Some(sort),
        state: number(told.state),
        purpose: number(told.purpose),
        ..Values::default()
    };
    let fact = place.fact(Kind::Approval, approval, 0, place.made(approval)?, values);
    let draft = told.never_submitted || told.state() == ApprovalState::Draft;
    Some(Fact {
        gone: draft,
        ..fact
    })
}
