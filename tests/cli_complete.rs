//! Nothing is left out: each command was run against a real server, and each operation of the API has a command.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support::transcript::{called, commands, kept, snapshots};

/// Commands that no snapshot can be of, and where they are run instead.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    ("serve", "tests/support/loghorn.rs", "command.arg(\"serve\")"),
    ("demo", "tests/demo.rs", "\"demo\""),
    ("top", "tests/cli_apply.rs", "&[\"top\"]"),
];

#[test]
fn every_command_was_run_against_a_server() {
    let mut run = BTreeSet::new();
    for name in kept("server") {
        let text = std::fs::read_to_string(snapshots().join(format!("server/{name}.snap"))).unwrap();
        // What stands in a snapshot was run, else the snapshot differs. Places of what changes are no words.
        let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
        let words = lines.map(|line| shlex::split(line).unwrap());
        run.extend(words.filter_map(|words| called(&words)));
    }
    for (command, file, text) in ELSEWHERE {
        assert!(std::fs::read_to_string(file).unwrap().contains(text), "{command} is not run in {file}");
        run.insert(command.to_owned());
    }
    let all = commands();
    let leaves = all.iter().filter(|(_, command)| command.get_subcommands().next().is_none());
    let missing: Vec<&str> = leaves.map(|(path, _)| path.as_str()).filter(|path| !run.contains(*path)).collect();
    assert!(missing.is_empty(), "run them in tests/cli_tables.rs: {missing:?}");
}

/// Each operation of the API, and the command that calls it.
const COMMANDS: &[(&str, &str)] = &[
    ("act_on_circuit", "circuit probe"),
    ("audit", "audit"),
    ("backfill_subscription", "sub backfill"),
    ("cancel_job", "job cancel"),
    ("check_receiver", "sub create"),
    ("create_events", "event send"),
    ("create_key", "key create"),
    ("create_subscription", "sub create"),
    ("delete_subscription", "sub delete"),
    ("discard_dead_letter", "dlq discard"),
    ("discard_dead_letters", "dlq discard"),
    ("explain_event", "event get"),
    ("get_circuit", "circuit list"),
    ("get_delivery", "delivery get"),
    ("get_dispatch", "dispatch status"),
    ("get_event", "event get"),
    ("get_health", "status"),
    ("get_job", "job get"),
    ("get_ledger", "verify"),
    ("get_live", "doctor"),
    ("get_session", "doctor"),
    ("get_shadow", "sub shadow"),
    ("get_stats", "status"),
    ("get_subscription", "sub get"),
    ("get_subscription_figures", "top"),
    ("group_dead_letters", "dlq groups"),
    ("list_dead_letters", "dlq list"),
    ("list_deliveries", "delivery list"),
    ("list_event_deliveries", "event get"),
    ("list_events", "event list"),
    ("list_jobs", "job list"),
    ("list_keys", "key list"),
    ("list_secrets", "sub secret list"),
    ("list_subscriptions", "sub list"),
    ("make_link", "open"),
    ("pause_dispatch", "dispatch pause"),
    ("pause_subscription", "sub pause"),
    ("preview", "sub preview"),
    ("promote_subscription", "sub promote"),
    ("replace_subscription", "sub edit"),
    ("replay_dead_letter", "dlq replay"),
    ("replay_dead_letters", "dlq replay"),
    ("resend_delivery", "delivery resend"),
    ("resume_dispatch", "dispatch resume"),
    ("resume_subscription", "sub resume"),
    ("reveal_secret", "sub secret reveal"),
    ("revoke_key", "key revoke"),
    ("rotate_keyring", "key rotate-master"),
    ("rotate_secret", "sub secret rotate"),
    ("take_backup", "backup create"),
    ("test_filter", "filter test"),
    ("test_subscription", "sub test"),
];

const SHIPPERS: &str = "log shippers speak it; `loghorn connect` prints how to configure them";
const BROWSERS: &str = "of the dashboard in a browser, which has no key of its own";
const BY_API: &str = "`loghorn api` shows it: a monitor reads it, not a person";

/// Operations without a command of their own, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("clear_receiver", "`loghorn listen` is the receiver of the command line"),
    ("close_session", BROWSERS),
    ("cloudevents", SHIPPERS),
    ("datadog_logs", SHIPPERS),
    ("elasticsearch", SHIPPERS),
    ("elasticsearch_bulk", SHIPPERS),
    ("elasticsearch_bulk_by_put", SHIPPERS),
    ("gelf", SHIPPERS),
    ("get_config", "`loghorn api GET /config`; `config list` is what a server would be started with"),
    ("get_failures", BY_API),
    ("get_metrics", "Prometheus reads it"),
    ("get_ready", BY_API),
    ("get_receiver", "`loghorn listen` is the receiver of the command line"),
    ("get_series", "the dashboard draws it"),
    ("ingest", SHIPPERS),
    ("ingest_by_put", SHIPPERS),
    ("ingest_from", SHIPPERS),
    ("ingest_from_by_put", SHIPPERS),
    ("journal_upload", SHIPPERS),
    ("loki_push", SHIPPERS),
    ("make_ticket", BROWSERS),
    ("open_session", BROWSERS),
    ("otlp_logs", SHIPPERS),
    ("patch_subscription", "`sub edit` and `sub apply` replace the whole, guarded by its version"),
    ("set_receiver", "`loghorn listen` is the receiver of the command line"),
    ("splunk_event", SHIPPERS),
    ("splunk_raw", SHIPPERS),
];

#[test]
fn every_operation_of_the_api_has_a_command() {
    let api: Value = serde_json::from_str(include_str!("../web/openapi.json")).unwrap();
    let paths = api["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let operations: BTreeSet<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert!(operations.len() > 60, "{operations:?}");
    let rows = COMMANDS.iter().chain(EXCEPTIONS);
    let told: BTreeMap<&str, &str> = rows.clone().copied().collect();
    assert_eq!(told.len(), rows.count(), "an operation stands twice");
    assert_eq!(told.keys().copied().collect::<BTreeSet<_>>(), operations);
    let known: BTreeSet<String> = commands().into_iter().map(|(path, _)| path).collect();
    for (operation, command) in COMMANDS {
        assert!(known.contains(*command), "{operation}: there is no `loghorn {command}`");
    }
}
