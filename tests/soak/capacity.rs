//! More than there is room for: backlogs, floods of events, crowds of clients, many endpoints.

use std::{
    io::Write as _,
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Loghorn, Seen,
    load::{self, quantile, steady, subscribe},
    mib, scaled,
    sink::Sink,
    support::overload as flood,
    until,
};

/// Bytes in the data directory.
fn disk(server: &Loghorn) -> u64 {
    let files = std::fs::read_dir(&server.data).unwrap().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

async fn until_delivery(server: &Loghorn, seconds: u64, holds: impl Fn(&Value) -> bool) {
    until("the deliveries stand so", seconds, || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        holds(&server.delivery_stats().await)
    })
    .await;
}

/// R18: ten million deliveries queued to endpoints that are dead.
pub async fn dead_backlog(scale: f64) -> Seen {
    const ENDPOINTS: usize = 100;
    let events = scaled(100_000, scale, 5000) as u64;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Loghorn::start().await;
    for n in 0..ENDPOINTS {
        let (url, name) = (format!("http://{dead}/{n}"), json!({"name": format!("dead {n}")}));
        server.subscribe(&url, name).await;
    }
    let (epoch, mut rss) = (Instant::now(), Vec::new());
    // A tenth at a time; by the third the buffers for writing are as large as they get.
    for tenth in 0..10 {
        load::bulk(server.addr, epoch, events * tenth / 10..events * (tenth + 1) / 10, |_| 0).await;
        let due = events * (tenth + 1) / 10 * ENDPOINTS as u64;
        until_delivery(&server, 300, |stats| stats["total_deliveries"] == due).await;
        rss.push(mib(server.rss()));
    }
    let mut seen = Seen::default();
    let total = events as usize * ENDPOINTS;
    let took = epoch.elapsed().as_secs_f64();
    seen.note(format!(
        "{total} deliveries queued in {took:.0} s, {:.1} bytes of disk each",
        disk(&server) as f64 / total as f64
    ));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    seen.at_most("memory grew from the fourth to the last fifth by MiB", mean(&rss[8..]) - mean(&rss[3..5]), 5.0);
    seen.note(format!("memory {:.0} MiB at the end, {:.0} at most", rss[9], rss.iter().copied().fold(0.0, f64::max)));
    server.assert_ledger_balances().await;
    seen.note("the ledger balances");
    seen
}

/// R23: ten times what the queue takes.
pub async fn overload(scale: f64) -> Seen {
    let server = Loghorn::start_with(&flood::ARGS, &[]).await;
    let flood = flood::run(&server, scaled(60, scale, 5) as u64).await;
    let stored = server.event_ids().await;
    let lost = flood.accepted.iter().filter(|id| stored.get(*id) != Some(&1)).count();
    let mut seen = Seen::default();
    seen.note(format!("{} events accepted, {} requests refused", flood.accepted.len(), flood.refused));
    let median = quantile(flood.refused_took.clone(), 0.5).as_secs_f64() * 1e3;
    seen.at_most("median of a 503, ms", median, 50.0);
    seen.note(format!("p99 of a 503 {:.1} ms", quantile(flood.refused_took, 0.99).as_secs_f64() * 1e3));
    seen.at_most("p99 of a 202, ms", quantile(flood.accepted_took, 0.99).as_secs_f64() * 1e3, 1000.0);
    seen.at_most("memory grew by MiB", mib(flood.grown_bytes), 150.0);
    seen.exactly("lost, or stored twice", lost, 0);
    seen
}

/// R24: five thousand clients that never finish their requests.
pub async fn slow_clients(scale: f64) -> Seen {
    let clients = scaled(5000, scale, 200);
    let server = Loghorn::start().await;
    let calm = p99(&server).await;
    let (fds, rss) = (server.fds(), server.rss());
    let addr = server.addr;
    // They come again as often as they are sent away.
    let crowd = std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut streams = Vec::<TcpStream>::new();
        while Instant::now() < deadline {
            streams.retain_mut(|stream| stream.write_all(b"a").is_ok());
            while streams.len() < clients {
                let Ok(mut stream) = TcpStream::connect(addr) else { break };
                let _ = stream.write_all(b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nX-");
                streams.push(stream);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    until("they are connected", 15, || async { server.fds() >= fds + clients * 9 / 10 }).await;
    let slow = server.fds() - fds;
    let with = p99(&server).await;
    let grown = server.rss().saturating_sub(rss);
    crowd.join().unwrap();
    let mut seen = Seen::default();
    seen.note(format!("{slow} slow clients at a time, {:.0} KiB of memory each", grown as f64 / 1024.0 / slow as f64));
    let (calm, with) = (calm.as_secs_f64() * 1e3, with.as_secs_f64() * 1e3);
    seen.at_most(&format!("p99 with them {with:.2} ms ÷ without {calm:.2} ms"), with / calm, 2.0);
    until("their files are closed", 30, || async { server.fds() <= fds + 2 }).await;
    seen
}

/// Of an answer to one who has nothing else to do; the middle of five rounds.
async fn p99(server: &Loghorn) -> Duration {
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let mut took = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            server.get("/api/v1/health/live").await;
            took.push(began.elapsed());
        }
        rounds.push(quantile(took, 0.99));
    }
    quantile(rounds, 0.5)
}

/// Ten thousand endpoints with traffic.
pub async fn memory(scale: f64) -> Seen {
    let endpoints = scaled(10_000, scale, 500);
    let epoch = Instant::now();
    let (server, sink) = (Loghorn::start().await, Sink::start(200, epoch));
    subscribe(&server, 0..endpoints, |n| sink.url(n), json!({})).await;
    let idle = mib(server.rss());
    let span = Duration::from_secs(scaled(60, scale, 10) as u64);
    let sent = steady(server.addr, epoch, 1000, span, 0, move |n| n as usize % endpoints).await;
    load::arrived(&sink, sent.accepted.len(), 60).await;
    let took = sink.take().iter().map(|arrival| arrival.took).collect();
    let mut seen = Seen::default();
    seen.note(format!("{endpoints} endpoints, {} events; {idle:.0} MiB before", sent.accepted.len()));
    seen.at_most("memory with traffic, MiB", mib(server.rss()), 150.0);
    seen.note(format!("p99 from POST to arrival {:.1} ms", quantile(took, 0.99).as_secs_f64() * 1e3));
    seen
}

/// A million deliveries wait for another attempt, and nothing is due.
pub async fn retrying(scale: f64) -> Seen {
    let (endpoints, each) = (scaled(1000, scale.max(0.1), 100), scaled(1000, scale, 100));
    let epoch = Instant::now();
    // "In an hour", from a receiver that is well otherwise.
    let (server, sink) = (Loghorn::start().await, Sink::start(429, epoch));
    subscribe(&server, 0..endpoints, |n| sink.url(n), json!({})).await;
    let backlog = endpoints * each;
    load::bulk(server.addr, epoch, 0..backlog as u64, move |n| n as usize % endpoints).await;
    until_delivery(&server, 400, |stats| stats["retrying"] == backlog).await;
    let attempted = epoch.elapsed().as_secs_f64();
    // Whatever the store still has to put in order.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (cpu, began) = (server.cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(scaled(60, scale, 15) as u64)).await;
    let share = (server.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    let mut seen = Seen::default();
    seen.note(format!(
        "{backlog} deliveries of {endpoints} endpoints wait; each was attempted within {attempted:.0} s"
    ));
    seen.at_most("processor while nothing is due, % of a core", share * 100.0, 5.0);
    seen.note(format!("memory {:.0} MiB", mib(server.rss())));
    seen
}
