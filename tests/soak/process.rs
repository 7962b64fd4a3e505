//! The process dies: by kill -9, at a system call, without power, or because it is told to.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Loghorn, Seen, load, scaled, support::crash};

/// R1: `kill -9` under load, and how soon it is back with a million events.
pub async fn kills(scale: f64) -> Seen {
    let mut seen = Seen::default();
    seen.note(crash::survive_kills(scaled(200, scale, 10)).await);
    let mut server = Loghorn::start().await;
    let events = scaled(1_000_000, scale, 10_000);
    load::bulk(server.addr, Instant::now(), 0..events as u64, |_| 0).await;
    server.kill();
    let began = Instant::now();
    server.restart();
    seen.at_most(&format!("ready with {events} events, s"), began.elapsed().as_secs_f64(), 5.0);
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], events);
    seen
}

/// R2: a crash at each of the first syncs and writes of each thread, and while files are made and removed.
pub async fn crash_points(scale: f64) -> Seen {
    let syncs = (1..=scaled(100, scale, 10)).map(|nth| ("fdatasync", nth));
    let writes = (1..=scaled(80, scale, 8)).map(|nth| ("write", 3 * nth));
    let files =
        ["fsync", "rename", "unlink", "ftruncate"].into_iter().flat_map(|call| (1..=5).map(move |nth| (call, nth)));
    let points: Vec<_> = syncs.chain(writes).chain(files).collect();
    let mut seen = Seen::default();
    seen.note(crash::survive_crash_points(&points).await);
    seen
}

/// R3: power cuts of a file system.
pub async fn power_cuts(scale: f64) -> Seen {
    let mut seen = Seen::default();
    seen.note(crash::survive_power_cuts(scaled(50, scale, 5)).await);
    seen
}

/// R19: SIGTERM under load.
pub async fn sigterms(scale: f64) -> Seen {
    let (mut server, receiver, _ill) = crash::start(None).await;
    let stops = scaled(50, scale, 5);
    let (mut accepted, mut longest) = (std::collections::BTreeSet::new(), Duration::ZERO);
    for life in 0..stops {
        let load = crash::Load::start(server.addr, life);
        tokio::time::sleep(Duration::from_millis(50 + (life as u64 * 7919) % 400)).await;
        let began = Instant::now();
        assert_eq!(server.terminate(), Some(0));
        longest = longest.max(began.elapsed());
        accepted.extend(load.stop());
        server.restart();
    }
    crash::check(&server, &receiver, &accepted).await;
    let mut seen = Seen::default();
    seen.note(format!("{stops} SIGTERMs under load, {} accepted, 0 lost", accepted.len()));
    seen.at_most("longest stop, s", longest.as_secs_f64(), 30.0);
    let delivered = server.delivery_stats().await["delivered"].as_u64().unwrap() as usize;
    seen.exactly("webhooks, against deliveries", receiver.count(), delivered);
    assert_ne!(json!(delivered), 0);
    seen
}
