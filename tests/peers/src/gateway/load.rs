//! The load: calls in a closed loop over a few connections of the h2 library, each read
//! to its last byte and held to its status.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::{net::TcpStream, task::LocalSet};

use crate::processor::Spent;

/// Connections, each with a token of its own.
pub(crate) const CONNECTIONS: usize = 4;
const METHOD: &str = "/kefu.profile.v1.CustomerService/GetCustomer";
/// A gRPC frame around the name of a customer.
const BODY: &[u8] = b"\0\0\0\0\x30\x0a\x2ecustomers/0198c0de-0000-7000-8000-000000000001";

/// What one round came to.
pub(crate) struct Round {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) spent: Spent,
    /// Microseconds of processor that the proxy used for a call.
    pub(crate) used: f64,
}

impl Round {
    pub(crate) fn parse(line: &str, spent: Spent) -> anyhow::Result<Self> {
        let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [rate, median, p99] = numbers[..] else {
            anyhow::bail!("not a round")
        };
        Ok(Self {
            rate,
            median,
            p99,
            spent,
            used: 0.0,
        })
    }
}

/// Runs one round and prints it for the process that asked for it.
pub(crate) async fn print(
    address: String,
    in_flight: usize,
    millis: u64,
    tokens: Vec<String>,
) -> anyhow::Result<()> {
    let local = LocalSet::new();
    let mut nanos = local
        .run_until(run(
            address,
            in_flight,
            Duration::from_millis(millis),
            tokens,
        ))
        .await?;
    nanos.sort_unstable();
    let at = |percent: usize| nanos[nanos.len() * percent / 100] as f64 / 1_000.0;
    println!(
        "{} {} {}",
        nanos.len() as f64 * 1_000.0 / millis as f64,
        at(50),
        at(99)
    );
    Ok(())
}

async fn run(
    address: String,
    in_flight: usize,
    lasting: Duration,
    tokens: Vec<String>,
) -> anyhow::Result<Vec<u64>> {
    let address = Rc::new(address);
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS.min(in_flight) {
        let stream = TcpStream::connect(address.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::handshake(stream).await?;
        tokio::task::spawn_local(connection);
        let token = tokens
            .get(number % tokens.len().max(1))
            .cloned()
            .unwrap_or_default();
        connections.push((sender, Rc::new(token)));
    }
    let begun = Instant::now();
    let workers: Vec<_> = (0..in_flight)
        .map(|number| {
            let (sender, token) = connections[number % connections.len()].clone();
            let address = address.clone();
            tokio::task::spawn_local(async move {
                let mut nanos = Vec::with_capacity(16_384);
                while begun.elapsed() < lasting {
                    let at = Instant::now();
                    call(sender.clone(), &address, &token).await?;
                    nanos.push(at.elapsed().as_nanos() as u64);
                }
                anyhow::Ok(nanos)
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await??);
    }
    ensure!(!all.is_empty(), "no call was answered");
    Ok(all)
}

async fn call(sender: SendRequest<Bytes>, address: &str, token: &str) -> anyhow::Result<()> {
    let request = Request::post(format!("{address}{METHOD}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .header("kefu-purpose", "service")
        .body(())?;
    let mut sender = sender.ready().await?;
    let (response, mut stream) = sender.send_request(request, false)?;
    stream.send_data(Bytes::from_static(BODY), true)?;
    let response = response.await?;
    ensure!(
        response.status() == 200,
        "HTTP status {}",
        response.status()
    );
    let status = response.headers().get("grpc-status").cloned();
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        length += data.len();
        body.flow_control().release_capacity(data.len())?;
    }
    let trailers = body.trailers().await?;
    let status = trailers
        .and_then(|trailers| trailers.get("grpc-status").cloned())
        .or(status);
    let status = status.context("an answer without a status")?;
    ensure!(status == "0", "grpc-status {status:?}");
    ensure!(length == BODY.len(), "{length} bytes came back");
    Ok(())
}
