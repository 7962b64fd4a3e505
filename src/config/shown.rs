//! Every setting as people write it, and where it came from. Secrets are no settings, so there is none among them.

use std::{fmt::Display, path::Path, time::Duration};

use loghorn_domain::Span;
use loghorn_web::Setting;

use super::{Auth, Config, KEYS, LogFormat};

impl Config {
    /// All settings, in the order of the documentation.
    pub fn shown(&self) -> Vec<Setting> {
        let origin = |key: &str| self.origins.get(key).cloned().unwrap_or_else(|| "default".into());
        KEYS.iter()
            .map(|(key, _)| Setting { key: (*key).into(), value: self.value(key), origin: origin(key) })
            .collect()
    }

    /// One of them as it would be written; empty where nothing is set and nothing stands for it.
    fn value(&self, key: &str) -> String {
        let delivery = &self.delivery;
        match key {
            "bind" => self.bind.to_string(),
            "data" => self.data.display().to_string(),
            "master_key_file" => path(self.master_key_file.as_deref()),
            "hosts" => self.hosts.join(","),
            "public_url" => self.public_url.clone(),
            "traces.otlp_endpoint" => self.traces.clone(),
            "auth" => match self.auth {
                Auth::Auto => "auto",
                Auth::Required => "required",
            }
            .into(),
            "behind_tls_proxy" => self.behind_tls_proxy.to_string(),
            "tls_cert" => path(self.tls_cert.as_deref()),
            "tls_key" => path(self.tls_key.as_deref()),
            "workers" => self.workers.to_string(),
            "connections_per_address" => self.connections_per_address.map(|n| n.to_string()).unwrap_or_default(),
            "log" => match self.log {
                LogFormat::Auto => "auto",
                LogFormat::Pretty => "pretty",
                LogFormat::Json => "json",
            }
            .into(),
            "log_level" => self.log_level.clone(),
            "drain" => span(self.drain),
            "egress.allow_private" => joined(&self.egress.allow_private),
            "egress.allow_http" => self.egress.allow_http.to_string(),
            "egress.nameservers" => joined(&self.nameservers),
            "delivery.max_in_flight" => delivery.in_flight_max_total.to_string(),
            "delivery.endpoint_max_in_flight" => delivery.in_flight_max.to_string(),
            "delivery.threads" => delivery.threads.to_string(),
            "delivery.timeout" => span(delivery.timeout),
            "delivery.max_attempts" => delivery.retry.attempts_max.to_string(),
            "delivery.max_age" => span(delivery.retry.age_max),
            "delivery.backoff_base" => span(delivery.retry.backoff_base),
            "delivery.backoff_max" => span(delivery.retry.backoff_max),
            "delivery.disable_after" => span(delivery.disable_after),
            "breaker.failures" => delivery.breaker.failures.to_string(),
            "breaker.open_for" => span(delivery.breaker.open_for),
            "breaker.open_for_max" => span(delivery.breaker.open_for_max),
            "ingest.max_event" => size(self.limits.event_bytes_max),
            "ingest.max_body" => size(self.body_bytes_max),
            "ingest.queue_bytes" => size(self.ingest_queue_bytes),
            "ingest.cors_origins" => self.cors_origins.join(","),
            "ingest.elasticsearch_version" => self.elastic_version.to_string(),
            "notices.backlog" => self.backlog_high.to_string(),
            "retention.events" => span(self.retention.events),
            "retention.deliveries" => span(self.retention.deliveries),
            "retention.disk_max" => format!("{}%", self.retention.disk_max),
            "retention.dedupe" => span(self.dedupe),
            _ => String::new(),
        }
    }
}

fn path(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

fn joined(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn span(span: Duration) -> String {
    Span(span).to_string()
}

fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_may_be_written_and_is_all_there_is() {
        let mut config = Config::default();
        for (key, value) in [
            ("bind", "[::1]:9000"),
            ("hosts", "a.example,b.example"),
            ("master_key_file", "/keys/master"),
            ("public_url", "https://logs.example.com"),
            ("traces.otlp_endpoint", "http://127.0.0.1:4318"),
            ("auth", "required"),
            ("tls_cert", "a.crt"),
            ("tls_key", "a.key"),
            ("connections_per_address", "7"),
            ("log", "json"),
            ("egress.allow_private", "10.0.0.0/8,127.0.0.1/32"),
            ("egress.nameservers", "10.0.0.53:53"),
            ("delivery.timeout", "1500ms"),
            ("ingest.max_event", "24KiB"),
            ("ingest.max_body", "1000001"),
            ("ingest.cors_origins", "https://a.example,http://localhost:3000"),
            ("retention.events", "36h"),
        ] {
            config.apply(key, value, "test").unwrap();
            assert_eq!(config.value(key), value);
        }
        let mut again = Config::default();
        for setting in config.shown() {
            assert!(!setting.value.is_empty(), "{} is not shown", setting.key);
            again.apply(&setting.key, &setting.value, "again").unwrap();
        }
        let values = |config: &Config| config.shown().into_iter().map(|setting| setting.value).collect::<Vec<_>>();
        assert_eq!(values(&again), values(&config));
        assert_eq!((config.shown()[0].origin.as_str(), config.shown()[1].origin.as_str()), ("test", "default"));
    }
}
