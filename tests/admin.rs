//! The admin's side of access: where it may listen, the first key, the audit log, and all of it from the command line.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    io::Write as _,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, loghorn};

const AUDIT: &str = "/api/v1/audit";
const STATS: &str = "/api/v1/stats";
const OWN_KEY: &str = "an-admin-s-own-key-of-forty-characters-..";

/// Runs `loghorn` in `folder` with these variables; its exit code, and what it said.
fn run(folder: &Path, env: &[(&str, &str)], args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(loghorn::binary());
    command.args(args).current_dir(folder).env_clear().envs(env.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[actix_rt::test]
async fn beyond_loopback_it_listens_behind_a_proxy_and_with_a_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let serve = ["serve", "--bind", "0.0.0.0:0"];
    let (code, _, text) = run(folder.path(), &[], &serve);
    assert!(code == 78 && text.contains("Add:  --tls-cert") && text.contains("--behind-tls-proxy"), "{code} {text}");
    let (code, _, text) = run(folder.path(), &[("LOGHORN_ADMIN_KEY", OWN_KEY)], &serve);
    assert!(code == 78 && text.contains("Add:  --tls-cert") && text.contains("--behind-tls-proxy"), "{code} {text}");
    let proxied = [&serve[..], &["--behind-tls-proxy"]].concat();
    let (code, _, text) = run(folder.path(), &[], &proxied);
    assert!(code == 78 && text.contains("Add:  LOGHORN_ADMIN_KEY"), "{code} {text}");
    let (code, _, text) = run(folder.path(), &[("LOGHORN_ADMIN_KEY", "hunter2hunter2")], &proxied);
    assert!(code == 78 && text.contains("32") && !text.contains("hunter2"), "{code} {text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");

    let server = Loghorn::start_with(&proxied[1..], &[("LOGHORN_ADMIN_KEY", OWN_KEY)]).await;
    let url = format!("http://127.0.0.1:{}{STATS}", server.addr.port());
    let call = async |key: &str, from: &str| {
        let request = awc::Client::default().get(&url).insert_header(("X-Forwarded-For", from)).force_close();
        let request = if key.is_empty() { request } else { request.bearer_auth(key) };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(call("", "192.0.2.1").await, 401);
    assert_eq!(call(OWN_KEY, "192.0.2.1").await, 200);
    // The proxy adds where a request came from; what stands before that anyone may have written.
    for n in 0..10 {
        assert_eq!(call("wrong", &format!("198.51.100.{n}, 192.0.2.2")).await, 401);
    }
    assert_eq!(call(OWN_KEY, "198.51.100.9, 192.0.2.2").await, 429);
    assert_eq!(call(OWN_KEY, "192.0.2.2, 192.0.2.3").await, 200);
    let files = fs::read_dir(&server.data).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(OWN_KEY.len()).any(|part| part == OWN_KEY.as_bytes()), "{}", file.display());
    }
    assert_eq!(server.said(OWN_KEY), 0);
}

#[actix_rt::test]
async fn behind_a_proxy_on_loopback_a_key_is_needed_too() {
    let server = Loghorn::start_with(&["--behind-tls-proxy"], &[]).await;
    assert_eq!(server.call("GET", STATS, None).await.0, 401);
    assert_eq!(server.call_as(&server.admin_key(), "GET", STATS, None).await.0, 200);
}

#[actix_rt::test]
async fn the_first_key_is_for_its_owner_alone() {
    let mut server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let file = server.data.join("admin.key");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&server.data), mode(&file)), (0o700, 0o600));
    let first = server.admin_key();
    assert!(first.starts_with("lh_admin_"), "it has the form of every key");
    server.terminate();
    let data = server.data.to_str().unwrap().to_owned();
    let serve = ["serve", "--bind", "127.0.0.1:0", "--data", &data];
    for (path, loose, mended) in [(&*file, 0o640, 0o600), (&*server.data, 0o750, 0o700)] {
        fs::set_permissions(path, Permissions::from_mode(loose)).unwrap();
        let (code, _, text) = run(&server.data, &[], &serve);
        let remedy = format!("chmod {mended:o} {}", path.display());
        assert!(code != 0 && text.contains(&remedy) && !text.contains(&first), "{code} {text}");
        fs::set_permissions(path, Permissions::from_mode(mended)).unwrap();
    }
    fs::write(&file, "short").unwrap();
    let (code, _, text) = run(&server.data, &[], &serve);
    assert!(code != 0 && text.contains("rm "), "{code} {text}");
    fs::remove_file(&file).unwrap();
    server.restart();
    assert_ne!(server.admin_key(), first, "a new one is made");
    assert_eq!(server.call_as(&first, "GET", STATS, None).await.0, 401);
    assert_eq!(server.call_as(&server.admin_key(), "GET", STATS, None).await.0, 200);
}

#[actix_rt::test]
async fn keys_from_the_command_line() {
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let (folder, address) = (server.data.parent().unwrap(), server.addr.to_string());
    let run = |key: &str, args: &[&str]| {
        let env = [("LOGHORN_SERVER", address.as_str()), ("LOGHORN_KEY", key)];
        let env = if key.is_empty() { &env[..1] } else { &env[..] };
        run(folder, env, args)
    };
    // The data directory is not where it is looked for by itself.
    let (code, _, text) = run("", &["status"]);
    assert!(code == 4 && text.contains("--data DIR"), "{code} {text}");
    assert_eq!(run("", &["status", "--data", "data"]).0, 0);
    let (code, made, text) = run("", &["--data", "data", "key", "create", "laptop", "--scope", "read"]);
    assert_eq!((code, text.contains("shown only now")), (0, true), "{text}");
    let made: Vec<&str> = made.trim_end().split('\t').collect();
    let [id, "laptop", "read", key] = made[..] else { panic!("{made:?}") };
    assert_eq!(run(key, &["sub", "list"]).0, 0);
    let (code, _, text) = run(key, &["key", "list"]);
    assert!(code == 4 && text.contains("admin") && !text.contains(key), "{code} {text}");
    fs::write(folder.join("key"), format!("{key}\n")).unwrap();
    assert_eq!(run("", &["--key-file", "key", "event", "list"]).0, 0);
    assert_eq!(run("wrong", &["event", "list", "--key-file", "key"]).0, 0);
    let (code, _, text) = run(key, &["event", "list", "--key-file", "none"]);
    assert!(code == 1 && text.contains("none"), "{code} {text}");
    fs::write(folder.join("empty"), "\n").unwrap();
    assert_eq!(run(key, &["event", "list", "--key-file", "empty"]).0, 2);
    // Not as an argument, which every user of the machine sees.
    assert_eq!(run("", &["--key", key, "event", "list"]).0, 2);
    let (code, made, _) =
        run("", &["--data", "data", "keys", "create", "ci", "--scope", "ingest", "--expires-in", "90d", "-o", "json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(code == 0 && made["expires_at"].is_string(), "{made}");
    assert_eq!(run("", &["--data", "data", "key", "revoke", "laptop"]).0, 2, "it must be confirmed");
    let (code, revoked, _) = run("", &["--data", "data", "key", "revoke", &id[..id.len() - 1], "--yes"]);
    assert_eq!((code, revoked.trim_end()), (0, &*format!("{id}\tlaptop\trevoked")));
    assert_eq!(run(key, &["sub", "list"]).0, 4);
    let (_, listed, _) = run("", &["--data", "data", "key", "list"]);
    let states: Vec<&str> = listed.lines().map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(states, ["active", "revoked"], "{listed}");
    assert_eq!(run("", &["--data", "data", "key", "revoke", "nobody", "--yes"]).0, 3);
    let (code, told, _) = run("", &["--data", "data", "audit", "--limit", "100"]);
    let told: BTreeSet<String> =
        told.lines().map(|line| line.split('\t').skip(3).collect::<Vec<_>>().join(" ")).collect();
    let revoked = format!("DELETE /api/v1/keys/{{id}} {id} 204");
    assert!(code == 0 && told.contains(&revoked) && told.contains(&format!("POST /api/v1/keys {id} 201")), "{told:?}");
}

#[actix_rt::test]
async fn the_audit_log_tells_who_changed_what() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let admin = server.admin_key();
    let (id, secret) = server.subscribe(&receiver.url(), json!({"headers": {"Authorization": "Bearer s3cret"}})).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let body = json!({"name": "shop", "scope": "ingest"}).to_string();
    let (_, made) = server.call_as(&admin, "POST", "/api/v1/keys", Some(body)).await;
    let (key_id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(server.call_as(key, "DELETE", &path, None).await.0, 403);
    // It cannot wash the log out.
    for method in ["POST", "PUT", "DELETE"] {
        for route in ["/api/v1/jobs", "/api/v1/subscriptions", "/api/v1/filters/test"] {
            assert_eq!(server.call_as(key, method, route, Some("{}".into())).await.0, 403, "{method} {route}");
        }
    }
    for _ in 0..3 {
        assert_eq!(server.call_as(&admin, "GET", STATS, None).await.0, 200);
        assert_eq!(server.call("GET", STATS, None).await.0, 200);
        assert_eq!(server.call_as(&admin, "POST", "/api/v1/events", Some(json!({}).to_string())).await.0, 202);
    }
    assert_eq!(server.call("DELETE", &path, None).await.0, 204);
    let expected = [
        ("loopback", "DELETE", "/api/v1/subscriptions/{id}", json!(id), 204),
        ("admin.key", "GET", STATS, Value::Null, 200),
        (key_id, "DELETE", "/api/v1/subscriptions/{id}", json!(id), 403),
        ("admin.key", "POST", "/api/v1/keys", json!(key_id), 201),
        ("loopback", "POST", "/api/v1/subscriptions", json!(id), 201),
    ];
    let expected = expected.map(|(who, method, route, target, status)| json!([who, method, route, target, status]));
    let told = |page: &Value| -> Vec<Value> {
        let all = page["items"].as_array().unwrap().iter();
        let one = |item: &Value| json!(["who", "method", "route", "target", "status"].map(|name| &item[name]));
        all.map(one).collect()
    };
    let page = server.get(AUDIT).await;
    assert_eq!(told(&page), expected, "{page}");
    assert_eq!((&page["items"][2]["name"], &page["items"][2]["scope"]), (&json!("shop"), &json!("ingest")));
    assert_eq!(page["items"][0]["from"], "127.0.0.1");
    for text in [&secret, "s3cret", key, &admin] {
        assert!(!page.to_string().contains(text));
    }
    // Page by page, and after a restart.
    server.kill();
    server.restart();
    let (mut all, mut cursor) = (Vec::new(), String::new());
    while all.len() < 10 {
        let page = server.get(&format!("{AUDIT}?limit=2{cursor}")).await;
        all.extend(told(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(all, expected);
    assert_eq!(told(&server.get(&format!("{AUDIT}?since=2100-01-01T00:00:00Z")).await), Vec::<Value>::new());
}

#[actix_rt::test]
async fn whoever_goes_away_before_the_answer_is_noted_all_the_same() {
    let server = Loghorn::start().await;
    let head = "POST /api/v1/subscriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let mut client = TcpStream::connect(server.addr).unwrap();
    client.write_all(format!("{head}Content-Length: 100\r\n\r\n{{\"name\"").as_bytes()).unwrap();
    drop(client);
    support::until("it is noted", 20, || async {
        let page = server.get(AUDIT).await;
        let entry = &page["items"][0];
        entry["method"] == "POST" && [json!(400), json!(499)].contains(&entry["status"])
    })
    .await;
    assert_eq!(server.get("/api/v1/subscriptions").await["items"], json!([]));
}
