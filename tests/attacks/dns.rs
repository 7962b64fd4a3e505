//! What name servers may answer: only allowed addresses are connected to, whatever a name said before.
//!
//! 127.0.0.2 stands for a public address, 127.0.0.1 for one inside.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Loghorn, Mood, Receiver,
    dns::{Answer, Dns},
    event, say, until,
};

/// The attacks of the list that are made here.
pub(crate) const MADE: [&str; 6] =
    ["dns-private", "dns-mixed", "dns-rebind", "dns-rebind-pool", "dns-flap", "dns-slow"];

const CLOSE: Mood = Mood::Answer(200, "Connection: close\r\n");

async fn server(dns: &Dns) -> Loghorn {
    let nameserver = dns.addr.to_string();
    let allowed = "egress.allow_private=127.0.0.2/32,127.0.1.0/24";
    let args = ["--nameserver", &nameserver, "--set", allowed, "--set", "breaker.failures=60000"];
    Loghorn::start_with(&args, &[]).await
}

/// A receiver at the public address, and a trap at the same port inside.
fn receivers(mood: Mood) -> (Receiver, Receiver) {
    loop {
        let trap = Receiver::start(Mood::Answer(200, ""));
        let addr = ([127, 0, 0, 2], trap.addr.port()).into();
        if let Some(receiver) = Receiver::start_at(addr, mood.clone()) {
            return (receiver, trap);
        }
    }
}

/// Subscribes a name to events of its own type.
async fn subscribe(server: &Loghorn, name: &str, port: u16, more: Value) {
    let mut spec = json!({"name": name, "events": [format!("to.{name}")]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.subscribe(&format!("http://{name}:{port}/hook?x=1"), spec).await;
}

/// Sends an event to a name and waits until its delivery was attempted `attempts` times; the delivery.
async fn deliver(server: &Loghorn, name: &str, attempts: u64) -> Value {
    let (status, accepted) = server.post("/api/v1/events", &json!({"event_type": format!("to.{name}")})).await;
    assert_eq!(status, 202, "{accepted}");
    let path = format!("/api/v1/events/{}/deliveries", accepted["id"].as_str().unwrap());
    let begun = Instant::now();
    loop {
        let page = server.get(&path).await;
        if page["items"][0]["attempts"].as_u64().is_some_and(|made| made >= attempts) {
            let id = page["items"][0]["id"].as_str().unwrap().to_owned();
            return server.get(&format!("/api/v1/deliveries/{id}")).await;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {page}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn assert_blocked(delivery: &Value, address: &str) {
    assert_eq!((&delivery["status"], &delivery["reason"]), (&json!("dead_letter"), &json!("blocked")), "{delivery}");
    let attempt = delivery["attempt_log"].as_array().unwrap().last().unwrap();
    assert_eq!(attempt["class"], "blocked");
    assert!(attempt["error"].as_str().unwrap().contains(address), "{attempt}");
}

#[actix_rt::test]
async fn a_name_for_something_inside_leads_nowhere() {
    let dns = Dns::start();
    let server = server(&dns).await;
    let (receiver, trap) = receivers(CLOSE);
    let port = receiver.addr.port();
    let inside = [
        ("10.0.0.5", "10.0.0.5"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("169.254.169.254", "169.254.169.254"),
        ("168.63.129.16", "168.63.129.16"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("64:ff9b::7f00:1", "127.0.0.1"),
        ("2002:7f00:1::", "6to4"),
        ("fd00:ec2::254", "fd00:ec2::254"),
    ];
    for (n, (ip, said)) in inside.into_iter().enumerate() {
        let name = format!("priv{n}.test");
        dns.set(&name, Answer::ips(&[ip]));
        subscribe(&server, &name, port, json!({})).await;
        assert_blocked(&deliver(&server, &name, 1).await, said);
        let alias = format!("alias{n}.test");
        dns.set(&alias, Answer::Alias("inside.test", vec![ip.parse().unwrap()]));
        subscribe(&server, &alias, port, json!({})).await;
        assert_blocked(&deliver(&server, &alias, 1).await, said);
    }
    // An alias is no fault by itself, and what is in a path stays there.
    dns.set("good.test", Answer::Alias("target.test", vec![[127, 0, 0, 2].into()]));
    let spec = json!({"name": "good", "events": ["to.good.test"]});
    server.subscribe(&format!("http://good.test:{port}/a%0d%0aX-Evil:%201"), spec).await;
    assert_eq!(deliver(&server, "good.test", 1).await["status"], "delivered");
    assert!(receiver.arrived()[0].headers.keys().all(|name| !name.contains("evil")), "{:?}", receiver.arrived());
    assert_eq!(receiver.arrived()[0].headers["host"], format!("good.test:{port}"));
    assert_eq!(trap.connections(), 0);
}

#[actix_rt::test]
async fn of_mixed_answers_only_the_public_address_is_tried() {
    let dns = Dns::start();
    let server = server(&dns).await;
    let (receiver, trap) = receivers(CLOSE);
    for (n, ips) in [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.2"]].iter().enumerate() {
        let name = format!("mix{n}.test");
        dns.set(&name, Answer::ips(ips));
        subscribe(&server, &name, receiver.addr.port(), json!({})).await;
        assert_eq!(deliver(&server, &name, 1).await["status"], "delivered");
    }
    // The public one refuses: that is a failure, and no reason to try the other.
    let trap_alone = Receiver::start(Mood::Answer(200, ""));
    dns.set("down.test", Answer::ips(&["127.0.0.2", "127.0.0.1", "::1"]));
    subscribe(&server, "down.test", trap_alone.addr.port(), json!({})).await;
    let delivery = deliver(&server, "down.test", 2).await;
    assert_eq!(delivery["attempt_log"][0]["class"], "connect", "{delivery}");
    assert_eq!((trap.connections(), trap_alone.connections()), (0, 0));
}

#[actix_rt::test]
async fn a_name_that_moves_inside_finds_nothing_open() {
    let dns = Dns::start();
    let server = server(&dns).await;
    let (receiver, trap) = receivers(CLOSE);
    let moving = || [Answer::ips(&["127.0.0.2"]), Answer::ips(&["127.0.0.1"])];
    dns.script("rb.test", moving());
    subscribe(&server, "rb.test", receiver.addr.port(), json!({})).await;
    assert_eq!(deliver(&server, "rb.test", 1).await["status"], "delivered");
    assert_blocked(&deliver(&server, "rb.test", 1).await, "127.0.0.1");
    assert_eq!((receiver.count(), trap.connections()), (1, 0));

    // While a connection is kept it leads where it led; a new one is judged anew.
    let (kept, trap) = receivers(Mood::Answer(200, ""));
    dns.script("rb2.test", moving());
    subscribe(&server, "rb2.test", kept.addr.port(), json!({})).await;
    for _ in 0..3 {
        assert_eq!(deliver(&server, "rb2.test", 1).await["status"], "delivered");
    }
    assert_eq!((kept.connections(), dns.asked("rb2.test")), (1, 1));
    kept.set(CLOSE);
    assert_eq!(deliver(&server, "rb2.test", 1).await["status"], "delivered");
    assert_blocked(&deliver(&server, "rb2.test", 1).await, "127.0.0.1");
    assert_eq!((kept.connections(), trap.connections()), (1, 0));
}

#[actix_rt::test]
async fn a_name_that_comes_back_is_delivered_to() {
    let dns = Dns::start();
    let server = server(&dns).await;
    let (receiver, _) = receivers(CLOSE);
    dns.script("fl.test", [Answer::NoSuchName, Answer::NoSuchName, Answer::ips(&["127.0.0.2"])]);
    subscribe(&server, "fl.test", receiver.addr.port(), json!({})).await;
    let delivery = deliver(&server, "fl.test", 3).await;
    assert_eq!(delivery["status"], "delivered", "{delivery}");
    let log = delivery["attempt_log"].as_array().unwrap();
    let classes: Vec<&str> = log.iter().map(|attempt| attempt["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["dns", "dns", "ok"]);
    assert!(log[0]["error"].as_str().unwrap().contains("no such name"), "{delivery}");
    assert!(log.iter().all(|attempt| attempt["phases"]["dns_ms"].is_number()), "{delivery}");
    // However it fails.
    for (n, (answer, said)) in
        [(Answer::Failure, "the name server says"), (Answer::ips(&[]), "no such name")].into_iter().enumerate()
    {
        let name = format!("ill{n}.test");
        dns.set(&name, answer);
        subscribe(&server, &name, receiver.addr.port(), json!({})).await;
        let delivery = deliver(&server, &name, 2).await;
        let attempt = &delivery["attempt_log"][0];
        assert!(attempt["class"] == "dns" && attempt["error"].as_str().unwrap().contains(said), "{attempt}");
        dns.set(&name, Answer::ips(&["127.0.0.2"]));
        let path = format!("/api/v1/deliveries/{}", delivery["id"].as_str().unwrap());
        until("it is delivered", 10, || async { server.get(&path).await["status"] == "delivered" }).await;
    }
}

#[actix_rt::test]
async fn a_name_server_that_is_silent_costs_its_own_endpoints_five_seconds_and_others_nothing() {
    let dns = Dns::start();
    let server = server(&dns).await;
    let (receiver, _) = receivers(CLOSE);
    const SLOW: usize = 60;
    let mut slow = Vec::new();
    for n in 0..SLOW {
        let name = format!("sl{n}.test");
        dns.set(&name, Answer::Silence);
        let (id, _) = server
            .subscribe(
                &format!("http://{name}:4444/"),
                json!({"name": name, "events": ["slow"], "retry": {"max_attempts": 1}}),
            )
            .await;
        slow.push(id);
    }
    dns.set("ok.test", Answer::ips(&["127.0.0.2"]));
    subscribe(&server, "ok.test", receiver.addr.port(), json!({})).await;
    // Of those that do not answer for one family the other is taken.
    dns.set("v4.test", Answer::SilentOnV6(vec![[127, 0, 0, 2].into()]));
    subscribe(&server, "v4.test", receiver.addr.port(), json!({})).await;
    let (threads, events) = (threads(&server), vec![json!({"event_type": "slow"}); 3]);
    assert_eq!(server.post("/api/v1/events", &json!(events)).await.0, 202);
    until("they are asked for", 10, || async { dns.asked("sl0.test") > 0 }).await;
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        for name in ["ok.test", "v4.test"] {
            let began = Instant::now();
            assert_eq!(deliver(&server, name, 1).await["status"], "delivered");
            longest = longest.max(began.elapsed());
        }
    }
    say(&format!("while {SLOW} names did not resolve others took {longest:?} at most"));
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert!(self::threads(&server) <= threads, "names that do not resolve hold threads");
    until("they are given up", 30, || async { server.delivery_stats().await["failed"] == SLOW * 3 }).await;
    for id in slow {
        let page = server.get(&format!("/api/v1/deliveries?subscription={id}")).await;
        for delivery in page["items"].as_array().unwrap() {
            let delivery = server.get(&format!("/api/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await;
            let attempt = &delivery["attempt_log"][0];
            let took = attempt["duration_ms"].as_f64().unwrap();
            assert!(attempt["class"] == "dns" && (4900.0..6000.0).contains(&took), "{attempt}");
        }
    }
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn the_time_out_of_an_attempt_counts_names_too() {
    let dns = Dns::start();
    let server = server(&dns).await;
    dns.set("sl.test", Answer::Silence);
    subscribe(&server, "sl.test", 4444, json!({"timeout": "500ms"})).await;
    let attempt = deliver(&server, "sl.test", 1).await["attempt_log"][0].clone();
    let took = attempt["duration_ms"].as_f64().unwrap();
    assert!(attempt["class"] == "dns" && (490.0..1500.0).contains(&took), "{attempt}");
}

#[actix_rt::test]
async fn of_very_many_addresses_eight_are_tried() {
    let dns = Dns::start();
    let server = server(&dns).await;
    // Too many for UDP.
    let many: Vec<String> = (1..=200).map(|n| format!("127.0.1.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (place, expected) in [(8, "delivered"), (9, "retrying")] {
        let receiver = Receiver::start_at(([127, 0, 1, place], 0).into(), CLOSE).unwrap();
        let name = format!("many{place}.test");
        dns.set(&name, Answer::ips(&many));
        subscribe(&server, &name, receiver.addr.port(), json!({})).await;
        let delivery = deliver(&server, &name, 1).await;
        assert_eq!(delivery["status"], expected, "{delivery}");
    }
    server.post("/api/v1/events", &event("INFO", 0)).await;
}

/// Threads of the server.
fn threads(server: &Loghorn) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count()
}
