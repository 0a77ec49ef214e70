//! What a development suite tells whoever started it: where it is, a token for
//! each post, and what to try.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use jiff::Timestamp;
use kefu_access_control::{domain::company::Company, seed::employee_id};

use super::{
    Keys,
    demo::{AGENT, Demo},
    keys::write_private,
};

/// A working month: nobody should have to look for a new token while trying.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// A token for everybody in the company, kept for `kefu call --as LOGIN`.
pub(super) fn tokens(
    home: &Path,
    keys: &Keys,
    company: &Company,
    now: Timestamp,
) -> anyhow::Result<BTreeMap<String, String>> {
    let issuer = keys.issuer()?;
    let mut tokens = BTreeMap::new();
    for employee in &company.employees {
        let token = issuer
            .issue(employee_id(&employee.login), now, LIFETIME)
            .map_err(crate::said)?;
        tokens.insert(employee.login.clone(), token);
    }
    write_private(&home.join("tokens.toml"), &toml::to_string(&tokens)?)?;
    Ok(tokens)
}

/// The first holder of each post, in the order of the company.
fn posts(company: &Company) -> Vec<(String, String, String)> {
    let mut seen = BTreeSet::new();
    let mut posts = Vec::new();
    for employee in &company.employees {
        for role in &employee.roles {
            if seen.insert(role.role.clone()) {
                posts.push((
                    role.role.clone(),
                    employee.login.clone(),
                    employee.title.clone(),
                ));
            }
        }
    }
    posts
}

#[allow(clippy::print_stdout, reason = "what `make run` is for")]
pub(super) fn print(address: &str, tokens: &BTreeMap<String, String>, demo: &Demo) {
    let Ok(company) = Company::from_toml(super::COMPANY) else {
        return;
    };
    println!("\nkefu is running at {address}  (gRPC; Ctrl-C ends it)\n");
    println!("A token for each post (all of them: .kefu/tokens.toml; `--as LOGIN` finds them):\n");
    for (post, login, title) in posts(&company) {
        let token = tokens.get(&login).map(String::as_str).unwrap_or_default();
        println!("  {post:<20} {login:<14} {title}\n    {token}");
    }
    let kefu = std::env::current_exe()
        .map_or_else(|_| "kefu".to_owned(), |path| path.display().to_string());
    let customer = &demo.customer;
    println!("\nTry, in another terminal, in this folder:\n");
    let get = format!("GetCustomer '{{\"name\":\"{customer}\"}}'");
    for (why, command) in [
        ("the agent at work on the customer's ticket sees the file", format!("{get} --as {AGENT}")),
        ("another agent has no duty on it, and it does not exist for them", format!("{get} --as ma.chao --language zh-CN")),
        ("sales sees what is bought, and who by only masked", format!("{get} --as wu.peng --purpose sales")),
        (
            "reception recognises who calls",
            "LookupCustomer '{\"phone\":\"138 1234 5678\"}' --as ma.chao".to_owned(),
        ),
        (
            "the company leader counts tickets by priority",
            "QueryMetric '{\"metric\":\"tickets\",\"groupBy\":[\"DIMENSION_PRIORITY\"]}' --as chen.guodong --purpose analysis"
                .to_owned(),
        ),
    ] {
        println!("  # {why}\n  {kefu} call {command}\n");
    }
    println!("The ticket is {}.", demo.ticket);
}
