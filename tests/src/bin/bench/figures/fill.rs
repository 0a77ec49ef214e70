//! Two years of tickets and orders, as their services would have told of them: entered into the journals, past the
//! services, as analytics reads nothing else.

use std::time::Instant;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use kefu_access_control::seed::{department_id, employee_id};
use kefu_contracts::{
    common::Channel,
    google::r#type::Money,
    journal::{ChangedClock, ClocksChanged, OrderChanged, TicketChanged, event::Event},
    order::OrderStage,
    ticket::{ClockMetric, ClockState, Priority, TicketKind, TicketState},
};
use kefu_journal::Entry;
use kefu_service::time::to_proto;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

/// Entries of a transaction.
const AT_ONCE: usize = 2_000;
const DAYS: i64 = 730;
const ORDERS_OF_A_TICKET: usize = 5;
/// Customers are fewer than tickets.
const TICKETS_OF_A_CUSTOMER: usize = 4;
const DEPARTMENTS: [&str; 5] = [
    "call_centre",
    "complaints",
    "technical_support",
    "sales",
    "marketing",
];
const PEOPLE: [&str; 3] = ["li.wei", "ma.chao", "wang.fang"];

/// What is entered.
pub(crate) struct Years {
    pub(crate) tickets: usize,
    until: Timestamp,
}

impl Years {
    pub(crate) fn of(tickets: usize, now: Timestamp) -> anyhow::Result<Self> {
        // Whole seconds, as times of records are.
        let until = Timestamp::from_second(now.as_second())?;
        Ok(Self { tickets, until })
    }

    pub(crate) fn orders(&self) -> usize {
        self.tickets * ORDERS_OF_A_TICKET
    }

    /// The twelve months before the current one.
    pub(crate) fn last_twelve_months(&self) -> (Date, Date) {
        let today = self.until.to_zoned(TimeZone::UTC).date().first_of_month();
        let first = Date::new(today.year() - 1, today.month(), 1);
        let last = today.yesterday().unwrap_or(today);
        (first.unwrap_or(today), last)
    }

    /// When the record of this number, of so many, came.
    fn at(&self, number: usize, of: usize) -> Timestamp {
        let seconds = SignedDuration::from_hours(24 * DAYS).as_secs();
        let passed = seconds * i64::try_from(number).unwrap_or(0) / i64::try_from(of).unwrap_or(1);
        self.until - SignedDuration::from_secs(seconds - passed)
    }

    /// A ticket that came, and one that was solved with its clocks; one in ten is not.
    fn ticket(&self, number: usize) -> Vec<Entry> {
        let (id, customer) = (key(1, number), key(2, number / TICKETS_OF_A_CUSTOMER));
        let received = self.at(number, self.tickets);
        let (kind, channel) = (1 + spread(number, 4), 1 + spread(number + 1, 5));
        let department = department_id(DEPARTMENTS[of(number, 3)])
            .into_bytes()
            .to_vec();
        let told = TicketChanged {
            ticket_id: id.into_bytes().to_vec(),
            customer_id: customer.into_bytes().to_vec(),
            kind: TicketKind::try_from(kind).unwrap_or_default().into(),
            channel: Channel::try_from(channel).unwrap_or_default().into(),
            state: TicketState::New.into(),
            priority: Priority::try_from(1 + spread(number + 2, 3))
                .unwrap_or_default()
                .into(),
            department_id: department.clone(),
            assignee_id: employee_id(PEOPLE[of(number, PEOPLE.len())])
                .into_bytes()
                .to_vec(),
            occurred_at: Some(to_proto(received)),
            received_at: Some(to_proto(received)),
            revision: 1,
            category: ["installation", "invoice", "delivery"][of(number + 3, 3)].into(),
            ..TicketChanged::default()
        };
        let entry = |at, r#type, event| {
            let resource = format!("tickets/{id}");
            Entry::by_itself(at, id.to_string(), r#type, resource, Some(customer), event)
        };
        let opened = entry(
            received,
            "ticket.opened",
            Event::TicketChanged(told.clone()),
        );
        if number.is_multiple_of(10) {
            return vec![opened];
        }
        let took = 600 + i64::from(spread(number + 4, 200_000));
        let solved = received + SignedDuration::from_secs(took);
        let clock = |metric: ClockMetric, used: i64| ChangedClock {
            metric: metric.into(),
            attempt: 1,
            start_time: Some(to_proto(received)),
            stop_time: Some(to_proto(received + SignedDuration::from_secs(used))),
            used_seconds: used,
            state: ClockState::Met.into(),
            ..ChangedClock::default()
        };
        let clocks = ClocksChanged {
            ticket_id: told.ticket_id.clone(),
            customer_id: told.customer_id.clone(),
            department_id: department,
            assignee_id: told.assignee_id.clone(),
            kind: told.kind,
            channel: told.channel,
            priority: told.priority,
            clocks: vec![
                clock(ClockMetric::FirstResponse, took / 10),
                clock(ClockMetric::Resolution, took),
            ],
        };
        let told = TicketChanged {
            state: TicketState::Resolved.into(),
            occurred_at: Some(to_proto(solved)),
            resolved_at: Some(to_proto(solved)),
            revision: 2,
            ..told
        };
        vec![
            opened,
            entry(solved, "ticket.resolved", Event::TicketChanged(told)),
            entry(
                solved,
                "ticket.clocks_changed",
                Event::ClocksChanged(clocks),
            ),
        ]
    }

    /// An order that was placed, and then delivered or cancelled.
    fn order(&self, number: usize) -> Vec<Entry> {
        let customers = (self.tickets / TICKETS_OF_A_CUSTOMER).max(1);
        let (id, customer) = (key(3, number), key(2, of(number, customers)));
        let placed = self.at(number, self.orders());
        let told = OrderChanged {
            order_id: id.into_bytes().to_vec(),
            customer_id: customer.into_bytes().to_vec(),
            department_id: department_id(DEPARTMENTS[of(number, DEPARTMENTS.len())])
                .into_bytes()
                .to_vec(),
            owner_id: Vec::new(),
            stage_before: OrderStage::Unspecified.into(),
            stage: OrderStage::Submitted.into(),
            total: Some(Money {
                currency_code: "CNY".into(),
                units: 20 + i64::from(spread(number + 1, 5_000)),
                nanos: 0,
            }),
            placed_at: Some(to_proto(placed)),
            occurred_at: Some(to_proto(placed)),
            revision: 1,
            categories: Vec::new(),
        };
        let entry = |at, r#type, told| {
            let resource = format!("orders/{id}");
            let event = Event::OrderChanged(told);
            Entry::by_itself(at, id.to_string(), r#type, resource, Some(customer), event)
        };
        let over = placed + SignedDuration::from_secs(3_600 + i64::from(spread(number, 900_000)));
        let stage = match number % 12 {
            0 => OrderStage::Cancelled,
            _ => OrderStage::Delivered,
        };
        let ended = OrderChanged {
            stage_before: told.stage,
            stage: stage.into(),
            occurred_at: Some(to_proto(over)),
            revision: 2,
            ..told.clone()
        };
        vec![
            entry(placed, "order.created", told),
            entry(over, "order.stage_recorded", ended),
        ]
    }
}

/// Enters all; how many entries that is.
pub(crate) async fn fill(admin: &mut PgConnection, years: &Years) -> anyhow::Result<i64> {
    println!(
        "{} tickets and {} orders are told of …",
        years.tickets,
        years.orders()
    );
    let begun = Instant::now();
    let mut entries = 0;
    entries += append(admin, "ticket", years.tickets, |number| {
        years.ticket(number)
    })
    .await?;
    entries += append(admin, "orders", years.orders(), |number| {
        years.order(number)
    })
    .await?;
    println!("there after {:.0} s", begun.elapsed().as_secs_f64());
    Ok(entries)
}

async fn append(
    admin: &mut PgConnection,
    schema: &'static str,
    count: usize,
    told: impl Fn(usize) -> Vec<Entry>,
) -> anyhow::Result<i64> {
    admin
        .execute(AssertSqlSafe(format!("SET search_path TO {schema}")))
        .await?;
    let (mut number, mut entered) = (0, 0);
    while number < count {
        let mut some = Vec::new();
        while some.len() < AT_ONCE && number < count {
            some.extend(told(number));
            number += 1;
        }
        let mut transaction = admin.begin().await?;
        kefu_journal::append(&mut transaction, &some).await?;
        transaction.commit().await?;
        entered += i64::try_from(some.len()).context("too many entries")?;
    }
    admin.execute("RESET search_path").await?;
    Ok(entered)
}

/// The key of a record of this kind; those of later ones are greater, as they are elsewhere.
fn key(kind: u16, number: usize) -> Uuid {
    Uuid::from_fields(
        u32::try_from(number).unwrap_or(u32::MAX),
        kind,
        0x7000,
        &[0x80; 8],
    )
}

/// One of so many, another for the next number.
fn of(number: usize, most: usize) -> usize {
    number.wrapping_mul(2_654_435_761) / 7 % most
}

fn spread(number: usize, most: i32) -> i32 {
    i32::try_from(of(number, usize::try_from(most).unwrap_or(1))).unwrap_or(0)
}
