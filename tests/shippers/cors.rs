//! Pages of other sites: those that are listed may send to shippers' routes, and do nothing else.

use serde_json::json;

use crate::{
    refusals::{ROUTES, typed},
    support::Loghorn,
    wire::{Answer, JSON, call, last_seq, post},
};

const PAGE: &str = "https://app.example.com";
const LISTED: [&str; 2] = ["--set", "ingest.cors_origins=https://app.example.com,http://localhost:3000"];

/// Asks as a browser does before a page sends.
async fn asked(server: &Loghorn, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
        ("sec-fetch-site", "cross-site"),
    ];
    call(server, "OPTIONS", path, &headers, "").await
}

/// That a browser gives the page nothing of it.
fn assert_says_nothing_of_pages(answer: &Answer, of: &str) {
    let said = answer.headers.keys().find(|name| name.starts_with("access-control"));
    assert_eq!(said, None, "{of}: {} {:?}", answer.status, answer.headers);
}

#[actix_rt::test]
async fn a_listed_page_may_send_to_every_route_of_shippers() {
    let server = Loghorn::start_with(&[&LISTED[..], &["--auth", "required"]].concat(), &[]).await;
    let admin = server.admin_key();
    let body = json!({"name": "page", "scope": "ingest"}).to_string();
    let (_, made) = server.call_as(&admin, "POST", "/api/v1/keys", Some(body)).await;
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    for (path, content_type, body) in ROUTES {
        for origin in [PAGE, "http://localhost:3000"] {
            let answer = asked(&server, path, origin).await;
            assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
            for (name, value) in [
                ("access-control-allow-origin", origin),
                ("access-control-allow-methods", "POST, PUT"),
                ("access-control-allow-headers", "authorization,content-type"),
                ("access-control-allow-credentials", ""),
                ("vary", "Origin"),
            ] {
                assert_eq!(answer.header(name), value, "{path}: {name}");
            }
        }
        let mut headers = typed(content_type);
        headers.extend([("origin", PAGE), ("sec-fetch-site", "cross-site")]);
        let answer = post(&server, path, &headers, *body).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, PAGE), "{path}");
        headers.push(("authorization", &bearer));
        let answer = post(&server, path, &headers, *body).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), PAGE, "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), "Retry-After", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
}

#[actix_rt::test]
async fn others_may_not_and_nobody_may_more() {
    let server = Loghorn::start_with(&LISTED, &[]).await;
    for origin in [
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://app.example.com:444",
        "https://APP.example.com",
        "https://app.example.com/",
        "null",
        "*",
        "",
    ] {
        let answer = asked(&server, "/v1/logs", origin).await;
        assert_says_nothing_of_pages(&answer, origin);
        let answer = post(&server, "/v1/logs", &[JSON, ("origin", origin)], "{}").await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_says_nothing_of_pages(&answer, origin);
    }
    let rebound = [("origin", PAGE), ("access-control-request-method", "POST"), ("host", "evil.example")];
    assert_eq!(call(&server, "OPTIONS", "/v1/logs", &rebound, "").await.status, 403);
    for path in ["/api/v1/events", "/api/v1/subscriptions", "/api/v1/keys", "/api/v1/session", "/metrics", "/nothing"] {
        assert_says_nothing_of_pages(&asked(&server, path, PAGE).await, path);
        let answer = post(&server, path, &[JSON, ("origin", PAGE)], "{}").await;
        assert_eq!(answer.status, 403, "{path}");
        assert_says_nothing_of_pages(&answer, path);
        assert_says_nothing_of_pages(&call(&server, "GET", path, &[("origin", PAGE)], "").await, path);
    }
    assert_eq!(last_seq(&server).await, 0);
}

#[actix_rt::test]
async fn a_session_lets_no_page_of_another_site_send() {
    let server = Loghorn::start_with(&[&LISTED[..], &["--auth", "required"]].concat(), &[]).await;
    let key = json!({"key": server.admin_key()}).to_string();
    let own = server.url("");
    let opened = post(&server, "/api/v1/session", &[JSON, ("origin", &own)], key).await;
    let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("loghorn_session="), "{}", opened.text());
    let body = r#"{"message":"x"}"#;
    let answer = post(&server, "/api/v1/ingest", &[JSON, ("cookie", &cookie), ("origin", &own)], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = post(&server, "/api/v1/ingest", &[JSON, ("cookie", &cookie), ("origin", PAGE)], body).await;
    assert_eq!((answer.status, answer.header("access-control-allow-credentials")), (401, ""));
}

#[actix_rt::test]
async fn without_the_setting_no_page_may() {
    let server = Loghorn::start().await;
    for (path, content_type, body) in ROUTES {
        let answer = asked(&server, path, PAGE).await;
        assert_says_nothing_of_pages(&answer, path);
        let mut headers = typed(content_type);
        headers.push(("origin", PAGE));
        assert_eq!(post(&server, path, &headers, *body).await.status, 403, "{path}");
    }
    assert_eq!(last_seq(&server).await, 0);
}
