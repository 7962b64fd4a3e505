//! The command line against a running server, as a person or a script uses it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{
    Loghorn, Mood, Receiver,
    cli::{cells, run, run_in},
    loghorn, until,
};

#[actix_rt::test]
async fn a_subscription_s_life() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let url = receiver.url();
    let create = ["sub", "create", "gw", "--url", &url, "--type", "payment.**", "--level", "ERROR"];
    let made = cells(&server, &create);
    assert_eq!(made[1], "gw");
    assert!(made[0].starts_with("sub_") && made[2].starts_with("whsec_"), "{made:?}");
    let tested = cells(&server, &["sub", "test", "gw"]);
    assert_eq!(tested[1..], ["delivered", "200"]);
    receiver.arrived()[0].verify(&made[2]);
    let sent = cells(&server, &["event", "send", "--type", "payment.failed", "--level", "error", "-m", "no card"]);
    assert_eq!(sent[1..], ["2", "accepted"]);
    until("it arrived", 10, || async { receiver.count() == 2 }).await;
    let got: Value = serde_json::from_str(&run(&server, &["event", "get", &sent[0], "-o", "json"]).0).unwrap();
    assert_eq!((&got["message"], &got["event_type"]), (&json!("no card"), &json!("payment.failed")));
    let listed = run(&server, &["event", "list", "--type", "payment.*", "-o", "name"]).0;
    assert_eq!(listed, sent[0]);
    until("it is recorded", 10, || async { server.delivery_stats().await["delivered"] == 2 }).await;
    let deliveries = run(&server, &["delivery", "list", "--sub", "gw", "--status", "delivered", "-o", "jsonl"]).0;
    assert_eq!(deliveries.lines().count(), 2, "{deliveries}");
    let delivery: Value = serde_json::from_str(deliveries.lines().next().unwrap()).unwrap();
    let id = delivery["id"].as_str().unwrap();
    assert_eq!(delivery["event_id"], *sent[0]);
    // An id may be begun.
    let whole = run(&server, &["delivery", "get", &id[..id.len() - 2], "-o", "json"]);
    let whole: Value = serde_json::from_str(&whole.0).unwrap_or_else(|_| panic!("{whole:?}"));
    assert_eq!((&whole["id"], &whole["attempt_log"][0]["status_code"]), (&json!(id), &json!(200)));
    assert_eq!(run(&server, &["sub", "pause", "gw"]).1, 0);
    assert_eq!(run(&server, &["sub", "list", "--state", "paused", "-o", "name"]).0, made[0]);
    assert_eq!(run(&server, &["sub", "resume", "gw"]).1, 0);
    assert_eq!(run(&server, &["sub", "delete", "gw"]).1, 2, "without a terminal it must be confirmed");
    assert_eq!(run(&server, &["sub", "get", "gw"]).1, 0);
    assert_eq!(run(&server, &["sub", "delete", "gw", "--yes"]).1, 0);
    assert_eq!(run(&server, &["sub", "get", "gw"]).1, 3);
    assert_eq!(cells(&server, &["verify"])[0], "balanced");
}

#[actix_rt::test]
async fn circuits_are_listed_opened_and_closed() {
    let server = Loghorn::start().await;
    let create = ["--url", "http://127.0.0.1:9099/", "--type", "**", "--rate-limit", "0.5", "--strict-order"];
    cells(&server, &[&["sub", "create", "gw"], &create[..]].concat());
    let shown: Value = serde_json::from_str(&run(&server, &["sub", "get", "gw", "-o", "json"]).0).unwrap();
    assert_eq!((&shown["rate_limit"]["per_second"], &shown["ordering"]), (&json!(0.5), &json!("strict")));
    assert_eq!(run(&server, &["circuit", "list"]), (String::new(), 0));
    assert_eq!(cells(&server, &["circuit", "open", "gw"])[1..], ["gw", "open"]);
    assert_eq!(cells(&server, &["circuits", "list"])[..4], ["gw", "open", "by hand", "0"]);
    assert_eq!(cells(&server, &["circuit", "probe", "gw"])[2], "half_open");
    assert_eq!(cells(&server, &["circuit", "close", "gw"])[2], "closed");
    assert_eq!(cells(&server, &["circuit", "list", "--all"])[1], "closed");
    assert_eq!(run(&server, &["circuit", "open", "nothing"]).1, 3);
}

#[actix_rt::test]
async fn dead_letters_are_listed_and_replayed() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    for n in 0..3 {
        server.post("/api/v1/events", &support::event("ERROR", n)).await;
    }
    until("all are dead", 10, || async { server.delivery_stats().await["failed"] == 3 }).await;
    let (listed, _) = run(&server, &["dlq", "list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.lines().all(|line| line.split('\t').nth(1) == Some("http_4xx")), "{listed}");
    receiver.set(Mood::Answer(200, ""));
    assert_eq!(run(&server, &["dlq", "replay", "--all", "--dry-run"]).1, 0);
    assert_eq!(server.delivery_stats().await["failed"], 3, "a dry run changes nothing");
    assert_eq!(run(&server, &["dlq", "replay", "--all"]).1, 2, "many must be confirmed");
    assert_eq!(cells(&server, &["dlq", "replay", "--all", "--yes"]), ["3", "3", "0"]);
    until("all are delivered", 10, || async { server.delivery_stats().await["delivered"] == 3 }).await;
    assert_eq!(run(&server, &["dlq", "list"]), (String::new(), 0));
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn dead_letters_are_counted_in_groups_and_discarded() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    server.subscribe(&receiver.url(), json!({"name": "gw"})).await;
    for n in 0..3 {
        server.post("/api/v1/events", &support::event("ERROR", n)).await;
    }
    until("all are dead", 10, || async { server.delivery_stats().await["failed"] == 3 }).await;
    let group = cells(&server, &["dlq", "groups"]);
    assert_eq!(group[..5], ["3", "gw", "http_4xx", "http_4xx", "404"], "{group:?}");
    let one = group.last().unwrap().as_str();
    assert_eq!(run(&server, &["dlq", "discard", one]).1, 2, "even one must be confirmed");
    assert_eq!(cells(&server, &["dlq", "discard", "--all", "--dry-run"]), ["3"]);
    assert_eq!(server.delivery_stats().await["failed"], 3, "a dry run changes nothing");
    assert_eq!(cells(&server, &["dlq", "discard", one, "--yes"]), ["1", "1", "0"]);
    assert_eq!(run(&server, &["dlq", "replay", one]), ("0\t0\t1".into(), 7));
    assert_eq!(cells(&server, &["dlq", "discard", "--sub", "gw", "--rate", "50/s", "--yes"]), ["2", "2", "0"]);
    assert_eq!(run(&server, &["dlq", "groups"]), (String::new(), 0));
    assert_eq!(server.delivery_stats().await["cancelled"], 3);
    server.assert_ledger_balances().await;
    let (jobs, _) = run(&server, &["job", "list"]);
    assert!(jobs.lines().next().unwrap().contains("discard\tdone\t2\t2"), "{jobs}");
}

#[actix_rt::test]
async fn many_events_are_sent_from_a_file() {
    let server = Loghorn::start().await;
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..1200).map(|n| support::event("INFO", n).to_string() + "\n").collect();
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, &lines).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(cells(&server, &["event", "send", "-f", file]), ["1200", "0", "1", "1200"]);
    assert_eq!(cells(&server, &["event", "send", "-f", file]), ["0", "1200", "1", "1200"]);
    let (listed, _) = run(&server, &["event", "list", "--limit", "700", "-o", "name"]);
    assert_eq!(listed.lines().count(), 700);
    std::fs::write(file, format!("{{\"id\":\"new\"}}\n{{\"level\": oops}}\n{lines}")).unwrap();
    assert_eq!(run(&server, &["event", "send", "-f", file]).1, 7, "some went in before");
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], 1201);
}

#[actix_rt::test]
async fn listen_checks_signatures_and_verify_checks_a_webhook_that_was_kept() {
    let server = Loghorn::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bind = format!("127.0.0.1:{port}");
    let (secret, url) = (path("gw.secret"), format!("http://{bind}/"));
    let created = run(&server, &["sub", "create", "gw", "--url", &url, "--type", "**", "--secret-file", &secret]);
    assert_eq!(created.1, 0);
    assert!(!created.0.contains("whsec_"), "{created:?}");
    let mut command = Command::new(loghorn::binary());
    command.args(["listen", "--bind", &bind, "--secret-file", &secret, "--count", "1", "-o", "jsonl"]);
    let listening = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    until("it listens", 10, || async { std::net::TcpStream::connect(&bind).is_ok() }).await;
    server.post("/api/v1/events", &support::event("ERROR", 1)).await;
    let output = listening.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let webhook: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&webhook["verified"], &webhook["body"]["data"]["n"]), (&json!(true), &Value::Null));
    let headers: String = webhook["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.as_str().unwrap()))
        .collect();
    std::fs::write(path("headers.txt"), headers).unwrap();
    // The order of members is not kept in `-o jsonl`, so the body comes from the server's own record of the event.
    let event = run(&server, &["event", "get", "test-ERROR-1", "-o", "jsonl"]).0;
    let timestamp = serde_json::from_str::<Value>(&event).unwrap()["timestamp"].clone();
    let body = format!("{{\"type\":\"log.error\",\"timestamp\":{timestamp},\"data\":{event}}}");
    std::fs::write(path("body.json"), &body).unwrap();
    std::fs::write(path("forged.json"), body.replace("line 1", "line 2")).unwrap();
    let verify = |body: &str| {
        let (headers, body) = (path("headers.txt"), path(body));
        run(&server, &["verify", "--secret-file", &secret, "--headers", &headers, &body]).1
    };
    assert_eq!((verify("body.json"), verify("forged.json")), (0, 5));
}

#[actix_rt::test]
async fn the_exit_code_says_how_it_ended() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    server.subscribe(&receiver.url(), json!({"name": "dead end"})).await;
    for (args, code) in [
        (&["status"][..], 0),
        (&["version"], 0),
        (&["event", "send"], 2),
        (&["event", "sned"], 2),
        (&["event", "get", "evt_nothing"], 3),
        (&["delivery", "get", "dlv_nothing"], 3),
        (&["sub", "get", "nobody"], 3),
        (&["sub", "create", "x", "--url", "ftp://example.com", "--type", "**"], 5),
        (&["sub", "create", "x", "--url", "https://example.com", "--type", "No Good"], 5),
        (&["event", "send", "--type", "No Good"], 5),
        (&["sub", "test", "dead end"], 7),
        (&["status", "--server", "127.0.0.1:9"], 6),
        (&["status", "--server", "ftp://x"], 2),
    ] {
        let (printed, ended) = run(&server, args);
        assert_eq!(ended, code, "{args:?}: {printed}");
    }
}

#[test]
fn an_error_says_what_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_in(folder.path(), "127.0.0.1:9", &["status"]);
    let text = String::from_utf8(output.stderr).unwrap();
    let expected = "error: cannot reach Loghorn at http://127.0.0.1:9 (connection refused)\n  \
                    The server's address came from the environment variable LOGHORN_SERVER.\n  \
                    Start one:  loghorn serve        Or name another:  --server URL\n";
    assert_eq!(text, expected);
    assert!(output.stdout.is_empty());
}

#[actix_rt::test]
async fn a_second_server_on_the_same_data_and_an_open_bind_are_refused() {
    let server = Loghorn::start().await;
    let data = server.data.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let serve = |args: &[&str]| {
        let output = run_in(folder.path(), "unused", &[&["serve"], args].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = serve(&["--bind", "127.0.0.1:0", "--data", data]);
    assert!(code == 1 && text.contains("--data"), "{code} {text}");
    let (code, text) = serve(&["--bind", "0.0.0.0:0"]);
    assert!(code == 78 && text.contains("loopback"), "{code} {text}");
    let (code, text) = serve(&["--bind", &server.addr.to_string()]);
    assert!(code == 1 && text.contains("--bind"), "{code} {text}");
    let (code, text) = serve(&["--set", "delivery.time_out=5s"]);
    assert!(code == 78 && text.contains("delivery.timeout"), "{code} {text}");
}
