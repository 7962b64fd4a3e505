//! The paths of OpenTelemetry.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{essence, resource};
use crate::shippers::{
    Refusal, Sink, Stop,
    handler::{Done, Protocol, Push},
    otlp::Otlp,
    record::Context,
    refusals::{JSON, PROTOBUF},
    wire,
};

/// Adds its paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in ["/v1/logs", "/otlp/v1/logs"] {
        config.service(resource(path, "POST").route(web::post().to(logs)));
    }
}

/// Take log records by OTLP over HTTP, as protobuf or JSON.
#[utoipa::path(
    post, path = "/v1/logs", tag = "shippers", operation_id = "otlp_logs", request_body = serde_json::Value,
    responses((status = 200, body = serde_json::Value), (status = 400, body = serde_json::Value), (status = 503, body = serde_json::Value))
)]
pub(crate) async fn logs(push: Push) -> HttpResponse {
    let protocol = match essence(&push.request).as_str() {
        JSON => Ok(Otlp { is_json: true }),
        PROTOBUF => Ok(Otlp { is_json: false }),
        other => {
            Err(Refusal::media_type(format!("the Content-Type {other:?} is not taken here: {PROTOBUF} or {JSON}")))
        }
    };
    push.take(protocol).await
}

impl Protocol for Otlp {
    type Kept = ();

    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        Self::decode(self, bytes, context, sink)
    }

    /// What was not stored is told, and not to be sent again.
    fn answer(&self, done: Done<()>) -> HttpResponse {
        let why = done.errors.first().map(|first| first.reason.as_str()).unwrap_or_default();
        let rejected = done.rejected;
        if self.is_json {
            let partial = json!({"partialSuccess": {"rejectedLogRecords": rejected.to_string(), "errorMessage": why}});
            return HttpResponse::Ok().json(if rejected > 0 { partial } else { json!({}) });
        }
        let (mut partial, mut body) = (Vec::new(), Vec::new());
        if rejected > 0 {
            wire::put_varint(&mut partial, 1, rejected as u64);
            wire::put_bytes(&mut partial, 2, why.as_bytes());
            wire::put_bytes(&mut body, 1, &partial);
        }
        HttpResponse::Ok().content_type(PROTOBUF).body(body)
    }
}
