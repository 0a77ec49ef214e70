//! `make bench-tickets`: how long the first page of a search takes over 200,000 tickets and the four million messages
//! of them, by who asks and for what, beside the same texts lying open.

mod fill;
mod plain;
mod queries;
mod speech;

use std::time::Duration;

use anyhow::{Context, ensure};
use kefu_contracts::ticket::{
    GetTicketRequest, ListTicketsRequest, ticket_service_client::TicketServiceClient,
};
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::{
    house::House,
    only::Only,
    search::{Asker, at},
};
use fill::Desk;
use plain::Plain;
use queries::{KINDS, Kind};

/// Tickets where nothing else is asked for.
const USUAL: usize = 200_000;
/// Times each kind of query is asked by each post.
const ASKED: usize = 100;
/// One in so many is asked of the open texts as well, which take their time.
const OPEN: usize = 10;
/// Of a hundred first pages, how long 95 may take.
const TARGET: Duration = Duration::from_millis(200);
/// Most bytes of an answer.
const ANSWER: usize = 16 << 20;
/// Who asks, for what purpose, and what they have to look through.
const POSTS: [(&str, &str, &str); 3] = [
    ("li.wei", "service", "an agent, own tickets"),
    (
        "zhang.min",
        "service",
        "the head of the call centre, nine tickets in ten",
    ),
    ("gao.yuan", "quality", "the quality inspector, all tickets"),
];

/// How many tickets, whether nothing is asked of them, whether open text is left out, and of what alone they are
/// asked, by its name: `tickets [N] [--fill] [--alone] [rare]`.
pub(crate) async fn run(house: &mut House, args: &[String]) -> anyhow::Result<()> {
    let tickets = args.iter().find_map(|arg| arg.parse().ok());
    let desk = Desk::new(tickets.unwrap_or(USUAL));
    house.pause_followers().await;
    let mut admin = house.admin().await?;
    fill::fill(house, &mut admin, &desk).await?;
    is_found(house, &desk).await?;
    let flag = |name: &str| args.iter().any(|arg| arg == name);
    if flag("--fill") {
        return Ok(());
    }
    let plain = match flag("--alone") {
        true => None,
        false => Some(Plain::fill(&mut admin, &desk).await?),
    };
    house.settle().await?;
    println!(
        "\nFirst page of 50 of {} tickets with {} messages, with its count; {ASKED} queries each, one at a time; milliseconds\n\
         (median, 95th, 99th percentile; then of every {OPEN}th the same question over open text, without scope, opening\n\
         or journal, and how many times as long ours takes)\n",
        desk.count,
        desk.count * fill::MESSAGES as usize
    );
    let only = Only::of(args);
    let (mut missed, mut asked) = (0, 0);
    for (login, purpose, who) in POSTS {
        println!("{who}");
        let asker = Asker::new(house, login, purpose)?;
        for kind in KINDS.iter().filter(|kind| only.takes(kind.name)) {
            asked += 1;
            missed += usize::from(!contest(&asker, &mut admin, plain.as_ref(), &desk, kind).await?);
        }
    }
    println!(
        "\nTarget: 95th percentile {} ms: {}",
        TARGET.as_millis(),
        match missed {
            0 => "met by each".to_owned(),
            some => format!("missed by {some} of {asked}"),
        }
    );
    Ok(())
}

/// What was written past the service is as the service would have: it opens and finds it.
async fn is_found(house: &House, desk: &Desk) -> anyhow::Result<()> {
    let inspector = Asker::new(house, "gao.yuan", "quality")?;
    let mut client = TicketServiceClient::new(inspector.channel.clone());
    for number in [0, desk.count - 1] {
        let written = desk.texts(number);
        let called = fill::number(number);
        let last = written.messages.last().context("nothing was said")?;
        for (field, text) in [
            ("text", last),
            ("text", &written.description),
            ("subject", &written.subject),
            ("resolution", &written.resolution),
        ] {
            let words = text.split(|letter: char| !letter.is_alphanumeric());
            let word = words.max_by_key(|word| word.len()).context("no words")?;
            let filter = format!("number = {called} AND {field}:{word}");
            let request = inspector.request(ListTicketsRequest {
                filter: filter.clone(),
                ..Default::default()
            })?;
            let page = client.list_tickets(request).await?.into_inner();
            ensure!(page.tickets.len() == 1, "{filter} finds nothing");
            let name = page.tickets[0].name.clone();
            let request = inspector.request(GetTicketRequest { name })?;
            let ticket = client.get_ticket(request).await?.into_inner();
            let said = ticket.messages.into_iter().map(|message| message.body);
            ensure!(said.eq(written.messages.iter().cloned()), "other messages");
            ensure!(ticket.description == written.description, "another ticket");
        }
    }
    Ok(())
}

/// Asks both in turns; tells whether ours kept to the target.
async fn contest(
    asker: &Asker,
    admin: &mut PgConnection,
    plain: Option<&Plain>,
    desk: &Desk,
    kind: &Kind,
) -> anyhow::Result<bool> {
    let (mut ours, mut theirs, mut found) = (Vec::new(), Vec::new(), 0_i64);
    for number in 0..ASKED + 10 {
        let query = (kind.query)(desk, number);
        let begun = Instant::now();
        let total = first_page(asker, &query.filter).await?;
        let lasted = begun.elapsed();
        // The first few fill what is kept in memory.
        if number < 10 {
            continue;
        }
        ours.push(lasted);
        found += i64::from(total);
        let open = query.plain.filter(|_| number % OPEN == 0);
        if let Some((plain, pattern)) = plain.zip(open) {
            let begun = Instant::now();
            plain.first_page(admin, &pattern).await?;
            theirs.push(begun.elapsed());
        }
    }
    let (median, worst) = (at(&mut ours, 50), at(&mut ours, 95));
    let beside = match theirs.is_empty() {
        true => format!("{:31}", ""),
        false => {
            let open = at(&mut theirs, 50);
            format!(
                "   open {open:8.1} {:8.1} {:5.2}",
                at(&mut theirs, 95),
                median / open
            )
        }
    };
    println!(
        "  {:<42} {median:7.1} {worst:7.1} {:7.1}{beside}   {} found",
        kind.name,
        at(&mut ours, 99),
        found / ASKED as i64
    );
    Ok(worst <= TARGET.as_secs_f64() * 1000.0)
}

/// How many there are, as the list says.
async fn first_page(asker: &Asker, filter: &str) -> anyhow::Result<i32> {
    let request = asker.request(ListTicketsRequest {
        filter: filter.to_owned(),
        ..Default::default()
    })?;
    let client = TicketServiceClient::new(asker.channel.clone());
    let page = client
        .max_decoding_message_size(ANSWER)
        .list_tickets(request)
        .await;
    let page = page.with_context(|| filter.to_owned())?;
    Ok(page.into_inner().total_size)
}
