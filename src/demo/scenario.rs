//! The shop's day: which event comes when, and when something goes wrong. Pure and seeded: one seed tells one story.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Map, Value, json};

/// How long the story takes when nobody says otherwise, in seconds; [`TURNS`] are told against it.
pub(crate) const LENGTH_SECONDS: f64 = 90.0;

/// What happens to the receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The supply chain's receiver answers 503.
    OutageBegins,
    /// It is well again.
    OutageEnds,
    /// The receiver for fraud answers 401 to the events from here on, which makes dead letters.
    RefusalBegins,
    /// It takes those from here on.
    RefusalEnds,
    /// It takes those in between, too, should somebody replay them.
    RefusalForgotten,
}

/// When, in seconds of a story of [`LENGTH_SECONDS`].
const TURNS: [(f64, Turn); 5] = [
    (20.0, Turn::OutageBegins),
    (50.0, Turn::OutageEnds),
    (70.0, Turn::RefusalBegins),
    (80.0, Turn::RefusalEnds),
    (85.0, Turn::RefusalForgotten),
];

/// One kind of event: how often it comes beside the others, what it is called, and what it says.
struct Kind {
    weight: u32,
    event_type: &'static str,
    level: &'static str,
    source: &'static str,
    /// The message and the metadata of its own.
    tell: fn(&mut SmallRng) -> (String, Value),
}

/// What a shop logs. Each type has one schema; beside its own members each has `region`.
const KINDS: [Kind; 13] = [
    Kind {
        weight: 12,
        event_type: "payment.processor.success",
        level: "INFO",
        source: "payment-service",
        tell: |dice| {
            let (amount, mut about) = payment(dice);
            about["processing_ms"] = dice.random_range(40..400).into();
            (format!("payment of {amount} captured"), about)
        },
    },
    Kind {
        weight: 10,
        event_type: "payment.processor.failure",
        level: "ERROR",
        source: "payment-service",
        tell: |dice| {
            let (amount, mut about) = payment(dice);
            let code = pick(dice, &["gateway_timeout", "processor_unavailable", "duplicate_transaction"]);
            about["error_code"] = code.into();
            (format!("payment of {amount} failed: {code}"), about)
        },
    },
    Kind {
        weight: 8,
        event_type: "payment.card.declined",
        level: "WARNING",
        source: "payment-service",
        tell: |dice| {
            let (amount, mut about) = payment(dice);
            let reason = pick(dice, &["insufficient_funds", "expired_card", "do_not_honor"]);
            about["decline_reason"] = reason.into();
            (format!("card declined for {amount}: {reason}"), about)
        },
    },
    Kind {
        weight: 5,
        event_type: "payment.fraud.alert",
        level: "CRITICAL",
        source: "fraud-detection",
        tell: |dice| {
            let (amount, mut about) = payment(dice);
            let score = dice.random_range(80..100);
            about["risk_score"] = score.into();
            (format!("risk score {score} on a payment of {amount}"), about)
        },
    },
    Kind {
        weight: 9,
        event_type: "inventory.stock.low",
        level: "WARNING",
        source: "inventory-service",
        tell: |dice| {
            let (sku, quantity) = (sku(dice), dice.random_range(1..10));
            (format!("{quantity} left of {sku}"), json!({"sku": sku, "quantity": quantity, "threshold": 10}))
        },
    },
    Kind {
        weight: 5,
        event_type: "inventory.stock.out",
        level: "ERROR",
        source: "inventory-service",
        tell: |dice| {
            let (sku, orders) = (sku(dice), dice.random_range(1..40));
            let about = json!({"sku": sku, "quantity": 0, "threshold": 10, "orders_waiting": orders});
            (format!("{sku} is sold out, {orders} orders wait"), about)
        },
    },
    Kind {
        weight: 6,
        event_type: "inventory.supplier.delay",
        level: "WARNING",
        source: "inventory-service",
        tell: |dice| {
            let (sku, days) = (sku(dice), dice.random_range(1..21));
            let supplier = pick(dice, &["northwind", "acme", "contoso"]);
            (
                format!("{supplier} delivers {sku} {days} days late"),
                json!({"sku": sku, "supplier": supplier, "delay_days": days}),
            )
        },
    },
    Kind {
        weight: 7,
        event_type: "auth.login.suspicious",
        level: "WARNING",
        source: "auth-service",
        tell: |dice| {
            let (user, reason) = (user(dice), pick(dice, &["new_device", "impossible_travel", "tor_exit"]));
            let ip = format!("203.0.113.{}", dice.random_range(1..255));
            (format!("suspicious login of {user}: {reason}"), json!({"user_id": user, "ip": ip, "reason": reason}))
        },
    },
    Kind {
        weight: 4,
        event_type: "auth.account.takeover",
        level: "CRITICAL",
        source: "auth-service",
        tell: |dice| {
            let (user, ip) = (user(dice), format!("198.51.100.{}", dice.random_range(1..255)));
            (format!("{user} seems taken over"), json!({"user_id": user, "ip": ip, "changed": ["email", "password"]}))
        },
    },
    Kind {
        weight: 4,
        event_type: "auth.volume.unusual",
        level: "WARNING",
        source: "auth-service",
        tell: |dice| {
            let per_minute = dice.random_range(900..5000);
            (format!("{per_minute} logins a minute"), json!({"per_minute": per_minute, "usual_per_minute": 300}))
        },
    },
    Kind {
        weight: 14,
        event_type: "api.response_time.measured",
        level: "INFO",
        source: "api-gateway",
        tell: |dice| {
            let (route, p95_ms) = (route(dice), dice.random_range(20..300));
            (format!("p95 of {route} is {p95_ms} ms"), json!({"route": route, "p95_ms": p95_ms}))
        },
    },
    Kind {
        weight: 9,
        event_type: "api.response_time.high",
        level: "WARNING",
        source: "api-gateway",
        tell: |dice| {
            let (route, p95_ms) = (route(dice), dice.random_range(800..6000));
            (format!("p95 of {route} is {p95_ms} ms"), json!({"route": route, "p95_ms": p95_ms, "limit_ms": 500}))
        },
    },
    Kind {
        weight: 7,
        event_type: "api.error_rate.high",
        level: "ERROR",
        source: "api-gateway",
        tell: |dice| {
            let (route, percent) = (route(dice), dice.random_range(5..40));
            (format!("{percent} % of {route} fail"), json!({"route": route, "error_percent": percent}))
        },
    },
];

/// Where the shop sells.
pub(crate) const REGIONS: [&str; 3] = ["eu", "us", "apac"];

fn pick<'a>(dice: &mut SmallRng, of: &[&'a str]) -> &'a str {
    of[dice.random_range(0..of.len())]
}

/// An amount, and what every payment has.
fn payment(dice: &mut SmallRng) -> (String, Value) {
    // A third are above 1000, which the filter for high values is about.
    let is_high = dice.random_bool(0.33);
    let cents: u32 = if is_high { dice.random_range(100_001..900_000) } else { dice.random_range(500..100_001) };
    let transaction = format!("tx_{:08x}", dice.random::<u32>());
    let method = pick(dice, &["visa", "mastercard", "paypal"]);
    let amount = f64::from(cents) / 100.0;
    (
        format!("{amount:.2} EUR"),
        json!({"transaction_id": transaction, "amount": amount, "currency": "EUR", "method": method}),
    )
}

fn sku(dice: &mut SmallRng) -> String {
    format!("SKU-{:04}", dice.random_range(1..500))
}

fn user(dice: &mut SmallRng) -> String {
    format!("user_{:05}", dice.random_range(1..20_000))
}

fn route(dice: &mut SmallRng) -> &'static str {
    pick(dice, &["/checkout", "/cart", "/search", "/orders"])
}

/// One event of the shop.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// Its type, hierarchical.
    pub(crate) event_type: &'static str,
    /// Its level, as Loghorn spells it.
    pub(crate) level: &'static str,
    source: &'static str,
    message: String,
    /// What it is about.
    pub(crate) metadata: Map<String, Value>,
}

impl Happening {
    /// Number `n` of the story that `seed` tells, from 0.
    pub(crate) fn new(seed: u64, n: u64) -> Self {
        // Each number has dice of its own, so that no event depends on how many came before it.
        let mut dice = SmallRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n));
        let total: u32 = KINDS.iter().map(|kind| kind.weight).sum();
        let mut at = dice.random_range(0..total);
        let kind = KINDS.iter().find(|kind| match at.checked_sub(kind.weight) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        let kind = kind.unwrap_or(&KINDS[0]);
        let (message, about) = (kind.tell)(&mut dice);
        let mut metadata = match about {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        metadata.insert("region".into(), pick(&mut dice, &REGIONS).into());
        let Kind { event_type, level, source, .. } = *kind;
        Self { event_type, level, source, message, metadata }
    }

    /// As it is sent, under the id of number `n`.
    pub(crate) fn body(&self, n: u64) -> Value {
        json!({
            "id": id(n), "event_type": self.event_type, "level": self.level, "source": self.source,
            "message": self.message, "metadata": self.metadata,
        })
    }
}

/// The id of event `n`.
pub(crate) fn id(n: u64) -> String {
    format!("shop-{n}")
}

/// The number of the event with this id.
pub(crate) fn number(id: &str) -> Option<u64> {
    id.strip_prefix("shop-")?.parse().ok()
}

/// A story: what comes when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// Which story.
    pub(crate) seed: u64,
    /// Events a second.
    pub(crate) rate: u32,
    /// How much faster than [`LENGTH_SECONDS`] it is told: 0.1 is ten times as fast.
    pub(crate) scale: f64,
}

impl Scenario {
    /// How many events have come by `elapsed`.
    pub(crate) fn due_by(&self, elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * f64::from(self.rate)).floor() as u64
    }

    /// A span of the story as it was written, at the pace of this one, and no shorter than `least`.
    pub(crate) fn paced(&self, span: Duration, least: Duration) -> Duration {
        span.mul_f64(self.scale).max(least)
    }

    /// The turns right before event `n`.
    pub(crate) fn turns_at(&self, n: u64) -> impl Iterator<Item = Turn> + use<> {
        let (scale, rate) = (self.scale, f64::from(self.rate));
        TURNS.into_iter().filter(move |(seconds, _)| (seconds * scale * rate).ceil() as u64 == n).map(|(_, turn)| turn)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn one_seed_tells_one_story() {
        let story = |seed| (0..300).map(|n| Happening::new(seed, n)).collect::<Vec<_>>();
        assert_eq!(story(7), story(7));
        assert_ne!(story(7), story(8));
    }

    #[test]
    fn every_kind_comes_about_as_often_as_it_should_and_always_looks_the_same() {
        let (mut counts, mut schemas) = (BTreeMap::new(), BTreeMap::new());
        for n in 0..13_000 {
            let one = Happening::new(1, n);
            *counts.entry(one.event_type).or_insert(0_u32) += 1;
            let members: Vec<String> = one.metadata.keys().cloned().collect();
            assert_eq!(
                schemas.entry(one.event_type).or_insert_with(|| members.clone()),
                &members,
                "{}",
                one.event_type
            );
            assert!(REGIONS.contains(&one.metadata["region"].as_str().unwrap()));
        }
        for kind in &KINDS {
            let expected = kind.weight * 130;
            assert!(counts[kind.event_type].abs_diff(expected) < expected / 5, "{}: {counts:?}", kind.event_type);
        }
    }

    #[test]
    fn turns_come_in_order_at_any_pace() {
        for (scale, rate) in [(1.0, 20), (10.0 / 90.0, 20), (10.0 / 90.0, 3)] {
            let scenario = Scenario { seed: 1, rate, scale };
            let length = scenario.due_by(Duration::from_secs_f64(LENGTH_SECONDS * scale));
            let turns: Vec<Turn> = (0..length).flat_map(|n| scenario.turns_at(n)).collect();
            assert_eq!(turns, TURNS.map(|(_, turn)| turn));
        }
    }

    #[test]
    fn ids_are_read_back() {
        assert_eq!((number(&id(42)), number("shop-x"), number("other-1")), (Some(42), None, None));
    }
}
