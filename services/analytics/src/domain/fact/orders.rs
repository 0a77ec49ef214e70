//! What order-followup tells: orders and what became of them, cases and visits.

use kefu_contracts::journal::{
    CaseChanged, OrderChanged, OrderLateness, OrderReviewed, OrderTrouble, OrderTroubled,
    VisitChanged,
};

use super::{Fact, Key, Kind, Place, Values, id, moment, number, score};

pub(super) fn order(told: &OrderChanged, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        employee: id(&told.owner_id),
        state: number(told.stage),
        total: told.total.clone(),
        products: told.categories.clone(),
        ..Values::default()
    };
    let at = moment(told.placed_at.as_ref())?;
    Some(place.fact(Kind::Order, id(&told.order_id)?, told.revision, at, values))
}

/// Of several answers the one given last counts; they have no revision.
pub(super) fn review(told: &OrderReviewed, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        subject: id(&told.order_id),
        score: Some(score(told.score)?),
        ..Values::default()
    };
    let at = moment(told.answered_at.as_ref())?;
    let review = id(&told.review_id)?;
    Some(place.fact(Kind::Review, review, at.as_microsecond(), at, values))
}

/// What went wrong with an order: each silence by itself, until it is over. That it is late makes it one that was late
/// once, unless the order says better ([`lateness`]): entries of before it did so say no more.
pub(super) fn trouble(told: &OrderTroubled, place: Place) -> Option<Fact> {
    let at = moment(told.since.as_ref())?;
    let order = id(&told.order_id)?;
    if told.trouble() == OrderTrouble::Late {
        let values = Values {
            customer: id(&told.customer_id),
            department: id(&told.department_id),
            ..Values::default()
        };
        return Some(place.fact(Kind::Lateness, order, 0, at, values));
    }
    // One of each minute: its end says no stage, and another within it begins when this one is over.
    let part = at.as_second().div_euclid(60) * 32;
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        subject: Some(order),
        sort: number(told.trouble),
        state: number(told.stage),
        ..Values::default()
    };
    let key = Key {
        kind: Kind::Trouble,
        id: order,
        part: i32::try_from(part).ok()?,
    };
    Some(Fact {
        key,
        told: place.told(0),
        at,
        gone: told.over,
        values,
    })
}

/// Whether an order was ever late. Counts before whatever was said of its being late.
pub(super) fn lateness(told: &OrderLateness, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        state: number(told.stage).filter(|_| told.late),
        ..Values::default()
    };
    let at = match told.late {
        true => moment(told.promised_at.as_ref())?,
        false => place.recorded_at?,
    };
    let fact = place.fact(Kind::Lateness, id(&told.order_id)?, 1, at, values);
    Some(Fact {
        gone: !told.late,
        ..fact
    })
}

pub(super) fn case(told: &CaseChanged, place: Place) -> Option<Fact> {
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        employee: id(&told.assignee_id),
        subject: id(&told.order_id),
        repeats: Some(told.reopen_count),
        sort: number(told.kind),
        state: number(told.state),
        outcome: number(told.cover),
        score: score(told.score),
        ..Values::default()
    };
    let at = moment(told.create_time.as_ref())?;
    Some(place.fact(Kind::Case, id(&told.case_id)?, told.revision, at, values))
}

pub(super) fn visit(told: &VisitChanged, place: Place) -> Option<Fact> {
    let visited_at = moment(told.visited_at.as_ref());
    let values = Values {
        customer: id(&told.customer_id),
        department: id(&told.department_id),
        ended_at: visited_at,
        sort: number(told.origin),
        state: number(told.state),
        channel: number(told.method),
        ..Values::default()
    };
    let at = visited_at.or(moment(told.due_at.as_ref()))?;
    Some(place.fact(Kind::Visit, id(&told.visit_id)?, told.revision, at, values))
}
