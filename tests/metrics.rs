//! docs/metrics.md tells of every metric and of none that is not there; the dashboard and the alerts ask for those alone.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use support::{Loghorn, Mood, Receiver, until};

const USERS: [&str; 2] = ["deploy/grafana/dashboard.json", "deploy/prometheus/alerts.yml"];

/// What a server that has delivered something says.
async fn served() -> String {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    assert_eq!(server.post("/api/v1/events", &support::event("ERROR", 1)).await.0, 202);
    until("it is delivered", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    let mut answer = awc::Client::default().get(server.url("/metrics")).send().await.unwrap();
    String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap()
}

/// The families and their types.
fn families(text: &str) -> BTreeMap<String, String> {
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    typed.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// Every `loghorn_…` in a text, with what follows it directly in braces.
fn asked(text: &str) -> Vec<(String, String)> {
    let starts = text.match_indices("loghorn_").map(|(at, _)| &text[at..]);
    let name_of = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
    };
    starts
        .map(|rest| {
            let name = name_of(rest);
            let braces = rest[name.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
            (name, braces.map_or_else(String::new, |(inside, _)| inside.replace("\\\"", "\"")))
        })
        .collect()
}

#[actix_rt::test]
async fn the_page_names_every_metric_with_its_type_and_labels() {
    let text = served().await;
    let page = std::fs::read_to_string("docs/metrics.md").unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `loghorn_"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let told: BTreeMap<String, String> = rows.iter().map(|row| (row[1].to_owned(), row[2].to_owned())).collect();
    assert_eq!(rows.len(), told.len(), "one is told of twice");
    assert_eq!(told, families(&text));
    for row in &rows {
        let own = |name: &str| {
            let sample = name.strip_suffix("_bucket").unwrap_or(name);
            sample == row[1]
        };
        let labels: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.split_once('{').filter(|(name, _)| own(name)))
            .filter_map(|(_, rest)| rest.split_once('=').map(|(label, _)| label.to_owned()))
            .collect();
        let told: BTreeSet<String> = row[3].split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
        assert_eq!(told, labels, "{}", row[1]);
        assert!(!row[4].is_empty(), "{}", row[1]);
    }
}

#[actix_rt::test]
async fn the_dashboard_and_the_alerts_ask_for_what_is_served() {
    let text = served().await;
    let samples: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    for path in USERS {
        let asked = asked(&std::fs::read_to_string(path).unwrap());
        assert!(asked.len() > 10, "{path}: {asked:?}");
        for (name, labels) in asked {
            assert!(samples.contains(name.as_str()), "{path}: {name} is not served");
            for (label, values) in labels.split(',').filter_map(|pair| pair.split_once('=')) {
                // Prometheus itself adds it.
                if label == "instance" {
                    continue;
                }
                for value in values.trim_matches(['~', '"']).split('|') {
                    let sample = format!("{name}{{{label}=\"{value}\"}}");
                    assert!(text.contains(&sample), "{path}: {sample} is not served");
                }
            }
        }
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_the_operator_what_to_do() {
    let rules = std::fs::read_to_string("deploy/prometheus/alerts.yml").unwrap();
    let operations = std::fs::read_to_string("docs/operations.md").unwrap();
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 10);
    assert_eq!(rules.matches("severity:").count(), names.len());
    for name in names {
        assert!(operations.contains(&format!("`{name}`")), "docs/operations.md does not name {name}");
    }
}

#[test]
fn the_dashboard_is_whole() {
    let text = std::fs::read_to_string("deploy/grafana/dashboard.json").unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        assert_eq!(panel["datasource"]["uid"], "prometheus", "{}", panel["title"]);
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", panel["title"]);
    }
}
