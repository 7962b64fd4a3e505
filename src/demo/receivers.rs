//! The shop's receivers: real HTTP servers on loopback that verify what arrives, and fail when the story says so.
//!
//! Which events are refused is told by their numbers and not by the clock, so that the same ones become dead letters
//! each time.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::StatusCode,
    web::{self, Bytes},
};
use loghorn_domain::secret::Secret;
use serde_json::Value;

use super::{
    numbers::Numbers,
    scenario,
    subscriptions::{FRAUD, PLANNED, RECEIVERS, of_path},
};
use crate::cli::{now, signature};

/// Largest webhook that is taken, in bytes: a batch and its envelope.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What all receivers saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Events that were verified and answered with 200, for each of [`PLANNED`].
    pub(crate) verified: [Numbers; PLANNED.len()],
    /// Webhooks whose signatures were good, and those whose were not.
    pub(crate) good: u64,
    pub(crate) bad: u64,
    /// Webhooks that nobody planned: an unknown path, event or region.
    pub(crate) stray: u64,
    /// Webhooks that were answered so.
    pub(crate) answered_503: u64,
    pub(crate) answered_401: u64,
}

/// All receivers.
pub(crate) struct Receivers {
    shared: Arc<Shared>,
    servers: Vec<(SocketAddr, ServerHandle)>,
}

/// One receiver, by its place among [`RECEIVERS`].
struct One {
    receiver: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tally: Mutex<Tally>,
    /// For each of [`PLANNED`].
    secrets: Mutex<[Option<Secret>; PLANNED.len()]>,
    /// For each of [`RECEIVERS`], by the story and by a person.
    is_down: [[AtomicBool; 2]; RECEIVERS.len()],
    /// The events that the receiver for fraud refuses.
    refused: Mutex<Range<u64>>,
}

/// Nothing is left half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receivers {
    /// Starts them, each on a port of its own; must be called within a running actix system.
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut servers = Vec::new();
        for receiver in 0..RECEIVERS.len() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let addr = listener.local_addr()?;
            let one = web::Data::new(One { receiver, shared: shared.clone() });
            let new = move || {
                let limit = web::PayloadConfig::new(BODY_BYTES_MAX);
                App::new().app_data(one.clone()).app_data(limit).default_service(web::to(receive))
            };
            let server = HttpServer::new(new).workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run();
            servers.push((addr, server.handle()));
            actix_rt::spawn(server);
        }
        Ok(Self { shared, servers })
    }

    /// Where the receiver at this place listens, as `http://127.0.0.1:4000`.
    pub(crate) fn base(&self, receiver: usize) -> String {
        format!("http://{}", self.servers[receiver].0)
    }

    /// From now on the webhooks of this one of [`PLANNED`] are checked with `secret`.
    pub(crate) fn trust(&self, planned: usize, secret: Secret) {
        lock(&self.shared.secrets)[planned] = Some(secret);
    }

    /// Whether this one answers 503, as the story says.
    pub(crate) fn set_down(&self, receiver: usize, is_down: bool) {
        self.shared.is_down[receiver][0].store(is_down, Relaxed);
    }

    /// The same, as a person says.
    pub(crate) fn set_down_by_hand(&self, receiver: usize, is_down: bool) {
        self.shared.is_down[receiver][1].store(is_down, Relaxed);
    }

    /// The events that the receiver for fraud refuses, by their numbers.
    pub(crate) fn refuse(&self, events: Range<u64>) {
        *lock(&self.shared.refused) = events;
    }

    /// What they saw so far.
    pub(crate) fn tally(&self) -> Tally {
        lock(&self.shared.tally).clone()
    }

    /// Webhooks with good and with bad signatures so far.
    pub(crate) fn signatures(&self) -> (u64, u64) {
        let tally = lock(&self.shared.tally);
        (tally.good, tally.bad)
    }

    pub(crate) async fn stop(self) {
        for (_, server) in self.servers {
            server.stop(false).await;
        }
    }
}

async fn receive(one: web::Data<One>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, says) = one.shared.answer(one.receiver, request.path(), header, &body);
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(says)
}

impl Shared {
    fn answer(
        &self,
        receiver: usize,
        path: &str,
        header: impl Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> (StatusCode, &'static str) {
        let found = of_path(path).filter(|(planned, _)| PLANNED[*planned].receiver == receiver);
        let Some((planned, region)) = found else {
            lock(&self.tally).stray += 1;
            return (StatusCode::NOT_FOUND, "nothing is received here");
        };
        let secret = lock(&self.secrets)[planned].clone();
        let is_good = secret
            .is_some_and(|secret| signature::check(&[secret], signature::PLAIN_HEADER, header, body, now()).is_good());
        let mut tally = lock(&self.tally);
        if !is_good {
            tally.bad += 1;
            return (StatusCode::UNAUTHORIZED, "the signature is wrong");
        }
        tally.good += 1;
        let Some(events) = events(body, region) else {
            tally.stray += 1;
            return (StatusCode::UNPROCESSABLE_ENTITY, "no event of the shop, or of another region");
        };
        if self.is_down[receiver].iter().any(|is_down| is_down.load(Relaxed)) {
            tally.answered_503 += 1;
            return (StatusCode::SERVICE_UNAVAILABLE, "down for the demo");
        }
        let refused = lock(&self.refused).clone();
        if receiver == FRAUD && events.iter().any(|n| refused.contains(n)) {
            tally.answered_401 += 1;
            return (StatusCode::UNAUTHORIZED, "locked out for the demo");
        }
        events.iter().for_each(|n| tally.verified[planned].insert(*n));
        (StatusCode::OK, "ok")
    }
}

/// The numbers of the events in a webhook; `None` where one is not of the shop, or not of `region`.
fn events(body: &[u8], region: Option<&str>) -> Option<Vec<u64>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let data = body.get("data")?;
    let all = data.as_array().map_or_else(|| std::slice::from_ref(data), Vec::as_slice);
    let number = |event: &Value| {
        let own = event.pointer("/metadata/region").and_then(Value::as_str);
        let is_here = region.is_none_or(|region| own == Some(region));
        event.get("id").and_then(Value::as_str).and_then(scenario::number).filter(|_| is_here)
    };
    all.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use loghorn_domain::signing::Signer;
    use serde_json::json;

    use super::*;

    fn headers(secret: &Secret, body: &[u8]) -> HashMap<&'static str, String> {
        let (signer, at) = (Signer::new(secret, &[]), now());
        [
            ("webhook-id", "dlv_1".to_owned()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", signer.standard("dlv_1", at, body)),
            (signature::PLAIN_HEADER, signer.plain(body)),
        ]
        .into()
    }

    fn post(shared: &Shared, receiver: usize, path: &str, secret: &Secret, data: Value) -> u16 {
        let body = json!({"type": "x", "data": data}).to_string();
        let headers = headers(secret, body.as_bytes());
        shared.answer(receiver, path, |name| headers.get(name).cloned(), body.as_bytes()).0.as_u16()
    }

    #[test]
    fn only_what_is_signed_and_meant_for_it_counts() {
        let (shared, own, other) = (Shared::default(), Secret::generated([1; 32]), Secret::generated([2; 32]));
        let event = |n: u64, region: &str| json!({"id": scenario::id(n), "metadata": {"region": region}});
        assert_eq!(post(&shared, FRAUD, "/fraud-alerts", &own, event(1, "eu")), 401, "no secret is known yet");
        lock(&shared.secrets).iter_mut().for_each(|secret| *secret = Some(own.clone()));
        assert_eq!(post(&shared, FRAUD, "/fraud-alerts", &other, event(1, "eu")), 401);
        assert_eq!(post(&shared, FRAUD, "/fraud-alerts", &own, event(1, "eu")), 200);
        assert_eq!(post(&shared, FRAUD, "/stock", &own, event(1, "eu")), 404, "another receiver's");
        assert_eq!(post(&shared, 0, "/payment-trouble/eu", &own, event(2, "eu")), 200);
        assert_eq!(post(&shared, 0, "/payment-trouble/us", &own, event(3, "eu")), 422);
        assert_eq!(post(&shared, 3, "/performance", &own, json!([event(4, "eu"), event(5, "us")])), 200);
        let tally = lock(&shared.tally).clone();
        assert_eq!((tally.good, tally.bad, tally.stray), (4, 2, 2));
        assert_eq!(tally.verified.iter().map(Numbers::len).collect::<Vec<_>>(), [0, 1, 0, 0, 1, 0, 2, 0]);
    }

    #[test]
    fn it_fails_as_it_is_told() {
        let (shared, own) = (Shared::default(), Secret::generated([1; 32]));
        lock(&shared.secrets).iter_mut().for_each(|secret| *secret = Some(own.clone()));
        let event = |n: u64| json!({"id": scenario::id(n)});
        *lock(&shared.refused) = 5..7;
        assert_eq!([4, 5, 6, 7].map(|n| post(&shared, FRAUD, "/fraud-alerts", &own, event(n))), [200, 401, 401, 200]);
        assert_eq!(post(&shared, 1, "/stock", &own, event(5)), 200, "another receiver's");
        shared.is_down[1][1].store(true, Relaxed);
        assert_eq!(post(&shared, 1, "/stock", &own, event(6)), 503);
        assert_eq!(lock(&shared.tally).verified[2].len(), 1);
    }
}
