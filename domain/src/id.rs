//! Identifiers. All of them sort by time, and the derived ones can be taken apart again, so no index is needed to
//! find what they name.
//!
//! Generated ids are a prefix and a UUIDv7 (RFC 9562) in 32 lower-case hex digits. A UUIDv7 has 74 bits beside its
//! time; Loghorn fills them with a 32-bit number and a 42-bit [`Seq`] (4.4 · 10¹² events). For a delivery the number
//! is its endpoint's, so the id is *derived* from subscription and event: made again after a crash it is the same.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Timestamp;

/// An event's offset in the log: dense, ascending from 1, the order of durable append. 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Largest number that ids can hold.
    pub const MAX: Self = Self((1 << SEQ_BITS) - 1);

    /// The one after this.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The one before this; 0 stays 0.
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One subscription's destination, as the queues know it. Drawn once when the subscription is made, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndpointNo(pub u32);

impl fmt::Display for EndpointNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

const SEQ_BITS: u32 = 42;

/// The 74 free bits of a UUIDv7 around `number` and `seq`, with the time in front.
fn sortable(at: Timestamp, number: u32, seq: Seq) -> u128 {
    let millis = u128::from(u64::try_from(at.millis()).unwrap_or(0) & 0xffff_ffff_ffff);
    let free = (u128::from(number) << SEQ_BITS) | u128::from(seq.0 & Seq::MAX.0);
    let (free_a, free_b) = (free >> 62, free & ((1 << 62) - 1));
    (millis << 80) | (7 << 76) | (free_a << 64) | (0b10 << 62) | free_b
}

/// The inverse of [`sortable`]; `None` where the digits are no such UUID.
fn unsortable(hex: &str) -> Option<(Timestamp, u32, Seq)> {
    let lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex.len() != 32 || !lower {
        return None;
    }
    let uuid = u128::from_str_radix(hex, 16).ok()?;
    if (uuid >> 76) & 0xf != 7 || (uuid >> 62) & 0b11 != 0b10 {
        return None;
    }
    let free = (((uuid >> 64) & 0xfff) << 62) | (uuid & ((1 << 62) - 1));
    let millis = i64::try_from(uuid >> 80).ok()?;
    let number = u32::try_from(free >> SEQ_BITS).ok()?;
    Some((Timestamp::from_millis(millis), number, Seq((free as u64) & Seq::MAX.0)))
}

/// An event's id: the sender's own (1–128 visible ASCII characters), or `evt_` and a UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

impl EventId {
    /// Longest id a sender may give, in bytes.
    pub const BYTES_MAX: usize = 128;

    /// The id of an event that came without one: from its time of receipt, this log's own number and its seq.
    pub fn generated(received_at: Timestamp, log_number: u32, seq: Seq) -> Self {
        Self(format!("evt_{:032x}", sortable(received_at, log_number, seq)).into())
    }

    /// The log number and seq inside a generated id. A sender's own id may look the same: compare before trusting.
    pub fn parts(&self) -> Option<(u32, Seq)> {
        let (_, number, seq) = unsortable(self.0.strip_prefix("evt_")?)?;
        Some((number, seq))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no [`EventId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 1 to 128 visible ASCII characters without spaces")]
pub struct ParseEventIdError;

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if good { Ok(Self(Arc::from(text))) } else { Err(ParseEventIdError) }
    }
}

impl Borrow<str> for EventId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A delivery's id, also the `webhook-id`: which endpoint, which event. Shown as `dlv_` and a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// When the event was received.
    pub received_at: Timestamp,
    /// Where it goes.
    pub endpoint: EndpointNo,
    /// Which event.
    pub seq: Seq,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dlv_{:032x}", sortable(self.received_at, self.endpoint.0, self.seq))
    }
}

/// An identifier of one of Loghorn's own things, with its prefix.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an id that begins with {prefix:?} and goes on with 32 lower-case hex digits")]
pub struct ParseIdError {
    /// What the id begins with.
    pub prefix: &'static str,
}

impl FromStr for DeliveryId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.strip_prefix("dlv_");
        // A batch's, which goes on: it stands for its oldest delivery.
        let is_hash = |hash: &str| hash.len() == 16 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = id.and_then(|id| match id.split_once('-') {
            None => Some(id),
            Some((id, hash)) => is_hash(hash).then_some(id),
        });
        let (received_at, endpoint, seq) = id.and_then(unsortable).ok_or(ParseIdError { prefix: "dlv_" })?;
        Ok(Self { received_at, endpoint: EndpointNo(endpoint), seq })
    }
}

/// A subscription's id: `sub_` and a UUIDv7 that holds its endpoint's number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(Arc<str>);

impl SubscriptionId {
    /// The id of a subscription made at `created_at` with this endpoint number.
    pub fn new(created_at: Timestamp, endpoint: EndpointNo) -> Self {
        Self(format!("sub_{:032x}", sortable(created_at, endpoint.0, Seq(0))).into())
    }

    /// The endpoint number inside the id.
    pub fn endpoint(&self) -> Option<EndpointNo> {
        unsortable(self.0.strip_prefix("sub_")?).map(|(_, number, _)| EndpointNo(number))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubscriptionId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.strip_prefix("sub_").and_then(unsortable);
        parsed.map(|_| Self(Arc::from(text))).ok_or(ParseIdError { prefix: "sub_" })
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! timed_id {
    ($(#[$doc:meta])* $id:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(Arc<str>);

        impl $id {
            /// The id of one made at `at`; `number` tells those of one moment apart.
            pub fn new(at: Timestamp, number: u32) -> Self {
                Self(format!(concat!($prefix, "{:032x}"), sortable(at, number, Seq(0))).into())
            }

            /// The id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $id {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let parsed = text.strip_prefix($prefix).and_then(unsortable);
                parsed.map(|_| Self(Arc::from(text))).ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

timed_id!(
    /// A job's id: `job_` and a UUIDv7.
    JobId,
    "job_"
);
timed_id!(
    /// A key's id: `key_` and a UUIDv7. No secret: it names the key and lets nobody in.
    KeyId,
    "key_"
);

macro_rules! serde_as_text {
    ($($id:ty),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(EventId, DeliveryId, SubscriptionId, JobId, KeyId);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delivery_ids_are_uuid_v7_and_can_be_taken_apart(
            millis in 0i64..(1 << 47), endpoint: u32, seq in 0..=Seq::MAX.0,
        ) {
            let received_at = Timestamp::from_millis(millis);
            let id = DeliveryId { received_at, endpoint: EndpointNo(endpoint), seq: Seq(seq) };
            let text = id.to_string();
            prop_assert_eq!(text.len(), 36);
            prop_assert!(!text.contains('.'));
            prop_assert_eq!(&text[16..17], "7");
            prop_assert!(matches!(&text[20..21], "8" | "9" | "a" | "b"));
            prop_assert_eq!(text.parse::<DeliveryId>().unwrap(), id);
        }

        #[test]
        fn any_text_is_refused_or_read_back(text in "[a-z_0-9]{0,40}") {
            if let Ok(id) = text.parse::<DeliveryId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn ids_sort_by_time_then_seq() {
        let id = |millis, seq| EventId::generated(Timestamp::from_millis(millis), 7, Seq(seq)).to_string();
        assert!(id(1000, 9) < id(1001, 1));
        assert!(id(1000, 1) < id(1000, 2));
        assert_eq!(id(5, 42).parse::<EventId>().unwrap().parts(), Some((7, Seq(42))));
    }

    #[test]
    fn event_ids_of_senders_are_checked() {
        for bad in ["", "a b", "ü", "tab\t", &"x".repeat(129)] {
            assert!(bad.parse::<EventId>().is_err(), "{bad:?}");
        }
        assert!("order-77/a.b".parse::<EventId>().is_ok());
    }

    #[test]
    fn subscription_ids_hold_their_endpoint() {
        let id = SubscriptionId::new(Timestamp::from_millis(77), EndpointNo(0xdead_beef));
        assert_eq!(id.endpoint(), Some(EndpointNo(0xdead_beef)));
        assert_eq!(id.as_str().parse(), Ok(id));
    }
}
