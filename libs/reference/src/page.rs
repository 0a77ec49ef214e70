//! The page of one package: its services, then the messages and enums that they share.

use crate::{
    Sources,
    contract::{Type, is_connector},
    message, method,
    text::{anchor, first_sentence, prose},
};

/// Says of each page what it is made of.
pub(crate) const WRITTEN: &str = "<!-- Written by `make reference` from proto/, the shipped roles and the services' code: change those. -->\n\n";

/// `profile.md` of `kefu.profile.v1`.
pub(crate) fn file(package: &str) -> String {
    let name = package.trim_start_matches("kefu.");
    format!("{}.md", name.trim_end_matches(".v1").replace('.', "-"))
}

pub(crate) fn write(sources: &Sources, package: &str) -> String {
    let contract = &sources.contract;
    let mut out = format!("{WRITTEN}# {package}\n\n");
    out.push_str("[How to read this](README.md)\n\n");
    let services = contract.services_of(package);
    let introductions = contract.introductions(package);
    for (name, said) in &introductions {
        match introductions.len() {
            1 => out.push_str(&format!("{}\n\n", prose(said))),
            _ => {
                let name = name.rsplit('/').next().unwrap_or(name);
                out.push_str(&format!(
                    "- `{name}`: {}\n",
                    prose(said).replace('\n', "\n  ")
                ));
            }
        }
    }
    out.push('\n');
    if !services.is_empty() {
        out.push_str("## Services\n\n");
    }
    for service in &services {
        let file = service.parent_file();
        let comment = prose(contract.comment(&file, service.path()));
        out.push_str(&format!("### {}\n\n", service.name()));
        if is_connector(service) {
            out.push_str("The company serves this, and the suite calls it.\n\n");
        }
        if !comment.is_empty() {
            out.push_str(&format!("{comment}\n\n"));
        }
        let rpcs = contract.rpcs_of(service);
        out.push_str("| | |\n|---|---|\n");
        for rpc in &rpcs {
            let said = first_sentence(contract.comment(&file, rpc.method.path()));
            let (name, title) = (rpc.method.name(), rpc.title());
            out.push_str(&format!("| [{name}](#{}) | {said} |\n", anchor(&title)));
        }
        out.push('\n');
        for rpc in &rpcs {
            out.push_str(&method::section(sources, rpc, package));
        }
    }
    let mut messages = String::new();
    let mut enums = String::new();
    for kind in contract.types(package) {
        match kind {
            Type::Message(message)
                if message.is_map_entry() || contract.is_of_one_call(message) => {}
            Type::Message(message) => {
                messages.push_str(&message::section(contract, message, package))
            }
            Type::Enum(kind) => enums.push_str(&message::enumeration(contract, kind, package)),
        }
    }
    for (title, all) in [("Messages", messages), ("Enums", enums)] {
        if !all.is_empty() {
            out.push_str(&format!("## {title}\n\n{all}"));
        }
    }
    out.trim_end().to_owned() + "\n"
}
