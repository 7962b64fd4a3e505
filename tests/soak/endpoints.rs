//! Receivers that misbehave, are down, come back, or fail for long, beside others that are well.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Loghorn, Seen,
    load::{self, Sent, quantile, steady, subscribe},
    mib, scaled,
    sink::{Arrival, HANGS, Sink},
    support::{
        Mood, Receiver,
        chaos::{self, Case},
        tls::Authority,
    },
    until,
};

/// R10: every way to misbehave, 500 events each.
pub async fn chaos(scale: f64) -> Seen {
    let (authority, trap) = (Authority::new(), Receiver::start(Mood::Answer(200, "")));
    let folder = tempfile::tempdir().unwrap();
    let server = chaos::server(&authority, folder.path()).await;
    let fds = server.fds();
    // What is needed for the first of each kind is no growth.
    chaos::run(&server, &Case::all(&authority, &trap), 2, 9).await;
    let cases = Case::all(&authority, &trap);
    let run = chaos::run(&server, &cases, scaled(60, scale, 6), 9).await;
    let mut seen = Seen::default();
    seen.note(format!("{} deliveries to {} ways to misbehave, each ended as it should", run.deliveries, cases.len()));
    seen.at_most("longest attempt after its time-out, ms", run.late.as_secs_f64() * 1e3, 500.0);
    seen.at_most("memory grew by MiB", mib(run.grown_bytes), 20.0);
    seen.exactly("connects to where a redirect led", trap.connections(), 0);
    chaos::until_closed(&server, fds + 2).await;
    seen.at_most("open files beyond those at the start", server.fds() as f64 - fds as f64, 2.0);
    seen
}

fn p99(arrivals: &[Arrival]) -> Duration {
    quantile(arrivals.iter().map(|arrival| arrival.took).collect(), 0.99)
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// How many of the accepted never arrived.
fn lost(sent: &Sent, arrivals: &[Arrival]) -> usize {
    let arrived: BTreeSet<u64> = arrivals.iter().map(|arrival| arrival.n).collect();
    sent.accepted.iter().filter(|n| !arrived.contains(n)).count()
}

/// R11: of 10,000 endpoints a twentieth refuses and a twentieth hangs; the others must not notice.
pub async fn sick_neighbours(scale: f64) -> Seen {
    const ROUNDS: usize = 3;
    let (all, rate) = (scaled(10_000, scale, 200), scaled(2000, scale.max(0.1), 200) as u64);
    let span = Duration::from_secs(scaled(40, scale, 10) as u64);
    let (sick, healthy) = (all / 10, all - all / 10);
    let epoch = Instant::now();
    let (well, hanging) = (Sink::start(200, epoch), Sink::start(HANGS, epoch));
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Loghorn::start().await;
    let url = {
        let (well, hanging) = (well.clone(), hanging.clone());
        move |n: usize| match n {
            n if n < healthy => well.url(n),
            n if n < healthy + sick / 2 => hanging.url(n),
            n => format!("http://{refusing}/e/{n}"),
        }
    };
    subscribe(&server, 0..all, url, json!({})).await;
    let (mut with, mut without, mut next) = (Vec::new(), Vec::new(), 0);
    let (mut sent, mut arrivals) = (Sent::default(), Vec::new());
    for round in 0..=ROUNDS {
        for others in [all, healthy] {
            // The healthy ones get as much in both.
            let (per_second, others) = (rate * others as u64 / all as u64, others as u64);
            let mut part = steady(server.addr, epoch, per_second, span, next, move |n| (n % others) as usize).await;
            next += 1_000_000_000;
            part.accepted.retain(|n| n % others < healthy as u64);
            load::arrived(&well, part.accepted.len(), 120).await;
            let arrived = well.take();
            // In the first round nobody is trusted yet, and every circuit has to open once.
            match (round, others == all as u64) {
                (0, _) => {}
                (_, true) => with.push(p99(&arrived)),
                (_, false) => without.push(p99(&arrived)),
            }
            sent.accepted.append(&mut part.accepted);
            sent.refused += part.refused;
            arrivals.extend(arrived);
        }
    }
    let (with, without) = (quantile(with, 0.5), quantile(without, 0.5));
    let mut seen = Seen::default();
    seen.note(format!(
        "{all} endpoints, {} refuse, {} hang; {} events to the healthy ones",
        sick / 2,
        sick / 2,
        sent.accepted.len()
    ));
    seen.at_most(
        &format!("p99 of the healthy with {:.1} ms ÷ without {:.1} ms", ms(with), ms(without)),
        ms(with) / ms(without),
        1.2,
    );
    seen.at_most("p99 with, less without, ms", ms(with) - ms(without), 50.0);
    seen.exactly("lost", lost(&sent, &arrivals), 0);
    seen.exactly("requests refused", sent.refused, 0);
    match shortest_pause(&hanging.take()) {
        Some(pause) => seen.at_least("shortest pause between probes of one that hangs, s", pause, 29.0),
        None => seen.note("too short for a second probe of one that hangs"),
    }
    seen.note(format!("memory {:.0} MiB", mib(server.rss())));
    server.assert_ledger_balances().await;
    seen
}

/// Between attempts of one endpoint, in seconds, once its circuit has opened: after the first five and those that were
/// in flight beside them.
fn shortest_pause(arrivals: &[Arrival]) -> Option<f64> {
    let mut by_endpoint = BTreeMap::<u32, Vec<Duration>>::new();
    for arrival in arrivals {
        by_endpoint.entry(arrival.endpoint).or_default().push(arrival.at);
    }
    let pauses =
        by_endpoint.values().flat_map(|at| at.windows(2).skip(6).map(|pair| (pair[1] - pair[0]).as_secs_f64()));
    pauses.min_by(f64::total_cmp)
}

/// R12: a thousand endpoints return at once with a backlog of a million; some have a rate limit.
pub async fn return_at_once(scale: f64) -> Seen {
    const LIMITED: usize = 50;
    const PER_SECOND: usize = 20;
    const OTHERS: usize = 10;
    let (endpoints, each) = (scaled(1000, scale.max(0.1), 100), scaled(1000, scale, 100));
    let epoch = Instant::now();
    let (sink, others) = (Sink::start(503, epoch), Sink::start(200, epoch));
    let args = ["--set", "breaker.open_for=10s", "--set", "breaker.open_for_max=10s"];
    let server = Loghorn::start_with(&args, &[]).await;
    subscribe(&server, 0..LIMITED, |n| sink.url(n), json!({"rate_limit": {"per_second": PER_SECOND}})).await;
    subscribe(&server, LIMITED..endpoints, |n| sink.url(n), json!({})).await;
    subscribe(&server, endpoints..endpoints + OTHERS, |n| others.url(n), json!({})).await;
    let backlog = (endpoints * each) as u64;
    load::bulk(server.addr, epoch, 0..backlog, move |n| n as usize % endpoints).await;
    until("all is queued and all circuits are open", 200, || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.delivery_stats().await["total_deliveries"] == backlog && circuits_open(&server).await == endpoints
    })
    .await;
    let span = Duration::from_secs(20);
    let to_others = move |n: u64| endpoints + n as usize % OTHERS;
    let mut next = backlog;
    let mut calm = Vec::new();
    // Less than their share of the attempts in flight, were all others busy.
    let quiet = steady(server.addr, epoch, 20, span, next, to_others).await;
    next += 1_000_000;
    load::arrived(&others, quiet.accepted.len(), 60).await;
    calm.extend(others.take());
    drop(sink.take());
    let began = Instant::now();
    let answer = Duration::from_millis(20);
    sink.set(200, answer);
    let busy = steady(server.addr, epoch, 20, span, next, to_others).await;
    load::arrived(&others, busy.accepted.len(), 60).await;
    let during = others.take();
    load::arrived(&sink, endpoints * each - 10 * endpoints, 600).await;
    until("all is delivered", 300, || async {
        let stats = server.delivery_stats().await;
        stats["queued"] == 0 && stats["retrying"] == 0 && stats["attempting"] == 0
    })
    .await;
    let took = began.elapsed();
    let mut by_endpoint = BTreeMap::<u32, Vec<Duration>>::new();
    for arrival in sink.take() {
        by_endpoint.entry(arrival.endpoint).or_default().push(arrival.at);
    }
    // Until the first answer there is one attempt, until the second three, until the third seven.
    let within = |at: &Vec<Duration>, span: Duration| at.iter().take_while(|later| **later < at[0] + span).count();
    let widest = |span: Duration| by_endpoint.values().map(|at| within(at, span)).max().unwrap_or(0);
    let limited = by_endpoint.iter().filter(|(endpoint, _)| (**endpoint as usize) < LIMITED);
    let second = |at: &Vec<Duration>| {
        (0..at.len()).map(|n| at[n..].iter().take_while(|t| **t < at[n] + Duration::from_secs(1)).count()).max()
    };
    let fastest = limited.filter_map(|(_, at)| second(at)).max().unwrap_or(0);
    let mut seen = Seen::default();
    seen.note(format!(
        "{endpoints} endpoints returned to {backlog} deliveries; drained in {:.0} s",
        took.as_secs_f64()
    ));
    seen.at_most("attempts of an endpoint before its first answer", widest(answer) as f64, 1.0);
    seen.at_most("before its second", widest(2 * answer) as f64, 3.0);
    seen.at_most("before its third", widest(3 * answer) as f64, 8.0);
    seen.at_most(
        "most in a second where 20 are allowed, with those saved up",
        fastest as f64,
        2.0 * PER_SECOND as f64 + 1.0,
    );
    let (before, with) = (p99(&calm), p99(&during));
    seen.at_most(
        &format!("p99 of others meanwhile {:.1} ms ÷ before {:.1} ms", ms(with), ms(before)),
        ms(with) / ms(before),
        1.5,
    );
    seen.exactly("lost by others", lost(&busy, &during), 0);
    server.assert_ledger_balances().await;
    seen
}

async fn circuits_open(server: &Loghorn) -> usize {
    let (_, metrics) = server.call("GET", "/metrics", None).await;
    let line = metrics.as_str().unwrap().lines().find_map(|line| line.strip_prefix("loghorn_circuits_open ")).unwrap();
    line.parse().unwrap()
}

/// R13: a receiver answers 500 for ten minutes.
pub async fn only_failures(scale: f64) -> Seen {
    const ATTEMPTS: usize = 10;
    const EACH: usize = 15;
    let subscriptions = 100;
    let epoch = Instant::now();
    let sink = Sink::start(500, epoch);
    // 1, 2, 4 … as by default at scale 1; no circuit, which would hold attempts back.
    let base = format!("delivery.backoff_base={}ms", scaled(1000, scale, 20));
    let args = ["--set", &base, "--set", "breaker.failures=60000", "--set", "breaker.open_for=1ms"];
    let server = Loghorn::start_with(&[&args[..], &["--set", "breaker.open_for_max=1ms"]].concat(), &[]).await;
    subscribe(&server, 0..subscriptions, |n| sink.url(n), json!({"retry": {"max_attempts": ATTEMPTS}})).await;
    let span = Duration::from_secs(scaled(60, scale, 5) as u64);
    let events = subscriptions * EACH;
    let per_second = (events as f64 / span.as_secs_f64()) as u64;
    let sent = steady(server.addr, epoch, per_second.max(1), span, 0, move |n| n as usize % subscriptions).await;
    let total = sent.accepted.len();
    until("all are given up", 800, || async { server.delivery_stats().await["failed"] == total }).await;
    let arrivals = sink.take();
    let mut attempts = BTreeMap::<u64, Vec<Duration>>::new();
    for arrival in &arrivals {
        attempts.entry(arrival.n).or_default().push(arrival.at);
    }
    let base_s = scaled(1000, scale, 20) as f64 / 1e3;
    let early = attempts.values().flat_map(|at| {
        at.windows(2).enumerate().map(move |(n, pair)| (pair[1] - pair[0]).as_secs_f64() / (base_s * f64::from(1 << n)))
    });
    let mut seen = Seen::default();
    seen.note(format!("{total} events failed for {:.0} s", epoch.elapsed().as_secs_f64()));
    let wrong = attempts.values().filter(|at| at.len() != ATTEMPTS).count();
    seen.exactly("events with other than 10 attempts", wrong + total - attempts.len(), 0);
    seen.at_least("shortest pause ÷ scheduled", early.fold(f64::INFINITY, f64::min), 0.79);
    let mut seconds = BTreeMap::<u64, usize>::new();
    for arrival in &arrivals {
        *seconds.entry(arrival.at.as_secs()).or_default() += 1;
    }
    let busiest = *seconds.values().max().unwrap() as f64;
    // While events come in: afterwards the schedule thins out by itself.
    let during = arrivals.iter().filter(|arrival| arrival.at < span).count() as f64 / span.as_secs_f64();
    seen.at_most("busiest second ÷ mean while events come in", busiest / during, 3.0);
    seen
}

/// R28: everything at once for long; the ledger balances every minute, memory and files do not grow.
pub async fn mixed(scale: f64) -> Seen {
    const MINUTES: usize = 20;
    let (authority, trap) = (Authority::new(), Receiver::start(Mood::Answer(200, "")));
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    authority.write(&roots);
    let server =
        Loghorn::start_in(&folder.path().join("data"), &[], &[("SSL_CERT_FILE", roots.to_str().unwrap())]).await;
    let epoch = Instant::now();
    let (well, flapping) = (Sink::start(200, epoch), Sink::start(200, epoch));
    let cases = Case::all(&authority, &trap);
    let types = 30;
    subscribe(&server, 0..10, |n| well.url(n), json!({})).await;
    subscribe(&server, 10..20, |n| flapping.url(n), json!({"retry": {"max_attempts": 4}})).await;
    let urls: Vec<String> = cases.iter().map(Case::url).collect();
    let last = 20 + urls.len().min(types * 3);
    subscribe(&server, 20..last, |n| urls[n - 20].clone(), json!({"timeout": "1s", "retry": {"max_attempts": 3}}))
        .await;
    let minutes = scaled(MINUTES, scale, 3);
    let (mut rss, mut fds, mut imbalances, mut sent) = (Vec::new(), Vec::new(), 0, Sent::default());
    for minute in 0..minutes {
        flapping.set(if minute % 2 == 0 { 200 } else { 503 }, Duration::from_millis(5));
        let first = 1_000_000 * minute as u64;
        let part = steady(server.addr, epoch, 300, Duration::from_secs(60), first, move |n| n as usize % last).await;
        sent.accepted.extend(part.accepted.into_iter().filter(|n| (*n as usize) % last < 10));
        sent.refused += part.refused;
        imbalances += usize::from(server.get("/api/v1/ledger").await["imbalance"] != 0);
        rss.push(server.rss());
        fds.push(server.fds());
    }
    load::arrived(&well, sent.accepted.len(), 60).await;
    let arrivals = well.take();
    let mut seen = Seen::default();
    seen.note(format!("{minutes} minutes of {} ways to misbehave beside healthy endpoints", cases.len() + 1));
    seen.exactly("minutes with a ledger that did not balance", imbalances, 0);
    seen.exactly("lost by the healthy", lost(&sent, &arrivals), 0);
    seen.exactly("requests refused", sent.refused, 0);
    seen.exactly("connects to where a redirect led", trap.connections(), 0);
    // The last third against the one before it: at first caches and buffers fill.
    let third = minutes / 3;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let slope =
        |values: Vec<f64>| mean(&values[minutes - third..]) - mean(&values[minutes - 2 * third..minutes - third]);
    seen.at_most("memory grew in the last third by MiB", slope(rss.iter().map(|bytes| mib(*bytes)).collect()), 10.0);
    seen.at_most("open files grew in the last third by", slope(fds.iter().map(|n| *n as f64).collect()), 10.0);
    seen.note(format!("p99 of the healthy {:.1} ms; memory {:.0} MiB", ms(p99(&arrivals)), mib(server.rss())));
    seen
}
