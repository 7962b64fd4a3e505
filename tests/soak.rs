//! The faults of docs/reliability.md at full size: `make soak`, or `make soak ARGS="R1 R10" SCALE=0.1`.
//!
//! Each fault has its own bound of time; a figure that misses its limit, a panic or the end of the time is a failure, and
//! the exit code says so.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, unreachable_pub)]

#[path = "soak/capacity.rs"]
mod capacity;
#[path = "soak/endpoints.rs"]
mod endpoints;
#[path = "soak/load.rs"]
mod load;
#[path = "soak/process.rs"]
mod process;
#[path = "soak/sink.rs"]
mod sink;
mod support;

use std::{
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use support::{Loghorn, until};

/// A fault: its name, the minutes it may take, and how it is made. The scale is a factor of sizes and spans.
type Fault = (&'static str, u64, fn(f64) -> Pin<Box<dyn Future<Output = Seen>>>);

const FAULTS: &[Fault] = &[
    ("R1", 15, |scale| Box::pin(process::kills(scale))),
    ("R2", 15, |scale| Box::pin(process::crash_points(scale))),
    ("R3", 10, |scale| Box::pin(process::power_cuts(scale))),
    ("R10", 10, |scale| Box::pin(endpoints::chaos(scale))),
    ("R11", 15, |scale| Box::pin(endpoints::sick_neighbours(scale))),
    ("R12", 15, |scale| Box::pin(endpoints::return_at_once(scale))),
    ("R13", 15, |scale| Box::pin(endpoints::only_failures(scale))),
    ("R18", 15, |scale| Box::pin(capacity::dead_backlog(scale))),
    ("R19", 10, |scale| Box::pin(process::sigterms(scale))),
    ("R23", 5, |scale| Box::pin(capacity::overload(scale))),
    ("R24", 5, |scale| Box::pin(capacity::slow_clients(scale))),
    ("R28", 25, |scale| Box::pin(endpoints::mixed(scale))),
    ("memory", 10, |scale| Box::pin(capacity::memory(scale))),
    ("retrying", 10, |scale| Box::pin(capacity::retrying(scale))),
];

/// What was measured, each with whether it is within its limit.
#[derive(Default)]
pub struct Seen(Vec<(String, bool)>);

impl Seen {
    pub fn note(&mut self, text: impl Into<String>) {
        self.0.push((text.into(), true));
    }

    pub fn at_most(&mut self, what: &str, value: f64, limit: f64) {
        self.0.push((format!("{what} {value:.2} (≤ {limit})"), value <= limit));
    }

    pub fn at_least(&mut self, what: &str, value: f64, limit: f64) {
        self.0.push((format!("{what} {value:.2} (≥ {limit})"), value >= limit));
    }

    pub fn exactly(&mut self, what: &str, value: usize, expected: usize) {
        self.0.push((format!("{what} {value} (= {expected})"), value == expected));
    }
}

/// `n` at this scale, at least `least`.
pub fn scaled(n: usize, scale: f64, least: usize) -> usize {
    ((n as f64 * scale) as usize).max(least)
}

pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let scale: f64 = std::env::var("SCALE").map_or(1.0, |text| text.parse().unwrap());
    if let Some(unknown) = names.iter().find(|name| FAULTS.iter().all(|(known, ..)| known != name)) {
        let known: Vec<&str> = FAULTS.iter().map(|(known, ..)| *known).collect();
        eprintln!("{unknown} is none of {}", known.join(" "));
        return ExitCode::from(2);
    }
    let wanted = FAULTS.iter().filter(|(name, ..)| names.is_empty() || names.iter().any(|wanted| wanted == name));
    let mut failed = Vec::new();
    for (name, minutes, make) in wanted {
        let began = Instant::now();
        let seen = run(*minutes, scale, *make);
        println!("{name}  scale {scale}, {:.0} s", began.elapsed().as_secs_f64());
        for (text, is_within) in &seen.0 {
            println!("  {}  {text}", if *is_within { "ok  " } else { "FAIL" });
        }
        if seen.0.iter().any(|(_, is_within)| !is_within) {
            failed.push(*name);
        }
    }
    match failed[..] {
        [] => ExitCode::SUCCESS,
        _ => {
            println!("failed: {}", failed.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(minutes: u64, scale: f64, make: fn(f64) -> Pin<Box<dyn Future<Output = Seen>>>) -> Seen {
    let bounded = move || {
        let bounded = async { tokio::time::timeout(Duration::from_secs(minutes * 60), make(scale)).await };
        actix_rt::System::new().block_on(bounded)
    };
    let failure = match std::thread::spawn(bounded).join() {
        Ok(Ok(seen)) => return seen,
        Ok(Err(_)) => format!("not done within {minutes} min"),
        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".into()),
    };
    Seen(vec![(failure, false)])
}
