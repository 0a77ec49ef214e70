//! The shipped roles against the contracts, and files that are refused.

use std::collections::BTreeSet;

use kefu_contracts::{METHODS, policy::DataClass};

use super::*;

fn shipped() -> Roles {
    Roles::shipped().unwrap()
}

/// Clause OP-7.2: nothing that people can call is beyond everyone.
#[test]
fn every_public_permission_is_held_by_some_role() {
    let roles = shipped();
    let held: BTreeSet<&str> = roles
        .roles
        .iter()
        .flat_map(|role| &role.rules)
        .flat_map(|rule| rule.permissions.iter().map(String::as_str))
        .collect();
    let public: BTreeSet<&str> = METHODS
        .iter()
        .filter(|method| !method.internal)
        .map(|method| method.permission)
        .collect();
    assert_eq!(held, public);
}

/// What needs no purpose is let through with any.
#[test]
fn methods_without_a_purpose_stand_in_rules_with_all_purposes() {
    for method in METHODS
        .iter()
        .filter(|method| !method.internal && !method.purpose_required)
    {
        for role in shipped().roles {
            for rule in role
                .rules
                .iter()
                .filter(|rule| rule.permissions.iter().any(|one| one == method.permission))
            {
                assert_eq!(
                    rule.purposes.len(),
                    10,
                    "{}#{}: {}",
                    role.id,
                    rule.id,
                    method.permission
                );
            }
        }
    }
}

/// Clauses CF-6.1, CC-2.2: selling and promotion never reach a contact.
#[test]
fn sales_and_marketing_clear_no_contact_data() {
    for role in shipped()
        .roles
        .iter()
        .filter(|role| ["sales", "marketing"].contains(&role.id.as_str()))
    {
        for rule in &role.rules {
            let cleared: Vec<_> = rule.classes.iter().collect();
            assert!(
                cleared.iter().all(|class| *class == DataClass::Purchase),
                "{}#{}: {cleared:?}",
                role.id,
                rule.id
            );
        }
    }
    let marketing = shipped().role("marketing").cloned().unwrap();
    let mut permissions = marketing.rules.iter().flat_map(|rule| &rule.permissions);
    // What is handed in is seen by others (CF-3.1); the company's hours, targets and rules
    // are everybody's.
    assert!(permissions.all(|one| {
        one.starts_with("analytics.")
            || one.starts_with("access.")
            || one.starts_with("ticket.calendars.")
            || one.starts_with("profile.rating_rules.")
            || one.starts_with("profile.selections.")
            // They are over files that nobody is shown by them.
            || one.starts_with("order.campaigns.")
            || [
                "profile.drafts.create",
                "ticket.targets.get",
                "ticket.queues.list",
                "ticket.handling.get",
                "ticket.inspection_rules.get",
                "ticket.articles.read",
                "order.after_sales_rules.get",
                "order.loyalty_rules.get",
                "order.relation_plans.get",
                "order.promise_rules.get",
                "order.stock.list",
            ]
            .contains(&one.as_str())
    }));
}

/// Clauses SG-7, CF-6.1: whoever opens figures into records may look at each of these records.
#[test]
fn figures_open_into_what_one_may_look_at() {
    const RECORDS: [(DataClass, &[&str]); 4] = [
        (
            DataClass::Service,
            &["ticket.tickets.get", "ticket.surveys.get"],
        ),
        (
            DataClass::Purchase,
            &[
                "order.orders.get",
                "order.cases.get",
                "profile.customers.get",
            ],
        ),
        (
            DataClass::Relation,
            &["order.visits.get", "profile.customers.get"],
        ),
        // Where customers are from.
        (DataClass::Basic, &["profile.customers.get"]),
    ];
    let opens = |rule: &&RoleRule| {
        let mut permissions = rule.permissions.iter();
        permissions.any(|one| {
            ["analytics.records.list", "analytics.staff_records.list"].contains(&one.as_str())
        })
    };
    for role in shipped().roles {
        for rule in role.rules.iter().filter(opens) {
            for class in rule.classes.iter() {
                let known = RECORDS.iter().find(|(known, _)| *known == class);
                let (_, permissions) = known.unwrap();
                for permission in *permissions {
                    let looks = role.rules.iter().any(|other| {
                        other.scope == rule.scope
                            && other.classes.contains(class)
                            && other.permissions.iter().any(|one| one == permission)
                    });
                    assert!(looks, "{}#{}: {permission}", role.id, rule.id);
                }
            }
        }
    }
}

/// Clauses OP-7.2, CC-2.5: who hands out access and who audits it see no data.
#[test]
fn administrators_and_auditors_clear_nothing() {
    for role in shipped()
        .roles
        .iter()
        .filter(|role| ["administrator", "auditor"].contains(&role.id.as_str()))
    {
        assert!(
            role.rules.iter().all(|rule| rule.classes.is_empty()),
            "{}",
            role.id
        );
    }
}

/// A system account needs neither agreement nor training (CF-8.1), so no person
/// may come by a role made for one.
#[test]
fn only_machines_hold_what_is_for_machines() {
    for role in shipped().roles {
        let for_machines = ["integration", "listener"].contains(&role.id.as_str());
        assert_eq!(
            role.holder == Holder::SystemAccount,
            for_machines,
            "{}",
            role.id
        );
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let rule = |id: &str, permission: &str, class: &str, purpose: &str| {
        format!(
            "[[roles.rules]]\nid = '{id}'\nscope = 'all'\npermissions = ['{permission}']\n\
             classes = ['{class}']\npurposes = ['{purpose}']\n"
        )
    };
    let role = "[[roles]]\nid = 'a'\n";
    let good = rule("r", "ticket.tickets.get", "BASIC", "SERVICE");
    assert!(Roles::from_toml(&format!("{role}{good}")).is_ok());
    for bad in [
        format!("{role}{good}{good}"),
        format!("{role}{good}{role}{good}"),
        format!(
            "{role}{}",
            rule("r", "ticket.tickets.gett", "BASIC", "SERVICE")
        ),
        format!(
            "{role}{}",
            rule("r", "internal.snapshot.watch", "BASIC", "SERVICE")
        ),
        format!(
            "{role}{}",
            rule("r", "ticket.tickets.get", "SYSTEM", "SERVICE")
        ),
        format!(
            "{role}{}",
            rule("r", "ticket.tickets.get", "basic", "SERVICE")
        ),
        format!(
            "{role}{}",
            rule("r", "ticket.tickets.get", "BASIC", "UNSPECIFIED")
        ),
        format!("{role}{good}consented = true\n"),
        format!("{role}{}", good.replace("'SERVICE'", "")),
        format!("{role}{}", good.replace("'all'", "'everything'")),
        format!("{role}{good}[[apart]]\nrole = 'a'\nfrom = ['b']\nwhy = 'x'\n"),
    ] {
        assert!(Roles::from_toml(&bad).is_err(), "{bad}");
    }
}
