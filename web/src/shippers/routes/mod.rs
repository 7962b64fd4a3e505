//! Which path speaks which protocol, and what of it stands in the request's head.

pub(crate) mod elastic;
pub(crate) mod loki;
pub(crate) mod others;
pub(crate) mod otlp;
pub(crate) mod splunk;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};

use super::{
    Sink, Stop,
    firehose::Firehose,
    generic::Generic,
    handler::{Done, Ingested, Protocol, Push, refuse},
    logplex::Logplex,
    record::Context,
    refusals,
};
use crate::{
    State, api,
    error::{Error, Problem},
};

/// Adds the shippers' routes.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in ["/api/v1/ingest", "/api/v1/ingest/{source}"] {
        let resource = resource(path, "GET, HEAD, OPTIONS, POST, PUT")
            .route(web::post().to(ingest))
            .route(web::put().to(ingest))
            .route(web::method(Method::OPTIONS).to(others::handshake))
            .route(api::get().to(ready));
        config.service(resource);
    }
    config
        .configure(otlp::routes)
        .configure(loki::routes)
        .configure(splunk::routes)
        .configure(others::routes)
        // Some of its paths begin with any name.
        .configure(elastic::routes);
}

/// A part of the path, where it has one of this name.
fn part_of(request: &HttpRequest, name: &str) -> Option<String> {
    request.match_info().get(name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A resource that answers other methods in its protocol's words.
fn resource(path: &str, allow: &'static str) -> actix_web::Resource {
    let refuse = move |state: web::Data<State>, request: HttpRequest| async move {
        refuse(&state, &request, &Error::method(request.method().as_str(), allow))
    };
    web::resource(path.to_owned()).default_service(web::to(refuse))
}

/// For shippers that look before they send.
async fn ready() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "ready"}))
}

/// Take whatever a shipper sends: JSON object, array, NDJSON, concatenated JSON, a form, or lines of text; gzip, zstd,
/// deflate or snappy; also MessagePack of Fluent Bit and Fluentd,
/// and, by their headers, CloudEvents, Amazon Data Firehose and Heroku's drains. Answers once it is on disk.
#[utoipa::path(
    method(post, put), path = "/api/v1/ingest", tag = "events", operation_id = "ingest", request_body = String,
    params(("source" = Option<String>, Query, description = "for events that name none")),
    responses((status = 200, body = Ingested), (status = 413, body = Problem), (status = 503, body = Problem))
)]
pub(crate) async fn ingest(push: Push) -> HttpResponse {
    let (essence, header) = (essence(&push.request), |name: &str| refusals::text(push.request.headers(), name));
    if push.request.headers().contains_key("x-amz-firehose-request-id") {
        let request_id = header("x-amz-firehose-request-id");
        return push.take(Ok(Firehose { request_id })).await;
    }
    if refusals::is_cloud_event(push.request.headers()) {
        let protocol = others::cloud_events_of(&push.request);
        return push.take(protocol).await;
    }
    if essence == "application/logplex-1" {
        let token = Some(header("logplex-drain-token")).filter(|token| !token.is_empty());
        let frame = Logplex { frame_id: header("logplex-frame-id"), drain_token: token };
        return push.take(Ok(frame)).await;
    }
    let is_form = essence == "application/x-www-form-urlencoded";
    let is_msgpack = matches!(essence.as_str(), "application/msgpack" | "application/x-msgpack");
    push.take(Ok(Generic { is_form, is_msgpack })).await
}

/// The same, with the source in the path for events that name none.
#[utoipa::path(
    method(post, put), path = "/api/v1/ingest/{source}", tag = "events", operation_id = "ingest_from", request_body = String,
    params(("source" = String, Path)),
    responses((status = 200, body = Ingested), (status = 413, body = Problem), (status = 503, body = Problem))
)]
#[expect(dead_code, reason = "describes the second path of `ingest`")]
async fn ingest_from() {}

fn essence(request: &HttpRequest) -> String {
    let content_type = refusals::text(request.headers(), "content-type");
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl Protocol for Generic {
    type Kept = ();

    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        Self::decode(self, bytes, context, sink).map_err(Stop::Full)
    }

    fn answer(&self, done: Done<()>) -> HttpResponse {
        HttpResponse::Ok().json(done.ingested())
    }
}
