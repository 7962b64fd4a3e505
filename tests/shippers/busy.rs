//! What stock senders do while the server is too busy, does not know their key, or refuses one record of many: nothing is
//! lost, and nothing comes twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    net::TcpStream,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    daemons::{log, rsyslog},
    real::client,
    support::{
        Loghorn,
        clients::{self, Daemon, documented},
        until,
    },
    wire::last_seq,
};

/// A request of so many bytes that takes them from the room there is, and does not end before it is dropped.
pub async fn hold(server: &Loghorn, bytes: usize) -> TcpStream {
    let head = format!("POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n");
    let mut holder = TcpStream::connect(server.addr).unwrap();
    holder.write_all(&[head.as_bytes(), &vec![b' '; bytes - 1]].concat()).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder
}

const ROOM: [&str; 2] = ["--set", "ingest.queue_bytes=1MiB"];
/// Records of each sender.
const RECORDS: usize = 50;

fn message(n: usize) -> String {
    format!("ERROR {n} card timeout é")
}

/// A server without room, and what takes it.
async fn busy() -> (Loghorn, TcpStream) {
    let server = Loghorn::start_with(&ROOM, &[]).await;
    let holder = hold(&server, (1 << 20) - 64).await;
    (server, holder)
}

/// Waits until so many requests were answered 503.
async fn refused(server: &Loghorn, n: u64) {
    let name = "loghorn_ingest_overloaded_total ";
    until("senders are told to come again", 30, || async {
        let (_, text) = server.call("GET", "/metrics", None).await;
        let line = text.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        line.is_some_and(|number| number.trim().parse::<u64>().unwrap() >= n)
    })
    .await;
    assert_eq!(last_seq(server).await, 0);
}

/// All records arrive, each once.
async fn assert_all_came_once(server: &Loghorn) {
    until("all records are stored", 60, || async { last_seq(server).await >= RECORDS as u64 }).await;
    // Whoever sends something twice does it soon.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut seen = BTreeMap::<String, usize>::new();
    for event in server.get("/api/v1/events?limit=500").await["items"].as_array().unwrap() {
        assert_eq!(event["level"], "ERROR");
        *seen.entry(event["message"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> = (0..RECORDS).map(|n| (message(n), 1)).collect();
    assert_eq!(seen, expected);
}

/// Lets a client of a library send to a busy server, until it ends.
async fn through_overload(command: Option<Command>) {
    let Some(mut command) = command else { return };
    let (server, holder) = busy().await;
    command.arg(server.url(""));
    let sending = actix_rt::spawn(clients::run(command));
    refused(&server, 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(holder);
    sending.await.unwrap();
    assert_all_came_once(&server).await;
}

#[actix_rt::test]
async fn opentelemetry_comes_again() {
    through_overload(client("python", "otlp_many", "opentelemetry/exporter/otlp/proto/http")).await;
}

#[actix_rt::test]
async fn elasticsearch_comes_again() {
    through_overload(client("python", "elasticsearch_many", "elasticsearch")).await;
}

#[actix_rt::test]
async fn rsyslog_comes_again() {
    let (server, holder) = busy().await;
    let folder = tempfile::tempdir().unwrap();
    // It waits for half a minute otherwise.
    let page = documented("elasticsearch.md", "rsyslog", server.addr);
    let action = page.replace("action.resumeRetryCount=", "action.resumeInterval=\"1\" action.resumeRetryCount=");
    assert_ne!(page, action);
    let Some(_sender) = rsyslog(folder.path(), &action) else { return };
    let messages: Vec<String> =
        (0..RECORDS).map(|n| format!("<11>1 - web1 payment-service - - - {}", message(n))).collect();
    log(folder.path(), &messages).await;
    refused(&server, 2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(holder);
    assert_all_came_once(&server).await;
}

/// A stock syslog-ng that follows a file of all records, with the key that it shows.
fn syslog_ng(server: &Loghorn, folder: &std::path::Path, key: &str) -> Option<Daemon> {
    let lines: String = (0..RECORDS).map(|n| message(n) + "\n").collect();
    std::fs::write(folder.join("app.log"), lines).unwrap();
    clients::write_syslog_ng_conf(folder, &server.url("/api/v1/ingest/shop"), key);
    Some(Daemon::start(clients::syslog_ng(folder)?, folder))
}

#[actix_rt::test]
async fn syslog_ng_comes_again() {
    let (server, holder) = busy().await;
    let folder = tempfile::tempdir().unwrap();
    let Some(_sender) = syslog_ng(&server, folder.path(), "any-key") else { return };
    refused(&server, 2).await;
    drop(holder);
    assert_all_came_once(&server).await;
}

#[actix_rt::test]
async fn syslog_ng_comes_again_with_the_right_key() {
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let admin = server.admin_key();
    let as_admin = |method, path: &'static str, body: Option<Value>| {
        let (server, admin, body) = (&server, &admin, body.map(|body| body.to_string()));
        async move { server.call_as(admin, method, path, body).await.1 }
    };
    let made = as_admin("POST", "/api/v1/keys", Some(json!({"name": "shop", "scope": "ingest"}))).await;
    let folder = tempfile::tempdir().unwrap();
    let Some(sender) = syslog_ng(&server, folder.path(), "lh_ingest_wrong") else { return };
    until("it is refused twice", 30, || async { sender.said().matches("403").count() >= 2 }).await;
    let stored = || async { as_admin("GET", "/api/v1/stats", None).await["event_stats"]["last_seq"].clone() };
    assert_eq!(stored().await, 0);
    clients::write_syslog_ng_conf(folder.path(), &server.url("/api/v1/ingest/shop"), made["key"].as_str().unwrap());
    sender.reload();
    until("all records are stored", 30, || async { stored().await.as_u64() >= Some(RECORDS as u64) }).await;
    // It reads what waited once more when it is reloaded, and its protocol has no ids.
    let events = as_admin("GET", "/api/v1/events?limit=500", None).await;
    let seen = events["items"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned());
    assert_eq!(seen.collect::<BTreeSet<_>>(), (0..RECORDS).map(message).collect());
}

#[actix_rt::test]
async fn elasticsearch_reports_exactly_the_bad_one() {
    let Some(mut command) = client("python", "elasticsearch_partial", "elasticsearch") else { return };
    let server = Loghorn::start().await;
    command.arg(server.url(""));
    clients::run(command).await;
    let events = crate::wire::newest(&server, 2).await;
    assert_eq!((&events[0]["message"], &events[1]["message"]), (&json!("first é"), &json!("third")));
}
