//! What a refusal says: the reason, the rule in words, and whom to ask.

use super::*;

#[test]
fn who_is_not_there_is_unknown() {
    let mut message = one_rule(ScopeTemplate::All, &[Basic, Contact]);
    message.subjects[0].joins_at = wire_at(10);
    message.subjects[0].leaves_at = wire_at(20);
    let held = snapshot(message);
    let ask = |now| held.decide(&query(1, Purpose::Service), now);
    let stay = allowed(ask(at(10)));
    assert_eq!(stay.valid_until, Some(at(20)));
    assert!(
        stay.rules
            .iter()
            .all(|rule| rule.expires_at == Some(at(20)))
    );
    assert_eq!(stay, allowed(ask(before(at(20)))));
    for (now, words) in [(before(at(10)), "has not joined yet"), (at(20), "has left")] {
        let denial = denied(ask(now));
        assert_eq!(denial.reason, Reason::SubjectUnknown);
        assert!(denial.rule.ends_with(words), "{}", denial.rule);
        assert!(denial.ask.is_empty());
    }
    let stranger = denied(held.decide(&query(9, Purpose::Service), at(10)));
    assert_eq!(stranger.reason, Reason::SubjectUnknown);
    assert!(stranger.rule.ends_with("is not in the register"));
}

#[test]
fn a_refusal_says_what_is_missing_and_whom_to_ask() {
    let held = snapshot(company());
    let denial = denied(held.decide(&query(20, Purpose::Sales), at(1)));
    assert_eq!(denial.reason, Reason::PurposeNotAllowed);
    assert_eq!(denial.rule, "purpose sales is not among role:agent#duty");
    let (head, leader) = (id(10), id(11));
    assert_eq!(
        told(&denial.ask),
        [
            format!("employees/{head} (head of department 2)"),
            format!("employees/{leader} (supervising leader of department 2)"),
        ]
    );
    let in_chinese = denial.ask[1].in_chinese("chen.guodong");
    assert_eq!(in_chinese, "chen.guodong（department 2分管领导）");
    let other = Query {
        permission: "ticket.tickets.close",
        ..query(20, Purpose::Service)
    };
    let denial = denied(held.decide(&other, at(1)));
    assert_eq!(denial.reason, Reason::PermissionMissing);
    assert_eq!(
        denial.rule,
        "permission ticket.tickets.close is not among role:agent"
    );
    let denial = denied(held.decide(&query(11, Purpose::Service), at(1)));
    assert_eq!(
        denial.rule,
        "permission profile.customers.get: no role is held"
    );
}

/// Nobody approves for themselves, and nobody is sent to somebody who has left.
#[test]
fn one_is_sent_to_others_who_are_still_there() {
    let mut message = company();
    let upper = format!("employees/{} (head of department 1)", id(13));
    let leader = format!("employees/{} (supervising leader of department 2)", id(11));
    let ask = |message: &WatchSnapshotResponse, subject| {
        let held = snapshot(message.clone());
        told(&denied(held.decide(&query(subject, Purpose::Audit), at(50))).ask)
    };
    assert_eq!(ask(&message, 10), [upper.clone(), leader.clone()]);
    assert!(
        ask(&message, 30).is_empty(),
        "a machine belongs to no department"
    );
    message.subjects[0].leaves_at = wire_at(50);
    assert_eq!(ask(&message, 20), [upper, leader]);
}
