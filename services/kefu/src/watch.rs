//! `kefu watch`: a list as it changes, for as long as somebody looks. A stream that broke off is
//! opened again where it was; the place can be kept in a file, so that another run goes on there.

#![allow(
    clippy::print_stdout,
    reason = "the events are the output of the command"
)]

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use kefu_contracts::DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, Value};
use serde_json::json;
use tonic::{Code, Status, client::Grpc};

use crate::{
    call::{self, method},
    client::{Client, ConnectArgs, Refusal},
};

/// First and longest wait before a stream is opened again.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// What a line tells of a record, of what it has.
const TOLD: &[&str] = &[
    "number",
    "order_number",
    "kind",
    "state",
    "stage",
    "priority",
    "due_time",
    "subject",
    "title",
    "assignee",
    "owner",
];

/// Follows a list as it changes
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// The list
    #[arg(value_enum)]
    list: List,
    /// As in the list's own call: 'state = NEW'
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Why, which is journaled: service, complaint, …
    #[arg(long, default_value = "service")]
    purpose: String,
    /// Language of what is said about errors: zh-CN or en
    #[arg(long, default_value = "en", value_name = "TAG")]
    language: String,
    /// Keeps the place here, and goes on from the one that is there
    #[arg(long, value_name = "FILE")]
    place: Option<PathBuf>,
    /// A line of JSON for each event, instead of a line to read
    #[arg(long)]
    json: bool,
    /// Ends once all that there was is told
    #[arg(long)]
    until_caught_up: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum List {
    Tickets,
    Orders,
    FollowUps,
    Cases,
}

impl List {
    fn method(self) -> &'static str {
        match self {
            Self::Tickets => "WatchTickets",
            Self::Orders => "WatchOrders",
            Self::FollowUps => "WatchFollowUps",
            Self::Cases => "WatchCases",
        }
    }
}

/// How a stream ended.
enum Ended {
    /// To be opened again.
    Broken(String),
    /// All was told that was asked for.
    Done,
}

/// Follows until it is ended, refused, or has caught up where that is asked for.
///
/// # Errors
/// The refusal in readable lines, or what is wrong with the command.
pub async fn run(args: WatchArgs) -> anyhow::Result<()> {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).context("the contracts cannot be read")?;
    let method = method::find(&pool, args.list.method())?;
    let client = Client::new(&args.connect, Some(&args.purpose), &args.language)?;
    let mut place = kept(&args)?;
    let mut wait = SHORTEST;
    loop {
        let before = place.clone();
        match follow(&args, &client, &method, &mut place).await? {
            Ended::Done => return Ok(()),
            Ended::Broken(why) => {
                if place != before {
                    wait = SHORTEST;
                }
                eprintln!("{why}; again in {wait:?}");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST);
            }
        }
    }
}

fn kept(args: &WatchArgs) -> anyhow::Result<String> {
    let Some(path) = args.place.as_ref().filter(|path| path.exists()) else {
        return Ok(String::new());
    };
    let place =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(place.trim().to_owned())
}

/// One stream, until it ends.
async fn follow(
    args: &WatchArgs,
    client: &Client,
    method: &MethodDescriptor,
    place: &mut String,
) -> anyhow::Result<Ended> {
    let request = json!({"filter": args.filter, "resumeToken": place.as_str()});
    let request = client.streaming_request(call::parse(method, &request.to_string())?);
    let mut grpc = Grpc::new(client.channel());
    if let Err(error) = grpc.ready().await {
        return Ok(Ended::Broken(format!(
            "no connection to {}: {error}",
            args.connect.address
        )));
    }
    let mut stream = match call::streaming(grpc, method, request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return broken(&status),
    };
    loop {
        let message = match stream.message().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(Ended::Broken("the stream ended".to_owned())),
            Err(status) => return broken(&status),
        };
        tell(args, &message)?;
        let token = text(&message, "resume_token");
        if !token.is_empty() {
            *place = token;
            if let Some(path) = &args.place {
                fs::write(path, place.as_str())
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        if flag(&message, "relist") {
            bail!("more changed than a stream remembers: list anew, and begin without a place");
        }
        if args.until_caught_up && flag(&message, "caught_up") {
            return Ok(Ended::Done);
        }
    }
}

/// Whether it is worth opening again: the suite says so of what only passes.
fn broken(status: &Status) -> anyhow::Result<Ended> {
    let passes = [
        Code::Unavailable,
        Code::Aborted,
        Code::DeadlineExceeded,
        Code::Unknown,
        Code::Cancelled,
    ];
    let refusal = Refusal::from(status);
    if passes.contains(&status.code()) {
        return Ok(Ended::Broken(refusal.in_a_line()));
    }
    if refusal.is("INVALID_PAGE_TOKEN") {
        bail!(
            "{refusal}\n  the place is too old, or another filter's: list anew, and begin without it"
        );
    }
    bail!("{refusal}")
}

fn tell(args: &WatchArgs, message: &DynamicMessage) -> anyhow::Result<()> {
    let changed = message.get_field_by_name("changed");
    for record in changed
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default()
    {
        let Some(record) = record.as_message() else {
            continue;
        };
        match args.json {
            true => println!("{}", json!({"changed": call::json(record)?})),
            false => println!("{}", line(record)),
        }
    }
    let left = message.get_field_by_name("left");
    for name in left.as_deref().and_then(Value::as_list).unwrap_or_default() {
        let name = name.as_str().unwrap_or_default();
        match args.json {
            true => println!("{}", json!({"left": name})),
            false => println!("left     {name}"),
        }
    }
    Ok(())
}

/// `changed  tickets/…  T1000001  OPEN  净化器安装`
fn line(record: &DynamicMessage) -> String {
    let mut line = format!("changed  {}", text(record, "name"));
    for field in TOLD {
        let said = text(record, field);
        if !said.is_empty() {
            line.push_str("  ");
            line.push_str(&said);
        }
    }
    line
}

/// A field as text: enums without the enum's name, times as they are written in JSON.
fn text(message: &DynamicMessage, field: &str) -> String {
    let Some(descriptor) = message.descriptor().get_field_by_name(field) else {
        return String::new();
    };
    match message.get_field(&descriptor).as_ref() {
        Value::String(text) => text.clone(),
        Value::EnumNumber(number) if *number != 0 => match descriptor.kind() {
            prost_reflect::Kind::Enum(kind) => match kind.get_value(*number) {
                Some(value) => call::table::short(&kind, value.name()).to_owned(),
                None => number.to_string(),
            },
            _ => String::new(),
        },
        Value::Message(inner) if message.has_field(&descriptor) => match call::json(inner) {
            Ok(serde_json::Value::String(text)) => text,
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_bool())
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_a_record_is() {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        let ticket = json!({"name": "tickets/a", "number": "T1", "state": "TICKET_STATE_OPEN", "subject": "安装"});
        let descriptor = pool.get_message_by_name("kefu.ticket.v1.Ticket").unwrap();
        let ticket = DynamicMessage::deserialize(descriptor, ticket).unwrap();
        assert_eq!(line(&ticket), "changed  tickets/a  T1  OPEN  安装");
    }

    #[test]
    fn what_passes_is_tried_again_and_a_refusal_is_told() {
        assert!(matches!(
            broken(&Status::unavailable("gone")),
            Ok(Ended::Broken(_))
        ));
        let refused = broken(&Status::permission_denied("no"));
        assert!(refused.is_err_and(|error| error.to_string().contains("PERMISSION_DENIED")));
    }

    #[test]
    fn every_list_has_a_method_with_what_is_read_here() {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        for list in [List::Tickets, List::Orders, List::FollowUps, List::Cases] {
            let method = method::find(&pool, list.method()).unwrap();
            for field in ["changed", "left", "resume_token", "caught_up", "relist"] {
                assert!(
                    method.output().get_field_by_name(field).is_some(),
                    "{list:?} {field}"
                );
            }
        }
    }
}
