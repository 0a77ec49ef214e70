//! An explanation as a terminal shows it.

use kefu_access::{Considered, Explanation, Verdict, Whom};
use kefu_access_control::{domain::words, offline::World};
use kefu_service::error::Language;

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
    let who = |one: &Whom| {
        let name = one.name();
        words::of_whom(one, world.login(one.id).unwrap_or(&name), language)
    };
    let ask: Vec<String> = explanation.ask.iter().map(who).collect();
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
