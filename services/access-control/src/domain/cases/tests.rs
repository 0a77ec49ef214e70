use super::*;
use crate::{
    domain::{company::Company, roles::Roles},
    seed::EXAMPLE_COMPANY,
};

const START: &str = "2026-03-02T08:00:00Z";

fn world() -> World {
    let company = Company::from_toml(EXAMPLE_COMPANY).unwrap();
    World::new(Roles::shipped().unwrap(), company, START.parse().unwrap()).unwrap()
}

fn report(text: &str) -> Report {
    let world = world();
    Table::read(text, &world).unwrap().run(&world)
}

const CASE: &str = r#"
[[cases]]
name = "an agent with duty"
subject = "li.wei"
permission = "profile.customers.get"
purpose = "SERVICE"
record = { department = "call_centre", duty = ["li.wei"] }
expect = "allow"
classes = ["BASIC", "CONTACT", "IDENTITY", "PURCHASE", "SERVICE", "RELATION"]
sources = ["role:agent#duty", "role:agent#duty+sensitive"]
rules = { "role:agent#own" = "NOT_OWNER" }
"#;

const REFUSED: &str = r#"
[[cases]]
name = "an agent without duty"
subject = "ma.chao"
permission = "profile.customers.get"
purpose = "SERVICE"
at = "+1d"
record = { department = "complaints" }
expect = "refuse"
reason = "NOT_FOUND_OR_OUT_OF_SCOPE"
ask = ["zhou.ting", "liu.jianhua"]
"#;

/// Clauses OP-7.2, CF-6.1, CF-9.1: the table of the suite holds, without a database,
/// and speaks of every post and every permission.
#[test]
fn the_shipped_table_holds_and_is_complete() {
    let report = report(SHIPPED);
    assert!(report.mismatches.is_empty(), "{:#?}", report.mismatches);
    assert!(report.uncovered.is_empty(), "{:?}", report.uncovered);
    assert_eq!(report.posts, 16);
}

/// A table that could not fail would prove nothing: whatever part of it is changed is
/// found, and only that.
#[test]
fn what_is_not_so_is_found() {
    assert!(report(CASE).mismatches.is_empty());
    assert!(report(REFUSED).mismatches.is_empty());
    for (case, from, to) in [
        (CASE, "duty = [\"li.wei\"]", "duty = [\"ma.chao\"]"),
        (CASE, "\"SERVICE\"\n", "\"SALES\"\n"),
        (CASE, "\"BASIC\", ", ""),
        (CASE, "\"role:agent#duty\", ", ""),
        (CASE, "NOT_OWNER", "NO_DUTY"),
        (CASE, "role:agent#own", "role:sales#preference"),
        (
            CASE,
            "purpose = \"SERVICE\"\n",
            "purpose = \"SERVICE\"\nat = \"+130d\"\n",
        ),
        (REFUSED, "record = {", "record = { duty = [\"ma.chao\"],"),
        (REFUSED, "NOT_FOUND_OR_OUT_OF_SCOPE", "PERMISSION_MISSING"),
        (REFUSED, "\"zhou.ting\", ", ""),
        (REFUSED, "complaints", "sales"),
    ] {
        assert!(case.contains(from), "{from}");
        let found = report(&case.replacen(from, to, 1)).mismatches;
        assert_eq!(found.len(), 1, "{from} → {to}");
        assert_ne!(found[0].expected, found[0].got);
    }
    let widened = SHIPPED.replacen("scopes = [\"duty\", \"owner\"]", "scopes = [\"all\"]", 1);
    assert!(!report(&widened).mismatches.is_empty());
}

#[test]
fn what_a_table_does_not_speak_of_is_uncovered() {
    let report = report(CASE);
    let pairs = report.posts * report.permissions;
    assert_eq!(report.uncovered.len(), pairs - 1);
    let covered = ("agent".to_owned(), "profile.customers.get");
    assert!(!report.uncovered.contains(&covered));
}

#[test]
fn names_that_are_not_there_are_refused() {
    for (from, to) in [
        ("li.wei", "li.way"),
        ("profile.customers.get", "profile.customers.got"),
        ("\"SERVICE\"\n", "\"SERVING\"\n"),
        ("call_centre", "call_center"),
        ("\"allow\"", "\"maybe\""),
        ("\"allow\"", "\"refuse\""),
        ("BASIC", "BASICS"),
        ("NOT_OWNER", "NOT_MINE"),
        ("purpose =", "reason ="),
        ("purpose =", "porpoise ="),
        ("purpose =", "at = \"+5w\"\npurpose ="),
        ("purpose =", "at = \"+99999999999d\"\npurpose ="),
    ] {
        assert!(CASE.contains(from), "{from}");
        let read = Table::read(&CASE.replacen(from, to, 1), &world());
        assert!(read.is_err(), "{from} → {to}");
    }
    assert!(Table::read("", &world()).is_err(), "asks nothing");
}
