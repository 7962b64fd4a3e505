//! Help for whoever writes a receiver: webhooks passed on to it, made again by hand, signed by hand, and tried before a
//! subscription is saved; and settings looked at before a start.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use support::{
    Loghorn, Mood, Receiver,
    cli::{cells, run, run_in},
    loghorn, until, write_private,
};

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// `loghorn listen` in the server's folder, once it listens.
async fn listen(server: &Loghorn, bind: &str, args: &[&str]) -> Child {
    let mut command = Command::new(loghorn::binary());
    command.args(["listen", "--bind", bind]).args(args).current_dir(server.data.parent().unwrap());
    command.env("LOGHORN_SERVER", server.addr.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = command.spawn().unwrap();
    until("it listens", 10, || async { std::net::TcpStream::connect(bind).is_ok() }).await;
    begun
}

fn answer(status: &str, body: &str) -> Mood {
    Mood::raw(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[actix_rt::test]
async fn what_is_signed_rightly_is_passed_on_and_answered_in_turn() {
    let server = Loghorn::start().await;
    let (bind, app) = (free_address(), Receiver::start(answer("503 Service Unavailable", "busy")));
    let retry = json!({"name": "gw", "headers": {"X-Team": "pay"}});
    let (id, secret) = server.subscribe(&format!("http://{bind}/"), retry).await;
    let to = format!("{}hook?a=b", app.url());
    let listening = listen(&server, &bind, &["--sub", "gw", "--forward-to", &to, "--count", "3", "-o", "jsonl"]).await;
    // One that nobody signed is not passed on.
    let forged = awc::Client::default().post(format!("http://{bind}/")).insert_header(("webhook-id", "dlv_x"));
    assert_eq!(forged.send_body("{}").await.unwrap().status(), 401);
    server.post("/api/v1/events", &support::event("ERROR", 1)).await;
    until("it was passed on", 10, || async { app.count() == 1 }).await;
    app.set(answer("201 Created", "done"));
    until("it arrived", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    let output = listening.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7), "one signature was bad: {}", said(&output));
    let shown: Vec<Value> =
        output.stdout.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let of = |n: usize| (shown[n]["answered"].clone(), shown[n]["forwarded"]["body"].clone());
    assert_eq!(of(0), (json!(401), Value::Null));
    assert_eq!(of(1), (json!(503), json!("busy")));
    assert_eq!(of(2), (json!(201), json!("done")));
    // Unchanged: the program behind it can check the signature, and sees each header.
    for webhook in app.arrived() {
        webhook.verify(&secret);
        assert_eq!(webhook.headers["x-team"], "pay");
    }
    let attempts = &server.get(&format!("/api/v1/deliveries?subscription={id}")).await["items"][0];
    assert_eq!((&attempts["attempts"], &attempts["last_status_code"]), (&json!(2), &json!(201)));
}

#[actix_rt::test]
async fn a_receiver_that_is_away_is_a_502() {
    let server = Loghorn::start().await;
    let (bind, away) = (free_address(), free_address());
    server.subscribe(&format!("http://{bind}/"), json!({"name": "gw"})).await;
    let listening =
        listen(&server, &bind, &["--sub", "gw", "--forward-to", &away, "--count", "1", "-o", "table"]).await;
    server.post("/api/v1/events", &support::event("ERROR", 1)).await;
    let output = listening.wait_with_output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && line.contains("✓ v1") && line.contains("→ 502 connection refused"), "{line}");
}

#[actix_rt::test]
async fn the_secret_is_printed_for_the_program_behind() {
    let server = Loghorn::start().await;
    let (_, secret) = server.subscribe("http://127.0.0.1:9099/", json!({"name": "gw"})).await;
    assert_eq!(run(&server, &["listen", "--sub", "gw", "--print-secret"]), (secret.clone(), 0));
    let file = server.data.parent().unwrap().join("gw.secret");
    write_private(&file, &secret);
    assert_eq!(run(&server, &["listen", "--secret-file", "gw.secret", "--print-secret"]), (secret, 0));
    assert_eq!(run(&server, &["listen", "--print-secret"]).1, 2);
    assert_eq!(run(&server, &["listen", "--forward-to", "127.0.0.1:1"]).1, 2, "it would pass on what nobody checked");
}

#[actix_rt::test]
async fn an_attempt_is_made_again_by_hand() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    let auth = json!({"type": "bearer", "token": "hush-Qm4vT9xLr2Zs7Kw1"});
    let more = json!({"name": "gw", "auth": auth, "headers": {"X-Team": "it's pay"}});
    let (_, secret) = server.subscribe(&receiver.url(), more).await;
    server
        .post("/api/v1/events", &json!({"id": "e-1", "event_type": "log.error", "message": "it's \u{202e}\"x\" @é"}))
        .await;
    until("it is dead", 10, || async { server.delivery_stats().await["failed"] == 1 }).await;
    let id = run(&server, &["delivery", "list", "-o", "name"]).0;
    let output = run_in(server.data.parent().unwrap(), &server.addr.to_string(), &["delivery", "get", &id, "--curl"]);
    let command = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!command.contains("hush") && !command.contains("••••"), "{command}");
    assert!(said(&output).contains("Left out, for it is secret: authorization"), "{}", said(&output));
    let made = Command::new("bash").args(["-c", &command.replace("curl ", "curl -s ")]).output().unwrap();
    assert!(made.status.success(), "{command}");
    let arrived = receiver.arrived();
    assert_eq!((arrived.len(), &arrived[0].body), (2, &arrived[1].body), "byte for byte");
    arrived[1].verify(&secret);
    assert_eq!(arrived[1].headers["x-team"], "it's pay");
}

#[actix_rt::test]
async fn what_is_signed_by_hand_is_right() {
    let server = Loghorn::start().await;
    let folder = server.data.parent().unwrap();
    let (_, secret) = server.subscribe("http://127.0.0.1:9099/", json!({"name": "gw"})).await;
    write_private(&folder.join("gw.secret"), &secret);
    std::fs::write(folder.join("body.json"), "{\"a\": 1}\n").unwrap();
    let (headers, code) = run(&server, &["sign", "--secret-file", "gw.secret", "body.json"]);
    let names: Vec<&str> = headers.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!((code, &names[..]), (0, &["webhook-id", "webhook-timestamp", "webhook-signature"][..]));
    std::fs::write(folder.join("h.txt"), &headers).unwrap();
    let verify = ["verify", "--secret-file", "gw.secret", "--headers", "h.txt", "body.json"];
    assert_eq!(run(&server, &verify), ("valid\tv1".into(), 0));
    std::fs::write(folder.join("body.json"), "{\"a\": 2}\n").unwrap();
    assert_eq!(run(&server, &verify).1, 5);
    // As the public library signs it.
    let told =
        ["sign", "--secret-file", "gw.secret", "--id", "m1", "--timestamp", "1700000000", "-o", "json", "body.json"];
    let signed: Value = serde_json::from_str(&run(&server, &told).0).unwrap();
    let expected = standardwebhooks::Webhook::new(&secret).unwrap().sign("m1", 1_700_000_000, b"{\"a\": 2}\n").unwrap();
    assert_eq!(signed["webhook-signature"], *expected);
    assert_eq!(run(&server, &["sign", "--secret-file", "gw.secret", "--id", "a.b", "body.json"]).1, 2);
}

#[actix_rt::test]
async fn a_receiver_is_tried_before_its_subscription_is_saved() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(answer("500 Internal Server Error", "no database"));
    let url = receiver.url();
    let create = |name: &'static str| {
        run_in(
            server.data.parent().unwrap(),
            &server.addr.to_string(),
            &["sub", "create", name, "--url", &url, "--type", "**", "--check", "-o", "table"],
        )
    };
    let output = create("gw");
    let why = said(&output);
    assert!(output.status.code() == Some(5) && why.contains("500") && why.contains("no database"), "{why}");
    assert_eq!(run(&server, &["sub", "list"]).0, "", "nothing was saved");
    // It cannot know the secret that is only made.
    receiver.set(Mood::Answer(401, ""));
    assert!(create("signed").status.success());
    receiver.set(Mood::Answer(200, ""));
    let output = create("gw");
    let sentence = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && sentence.contains("· probe 200 in "), "{sentence}{}", said(&output));
    assert_eq!(receiver.count(), 3, "one each");
    assert_eq!(cells(&server, &["sub", "get", "gw", "-o", "name"]).len(), 1);
}

#[test]
fn settings_are_looked_at_before_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("loghorn.toml"), text).unwrap();
    let validate = |args: &[&str]| {
        let output = Command::new(loghorn::binary())
            .arg("validate")
            .args(args)
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    };
    assert_eq!(validate(&[]).1, 0);
    write("bind = '0.0.0.0:8000'\n");
    let (said, code) = validate(&["-o", "table"]);
    assert!(code == 5 && said.contains("✗ address") && said.contains("unencrypted"), "{said}");
    write("bind = '0.0.0.0:8000'\nbehind_tls_proxy = true\n[delivery]\ntime_out = '5s'\n");
    let (said, code) = validate(&["-o", "table"]);
    assert!(code == 5 && said.contains("delivery.timeout"), "{said}");
    write("bind = = 1\n");
    let (said, code) = validate(&["-o", "table"]);
    assert!(code == 5 && said.contains("line 1, column 8") && said.contains("^"), "{said}");
    write("");
    std::fs::write(folder.path().join("other.toml"), "[egress]\nallow_private = ['0.0.0.0/0']\n").unwrap();
    let (said, code) = validate(&["other.toml"]);
    assert!(code == 0 && said.contains("egress\tunsure\t"), "{said}");
    assert_eq!(validate(&["absent.toml"]).1, 5);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was made");
}
