//! The server as a process, over HTTP: latency, ingest, start and rest, each beside its ceiling of the same run.
//!
//! `cargo bench --bench server -- ingest` runs only the parts whose name holds the word.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, unreachable_pub)]

mod support;

use std::{
    cell::Cell,
    io::{BufRead, BufReader, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use support::{
    median,
    server::{Server, act, client, stats, subscribe},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    println!("{:<44} {:>12} {:>12} {:>7}  target", "figure", "measured", "ceiling", "ratio");
    if wanted("latency") {
        latency();
    }
    if wanted("ingest_ndjson") {
        ingest_ndjson();
    }
    if wanted("ingest_single") {
        ingest_single();
    }
    if wanted("start") {
        start();
    }
    if wanted("idle") {
        idle();
    }
}

fn line(name: &str, measured: f64, ceiling: f64, target: &str) {
    println!("{name:<44} {measured:>12.1} {ceiling:>12.1} {:>7.2}  {target}", measured / ceiling);
}

/// Requests a second of `connections` senders over `seconds`, each answered with `status`.
fn load(method: &str, url: &str, body: &str, connections: usize, seconds: u64, status: u16) -> f64 {
    let (method, url, body) = (method.parse().unwrap(), url.to_owned(), actix_web::web::Bytes::from(body.to_owned()));
    let run = move || {
        actix_rt::System::new().block_on(async move {
            let (client, done): (_, Rc<Cell<u64>>) = (client(), Rc::default());
            let (began, deadline) = (Instant::now(), Instant::now() + Duration::from_secs(seconds));
            let senders = (0..connections).map(|_| {
                let (client, url, body, done): (_, _, _, Rc<Cell<u64>>) =
                    (client.clone(), url.clone(), body.clone(), done.clone());
                let method: awc::http::Method = Clone::clone(&method);
                actix_rt::spawn(async move {
                    while Instant::now() < deadline {
                        let request = client
                            .request(method.clone(), &url)
                            .insert_header(("content-type", "application/x-ndjson"));
                        let mut answer = request.send_body(body.clone()).await.unwrap();
                        answer.body().await.unwrap();
                        assert_eq!(answer.status(), status);
                        done.set(done.get() + 1);
                    }
                })
            });
            for sender in senders.collect::<Vec<_>>() {
                sender.await.unwrap();
            }
            done.get() as f64 / began.elapsed().as_secs_f64()
        })
    };
    std::thread::spawn(run).join().unwrap()
}

fn ingest_ndjson() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    const EVENTS: usize = 1000;
    let good: String = (0..EVENTS).map(|n| support::event(n) + "\n").collect();
    // Read to its end, then refused: all the work but the store's.
    let parsed_only = format!("{good}{{\"level\":\"LOUD\"}}\n");
    let url = format!("{}/api/v1/events", server.url);
    let (mut stored, mut parsed) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        parsed.push(load("POST", &url, &parsed_only, 8, 2, 422) * EVENTS as f64);
        stored.push(load("POST", &url, &good, 8, 2, 202) * EVENTS as f64);
    }
    line("NDJSON events/s with fsync ÷ parse only", median(stored), median(parsed), "≥ 0.25");
}

fn ingest_single() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (event, url) = (support::event(1), format!("{}/api/v1/events", server.url));
    let live = format!("{}/api/v1/health/live", server.url);
    let (mut stored, mut nothing) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        nothing.push(load("GET", &live, "", 64, 2, 200));
        stored.push(load("POST", &url, &event, 64, 2, 202));
    }
    line("POST/s with fsync, 64 connections ÷ no-op", median(stored), median(nothing), "≥ 0.33");
}

/// A receiver on a thread of this process that says when each event's number arrived.
fn timing_receiver(arrived: Arc<Mutex<Vec<Option<Instant>>>>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, arrived) = (stream.unwrap(), arrived.clone());
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut writer = stream.try_clone().unwrap();
                let mut reader = BufReader::new(stream);
                loop {
                    let mut length = 0;
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        if line == "\r\n" {
                            break;
                        }
                        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = text.trim().parse().unwrap();
                        }
                    }
                    let mut body = vec![0; length];
                    std::io::Read::read_exact(&mut reader, &mut body).unwrap();
                    let at = Instant::now();
                    let text = String::from_utf8(body).unwrap();
                    let n = text.split("\"n\":").nth(1).unwrap();
                    let n: usize = n[..n.find(',').unwrap()].parse().unwrap();
                    writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                    arrived.lock().unwrap()[n] = Some(at);
                }
            });
        }
    });
    url
}

/// The median time of an fdatasync of 4 KiB beside the data, at 500 a second, in milliseconds.
fn fdatasync_ms(folder: &Path) -> f64 {
    let path = folder.join("sync");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).unwrap();
    let took = (0..500).map(|_| {
        std::thread::sleep(Duration::from_millis(2));
        let began = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        began.elapsed().as_secs_f64() * 1e3
    });
    median(took.collect())
}

fn latency() {
    const EVENTS: usize = 3000;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let arrived = Arc::new(Mutex::new(vec![None; EVENTS]));
    subscribe(&server, "latency", &timing_receiver(arrived.clone()));
    let url = format!("{}/api/v1/events", server.url);
    let (mut p50, mut p99, mut sync) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        sync.push(fdatasync_ms(folder.path()));
        arrived.lock().unwrap().fill(None);
        let url = url.clone();
        let send = move || {
            actix_rt::System::new().block_on(async move {
                let client = client();
                let sent = Rc::new(std::cell::RefCell::new(vec![Instant::now(); EVENTS]));
                let mut tick = tokio::time::interval(Duration::from_millis(2));
                let mut senders = Vec::new();
                for n in 0..EVENTS {
                    tick.tick().await;
                    let (client, url, sent, body) = (client.clone(), url.clone(), sent.clone(), support::event(n));
                    senders.push(actix_rt::spawn(async move {
                        sent.borrow_mut()[n] = Instant::now();
                        let request = client.post(url).insert_header(("content-type", "application/json"));
                        let mut answer = request.send_body(body).await.unwrap();
                        assert_eq!(answer.status(), 202);
                        answer.body().await.unwrap();
                    }));
                }
                for sender in senders {
                    sender.await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                sent.take()
            })
        };
        let sent = std::thread::spawn(send).join().unwrap();
        let arrived = arrived.lock().unwrap();
        let took =
            sent.iter().zip(arrived.iter()).map(|(sent, arrived)| (arrived.unwrap() - *sent).as_secs_f64() * 1e3);
        let mut took: Vec<f64> = took.collect();
        took.sort_by(f64::total_cmp);
        p50.push(took[EVENTS / 2]);
        p99.push(took[EVENTS * 99 / 100]);
    }
    let micros = |millis: f64| millis * 1e3;
    line("POST → arrival p50 at 500/s ÷ fdatasync, µs", micros(median(p50)), micros(median(sync.clone())), "≤ 2.5");
    line("POST → arrival p99 at 500/s ÷ fdatasync, µs", micros(median(p99)), micros(median(sync)), "p99 ≤ 2000");
}

fn start() {
    const EVENTS: u64 = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    // Nobody listens there yet.
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = reserved.local_addr().unwrap();
    drop(reserved);
    subscribe(&server, "late", &format!("http://{addr}/hook"));
    // Else its circuit would be open, and a start does not forget that.
    act(&server, "pause");
    let body: String = (0..1000).map(|n| support::event(n) + "\n").collect();
    let url = format!("{}/api/v1/events", server.url);
    actix_rt::System::new().block_on(async {
        let client = client();
        for _ in 0..EVENTS / 1000 {
            let request = client.post(&url).insert_header(("content-type", "application/x-ndjson"));
            assert_eq!(request.send_body(body.clone()).await.unwrap().status(), 202);
        }
    });
    while stats(&server)["event_stats"]["routed_seq"].as_u64() < Some(EVENTS) {
        std::thread::sleep(Duration::from_millis(50));
    }
    server.kill();
    let first = Arc::new(AtomicU64::new(0));
    let listener = std::net::TcpListener::bind(addr).unwrap();
    let began = Instant::now();
    let tell = first.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 16384];
                while std::io::Read::read(&mut stream, &mut buffer).is_ok_and(|n| n > 0) {
                    let at = u64::try_from(began.elapsed().as_micros()).unwrap();
                    let _ = tell.compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed);
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                        return;
                    }
                }
            });
        }
    });
    let server = Server::start(&data);
    act(&server, "resume");
    while first.load(Ordering::Relaxed) == 0 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    line("first delivery, 1 M pending, ms ÷ 1 s", first.load(Ordering::Relaxed) as f64 / 1e3, 1000.0, "< 1.00");
    std::thread::sleep(Duration::from_secs(2));
    line("RSS then, MB ÷ 200 MB", server.rss_mb(), 200.0, "< 1.00");
}

fn idle() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    for n in 0..1000 {
        subscribe(&server, &format!("s{n}"), "http://127.0.0.1:9099/hook");
    }
    std::thread::sleep(Duration::from_secs(2));
    let before = server.cpu();
    std::thread::sleep(Duration::from_secs(10));
    line("idle RSS with 1000 subscriptions, MB ÷ 40", server.rss_mb(), 40.0, "< 1.00");
    line("idle CPU, % of a core ÷ 0.5 %", (server.cpu() - before) * 10.0, 0.5, "< 1.00");
}
