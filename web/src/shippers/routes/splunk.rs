//! The paths of Splunk's HTTP Event Collector.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::resource;
use crate::{
    State, api,
    error::Error,
    shippers::{
        Refusal, Sink, Stop,
        handler::{Done, Protocol, Push, in_query, refuse},
        record::Context,
        splunk::Hec,
    },
};

/// Adds its paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    const BASE: &str = "/services/collector";
    for path in ["", "/event", "/event/1.0"] {
        config.service(resource(&format!("{BASE}{path}"), "POST").route(web::post().to(event)));
    }
    for version in ["", "/1.0"] {
        config.service(resource(&format!("{BASE}/raw{version}"), "POST").route(web::post().to(raw)));
        config.service(resource(&format!("{BASE}/health{version}"), "GET, HEAD").route(api::get().to(health)));
    }
    config.service(resource(&format!("{BASE}/ack"), "POST").route(web::post().to(ack)));
}

/// Take events as Splunk's HTTP Event Collector does: envelopes one after another, or an array.
#[utoipa::path(
    post, path = "/services/collector", tag = "shippers", operation_id = "splunk_event", request_body = serde_json::Value,
    responses((status = 200, body = serde_json::Value), (status = 400, body = serde_json::Value), (status = 503, body = serde_json::Value))
)]
pub(crate) async fn event(push: Push) -> HttpResponse {
    let hec = hec(&push.request, false);
    push.take(Ok(hec)).await
}

/// The same for raw lines.
#[utoipa::path(
    post, path = "/services/collector/raw", tag = "shippers", operation_id = "splunk_raw", request_body = String,
    responses((status = 200, body = serde_json::Value), (status = 400, body = serde_json::Value), (status = 503, body = serde_json::Value))
)]
pub(crate) async fn raw(push: Push) -> HttpResponse {
    let hec = hec(&push.request, true);
    push.take(Ok(hec)).await
}

fn hec(request: &HttpRequest, is_raw: bool) -> Hec {
    let named = Hec::IN_QUERY.into_iter().filter_map(|name| Some((name.to_owned(), in_query(request, name)?.into())));
    Hec { is_raw, defaults: named.collect() }
}

async fn health(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    match state.system.health().is_ready {
        true => HttpResponse::Ok().json(json!({"text": "HEC is healthy", "code": 17})),
        false => refuse(&state, &request, &Error::unavailable("not-ready", "the server is not ready")),
    }
}

/// Whoever got a 200 has no need to ask: it is on disk.
async fn ack(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let refusal = Refusal { kind: "acks-disabled", ..Refusal::malformed("a 200 says that it is on disk") };
    refuse(&state, &request, &Error::refused(refusal))
}

impl Protocol for Hec {
    type Kept = ();

    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        Self::decode(self, bytes, context, sink)
    }

    fn answer(&self, _: Done<()>) -> HttpResponse {
        HttpResponse::Ok().json(json!({"text": "Success", "code": 0}))
    }
}
