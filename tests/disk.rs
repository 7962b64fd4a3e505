//! A disk that is nearly full, or fails: events are refused, health says why, deliveries and reads go on.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::json;
use support::{
    Loghorn, Mood, Receiver,
    crash::{run, strace},
    event, say, until,
};

/// A small file system in memory, unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let point = folder.path().to_str().unwrap().to_owned();
        run("mount", &["-t", "tmpfs", "-o", "size=512m", "tmpfs", &point]).then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The server is stopped by now; where not, it is unmounted when it is.
        let _ = run("umount", &["-l", self.0.path().to_str().unwrap()]);
    }
}

#[actix_rt::test]
async fn a_nearly_full_disk_refuses_events_and_recovers() {
    if !run("sh", &["-c", "test $(id -u) = 0"]) {
        return say("skipped: a full disk needs root, for a small mount");
    }
    let Some(disk) = Small::new() else {
        return say("skipped: a full disk needs a small mount, and there is none here");
    };
    let server = Loghorn::start_in(&disk.0.path().join("data"), &[], &[]).await;
    // Later, from one who is well: no circuit opens.
    let receiver = Receiver::start(Mood::Answer(429, "Retry-After: 1\r\n"));
    server.subscribe(&receiver.url(), json!({"events": ["**", "loghorn.**"]})).await;
    assert_eq!(server.post("/api/v1/events", &event("ERROR", 1)).await.0, 202);
    let ballast = disk.0.path().join("ballast");
    // A quarter of the disk, 128 MiB, is kept free; 100 are left.
    let point = disk.0.path().display();
    let fill = format!(
        "free=$(df --output=avail -k {point} | tail -1); \
         dd if=/dev/zero of={point}/ballast bs=1M count=$((free / 1024 - 100)) 2>/dev/null"
    );
    assert!(run("sh", &["-c", &fill]));
    until("events are refused", 10, || async {
        let (status, problem) = server.post("/api/v1/events", &event("ERROR", 2)).await;
        status == 503 && problem["detail"].as_str().unwrap().contains("kept free")
    })
    .await;
    let (status, health) = server.call("GET", "/api/v1/health", None).await;
    assert_eq!((status, &health["status"], &health["store"]), (200, &json!("degraded"), &json!("degraded")));
    assert!(health["reasons"]["store"].as_str().unwrap().contains("kept free"), "{health}");
    assert_eq!(server.call("GET", "/api/v1/health/ready", None).await.0, 503);
    assert_eq!(
        server.get("/api/v1/events").await["items"].as_array().unwrap().len() as u64,
        server.get("/api/v1/stats").await["event_stats"]["last_seq"].as_u64().unwrap()
    );
    // What was taken before goes out, and that is written down.
    receiver.set(Mood::Answer(200, ""));
    until("deliveries go on", 10, || async { server.delivery_stats().await["delivered"] != 0 }).await;
    std::fs::remove_file(&ballast).unwrap();
    until("events are taken again", 10, || async { server.post("/api/v1/events", &event("ERROR", 3)).await.0 == 202 })
        .await;
    assert_eq!(server.get("/api/v1/health").await["status"], "healthy");
    until("that is told", 20, || async {
        let told = server.get("/api/v1/events?type=loghorn.store.recovered").await;
        told["items"].as_array().unwrap().len() == 1
    })
    .await;
    until("all is delivered", 10, || async {
        let stats = server.get("/api/v1/stats").await;
        stats["delivery_stats"]["delivered"] == stats["event_stats"]["last_seq"]
    })
    .await;
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn after_an_fsync_that_fails_nothing_is_promised_any_more() {
    let Some(strace) = strace() else { return say("skipped: a failing fsync needs strace") };
    let folder = tempfile::tempdir().unwrap();
    // The writer's thread opens nothing, so its syncs are those of events.
    let inject = "inject=fdatasync:error=EIO:when=20+";
    let wrapper = [&*strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", inject];
    let mut server = Loghorn::try_start(&wrapper, &folder.path().join("data"), &[], &[]).await.unwrap();
    let mut accepted = Vec::new();
    let refused = loop {
        let n = accepted.len();
        assert!(n < 100, "no fsync failed");
        match server.post("/api/v1/events", &event("ERROR", n)).await {
            (202, _) => accepted.push(format!("test-ERROR-{n}")),
            (status, problem) => break (status, problem),
        }
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    // At once, and for good: nobody knows what is on the disk.
    for n in 100..110 {
        assert_eq!(server.post("/api/v1/events", &event("ERROR", n)).await.0, 503);
    }
    let health = server.get("/api/v1/health").await;
    assert_eq!((&health["status"], &health["store"]), (&json!("degraded"), &json!("down")), "{health}");
    assert!(health["reasons"]["store"].as_str().unwrap().contains("fdatasync"), "{health}");
    assert_eq!(server.call("GET", "/api/v1/health/ready", None).await.0, 503);
    // What can be read is read.
    assert_eq!(server.event_ids().await.len(), accepted.len());
    server.kill();
    server.restart();
    let stored = server.event_ids().await;
    let lost = accepted.iter().find(|id| stored.get(*id) != Some(&1));
    assert_eq!(lost, None, "an accepted event is not in the log once");
    assert_eq!(server.post("/api/v1/events", &event("ERROR", 200)).await.0, 202);
    server.assert_ledger_balances().await;
}
