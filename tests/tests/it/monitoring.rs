//! Dashboards and alerts (`k8s/monitoring`) ask for nothing but what the suite measures, by the
//! names it has in Prometheus, but for what tells of backups; each alert is tried out and has its
//! page, and each page its alert.

mod promql;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use kefu_contracts::common::Reason;
use kefu_service::telemetry::instruments::{INSTRUMENTS, Instrument, Kind};
use serde_json::Value;

use promql::{Asked, asked};

/// Series that are not the suite's, with their labels: kube-state-metrics' of CronJobs, as nothing
/// of the suite runs that could miss a backup.
const FOREIGN: [(&str, [&str; 2]); 2] = [
    (
        "kube_cronjob_status_last_successful_time",
        ["namespace", "cronjob"],
    ),
    ("kube_cronjob_created", ["namespace", "cronjob"]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap()
}

struct Alert {
    name: String,
    expression: String,
    /// All that is said of it.
    whole: String,
}

/// The alerts of `alerts.yaml`, which promtool has parsed (`make alerts-check`).
fn alerts() -> Vec<Alert> {
    let all = text("k8s/monitoring/alerts.yaml");
    let alerts = all.split("- alert: ").skip(1);
    alerts
        .map(|whole| {
            let (_, after) = whole.split_once("expr: |\n").unwrap();
            let lines = after
                .lines()
                .take_while(|line| line.starts_with("          "));
            Alert {
                name: whole.lines().next().unwrap().to_owned(),
                expression: lines.collect::<Vec<_>>().join("\n"),
                whole: whole.to_owned(),
            }
        })
        .collect()
}

fn names() -> BTreeSet<String> {
    alerts().into_iter().map(|alert| alert.name).collect()
}

fn dashboards() -> Vec<(String, Value)> {
    let files = fs::read_dir(folder().join("k8s/monitoring/dashboards")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let read = |path: &Path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    paths
        .map(|path| (path.display().to_string(), read(&path)))
        .collect()
}

/// Every expression of a dashboard, with the legend of its figures.
fn questions(dashboard: &Value) -> Vec<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let targets = list(&dashboard["panels"])
        .iter()
        .flat_map(|panel| list(&panel["targets"]))
        .map(|target| (word(&target["expr"]), word(&target["legendFormat"])))
        .collect::<Vec<_>>();
    let variables = list(&dashboard["templating"]["list"]);
    let values = variables.iter().filter(|one| one["type"] == "query");
    // label_values(METRIC, LABEL)
    let values = values.map(|one| {
        let query = word(&one["query"]["query"]);
        let (metric, label) = query.rsplit_once(", ").unwrap();
        let metric = metric.strip_prefix("label_values(").unwrap();
        let label = label.strip_suffix(')').unwrap();
        (metric.to_owned(), format!("{{{{{label}}}}}"))
    });
    targets.into_iter().chain(values).collect()
}

/// What an instrument is called in Prometheus, as the Collector's prometheus exporter and
/// Prometheus' own OTLP receiver have it: a unit in braces is a word and no unit.
fn series(instrument: &Instrument) -> Vec<String> {
    let mut name = instrument.name.replace('.', "_");
    match instrument.unit {
        "s" => name += "_seconds",
        unit => assert!(unit.starts_with('{'), "no word for the unit {unit}"),
    }
    match instrument.kind {
        Kind::Counter => vec![name + "_total"],
        Kind::UpDownCounter | Kind::Gauge => vec![name],
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"]
            .map(|end| name.clone() + end)
            .into(),
    }
}

/// Labels of each series that there is.
fn all_series() -> BTreeMap<String, BTreeSet<String>> {
    let with_labels = INSTRUMENTS.iter().flat_map(|instrument| {
        let own = instrument
            .attributes
            .iter()
            .map(|one| one.replace('.', "_"));
        let labels: BTreeSet<_> = own.chain(["job", "instance"].map(str::to_owned)).collect();
        series(instrument).into_iter().map(move |name| {
            let mut labels = labels.clone();
            if name.ends_with("_bucket") {
                labels.insert("le".to_owned());
            }
            (name, labels)
        })
    });
    let foreign = FOREIGN.map(|(name, labels)| {
        let labels = labels.map(str::to_owned);
        (name.to_owned(), BTreeSet::from(labels))
    });
    with_labels.chain(foreign).collect()
}

/// Complains of what an expression asks for that there is not, and of labels that its
/// figures are called by and do not have.
fn complaints(expression: &str, called_by: &BTreeSet<String>) -> Vec<String> {
    let known = all_series();
    let Asked { selectors, grouped } = asked(expression);
    let mut wrong = Vec::new();
    let mut labels = BTreeSet::new();
    for selector in &selectors {
        let Some(has) = known.get(&selector.metric) else {
            wrong.push(format!("nothing makes {}", selector.metric));
            continue;
        };
        labels.extend(has.clone());
        for (label, value) in &selector.matchers {
            if !has.contains(label) {
                wrong.push(format!("{} has no {label}", selector.metric));
            }
            if ["error_type", "kefu_decision"].contains(&label.as_str()) {
                wrong.extend(no_reasons(value));
            }
        }
    }
    let not_there = grouped
        .union(called_by)
        .filter(|label| !labels.contains(*label));
    wrong.extend(not_there.map(|label| format!("no series has {label}")));
    if selectors.is_empty() {
        wrong.push("asks for nothing".to_owned());
    }
    wrong
}

/// Words of a matcher that are no reason; patterns are left out.
fn no_reasons(value: &str) -> Vec<String> {
    let words = value
        .split('|')
        .filter(|word| !word.contains(['.', '$']) && *word != "ALLOWED");
    words
        .filter(|word| Reason::from_str_name(&format!("REASON_{word}")).is_none())
        .map(|word| format!("{word} is no reason"))
        .collect()
}

/// Labels in `{{job}}` and `{{ $labels.job }}`.
fn labels_in(text: &str) -> BTreeSet<String> {
    let inside = text
        .split("{{")
        .skip(1)
        .filter_map(|part| part.split("}}").next());
    let words = inside
        .map(|one| one.trim())
        .filter(|one| !one.starts_with("$value"));
    words
        .map(|one| one.trim_start_matches("$labels.").to_owned())
        .collect()
}

#[test]
fn alerts_ask_for_what_is_measured() {
    for alert in alerts() {
        let wrong = complaints(&alert.expression, &labels_in(&alert.whole));
        assert!(wrong.is_empty(), "{}: {wrong:?}", alert.name);
    }
}

#[test]
fn dashboards_ask_for_what_is_measured() {
    let alerts = names();
    for (path, dashboard) in dashboards() {
        for (expression, legend) in questions(&dashboard) {
            let wrong = complaints(&expression, &labels_in(&legend));
            assert!(wrong.is_empty(), "{path}: {expression}: {wrong:?}");
        }
        let text = dashboard.to_string();
        let words = text.split(|c: char| !c.is_alphanumeric());
        for word in words.filter(|word| word.starts_with("Kefu")) {
            assert!(alerts.contains(word), "{path}: there is no alert {word}");
        }
    }
}

#[test]
fn what_is_not_there_is_found_out() {
    let none = BTreeSet::new();
    let wrong = |expression: &str| complaints(expression, &none);
    assert!(wrong("max by (job) (kefu_job_overdue_seconds)").is_empty());
    assert_eq!(wrong("up == 0"), ["nothing makes up"]);
    assert!(wrong(r#"time() - kube_cronjob_created{cronjob="backup"}"#).is_empty());
    assert_eq!(
        wrong(r#"kube_cronjob_created{job_name="backup"}"#),
        ["kube_cronjob_created has no job_name"]
    );
    assert_eq!(
        wrong(r#"sum by (pod) (rate(kefu_job_failures_total{job_name="clocks"}[5m]))"#),
        [
            "kefu_job_failures_total has no job_name",
            "no series has pod"
        ]
    );
    assert_eq!(
        wrong(r#"rpc_server_duration_seconds_count{error_type=~"INTERNAL|FORBIDDEN"}"#),
        ["FORBIDDEN is no reason"]
    );
    assert_eq!(wrong("vector(1)"), ["asks for nothing"]);
}

#[test]
fn alerts_of_backups_watch_the_cron_jobs_that_there_are() {
    let jobs = text("k8s/base/backup/cronjobs.yaml");
    let overlay = text("k8s/overlays/prod/kustomization.yaml");
    let names = jobs
        .lines()
        .filter_map(|line| line.strip_prefix("  name: "));
    let made: BTreeSet<_> = names.map(str::to_owned).collect();
    let mut watched = BTreeSet::new();
    for alert in alerts() {
        for selector in asked(&alert.expression).selectors {
            for (label, value) in selector.matchers {
                if label == "cronjob" {
                    watched.insert(value);
                } else if label == "namespace" {
                    let said = format!("\nnamespace: {value}\n");
                    assert!(overlay.contains(&said), "{}: {value}", alert.name);
                }
            }
        }
    }
    assert_eq!(watched, made);
}

#[test]
fn each_alert_has_its_page_and_each_page_its_alert() {
    let runbook = text("docs/runbook.md");
    let pages: BTreeSet<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    assert_eq!(pages, names());
    for alert in alerts() {
        let anchor = alert.name.to_lowercase();
        let url = format!("runbook_url: docs/runbook.md#{anchor}\n");
        assert!(alert.whole.contains(&url), "{}", alert.name);
    }
    let anchors: BTreeSet<_> = pages.iter().map(|page| page.to_lowercase()).collect();
    let links = runbook.split("](#").skip(1);
    for link in links.filter_map(|link| link.split(')').next()) {
        assert!(anchors.contains(link), "no page {link}");
    }
    let titles: BTreeSet<_> = dashboards()
        .into_iter()
        .map(|(_, dashboard)| dashboard["title"].as_str().unwrap().to_owned())
        .collect();
    let named = runbook.split("[kefu: ").skip(1);
    for title in named.filter_map(|rest| rest.split(']').next()) {
        assert!(
            titles.contains(&format!("kefu: {title}")),
            "no dashboard {title}"
        );
    }
}

#[test]
fn each_alert_is_tried_out_both_ways() {
    let tests = text("k8s/monitoring/alerts_test.yaml");
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for case in tests.split("alertname: ").skip(1) {
        let name = case.split([',', '\n']).next().unwrap().to_owned();
        // Of the case itself, not of the test after it.
        let case = case.split("- name: ").next().unwrap();
        if case.contains("exp_labels") {
            fires.insert(name);
        } else {
            assert!(case.contains("exp_alerts: []"), "{name}");
            quiet.insert(name);
        }
    }
    assert_eq!(fires, names());
    assert_eq!(quiet, names());
}
