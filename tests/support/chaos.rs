//! Receivers that misbehave, each with what must become of its deliveries.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rustls::ServerConfig;
use serde_json::{Value, json};

use super::{
    Loghorn, Mood, Receiver,
    tls::{self, Authority},
    until,
};

/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Attempts that a delivery may have.
const ATTEMPTS_MAX: usize = 2;

/// One way to misbehave.
pub struct Case {
    /// As in the list of attacks, or our own.
    pub name: &'static str,
    /// What that list expects.
    pub expect: &'static str,
    receiver: Receiver,
    /// Of every attempt.
    class: &'static str,
    /// Where each delivery stands in the end.
    status: &'static str,
    /// Attempts of each.
    attempts: usize,
    /// In the words about each attempt.
    error: &'static str,
}

/// What a run came to.
pub struct Seen {
    pub deliveries: usize,
    /// How much longer than its time-out the longest attempt took.
    pub late: Duration,
    pub grown_bytes: u64,
    /// More open files than before, while idle connections are still kept.
    pub fds_grown: i64,
}

impl Case {
    fn new(name: &'static str, expect: &'static str, mood: Mood, class: &'static str) -> Self {
        let (status, attempts) = match class {
            "ok" => ("delivered", 1),
            "http_3xx" | "http_4xx" => ("dead_letter", 1),
            "rate_limited" => ("retrying", 1),
            _ => ("dead_letter", ATTEMPTS_MAX),
        };
        Self { name, expect, receiver: Receiver::start(mood), class, status, attempts, error: "" }
    }

    fn tls(
        name: &'static str,
        expect: &'static str,
        tls: Arc<ServerConfig>,
        class: &'static str,
        error: &'static str,
    ) -> Self {
        let receiver = Receiver::start_tls(Mood::Answer(200, ""), tls);
        Self { receiver, error, ..Self::new(name, expect, Mood::Hang, class) }
    }

    /// Every way to misbehave. Redirects lead to `trap`, which nobody may touch.
    pub fn all(authority: &Authority, trap: &Receiver) -> Vec<Self> {
        let to = |code: u16, url: &str| {
            Mood::raw(format!(
                "HTTP/1.1 {code} Go\r\nLocation: {url}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ))
        };
        let weird =
            |code: &str| Mood::raw(format!("HTTP/1.1 {code} Odd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
        let itself = Self::new("redir-loop", "no_follow", Mood::Hang, "http_3xx");
        itself.receiver.set(to(302, &itself.receiver.url()));
        vec![
            itself,
            Self::new("redir-301-int", "no_follow", to(301, &trap.url()), "http_3xx"),
            Self::new("redir-301-int", "no_follow", to(302, &trap.url()), "http_3xx"),
            Self::new("redir-307-ext", "no_follow", to(307, &trap.url()), "http_3xx"),
            Self::new("redir-307-ext", "no_follow", to(307, "https://other.example/"), "http_3xx"),
            Self::new("redir-file", "no_follow", to(302, "file:///etc/passwd"), "http_3xx"),
            Self::new("body-giant", "success_bounded", Mood::giant(), "ok"),
            Self::new("body-gzip-bomb", "success_bounded", Mood::gzip_bomb(), "ok"),
            Self::new("garbage", "retry", Mood::raw(b"\x00\xffhello"), "protocol"),
            Self::new("status-weird", "fail", weird("999"), "protocol"),
            Self::new("status-weird", "fail", weird("000"), "protocol"),
            Self::new("status-weird", "fail", weird("-1"), "protocol"),
            Self::new("410", "disable_endpoint_or_fail", Mood::Answer(410, ""), "http_4xx"),
            Self::new("429-evil", "retry_capped", Mood::Answer(429, "Retry-After: 99999999999\r\n"), "rate_limited"),
            Self::tls("tls-expired", "fail_tls", authority.certify("127.0.0.1", 2021), "tls", "expired"),
            Self::tls("tls-selfsigned", "fail_tls", tls::self_signed("127.0.0.1"), "tls", "certificate"),
            Self::tls("tls-wronghost", "fail_tls", authority.certify("other.example", 2099), "tls", "name"),
            Self::new("www-auth", "fail", Mood::Answer(401, "WWW-Authenticate: Basic realm=\"x\"\r\n"), "http_4xx"),
            Self::new("www-auth", "fail", Mood::Answer(401, "WWW-Authenticate: NTLM\r\n"), "http_4xx"),
            Self::tls("tls-good", "ok", authority.certify("127.0.0.1", 2099), "ok", ""),
            Self::new("endless", "success_bounded", Mood::endless(), "ok"),
            Self::new("hang", "retry", Mood::Hang, "timeout_response"),
            Self::new("drip", "retry", Mood::Drip, "timeout_response"),
            Self::new("reset", "retry", Mood::Reset, "reset"),
            Self::new("500", "retry", Mood::Answer(500, ""), "http_5xx"),
        ]
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.receiver.url()
    }

    /// The events that one subscription gets: 410 ends it with the first.
    fn events(&self, most: usize) -> usize {
        if self.name == "410" { 1 } else { most }
    }
}

/// What the server needs: it trusts `authority`, and no circuit opens, so that each delivery is attempted in time.
pub async fn server(authority: &Authority, folder: &std::path::Path) -> Loghorn {
    let roots = folder.join("roots.pem");
    authority.write(&roots);
    let args = ["--set", "breaker.failures=60000"];
    Loghorn::start_in(&folder.join("data"), &args, &[("SSL_CERT_FILE", roots.to_str().unwrap())]).await
}

/// Sends `events` (at most 9, so that a circuit has too few to go by) to each of `subscriptions` of every case at once,
/// and checks what became of each.
pub async fn run(server: &Loghorn, cases: &[Case], subscriptions: usize, events: usize) -> Seen {
    let (fds, rss) = (server.fds(), server.rss());
    let mut ids = BTreeMap::<usize, Vec<String>>::new();
    for (number, case) in cases.iter().enumerate() {
        for part in 0..subscriptions {
            let retry = json!({"max_attempts": ATTEMPTS_MAX});
            let name = format!("{} {number} {part}", case.name);
            let spec = json!({"name": name, "events": [format!("chaos.{number}")], "timeout": "500ms", "retry": retry});
            ids.entry(number).or_default().push(server.subscribe(&case.receiver.url(), spec).await.0);
        }
    }
    let mut body = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        body.extend(
            (0..case.events(events)).map(|_| json!({"event_type": format!("chaos.{number}"), "level": "ERROR"})),
        );
    }
    assert_eq!(server.post("/api/v1/events", &json!(body)).await.0, 202);
    let total: usize = cases.iter().map(|case| case.events(events) * subscriptions).sum();
    let held: usize = cases.iter().filter(|case| case.status == "retrying").map(|case| case.events(events)).sum();
    let mut highest = rss;
    for _ in 0..6000 {
        highest = highest.max(server.rss());
        let stats = server.delivery_stats().await;
        if stats["total_deliveries"] == total
            && stats["queued"] == 0
            && stats["attempting"] == 0
            && stats["retrying"] == held * subscriptions
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut late, mut deliveries) = (Duration::ZERO, 0);
    for (number, case) in cases.iter().enumerate() {
        let mut attempts = 0;
        for id in &ids[&number] {
            let page = server.get(&format!("/api/v1/deliveries?subscription={id}&limit=500")).await;
            let found = page["items"].as_array().unwrap();
            assert_eq!(found.len(), case.events(events), "{}: {page}", case.name);
            for delivery in found {
                let delivery = server.get(&format!("/api/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await;
                let longest = check(case, &delivery);
                late = late.max(longest.saturating_sub(TIMEOUT));
                attempts += case.attempts;
                deliveries += 1;
            }
            if case.name == "410" {
                assert_eq!(server.get(&format!("/api/v1/subscriptions/{id}")).await["state"], "disabled");
            }
        }
        // One request for each attempt, and none where the receiver is not to be trusted.
        let expected = if case.class == "tls" { 0 } else { attempts };
        assert_eq!(case.receiver.count(), expected, "{}: requests", case.name);
    }
    server.assert_ledger_balances().await;
    let fds_grown = server.fds() as i64 - fds as i64;
    Seen { deliveries, late, grown_bytes: highest - rss, fds_grown }
}

/// Holds one delivery against what the case expects; how long its longest attempt took.
fn check(case: &Case, delivery: &Value) -> Duration {
    let name = case.name;
    assert_eq!(
        (&delivery["status"], &delivery["attempts"]),
        (&json!(case.status), &json!(case.attempts)),
        "{name}: {delivery}"
    );
    let mut longest = 0.0f64;
    for attempt in delivery["attempt_log"].as_array().unwrap() {
        assert_eq!(attempt["class"], case.class, "{name}: {attempt}");
        assert!(attempt["error"].as_str().unwrap_or_default().contains(case.error), "{name}: {attempt}");
        assert!(attempt["response"]["body"].as_str().unwrap_or_default().len() <= 3 * 16 * 1024, "{name}");
        longest = longest.max(attempt["duration_ms"].as_f64().unwrap());
    }
    if case.status == "retrying" {
        let at = |name: &str| delivery[name].as_str().unwrap().parse::<loghorn_domain::Timestamp>().unwrap();
        let pause = at("next_attempt_at").since(at("created_at"));
        assert!((3590..3660).contains(&pause.as_secs()), "{name}: {pause:?}");
    }
    Duration::from_secs_f64(longest / 1e3)
}

/// Waits until the idle connections are let go, and as few files are open as at `fds`.
pub async fn until_closed(server: &Loghorn, fds: usize) {
    until("the files are closed", 120, || async { server.fds() <= fds }).await;
}
