//! Every way a message can be bad, each refused with nothing applied.

use super::*;
use crate::fixture::grant;

#[test]
fn a_message_with_one_bad_part_is_refused_whole() {
    type Spoil = fn(&mut WatchSnapshotResponse);
    let cases: [(Spoil, WireError); 26] = [
        (
            |it| it.departments[1].id.clear(),
            WireError::Uuid("department.id"),
        ),
        (
            |it| it.departments[1].parent_id = vec![1],
            WireError::Uuid("department.parent_id"),
        ),
        (
            |it| it.departments[1].head_id = vec![1],
            WireError::Uuid("department.head_id"),
        ),
        (
            |it| it.departments[1].supervising_leader_id = vec![1],
            WireError::Uuid("department.supervising_leader_id"),
        ),
        (
            |it| it.subjects[1].id.push(0),
            WireError::Uuid("subject.id"),
        ),
        (
            |it| it.subjects[1].kind = 0,
            WireError::Value("subject.kind"),
        ),
        (
            |it| it.subjects[1].kind = 9,
            WireError::Value("subject.kind"),
        ),
        (
            |it| it.subjects[1].department_id = vec![1],
            WireError::Uuid("subject.department_id"),
        ),
        (
            |it| it.subjects[1].leaves_at = bad_time(),
            WireError::Time("subject.leaves_at"),
        ),
        (|it| it.roles[0].id.clear(), WireError::Missing("role.id")),
        (
            |it| it.roles[0].rules[0].id.clear(),
            WireError::Missing("role.rule.id"),
        ),
        (
            |it| it.roles[0].rules[0].scope = 0,
            WireError::Value("role.rule.scope"),
        ),
        (
            |it| it.roles[0].rules[0].scope = 9,
            WireError::Value("role.rule.scope"),
        ),
        (
            |it| it.roles[0].rules[0].classes.push(0),
            WireError::Value("role.rule.classes"),
        ),
        (
            |it| it.roles[0].rules[0].purposes.push(0),
            WireError::Value("role.rule.purposes"),
        ),
        (
            |it| {
                let twin = it.roles[0].rules[0].clone();
                it.roles[0].rules.push(twin);
            },
            WireError::Value("role.rule.id"),
        ),
        (
            |it| it.bindings[0].subject_id.clear(),
            WireError::Uuid("binding.subject_id"),
        ),
        (
            |it| it.bindings[0].role_id.clear(),
            WireError::Missing("binding.role_id"),
        ),
        (
            |it| it.bindings[0].starts_at = None,
            WireError::Missing("binding.starts_at"),
        ),
        (
            |it| it.bindings[0].ends_at = bad_time(),
            WireError::Time("binding.ends_at"),
        ),
        (
            |it| it.removed_binding_ids.push(vec![1]),
            WireError::Uuid("removed_binding_ids"),
        ),
        (
            |it| it.grants.push(grant_but(|grant| grant.purpose = 0)),
            WireError::Value("grant.purpose"),
        ),
        (
            |it| it.grants.push(grant_but(|grant| grant.classes.push(0))),
            WireError::Value("grant.classes"),
        ),
        (
            |it| it.grants.push(grant_but(|grant| grant.ends_at = None)),
            WireError::Missing("grant.ends_at"),
        ),
        (
            |it| {
                it.grants
                    .push(grant_but(|grant| grant.companion_id.push(1)))
            },
            WireError::Uuid("grant.companion_id"),
        ),
        (
            |it| it.removed_grant_ids.push(vec![1]),
            WireError::Uuid("removed_grant_ids"),
        ),
    ];
    for (spoil, refusal) in cases {
        let mut held = snapshot(company());
        let mut message = company();
        message.revision = 8;
        message.subjects[0].leaves_at = wire_at(1);
        spoil(&mut message);
        assert_eq!(held.apply(&message), Err(SnapshotError::Malformed(refusal)));
        assert_eq!(held, snapshot(company()), "nothing of it counts: {refusal}");
    }
}

fn grant_but(spoil: fn(&mut SnapshotGrant)) -> SnapshotGrant {
    let mut grant = grant(500, &[20], &[60]);
    spoil(&mut grant);
    grant
}

fn bad_time() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: 0,
        nanos: -1,
    })
}
