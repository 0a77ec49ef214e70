//! `make bench-search`: how long the first page of a search takes over a million customers,
//! by who asks and for what, beside the same rows lying open under a trigram index.

mod fill;
mod others;
mod people;
mod plain;
mod queries;

use std::time::Duration;

use anyhow::{Context, ensure};
use kefu_access_control::seed::employee_id;
use kefu_contracts::profile::{
    ListCustomersRequest, customer_service_client::CustomerServiceClient,
};
use kefu_service::call::PURPOSE;
use sqlx::PgConnection;
use tokio::time::Instant;
use tonic::{Request, metadata::MetadataValue, transport::Channel};

use crate::{
    house::{House, said},
    only::Only,
};
use people::{People, phone};
use plain::Plain;
use queries::{KINDS, Kind};

/// Customers where nothing else is asked for.
const USUAL: usize = 1_000_000;
/// Times each kind of query is asked by each post.
const ASKED: usize = 200;
/// Median and 99th percentile that a first page may take.
const TARGETS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(150));
/// Who asks, for what purpose, and what they have to look through.
const POSTS: [(&str, &str, &str); 3] = [
    ("li.wei", "service", "an agent, own files"),
    ("zhang.min", "service", "the head of the call centre"),
    ("feng.yulan", "administration", "the archive, all files"),
];

/// How many customers, whether nothing is asked of them, and of what alone they are asked, by its
/// name: `search [N] [--fill] [tag]`.
pub(crate) async fn run(house: &mut House, args: &[String]) -> anyhow::Result<()> {
    let customers = args.iter().find_map(|arg| arg.parse().ok());
    let customers: usize = customers.unwrap_or(USUAL);
    house.pause_followers().await;
    let mut admin = house.admin().await?;
    let people = People::new(customers);
    fill::fill(house, &mut admin, &people).await?;
    is_found(house, &people).await?;
    if args.iter().any(|arg| arg == "--fill") {
        return Ok(());
    }
    let plain = Plain::fill(&mut admin, &people).await?;
    house.settle().await?;
    println!(
        "\nFirst page of 50 of {customers} customers with its count, {ASKED} queries each, one at a time; milliseconds\n\
         (median, 99th percentile; then those of the same question over open text, without scope, opening or journal)\n"
    );
    let only = Only::of(args);
    let (mut missed, mut asked) = (0, 0);
    for (login, purpose, who) in POSTS {
        println!("{who}");
        let asker = Asker::new(house, login, purpose)?;
        for kind in KINDS.iter().filter(|kind| only.takes(kind.name)) {
            asked += 1;
            missed += usize::from(!contest(&asker, &mut admin, &plain, &people, kind).await?);
        }
    }
    if only.is_all() {
        others::measure(house).await?;
    }
    println!(
        "\nTarget: median {} ms, 99th percentile {} ms: {}",
        TARGETS.0.as_millis(),
        TARGETS.1.as_millis(),
        match missed {
            0 => "met by each".to_owned(),
            some => format!("missed by {some} of {asked}"),
        }
    );
    Ok(())
}

/// What was written past the service is as the service would have: it finds it.
async fn is_found(house: &House, people: &People) -> anyhow::Result<()> {
    let archive = Asker::new(house, "feng.yulan", "administration")?;
    let one = people.customer(0);
    let road = one.addresses.first().map(|address| address.street.clone());
    let filter = format!(
        "phone = {} AND name:\"{}\" AND address:\"{}\" AND region = {}",
        phone(0),
        one.display_name,
        road.unwrap_or_default(),
        one.region
    );
    let found = archive.first_page(&filter).await?;
    ensure!(found == 1, "{found} files where one was written");
    Ok(())
}

/// Asks both in turns; tells whether ours kept to the target.
async fn contest(
    asker: &Asker,
    admin: &mut PgConnection,
    plain: &Plain,
    people: &People,
    kind: &Kind,
) -> anyhow::Result<bool> {
    let (mut ours, mut theirs, mut found) = (Vec::new(), Vec::new(), 0_i64);
    for number in 0..ASKED + 10 {
        let query = (kind.query)(people, number);
        let begun = Instant::now();
        let total = asker.first_page(&query.filter).await?;
        let lasted = begun.elapsed();
        let begun = Instant::now();
        if let Some(pattern) = &query.plain {
            plain.first_page(admin, pattern).await?;
        }
        // The first few fill what is kept in memory.
        if number >= 10 {
            ours.push(lasted);
            found += i64::from(total);
            theirs.extend(query.plain.is_some().then(|| begun.elapsed()));
        }
    }
    let (median, worst) = (at(&mut ours, 50), at(&mut ours, 99));
    let beside = if theirs.is_empty() {
        String::new()
    } else {
        format!(
            "   open {:7.1} {:7.1}",
            at(&mut theirs, 50),
            at(&mut theirs, 99)
        )
    };
    println!(
        "  {:<44} {median:7.1} {worst:7.1}{beside}   {} found",
        kind.name,
        found / ASKED as i64
    );
    let limits = (TARGETS.0.as_secs_f64(), TARGETS.1.as_secs_f64());
    Ok(median <= limits.0 * 1000.0 && worst <= limits.1 * 1000.0)
}

/// In milliseconds.
pub(crate) fn at(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let place = (times.len() * percent / 100).min(times.len() - 1);
    times[place].as_secs_f64() * 1000.0
}

pub(crate) struct Asker {
    pub(crate) channel: Channel,
    token: String,
    purpose: &'static str,
}

impl Asker {
    pub(crate) fn new(house: &House, login: &str, purpose: &'static str) -> anyhow::Result<Self> {
        let issuer = house.keys.issuer()?;
        let hours = Duration::from_secs(8 * 3600);
        let token = issuer.issue(employee_id(login), house.clock.now(), hours);
        Ok(Self {
            channel: house.channels[0].clone(),
            token: format!("Bearer {}", token.map_err(said)?),
            purpose,
        })
    }

    pub(crate) fn request<T>(&self, body: T) -> anyhow::Result<Request<T>> {
        let mut request = Request::new(body);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.token.parse()?);
        metadata.insert(PURPOSE, MetadataValue::from_static(self.purpose));
        Ok(request)
    }

    /// How many there are, as the list says.
    async fn first_page(&self, filter: &str) -> anyhow::Result<i32> {
        let request = self.request(ListCustomersRequest {
            filter: filter.to_owned(),
            ..Default::default()
        })?;
        let mut client = CustomerServiceClient::new(self.channel.clone())
            .max_decoding_message_size(16 * 1024 * 1024);
        let page = client.list_customers(request).await;
        Ok(page
            .with_context(|| filter.to_owned())?
            .into_inner()
            .total_size)
    }
}
