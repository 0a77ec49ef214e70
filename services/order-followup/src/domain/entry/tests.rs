use kefu_contracts::order::Review;
use kefu_service::time;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

fn price(units: i64) -> Option<Money> {
    Some(Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    })
}

fn order() -> Order {
    let line = OrderLine {
        product: "空气净化器".into(),
        specification: "KJ500".into(),
        quantity: 2,
        unit_price: price(1299),
        freight: price(10),
        ..Default::default()
    };
    Order {
        currency: "CNY".into(),
        lines: vec![line],
        ..Default::default()
    }
}

fn taken(order: &mut Order, transferred: bool) -> Result<Taken, Vec<(String, Violation)>> {
    let mut fields = Fields::new();
    let taken = check(
        &mut fields,
        order,
        &Intake {
            now: NOW,
            transferred,
            most_lines: 3,
        },
    );
    fields
        .finish()
        .map(|()| taken)
        .map_err(|fault| fault.violations)
}

fn violations(mut order: Order) -> Vec<(String, Violation)> {
    taken(&mut order, false).err().unwrap_or_default()
}

fn only(field: &str, what: Violation) -> Vec<(String, Violation)> {
    vec![(field.to_owned(), what)]
}

/// Clauses OP-3.4.1, OP-3.4.3.
#[test]
fn a_correct_order_is_taken_in_with_its_total_and_time() {
    let expected = Taken {
        placed_at: NOW,
        promised_at: None,
        promises: Vec::new(),
        total: price(2608).unwrap(),
    };
    assert_eq!(taken(&mut order(), false), Ok(expected));
}

/// Clause OP-3.4.1: what is wrong is cleared up in one go.
#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = OrderLine {
        product: " ".into(),
        specification: "x".repeat(501),
        category: "bell\u{7}".into(),
        quantity: 0,
        unit_price: None,
        freight: price(-1),
        discount: price(-1),
        sku: "x".repeat(61),
        ..OrderLine::default()
    };
    let found = violations(Order {
        currency: "cny".into(),
        contact_name: "x".repeat(101),
        contact_phone: "my own".into(),
        external_ref: "x".repeat(121),
        lines: vec![
            wrong.clone(),
            OrderLine {
                quantity: 1_000_001,
                unit_price: price(-1),
                ..wrong
            },
        ],
        placed_time: Some(time::to_proto(NOW + jiff::SignedDuration::from_secs(1))),
        promised_time: Some(prost_types::Timestamp {
            seconds: 0,
            nanos: -1,
        }),
        ..Default::default()
    });
    let pieces = Violation::OutOfRange(1, 1_000_000);
    let named: Vec<_> = found
        .iter()
        .map(|(field, what)| (field.as_str(), *what))
        .collect();
    assert_eq!(
        named,
        [
            ("order.currency", Violation::Currency),
            ("order.external_ref", Violation::TooLong(120)),
            ("order.lines[0].product", Violation::Required),
            ("order.lines[0].specification", Violation::TooLong(500)),
            ("order.lines[0].category", Violation::ControlCharacters),
            ("order.lines[0].sku", Violation::TooLong(60)),
            ("order.lines[0].quantity", pieces),
            ("order.lines[0].unit_price", Violation::Required),
            ("order.lines[0].freight", Violation::Amount),
            ("order.lines[0].discount", Violation::Amount),
            ("order.lines[1].product", Violation::Required),
            ("order.lines[1].specification", Violation::TooLong(500)),
            ("order.lines[1].category", Violation::ControlCharacters),
            ("order.lines[1].sku", Violation::TooLong(60)),
            ("order.lines[1].quantity", pieces),
            ("order.lines[1].unit_price", Violation::Amount),
            ("order.lines[1].freight", Violation::Amount),
            ("order.lines[1].discount", Violation::Amount),
            ("order.contact_name", Violation::TooLong(100)),
            ("order.contact_phone", Violation::Phone),
            ("order.placed_time", Violation::InFuture),
            ("order.promised_time", Violation::Time),
        ]
    );
}

/// Clause OP-3.4.1: of a transferred record the lines may be lost.
#[test]
fn only_transferred_orders_may_have_no_lines() {
    let mut empty = Order {
        lines: Vec::new(),
        ..order()
    };
    assert_eq!(
        violations(empty.clone()),
        only("order.lines", Violation::Required)
    );
    assert_eq!(
        taken(&mut empty, true).map(|taken| taken.total),
        Ok(price(0).unwrap())
    );
}

/// Clause OP-3.4.1.
#[test]
fn one_order_has_one_currency() {
    assert_eq!(
        violations(Order {
            currency: String::new(),
            ..order()
        }),
        only("order.currency", Violation::Required)
    );
    let other = Order {
        currency: "USD".into(),
        ..order()
    };
    let both = [
        only("order.lines[0].unit_price", Violation::Amount),
        only("order.lines[0].freight", Violation::Amount),
    ];
    assert_eq!(violations(other), both.concat());
    let mut unnamed = order();
    unnamed.lines[0].unit_price = Some(Money {
        units: 1299,
        ..Default::default()
    });
    assert!(taken(&mut unnamed, false).is_ok());
    assert_eq!(unnamed, order());
}

#[test]
fn a_total_beyond_all_amounts_is_refused() {
    let mut dear = order();
    dear.lines[0].unit_price = price(i64::MAX);
    assert_eq!(violations(dear), only("order.lines", Violation::Amount));
    let many = Order {
        lines: vec![OrderLine::default(); 4],
        ..order()
    };
    assert_eq!(
        violations(many)[0],
        ("order.lines".to_owned(), Violation::TooMany(3))
    );
}

/// Clause OP-3.4.3: the time of submission is the one told, kept to the microsecond.
#[test]
fn an_order_may_have_been_placed_before_and_is_promised_after() {
    let at = |seconds: i64| {
        Some(prost_types::Timestamp {
            seconds,
            nanos: 1_234,
        })
    };
    let mut told = Order {
        placed_time: at(1_600_000_000),
        promised_time: at(1_800_000_000),
        ..order()
    };
    let found = taken(&mut told, false).unwrap();
    assert_eq!(
        found.placed_at,
        Timestamp::new(1_600_000_000, 1_000).unwrap()
    );
    assert_eq!(
        found.promised_at,
        Some(Timestamp::new(1_800_000_000, 1_000).unwrap())
    );
    let broken = Order {
        placed_time: at(1_600_000_000),
        promised_time: at(1_500_000_000),
        ..order()
    };
    assert_eq!(
        violations(broken),
        only("order.promised_time", Violation::Contradiction)
    );
}

#[test]
fn what_only_the_suite_says_is_not_taken_from_the_caller() {
    let mut order = Order {
        number: "O1".into(),
        reviews: vec![Review::default()],
        ..order()
    };
    clear_outputs(&mut order, uuid::Uuid::from_u128(1));
    assert_eq!(order.name, "orders/00000000-0000-0000-0000-000000000001");
    assert!(order.number.is_empty() && order.reviews.is_empty() && order.events.is_empty());
}

/// Clause OP-3.4.4: stages are promised with the order, each once, and delivery by its own field.
#[test]
fn stages_are_promised_with_the_order() {
    let promise = |stage: OrderStage, seconds: i64| StagePromise {
        stage: stage.into(),
        promised_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
    };
    let mut promised = Order {
        promises: vec![
            promise(OrderStage::Shipped, 1_700_000_500),
            promise(OrderStage::Confirmed, 1_700_000_100),
        ],
        ..order()
    };
    let found = taken(&mut promised, false).unwrap().promises;
    let stages: Vec<_> = found.iter().map(|promise| promise.stage).collect();
    assert_eq!(stages, [OrderStage::Confirmed, OrderStage::Shipped]);
    assert_eq!(promised.promises[0].stage(), OrderStage::Confirmed);
    let wrong = violations(Order {
        promises: vec![
            promise(OrderStage::Delivered, 1_700_000_500),
            promise(OrderStage::Paid, 1_600_000_000),
            promise(OrderStage::Paid, 1_700_000_500),
            StagePromise::default(),
        ],
        ..order()
    });
    let expected = [
        ("promises[0].stage", Violation::NotApplicable),
        ("promises[1].promised_time", Violation::Contradiction),
        ("promises[2].stage", Violation::Duplicate),
        ("promises[3].stage", Violation::Required),
        ("promises[3].promised_time", Violation::Required),
    ];
    let expected = expected.map(|(field, what)| (format!("order.{field}"), what));
    assert_eq!(wrong, expected);
}
