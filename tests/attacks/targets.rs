//! What a subscription may name: URLs and headers. A refusal opens no socket and asks no name server.

use serde_json::{Value, json};

use super::{cases, raw};
use crate::support::{Loghorn, Mood, Receiver, dns::Dns};

const SUBSCRIPTIONS: &str = "/api/v1/subscriptions";

/// Further spellings of what the list refuses, beside those in the domain's own tests. `PORT` is one that somebody
/// listens on.
const REFUSED: [&str; 30] = [
    "http://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://2130706433:PORT/",
    "http://017700000001:PORT/",
    "http://0x7F.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.0.0.1%2e:PORT/",
    "http://１２７.０.０.１:PORT/",
    "http://127｡0｡0｡1:PORT/",
    "http://127．0．0．1:PORT/",
    "http://00000000177.0.0.1:0PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:FFFF:127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[2002:7f00:1::1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST.:PORT/",
    "http://a.localhost:PORT/",
    "http://ⓛocalhost:PORT/",
    "http://local\u{ad}host:PORT/",
    "http://localhoﬆ:PORT/",
    "http://@127.0.0.1:PORT/",
    "http://example.com:PORT@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@example.com/",
];

fn spec(url: &str) -> Value {
    json!({"name": "n", "url": url, "events": ["**"]})
}

/// A server that lets no private address be reached.
async fn server(dns: &Dns, more: &[&str]) -> Loghorn {
    let nameserver = dns.addr.to_string();
    let args = [&["--set", "egress.allow_private=", "--nameserver", &nameserver], more].concat();
    Loghorn::start_with(&args, &[]).await
}

/// Every way in which a subscription gets `spec`'s URL or headers: the pointer that a refusal must name, and the answer.
async fn every_way(
    server: &Loghorn,
    id: &str,
    member: &str,
    value: &Value,
    pointer: &str,
) -> Vec<(String, u16, Value)> {
    let mut whole = spec("https://example.com/");
    whole[member] = value.clone();
    let part = json!({ member: value });
    let own = format!("{SUBSCRIPTIONS}/{id}");
    let ways = [("POST", SUBSCRIPTIONS, &whole), ("PUT", &own, &whole), ("PATCH", &own, &part)];
    let mut answers = Vec::new();
    for (method, path, body) in ways {
        let (status, answer) = server.call(method, path, Some(body.to_string())).await;
        answers.push((pointer.to_owned(), status, answer));
    }
    answers
}

async fn every_way_of_a_url(server: &Loghorn, id: &str, url: &str) -> Vec<(String, u16, Value)> {
    let mut answers = every_way(server, id, "url", &url.into(), "/url").await;
    let regions = json!({"by": "source", "urls": {"a/b": url}});
    answers.extend(every_way(server, id, "regions", &regions, "/regions/urls/a~1b").await);
    answers
}

fn assert_refused(what: &str, answers: Vec<(String, u16, Value)>) {
    for (pointer, status, problem) in answers {
        assert_eq!(status, 422, "{what}: {problem}");
        let pointers: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, [pointer], "{what}");
    }
}

#[actix_rt::test]
async fn urls_get_what_they_must_and_a_refusal_touches_nothing() {
    let (dns, trap) = (Dns::start(), Receiver::start(Mood::Answer(200, "")));
    // Where the list leads to, as far as they are free and ours to take.
    let standing: Vec<_> = ["127.0.0.1:80", "127.0.0.1:443", "127.0.0.1:6379", "[::1]:80"]
        .iter()
        .filter_map(|addr| {
            let listener = std::net::TcpListener::bind(addr).ok()?;
            listener.set_nonblocking(true).unwrap();
            Some(listener)
        })
        .collect();
    let port = trap.addr.port().to_string();
    for (more, lets_http) in [(&[][..], false), (&["--allow-http"], true)] {
        let server = server(&dns, more).await;
        let (id, _) = server.subscribe("https://example.com/", json!({"enabled": false})).await;
        let path = format!("{SUBSCRIPTIONS}/{id}");
        let before = server.get(&path).await;
        let own = REFUSED.map(|url| (url.to_owned(), url.replace("PORT", &port), "reject".to_owned()));
        let listed = cases("url").into_iter().map(|case| (case.name, case.url, case.expect));
        for (name, url, expect) in listed.chain(own) {
            if expect == "allow" {
                if lets_http || url.starts_with("https://") {
                    for (_, status, answer) in every_way_of_a_url(&server, &id, &url).await {
                        assert!(matches!(status, 200 | 201), "{name}: {answer}");
                        let kept: http::Uri = answer["url"].as_str().unwrap().parse().unwrap();
                        assert!(
                            url.contains(kept.host().unwrap()) || answer["url"] == "https://example.com/",
                            "{name}"
                        );
                    }
                    assert_eq!(server.call("PUT", &path, Some(before.to_string())).await.0, 200);
                }
                continue;
            }
            let before = server.get(&path).await;
            assert_refused(&format!("{name} {url:?}"), every_way_of_a_url(&server, &id, &url).await);
            assert_eq!(server.get(&path).await, before, "{name}");
        }
    }
    assert_eq!((trap.connections(), dns.asked_in_all()), (0, 0), "somebody was asked or called");
    assert!(standing.iter().all(|listener| listener.accept().is_err()), "somebody was called");
}

#[actix_rt::test]
async fn headers_that_mislead_are_refused() {
    let server = Loghorn::start().await;
    let (id, _) = server.subscribe("http://127.0.0.1:4444/", json!({})).await;
    let listed = cases("header").into_iter().map(|case| {
        let text = case.url.replace("\\r", "\r").replace("\\n", "\n");
        let (name, value) = text.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    });
    let own = [
        ("hOsT", "example.com"),
        ("Content-Length", "0"),
        ("CONNECTION", "close"),
        ("Webhook-Id", "x"),
        ("X-A", "a\0"),
        ("X-A", "ä"),
        ("X-A", "a\r"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("", "1"),
        ("X-aws-ec2-metadata-token", "1"),
        ("Proxy-Authorization", "1"),
        ("Trailer", "X-A"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Long", &"a".repeat(9000)),
    ];
    for (name, value) in listed.chain(own.map(|(name, value)| (name.to_owned(), value.to_owned()))) {
        let pointer = match value.len() > 8192 {
            true => "/headers".to_owned(),
            false => format!("/headers/{}", name.replace('~', "~0").replace('/', "~1")),
        };
        let headers = json!({ &name: value });
        assert_refused(&format!("{name:?}"), every_way(&server, &id, "headers", &headers, &pointer).await);
        // The header of the plain signature is one too.
        if value.len() < 100 && value.bytes().all(|b| b.is_ascii_graphic()) && !name.starts_with("X-A") {
            let answers = every_way(&server, &id, "signature_header", &name.into(), "/signature_header").await;
            assert_refused("signature_header", answers);
        }
    }
    let (_, total) = raw(&server, "GET /api/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(total.contains(r#""total":1"#), "{total}");
}
