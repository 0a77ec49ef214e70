//! What the contracts owe: every public RPC and every field that an answer can
//! carry says who may see it. Used by the build and by the contract test.

use std::collections::BTreeSet;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::annotations::{Annotations, FieldPolicy, MethodPolicy, is_own};

/// Every omission, one line each; empty when there is none.
pub(crate) fn check(pool: &DescriptorPool) -> Vec<String> {
    let Some(annotations) = Annotations::of(pool) else {
        return vec!["kefu.policy.v1 is not among the contracts".to_owned()];
    };
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut permissions = BTreeSet::new();
    for method in pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        let name = method.full_name().to_owned();
        let Some(policy) = annotations.method(&method) else {
            findings.push(format!("{name}: no (kefu.policy.v1.method)"));
            continue;
        };
        check_method(&name, &policy, &mut findings);
        permissions.insert(policy.permission.clone());
        if policy.internal {
            continue;
        }
        let mut classes = BTreeSet::new();
        let root = method.output();
        let mut within = BTreeSet::new();
        visit(
            &annotations,
            &root,
            &mut seen,
            &mut within,
            &mut classes,
            &mut findings,
        );
        let shows: BTreeSet<String> = policy.shows.iter().cloned().collect();
        if classes != shows {
            findings.push(format!(
                "{name}: its answer carries {classes:?}, its annotation says {shows:?}"
            ));
        }
    }
    findings
}

fn check_method(name: &str, policy: &MethodPolicy, findings: &mut Vec<String>) {
    let parts: Vec<_> = policy.permission.split('.').collect();
    let well_formed = parts.len() == 3
        && parts.iter().all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter == '_')
        });
    if !well_formed {
        findings.push(format!(
            "{name}: permission {:?} is not domain.resource.verb",
            policy.permission
        ));
    }
    if policy.internal != policy.permission.starts_with("internal.") {
        findings.push(format!(
            "{name}: internal methods, and no others, have an internal permission"
        ));
    }
    if policy.effect.is_none() {
        findings.push(format!("{name}: no effect"));
    }
    if !policy.shows.is_empty() && !policy.purpose_required {
        findings.push(format!("{name}: shows personal data without a purpose"));
    }
}

fn visit(
    annotations: &Annotations,
    message: &MessageDescriptor,
    reported: &mut BTreeSet<String>,
    within: &mut BTreeSet<String>,
    classes: &mut BTreeSet<String>,
    findings: &mut Vec<String>,
) {
    if !is_own(message) || !within.insert(message.full_name().to_owned()) {
        return;
    }
    let first_time = reported.insert(message.full_name().to_owned());
    for field in message.fields() {
        let nested = nested(&field);
        let policy = annotations.field(&field);
        if first_time {
            findings.extend(check_field(&field, policy.as_ref(), nested.as_ref()));
        }
        if let Some(class) = policy
            .and_then(|policy| policy.class)
            .filter(|class| class != "System")
        {
            classes.insert(class);
        }
        if let Some(nested) = nested {
            visit(annotations, &nested, reported, within, classes, findings);
        }
    }
}

/// The message of ours that the field holds.
fn nested(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if is_own(&message) => Some(message),
        _ => None,
    }
}

fn check_field(
    field: &FieldDescriptor,
    policy: Option<&FieldPolicy>,
    nested: Option<&MessageDescriptor>,
) -> Option<String> {
    let name = field.full_name();
    if field.is_map() {
        return Some(format!(
            "{name}: maps cannot be classified, use a repeated message"
        ));
    }
    let Some(policy) = policy else {
        // A message of ours is annotated field by field.
        return nested
            .is_none()
            .then(|| format!("{name}: no (kefu.policy.v1.field)"));
    };
    let Some(class) = &policy.class else {
        return Some(format!("{name}: no data class"));
    };
    let text = matches!(field.kind(), Kind::String) && !field.is_list();
    match policy.mask.as_deref() {
        Some(_) if class == "System" => Some(format!("{name}: SYSTEM fields have no mask")),
        None if class != "System" && nested.is_none() => Some(format!("{name}: no mask")),
        Some("Omit" | "Keep") | None => None,
        Some(mask) if !text => Some(format!("{name}: mask {mask} is for single strings")),
        Some(_) => None,
    }
}
