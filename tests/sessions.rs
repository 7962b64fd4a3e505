//! The dashboard's way in: a key or a link becomes a cookie, which other sites cannot use and which ends with its key.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use awc::http::header::HeaderMap;
use serde_json::{Value, json};
use support::{
    Loghorn, cli,
    dns::{self, Dns},
};

const SESSION: &str = "/api/v1/session";
const STATS: &str = "/api/v1/stats";

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

async fn call(server: &Loghorn, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
    let mut request = awc::Client::default().request(method.parse().unwrap(), server.url(path)).force_close();
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    let mut answer = match body {
        Some(body) => request.insert_header(("content-type", "application/json")).send_body(body.to_string()).await,
        None => request.send().await,
    }
    .unwrap();
    let json = serde_json::from_slice(&answer.body().await.unwrap()).unwrap_or_default();
    Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), json }
}

async fn required(more: &[&str]) -> Loghorn {
    Loghorn::start_with(&[&["--auth", "required"], more].concat(), &[]).await
}

/// Logs in; the cookie as a browser sends it back, and as it was set.
async fn login(server: &Loghorn, body: Value) -> (String, String) {
    let answer = call(server, "POST", SESSION, &[], Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let set = answer.headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
    (set.split(';').next().unwrap().to_owned(), set)
}

async fn key(server: &Loghorn, scope: &str) -> (String, String) {
    let body = json!({"name": scope, "scope": scope}).to_string();
    let (_, made) = server.call_as(&server.admin_key(), "POST", "/api/v1/keys", Some(body)).await;
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

#[actix_rt::test]
async fn a_key_becomes_a_cookie_that_ends_with_it() {
    let server = required(&[]).await;
    let (id, manage) = key(&server, "manage").await;
    let (cookie, set) = login(&server, json!({"key": manage})).await;
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Domain") && !set.contains(&manage), "{set}");
    let origin = server.url("");
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let who = call(&server, "GET", SESSION, &own[..1], None).await;
    assert_eq!((who.status, &who.json["name"], &who.json["scope"]), (200, &json!("manage"), &json!("manage")));
    assert!(who.json["expires_at"].is_string() && who.json["key_required"] == true);
    assert_eq!(call(&server, "GET", STATS, &own[..1], None).await.status, 200);
    let new = json!({"name": "n", "url": "https://example.com/", "events": ["**"]});
    assert_eq!(call(&server, "POST", "/api/v1/subscriptions", &own, Some(new)).await.status, 201);
    assert_eq!(call(&server, "GET", "/api/v1/keys", &own, None).await.status, 403, "it may do what its key may");
    // Who logged in, and what was done with it.
    let (_, audit) = server.call_as(&server.admin_key(), "GET", "/api/v1/audit", None).await;
    let entries = audit["items"].as_array().unwrap().clone();
    let noted = |route: &str| entries.iter().any(|entry| entry["route"] == route && entry["who"] == id.as_str());
    assert!(noted(SESSION) && noted("/api/v1/subscriptions"), "{audit}");
    assert!(!audit.to_string().contains(cookie.split('=').nth(1).unwrap()));

    let path = format!("/api/v1/keys/{id}");
    assert_eq!(server.call_as(&server.admin_key(), "DELETE", &path, None).await.0, 204);
    assert_eq!(call(&server, "GET", STATS, &own, None).await.status, 401, "its key is revoked");
}

#[actix_rt::test]
async fn other_sites_cannot_use_it() {
    let server = required(&[]).await;
    let (cookie, _) = login(&server, json!({"key": server.admin_key()})).await;
    let new = json!({"name": "n", "url": "https://example.com/", "events": ["**"]});
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        let answer = call(&server, "POST", "/api/v1/subscriptions", &headers, Some(new.clone())).await;
        assert_eq!(answer.status, 403, "{origin}");
        let answer = call(&server, "POST", SESSION, &headers[1..], Some(json!({"key": server.admin_key()}))).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    let bare = [("cookie", cookie.as_str())];
    assert_eq!(call(&server, "POST", "/api/v1/subscriptions", &bare, Some(new)).await.status, 403, "no Origin");
    // As a form sends it.
    let request = awc::Client::default().post(server.url("/api/v1/subscriptions")).force_close();
    let request = request.insert_header(bare[0]).insert_header(("origin", server.url("")));
    let form = request.insert_header(("content-type", "text/plain")).send_body("{}").await.unwrap();
    assert_eq!(form.status().as_u16(), 415);
    assert_eq!(server.call_as(&server.admin_key(), "GET", "/api/v1/subscriptions", None).await.1["items"], json!([]));
}

#[actix_rt::test]
async fn a_session_ends_when_it_is_told_to_and_wrong_keys_are_counted() {
    let server = required(&[]).await;
    let (cookie, _) = login(&server, json!({"key": server.admin_key()})).await;
    let origin = server.url("");
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let ended = call(&server, "DELETE", SESSION, &own, None).await;
    assert_eq!(ended.status, 204);
    assert!(ended.headers.get("set-cookie").unwrap().to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(call(&server, "GET", STATS, &own, None).await.status, 401);
    let (_, ingest) = key(&server, "ingest").await;
    assert_eq!(call(&server, "POST", SESSION, &[], Some(json!({"key": ingest}))).await.status, 403);
    for wrong in [json!({}), json!({"key": 1}), json!({"key": "a", "token": "b"}), json!([]), json!("a".repeat(5000))] {
        let status = call(&server, "POST", SESSION, &[], Some(wrong.clone())).await.status;
        assert!([422, 413].contains(&status), "{wrong}: {status}");
    }
    let mut refused = Vec::new();
    for n in 0..12 {
        refused.push(call(&server, "POST", SESSION, &[], Some(json!({"key": format!("wrong {n}")}))).await.status);
    }
    assert_eq!(refused, [[401].repeat(10), [429].repeat(2)].concat());
}

#[actix_rt::test]
async fn a_link_lets_one_browser_in_once() {
    let server = required(&[]).await;
    let data = server.data.display().to_string();
    let (printed, code) = cli::run(&server, &["open", "dlv_1", "--print", "--data", &data]);
    assert_eq!(code, 0);
    let (page, token) = printed.trim().split_once("#login=").unwrap();
    assert_eq!(page, server.url("/deliveries/dlv_1"));
    let (cookie, _) = login(&server, json!({"token": token})).await;
    assert_eq!(call(&server, "GET", STATS, &[("cookie", &cookie)], None).await.status, 200);
    assert_eq!(call(&server, "POST", SESSION, &[], Some(json!({"token": token}))).await.status, 401, "a second time");
    let is_known = |text: &str| server.said(text) > 0;
    assert!(!is_known(token) && !is_known(cookie.split('=').nth(1).unwrap()));
    // A session makes none: it would outlive itself.
    let origin = server.url("");
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let link = call(&server, "POST", "/api/v1/session/link", &own, Some(json!({}))).await;
    assert_eq!((link.status, &link.json["token"]), (403, &Value::Null));
}

#[actix_rt::test]
async fn where_no_key_is_needed_nor_is_a_link() {
    let server = Loghorn::start().await;
    let who = server.get(SESSION).await;
    assert_eq!((&who["name"], &who["key_required"]), (&Value::Null, &json!(false)));
    let folder = tempfile::tempdir().unwrap();
    let printed = cli::run_in(folder.path(), &server.addr.to_string(), &["open", "--print"]).stdout;
    assert_eq!(String::from_utf8(printed).unwrap().trim(), server.url("/"));
    assert_eq!(cli::run(&server, &["open", "key_1", "--print"]).1, 2);
}

/// What a browser is started with every user of the machine can read.
#[cfg(target_os = "linux")]
#[actix_rt::test]
async fn only_a_link_without_a_token_is_handed_to_the_browser() {
    use std::os::unix::fs::PermissionsExt;
    for (server, is_handed) in [(required(&[]).await, false), (Loghorn::start().await, true)] {
        let folder = tempfile::tempdir().unwrap();
        let opener = folder.path().join("xdg-open");
        std::fs::write(&opener, "#!/bin/sh\necho \"$@\" > handed\n").unwrap();
        std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        // On a terminal.
        let open = format!("{} open --data {}", support::loghorn::binary().display(), server.data.display());
        let ran = std::process::Command::new("script")
            .args(["-qec", &open, "/dev/null"])
            .current_dir(folder.path())
            .env("LOGHORN_SERVER", server.addr.to_string())
            .env("PATH", path)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(printed.contains(&server.url("/")), "{printed}");
        assert_eq!(printed.contains("#login="), !is_handed, "{printed}");
        let handed = std::fs::read_to_string(folder.path().join("handed")).ok();
        assert_eq!(handed.as_deref().map(str::trim), is_handed.then_some(&*server.url("/")));
    }
}

#[actix_rt::test]
async fn behind_tls_the_cookie_is_for_tls_alone() {
    let server = required(&["--behind-tls-proxy"]).await;
    let (cookie, set) = login(&server, json!({"key": server.admin_key()})).await;
    assert!(cookie.starts_with("__Host-loghorn_session=") && set.contains("Secure"), "{set}");
}

#[actix_rt::test]
async fn the_doctor_finds_what_is_wrong() {
    let server = Loghorn::start().await;
    let data = server.data.display().to_string();
    let (printed, code) = cli::run(&server, &["doctor", "--data", &data, "-o", "jsonl"]);
    let found: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let state = |check: &str| found.iter().find(|found| found["check"] == check).map(|found| found["state"].clone());
    for check in ["config", "data", "admin key", "store", "server", "health", "key", "names"] {
        assert_eq!(state(check), Some(json!("good")), "{check}: {printed}");
    }
    assert_eq!(code, i32::from(found.iter().any(|found| found["state"] == "bad")) * 5, "{printed}");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(server.data.join("admin.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (printed, code) = cli::run(&server, &["doctor", "--data", &data]);
    assert!(code == 5 && printed.contains("chmod 600"), "{printed}");
    let folder = tempfile::tempdir().unwrap();
    let output = cli::run_in(folder.path(), "127.0.0.1:9", &["doctor", "-o", "name"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("server"));
}

#[actix_rt::test]
async fn the_doctor_asks_the_server_s_name_servers_all_names_at_once() {
    let (server, dns) = (Loghorn::start().await, Dns::start());
    dns.set("known.example.com", dns::Answer::ips(&["192.0.2.1"]));
    let subscribe = async |name: &str| server.subscribe(&format!("https://{name}/"), json!({})).await;
    let doctor = || {
        let mut command = std::process::Command::new(support::loghorn::binary());
        command.args(["doctor", "-o", "jsonl"]).current_dir(server.data.parent().unwrap());
        command.env("LOGHORN_SERVER", server.addr.to_string());
        command.env("LOGHORN_EGRESS_NAMESERVERS", dns.addr.to_string());
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let mut found = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        found.find(|found| found["check"] == "names").unwrap_or_else(|| panic!("{printed}"))
    };
    subscribe("known.example.com").await;
    let found = doctor();
    assert_eq!(found["state"], "good", "{found}");
    assert_eq!(dns.asked("known.example.com"), 1);
    subscribe("absent.example.com").await;
    for n in 0..20 {
        let silent = format!("silent-{n}.example.com");
        dns.set(&silent, dns::Answer::Silence);
        subscribe(&silent).await;
    }
    let began = std::time::Instant::now();
    let found = doctor();
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    let detail = found["detail"].as_str().unwrap();
    assert!(detail.contains("absent.example.com (there is no such name"), "{found}");
    assert!(detail.contains("silent-19.example.com (no name server answered"), "{found}");
    assert!(found["state"] == "bad" && !detail.contains("known.example.com"), "{found}");
}
