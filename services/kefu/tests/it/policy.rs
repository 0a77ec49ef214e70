//! `kefu policy` as a person has it in a terminal: no server, no database.

use std::{fs, process::Command};

const REFUSED: &str = r#"
[[cases]]
name = "a colleague's customer"
subject = "ma.chao"
permission = "profile.customers.get"
purpose = "SERVICE"
record = { department = "complaints", duty = ["li.wei"] }
expect = "allow"
"#;

/// Exit code, output, and what it says about errors.
fn kefu(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kefu"))
        .arg("policy")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Clause OP-7.2: the table of the suite speaks of every post and every permission,
/// and holds.
#[test]
fn the_shipped_policy_passes_its_own_table() {
    let (code, said, errors) = kefu(&["test", "--complete"]);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("16 posts"), "{said}");
}

#[test]
fn a_decision_that_is_not_as_expected_is_shown_with_its_rules_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.toml");
    fs::write(&file, REFUSED).unwrap();
    let path = file.to_str().unwrap();
    let (code, said, errors) = kefu(&["test", path]);
    assert_eq!(code, 1);
    for part in [
        "a colleague's customer",
        "expected  let through",
        "refused: NOT_FOUND_OR_OUT_OF_SCOPE",
        "role:agent#duty",
        "ask: zhou.ting (head of 投诉处理部)",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(errors.contains("1 of 1 decisions"), "{errors}");

    let right = REFUSED.replace("expect = \"allow\"", "expect = \"refuse\"");
    fs::write(&file, right).unwrap();
    assert_eq!(kefu(&["test", path]).0, 0);
    let (code, said, errors) = kefu(&["test", path, "--complete"]);
    assert_eq!(code, 1, "one case does not cover a policy");
    assert!(said.contains("not covered: sales"), "{said}");
    assert!(errors.contains("not covered"), "{errors}");

    fs::write(&file, REFUSED.replace("ma.chao", "ma.chow")).unwrap();
    let (code, _, errors) = kefu(&["test", path]);
    assert_eq!(code, 1);
    assert!(errors.contains("nobody is ma.chow"), "{errors}");
}

/// A table for other roles and another company.
#[test]
fn roles_and_company_are_taken_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let roles = write(
        "roles.toml",
        "[[roles]]\nid = 'desk'\n[[roles.rules]]\nid = 'all'\nscope = 'all'\n\
         permissions = ['ticket.tickets.get']\nclasses = ['SERVICE']\npurposes = ['SERVICE']\n",
    );
    let company = write(
        "company.toml",
        "[[departments]]\ncode = 'care'\ntitle = '客服部'\n\
         [[employees]]\nlogin = 'li'\ntitle = '李'\ndepartment = 'care'\nroles = [{ role = 'desk' }]\n",
    );
    let table = write(
        "table.toml",
        "[[posts]]\nrole = 'desk'\nlogin = 'li'\n[[posts.allow]]\n\
         permissions = ['ticket.tickets.get']\npurposes = ['SERVICE']\nscopes = ['all']\nclasses = ['SERVICE']\n",
    );
    let (code, said, errors) = kefu(&[
        "test",
        &table,
        "--roles",
        &roles,
        "--company",
        &company,
        "--complete",
    ]);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("1 posts"), "{said}");
}

#[test]
fn one_decision_is_explained_in_either_language() {
    let question = [
        "explain",
        "--subject",
        "xu.jing",
        "--permission",
        "profile.customers.get",
        "--purpose",
        "service",
        "--duty",
        "xu.jing",
    ];
    let (code, said, _) = kefu(&question);
    assert_eq!(code, 0);
    assert!(said.contains("secrecy training ended at"), "{said}");
    let (_, said, _) = kefu(&[&question[..], &["--language", "zh-CN"]].concat());
    assert!(said.contains("保密培训已于"), "{said}");
    let (_, said, _) = kefu(&[&question[..], &["--at", "-10d"]].concat());
    assert!(
        said.contains("begins") || said.contains("is held from"),
        "{said}"
    );
}
