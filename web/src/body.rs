//! Bodies of requests: read with a budget, a limit and a deadline, and decompressed in bounded steps.
//!
//! actix's own decompression turns unknown encodings into none and checks limits late, so it is not used. The magic
//! bytes beat the header: some clients say `gzip,deflate` and send zlib.

use std::{
    io::{self, Read},
    time::Duration,
};

use actix_web::{
    HttpRequest,
    http::header,
    web::{self, Bytes, BytesMut},
};
use futures_util::StreamExt;
use loghorn_actors::{Ingest, Reservation};

use crate::error::Error;

/// Longest pause between two parts of a body.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Bodies above this size are decompressed away from the server's threads.
const INLINE_MAX: usize = 64 * 1024;
/// Most encodings on top of each other.
const ENCODINGS_MAX: usize = 3;

/// A body, decompressed, with the room it takes.
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) room: Reservation,
}

/// Reads the whole body.
pub(crate) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    ingest: &Ingest,
    bytes_max: usize,
) -> Result<Body, Error> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length: usize = length.unwrap_or(0);
    if length > bytes_max {
        return Err(Error::too_large(bytes_max));
    }
    let mut room = ingest.reserve(length)?;
    let mut bytes = BytesMut::with_capacity(length);
    loop {
        let part = tokio::time::timeout(PAUSE_MAX, payload.next()).await.map_err(|_| Error::too_slow())?;
        let Some(part) = part else { break };
        let part = part.map_err(|error| Error::malformed(format!("the body broke off: {error}"), "send it again"))?;
        if bytes.len() + part.len() > bytes_max {
            return Err(Error::too_large(bytes_max));
        }
        if bytes.len() + part.len() > room.bytes() {
            room.grow(part.len()).map_err(|_| loghorn_actors::AppendError::Overloaded)?;
        }
        bytes.extend_from_slice(&part);
    }
    decoded(request, bytes.freeze(), room, bytes_max).await
}

async fn decoded(request: &HttpRequest, bytes: Bytes, mut room: Reservation, bytes_max: usize) -> Result<Body, Error> {
    let header = request.headers().get(header::CONTENT_ENCODING);
    let text = header.map_or(Ok(""), |value| value.to_str());
    let text = text.map_err(|_| Error::media_type("Content-Encoding is no text", "send gzip, zstd or deflate"))?;
    let codecs: Vec<String> =
        text.split(',').map(|one| one.trim().to_ascii_lowercase()).filter(|one| !one.is_empty() && one != "identity").collect();
    if codecs.is_empty() {
        return Ok(Body { bytes, room });
    }
    if let Some(unknown) = codecs.iter().find(|codec| Codec::named(codec).is_none()) {
        return Err(Error::media_type(format!("the Content-Encoding {unknown:?} is not known"), "send gzip, zstd, deflate or none"));
    }
    if codecs.len() > ENCODINGS_MAX {
        return Err(Error::media_type("too many encodings on top of each other", "compress once"));
    }
    let undo = move || {
        let mut bytes = bytes;
        for codec in codecs.iter().rev().filter_map(|codec| Codec::named(codec)) {
            // What is not compressed at all, whatever the header says, is taken as it is.
            let Some(codec) = Codec::seen(&bytes, codec) else { break };
            bytes = codec.inflate(&bytes, bytes_max, &mut room)?.into();
        }
        Ok(Body { bytes, room })
    };
    let is_small = undo_size_hint(request) <= INLINE_MAX;
    if is_small { undo() } else { web::block(undo).await.map_err(|_| Error::unavailable("overloaded", "no thread is free"))? }
}

fn undo_size_hint(request: &HttpRequest) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.unwrap_or(usize::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Gzip,
    Zstd,
    Zlib,
    Deflate,
}

impl Codec {
    fn named(name: &str) -> Option<Self> {
        match name {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// What `bytes` really are; `None` where they are not compressed.
    fn seen(bytes: &[u8], said: Self) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Self::Zlib),
            _ if said == Self::Deflate => Some(Self::Deflate),
            _ => None,
        }
    }

    fn inflate(self, bytes: &[u8], bytes_max: usize, room: &mut Reservation) -> Result<Vec<u8>, Error> {
        match self {
            Self::Gzip => drain(flate2::read::MultiGzDecoder::new(bytes), bytes_max, room),
            Self::Zlib => drain(flate2::read::ZlibDecoder::new(bytes), bytes_max, room),
            Self::Deflate => drain(flate2::read::DeflateDecoder::new(bytes), bytes_max, room),
            Self::Zstd => drain(zstd::stream::read::Decoder::new(bytes).map_err(|error| broken(&error))?, bytes_max, room),
        }
    }
}

fn broken(error: &io::Error) -> Error {
    Error::malformed(format!("the compressed body cannot be read: {error}"), "compress it again, and say how in Content-Encoding")
}

/// Everything that `from` gives, step by step within the limits.
fn drain(mut from: impl Read, bytes_max: usize, room: &mut Reservation) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut step = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut step).map_err(|error| broken(&error))?;
        if n == 0 {
            return Ok(out);
        }
        if out.len() + n > bytes_max {
            return Err(Error::too_large(bytes_max));
        }
        room.grow(n).map_err(|_| loghorn_actors::AppendError::Overloaded)?;
        out.extend_from_slice(&step[..n]);
    }
}
