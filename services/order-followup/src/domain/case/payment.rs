//! Money for the customer: by the company's rule, or by a second person (IH-6, IH-4).

use kefu_contracts::{
    common::Reason,
    google::r#type::Money,
    order::{Case, CasePayment, CasePaymentKind, CasePaymentRule, CasePaymentState, RefundLine},
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
    time::to_proto,
};

use super::{action::Around, rules::MOST_UNITS};
use crate::domain::money::{amount, is_currency, nanos};

/// Nanos of one unit.
const UNIT: i128 = 1_000_000_000;

/// What is to be paid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Proposal {
    pub(crate) kind: CasePaymentKind,
    /// Of a refund.
    pub(crate) lines: Vec<RefundLine>,
    pub(crate) amount: Money,
    pub(crate) reason: String,
}

/// Notes what is wrong with what is proposed; of a refund the amount follows from its lines.
pub(crate) fn check(
    fields: &mut Fields,
    kind: CasePaymentKind,
    lines: &[RefundLine],
    sum: Option<Money>,
) -> Money {
    match kind {
        CasePaymentKind::Refund => {
            fields.ensure(sum.is_none(), "amount", Violation::NotApplicable);
            check_lines(fields, lines)
        }
        _ => {
            fields.ensure(lines.is_empty(), "lines", Violation::NotApplicable);
            let sum = sum.unwrap_or_default();
            check_amount(fields, "amount", &sum);
            sum
        }
    }
}

fn check_lines(fields: &mut Fields, lines: &[RefundLine]) -> Money {
    fields.ensure(!lines.is_empty(), "lines", Violation::Required);
    let few = lines.len() <= 1000;
    fields.ensure(few, "lines", Violation::TooMany(1000));
    let currency = lines.first().and_then(|line| line.amount.as_ref());
    let currency = currency.map(|money| money.currency_code.clone());
    let mut sum = 0_i128;
    for (at, line) in lines.iter().enumerate().take(1000) {
        let again = lines[..at].iter().any(|other| other.line == line.line);
        fields.ensure(
            !again,
            format_args!("lines[{at}].line"),
            Violation::Duplicate,
        );
        let money = line.amount.clone().unwrap_or_default();
        let same = currency.as_ref() == Some(&money.currency_code);
        let place = format!("lines[{at}].amount");
        fields.ensure(
            same,
            format_args!("{place}.currency_code"),
            Violation::Currency,
        );
        check_amount(fields, &place, &money);
        sum += nanos(&money, &money.currency_code).unwrap_or_default();
    }
    let sum = amount(sum, &currency.unwrap_or_default());
    fields.ensure(sum.is_some(), "lines", Violation::Amount);
    sum.unwrap_or_default()
}

/// Notes what is wrong with an amount.
pub(crate) fn check_amount(fields: &mut Fields, place: &str, money: &Money) {
    let currency = is_currency(&money.currency_code);
    fields.ensure(
        currency,
        format_args!("{place}.currency_code"),
        Violation::Currency,
    );
    let some = nanos(money, &money.currency_code);
    let sound = some.is_some_and(|nanos| (1..=i128::from(MOST_UNITS) * UNIT).contains(&nanos));
    fields.ensure(sound, place, Violation::Amount);
}

/// Proposes a payment: granted, or asked for. Whether there is so much left of the order is the
/// account's to say.
///
/// # Errors
/// `BEYOND_LIMIT`, an amount in another currency, a line that the case is not about, or an order
/// that was not paid.
pub(super) fn propose(
    case: &mut Case,
    proposal: &Proposal,
    around: Around<'_>,
) -> Result<(), Fault> {
    let unknown = |field: &str, what| Err(Fault::fields(vec![(field.to_owned(), what)]));
    if proposal.kind == CasePaymentKind::Refund {
        let Some(order) = around.order else {
            return unknown("kind", Violation::NotApplicable);
        };
        if !order.paid {
            return Err(Fault::state("UNPAID", "refund"));
        }
        if order.currency != proposal.amount.currency_code {
            return unknown("lines[0].amount.currency_code", Violation::Currency);
        }
        let about = |line: &RefundLine| case.lines.iter().any(|one| one.line == line.line);
        if let Some(at) = proposal.lines.iter().position(|line| !about(line)) {
            return unknown(&format!("lines[{at}].line"), Violation::Unknown);
        }
    }
    let mut rules = around.rules.payments.iter();
    let rule = rules.find(|rule| rule.kind() == proposal.kind);
    let same = |rule: &CasePaymentRule| rule.currency == proposal.amount.currency_code;
    if rule.is_some_and(|rule| !same(rule)) && proposal.kind == CasePaymentKind::Compensation {
        return unknown("amount.currency_code", Violation::Currency);
    }
    // What the rule says in another currency says nothing of this one: a second person is asked.
    let rule = rule.filter(|rule| same(rule));
    let sum = sum_with(case, proposal);
    let within = |units: i64| sum <= i128::from(units) * UNIT;
    if let Some(rule) = rule.filter(|rule| rule.approved_units > 0)
        && !within(rule.approved_units)
    {
        let limit = rule.approved_units.to_string();
        return Err(Fault::new(Reason::BeyondLimit).with("limit", limit));
    }
    let by_rule = rule.is_some_and(|rule| within(rule.granted_units));
    let mut payment = CasePayment {
        number: i32::try_from(case.payments.len() + 1).unwrap_or(i32::MAX),
        kind: proposal.kind.into(),
        amount: Some(proposal.amount.clone()),
        lines: proposal.lines.clone(),
        reason: proposal.reason.clone(),
        by_rule,
        rules_version: around.rules_version,
        proposer: around.actor.to_owned(),
        propose_time: Some(to_proto(around.now)),
        ..CasePayment::default()
    };
    payment.set_state(match by_rule {
        true => CasePaymentState::Granted,
        false => CasePaymentState::Asked,
    });
    case.payments.push(payment);
    Ok(())
}

/// What of this kind the case comes to with it, in its currency.
fn sum_with(case: &Case, proposal: &Proposal) -> i128 {
    let stands = |one: &&CasePayment| {
        let over = matches!(
            one.state(),
            CasePaymentState::Refused | CasePaymentState::Dropped
        );
        one.kind() == proposal.kind && !over
    };
    let currency = &proposal.amount.currency_code;
    let others = case.payments.iter().filter(stands);
    let others = others.filter_map(|one| one.amount.as_ref());
    let others = others.filter_map(|amount| nanos(amount, currency));
    others.sum::<i128>() + nanos(&proposal.amount, currency).unwrap_or_default()
}

/// Grants or refuses what was asked for.
///
/// # Errors
/// `STATE_NOT_ALLOWED`, or that there is none of this number.
pub(super) fn decide(
    case: &mut Case,
    number: i32,
    approve: bool,
    reason: &str,
    around: Around<'_>,
) -> Result<(), Fault> {
    let one = find(case, number, CasePaymentState::Asked, "decide")?;
    one.set_state(match approve {
        true => CasePaymentState::Granted,
        false => CasePaymentState::Refused,
    });
    around.actor.clone_into(&mut one.decider);
    reason.clone_into(&mut one.decision_reason);
    one.decision_time = Some(to_proto(around.now));
    Ok(())
}

/// Says that what was granted is paid.
///
/// # Errors
/// `STATE_NOT_ALLOWED`, or that there is none of this number.
pub(super) fn pay(
    case: &mut Case,
    number: i32,
    reference: &str,
    around: Around<'_>,
) -> Result<(), Fault> {
    let one = find(case, number, CasePaymentState::Granted, "pay")?;
    one.set_state(CasePaymentState::Paid);
    reference.clone_into(&mut one.reference);
    one.payment_time = Some(to_proto(around.now));
    Ok(())
}

fn find<'c>(
    case: &'c mut Case,
    number: i32,
    state: CasePaymentState,
    wanted: &str,
) -> Result<&'c mut CasePayment, Fault> {
    let mut all = case.payments.iter_mut();
    let unknown = || Fault::fields(vec![("number".to_owned(), Violation::Unknown)]);
    let one = all.find(|one| one.number == number).ok_or_else(unknown)?;
    if one.state() != state {
        let name = one.state().as_str_name();
        let name = name.strip_prefix("CASE_PAYMENT_STATE_").unwrap_or(name);
        return Err(Fault::state(name, wanted));
    }
    Ok(one)
}

/// Whether some of it is promised and not paid, or not decided upon.
pub(super) fn outstanding(case: &Case) -> bool {
    let open = |one: &CasePayment| {
        matches!(
            one.state(),
            CasePaymentState::Asked | CasePaymentState::Granted
        )
    };
    case.payments.iter().any(open)
}
