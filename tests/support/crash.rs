//! What every test of crashes needs: load that remembers what was accepted, and the check of what is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Loghorn, Mood, Receiver, receiver::Webhook};

/// Senders under way, and the ids of what was answered with 2xx.
pub struct Load {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<()>>,
    accepted: Arc<Mutex<BTreeSet<String>>>,
}

impl Load {
    /// Four senders of batches of five; the ids begin with `life`.
    pub fn start(addr: SocketAddr, life: impl std::fmt::Display) -> Self {
        let (stop, accepted) = (Arc::<AtomicBool>::default(), Arc::<Mutex<BTreeSet<String>>>::default());
        let senders = (0..4).map(|thread| {
            let (stop, accepted, life) = (stop.clone(), accepted.clone(), format!("{life}-{thread}"));
            std::thread::spawn(move || actix_rt::System::new().block_on(send(addr, life, accepted, stop)))
        });
        let senders = senders.collect();
        Self { stop, senders, accepted }
    }

    /// What was accepted so far.
    pub fn accepted(&self) -> BTreeSet<String> {
        self.accepted.lock().unwrap().clone()
    }

    /// Everything that was accepted.
    pub fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.into_iter().for_each(|sender| sender.join().unwrap());
        std::mem::take(&mut *self.accepted.lock().unwrap())
    }
}

/// Sends until told to stop, or until nobody answers.
async fn send(addr: SocketAddr, life: String, accepted: Arc<Mutex<BTreeSet<String>>>, stop: Arc<AtomicBool>) {
    let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
    for batch in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let ids: Vec<String> = (0..5).map(|n| format!("{life}-{batch}-{n}")).collect();
        let events: Vec<_> = ids.iter().map(|id| json!({"id": id, "level": "ERROR"})).collect();
        match client.post(format!("http://{addr}/api/v1/events")).send_json(&events).await {
            Ok(answer) if answer.status() == 202 => accepted.lock().unwrap().extend(ids),
            Ok(answer) => {
                assert_eq!(answer.status(), 503);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(_) => return,
        }
    }
}

/// A server with two subscriptions to everything: one receiver is well, one is never.
pub async fn start(data: Option<&Path>) -> (Loghorn, Receiver, Receiver) {
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
pub async fn check(server: &Loghorn, receiver: &Receiver, accepted: &BTreeSet<String>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let stats = loop {
        let stats = server.get("/api/v1/stats").await;
        // A circuit that opened is an event too, for nobody here.
        let own = server.get("/api/v1/events?type=loghorn.**").await["items"].as_array().unwrap().len() as u64;
        let (last, routed) = (&stats["event_stats"]["last_seq"], &stats["event_stats"]["routed_seq"]);
        if last == routed && stats["delivery_stats"]["delivered"] == last.as_u64().unwrap() - own {
            break stats;
        }
        assert!(Instant::now() < deadline, "not everything is routed and delivered within 120 s: {stats}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let events = stats["delivery_stats"]["delivered"].as_u64().unwrap();
    assert_eq!(
        stats["delivery_stats"]["total_deliveries"],
        2 * events,
        "a delivery was skipped or made twice: {stats}"
    );
    let stored = server.event_ids().await;
    let lost: Vec<_> = accepted.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} accepted events are lost: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    assert!(stored.values().all(|n| *n == 1), "an event is stored twice");
    let arrived: BTreeSet<String> = receiver.arrived().iter().map(Webhook::event_id).collect();
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

/// `kill -9` under load, so many times; what was seen.
pub async fn survive_kills(kills: usize) -> String {
    let (mut server, receiver, _ill) = start(None).await;
    let mut accepted = BTreeSet::new();
    for life in 0..kills {
        let load = Load::start(server.addr, life);
        // A different moment each time.
        tokio::time::sleep(Duration::from_millis(50 + (life as u64 * 7919) % 400)).await;
        server.kill();
        accepted.extend(load.stop());
        server.restart();
    }
    assert!(accepted.len() > kills * 5, "too little load: {}", accepted.len());
    check(&server, &receiver, &accepted).await;
    format!("{kills} kills, {} accepted, {} webhooks, 0 lost", accepted.len(), receiver.count())
}

/// Power cuts of the file system under load, so many; what was seen.
pub async fn survive_power_cuts(cuts: usize) -> String {
    let Some(mount) = Mount::new() else {
        return "skipped: power cuts need root and a loop mount".into();
    };
    let data = mount.point().join("data");
    let (mut server, receiver, _ill) = start(Some(&data)).await;
    let mut accepted = BTreeSet::new();
    for life in 0..cuts {
        let load = Load::start(server.addr, life);
        tokio::time::sleep(Duration::from_millis(150 + (life as u64 * 7919) % 500)).await;
        // What was answered before the cut. A machine without power answers nothing; this one still does for a moment,
        // also to an fdatasync that was under way and whose blocks ext4 could no longer mark as written.
        accepted.extend(load.accepted());
        assert!(cut(&mount.point()), "the power could not be cut");
        server.kill();
        load.stop();
        assert!(mount.unmount() && mount.mount(), "the file system did not come back");
        server.restart();
    }
    assert!(accepted.len() > cuts * 5, "too little load: {}", accepted.len());
    check(&server, &receiver, &accepted).await;
    server.kill();
    format!("{cuts} power cuts, {} accepted, {} webhooks, 0 lost", accepted.len(), receiver.count())
}

/// The path of strace, with which a system call can be made to fail or to kill.
pub fn strace() -> Option<String> {
    let found = Command::new("sh").args(["-c", "command -v strace"]).output().ok()?;
    let path = String::from_utf8(found.stdout).ok()?.trim().to_owned();
    (!path.is_empty()).then_some(path)
}

/// Crashes at the nth call of these by any thread: while it opens, at rest, under load. What was seen.
///
/// `points`: the system calls, in strace's words, and which.
pub async fn survive_crash_points(points: &[(&str, usize)]) -> String {
    let Some(strace) = strace() else { return "skipped: crash points need strace".into() };
    let (mut server, receiver, _ill) = start(None).await;
    let (mut accepted, mut crashed, mut opening) = (BTreeSet::new(), 0, 0);
    for (point, (calls, nth)) in points.iter().enumerate() {
        server.kill();
        let inject = format!("inject={calls}:signal=SIGKILL:when={nth}");
        match server.try_restart(&[&strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", &inject]) {
            Err(_) => opening += 1,
            Ok(()) => {
                let load = Load::start(server.addr, point);
                crashed += usize::from(server.ends(5).await);
                server.kill();
                accepted.extend(load.stop());
            }
        }
        // Without help, each time.
        server.restart();
    }
    assert!(crashed + opening > points.len() / 2, "few points were reached: {crashed} and {opening}");
    check(&server, &receiver, &accepted).await;
    format!(
        "{} crash points: {opening} while opening, {crashed} under load; {} accepted, 0 lost",
        points.len(),
        accepted.len()
    )
}

/// Whether the command could be run and ended with 0.
pub fn run(command: &str, args: &[&str]) -> bool {
    Command::new(command).args(args).status().is_ok_and(|status| status.success())
}

/// A file system of its own in a file, unmounted when dropped.
pub struct Mount {
    folder: tempfile::TempDir,
}

impl Mount {
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (image, point) = (folder.path().join("image"), folder.path().join("mount"));
        std::fs::create_dir(&point).unwrap();
        std::fs::File::create(&image).unwrap().set_len(512 << 20).unwrap();
        let made = run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        let mount = Self { folder };
        (made && mount.mount()).then_some(mount)
    }

    pub fn point(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    pub fn mount(&self) -> bool {
        let image = self.folder.path().join("image");
        run("mount", &["-o", "loop", image.to_str().unwrap(), self.point().to_str().unwrap()])
    }

    pub fn unmount(&self) -> bool {
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
pub fn cut(point: &Path) -> bool {
    const SHUTDOWN: &str = "import fcntl,os,struct,sys\n\
        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
    run("python3", &["-c", SHUTDOWN, point.to_str().unwrap()])
}
