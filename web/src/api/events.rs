//! Events: in by REST, and read back.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use loghorn_domain::{Draft, Event, EventId, Level, NewEvent, Pattern, Problem, Seq, Timestamp, event::Limits};
use loghorn_storage::{Appended, DeliveryQuery, EventQuery};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Page,
    deliveries::{self, Delivery},
};
use crate::{
    State,
    body::{self, Reading, Room, value_room},
    elements::{Broken, Elements},
    error::Error,
    idempotency,
    lists::{self, Query},
};

/// Most problems of one request that are reported.
const PROBLEMS_MAX: usize = 20;
/// Bodies above this size are parsed away from the server's threads.
const INLINE_MAX: usize = 256 * 1024;

/// What became of one event.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Accepted {
    /// Its id.
    pub id: String,
    /// Its place in the log.
    pub seq: u64,
    /// Always `accepted`.
    pub status: String,
    /// True where the id was known already: nothing new was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

/// What became of many events.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AcceptedMany {
    /// Stored.
    pub accepted: u64,
    /// Known already.
    pub duplicates: u64,
    /// Lowest seq among them; null where there were none.
    pub first_seq: Option<u64>,
    /// Highest seq among them.
    pub last_seq: Option<u64>,
}

/// Take one event, a JSON array of them, or NDJSON. Answers once they are on disk.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events", operation_id = "create_events", request_body = serde_json::Value,
    responses((status = 202, body = Accepted), (status = 400, body = crate::error::Problem), (status = 413, body = crate::error::Problem), (status = 422, body = crate::error::Problem), (status = 503, body = crate::error::Problem))
)]
pub(crate) async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let key = idempotency::key(request.headers())?;
    let body::Body { bytes, room } =
        body::read(&state, &request, payload, state.options.body_bytes_max, Reading::Strict).await?;
    let is_lines = request.content_type().to_ascii_lowercase().contains("ndjson");
    let (now, limits) = (state.system.clock().now(), state.system.limits());
    let is_small = bytes.len() <= INLINE_MAX;
    let parse = move || {
        let parsing =
            Parsing { key, now, limits, room, is_single: false, events: Vec::new(), problems: Vec::new(), wrong: 0 };
        parsing.read(&bytes, is_lines)
    };
    let parsed = if is_small { parse() } else { body::heavy(&state, parse).await? };
    let Parsing { events, room, is_single, .. } = parsed.inspect_err(|error| {
        if error.status().is_client_error() {
            state.system.metrics().rejected(1);
        }
    })?;
    let appended = match events.is_empty() {
        true => Vec::new(),
        false => state.system.ingest().append(room.settled()?, events).await?,
    };
    match &appended[..] {
        [Appended { seq, id, is_duplicate }] if is_single => Ok(HttpResponse::Accepted().json(Accepted {
            id: id.to_string(),
            seq: seq.0,
            status: "accepted".into(),
            duplicate: *is_duplicate,
        })),
        many => Ok(HttpResponse::Accepted().json(summary(many))),
    }
}

/// Counts what became of `appended`.
pub(crate) fn summary(appended: &[Appended]) -> AcceptedMany {
    let duplicates = appended.iter().filter(|one| one.is_duplicate).count() as u64;
    AcceptedMany {
        accepted: appended.len() as u64 - duplicates,
        duplicates,
        first_seq: appended.iter().map(|one| one.seq.0).min(),
        last_seq: appended.iter().map(|one| one.seq.0).max(),
    }
}

/// What a body must look like.
const FORMS: &str = "send one event object, an array of them, or one object a line (application/x-ndjson)";
/// An event as sent may be so many times the largest as kept: escapes and blanks are not kept.
const PART_FACTOR: usize = 8;

/// Whoever is alerted by a notice of Loghorn's must be sure that it is one.
const OWN_TYPE: &str =
    "types that begin with loghorn are for Loghorn's own events alone; choose another, such as ops.loghorn.test";

/// A body on its way to events, one at a time: small bodies may hold very many.
struct Parsing {
    key: Option<EventId>,
    now: Timestamp,
    limits: Limits,
    room: Room,
    /// The body is one value, no list.
    is_single: bool,
    events: Vec<NewEvent>,
    problems: Vec<Problem>,
    wrong: usize,
}

impl Parsing {
    fn read(mut self, bytes: &[u8], is_lines: bool) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Error::malformed(format!("the body is no UTF-8, at byte {}", error.valid_up_to()), "send UTF-8")
        })?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let first_line = text.lines().next().unwrap_or_default();
        let is_first_line_whole =
            || first_line.len() < text.len() && serde_json::from_str::<IgnoredAny>(first_line).is_ok();
        if text.is_empty() {
            return Err(Error::malformed("the body is empty", "send an event"));
        } else if is_lines || (text.starts_with('{') && is_first_line_whole()) {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.enumerate().try_for_each(|(index, line)| self.take(index, line))?;
        } else if text.starts_with('[') {
            for (index, element) in Elements::new(text).enumerate() {
                self.take(index, element.map_err(|Broken| bad_array(text))?)?;
            }
        } else {
            self.is_single = true;
            self.take(0, text)?;
        }
        if self.wrong > self.problems.len() {
            let detail = format!("and {} more; nothing was stored", self.wrong - PROBLEMS_MAX);
            self.problems.push(Problem::new("", detail));
        }
        if self.problems.is_empty() { Ok(self) } else { Err(Error::invalid(self.problems)) }
    }

    /// Takes event number `index`.
    fn take(&mut self, index: usize, part: &str) -> Result<(), Error> {
        self.room.pass(value_room(part.as_ref()))?;
        match self.sealed(index, part) {
            Ok(event) => {
                self.room.add(&event)?;
                self.events.push(event);
            }
            Err(problem) if self.is_single && problem.detail.starts_with("not well-formed JSON") => {
                return Err(Error::malformed(problem.detail, FORMS));
            }
            Err(Problem { pointer, detail }) => {
                self.wrong += 1;
                if self.problems.len() < PROBLEMS_MAX {
                    let pointer = if self.is_single { pointer } else { format!("/{index}{pointer}") };
                    self.problems.push(Problem::new(pointer, detail));
                }
            }
        }
        Ok(())
    }

    fn sealed(&self, index: usize, part: &str) -> Result<NewEvent, Problem> {
        let bytes_max = self.limits.event_bytes_max;
        if part.len() > PART_FACTOR * bytes_max {
            let detail = format!("the event is {} bytes as JSON, the limit is {bytes_max}", part.len());
            return Err(Problem::new("", detail));
        }
        let mut draft = Draft::from_json(part.as_bytes())?;
        if draft.event_type.is_own() {
            return Err(Problem::new("/event_type", OWN_TYPE));
        }
        if draft.id.is_none() {
            draft.id = key_for(self.key.as_ref(), index, self.is_single)?;
        }
        draft.seal(self.now, self.limits)
    }
}

/// What is wrong with `text`, which is no well-formed array, and where.
fn bad_array(text: &str) -> Error {
    let why = serde_json::from_str::<IgnoredAny>(text).err().map(|error| error.to_string());
    Error::malformed(format!("not well-formed JSON: {}", why.unwrap_or_default()), FORMS)
}

/// The id that the request's key gives to its event number `index`.
fn key_for(key: Option<&EventId>, index: usize, is_single: bool) -> Result<Option<EventId>, Problem> {
    let Some(key) = key else { return Ok(None) };
    if is_single {
        return Ok(Some(key.clone()));
    }
    let id = format!("{key}/{index}").parse();
    id.map(Some).map_err(|_| Problem::new("/id", "Idempotency-Key: too long for many events, 120 characters will do"))
}

const KNOWN: [&str; 9] = ["type", "level", "min_level", "source", "since", "until", "q", "limit", "cursor"];

/// Events, newest first.
///
/// A page ends early at about 8 MiB of events, with a `next_cursor`.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "list_events",
    params(
        ("type" = Option<String>, Query, description = "a type or pattern"), ("level" = Option<String>, Query),
        ("min_level" = Option<String>, Query), ("source" = Option<String>, Query),
        ("since" = Option<String>, Query, description = "a time or a span"), ("until" = Option<String>, Query),
        ("q" = Option<String>, Query, description = "text anywhere in the event"),
        ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<serde_json::Value>))
)]
pub(crate) async fn list(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &KNOWN)?;
    let (now, levels) = (state.system.clock().now(), "one of TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL");
    let page = state.system.store().reads.events(EventQuery {
        before: query.cursor("e")?.map(|[seq]| Seq(seq)),
        limit: query.limit()?,
        event_type: query.parsed::<Pattern>("type", "an event type or a pattern such as payment.**")?,
        level: query.parsed::<Level>("level", levels)?,
        level_min: query.parsed::<Level>("min_level", levels)?,
        source: query.text("source").map(str::to_owned),
        since: query.time("since", now)?,
        until: query.time("until", now)?,
        text: query.text("q").map(str::to_owned),
    });
    let page = page.await?;
    // Each is let go of once it is copied.
    let items: Vec<Box<RawValue>> = page.items.into_iter().map(|event| raw(&event)).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(Page { items, next_cursor: page.next.map(|seq| lists::cursor("e", &[seq.0])) }))
}

pub(crate) fn raw(event: &Event) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(event.json())
        .map_err(|error| loghorn_storage::Error::Damaged(error.to_string().into()).into())
}

/// One event.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", operation_id = "get_event", params(("id" = String, Path)), responses((status = 200, body = serde_json::Value), (status = 404, body = crate::error::Problem)))]
pub(crate) async fn get(state: web::Data<State>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    let event = find(&state, &id).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(event.json()))
}

pub(crate) async fn find(state: &State, id: &str) -> Result<Arc<Event>, Error> {
    let id: EventId = id.parse().map_err(|_| Error::not_found("event"))?;
    state.system.store().log.find(id).await?.ok_or_else(|| Error::not_found("event"))
}

/// The deliveries of one event.
#[utoipa::path(get, path = "/api/v1/events/{id}/deliveries", tag = "events", operation_id = "list_event_deliveries", params(("id" = String, Path)), responses((status = 200, body = Page<Delivery>)))]
pub(crate) async fn deliveries(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let query = Query::read(&request, &["limit", "cursor"])?;
    let event = find(&state, &id).await?;
    let narrowed = DeliveryQuery {
        seq: Some(event.seq),
        limit: query.limit()?,
        after: lists::delivery_after(&query)?,
        ..Default::default()
    };
    Ok(HttpResponse::Ok().json(deliveries::page(&state, narrowed).await?))
}
