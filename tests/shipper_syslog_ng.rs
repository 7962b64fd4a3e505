//! A stock syslog-ng with the configuration of `docs/` tails a real file; its ERROR lines arrive as signed webhooks.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::io::Write as _;

use serde_json::json;
use support::{
    Loghorn, Mood, Receiver,
    clients::{self, Daemon},
    until,
};

#[actix_rt::test]
async fn lines_of_a_file_become_signed_webhooks() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let wanted = json!({"events": ["log.error", "log.critical"]});
    let (_, secret) = server.subscribe(&receiver.url(), wanted).await;
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("app.log")).unwrap();
    clients::write_syslog_ng_conf(folder.path(), &server.url("/api/v1/ingest/shop"), "any-key");
    let Some(command) = clients::syslog_ng(folder.path()) else { return };
    let _shipper = Daemon::start(command, folder.path());
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
