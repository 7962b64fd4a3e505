//! The whole schema on one page: which column family holds what under which key.
//!
//! All numbers in keys are big-endian, so that RocksDB's byte order is the order of the numbers.
//!
//! | Family     | Key                         | Value (see `record.rs`)                              | Written by |
//! |------------|-----------------------------|------------------------------------------------------|------------|
//! | `meta`     | a name below                | one number, or [`Ended`](super::record::Ended)       | see names  |
//! | `catalog`  | the record's key            | revision u64, content                                | log writer |
//! | `events`   | seq                         | header, the event's JSON                             | log writer |
//! | `ids`      | the sender's own id         | seq u64, received_at i64                             | log writer |
//! | `matches`  | seq                         | where the event went                                 | router; queue keeper behind its cursor |
//! | `queue`    | endpoint, seq               | nothing for a fresh live entry, else `Waiting`       | router, queue keeper |
//! | `attempts` | endpoint, seq, number       | the attempt; number `ffff`: when it was cancelled    | queue keeper |
//! | `dead`     | seq, endpoint               | why, and what a replay must know                     | queue keeper |
//! | `versions` | endpoint, seq               | the version that decides after that event, u32       | router; queue keeper under its lock |

use loghorn_domain::{EndpointNo, Seq};

/// A column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cf {
    Meta,
    Catalog,
    Events,
    Ids,
    Matches,
    Queue,
    Attempts,
    Dead,
    Versions,
}

impl Cf {
    pub(super) const ALL: [Self; 9] = [
        Self::Meta,
        Self::Catalog,
        Self::Events,
        Self::Ids,
        Self::Matches,
        Self::Queue,
        Self::Attempts,
        Self::Dead,
        Self::Versions,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            // RocksDB insists on a family of this name.
            Self::Meta => "default",
            Self::Catalog => "catalog",
            Self::Events => "events",
            Self::Ids => "ids",
            Self::Matches => "matches",
            Self::Queue => "queue",
            Self::Attempts => "attempts",
            Self::Dead => "dead",
            Self::Versions => "versions",
        }
    }
}

/// The version of everything on this page. A store of a newer version is refused.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// `meta`: [`SCHEMA_VERSION`] of this store.
pub(super) const SCHEMA: &[u8] = b"schema";
/// `meta`: the number inside the ids this log generates.
pub(super) const LOG_NUMBER: &[u8] = b"log_number";
/// `meta`: the current fence. Written by the queue keeper.
pub(super) const EPOCH: &[u8] = b"epoch";
/// `meta`: the router's cursor. Written by the router.
pub(super) const CURSOR: &[u8] = b"cursor";
/// `meta`: the oldest event kept. Written by the queue keeper.
pub(super) const FIRST: &[u8] = b"first";
/// `meta`: deliveries of older events are gone, with all their attempts. Written by the queue keeper.
pub(super) const DELIVERIES_FROM: &[u8] = b"deliveries_from";
/// `meta`: the catalogue's newest revision. Written by the log writer.
pub(super) const REVISION: &[u8] = b"revision";
/// `meta`: before an endpoint, its count of deliveries ever made. Written by the router, or under its lock.
pub(super) const MATCHED: &[u8] = b"matched/";
/// `meta`: before an endpoint, its count of events ever matched in shadow. Written by the router.
pub(super) const SHADOWED: &[u8] = b"shadow/";
/// `meta`: before an endpoint, its [`Ended`](super::record::Ended). Written by the queue keeper.
pub(super) const ENDED: &[u8] = b"ended/";

/// The number under which `attempts` keeps that a delivery was cancelled.
pub(super) const CANCELLED: u16 = u16::MAX;

/// `events`, `matches`.
pub(super) fn of_seq(seq: Seq) -> [u8; 8] {
    seq.0.to_be_bytes()
}

pub(super) fn to_seq(key: &[u8]) -> Option<Seq> {
    Some(Seq(u64::from_be_bytes(key.try_into().ok()?)))
}

/// `queue`.
pub(super) fn queue(endpoint: EndpointNo, seq: Seq) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&endpoint.0.to_be_bytes());
    key[4..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

/// Lies after every key of `endpoint` and before every key of the next.
pub(super) fn queue_end(endpoint: EndpointNo) -> [u8; 13] {
    let mut key = [0xff; 13];
    key[..4].copy_from_slice(&endpoint.0.to_be_bytes());
    key
}

pub(super) fn to_queue(key: &[u8]) -> Option<(EndpointNo, Seq)> {
    let (endpoint, seq) = key.split_first_chunk::<4>()?;
    Some((EndpointNo(u32::from_be_bytes(*endpoint)), to_seq(seq)?))
}

/// `versions`.
pub(super) fn version(endpoint: EndpointNo, after: Seq) -> [u8; 12] {
    queue(endpoint, after)
}

pub(super) fn to_version(key: &[u8]) -> Option<(EndpointNo, Seq)> {
    to_queue(key)
}

/// `dead`.
pub(super) fn dead(seq: Seq, endpoint: EndpointNo) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&seq.0.to_be_bytes());
    key[8..].copy_from_slice(&endpoint.0.to_be_bytes());
    key
}

pub(super) fn to_dead(key: &[u8]) -> Option<(Seq, EndpointNo)> {
    let (seq, endpoint) = key.split_first_chunk::<8>()?;
    Some((Seq(u64::from_be_bytes(*seq)), EndpointNo(u32::from_be_bytes(endpoint.try_into().ok()?))))
}

/// `attempts`.
pub(super) fn attempt(endpoint: EndpointNo, seq: Seq, number: u16) -> [u8; 14] {
    let mut key = [0; 14];
    key[..12].copy_from_slice(&queue(endpoint, seq));
    key[12..].copy_from_slice(&number.to_be_bytes());
    key
}

pub(super) fn to_attempt(key: &[u8]) -> Option<(EndpointNo, Seq, u16)> {
    let (delivery, number) = key.split_last_chunk::<2>()?;
    let (endpoint, seq) = to_queue(delivery)?;
    Some((endpoint, seq, u16::from_be_bytes(*number)))
}

/// `meta`: [`MATCHED`], [`SHADOWED`] or [`ENDED`] of one endpoint.
pub(super) fn of_endpoint(name: &[u8], endpoint: EndpointNo) -> Vec<u8> {
    [name, &endpoint.0.to_be_bytes()].concat()
}

pub(super) fn to_endpoint(name: &[u8], key: &[u8]) -> Option<EndpointNo> {
    let endpoint = key.strip_prefix(name)?.try_into().ok()?;
    Some(EndpointNo(u32::from_be_bytes(endpoint)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_read_back(endpoint: u32, seq: u64, number: u16) {
            let (endpoint, seq) = (EndpointNo(endpoint), Seq(seq));
            prop_assert_eq!(to_seq(&of_seq(seq)), Some(seq));
            prop_assert_eq!(to_queue(&queue(endpoint, seq)), Some((endpoint, seq)));
            prop_assert_eq!(to_dead(&dead(seq, endpoint)), Some((seq, endpoint)));
            prop_assert_eq!(to_attempt(&attempt(endpoint, seq, number)), Some((endpoint, seq, number)));
            prop_assert_eq!(to_endpoint(ENDED, &of_endpoint(ENDED, endpoint)), Some(endpoint));
            prop_assert_eq!(to_endpoint(MATCHED, &of_endpoint(ENDED, endpoint)), None);
            prop_assert_eq!(to_version(&version(endpoint, seq)), Some((endpoint, seq)));
        }

        #[test]
        fn bytes_sort_as_the_numbers_do(a: (u32, u64, u16), b: (u32, u64, u16)) {
            let split = |(endpoint, seq, number): (u32, u64, u16)| (EndpointNo(endpoint), Seq(seq), number);
            let ((ea, sa, na), (eb, sb, nb)) = (split(a), split(b));
            prop_assert_eq!(of_seq(sa).cmp(&of_seq(sb)), sa.cmp(&sb));
            prop_assert_eq!(queue(ea, sa).cmp(&queue(eb, sb)), (ea, sa).cmp(&(eb, sb)));
            prop_assert_eq!(dead(sa, ea).cmp(&dead(sb, eb)), (sa, ea).cmp(&(sb, eb)));
            prop_assert_eq!(attempt(ea, sa, na).cmp(&attempt(eb, sb, nb)), (ea, sa, na).cmp(&(eb, sb, nb)));
            prop_assert!(queue(ea, sa)[..] < queue_end(ea)[..]);
            prop_assert!(eb <= ea || queue(eb, sb)[..] > queue_end(ea)[..]);
        }

        #[test]
        fn any_bytes_are_refused_or_read_back(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Some((endpoint, seq)) = to_queue(&bytes) {
                prop_assert_eq!(&queue(endpoint, seq)[..], &bytes[..]);
            }
            if let Some((endpoint, seq, number)) = to_attempt(&bytes) {
                prop_assert_eq!(&attempt(endpoint, seq, number)[..], &bytes[..]);
            }
        }
    }
}
