//! Finding the subscriptions of an event: the index against asking each subscription in turn, in the same run.
//!
//! `cargo bench --bench matching -- mixed` runs only the parts whose name holds the word. Times are for events whose
//! JSON is read already; what reading costs stands in a line of its own, and is paid once for an event by the whole of
//! Loghorn. Subscriptions and events are drawn with a fixed seed: see [`mixed`] for what they are like.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::{hint::black_box, sync::Arc, time::Instant};

use loghorn_domain::{
    Draft, EndpointNo, Event, Seq, Subscription, Timestamp,
    event::Limits,
    filter::Pool,
    matcher::{Compiled, Matcher, Scratch},
    secret::Secret,
    subscription::Spec,
};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events that are matched in one round.
const EVENTS: usize = 2000;
/// Rounds; the median counts.
const ROUNDS: usize = 5;
/// Of those, the ones that every subscription is asked about in turn: that takes milliseconds each.
const NAIVE_EVENTS: usize = 100;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    println!("{:<52} {:>10} {:>10} {:>8}  target", "figure", "measured", "ceiling", "ratio");
    if wanted("mixed") {
        for (n, target) in [(1_000, 3.0), (10_000, 10.0), (100_000, 25.0)] {
            mixed_case(n, target);
        }
    }
    if wanted("equality") {
        let filters = |n: usize| json!({"metadata": {"order_id": n}});
        let all = set(100_000, |n, _| json!({"events": ["shop.order.failed"], "filters": filters(n)}));
        let event = |n: usize| json!({"event_type": "shop.order.failed", "metadata": {"order_id": n * 50}});
        case("100k on one type, distinct equality, µs", &all, event, 2.0);
    }
    if wanted("thresholds") {
        let all = set(100_000, |n, _| json!({"events": ["**"], "filters": {"metadata": {"amount": {"gt": 100 + n}}}}));
        let event = |n: usize| json!({"event_type": "payment.done", "metadata": {"amount": 90 + n % 20}});
        case("100k on **, distinct thresholds, µs", &all, event, 6.0);
    }
    if wanted("regexes") {
        let source = |n: usize| json!({"source": format!("tenant-{}-(api|web)-[0-9]+", n % 1000)});
        let all = set(100_000, |n, _| json!({"events": ["**"], "filters": source(n)}));
        let event = |n: usize| json!({"event_type": "log.error", "source": format!("tenant-{}-api-{n}", n * 7 % 3000)});
        case("1000 source regexes over 100k, µs", &all, event, 30.0);
    }
    if wanted("change") {
        change();
    }
}

fn line(name: &str, measured: f64, ceiling: Option<f64>, target: &str) {
    match ceiling {
        Some(ceiling) => println!("{name:<52} {measured:>10.2} {ceiling:>10.1} {:>8.4}  {target}", measured / ceiling),
        None => println!("{name:<52} {measured:>10.2} {:>10} {:>8}  {target}", "", ""),
    }
}

fn mixed_case(n: usize, target: f64) {
    let before = resident();
    let all = set(n, mixed);
    let matcher = Matcher::new(all.iter().cloned());
    let bytes = (resident() - before) as f64 / n as f64;
    let events = events(mixed_event);
    let (mean, p99) = index(&matcher, &events);
    let name = format!("{n} mixed subscriptions, µs an event");
    line(&name, mean, Some(naive(&all, &events)), &format!("≤ {target}; ratio ≤ 0.01 at 100k"));
    let hits: usize = events.iter().map(|event| matcher.matches(event, &mut Scratch::default()).endpoints.len()).sum();
    line(&format!("{n} mixed: deliveries an event"), hits as f64 / events.len() as f64, None, "");
    line(&format!("{n} mixed: p99, µs"), p99, None, "≤ 50 at 100k");
    line(&format!("{n} mixed: memory of one with its index, bytes"), bytes, None, "≤ 1024");
    if n == 100_000 {
        let texts: Vec<(Event, String)> = events
            .into_iter()
            .map(|event| {
                let json = event.json();
                (event, json)
            })
            .collect();
        let began = Instant::now();
        texts.iter().for_each(|(_, json)| drop(black_box(serde_json::from_str::<Value>(json).unwrap())));
        line("reading an event's JSON, µs", micros(began) / texts.len() as f64, None, "");
    }
}

fn case(name: &str, all: &[Arc<Compiled>], event: impl Fn(usize) -> Value, target: f64) {
    let matcher = Matcher::new(all.iter().cloned());
    let events = events(|n, _| event(n));
    let (mean, p99) = index(&matcher, &events);
    line(name, mean, Some(naive(all, &events)), &format!("≤ {target}"));
    line("  its p99", p99, None, "");
    let hits: usize = events.iter().map(|event| matcher.matches(event, &mut Scratch::default()).endpoints.len()).sum();
    line("  its deliveries an event", hits as f64 / events.len() as f64, None, "");
}

/// One change among 100,000: from what was written to a snapshot that matches by it, the old one given up.
fn change() {
    let pool = Pool::default();
    let mut dice = Dice(7);
    let mut matcher = Matcher::new(set(100_000, mixed));
    let mut took: Vec<f64> = (0..2000)
        .map(|n| {
            let spec = spec(n, mixed(n * 31 % 100_000, &mut dice));
            let began = Instant::now();
            let one = compiled(n as u32 * 37 % 100_000, spec, &pool);
            matcher = matcher.with(one);
            micros(began)
        })
        .collect();
    took.sort_by(f64::total_cmp);
    line("one change among 100k, median, µs", took[took.len() / 2], None, "≤ 1000");
    line("one change among 100k, p99, µs", took[took.len() * 99 / 100], None, "≤ 1000");
    let began = Instant::now();
    black_box(Matcher::new(matcher.subscriptions().cloned()));
    line("the index of 100k made anew, ms", micros(began) / 1000.0, None, "");
}

/// Mean and 99th percentile of an event, in microseconds; of the rounds, the median.
fn index(matcher: &Matcher, events: &[Event]) -> (f64, f64) {
    let mut scratch = Scratch::default();
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let mut took: Vec<f64> = events
                .iter()
                .map(|event| {
                    let began = Instant::now();
                    black_box(matcher.matches(black_box(event), &mut scratch));
                    micros(began)
                })
                .collect();
            took.sort_by(f64::total_cmp);
            (took.iter().sum::<f64>() / took.len() as f64, took[took.len() * 99 / 100])
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    rounds[ROUNDS / 2]
}

/// Mean of asking each subscription in turn, in microseconds.
fn naive(all: &[Arc<Compiled>], events: &[Event]) -> f64 {
    let step = events.len() / NAIVE_EVENTS;
    let began = Instant::now();
    for event in events.iter().step_by(step) {
        black_box(all.iter().filter(|one| one.matches(black_box(event))).count());
    }
    micros(began) / NAIVE_EVENTS as f64
}

fn micros(began: Instant) -> f64 {
    began.elapsed().as_nanos() as f64 / 1000.0
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A generator with a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    /// Small numbers more often than large ones.
    fn skewed(&mut self, n: usize) -> usize {
        let (a, b) = (self.below(n), self.below(n));
        a.min(b)
    }
}

fn set(n: usize, draw: impl Fn(usize, &mut Dice) -> Value) -> Vec<Arc<Compiled>> {
    let pool = Pool::default();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    (0..n).map(|n| compiled(n as u32, spec(n, draw(n, &mut dice)), &pool)).collect()
}

fn spec(n: usize, mut json: Value) -> Spec {
    json["name"] = format!("Subscription {n}").into();
    json["url"] = format!("https://hooks.example.com/t/{n}").into();
    // By way of text, as it comes in: what is read from text holds no spare room.
    Spec::from_json(serde_json::from_str(&json.to_string()).unwrap()).unwrap()
}

fn compiled(endpoint: u32, spec: Spec, pool: &Pool) -> Arc<Compiled> {
    let (secret, now) = (Secret::generated([1; 32]), Timestamp::default());
    let subscription = Subscription::new(spec, EndpointNo(endpoint), secret, Seq(0), now);
    Arc::new(Compiled::new(subscription, pool).unwrap())
}

const REGIONS: [&str; 3] = ["eu", "us", "ap"];
const VERBS: [&str; 5] = ["created", "updated", "failed", "expired", "done"];

fn event_type(n: usize) -> String {
    format!("service{}.entity{}.{}", n / 25, n % 25 / 5, VERBS[n % 5])
}

/// What 100,000 tenants subscribe to: most to one of 500 types and an account of theirs, some to a whole service above
/// an amount, some to everything of one source or of a family of sources, some by message, region or expression.
fn mixed(n: usize, dice: &mut Dice) -> Value {
    let exact = event_type(dice.below(500));
    let account = json!(format!("acct_{n}"));
    let (events, filters) = match dice.below(100) {
        0..40 => (exact, json!({"metadata": {"account": account}})),
        40..52 => {
            (exact, json!({"source": format!("service{}-{}", dice.below(20), dice.below(50)), "min_level": "WARNING"}))
        }
        52..62 => (
            format!("service{}.**", dice.below(20)),
            json!({"metadata": {"amount": {"gt": 1000 + dice.below(1_000_000)}, "currency": "EUR"}}),
        ),
        62..72 => (
            exact,
            json!({"min_level": "ERROR", "metadata": {"region": REGIONS[dice.below(3)], "code": {"gte": 500 + dice.below(99)}}}),
        ),
        72..82 => ("**".into(), json!({"metadata": {"account": account, "amount": {"gte": 10}}})),
        82..87 => (
            "**".into(),
            json!({"source": format!("service{}-{}[0-9]", dice.below(20), dice.below(50)), "levels": ["CRITICAL"]}),
        ),
        87..91 => (exact, json!({"message": format!("E{:03}", dice.below(200)), "min_level": "ERROR"})),
        91..94 => (
            format!("service{}.*.failed", dice.below(20)),
            json!({"where": format!("@.metadata.amount > {} && @.metadata.region == 'eu'", 1000 * (5 + dice.below(20)))}),
        ),
        94..97 => (exact, json!({"any": [{"metadata": {"account": account}}, {"metadata": {"customer.id": n}}]})),
        _ => (
            exact,
            json!({"metadata": {"account": account}, "schedule": {"timezone": "Europe/Berlin", "days": ["mon-fri"], "from": "09:00", "to": "17:00"}}),
        ),
    };
    json!({"events": [events], "filters": filters})
}

/// About 400 bytes.
fn mixed_event(n: usize, dice: &mut Dice) -> Value {
    let kind = dice.skewed(500);
    let level =
        ["INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"][dice.below(10)];
    json!({
        "event_type": event_type(kind), "level": level, "source": format!("service{}-{}", kind / 25, dice.below(50)),
        "message": format!("E{:03} while handling the request of a customer", dice.below(1000)),
        "metadata": {
            "account": format!("acct_{}", dice.below(100_000)), "amount": dice.skewed(20_000), "currency": "EUR",
            "region": REGIONS[dice.below(3)], "code": 200 + dice.below(400),
            "customer": {"id": dice.below(100_000), "tier": "gold"}, "trace_id": format!("{n:032x}"), "host": "ip-10-1-2-3",
        },
    })
}

/// Events with their JSON read.
fn events(draw: impl Fn(usize, &mut Dice) -> Value) -> Vec<Event> {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    (0..EVENTS)
        .map(|n| {
            let draft = Draft::from_json(draw(n, &mut dice).to_string().as_bytes()).unwrap();
            let new = draft.seal(Timestamp::from_millis(1_790_000_000_000), Limits::default()).unwrap();
            let event = Event::new(Seq(n as u64 + 1), format!("e{n}").parse().unwrap(), new.head, new.tail);
            event.value();
            event
        })
        .collect()
}
