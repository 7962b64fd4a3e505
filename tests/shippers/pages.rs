//! The configurations on the pages of `docs/shippers` are run as they stand there, or the page says that they were not. Those
//! of daemons are run in `daemons` and `busy`.

use std::process::Command;

use crate::{
    real::client,
    support::{
        Loghorn,
        clients::{self, Daemon, documented, folder},
        until,
    },
    wire::{last_seq, newest},
};

/// Run here or in the modules beside this one.
const RUN: [&str; 13] = [
    "alertmanager",
    "cloudevents",
    "curl",
    "elasticsearch-python",
    "gelf",
    "journal-upload",
    "opentelemetry",
    "pino-elasticsearch",
    "pino-loki",
    "rsyslog",
    "splunk",
    "winston",
    "winston-loki",
];

#[test]
fn what_is_not_run_says_so() {
    let mut told = 0;
    for page in std::fs::read_dir("docs/shippers").unwrap() {
        let text = std::fs::read_to_string(page.unwrap().path()).unwrap();
        let mut parts = text.split("<!-- connect: ");
        let mut before = parts.next().unwrap();
        for part in parts {
            let (name, _) = part.split_once(" -->").unwrap();
            let own = before.rsplit("\n\n").find(|paragraph| !paragraph.trim().is_empty()).unwrap();
            let is_told = own.contains("not run here");
            assert_eq!(is_told, !RUN.contains(&name), "{name}: {own}");
            told += usize::from(is_told);
            before = part;
        }
    }
    assert!(told > 10);
}

/// The newest event is the one that every page sends.
async fn assert_sent(server: &Loghorn, n: u64, name: &str) {
    until(name, 20, || async { last_seq(server).await >= n }).await;
    let event = newest(server, n as usize).await.pop().unwrap();
    assert_eq!(event["message"], "card timeout", "{name}: {event}");
}

#[actix_rt::test]
async fn the_lines_of_curl() {
    let server = Loghorn::start().await;
    let pages = [("generic.md", "curl"), ("others.md", "gelf"), ("others.md", "cloudevents"), ("splunk.md", "splunk")];
    for ((page, name), n) in pages.into_iter().zip(1..) {
        let mut command = Command::new("sh");
        command.arg("-ec").arg(documented(page, name, server.addr));
        clients::run(command).await;
        assert_sent(&server, n, name).await;
    }
}

#[actix_rt::test]
async fn the_lines_of_python() {
    let Some(_) = client("python", "", "elasticsearch") else { return };
    let server = Loghorn::start().await;
    let mut command = Command::new(folder().join("py/bin/python"));
    command.arg("-c").arg(documented("elasticsearch.md", "elasticsearch-python", server.addr));
    clients::run(command).await;
    assert_sent(&server, 1, "elasticsearch-python").await;
}

#[actix_rt::test]
async fn the_environment_of_opentelemetry() {
    let Some(command) = client("python", "otlp_by_environment", "opentelemetry/exporter/otlp/proto/http") else {
        return;
    };
    let server = Loghorn::start().await;
    let environment = documented("opentelemetry.md", "opentelemetry", server.addr);
    let mut shell = Command::new("sh");
    shell.arg("-ec").arg(format!("{environment}\nexec \"$@\"")).arg("sh");
    shell.arg(command.get_program()).args(command.get_args()).arg(server.url(""));
    clients::run(shell).await;
    assert_sent(&server, 1, "opentelemetry").await;
}

#[actix_rt::test]
async fn the_lines_of_javascript() {
    let pages = [
        ("generic.md", "winston", "winston"),
        ("elasticsearch.md", "pino-elasticsearch", "pino-elasticsearch"),
        ("loki.md", "winston-loki", "winston-loki"),
        ("loki.md", "pino-loki", "pino-loki"),
    ];
    for (page, name, package) in pages {
        let Some(_) = client("javascript", "", package) else { return };
        let (server, home) = (Loghorn::start().await, tempfile::tempdir().unwrap());
        let mut command = Command::new("node");
        // Beside the packages, where they are looked for.
        let script = tempfile::Builder::new().suffix(".cjs").tempfile_in(folder().join("js")).unwrap();
        std::fs::write(script.path(), documented(page, name, server.addr)).unwrap();
        command.arg(script.path());
        // Some of them would run for ever.
        let sender = Daemon::start(command, home.path());
        until(&format!("{name}: {}", sender.said()), 30, || async { last_seq(&server).await >= 1 }).await;
        let event = newest(&server, 1).await.remove(0);
        assert!(event["message"].as_str().unwrap().starts_with("card timeout"), "{name}: {event}");
        assert_eq!((&event["level"], &event["source"]), (&"ERROR".into(), &"shop".into()), "{name}: {event}");
    }
}
