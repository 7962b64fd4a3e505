//! How long each phase of an attempt took is on record, as far as it is known.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, cli, event, say, until};

/// Sends one event; the only attempt of its delivery.
async fn attempt(loghorn: &Loghorn, n: usize) -> Value {
    loghorn.post("/api/v1/events", &event("INFO", n)).await;
    let path = format!("/api/v1/deliveries?event=test-INFO-{n}");
    let ended = async || loghorn.get(&path).await["items"][0]["ended_at"].is_string();
    until("the attempt has ended", 20, ended).await;
    let id = loghorn.get(&path).await["items"][0]["id"].as_str().unwrap().to_owned();
    loghorn.get(&format!("/api/v1/deliveries/{id}")).await["attempt_log"][0].clone()
}

/// Whether each phase is known: the name, the connection, TLS, the first byte.
fn known(attempt: &Value) -> [bool; 4] {
    ["dns_ms", "connect_ms", "tls_ms", "first_byte_ms"].map(|name| attempt["phases"][name].is_f64())
}

fn sum(attempt: &Value) -> f64 {
    attempt["phases"].as_object().unwrap().values().filter_map(Value::as_f64).sum()
}

#[actix_rt::test]
async fn a_connection_is_made_once_and_a_slow_answer_is_waited_for() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    loghorn.subscribe(&receiver.url(), json!({"retry": {"max_attempts": 1}})).await;
    let first = attempt(&loghorn, 1).await;
    assert_eq!(known(&first), [false, true, false, true], "{first}");
    receiver.set(Mood::Slow(Duration::from_millis(300)));
    let second = attempt(&loghorn, 2).await;
    assert_eq!(known(&second), [false, false, false, true], "the connection was there already: {second}");
    assert!(second["phases"]["first_byte_ms"].as_f64().unwrap() >= 299.0, "{second}");
    for attempt in [&first, &second] {
        assert!(sum(attempt) <= attempt["duration_ms"].as_f64().unwrap(), "{attempt}");
    }
    receiver.set(Mood::Reset);
    let cut = attempt(&loghorn, 3).await;
    assert_eq!(known(&cut), [false, true, false, false], "no answer began: {cut}");
    let deliveries = loghorn.get("/api/v1/deliveries?event=test-INFO-2").await;
    let (shown, _) =
        cli::run(&loghorn, &["-o", "table", "delivery", "get", deliveries["items"][0]["id"].as_str().unwrap()]);
    assert!(shown.contains("first byte 3"), "{shown}");
}

/// An HTTPS server for 127.0.0.1, and its certificate in `folder`.
struct Https {
    server: Child,
    url: String,
}

const SERVER: &str = r#"
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

impl Https {
    /// `None` where there is no openssl or python3 to make one with.
    fn start(folder: &Path) -> Option<Self> {
        let request = "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=test \
                       -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
        let mut openssl = Command::new("openssl");
        openssl.args(request.split(' ').filter(|word| !word.is_empty())).current_dir(folder).stderr(Stdio::null());
        if !openssl.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let mut python = Command::new("python3");
        python.args(["-c", SERVER]).current_dir(folder).stdout(Stdio::piped());
        let mut server = python.spawn().ok()?;
        let mut port = String::new();
        BufReader::new(server.stdout.take()?).read_line(&mut port).ok()?;
        Some(Self { server, url: format!("https://127.0.0.1:{}/", port.trim()) })
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[actix_rt::test]
async fn a_tls_handshake_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(https) = Https::start(folder.path()) else {
        return say("skipped: a receiver with TLS needs openssl and python3");
    };
    let certificate = folder.path().join("cert.pem");
    let loghorn = Loghorn::start_with(&[], &[("SSL_CERT_FILE", certificate.to_str().unwrap())]).await;
    loghorn.subscribe(&https.url, json!({"retry": {"max_attempts": 1}})).await;
    let first = attempt(&loghorn, 1).await;
    assert_eq!((&first["status_code"], known(&first)), (&json!(200), [false, true, true, true]), "{first}");
    assert!(first["phases"]["tls_ms"].as_f64().unwrap() > 0.0 && sum(&first) <= first["duration_ms"].as_f64().unwrap());
    let second = attempt(&loghorn, 2).await;
    assert_eq!((&second["status_code"], known(&second)), (&json!(200), [false, false, false, true]), "{second}");
}
