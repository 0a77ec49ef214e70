//! The table of clauses (docs/policy.md) and the tests say the same: no test names
//! a clause that is not in the table, and no clause claims a test that is not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

/// Clauses in a text, such as `CF-6.1`.
fn clauses_in(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.split(|c: char| !is_part(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| {
            word.split_once('-').is_some_and(|(policy, number)| {
                ["CF", "OP", "CC", "IH", "SG"].contains(&policy)
                    && number.starts_with(|c: char| c.is_ascii_digit())
            })
        })
        .map(str::to_owned)
        .collect()
}

/// Rows of the table: clause → its tests, `None` for `not yet`.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(clause) = clauses_in(cells[0])
            .first()
            .cloned()
            .filter(|clause| clause == cells[0])
        else {
            continue;
        };
        let tests = cells
            .last()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        assert!(
            rows.insert(clause.clone(), tests).is_none(),
            "{clause} stands twice"
        );
    }
    rows
}

/// Tests of the workspace by name, each with the clauses in its doc comment.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    for folder in ["libs", "services", "tests"] {
        rust_files(&root().join(folder), &mut files);
    }
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let (mut clauses, mut is_test) = (BTreeSet::new(), false);
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("///") {
                clauses.extend(clauses_in(comment));
            } else if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("test(");
            } else if let Some(rest) = line
                .strip_prefix("async fn ")
                .or_else(|| line.strip_prefix("fn "))
            {
                if is_test
                    || file.to_str().unwrap().contains("proptest")
                    || text.contains("proptest!")
                {
                    let name = rest.split('(').next().unwrap().to_owned();
                    found
                        .entry(name)
                        .or_default()
                        .extend(std::mem::take(&mut clauses));
                }
                (clauses, is_test) = (BTreeSet::new(), false);
            } else if !line.is_empty() {
                (clauses, is_test) = (BTreeSet::new(), false);
            }
        }
    }
    found
}

#[test]
fn clauses_and_tests_agree() {
    let (table, tests) = (table(), tests());
    assert!(table.len() >= 60, "the table was not read: {}", table.len());
    let mut wrong = Vec::new();
    for (test, clauses) in &tests {
        for clause in clauses.iter().filter(|clause| !table.contains_key(*clause)) {
            wrong.push(format!(
                "{test} names {clause}, which is not in docs/policy.md"
            ));
        }
    }
    for (clause, claimed) in &table {
        for test in claimed {
            match tests.get(test) {
                None => wrong.push(format!("{clause} claims {test}, which is no test")),
                Some(clauses) if !clauses.contains(clause) => {
                    wrong.push(format!("{clause} claims {test}, which does not name it"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
