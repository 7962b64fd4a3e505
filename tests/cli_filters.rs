//! Filters on the command line, against a running server: tried, explained, run in shadow and over past events.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{
    Loghorn, Mood, Receiver,
    cli::{cells, run, run_in},
    loghorn, until,
};

/// Events with `metadata.n` from 0 to 9, and two without metadata.
async fn fill(server: &Loghorn) {
    let mut events: Vec<Value> = (0..10).map(|n| support::event("ERROR", n)).collect();
    events.extend((0..2).map(|n| json!({"id": format!("bare-{n}"), "level": "INFO"})));
    assert_eq!(server.post("/api/v1/events", &json!(events)).await.0, 202);
    until("all are routed", 10, || async { server.get("/api/v1/stats").await["event_stats"]["routed_seq"] == 12 })
        .await;
}

/// What it printed on stdout and stderr.
fn both(server: &Loghorn, args: &[&str]) -> (String, String) {
    let output = run_in(server.data.parent().unwrap(), &server.addr.to_string(), args);
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[actix_rt::test]
async fn a_filter_is_tried_on_the_log() {
    let server = Loghorn::start().await;
    fill(&server).await;
    let test = |more: &[&str]| both(&server, &[&["filter", "test"], more].concat());
    let report: Value = serde_json::from_str(&test(&["--meta", "n >= 6", "--last", "50", "-o", "json"]).0).unwrap();
    assert_eq!((&report["tested"], &report["matched"], &report["complete"]), (&json!(12), &json!(4), &json!(true)));
    let (table, talk) = test(&["--meta", "n >= 6", "--live", "50", "-o", "table"]);
    assert!(table.starts_with("✓ 4 of 12 match · 2 lack metadata.n\n  4.0 a minute on average, 4 in the "), "{table}");
    assert!(table.contains("/filters/metadata/n/gte") && table.contains("✓ test-ERROR-9\n"), "{table}");
    assert!(table.contains("✗ test-ERROR-5  metadata.n is 5, not at least 6\n"), "{table}");
    assert_eq!(talk, "");
    let (lines, _) = test(&["--meta", "n >= 6"]);
    assert_eq!(lines.lines().nth(2), Some("test-ERROR-9\tmatched\t"), "{lines}");
    assert_eq!(lines.lines().next(), Some("bare-1\tfailed\tno value at n"), "{lines}");
    let (names, _) = test(&["--meta", "n >= 6", "--meta", "n < 8", "-o", "name"]);
    assert_eq!(names, "test-ERROR-7\ntest-ERROR-6\n");
    let (_, talk) = test(&["--meta", "nn > 1", "--since", "1h"]);
    assert_eq!(talk, "~ no event has a value at $.metadata.nn: misspelt?\n");
    let (_, talk) = test(&["--type", "payment.**", "--meta", "nn > 1"]);
    assert_eq!(talk, "~ none of the 12 events is of a wanted type\n");
    assert_eq!(run(&server, &["filter", "test", "--where", "@.metadata.n >"]).1, 5);
    assert_eq!(run(&server, &["filter", "test", "--meta", "n is 5"]).1, 2);
    assert_eq!(run(&server, &["filter", "test", "--last", "5", "--since", "1h"]).1, 2);
}

#[actix_rt::test]
async fn a_filter_is_tried_on_one_event() {
    let server = Loghorn::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (small, large) = (path("small.json"), path("large.json"));
    std::fs::write(&small, r#"{"level": "ERROR", "metadata": {"amount": 86.1}}"#).unwrap();
    std::fs::write(&large, r#"{"level": "ERROR", "metadata": {"amount": 1240}}"#).unwrap();
    let any = path("any.json");
    std::fs::write(&any, r#"{"any": [{"metadata": {"amount": {"gt": 1000}}}, {"min_level": "CRITICAL"}]}"#).unwrap();
    let (text, code) = run(&server, &["filter", "test", "--meta", "amount > 1000", "-f", &small, "-o", "table"]);
    let expected = "✗ it does not match\n  ✓ event_type is log.error, named by **\n  \
                    ✗ metadata.amount is 86.1, not greater than 1000";
    assert_eq!((text.as_str(), code), (expected, 7));
    let (text, code) = run(&server, &["filter", "test", "--filter-file", &any, "-f", &large, "-o", "table"]);
    let expected = "✓ it matches\n  ✓ event_type is log.error, named by **\n  ✓ 1 of 2 hold, one must\n    \
                    ✓ metadata.amount is 1240, greater than 1000\n    ✗ level is ERROR, not CRITICAL or worse";
    assert_eq!((text.as_str(), code), (expected, 0));
    server.subscribe("https://example.com/", json!({"name": "gw", "filters": {"metadata": {"amount": 1240}}})).await;
    assert_eq!(run(&server, &["filter", "test", "--sub", "gw", "-f", &large]).1, 0);
    assert_eq!(run(&server, &["filter", "test", "--sub", "gw", "-f", &small]).1, 7);
    assert_eq!(run(&server, &["filter", "test", "--sub", "gw", "--type", "payment.*", "-f", &large]).1, 7);
    std::fs::write(&small, "[1]").unwrap();
    assert_eq!(run(&server, &["filter", "test", "-f", &small]).1, 5);
}

#[actix_rt::test]
async fn why_an_event_went_to_one_and_not_to_another() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let create = |name: &str, more: &[&str]| {
        let url = receiver.url();
        cells(&server, &[&["sub", "create", name, "--url", &url, "--type", "**"], more].concat())[0].clone()
    };
    let _ = create("gw", &[]);
    let fraud = create("fraud", &["--meta", "amount > 1000", "--meta", "region in eu,us"]);
    let id = &cells(&server, &["event", "send", "--id", "order-1", "--meta", "amount=86.1", "--meta", "region=eu"])[0];
    until("it arrived", 10, || async { receiver.count() == 1 }).await;
    let explain = |more: &[&str]| both(&server, &[&["event", "get", id, "--explain"], more].concat());
    let (table, _) = explain(&["-o", "table"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("✓ gw (v1, as routed)  dlv_"), "{table}");
    assert_eq!(lines[1..], ["✗ fraud (v1, as routed)  metadata.amount is 86.1, not greater than 1000"]);
    let (whole, _) = explain(&["--sub", "fraud", "-o", "table"]);
    assert!(whole.contains("\n  ✓ metadata.region is \"eu\", as wanted"), "{whole}");
    let (first, talk) = explain(&["--limit", "1", "-o", "json"]);
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["subscriptions"].as_array().unwrap().len(), 2, "as routed, and now");
    assert!(first["next_cursor"].is_string() && talk.contains("--limit 2"), "{talk}");
    let patch = json!({"filters": {"metadata": {"amount": {"gt": 50}}}}).to_string();
    let path = format!("/api/v1/subscriptions/{fraud}");
    assert_eq!(server.call("PATCH", &path, Some(patch)).await.0, 200);
    let (table, _) = explain(&["-o", "table"]);
    assert!(table.ends_with("\n✓ fraud (v2, now)  would match (other than then)\n"), "{table}");
    assert_eq!(explain(&[]).0.lines().filter(|line| line.starts_with(&fraud)).count(), 2);
    assert_eq!(run(&server, &["event", "get", id, "--sub", "gw"]).1, 2, "only with --explain");
}

#[actix_rt::test]
async fn past_events_are_delivered_after_all() {
    let server = Loghorn::start().await;
    fill(&server).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let url = receiver.url();
    let created = cells(&server, &["sub", "create", "gw", "--url", &url, "--type", "**", "--meta", "n < 5"]);
    let backfill = |more: &[&str]| run(&server, &[&["sub", "backfill", "gw", "--since", "1h"], more].concat());
    let counted = cells(&server, &["sub", "backfill", "gw", "--since", "1h", "--dry-run"]);
    assert_eq!(counted[1..], ["done", "5", "0", "0"]);
    assert_eq!(backfill(&[]).1, 2, "it must be confirmed");
    assert_eq!(server.delivery_stats().await["total_deliveries"], 0);
    let (text, code) = backfill(&["--yes", "-o", "table"]);
    assert_eq!((text.as_str(), code), ("✓ 5 of 12 events match · 5 queued", 0));
    until("all arrived", 10, || async { receiver.count() == 5 }).await;
    assert!(receiver.arrived().iter().all(|webhook| webhook.headers["webhook-origin"] == "backfill"));
    let (explained, _) = both(&server, &["event", "get", "test-ERROR-1", "--explain", "-o", "table"]);
    let lines: Vec<&str> = explained.lines().collect();
    assert!(lines[0].starts_with("✗ gw (as routed)  the subscription was not there yet"), "{explained}");
    assert!(lines[0].contains(" · sent since: dlv_"), "{explained}");
    assert_eq!(lines[1..], ["✓ gw (v1, now)  would match (other than then)"]);
    let again = cells(&server, &["sub", "backfill", "gw", "--since", "1h", "--yes"]);
    assert_eq!(again[1..], ["done", "5", "0", "5"]);
    assert_eq!(run(&server, &["job", "list", "--state", "done", "-o", "name"]).0.lines().count(), 3);
    let job: Value = serde_json::from_str(&run(&server, &["job", "get", &counted[0], "-o", "json"]).0).unwrap();
    assert_eq!((&job["dry_run"], &job["subscription_id"]), (&json!(true), &json!(created[0])));
    assert_eq!(run(&server, &["job", "cancel", &counted[0]]).1, 5, "it has ended");
    assert_eq!(run(&server, &["job", "get", "job_nothing"]).1, 3);
    server.assert_ledger_balances().await;
}

/// Whether the process handles SIGINT by now.
fn is_ready_for_ctrl_c(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0
}

#[actix_rt::test]
async fn a_job_is_waited_for_left_alone_and_cancelled() {
    let server = Loghorn::start().await;
    fill(&server).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    cells(&server, &["sub", "create", "gw", "--url", &receiver.url(), "--type", "**"]);
    // One at once, and the next in an hour.
    let begun = ["sub", "backfill", "gw", "--since", "1h", "--rate", "1/h", "--yes", "--no-wait"];
    let id = cells(&server, &begun)[0].clone();
    assert_eq!(run(&server, &["job", "list", "--state", "running", "-o", "name"]).0, id);
    let mut command = Command::new(loghorn::binary());
    command.args(["job", "get", &id[..id.len() - 2], "--wait"]).env("LOGHORN_SERVER", server.addr.to_string());
    let waiting = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("it waits", 10, || async { is_ready_for_ctrl_c(waiting.id()) }).await;
    assert!(Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap().success());
    let output = waiting.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text.contains("The job goes on.") && text.contains(&format!("loghorn job cancel {id}")), "{text}");
    assert_eq!(cells(&server, &["job", "cancel", &id])[..2], [id.clone(), "cancelled".into()]);
    assert_eq!(run(&server, &["job", "get", &id, "--wait"]).1, 130, "somebody cancelled it");
    assert_eq!(cells(&server, &["job", "list"])[2], "cancelled");
}

#[actix_rt::test]
async fn a_shadow_only_counts_until_it_is_promoted() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let url = receiver.url();
    let create = ["sub", "create", "gw", "--url", &url, "--type", "**", "--meta", "n > 7", "--shadow"];
    let id = cells(&server, &create)[0].clone();
    fill(&server).await;
    assert_eq!(run(&server, &["sub", "shadow", "gw", "-o", "name"]).0, "test-ERROR-9\ntest-ERROR-8");
    let (_, talk) = both(&server, &["sub", "shadow", "gw", "-o", "table"]);
    assert!(talk.starts_with("2 events matched so far, none was sent."), "{talk}");
    let listed = |state: &str| run(&server, &["sub", "list", "--state", state, "-o", "name"]).0;
    assert_eq!((listed("shadow"), listed("active")), (id.clone(), String::new()));
    let (explained, _) = both(&server, &["event", "get", "test-ERROR-9", "--explain", "-o", "table"]);
    assert_eq!(explained, "✓ gw (v1, as routed)  matched, only counted: it was a shadow\n");
    assert_eq!(run(&server, &["sub", "backfill", "gw", "--since", "1h", "--yes"]).1, 5, "a shadow sends nothing");
    assert_eq!(cells(&server, &["sub", "promote", "gw"]), [id.as_str(), "gw", "active"]);
    let shown: Value = serde_json::from_str(&run(&server, &["sub", "get", "gw", "-o", "json"]).0).unwrap();
    assert_eq!(shown["mode"], "live");
    cells(&server, &["event", "send", "--id", "new", "--meta", "n=8"]);
    until("it arrived", 10, || async { receiver.count() == 1 }).await;
    assert_eq!(receiver.arrived()[0].event_id(), "new");
    server.assert_ledger_balances().await;
}
