//! `kefu call`: any method of the contracts, asked in JSON and answered in JSON.

#![allow(
    clippy::print_stdout,
    reason = "the answer is the output of the command"
)]

pub(crate) mod method;
pub(crate) mod table;

use std::io::{Read, stdin};

use anyhow::{Context, bail};
use kefu_contracts::DESCRIPTOR_SET;
use kefu_service::{
    call::{CALL_ID, POSITION},
    dynamic::DynamicCodec,
};
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions};
use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{MetadataMap, MetadataValue},
    transport::Channel,
};

use crate::client::{Client, ConnectArgs, Refusal};

/// Calls a method through the gateway
#[derive(Debug, clap::Args)]
pub struct CallArgs {
    /// kefu.profile.v1.CustomerService/GetCustomer, or the end of it: GetCustomer
    method: String,
    /// The request, as the contract writes it in JSON; - reads it from standard input
    #[arg(default_value = "{}")]
    json: String,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Why, which is journaled: service, complaint, sales, audit, …
    #[arg(long, default_value = "service")]
    purpose: String,
    /// Language of what is said about errors: zh-CN or en
    #[arg(long, default_value = "en", value_name = "TAG")]
    language: String,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Output::Json)]
    output: Output,
    /// Answers only once this place of a journal has taken effect: ticket:812.55
    #[arg(long, value_name = "PLACE")]
    position: Option<String>,
    /// Says on standard error where a write was journaled, for --position of a later call
    #[arg(long)]
    show_position: bool,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// As the contract writes it in JSON
    Json,
    /// Records in columns; JSON has all of it
    Table,
}

/// Calls the method and prints the answer; one line for each message of a stream.
///
/// # Errors
/// The refusal in readable lines, or what is wrong with the command.
pub async fn run(args: CallArgs) -> anyhow::Result<()> {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).context("the contracts cannot be read")?;
    let method = method::find(&pool, &args.method)?;
    if method.is_client_streaming() {
        bail!("{} takes a stream of requests", method.full_name());
    }
    let message = parse(&method, &text(args.json)?)?;
    let client = Client::new(&args.connect, Some(&args.purpose), &args.language)?;
    let mut grpc = Grpc::new(client.channel());
    grpc.ready()
        .await
        .with_context(|| format!("no connection to {}", args.connect.address))?;
    let position = args.position.as_deref().map(MetadataValue::try_from);
    let position = position.transpose().context("--position is not a place")?;

    if method.is_server_streaming() {
        let request = with_position(client.streaming_request(message), position);
        let answers = streaming(grpc, &method, request).await.map_err(refused)?;
        note(answers.metadata(), args.show_position);
        print_each(answers.into_inner(), args.output).await
    } else {
        let request = with_position(client.request(message), position);
        let answer = unary(grpc, &method, request).await.map_err(refused)?;
        note(answer.metadata(), args.show_position);
        match args.output {
            Output::Json => println!(
                "{}",
                serde_json::to_string_pretty(&json(answer.get_ref())?)?
            ),
            Output::Table => print!("{}", table::of(answer.get_ref())?),
        }
        Ok(())
    }
}

fn text(json: String) -> anyhow::Result<String> {
    if json != "-" {
        return Ok(json);
    }
    let mut text = String::new();
    stdin()
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(text)
}

/// The request of a method from JSON; a field that it has not is a mistake.
pub(crate) fn parse(method: &MethodDescriptor, text: &str) -> anyhow::Result<DynamicMessage> {
    let input = method.input();
    let fields: Vec<_> = input
        .fields()
        .map(|field| field.json_name().to_owned())
        .collect();
    let mut json = serde_json::Deserializer::from_str(text);
    DynamicMessage::deserialize(input.clone(), &mut json)
        .and_then(|message| json.end().map(|()| message))
        .with_context(|| {
            format!(
                "this is no {}, which has: {}",
                input.name(),
                fields.join(", ")
            )
        })
}

/// The answer in JSON: names as in the contracts' JSON, enums by name.
pub(crate) fn json(message: &DynamicMessage) -> anyhow::Result<serde_json::Value> {
    message
        .serialize_with_options(
            serde_json::value::Serializer,
            &SerializeOptions::new().skip_default_fields(true),
        )
        .context("the answer cannot be written as JSON")
}

fn with_position<T>(
    mut request: Request<T>,
    position: Option<MetadataValue<tonic::metadata::Ascii>>,
) -> Request<T> {
    if let Some(position) = position {
        request.metadata_mut().insert(POSITION, position);
    }
    request
}

async fn unary(
    mut grpc: Grpc<Channel>,
    method: &MethodDescriptor,
    request: Request<DynamicMessage>,
) -> Result<Response<DynamicMessage>, Status> {
    grpc.unary(request, path(method)?, DynamicCodec::of(method))
        .await
}

pub(crate) async fn streaming(
    mut grpc: Grpc<Channel>,
    method: &MethodDescriptor,
    request: Request<DynamicMessage>,
) -> Result<Response<Streaming<DynamicMessage>>, Status> {
    grpc.server_streaming(request, path(method)?, DynamicCodec::of(method))
        .await
}

fn path(method: &MethodDescriptor) -> Result<PathAndQuery, Status> {
    format!("/{}", method::path(method))
        .parse()
        .map_err(|_| Status::internal("the method's name is not a path"))
}

async fn print_each(mut answers: Streaming<DynamicMessage>, output: Output) -> anyhow::Result<()> {
    while let Some(answer) = answers.message().await.map_err(refused)? {
        match output {
            Output::Json => println!("{}", json(&answer)?),
            Output::Table => print!("{}", table::of(&answer)?),
        }
    }
    Ok(())
}

/// Says where the call is journaled; on standard error, so that the answer
/// can be piped on.
fn note(metadata: &MetadataMap, wanted: bool) {
    for name in [POSITION, CALL_ID] {
        if let Some(value) = metadata.get(name).and_then(|value| value.to_str().ok())
            && wanted
        {
            eprintln!("{name}: {value}");
        }
    }
}

fn refused(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{}", Refusal::from(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get_customer() -> MethodDescriptor {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        method::find(&pool, "GetCustomer").unwrap()
    }

    #[test]
    fn a_request_is_read_from_json() {
        let message = parse(&get_customer(), r#"{"name": "customers/x"}"#).unwrap();
        assert_eq!(
            json(&message).unwrap(),
            serde_json::json!({"name": "customers/x"})
        );
        for wrong in [r#"{"nam": "x"}"#, r#"{"name": 1}"#, "{} {}", "customers/x"] {
            let error = parse(&get_customer(), wrong).unwrap_err().to_string();
            assert_eq!(
                error, "this is no GetCustomerRequest, which has: name",
                "{wrong}"
            );
        }
    }
}
