//! Elasticsearch's paths, under `/es` and at the root: its handshake and its answers.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::json;

use super::{part_of, resource};
use crate::{
    State, api,
    shippers::{
        Sink, Stop,
        elastic::{self, Bulk, Document, Item, Verb},
        handler::{Done, Protocol, Push, refuse},
        record::Context,
        refusals::{self, JSON},
    },
};

/// The cluster that it says it is.
const CLUSTER: &str = "0dc6a0a5-6c6f-6768-6f72-6e0000000001";

/// Adds its paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in ["/es", "/es/"] {
        config.service(resource(path, "GET, HEAD").route(api::get().to(handshake)));
    }
    for prefix in ["/es", ""] {
        let at = |path: &str| format!("{prefix}{path}");
        let writes = |path: &str| {
            resource(&at(path), "POST, PUT").route(web::post().to(document)).route(web::put().to(document))
        };
        config
            .service(resource(&at("/_license"), "GET, HEAD").route(api::get().to(license)))
            .service(resource(&at("/_cat/health"), "GET, HEAD").route(api::get().to(cat_health)))
            .service(resource(&at("/_cluster/health"), "GET, HEAD").route(api::get().to(cluster_health)))
            .service(writes("/{index}/_doc"))
            .service(writes("/{index}/_doc/{id}"))
            .service(writes("/{index}/_create/{id}"));
        for path in ["/_bulk", "/{index}/_bulk"] {
            let bulks = resource(&at(path), "POST, PUT");
            config.service(bulks.route(web::post().to(bulk)).route(web::put().to(bulk)));
        }
    }
}

/// What clients ask first.
#[utoipa::path(get, path = "/es", tag = "shippers", operation_id = "elasticsearch", responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn handshake(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().insert_header(PRODUCT).json(json!({
        "name": "loghorn", "cluster_name": "loghorn", "cluster_uuid": CLUSTER,
        "version": {
            "number": state.options.elastic_version, "build_flavor": "default", "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    }))
}

/// Its clients take no answer without it; the guard adds it to all others.
const PRODUCT: (&str, &str) = ("X-Elastic-Product", "Elasticsearch");

/// Room for a usual batch.
const ROOM: usize = 64 * 1024;

async fn license() -> HttpResponse {
    HttpResponse::Ok().json(json!({"license": {"status": "active", "uid": CLUSTER, "type": "basic"}}))
}

/// rsyslog asks this before it comes again, which is at once unless it fails.
async fn cat_health(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    if let Err(overloaded) = state.system.ingest().reserve(ROOM) {
        return refuse(&state, &request, &overloaded.into());
    }
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("loghorn green 1 1 0 0 0 0 0 0 - 100.0%\n")
}

async fn cluster_health() -> HttpResponse {
    HttpResponse::Ok()
        .json(json!({"cluster_name": "loghorn", "status": "green", "timed_out": false, "number_of_nodes": 1}))
}

/// Take documents as Elasticsearch's bulk interface does: NDJSON of actions and their sources.
#[utoipa::path(
    method(post, put), path = "/es/_bulk", tag = "shippers", operation_id = "elasticsearch_bulk", request_body = String,
    responses((status = 200, body = serde_json::Value), (status = 400, body = serde_json::Value), (status = 503, body = String))
)]
pub(crate) async fn bulk(push: Push) -> HttpResponse {
    let (index, content_type) = (part_of(&push.request, "index"), content_type(&push.request));
    push.take(Ok(Bulking { bulk: Bulk { index }, content_type })).await
}

async fn document(push: Push) -> HttpResponse {
    let verb = if push.request.path().contains("/_create/") { Verb::Create } else { Verb::Index };
    let (index, id) = (part_of(&push.request, "index").unwrap_or_default(), part_of(&push.request, "id"));
    let content_type = content_type(&push.request);
    push.take(Ok(Single { document: Document { verb, index, id }, content_type })).await
}

/// Newer clients want their own back, with its version.
fn content_type(request: &HttpRequest) -> String {
    let accept = refusals::text(request.headers(), "accept").to_ascii_lowercase();
    let version = accept.split_once("compatible-with=").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit));
    let version = version.map(Iterator::collect::<String>).filter(|version| !version.is_empty());
    match version.filter(|_| accept.contains("vnd.elasticsearch+")) {
        Some(version) => format!("application/vnd.elasticsearch+json; compatible-with={version}"),
        None => JSON.into(),
    }
}

struct Bulking {
    bulk: Bulk,
    content_type: String,
}

impl Protocol for Bulking {
    type Kept = Vec<Item>;

    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<Vec<Item>, Stop<S::Error>> {
        self.bulk.decode(bytes, context, sink)
    }

    fn answer(&self, done: Done<Vec<Item>>) -> HttpResponse {
        let body = elastic::bulk_answer(&done.kept, &done.appended, done.took_ms);
        HttpResponse::Ok().content_type(self.content_type.as_str()).body(body)
    }
}

struct Single {
    document: Document,
    content_type: String,
}

impl Protocol for Single {
    type Kept = Vec<Item>;

    fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<Vec<Item>, Stop<S::Error>> {
        self.document.decode(bytes, context, sink)
    }

    fn answer(&self, done: Done<Vec<Item>>) -> HttpResponse {
        let (status, body) = elastic::document_answer(&done.kept, &done.appended);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        HttpResponse::build(status).content_type(self.content_type.as_str()).body(body)
    }
}
