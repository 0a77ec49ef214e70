//! Money and goods are never returned twice (IH-6): what the cases of an order take back of each
//! of its lines is booked against what was ordered and paid, and released by what ends without.

use std::collections::BTreeMap;

use kefu_contracts::{
    common::Reason,
    order::{Case, CaseKind, CasePayment, CasePaymentKind, CasePaymentState, CaseState, OrderLine},
};
use kefu_service::error::Fault;

use crate::domain::money::{amount, nanos, total};

/// What is booked of one line: pieces, and nanos of the order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Booked {
    pub(crate) pieces: i64,
    pub(crate) nanos: i128,
}

/// By line of the order, from 1; lines of which nothing is booked are left out.
pub(crate) type Bookings = BTreeMap<i32, Booked>;

/// What a case takes as it stands. Goods count from registration on, unless it is cancelled; of an
/// exchange until it is closed, as the customer then has others for them. Money counts from the
/// proposal on, unless it is refused or dropped.
pub(crate) fn taken(case: &Case) -> Bookings {
    let mut bookings = Bookings::new();
    if case.order.is_empty() {
        return bookings;
    }
    if holds_goods(case) {
        for line in &case.lines {
            bookings.entry(line.line).or_default().pieces += i64::from(line.quantity);
        }
    }
    let refunds = case.payments.iter().filter(|payment| holds_money(payment));
    for line in refunds.flat_map(|payment| &payment.lines) {
        let money = line.amount.as_ref();
        let nanos = money.and_then(|money| nanos(money, &money.currency_code));
        bookings.entry(line.line).or_default().nanos += nanos.unwrap_or_default();
    }
    bookings.retain(|_, booked| *booked != Booked::default());
    bookings
}

fn holds_goods(case: &Case) -> bool {
    let exchanged = matches!(case.state(), CaseState::Closed | CaseState::Evaluated);
    match case.kind() {
        CaseKind::Return => case.state() != CaseState::Cancelled,
        CaseKind::Exchange => case.state() != CaseState::Cancelled && !exchanged,
        _ => false,
    }
}

fn holds_money(payment: &CasePayment) -> bool {
    let stands = matches!(
        payment.state(),
        CasePaymentState::Asked | CasePaymentState::Granted | CasePaymentState::Paid
    );
    payment.kind() == CasePaymentKind::Refund && stands
}

/// What leads from one to the other.
pub(crate) fn difference(before: &Bookings, after: &Bookings) -> Bookings {
    let mut difference = after.clone();
    for (line, booked) in before {
        let one = difference.entry(*line).or_default();
        one.pieces -= booked.pieces;
        one.nanos -= booked.nanos;
    }
    difference.retain(|_, booked| *booked != Booked::default());
    difference
}

/// The account of one line of an order over all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) line: i32,
    pub(crate) ordered: i64,
    pub(crate) taken: i64,
    /// Nanos.
    pub(crate) paid: i128,
    pub(crate) refunded: i128,
}

impl Line {
    /// Of a line of an order of which nothing is booked; `None`: its amounts are none.
    pub(crate) fn of(number: i32, line: &OrderLine, currency: &str) -> Option<Self> {
        let paid = total(std::slice::from_ref(line), currency)?;
        Some(Self {
            line: number,
            ordered: line.quantity.into(),
            taken: 0,
            paid: nanos(&paid, currency)?,
            refunded: 0,
        })
    }

    /// Books it.
    ///
    /// # Errors
    /// `BEYOND_LIMIT` with what is left, where it would be more than there is.
    pub(crate) fn book(&mut self, booked: Booked, currency: &str) -> Result<(), Fault> {
        let (taken, refunded) = (self.taken + booked.pieces, self.refunded + booked.nanos);
        let beyond = |left: String| {
            let fault = Fault::new(Reason::BeyondLimit).with("limit", left);
            Err(fault.with("line", self.line.to_string()))
        };
        if booked.pieces > 0 && taken > self.ordered {
            return beyond((self.ordered - self.taken).max(0).to_string());
        }
        if booked.nanos > 0 && refunded > self.paid {
            let left = amount((self.paid - self.refunded).max(0), currency).unwrap_or_default();
            return beyond(format!("{}.{:09}", left.units, left.nanos));
        }
        if taken < 0 || refunded < 0 {
            return Err(Fault::internal("more was released than was booked"));
        }
        (self.taken, self.refunded) = (taken, refunded);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
