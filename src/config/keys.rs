//! Every setting in one table.

use super::{
    Auth, Config, LogFormat,
    values::{base_url, bytes, file, list, nameservers, networks, origins, percent, positive, set, span},
};

/// Sets it, or says what was expected.
pub(super) type Apply = fn(&mut Config, &str) -> Result<(), String>;

/// Every setting: its key in TOML, what it does with its value as text (lists joined by commas). Its variable is
/// `LOGHORN_` and the key in upper case with `_` for `.`.
pub(super) const KEYS: &[(&str, Apply)] = &[
    ("bind", |c, v| set(&mut c.bind, v, "an address and port such as 127.0.0.1:8000")),
    ("data", |c, v| set(&mut c.data, v, "a directory")),
    ("master_key_file", |c, v| file(&mut c.master_key_file, v)),
    ("hosts", |c, v| list(&mut c.hosts, v, "names")),
    ("public_url", |c, v| base_url(&mut c.public_url, v)),
    ("auth", |c, v| {
        c.auth = match v {
            // `open`: as it is on loopback.
            "auto" | "open" => Auth::Auto,
            "required" => Auth::Required,
            _ => return Err("expected auto or required".into()),
        };
        Ok(())
    }),
    ("behind_tls_proxy", |c, v| set(&mut c.behind_tls_proxy, v, "true or false")),
    ("tls_cert", |c, v| file(&mut c.tls_cert, v)),
    ("tls_key", |c, v| file(&mut c.tls_key, v)),
    ("workers", |c, v| positive(&mut c.workers, v)),
    ("connections_per_address", |c, v| positive(c.connections_per_address.get_or_insert_default(), v)),
    ("log", |c, v| {
        c.log = match v {
            "auto" => LogFormat::Auto,
            "pretty" => LogFormat::Pretty,
            "json" => LogFormat::Json,
            _ => return Err("expected auto, pretty or json".into()),
        };
        Ok(())
    }),
    ("log_level", |c, v| set(&mut c.log_level, v, "a level")),
    ("drain", |c, v| span(&mut c.drain, v)),
    ("egress.allow_private", |c, v| networks(&mut c.egress.allow_private, v)),
    ("egress.allow_http", |c, v| set(&mut c.egress.allow_http, v, "true or false")),
    ("egress.nameservers", |c, v| nameservers(&mut c.nameservers, v)),
    ("delivery.max_in_flight", |c, v| positive(&mut c.delivery.in_flight_max_total, v)),
    ("delivery.endpoint_max_in_flight", |c, v| positive(&mut c.delivery.in_flight_max, v)),
    ("delivery.threads", |c, v| positive(&mut c.delivery.threads, v)),
    ("delivery.timeout", |c, v| span(&mut c.delivery.timeout, v)),
    ("delivery.max_attempts", |c, v| positive(&mut c.delivery.retry.attempts_max, v)),
    ("delivery.max_age", |c, v| span(&mut c.delivery.retry.age_max, v)),
    ("delivery.backoff_base", |c, v| span(&mut c.delivery.retry.backoff_base, v)),
    ("delivery.backoff_max", |c, v| span(&mut c.delivery.retry.backoff_max, v)),
    ("delivery.disable_after", |c, v| span(&mut c.delivery.disable_after, v)),
    ("breaker.failures", |c, v| positive(&mut c.delivery.breaker.failures, v)),
    ("breaker.open_for", |c, v| span(&mut c.delivery.breaker.open_for, v)),
    ("breaker.open_for_max", |c, v| span(&mut c.delivery.breaker.open_for_max, v)),
    ("ingest.max_event", |c, v| bytes(&mut c.limits.event_bytes_max, v)),
    ("ingest.max_body", |c, v| bytes(&mut c.body_bytes_max, v)),
    ("ingest.queue_bytes", |c, v| bytes(&mut c.ingest_queue_bytes, v)),
    ("ingest.cors_origins", |c, v| origins(&mut c.cors_origins, v)),
    ("ingest.elasticsearch_version", |c, v| set(&mut c.elastic_version, v, "a version such as 8.17.0")),
    ("traces.otlp_endpoint", |c, v| base_url(&mut c.traces, v)),
    ("notices.backlog", |c, v| positive(&mut c.backlog_high, v)),
    ("retention.events", |c, v| span(&mut c.retention.events, v)),
    ("retention.deliveries", |c, v| span(&mut c.retention.deliveries, v)),
    ("retention.disk_max", |c, v| percent(&mut c.retention.disk_max, v)),
    ("retention.dedupe", |c, v| span(&mut c.dedupe, v)),
];
