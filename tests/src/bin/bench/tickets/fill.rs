//! Enters the tickets as they would lie there, sealed and marked, past the gateway: one by one would take hours. What
//! is written is then opened and looked for through the gateway.

use std::{fmt::Write, sync::Arc, time::Instant};

use anyhow::Context;
use kefu_access_control::seed::employee_id;
use kefu_contracts::ticket::Ticket;
use kefu_service::{ids::system_randomness, sealed::Sealer};
use kefu_vault::{IndexKey, Place, TextMarks, Vault};
use sqlx::{Executor, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::speech::{Dice, Speech};
use crate::house::{House, said};

const TABLE: &str = "ticket.ticket";
const MARKS: &str = "ticket.text_mark";
/// As lists count: one more than they say exactly.
pub(crate) const COUNTED: i64 = kefu_service::scope::WORDS_COUNT_LIMIT + 1;
/// Messages of each ticket.
pub(crate) const MESSAGES: u64 = 20;
/// Tickets that are talked about at the same time: what is said of them lies mixed. Sealed at once by one of two
/// threads.
const AT_ONCE: usize = 2_000;
/// Tickets of each customer.
const OF_ONE: usize = 4;
/// One in so many is the agent's own.
const OWN: u64 = 333;
/// Seconds from one ticket to the next.
const APART: usize = 150;

/// The tickets.
pub(crate) struct Desk {
    pub(crate) count: usize,
    pub(crate) speech: Speech,
}

/// What was written of one.
pub(crate) struct Texts {
    pub(crate) subject: String,
    pub(crate) description: String,
    pub(crate) resolution: String,
    pub(crate) messages: Vec<String>,
}

impl Desk {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count: count.max(1),
            speech: Speech::new(),
        }
    }

    /// What was written of this one.
    pub(crate) fn texts(&self, number: usize) -> Texts {
        let dice = &mut Dice::of(number as u64);
        let mut say = |least: u64, most: u64| {
            let words = least + dice.next(most - least + 1);
            self.speech.text(dice, words)
        };
        Texts {
            subject: say(2, 4),
            description: say(6, 20),
            resolution: say(4, 12),
            messages: (0..MESSAGES).map(|_| say(5, 24)).collect(),
        }
    }
}

/// What people say on the phone.
pub(crate) fn number(ticket: usize) -> String {
    format!("T{}", 1_000_001 + ticket)
}

/// Lines of one batch, for COPY.
#[derive(Default)]
struct Lines {
    keys: String,
    tickets: String,
    messages: String,
    marks: String,
}

pub(crate) async fn fill(
    house: &House,
    admin: &mut PgConnection,
    desk: &Desk,
) -> anyhow::Result<()> {
    println!("{} tickets are sealed and written …", desk.count);
    let begun = Instant::now();
    let provider = Arc::new(house.keys.provider()?);
    let vault = Arc::new(Vault::new(provider, system_randomness()));
    let departments = [
        department(admin, "call_centre").await?,
        department(admin, "complaints").await?,
    ];
    admin
        .execute("DROP INDEX ticket.text_mark_by_ticket; DROP INDEX ticket.text_mark_pairs")
        .await?;
    let count = desk.count;
    let mut starts = (0..count).step_by(AT_ONCE);
    let mut sealing = JoinSet::new();
    loop {
        while sealing.len() < 2 {
            let Some(start) = starts.next() else { break };
            let (vault, ids) = (vault.clone(), house.ids.clone());
            let handle = tokio::runtime::Handle::current();
            sealing.spawn_blocking(move || {
                let desk = Desk::new(count);
                let sealed = lines(&vault, &desk, start, departments, || {
                    ids.next().map_err(said)
                });
                handle.block_on(sealed)
            });
        }
        let Some(sealed) = sealing.join_next().await else {
            break;
        };
        write(admin, sealed??).await?;
    }
    println!(
        "sealed in {:.0} s; indexes are built …",
        begun.elapsed().as_secs_f64()
    );
    for statement in [
        "CREATE INDEX text_mark_by_ticket ON ticket.text_mark (ticket_id)",
        "CREATE INDEX text_mark_pairs ON ticket.text_mark USING gin (pairs) WITH (fastupdate = off)",
        "VACUUM ANALYZE",
    ] {
        admin.execute(statement).await?;
    }
    let sizes: Vec<(String, i64)> = sqlx::query_as(
        "SELECT relname::text, pg_relation_size(oid) FROM pg_class
         WHERE relname IN ('ticket', 'message', 'text_mark', 'text_mark_by_ticket', 'text_mark_pairs')
           AND relkind IN ('r', 'i')
         ORDER BY relname",
    )
    .fetch_all(&mut *admin)
    .await?;
    for (name, bytes) in sizes {
        println!("  {name}: {} MiB", bytes >> 20);
    }
    println!("there after {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

async fn department(admin: &mut PgConnection, code: &str) -> anyhow::Result<Uuid> {
    let id = sqlx::query_scalar("SELECT id FROM access.department WHERE code = $1");
    let id = id.bind(code).fetch_optional(admin).await?;
    id.with_context(|| format!("no department {code}"))
}

/// The tickets of one time: each by itself, and what was said of them in turns.
async fn lines(
    vault: &Arc<Vault>,
    desk: &Desk,
    start: usize,
    departments: [Uuid; 2],
    next_id: impl Fn() -> anyhow::Result<Uuid>,
) -> anyhow::Result<Lines> {
    let sealer = Sealer::new(vault.clone(), TABLE);
    let index = vault.index_key();
    let mut lines = Lines::default();
    let mut said_of = Vec::new();
    let mut of_customer = None;
    for number in start..desk.count.min(start + AT_ONCE) {
        if number % OF_ONE == 0 || of_customer.is_none() {
            let customer = next_id()?;
            let (key, wrapped) = vault.new_key(customer).await?;
            vault.forget(customer);
            let (kek, bytes) = (&wrapped.kek_id, hex(&wrapped.bytes));
            writeln!(lines.keys, "{customer}\t{kek}\t\\\\x{bytes}\tnow")?;
            of_customer = Some((customer, Arc::new(key)));
        }
        let (customer, key) = of_customer.clone().context("no customer")?;
        let (id, texts) = (next_id()?, desk.texts(number));
        let ticket = Ticket {
            subject: texts.subject.clone(),
            description: texts.description.clone(),
            resolution: texts.resolution.clone(),
            ..Ticket::default()
        };
        let sealed = sealer.seal(&key, id, &ticket).map_err(said)?;
        let dice = &mut Dice::of((number + desk.count) as u64);
        let department = departments[usize::from(dice.next(10) == 0)];
        let own = department == departments[0] && dice.next(OWN) == 0;
        let own = own.then(|| employee_id(crate::house::AGENT).to_string());
        let state = if own.is_some() { 2 } else { 5 };
        writeln!(
            lines.tickets,
            "{id}\t{}\t{customer}\t1\t1\tinstallation\t2\t2\t2\t{state}\t0\t{department}\t{}\t0\t\\\\x{}\t{}\t21\t{}\t{}",
            self::number(number),
            own.as_deref().unwrap_or("\\N"),
            hex(&sealed),
            at(number, 0),
            at(number, 0),
            at(number, MESSAGES),
        )?;
        let whole = |column, text: &str| index.text_marks(MARKS, column, text);
        let opening = whole("text", &texts.subject)
            .and(whole("text", &texts.description))
            .and(whole("subject", &texts.subject));
        let resolution =
            whole("text", &texts.resolution).and(whole("resolution", &texts.resolution));
        mark(&mut lines, (id, customer), 1, &opening)?;
        mark(&mut lines, (id, customer), 2, &resolution)?;
        said_of.push((number, id, customer, key, texts.messages));
    }
    for turn in 0..MESSAGES {
        for (number, ticket, customer, key, messages) in &said_of {
            let (id, body) = (next_id()?, &messages[turn as usize]);
            message(
                vault,
                &mut lines,
                key,
                (id, *ticket, *customer),
                (turn, *number),
                body,
            )?;
            let marks = marks_of(index, body);
            mark(&mut lines, (*ticket, *customer), 3, &marks)?;
        }
    }
    Ok(lines)
}

fn marks_of(index: &IndexKey, body: &str) -> TextMarks {
    index.text_marks(MARKS, "text", body)
}

fn message(
    vault: &Vault,
    lines: &mut Lines,
    key: &kefu_vault::CustomerKey,
    (id, ticket, customer): (Uuid, Uuid, Uuid),
    (turn, number): (u64, usize),
    body: &str,
) -> anyhow::Result<()> {
    let place = Place {
        table: "ticket.message",
        column: "body",
        row: id,
    };
    let sealed = vault.seal(key, &place, body.as_bytes())?;
    let direction = 1 + turn % 2;
    writeln!(
        lines.messages,
        "{id}\t{ticket}\t{customer}\t{direction}\t\\N\t{}\t\\\\x{}\t{}",
        at(number, turn),
        hex(&sealed),
        turn + 2
    )?;
    Ok(())
}

fn mark(
    lines: &mut Lines,
    (ticket, customer): (Uuid, Uuid),
    part: i16,
    marks: &TextMarks,
) -> anyhow::Result<()> {
    let (pairs, longer) = (joined(&marks.pairs), joined(&marks.longer));
    writeln!(
        lines.marks,
        "{ticket}\t{customer}\t{part}\t{{{pairs}}}\t{{{longer}}}"
    )?;
    Ok(())
}

/// When something was said: ten minutes after what was said before.
fn at(ticket: usize, turn: u64) -> String {
    // 2024-01-01 in Unix time.
    let second = 1_704_067_200 + (ticket * APART) as i64 + turn as i64 * 600;
    let at = jiff::Timestamp::from_second(second);
    at.map_or_else(|_| "now".to_owned(), |at| at.to_string())
}

async fn write(admin: &mut PgConnection, lines: Lines) -> anyhow::Result<()> {
    for (table, text) in [
        (
            "ticket.customer_key (customer_id, kek_id, wrapped, created_at)",
            lines.keys,
        ),
        (
            "ticket.ticket (id, number, customer_id, kind, channel, category, impact, urgency, priority, state,
                 waiting_for, department_id, assignee_id, reopen_count, sealed, received_at, revision, created_at,
                 updated_at)",
            lines.tickets,
        ),
        (
            "ticket.message (id, ticket_id, customer_id, direction, author_id, occurred_at, sealed, revision)",
            lines.messages,
        ),
        (
            "ticket.text_mark (ticket_id, customer_id, part, pairs, longer)",
            lines.marks,
        ),
    ] {
        let mut copy = admin
            .copy_in_raw(&format!("COPY {table} FROM STDIN"))
            .await?;
        copy.send(text.into_bytes()).await?;
        copy.finish().await?;
    }
    Ok(())
}

fn joined<T: ToString>(marks: &[T]) -> String {
    let marks: Vec<String> = marks.iter().map(T::to_string).collect();
    marks.join(",")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
