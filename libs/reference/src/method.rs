//! One RPC: what it needs, what it shows, how it refuses, and how it is called.

use kefu_contracts::policy::{DataClass, Effect};
use prost_reflect::MessageDescriptor;

use crate::{Rpc, Sources, message, posts::Post, refusals::by_contract, text::prose};

/// The section of an RPC, on the page of its package.
pub(crate) fn section(sources: &Sources, rpc: &Rpc, package: &str) -> String {
    let contract = &sources.contract;
    let method = &rpc.method;
    let file = method.parent_service().parent_file();
    let mut out = format!("#### {}\n\n", rpc.title());
    let comment = prose(contract.comment(&file, method.path()));
    if !comment.is_empty() {
        out.push_str(&format!("{comment}\n\n"));
    }
    if rpc.rule.internal {
        out.push_str(&answered(sources, rpc, package));
        return out + &parts(sources, rpc, package);
    }
    out.push_str("| | |\n|---|---|\n");
    for (what, said) in facts(sources, rpc) {
        out.push_str(&format!("| {what} | {said} |\n"));
    }
    out.push_str(&format!(
        "\n```sh\n{}\n```\n\n",
        sources.example(rpc).command()
    ));
    out.push_str(&answered(sources, rpc, package));
    out + &parts(sources, rpc, package)
}

fn facts(sources: &Sources, rpc: &Rpc) -> Vec<(&'static str, String)> {
    let rule = rpc.rule;
    let purpose = match rule.purpose_required {
        true => "has to be stated",
        false => "need not be stated",
    };
    let effect = match rule.effect {
        Effect::Write => "changes",
        _ => "reads",
    };
    let mut facts = vec![
        ("permission", format!("`{}`", rule.permission)),
        ("shipped roles", posts(&sources.posts.of(rule.permission))),
        ("purpose", purpose.to_owned()),
        ("effect", effect.to_owned()),
        ("shows", classes(rule.shows)),
        ("refusals", refusals(sources, rpc)),
    ];
    if let Some(http) = sources.contract.http(&rpc.method) {
        facts.push(("HTTP", format!("`{http}`")));
    }
    facts
}

/// `agent (duty), auditor (all)`
fn posts(posts: &[Post]) -> String {
    if posts.is_empty() {
        return "none".to_owned();
    }
    let one = |post: &Post| {
        let scopes: Vec<_> = post.scopes.iter().map(String::as_str).collect();
        format!("{} ({})", post.role.replace('_', "\\_"), scopes.join(", "))
    };
    posts.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn classes(classes: &[DataClass]) -> String {
    if classes.is_empty() {
        return "no personal data".to_owned();
    }
    let name = |class: &DataClass| {
        class
            .as_str_name()
            .trim_start_matches("DATA_CLASS_")
            .to_owned()
    };
    classes.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A link to those of every call, then the call's own, which stand in the same place.
fn refusals(sources: &Sources, rpc: &Rpc) -> String {
    let mut reasons = by_contract(rpc);
    reasons.extend(sources.refusals.of(rpc).iter().copied());
    let own: String = reasons
        .iter()
        .map(|reason| format!(", `{reason}`"))
        .collect();
    format!("[those of every call](README.md#refusals-of-every-call){own}")
}

/// `[A](#a) → [B](#b)`
fn answered(sources: &Sources, rpc: &Rpc, package: &str) -> String {
    let name = |message: &MessageDescriptor| match sources.contract.is_of_one_call(message) {
        true => format!("`{}`", message.name()),
        false => {
            let home = message.parent_file().package_name().to_owned();
            message::link(&sources.contract, message.full_name(), &home, package)
        }
    };
    let (input, output) = (rpc.method.input(), rpc.method.output());
    let stream = match rpc.method.is_server_streaming() {
        true => "a stream of ",
        false => "",
    };
    let taken = match rpc.method.is_client_streaming() {
        true => "a stream of ",
        false => "",
    };
    format!(
        "Takes {taken}{}, answers with {stream}{}.\n\n",
        name(&input),
        name(&output)
    )
}

/// The messages that belong to this call alone.
fn parts(sources: &Sources, rpc: &Rpc, package: &str) -> String {
    let (input, output) = (rpc.method.input(), rpc.method.output());
    let mut out = String::new();
    for message in [input, output] {
        if !sources.contract.is_of_one_call(&message) {
            continue;
        }
        out.push_str(&format!("`{}`", message.name()));
        let comment = prose(
            sources
                .contract
                .comment(&message.parent_file(), message.path()),
        );
        match comment.is_empty() {
            true => out.push_str(":\n\n"),
            false => out.push_str(&format!(": {comment}\n\n")),
        }
        out.push_str(&message::fields(&sources.contract, &message, package));
    }
    out
}
