//! `make bench`: kefu's gateway in front of an echo, beside calling the echo directly, a
//! bare tonic pass-through, nginx `grpc_pass` and Envoy with its RBAC filter. Each proxy
//! has one core to itself; the echo and the load have another. All get the same calls, in
//! turns. Ratios are printed, nothing is asserted about time.
//!
//! The program is each of the processes: without arguments it starts the others.

mod echo;
mod foreign;
mod load;
mod processor;
mod proxies;
mod table;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

use crate::{load::Round, table::Series};

/// As in `kefu`; bare tonic has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls under way at once, beside one at a time.
const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 5;
/// Of one round, in milliseconds.
const ROUND: u64 = 1_500;
const PROXY_CORE: &str = "0";
const OTHER_CORE: &str = "1";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = |future| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(future)
    };
    match arguments[..] {
        [] => contest(),
        ["echo"] => run(Box::pin(echo::serve()) as Part),
        ["bare", upstream] => run(Box::pin(proxies::bare(upstream.to_owned()))),
        ["kefu", upstream] => run(Box::pin(proxies::kefu(upstream.to_owned()))),
        ["load", address, in_flight, millis, ref tokens @ ..] => {
            let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
            run(Box::pin(load::print(
                address.to_owned(),
                in_flight.parse()?,
                millis.parse()?,
                tokens,
            )))
        }
        _ => anyhow::bail!("bench of the gateway: no arguments are needed"),
    }
}

type Part = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// A process of the bench's own, ended with it.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command on one core.
pub(crate) fn on(core: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

/// This program in another part: the process, and the line it says when it is ready.
fn part(core: &str, arguments: &[&str]) -> anyhow::Result<(Process, String)> {
    let own = std::env::current_exe()?;
    let mut child = on(core, own.to_str().context("a path that is text")?)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("taskset is needed (util-linux)")?;
    let mut line = String::new();
    let output = child.stdout.take().context("no output")?;
    let process = Process(child);
    BufReader::new(output).read_line(&mut line)?;
    Ok((process, line.trim().to_owned()))
}

fn load(one: &Series, in_flight: usize, length: u64, tokens: &[&str]) -> anyhow::Result<Round> {
    let (address, in_flight, millis) = (&one.address, in_flight.to_string(), length.to_string());
    let mut arguments = vec!["load", address, &in_flight, &millis];
    arguments.extend(tokens);
    let used = || one.process.map_or(0, processor::used_by);
    let (before, used_before) = (processor::read(), used());
    let (_process, line) = part(OTHER_CORE, &arguments)?;
    let mut round = Round::parse(&line, processor::read().since(before))
        .with_context(|| format!("load on {address}: {line}"))?;
    let calls = round.rate * length as f64 / 1_000.0;
    round.used = (used() - used_before) as f64 * 10_000.0 / calls;
    Ok(round)
}

fn contest() -> anyhow::Result<()> {
    let (_echo, echo) = part(OTHER_CORE, &["echo"])?;
    let (bare_process, bare) = part(PROXY_CORE, &["bare", &echo])?;
    let (kefu_process, said) = part(PROXY_CORE, &["kefu", &echo])?;
    let mut words = said.split(' ');
    let kefu = words.next().unwrap_or_default().to_owned();
    let tokens: Vec<&str> = words.collect();
    let mut series = vec![
        Series::new("kefu's gateway", kefu, Some(kefu_process.0.id())),
        Series::new("bare tonic", bare, Some(bare_process.0.id())),
        Series::new("direct", echo.clone(), None),
    ];
    let nginx = foreign::nginx(&echo)?;
    let envoy = foreign::envoy(&echo)?;
    for (name, peer) in [("nginx grpc_pass", &nginx), ("Envoy with RBAC", &envoy)] {
        match peer {
            Some(peer) => series.push(Series::new(
                name,
                peer.address.clone(),
                Some(peer.process.0.id()),
            )),
            None => println!(
                "{name} is left out: it is not on this machine and could not be had (see .ci/peers)."
            ),
        }
    }
    for one in &series {
        load(one, IN_FLIGHT, ROUND / 2, &tokens).with_context(|| one.name)?;
    }
    for _ in 0..ROUNDS {
        for one in &mut series {
            one.many.push(load(one, IN_FLIGHT, ROUND, &tokens)?);
        }
        for one in &mut series {
            one.single.push(load(one, 1, ROUND / 2, &tokens)?);
        }
    }
    table::print(&series);
    Ok(())
}
