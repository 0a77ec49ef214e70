//! What a case must say to be registered (OP-3.4.6, IH-6).

use jiff::Timestamp;
use kefu_contracts::order::{Case, CaseKind, CaseLine, Order};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::{MEDIUM, account::Line};

const MOST_LINES: usize = 200;
/// Most pieces of one line.
const MOST_PIECES: i32 = 1_000_000;

/// Checks what is said of a case, but for what its order says.
pub(crate) fn check(fields: &mut Fields, case: &Case, now: Timestamp) {
    let kind = fields.required_enum::<CaseKind>("case.kind", case.kind);
    fields.required_text("case.problem", &case.problem, MEDIUM);
    let told = fields.past("case.delivered_time", case.delivered_time.as_ref(), now);
    let of_order = !case.order.is_empty();
    let own = told.is_none() || !of_order;
    fields.ensure(own, "case.delivered_time", Violation::NotApplicable);
    // Without goods only guidance is given; money and goods come back only of an order.
    let needs_lines = kind != Some(CaseKind::Guidance);
    fields.ensure(
        !needs_lines || !case.lines.is_empty(),
        "case.lines",
        Violation::Required,
    );
    let needs_order = matches!(
        kind,
        Some(CaseKind::Return | CaseKind::Exchange | CaseKind::Refund)
    );
    fields.ensure(!needs_order || of_order, "case.order", Violation::Required);
    let few = case.lines.len() <= MOST_LINES;
    fields.ensure(few, "case.lines", Violation::TooMany(MOST_LINES));
    for (at, line) in case.lines.iter().enumerate().take(MOST_LINES) {
        check_line(fields, &case.lines, at, line, of_order);
    }
}

fn check_line(fields: &mut Fields, lines: &[CaseLine], at: usize, line: &CaseLine, of_order: bool) {
    let place = |field: &str| format!("case.lines[{at}].{field}");
    let pieces = (1..=MOST_PIECES).contains(&line.quantity);
    let range = Violation::OutOfRange(1, MOST_PIECES.into());
    fields.ensure(pieces, place("quantity"), range);
    fields.text(place("serial_number"), &line.serial_number, 120);
    if of_order {
        fields.ensure(line.line > 0, place("line"), Violation::Required);
        let again = lines[..at].iter().any(|other| other.line == line.line);
        fields.ensure(
            !again || line.line <= 0,
            place("line"),
            Violation::Duplicate,
        );
    } else {
        fields.ensure(line.line == 0, place("line"), Violation::NotApplicable);
        fields.required_text(place("product"), &line.product, 200);
        fields.text(place("category"), &line.category, 120);
    }
}

/// Takes from the order what the lines are, and tells the accounts that they are of.
///
/// # Errors
/// Every line that the order has not.
pub(crate) fn take_lines(case: &mut Case, order: &Order) -> Result<Vec<Line>, Fault> {
    let mut fields = Fields::new();
    let mut accounts = Vec::with_capacity(case.lines.len());
    for (at, line) in case.lines.iter_mut().enumerate() {
        let place = usize::try_from(line.line - 1).ok();
        let Some(of) = place.and_then(|place| order.lines.get(place)) else {
            fields.refuse(format_args!("case.lines[{at}].line"), Violation::Unknown);
            continue;
        };
        of.product.clone_into(&mut line.product);
        of.category.clone_into(&mut line.category);
        let account = Line::of(line.line, of, &order.currency);
        accounts.push(account.ok_or_else(|| Fault::internal("an order with amounts of none"))?);
    }
    fields.finish()?;
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::{google::r#type::Money, order::OrderLine};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn wrong(case: &Case) -> Vec<String> {
        let mut fields = Fields::new();
        check(&mut fields, case, NOW);
        let fault = fields.finish().err();
        let violations = fault.map(|fault| fault.violations).unwrap_or_default();
        violations.into_iter().map(|(field, _)| field).collect()
    }

    fn line(line: i32, quantity: i32) -> CaseLine {
        CaseLine {
            line,
            quantity,
            ..CaseLine::default()
        }
    }

    /// Clause IH-6.
    #[test]
    fn goods_and_money_come_back_only_of_an_order() {
        let case = Case {
            kind: CaseKind::Return.into(),
            problem: "不合适".into(),
            ..Case::default()
        };
        assert_eq!(wrong(&case), ["case.lines", "case.order"]);
        let of_order = Case {
            order: "orders/1".into(),
            lines: vec![line(1, 1), line(1, 0), line(0, 1)],
            delivered_time: Some(prost_types::Timestamp::default()),
            ..case
        };
        let expected = [
            "case.delivered_time",
            "case.lines[1].quantity",
            "case.lines[1].line",
            "case.lines[2].line",
        ];
        assert_eq!(wrong(&of_order), expected);
        assert_eq!(
            wrong(&Case::default()),
            ["case.kind", "case.problem", "case.lines"]
        );
    }

    /// Clause OP-3.4.6: goods that were bought elsewhere are said what they are.
    #[test]
    fn goods_without_an_order_are_named() {
        let case = Case {
            kind: CaseKind::Repair.into(),
            problem: "不通电".into(),
            lines: vec![line(2, 1)],
            ..Case::default()
        };
        assert_eq!(
            wrong(&case),
            ["case.lines[0].line", "case.lines[0].product"]
        );
        let guidance = Case {
            kind: CaseKind::Guidance.into(),
            lines: Vec::new(),
            ..case
        };
        assert_eq!(wrong(&guidance), [""; 0]);
    }

    #[test]
    fn what_a_line_is_is_taken_from_the_order() {
        let of = |product: &str, quantity| OrderLine {
            product: product.into(),
            quantity,
            unit_price: Some(Money {
                units: 3,
                ..Money::default()
            }),
            ..OrderLine::default()
        };
        let order = Order {
            currency: "CNY".into(),
            lines: vec![of("锅", 1), of("碗", 4)],
            ..Order::default()
        };
        let mut case = Case {
            lines: vec![line(2, 3)],
            ..Case::default()
        };
        let accounts = take_lines(&mut case, &order).unwrap();
        assert_eq!(case.lines[0].product, "碗");
        assert_eq!((accounts[0].ordered, accounts[0].paid), (4, 12_000_000_000));
        case.lines.push(line(3, 1));
        let refused = take_lines(&mut case, &order).unwrap_err();
        assert_eq!(
            refused.violations,
            [("case.lines[1].line".to_owned(), Violation::Unknown)]
        );
    }
}
