//! The pages are what the sources say now, their links lead somewhere, and their examples are
//! messages of the contracts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use kefu_reference::{FOLDER, Sources};
use prost_reflect::DynamicMessage;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Read once: it takes seconds.
static SOURCES: LazyLock<Sources> = LazyLock::new(|| Sources::read(root()).unwrap());

#[test]
fn the_pages_are_current() {
    let pages = SOURCES.pages();
    let folder = root().join(FOLDER);
    let there: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&there), names(&pages), "run `make reference`");
    for (name, text) in &pages {
        let differs = there[name]
            .lines()
            .zip(text.lines())
            .enumerate()
            .find(|(_, (there, now))| there != now);
        if let Some((at, (there, now))) = differs {
            panic!(
                "{FOLDER}/{name}:{}: run `make reference`\n  there: {there}\n  now:   {now}",
                at + 1
            );
        }
        assert_eq!(
            there[name].len(),
            text.len(),
            "{FOLDER}/{name}: run `make reference`"
        );
    }
}

#[test]
fn every_example_is_a_message_of_the_contract() {
    let sources = &*SOURCES;
    let mut seen = 0;
    for rpc in sources.contract.rpcs() {
        if rpc.rule.internal {
            continue;
        }
        let example = sources.example(&rpc);
        DynamicMessage::deserialize(rpc.method.input(), example.request.clone())
            .unwrap_or_else(|error| panic!("{}: {error}", example.command()));
        assert!(!example.command().contains("\\'"), "{}", example.command());
        assert!(
            example.login.is_some(),
            "nobody of the example company may: {}",
            example.command()
        );
        seen += 1;
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = SOURCES.pages();
    let targets: BTreeMap<&str, BTreeSet<String>> = pages
        .iter()
        .map(|(name, text)| {
            let headings = text.lines().filter(|line| line.starts_with('#'));
            let all: Vec<_> = headings
                .map(|line| anchor(line.trim_start_matches('#').trim()))
                .collect();
            let once: BTreeSet<_> = all.iter().cloned().collect();
            assert_eq!(all.len(), once.len(), "{name} has a heading twice");
            (name.as_str(), once)
        })
        .collect();
    let mut seen = 0;
    for (name, text) in &pages {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("../") {
                assert!(root().join(FOLDER).join(link).exists(), "{name}: {link}");
                continue;
            }
            let (page, heading) = link.split_once('#').unwrap_or((link, ""));
            let page = if page.is_empty() { name } else { page };
            assert!(targets.contains_key(page), "{name}: {link}");
            assert!(
                heading.is_empty() || targets[page].contains(heading),
                "{name}: {link}"
            );
            seen += 1;
        }
    }
    assert!(seen > 1000, "{seen}");
}

/// What code hosts make of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Refusals that tests of the suite hold as well: if the code were not followed to where it gives them,
/// the pages would be silent about them.
#[test]
fn refusals_are_found_where_they_are_given() {
    let sources = &*SOURCES;
    let rpcs = sources.contract.rpcs();
    for (call, reason) in [
        ("CustomerService.GetCustomer", "NOT_FOUND_OR_OUT_OF_SCOPE"),
        ("TicketService.OpenTicket", "ALREADY_EXISTS"),
        ("TicketService.CloseTicket", "STATE_NOT_ALLOWED"),
        ("ShareService.ApproveShare", "NOT_THE_CALLERS_TURN"),
        ("RoleService.CreateBinding", "SEPARATION_OF_DUTIES"),
        (
            "TrainingService.HoldTrainingSession",
            "NOT_FOUND_OR_OUT_OF_SCOPE",
        ),
        ("AfterSalesService.CheckCover", "STATE_NOT_ALLOWED"),
        ("CustomerService.CreateCustomer", "ALREADY_EXISTS"),
        ("KnowledgeService.PublishArticle", "SECOND_PERSON_REQUIRED"),
        (
            "CertificateService.GetCertificate",
            "NOT_FOUND_OR_OUT_OF_SCOPE",
        ),
    ] {
        let rpc = rpcs.iter().find(|rpc| {
            format!(
                "{}.{}",
                rpc.method.parent_service().name(),
                rpc.method.name()
            ) == call
        });
        let rpc = rpc.unwrap_or_else(|| panic!("no {call}"));
        assert!(
            sources.refusals().of(rpc).contains(reason),
            "{call}: {:?}",
            sources.refusals().of(rpc)
        );
    }
}

#[test]
fn the_handler_of_every_call_is_found() {
    let sources = &*SOURCES;
    let rpcs = sources.contract.rpcs();
    let lost: Vec<_> = rpcs
        .iter()
        .filter(|rpc| !rpc.rule.internal && !sources.refusals().knows(rpc))
        .map(|rpc| rpc.method.full_name().to_owned())
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}
