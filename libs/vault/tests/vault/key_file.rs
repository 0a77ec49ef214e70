//! Every way a key file can be wrong, one test each.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kefu_vault::{KeyFileProblem as Problem, LocalKeyProvider, VaultError};
use tempfile::TempDir;

use crate::fixture::{INDEX, KEK_1, key_file};

fn problem(loaded: Result<LocalKeyProvider, VaultError>) -> Problem {
    match loaded {
        Err(VaultError::KeyFile { problem, .. }) => problem,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("loaded"),
    }
}

fn problem_in(text: &str) -> Problem {
    problem(LocalKeyProvider::from_text(text))
}

/// A right file with `line` as its first line.
fn preceded_by(line: &str) -> Problem {
    problem_in(&format!("{line}\n{}", key_file("k1")))
}

fn written(text: impl AsRef<[u8]>, mode: u32) -> (TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

#[test]
fn comments_spaces_and_empty_lines_are_passed_over() {
    let text = format!("# keys\n\n  {}", key_file("k2").replace(" = ", "="));
    assert!(LocalKeyProvider::from_text(&text).is_ok());
}

#[test]
fn loads_from_a_file_only_its_owner_reads() {
    for mode in [0o600, 0o400] {
        let (_directory, path) = written(key_file("k1"), mode);
        assert!(LocalKeyProvider::from_file(path).is_ok());
    }
}

#[test]
fn exposed() {
    for exposing in [0o640, 0o604, 0o620, 0o602, 0o444] {
        let (_directory, path) = written(key_file("k1"), exposing);
        let problem = problem(LocalKeyProvider::from_file(path));
        assert!(matches!(problem, Problem::Exposed { mode } if mode == exposing));
    }
}

#[test]
fn unreadable_when_absent() {
    let error = LocalKeyProvider::from_file("/nowhere/keys").err().unwrap();
    assert!(error.to_string().starts_with("keys from /nowhere/keys: "));
    let problem = problem(Err(error));
    assert!(matches!(problem, Problem::Unreadable(_)));
}

#[test]
fn unreadable_when_not_utf8() {
    let (_directory, path) = written([0xFF, 0xFE], 0o600);
    let problem = problem(LocalKeyProvider::from_file(path));
    assert!(matches!(problem, Problem::Unreadable(_)));
}

/// Runs itself again with the variable set: setting it in this process would race with the other tests.
#[test]
fn loads_from_the_environment() {
    const VARIABLE: &str = "KEFU_VAULT_TEST_KEYS";
    if env::var_os(VARIABLE).is_some() {
        assert!(LocalKeyProvider::from_env(VARIABLE).is_ok());
        return;
    }
    let again = Command::new(env::current_exe().unwrap())
        .args(["--exact", "key_file::loads_from_the_environment"])
        .env(VARIABLE, key_file("k1"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(
        again.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn no_variable() {
    let problem = problem(LocalKeyProvider::from_env("KEFU_VAULT_TEST_UNSET"));
    assert!(matches!(problem, Problem::NoVariable));
}

#[test]
fn not_assignment() {
    let problem = preceded_by("current");
    assert!(matches!(problem, Problem::NotAssignment { line: 1 }));
}

#[test]
fn unknown_name() {
    let problem = preceded_by("currant = k1");
    assert!(matches!(problem, Problem::UnknownName { line: 1 }));
}

#[test]
fn duplicate_current() {
    let problem = preceded_by("current = k1");
    assert!(matches!(problem, Problem::Duplicate { line: 2 }));
}

#[test]
fn duplicate_kek() {
    let problem = preceded_by(&format!("kek.k1 = {}", STANDARD.encode([4; 32])));
    assert!(matches!(problem, Problem::Duplicate { line: 3 }));
}

#[test]
fn duplicate_index() {
    let problem = preceded_by(&format!("index = {}", STANDARD.encode([4; 32])));
    assert!(matches!(problem, Problem::Duplicate { line: 5 }));
}

#[test]
fn bad_kek_id() {
    let long = "k".repeat(33);
    for id in ["", "k 3", "k.3", "钥", &long] {
        let problem = preceded_by(&format!("kek.{id} = {}", STANDARD.encode([4; 32])));
        assert!(matches!(problem, Problem::BadKekId { line: 1 }), "{id}");
    }
}

#[test]
fn not_base64() {
    let unpadded = STANDARD.encode([4; 32]).replace('=', "");
    for value in ["", "!", &unpadded] {
        let problem = preceded_by(&format!("kek.k3 = {value}"));
        let empty = value.is_empty();
        match problem {
            Problem::NotBase64 { line: 1 } => assert!(!empty),
            Problem::WrongLength { line: 1, bytes: 0 } => assert!(empty),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn wrong_length() {
    for length in [16, 31, 33] {
        let problem = preceded_by(&format!("kek.k3 = {}", STANDARD.encode(vec![4; length])));
        assert!(matches!(problem, Problem::WrongLength { line: 1, bytes } if bytes == length));
    }
}

#[test]
fn missing_current() {
    let problem = problem_in(&key_file("k1").replace("current = k1\n", ""));
    assert!(matches!(problem, Problem::MissingCurrent));
}

#[test]
fn missing_index() {
    let index = format!("index = {}\n", STANDARD.encode(INDEX));
    let problem = problem_in(&key_file("k1").replace(&index, ""));
    assert!(matches!(problem, Problem::MissingIndex));
}

#[test]
fn current_not_listed() {
    assert!(matches!(
        problem_in(&key_file("k3")),
        Problem::CurrentNotListed
    ));
}

#[test]
fn reused_as_another_kek() {
    let problem = preceded_by(&format!("kek.k3 = {}", STANDARD.encode(KEK_1)));
    assert!(matches!(problem, Problem::Reused));
}

#[test]
fn reused_as_index() {
    let problem = preceded_by(&format!("kek.k3 = {}", STANDARD.encode(INDEX)));
    assert!(matches!(problem, Problem::Reused));
}

#[test]
fn messages_do_not_repeat_the_file() {
    let key = STANDARD.encode([0xA5; 32]);
    for line in [
        key.clone(),
        format!("{key}x"),
        format!("kek.{key} = k1"),
        format!("current = {key}"),
    ] {
        let problem = preceded_by(&line);
        for shown in [problem.to_string(), format!("{problem:?}")] {
            assert!(!shown.contains(&key[..40]), "{shown}");
        }
    }
}
