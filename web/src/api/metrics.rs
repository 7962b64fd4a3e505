//! Metrics in Prometheus' text format.

use std::{fmt::Write, sync::atomic::Ordering::Relaxed};

use actix_web::{HttpResponse, web};
use loghorn_actors::metrics::{BUCKETS_US, Histogram};
use loghorn_domain::Class;

use super::ledger;
use crate::{State, error::Error};

/// The text under construction.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP loghorn_{name} {help}\n# TYPE loghorn_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "loghorn_{name}{labels} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, "", value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, "", value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let (buckets, sum_us) = histogram.read();
        let mut total = 0;
        for (at, count) in buckets.iter().enumerate() {
            total += count;
            let bound = BUCKETS_US.get(at).map_or_else(|| "+Inf".into(), |us| (*us as f64 / 1e6).to_string());
            self.sample(&format!("{name}_bucket"), &format!("le=\"{bound}\""), total);
        }
        self.sample(&format!("{name}_sum"), "", sum_us as f64 / 1e6);
        self.sample(&format!("{name}_count"), "", total);
    }
}

/// All series, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operation", operation_id = "get_metrics", responses((status = 200, body = String, content_type = "text/plain; version=0.0.4")))]
pub(crate) async fn get(state: web::Data<State>) -> Result<HttpResponse, Error> {
    let (system, metrics) = (&state.system, state.system.metrics());
    let mut text = Text::default();
    text.family("build_info", "gauge", "Which version this is.");
    text.sample("build_info", &format!("version=\"{}\"", state.options.version), 1);
    text.gauge("uptime_seconds", "Time since the start.", system.uptime().as_secs_f64());
    text.counter("events_accepted_total", "Events stored.", metrics.events_accepted.load(Relaxed));
    text.counter("events_duplicate_total", "Events that were stored before.", metrics.events_duplicate.load(Relaxed));
    text.counter(
        "events_rejected_total",
        "Requests refused because an event was bad.",
        metrics.events_rejected.load(Relaxed),
    );
    text.counter(
        "ingest_overloaded_total",
        "Requests refused for want of room.",
        metrics.requests_overloaded.load(Relaxed),
    );
    text.gauge("ingest_queue_bytes", "Bytes that requests under way hold.", system.ingest().used_bytes());
    text.histogram("append_duration_seconds", "From the hand-over of events to their fsync.", &metrics.append_duration);
    let (last, routed) = (system.store().log.bounds().last.0, system.routed_seq().0);
    text.gauge("log_last_seq", "The newest event.", last);
    text.gauge("router_lag_events", "Events that are not matched yet.", last.saturating_sub(routed));
    text.counter("events_routed_total", "Events matched.", metrics.events_routed.load(Relaxed));
    let set_aside = metrics.events_set_aside.load(Relaxed);
    text.counter("events_set_aside_total", "Events that could not be matched and were passed over.", set_aside);
    let matching_seconds = metrics.matching_us.load(Relaxed) as f64 / 1e6;
    text.family("matching_seconds_total", "counter", "Time spent on finding the subscriptions of events.");
    text.sample("matching_seconds_total", "", matching_seconds);
    let shadow_matches = metrics.shadow_matches.load(Relaxed);
    text.counter("shadow_matches_total", "Deliveries that shadows would have got.", shadow_matches);
    text.gauge("subscriptions", "Subscriptions.", system.subscriptions().matcher().len());
    text.gauge("jobs_running", "Jobs at work.", system.jobs().running());
    let counted = system.delivery_stats(None);
    text.family("deliveries", "gauge", "Deliveries by where they stand.");
    for (status, count) in [
        ("queued", counted.queued),
        ("attempting", counted.attempting),
        ("retrying", counted.retrying),
        ("delivered", counted.delivered),
        ("dead_letter", counted.failed),
        ("cancelled", counted.cancelled),
    ] {
        text.sample("deliveries", &format!("status=\"{status}\""), count);
    }
    text.gauge("deliveries_digested", "Of those delivered, the ones that a digest told of.", counted.digested);
    text.family("attempts_total", "counter", "Attempts by what they came to.");
    for class in Class::ALL {
        text.sample(
            "attempts_total",
            &format!("class=\"{}\"", class.name()),
            metrics.attempts[class as usize].load(Relaxed),
        );
    }
    text.gauge("attempts_in_flight", "Attempts under way.", system.attempting());
    text.histogram("attempt_duration_seconds", "How long attempts took.", &metrics.attempt_duration);
    text.gauge("circuits_open", "Endpoints that are left alone.", system.circuits_open());
    text.counter("circuits_opened_total", "Times a circuit opened.", metrics.circuits_opened.load(Relaxed));
    let notices_dropped = metrics.notices_dropped.load(Relaxed);
    text.counter("notices_dropped_total", "Loghorn's own events that could not be told.", notices_dropped);
    text.family("actor_panics_total", "counter", "Panics that were survived.");
    for (actor, count) in
        [("ingest", &metrics.panics_ingest), ("router", &metrics.panics_router), ("delivery", &metrics.panics_delivery)]
    {
        text.sample("actor_panics_total", &format!("actor=\"{actor}\""), count.load(Relaxed));
    }
    text.gauge("ledger_imbalance", "0: the counters agree with the queues.", ledger::imbalance(&state).await?);
    text.gauge("store_bytes", "Bytes on disk, about.", system.store().reads.disk_bytes());
    text.gauge("store_read_only", "1 after a failed write.", u8::from(system.store().reads.read_only().is_some()));
    if let Some(bytes) = resident_bytes() {
        text.gauge("resident_memory_bytes", "Memory of this process.", bytes);
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text.0))
}

/// Linux only.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
