//! The routes of log shippers: lenient, because a shipper that is refused blocks or loses. One pure decoder for each
//! protocol turns bytes into [`Draft`]s; what they have in common stands in [`record`].

pub mod generic;
pub mod record;

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::{Draft, NewEvent, Timestamp, event::Limits};
use serde::{Deserialize, Serialize};

use crate::{State, api, body, error::Error};

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
            .route(web::get().to(ready))
            .route(web::head().to(ready));
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
    post, path = "/api/v1/ingest", tag = "events", request_body = String,
    responses((status = 200, body = Ingested), (status = 503, body = crate::error::Problem))
)]
pub(crate) async fn ingest(state: web::Data<State>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Error> {
    let body = body::read(&request, payload, state.system.ingest(), state.options.body_bytes_max).await?;
    let header = |name: &str| request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let context = record::Context {
        source: source(&request).or_else(|| header("x-loghorn-source")),
        tag: header("x-fluent-tag"),
        received_at: state.system.clock().now(),
    };
    let is_form = header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let (bytes, limits) = (body.bytes, state.system.limits());
    let is_small = bytes.len() <= INLINE_MAX;
    let decode = move || sealed(generic::decode(&bytes, is_form, &context), context.received_at, limits);
    let sealed = if is_small { decode() } else { web::block(decode).await.map_err(|_| Error::unavailable("overloaded", "no thread is free"))? };
    let Sealed { events, mut errors } = sealed;
    let rejected = errors.len() as u64;
    if rejected > 0 {
        state.system.metrics().rejected(errors.len());
    }
    errors.truncate(ERRORS_MAX);
    let appended = match events.is_empty() {
        true => Vec::new(),
        false => state.system.ingest().append(body.room, events).await?,
    };
    let duplicates = appended.iter().filter(|one| one.is_duplicate).count() as u64;
    Ok(HttpResponse::Ok().json(Ingested { accepted: appended.len() as u64 - duplicates, duplicates, rejected, errors }))
}

/// From the path, else from `?source=`.
fn source(request: &HttpRequest) -> Option<String> {
    let from_path = request.match_info().get("source").filter(|text| !text.is_empty()).map(str::to_owned);
    let query = || url::form_urlencoded::parse(request.query_string().as_bytes()).find(|(name, _)| name == "source").map(|(_, value)| value.into_owned());
    from_path.or_else(query)
}

/// What can be stored of a request, and what cannot.
struct Sealed {
    events: Vec<NewEvent>,
    errors: Vec<Rejected>,
}

/// Seals each draft; one that is too large is cut and noted as such. Only what does not even fit then is rejected.
fn sealed(drafts: Vec<Draft>, received_at: Timestamp, limits: Limits) -> Sealed {
    let mut sealed = Sealed { events: Vec::with_capacity(drafts.len()), errors: Vec::new() };
    for (index, draft) in drafts.into_iter().enumerate() {
        let fits = draft.clone().seal(received_at, limits);
        match fits.or_else(|_| record::cut(draft, limits).seal(received_at, limits)) {
            Ok(event) => sealed.events.push(event),
            Err(problem) => sealed.errors.push(Rejected { index, reason: problem.detail }),
        }
    }
    sealed
}
