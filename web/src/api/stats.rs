//! Counts, for people and dashboards.

use actix_web::{HttpRequest, HttpResponse, web};
use loghorn_domain::subscription::{Mode, State as SubscriptionState};
use serde::{Deserialize, Serialize};

use crate::{State, error::Error, lists::Query};

/// Counts of deliveries, events and subscriptions.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stats {
    /// Deliveries.
    pub delivery_stats: DeliveryStats,
    /// Events.
    pub event_stats: EventStats,
    /// Subscriptions.
    pub subscription_stats: SubscriptionStats,
    /// Since when `accepted`, `duplicates` and `rejected` are counted: the start of the process.
    pub since: String,
}

/// Deliveries: `total_deliveries` is the sum of `delivered`, `failed`, `queued`, `attempting`, `retrying` and `cancelled`,
/// at every answer.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryStats {
    /// Ever made.
    pub total_deliveries: u64,
    /// Ended with a 2xx.
    pub delivered: u64,
    /// Dead letters.
    pub failed: u64,
    /// 100 · delivered ÷ (delivered + failed); null while nothing has ended.
    pub success_rate: Option<f64>,
    /// Waiting for their first attempt.
    pub queued: u64,
    /// Under way.
    pub attempting: u64,
    /// Waiting for another attempt.
    pub retrying: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Of those delivered, the ones that a digest told of.
    #[serde(default)]
    pub digested: u64,
}

/// Events.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventStats {
    /// Stored since the start.
    pub accepted: u64,
    /// Known already, since the start.
    pub duplicates: u64,
    /// Refused because they were bad, since the start.
    pub rejected: u64,
    /// Stored a second, on average since the start.
    pub per_second: f64,
    /// Oldest event kept.
    pub first_seq: u64,
    /// Newest event.
    pub last_seq: u64,
    /// Last event that was matched.
    pub routed_seq: u64,
}

/// Subscriptions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubscriptionStats {
    /// All.
    pub total: usize,
    /// Matching and delivering.
    pub enabled: usize,
    /// Matching, not delivering.
    pub paused: usize,
    /// Neither.
    pub disabled: usize,
    /// Of the enabled and paused ones, those that count and show what they would send.
    #[serde(default)]
    pub shadow: usize,
}

/// Counts.
#[utoipa::path(get, path = "/api/v1/stats", tag = "operation", operation_id = "get_stats", responses((status = 200, body = Stats)))]
pub(crate) async fn get(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Error> {
    Query::read(&request, &[])?;
    Ok(HttpResponse::Ok().json(stats(&state)))
}

/// The counts now.
pub(crate) fn stats(state: &State) -> Stats {
    use std::sync::atomic::Ordering::Relaxed;
    let system = &state.system;
    let counted = system.delivery_stats(None);
    let ended = counted.delivered + counted.failed;
    let mut subscription_stats = SubscriptionStats::default();
    let matcher = system.subscriptions().matcher();
    for subscription in matcher.subscriptions().map(|compiled| &compiled.subscription) {
        subscription_stats.total += 1;
        let is_shadow = subscription.is_active() && subscription.spec.mode == Mode::Shadow;
        subscription_stats.shadow += usize::from(is_shadow);
        match subscription.state() {
            SubscriptionState::Active => subscription_stats.enabled += 1,
            SubscriptionState::Paused => subscription_stats.paused += 1,
            SubscriptionState::Disabled => subscription_stats.disabled += 1,
        }
    }
    let metrics = system.metrics();
    let bounds = system.store().log.bounds();
    let accepted = metrics.events_accepted.load(Relaxed);
    let seconds = system.uptime().as_secs_f64().max(1.0);
    Stats {
        delivery_stats: DeliveryStats {
            total_deliveries: counted.total,
            delivered: counted.delivered,
            failed: counted.failed,
            success_rate: (ended > 0).then(|| 100.0 * counted.delivered as f64 / ended as f64),
            queued: counted.queued,
            attempting: counted.attempting,
            retrying: counted.retrying,
            cancelled: counted.cancelled,
            digested: counted.digested,
        },
        event_stats: EventStats {
            accepted,
            duplicates: metrics.events_duplicate.load(Relaxed),
            rejected: metrics.events_rejected.load(Relaxed),
            per_second: (accepted as f64 / seconds * 1000.0).round() / 1000.0,
            first_seq: bounds.first.0,
            last_seq: bounds.last.0,
            routed_seq: system.routed_seq().0,
        },
        subscription_stats,
        since: system.started_at().to_string(),
    }
}
