//! What the documentation tells a person to type is typed here, as it stands there, against the real server.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use support::{Loghorn, loghorn, until};

/// The fenced block of `document` that follows the line `heading`.
fn block(document: &str, heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let (_, after) = text.split_once(heading).unwrap_or_else(|| panic!("{document} has no {heading}"));
    let (_, fenced) = after.split_once("```").unwrap();
    let (_, fenced) = fenced.split_once('\n').unwrap();
    let (fenced, _) = fenced.split_once("```").unwrap();
    fenced.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// A shell in an empty folder, for which `loghorn` is the binary under test and the server is this one.
struct Terminal {
    folder: tempfile::TempDir,
    server: String,
    path: String,
}

impl Terminal {
    fn new(server: &Loghorn) -> Self {
        let binary = loghorn::binary();
        let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
        Self { folder: tempfile::tempdir().unwrap(), server: server.addr.to_string(), path }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        // `exec`, so that what is stopped is the program and not its shell.
        let line = if line.contains('|') { line.to_owned() } else { format!("exec {line}") };
        command.arg("-c").arg(line.replace("localhost:8000", &self.server).replace("127.0.0.1:8000", &self.server));
        command.current_dir(self.folder.path()).env("PATH", &self.path).env("LOGHORN_SERVER", &self.server);
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }
}

/// Stopped when dropped.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[actix_rt::test]
async fn the_four_calls_of_the_readme_work_verbatim() {
    let server = Loghorn::start().await;
    let terminal = Terminal::new(&server);
    let calls = block("README.md", "## The first webhook");
    assert_eq!(calls.len(), 4);
    let mut answers = Vec::new();
    for call in &calls[..3] {
        let output = terminal.run(&call.replacen("curl", "curl -s", 1));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{call}: {output:?}"));
        answers.push(answer);
    }
    assert_eq!(answers[0]["status"], "healthy");
    assert_eq!(
        answers[0]["components"],
        json!({"subscription_manager": "ready", "delivery_engine": "ready", "event_listener": "ready"})
    );
    assert!(answers[1]["secret"].as_str().unwrap().starts_with("whsec_"), "{}", answers[1]);
    assert_eq!((&answers[2]["seq"], &answers[2]["status"]), (&json!(1), &json!("accepted")));
    assert!(answers[2]["id"].as_str().unwrap().starts_with("evt_"));
    until("the delivery is made", 10, || async { server.delivery_stats().await["total_deliveries"] == 1 }).await;
    let output = terminal.run(&calls[3].replacen("curl", "curl -s", 1));
    let stats: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let sum: u64 = ["delivered", "failed", "queued", "attempting", "retrying", "cancelled"]
        .iter()
        .map(|name| stats[name].as_u64().unwrap())
        .sum();
    assert_eq!(stats["total_deliveries"], sum);
}

/// Types the lines of `document` after `heading`: the server runs already, `listen` goes on in the background on a
/// free port, everything else must succeed. Returns what `listen` printed once the last line is through.
async fn typed(document: &str, heading: &str, webhooks: usize) -> Vec<String> {
    let server = Loghorn::start().await;
    let terminal = Terminal::new(&server);
    let port = free_port();
    let printed = terminal.folder.path().join("printed");
    let (mut listening, mut lines) = (None, block(document, heading));
    lines.retain(|line| !line.starts_with("make ") && !line.starts_with("loghorn serve"));
    for line in &lines {
        let line = line.replace("127.0.0.1:9100", &format!("127.0.0.1:{port}"));
        if line.starts_with("loghorn listen") {
            let bind = if line.contains("--bind") { String::new() } else { format!(" --bind 127.0.0.1:{port}") };
            let mut command = terminal.command(&format!("{line}{bind}"));
            command.stdout(std::fs::File::create(&printed).unwrap()).stderr(Stdio::null());
            listening = Some(Background(command.spawn().unwrap()));
            let address = format!("127.0.0.1:{port}");
            until("it listens", 10, || async { std::net::TcpStream::connect(&address).is_ok() }).await;
            continue;
        }
        let output = terminal.run(&line);
        assert!(output.status.success(), "{document}: {line}: {output:?}");
    }
    let read = || -> Vec<String> { std::fs::read_to_string(&printed).unwrap().lines().map(str::to_owned).collect() };
    until("the webhooks arrived", 20, || async { read().len() >= webhooks }).await;
    drop(listening);
    server.assert_ledger_balances().await;
    read()
}

#[actix_rt::test]
async fn the_readme_s_own_receiver_gets_the_event() {
    let printed = typed("README.md", "To see webhooks on your own", 1).await;
    assert!(printed[0].contains("card timeout") && printed[0].contains("log.error"), "{printed:?}");
}

#[actix_rt::test]
async fn the_first_round_of_the_command_line_is_verified() {
    let printed = typed("docs/cli.md", "## A first round", 2).await;
    assert!(printed.iter().all(|line| line.contains("verified") && !line.contains("unverified")), "{printed:?}");
    assert!(printed[1].contains("card timeout"), "{printed:?}");
}

/// All fenced blocks of `document` in this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let fenced = text.split("```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.split_once('\n'))
        .filter(|(first, _)| *first == language)
        .map(|(_, rest)| rest.to_owned())
        .collect()
}

#[actix_rt::test]
async fn the_filters_of_the_guide_are_taken_and_its_calls_work() {
    let server = Loghorn::start().await;
    let terminal = Terminal::new(&server);
    let event = json!({"id": "own-id", "event_type": "payment.done", "metadata": {"amount": 86.1}});
    assert_eq!(server.post("/api/v1/events", &event).await.0, 202);
    server.subscribe("https://example.com/", json!({"events": ["payment.**"], "enabled": false})).await;
    let filters = blocks("docs/filters.md", "json");
    assert!(filters.len() >= 6);
    for filter in filters {
        let filters: Value = serde_json::from_str(&filter).unwrap();
        let spec = json!({"name": "n", "url": "https://example.com/", "events": ["**"], "filters": filters});
        let (status, answer) = server.post("/api/v1/subscriptions", &spec).await;
        assert_eq!(status, 201, "{filter}: {answer}");
    }
    for calls in blocks("docs/filters.md", "") {
        for call in calls.lines() {
            let output = terminal.run(&call.replacen("curl", "curl -s", 1));
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{call}: {output:?}"));
            let has_result = answer["tested"] == 1 || !answer["subscriptions"].as_array().is_none_or(Vec::is_empty);
            assert!(has_result, "{call}: {answer}");
        }
    }
}

#[actix_rt::test]
async fn a_filter_is_tried_and_past_events_are_delivered() {
    let printed = typed("docs/cli.md", "## Trying a filter", 1).await;
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert!(printed[0].contains("payment.done") && !printed[0].contains("unverified"), "{printed:?}");
}

#[actix_rt::test]
async fn the_command_line_of_the_delivery_page_makes_regions() {
    let server = Loghorn::start().await;
    let text = std::fs::read_to_string("docs/delivery.md").unwrap();
    let line = text.lines().find(|line| line.contains("--region-by")).unwrap();
    let output = Terminal::new(&server).run(line);
    assert!(output.status.success(), "{line}: {output:?}");
    let spec: Value = serde_json::from_str(&block("docs/delivery.md", "## Regions").join("\n")).unwrap();
    assert_eq!(server.get("/api/v1/subscriptions").await["items"][0]["regions"], spec["regions"]);
}

#[actix_rt::test]
async fn the_alert_of_the_guide_is_taken() {
    let server = Loghorn::start().await;
    let calls = block("docs/delivery.md", "## Loghorn's own events");
    assert_eq!(calls.len(), 1);
    let output = Terminal::new(&server).run(&calls[0].replacen("curl", "curl -s", 1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&answer["state"], &answer["events"]), (&json!("active"), &json!(["loghorn.**"])));
}

#[actix_rt::test]
async fn the_backup_of_the_guide_is_taken_and_restored() {
    let server = Loghorn::start().await;
    let terminal = Terminal::new(&server);
    server.subscribe("https://example.com/", json!({"events": ["payment.**"]})).await;
    let lines = blocks("docs/operations.md", "").into_iter().flat_map(|block| {
        let lines = block.lines().map(str::to_owned);
        lines.filter(|line| line.starts_with("loghorn backup")).collect::<Vec<_>>()
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let output = terminal.run(&line);
        assert!(output.status.success(), "{line}: {output:?}");
    }
    let data = terminal.folder.path().join("restored");
    std::fs::copy(server.data.join("master.key"), data.join("master.key")).unwrap();
    let restored = Loghorn::start_in(&data, &[], &[]).await;
    assert_eq!(restored.get("/api/v1/subscriptions").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(restored.get("/api/v1/dispatch").await["state"], "paused");
}

#[test]
fn the_map_names_folders_that_are_there() {
    for line in block("README.md", "## The map") {
        for name in line.split_whitespace().filter(|word| word.ends_with('/')) {
            let here = std::path::Path::new(name).exists();
            let inside = ["src", "domain/src", "storage/src", "actors/src", "web/src"];
            let is_inside = inside.iter().any(|folder| std::path::Path::new(folder).join(name).exists());
            assert!(here || is_inside, "{name}");
        }
    }
}

#[actix_rt::test]
async fn the_subscriptions_of_the_delivery_page_are_taken() {
    let server = Loghorn::start().await;
    let subscriptions = blocks("docs/delivery.md", "json");
    assert!(!subscriptions.is_empty());
    for subscription in subscriptions {
        let spec: Value = serde_json::from_str(&subscription).unwrap();
        let (status, answer) = server.post("/api/v1/subscriptions", &spec).await;
        assert_eq!(status, 201, "{subscription}: {answer}");
    }
}
