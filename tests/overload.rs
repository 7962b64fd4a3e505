//! Ingest far beyond its capacity: a quick 503, bounded memory, nothing accepted is lost.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use support::{Loghorn, overload, say};

#[actix_rt::test]
async fn overload_is_a_quick_503_and_bounded_memory() {
    let server = Loghorn::start_with(&overload::ARGS, &[]).await;
    let overload::Seen { accepted, refused, refused_took: took, grown_bytes, .. } = overload::run(&server, 4).await;
    assert!(!accepted.is_empty() && refused > 100 && took.len() > 10, "no overload: {} / {refused}", accepted.len());
    let (median, worst) = (took[took.len() / 2].as_millis(), took[took.len() - 1].as_millis());
    let grown = grown_bytes >> 20;
    say(&format!("accepted {}, refused {refused}, a 503 took {median} ms (worst {worst} ms)", accepted.len()));
    // The median: senders and an unoptimised server share the cores, so the worst measures the scheduler.
    assert!(median < 50, "a 503 took {median} ms");
    assert!(grown < 150, "memory grew by {grown} MiB");
    let stored = server.event_ids().await;
    assert_eq!(accepted.iter().find(|id| stored.get(*id) != Some(&1)), None, "an accepted event is not stored once");
}
