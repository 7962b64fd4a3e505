//! The collected attacks, each made against the real server: what a subscription may name, what name servers may
//! answer, which headers may be added, and what a caller may try. How receivers misbehave is `chaos.rs`'s.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "attacks/api.rs"]
mod api;
#[path = "attacks/dns.rs"]
mod dns;
#[path = "attacks/leaks.rs"]
mod leaks;
mod support;
#[path = "attacks/targets.rs"]
mod targets;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde::Deserialize;
use support::{Loghorn, say};

const SHARED: &str = "../shared/fixtures/attack_cases.json";

/// One attack of the list.
#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    url: String,
    expect: String,
}

/// The list that the project is held against; its copy where that is not here.
fn all() -> Vec<Case> {
    let text = std::fs::read_to_string(SHARED).unwrap_or_else(|_| {
        say("the shared list of attacks is not here: its copy is used");
        include_str!("../domain/tests/attack_cases.json").into()
    });
    serde_json::from_str(&text).unwrap()
}

fn cases(kind: &str) -> Vec<Case> {
    all().into_iter().filter(|case| case.kind == kind).collect()
}

/// Sends these bytes on a connection of its own and reads until the other end closes it: the status, and everything.
fn raw(server: &Loghorn, request: impl AsRef<[u8]>) -> (u16, String) {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may be refused before it is all sent.
    let _ = stream.write_all(request.as_ref());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
    (status, answer)
}

#[test]
fn every_attack_of_the_list_is_made() {
    for Case { name, kind, .. } in all() {
        let is_made = match kind.as_str() {
            // Made whatever their names.
            "url" | "header" => true,
            "dns" => dns::MADE.contains(&name.as_str()),
            "api" => api::MADE.contains(&name.as_str()) || api::LATER.contains(&name.as_str()),
            // See `chaos.rs`.
            "server" => true,
            _ => false,
        };
        assert!(is_made, "{kind} {name} is not made; make it, or say why not");
    }
}
