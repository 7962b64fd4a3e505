//! `loghorn listen`: a receiver of webhooks on this machine, which checks their signatures and answers as told.

mod webhook;

use std::{
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
use loghorn_domain::{Span, secret::Secret};
use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use self::webhook::{Tally, Webhook};
use super::{
    Context,
    client::forward::Forward,
    fail::{Exit, Fail},
    output::{Format, plain},
    secret,
    signature::{self, Checked},
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
  loghorn listen --sub gw --forward-to http://127.0.0.1:3000/hook
  loghorn listen --sub gw --print-secret                for the program behind --forward-to

The server must be allowed to reach it:  loghorn serve --allow-private 127.0.0.0/8 --allow-http
--forward-to passes on what is signed rightly, unchanged, and answers as it was answered: 502 where nobody did.
What is not signed rightly is answered 401.

With --count it ends by itself: exit code 7 if a signature was bad.")]
pub(crate) struct ListenArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    bind: String,
    /// File with a subscription's secret, to check signatures with (repeatable: any of them may fit)
    #[arg(long, value_name = "FILE", group = "checking")]
    secret_file: Vec<PathBuf>,
    /// Check signatures with the present secret of this subscription, which the server reveals: its name, its id, or the
    /// beginning of either
    #[arg(long, visible_alias = "subscription", value_name = "NAME|ID", group = "checking")]
    sub: Option<String>,
    /// Pass each webhook on whose signature is right, and answer as this URL does
    #[arg(long, value_name = "URL", requires = "checking", conflicts_with_all = ["status", "fail_first"])]
    forward_to: Option<String>,
    /// Only print the secret that signatures are checked with
    #[arg(long, requires = "checking", conflicts_with = "forward_to")]
    print_secret: bool,
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
    forward: Option<Forward>,
    secrets: Vec<Secret>,
    signature_header: String,
    status: u16,
    fail_first: Option<u64>,
    delay: Span,
    seen: AtomicU64,
    arrived: mpsc::Sender<Webhook>,
}

impl ListenArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let secrets = match &self.sub {
            Some(wanted) => vec![secret::present(&context.client()?, wanted).await?],
            None => signature::read_secrets(&self.secret_file)?,
        };
        if self.print_secret {
            return print_secrets(context, &secrets);
        }
        let forward = self.forward_to.as_deref().map(|url| Forward::to(url, context.timeout)).transpose()?;
        let (listener, addr) = self.listen()?;
        let (arrived, mut webhooks) = mpsc::channel(PRINT_QUEUE);
        let receiver = web::Data::from(Arc::new(Receiver {
            forward,
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
        let checking = if is_checking {
            "signatures are checked"
        } else {
            "signatures are not checked: no --secret-file or --sub"
        };
        let passed = self.forward_to.as_ref().map(|url| format!(" · passed on to {}", plain(url))).unwrap_or_default();
        let line = format!("Listening on http://{addr}/ · {checking}{passed} · Ctrl-C stops");
        // Nobody else can tell which port it became.
        match addr.to_string() == self.bind {
            true => context.out.say(&line),
            false => anstream::eprintln!("{line}"),
        }
    }
}

fn print_secrets(context: &Context, secrets: &[Secret]) -> Result<Exit, Fail> {
    match context.out.format {
        Format::Json | Format::Jsonl | Format::Yaml => {
            let all: Vec<&str> = secrets.iter().map(Secret::reveal).collect();
            context.out.done(&json!({"secrets": all}).to_string(), "", &[], "")?;
        }
        _ => secrets.iter().try_for_each(|secret| context.out.line(secret.reveal()))?,
    }
    Ok(Exit::Ok)
}

async fn receive(receiver: web::Data<Receiver>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let at = super::now();
    let text = |value: &actix_web::http::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let lookup = |name: &str| request.headers().get(name).map(text);
    let checked = (!receiver.secrets.is_empty())
        .then(|| signature::check(&receiver.secrets, &receiver.signature_header, lookup, &body, at));
    let n = receiver.seen.fetch_add(1, Relaxed);
    let (answered, forwarded, answer) = match &receiver.forward {
        None => (receiver.answer(n), None, None),
        Some(_) if !checked.as_ref().is_some_and(Checked::is_good) => (401, None, None),
        Some(forward) => {
            let (forwarded, answer) = forward.pass_on(&request, body.clone()).await;
            (forwarded.status.unwrap_or(502), Some(forwarded), answer)
        }
    };
    let webhook = Webhook {
        at,
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body,
        checked,
        answered,
        forwarded,
    };
    tokio::time::sleep(receiver.delay.0).await;
    if receiver.arrived.send(webhook).await.is_err() {
        // It is ending: the sender shall try again.
        return HttpResponse::ServiceUnavailable().finish();
    }
    if let Some(answer) = answer {
        return answer;
    }
    let status = StatusCode::from_u16(answered).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match receiver.forward {
        _ if status.is_success() => "ok",
        Some(_) => "not passed on",
        None => "told to fail",
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(status: u16, fail_first: Option<u64>) -> Receiver {
        let (arrived, _) = mpsc::channel(1);
        let signature_header = signature::PLAIN_HEADER.into();
        Receiver {
            forward: None,
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
}
