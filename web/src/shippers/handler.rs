//! What is the same for every protocol: read the body, decode it, append, answer.

use std::pin::Pin;

use actix_web::{
    Error as ActixError, FromRequest, HttpMessage, HttpRequest, HttpResponse, dev::Payload, http::StatusCode, web,
};
use loghorn_domain::{Draft, Level, NewEvent, Timestamp, access::Scope, event::Limits};
use loghorn_storage::Appended;
use serde::{Deserialize, Serialize};

use super::{
    Refusal, Sink, Stop, cut,
    record::{Context, id_among},
    refusals::{self, Dialect},
};
use crate::{
    State,
    auth::Call,
    body::{self, Codec, Reading, Room},
    error::Error,
};

/// Bodies above this size are decoded away from the server's threads.
const INLINE_MAX: usize = 256 * 1024;
/// Most records of one request whose reason is told.
const ERRORS_MAX: usize = 10;

/// What became of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ingested {
    /// Stored.
    pub accepted: u64,
    /// Known already.
    pub duplicates: u64,
    /// Not stored; `errors` says why.
    pub rejected: u64,
    /// The first ten that were not stored.
    pub errors: Vec<Rejected>,
}

/// A record that was not stored.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rejected {
    /// Which of the request's records, from 0.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// A protocol of log shippers, as one request speaks it.
pub(crate) trait Protocol: Send + 'static {
    /// What is kept of the request for its answer.
    type Kept: Send + 'static;

    /// Whether an id is one of its source's, and others may have the same.
    const IDS_ARE_OF_SOURCES: bool = false;

    /// What is always undone, whether a header names it or not.
    fn packed(&self) -> Option<Codec> {
        None
    }

    /// Hands every event in `bytes` to `sink`.
    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<Self::Kept, Stop<S::Error>>;

    /// The answer once everything is on disk.
    fn answer(&self, done: Done<Self::Kept>) -> HttpResponse;
}

/// What became of a request.
pub(crate) struct Done<K> {
    /// What the decoder kept.
    pub(crate) kept: K,
    /// What was appended, in its order.
    pub(crate) appended: Vec<Appended>,
    /// How many records were not.
    pub(crate) rejected: usize,
    /// The first of them.
    pub(crate) errors: Vec<Rejected>,
    /// How long it took to append them, in milliseconds.
    pub(crate) took_ms: u128,
    /// Our clock when it came.
    pub(crate) received_at: Timestamp,
}

impl<K> Done<K> {
    /// Counts what became of it.
    pub(crate) fn ingested(self) -> Ingested {
        let duplicates = self.appended.iter().filter(|one| one.is_duplicate).count() as u64;
        let accepted = self.appended.len() as u64 - duplicates;
        Ingested { accepted, duplicates, rejected: self.rejected as u64, errors: self.errors }
    }
}

/// A request that carries records.
pub(crate) struct Push {
    pub(crate) state: web::Data<State>,
    pub(crate) request: HttpRequest,
    payload: web::Payload,
}

impl FromRequest for Push {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = web::Data::<State>::extract(request);
        let (request, payload) = (request.clone(), web::Payload::from_request(&request.clone(), payload));
        Box::pin(async move { Ok(Self { state: state.await?, request, payload: payload.await? }) })
    }
}

impl Push {
    /// Answers the request as `protocol` has it.
    pub(crate) async fn take<P: Protocol>(self, protocol: Result<P, Refusal>) -> HttpResponse {
        let (state, request) = (self.state.clone(), self.request.clone());
        match protocol.map_err(Error::refused) {
            Ok(protocol) => match self.done(protocol).await {
                Ok(answer) => answer,
                Err(error) => refuse(&state, &request, &error),
            },
            Err(error) => refuse(&state, &request, &error),
        }
    }

    async fn done<P: Protocol>(self, protocol: P) -> Result<HttpResponse, Error> {
        let Self { state, request, payload } = self;
        let reading = Reading::Lenient(protocol.packed());
        let body::Body { bytes, room } =
            body::read(&state, &request, payload, state.options.body_bytes_max, reading).await?;
        let (context, limits, received_at) =
            (context(&state, &request), state.system.limits(), state.system.clock().now());
        let is_small = bytes.len() <= INLINE_MAX;
        let decode = move || {
            let mut sealed = Sealed {
                events: Vec::new(),
                errors: Vec::new(),
                rejected: 0,
                read: 0,
                room,
                limits,
                received_at: context.received_at,
            };
            let kept = protocol.decode(&bytes, &context, &mut sealed);
            (protocol, kept.map(|kept| (kept, sealed)))
        };
        let (protocol, decoded) = if is_small { decode() } else { body::heavy(&state, decode).await? };
        let (kept, sealed) = decoded.map_err(|stop| {
            let error = match stop {
                Stop::Full(error) => error,
                Stop::Refused(refusal) => Error::refused(refusal),
            };
            // Who is to come again is not refused.
            if error.status() != StatusCode::SERVICE_UNAVAILABLE {
                state.system.metrics().rejected(1);
            }
            error
        })?;
        let Sealed { events, errors, rejected, room, .. } = sealed;
        if rejected > 0 {
            state.system.metrics().rejected(rejected);
        }
        let began = state.system.clock().monotonic();
        let kept_apart = if P::IDS_ARE_OF_SOURCES { events.clone() } else { Vec::new() };
        let mut appended = match events.is_empty() {
            true => Vec::new(),
            false => state.system.ingest().append(room.settled()?, events).await?,
        };
        tell_apart(&state, kept_apart, &mut appended).await?;
        let took_ms = state.system.clock().monotonic().saturating_sub(began).as_millis();
        Ok(protocol.answer(Done { kept, appended, rejected, errors, took_ms, received_at }))
    }
}

/// Stores those whose id was known, but of another source: under an id that names theirs too.
async fn tell_apart(state: &State, events: Vec<NewEvent>, appended: &mut [Appended]) -> Result<(), Error> {
    let known: Vec<_> = events.into_iter().zip(appended).filter(|(_, appended)| appended.is_duplicate).collect();
    if known.is_empty() {
        return Ok(());
    }
    // The room of all was given away with the append. Who finds none comes again, and then all else is known.
    let bytes = known.iter().map(|(event, _)| size_of::<NewEvent>() + event.tail.len()).sum();
    let room = state.system.ingest().reserve(bytes)?;
    let (mut events, mut places) = (Vec::new(), Vec::new());
    for (mut event, appended) in known {
        let first = state.system.store().log.find(appended.id.clone()).await?;
        if first.is_some_and(|first| first.head.source != event.head.source) {
            event.id = id_among(&event.head.source, appended.id.as_str()).parse().ok();
            events.push(event);
            places.push(appended);
        }
    }
    if !events.is_empty() {
        let again = state.system.ingest().append(room, events).await?;
        places.into_iter().zip(again).for_each(|(place, again)| *place = again);
    }
    Ok(())
}

/// Says no in the words of the route's protocol.
pub(crate) fn refuse(state: &State, request: &HttpRequest, error: &Error) -> HttpResponse {
    let dialect = request.extensions().get::<Call>().and_then(|call| call.dialect(request.headers()));
    dialect.unwrap_or(Dialect::Generic).refuse(request.headers(), error, state.system.clock().now())
}

/// What the request says of its records. syslog-ng sends its headers where it does not batch; they are about this very
/// message, so they come before what the address says.
fn context(state: &State, request: &HttpRequest) -> Context {
    let header = |name: &str| {
        let text = refusals::text(request.headers(), name).trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    };
    let address = || source(request).or_else(|| header("x-loghorn-source"));
    let tag = header("x-fluent-tag");
    let key = || if tag.is_none() { key_name(request) } else { None };
    Context {
        source: header("x-syslog-program").or_else(address).or_else(key),
        tag,
        host: header("x-syslog-host"),
        tenant: header("x-scope-orgid"),
        level: header("x-syslog-level").and_then(|text| Level::from_alias(&text)),
        received_at: state.system.clock().now(),
        limits: state.system.limits(),
    }
}

/// The name of the ingest key that was shown: the last resort for a source.
fn key_name(request: &HttpRequest) -> Option<String> {
    let extensions = request.extensions();
    let holder = extensions.get::<Call>()?.holder.as_ref()?;
    (holder.scope == Scope::Ingest).then(|| holder.name.to_string())
}

/// From the path, else from `?source=`.
fn source(request: &HttpRequest) -> Option<String> {
    let from_path = request.match_info().get("source").filter(|text| !text.is_empty()).map(str::to_owned);
    from_path.or_else(|| in_query(request, "source"))
}

/// The first non-empty value of this name in the query.
pub(crate) fn in_query(request: &HttpRequest, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
}

/// What can be stored of a request, and what cannot.
struct Sealed {
    events: Vec<NewEvent>,
    errors: Vec<Rejected>,
    rejected: usize,
    read: usize,
    room: Room,
    limits: Limits,
    received_at: Timestamp,
}

impl Sink for Sealed {
    type Error = Error;

    fn pass(&mut self, bytes: usize) -> Result<(), Error> {
        self.room.pass(bytes)
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.room.hold(bytes)
    }

    /// Seals it; one that is too large is cut and noted as such.
    fn add(&mut self, draft: Draft) -> Result<bool, Error> {
        let fits = cut::size(&draft) <= self.limits.event_bytes_max;
        let draft = if fits { draft } else { cut::cut(draft, self.limits) };
        match draft.seal(self.received_at, self.limits) {
            Ok(event) => {
                self.read += 1;
                self.room.add(&event)?;
                self.events.push(event);
                Ok(true)
            }
            // Only where the limit leaves no room for any event.
            Err(problem) => {
                self.reject(&problem.detail);
                Ok(false)
            }
        }
    }

    fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(Rejected { index: self.read, reason: reason.to_owned() });
        }
        self.read += 1;
    }
}
