//! What every end-to-end test needs: the real server as a process of its own, a real receiver, a small client.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods
)]

pub mod captures;
pub mod chaos;
pub mod cli;
pub mod clients;
pub mod crash;
pub mod dns;
pub mod loghorn;
pub mod overload;
pub mod receiver;
pub mod tls;
pub mod transcript;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use serde_json::Value;

pub use loghorn::Loghorn;
pub use receiver::{Mood, Receiver};

/// Waits until `holds`, at most `seconds`; panics with `what` otherwise.
pub async fn until<F: Future<Output = bool>>(what: &str, seconds: u64, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Says something that is seen also where the test passes: that it was skipped, or what it measured.
pub fn say(text: &str) {
    // Not `eprintln!`, which the test harness swallows. Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A file for its owner alone.
pub fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A line of the log as a sender writes it.
pub fn event(level: &str, n: usize) -> Value {
    serde_json::json!({
        "id": format!("test-{level}-{n}"), "level": level, "source": "shop", "message": format!("line {n}"),
        "metadata": {"n": n}
    })
}
