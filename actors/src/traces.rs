//! Attempts as parts of distributed traces: told of to whoever keeps them, for events that belong to one.

use std::{fmt, time::Duration};

use loghorn_domain::{Class, Timestamp};

/// One attempt of a webhook whose event belongs to a trace.
#[derive(Debug, Clone, Copy)]
pub struct TracedAttempt<'a> {
    /// The event's `traceparent` (W3C Trace Context, level 1), which the webhook carries too.
    pub traceparent: &'a str,
    /// The delivery's id, which the webhook carries as `webhook-id`.
    pub delivery: &'a str,
    /// The subscription's name.
    pub subscription: &'a str,
    /// Where it went; no more of the URL, for a path may be a secret.
    pub host: &'a str,
    /// The port there, where the URL names one.
    pub port: Option<u16>,
    /// Attempts of the delivery before this one.
    pub resends: u16,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it came to.
    pub class: Class,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<&'a str>,
}

/// Keeps traces. It must neither wait nor fail: what it cannot take is lost.
pub trait Traces: fmt::Debug + Send + Sync {
    /// Is told of an attempt that ended.
    fn attempted(&self, attempt: TracedAttempt<'_>);
}
