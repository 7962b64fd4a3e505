//! The routes of log shippers: lenient, because a shipper that is refused blocks or loses. One pure decoder for each
//! protocol turns bytes into [`Draft`]s; what they have in common stands in [`record`].

pub mod generic;
pub mod record;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use loghorn_domain::{Draft, Level, NewEvent, Timestamp, access::Scope, event::Limits};
use serde::{Deserialize, Serialize};

use self::{generic::Sink, record::Context};
use crate::{
    State, api,
    auth::Call,
    body::{self, Reading, Room},
    error::{Error, Problem},
};

/// Bodies above this size are decoded away from the server's threads.
const INLINE_MAX: usize = 256 * 1024;

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

/// Most records of one request whose reason is told.
const ERRORS_MAX: usize = 10;

/// Adds the shippers' routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in ["/api/v1/ingest", "/api/v1/ingest/{source}"] {
        let resource = api::resource(path, "GET, HEAD, POST, PUT")
            .route(web::post().to(ingest))
            .route(web::put().to(ingest))
            .route(api::get().to(ready));
        config.service(resource);
    }
}

/// For shippers that look before they send.
async fn ready() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "ready"}))
}

/// Take whatever a shipper sends: JSON object, array, NDJSON, concatenated JSON, a form, or lines of text; gzip, zstd
/// or deflate. Answers once it is on disk.
#[utoipa::path(
    method(post, put), path = "/api/v1/ingest", tag = "events", operation_id = "ingest", request_body = String,
    params(("source" = Option<String>, Query, description = "for events that name none")),
    responses((status = 200, body = Ingested), (status = 413, body = Problem), (status = 503, body = Problem))
)]
pub(crate) async fn ingest(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    let body::Body { bytes, room } =
        body::read(&state, &request, payload, state.options.body_bytes_max, Reading::Lenient).await?;
    let (context, is_form, limits) = (context(&state, &request), is_form(&request), state.system.limits());
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
        generic::decode(&bytes, is_form, &context, &mut sealed).map(|()| sealed)
    };
    let sealed = if is_small { decode()? } else { body::heavy(&state, decode).await?? };
    let Sealed { events, errors, rejected, room, .. } = sealed;
    if rejected > 0 {
        state.system.metrics().rejected(rejected);
    }
    let appended = match events.is_empty() {
        true => Vec::new(),
        false => state.system.ingest().append(room.settled()?, events).await?,
    };
    let duplicates = appended.iter().filter(|one| one.is_duplicate).count() as u64;
    let accepted = appended.len() as u64 - duplicates;
    Ok(HttpResponse::Ok().json(Ingested { accepted, duplicates, rejected: rejected as u64, errors }))
}

/// The same, with the source in the path for events that name none.
#[utoipa::path(
    method(post, put), path = "/api/v1/ingest/{source}", tag = "events", operation_id = "ingest_from", request_body = String,
    params(("source" = String, Path)),
    responses((status = 200, body = Ingested), (status = 413, body = Problem), (status = 503, body = Problem))
)]
#[expect(dead_code, reason = "describes the second path of `ingest`")]
async fn ingest_from() {}

/// What the request says of its records. syslog-ng sends its headers where it does not batch; they are about this very
/// message, so they come before what the address says.
fn context(state: &State, request: &HttpRequest) -> Context {
    let header = |name: &str| {
        let text = String::from_utf8_lossy(request.headers().get(name)?.as_bytes()).trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    };
    let address = || source(request).or_else(|| header("x-loghorn-source"));
    let tag = header("x-fluent-tag");
    let key = || if tag.is_none() { key_name(request) } else { None };
    Context {
        source: header("x-syslog-program").or_else(address).or_else(key),
        tag,
        host: header("x-syslog-host"),
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

fn is_form(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// From the path, else from `?source=`.
fn source(request: &HttpRequest) -> Option<String> {
    let from_path = request.match_info().get("source").filter(|text| !text.is_empty()).map(str::to_owned);
    let pairs = || url::form_urlencoded::parse(request.query_string().as_bytes());
    let query = || pairs().find(|(name, value)| name == "source" && !value.is_empty());
    from_path.or_else(|| query().map(|(_, value)| value.into_owned()))
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

    /// Seals it; one that is too large is cut and noted as such.
    fn add(&mut self, draft: Draft) -> Result<(), Error> {
        let index = self.read;
        self.read += 1;
        let fits = record::size(&draft) <= self.limits.event_bytes_max;
        let draft = if fits { draft } else { record::cut(draft, self.limits) };
        match draft.seal(self.received_at, self.limits) {
            Ok(event) => {
                self.room.add(&event)?;
                self.events.push(event);
            }
            // Only where the limit leaves no room for any event.
            Err(problem) => {
                self.rejected += 1;
                if self.errors.len() < ERRORS_MAX {
                    self.errors.push(Rejected { index, reason: problem.detail });
                }
            }
        }
        Ok(())
    }
}
