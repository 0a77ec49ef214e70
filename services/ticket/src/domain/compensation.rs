//! Compensation for a complaint: by the rule of its gravity, or by a second person (CC-2.3, IH-4).

use kefu_contracts::{
    common::Reason,
    google::r#type::Money,
    ticket::{Compensation, CompensationRule, CompensationState, Gravity, Ticket},
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
    time::to_proto,
};

use super::action::Around;

/// Units of the highest amount.
const MOST: i64 = 1_000_000_000;
/// Nanos of one unit.
const UNIT: i128 = 1_000_000_000;

fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())
}

fn nanos(money: &Money) -> i128 {
    i128::from(money.units) * UNIT + i128::from(money.nanos)
}

/// Notes what is wrong with an amount that is to be offered.
pub(crate) fn check_amount(fields: &mut Fields, amount: &Money) {
    let currency = is_currency(&amount.currency_code);
    fields.ensure(currency, "amount.currency_code", Violation::Currency);
    let sound = (0..=MOST).contains(&amount.units) && (0..=999_999_999).contains(&amount.nanos);
    let some = (1..=i128::from(MOST) * UNIT).contains(&nanos(amount));
    fields.ensure(sound && some, "amount", Violation::Amount);
}

/// Notes every fault of the rules.
pub(crate) fn check_rules(fields: &mut Fields, rules: &[CompensationRule]) {
    let all = "definition.compensations";
    fields.ensure(rules.len() <= 3, all, Violation::TooMany(3));
    for (at, rule) in rules.iter().enumerate().take(4) {
        let place = |field: &str| format!("{all}[{at}].{field}");
        fields.required_enum::<Gravity>(place("gravity"), rule.gravity);
        let again = rules[..at]
            .iter()
            .any(|other| other.gravity == rule.gravity);
        fields.ensure(!again, place("gravity"), Violation::Duplicate);
        let currency = is_currency(&rule.currency);
        fields.ensure(currency, place("currency"), Violation::Currency);
        let range = Violation::OutOfRange(0, MOST);
        let granted = (0..=MOST).contains(&rule.granted_units);
        fields.ensure(granted, place("granted_units"), range);
        let approved = (0..=MOST).contains(&rule.approved_units);
        fields.ensure(approved, place("approved_units"), range);
        let order = rule.approved_units == 0 || rule.approved_units >= rule.granted_units;
        fields.ensure(order, place("approved_units"), Violation::Contradiction);
    }
}

/// Offers compensation: granted, or asked for.
///
/// # Errors
/// `BEYOND_LIMIT`, or another currency than the rule's.
pub(super) fn offer(
    ticket: &mut Ticket,
    amount: &Money,
    reason: &str,
    around: Around<'_>,
) -> Result<(), Fault> {
    let mut rules = around.rules.compensations.iter();
    let rule = rules.find(|rule| rule.gravity() == ticket.gravity());
    let same = |rule: &&CompensationRule| rule.currency == amount.currency_code;
    if rule.is_some_and(|rule| !same(&rule)) {
        let field = "amount.currency_code".to_owned();
        return Err(Fault::fields(vec![(field, Violation::Currency)]));
    }
    let stands = |one: &&Compensation| one.state() != CompensationState::Refused;
    let others = ticket.compensations.iter().filter(stands);
    let others = others.filter_map(|one| one.amount.as_ref());
    let others = others.filter(|one| one.currency_code == amount.currency_code);
    let sum = others.map(nanos).sum::<i128>() + nanos(amount);
    let within = |units: i64| sum <= i128::from(units) * UNIT;
    let by_rule = rule.is_some_and(|rule| within(rule.granted_units));
    if let Some(rule) = rule.filter(|rule| rule.approved_units > 0)
        && !within(rule.approved_units)
    {
        let limit = rule.approved_units.to_string();
        return Err(Fault::new(Reason::BeyondLimit).with("limit", limit));
    }
    let mut compensation = Compensation {
        number: i32::try_from(ticket.compensations.len() + 1).unwrap_or(i32::MAX),
        amount: Some(amount.clone()),
        reason: reason.to_owned(),
        by_rule,
        rules_version: around.rules_version,
        offered_by: around.actor.to_owned(),
        offer_time: Some(to_proto(around.at)),
        ..Compensation::default()
    };
    compensation.set_state(match by_rule {
        true => CompensationState::Granted,
        false => CompensationState::Asked,
    });
    ticket.compensations.push(compensation);
    Ok(())
}

/// Grants or refuses what was asked for.
///
/// # Errors
/// `STATE_NOT_ALLOWED`, or that there is none of this number.
pub(super) fn decide(
    ticket: &mut Ticket,
    number: i32,
    approve: bool,
    reason: &str,
    around: Around<'_>,
) -> Result<(), Fault> {
    let one = find(ticket, number, CompensationState::Asked, "decide")?;
    one.set_state(match approve {
        true => CompensationState::Granted,
        false => CompensationState::Refused,
    });
    around.actor.clone_into(&mut one.decided_by);
    reason.clone_into(&mut one.decision_reason);
    one.decision_time = Some(to_proto(around.at));
    Ok(())
}

/// Says that what was granted is paid.
///
/// # Errors
/// `STATE_NOT_ALLOWED`, or that there is none of this number.
pub(super) fn pay(
    ticket: &mut Ticket,
    number: i32,
    reference: &str,
    around: Around<'_>,
) -> Result<(), Fault> {
    let one = find(ticket, number, CompensationState::Granted, "pay")?;
    one.set_state(CompensationState::Paid);
    reference.clone_into(&mut one.payment_reference);
    one.payment_time = Some(to_proto(around.at));
    Ok(())
}

fn find<'t>(
    ticket: &'t mut Ticket,
    number: i32,
    state: CompensationState,
    wanted: &str,
) -> Result<&'t mut Compensation, Fault> {
    let mut all = ticket.compensations.iter_mut();
    let unknown = || Fault::fields(vec![("number".to_owned(), Violation::Unknown)]);
    let one = all.find(|one| one.number == number).ok_or_else(unknown)?;
    if one.state() != state {
        let name = one.state().as_str_name();
        let name = name.strip_prefix("COMPENSATION_STATE_").unwrap_or(name);
        return Err(Fault::state(name, wanted));
    }
    Ok(one)
}

#[cfg(test)]
mod tests;
