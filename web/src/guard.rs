//! Who gets in: only those who talk to it on purpose, and, where keys are required, only those who show one.
//!
//! A page of another site in the same person's browser must get nothing: `Host` must be a name we answer to (against
//! DNS rebinding), and an unsafe request with an `Origin` must come from that same host.

use actix_web::{
    Error as ActixError, HttpMessage, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        header::{self, HeaderName, HeaderValue},
        uri::Authority,
    },
    middleware::Next,
    web,
};

use crate::{
    State,
    auth::{self, Call},
    cors,
    error::Error,
    idempotency::{self, Place},
    note::Note,
    shippers::refusals::Dialect,
    unread::{Answer, Unread, Watch},
};

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// For every page but the description's, whose styles and pictures stand inside it.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'";
const POLICY_OF_DOCS: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Browsers come by TLS alone for a year, where the server speaks it. Not under the names of loopback, which stand for all
/// servers of a machine.
const TLS_ONLY: &str = "max-age=31536000";

/// Lets a request through, or answers it with a problem; adds the headers that every answer has.
pub(crate) async fn guard(
    state: web::Data<State>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    let is_secured = state.options.certificate.is_some() && !is_called_loopback(&request);
    let policy = if request.path().starts_with("/docs/") { POLICY_OF_DOCS } else { POLICY };
    let unread = Unread::hold(&mut request);
    let mut call = Call::read(&state, &request);
    let method = request.method().clone();
    // A browser asks without a key.
    let is_asked = call.page.is_some() && cors::is_asked(&request);
    let is_open = call.is_open(&method) || is_asked;
    let admitted = if is_open && call.is_live() { Ok(()) } else { check(&state, &request, &call) };
    let admitted = admitted.and_then(|()| if is_open { Ok(()) } else { call.admit(&state, &request) });
    // Whoever showed a key is known, even where it was for something else.
    let is_noted = !is_open && (admitted.is_ok() || call.holder.is_some());
    let note = if is_noted { Note::new(&state, &call, &method, admitted.is_err()) } else { None };
    let dialect = call.dialect(request.headers());
    let (page, is_shipper) = (call.page.clone(), call.is_shipper());
    let mut pass = None;
    let mut answer = match admitted {
        Err(error) => {
            let answer = match dialect {
                Some(dialect) => dialect.refuse(request.headers(), &error, state.system.clock().now()),
                None => error.error_response(),
            };
            request.into_response(answer)
        }
        Ok(()) if is_asked => {
            let answer = cors::allowed(&request);
            request.into_response(answer)
        }
        Ok(()) => {
            let place = Place::of(&call, &request);
            // The live socket says why it ends.
            pass = call.pass.filter(|_| !call.is_socket());
            request.extensions_mut().insert(call);
            match place {
                Ok(None) => next.call(request).await?.map_into_boxed_body(),
                Ok(Some(place)) => idempotency::once(&state, place, request, next).await?,
                Err(error) => request.into_response(error.error_response()),
            }
        }
    };
    if let Some(note) = note {
        note.answered(answer.response()).await;
    }
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ] {
        // The dashboard's pages bring a policy of their own, with a nonce.
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if is_shipper && !state.options.cors_origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(page) = page {
        cors::mark(headers, page);
    }
    if dialect == Some(Dialect::Elastic) {
        // Its clients take no answer without it.
        headers.insert(HeaderName::from_static("x-elastic-product"), HeaderValue::from_static("Elasticsearch"));
    }
    if is_secured {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    let watch = Watch::over(answer.response().body().size(), &state, pass);
    Ok(answer.map_body(|_, body| Answer { body, _unread: unread, watch }))
}

fn check(state: &State, request: &ServiceRequest, call: &Call) -> Result<(), Error> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    // Every browser sends a Host, in HTTP/2 as a part of the URI; a client of HTTP/1.0 need not. All that are there count.
    let hosts = request.headers().get_all(header::HOST).map(|value| value.to_str().unwrap_or_default());
    let named = hosts.chain(request.uri().authority().map(Authority::as_str));
    let is_ours = |host: &str| {
        LOOPBACK.iter().any(|name| name.eq_ignore_ascii_case(host))
            || state.options.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
    };
    let mut authority = "";
    for name in named {
        let host = without_port(name);
        if !is_ours(host) {
            let remedy = format!("call it by localhost, or start the server with --host {host}");
            return Err(Error::forbidden(format!("the Host {host:?} is not one of this server's names"), remedy));
        }
        authority = name;
    }
    let is_safe = auth::is_safe(request.method());
    if is_safe && !call.is_socket() {
        return Ok(());
    }
    let is_over_tls = auth::is_over_tls(state);
    let is_foreign_origin = header(header::ORIGIN).is_some_and(|origin| !is_same(origin, authority, is_over_tls));
    let is_cross_site = header(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site");
    if (is_foreign_origin || is_cross_site) && call.page.is_none() {
        return Err(Error::forbidden(
            "a page of another site may not change or watch anything here",
            "call the API from a program, or from its own pages",
        ));
    }
    if is_safe {
        return Ok(());
    }
    let has_body = request.headers().contains_key(header::TRANSFER_ENCODING)
        || header(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let essence = request.content_type().to_ascii_lowercase();
    let is_json = essence.ends_with("json");
    if has_body && !is_json && !call.is_shipper() {
        return Err(Error::media_type(
            format!("the Content-Type {essence:?} is not taken here"),
            "send Content-Type: application/json, or application/x-ndjson for many events",
        ));
    }
    Ok(())
}

fn is_called_loopback(request: &ServiceRequest) -> bool {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).map(without_port);
    host.is_some_and(|host| LOOPBACK.iter().any(|name| name.eq_ignore_ascii_case(host)))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a page of this origin is one of ours. Where browsers speak TLS with us a page that came without it is not.
fn is_same(origin: &str, authority: &str, is_over_tls: bool) -> bool {
    let plain = || origin.strip_prefix("http://").filter(|_| !is_over_tls);
    let bare = origin.strip_prefix("https://").or_else(plain);
    bare.is_some_and(|bare| bare.eq_ignore_ascii_case(authority))
}
