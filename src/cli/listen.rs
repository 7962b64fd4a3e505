//! `loghorn listen`: a receiver of webhooks on this machine, which checks their signatures and answers as told.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::StatusCode,
    web::{self, Bytes},
};
use clap::Args;
use loghorn_domain::{Span, Timestamp, secret::Secret};
use serde_json::{Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    Context,
    fail::{Exit, Fail},
    json,
    output::{BAD, Format, GOOD, Out, UNSURE, is_unsafe, plain, shortened},
    signature::{self, Checked},
    yaml,
};

/// Largest webhook that is taken, in bytes.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Webhooks that wait to be printed; more of them wait for their answer.
const PRINT_QUEUE: usize = 256;

/// What `listen` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn listen                                        then: loghorn sub create … --url http://127.0.0.1:9100/
  loghorn listen --bind 127.0.0.1:0 --secret-file gw.secret --print-body
  loghorn listen --status 503 --delay 2s                to watch retries
  loghorn listen --fail-first 3                         to watch a recovery
  loghorn listen --count 100 -o jsonl | jq -c '[.type, .verified]'

The server must be allowed to reach it:  loghorn serve --allow-private 127.0.0.0/8 --allow-http
With --count it ends by itself: exit code 7 if a signature was bad.")]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    bind: String,
    /// File with a subscription's secret, to check signatures with (repeatable: any of them may fit)
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    /// The header that carries the plain signature
    #[arg(long, value_name = "NAME", default_value = signature::PLAIN_HEADER)]
    signature_header: String,
    /// Status code of the answers
    #[arg(long, value_name = "CODE", default_value = "200", value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
    /// Answer the first N webhooks with --status, or 500 where that is a 2xx; those after them with 200
    #[arg(long, value_name = "N")]
    fail_first: Option<u64>,
    /// Wait before each answer
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    delay: Span,
    /// Print each webhook's headers and body
    #[arg(long)]
    print_body: bool,
    /// End after so many webhooks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// What the handler knows.
struct Receiver {
    secrets: Vec<Secret>,
    signature_header: String,
    status: u16,
    fail_first: Option<u64>,
    delay: Span,
    seen: AtomicU64,
    arrived: mpsc::Sender<Webhook>,
}

/// One webhook as it arrived, and how it was answered.
#[derive(Debug)]
struct Webhook {
    at: Timestamp,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Bytes,
    /// `None` where there is no secret to check it with.
    checked: Option<Checked>,
    answered: u16,
}

/// How it went, for the last line.
#[derive(Debug, Default)]
struct Tally {
    received: u64,
    good: u64,
    bad: u64,
}

impl ListenArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let secrets = signature::read_secrets(&self.secret_file)?;
        let (listener, addr) = self.listen()?;
        let (arrived, mut webhooks) = mpsc::channel(PRINT_QUEUE);
        let receiver = web::Data::from(Arc::new(Receiver {
            secrets,
            signature_header: self.signature_header.clone(),
            status: self.status,
            fail_first: self.fail_first,
            delay: self.delay,
            seen: AtomicU64::new(0),
            arrived,
        }));
        let is_checking = !receiver.secrets.is_empty();
        let new = move || {
            let limit = web::PayloadConfig::new(BODY_BYTES_MAX);
            App::new().app_data(receiver.clone()).app_data(limit).default_service(web::to(receive))
        };
        let wrong =
            |error: std::io::Error| Fail::new(Exit::Error, "the receiver does not start").why(error.to_string());
        // Before it listens, so that no signal is missed.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
        let server = HttpServer::new(new)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(1)
            .listen(listener)
            .map_err(wrong)?
            .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        self.greet(context, addr, is_checking);
        let mut tally = Tally::default();
        let ended = loop {
            tokio::select! {
                _ = interrupt.recv() => break Ok(Exit::Interrupted),
                _ = terminate.recv() => break Ok(Exit::Ok),
                webhook = webhooks.recv() => {
                    let Some(webhook) = webhook else { break Ok(Exit::Ok) };
                    tally.add(&webhook);
                    if let Err(fail) = webhook.print(&context.out, self.print_body) {
                        break Err(fail);
                    }
                    if self.count.is_some_and(|count| tally.received >= count) {
                        break Ok(if tally.bad == 0 { Exit::Ok } else { Exit::Partly });
                    }
                }
            }
        };
        // Lets the answers go out that are under way.
        webhooks.close();
        handle.stop(true).await;
        context.out.say(&tally.sentence(is_checking));
        ended
    }

    fn listen(&self) -> Result<(TcpListener, SocketAddr), Fail> {
        let what = format!("cannot listen on {}", self.bind);
        let cannot = |error: std::io::Error| {
            Fail::new(Exit::Error, what.clone()).why(error.to_string()).remedy("Take a free port:  --bind 127.0.0.1:0")
        };
        let addr = self.bind.to_socket_addrs().ok().and_then(|mut found| found.next());
        let addr = addr.ok_or_else(|| {
            Fail::usage(what.clone()).why("It is no address with a port.").remedy("Such as:  --bind 127.0.0.1:9100")
        })?;
        let listener = TcpListener::bind(addr).map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        Ok((listener, addr))
    }

    fn greet(&self, context: &Context, addr: SocketAddr, is_checking: bool) {
        let checking =
            if is_checking { "signatures are checked" } else { "signatures are not checked: no --secret-file" };
        let line = format!("Listening on http://{addr}/ · {checking} · Ctrl-C stops");
        // Nobody else can tell which port it became.
        match addr.to_string() == self.bind {
            true => context.out.say(&line),
            false => anstream::eprintln!("{line}"),
        }
    }
}

async fn receive(receiver: web::Data<Receiver>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let at = super::now();
    let text = |value: &actix_web::http::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let lookup = |name: &str| request.headers().get(name).map(text);
    let checked = (!receiver.secrets.is_empty())
        .then(|| signature::check(&receiver.secrets, &receiver.signature_header, lookup, &body, at));
    let answered = receiver.answer(receiver.seen.fetch_add(1, Relaxed));
    let webhook = Webhook {
        at,
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body,
        checked,
        answered,
    };
    tokio::time::sleep(receiver.delay.0).await;
    if receiver.arrived.send(webhook).await.is_err() {
        // It is ending: the sender shall try again.
        return HttpResponse::ServiceUnavailable().finish();
    }
    let status = StatusCode::from_u16(answered).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if status.is_success() { "ok" } else { "told to fail" };
    match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => HttpResponse::build(status).finish(),
        _ => HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(body),
    }
}

impl Receiver {
    /// The status for webhook number `n`, from 0.
    fn answer(&self, n: u64) -> u16 {
        match self.fail_first {
            None => self.status,
            Some(failing) if n >= failing => 200,
            Some(_) if (200..300).contains(&self.status) => 500,
            Some(_) => self.status,
        }
    }
}

impl Webhook {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn print(&self, out: &Out, with_body: bool) -> Result<(), Fail> {
        match out.format {
            Format::Json => out.line(&json::pretty(&self.object().to_string())),
            Format::Yaml => out.line(&format!("---\n{}", yaml::of_value(&self.object())?)),
            Format::Jsonl => out.line(&json::compact(&self.object().to_string())),
            Format::Name => out.line(&plain(self.id())),
            Format::Tabs => {
                let (event_type, message) = self.event();
                let cells =
                    [&self.at.to_string(), &event_type, self.id(), self.word(), &self.answered.to_string(), &message];
                out.line(&cells.map(plain).join("\t"))?;
                if with_body { self.print_body(out) } else { Ok(()) }
            }
            Format::Table => {
                out.line(&self.sentence())?;
                if with_body { self.print_body(out) } else { Ok(()) }
            }
        }
    }

    fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("-", String::as_str)
    }

    /// The event's type and message.
    fn event(&self) -> (String, String) {
        let body = self.json();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        (text("/type").unwrap_or_else(|| "-".into()), text("/data/message").unwrap_or_default())
    }

    fn word(&self) -> &'static str {
        match &self.checked {
            None => "unverified",
            Some(checked) if checked.is_good() => "verified",
            Some(_) => "bad",
        }
    }

    /// time, type, id, signature, answer, message
    fn sentence(&self) -> String {
        let (event_type, message) = self.event();
        let time = self.at.to_string();
        let clock = time.get(11..19).unwrap_or(&time);
        let mark = match &self.checked {
            None => format!("{UNSURE} unverified"),
            Some(checked) if checked.is_good() => format!("{GOOD} {}", checked.words()),
            Some(checked) => format!("{BAD} {}", checked.words()),
        };
        let answer =
            if self.answered < 300 { String::new() } else { format!("  \x1b[31m→ {}\x1b[0m", self.answered) };
        let message = plain(&shortened(&message, 60));
        format!("{clock}  {}  {}  {mark}{answer}  {message}", plain(&event_type), plain(self.id()))
    }

    fn print_body(&self, out: &Out) -> Result<(), Fail> {
        out.line(&format!("  {} {}", plain(&self.method), plain(&self.path)))?;
        for (name, value) in &self.headers {
            out.line(&format!("  {}: {}", plain(name), plain(value)))?;
        }
        let text = String::from_utf8_lossy(&self.body);
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok();
        let shown = if is_json { json::pretty(&text) } else { text.into_owned() };
        out.line("")?;
        shown.lines().try_for_each(|line| out.line(&format!("  {}", escaped(line))))?;
        out.line("")
    }

    /// One object for programs.
    fn object(&self) -> Value {
        let body = match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => json,
            Err(_) => String::from_utf8_lossy(&self.body).into(),
        };
        let signatures = self.checked.as_ref().map(|checked| {
            json!({"standard": checked.standard.word(), "plain": checked.plain.word(), "detail": checked.words()})
        });
        json!({
            "id": self.headers.get("webhook-id"),
            "type": body.get("type"),
            "verified": self.checked.as_ref().map(Checked::is_good),
            "signatures": signatures,
            "received_at": self.at.to_string(),
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": body,
            "answered": self.answered,
        })
    }
}

/// Like [`plain`], but leaves a tab as it is.
fn escaped(line: &str) -> String {
    line.split('\t')
        .map(|part| if part.chars().any(is_unsafe) { plain(part) } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join("\t")
}

impl Tally {
    fn add(&mut self, webhook: &Webhook) {
        self.received += 1;
        match &webhook.checked {
            Some(checked) if checked.is_good() => self.good += 1,
            Some(_) => self.bad += 1,
            None => {}
        }
    }

    fn sentence(&self, is_checking: bool) -> String {
        let Self { received, good, bad } = self;
        if is_checking {
            format!("received {received} · signatures good {good}, bad {bad}")
        } else {
            format!("received {received}, unverified")
        }
    }
}

#[cfg(test)]
mod tests {
    use loghorn_domain::signing::Signer;

    use super::*;

    fn receiver(status: u16, fail_first: Option<u64>) -> Receiver {
        let (arrived, _) = mpsc::channel(1);
        let signature_header = signature::PLAIN_HEADER.into();
        Receiver {
            secrets: Vec::new(),
            signature_header,
            status,
            fail_first,
            delay: Span::default(),
            seen: AtomicU64::new(0),
            arrived,
        }
    }

    #[test]
    fn it_answers_as_told() {
        let answers = |receiver: Receiver| [0, 1, 2].map(|n| receiver.answer(n));
        assert_eq!(answers(receiver(200, None)), [200, 200, 200]);
        assert_eq!(answers(receiver(503, None)), [503, 503, 503]);
        assert_eq!(answers(receiver(200, Some(2))), [500, 500, 200]);
        assert_eq!(answers(receiver(429, Some(1))), [429, 200, 200]);
    }

    fn webhook(body: &'static [u8], secret: Option<&Secret>) -> Webhook {
        let at = Timestamp::from_millis(1_000_000);
        let signer = Signer::new(&Secret::generated([1; 32]), &[]);
        let headers: BTreeMap<String, String> = [
            ("webhook-id", "dlv_1".to_owned()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", signer.standard("dlv_1", at, body)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let lookup = |name: &str| headers.get(name).cloned();
        let checked = secret.map(|secret| signature::check(std::slice::from_ref(secret), "x", lookup, body, at));
        Webhook {
            at,
            method: "POST".into(),
            path: "/".into(),
            body: Bytes::from_static(body),
            checked,
            answered: 200,
            headers,
        }
    }

    #[test]
    fn each_webhook_is_one_line() {
        let shown = |webhook: &Webhook| anstream::adapter::strip_str(&webhook.sentence()).to_string();
        const BODY: &[u8] = b"{\"type\":\"log.error\",\"data\":{\"message\":\"card\\u001b[2J\\ntimeout\"}}";
        let good = webhook(BODY, Some(&Secret::generated([1; 32])));
        assert_eq!(shown(&good), "00:16:40  log.error  dlv_1  ✓ v1  card\\x1b[2J\\ntimeout");
        assert_eq!(shown(&webhook(BODY, None)), "00:16:40  log.error  dlv_1  ~ unverified  card\\x1b[2J\\ntimeout");
        let bad = webhook(BODY, Some(&Secret::generated([2; 32])));
        assert!(shown(&bad).contains("✗ v1: it does not fit"), "{}", shown(&bad));
    }

    #[test]
    fn programs_get_an_object() {
        let object = webhook(b"{\"type\":\"a.b\"}", Some(&Secret::generated([1; 32]))).object();
        assert_eq!(
            (&object["id"], &object["type"], &object["verified"]),
            (&json!("dlv_1"), &json!("a.b"), &json!(true))
        );
        assert_eq!(object["body"], json!({"type": "a.b"}));
        assert_eq!(webhook(b"no json", None).object()["body"], json!("no json"));
        assert_eq!(webhook(b"{}", None).object()["verified"], Value::Null);
    }
}
