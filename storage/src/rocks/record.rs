//! The values: the binary form of an event, and postcard for everything smaller.
//!
//! An event carries a CRC over its seq, its header and its JSON, so that a damaged or misplaced record is noticed
//! whatever the engine below thinks of it. Fields are never reordered; a change needs a new format byte or schema
//! version.

use bytes::Bytes;
use loghorn_domain::{
    EndpointNo, Event, EventId, Level, Origin, Seq, Timestamp,
    delivery::{Attempt, Entry, Phases, Reason},
    event::Head,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Revision};

const FORMAT: u8 = 1;
const HAS_OWN_ID: u8 = 1;
const HAS_ONLY: u8 = 2;
const CRC_END: usize = 5;

/// Writes an event's record over `out`: format, CRC, level, flags, times, [only], type, source, [own id], JSON.
/// `own_id` is the sender's; a generated one follows from the rest.
pub(super) fn encode_event(out: &mut Vec<u8>, seq: Seq, own_id: Option<&EventId>, head: &Head, tail: &[u8]) {
    out.clear();
    out.push(FORMAT);
    out.extend([0; 4]);
    out.push(head.level as u8);
    let own_flag = if own_id.is_some() { HAS_OWN_ID } else { 0 };
    let only_flag = if head.only.is_some() { HAS_ONLY } else { 0 };
    out.push(own_flag | only_flag);
    out.extend(head.received_at.millis().to_le_bytes());
    out.extend(head.timestamp.millis().to_le_bytes());
    if let Some(EndpointNo(only)) = head.only {
        out.extend(only.to_le_bytes());
    }
    push_text(out, head.event_type.as_str());
    push_text(out, &head.source);
    if let Some(id) = own_id {
        push_text(out, id.as_str());
    }
    out.extend_from_slice(tail);
    let crc = crc(seq, &out[CRC_END..]);
    out[1..CRC_END].copy_from_slice(&crc.to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    // An event is far smaller than 4 GiB.
    out.extend((text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn crc(seq: Seq, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.0.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// What follows the checksum of an event's record, with one that fits.
pub(super) fn framed(seq: Seq, body: &[u8]) -> Vec<u8> {
    [&[FORMAT][..], &crc(seq, body).to_le_bytes(), body].concat()
}

/// An event from its record; `Err` says what is wrong with it.
pub(super) fn decode_event(seq: Seq, log_number: u32, record: &[u8]) -> Result<Event, &'static str> {
    let mut reader = Reader { rest: verify_event(seq, record)? };
    reader.event(seq, log_number).ok_or("the record cannot be read")
}

/// What follows the checksum in an event's record, if it is as it was written and where it was written.
pub(super) fn verify_event(seq: Seq, record: &[u8]) -> Result<&[u8], &'static str> {
    let (&format, rest) = record.split_first().ok_or("the record is empty")?;
    if format != FORMAT {
        return Err("the record has an unknown format");
    }
    let (stored, body) = rest.split_first_chunk::<4>().ok_or("the record is cut off")?;
    if u32::from_le_bytes(*stored) != crc(seq, body) {
        return Err("the checksum does not fit");
    }
    Ok(body)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(taken).ok()
    }

    fn timestamp(&mut self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(i64::from_le_bytes(self.array()?)))
    }

    fn event(&mut self, seq: Seq, log_number: u32) -> Option<Event> {
        let [level, flags] = self.array()?;
        let level = Level::from_number(level)?;
        let received_at = self.timestamp()?;
        let timestamp = self.timestamp()?;
        let only = if flags & HAS_ONLY == 0 { None } else { Some(EndpointNo(u32::from_le_bytes(self.array()?))) };
        let event_type = self.text()?.parse().ok()?;
        let source = self.text()?.into();
        let id = if flags & HAS_OWN_ID == 0 {
            EventId::generated(received_at, log_number, seq)
        } else {
            self.text()?.parse().ok()?
        };
        let head = Head { event_type, level, source, timestamp, received_at, only };
        Some(Event::new(seq, id, head, Bytes::copy_from_slice(self.rest)))
    }
}

/// `ids`: which event has this id, and when it was received.
pub(super) fn encode_id(seq: Seq, received_at: Timestamp) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&seq.0.to_be_bytes());
    value[8..].copy_from_slice(&received_at.millis().to_be_bytes());
    value
}

pub(super) fn decode_id(value: &[u8]) -> Option<(Seq, Timestamp)> {
    let (seq, received_at) = value.split_first_chunk::<8>()?;
    let received_at = i64::from_be_bytes(received_at.try_into().ok()?);
    Some((Seq(u64::from_be_bytes(*seq)), Timestamp::from_millis(received_at)))
}

/// `catalog`: the revision, then the content.
pub(super) fn encode_record(revision: Revision, content: &[u8]) -> Vec<u8> {
    [&revision.0.to_le_bytes(), content].concat()
}

pub(super) fn decode_record(value: &[u8]) -> Option<(Revision, &[u8])> {
    let (revision, content) = value.split_first_chunk::<8>()?;
    Some((Revision(u64::from_le_bytes(*revision)), content))
}

/// `matches`: where an event went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Match {
    pub(super) received_at_ms: i64,
    pub(super) origin: Origin,
    /// The sender's id, kept here because deliveries may outlive their event.
    pub(super) own_id: Option<String>,
    /// Ascending.
    pub(super) endpoints: Vec<EndpointNo>,
    /// Those it matched in shadow, ascending. Written behind all else, and only where there are some: so a record
    /// from before there were any reads as one without.
    #[serde(skip)]
    pub(super) shadows: Vec<EndpointNo>,
}

impl Match {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = encode(self)?;
        if !self.shadows.is_empty() {
            bytes.extend(encode(&self.shadows)?);
        }
        Ok(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (matched, rest): (Self, _) = postcard::take_from_bytes(bytes).ok()?;
        let shadows = if rest.is_empty() { Vec::new() } else { decode(rest)? };
        Some(Self { shadows, ..matched })
    }

    pub(super) fn received_at(&self) -> Timestamp {
        Timestamp::from_millis(self.received_at_ms)
    }

    /// Whether `endpoint` has a delivery of it.
    pub(super) fn went_to(&self, endpoint: EndpointNo) -> bool {
        self.endpoints.binary_search(&endpoint).is_ok()
    }
}

/// `queue`: an entry that is no longer fresh, or not live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    attempts_total: u16,
    attempts_in_round: u16,
    queued_at_ms: i64,
    next_at_ms: Option<i64>,
    origin: Origin,
}

impl From<Entry> for Waiting {
    fn from(entry: Entry) -> Self {
        Self {
            attempts_total: entry.attempts_total,
            attempts_in_round: entry.attempts_in_round,
            queued_at_ms: entry.queued_at.millis(),
            next_at_ms: entry.next_at.map(Timestamp::millis),
            origin: entry.origin,
        }
    }
}

impl Waiting {
    pub(super) fn entry(&self, seq: Seq) -> Entry {
        Entry {
            seq,
            attempts_total: self.attempts_total,
            attempts_in_round: self.attempts_in_round,
            queued_at: Timestamp::from_millis(self.queued_at_ms),
            next_at: self.next_at_ms.map(Timestamp::from_millis),
            origin: self.origin,
        }
    }
}

/// `dead`: a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dead {
    pub(super) reason: Reason,
    pub(super) origin: Origin,
    pub(super) attempts_total: u16,
    pub(super) ended_at_ms: i64,
}

/// `attempts`: an attempt, and where its delivery came from at the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempted {
    pub(super) origin: Origin,
    pub(super) attempt: Attempt,
}

impl Attempted {
    /// What not every attempt has stands behind all else, and only as far as there is some: the batch, then the phases. So
    /// a record from before there were any reads as one without.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = encode(self)?;
        let Attempt { batch, phases, .. } = &self.attempt;
        let has_phases = *phases != Phases::default();
        if batch.is_some() || has_phases {
            bytes.extend(encode(batch)?);
        }
        if has_phases {
            bytes.extend(encode(phases)?);
        }
        Ok(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut attempted, mut rest): (Self, _) = postcard::take_from_bytes(bytes).ok()?;
        if !rest.is_empty() {
            (attempted.attempt.batch, rest) = postcard::take_from_bytes(rest).ok()?;
        }
        if !rest.is_empty() {
            attempted.attempt.phases = decode(rest)?;
        }
        Some(attempted)
    }
}

/// `attempts`, number [`CANCELLED`](super::keys::CANCELLED).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cancelled {
    pub(super) at_ms: i64,
    pub(super) origin: Origin,
    pub(super) attempts_total: u16,
}

/// `meta`: how one endpoint's deliveries ended, and from where on its queue is to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) delivered: u64,
    /// Not ended, but counted by the same owner: waits, and its last attempt failed.
    pub(super) retrying: u64,
    pub(super) dead: u64,
    pub(super) expired: u64,
    pub(super) cancelled: u64,
    /// Nothing waits before this.
    pub(super) low_water: Seq,
    /// Of those delivered, the ones that a digest told of. Written behind all else, and only where there are some: so a
    /// record from before there were digests reads as one without.
    #[serde(skip)]
    pub(super) digested: u64,
}

impl Ended {
    pub(super) fn to_bytes(self) -> Result<Vec<u8>, Error> {
        let mut bytes = encode(&self)?;
        if self.digested > 0 {
            bytes.extend(encode(&self.digested)?);
        }
        Ok(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (ended, rest): (Self, _) = postcard::take_from_bytes(bytes).ok()?;
        let digested = if rest.is_empty() { 0 } else { decode(rest)? };
        Some(Self { digested, ..ended })
    }
}

/// As postcard.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(value).map_err(|error| Error::Damaged(format!("a value cannot be written: {error}").into()))
}

pub(super) fn decode<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    postcard::from_bytes(value).ok()
}

#[cfg(test)]
mod tests {
    use loghorn_domain::{Class, Verdict, delivery::Batched};
    use proptest::prelude::*;

    use super::*;

    fn heads() -> impl Strategy<Value = Head> {
        let times = (0i64..1 << 41, 0i64..1 << 41);
        (times, 0u8..6, any::<Option<u32>>(), "[a-z]{1,9}(\\.[a-z]{1,9}){0,3}", ".{0,40}").prop_map(
            |((received_at, timestamp), level, only, event_type, source)| Head {
                event_type: event_type.parse().unwrap(),
                level: Level::from_number(level).unwrap(),
                source: source.into(),
                timestamp: Timestamp::from_millis(timestamp),
                received_at: Timestamp::from_millis(received_at),
                only: only.map(EndpointNo),
            },
        )
    }

    proptest! {
        #[test]
        fn events_are_read_back(
            head in heads(), seq in 1u64..1 << 42, own in prop::option::of("[!-~]{1,128}"), tail in ".{0,300}",
        ) {
            let (seq, mut record) = (Seq(seq), Vec::new());
            let own: Option<EventId> = own.map(|id| id.parse().unwrap());
            encode_event(&mut record, seq, own.as_ref(), &head, tail.as_bytes());
            let event = decode_event(seq, 7, &record).unwrap();
            prop_assert_eq!(&event.id, &own.unwrap_or_else(|| EventId::generated(head.received_at, 7, seq)));
            prop_assert_eq!(&event.head, &head);
            prop_assert_eq!(&event.tail()[..], tail.as_bytes());
        }

        #[test]
        fn a_flipped_bit_or_a_cut_is_noticed(head in heads(), bit: prop::sample::Index, cut: prop::sample::Index) {
            let mut record = Vec::new();
            encode_event(&mut record, Seq(3), None, &head, b"\"message\":\"\"}");
            prop_assert!(decode_event(Seq(4), 7, &record).is_err());
            prop_assert!(decode_event(Seq(3), 7, &record[..cut.index(record.len())]).is_err());
            let bit = bit.index(record.len() * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode_event(Seq(3), 7, &record).is_err());
        }

        #[test]
        fn ids_are_read_back(seq: u64, millis in 0i64..1 << 41) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(decode_id(&encode_id(Seq(seq), at)), Some((Seq(seq), at)));
        }
    }

    #[test]
    fn matches_are_read_back_with_and_without_shadows() {
        let old = Match {
            received_at_ms: 5,
            origin: Origin::Live,
            own_id: Some("mine".into()),
            endpoints: vec![EndpointNo(1), EndpointNo(u32::MAX)],
            shadows: Vec::new(),
        };
        // As it was written before there were shadows.
        let mut bytes = vec![10, 0, 1, 4];
        bytes.extend(b"mine\x02\x01\xff\xff\xff\xff\x0f");
        assert_eq!(old.to_bytes().unwrap(), bytes);
        assert_eq!(Match::from_bytes(&bytes), Some(old.clone()));
        let new = Match { shadows: vec![EndpointNo(2), EndpointNo(300)], ..old };
        assert_eq!(Match::from_bytes(&new.to_bytes().unwrap()), Some(new.clone()));
        let only = Match { endpoints: Vec::new(), ..new };
        assert_eq!(Match::from_bytes(&only.to_bytes().unwrap()), Some(only));
    }

    #[test]
    fn counts_are_read_back_with_and_without_digests() {
        let old = Ended { delivered: 300, dead: 2, low_water: Seq(9), ..Ended::default() };
        assert_eq!(old.to_bytes().unwrap(), encode(&old).unwrap());
        let new = Ended { digested: 299, ..old };
        for ended in [old, new] {
            assert_eq!(Ended::from_bytes(&ended.to_bytes().unwrap()), Some(ended));
        }
    }

    #[test]
    fn attempts_are_read_back() {
        let attempt = Attempt {
            number: 3,
            started_at_ms: 77,
            duration_us: 1,
            class: Class::Http5xx,
            status_code: Some(503),
            error: None,
            verdict: Verdict::Retry { at: Timestamp::from_millis(99) },
            signature: "v1,abc".into(),
            response_headers: vec![("a".into(), "b".into())],
            response_body: "later".into(),
            batch: None,
            phases: Phases::default(),
        };
        let old = Attempted { origin: Origin::Replay, attempt };
        // As they were written before there were batches, and before there were phases.
        let bytes = b"\x02\x03\x9a\x01\x01\x02\x01\xf7\x03\x00\x01\x181970-01-01T00:00:00.099Z\x06v1,abc\x01\x01a\x01b\x05later";
        let bytes_batched = [&bytes[..], b"\x01\x07dlv_0-1\xac\x02"].concat();
        let with = |batch: Option<Batched>, phases| Attempted {
            attempt: Attempt { batch, phases, ..old.attempt.clone() },
            ..old
        };
        let batch = Some(Batched { id: "dlv_0-1".into(), events: 300 });
        let phases = Phases { dns_us: None, connect_us: Some(0), tls_us: Some(300), first_byte_us: Some(u64::MAX) };
        for (written, attempted) in
            [(&bytes[..], old.clone()), (&bytes_batched[..], with(batch.clone(), Phases::default()))]
        {
            assert_eq!(attempted.to_bytes().unwrap(), written);
            assert_eq!(Attempted::from_bytes(written), Some(attempted));
        }
        for attempted in [with(None, phases), with(batch, phases)] {
            assert_eq!(Attempted::from_bytes(&attempted.to_bytes().unwrap()), Some(attempted));
        }
    }

    #[test]
    fn entries_are_read_back() {
        let mut entry = Entry::fresh(Seq(5), Timestamp::from_millis(12), Origin::Test);
        assert_eq!(decode::<Waiting>(&encode(&Waiting::from(entry)).unwrap()).unwrap().entry(Seq(5)), entry);
        entry = Entry { attempts_total: 4, attempts_in_round: 1, next_at: Some(Timestamp::from_millis(44)), ..entry };
        assert_eq!(decode::<Waiting>(&encode(&Waiting::from(entry)).unwrap()).unwrap().entry(Seq(5)), entry);
    }
}
