//! Ingest far beyond its capacity: a quick 503, bounded memory, nothing accepted is lost.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Loghorn, say};

/// Each holds a request of about 12 KB, so together ten times what the queue takes.
const SENDERS: usize = 80;
const EVENTS: usize = 10;
const SECONDS: u64 = 4;

/// What the senders saw.
#[derive(Default)]
struct Seen {
    accepted: BTreeSet<String>,
    refused: usize,
}

#[actix_rt::test]
async fn overload_is_a_quick_503_and_bounded_memory() {
    let server = Loghorn::start_with(&["--set", "ingest.queue_bytes=96KiB"], &[]).await;
    let (before, seen) = (server.rss(), Arc::<Mutex<Seen>>::default());
    let (addr, deadline) = (server.addr, Instant::now() + Duration::from_secs(SECONDS));
    // Two threads: the machine is to be busy with the server, not with its clients.
    let threads = [0, 1].map(|thread| {
        let seen = seen.clone();
        std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let senders =
                    (0..SENDERS / 2).map(|sender| send(addr, format!("{thread}-{sender}"), seen.clone(), deadline));
                futures_util::future::join_all(senders).await;
            });
        })
    });
    let probe = std::thread::spawn(move || actix_rt::System::new().block_on(probe(addr, deadline)));
    let mut highest = 0;
    while Instant::now() < deadline {
        highest = highest.max(server.rss());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let Seen { accepted, refused } = std::mem::take(&mut *seen.lock().unwrap());
    let mut took = probe.join().unwrap();
    assert!(!accepted.is_empty() && refused > 100 && took.len() > 10, "no overload: {} / {refused}", accepted.len());
    took.sort_unstable();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    let grown = highest.saturating_sub(before) >> 20;
    say(&format!("accepted {}, refused {refused}, a 503 took {median} ms (worst {worst} ms)", accepted.len()));
    // The median: senders and an unoptimised server share the cores, so the worst measures the scheduler.
    assert!(median < 50, "a 503 took {median} ms");
    assert!(grown < 150, "memory grew by {grown} MiB");
    let stored = server.event_ids().await;
    assert_eq!(accepted.iter().find(|id| stored.get(*id) != Some(&1)), None, "an accepted event is not stored once");
}

/// How long each 503 took, in milliseconds, for one who has nothing else to do.
async fn probe(addr: std::net::SocketAddr, deadline: Instant) -> Vec<u128> {
    let client = awc::Client::builder().timeout(Duration::from_secs(20)).finish();
    let body = bytes(&json!({"message": "x".repeat(1000)}).to_string().repeat(EVENTS).replace("}{", "}\n{"));
    let mut took = Vec::new();
    while Instant::now() < deadline {
        let began = Instant::now();
        let request = client.post(format!("http://{addr}/api/v1/events"));
        let sent = request.insert_header(("Content-Type", "application/x-ndjson")).send_body(body.clone()).await;
        if sent.is_ok_and(|answer| answer.status() == 503) {
            took.push(began.elapsed().as_millis());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took
}

fn bytes(text: &str) -> actix_web::web::Bytes {
    actix_web::web::Bytes::copy_from_slice(text.as_bytes())
}

async fn send(addr: std::net::SocketAddr, name: String, seen: Arc<Mutex<Seen>>, deadline: Instant) {
    let client = awc::Client::builder().timeout(Duration::from_secs(20)).finish();
    for batch in 0.. {
        if Instant::now() >= deadline {
            return;
        }
        let ids: Vec<String> = (0..EVENTS).map(|n| format!("{name}-{batch}-{n}")).collect();
        let event = |id: &String| json!({"id": id, "message": "x".repeat(1000)}).to_string() + "\n";
        let body: String = ids.iter().map(event).collect();
        let request = client.post(format!("http://{addr}/api/v1/events"));
        let sent = request.insert_header(("Content-Type", "application/x-ndjson")).send_body(body).await;
        match sent {
            Ok(answer) if answer.status() == 202 => seen.lock().unwrap().accepted.extend(ids),
            Ok(answer) => {
                assert_eq!(answer.status(), 503);
                assert!(answer.headers().contains_key("retry-after"));
                seen.lock().unwrap().refused += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // The server may close before it has read the whole body; no answer is no promise.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
