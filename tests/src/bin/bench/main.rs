//! `make bench`: reading one customer file and opening one ticket through the
//! gateway, beside a bare tonic + sqlx handler with the same SQL and beside
//! pgbench with the same SQL. One run, one machine, in turns, so that whatever
//! else the machine does meets all three. Ratios are printed, nothing is asserted.
//!
//! The statements of the peers are not copied by hand: the server's log is asked
//! what the services send (`heard.rs`), so that they cannot drift apart.

#![allow(clippy::print_stdout, reason = "what `make bench` is for")]

mod bare;
mod bare_services;
mod calls;
mod context;
mod figures;
mod heard;
mod house;
mod load;
mod meter;
mod only;
mod peers;
mod pgbench;
mod records;
mod search;
mod stages;
mod statement;
mod steps;
mod table;
mod tickets;

use std::{sync::Arc, time::Duration};

use anyhow::Context;

use crate::{
    bare::Bare,
    heard::heard,
    house::House,
    load::{Series, load},
    peers::Peers,
    pgbench::Pgbench,
    statement::{Role, Statement},
    table::Target,
};

/// Calls under way at once.
const IN_FLIGHT: usize = 64;
/// Connections of each pool and of pgbench.
const CONNECTIONS: usize = 16;
/// Before the first round.
const WARM_UP: Duration = Duration::from_secs(2);
/// Turns that each contestant has.
const ROUNDS: usize = 5;
/// Length of a turn.
const ROUND: Duration = Duration::from_secs(3);
/// Share of the bare handler's rate that a journaled read is to reach.
const READS: f64 = 0.5;
/// The same for writes.
const WRITES: f64 = 0.6;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut house = House::start().await?;
    // Ended in order also after a failure.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some("figures") => figures::run(&mut house, &args[1..]).await,
        Some("search") => search::run(&mut house, &args[1..]).await,
        Some("stages") => stages::run(&mut house, &args[1..]).await,
        Some("tickets") => tickets::run(&mut house, &args[1..]).await,
        _ => bench(&mut house).await,
    };
    house.stop().await?;
    outcome
}

async fn bench(house: &mut House) -> anyhow::Result<()> {
    println!("1,000 customers and their first tickets are entered through the gateway …");
    let customers = records::enter(house).await?;
    let read = reading(house, &customers[0]).await?;
    let write = writing(house, &customers[0]).await?;
    // What follows the journals is work of its own; it is measured at the end.
    house.pause_followers().await;
    house.settle().await?;
    let bare = Bare::start(house, read.clone(), write.clone(), &customers).await?;
    let peers = Peers::new(house, &bare, customers)?;
    println!(
        "\nThe read, as customer-profile sends it:\n{}\n",
        read.sql()
    );

    let pgbench = Pgbench::find(house, house.url_of("profile")?).await?;
    let scripts = peers.some().map(|customer| {
        read.literal(|role| match role {
            Role::Customer => Some(format!("'{}'", customer.id)),
            _ => None,
        })
    });
    let reads = contest(
        house,
        peers.gateway_read(),
        peers.bare_read(),
        (&pgbench, scripts.collect()),
    )
    .await?;
    table::print(
        "Reading one customer file",
        &reads,
        Target("reads that are journaled", READS),
    );

    house.settle().await?;
    let pgbench = Pgbench::find(house, house.url_of("ticket")?).await?;
    let scripts = peers.some().map(|customer| {
        write.literal(|role| {
            Some(match role {
                Role::Customer => format!("'{}'", customer.id),
                Role::Key => format!("'{}'", statement::hex(&customer.ticket_key)),
                Role::Ticket | Role::Request => "gen_random_uuid()".to_owned(),
                Role::TicketName => "'tickets/' || gen_random_uuid()".to_owned(),
            })
        })
    });
    let writes = contest(
        house,
        peers.gateway_write(),
        peers.bare_write(),
        (&pgbench, scripts.collect()),
    )
    .await?;
    table::print("Opening one ticket", &writes, Target("writes", WRITES));

    house.settle().await?;
    steps::print(house, &peers, &read).await?;
    followed(house, &peers).await
}

/// One after the other, again and again.
async fn contest<G, B>(
    house: &House,
    gateway: G,
    bare: B,
    (pgbench, scripts): (&Option<Pgbench>, Vec<String>),
) -> anyhow::Result<Vec<Series>>
where
    G: load::Call,
    B: load::Call,
{
    let meter = &house.meter;
    load(meter, IN_FLIGHT, WARM_UP, gateway.clone()).await?;
    load(meter, IN_FLIGHT, WARM_UP, bare.clone()).await?;
    let mut series = vec![
        Series::new("gateway"),
        Series::new("bare tonic + sqlx"),
        Series::new("pgbench"),
    ];
    for _ in 0..ROUNDS {
        let round = load(meter, IN_FLIGHT, ROUND, gateway.clone()).await?;
        series[0].rounds.push(round);
        let round = load(meter, IN_FLIGHT, ROUND, bare.clone()).await?;
        series[1].rounds.push(round);
        if let Some(pgbench) = pgbench {
            let round = pgbench.run(meter, CONNECTIONS, ROUND, &scripts).await?;
            series[2].rounds.push(round);
        }
    }
    if pgbench.is_none() {
        println!("pgbench: skipped, it is neither beside the server's programs nor on the PATH");
        series.pop();
    }
    Ok(series)
}

/// The same two through the gateway while every service follows the journals of
/// the others, as it does in `kefu dev`, on the processors of this machine.
async fn followed(house: &mut House, peers: &Peers) -> anyhow::Result<()> {
    house.resume_followers();
    let meter = &house.meter;
    let mut read = Series::new("read");
    let mut write = Series::new("write");
    write
        .rounds
        .push(load(meter, IN_FLIGHT, ROUND, peers.gateway_write()).await?);
    read.rounds
        .push(load(meter, IN_FLIGHT, ROUND, peers.gateway_read()).await?);
    println!(
        "\nWhile all services follow each other's journals on the same processors, behind by what was\n\
         written above: {:.0} tickets opened and {:.0} files read a second through the gateway.",
        write.rate(),
        read.rate()
    );
    Ok(())
}

/// What customer-profile sends for one read.
async fn reading(house: &House, customer: &records::Customer) -> anyhow::Result<Arc<Statement>> {
    let mut statement = heard(house, "SELECT c.id, c.file_number", || async {
        house.get(&customer.name()).await.map(drop)
    })
    .await
    .context("the read's statement")?;
    statement.mark(Role::Customer, &customer.id.to_string());
    statement.type_by(&house.url_of("profile")?).await?;
    Ok(Arc::new(statement))
}

/// What ticket sends for one ticket.
async fn writing(house: &House, customer: &records::Customer) -> anyhow::Result<Arc<Statement>> {
    let request = house.ids.next().map_err(house::said)?.to_string();
    let name = std::sync::OnceLock::new();
    let mut statement = heard(house, "WITH place AS", || async {
        let opened = house.open(&customer.name(), &request).await?;
        let _ = name.set(opened.name);
        Ok(())
    })
    .await
    .context("the write's statement")?;
    let name = name.get().context("no ticket was opened")?;
    let id = name.strip_prefix("tickets/").context("not a ticket")?;
    statement.mark(Role::Customer, &customer.id.to_string());
    statement.mark(Role::Key, &statement::hex(&customer.ticket_key));
    statement.mark(Role::Request, &request);
    statement.mark(Role::Ticket, id);
    statement.mark(Role::TicketName, name);
    statement.type_by(&house.url_of("ticket")?).await?;
    Ok(Arc::new(statement))
}
