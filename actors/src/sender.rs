//! One attempt: sign, POST, read the answer, say what it came to.
//!
//! No redirects, no decompression, no cookies; one deadline over everything, the body included; at most
//! [`RESPONSE_BODY_BYTES_MAX`] of the body are read, then the connection is dropped. A connection that the receiver
//! closed while it was idle is no attempt: that is tried again at once, uncounted, until one is alive or fresh.

use std::{cell::OnceCell, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use awc::{
    ClientResponse,
    error::{ConnectError, SendRequestError},
    http::{
        Method, StatusCode, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue},
    },
};
use futures_util::StreamExt;
use loghorn_domain::{
    Class, Clock, EndpointNo, Origin, Outcome, Seq, Subscription, Timestamp, Verdict,
    delivery::{Attempt, Batched, ORIGIN_HEADER, Phases, RESPONSE_BODY_BYTES_MAX},
    egress::Policy,
    format::{Answer, Formatter, Payload},
    signing::Signer,
};

use crate::{
    authorization::{Authorization, NotSent},
    channel::Channel,
    names::{Names, Unresolved},
    phases::{Stopwatch, TimedBody},
    resolver::Blocked,
    tls,
    traces::TracedAttempt,
};

/// Most headers of an answer that are kept, and their bytes.
const RESPONSE_HEADERS_MAX: usize = 64;
const RESPONSE_HEADER_BYTES_MAX: usize = 8 * 1024;
/// How often one attempt may find its connection closed or its token stale: a receiver that cuts connections after it
/// has read is not asked for ever.
const AGAIN_MAX: usize = 3;

const ORIGIN: HeaderName = HeaderName::from_static(ORIGIN_HEADER);
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Where and how one endpoint's webhooks go; made once for each change of its subscription.
pub(crate) struct Target {
    uri: Uri,
    pub(crate) formatter: Formatter,
    signer: Signer,
    plain_header: Option<HeaderName>,
    headers: Vec<(HeaderName, HeaderValue)>,
    authorization: Authorization,
    timeout: Duration,
    /// Where its subscription has TLS of its own: nobody else's webhooks go over these connections.
    channel: Option<Rc<Channel>>,
}

impl Target {
    /// The target of `endpoint`, which is one of `subscription`'s; in words, why there can be none.
    pub(crate) fn new(
        subscription: &Subscription,
        endpoint: EndpointNo,
        policy: &Policy,
        user_agent: &str,
        timeout: Duration,
    ) -> Result<Self, String> {
        let spec = &subscription.spec;
        let url = policy.check_url(subscription.url_of(endpoint));
        let url = url.map_err(|refusal| format!("{}; {}", refusal.detail, refusal.remedy))?;
        let uri: Uri = url.as_str().parse().map_err(|error| format!("the URL cannot be used: {error}"))?;
        if uri.host() != url.host_str() {
            return Err("the URL's host is read in two ways".into());
        }
        let header = |name: &str| name.parse::<HeaderName>().map_err(|error| format!("header {name}: {error}"));
        let formatter = Formatter::new(subscription)?;
        let mut headers = vec![(header::USER_AGENT, value(user_agent)?)];
        if let Some((name, text)) = formatter.authorization() {
            let mut value = value(&text)?;
            value.set_sensitive(true);
            headers.push((header(name)?, value));
        }
        for (name, text) in spec.headers.iter() {
            let (name, mut value) = (header(name)?, value(text)?);
            value.set_sensitive(true);
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value));
        }
        Ok(Self {
            uri,
            formatter,
            signer: Signer::new(&subscription.secret, subscription.previous()),
            plain_header: spec.signature_header.as_deref().map(header).transpose()?,
            headers,
            authorization: Authorization::new(spec.auth.as_ref(), policy)?,
            timeout: spec.timeout.map_or(timeout, |span| span.0),
            channel: None,
        })
    }

    /// The attempt, as its trace is told of it.
    pub(crate) fn traced<'a>(
        &'a self,
        webhook: &'a Webhook,
        report: &'a Report,
        subscription: &'a str,
        resends: u16,
    ) -> TracedAttempt<'a> {
        TracedAttempt {
            traceparent: webhook.traceparent.as_deref().unwrap_or_default(),
            delivery: &webhook.id,
            subscription,
            host: self.uri.host().unwrap_or_default(),
            port: self.uri.port_u16(),
            resends,
            started_at: report.started_at,
            took: report.took,
            class: report.outcome.class,
            status_code: report.outcome.status_code,
            error: report.error.as_deref(),
        }
    }

    /// The same, over these connections.
    pub(crate) fn over(self, channel: Rc<Channel>) -> Self {
        Self { channel: Some(channel), ..self }
    }
}

fn value(text: &str) -> Result<HeaderValue, String> {
    text.parse().map_err(|error| format!("a header's value cannot be sent: {error}"))
}

/// What is sent, but for its payload.
pub(crate) struct Webhook {
    /// The delivery's id.
    pub(crate) id: String,
    pub(crate) origin: Origin,
    /// The trace of its event.
    pub(crate) traceparent: Option<String>,
    /// Which of its events are Loghorn's own.
    pub(crate) own: Vec<Seq>,
}

/// What an attempt came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) started_at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) error: Option<String>,
    /// As in [`Webhook::own`].
    pub(crate) own: Vec<Seq>,
    pub(crate) signature: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The batch that it was.
    pub(crate) batch: Option<Batched>,
    pub(crate) phases: Phases,
}

impl Report {
    /// The record of the attempt.
    pub(crate) fn into_attempt(self, number: u16, verdict: Verdict) -> Attempt {
        Attempt {
            number,
            started_at_ms: self.started_at.millis(),
            duration_us: u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            class: self.outcome.class,
            status_code: self.outcome.status_code,
            error: self.error,
            verdict,
            signature: self.signature,
            response_headers: self.headers,
            response_body: self.body,
            batch: self.batch,
            phases: self.phases,
        }
    }
}

/// Makes attempts; one for each thread.
pub(crate) struct Sender {
    /// For every target that has none of its own.
    channel: Rc<Channel>,
    names: Rc<Names>,
    clock: Arc<dyn Clock>,
}

thread_local! {
    static SENDER: OnceCell<Rc<Sender>> = const { OnceCell::new() };
}

impl Sender {
    /// This thread's sender. A thread belongs to one running system, so the arguments are the same at each call.
    pub(crate) fn of_this_thread(
        policy: &Arc<Policy>,
        nameservers: &[SocketAddr],
        tls: &Arc<rustls::ClientConfig>,
        clock: &Arc<dyn Clock>,
    ) -> Rc<Self> {
        let new = || {
            let names = Rc::new(Names::new(nameservers.to_vec(), !policy.allow_private.is_empty()));
            let channel = Channel::new(policy.clone(), names.clone(), tls.clone());
            Rc::new(Self { channel, names, clock: clock.clone() })
        };
        SENDER.with(|cell| cell.get_or_init(new).clone())
    }

    /// Connections of their own, with this TLS.
    pub(crate) fn own_channel(&self, policy: &Arc<Policy>, tls: Arc<rustls::ClientConfig>) -> Rc<Channel> {
        Channel::new(policy.clone(), self.names.clone(), tls)
    }

    fn channel<'a>(&'a self, target: &'a Target) -> &'a Rc<Channel> {
        target.channel.as_ref().unwrap_or(&self.channel)
    }

    /// Makes one attempt.
    pub(crate) async fn attempt(&self, target: &Target, webhook: &Webhook, payload: &Payload) -> Report {
        let _attempting = self.channel(target).begin();
        fail::fail_point!("sender::attempt");
        let (started_at, began) = (self.clock.now(), self.clock.monotonic());
        let signature = target.signer.standard(&webhook.id, started_at, &payload.body);
        let mut report = Report {
            outcome: Outcome::failed(Class::TimeoutResponse),
            started_at,
            took: Duration::ZERO,
            error: None,
            own: Vec::new(),
            signature,
            headers: Vec::new(),
            body: String::new(),
            batch: None,
            phases: Phases::default(),
        };
        let watch = Stopwatch::new(self.clock.clone());
        let exchange = self.exchange(target, (webhook, payload), &watch, &mut report);
        if tokio::time::timeout(target.timeout, exchange).await.is_err() {
            let (class, what) = match (watch.is_resolving(), watch.is_connecting()) {
                (true, _) => (Class::Dns, "the name does not resolve: no answer"),
                (_, true) => (Class::TimeoutConnect, "no connection"),
                _ if target.authorization.is_fetching() => (Class::TimeoutResponse, "no token"),
                _ => (Class::TimeoutResponse, "no whole answer"),
            };
            report.outcome = Outcome::failed(class);
            report.error = Some(format!("{what} within {} ms", target.timeout.as_millis()));
        }
        report.phases = watch.phases();
        report.took = self.clock.monotonic().saturating_sub(began);
        report
    }

    async fn exchange(
        &self,
        target: &Target,
        webhook: (&Webhook, &Payload),
        watch: &Rc<Stopwatch>,
        report: &mut Report,
    ) {
        let mut answer = self.post(target, webhook, watch, report).await;
        for _ in 0..AGAIN_MAX {
            match &answer {
                Err(NotSent::Failed(error)) if is_cut(error) && !watch.has_connected() => {}
                // The token was kept too long; a new one may do.
                Ok((answer, Some(token))) if answer.status() == StatusCode::UNAUTHORIZED => {
                    target.authorization.forget(token).await;
                }
                _ => break,
            }
            answer = self.post(target, webhook, watch, report).await;
        }
        let (class, words) = match answer {
            Ok((answer, _)) => return self.read(target, answer, report).await,
            Err(NotSent::Failed(error)) => classify(&error, watch.was_asked()),
            Err(NotSent::NoToken(class, words)) => (class, format!("no token: {words}")),
        };
        report.outcome = Outcome::failed(class);
        report.error = Some(words);
    }

    /// The answer, and the token that it was asked for with, unless that is as fresh as can be.
    async fn post(
        &self,
        target: &Target,
        (webhook, payload): (&Webhook, &Payload),
        watch: &Rc<Stopwatch>,
        report: &Report,
    ) -> Result<(ClientResponse, Option<HeaderValue>), NotSent> {
        let client = self.channel(target).client();
        // What a subscription says of its receiver's TLS says nothing of an authorization server's.
        let authorization = target.authorization.header(&self.channel.client(), &*self.clock).await?;
        let mut request = client.request(Method::POST, target.uri.clone()).no_decompress();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(payload.content_type));
        for (name, value) in &target.headers {
            headers.insert(name.clone(), value.clone());
        }
        let mut token = None;
        if let Some((name, value, is_fresh)) = authorization {
            token = (!is_fresh).then(|| value.clone());
            headers.insert(name, value);
        }
        let text = |text: &str| {
            let unfit = |error: InvalidHeaderValue| SendRequestError::Custom(error.into(), Box::new("header"));
            HeaderValue::from_str(text).map_err(|error| NotSent::Failed(unfit(error)))
        };
        headers.insert(WEBHOOK_ID, text(&webhook.id)?);
        if let Some(traceparent) = &webhook.traceparent {
            headers.insert(TRACEPARENT, text(traceparent)?);
        }
        if webhook.origin != Origin::Live {
            headers.insert(ORIGIN, HeaderValue::from_static(webhook.origin.name()));
        }
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(report.started_at.seconds()));
        headers.insert(WEBHOOK_SIGNATURE, text(&report.signature)?);
        if let Some(name) = &target.plain_header {
            headers.insert(name.clone(), text(&target.signer.plain(&payload.body))?);
        }
        let is_https = target.uri.scheme_str() == Some("https");
        let sending = request.send_body(TimedBody::new(payload.body.clone(), is_https));
        let answer = watch.time(sending).await.map_err(NotSent::Failed)?;
        Ok((answer.map_body(|_, payload| payload), token))
    }

    async fn read(&self, target: &Target, mut answer: ClientResponse, report: &mut Report) {
        let status = answer.status().as_u16();
        report.headers = kept_headers(answer.headers());
        let mut body = Vec::new();
        let mut cut = None;
        while let Some(chunk) = answer.next().await {
            match chunk {
                Ok(chunk) => {
                    let room = RESPONSE_BODY_BYTES_MAX - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if body.len() == RESPONSE_BODY_BYTES_MAX {
                        break;
                    }
                }
                Err(error) => {
                    cut = Some(error.to_string());
                    break;
                }
            }
        }
        // Where the connection ends before the promised length, awc tells of no error.
        let promised = answer.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if cut.is_none() && promised.is_some_and(|length: usize| body.len() < length.min(RESPONSE_BODY_BYTES_MAX)) {
            cut = Some("fewer bytes than promised".into());
        }
        report.body = String::from_utf8_lossy(&body).into_owned();
        (report.outcome, report.error) = match cut {
            Some(error) => {
                let outcome = Outcome { status_code: Some(status), ..Outcome::failed(Class::Reset) };
                (outcome, Some(format!("the answer was cut: {error}")))
            }
            None => {
                let retry_after = retry_after(answer.headers(), self.clock.now());
                target.formatter.format().judge(Answer { status_code: status, retry_after, body: &body })
            }
        };
    }
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut bytes = 0;
    let shown =
        headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let fits = |header: &(String, String)| {
        bytes += header.0.len() + header.1.len();
        bytes <= RESPONSE_HEADER_BYTES_MAX
    };
    shown.take(RESPONSE_HEADERS_MAX).take_while(fits).collect()
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More than fits is as long as it gets.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(at.as_millis()).ok()?).since(now))
}

/// Whether the connection ended before an answer began.
fn is_cut(error: &SendRequestError) -> bool {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) | SendRequestError::Send(_) => true,
        SendRequestError::Response(error) => {
            matches!(error, actix_http::error::ParseError::Io(_) | actix_http::error::ParseError::Incomplete)
        }
        _ => false,
    }
}

/// The class of a failed exchange, and what to say of it. `was_asked`: the receiver wanted a client certificate.
pub(crate) fn classify(error: &SendRequestError, was_asked: bool) -> (Class, String) {
    let words = error.to_string();
    if let Some(error) = io_error(error).and_then(tls::error_in) {
        return (Class::Tls, format!("TLS: {}", tls::words(error)));
    }
    match error {
        // Why it does not let us in may be lost with the connection.
        error if is_cut(error) && was_asked => {
            (Class::Tls, "TLS: the receiver asked for a client certificate, and cut the connection".into())
        }
        SendRequestError::Connect(ConnectError::Resolver(inner)) if inner.is::<Blocked>() => {
            (Class::Blocked, inner.to_string())
        }
        SendRequestError::Connect(ConnectError::Resolver(inner)) if inner.is::<Unresolved>() => {
            (Class::Dns, format!("the name does not resolve: {inner}"))
        }
        SendRequestError::Connect(ConnectError::Resolver(_) | ConnectError::NoRecords | ConnectError::Unresolved) => {
            (Class::Dns, words)
        }
        SendRequestError::Connect(ConnectError::Timeout) => (Class::TimeoutConnect, words),
        SendRequestError::Connect(ConnectError::Disconnected) => {
            (Class::Reset, "the connection was closed before an answer came".into())
        }
        SendRequestError::Connect(ConnectError::Io(inner)) if is_tls(inner) => (Class::Tls, format!("TLS: {inner}")),
        SendRequestError::Connect(ConnectError::Io(inner)) => (Class::Connect, format!("no connection: {inner}")),
        SendRequestError::Connect(_) => (Class::Connect, words),
        SendRequestError::Send(inner) => (Class::Reset, format!("the connection was cut: {inner}")),
        SendRequestError::Response(actix_http::error::ParseError::Io(inner)) => {
            (Class::Reset, format!("the connection was cut: {inner}"))
        }
        SendRequestError::Response(actix_http::error::ParseError::Incomplete) => {
            (Class::Reset, "the connection was closed before an answer came".into())
        }
        SendRequestError::Response(inner) => (Class::Protocol, format!("the answer is no HTTP: {inner}")),
        SendRequestError::Timeout => (Class::TimeoutResponse, words),
        SendRequestError::Url(_) | SendRequestError::Http(_) => (Class::Blocked, words),
        _ => (Class::Protocol, words),
    }
}

fn io_error(error: &SendRequestError) -> Option<&io::Error> {
    match error {
        SendRequestError::Connect(ConnectError::Io(inner))
        | SendRequestError::Send(inner)
        | SendRequestError::Response(actix_http::error::ParseError::Io(inner)) => Some(inner),
        _ => None,
    }
}

fn is_tls(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}
