//! Compiles the contracts without `protoc`: messages and services by prost and
//! tonic; the method table and the redaction from the options of kefu.policy.v1; what messages
//! take once they are decoded.

#[path = "build/annotations.rs"]
mod annotations;
#[path = "build/decoded.rs"]
mod decoded;
#[path = "build/lint.rs"]
mod lint;
#[path = "build/method_table.rs"]
mod method_table;
#[path = "build/redaction.rs"]
mod redaction;
#[path = "build/sources.rs"]
mod sources;

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;
use prost_reflect::DescriptorPool;

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let contracts = manifest.join("../../proto");
    let google = manifest.join("googleapis");
    println!("cargo::rerun-if-changed={}", contracts.display());
    println!("cargo::rerun-if-changed={}", google.display());
    println!("cargo::rerun-if-changed=build");

    let encoded = sources::compile(&contracts, &google)?;
    let pool = DescriptorPool::decode(encoded.as_slice())?;

    let findings = lint::check(&pool);
    if !findings.is_empty() {
        return Err(format!("contracts lack annotations:\n{}", findings.join("\n")).into());
    }

    let mut set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    // Read off the descriptors where they count: nobody needs their messages in Rust.
    let http = ["google/api/annotations.proto", "google/api/http.proto"];
    set.file.retain(|file| !http.contains(&file.name()));
    let mut config = prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .include_file("contracts.rs")
        .codec_path("crate::codec::Bounded")
        .compile_fds_with_config(set, config)?;
    fs::write(out.join("method_table.rs"), method_table::generate(&pool))?;
    fs::write(out.join("redaction.rs"), redaction::generate(&pool))?;
    fs::write(out.join("decoded.rs"), decoded::generate(&pool))?;
    // The bytes as the compiler wrote them: re-encoding would drop the options.
    fs::write(out.join("kefu.descriptors.bin"), &encoded)?;
    Ok(())
}
