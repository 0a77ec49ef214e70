//! Keeps a decision within the bits there are for it.

use kefu_contracts::ClassSet;

use crate::{
    context::{MAX_RULES, Rule},
    scope::Scope,
};

/// The rules as they are, while they fit. Somebody with very many of them gets one
/// rule a data class instead, reaching what the rules that clear the class reach, and
/// one for the rules that clear none: no row and no class is lost or gained, only
/// the account of sources is coarser. A folded rule ends with the first of its parts;
/// the decision is over by then as well, and the next one has the rest.
pub(crate) fn fold(rules: Vec<Rule>) -> Vec<Rule> {
    if rules.len() <= MAX_RULES {
        return rules;
    }
    let all = rules
        .iter()
        .fold(ClassSet::NONE, |all, rule| all.union(rule.classes));
    let bare = merge(&rules, ClassSet::NONE, |rule| rule.classes.is_empty());
    let classes = all.iter().filter_map(|class| {
        let only = ClassSet::of(&[class]);
        merge(&rules, only, |rule| rule.classes.contains(class))
    });
    classes.chain(bare).collect()
}

fn merge(rules: &[Rule], classes: ClassSet, part: impl Fn(&Rule) -> bool) -> Option<Rule> {
    let parts: Vec<&Rule> = rules.iter().filter(|rule| part(rule)).collect();
    let mut sources: Vec<&str> = Vec::new();
    for rule in &parts {
        if !sources.contains(&rule.source.as_str()) {
            sources.push(&rule.source);
        }
    }
    (!parts.is_empty()).then(|| Rule {
        scope: Scope::union(parts.iter().map(|rule| rule.scope.clone())),
        classes,
        source: sources.join(", "),
        expires_at: parts.iter().filter_map(|rule| rule.expires_at).min(),
    })
}

#[cfg(test)]
mod tests;
