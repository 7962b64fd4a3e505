//! `loghorn demo`: a shop whose events go through a real Loghorn in this process to real receivers, and what becomes of
//! each of them.
//!
//! [`scenario`] is pure and says what comes when; [`subscriptions`] says what of it is due to whom; [`receivers`] verify
//! and count what arrives; [`report`] holds one against the other. Nothing here asks Loghorn what it should have done.

mod numbers;
mod receivers;
pub(crate) mod report;
pub(crate) mod scenario;
pub(crate) mod subscriptions;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net};
use loghorn_domain::{retry::Policy, secret::Secret};
use loghorn_web::api::{deliveries::Delivery, ledger::Ledger, stats::Stats};
use serde_json::Value;
use tokio::time::Instant;

use self::{
    numbers::Numbers,
    receivers::Receivers,
    report::{Due, Report, Seen},
    scenario::{Happening, Scenario, Turn},
    subscriptions::{FRAUD, PLANNED, RECEIVERS, SUPPLY_CHAIN},
};
use crate::{
    App, Config,
    cli::{
        client::{Client, Query, strange},
        fail::{Exit, Fail},
    },
};

/// Most events of one request.
const SENT_MAX: usize = 500;
/// Most dead letters that are looked through.
const DEAD_MAX: usize = 1_000_000;
/// How often it is looked whether all has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// More than an outage of the story can cost.
const ATTEMPTS_MAX: u16 = 100;

/// A running demo.
pub(crate) struct Demo {
    app: App,
    client: Client,
    receivers: Receivers,
    scenario: Scenario,
    /// Names by the ids that Loghorn gave.
    planned_of: BTreeMap<String, usize>,
    due: Vec<Due>,
    by_type: BTreeMap<&'static str, u64>,
    /// Events of the story that were sent, and all that were: bursts come on top.
    told: u64,
    sent: u64,
    /// The first event that is refused, while that goes on.
    refusing_since: Option<u64>,
    /// Whether replays of what was refused succeed in the end.
    forgets: bool,
    began: Instant,
}

/// How it stands, for people.
pub(crate) struct Figures {
    pub(crate) sent: u64,
    pub(crate) stats: Stats,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl Demo {
    /// Starts Loghorn at `bind` on `data`, the receivers and the subscriptions. With `forgets` what was refused can be
    /// replayed once the story is past it.
    pub(crate) async fn start(
        bind: SocketAddr,
        data: PathBuf,
        scenario: Scenario,
        forgets: bool,
        timeout: Duration,
    ) -> Result<Self, Fail> {
        let receivers = Receivers::start()
            .map_err(|error| Fail::new(Exit::Error, "the receivers do not start").why(error.to_string()))?;
        let app = App::start(config(bind, data, &scenario)).await.map_err(|error| {
            let text = error.to_string();
            let mut lines = text.lines();
            lines.next().map(|what| Fail::new(Exit::Error, what)).map_or_else(
                || Fail::new(Exit::Error, "Loghorn does not start"),
                |fail| lines.fold(fail, |fail, line| fail.why(line.trim())),
            )
        })?;
        let client = Client::new(&app.addr().to_string(), "the demo".into(), timeout, None)?;
        let mut planned_of = BTreeMap::new();
        for (at, planned) in PLANNED.iter().enumerate() {
            let body = planned.body(&receivers.base(planned.receiver));
            let made: Value = client.post(&["subscriptions"], body).await?.read()?;
            let text = |name: &str| made[name].as_str().map(str::to_owned);
            let (id, secret) = text("id").zip(text("secret")).ok_or_else(|| strange("no id or no secret"))?;
            receivers.trust(at, Secret::own(secret).map_err(|error| strange(&error.to_string()))?);
            planned_of.insert(id, at);
        }
        Ok(Self {
            app,
            client,
            receivers,
            scenario,
            planned_of,
            due: vec![Due::default(); PLANNED.len()],
            by_type: BTreeMap::new(),
            told: 0,
            sent: 0,
            refusing_since: None,
            forgets,
            began: Instant::now(),
        })
    }

    /// Where Loghorn listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.app.addr()
    }

    /// Tells the story until `elapsed`; what turned in it.
    pub(crate) async fn tell(&mut self, elapsed: Duration) -> Result<Vec<Turn>, Fail> {
        let mut turns = Vec::new();
        let mut waiting = Vec::new();
        while self.told < self.scenario.due_by(elapsed) {
            for turn in self.scenario.turns_at(self.told) {
                // What came before it is with Loghorn before it comes.
                self.send(&mut waiting).await?;
                self.turn(turn);
                turns.push(turn);
            }
            waiting.push(self.next());
            self.told += 1;
            if waiting.len() >= SENT_MAX {
                self.send(&mut waiting).await?;
            }
        }
        self.send(&mut waiting).await?;
        Ok(turns)
    }

    /// Sends so many events beside the story.
    pub(crate) async fn burst(&mut self, events: usize) -> Result<(), Fail> {
        let mut waiting: Vec<Value> = (0..events).map(|_| self.next()).collect();
        self.send(&mut waiting).await
    }

    fn next(&mut self) -> Value {
        let n = self.sent;
        let event = Happening::new(self.scenario.seed, n);
        *self.by_type.entry(event.event_type).or_default() += 1;
        for (planned, due) in PLANNED.iter().zip(&mut self.due) {
            if (planned.is_due)(&event) {
                due.all.insert(n);
                if planned.receiver == FRAUD && self.refusing_since.is_some() {
                    due.dead.insert(n);
                }
            }
        }
        self.sent += 1;
        event.body(n)
    }

    async fn send(&self, waiting: &mut Vec<Value>) -> Result<(), Fail> {
        if !waiting.is_empty() {
            self.client.post(&["events"], Value::Array(std::mem::take(waiting)).to_string()).await?;
        }
        Ok(())
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::OutageBegins => self.receivers.set_down(SUPPLY_CHAIN, true),
            Turn::OutageEnds => self.receivers.set_down(SUPPLY_CHAIN, false),
            Turn::RefusalBegins => {
                self.refusing_since = Some(self.sent);
                self.receivers.refuse(self.sent..u64::MAX);
            }
            Turn::RefusalEnds => {
                if let Some(first) = self.refusing_since.take() {
                    self.receivers.refuse(first..self.sent);
                }
            }
            Turn::RefusalForgotten if self.forgets => self.receivers.refuse(0..0),
            Turn::RefusalForgotten => {}
        }
    }

    /// By hand: whether this receiver answers 503.
    pub(crate) fn set_down(&self, receiver: usize, is_down: bool) {
        self.receivers.set_down_by_hand(receiver, is_down);
    }

    /// How it stands.
    pub(crate) async fn figures(&self) -> Result<Figures, Fail> {
        let (good, bad) = self.receivers.signatures();
        Ok(Figures { sent: self.sent, stats: self.client.get(&["stats"]).await?.read()?, good, bad })
    }

    /// Lets every receiver be well and waits until nothing is on its way any more, at most so long.
    pub(crate) async fn settle(&self, wait: Duration) -> Result<(), Fail> {
        for receiver in 0..RECEIVERS.len() {
            self.receivers.set_down(receiver, false);
            self.receivers.set_down_by_hand(receiver, false);
        }
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline {
            let Stats { delivery_stats: now, event_stats: events, .. } = self.client.get(&["stats"]).await?.read()?;
            if events.routed_seq == events.last_seq && now.queued + now.attempting + now.retrying == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // What is missing is in the report.
        Ok(())
    }

    /// How it ended.
    pub(crate) async fn report(&self, told_for: Duration) -> Result<Report, Fail> {
        let mut dead = vec![Numbers::default(); PLANNED.len()];
        for letter in self.client.list::<Delivery>(&["dead-letters"], &Query::new(), DEAD_MAX).await?.items {
            let planned = letter.subscription_id.and_then(|id| self.planned_of.get(&id).copied());
            let at = planned.zip(scenario::number(&letter.event_id));
            let (planned, n) = at.ok_or_else(|| strange("a dead letter that is not the demo's"))?;
            dead[planned].insert(n);
        }
        let ledger: Ledger = self.client.get(&["ledger"]).await?.read()?;
        let tally = self.receivers.tally();
        let (subscriptions, total) = report::lines(&self.due, &tally, &dead);
        let is_complete = total.missing + total.unexpected + tally.bad + ledger.imbalance == 0;
        Ok(Report {
            complete: is_complete && self.sent > 0,
            seed: self.scenario.seed,
            rate: self.scenario.rate,
            for_seconds: told_for.as_secs_f64(),
            events: self.sent,
            events_by_type: self.by_type.clone(),
            total,
            signatures_bad: tally.bad,
            ledger_imbalance: ledger.imbalance,
            subscriptions,
            seen: Seen {
                webhooks: tally.good + tally.bad,
                answered_503: tally.answered_503,
                answered_401: tally.answered_401,
                took_seconds: (self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            },
        })
    }

    /// Stops Loghorn and the receivers.
    pub(crate) async fn stop(self) {
        self.app.stop().await;
        self.receivers.stop().await;
    }
}

/// Settings of its own: neither files nor the environment of whoever tries it count. Times go with the story's pace, so
/// that a circuit opens, probes and closes within it.
fn config(bind: SocketAddr, data: PathBuf, scenario: &Scenario) -> Config {
    let mut config = Config { bind, data, drain: Duration::from_secs(2), ..Config::default() };
    let loopback = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    config.egress.allow_private = vec![IpNet::V4(loopback)];
    let seconds = |seconds, least_ms| scenario.paced(Duration::from_secs(seconds), Duration::from_millis(least_ms));
    config.delivery.retry = Policy {
        backoff_base: seconds(1, 50),
        backoff_max: seconds(5, 200),
        attempts_max: ATTEMPTS_MAX,
        ..Policy::default()
    };
    config.delivery.breaker.open_for = seconds(6, 200);
    config.delivery.breaker.open_for_max = seconds(12, 400);
    config
}
