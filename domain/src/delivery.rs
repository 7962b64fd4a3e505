//! Deliveries: their outcomes, verdicts, attempts and states.
//!
//! A failed webhook is an [`Outcome`], not an `Err`: outcomes go in, [`Verdict`]s come out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Seq, Timestamp};

/// What one attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A 2xx answer.
    Ok,
    /// A 4xx answer other than 408, 425 and 429.
    #[serde(rename = "http_4xx")]
    Http4xx,
    /// A 5xx answer; also 408 and 425, which ask for another try.
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// A redirect; never followed.
    #[serde(rename = "http_3xx")]
    Http3xx,
    /// 429.
    RateLimited,
    /// No connection in time.
    TimeoutConnect,
    /// No whole answer in time.
    TimeoutResponse,
    /// The name did not resolve.
    Dns,
    /// The connection was refused or the host unreachable.
    Connect,
    /// The TLS handshake failed or the certificate is not trusted.
    Tls,
    /// The connection was cut before the answer was whole.
    Reset,
    /// The answer was no HTTP.
    Protocol,
    /// The address or URL is not allowed.
    Blocked,
    /// The payload could not be made.
    Template,
    /// A 2xx answer that says, in the way of its receiver, that the webhook was not taken.
    Refused,
}

impl Class {
    /// Every class, in the order of their declaration.
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::Http4xx,
        Self::Http5xx,
        Self::Http3xx,
        Self::RateLimited,
        Self::TimeoutConnect,
        Self::TimeoutResponse,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::Protocol,
        Self::Blocked,
        Self::Template,
        Self::Refused,
    ];

    /// The class's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Http4xx => "http_4xx",
            Self::Http5xx => "http_5xx",
            Self::Http3xx => "http_3xx",
            Self::RateLimited => "rate_limited",
            Self::TimeoutConnect => "timeout_connect",
            Self::TimeoutResponse => "timeout_response",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Blocked => "blocked",
            Self::Template => "template",
            Self::Refused => "refused",
        }
    }

    /// The class of an answer with this status code.
    pub const fn of_status(code: u16) -> Self {
        match code {
            200..=299 => Self::Ok,
            300..=399 => Self::Http3xx,
            429 => Self::RateLimited,
            408 | 425 => Self::Http5xx,
            400..=499 => Self::Http4xx,
            500..=599 => Self::Http5xx,
            _ => Self::Protocol,
        }
    }

    /// Whether another try may go better. Everything else is dead at once.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Http5xx
            | Self::RateLimited
            | Self::TimeoutConnect
            | Self::TimeoutResponse
            | Self::Dns
            | Self::Connect
            | Self::Tls
            | Self::Reset
            | Self::Protocol => true,
            Self::Ok | Self::Http4xx | Self::Http3xx | Self::Blocked | Self::Template | Self::Refused => false,
        }
    }

    /// Whether this says that the endpoint itself is in trouble, for its circuit breaker. An endpoint that answers
    /// 404 or asks for a pause is alive.
    pub const fn is_endpoint_failure(self) -> bool {
        self.is_retryable() && !matches!(self, Self::RateLimited)
    }
}

/// What an attempt came to, as far as the machine must know to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Its class.
    pub class: Class,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Outcome {
    /// The outcome of an answer.
    pub fn answered(status_code: u16, retry_after: Option<Duration>) -> Self {
        Self { class: Class::of_status(status_code), status_code: Some(status_code), retry_after }
    }

    /// The outcome of an attempt without an answer.
    pub fn failed(class: Class) -> Self {
        Self { class, status_code: None, retry_after: None }
    }
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Done.
    Delivered,
    /// Tried again at this time.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// Given up.
    Dead(Reason),
}

/// Why a delivery was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A 4xx answer that says that no further try will do.
    #[serde(rename = "http_4xx")]
    Http4xx,
    /// A redirect.
    #[serde(rename = "http_3xx")]
    Http3xx,
    /// 410; the subscription is disabled.
    Gone,
    /// Out of attempts, or too old.
    Exhausted,
    /// The address or URL is not allowed.
    Blocked,
    /// The payload could not be made.
    Template,
    /// A 2xx answer that says that the webhook was not taken.
    Refused,
}

impl Reason {
    /// The reason's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http4xx => "http_4xx",
            Self::Http3xx => "http_3xx",
            Self::Gone => "gone",
            Self::Exhausted => "exhausted",
            Self::Blocked => "blocked",
            Self::Template => "template",
            Self::Refused => "refused",
        }
    }
}

/// The webhook's header that says where its delivery came from, unless it is [`Origin::Live`].
pub const ORIGIN_HEADER: &str = "webhook-origin";

/// Where a delivery came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A matching event.
    #[default]
    Live,
    /// A past event, delivered again through today's filter.
    Backfill,
    /// Sent again from the dead letters, or by hand.
    Replay,
    /// A synthetic test event.
    Test,
}

impl Origin {
    /// The origin's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backfill => "backfill",
            Self::Replay => "replay",
            Self::Test => "test",
        }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its first attempt (of this round).
    Queued,
    /// An attempt is under way.
    Attempting,
    /// Waits for its next attempt.
    Retrying,
    /// A 2xx came.
    Delivered,
    /// Given up.
    DeadLetter,
    /// Its subscription was deleted, or a person discarded it.
    Cancelled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Attempting, Self::Retrying, Self::Delivered, Self::DeadLetter, Self::Cancelled];

    /// The status's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Attempting => "attempting",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::DeadLetter => "dead_letter",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A delivery that waits in its endpoint's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which event.
    pub seq: Seq,
    /// Attempts made so far, over all rounds.
    pub attempts_total: u16,
    /// Attempts made in this round: since it was queued, or queued again by a replay.
    pub attempts_in_round: u16,
    /// When this round began.
    pub queued_at: Timestamp,
    /// When it may be tried again; `None` before the round's first attempt.
    pub next_at: Option<Timestamp>,
    /// Where it came from.
    pub origin: Origin,
}

impl Entry {
    /// An entry as it is first queued.
    pub fn fresh(seq: Seq, queued_at: Timestamp, origin: Origin) -> Self {
        Self { seq, attempts_total: 0, attempts_in_round: 0, queued_at, next_at: None, origin }
    }
}

/// The largest part of a response body that is read and kept, in bytes.
pub const RESPONSE_BODY_BYTES_MAX: usize = 16 * 1024;

/// One attempt, as it is kept.
///
/// Of the request only what differs between attempts is kept; the other headers follow from the delivery and its
/// subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first attempt ever, going on over replays.
    pub number: u16,
    /// When it began.
    pub started_at_ms: i64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What it came to.
    pub class: Class,
    /// The status code, if an answer came.
    pub status_code: Option<u16>,
    /// What went wrong, in words, if it did.
    pub error: Option<String>,
    /// What became of the delivery.
    pub verdict: Verdict,
    /// `webhook-signature` as sent.
    pub signature: String,
    /// The answer's headers, in order, values read lossily as UTF-8.
    pub response_headers: Vec<(String, String)>,
    /// The first [`RESPONSE_BODY_BYTES_MAX`] bytes of the answer's body, read lossily as UTF-8.
    pub response_body: String,
    /// The batch that it went with, if it did. The answer is kept with the oldest of a batch only.
    #[serde(skip)]
    pub batch: Option<Batched>,
    /// How long its phases took.
    #[serde(skip)]
    pub phases: Phases,
}

/// The batch that a delivery was sent with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batched {
    /// The `webhook-id` of the batch.
    pub id: String,
    /// Events in it.
    pub events: u32,
}

/// How long each phase of an attempt took, in microseconds; `None` where that is not known, because it was not needed
/// (on a connection that was there already nothing but the first byte is waited for) or did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// To resolve the name; `None` also where the URL holds an address.
    pub dns_us: Option<u64>,
    /// To connect, over all addresses that were tried.
    pub connect_us: Option<u64>,
    /// For the TLS handshake.
    pub tls_us: Option<u64>,
    /// From the request to the head of the answer.
    pub first_byte_us: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }

    #[test]
    fn statuses_have_the_right_class() {
        let cases = [
            (200, Class::Ok),
            (204, Class::Ok),
            (301, Class::Http3xx),
            (404, Class::Http4xx),
            (408, Class::Http5xx),
            (410, Class::Http4xx),
            (425, Class::Http5xx),
            (429, Class::RateLimited),
            (503, Class::Http5xx),
            (700, Class::Protocol),
        ];
        for (code, class) in cases {
            assert_eq!(Class::of_status(code), class, "{code}");
        }
    }
}
