//! What customer-profile tells: files, how they are rated, and checks of them.

use kefu_contracts::{
    journal::{CustomerChanged, FileDestroyed, FilesMerged, RatingChanged, VerificationRecorded},
    profile::{CustomerState, MergeState},
};

use super::{Fact, Key, Kind, Place, Values, id, moment, number};

/// Part of a file's departure that tells of its destruction; what tells of a merge is the first.
const DESTROYED: i32 = 1;

/// A file. One that is a draft or was given up is none.
pub(super) fn customer(told: &CustomerChanged, place: Place) -> Option<Fact> {
    let customer = id(&told.customer_id)?;
    let values = Values {
        customer: Some(customer),
        department: id(&told.department_id),
        employee: id(&told.owner_id),
        sort: number(told.r#type),
        state: number(told.state),
        tier: number(told.tier),
        category: Some(told.region.clone()).filter(|region| !region.is_empty()),
        ..Values::default()
    };
    let none = matches!(
        told.state(),
        CustomerState::Draft | CustomerState::Withdrawn
    );
    let at = place.made(customer)?;
    let fact = place.fact(Kind::Customer, customer, told.revision, at, values);
    Some(Fact { gone: none, ..fact })
}

/// By which class of credit a customer is served. Whoever was never rated otherwise has class B.
pub(super) fn credit(told: &RatingChanged, place: Place) -> Option<Fact> {
    let customer = id(&told.customer_id)?;
    let values = Values {
        customer: Some(customer),
        credit: number(told.credit),
        ..Values::default()
    };
    Some(place.fact(Kind::Credit, customer, 0, place.made(customer)?, values))
}

/// A file that became part of another is no customer of its own, until that is undone. What it has is of the customer
/// that is told here; where that one's file goes on, of the next (store/merges.rs).
pub(super) fn merged(told: &FilesMerged, place: Place) -> Option<Fact> {
    let absorbed = id(&told.absorbed_id)?;
    let survivor = id(&told.survivor_id);
    let values = Values {
        customer: survivor,
        subject: survivor,
        state: number(CustomerState::Merged.into()),
        merged: true,
        ..Values::default()
    };
    let fact = place.fact(Kind::Departure, absorbed, 0, place.made(absorbed)?, values);
    let undone = told.state() == MergeState::Undone;
    Some(Fact {
        gone: undone,
        ..fact
    })
}

/// A fact beside that of a merge: what was part of another stays so.
pub(super) fn destroyed(told: &FileDestroyed, place: Place) -> Option<Fact> {
    let customer = id(&told.customer_id)?;
    let values = Values {
        customer: Some(customer),
        state: number(CustomerState::Destroyed.into()),
        ..Values::default()
    };
    let fact = place.fact(Kind::Departure, customer, 0, place.made(customer)?, values);
    let key = Key {
        part: DESTROYED,
        ..fact.key
    };
    Some(Fact { key, ..fact })
}

pub(super) fn check(told: &VerificationRecorded, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        sort: number(told.check),
        channel: number(told.method),
        outcome: number(told.outcome),
        ..Values::default()
    };
    let at = moment(told.check_time.as_ref())?;
    Some(place.fact(Kind::Check, id(&told.verification_id)?, 0, at, values))
}
