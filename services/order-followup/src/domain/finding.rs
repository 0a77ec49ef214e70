//! What is not plausible about an order (OP-3.4.1): it is taken in, and cleared up with the
//! customer before it is carried out. What is outright wrong is refused (`entry`).

use std::collections::BTreeSet;

use kefu_contracts::order::{
    Order, OrderFinding,
    OrderFindingCode::{self, *},
    OrderFindingState::{self, *},
    OrderIntake, OrderLine,
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::{
    money::{discount, goods},
    stock,
};

/// What the company asks of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plausible {
    /// Most pieces of a line that nobody wonders about.
    pub(crate) usual_quantity: i32,
    pub(crate) specification: bool,
    pub(crate) contact: bool,
}

/// A finding: what, and about which field.
type Found = (OrderFindingCode, String);

impl Plausible {
    /// What is not plausible about an order whose fields are right, line by line.
    fn look(self, order: &Order) -> Vec<Found> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for (at, line) in order.lines.iter().enumerate() {
            let field = |name: &str| format!("lines[{at}].{name}");
            let goods = goods(line, &order.currency).unwrap_or_default();
            if line.quantity > self.usual_quantity {
                found.push((QuantityUnusual, field("quantity")));
            }
            if goods == 0 {
                found.push((PriceZero, field("unit_price")));
            }
            if discount(line, &order.currency).unwrap_or_default() > goods {
                found.push((DiscountAbovePrice, field("discount")));
            }
            if self.specification && line.specification.trim().is_empty() {
                found.push((SpecificationMissing, field("specification")));
            }
            if !seen.insert((line.product.trim(), line.specification.trim())) {
                found.push((LineDuplicate, format!("lines[{at}]")));
            }
        }
        if self.contact && order.contact_phone.is_empty() {
            found.push((ContactMissing, "contact_phone".to_owned()));
        }
        found
    }

    /// Looks at an order that is taken in, and puts what is found into it.
    pub(crate) fn examine(self, order: &mut Order) {
        order.findings.clear();
        for (code, field) in self.look(order) {
            add(&mut order.findings, code, field);
        }
        settle(order);
    }

    /// Looks at an order whose lines were others before. What the customer confirmed of a line
    /// that is as it was stays so.
    fn examine_again(self, order: &mut Order, before: &[OrderLine]) -> Vec<i32> {
        let found = self.look(order);
        let mut corrected = Vec::new();
        for finding in &mut order.findings {
            let still = found
                .iter()
                .any(|(code, field)| (*code, field) == (finding.code(), &finding.field));
            match finding.state() {
                Open if !still => {
                    finding.set_state(Corrected);
                    corrected.push(finding.number);
                }
                Confirmed | Corrected if still => {
                    let same = line_of(&finding.field).is_some_and(|at| {
                        order.lines.get(at).map(said) == before.get(at).map(said)
                    });
                    if finding.state() == Corrected || !same {
                        finding.set_state(Open);
                    }
                }
                _ => {}
            }
        }
        for (code, field) in found {
            let known = order
                .findings
                .iter()
                .any(|one| (one.code(), &one.field) == (code, &field));
            if !known {
                add(&mut order.findings, code, field);
            }
        }
        settle(order);
        corrected
    }
}

/// What became of findings by what a customer said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleared {
    pub(crate) confirmed: Vec<i32>,
    pub(crate) corrected: Vec<i32>,
}

/// Clears up what was confirmed, and what is no longer found in the order as it is now.
///
/// # Errors
/// Confirmations of what is no open finding.
pub(crate) fn clear_up(
    order: &mut Order,
    before: &[OrderLine],
    confirmed: &[i32],
    plausible: Plausible,
) -> Result<Cleared, Fault> {
    let mut fields = Fields::new();
    for (at, number) in confirmed.iter().enumerate() {
        let mut open = order.findings.iter().filter(|one| one.state() == Open);
        let known = open.any(|one| one.number == *number);
        fields.ensure(known, format_args!("confirmed[{at}]"), Violation::Unknown);
    }
    fields.finish()?;
    let corrected = plausible.examine_again(order, before);
    for finding in &mut order.findings {
        if finding.state() == Open && confirmed.contains(&finding.number) {
            finding.set_state(Confirmed);
        }
    }
    settle(order);
    let still = |number: &&i32| !corrected.contains(number);
    Ok(Cleared {
        confirmed: confirmed.iter().filter(still).copied().collect(),
        corrected,
    })
}

/// How many findings are open.
pub(crate) fn open_count(order: &Order) -> usize {
    let open = |one: &&OrderFinding| one.state() == OrderFindingState::Open;
    order.findings.iter().filter(open).count()
}

fn settle(order: &mut Order) {
    order.set_intake(match open_count(order) {
        0 => OrderIntake::Clear,
        _ => OrderIntake::ToClearUp,
    });
}

fn add(findings: &mut Vec<OrderFinding>, code: OrderFindingCode, field: String) {
    let number = i32::try_from(findings.len() + 1).unwrap_or(i32::MAX);
    findings.push(OrderFinding {
        number,
        code: code.into(),
        field,
        state: Open.into(),
    });
}

/// A line without what the suite itself says about it.
fn said(line: &OrderLine) -> OrderLine {
    let mut line = line.clone();
    stock::clear(&mut line);
    line
}

/// The line that a field is of.
fn line_of(field: &str) -> Option<usize> {
    let (at, _) = field.strip_prefix("lines[")?.split_once(']')?;
    at.parse().ok()
}

#[cfg(test)]
mod tests {
    use kefu_contracts::google::r#type::Money;
    use proptest::prelude::*;

    use super::*;

    const POLICY: Plausible = Plausible {
        usual_quantity: 100,
        specification: true,
        contact: false,
    };

    fn money(units: i64) -> Option<Money> {
        Some(Money {
            currency_code: "CNY".into(),
            units,
            nanos: 0,
        })
    }

    fn line(product: &str, quantity: i32, price: i64, off: i64) -> OrderLine {
        OrderLine {
            product: product.into(),
            specification: "KJ500".into(),
            quantity,
            unit_price: money(price),
            discount: money(off),
            ..OrderLine::default()
        }
    }

    fn order(lines: Vec<OrderLine>) -> Order {
        let mut order = Order {
            currency: "CNY".into(),
            lines,
            ..Order::default()
        };
        POLICY.examine(&mut order);
        order
    }

    fn open(order: &Order) -> Vec<(OrderFindingCode, &str)> {
        let open = order.findings.iter().filter(|one| one.state() == Open);
        open.map(|one| (one.code(), one.field.as_str())).collect()
    }

    /// Clause OP-3.4.1.
    #[test]
    fn what_is_not_plausible_is_found_field_by_field() {
        assert_eq!(
            order(vec![line("a", 100, 5, 500)]).intake(),
            OrderIntake::Clear
        );
        let mut odd = vec![line("a", 101, 0, 1), line("b", 1, 5, 6), line("a", 1, 5, 0)];
        odd[1].specification = " ".into();
        let odd = order(odd);
        let expected = [
            (QuantityUnusual, "lines[0].quantity"),
            (PriceZero, "lines[0].unit_price"),
            (DiscountAbovePrice, "lines[0].discount"),
            (DiscountAbovePrice, "lines[1].discount"),
            (SpecificationMissing, "lines[1].specification"),
            (LineDuplicate, "lines[2]"),
        ];
        assert_eq!(open(&odd), expected);
        assert_eq!(odd.intake(), OrderIntake::ToClearUp);
        let asked = Plausible {
            contact: true,
            ..POLICY
        };
        let mut nobody = order(vec![line("a", 1, 1, 0)]);
        asked.examine(&mut nobody);
        assert_eq!(open(&nobody), [(ContactMissing, "contact_phone")]);
        nobody.contact_phone = "13812345678".into();
        asked.examine(&mut nobody);
        assert_eq!(open(&nobody), []);
    }

    /// Clause OP-3.4.1: each finding is confirmed by the customer, or corrected.
    #[test]
    fn findings_are_cleared_up_one_by_one() {
        let mut one = order(vec![line("a", 500, 0, 0), line("b", 1, 5, 0)]);
        let before = one.lines.clone();
        let wrong = clear_up(&mut one, &before, &[1, 9], POLICY).unwrap_err();
        assert_eq!(
            wrong.violations,
            [("confirmed[1]".to_owned(), Violation::Unknown)]
        );
        let cleared = clear_up(&mut one, &before, &[1], POLICY).unwrap();
        assert_eq!((cleared.confirmed, cleared.corrected), (vec![1], vec![]));
        assert_eq!(open(&one), [(PriceZero, "lines[0].unit_price")]);
        assert_eq!(one.intake(), OrderIntake::ToClearUp);
        // The line is another now: what was confirmed of it is asked again.
        one.lines[0] = line("a", 600, 7, 0);
        let cleared = clear_up(&mut one, &before, &[], POLICY).unwrap();
        assert_eq!(cleared.corrected, [2]);
        assert_eq!(open(&one), [(QuantityUnusual, "lines[0].quantity")]);
        let before = one.lines.clone();
        one.lines[1] = line("a", 1, 5, 0);
        clear_up(&mut one, &before, &[1], POLICY).unwrap();
        assert_eq!(open(&one), [(LineDuplicate, "lines[1]")]);
        let before = one.lines.clone();
        one.lines.pop();
        let cleared = clear_up(&mut one, &before, &[], POLICY).unwrap();
        assert_eq!(cleared.corrected, [3]);
        assert_eq!(one.intake(), OrderIntake::Clear);
    }

    proptest! {
        /// Whatever is corrected and confirmed, an order is clear when everything that is found in
        /// it was confirmed as it stands, and only then.
        #[test]
        fn an_order_is_clear_when_all_that_is_found_was_confirmed(
            steps in prop::collection::vec(
                (prop::collection::vec((0..3_usize, 1..300_i32, 0..3_i64), 1..4), any::<bool>()),
                1..6,
            ),
        ) {
            let lines = |made: &[(usize, i32, i64)]| -> Vec<OrderLine> {
                made.iter().map(|(product, quantity, price)| {
                    line(["a", "b", "c"][*product], *quantity, *price, 0)
                }).collect()
            };
            let mut one = order(lines(&steps[0].0));
            for (made, confirms) in &steps {
                let before = std::mem::replace(&mut one.lines, lines(made));
                let confirmed: Vec<i32> = match confirms {
                    true => one.findings.iter().filter(|one| one.state() == Open).map(|one| one.number).collect(),
                    false => Vec::new(),
                };
                clear_up(&mut one, &before, &confirmed, POLICY).unwrap();
                let found = POLICY.look(&one);
                for (code, field) in &found {
                    let known = one.findings.iter().filter(|one| (one.code(), &one.field) == (*code, field)).count();
                    prop_assert_eq!(known, 1);
                }
                for finding in one.findings.iter().filter(|one| one.state() == Open) {
                    prop_assert!(found.contains(&(finding.code(), finding.field.clone())));
                }
                prop_assert_eq!(one.intake() == OrderIntake::Clear, open_count(&one) == 0);
            }
            let (before, all) = (one.lines.clone(), one.findings.iter().filter(|one| one.state() == Open));
            let all: Vec<i32> = all.map(|one| one.number).collect();
            clear_up(&mut one, &before, &all, POLICY).unwrap();
            prop_assert_eq!(one.intake(), OrderIntake::Clear);
        }
    }
}
