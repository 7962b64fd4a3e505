//! What a caller may try: each call gets the code it must, and the server goes on.

use std::{
    io::Write as _,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::raw;
use crate::support::{Loghorn, Mood, Receiver, loghorn, say, until};

/// The attacks of the list that are made here and in `leaks.rs`.
pub(crate) const MADE: [&str; 15] = [
    "api-ingest-scope",
    "csrf-form",
    "cswsh",
    "cswsh-null",
    "dns-rebind-ui",
    "clickjack",
    "json-depth",
    "json-big",
    "gzip-bomb-in",
    "redos",
    "filter-many",
    "path-traversal",
    "log-secret",
    "bind-open",
    "sig-empty",
];

/// Those that cannot be made yet, each with its reason.
pub(crate) const LATER: [&str; 1] = [
    // There are no tenants: every key that may read reads all there is, on the socket, too.
    "api-tenant-ws",
];

const EVENTS: &str = "/api/v1/events";
const INGEST: &str = "/api/v1/ingest";
const SUBSCRIPTIONS: &str = "/api/v1/subscriptions";
const FILTERS: &str = "/api/v1/filters/test";

fn request(line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let has_host = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = if has_host { "" } else { "Host: localhost\r\n" };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{line} HTTP/1.1\r\n{host}{headers}{length}Connection: close\r\n\r\n{body}")
}

#[actix_rt::test]
async fn a_page_of_another_site_gets_nothing() {
    let server = Loghorn::start().await;
    let (evil, body) = (("Origin", "https://evil.example"), r#"{"message":"x"}"#);
    let cookie = ("Cookie", "session=AAAA; loghorn=AAAA");
    let port = format!("http://localhost:{}", server.addr.port() ^ 1);
    let text = ("Content-Type", "text/plain");
    let cross = ("Sec-Fetch-Site", "cross-site");
    // csrf-form
    for (headers, status) in [
        (&[evil, cookie, text][..], 403),
        (&[("Origin", "null"), cookie, text], 403),
        (&[("Origin", &port), cookie, text], 403),
        (&[("Origin", "http://localhost.evil.example"), cookie, text], 403),
        (&[cross, cookie, text], 403),
        (&[cross, cookie, ("Content-Type", "application/json")], 403),
        (&[evil, cookie], 403),
        // An old browser that tells nothing of itself cannot send JSON without asking before.
        (&[cookie, text], 415),
        (&[cookie, ("Content-Type", "application/x-www-form-urlencoded")], 415),
        (&[cookie, ("Content-Type", "multipart/form-data; boundary=x")], 415),
        (&[cookie], 415),
    ] {
        for path in [EVENTS, SUBSCRIPTIONS, "/api/v1/keys", "/api/v1/dead-letters/discard"] {
            let (got, answer) = raw(&server, request(&format!("POST {path}"), headers, body));
            assert_eq!(got, status, "{path} {headers:?}: {answer}");
        }
    }
    assert_eq!(raw(&server, request(&format!("POST {INGEST}"), &[evil, text], body)).0, 403);
    // Nobody is told that it may.
    let asking = [evil, ("Access-Control-Request-Method", "POST")];
    let (status, answer) = raw(&server, request(&format!("OPTIONS {EVENTS}"), &asking, ""));
    assert!(status >= 400 && !answer.to_lowercase().contains("access-control-allow"), "{answer}");
    // cswsh, cswsh-null
    let upgrade =
        [("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")];
    for websocket in ["websocket", "WebSocket", "h2c, websocket"] {
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", &port] {
            let headers = [&upgrade[..], &[("Upgrade", websocket), ("Origin", origin), cookie]].concat();
            let (status, answer) = raw(&server, request("GET /api/v1/ws", &headers, ""));
            assert_eq!(status, 403, "{websocket} {origin}: {answer}");
        }
    }
    let stats = server.get("/api/v1/stats").await;
    assert_eq!((&stats["event_stats"]["last_seq"], &stats["subscription_stats"]["total"]), (&json!(0), &json!(0)));
}

#[actix_rt::test]
async fn only_our_own_names_are_answered_to() {
    let server = Loghorn::start().await;
    let port = server.addr.port();
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.0.0.2",
        "2130706433",
        "[::1].evil.example",
        "[::ffff:127.0.0.1]",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost:80:80",
        "localhost.",
        "",
    ] {
        for path in ["/", "/api/v1/stats", EVENTS, "/metrics", "/docs/"] {
            let (status, answer) = raw(&server, request(&format!("GET {path}"), &[("Host", host)], ""));
            assert!(matches!(status, 400 | 403), "{host:?} {path}: {answer}");
            assert!(!answer.contains("event_stats"), "{host:?}: {answer}");
        }
    }
    // Two of them, and one that the request line contradicts.
    for headers in
        [[("Host", "localhost"), ("Host", "evil.example")], [("Host", "evil.example"), ("Host", "localhost")]]
    {
        let (status, answer) = raw(&server, request("GET /api/v1/stats", &headers, ""));
        assert!(matches!(status, 400 | 403), "{headers:?}: {answer}");
    }
    let (status, answer) = raw(&server, request("GET http://evil.example/api/v1/stats", &[], ""));
    assert!(matches!(status, 400 | 403), "{answer}");
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]", &format!("localhost:{port}")] {
        assert_eq!(raw(&server, request("GET /api/v1/stats", &[("Host", host)], "")).0, 200, "{host}");
    }
}

#[actix_rt::test]
async fn nobody_frames_it_and_nobody_reads_its_disk() {
    let server = Loghorn::start().await;
    for (path, headers) in [
        ("/", &[("Accept", "text/html")][..]),
        ("/docs/", &[]),
        ("/api/v1/stats", &[]),
        ("/nothing", &[]),
        ("/api/v1/stats", &[("Host", "evil.example")]),
    ] {
        let (_, answer) = raw(&server, request(&format!("GET {path}"), headers, ""));
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        assert!(head.contains("content-security-policy:") && head.contains("frame-ancestors 'none'"), "{path}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {head}");
    }
    for path in [
        "/ui/..%2f..%2fetc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%2f..%2fetc%2fpasswd",
        "/docs/../../../etc/passwd",
        "/docs/%2e%2e%2f%2e%2e%2fCargo.toml",
        "/docs/....//....//etc/passwd",
        "/docs//etc/passwd",
        "/docs/..%5c..%5cetc%5cpasswd",
        "/docs/%00",
        "/api/v1/../../etc/passwd",
        "/assets/%c0%ae%c0%ae/etc/passwd",
    ] {
        let (status, answer) = raw(&server, request(&format!("GET {path}"), &[], ""));
        assert!(matches!(status, 400 | 404), "{path}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains("[package]"), "{path}");
    }
}

#[actix_rt::test]
async fn bodies_are_bounded_in_depth_and_size() {
    let max_body = 64 * 1024;
    let server = Loghorn::start_with(&["--set", "ingest.max_body=64KiB"], &[]).await;
    let json = ("Content-Type", "application/json");
    let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    for n in [65, 20_000] {
        for body in
            [nested("[", "]", n), nested("{\"a\":", "}", n.min(10_000)), "[".repeat(n), "{\"a\":".repeat(n.min(10_000))]
        {
            let body = if body.len() > max_body { body[..max_body].to_owned() } else { body };
            for path in [EVENTS, SUBSCRIPTIONS, FILTERS, "/api/v1/keys", "/api/v1/dead-letters/replay"] {
                let began = Instant::now();
                let (status, answer) = raw(&server, request(&format!("POST {path}"), &[json], &body));
                assert!(matches!(status, 400 | 422), "{path} {n}: {answer}");
                assert!(began.elapsed() < Duration::from_secs(5), "{path} {n}: {:?}", began.elapsed());
            }
            assert_eq!(
                raw(&server, request(&format!("POST {INGEST}"), &[json], &body)).0,
                200,
                "it takes what it gets"
            );
        }
    }
    // The list's own: deeper than any stack.
    let deep = Loghorn::start().await;
    for path in [EVENTS, SUBSCRIPTIONS, FILTERS] {
        let began = Instant::now();
        let (status, answer) = raw(&deep, request(&format!("POST {path}"), &[json], &"[".repeat(100_000)));
        assert_eq!(status, 400, "{path}: {answer}");
        assert!(began.elapsed() < Duration::from_secs(5), "{path}: {:?}", began.elapsed());
    }
    // One byte more than fits, told before and not.
    for path in [EVENTS, INGEST, SUBSCRIPTIONS, FILTERS, "/api/v1/keys"] {
        for (length, expected) in [(max_body, None), (max_body + 1, Some(413))] {
            let body = format!("\"{}\"", "x".repeat(length - 2));
            let (status, answer) = raw(&server, request(&format!("POST {path}"), &[json], &body));
            assert_eq!(expected.unwrap_or(status), status, "{path}: {answer}");
            let chunks: String = body
                .as_bytes()
                .chunks(4000)
                .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)))
                .collect();
            let head =
                "Host: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close";
            let (chunked, answer) = raw(&server, format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n{chunks}0\r\n\r\n"));
            assert_eq!(chunked, status, "{path}, in chunks: {answer}");
            assert!((status == 413) == expected.is_some(), "{path}: {status}");
        }
    }
    // One that says less than it sends is cut there; what follows is no request.
    let (status, _) = raw(
        &server,
        format!(
            "POST {EVENTS} HTTP/1.1\r\nHost: localhost\r\n{}: {}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}GET / HTTP/1.1\r\n\r\n",
            json.0, json.1
        ),
    );
    assert_eq!(status, 202);
    assert_eq!(server.get("/api/v1/health").await["status"], "healthy");
}

#[actix_rt::test]
async fn a_gigabyte_in_a_megabyte_is_refused_and_takes_no_memory() {
    let limit: u64 = 64 << 20;
    let server = Loghorn::start().await;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        bomb.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!((500_000..2_000_000).contains(&bomb.len()), "{}", bomb.len());
    let before = server.rss();
    for path in [EVENTS, INGEST, SUBSCRIPTIONS, FILTERS] {
        let client = awc::Client::builder().timeout(Duration::from_secs(60)).finish();
        let request = client.post(server.url(path)).insert_header(("content-encoding", "gzip"));
        let answer = request.content_type("application/json").send_body(bomb.clone()).await.unwrap();
        assert_eq!(answer.status(), 413, "{path}");
    }
    let grown = server.rss().saturating_sub(before);
    say(&format!("a gigabyte in {} KiB: memory + {} MiB", bomb.len() >> 10, grown >> 20));
    assert!(grown < 2 * limit, "{} MiB", grown >> 20);
}

#[actix_rt::test]
async fn expressions_take_time_in_proportion_and_filters_are_bounded() {
    let (server, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    let evil = ["(a+)+$", "(a|aa)+$", "(a*)*b", "(.*.*.*.*.*)x$", "^(([a-z])+.)+[A-Z]([a-z])+$"];
    for regex in evil {
        server.subscribe(&receiver.url(), json!({"filters": {"message": regex}})).await;
    }
    let text = format!("{}!", "a".repeat(100_000));
    let began = Instant::now();
    assert_eq!(server.post(EVENTS, &json!({"message": text, "source": "x"})).await.0, 202);
    until("it is matched", 10, || async { server.get("/api/v1/stats").await["event_stats"]["routed_seq"] == 1 }).await;
    say(&format!("{} evil expressions on 100 kB took {:?}", evil.len(), began.elapsed()));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let with = |filters: Value| json!({"name": "n", "url": receiver.url(), "events": ["**"], "filters": filters});
    let huge =
        ["(a{1000}){1000}", "((((a{10}){10}){10}){10}){10}", r"\pL{1000}", &"(a|b)".repeat(200_000), &"(".repeat(5000)];
    let many = (0..10_000).map(|n| json!({"source": format!("s{n}")})).collect::<Vec<_>>();
    let mut deep = json!({"source": "a"});
    (0..100).for_each(|_| deep = json!({"not": deep.take()}));
    let members = (0..10_000).map(|n| (format!("m{n}"), json!(n))).collect::<serde_json::Map<_, _>>();
    let filters = huge.iter().map(|regex| json!({"message": regex})).chain([
        json!({"any": many}),
        json!({"all": many}),
        json!({"not": {"any": many}}),
        deep,
        json!({"metadata": members}),
        json!({"metadata": {"a": (0..10_000).collect::<Vec<_>>()}}),
        json!({"source": (0..10_000).map(|n| format!("s{n}")).collect::<Vec<_>>()}),
        json!({"where": format!("@.a == 1{}", " || @.a == 1".repeat(2000))}),
        json!({"where": format!("{}@.a{}", "(".repeat(500), ")".repeat(500))}),
    ]);
    for filters in filters {
        let shown: String = filters.to_string().chars().take(60).collect();
        for (path, body) in [(SUBSCRIPTIONS, with(filters.clone())), (FILTERS, json!({"filters": filters}))] {
            let began = Instant::now();
            let (status, problem) = server.post(path, &body).await;
            assert_eq!(status, 422, "{shown}: {problem}");
            assert!(began.elapsed() < Duration::from_secs(2), "{shown}: {:?}", began.elapsed());
        }
    }
    let events: Vec<String> = (0..10_000).map(|n| format!("a.b{n}")).collect();
    let body = json!({"name": "n", "url": receiver.url(), "events": events});
    assert_eq!(server.post(SUBSCRIPTIONS, &body).await.0, 422);
    assert_eq!(server.get("/api/v1/stats").await["subscription_stats"]["total"], evil.len());
}

#[actix_rt::test]
async fn a_key_does_no_more_than_it_is_for_and_weak_secrets_are_refused() {
    let server = Loghorn::start().await;
    let (status, made) = server.post("/api/v1/keys", &json!({"name": "app", "scope": "ingest"})).await;
    assert_eq!(status, 201);
    let key = made["key"].as_str().unwrap();
    let (id, _) = server.subscribe("http://127.0.0.1:4444/", json!({})).await;
    for path in [format!("{SUBSCRIPTIONS}/{id}"), format!("{SUBSCRIPTIONS}/x")] {
        assert_eq!(server.call_as(key, "DELETE", &path, None).await.0, 403, "{path}");
    }
    for secret in
        ["", " ", "12345678", "whsec_", "whsec_AAAA", "whsec_MTIzNDU2Nzg=", &"x".repeat(15), &"x".repeat(10_000)]
    {
        let body = json!({"name": "n", "url": "http://127.0.0.1:4444/", "events": ["**"], "secret": secret});
        let (status, problem) = server.post(SUBSCRIPTIONS, &body).await;
        assert!(status == 422 && problem["errors"][0]["pointer"] == "/secret", "{secret:?}: {problem}");
        assert!(secret.len() <= "whsec_".len() || !problem.to_string().contains(secret), "{problem}");
    }
    assert_eq!(server.get("/api/v1/stats").await["subscription_stats"]["total"], 1);
}

#[test]
fn the_world_is_not_let_in_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:0.0.0.0]:0"] {
        let mut command = Command::new(loghorn::binary());
        let output = command.args(["serve", "--bind", bind]).current_dir(folder.path()).env_clear().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{bind}: {said}");
        assert!(said.contains("Add:  --behind-tls-proxy") || said.contains("--tls-cert"), "{bind}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was made");
}
