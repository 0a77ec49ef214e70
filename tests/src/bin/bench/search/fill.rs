//! Enters the customers as they would lie there, sealed and marked, past the gateway: one by
//! one would take hours. What is written is then looked for through the gateway.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use anyhow::ensure;
use kefu_access_control::seed::employee_id;
use kefu_contracts::profile::Customer;
use kefu_service::{ids::system_randomness, sealed::Sealer};
use kefu_vault::Vault;
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::people::{Dice, People, phone};
use crate::house::{House, said};

const TABLE: &str = "profile.customer";
/// As lists count: one more than they say exactly.
pub(crate) const COUNTED: i64 = kefu_service::scope::WORDS_COUNT_LIMIT + 1;
/// Sealed at once by one of two threads.
const BATCH: usize = 5_000;
/// One in so many is the agent's own.
const OWN: u64 = 333;

/// Where the files are: one in so many hundred.
const DEPARTMENTS: [(&str, u64); 5] = [
    ("call_centre", 40),
    ("complaints", 15),
    ("technical_support", 15),
    ("sales", 20),
    ("finance", 10),
];

/// Lines of one batch, for COPY.
#[derive(Default)]
struct Lines {
    customers: String,
    keys: String,
    numbers: String,
    lookups: String,
}

pub(crate) async fn fill(
    house: &House,
    admin: &mut PgConnection,
    people: &People,
) -> anyhow::Result<()> {
    println!("{} customers are sealed and written …", people.count);
    let begun = std::time::Instant::now();
    let vault = Arc::new(Vault::new(
        Arc::new(house.keys.provider()?),
        system_randomness(),
    ));
    let departments = departments(admin).await?;
    admin
        .execute(
            // Searches are measured: nobody compares and measures the files meanwhile.
            "DROP INDEX profile.customer_marks;
             ALTER TABLE profile.customer DISABLE TRIGGER USER",
        )
        .await?;
    let count = people.count;
    let mut starts = (0..count).step_by(BATCH);
    let mut sealing = JoinSet::new();
    loop {
        while sealing.len() < 2 {
            let Some(start) = starts.next() else { break };
            let (vault, departments) = (vault.clone(), departments.clone());
            let ids: Vec<Uuid> = (start..count.min(start + BATCH))
                .map(|_| house.ids.next().map_err(said))
                .collect::<Result<_, _>>()?;
            let handle = tokio::runtime::Handle::current();
            sealing.spawn_blocking(move || {
                handle.block_on(lines(&vault, &departments, start, count, ids))
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
        "CREATE INDEX customer_marks ON profile.customer USING gin (name_marks, address_marks) WITH (fastupdate = off)",
        "ALTER TABLE profile.customer ENABLE TRIGGER USER",
        "VACUUM ANALYZE",
    ] {
        admin.execute(statement).await?;
    }
    let sizes: Vec<(String, i64)> = sqlx::query_as(
        "SELECT relname::text, pg_relation_size(oid) FROM pg_class
         WHERE relname IN ('customer', 'customer_marks', 'lookup_key')
         ORDER BY relname",
    )
    .fetch_all(&mut *admin)
    .await?;
    for (name, bytes) in sizes {
        println!("  {name}: {} MiB", bytes >> 20);
    }
    println!("there after {:.0} s", begun.elapsed().as_secs_f64());
    admin.ping().await?;
    Ok(())
}

async fn departments(admin: &mut PgConnection) -> anyhow::Result<Arc<Vec<(Uuid, u64)>>> {
    let rows = sqlx::query("SELECT code, id FROM access.department")
        .fetch_all(admin)
        .await?;
    let mut known = BTreeMap::new();
    for row in rows {
        known.insert(row.try_get::<String, _>(0)?, row.try_get::<Uuid, _>(1)?);
    }
    let found: Vec<_> = DEPARTMENTS
        .iter()
        .filter_map(|(code, share)| Some((*known.get(*code)?, *share)))
        .collect();
    ensure!(found.len() == DEPARTMENTS.len(), "a department is missing");
    Ok(Arc::new(found))
}

async fn lines(
    vault: &Arc<Vault>,
    departments: &[(Uuid, u64)],
    start: usize,
    count: usize,
    ids: Vec<Uuid>,
) -> anyhow::Result<Lines> {
    let people = People::new(count);
    let sealer = Sealer::new(vault.clone(), TABLE);
    let mut lines = Lines::default();
    for (number, id) in (start..).zip(ids) {
        let customer = people.customer(number);
        let (key, wrapped) = vault.new_key(id).await?;
        vault.forget(id);
        let sealed = sealer.seal(&key, id, &customer).map_err(said)?;
        let mut dice = Dice::of(number + count);
        let mut place = dice.next(100);
        let department = departments.iter().find(|(_, share)| {
            let here = place < *share;
            place = place.saturating_sub(*share);
            here
        });
        let department = department.map(|(id, _)| *id).unwrap_or_default();
        let own = department == departments[0].0 && dice.next(OWN) == 0;
        let owner = own.then(|| employee_id(crate::house::AGENT).to_string());
        let tier = [0, 0, 0, 0, 0, 0, 1, 1, 2, 3][dice.next(10) as usize];
        let file_number = format!("P{tier}Z{number:07}");
        let index = vault.index_key();
        let address = address(&customer);
        writeln!(
            lines.customers,
            "{id}\t{file_number}\t{}\t2\tZ\t{department}\t{}\t{}\t\\\\x{}\t{{{}}}\t{{{}}}\t{number} seconds",
            customer.r#type,
            owner.as_deref().unwrap_or("\\N"),
            tier + 1,
            hex(&sealed),
            joined(&index.marks(TABLE, "name", [customer.display_name.as_str()])),
            joined(&index.marks(TABLE, "address", [address.as_str()])),
        )?;
        writeln!(
            lines.keys,
            "{id}\t{}\t\\\\x{}",
            wrapped.kek_id,
            hex(&wrapped.bytes)
        )?;
        writeln!(lines.numbers, "{file_number}\t{id}")?;
        let tags = customer.tags.iter().map(|tag| ("tag", tag.to_lowercase()));
        let keys = [
            ("phone", phone(number)),
            ("region", customer.region.clone()),
        ];
        for (column, value) in tags.chain(keys) {
            let blind = index.blind(TABLE, column, &value);
            writeln!(lines.lookups, "{id}\t\\\\x{}", hex(blind.as_ref()))?;
        }
    }
    Ok(lines)
}

fn address(customer: &Customer) -> String {
    let first = customer.addresses.first();
    first.map_or(String::new(), |one| {
        [&one.province, &one.city, &one.district, &one.street]
            .map(String::as_str)
            .join(" ")
    })
}

async fn write(admin: &mut PgConnection, lines: Lines) -> anyhow::Result<()> {
    // COPY computes nothing: what is entered is made of these.
    admin
        .execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS entering (id uuid, file_number text, type smallint, state smallint,
                 business_line text, department_id uuid, owner_id uuid, tier smallint, sealed bytea,
                 name_marks bigint[], address_marks bigint[], after interval);
             CREATE TEMPORARY TABLE IF NOT EXISTS entering_key (customer_id uuid, kek_id text, wrapped bytea);
             CREATE TEMPORARY TABLE IF NOT EXISTS entering_number (number text, customer_id uuid);
             CREATE TEMPORARY TABLE IF NOT EXISTS entering_lookup (customer_id uuid, blind bytea)",
        )
        .await?;
    for (table, text) in [
        ("entering", lines.customers),
        ("entering_key (customer_id, kek_id, wrapped)", lines.keys),
        ("entering_number (number, customer_id)", lines.numbers),
        ("entering_lookup (customer_id, blind)", lines.lookups),
    ] {
        let mut copy = admin
            .copy_in_raw(&format!("COPY {table} FROM STDIN"))
            .await?;
        copy.send(text.into_bytes()).await?;
        copy.finish().await?;
    }
    admin
        .execute(
            "INSERT INTO profile.customer (id, file_number, type, state, business_line, department_id, owner_id, tier,
                 sealed, revision, created_at, updated_at, intake_channel, contact_at, name_marks, address_marks)
             SELECT id, file_number, type, state, business_line, department_id, owner_id, tier, sealed, 1,
                 '2024-01-01Z'::timestamptz + after, '2024-01-01Z'::timestamptz + after, 5,
                 '2024-01-01Z'::timestamptz + after, name_marks, address_marks FROM entering;
             INSERT INTO profile.customer_key SELECT *, now() FROM entering_key;
             INSERT INTO profile.file_number SELECT *, now() FROM entering_number;
             INSERT INTO profile.lookup_key (customer_id, blind) SELECT * FROM entering_lookup;
             TRUNCATE entering, entering_key, entering_number, entering_lookup",
        )
        .await?;
    Ok(())
}

fn joined(marks: &[i64]) -> String {
    let marks: Vec<String> = marks.iter().map(i64::to_string).collect();
    marks.join(",")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
