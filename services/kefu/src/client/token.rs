//! Finds the token to ask with. Never taken from the command line, where every
//! user of the machine could read it.

use std::{collections::BTreeMap, env, fs, path::Path};

use anyhow::{Context, bail};
use kefu_access_control::{
    domain::company::{Company, CompanyEmployee},
    seed::EXAMPLE_COMPANY,
};

use super::nearest;

/// Environment variable that holds a token.
const VARIABLE: &str = "KEFU_TOKEN";
/// Tokens of the example company: a table of login = "token".
const DEVELOPMENT_TOKENS: &str = ".kefu/tokens.toml";

/// The token of this login, in this file, or in the environment, in this order.
pub(super) fn find(login: Option<&str>, file: Option<&Path>) -> anyhow::Result<String> {
    let token = match (login, file) {
        (Some(login), _) => of_login(login, &env::current_dir()?)?,
        (None, Some(file)) => {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, None) => env::var(VARIABLE).with_context(|| {
            format!("no token: give --as LOGIN or --token-file FILE, or set {VARIABLE}")
        })?,
    };
    match token.trim() {
        "" => bail!("the token is empty"),
        token => Ok(token.to_owned()),
    }
}

/// The token of a login of the example company, from the nearest folder
/// upwards that has such tokens.
fn of_login(login: &str, from: &Path) -> anyhow::Result<String> {
    let path = nearest(from, DEVELOPMENT_TOKENS).with_context(|| {
        format!(
            "no {DEVELOPMENT_TOKENS} in {} or above: `make run` writes it",
            from.display()
        )
    })?;
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // The parser's own message would quote the line, and with it a token.
    let tokens: BTreeMap<String, String> = toml::from_str(&text)
        .map_err(|_| anyhow::anyhow!("{} is not a table of login = \"token\"", path.display()))?;
    let holder = || holder(login).and_then(|holder| tokens.get(&holder));
    tokens.get(login).or_else(holder).cloned().with_context(|| {
        let known: Vec<_> = tokens.keys().map(String::as_str).collect();
        format!(
            "no token of {login} in {}; there are: {}",
            path.display(),
            known.join(", ")
        )
    })
}

/// The first who holds a post in the example company, which development tokens are of.
fn holder(post: &str) -> Option<String> {
    let company = Company::from_toml(EXAMPLE_COMPANY).ok()?;
    let post = post.replace('-', "_");
    let holds = |one: &CompanyEmployee| one.roles.iter().any(|held| held.role == post);
    let holder = company.employees.into_iter().find(holds)?;
    Some(holder.login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_stands_for_the_first_who_holds_it() {
        assert_eq!(holder("auditor").as_deref(), Some("dong.jie"));
        assert_eq!(holder("company-leader").as_deref(), Some("chen.guodong"));
        assert_eq!(holder("king"), None);
    }

    #[test]
    fn a_login_is_looked_up_in_the_nearest_folder_upwards() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(folder.path().join(".kefu")).unwrap();
        fs::write(
            folder.path().join(DEVELOPMENT_TOKENS),
            "agent = \"one\"\nhead = \"two\"\n",
        )
        .unwrap();
        assert_eq!(of_login("head", &deep).unwrap(), "two");
        let error = of_login("nobody", &deep).unwrap_err().to_string();
        assert!(error.contains("agent, head"), "{error}");
    }

    #[test]
    fn a_token_in_a_file_loses_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "abc\n").unwrap();
        assert_eq!(find(None, Some(&file)).unwrap(), "abc");
        fs::write(&file, "\n").unwrap();
        assert!(find(None, Some(&file)).is_err());
    }

    #[test]
    fn a_broken_file_of_tokens_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".kefu")).unwrap();
        fs::write(folder.path().join(DEVELOPMENT_TOKENS), "agent = \"secret").unwrap();
        let error = format!("{:#}", of_login("agent", folder.path()).unwrap_err());
        assert!(!error.contains("secret"), "{error}");
    }
}
