//! Subscriptions as YAML, and the commands beside: a plan, what it does, an editor, watching, and calls by hand.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, cli, loghorn, until};

fn lines(server: &Loghorn, args: &[&str]) -> Vec<String> {
    let (text, code) = cli::run(server, args);
    assert_eq!(code, 0, "{args:?}: {text}");
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[actix_rt::test]
async fn a_file_says_which_subscriptions_there_are() {
    let server = Loghorn::start().await;
    let file = server.data.parent().unwrap().join("subs.yaml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let auth = json!({"type": "bearer", "token": "hush-Qm4vT9xLr2Zs7Kw1"});
    server.subscribe("http://127.0.0.1:18999/a", json!({"name": "old"})).await;
    let (kept, _) = server.subscribe("http://127.0.0.1:18999/b", json!({"name": "kept", "auth": auth})).await;
    write(
        "subscriptions:
  - name: kept
    url: http://127.0.0.1:18999/b
    events: ['**']
    auth: {type: bearer, token: ••••}
    filters: {min_level: ERROR}
  - name: new
    url: http://127.0.0.1:18999/c
    events: [payment.**]
",
    );
    // What each would have made of the last week's events: all of five, two errors, one payment, none.
    for (level, kind) in
        [("INFO", "log.info"), ("INFO", "log.info"), ("ERROR", "log.error"), ("ERROR", "payment.failed")]
    {
        let event = json!({"level": level, "event_type": kind});
        assert_eq!(server.post("/api/v1/events", &event).await.0, 202);
    }
    let planned = lines(&server, &["sub", "apply", "-f", path, "--dry-run", "--prune"]);
    let expected =
        ["update\tkept\tfilters\tplanned\t4\t2", "create\tnew\t\tplanned\t0\t1", "delete\told\t\tplanned\t4\t0"];
    assert_eq!(planned, expected);
    let planned =
        lines(&server, &["sub", "apply", "-f", path, "--dry-run", "--since", "2020-01-01T00:00:00Z", "-o", "jsonl"]);
    let planned: Vec<Value> = planned.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&planned[0]["before"], &planned[0]["after"], &planned[2]["before"]),
        (&json!(4), &json!(2), &Value::Null)
    );
    assert_eq!(server.get("/api/v1/subscriptions").await["items"].as_array().unwrap().len(), 2);

    // Without --prune nothing is deleted; with it, only after a yes.
    let done = lines(&server, &["sub", "apply", "-f", path]);
    assert_eq!(
        (done[0].as_str(), done[2].as_str()),
        ("update\tkept\tfilters\tdone", "extra\told\tneeds --prune\tdone")
    );
    assert!(done[1].starts_with("create\tnew\t\tdone\twhsec_"), "{}", done[1]);
    assert_eq!(cli::run(&server, &["sub", "apply", "-f", path, "--prune"]).1, 2);
    lines(&server, &["sub", "apply", "-f", path, "--prune", "--yes"]);
    let names: Vec<Value> = server.get("/api/v1/subscriptions").await["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(json!(names), json!(["kept", "new"]));
    let shown = server.get(&format!("/api/v1/subscriptions/{kept}")).await;
    assert_eq!((&shown["filters"]["min_level"], &shown["auth"]["token"]), (&json!("ERROR"), &json!("••••")));

    // What is exported changes nothing, and has no secret in it.
    let (exported, code) = cli::run(&server, &["sub", "export"]);
    assert_eq!(code, 0);
    assert!(!exported.contains("hush") && exported.contains("token: ••••"), "{exported}");
    write(&exported);
    assert_eq!(lines(&server, &["sub", "apply", "-f", path]), ["unchanged\tkept\t\tdone", "unchanged\tnew\t\tdone"]);

    // One that is wrong stops all of it before anything is done.
    write(
        "- {name: x, url: 'http://127.0.0.1:18999/', events: ['**']}\n- {name: y, url: 'http://127.0.0.1:18999/', events: ['**'], fliters: {}}\n",
    );
    assert_eq!(cli::run(&server, &["sub", "apply", "-f", path]).1, 5);
    // One that the server alone refuses does not stop the others.
    write(
        "- {name: x, url: 'http://169.254.169.254/', events: ['**']}\n- {name: y, url: 'http://127.0.0.1:18999/', events: ['**']}\n",
    );
    let (text, code) = cli::run(&server, &["sub", "apply", "-f", path]);
    assert_eq!(code, 7, "{text}");
    assert!(text.starts_with("create\tx\t\tfailed\t\ncreate\ty\t\tdone\twhsec_"), "{text}");
    // What would be the same with each ends it, with its own code.
    let (status, made) = server.post("/api/v1/keys", &json!({"name": "reader", "scope": "read"})).await;
    assert_eq!(status, 201, "{made}");
    let key = server.data.parent().unwrap().join("reader.key");
    std::fs::write(&key, made["key"].as_str().unwrap()).unwrap();
    write(
        "- {name: v, url: 'http://127.0.0.1:18999/', events: ['**']}\n- {name: w, url: 'http://127.0.0.1:18999/', events: ['**']}\n",
    );
    let (text, code) = cli::run(&server, &["sub", "apply", "-f", path, "--key-file", key.to_str().unwrap()]);
    assert_eq!((text.as_str(), code), ("create\tv\t\tfailed", 4));
}

#[actix_rt::test]
async fn an_editor_changes_one_subscription_unless_somebody_else_did() {
    let server = Loghorn::start().await;
    let (id, _) = server.subscribe("http://127.0.0.1:18999/a", json!({"name": "gw", "timeout": "5s"})).await;
    let folder = server.data.parent().unwrap().to_owned();
    let edit = |script: &str| {
        let path = folder.join("editor");
        std::fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = Command::new(loghorn::binary());
        command.args(["sub", "edit", "gw"]).current_dir(&folder).env("LOGHORN_SERVER", server.addr.to_string());
        let output = command.env_remove("VISUAL").env("EDITOR", &path).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(edit("true").0, 0);
    assert_eq!(server.get(&path).await["version"], 1);
    assert_eq!(edit("sed -i 's/timeout: 5s/timeout: 7s/' \"$1\"").0, 0);
    let shown = server.get(&path).await;
    assert_eq!((&shown["timeout"], &shown["version"]), (&json!("7s"), &json!(2)));
    // Somebody else changes it while the editor is open.
    let other = format!("curl -s -X POST http://{}{path}/pause > /dev/null; sed -i 's/7s/9s/' \"$1\"", server.addr);
    let (code, said) = edit(&other);
    assert_eq!(code, 5, "{said}");
    assert_eq!(server.get(&path).await["timeout"], "7s");
    // What was written is not lost.
    let kept = said.split("is kept in ").nth(1).unwrap().split(".yaml").next().unwrap();
    assert!(std::fs::read_to_string(format!("{kept}.yaml")).unwrap().contains("timeout: 9s"));
    std::fs::remove_file(format!("{kept}.yaml")).unwrap();
    let (code, said) = edit("echo 'nmae: x' > \"$1\"");
    assert_eq!(code, 5, "{said}");
    assert_eq!(edit("exit 3").0, 1);
}

/// The lines that a command prints while it runs; killed when dropped.
struct Running(std::process::Child, std::sync::mpsc::Receiver<String>);

impl Running {
    fn new(server: &Loghorn, args: &[&str]) -> Self {
        let mut command = Command::new(loghorn::binary());
        command.args(args).current_dir(server.data.parent().unwrap()).env("LOGHORN_SERVER", server.addr.to_string());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self(child, told)
    }

    fn line(&self) -> String {
        self.1.recv_timeout(std::time::Duration::from_secs(30)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[actix_rt::test]
async fn what_happens_is_watched() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({"name": "gw"})).await;
    let tail = Running::new(&server, &["tail", "--type", "payment.**", "-o", "jsonl"]);
    let watch = Running::new(&server, &["sub", "list", "-w", "-o", "jsonl"]);
    let first: Value = serde_json::from_str(&watch.line()).unwrap();
    assert_eq!((&first["name"], &first["state"]), (&json!("gw"), &json!("active")));
    // Sent again until the socket is open: it tells only what happens from then on.
    let mut row = None;
    for n in 0..60 {
        for event_type in ["payment.done", "log.error"] {
            let event = json!({"event_type": event_type, "id": format!("{event_type}-{n}")});
            assert_eq!(server.post("/api/v1/events", &event).await.0, 202);
        }
        row = tail.1.recv_timeout(std::time::Duration::from_millis(500)).ok();
        if row.is_some() {
            break;
        }
    }
    let row: Value = serde_json::from_str(&row.unwrap()).unwrap();
    assert_eq!(
        (&row["event_type"], &row["status"], &row["subscription_id"]),
        (&json!("payment.done"), &json!("delivered"), &json!(id))
    );
    // Only what is new.
    assert_eq!(server.call("POST", &format!("/api/v1/subscriptions/{id}/pause"), None).await.0, 200);
    let second: Value = serde_json::from_str(&watch.line()).unwrap();
    assert_eq!(second["state"], "paused");
    assert_eq!(cli::run(&server, &["sub", "delete", "gw", "--yes", "-w"]).1, 2);
    assert_eq!(cli::run(&server, &["top"]).1, 2);
}

#[actix_rt::test]
async fn events_are_triggered_and_the_api_is_called_by_hand() {
    let server = Loghorn::start().await;
    let (good, bad) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(401, "")));
    server.subscribe(&good.url(), json!({"name": "gw"})).await;
    let (scm, _) = server.subscribe(&bad.url(), json!({"name": "scm", "events": ["payment.**"]})).await;
    let cells = cli::cells(&server, &["trigger", "log.error", "--set", "metadata.amount=1240", "--wait"]);
    assert_eq!(cells[2..], ["1", "gw", "delivered", "200"]);
    assert_eq!(good.arrived()[0].json()["data"]["metadata"], json!({"amount": 1240}));
    let (text, code) = cli::run(&server, &["trigger", "payment.failed", "--wait", "-o", "yaml"]);
    assert_eq!(code, 7, "{text}");
    assert!(text.contains("status: dead_letter") && text.contains("status: delivered"), "{text}");

    let (text, code) = cli::run(&server, &["dlq", "export"]);
    let letter: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &letter["status"], &letter["event"]["event_type"]),
        (0, &json!("dead_letter"), &json!("payment.failed"))
    );
    assert_eq!(letter["event"]["message"], "triggered by hand");

    let (text, code) = cli::run(&server, &["api", "get", "/stats"]);
    let stats: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &stats["delivery_stats"]["failed"]), (0, &json!(1)));
    let (text, code) = cli::run(&server, &["api", "GET", "/subscriptions?limit=1", "-o", "yaml"]);
    assert!(code == 0 && text.contains("name: gw") && text.contains("next_cursor: "), "{text}");
    assert_eq!(cli::run(&server, &["api", "DELETE", &format!("/subscriptions/{scm}")]), (String::new(), 0));
    assert_eq!(cli::run(&server, &["api", "GET", "/nothing"]).1, 3);
    // What is encoded already is not encoded again.
    assert_eq!(server.post("/api/v1/events", &json!({"event_type": "log.error", "id": "order/4711"})).await.0, 202);
    let (text, code) = cli::run(&server, &["api", "GET", "/events/order%2F4711"]);
    assert!(code == 0 && text.contains("order/4711"), "{code} {text}");
    // Deliveries outlive their subscription.
    assert_eq!(cli::run(&server, &["dlq", "export", "--sub", &scm]).1, 0);

    let (man, code) = cli::run(&server, &["man"]);
    assert!(code == 0 && man.contains(".TH loghorn 1"), "{man}");
    let folder = server.data.parent().unwrap().join("man");
    assert_eq!(cli::run(&server, &["man", "--dir", folder.to_str().unwrap()]).1, 0);
    assert!(folder.join("loghorn-sub-apply.1").is_file());
}

#[actix_rt::test]
async fn what_is_not_matched_in_time_is_not_called_unmatched() {
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", "router::match=sleep(60000)")]).await;
    server.subscribe("http://127.0.0.1:18999/a", json!({})).await;
    let (text, code) = cli::run(&server, &["trigger", "log.error", "--wait", "--timeout", "3s"]);
    assert_eq!(code, 8, "{text}");
}

#[actix_rt::test]
async fn a_hangup_ends_no_server() {
    let mut server = Loghorn::start().await;
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
    assert!(!server.ends(1).await);
    assert_eq!(server.get("/api/v1/health").await["status"], "healthy");
}

#[actix_rt::test]
async fn shells_are_told_what_the_server_knows() {
    let server = Loghorn::start().await;
    server.subscribe("http://127.0.0.1:18999/a", json!({"name": "gateway"})).await;
    server.subscribe("http://127.0.0.1:18999/a", json!({"name": "monitoring"})).await;
    for shell in ["bash", "zsh", "fish"] {
        let (script, code) = cli::run(&server, &["completion", shell]);
        assert!(code == 0 && script.contains("LOGHORN_COMPLETE"), "{script}");
    }
    let asked = |words: &[&str]| {
        let mut command = Command::new(loghorn::binary());
        command.arg("--").args(words).env("LOGHORN_SERVER", server.addr.to_string()).env("LOGHORN_COMPLETE", "fish");
        let output = command.current_dir(server.data.parent().unwrap()).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(&["loghorn", "sub", "get", "ga"]), ["gateway"]);
    assert!(asked(&["loghorn", "sub", "ap"]).contains(&"apply".to_owned()));
    let both = asked(&["loghorn", "dlq", "list", "--sub", ""]);
    assert!(both.contains(&"gateway".to_owned()) && both.contains(&"monitoring".to_owned()), "{both:?}");
    until("it still answers", 5, || async { server.get("/api/v1/health").await["status"] == "healthy" }).await;
}

#[actix_rt::test]
async fn a_webhook_is_made_and_looked_at_by_the_command_line() {
    let server = Loghorn::start().await;
    let folder = server.data.parent().unwrap();
    std::fs::write(folder.join("routing.key"), "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::write(folder.join("body.j2"), "{\"said\": \"{{ event.message }}\"}").unwrap();
    std::fs::write(folder.join("event.json"), "{\"level\": \"ERROR\", \"message\": \"a \\\"b\\\"\"}").unwrap();
    let url = "http://127.0.0.1:18999/enqueue";
    let pager = ["sub", "create", "pager", "--url", url, "--type", "**", "--format", "pagerduty"];
    cli::cells(&server, &[&pager[..], &["--format-key-file", "routing.key"]].concat());
    let shown = server.get("/api/v1/subscriptions").await["items"][0].clone();
    assert_eq!((&shown["format"], &shown["pagerduty"]["routing_key"]), (&json!("pagerduty"), &json!("••••")));
    let (text, code) = cli::run(&server, &["sub", "preview", "pager", "-f", "event.json", "-o", "json"]);
    let shown: Value = serde_json::from_str(&text).unwrap();
    let body: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!((code, &body["payload"]["summary"], &body["routing_key"]), (0, &json!("a \"b\""), &json!("••••")));
    let (text, code) = cli::run(&server, &["sub", "preview", "--template-file", "body.j2", "-f", "event.json"]);
    assert_eq!((code, text.as_str()), (0, "template\t{\"said\": \"a \\\"b\\\"\"}"));
    cli::cells(&server, &["sub", "create", "own", "--url", url, "--type", "**", "--template-file", "body.j2"]);
    let (text, code) = cli::run(&server, &["sub", "preview", "own", "-o", "wide"]);
    assert!(code == 0 && text.contains("content-type: application/json") && text.contains("\"said\": "), "{text}");
    assert_eq!(cli::run(&server, &["sub", "preview"]).1, 2);
}
