//! Ingest far beyond its capacity: a quick 503, bounded memory, nothing accepted is lost.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use support::Loghorn;

const SENDERS: usize = 40;
const EVENTS: usize = 200;

#[actix_rt::test]
async fn overload_is_a_quick_503_and_bounded_memory() {
    // A tenth of what the senders hold at once.
    let server = Loghorn::start_with(&["--set", "ingest.queue_bytes=1MiB"], &[]).await;
    let before = server.rss();
    let body: String = (0..EVENTS).map(|n| json!({"message": "x".repeat(1000), "metadata": {"n": n}}).to_string() + "\n").collect();
    let (accepted, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let slowest_refusal = Arc::new(AtomicUsize::new(0));
    let (addr, deadline) = (server.addr, Instant::now() + Duration::from_secs(4));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (body, accepted, refused, slowest) = (body.clone(), accepted.clone(), refused.clone(), slowest_refusal.clone());
            std::thread::spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let client = awc::Client::builder().timeout(Duration::from_secs(20)).finish();
                    while Instant::now() < deadline {
                        let began = Instant::now();
                        let request = client.post(format!("http://{addr}/api/v1/events"));
                        let sent = request.insert_header(("Content-Type", "application/x-ndjson")).send_body(body.clone());
                        match sent.await {
                            Ok(answer) if answer.status() == 202 => drop(accepted.fetch_add(EVENTS, Ordering::Relaxed)),
                            Ok(answer) => {
                                assert_eq!(answer.status(), 503);
                                assert!(answer.headers().contains_key("retry-after"));
                                refused.fetch_add(1, Ordering::Relaxed);
                                slowest.fetch_max(began.elapsed().as_millis() as usize, Ordering::Relaxed);
                            }
                            // The server may close before it has read the whole body.
                            Err(_) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        }
                    }
                });
            })
        })
        .collect();
    let mut highest = 0;
    while Instant::now() < deadline {
        highest = highest.max(server.rss());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let (accepted, refused) = (accepted.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    eprintln!("accepted {accepted}, refused {refused}, slowest 503 {} ms", slowest_refusal.load(Ordering::Relaxed));
    assert!(accepted > 0 && refused > 0, "no overload: accepted {accepted}, refused {refused}");
    let stats = server.get("/api/v1/stats").await;
    assert!(stats["event_stats"]["last_seq"].as_u64().unwrap() >= accepted as u64, "accepted events are missing: {stats}");
    let grown = highest.saturating_sub(before) >> 20;
    assert!(grown < 250, "memory grew by {grown} MiB");
}
