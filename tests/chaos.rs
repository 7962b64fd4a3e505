//! Every way to misbehave that a receiver has: its deliveries end as they should, within their time, and nothing of it
//! stays behind. The full form is `make soak ARGS=R10`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{
    Mood, Receiver,
    chaos::{self, Case},
    say,
    tls::Authority,
};

/// The list of attacks that the project is held against.
const ATTACKS: &str = "../shared/fixtures/attack_cases.json";

#[actix_rt::test]
async fn whatever_a_receiver_does_its_delivery_ends_as_it_should() {
    let (authority, trap) = (Authority::new(), Receiver::start(Mood::Answer(200, "")));
    let folder = tempfile::tempdir().unwrap();
    let server = chaos::server(&authority, folder.path()).await;
    let cases = Case::all(&authority, &trap);
    let seen = chaos::run(&server, &cases, 2, 3).await;
    say(&format!(
        "{} deliveries to {} receivers that misbehave: at most {:?} late, memory + {} KiB, open files + {}",
        seen.deliveries,
        cases.len(),
        seen.late,
        seen.grown_bytes >> 10,
        seen.fds_grown
    ));
    assert_eq!(trap.connections(), 0, "a redirect was followed");
    // Half a second is promised; a busy machine may add to it.
    assert!(seen.late < Duration::from_millis(1500), "{:?} after the time-out", seen.late);
    assert!(seen.grown_bytes < 40 << 20, "memory grew by {} MiB", seen.grown_bytes >> 20);
    // At most one idle connection for each thread and receiver.
    assert!(seen.fds_grown <= 2 * cases.len() as i64, "{} more open files", seen.fds_grown);
}

#[test]
fn every_attack_of_a_receiver_is_among_them() {
    let Ok(text) = std::fs::read_to_string(ATTACKS) else {
        return say("skipped: the list of attacks is not here");
    };
    let attacks: Vec<Value> = serde_json::from_str(&text).unwrap();
    let cases = Case::all(&Authority::new(), &Receiver::start(Mood::Hang));
    for attack in attacks.iter().filter(|attack| attack["kind"] == "server") {
        let is_met = cases.iter().any(|case| attack["name"] == case.name && attack["expect"] == case.expect);
        assert!(is_met, "no receiver does this: {attack}");
    }
}
