//! The whole path against its ceilings, measured beside it in the same run: one line for each figure.
//!
//! `cargo bench --bench end_to_end -- delivery` runs only the parts whose name holds the word.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, unreachable_pub)]

mod support;

use std::time::{Duration, Instant};

use loghorn_domain::{Draft, subscription::Spec};
use support::{Receiver, Run, awc_alone, cpu, median};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Repetitions of each pair; the medians count.
const ROUNDS: usize = 3;

fn main() {
    support::be_receiver_if_told();
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    println!("{:<44} {:>12} {:>12} {:>7}  target", "figure", "measured", "ceiling", "ratio");
    if wanted("delivery_one") {
        delivery("delivered/s, 1 endpoint ÷ awc at 64", 1, 60_000, 64, 64, 0.65, true);
    }
    if wanted("delivery_ten") {
        delivery("delivered/s, 10 endpoints ÷ awc at 64", 10, 100_000, 64, 16, 0.80, false);
    }
    if wanted("delivery_thousand") {
        delivery("delivered/s, 1000 endpoints ÷ awc at 1024", 1000, 100_000, 1024, 16, 0.60, false);
    }
}

fn line(name: &str, measured: f64, ceiling: f64, target: &str) {
    println!("{name:<44} {measured:>12.1} {ceiling:>12.1} {:>7.2}  {target}", measured / ceiling);
}

fn delivery(name: &str, endpoints: usize, deliveries: usize, awc: usize, in_flight: u16, target: f64, with_cpu: bool) {
    let receiver = Receiver::start();
    awc_alone(&receiver.url, awc, 10_000);
    let mut ceilings = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        ceilings.push(awc_alone(&receiver.url, awc, 60_000));
        runs.push(delivered(&receiver.url, endpoints, deliveries, in_flight));
    }
    let rate = |runs: &[Run]| median(runs.iter().map(|run| run.rate).collect());
    let cpu = |runs: &[Run]| median(runs.iter().map(|run| run.cpu_us).collect());
    line(name, rate(&runs), rate(&ceilings), &format!("≥ {target:.2}"));
    if with_cpu {
        line("CPU µs per delivery ÷ awc's per request", cpu(&runs), cpu(&ceilings), "≤ 1.80");
    }
}

/// Appends events until each of `endpoints` has got its share of `deliveries`.
fn delivered(url: &str, endpoints: usize, deliveries: usize, in_flight: u16) -> Run {
    let url = url.to_owned();
    let run = move || {
        actix_rt::System::new().block_on(async move {
            let folder = tempfile::tempdir().unwrap();
            let system = support::system(open(&folder), in_flight, 2).await;
            for n in 0..endpoints {
                let json = serde_json::json!({"name": "n", "url": format!("{url}/{n}"), "events": ["payment.**"]});
                system.subscriptions().create(Spec::from_json(json).unwrap(), None).await.unwrap();
            }
            let events = deliveries / endpoints;
            let bodies: Vec<String> = (0..events).map(support::event).collect();
            let (began, cpu_before) = (Instant::now(), cpu());
            for batch in bodies.chunks(1000) {
                let now = system.clock().now();
                let read =
                    |json: &String| Draft::from_json(json.as_bytes()).unwrap().seal(now, system.limits()).unwrap();
                let reservation = system.ingest().reserve(1).unwrap();
                system.ingest().append(reservation, batch.iter().map(read).collect()).await.unwrap();
            }
            let total = (events * endpoints) as u64;
            while system.delivery_stats(None).delivered < total {
                assert!(began.elapsed() < Duration::from_secs(300), "{:?}", system.delivery_stats(None));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let took = began.elapsed().as_secs_f64();
            let cpu_us = (cpu() - cpu_before).as_secs_f64() * 1e6 / total as f64;
            system.drain(Duration::from_secs(5)).await;
            Run { rate: total as f64 / took, cpu_us }
        })
    };
    std::thread::spawn(run).join().unwrap()
}

fn open(folder: &tempfile::TempDir) -> loghorn_storage::Store {
    let clock = std::sync::Arc::new(support::WallClock(Instant::now()));
    loghorn_storage::rocks::open(loghorn_storage::rocks::Options::new(folder.path().join("data"), 7), clock).unwrap()
}
