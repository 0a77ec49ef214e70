//! An explanation as a terminal shows it.

use kefu_access::{Considered, Explanation, Verdict};
use kefu_access_control::{domain::words, offline::World};
use kefu_service::{error::Language, fields::parse_name};

/// The rules that have something to say, one a line, and whom to ask. Rules that do
/// not grant the permission at all are only counted: they are most of any role.
pub(super) fn lines(explanation: &Explanation, world: &World, language: Language) -> Vec<String> {
    let (silent, telling): (Vec<&Considered>, Vec<&Considered>) = explanation
        .considered
        .iter()
        .filter(|one| !repeats(one, &explanation.considered))
        .partition(|one| one.verdict == Verdict::PermissionNotGranted);
    let widest = telling.iter().map(|one| one.source.len()).max();
    let mut lines: Vec<String> = telling
        .iter()
        .map(|one| {
            let text = words::of_rule(one, &world.policy, language);
            format!(
                "{:<width$}  {text}",
                one.source,
                width = widest.unwrap_or_default()
            )
        })
        .collect();
    if !silent.is_empty() {
        lines.push(not_granting(&silent, language));
    }
    let ask: Vec<String> = explanation.ask.iter().map(|one| who(one, world)).collect();
    if !ask.is_empty() {
        let label = pick(language, "可询问", "ask");
        lines.push(format!("{label}: {}", ask.join(", ")));
    }
    lines
}

/// The sensitive half of a rule says no more than the other where neither lets through.
fn repeats(one: &Considered, all: &[Considered]) -> bool {
    let Some(whole) = one.source.strip_suffix("+sensitive") else {
        return false;
    };
    one.verdict != Verdict::LetsThrough
        && all.iter().any(|other| {
            other.source == whole && other.binding == one.binding && other.verdict == one.verdict
        })
}

fn not_granting(silent: &[&Considered], language: Language) -> String {
    let mut sources: Vec<&str> = silent.iter().map(|one| one.source.as_str()).collect();
    sources.dedup();
    let listed = sources.join(", ");
    match language {
        Language::Chinese => format!("不含此项权限: {listed}"),
        Language::English => format!("the permission is not granted by {listed}"),
    }
}

/// `employees/… (head of 客服部)` with the login in the place of the id.
fn who(said: &str, world: &World) -> String {
    let (name, post) = said.split_once(' ').unwrap_or((said, ""));
    let login = parse_name(name, "employees").and_then(|id| world.login(id));
    format!("{} {post}", login.unwrap_or(name))
        .trim_end()
        .to_owned()
}

pub(super) fn pick(
    language: Language,
    chinese: &'static str,
    english: &'static str,
) -> &'static str {
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}
