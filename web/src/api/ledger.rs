//! The ledger: what the counters say against what is really in the queues.

use std::{sync::Mutex, time::Duration};

use actix_web::{HttpResponse, web};
use loghorn_storage::LedgerLine;
use serde::{Deserialize, Serialize};

use crate::{State, error::Error};

/// The ledger of every subscription that ever had a delivery.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ledger {
    /// One line for each of its URLs.
    pub items: Vec<Line>,
    /// The sum over all; 0 means that it balances.
    pub imbalance: u64,
}

/// The ledger of one URL of a subscription.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// Whose; null where its record is gone.
    pub subscription_id: Option<String>,
    /// Which of its regions; absent where it is that of its own URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Deliveries ever made.
    pub matched: u64,
    /// Delivered.
    pub delivered: u64,
    /// Of those, told of in a digest.
    #[serde(default)]
    pub digested: u64,
    /// In the queue, by the counters.
    pub waiting: u64,
    /// Of those, waiting for another try.
    pub retrying: u64,
    /// Dead letters.
    pub dead: u64,
    /// Dead letters that retention removed.
    pub expired: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// In the queue, counted.
    pub waiting_counted: u64,
    /// Waiting for another try, counted.
    pub retrying_counted: u64,
    /// Dead letters, counted.
    pub dead_counted: u64,
    /// How far it is from balancing.
    pub imbalance: u64,
}

/// The last imbalance that was counted, and when: counting reads every queue.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Option<(Duration, u64)>>);

const FRESH: Duration = Duration::from_secs(60);

/// The imbalance over all, counted at most once a minute.
pub(crate) async fn imbalance(state: &State) -> Result<u64, Error> {
    let now = state.system.clock().monotonic();
    let known = state.ledger.0.lock().ok().and_then(|cache| *cache);
    if let Some((_, imbalance)) = known.filter(|(at, _)| now.saturating_sub(*at) < FRESH) {
        return Ok(imbalance);
    }
    let imbalance = state.system.store().reads.ledger().await?.iter().map(LedgerLine::imbalance).sum();
    if let Ok(mut cache) = state.ledger.0.lock() {
        *cache = Some((now, imbalance));
    }
    Ok(imbalance)
}

/// Count queues and dead letters anew and hold them against the counters.
#[utoipa::path(get, path = "/api/v1/ledger", tag = "operation", operation_id = "get_ledger", responses((status = 200, body = Ledger)))]
pub(crate) async fn get(state: web::Data<State>) -> Result<HttpResponse, Error> {
    let lines = state.system.store().reads.ledger().await?;
    let line = |line: &LedgerLine| {
        let counters = line.counters;
        let found = state.system.subscriptions().by_endpoint(line.endpoint);
        Line {
            subscription_id: found.as_ref().map(|found| found.id.to_string()),
            region: found.and_then(|found| found.region_of(line.endpoint).map(str::to_owned)),
            matched: counters.matched,
            delivered: counters.delivered,
            digested: counters.digested,
            waiting: counters.waiting,
            retrying: counters.retrying,
            dead: counters.dead,
            expired: counters.expired,
            cancelled: counters.cancelled,
            waiting_counted: line.waiting_counted,
            retrying_counted: line.retrying_counted,
            dead_counted: line.dead_counted,
            imbalance: line.imbalance(),
        }
    };
    let items: Vec<Line> = lines.iter().map(line).collect();
    let imbalance = items.iter().map(|line| line.imbalance).sum();
    Ok(HttpResponse::Ok().json(Ledger { items, imbalance }))
}
