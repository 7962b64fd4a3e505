//! Loghorn's pure core: what an event, a subscription and a delivery are, and what becomes of them.
//!
//! Nothing here does I/O, reads a clock or draws a random number: the time and the dice are arguments. That is what
//! lets the delivery machine be tested by thousands of seeded lives in virtual time.

pub mod access;
pub mod audit;
pub mod breaker;
pub mod bucket;
pub mod credentials;
pub mod delivery;
pub mod egress;
pub mod envelope;
pub mod event;
mod event_json;
mod event_text;
pub mod event_type;
pub mod filter;
pub mod format;
pub mod id;
pub mod job;
pub mod level;
pub mod machine;
pub mod matcher;
pub mod notice;
pub mod regions;
pub mod retry;
pub mod rotation;
pub mod ruling;
pub mod seal;
pub mod secret;
pub mod series;
pub mod signing;
pub mod subscription;
pub mod time;
pub mod tls;
pub mod turns;
pub mod window;

pub use delivery::{Class, Origin, Outcome, Verdict};
pub use event::{Draft, Event, NewEvent};
pub use event_type::{EventType, Pattern};
pub use id::{DeliveryId, EndpointNo, EventId, JobId, KeyId, Seq, SubscriptionId};
pub use level::Level;
pub use subscription::Subscription;
pub use time::{Clock, Span, Timestamp};

/// One thing that is wrong with something a person wrote: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the offending member; empty for the whole document.
    pub pointer: String,
    /// What is wrong and what was expected, in words for a person.
    pub detail: String,
}

impl Problem {
    /// A problem at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// What serde found wrong with a JSON value, with the pointer to the member.
    pub fn of_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        use serde_path_to_error::Segment;
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => pointer.push_str(&format!("/{}", pointer_part(key))),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let detail = error.inner().to_string();
        let quoted = |before: &str| detail.strip_prefix(before).and_then(|rest| rest.split('`').next());
        let member = quoted("unknown field `").or_else(|| quoted("missing field `"));
        if let Some(member) = member
            && !pointer.ends_with(&format!("/{}", pointer_part(member)))
        {
            pointer.push_str(&format!("/{}", pointer_part(member)));
        }
        Self { pointer, detail }
    }
}

/// One part of a JSON pointer (RFC 6901).
pub(crate) fn pointer_part(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}
