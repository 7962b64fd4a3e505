//! A value inside an event picks the URL; each region has a queue and a circuit of its own, and holds up no other.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use support::{
    Loghorn, Mood, Receiver,
    cli::{cells, run},
    until,
};

fn of(region: Value, n: usize) -> Value {
    let id = format!("{}-{n}", region.as_str().unwrap_or("odd"));
    json!({"id": id, "level": "ERROR", "source": "shop", "metadata": {"region": region, "n": n}})
}

fn many(names: &[&str], n: usize) -> Value {
    (0..n).flat_map(|n| names.iter().map(move |name| of(json!(name), n))).collect()
}

/// The receivers of the subscription's own URL, of `eu` and of `us`.
fn receivers() -> [Receiver; 3] {
    [(); 3].map(|()| Receiver::start(Mood::Answer(200, "")))
}

fn regions([_, eu, us]: &[Receiver; 3]) -> Value {
    json!({"regions": {"by": "metadata.region", "urls": {"eu": eu.url(), "us": us.url()}}})
}

async fn subscribe(loghorn: &Loghorn, to: &[Receiver; 3], more: Value) -> (String, String) {
    let mut all = regions(to);
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    loghorn.subscribe(&to[0].url(), all).await
}

async fn send(loghorn: &Loghorn, events: &Value) {
    let (status, answer) = loghorn.post("/api/v1/events", events).await;
    assert_eq!(status, 202, "{answer}");
}

async fn patch(loghorn: &Loghorn, id: &str, change: Value) -> Value {
    let path = format!("/api/v1/subscriptions/{id}");
    let (status, changed) = loghorn.call("PATCH", &path, Some(change.to_string())).await;
    assert_eq!(status, 200, "{changed}");
    changed
}

async fn delivered(loghorn: &Loghorn, n: u64) {
    until("all is delivered", 60, async || loghorn.delivery_stats().await["delivered"] == n).await;
}

async fn circuit(loghorn: &Loghorn, id: &str) -> Value {
    loghorn.get(&format!("/api/v1/subscriptions/{id}/circuit")).await
}

fn counts(to: &[Receiver; 3]) -> [usize; 3] {
    [to[0].count(), to[1].count(), to[2].count()]
}

fn ids(receiver: &Receiver) -> BTreeSet<String> {
    receiver.arrived().iter().map(|webhook| webhook.id().to_owned()).collect()
}

/// How many deliveries a list holds.
async fn listed(loghorn: &Loghorn, query: &str) -> usize {
    loghorn.get(&format!("/api/v1/deliveries?limit=500&{query}")).await["items"].as_array().unwrap().len()
}

#[actix_rt::test]
async fn events_go_where_their_value_says_also_after_a_restart_and_a_change() {
    let (mut loghorn, to) = (Loghorn::start().await, receivers());
    let (id, secret) = subscribe(&loghorn, &to, json!({})).await;
    let values = [json!("eu"), json!("us"), json!("eu"), json!("mars"), Value::Null, json!(["eu"])];
    let mut events: Vec<Value> = values.into_iter().enumerate().map(|(n, value)| of(value, n)).collect();
    events.push(json!({"level": "ERROR", "message": "without a region"}));
    send(&loghorn, &json!(events)).await;
    delivered(&loghorn, 7).await;
    assert_eq!(counts(&to), [4, 2, 1]);
    for webhook in to.iter().flat_map(Receiver::arrived) {
        webhook.verify(&secret);
        assert_eq!(webhook.headers["host"], webhook_host(&loghorn, webhook.id()).await);
    }
    let webhook = &to[1].arrived()[0];
    let explained = format!("/api/v1/events/{}/explain?subscription={id}", webhook.event_id());
    assert_eq!(loghorn.get(&explained).await["subscriptions"][0]["delivery_id"], webhook.id());
    for (status, n) in [("", 7), ("&status=delivered", 7), ("&status=queued,retrying", 0), ("&code=200", 7)] {
        assert_eq!(listed(&loghorn, &format!("subscription={id}{status}")).await, n, "{status}");
    }
    // A test event goes to the subscription's own URL.
    let (_, tested) = loghorn.post(&format!("/api/v1/subscriptions/{id}/test"), &json!({})).await;
    until("the test arrives", 10, async || to[0].count() == 5).await;
    assert_eq!(to[0].arrived()[4].id(), tested["delivery_id"]);
    delivered(&loghorn, 8).await;

    loghorn.kill();
    loghorn.restart();
    send(&loghorn, &many(&["eu", "us"], 20)).await;
    // Three of them were there before.
    delivered(&loghorn, 45).await;
    assert_eq!(counts(&to), [5, 20, 20]);

    let moved = Receiver::start(Mood::Answer(200, ""));
    let changed = patch(&loghorn, &id, json!({"regions": {"urls": {"eu": moved.url(), "us": null}}})).await;
    assert_eq!(changed["regions"], json!({"by": "metadata.region", "urls": {"eu": moved.url()}}));
    send(&loghorn, &json!([of(json!("eu"), 100), of(json!("us"), 100)])).await;
    delivered(&loghorn, 47).await;
    assert_eq!((counts(&to), moved.count()), ([6, 20, 20], 1));
    patch(&loghorn, &id, json!({"regions": null})).await;
    send(&loghorn, &json!([of(json!("eu"), 101)])).await;
    delivered(&loghorn, 48).await;
    assert_eq!((to[0].count(), moved.count()), (7, 1));
    assert_eq!(listed(&loghorn, &format!("subscription={id}")).await, 48);
    loghorn.assert_ledger_balances().await;
}

/// Host and port of the URL that a delivery is shown with.
async fn webhook_host(loghorn: &Loghorn, id: &str) -> String {
    let delivery = loghorn.get(&format!("/api/v1/deliveries/{id}")).await;
    let url: url::Url = delivery["url"].as_str().unwrap().parse().unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

#[actix_rt::test]
async fn a_region_that_is_down_opens_its_circuit_alone_and_delays_no_other() {
    let (mut loghorn, to) = (Loghorn::start().await, receivers());
    to[1].set(Mood::Hang);
    let (id, _) = subscribe(&loghorn, &to, json!({"timeout": "500ms"})).await;
    send(&loghorn, &many(&["eu", "us", "mars"], 60)).await;
    delivered(&loghorn, 120).await;
    assert_eq!((to[0].count(), to[2].count()), (60, 60));
    until("eu trips", 20, async || circuit(&loghorn, &id).await["regions"]["eu"]["circuit"] == "open").await;
    let all = circuit(&loghorn, &id).await;
    assert_eq!((&all["circuit"], &all["regions"]["us"]["circuit"]), (&json!("closed"), &json!("closed")), "{all}");
    assert_eq!((&all["waiting"], &all["regions"]["eu"]["waiting"]), (&json!(0), &json!(60)));
    assert_eq!(loghorn.get(&format!("/api/v1/subscriptions/{id}")).await["circuit"], "open");
    let path = format!("/api/v1/subscriptions/{id}/circuit");
    let (status, refused) = loghorn.post(&path, &json!({"action": "open", "region": "mars"})).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/region")), "{refused}");
    assert_eq!(loghorn.post(&path, &json!({"action": "open", "region": "eu"})).await.0, 200);
    until("it is held", 10, async || circuit(&loghorn, &id).await["regions"]["eu"]["until"].is_null()).await;

    // A moment later that is kept.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(loghorn.terminate(), Some(0));
    loghorn.restart();
    until("it is recalled", 10, async || circuit(&loghorn, &id).await["regions"]["eu"]["circuit"] == "open").await;
    let before = to[1].count();
    send(&loghorn, &json!([of(json!("us"), 100), of(json!("eu"), 100)])).await;
    delivered(&loghorn, 121).await;
    assert_eq!(to[1].count(), before);
    let line = |region: &str| {
        let (text, _) = run(&loghorn, &["circuit", "list", "--all"]);
        let found = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        found.filter(|cells| cells[5] == region).map(|cells| cells[..4].join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(line("eu"), ["test open by hand 61"]);
    assert_eq!((line(""), line("us")), (vec!["test closed  0".to_owned()], vec!["test closed  0".to_owned()]));
    to[1].set(Mood::Answer(200, ""));
    assert_eq!(cells(&loghorn, &["circuit", "close", "test", "--region", "eu"])[1..], ["test", "closed"]);
    delivered(&loghorn, 182).await;
    assert_eq!(run(&loghorn, &["circuit", "open", "test"]).1, 0);
    let all = circuit(&loghorn, &id).await;
    assert!([&all, &all["regions"]["eu"], &all["regions"]["us"]].iter().all(|one| one["circuit"] == "open"), "{all}");
}

#[actix_rt::test]
async fn a_batch_holds_events_of_one_region() {
    let (loghorn, to) = (Loghorn::start().await, receivers());
    let batch = json!({"batch": {"max_events": 20, "max_wait": "2s"}});
    let (_, secret) = subscribe(&loghorn, &to, batch).await;
    send(&loghorn, &many(&["eu", "us", "mars"], 20)).await;
    delivered(&loghorn, 60).await;
    for (receiver, region) in to.iter().zip(["mars", "eu", "us"]) {
        for webhook in receiver.arrived() {
            webhook.verify(&secret);
            let events = webhook.json()["data"].as_array().unwrap().clone();
            assert!(events.iter().all(|event| event["metadata"]["region"] == region), "{events:?}");
        }
        assert!((1..20).contains(&receiver.count()), "{} webhooks to {region}", receiver.count());
    }
}

#[actix_rt::test]
async fn a_region_that_is_gone_is_left_alone_until_its_url_changes() {
    let (loghorn, to) = (Loghorn::start_with(&["--set", "breaker.open_for=1s"], &[]).await, receivers());
    to[1].set(Mood::Answer(410, ""));
    let (id, _) = subscribe(&loghorn, &to, json!({})).await;
    send(&loghorn, &json!([of(json!("eu"), 0)])).await;
    until("it is left alone", 10, async || circuit(&loghorn, &id).await["regions"]["eu"]["circuit"] == "open").await;
    send(&loghorn, &many(&["us", "eu"], 5)).await;
    delivered(&loghorn, 5).await;
    let stats = loghorn.delivery_stats().await;
    assert_eq!((&stats["failed"], &stats["queued"], to[1].count()), (&json!(1), &json!(4), 1), "{stats}");
    let shown = loghorn.get(&format!("/api/v1/subscriptions/{id}")).await;
    assert_eq!((&shown["state"], &shown["disabled_reason"]), (&json!("active"), &Value::Null));
    let dead = loghorn.get(&format!("/api/v1/dead-letters?subscription={id}")).await;
    assert_eq!((&dead["items"][0]["reason"], &dead["items"][0]["url"]), (&json!("gone"), &json!(to[1].url())));
    let moved = Receiver::start(Mood::Answer(200, ""));
    patch(&loghorn, &id, json!({"regions": {"urls": {"eu": moved.url()}}})).await;
    delivered(&loghorn, 9).await;
    assert_eq!((moved.count(), circuit(&loghorn, &id).await["regions"]["eu"]["circuit"].as_str()), (4, Some("closed")));
}

#[actix_rt::test]
async fn what_waits_for_a_region_that_is_no_more_goes_to_the_subscriptions_url() {
    let (loghorn, to) = (Loghorn::start().await, receivers());
    let (id, _) = subscribe(&loghorn, &to, json!({})).await;
    let pause = format!("/api/v1/subscriptions/{id}/pause");
    assert_eq!(loghorn.post(&pause, &json!({})).await.0, 200);
    send(&loghorn, &many(&["eu", "us", "mars"], 3)).await;
    until("all is queued", 10, async || loghorn.delivery_stats().await["queued"] == 9).await;
    let waiting = circuit(&loghorn, &id).await;
    assert_eq!((&waiting["waiting"], &waiting["regions"]["eu"]["waiting"]), (&json!(3), &json!(3)));
    assert_eq!(listed(&loghorn, &format!("subscription={id}&status=queued")).await, 9);
    patch(&loghorn, &id, json!({"regions": {"urls": {"eu": null}}})).await;
    assert_eq!(circuit(&loghorn, &id).await["regions"]["eu"]["waiting"], 3);
    assert_eq!(loghorn.post(&pause.replace("pause", "resume"), &json!({})).await.0, 200);
    delivered(&loghorn, 9).await;
    assert_eq!(counts(&to), [6, 0, 3]);
    assert_eq!(circuit(&loghorn, &id).await["regions"]["eu"], Value::Null);
}

#[actix_rt::test]
async fn deletion_cancels_what_waits_in_all_regions() {
    let (mut loghorn, to) = (Loghorn::start().await, receivers());
    to[..2].iter().for_each(|receiver| receiver.set(Mood::Answer(503, "")));
    let (id, _) = subscribe(&loghorn, &to, json!({})).await;
    send(&loghorn, &many(&["eu", "us", "mars"], 20)).await;
    delivered(&loghorn, 20).await;
    assert_eq!(loghorn.call("DELETE", &format!("/api/v1/subscriptions/{id}"), None).await.0, 204);
    until("all is cancelled", 20, async || loghorn.delivery_stats().await["cancelled"] == 40).await;
    for _ in 0..2 {
        let stats = loghorn.delivery_stats().await;
        assert_eq!((&stats["total_deliveries"], &stats["delivered"]), (&json!(60), &json!(20)), "{stats}");
        assert_eq!((&stats["cancelled"], &stats["failed"]), (&json!(40), &json!(0)), "{stats}");
        assert_eq!(cells(&loghorn, &["verify"]), ["balanced", "60", "0"]);
        assert_eq!(listed(&loghorn, &format!("subscription={id}&status=cancelled")).await, 40);
        loghorn.kill();
        loghorn.restart();
    }
    let before = counts(&to);
    send(&loghorn, &json!([of(json!("eu"), 100)])).await;
    until("it is routed", 10, async || {
        let stats = loghorn.get("/api/v1/stats").await;
        stats["event_stats"]["routed_seq"] == stats["event_stats"]["last_seq"]
    })
    .await;
    assert_eq!((counts(&to), listed(&loghorn, "").await), (before, 60));
}

#[actix_rt::test]
async fn dead_letters_of_a_region_go_there_again_with_the_same_id() {
    let (loghorn, to) = (Loghorn::start().await, receivers());
    to[1].set(Mood::Answer(404, ""));
    let (id, _) = subscribe(&loghorn, &to, json!({})).await;
    send(&loghorn, &many(&["eu", "us"], 10)).await;
    until("eu's are dead", 20, async || loghorn.delivery_stats().await["failed"] == 10).await;
    delivered(&loghorn, 10).await;
    let groups = loghorn.get(&format!("/api/v1/dead-letters/groups?subscription={id}")).await;
    let group = &groups["items"][0];
    assert_eq!(
        (&group["count"], &group["url"], &group["subscription_id"]),
        (&json!(10), &json!(to[1].url()), &json!(id))
    );
    let dead = ids(&to[1]);
    to[1].set(Mood::Answer(200, ""));
    let one = dead.first().unwrap();
    let (status, sent) = loghorn.post(&format!("/api/v1/deliveries/{one}/resend"), &json!({})).await;
    assert_eq!((status, &sent["origin"]), (202, &json!("replay")), "{sent}");
    delivered(&loghorn, 11).await;
    let filter = json!({"filter": {"subscription": id}});
    let (status, job) = loghorn.post("/api/v1/dead-letters/replay", &filter).await;
    assert_eq!(status, 202, "{job}");
    delivered(&loghorn, 20).await;
    assert_eq!((ids(&to[1]), to[1].count(), to[2].count()), (dead, 20, 10));
    assert_eq!(loghorn.delivery_stats().await["total_deliveries"], 20);
    loghorn.assert_ledger_balances().await;
}

async fn backfill(loghorn: &Loghorn, id: &str) -> Value {
    let (status, job) = loghorn.post(&format!("/api/v1/subscriptions/{id}/backfill"), &json!({"since": "1h"})).await;
    assert_eq!(status, 202, "{job}");
    let ended = loghorn.job_ended(&job).await;
    assert_eq!(ended["state"], "done", "{ended}");
    json!([ended["queued"], ended["skipped"]])
}

#[actix_rt::test]
async fn a_backfill_makes_none_twice_whatever_the_regions_were() {
    let (loghorn, to) = (Loghorn::start().await, receivers());
    send(&loghorn, &many(&["eu", "us", "mars"], 100)).await;
    let (id, _) = loghorn.subscribe(&to[0].url(), json!({})).await;
    send(&loghorn, &json!([of(json!("eu"), 1000)])).await;
    delivered(&loghorn, 1).await;
    patch(&loghorn, &id, regions(&to)).await;
    assert_eq!(backfill(&loghorn, &id).await, json!([300, 1]));
    delivered(&loghorn, 301).await;
    assert_eq!(counts(&to), [101, 100, 100]);
    assert!(to[1].arrived().iter().all(|webhook| webhook.json()["data"]["metadata"]["region"] == "eu"));
    patch(&loghorn, &id, json!({"regions": {"by": "source"}})).await;
    assert_eq!(backfill(&loghorn, &id).await, json!([0, 301]));
    patch(&loghorn, &id, json!({"regions": null})).await;
    assert_eq!(backfill(&loghorn, &id).await, json!([0, 301]));
    assert_eq!(
        (loghorn.delivery_stats().await["total_deliveries"].as_u64(), counts(&to)),
        (Some(301), [101, 100, 100])
    );
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_backfill_into_regions_goes_on_after_kill_9_and_counts_right() {
    let (mut loghorn, to) = (Loghorn::start().await, receivers());
    send(&loghorn, &many(&["eu", "us", "mars"], 1000)).await;
    let (id, _) = subscribe(&loghorn, &to, json!({})).await;
    let body = json!({"since": "1h", "rate": "1500/s"});
    let (status, job) = loghorn.post(&format!("/api/v1/subscriptions/{id}/backfill"), &body).await;
    assert_eq!(status, 202, "{job}");
    until("some arrive", 20, async || counts(&to).iter().sum::<usize>() >= 600).await;
    loghorn.kill();
    loghorn.restart();
    let ended = loghorn.job_ended(&job).await;
    delivered(&loghorn, 3000).await;
    assert_eq!((&ended["queued"], &ended["skipped"]), (&json!(3000), &json!(0)), "{ended}");
    // What was under way when it was killed is sent again, with the same id.
    assert_eq!(to.each_ref().map(|receiver| ids(receiver).len()), [1000; 3]);
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_region_that_is_down_holds_up_no_backfill_of_the_others() {
    let (loghorn, to) = (Loghorn::start().await, receivers());
    for n in 0..2 {
        let events: Vec<Value> = (0..500).flat_map(|m| ["eu", "us"].map(|name| of(json!(name), 500 * n + m))).collect();
        send(&loghorn, &json!(events)).await;
    }
    to[1].set(Mood::Answer(503, ""));
    let (id, _) = subscribe(&loghorn, &to, json!({})).await;
    assert_eq!(backfill(&loghorn, &id).await, json!([2000, 0]));
    delivered(&loghorn, 1000).await;
    assert_eq!((ids(&to[2]).len(), to[2].count(), to[0].count()), (1000, 1000, 0));
    assert_eq!(circuit(&loghorn, &id).await["regions"]["eu"]["waiting"], 1000);
}

#[actix_rt::test]
async fn urls_of_regions_are_checked_like_every_other_and_the_command_line_takes_them() {
    let loghorn = Loghorn::start().await;
    let urls = |url: &str| json!({"by": "metadata.region", "urls": {"eu": "http://127.0.0.1:9099/", "a/b": url}});
    let body =
        |regions: Value| json!({"name": "n", "url": "http://127.0.0.1:9099/", "events": ["**"], "regions": regions});
    for (regions, pointer) in [
        (urls("http://10.0.0.1/"), "/regions/urls/a~1b"),
        (urls("http://169.254.169.254/latest/meta-data"), "/regions/urls/a~1b"),
        (urls("ftp://example.com/"), "/regions/urls/a~1b"),
        (urls(""), "/regions/urls/a~1b"),
        (json!({"by": "region", "urls": {"eu": "http://127.0.0.1:9099/"}}), "/regions/by"),
        (json!({"by": "source", "urls": {}}), "/regions/urls"),
        (json!(["source", {"eu": "http://127.0.0.1:9099/"}]), "/regions"),
    ] {
        let (status, refused) = loghorn.post("/api/v1/subscriptions", &body(regions)).await;
        assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!(pointer)), "{refused}");
    }
    let create = ["sub", "create", "geo", "--url", "http://127.0.0.1:9099/", "--type", "**"];
    let regions = ["--region-by", "metadata.region", "--region", "eu=http://127.0.0.1:9098/x?y=z"];
    let made = cells(&loghorn, &[&create[..], &regions].concat());
    let shown = loghorn.get(&format!("/api/v1/subscriptions/{}", made[0])).await;
    let expected = json!({"by": "metadata.region", "urls": {"eu": "http://127.0.0.1:9098/x?y=z"}});
    assert_eq!((&shown["regions"], &shown["circuit"]), (&expected, &json!("closed")));
    assert!(run(&loghorn, &["sub", "get", "geo"]).0.contains("metadata.region"));
    // Each keeps its queue, so there may be so many in all its life: 64 at a time, four times.
    let path = format!("/api/v1/subscriptions/{}", made[0]);
    for (round, expected) in [(0, 200), (1, 200), (2, 200), (3, 200), (4, 422), (3, 200)] {
        let urls: Value = (0..64).map(|n| (format!("{round}-{n}"), json!("http://127.0.0.1:9099/"))).collect();
        let mut spec = body(json!({"by": "source", "urls": urls}));
        if round == 0 {
            spec["regions"]["urls"]["eu"] = json!("http://127.0.0.1:9099/");
            spec["regions"]["urls"].as_object_mut().unwrap().remove("0-63");
        }
        let (status, answer) = loghorn.call("PUT", &path, Some(spec.to_string())).await;
        assert_eq!(status, expected, "{answer}");
        assert!(status == 200 || answer["errors"][0]["pointer"] == "/regions/urls", "{answer}");
    }
    // On a change too.
    let change = json!({"regions": {"urls": {"3-63": null, "eu": "http://10.0.0.1/"}}}).to_string();
    let (status, refused) = loghorn.call("PATCH", &path, Some(change)).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/regions/urls/eu")), "{refused}");
}
