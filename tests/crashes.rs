//! kill -9 and power cuts under load: what was accepted is there, once; every matching delivery arrives or waits.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use support::{Loghorn, Mood, Receiver, say, until};

/// How often; more by hand: `LOGHORN_TEST_KILLS=50`.
fn times(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Sends batches until told to stop, and remembers the ids of those that were answered with 2xx.
fn load(
    addr: std::net::SocketAddr,
    life: usize,
    accepted: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<AtomicBool>,
) -> Vec<std::thread::JoinHandle<()>> {
    (0..4)
        .map(|thread| {
            let (accepted, stop) = (accepted.clone(), stop.clone());
            std::thread::spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
                    for batch in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let ids: Vec<String> = (0..5).map(|n| format!("{life}-{thread}-{batch}-{n}")).collect();
                        let events: Vec<_> = ids.iter().map(|id| json!({"id": id, "level": "ERROR"})).collect();
                        let sent = client.post(format!("http://{addr}/api/v1/events")).send_json(&events).await;
                        match sent {
                            Ok(answer) if answer.status() == 202 => accepted.lock().unwrap().extend(ids),
                            Ok(answer) => assert_eq!(answer.status(), 503),
                            Err(_) => return,
                        }
                    }
                });
            })
        })
        .collect()
}

/// A server with two subscriptions to everything: one receiver is well, one is never.
async fn start(data: Option<&Path>) -> (Loghorn, Receiver, Receiver) {
    let server = match data {
        Some(data) => Loghorn::start_in(data, &[], &[]).await,
        None => Loghorn::start().await,
    };
    let (well, ill) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(503, "")));
    server.subscribe(&well.url(), json!({})).await;
    server.subscribe(&ill.url(), json!({})).await;
    (server, well, ill)
}

/// After the last restart: what was accepted is in the log once and arrived where the receiver is well; for the other
/// each event waits or is a dead letter.
async fn check(server: &Loghorn, receiver: &Receiver, accepted: &BTreeSet<String>) {
    until("everything is routed and delivered", 120, || async {
        let stats = server.get("/api/v1/stats").await;
        let last = &stats["event_stats"]["last_seq"];
        *last == stats["event_stats"]["routed_seq"] && *last == stats["delivery_stats"]["delivered"]
    })
    .await;
    let stats = server.get("/api/v1/stats").await;
    let events = stats["event_stats"]["last_seq"].as_u64().unwrap();
    assert_eq!(
        stats["delivery_stats"]["total_deliveries"],
        2 * events,
        "a delivery was skipped or made twice: {stats}"
    );
    let stored = server.event_ids().await;
    let lost: Vec<_> = accepted.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} accepted events are lost: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    assert!(stored.values().all(|n| *n == 1), "an event is stored twice");
    let arrived: BTreeSet<String> = receiver.arrived().iter().map(support::receiver::Webhook::event_id).collect();
    let missing: Vec<_> = stored.keys().filter(|id| !arrived.contains(*id)).collect();
    assert!(missing.is_empty(), "{} events never arrived: {:?}", missing.len(), &missing[..missing.len().min(5)]);
    // One event, one delivery, one id.
    let mut ids = BTreeMap::<String, BTreeSet<String>>::new();
    for webhook in receiver.arrived() {
        ids.entry(webhook.event_id()).or_default().insert(webhook.id().to_owned());
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "a delivery came with two ids");
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn kill_9_loses_nothing_that_was_accepted() {
    let (mut server, receiver, _ill) = start(None).await;
    let accepted = Arc::new(Mutex::new(BTreeSet::new()));
    let kills = times("LOGHORN_TEST_KILLS", 8);
    for life in 0..kills {
        let stop = Arc::new(AtomicBool::new(false));
        let senders = load(server.addr, life, accepted.clone(), stop.clone());
        // A different moment each time.
        tokio::time::sleep(Duration::from_millis(50 + (life as u64 * 7919) % 400)).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        server.restart();
    }
    let accepted = accepted.lock().unwrap().clone();
    assert!(accepted.len() > kills * 5, "too little load: {}", accepted.len());
    check(&server, &receiver, &accepted).await;
    say(&format!("{kills} kills, {} accepted, {} webhooks, 0 lost", accepted.len(), receiver.count()));
}

fn run(command: &str, args: &[&str]) -> bool {
    Command::new(command).args(args).status().is_ok_and(|status| status.success())
}

/// A file system of its own in a file, unmounted when dropped.
struct Mount {
    folder: tempfile::TempDir,
}

impl Mount {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (image, point) = (folder.path().join("image"), folder.path().join("mount"));
        std::fs::create_dir(&point).unwrap();
        std::fs::File::create(&image).unwrap().set_len(512 << 20).unwrap();
        let made = run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        let mount = Self { folder };
        (made && mount.mount()).then_some(mount)
    }

    fn point(&self) -> std::path::PathBuf {
        self.folder.path().join("mount")
    }

    fn mount(&self) -> bool {
        let image = self.folder.path().join("image");
        run("mount", &["-o", "loop", image.to_str().unwrap(), self.point().to_str().unwrap()])
    }

    fn unmount(&self) -> bool {
        run("umount", &[self.point().to_str().unwrap()])
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // It may be unmounted already.
        let _ = self.unmount();
    }
}

/// Cuts the power of the file system: what was not synced is gone.
fn cut(point: &Path) -> bool {
    const SHUTDOWN: &str = "import fcntl,os,struct,sys\n\
        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
    run("python3", &["-c", SHUTDOWN, point.to_str().unwrap()])
}

#[actix_rt::test]
async fn a_power_cut_loses_nothing_that_was_accepted() {
    if !run("sh", &["-c", "test $(id -u) = 0"]) {
        return say("skipped: power cuts need root, for a loop mount");
    }
    let Some(mount) = Mount::new() else {
        return say("skipped: power cuts need a loop mount, and there is none here");
    };
    let data = mount.point().join("data");
    let (mut server, receiver, _ill) = start(Some(&data)).await;
    let accepted = Arc::new(Mutex::new(BTreeSet::new()));
    let cuts = times("LOGHORN_TEST_CUTS", 3);
    for life in 0..cuts {
        let stop = Arc::new(AtomicBool::new(false));
        let senders = load(server.addr, life, accepted.clone(), stop.clone());
        tokio::time::sleep(Duration::from_millis(150 + (life as u64 * 7919) % 500)).await;
        // What was answered before the cut. A machine without power answers nothing; this one still does for a moment,
        // also to an fdatasync that was under way and whose blocks ext4 could no longer mark as written.
        let before = accepted.lock().unwrap().clone();
        assert!(cut(&mount.point()), "the power could not be cut");
        server.kill();
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        *accepted.lock().unwrap() = before;
        assert!(mount.unmount() && mount.mount(), "the file system did not come back");
        server.restart();
    }
    let all = accepted.lock().unwrap().clone();
    assert!(all.len() > cuts * 5, "too little load: {}", all.len());
    check(&server, &receiver, &all).await;
    say(&format!("{cuts} power cuts, {} accepted, {} webhooks, 0 lost", all.len(), receiver.count()));
    server.kill();
}
