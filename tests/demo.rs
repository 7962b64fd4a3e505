//! The demo as a test of the whole: every event that is due arrives and is verified, over an outage and a refusal, and the
//! same seed tells the same story.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use support::loghorn;

fn demo(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(loghorn::binary());
    command.args(["demo", "--headless"]).args(args).current_dir(folder.path()).output().unwrap()
}

/// One telling: the report, and apart from it what differs from run to run.
fn told(seed: &str) -> (Value, Value) {
    let output = demo(&["--for", "10s", "--seed", seed, "-o", "json"]);
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let seen = report["seen"].take();
    (report, seen)
}

#[test]
fn one_seed_tells_the_same_story_twice_and_all_of_it_arrives() {
    let (first, seen) = told("7");
    assert_eq!((&first["complete"], &first["events"]), (&json!(true), &json!(200)));
    let count = |name: &str| first[name].as_u64().unwrap();
    assert!(count("dead_letters_due") > 0 && count("dead_letters") == count("dead_letters_due"), "{first:#}");
    assert_eq!(count("delivered") + count("dead_letters"), count("due"), "{first:#}");
    assert_eq!([count("missing"), count("unexpected"), count("signatures_bad"), count("ledger_imbalance")], [0; 4]);
    for line in first["subscriptions"].as_array().unwrap() {
        assert!(line["delivered"].as_u64().unwrap() > 0, "{line}");
    }
    // The outage was one, and so was the refusal.
    assert!(seen["answered_503"].as_u64().unwrap() >= 5, "{seen}");
    assert_eq!(seen["answered_401"], first["dead_letters"], "a refusal is final");
    assert_eq!(told("7").0, first);
}

#[test]
fn another_seed_tells_another_story() {
    let report = |seed| {
        let output = demo(&["--for", "5s", "--seed", seed, "--rate", "10", "-o", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    let (one, other) = (report("1"), report("2"));
    assert_eq!((&one["complete"], &other["complete"]), (&json!(true), &json!(true)), "{one:#} {other:#}");
    assert_ne!(one["events_by_type"], other["events_by_type"]);
}

#[test]
fn a_port_that_is_taken_is_told_of() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = demo(&["--bind", &taken.local_addr().unwrap().to_string()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot listen on") && said.contains("Another port"), "{said}");
}

#[test]
fn it_can_be_interrupted_while_it_waits_for_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(loghorn::binary());
    // So many that they are under way for a while.
    command.args(["demo", "--headless", "--for", "5s", "--rate", "1000"]).current_dir(folder.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("waiting for what is under way")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(!said.any(|line| line.contains("complete:")), "it went on");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
