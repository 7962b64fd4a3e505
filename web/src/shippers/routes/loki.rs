//! The paths of Loki.

use actix_web::{HttpResponse, web};

use super::{essence, resource};
use crate::{
    api,
    body::Codec,
    shippers::{
        Sink, Stop,
        handler::{Done, Protocol, Push},
        loki::Loki,
        record::Context,
        refusals::JSON,
    },
};

/// Adds its paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in ["/loki/api/v1/push", "/api/v1/push"] {
        config.service(resource(path, "POST").route(web::post().to(push)));
    }
    config.service(resource("/ready", "GET, HEAD").route(api::get().to(ready)));
}

async fn ready() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n")
}

/// Take log streams as Loki does, as protobuf or JSON.
#[utoipa::path(
    post, path = "/loki/api/v1/push", tag = "shippers", operation_id = "loki_push", request_body = serde_json::Value,
    responses((status = 204), (status = 400, body = String), (status = 503, body = String))
)]
pub(crate) async fn push(push: Push) -> HttpResponse {
    // Whatever is not called JSON is protobuf.
    let is_json = essence(&push.request) == JSON;
    push.take(Ok(Loki { is_json })).await
}

impl Protocol for Loki {
    type Kept = ();

    /// Whatever a header says.
    fn packed(&self) -> Option<Codec> {
        (!self.is_json).then_some(Codec::Snappy)
    }

    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        Self::decode(self, bytes, context, sink)
    }

    fn answer(&self, _: Done<()>) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}
