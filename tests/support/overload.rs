//! Ingest far beyond its capacity, and what its senders saw.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;

use super::Loghorn;

/// What the server is told: so small a queue that a few senders are too many.
pub const ARGS: [&str; 2] = ["--set", "ingest.queue_bytes=96KiB"];
/// Each holds a request of about 12 KB, so together ten times what the queue takes.
const SENDERS: usize = 80;
const EVENTS: usize = 10;

/// What the senders saw.
#[derive(Default)]
pub struct Seen {
    pub accepted: BTreeSet<String>,
    pub refused: usize,
    /// How long each 202 took.
    pub accepted_took: Vec<Duration>,
    /// How long each 503 took for one who has nothing else to do.
    pub refused_took: Vec<Duration>,
    pub grown_bytes: u64,
}

/// Ten times too much for so many seconds.
pub async fn run(server: &Loghorn, seconds: u64) -> Seen {
    let (before, seen) = (server.rss(), Arc::<Mutex<Seen>>::default());
    let (addr, deadline) = (server.addr, Instant::now() + Duration::from_secs(seconds));
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
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let mut refused_took = probe.join().unwrap();
    refused_took.sort_unstable();
    Seen { refused_took, grown_bytes: highest.saturating_sub(before), ..seen }
}

/// How long each 503 took for one who has nothing else to do.
async fn probe(addr: std::net::SocketAddr, deadline: Instant) -> Vec<Duration> {
    let client = awc::Client::builder().timeout(Duration::from_secs(20)).finish();
    let body = bytes(&json!({"message": "x".repeat(1000)}).to_string().repeat(EVENTS).replace("}{", "}\n{"));
    let mut took = Vec::new();
    while Instant::now() < deadline {
        let began = Instant::now();
        let request = client.post(format!("http://{addr}/api/v1/events"));
        let sent = request.insert_header(("Content-Type", "application/x-ndjson")).send_body(body.clone()).await;
        if sent.is_ok_and(|answer| answer.status() == 503) {
            took.push(began.elapsed());
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
        let began = Instant::now();
        let sent = request.insert_header(("Content-Type", "application/x-ndjson")).send_body(body).await;
        match sent {
            Ok(answer) if answer.status() == 202 => {
                let mut seen = seen.lock().unwrap();
                seen.accepted_took.push(began.elapsed());
                seen.accepted.extend(ids);
            }
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
