//! What an order must say to be taken in (OP-3.4.1): everything that is wrong
//! with it at once, so that it is cleared up with the customer in one go.

use jiff::Timestamp;
use kefu_contracts::{
    google::r#type::Money,
    order::{Order, OrderIntake, OrderLine, OrderStage, OrderStock, StagePromise},
};
use kefu_service::{
    error::Violation,
    fields::{Fields, name},
    time,
};

use super::{
    money::{is_currency, nanos, total},
    promise::PROMISED,
    stage::Reached,
    stock,
};

/// Most pieces of one line.
const MOST_PIECES: i32 = 1_000_000;

/// What a check goes by.
pub(crate) struct Intake {
    /// Bounds the time of placing.
    pub(crate) now: Timestamp,
    /// Whether a system transfers the order: of a record from elsewhere the
    /// lines may be lost, of an order that is being taken they may not.
    pub(crate) transferred: bool,
    pub(crate) most_lines: usize,
}

/// What was read off an order that passed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    pub(crate) placed_at: Timestamp,
    pub(crate) promised_at: Option<Timestamp>,
    /// Stages before delivery that are promised, in stage order.
    pub(crate) promises: Vec<Reached>,
    /// Zero when there are no lines.
    pub(crate) total: Money,
}

/// Checks the fields of an order that say what is ordered and when, and writes
/// the currency into every amount that left it out.
pub(crate) fn check(fields: &mut Fields, order: &mut Order, intake: &Intake) -> Taken {
    check_currency(fields, &order.currency);
    fields.text("order.external_ref", &order.external_ref, 120);
    fields.ensure(
        intake.transferred || !order.lines.is_empty(),
        "order.lines",
        Violation::Required,
    );
    let total = check_lines(
        fields,
        "order",
        &mut order.lines,
        &order.currency,
        intake.most_lines,
    );
    let contact = (order.contact_name.as_str(), order.contact_phone.as_str());
    check_contact(
        fields,
        ["order.contact_name", "order.contact_phone"],
        contact,
    );
    let placed = fields.past("order.placed_time", order.placed_time.as_ref(), intake.now);
    let promised_at = fields.time("order.promised_time", order.promised_time.as_ref());
    let placed_at = placed.unwrap_or(intake.now);
    // A time of placing that is wrong itself says nothing about the promise.
    let placed_is_told = order.placed_time.is_none() || placed.is_some();
    let kept = !placed_is_told || promised_at.is_none_or(|promised| promised >= placed_at);
    fields.ensure(kept, "order.promised_time", Violation::Contradiction);
    let promises = check_promises(fields, order, placed_at, placed_is_told);
    Taken {
        placed_at,
        promised_at,
        promises,
        total: total.unwrap_or_default(),
    }
}

/// Checks the lines of an order, writes the currency into every amount that left it out, and
/// tells what they come to; `of` is where the lines stand in the request.
pub(crate) fn check_lines(
    fields: &mut Fields,
    of: &str,
    all: &mut [OrderLine],
    currency: &str,
    most: usize,
) -> Option<Money> {
    let place = place(of, "lines");
    fields.ensure(all.len() <= most, &place, Violation::TooMany(most));
    let mut lines = Fields::new();
    // Too many are not looked at one by one: the answer would be as long.
    for (at, line) in all.iter_mut().enumerate().take(most) {
        check_line(&mut lines, &format!("{place}[{at}]"), line, currency);
    }
    // What lines come to is told only of lines that are right themselves.
    let sound = lines.is_clean() && is_currency(currency);
    for (field, what) in lines
        .finish()
        .err()
        .into_iter()
        .flat_map(|fault| fault.violations)
    {
        fields.refuse(field, what);
    }
    let total = total(all, currency);
    fields.ensure(total.is_some() || !sound, place, Violation::Amount);
    total
}

/// Checks whom to ask about an order.
pub(crate) fn check_contact(
    fields: &mut Fields,
    [of_name, of_phone]: [&str; 2],
    (name, phone): (&str, &str),
) {
    fields.text(of_name, name, 100);
    let digits = phone.chars().filter(char::is_ascii_digit).count();
    let written = phone
        .chars()
        .all(|one| one.is_ascii_digit() || " +-()".contains(one));
    let sound = phone.is_empty() || written && (5..=20).contains(&digits) && phone.len() <= 40;
    fields.ensure(sound, of_phone, Violation::Phone);
}

fn place(of: &str, field: &str) -> String {
    match of {
        "" => field.to_owned(),
        of => format!("{of}.{field}"),
    }
}

/// What is promised of stages before delivery; brought into stage order.
fn check_promises(
    fields: &mut Fields,
    order: &mut Order,
    placed_at: Timestamp,
    placed_is_told: bool,
) -> Vec<Reached> {
    let most = PROMISED.len() - 1;
    let few = order.promises.len() <= most;
    fields.ensure(few, "order.promises", Violation::TooMany(most));
    let mut promises: Vec<Reached> = Vec::new();
    for (at, promise) in order.promises.iter().enumerate().take(most) {
        let path = |field: &str| format!("order.promises[{at}].{field}");
        let stage = fields.required_enum::<OrderStage>(path("stage"), promise.stage);
        // Delivery has a field of its own.
        let can_be =
            stage.is_none_or(|stage| PROMISED.contains(&stage) && stage != OrderStage::Delivered);
        fields.ensure(can_be, path("stage"), Violation::NotApplicable);
        let once = !promises.iter().any(|other| Some(other.stage) == stage);
        fields.ensure(once, path("stage"), Violation::Duplicate);
        let given = promise.promised_time.as_ref();
        fields.ensure(given.is_some(), path("promised_time"), Violation::Required);
        let Some(promised) = fields.time(path("promised_time"), given) else {
            continue;
        };
        let kept = !placed_is_told || promised >= placed_at;
        fields.ensure(kept, path("promised_time"), Violation::Contradiction);
        promises.extend(stage.map(|stage| Reached {
            at: promised,
            stage,
        }));
    }
    promises.sort_by_key(|promise| promise.stage);
    order.promises = promises.iter().copied().map(told).collect();
    promises
}

/// A promise as the contract carries it.
pub(crate) fn told(promise: Reached) -> StagePromise {
    StagePromise {
        stage: promise.stage.into(),
        promised_time: Some(time::to_proto(promise.at)),
    }
}

fn check_currency(fields: &mut Fields, currency: &str) {
    if currency.is_empty() {
        fields.refuse("order.currency", Violation::Required);
    } else {
        fields.ensure(is_currency(currency), "order.currency", Violation::Currency);
    }
}

fn check_line(fields: &mut Fields, place: &str, line: &mut OrderLine, currency: &str) {
    let path = |field: &str| format!("{place}.{field}");
    fields.required_text(path("product"), &line.product, 200);
    fields.text(path("specification"), &line.specification, 500);
    fields.text(path("category"), &line.category, 120);
    fields.text(path("sku"), &line.sku, 60);
    let pieces = (1..=MOST_PIECES).contains(&line.quantity);
    fields.ensure(
        pieces,
        path("quantity"),
        Violation::OutOfRange(1, MOST_PIECES.into()),
    );
    if line.unit_price.is_none() {
        fields.refuse(path("unit_price"), Violation::Required);
    }
    for (field, money) in [
        ("unit_price", &mut line.unit_price),
        ("freight", &mut line.freight),
        ("discount", &mut line.discount),
        ("tax", &mut line.tax),
    ] {
        let Some(money) = money else { continue };
        // One wrong currency of the order is not to be told again at each amount.
        let wanted = if is_currency(currency) {
            currency
        } else {
            money.currency_code.as_str()
        };
        let sound = nanos(money, wanted).is_some_and(|nanos| nanos >= 0);
        fields.ensure(sound, path(field), Violation::Amount);
        if money.currency_code.is_empty() {
            currency.clone_into(&mut money.currency_code);
        }
    }
}

/// Clears what the suite itself says about an order, whatever the caller put there.
pub(crate) fn clear_outputs(order: &mut Order, id: uuid::Uuid) {
    order.name = name("orders", id);
    order.number.clear();
    order.reviews.clear();
    order.events.clear();
    order.findings.clear();
    order.steps.clear();
    order.attempts.clear();
    order.complaints.clear();
    order.notices.clear();
    order.set_intake(OrderIntake::Clear);
    order.set_stock(OrderStock::NotKept);
    order.lines.iter_mut().for_each(stock::clear);
    order.late_time = None;
    order.late_stage = 0;
    order.stuck_time = None;
    order.disclosure = None;
}

#[cfg(test)]
mod tests;
