//! A stock syslog-ng with the configuration of `docs/` tails a real file; its ERROR lines arrive as signed webhooks.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use support::{Loghorn, Mood, Receiver, until};

const SYSLOG_NG: &str = "/usr/sbin/syslog-ng";

/// Stopped when dropped.
struct Shipper(Child);

impl Drop for Shipper {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[actix_rt::test]
async fn lines_of_a_file_become_signed_webhooks() {
    if !std::path::Path::new(SYSLOG_NG).exists() {
        return support::say("skipped: syslog-ng is not installed");
    }
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let wanted = json!({"events": ["log.error", "log.critical"]});
    let (_, secret) = server.subscribe(&receiver.url(), wanted).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let log = path("app.log");
    let mut file = std::fs::File::create(&log).unwrap();
    let conf = std::fs::read_to_string("docs/syslog-ng.conf").unwrap();
    let conf: String = conf
        .lines()
        .map(|line| match line {
            line if line.starts_with("@define LOG_FILE") => format!("@define LOG_FILE \"{log}\"\n"),
            line if line.starts_with("@define LOGHORN_URL") => {
                format!("@define LOGHORN_URL \"{}\"\n", server.url("/api/v1/ingest/shop"))
            }
            line => format!("{line}\n"),
        })
        .collect();
    std::fs::write(path("conf"), conf).unwrap();
    let arguments =
        ["-F", "--no-caps", "-f", &path("conf"), "-R", &path("persist"), "-c", &path("ctl"), "--pidfile", &path("pid")];
    let shipper = Command::new(SYSLOG_NG).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _shipper = Shipper(shipper);
    writeln!(file, "2026-11-24 12:00:01 INFO started").unwrap();
    writeln!(file, "2026-11-24 12:00:02 ERROR card timeout é").unwrap();
    writeln!(file, "2026-11-24 12:00:03 WARN slow").unwrap();
    writeln!(file, "2026-11-24 12:00:04 ERROR card declined").unwrap();
    until("all lines are in the log", 30, || async {
        server.get("/api/v1/stats").await["event_stats"]["last_seq"] == 4
    })
    .await;
    until("both errors arrived", 10, || async { receiver.count() == 2 }).await;
    for webhook in receiver.arrived() {
        webhook.verify(&secret);
        assert_eq!(webhook.json()["data"]["level"], "ERROR");
    }
    let first = receiver.arrived()[0].json();
    assert!(first["data"]["message"].as_str().unwrap().contains("card timeout é"), "{first}");
}
