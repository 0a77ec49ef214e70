use jiff::Timestamp;
use kefu_contracts::ticket::HandlingDefinition;
use proptest::prelude::*;

use super::*;
use crate::domain::handling::shipped;

const AT: Timestamp = Timestamp::constant(1_760_000_000, 0);

fn rules() -> HandlingDefinition {
    HandlingDefinition {
        compensations: vec![CompensationRule {
            gravity: Gravity::Serious.into(),
            currency: "CNY".into(),
            granted_units: 200,
            approved_units: 1000,
        }],
        ..shipped()
    }
}

fn around(rules: &HandlingDefinition) -> Around<'_> {
    Around {
        at: AT,
        now: AT,
        rules,
        rules_version: 3,
        actor: "employees/1",
        transferred: false,
    }
}

fn of(gravity: Gravity) -> Ticket {
    Ticket {
        gravity: gravity.into(),
        ..Ticket::default()
    }
}

fn money(currency: &str, units: i64, nanos: i32) -> Money {
    Money {
        currency_code: currency.into(),
        units,
        nanos,
    }
}

fn offered(ticket: &mut Ticket, units: i64, nanos: i32) -> Result<CompensationState, Reason> {
    let (rules, amount) = (rules(), money("CNY", units, nanos));
    let done = offer(ticket, &amount, "误工", around(&rules));
    done.map_err(|fault| fault.reason)?;
    Ok(ticket.compensations.last().unwrap().state())
}

/// Clauses CC-2.3, IH-4: small amounts by rule, others by approval, none beyond it.
#[test]
fn compensation_is_by_rule_up_to_its_limit() {
    use CompensationState::{Asked, Granted};
    let mut ticket = of(Gravity::Serious);
    assert_eq!(offered(&mut ticket, 150, 0), Ok(Granted));
    // Two small ones are no way around the limit.
    assert_eq!(offered(&mut ticket, 50, 1), Ok(Asked));
    assert_eq!(offered(&mut ticket, 800, 0), Err(Reason::BeyondLimit));
    // What was refused no longer counts.
    decide(&mut ticket, 2, false, "不符", around(&rules())).unwrap();
    assert_eq!(offered(&mut ticket, 50, 0), Ok(Granted));
    let one = &ticket.compensations[0];
    assert_eq!((one.number, one.by_rule, one.rules_version), (1, true, 3));
    let other = &ticket.compensations[1];
    assert_eq!((other.number, other.by_rule), (2, false));
    // Without a rule for the gravity it always takes approval.
    assert_eq!(offered(&mut of(Gravity::Grave), 1, 0), Ok(Asked));
    let euros = money("EUR", 1, 0);
    let fault = offer(&mut ticket, &euros, "误工", around(&rules())).unwrap_err();
    assert_eq!(
        fault.violations,
        [("amount.currency_code".to_owned(), Violation::Currency)]
    );
}

/// Clause CC-2.3: each step once, and in order.
#[test]
fn what_is_granted_is_paid_once() {
    let mut ticket = of(Gravity::Serious);
    offered(&mut ticket, 300, 0).unwrap();
    let rules = rules();
    let reason = |done: Result<(), Fault>| done.unwrap_err().reason;
    assert_eq!(
        reason(pay(&mut ticket, 1, "P-1", around(&rules))),
        Reason::StateNotAllowed
    );
    decide(&mut ticket, 1, true, "属实", around(&rules)).unwrap();
    let again = decide(&mut ticket, 1, false, "不符", around(&rules));
    assert_eq!(reason(again), Reason::StateNotAllowed);
    pay(&mut ticket, 1, "P-1", around(&rules)).unwrap();
    assert_eq!(
        reason(pay(&mut ticket, 1, "P-2", around(&rules))),
        Reason::StateNotAllowed
    );
    assert_eq!(
        reason(pay(&mut ticket, 2, "P-2", around(&rules))),
        Reason::InvalidFields
    );
    assert_eq!(ticket.compensations[0].payment_reference, "P-1");
}

#[test]
fn every_fault_of_amounts_and_rules_is_told_at_once() {
    let amount = |amount: Money| {
        let mut fields = Fields::new();
        check_amount(&mut fields, &amount);
        fields
            .finish()
            .err()
            .map_or(0, |fault| fault.violations.len())
    };
    assert_eq!(amount(money("CNY", 0, 1)), 0);
    assert_eq!(amount(money("CNY", MOST, 0)), 0);
    for wrong in [
        money("cny", 1, 0),
        money("CNY", 0, 0),
        money("CNY", -1, 0),
        money("CNY", 1, -1),
        money("CNY", MOST, 1),
    ] {
        assert_eq!(amount(wrong.clone()), 1, "{wrong:?}");
    }
    let wrong = CompensationRule {
        gravity: 9,
        currency: "Y".into(),
        granted_units: -1,
        approved_units: 0,
    };
    let less = CompensationRule {
        granted_units: 5,
        approved_units: 4,
        ..rules().compensations[0].clone()
    };
    let mut fields = Fields::new();
    check_rules(&mut fields, &[wrong, less.clone(), less]);
    let found = fields.finish().unwrap_err().violations;
    let found: Vec<_> = found
        .iter()
        .map(|(field, _)| field.trim_start_matches("definition.compensations"))
        .collect();
    assert_eq!(
        found,
        [
            "[0].gravity",
            "[0].currency",
            "[0].granted_units",
            "[1].approved_units",
            "[2].gravity",
            "[2].approved_units"
        ]
    );
}

proptest! {
    /// Whatever is offered and decided: what is granted by rule stays within its limit, and all
    /// that stands within that of approval.
    #[test]
    fn no_order_of_offers_goes_around_the_limits(
        steps in proptest::collection::vec((1..600_i64, any::<bool>()), 0..20),
    ) {
        let (mut ticket, rules) = (of(Gravity::Serious), rules());
        for (units, approve) in steps {
            if offered(&mut ticket, units, 0) == Ok(CompensationState::Asked) {
                let number = ticket.compensations.last().unwrap().number;
                decide(&mut ticket, number, approve, "x", around(&rules)).unwrap();
            }
            let sum = |by_rule: bool| -> i64 {
                let all = ticket.compensations.iter();
                let stands = all.filter(|one| one.state() != CompensationState::Refused);
                let wanted = stands.filter(|one| !by_rule || one.by_rule);
                wanted.map(|one| one.amount.as_ref().unwrap().units).sum()
            };
            prop_assert!(sum(true) <= 200);
            prop_assert!(sum(false) <= 1000);
        }
    }
}
