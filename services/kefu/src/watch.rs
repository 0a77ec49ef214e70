//! `kefu watch`: a list as it changes, for as long as somebody looks. A stream that broke off is
//! opened again where it was, with the names that it showed, and with the token that there is by
//! then; this place can be kept in a file, so that another run goes on there.

#![allow(
    clippy::print_stdout,
    reason = "the events are the output of the command"
)]

mod place;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use kefu_contracts::DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage, Value};
use serde_json::json;
use tonic::{Code, Status, client::Grpc};

use crate::{
    call::{self, method},
    client::{Client, ConnectArgs, Refusal},
};
use place::Place;

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
    /// Keeps the place here, with up to 5,000 names that were shown, and goes on from the one that is there
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
    /// To be opened again, after so long at the earliest.
    Broken { why: String, after: Duration },
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
    let mut place = match &args.place {
        Some(path) => Place::read(path)?,
        None => Place::default(),
    };
    let mut wait = SHORTEST;
    loop {
        let before = place.clone();
        match follow(&args, &method, &mut place).await? {
            Ended::Done => return Ok(()),
            Ended::Broken { why, after } => {
                if place != before {
                    wait = SHORTEST;
                }
                let pause = wait.max(after);
                eprintln!("{why}; again in {pause:?}");
                tokio::time::sleep(pause).await;
                wait = (wait * 2).min(LONGEST);
            }
        }
    }
}

/// One stream, until it ends.
async fn follow(
    args: &WatchArgs,
    method: &MethodDescriptor,
    place: &mut Place,
) -> anyhow::Result<Ended> {
    // Made anew, as whoever keeps the token's file may have put a new one there.
    let client = Client::new(&args.connect, Some(&args.purpose), &args.language)?;
    let request = json!({"filter": args.filter, "resumeToken": place.token, "held": place.held});
    let request = client.streaming_request(call::parse(method, &request.to_string())?);
    let mut grpc = Grpc::new(client.channel());
    if let Err(error) = grpc.ready().await {
        let why = format!("no connection to {}: {error}", args.connect.address);
        return Ok(again(why));
    }
    let mut stream = match call::streaming(grpc, method, request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return broken(&status, false),
    };
    let mut told = false;
    loop {
        let message = match stream.message().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(again("the stream ended".to_owned())),
            Err(status) => return broken(&status, told),
        };
        told = true;
        tell(args, &message)?;
        let token = text(&message, "resume_token");
        let whole = !token.is_empty();
        place.pass(token, &changed(&message), &left(&message));
        if whole && let Some(path) = &args.place {
            place.write(path)?;
        }
        if flag(&message, "relist") {
            bail!("more changed than a stream remembers: list anew, and begin without a place");
        }
        if args.until_caught_up && flag(&message, "caught_up") {
            return Ok(Ended::Done);
        }
    }
}

fn again(why: String) -> Ended {
    Ended::Broken {
        why,
        after: Duration::ZERO,
    }
}

/// Whether it is worth opening again: it is after what only passes, and when the token ended of a
/// stream that had told something.
fn broken(status: &Status, told: bool) -> anyhow::Result<Ended> {
    let refusal = Refusal::from(status);
    let token_ended = told && refusal.code == Code::Unauthenticated;
    if token_ended || passes(&refusal) {
        return Ok(Ended::Broken {
            why: refusal.in_a_line(),
            after: refusal.retry_after.unwrap_or_default(),
        });
    }
    if refusal.is("INVALID_PAGE_TOKEN") {
        bail!(
            "{refusal}\n  the place is too old, or another filter's: list anew, and begin without it"
        );
    }
    bail!("{refusal}")
}

/// As the suite says by when to try again, or as connections end.
fn passes(refusal: &Refusal) -> bool {
    let passing = [
        Code::Unavailable,
        Code::Aborted,
        Code::DeadlineExceeded,
        Code::Unknown,
        Code::Cancelled,
    ];
    // A fault of the suite's own has a reason.
    let reset = refusal.code == Code::Internal && refusal.reason.is_empty();
    refusal.retry_after.is_some() || reset || passing.contains(&refusal.code)
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
    for name in left(message) {
        match args.json {
            true => println!("{}", json!({"left": name})),
            false => println!("left     {name}"),
        }
    }
    Ok(())
}

/// Names of the records that changed.
fn changed(message: &DynamicMessage) -> Vec<String> {
    let changed = message.get_field_by_name("changed");
    let records = changed.as_deref().and_then(Value::as_list);
    let records = records.unwrap_or_default().iter();
    records
        .filter_map(Value::as_message)
        .map(|record| text(record, "name"))
        .collect()
}

/// Names of those that left.
fn left(message: &DynamicMessage) -> Vec<String> {
    let left = message.get_field_by_name("left");
    let names = left.as_deref().and_then(Value::as_list);
    let names = names.unwrap_or_default().iter();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
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
    use std::{
        fs,
        sync::{Arc, Mutex},
        vec::IntoIter,
    };

    use clap::Parser;
    use kefu_contracts::{
        common::Reason,
        ticket::{
            Ticket, WatchTicketsRequest, WatchTicketsResponse,
            watch_service_server::{WatchService, WatchServiceServer},
        },
    };
    use kefu_service::error::{Fault, Language};
    use tokio::net::TcpListener;
    use tonic::{
        Request, Response, async_trait,
        transport::{Server, server::TcpIncoming},
    };

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: WatchArgs,
    }

    /// Shows a ticket and breaks off; whoever comes again is told that it left.
    #[derive(Clone)]
    struct Suite {
        /// Who asked, and what.
        asked: Arc<Mutex<Vec<(String, WatchTicketsRequest)>>>,
        end: Status,
    }

    impl Suite {
        /// One whose first stream ends like this.
        fn that_ends(end: Status) -> Self {
            Self {
                asked: Arc::default(),
                end,
            }
        }

        /// Starts it; its address.
        async fn start(&self) -> String {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = Server::builder()
                .add_service(WatchServiceServer::new(self.clone()))
                .serve_with_incoming(TcpIncoming::from(listener));
            tokio::spawn(async move { server.await.unwrap() });
            format!("http://{address}")
        }
    }

    #[async_trait]
    impl WatchService for Suite {
        type WatchTicketsStream =
            tokio_stream::Iter<IntoIter<Result<WatchTicketsResponse, Status>>>;

        async fn watch_tickets(
            &self,
            request: Request<WatchTicketsRequest>,
        ) -> Result<Response<Self::WatchTicketsStream>, Status> {
            let bearer = request.metadata().get("authorization").unwrap();
            let bearer = bearer.to_str().unwrap().to_owned();
            let mut asked = self.asked.lock().unwrap();
            asked.push((bearer, request.into_inner()));
            let shown = WatchTicketsResponse {
                changed: vec![Ticket {
                    name: "tickets/a".into(),
                    ..Default::default()
                }],
                resume_token: "one".into(),
                ..Default::default()
            };
            let left = WatchTicketsResponse {
                left: vec!["tickets/a".into()],
                resume_token: "two".into(),
                caught_up: true,
                ..Default::default()
            };
            let answers = match asked.len() {
                1 => vec![Ok(shown), Err(self.end.clone())],
                _ => vec![Ok(left)],
            };
            Ok(Response::new(tokio_stream::iter(answers)))
        }
    }

    #[tokio::test]
    async fn what_was_shown_is_held_after_a_break_and_by_another_run() {
        let suite = Suite::that_ends(Status::unavailable("gone"));
        let address = suite.start().await;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (token, file) = (path("token"), path("place"));
        fs::write(&token, "secret").unwrap();
        let command = [
            "watch",
            "tickets",
            "--address",
            &address,
            "--token-file",
            &token,
            "--place",
            &file,
            "--until-caught-up",
        ];
        let args = Command::parse_from(command).args;
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        let method = method::find(&pool, args.list.method()).unwrap();
        let mut place = Place::default();
        let ended = follow(&args, &method, &mut place).await.unwrap();
        assert!(matches!(ended, Ended::Broken { .. }));
        let shown = Place {
            token: "one".into(),
            held: vec!["tickets/a".into()],
        };
        assert_eq!(place, shown);

        let kept = args.place.clone().unwrap();
        let mut place = Place::read(&kept).unwrap();
        assert_eq!(place, shown);
        let ended = follow(&args, &method, &mut place).await.unwrap();
        assert!(matches!(ended, Ended::Done));
        let (_, asked) = suite.asked.lock().unwrap().pop().unwrap();
        assert_eq!(asked.resume_token, "one");
        assert_eq!(asked.held, ["tickets/a"]);
        let none_held = Place {
            token: "two".into(),
            held: Vec::new(),
        };
        assert_eq!(Place::read(&kept).unwrap(), none_held);
    }

    #[tokio::test]
    async fn a_stream_whose_token_ended_goes_on_with_the_one_that_is_in_the_file_by_then() {
        let suite = Suite::that_ends(Status::unauthenticated("expired"));
        let address = suite.start().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let path = file.display().to_string();
        let command = [
            "watch",
            "tickets",
            "--address",
            &address,
            "--token-file",
            &path,
            "--until-caught-up",
        ];
        let args = Command::parse_from(command).args;
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        let method = method::find(&pool, args.list.method()).unwrap();
        let mut place = Place::default();
        fs::write(&file, "first").unwrap();
        let ended = follow(&args, &method, &mut place).await.unwrap();
        assert!(matches!(ended, Ended::Broken { .. }));
        fs::write(&file, "second").unwrap();
        let ended = follow(&args, &method, &mut place).await.unwrap();
        assert!(matches!(ended, Ended::Done));
        let asked = suite.asked.lock().unwrap();
        let bearers: Vec<_> = asked.iter().map(|(bearer, _)| bearer.as_str()).collect();
        assert_eq!(bearers, ["Bearer first", "Bearer second"]);
    }

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
        for lost in [Status::unavailable("gone"), Status::internal("reset")] {
            assert!(matches!(broken(&lost, false), Ok(Ended::Broken { .. })));
        }
        let second = Duration::from_secs(1);
        let too_much = Fault::new(Reason::Overloaded).retry_after(second);
        let too_much = broken(&too_much.into_status(Language::English), false).unwrap();
        assert!(matches!(too_much, Ended::Broken { after, .. } if after == second));
        for refused in [
            Status::permission_denied("no"),
            Status::unauthenticated("expired"),
            Status::resource_exhausted("a message is too large"),
            Fault::internal("ours").into_status(Language::English),
        ] {
            let told = broken(&refused, false).err().map(|error| error.to_string());
            let expected = Refusal::from(&refused).to_string();
            assert_eq!(told, Some(expected));
        }
    }

    #[test]
    fn every_list_has_a_method_with_what_is_read_here() {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        for list in [List::Tickets, List::Orders, List::FollowUps, List::Cases] {
            let method = method::find(&pool, list.method()).unwrap();
            for field in ["filter", "resume_token", "held"] {
                assert!(
                    method.input().get_field_by_name(field).is_some(),
                    "{list:?} {field}"
                );
            }
            for field in ["changed", "left", "resume_token", "caught_up", "relist"] {
                assert!(
                    method.output().get_field_by_name(field).is_some(),
                    "{list:?} {field}"
                );
            }
        }
    }
}
