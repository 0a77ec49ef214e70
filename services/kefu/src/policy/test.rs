//! `kefu policy test`: a table of expected decisions against roles and a company.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, bail};
use kefu_access_control::{
    domain::cases::{Mismatch, Report, SHIPPED, Table},
    offline::World,
};
use kefu_service::error::Language;

use super::{WorldArgs, read, text};

/// Uncovered roles that are listed with each permission; of more, only the number.
const LISTED: usize = 12;

/// Asks every question of a table of expected decisions; fails when one is answered otherwise
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The table (TOML); the one that comes with the suite when left out
    file: Option<PathBuf>,
    #[command(flatten)]
    world: WorldArgs,
    /// Fails too when the table says nothing of some post and permission
    #[arg(long)]
    complete: bool,
}

pub(super) fn run(args: &TestArgs) -> anyhow::Result<()> {
    let world = args.world.world()?;
    let (name, content) = match &args.file {
        Some(file) => (file.display().to_string(), read(file)?),
        None => ("the shipped table".to_owned(), SHIPPED.to_owned()),
    };
    let table = Table::read(&content, &world).with_context(|| name.clone())?;
    let report = table.run(&world);
    for mismatch in &report.mismatches {
        print_mismatch(mismatch, &world, args.world.language());
    }
    print_summary(&name, &report);
    let (wrong, open) = (report.mismatches.len(), report.uncovered.len());
    if wrong > 0 {
        bail!("{wrong} of {} decisions are not as expected", report.asked);
    }
    if args.complete && open > 0 {
        bail!("{open} pairs of post and permission are not covered");
    }
    Ok(())
}

fn print_mismatch(mismatch: &Mismatch, world: &World, language: Language) {
    println!("✗ {}", mismatch.question);
    println!("    expected  {}", mismatch.expected);
    println!("    got       {}", mismatch.got);
    for line in text::lines(&mismatch.explanation, world, language) {
        println!("      {line}");
    }
    println!();
}

fn print_summary(name: &str, report: &Report) {
    let Report {
        posts,
        permissions,
        asked,
        mismatches,
        uncovered,
    } = report;
    let pairs = posts * permissions;
    println!(
        "{name}: {asked} questions, {} as expected",
        asked - mismatches.len()
    );
    println!(
        "{posts} posts × {permissions} permissions: {} of {pairs} pairs covered",
        pairs - uncovered.len()
    );
    let mut by_post: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (post, permission) in uncovered {
        by_post.entry(post).or_default().push(permission);
    }
    for (post, open) in by_post {
        match open.len() {
            0..=LISTED => println!("  not covered: {post}: {}", open.join(", ")),
            many => println!("  not covered: {post}: {many} permissions"),
        }
    }
}
