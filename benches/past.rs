//! What reads the log again, and what changes while it is written: trials of filters, backfills, changes of one
//! subscription among many.
//!
//! `cargo bench --bench past -- trial` runs only the parts whose name holds the word. The ceiling of the first two is
//! one thread that does nothing but read the JSON of the same events.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, unreachable_pub)]

mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use loghorn_domain::subscription::Spec;
use serde_json::{Value, json};
use support::{
    median,
    server::{Server, client, stats},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 400_000;
const ROUNDS: usize = 3;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    println!("{:<52} {:>12} {:>12} {:>7}  target", "figure", "measured", "ceiling", "ratio");
    if wanted("trial") || wanted("backfill") {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        fill(&server);
        if wanted("trial") {
            trial(&server);
        }
        if wanted("backfill") {
            backfill(&server);
        }
    }
    if wanted("change") {
        change();
    }
}

fn line(name: &str, measured: f64, ceiling: f64, target: &str) {
    println!("{name:<52} {measured:>12.1} {ceiling:>12.1} {:>7.3}  {target}", measured / ceiling);
}

fn call(method: &str, url: String, body: Value) -> Value {
    let method = method.parse().unwrap();
    actix_rt::System::new().block_on(async move {
        let mut answer = client().request(method, url).send_json(&body).await.unwrap();
        let body = answer.body().limit(64 << 20).await.unwrap();
        assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    })
}

fn fill(server: &Server) {
    let url = format!("{}/api/v1/events", server.url);
    actix_rt::System::new().block_on(async {
        let client = client();
        for from in (0..EVENTS).step_by(1000) {
            let body: String = (from..from + 1000).map(|n| support::event(n) + "\n").collect();
            let request = client.post(&url).insert_header(("content-type", "application/x-ndjson"));
            assert_eq!(request.send_body(body).await.unwrap().status(), 202);
        }
    });
    while stats(server)["event_stats"]["routed_seq"].as_u64() < Some(EVENTS as u64) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Events whose JSON one thread reads in a second.
fn reading() -> f64 {
    let events: Vec<String> = (0..20_000).map(support::event).collect();
    let began = Instant::now();
    events.iter().for_each(|event| drop(black_box(serde_json::from_str::<Value>(event).unwrap())));
    events.len() as f64 / began.elapsed().as_secs_f64()
}

/// One in a thousand of the events matches; each is read in full for that.
fn filters() -> Value {
    json!({"min_level": "WARNING", "metadata": {"amount": {"gt": 1000}, "n": {"gte": EVENTS - EVENTS / 1000}}})
}

fn trial(server: &Server) {
    const LAST: usize = 100_000;
    let (mut took, mut ceiling) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ceiling.push(reading());
        let body = json!({"events": ["payment.**"], "filters": filters(), "sample": {"last": LAST}});
        let began = Instant::now();
        let report = call("POST", format!("{}/api/v1/filters/test", server.url), body);
        took.push(began.elapsed().as_secs_f64());
        assert_eq!((&report["tested"], &report["complete"]), (&json!(LAST), &json!(true)));
    }
    let (took, ceiling) = (median(took), median(ceiling));
    line("filters/test: events/s ÷ reading their JSON", LAST as f64 / took, ceiling, "");
    line("filters/test over 100,000 events, ms ÷ 1 s", took * 1e3, 1000.0, "< 1");
}

fn backfill(server: &Server) {
    // Nobody listens there; nothing is sent in a dry run.
    let spec = json!({"name": "past", "url": "http://127.0.0.1:9099/", "events": ["payment.**"], "filters": filters()});
    let made = call("POST", format!("{}/api/v1/subscriptions", server.url), spec);
    let url = format!("{}/api/v1/subscriptions/{}/backfill", server.url, made["id"].as_str().unwrap());
    let (mut rate, mut ceiling) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ceiling.push(reading());
        let began = Instant::now();
        let mut job = call("POST", url.clone(), json!({"since": "1h", "dry_run": true}));
        while job["state"] == "running" {
            std::thread::sleep(Duration::from_millis(10));
            job = call("GET", format!("{}/api/v1/jobs/{}", server.url, job["id"].as_str().unwrap()), Value::Null);
        }
        rate.push(EVENTS as f64 / began.elapsed().as_secs_f64());
        assert_eq!((&job["state"], &job["matched"]), (&json!("done"), &json!(EVENTS / 1000)));
    }
    line("backfill: events read/s ÷ reading their JSON", median(rate), median(ceiling), "≥ 200,000 events/s");
}

/// From the request for a change to the snapshot that the next event is matched with; the store is in memory, since a
/// sync of the disk is not what is measured.
fn change() {
    const SUBSCRIPTIONS: usize = 100_000;
    const CHANGES: usize = 2000;
    let took = actix_rt::System::new().block_on(async {
        let store = loghorn_storage::memory::open(1, Duration::from_secs(86_400));
        let system = support::system(store, 16, 1).await;
        let spec = |n: usize, limit: usize| {
            let json = json!({"name": format!("s{n}"), "url": "http://127.0.0.1:9099/", "events": ["payment.**"],
                "filters": {"metadata": {"account": format!("acct_{n}"), "amount": {"gt": limit}}}});
            Spec::from_json(json).unwrap()
        };
        let mut ids = Vec::with_capacity(SUBSCRIPTIONS);
        for n in 0..SUBSCRIPTIONS {
            ids.push(system.subscriptions().create(spec(n, 0), None).await.unwrap().id.clone());
        }
        let mut took = Vec::with_capacity(CHANGES);
        for n in 0..CHANGES {
            let at = n * 47 % SUBSCRIPTIONS;
            let changed = spec(at, 1);
            let began = Instant::now();
            let changed = system.subscriptions().update(&ids[at], None, changed).await.unwrap();
            let matcher = system.subscriptions().matcher();
            took.push(began.elapsed().as_secs_f64() * 1e3);
            assert_eq!(matcher.get(changed.endpoint).unwrap().subscription.version, 2);
        }
        system.end();
        took
    });
    let mut took = took;
    took.sort_by(f64::total_cmp);
    line("one change among 100k until it routes, p50, ms ÷ 1", took[CHANGES / 2], 1.0, "≤ 1");
    line("  p99, ms ÷ 1", took[CHANGES * 99 / 100], 1.0, "");
}
