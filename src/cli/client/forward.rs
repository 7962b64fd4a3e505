//! Webhooks passed on to another receiver, as `loghorn listen --forward-to` does: unchanged, and answered as that answers.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Bytes};
use awc::error::{ConnectError, SendRequestError};
use serde::Serialize;
use url::Url;

use super::super::{fail::Fail, output::shortened, trust};

/// Longest answer that is passed back, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Characters of it that are shown, and kept.
const SHOWN_CHARS_MAX: usize = 16 << 10;
/// Headers of one connection, which are not passed on (RFC 9110, 7.6.1), and what the client says itself.
const OWN: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers of an answer that a sender goes by.
const PASSED_BACK: [&str; 2] = ["content-type", "retry-after"];

/// Where webhooks are passed on to.
pub(crate) struct Forward {
    url: Url,
    timeout: Duration,
}

/// What came of passing one on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Forwarded {
    /// The status code, if an answer came.
    pub(crate) status: Option<u16>,
    /// How long it took.
    pub(crate) duration_ms: f64,
    /// The beginning of the answer's body.
    pub(crate) body: String,
    /// Why there was no answer.
    pub(crate) error: Option<String>,
}

impl Forwarded {
    /// In words, for the end of a line.
    pub(crate) fn words(&self) -> String {
        let body = self.body.trim();
        match &self.error {
            Some(error) => error.clone(),
            None if body.is_empty() => format!("{:.0} ms", self.duration_ms),
            None => format!("{:.0} ms \"{}\"", self.duration_ms, shortened(body, 60)),
        }
    }
}

impl Forward {
    /// To `url`, which must answer within `timeout`.
    pub(crate) fn to(url: &str, timeout: Duration) -> Result<Self, Fail> {
        let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let parsed = with_scheme.parse().ok().filter(is_web).ok_or_else(|| {
            Fail::usage(format!("{url:?} is nothing that a webhook can be passed on to"))
                .remedy("Such as:  --forward-to http://127.0.0.1:3000/hook")
        })?;
        Ok(Self { url: parsed, timeout })
    }

    /// Passes it on; what came of it, and the answer to give in turn where one came.
    pub(crate) async fn pass_on(&self, request: &HttpRequest, body: Bytes) -> (Forwarded, Option<HttpResponse>) {
        let began = tokio::time::Instant::now();
        let result = self.send(request, body).await;
        let duration_ms = began.elapsed().as_secs_f64() * 1000.0;
        match result {
            Ok((answer, status, body)) => {
                let text = shortened(&String::from_utf8_lossy(&body), SHOWN_CHARS_MAX);
                let forwarded = Forwarded { status: Some(status), duration_ms, body: text, error: None };
                (forwarded, Some(answer))
            }
            Err(error) => (Forwarded { status: None, duration_ms, body: String::new(), error: Some(error) }, None),
        }
    }

    async fn send(&self, request: &HttpRequest, body: Bytes) -> Result<(HttpResponse, u16, Bytes), String> {
        // One for each: it belongs to the thread that serves, and webhooks tried by hand are few.
        let mut connector = awc::Connector::new();
        if self.url.scheme() == "https" {
            connector = connector.rustls_0_23(trust::config(None).map_err(|fail| fail.what().to_owned())?);
        }
        let http = awc::Client::builder().connector(connector).disable_redirects().no_default_headers().finish();
        let mut forwarded = http.request(request.method().clone(), self.url.as_str()).timeout(self.timeout);
        for (name, value) in request.headers().iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            forwarded = forwarded.append_header((name.clone(), value.clone()));
        }
        let mut answer = forwarded.send_body(body).await.map_err(|error| words(&error, self.timeout))?;
        let status = answer.status().as_u16();
        let body =
            answer.body().limit(ANSWER_BYTES_MAX).await.map_err(|error| format!("its answer broke off: {error}"))?;
        let mut back = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY));
        for name in PASSED_BACK {
            if let Some(value) = answer.headers().get(name) {
                back.insert_header((name, value.clone()));
            }
        }
        Ok((back.body(body.clone()), status, body))
    }
}

fn words(error: &SendRequestError, timeout: Duration) -> String {
    match error {
        SendRequestError::Timeout => format!("no answer within {}", humantime::format_duration(timeout)),
        SendRequestError::Connect(ConnectError::Io(error)) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".into(),
            _ => error.to_string(),
        },
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_forwarded_to() {
        let to = |url: &str| Forward::to(url, Duration::from_secs(1)).map(|forward| forward.url.to_string());
        assert_eq!(to("127.0.0.1:3000/hook").unwrap(), "http://127.0.0.1:3000/hook");
        assert_eq!(to("https://a.example/x?y").unwrap(), "https://a.example/x?y");
        for url in ["", "ftp://a.example", "http://"] {
            assert!(to(url).is_err(), "{url}");
        }
    }
}
