//! The one binary of the suite, as a library: how the services are put together,
//! in one process or one each, and the commands around them.

pub mod audit;
pub mod backup;
pub mod call;
mod client;
pub mod company;
pub mod demo;
pub mod dev;
pub mod figures;
pub mod import;
pub mod key_provider;
pub mod migrate;
pub mod openapi;
pub mod policy;
mod production;
pub mod restore;
pub mod serve;
pub mod settings;
pub mod suite;
mod tls;
pub mod watch;

/// A fault as whoever runs a command is told it: they run the suite, and nothing is kept from them.
fn said(fault: kefu_service::error::Fault) -> anyhow::Error {
    anyhow::anyhow!("{}", fault.detail)
}
