//! Who gets in: keys and their scopes, where they are required, and what never leaks of them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use awc::http::header::HeaderMap;
use serde_json::{Value, json};
use support::Loghorn;

const KEYS: &str = "/api/v1/keys";
const STATS: &str = "/api/v1/stats";
const INGEST: &str = "/api/v1/ingest";
/// Routes of log shippers beside the generic one, with all their other names.
const SHIPPERS: &[&str] = &[
    "/api/v1/cloudevents",
    "/v1/logs",
    "/otlp/v1/logs",
    "/loki/api/v1/push",
    "/api/v1/push",
    "/ready",
    "/services/collector",
    "/services/collector/event",
    "/services/collector/event/1.0",
    "/services/collector/raw",
    "/services/collector/raw/1.0",
    "/services/collector/health",
    "/services/collector/health/1.0",
    "/services/collector/ack",
    "/gelf",
    "/upload",
    "/api/v2/logs",
    "/v1/input",
    "/es",
    "/es/",
    "/es/_license",
    "/es/_cat/health",
    "/es/_cluster/health",
    "/es/_bulk",
    "/es/logs/_bulk",
    "/es/logs/_doc",
    "/es/logs/_doc/1",
    "/es/logs/_create/1",
    "/_license",
    "/_cat/health",
    "/_cluster/health",
    "/_bulk",
    "/logs/_bulk",
    "/logs/_doc",
    "/logs/_doc/1",
    "/logs/_create/1",
];
const REQUIRED: [&str; 2] = ["--auth", "required"];
const SCOPES: [&str; 4] = ["ingest", "read", "manage", "admin"];

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

/// Calls it from one of loopback's addresses.
async fn call_from(from: [u8; 4], server: &Loghorn, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let connector = awc::Connector::new().local_address(IpAddr::V4(Ipv4Addr::from(from)));
    let client = awc::Client::builder().connector(connector).finish();
    let url = format!("http://127.0.0.1:{}{path}", server.addr.port());
    let mut request = client.request(method.parse().unwrap(), url).force_close();
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    let mut answer = match method {
        "GET" | "HEAD" => request.send().await,
        _ => request.insert_header(("content-type", "application/json")).send_body("{}").await,
    }
    .unwrap();
    let bytes = answer.body().await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), json }
}

async fn call(server: &Loghorn, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    call_from([127, 0, 0, 1], server, method, path, headers).await
}

async fn status(server: &Loghorn, path: &str, key: &str) -> u16 {
    call(server, "GET", path, &[("x-api-key", key)]).await.status
}

async fn post(server: &Loghorn, key: &str, path: &str, body: Value) -> (u16, Value) {
    server.call_as(key, "POST", path, Some(body.to_string())).await
}

/// Makes a key; its id and its text.
async fn make(server: &Loghorn, scope: &str) -> (String, String) {
    let body = json!({"name": format!("the {scope} one"), "scope": scope});
    let (status, made) = post(server, &server.admin_key(), KEYS, body).await;
    assert_eq!(status, 201, "{made}");
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

/// How many files under `folder` hold `text`.
fn files_with(folder: &Path, text: &str) -> usize {
    let holds = |path: &Path| std::fs::read(path).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.filter(|path| holds(path)).count()
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |three: &[u8]| {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(*three.get(at).unwrap_or(&0)));
        let digit = |at: usize| if at > three.len() { '=' } else { DIGITS[number >> (18 - 6 * at) & 63].into() };
        (0..4).map(digit).collect::<String>()
    };
    text.as_bytes().chunks(3).map(encode).collect()
}

/// The scopes that may make this call; all of them where it is open.
fn scopes_of(method: &str, path: &str) -> &'static [&'static str] {
    let is_reading = method == "get";
    match path {
        "/api/v1/health/live" => &["", "ingest", "read", "manage", "admin"],
        // The dashboard's pages are open: what they show they ask for with a key.
        "/" if is_reading => &["", "ingest", "read", "manage", "admin"],
        "/api/v1/session" if !is_reading => &["", "ingest", "read", "manage", "admin"],
        "/api/v1/session/link" | "/api/v1/ws-ticket" => &["read", "manage", "admin"],
        _ if path.starts_with(KEYS) || path.starts_with("/api/v1/audit") || path.starts_with("/api/v1/keyring") => {
            &["admin"]
        }
        _ if path.starts_with("/api/v1/dispatch/") || path == "/api/v1/backup" => &["admin"],
        _ if path.starts_with(INGEST) || SHIPPERS.contains(&path) => &["ingest", "manage", "admin"],
        "/api/v1/events" if !is_reading => &["ingest", "manage", "admin"],
        "/api/v1/filters/test" | "/api/v1/formats/preview" => &["read", "manage", "admin"],
        _ if is_reading => &["read", "manage", "admin"],
        _ => &["manage", "admin"],
    }
}

#[actix_rt::test]
async fn every_route_lets_in_its_scope_and_nobody_else() {
    let server = Loghorn::start_with(&REQUIRED, &[]).await;
    let admin = server.admin_key();
    let mut keys = vec![("", String::new())];
    for scope in SCOPES {
        keys.push((scope, make(&server, scope).await.1));
    }
    let document = call(&server, "GET", "/api/v1/openapi.json", &[("x-api-key", &admin)]).await.json;
    let paths = document["paths"].as_object().unwrap().iter();
    let described = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    let also = ["/", "/docs", "/docs/", "/docs/index.html", "/api/v1/openapi.json"].map(|path| ("get", path));
    let also = also.map(|(method, path)| (method.to_owned(), path.to_owned()));
    let shippers =
        SHIPPERS.iter().flat_map(|path| ["get", "post"].map(|method| (method.to_owned(), (*path).to_owned())));
    let all: Vec<_> = described.chain(also).chain(shippers).collect();
    assert!(all.len() > 100, "{}", all.len());
    for (method, path) in all {
        let allowed = scopes_of(&method, &path);
        let real = path.replace("{id}", "x").replace("{source}", "shop").replace("{number}", "1");
        for (scope, key) in &keys {
            let headers = [("authorization", format!("Bearer {key}"))];
            let headers: Vec<_> = headers.iter().filter(|_| !key.is_empty()).map(|(n, v)| (*n, v.as_str())).collect();
            let answer = call(&server, &method.to_uppercase(), &real, &headers).await;
            let expected = match (allowed.contains(scope), key.is_empty()) {
                (true, _) => None,
                (false, true) => Some(401),
                (false, false) => Some(403),
            };
            let is_problem = answer.headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
            let of = format!("{method} {path} as {scope:?}: {} {}", answer.status, answer.json);
            match expected {
                Some(expected) => assert_eq!(answer.status, expected, "{of}"),
                None => assert!(![401, 403, 500].contains(&answer.status), "{of}"),
            }
            match expected {
                Some(401) => assert_eq!(answer.headers.get("www-authenticate").unwrap(), "Bearer", "{of}"),
                // In the words of its protocol: tests/shippers holds those.
                Some(_) if !is_problem => assert!(SHIPPERS.contains(&path.as_str()), "{of}"),
                Some(_) => {
                    let detail = answer.json["detail"].as_str().unwrap();
                    assert!(detail.ends_with(&format!("this needs {}", allowed[0])), "{of}");
                }
                None => {}
            }
        }
    }
    // Nothing is told of what is served and what is not.
    assert_eq!(call(&server, "GET", "/api/v1/nothing", &[]).await.status, 401);
    assert_eq!(status(&server, "/api/v1/nothing", &keys[2].1).await, 404);
    // However it is written, it is the same path.
    for path in ["/api/v1/%6beys", "/api/v1/k%65ys", "/api/v1/keys/", "/api/v1/keys?x", "//api/v1/keys"] {
        assert!([403, 404].contains(&status(&server, path, &keys[2].1).await), "{path}");
    }
}

#[actix_rt::test]
async fn a_key_s_life() {
    let mut server = Loghorn::start_with(&REQUIRED, &[]).await;
    let admin = server.admin_key();
    let (id, key) = make(&server, "read").await;
    let (_, short) = {
        let (status, made) =
            post(&server, &admin, KEYS, json!({"name": "brief", "scope": "read", "expires_in": "1s"})).await;
        assert!(status == 201 && made["expires_at"].is_string(), "{made}");
        (made["id"].clone(), made["key"].as_str().unwrap().to_owned())
    };
    assert!(key.starts_with("lh_read_") && key.len() == 51, "{}", key.len());
    assert_eq!(status(&server, STATS, &key).await, 200);
    support::until("it expires", 20, || async { status(&server, STATS, &short).await == 401 }).await;
    server.terminate();
    server.restart();
    assert_eq!(server.admin_key(), admin, "it stays the same");
    assert_eq!(status(&server, STATS, &key).await, 200);
    let listed = call(&server, "GET", KEYS, &[("x-api-key", &admin)]).await.json;
    let items = listed["items"].as_array().unwrap();
    let states: Vec<_> = items.iter().map(|item| item["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["expired", "active"], "{listed}");
    assert!(items[1]["last_used_at"].is_string() && items[1]["id"] == *id, "{listed}");
    assert!(!listed.to_string().contains(&key[8..]), "its text is shown once");
    let path = format!("{KEYS}/{id}");
    for _ in 0..2 {
        assert_eq!(call(&server, "DELETE", &path, &[("x-api-key", &admin)]).await.status, 204);
        assert_eq!(status(&server, STATS, &key).await, 401, "revoked at once");
    }
    server.kill();
    server.restart();
    assert_eq!(status(&server, STATS, &key).await, 401, "revoked for ever");
    for unknown in ["key_01a20e5eac0e7ae8844dd40000000002", "x"] {
        let path = format!("{KEYS}/{unknown}");
        assert_eq!(call(&server, "DELETE", &path, &[("x-api-key", &admin)]).await.status, 404);
    }
    for wrong in [json!({"name": "", "scope": "read"}), json!({"name": "x", "scope": "root"}), json!({"name": "x"})] {
        assert_eq!(post(&server, &admin, KEYS, wrong.clone()).await.0, 422, "{wrong}");
    }
    server.terminate();
    for text in [&key, &short] {
        assert_eq!((files_with(&server.data, text), server.said(text)), (0, 0));
    }
    assert_eq!((files_with(&server.data, &admin), server.said(&admin)), (1, 0), "only in its own file");
}

#[actix_rt::test]
async fn ten_wrong_keys_bar_one_address_and_no_other() {
    let server = Loghorn::start_with(&REQUIRED, &[]).await;
    let admin = server.admin_key();
    let guesser = [127, 0, 0, 2];
    for n in 0..10 {
        let guess = format!("lh_admin_{n}");
        let answer = call_from(guesser, &server, "GET", STATS, &[("x-api-key", &guess)]).await;
        assert_eq!((answer.status, &answer.json["status"]), (401, &json!(401)), "{n}");
    }
    let answer = call_from(guesser, &server, "GET", STATS, &[("x-api-key", &admin)]).await;
    assert_eq!(answer.status, 429, "{}", answer.json);
    let after: u64 = answer.headers.get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(call_from(guesser, &server, "GET", "/api/v1/health/live", &[]).await.status, 200);
    assert_eq!(status(&server, STATS, &admin).await, 200, "others are served");
}

#[actix_rt::test]
async fn shippers_show_keys_in_their_own_ways() {
    let server = Loghorn::start_with(&["--auth", "required", "--log-level", "trace"], &[]).await;
    let (_, key) = make(&server, "ingest").await;
    // What is in `user:key` and `id:key`.
    let basic = base64(&format!("anyone:{key}"));
    let forms = [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bearer  {key}")),
        ("authorization", format!("Basic {basic}")),
        ("authorization", format!("Splunk {key}")),
        ("authorization", format!("ApiKey {key}")),
        ("authorization", format!("ApiKey {basic}")),
        ("x-api-key", key.clone()),
        ("dd-api-key", key.clone()),
        ("x-amz-firehose-access-key", key.clone()),
    ];
    for (n, (name, value)) in forms.iter().enumerate() {
        let path = format!("{INGEST}/shop");
        assert_eq!(call(&server, "POST", &path, &[(name, value)]).await.status, 200, "{name} {n}");
        let elsewhere = call(&server, "POST", "/api/v1/events", &[(name, value)]).await.status;
        let is_plain = value.to_lowercase().starts_with("bearer") || *name == "x-api-key";
        assert_eq!(elsewhere, if is_plain { 202 } else { 401 }, "{name} {n}");
    }
    for name in ["token", "access_token", "api_key", "dd-api-key"] {
        assert_eq!(call(&server, "POST", &format!("{INGEST}?x=1&{name}={key}"), &[]).await.status, 200, "{name}");
        let elsewhere = call(&server, "POST", &format!("/api/v1/events?{name}={key}"), &[]).await.status;
        assert_eq!(elsewhere, 401, "{name}");
    }
    assert_eq!(call(&server, "POST", INGEST, &[]).await.status, 401);
    assert_eq!(call(&server, "POST", INGEST, &[("x-api-key", "lh_ingest_x")]).await.status, 403);
    assert_eq!(server.said(&key), 0);
    // Who sends without a source is known by the key.
    assert_eq!(post(&server, &key, INGEST, json!({"message": "who am I"})).await.0, 200);
    let admin = server.admin_key();
    let newest = call(&server, "GET", "/api/v1/events?limit=1", &[("x-api-key", &admin)]).await.json;
    assert_eq!(newest["items"][0]["source"], "the ingest one", "{newest}");
}

#[actix_rt::test]
async fn on_loopback_it_is_open_and_a_key_is_held_to_its_scope() {
    let server = Loghorn::start().await;
    let (_, key) = make(&server, "ingest").await;
    assert_eq!(call(&server, "GET", STATS, &[]).await.status, 200);
    assert_eq!(status(&server, STATS, "nobody's").await, 200);
    assert_eq!(status(&server, STATS, &key).await, 403);
    let answer = call(&server, "DELETE", "/api/v1/subscriptions/x", &[("x-api-key", &key)]).await;
    assert_eq!(answer.status, 403, "{}", answer.json);
}
