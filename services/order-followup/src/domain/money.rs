//! Exact amounts: google.type.Money as whole nanos, never as a fraction.

use kefu_contracts::{google::r#type::Money, order::OrderLine};

/// Nanos of one unit of a currency.
const UNIT: i128 = 1_000_000_000;

/// Whether it has the form of an ISO 4217 code: three upper-case letters.
pub(crate) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())
}

/// The amount in nanos of this currency; `None` when it is another currency's
/// or breaks the rules of google.type.Money: nanos below one unit, and of the
/// sign of the units. An amount that names no currency is the order's.
pub(crate) fn nanos(money: &Money, currency: &str) -> Option<i128> {
    let own = money.currency_code.is_empty() || money.currency_code == currency;
    let below_one = (-999_999_999..=999_999_999).contains(&money.nanos);
    let signs_agree = i128::from(money.units) * i128::from(money.nanos) >= 0;
    (own && below_one && signs_agree)
        .then(|| i128::from(money.units) * UNIT + i128::from(money.nanos))
}

/// The amount of so many nanos; `None` when it is more than Money can say.
pub(crate) fn amount(nanos: i128, currency: &str) -> Option<Money> {
    Some(Money {
        currency_code: currency.to_owned(),
        units: i64::try_from(nanos / UNIT).ok()?,
        nanos: i32::try_from(nanos % UNIT).ok()?,
    })
}

/// What the pieces of a line come to; `None` when its price is no amount of this currency.
pub(crate) fn goods(line: &OrderLine, currency: &str) -> Option<i128> {
    nanos(line.unit_price.as_ref()?, currency)?.checked_mul(line.quantity.into())
}

/// What is taken off a line.
pub(crate) fn discount(line: &OrderLine, currency: &str) -> Option<i128> {
    optional(line.discount.as_ref(), currency)
}

fn optional(money: Option<&Money>, currency: &str) -> Option<i128> {
    money.map_or(Some(0), |money| nanos(money, currency))
}

/// What a line comes to as a whole; it may be below zero.
pub(crate) fn line_total(line: &OrderLine, currency: &str) -> Option<i128> {
    goods(line, currency)?
        .checked_sub(discount(line, currency)?)?
        .checked_add(optional(line.tax.as_ref(), currency)?)?
        .checked_add(optional(line.freight.as_ref(), currency)?)
}

/// What the lines come to: Σ quantity × unit price − discount + tax + freight; `None` when an
/// amount is not one, or the sum is below zero or more than Money can say.
pub(crate) fn total(lines: &[OrderLine], currency: &str) -> Option<Money> {
    let mut sum = 0_i128;
    for line in lines {
        sum = sum.checked_add(line_total(line, currency)?)?;
    }
    if sum < 0 {
        return None;
    }
    amount(sum, currency)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(units: i64, nanos: i32) -> Money {
        Money {
            currency_code: "CNY".into(),
            units,
            nanos,
        }
    }

    fn line(quantity: i32, unit_price: Money, freight: Option<Money>) -> OrderLine {
        OrderLine {
            quantity,
            unit_price: Some(unit_price),
            freight,
            ..Default::default()
        }
    }

    fn any_line() -> impl Strategy<Value = OrderLine> {
        let price = (0..1_000_000_i64, 0..1_000_000_000_i32);
        let extra = || prop::option::of((0..1000_i64, 0..1_000_000_000_i32));
        (1..50_i32, price, [extra(), extra(), extra()]).prop_map(
            |(quantity, (units, nanos), extras)| {
                let [freight, discount, tax] =
                    extras.map(|extra| extra.map(|(units, nanos)| money(units, nanos)));
                OrderLine {
                    discount,
                    tax,
                    ..line(quantity, money(units, nanos), freight)
                }
            },
        )
    }

    proptest! {
        #[test]
        fn amounts_are_read_as_they_are_written(value in -(1_i128 << 90)..(1_i128 << 90)) {
            match amount(value, "CNY") {
                Some(written) => prop_assert_eq!(nanos(&written, "CNY"), Some(value)),
                None => prop_assert!(i64::try_from(value / UNIT).is_err()),
            }
        }

        /// Clause OP-3.4.1: the same as putting the pieces down one by one.
        #[test]
        fn a_total_is_what_counting_by_hand_gives(lines in prop::collection::vec(any_line(), 0..8)) {
            // Cents in one heap and what is taken off in another, as at a till.
            let (mut paid, mut off) = ((0_i64, 0_i64), (0_i64, 0_i64));
            let put = |heap: &mut (i64, i64), money: &Money| {
                heap.1 += i64::from(money.nanos);
                heap.0 += money.units + heap.1 / 1_000_000_000;
                heap.1 %= 1_000_000_000;
            };
            for line in &lines {
                (0..line.quantity).for_each(|_| put(&mut paid, line.unit_price.as_ref().unwrap()));
                line.freight.iter().chain(&line.tax).for_each(|money| put(&mut paid, money));
                line.discount.iter().for_each(|money| put(&mut off, money));
            }
            let borrow = i64::from(paid.1 < off.1);
            let units = paid.0 - off.0 - borrow;
            let nanos = paid.1 - off.1 + borrow * 1_000_000_000;
            let expected = (units >= 0).then(|| money(units, i32::try_from(nanos).unwrap()));
            prop_assert_eq!(total(&lines, "CNY"), expected);
        }

        #[test]
        fn the_order_of_lines_does_not_matter(
            (lines, shuffled) in prop::collection::vec(any_line(), 0..8)
                .prop_flat_map(|lines| (Just(lines.clone()), Just(lines).prop_shuffle()))
        ) {
            prop_assert_eq!(total(&lines, "CNY"), total(&shuffled, "CNY"));
        }

        /// Nothing a caller can send makes it panic or come out wrong in silence.
        #[test]
        fn what_does_not_fit_is_refused(units: i64, nanos: i32, quantity: i32) {
            let price = money(units, nanos);
            let sum = total(&[line(quantity, price.clone(), None)], "CNY");
            let expected = super::nanos(&price, "CNY")
                .map(|each| each * i128::from(quantity))
                .filter(|all| *all >= 0 && i64::try_from(all / UNIT).is_ok());
            prop_assert_eq!(sum.and_then(|sum| super::nanos(&sum, "CNY")), expected);
        }
    }

    /// The rules of google.type.Money.
    #[test]
    fn signs_agree_and_nanos_stay_below_one_unit() {
        assert_eq!(nanos(&money(-1, -750_000_000), "CNY"), Some(-1_750_000_000));
        assert_eq!(nanos(&money(0, -1), "CNY"), Some(-1));
        for wrong in [
            money(1, -1),
            money(-1, 1),
            money(0, 1_000_000_000),
            money(0, -1_000_000_000),
        ] {
            assert_eq!(nanos(&wrong, "CNY"), None, "{wrong:?}");
        }
    }

    /// Clause OP-3.4.1.
    #[test]
    fn amounts_are_in_the_orders_currency() {
        assert_eq!(nanos(&money(1, 0), "USD"), None);
        assert_eq!(
            nanos(
                &Money {
                    units: 1,
                    ..Default::default()
                },
                "USD"
            ),
            Some(UNIT)
        );
        assert!(is_currency("CNY"));
        for wrong in ["", "CN", "cny", "CNYY", "C1Y", "人民币"] {
            assert!(!is_currency(wrong), "{wrong}");
        }
    }

    /// What is no fraction in binary is none here.
    #[test]
    fn cents_add_up() {
        let lines = [
            line(3, money(0, 100_000_000), None),
            line(1, money(0, 200_000_000), Some(money(0, 10_000_000))),
        ];
        assert_eq!(total(&lines, "CNY"), Some(money(0, 510_000_000)));
        assert_eq!(total(&[line(2, money(i64::MAX, 0), None)], "CNY"), None);
        assert_eq!(total(&[], "CNY"), Some(money(0, 0)));
        let taxed = OrderLine {
            discount: Some(money(0, 50_000_000)),
            tax: Some(money(0, 130_000_000)),
            ..line(1, money(1, 0), None)
        };
        assert_eq!(total(&[taxed], "CNY"), Some(money(1, 80_000_000)));
        let below = OrderLine {
            discount: Some(money(2, 0)),
            ..line(1, money(1, 0), None)
        };
        assert_eq!(total(&[below], "CNY"), None);
    }
}
