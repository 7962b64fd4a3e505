//! The dashboard: the build of `frontend/`, embedded. Without one a page says how to get it.
//!
//! Pages are all the same file, and what they show the browser asks the API for, so they are open to everyone, like the
//! form that takes a key. Each answer carries a nonce of its own: the policy lets no other style in, and no script but
//! those of this server. Assets bear a hash of their content in their names and never change.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rust_embed::{Embed, EmbeddedFile};

use crate::{
    State,
    api::{get, no_route, resource},
    error::Error,
    shippers::routes::elastic::handshake,
};

/// What vite built, with packed copies beside the texts.
#[derive(Embed)]
#[folder = "../frontend/dist"]
#[allow_missing = true]
struct Files;

/// The paths of its pages, as in `frontend/src/app.tsx`; `new` is an id here.
const PAGES: &[&str] = &[
    "/",
    "/welcome",
    "/deliveries",
    "/deliveries/{id}",
    "/subscriptions",
    "/subscriptions/{id}",
    "/subscriptions/{id}/edit",
    "/dead-letters",
    "/events",
    "/events/{id}",
    "/receiver",
    "/system",
];

const INDEX: &str = "index.html";
/// What stands in the built page where its nonce is to be.
const PLACEHOLDER: &str = "__CSP_NONCE__";
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
    <title>Loghorn</title><main><h1>Loghorn</h1><p>Dashboard not built: <code>make run</code> builds it where npm is \
    installed. <a href=/docs/>API</a> · <a href=/api/v1/health>health</a> · <a href=/api/v1/stats>stats</a> · \
    <a href=/metrics>metrics</a></main></html>";
/// Names carry a hash of the content, so what was kept is never out of date.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Adds pages and assets.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in PAGES {
        config.service(resource(path, "GET, HEAD").route(get().to(page)));
    }
    config.service(resource("/assets/{file}", "GET, HEAD").route(get().to(asset)));
}

/// For browsers; everyone else is told that nothing for programs is here, but for the root.
async fn page(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Error> {
    let accept = text(request.headers(), header::ACCEPT);
    if !accept.contains("text/html") {
        // Clients of Elasticsearch look here whom they talk to.
        return if request.path() == "/" { Ok(handshake(state).await) } else { no_route(request).await };
    }
    let nonce = state.nonce();
    let policy = format!(
        "default-src 'self'; style-src 'self' 'nonce-{nonce}'; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    let body = match Files::get(INDEX).as_ref().and_then(|file| std::str::from_utf8(&file.data).ok()) {
        Some(index) => index.replace(PLACEHOLDER, &nonce),
        None => NOT_BUILT.into(),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        // A page that was kept would come with the nonce of another.
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept"))
        .body(body))
}

/// A file by its exact name, packed as the client likes it best. Nothing else is ever served from here.
async fn asset(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Error> {
    let path = format!("assets/{name}");
    let is_packed_copy = path.ends_with(".br") || path.ends_with(".gz");
    let plain = Files::get(&path).filter(|_| !is_packed_copy);
    let Some(plain) = plain else { return no_route(request).await };
    let (file, encoding) = best(&path, plain, text(request.headers(), header::ACCEPT_ENCODING));
    let tag = format!("\"{}\"", STANDARD_NO_PAD.encode(&file.metadata.sha256_hash()[..18]));
    let is_known = text(request.headers(), header::IF_NONE_MATCH).split(',').any(|known| known.trim() == tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, FOR_EVER))
        .insert_header((header::VARY, "Accept-Encoding"));
    if is_known {
        return Ok(answer.finish());
    }
    if let Some(encoding) = encoding {
        answer.insert_header((header::CONTENT_ENCODING, encoding));
    }
    let bytes = match file.data {
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(answer.content_type(content_type(&path)).body(bytes))
}

/// The smallest copy that the client takes.
fn best(path: &str, plain: EmbeddedFile, accepted: &str) -> (EmbeddedFile, Option<&'static str>) {
    for (encoding, extension) in [("br", "br"), ("gzip", "gz")] {
        if takes(accepted, encoding)
            && let Some(packed) = Files::get(&format!("{path}.{extension}"))
        {
            return (packed, Some(encoding));
        }
    }
    (plain, None)
}

/// Whether an `Accept-Encoding` names a coding and does not refuse it with `q=0`.
fn takes(accepted: &str, coding: &str) -> bool {
    accepted.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        is_it && weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

fn content_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    })
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth;

    #[test]
    fn every_page_is_open_and_nothing_below_the_api_is_a_page() {
        for path in PAGES {
            assert!(auth::is_page(path), "{path}: add it to ROUTES");
            assert!(!path.starts_with("/api") && !path.starts_with("/docs"), "{path}");
        }
    }

    #[test]
    fn a_coding_is_taken_where_it_is_named_and_not_refused() {
        for (accepted, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=0.5", true),
            ("BR", true),
            ("br;q=0", false),
            ("br; q=0.000, gzip", false),
            ("br;q=x", false),
            ("brotli", false),
            ("", false),
        ] {
            assert_eq!(takes(accepted, "br"), expected, "{accepted}");
        }
    }
}
