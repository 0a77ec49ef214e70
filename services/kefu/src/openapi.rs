//! `kefu openapi`: how every call is made in JSON over HTTP, as an OpenAPI 3.1 document; the
//! gateway tells the same at `/openapi.json`.

#![allow(
    clippy::print_stdout,
    reason = "the document is the output of the command"
)]

use anyhow::anyhow;
use kefu_json::{Api, openapi};

/// Prints the document.
///
/// # Errors
/// When the contracts owe a binding.
pub fn run() -> anyhow::Result<()> {
    let api = Api::of_contracts().map_err(|owed| anyhow!("{}", owed.join("\n")))?;
    println!("{:#}", openapi::document(api));
    Ok(())
}
