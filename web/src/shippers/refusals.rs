//! How each protocol says no: the same errors, in the words that its senders understand.
//!
//! What a sender does with an answer decides whether its logs are lost: 503 is the one code that all of them try again.

use std::time::Duration;

use actix_web::{
    HttpResponse, ResponseError,
    body::SizedStream,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    rt::time::sleep,
    web::Bytes,
};
use futures_util::{StreamExt, stream};
use loghorn_domain::Timestamp;
use serde_json::json;

use super::wire;
use crate::error::Error;

/// In whose words a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Generic,
    Otlp,
    Loki,
    Elastic,
    Splunk,
    Gelf,
    CloudEvents,
    Datadog,
    Firehose,
    Journal,
}

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Dialect {
    /// The generic route takes some protocols by their headers.
    pub(crate) fn told_by(self, headers: &HeaderMap) -> Self {
        match self {
            Self::Generic if headers.contains_key("x-amz-firehose-request-id") => Self::Firehose,
            Self::Generic if is_cloud_event(headers) => Self::CloudEvents,
            _ => self,
        }
    }

    /// The answer that says no to a request with these headers.
    pub(crate) fn refuse(self, headers: &HeaderMap, error: &Error, now: Timestamp) -> HttpResponse {
        let status = error.status();
        let said = match self {
            Self::Generic => return error.for_good().error_response(),
            Self::Gelf | Self::CloudEvents => None,
            Self::Otlp => Some(otlp(headers, error)),
            Self::Loki | Self::Journal => Some((TEXT, format!("{error}\n").into_bytes())),
            Self::Elastic if status == StatusCode::SERVICE_UNAVAILABLE && !headers.contains_key(header::USER_AGENT) => {
                return broken_off(error);
            }
            Self::Elastic => Some(elastic(error)),
            Self::Splunk => splunk(error).map(|body| (JSON, body)),
            Self::Datadog => {
                let one =
                    json!({"status": status.as_u16().to_string(), "title": title(status), "detail": error.to_string()});
                Some((JSON, json!({"errors": [one]}).to_string().into_bytes()))
            }
            Self::Firehose => {
                let answer = json!({
                    "requestId": text(headers, "x-amz-firehose-request-id"), "timestamp": now.millis(),
                    "errorMessage": error.to_string(),
                });
                Some((JSON, answer.to_string().into_bytes()))
            }
        };
        let answer = error.error_response();
        let Some((content_type, body)) = said else { return answer };
        let mut answer = answer.set_body(body).map_into_boxed_body();
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }
}

/// Whether the request is a CloudEvent, in either mode of HTTP.
pub(crate) fn is_cloud_event(headers: &HeaderMap) -> bool {
    let is_structured = |text: &str| text.trim_start().to_ascii_lowercase().starts_with("application/cloudevents");
    headers.contains_key("ce-specversion") || is_structured(&text(headers, "content-type"))
}

/// A header's text; senders put any bytes there.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| super::record::lossless(value.as_bytes())).unwrap_or_default()
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// `google.rpc.Status`, in the form of the request.
fn otlp(headers: &HeaderMap, error: &Error) -> (&'static str, Vec<u8>) {
    let code = match error.status().as_u16() {
        401 => 16,
        403 => 7,
        404 => 5,
        405 => 12,
        408 => 4,
        413 | 429 => 8,
        500 => 13,
        503 => 14,
        _ => 3,
    };
    let message = if error.kind() == OVERLOADED { OVERLOADED.to_owned() } else { error.to_string() };
    if text(headers, "content-type").trim_start().to_ascii_lowercase().starts_with(PROTOBUF) {
        let mut status = Vec::new();
        wire::put_varint(&mut status, 1, code);
        wire::put_bytes(&mut status, 2, message.as_bytes());
        return (PROTOBUF, status);
    }
    (JSON, json!({"code": code, "message": message}).to_string().into_bytes())
}

const OVERLOADED: &str = "overloaded";

/// rsyslog, which alone does not say who it is, drops a batch after any whole answer but success: what is JSON at once,
/// other text after it has tried each message by itself. After one that breaks off it keeps all, and comes again.
fn broken_off(error: &Error) -> HttpResponse {
    const SAID: &str = "overloaded";
    let said = stream::once(async { Ok(Bytes::from_static(SAID.as_bytes())) });
    let end = stream::once(async {
        // So that what was said is on its way before the connection is closed.
        sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("broken off"))
    });
    // One byte more than will come.
    let body = SizedStream::new(SAID.len() as u64 + 1, Box::pin(said.chain(end)));
    let mut answer = error.error_response().set_body(body).map_into_boxed_body();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    answer
}

/// Never JSON where it is a 503, which some senders take for success in parts.
fn elastic(error: &Error) -> (&'static str, Vec<u8>) {
    let status = error.status().as_u16();
    let kind = match status {
        503 => return (TEXT, error.kind().as_bytes().to_vec()),
        401 | 403 => "security_exception",
        404 => "resource_not_found_exception",
        413 => "content_too_long_exception",
        415 => "media_type_header_exception",
        429 => "es_rejected_execution_exception",
        _ => "illegal_argument_exception",
    };
    let cause = json!({"type": kind, "reason": error.to_string()});
    let body = json!({"error": {"root_cause": [cause], "type": kind, "reason": error.to_string()}, "status": status});
    (JSON, body.to_string().into_bytes())
}

/// The codes of the HTTP Event Collector; `None` where it has none.
fn splunk(error: &Error) -> Option<Vec<u8>> {
    let (code, text) = match (error.status().as_u16(), error.kind()) {
        (401, "bad-authorization") => (3, "Invalid authorization"),
        (401, _) => (2, "Token is required"),
        (403, "wrong-key" | "scope") => (4, "Invalid token"),
        (503, _) => (9, "Server is busy"),
        (400, "no-data") => (5, "No data"),
        (400, "event-required") => (12, "Event field is required"),
        (400, "event-blank") => (13, "Event field cannot be blank"),
        (400, "acks-disabled") => (14, "ACK is disabled"),
        (400, _) => (6, "Invalid data format"),
        _ => return None,
    };
    let mut body = json!({"text": text, "code": code});
    if let Some(index) = error.index() {
        body["invalid-event-number"] = index.into();
    }
    Some(body.to_string().into_bytes())
}
