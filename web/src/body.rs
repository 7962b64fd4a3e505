//! Bodies of requests: read with a budget, a limit and a deadline, and decompressed in bounded steps.
//!
//! actix's own decompression turns unknown encodings into none and checks limits late, so it is not used. The magic
//! bytes beat the header: some clients say `gzip,deflate` and send zlib.

use std::{
    io::{self, Read},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use actix_web::{
    HttpRequest,
    http::header,
    web::{self, Bytes},
};
use futures_util::StreamExt;
use loghorn_actors::Reservation;
use loghorn_domain::NewEvent;
use tokio::time::{Instant, timeout_at};

use crate::{State, error::Error};

/// Longest pause between two parts of a body.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Slowest that a body may come beyond the first pause, so that a trickle does not hold its room for ever.
const BYTES_PER_SECOND_MIN: usize = 64 * 1024;
/// Bodies above this size are decompressed away from the server's threads.
const INLINE_MAX: usize = 16 * 1024;
/// Room for a body of which nothing is there yet.
const FIRST_BYTES: usize = 64 * 1024;
/// … and so many times what is there, up to what is promised: each time it is copied once.
const AHEAD: usize = 4;
/// The same where nothing is promised.
const AHEAD_UNKNOWN: usize = 2;
/// Most encodings on top of each other.
const ENCODINGS_MAX: usize = 3;
/// Largest window of zstd, as a power of two: 8 MiB, which senders over HTTP must not exceed (RFC 9659). Memory for it is
/// taken before anything is unpacked, whatever the body's size.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Least that a body of one object may take: a subscription with everything that it may have is smaller.
const OBJECT_BYTES: usize = 2 << 20;
/// … and so many times the largest event, as one may be sent along.
const OBJECT_FACTOR: usize = 8;

/// Largest body of one object, as sent and decompressed. Ingest's own limit is for very many events.
pub(crate) fn object_bytes_max(state: &State) -> usize {
    let events = OBJECT_FACTOR.saturating_mul(state.system.limits().event_bytes_max);
    OBJECT_BYTES.max(events).min(state.options.body_bytes_max)
}

/// What a JSON text may take as a value, for a moment.
pub(crate) fn value_room(json: &[u8]) -> usize {
    room_of(json.len(), || objects_in(json))
}

/// How many objects a JSON text may have at most.
pub(crate) fn objects_in(json: &[u8]) -> usize {
    json.iter().filter(|byte| **byte == b'{').count()
}

/// The same of so many bytes with at most so many objects in them: `[1,1,…]` makes 32 bytes of two, in a list that may
/// have doubled, and an object takes a node of a tree, however small it is. Small ones are not worth asking for.
pub(crate) fn room_of(bytes: usize, objects: impl FnOnce() -> usize) -> usize {
    const SMALL: usize = 4096;
    const NODE: usize = 640;
    if bytes <= SMALL { 0 } else { (bytes - SMALL) * 32 + objects() * NODE }
}

/// A body, decompressed, with the room it takes.
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) room: Room,
}

/// What one request takes of the budget of ingest: its body as it comes, then what is made of it.
pub(crate) struct Room {
    state: web::Data<State>,
    /// Largest body, as sent and decompressed.
    bytes_max: usize,
    held: Reservation,
    /// What its events weigh so far, and what is noted of them for the answer.
    kept: usize,
    /// The part of that which is still to be taken.
    owed: usize,
    /// The most that was needed for a moment.
    passing: usize,
}

impl Room {
    /// Taken from the budget at once: it is shared, and events are small.
    const STEP: usize = 64 * 1024;
    /// What an event takes beside its texts: its place in a list that may have doubled, and what allocating costs.
    const EVENT: usize = 2 * size_of::<NewEvent>() + 128;
    /// Small bodies may hold many events; so much is always within the limit.
    const EVENTS_BYTES: usize = 32 << 20;
    /// … and so many times the largest body.
    const EVENTS_FACTOR: usize = 8;

    fn new(state: &web::Data<State>, bytes_max: usize, bytes: usize) -> Result<Self, Error> {
        let held = state.system.ingest().reserve(bytes)?;
        Ok(Self { state: state.clone(), bytes_max, held, kept: 0, owed: 0, passing: 0 })
    }

    fn grow(&mut self, more: usize) -> Result<(), Error> {
        self.held.grow(more).map_err(|overloaded| {
            self.state.system.metrics().requests_overloaded.fetch_add(1, Relaxed);
            overloaded.into()
        })
    }

    /// Takes room for an event that was made.
    pub(crate) fn add(&mut self, event: &NewEvent) -> Result<(), Error> {
        self.hold(Self::EVENT + event.tail.len() + event.head.source.len())
    }

    /// Takes room for what is kept until the answer.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        let kept_max = Self::EVENTS_BYTES + Self::EVENTS_FACTOR * self.state.options.body_bytes_max;
        self.kept += bytes;
        self.owed += bytes;
        if self.kept > kept_max {
            return Err(Error::too_many(kept_max));
        }
        if self.owed >= Self::STEP { self.take_owed() } else { Ok(()) }
    }

    fn take_owed(&mut self) -> Result<(), Error> {
        let owed = std::mem::take(&mut self.owed);
        self.grow(owed)
    }

    /// Takes room for what is needed for a moment: one such thing at a time.
    pub(crate) fn pass(&mut self, bytes: usize) -> Result<(), Error> {
        let more = bytes.saturating_sub(self.passing);
        self.passing += more;
        if more > 0 { self.grow(more) } else { Ok(()) }
    }

    /// All of it, to be held until the events are on disk.
    pub(crate) fn settled(mut self) -> Result<Reservation, Error> {
        self.take_owed()?;
        Ok(self.held)
    }
}

/// What is made of a doubtful compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The header says how it is compressed; what is broken is refused.
    Strict,
    /// For shippers: gzip and zstd are known without a header too, and this is undone last, as their protocol has it.
    Lenient(Option<Codec>),
}

/// Reads the whole body, of at most `bytes_max` bytes as sent and decompressed.
pub(crate) async fn read(
    state: &web::Data<State>,
    request: &HttpRequest,
    mut payload: web::Payload,
    bytes_max: usize,
    reading: Reading,
) -> Result<Body, Error> {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let declared: usize = declared.unwrap_or(0);
    if declared > bytes_max {
        return Err(Error::too_large(bytes_max, state.options.body_bytes_max));
    }
    // What is only promised takes no room from others: that grows with what is there.
    let mut room = Room::new(state, bytes_max, declared.min(FIRST_BYTES))?;
    let mut bytes = Vec::with_capacity(declared.min(FIRST_BYTES));
    let began = Instant::now();
    loop {
        let seconds = bytes.len() / BYTES_PER_SECOND_MIN;
        let end = began + PAUSE_MAX + Duration::from_secs(seconds as u64);
        let pause_end = Instant::now() + PAUSE_MAX;
        let too_slow = |_| {
            Error::too_slow(match end < pause_end {
                true => format!("the body is not there after {} seconds", (end - began).as_secs()),
                false => format!("no part of the body came for {} seconds", PAUSE_MAX.as_secs()),
            })
        };
        let part = timeout_at(end.min(pause_end), payload.next()).await.map_err(too_slow)?;
        let Some(part) = part else { break };
        let part = part.map_err(|error| Error::malformed(format!("the body broke off: {error}"), "send it again"))?;
        if bytes.len() + part.len() > bytes_max {
            return Err(Error::too_large(bytes_max, state.options.body_bytes_max));
        }
        let needed = bytes.len() + part.len();
        if needed > bytes.capacity() {
            let wanted = capacity(bytes.capacity(), needed, declared);
            room.grow(wanted.saturating_sub(room.held.bytes()))?;
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(&part);
    }
    let bytes = Bytes::from(bytes);
    match reading {
        Reading::Strict => decoded(request, bytes, room, &[], None).await,
        Reading::Lenient(always) => decoded(request, bytes, room, &[Codec::Gzip, Codec::Zstd], always).await,
    }
}

/// Room for `needed` bytes, and for what follows, where there is room for `now`. `declared`: 0 where nothing was promised.
fn capacity(now: usize, needed: usize, declared: usize) -> usize {
    let ahead = if declared > 0 { (AHEAD * now).min(declared) } else { AHEAD_UNKNOWN * now };
    ahead.max(needed)
}

/// Undoes the compression that the header names; without one, that among `sniffed` which the first bytes tell. What the
/// protocol always does is undone once, whether the header names it or not.
async fn decoded(
    request: &HttpRequest,
    bytes: Bytes,
    mut room: Room,
    sniffed: &[Codec],
    always: Option<Codec>,
) -> Result<Body, Error> {
    let header = request.headers().get(header::CONTENT_ENCODING);
    let text = header.map_or(Ok(""), |value| value.to_str());
    let text =
        text.map_err(|_| Error::media_type("Content-Encoding is no text", "send gzip, zstd, deflate or snappy"))?;
    let named = text.split(',').map(str::trim).filter(|one| !one.is_empty() && !one.eq_ignore_ascii_case("identity"));
    let mut codecs: Vec<Codec> = named.map(Codec::named).collect::<Result<_, _>>()?;
    if codecs.len() > ENCODINGS_MAX {
        return Err(Error::media_type("too many encodings on top of each other", "compress once"));
    }
    if codecs.is_empty() {
        codecs.extend(Codec::of(&bytes).filter(|codec| sniffed.contains(codec)));
    }
    if let Some(codec) = always.filter(|codec| !codecs.contains(codec)) {
        codecs.insert(0, codec);
    }
    if codecs.is_empty() {
        return Ok(Body { bytes, room });
    }
    let (state, is_small) = (room.state.clone(), bytes.len() <= INLINE_MAX);
    let undo = move || {
        let mut bytes = bytes;
        for said in codecs.into_iter().rev() {
            // What is not compressed at all, whatever the header says, is taken as it is.
            let Some(codec) = said.seen_in(&bytes) else { break };
            bytes = codec.inflate(&bytes, &mut room)?.into();
        }
        Ok(Body { bytes, room })
    };
    if is_small { undo() } else { heavy(&state, undo).await? }
}

/// Does `work` away from the server's threads.
pub(crate) async fn heavy<T: Send + 'static>(
    state: &State,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let unavailable = || Error::unavailable("overloaded", "no thread is free");
    let permit = state.heavy.clone().acquire_owned().await.map_err(|_| unavailable())?;
    let done = web::block(move || {
        // Kept to the end, also where the client goes away meanwhile.
        let _permit = permit;
        work()
    });
    done.await.map_err(|_| unavailable())
}

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Gzip,
    Zstd,
    Zlib,
    Deflate,
    /// A raw block, as protocols that carry protobuf have it.
    Snappy,
}

impl Codec {
    fn named(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "deflate" => Ok(Self::Deflate),
            "snappy" | "x-snappy" => Ok(Self::Snappy),
            _ => Err(Error::media_type(
                format!("the Content-Encoding {name:?} is not known"),
                "send gzip, zstd, deflate, snappy or none",
            )),
        }
    }

    /// What `bytes` really are; `None` where their beginning does not tell.
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Self::Zlib),
            _ => None,
        }
    }

    /// What undoes `bytes`, of which this was said.
    fn seen_in(self, bytes: &[u8]) -> Option<Self> {
        match (self, Self::of(bytes)) {
            // A block of snappy may begin like zlib.
            (Self::Snappy, None | Some(Self::Zlib)) => Some(Self::Snappy),
            (Self::Deflate, None) => Some(Self::Deflate),
            (_, seen) => seen,
        }
    }

    fn inflate(self, bytes: &[u8], room: &mut Room) -> Result<Vec<u8>, Error> {
        match self {
            Self::Gzip => drain(flate2::read::MultiGzDecoder::new(bytes), room),
            Self::Zlib => drain(flate2::read::ZlibDecoder::new(bytes), room),
            Self::Deflate => drain(flate2::read::DeflateDecoder::new(bytes), room),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(bytes).map_err(|error| broken(&error))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| broken(&error))?;
                drain(decoder, room)
            }
            Self::Snappy => unsnap(bytes, room),
        }
    }
}

fn broken(error: &io::Error) -> Error {
    let remedy = "compress it again, and say how in Content-Encoding";
    Error::malformed(format!("the compressed body cannot be read: {error}"), remedy)
}

/// One block of snappy. How long it is stands before it, and is not believed beyond what can come of so few bytes.
fn unsnap(bytes: &[u8], room: &mut Room) -> Result<Vec<u8>, Error> {
    /// The longest copy, of 64 bytes, is written in three.
    const GROWTH_MAX: usize = 22;
    let not_readable = |error: snap::Error| broken(&io::Error::other(error));
    let len = snap::raw::decompress_len(bytes).map_err(not_readable)?;
    if len > room.bytes_max {
        return Err(Error::too_large(room.bytes_max, room.state.options.body_bytes_max));
    }
    if len > GROWTH_MAX * bytes.len() {
        return Err(broken(&io::Error::other("it ends early")));
    }
    room.grow(len)?;
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(not_readable)
}

/// What is unpacked at a time.
const PART_BYTES: usize = 1 << 20;

/// Everything that `from` gives, part by part within the limits, and put together only once that is known to fit: a list
/// that grows by copying would take three times as much of what is then refused.
fn drain(mut from: impl Read, room: &mut Room) -> Result<Vec<u8>, Error> {
    let bytes_max = room.bytes_max;
    let (mut parts, mut total) = (Vec::new(), 0);
    loop {
        let mut part = Vec::new();
        // One more than there may be tells that there are too many.
        let wanted = PART_BYTES.min(bytes_max + 1 - total);
        from.by_ref().take(wanted as u64).read_to_end(&mut part).map_err(|error| broken(&error))?;
        total += part.len();
        if total > bytes_max {
            return Err(Error::too_large(bytes_max, room.state.options.body_bytes_max));
        }
        if part.is_empty() {
            break;
        }
        room.grow(part.capacity())?;
        parts.push(part);
    }
    if parts.len() <= 1 {
        return Ok(parts.pop().unwrap_or_default());
    }
    let mut out = Vec::with_capacity(total);
    // Each is let go of as soon as it is copied.
    parts.into_iter().for_each(|part| out.extend_from_slice(&part));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_copied_a_few_times_however_it_comes() {
        const PART: usize = 32 * 1024;
        const WHOLE: usize = 64 << 20;
        for (declared, most, room_max) in [(0, 13, 2 * WHOLE), (WHOLE, 6, WHOLE), (WHOLE - 7, 6, WHOLE - 7)] {
            let whole = if declared > 0 { declared } else { WHOLE };
            let (mut room, mut copied, mut len) = (declared.min(FIRST_BYTES), 0, 0);
            while len < whole {
                let needed = (len + PART).min(whole);
                if needed > room {
                    room = capacity(room, needed, declared);
                    copied += 1;
                }
                len = needed;
            }
            assert!(copied <= most && room <= room_max, "{declared}: copied {copied} times into {room}");
        }
    }
}
