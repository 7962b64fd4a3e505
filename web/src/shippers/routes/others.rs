//! The paths of protocols that need little: GELF, Datadog, CloudEvents, the journal; and those that the generic route
//! knows by their headers.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::json;

use super::{essence, resource};
use crate::{
    api,
    shippers::{
        Refusal, Sink, Stop,
        cloudevents::{self, CloudEvents},
        datadog,
        firehose::Firehose,
        gelf,
        handler::{Done, Protocol, Push},
        journal,
        logplex::Logplex,
        record::Context,
        refusals,
    },
};

/// Adds their paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/gelf", "POST").route(web::post().to(gelf)));
    config.service(resource("/upload", "POST").route(web::post().to(journal)));
    for path in ["/api/v2/logs", "/v1/input", "/v1/input/{token}"] {
        config.service(resource(path, "POST").route(web::post().to(datadog)));
    }
    config.service(
        resource("/api/v1/cloudevents", "GET, HEAD, OPTIONS, POST")
            .route(web::post().to(cloud_events))
            .route(web::method(actix_web::http::Method::OPTIONS).to(handshake))
            .route(api::get().to(super::ready)),
    );
}

/// Take GELF messages.
#[utoipa::path(post, path = "/gelf", tag = "shippers", operation_id = "gelf", request_body = serde_json::Value, responses((status = 202), (status = 400, body = crate::error::Problem)))]
pub(crate) async fn gelf(push: Push) -> HttpResponse {
    push.take(Ok(Gelf)).await
}

/// Take the journal of systemd-journal-upload.
#[utoipa::path(post, path = "/upload", tag = "shippers", operation_id = "journal_upload", request_body = String, responses((status = 202, body = String), (status = 400, body = String)))]
pub(crate) async fn journal(push: Push) -> HttpResponse {
    let essence = essence(&push.request);
    let is_journal = essence.is_empty() || essence == "application/vnd.fdo.journal";
    let other =
        || Refusal::media_type(format!("the Content-Type {essence:?} is not taken here: application/vnd.fdo.journal"));
    push.take(is_journal.then_some(Journal).ok_or_else(other)).await
}

/// Take logs as Datadog does.
#[utoipa::path(post, path = "/api/v2/logs", tag = "shippers", operation_id = "datadog_logs", request_body = serde_json::Value, responses((status = 202, body = serde_json::Value), (status = 400, body = serde_json::Value)))]
pub(crate) async fn datadog(push: Push) -> HttpResponse {
    push.take(Ok(Datadog)).await
}

/// Take CloudEvents: structured, in batches, and binary.
#[utoipa::path(post, path = "/api/v1/cloudevents", tag = "shippers", operation_id = "cloudevents", request_body = serde_json::Value, responses((status = 202), (status = 400, body = crate::error::Problem), (status = 415, body = crate::error::Problem)))]
pub(crate) async fn cloud_events(push: Push) -> HttpResponse {
    let protocol = cloud_events_of(&push.request);
    push.take(protocol).await
}

/// The mode that the headers tell.
pub(super) fn cloud_events_of(request: &HttpRequest) -> Result<CloudEvents, Refusal> {
    match essence(request).as_str() {
        "application/cloudevents-batch+json" => return Ok(CloudEvents::Batch),
        "application/cloudevents+json" => return Ok(CloudEvents::Structured),
        other if other.starts_with("application/cloudevents") => {
            return Err(Refusal::media_type(format!("CloudEvents are taken as JSON alone, not as {other:?}")));
        }
        _ => {}
    }
    let headers = request.headers().iter();
    let mut attributes: serde_json::Map<_, _> =
        headers.filter_map(|(name, value)| cloudevents::attribute(name.as_str(), value.as_bytes())).collect();
    if !["specversion", "id", "type"].iter().any(|name| attributes.contains_key(*name)) {
        let detail = "neither a Content-Type of CloudEvents nor their headers are here";
        return Err(Refusal::media_type(detail));
    }
    let data_type = refusals::text(request.headers(), "content-type");
    if !data_type.is_empty() {
        attributes.entry("datacontenttype").or_insert(data_type.into());
    }
    Ok(CloudEvents::Binary(attributes))
}

/// Whether whoever asks may send here, as CloudEvents' WebHooks ask it: everyone who was let in may.
pub(super) async fn handshake(request: HttpRequest) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("Allow", "POST"));
    if let Some(origin) = request.headers().get("webhook-request-origin") {
        answer.insert_header(("WebHook-Allowed-Origin", origin.clone())).insert_header(("WebHook-Allowed-Rate", "*"));
    }
    answer.finish()
}

/// Those whose decoders keep nothing for the answer.
macro_rules! protocol {
    ($name:ty, $decode:expr, $answer:expr $(, $ids:expr)?) => {
        impl Protocol for $name {
            type Kept = ();

            $(const IDS_ARE_OF_SOURCES: bool = $ids;)?

            fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
                $decode(self, bytes, context, sink)
            }

            fn answer(&self, done: Done<()>) -> HttpResponse {
                $answer(self, done)
            }
        }
    };
}

struct Gelf;
struct Journal;
struct Datadog;

fn accepted() -> HttpResponse {
    HttpResponse::new(StatusCode::ACCEPTED)
}

protocol!(Gelf, |_: &Self, bytes, context, sink| gelf::decode(bytes, context, sink), |_: &Self, _| accepted());
protocol!(Journal, |_: &Self, bytes, context, sink| journal::decode(bytes, context, sink), |_: &Self, _| {
    HttpResponse::Accepted().content_type("text/plain; charset=utf-8").body("OK.\n")
});
protocol!(Datadog, |_: &Self, bytes, context, sink| datadog::decode(bytes, context, sink), |_: &Self, _| {
    HttpResponse::Accepted().json(json!({}))
});
protocol!(CloudEvents, CloudEvents::decode, |_: &Self, _| accepted(), true);
protocol!(
    Logplex,
    |of: &Self, bytes, context, sink| Logplex::decode(of, bytes, context, sink).map_err(Stop::Full),
    |_: &Self, done: Done<()>| HttpResponse::Ok().json(done.ingested())
);
protocol!(Firehose, Firehose::decode, |of: &Self, done: Done<()>| {
    // It takes nothing but a 200 with its own number in it.
    HttpResponse::Ok().json(json!({"requestId": of.request_id, "timestamp": done.received_at.millis()}))
});
