//! The built-in test receiver: where it is, how it answers, and what arrived.

use std::collections::BTreeMap;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::StatusCode, web};
use loghorn_domain::{Problem, secret::Secret};
use serde::{Deserialize, Serialize};

use super::attempts::masked;
use crate::{
    State,
    auth::Call,
    body::{self, Reading},
    error::Error,
    json,
    lists::Query,
    receiver::{self, Answer, Arrived, Verified},
};

/// Status codes that it answers with.
/// A webhook is no larger: a batch of 16 MiB and what is around it. Whoever calls here shows no key.
const HOOK_BYTES_MAX: usize = 17 << 20;
const CODES: std::ops::RangeInclusive<u16> = 200..=599;

/// The receiver.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TestReceiver {
    /// The URL that webhooks are sent to; null where it cannot be reached by them.
    pub url: Option<String>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it answers.
    pub answer: Answer,
    /// Requests that came since the start.
    pub seen: u64,
    /// The newest of them, at most 200, newest first.
    pub items: Vec<Received>,
}

/// One request as it arrived.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Received {
    /// Ascending from 1.
    pub number: u64,
    /// When it arrived.
    pub received_at: String,
    /// Its headers; what looks like a credential is masked.
    pub headers: BTreeMap<String, String>,
    /// The first 64 KiB of its body, read as UTF-8.
    pub body: String,
    /// The bytes of the whole body.
    pub body_bytes: usize,
    /// `yes`, `no`, `stale` or `unsigned`: what the receiver itself found, with the secrets of the subscriptions that send
    /// here.
    pub verified: Verified,
    /// The status code that it was answered with.
    pub answered: u16,
}

/// How it is to answer.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiverBody {
    /// `{"status": 503}`, `"slow"` (200 after five seconds) or `"hang"`.
    pub answer: Answer,
}

pub(super) fn shown_one(arrived: &Arrived) -> Received {
    Received {
        number: arrived.number,
        received_at: arrived.at.to_string(),
        headers: arrived.headers.iter().map(|(name, value)| (name.clone(), shown_header(name, value))).collect(),
        body: String::from_utf8_lossy(&arrived.body).into_owned(),
        body_bytes: arrived.body_bytes,
        verified: arrived.verified,
        answered: arrived.answered,
    }
}

/// Signatures are for everybody to see; the rest may be credentials.
fn shown_header(name: &str, value: &str) -> String {
    if name.starts_with("webhook-") || name.contains("signature") { value.to_owned() } else { masked(name, value) }
}

fn shown(state: &State) -> TestReceiver {
    let (arrived, seen) = state.receiver.arrived();
    let url = state.options.receiver_url.clone();
    let reason =
        url.is_none().then(|| "this server speaks TLS, and its own certificate is not for this machine".to_owned());
    let items = arrived.iter().map(|arrived| shown_one(arrived)).collect();
    TestReceiver { url, reason, answer: state.receiver.answer(), seen, items }
}

/// The built-in receiver and what arrived there.
#[utoipa::path(get, path = "/api/v1/receiver", tag = "receiver", operation_id = "get_receiver", responses((status = 200, body = TestReceiver)))]
pub(crate) async fn get(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    Ok(HttpResponse::Ok().json(shown(&state)))
}

/// Say how it is to answer.
#[utoipa::path(put, path = "/api/v1/receiver", tag = "receiver", operation_id = "set_receiver", request_body = ReceiverBody, responses((status = 200, body = TestReceiver), (status = 422, body = crate::error::Problem)))]
pub(crate) async fn set(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    let ReceiverBody { answer } = json::read(&state, &request, payload, &[]).await?;
    if let Answer::Status(code) = answer
        && !CODES.contains(&code)
    {
        return Err(Error::invalid([Problem::new("/answer/status", "expected a status code, 200 to 599")]));
    }
    state.receiver.set_answer(answer);
    Ok(HttpResponse::Ok().json(shown(&state)))
}

/// Forget what arrived.
#[utoipa::path(delete, path = "/api/v1/receiver", tag = "receiver", operation_id = "clear_receiver", responses((status = 204)))]
pub(crate) async fn clear(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    state.receiver.clear();
    Ok(HttpResponse::NoContent().finish())
}

/// A webhook.
pub(crate) async fn hook(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Error> {
    // Our own sender shows no key, so where one is needed only this machine may call.
    let from = request.extensions().get::<Call>().map(|call| call.from);
    let is_here = from.is_some_and(|from| from.to_canonical().is_loopback() || state.options.own_ips.contains(&from));
    if state.options.requires_key && !is_here {
        return Err(Error::no_key());
    }
    let bytes_max = state.options.body_bytes_max.min(HOOK_BYTES_MAX);
    let body = body::read(&state, &request, payload, bytes_max, Reading::Strict).await?.bytes;
    let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let now = state.system.clock().now();
    let verified = receiver::verify(&secrets(&state), header, &body, now);
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let (pause, code) = state.receiver.keep(now, headers.collect(), &body, verified).plan();
    drop(body);
    actix_web::rt::time::sleep(pause).await;
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
    let mut answer = HttpResponse::build(status);
    // RFC 9110, 15: these have no content.
    if matches!(code, 204 | 205 | 304) {
        return Ok(answer.finish());
    }
    Ok(answer.content_type("text/plain").body(if code < 300 { "ok" } else { "as you wished" }))
}

/// The secrets of the subscriptions that send here.
fn secrets(state: &State) -> Vec<Secret> {
    let Some(url) = state.options.receiver_url.as_deref() else { return Vec::new() };
    let now = state.system.clock().now();
    let all = state.system.subscriptions().list();
    let ours = all.iter().filter(|subscription| {
        let spec = &subscription.spec;
        let mut regions = spec.regions.iter().flat_map(|regions| regions.urls.values());
        spec.url == url || regions.any(|region| region == url)
    });
    ours.flat_map(|subscription| subscription.secrets(now).map(|known| known.secret.clone()).collect::<Vec<_>>())
        .collect()
}
