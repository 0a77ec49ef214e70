//! What is set aside for an order, line by line (OP-3.4.2).

use kefu_contracts::order::{LineStock, OrderLine, OrderStock, ShortageChoice};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

/// What there was of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    /// No stock is kept of it.
    NotKept,
    Reserved,
    /// Not enough, and what may be had instead.
    Short(Vec<String>),
}

/// Lines that are to be asked for, in an order in which two orders never wait for each other.
pub(crate) fn to_ask(lines: &[OrderLine]) -> Vec<usize> {
    in_sku_order(lines, |line| {
        !line.sku.is_empty() && matches!(line.stock(), LineStock::Unspecified | LineStock::Waiting)
    })
}

/// Lines that the company's inventory is asked for.
pub(crate) fn to_ask_elsewhere(lines: &[OrderLine]) -> Vec<usize> {
    in_sku_order(lines, |line| {
        matches!(line.stock(), LineStock::Asked | LineStock::Waiting)
    })
}

/// Lines of which pieces are set aside.
pub(crate) fn held(lines: &[OrderLine]) -> Vec<usize> {
    in_sku_order(lines, |line| line.stock() == LineStock::Reserved)
}

fn in_sku_order(lines: &[OrderLine], which: impl Fn(&OrderLine) -> bool) -> Vec<usize> {
    let mut found: Vec<usize> = (0..lines.len()).filter(|at| which(&lines[*at])).collect();
    found.sort_by(|one, other| lines[*one].sku.cmp(&lines[*other].sku));
    found
}

/// Puts into a line what there was of it. Who waits goes on waiting.
pub(crate) fn put(line: &mut OrderLine, got: Got) {
    let waits = line.stock() == LineStock::Waiting;
    let (stock, alternatives) = match got {
        Got::NotKept => (LineStock::NotKept, Vec::new()),
        Got::Reserved => (LineStock::Reserved, Vec::new()),
        Got::Short(_) if waits => (LineStock::Waiting, Vec::new()),
        Got::Short(alternatives) => (LineStock::Short, alternatives),
    };
    line.set_stock(stock);
    line.alternatives = alternatives;
}

/// How an order stands by its lines: by the one that is furthest from having all.
pub(crate) fn of_lines(lines: &[OrderLine]) -> OrderStock {
    let any = |stock| lines.iter().any(|line| line.stock() == stock);
    [
        (LineStock::Short, OrderStock::Short),
        (LineStock::Waiting, OrderStock::Waiting),
        (LineStock::Asked, OrderStock::Asked),
        (LineStock::Reserved, OrderStock::Reserved),
        (LineStock::Consumed, OrderStock::Consumed),
        (LineStock::Released, OrderStock::Released),
    ]
    .into_iter()
    .find_map(|(line, order)| any(line).then_some(order))
    .unwrap_or(OrderStock::NotKept)
}

/// What the customer chose about a line that is short.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) line: usize,
    pub(crate) choice: ShortageChoice,
    pub(crate) alternative: Option<OrderLine>,
}

/// Carries out what the customer chose; lines that are to be supplied anew are asked for by the
/// caller.
///
/// # Errors
/// Choices about what is not short, or that leave nothing of the order.
pub(crate) fn choose(lines: &mut Vec<OrderLine>, choices: &[Choice]) -> Result<(), Fault> {
    let mut fields = Fields::new();
    let mut without = Vec::new();
    for (at, choice) in choices.iter().enumerate() {
        let field = format!("choices[{at}].line");
        let once = !choices[..at].iter().any(|one| one.line == choice.line);
        fields.ensure(once, &field, Violation::Duplicate);
        let line = lines.get_mut(choice.line);
        let line =
            line.filter(|line| matches!(line.stock(), LineStock::Short | LineStock::Waiting));
        let Some(line) = line else {
            if once {
                fields.refuse(field, Violation::NotApplicable);
            }
            continue;
        };
        match (choice.choice, &choice.alternative) {
            (ShortageChoice::Wait, _) => {
                line.set_stock(LineStock::Waiting);
                line.alternatives.clear();
            }
            (ShortageChoice::Alternative, Some(other)) => {
                let quantity = line.quantity;
                *line = OrderLine {
                    quantity,
                    ..other.clone()
                };
                clear(line);
            }
            (ShortageChoice::Without, _) => without.push(choice.line),
            (ShortageChoice::Alternative | ShortageChoice::Unspecified, _) => {
                fields.refuse(
                    format_args!("choices[{at}].alternative"),
                    Violation::Required,
                );
            }
        }
    }
    // Who wants nothing of it any more cancels the order.
    let some = without.len() < lines.len();
    fields.ensure(some, "choices", Violation::NotApplicable);
    fields.finish()?;
    let mut at = 0;
    lines.retain(|_| {
        at += 1;
        !without.contains(&(at - 1))
    });
    Ok(())
}

/// Takes from a line what the suite itself says about it.
pub(crate) fn clear(line: &mut OrderLine) {
    line.stock = LineStock::Unspecified.into();
    line.alternatives.clear();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(sku: &str, stock: LineStock) -> OrderLine {
        OrderLine {
            sku: sku.into(),
            quantity: 2,
            stock: stock.into(),
            ..OrderLine::default()
        }
    }

    fn chosen(line: usize, choice: ShortageChoice, sku: &str) -> Choice {
        Choice {
            line,
            choice,
            alternative: (!sku.is_empty()).then(|| OrderLine {
                quantity: 9,
                ..self::line(sku, LineStock::Reserved)
            }),
        }
    }

    /// Clause OP-3.4.2.
    #[test]
    fn the_customer_waits_takes_another_or_does_without() {
        use LineStock::{Reserved, Short, Unspecified, Waiting};
        let mut lines = vec![
            line("a", Short),
            line("b", Short),
            line("c", Short),
            line("d", Reserved),
        ];
        choose(
            &mut lines,
            &[
                chosen(2, ShortageChoice::Without, ""),
                chosen(0, ShortageChoice::Wait, ""),
                chosen(1, ShortageChoice::Alternative, "x"),
            ],
        )
        .unwrap();
        let left: Vec<_> = lines
            .iter()
            .map(|one| (one.sku.as_str(), one.quantity, one.stock()))
            .collect();
        // Pieces stay, and nobody says for the suite what is set aside.
        assert_eq!(
            left,
            [("a", 2, Waiting), ("x", 2, Unspecified), ("d", 2, Reserved)]
        );
        assert_eq!(to_ask(&lines), [0, 1]);
    }

    #[test]
    fn what_cannot_be_chosen_is_told_at_once() {
        let mut lines = vec![line("a", LineStock::Short), line("b", LineStock::Reserved)];
        let wrong = choose(
            &mut lines,
            &[
                chosen(0, ShortageChoice::Alternative, ""),
                chosen(0, ShortageChoice::Wait, ""),
                chosen(1, ShortageChoice::Wait, ""),
                chosen(7, ShortageChoice::Wait, ""),
            ],
        );
        let expected = [
            ("choices[0].alternative", Violation::Required),
            ("choices[1].line", Violation::Duplicate),
            ("choices[2].line", Violation::NotApplicable),
            ("choices[3].line", Violation::NotApplicable),
        ];
        let expected = expected.map(|(field, what)| (field.to_owned(), what));
        assert_eq!(wrong.unwrap_err().violations, expected);
        let mut last = vec![line("a", LineStock::Short)];
        let nothing = choose(&mut last, &[chosen(0, ShortageChoice::Without, "")]).unwrap_err();
        assert_eq!(
            nothing.violations,
            [("choices".to_owned(), Violation::NotApplicable)]
        );
    }

    #[test]
    fn who_waits_goes_on_waiting() {
        let mut one = line("a", LineStock::Waiting);
        put(&mut one, Got::Short(vec!["b".into()]));
        assert_eq!(
            (one.stock(), one.alternatives.len()),
            (LineStock::Waiting, 0)
        );
        put(&mut one, Got::Reserved);
        assert_eq!(one.stock(), LineStock::Reserved);
        let mut new = line("a", LineStock::Unspecified);
        put(&mut new, Got::Short(vec!["b".into()]));
        assert_eq!(
            (new.stock(), new.alternatives.as_slice()),
            (LineStock::Short, &["b".to_owned()][..])
        );
    }

    proptest! {
        /// An order has all that it needs when none of its lines lacks anything, and only then.
        #[test]
        fn an_order_stands_by_the_line_that_lacks_most(
            lines in prop::collection::vec((0..8_i32).prop_map(|stock| line("a", LineStock::try_from(stock).unwrap())), 0..6),
        ) {
            let lacks = lines.iter().any(|one| matches!(one.stock(), LineStock::Short | LineStock::Waiting));
            let found = of_lines(&lines);
            prop_assert_eq!(lacks, matches!(found, OrderStock::Short | OrderStock::Waiting));
            let asked = lines.iter().any(|one| one.stock() == LineStock::Asked);
            prop_assert_eq!(!lacks && asked, found == OrderStock::Asked);
            let held = !held(&lines).is_empty();
            prop_assert_eq!(!lacks && !asked && held, found == OrderStock::Reserved);
        }
    }
}
