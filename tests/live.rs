//! The live socket: what happens is seen as it happens, failures always, by whoever may, and nobody who does not read
//! costs more than a bounded room.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use awc::{BoxedSocket, ws};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

type Socket = actix_codec::Framed<BoxedSocket, ws::Codec>;

async fn open(server: &Loghorn, query: &str, headers: &[(&str, &str)]) -> Result<Socket, String> {
    let url = server.url(&format!("/api/v1/ws{query}")).replacen("http", "ws", 1);
    let mut request = awc::Client::default().ws(url).protocols(["loghorn.v1"]);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (answer, socket) = request.connect().await.map_err(|error| format!("{error:?}"))?;
    assert_eq!(answer.headers().get("sec-websocket-protocol").unwrap(), "loghorn.v1");
    Ok(socket)
}

async fn say(socket: &mut Socket, command: Value) {
    socket.send(ws::Message::Text(command.to_string().into())).await.unwrap();
}

async fn watch(socket: &mut Socket, topics: &[&str]) {
    for topic in topics {
        say(socket, json!({"k": "sub", "d": {"topic": topic}})).await;
    }
}

/// The next envelope for which this holds, at most 20 s; pings are answered meanwhile.
async fn next(socket: &mut Socket, is_meant: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let frame = tokio::time::timeout(left, socket.next()).await.expect("nothing of that kind came");
        match frame.expect("the socket was closed").unwrap() {
            ws::Frame::Text(bytes) => {
                let envelope: Value = serde_json::from_slice(&bytes).unwrap();
                if is_meant(&envelope) {
                    return envelope;
                }
            }
            ws::Frame::Ping(bytes) => socket.send(ws::Message::Pong(bytes)).await.unwrap(),
            _ => {}
        }
    }
}

fn is(kind: &str) -> impl Fn(&Value) -> bool + '_ {
    move |envelope| envelope["k"] == kind
}

#[actix_rt::test]
async fn what_happens_is_seen_as_it_happens() {
    let server = Loghorn::start_with(&["--set", "breaker.failures=3"], &[]).await;
    let mut socket = open(&server, "", &[]).await.unwrap();
    let hello = next(&mut socket, is("hello")).await;
    assert_eq!((&hello["v"], &hello["seq"]), (&json!(1), &json!(1)));
    assert!(hello["d"]["version"].is_string());
    watch(&mut socket, &["stats", "bucket", "tail", "sub", "dlq", "attention"]).await;
    let stats = next(&mut socket, is("stats")).await;
    assert_eq!(stats["d"]["delivery_stats"]["success_rate"], Value::Null);

    let (well, ill) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(404, "")));
    let (id, _) = server.subscribe(&well.url(), json!({"name": "well"})).await;
    let made = next(&mut socket, is("sub")).await;
    assert_eq!((&made["d"]["change"], &made["d"]["id"]), (&json!("created"), &json!(id)));
    assert_eq!(made["d"]["subscription"]["name"], "well");
    let (ill_id, _) = server.subscribe(&ill.url(), json!({"name": "ill"})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    let is_row = |status: &'static str| {
        move |envelope: &Value| {
            let rows = envelope["d"]["rows"].as_array();
            rows.is_some_and(|rows| rows.iter().any(|row| row["status"] == status && row["event_type"] == "log.error"))
        }
    };
    // They may come in one frame.
    let first = next(&mut socket, |envelope| is_row("dead_letter")(envelope) || is_row("delivered")(envelope)).await;
    if !(is_row("dead_letter")(&first) && is_row("delivered")(&first)) {
        next(&mut socket, |envelope| is_row("dead_letter")(envelope) || is_row("delivered")(envelope)).await;
    }
    next(&mut socket, |envelope| envelope["k"] == "dlq" && envelope["d"]["total"] == 1).await;
    next(&mut socket, |envelope| envelope["k"] == "attention" && envelope["d"]["kind"] == "dead_letters").await;
    let bucket =
        next(&mut socket, |envelope| envelope["k"] == "bucket" && envelope["d"]["open"]["delivered"] == 1).await;
    assert_eq!(bucket["d"]["open"]["accepted"].as_u64().map(|n| n >= 1), Some(true));

    ill.set(Mood::Answer(503, ""));
    let events: Vec<Value> = (2..10).map(|n| event("ERROR", n)).collect();
    server.post("/api/v1/events", &events.into()).await;
    let is_open = |envelope: &Value| envelope["k"] == "attention" && envelope["d"]["kind"] == "circuit";
    let raised = next(&mut socket, is_open).await;
    assert_eq!((&raised["d"]["change"], &raised["d"]["subscription_id"]), (&json!("raise"), &json!(ill_id)));
    assert_eq!(server.call("DELETE", &format!("/api/v1/subscriptions/{ill_id}"), None).await.0, 204);
    next(&mut socket, |envelope| is_open(envelope) && envelope["d"]["change"] == "clear").await;
    say(&mut socket, json!({"k": "sub", "d": {"topic": "nothing"}})).await;
    next(&mut socket, is("error")).await;
}

#[actix_rt::test]
async fn failures_are_always_shown_and_successes_sampled() {
    let server = Loghorn::start_with(&["--set", "delivery.backoff_base=60s"], &[]).await;
    let receiver = Receiver::start(Mood::By(|webhook| match webhook.event_id().ends_with('7') {
        true => Mood::Answer(404, ""),
        false => Mood::Answer(200, ""),
    }));
    server.subscribe(&receiver.url(), json!({})).await;
    let mut socket = open(&server, "", &[]).await.unwrap();
    watch(&mut socket, &["tail"]).await;
    let events: Vec<Value> = (0..500).map(|n| event("ERROR", n)).collect();
    server.post("/api/v1/events", &events.into()).await;
    let (mut failed, mut delivered, mut seen) = (0, 0, 0);
    while failed < 50 {
        let frame = next(&mut socket, is("tail")).await;
        let rows = frame["d"]["rows"].as_array().unwrap();
        assert!(rows.len() <= 12, "{}", rows.len());
        failed += rows.iter().filter(|row| row["status"] == "dead_letter").count();
        delivered += rows.iter().filter(|row| row["status"] == "delivered").count();
        seen += frame["d"]["seen"].as_u64().unwrap();
    }
    until("all are delivered", 20, || async { server.delivery_stats().await["delivered"] == 450 }).await;
    assert!(delivered < 450, "{delivered}: nothing was left out");
    assert!(seen >= 400, "{seen}");
}

#[actix_rt::test]
async fn a_delivery_that_is_followed_is_told_at_every_attempt() {
    let server = Loghorn::start_with(&["--set", "delivery.backoff_base=400ms"], &[]).await;
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    let (_, tested) = server.post(&format!("/api/v1/subscriptions/{id}/test"), &json!({})).await;
    let mut socket = open(&server, "", &[]).await.unwrap();
    say(&mut socket, json!({"k": "sub", "d": {"topic": "delivery", "filter": {"ids": [tested["delivery_id"]]}}})).await;
    next(&mut socket, |envelope| envelope["k"] == "delivery" && envelope["d"]["attempts"].as_u64() >= Some(1)).await;
    receiver.set(Mood::Answer(200, ""));
    let done =
        next(&mut socket, |envelope| envelope["k"] == "delivery" && envelope["d"]["status"] == "delivered").await;
    assert_eq!(done["d"]["id"], tested["delivery_id"]);
    assert!(done["d"]["attempt_log"].as_array().unwrap().len() >= 2);
}

/// Recording takes longer than a look of the socket: the last attempt is told of all the same, for nothing follows it.
#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn a_delivery_that_is_followed_is_told_of_once_it_is_on_record() {
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", "settler::flush=sleep(700)")]).await;
    let receiver = Receiver::start(Mood::Slow(Duration::from_millis(500)));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    let mut socket = open(&server, "", &[]).await.unwrap();
    let (_, tested) = server.post(&format!("/api/v1/subscriptions/{id}/test"), &json!({})).await;
    say(&mut socket, json!({"k": "sub", "d": {"topic": "delivery", "filter": {"ids": [tested["delivery_id"]]}}})).await;
    next(&mut socket, |envelope| envelope["k"] == "delivery" && envelope["d"]["status"] == "delivered").await;
}

#[actix_rt::test]
async fn whoever_follows_others_while_some_are_read_is_told_of_them_too() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(server.post(&format!("/api/v1/subscriptions/{id}/test"), &json!({})).await.1["delivery_id"].clone());
    }
    until("all are delivered", 20, || async { server.delivery_stats().await["delivered"] == 40 }).await;
    let mut socket = open(&server, "", &[]).await.unwrap();
    // One after the other without a pause, so that each comes while the one before it is read.
    for id in &ids {
        socket
            .feed(ws::Message::Text(
                json!({"k": "sub", "d": {"topic": "delivery", "filter": {"ids": [id]}}}).to_string().into(),
            ))
            .await
            .unwrap();
    }
    socket.flush().await.unwrap();
    let last = ids.last().unwrap();
    next(&mut socket, |envelope| envelope["k"] == "delivery" && envelope["d"]["id"] == *last).await;
}

#[actix_rt::test]
async fn only_whoever_may_read_can_watch() {
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let admin = server.admin_key();
    let (_, made) = server.call_as(&admin, "POST", "/api/v1/keys", Some(r#"{"name":"r","scope":"read"}"#.into())).await;
    let (key_id, key) = (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned());
    let bearer = format!("Bearer {key}");
    let login =
        awc::Client::default().post(server.url("/api/v1/session")).send_json(&json!({"key": key})).await.unwrap();
    let cookie = login.headers().get("set-cookie").unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    let own = server.url("");
    let refused = async |headers: &[(&str, &str)]| open(&server, "", headers).await.err().unwrap();
    assert!(refused(&[]).await.contains("401"));
    for origin in ["https://evil.example", "null"] {
        for shown in [("cookie", cookie.as_str()), ("authorization", bearer.as_str())] {
            assert!(refused(&[shown, ("origin", origin)]).await.contains("403"), "{origin}");
        }
    }
    assert!(refused(&[("cookie", &cookie)]).await.contains("403"), "without an Origin");
    for headers in [&[("cookie", cookie.as_str()), ("origin", own.as_str())][..], &[("authorization", bearer.as_str())]]
    {
        next(&mut open(&server, "", headers).await.unwrap(), is("hello")).await;
    }
    let (_, ticket) = server.call_as(&key, "POST", "/api/v1/ws-ticket", Some("{}".into())).await;
    let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut socket = open(&server, &query, &[("origin", &own)]).await.unwrap();
    assert!(open(&server, &query, &[]).await.is_err(), "a second time");
    assert_eq!(server.said(ticket["ticket"].as_str().unwrap()), 0);
    // It ends with its key.
    let path = format!("/api/v1/keys/{key_id}");
    assert_eq!(server.call_as(&admin, "DELETE", &path, None).await.0, 204);
    let began = Instant::now();
    next(&mut socket, is("bye")).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn on_an_open_server_pages_of_other_sites_watch_nothing() {
    let server = Loghorn::start().await;
    assert!(open(&server, "", &[("origin", "https://evil.example")]).await.err().unwrap().contains("403"));
    assert!(open(&server, "", &[("host", "evil.example")]).await.err().unwrap().contains("403"));
    let plain = awc::Client::default().ws(server.url("/api/v1/ws").replacen("http", "ws", 1)).connect().await;
    assert!(format!("{:?}", plain.err().unwrap()).contains("400"), "without the subprotocol");
    open(&server, "", &[("origin", &server.url(""))]).await.unwrap();
}

#[actix_rt::test]
async fn clients_that_do_not_read_cost_little_and_are_told_what_they_missed() {
    let server = Loghorn::start_with(&["--set", "retention.events=1h"], &[]).await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    let mut sockets = Vec::new();
    for _ in 0..40 {
        let mut socket = open(&server, "", &[]).await.unwrap();
        watch(&mut socket, &["stats", "bucket", "tail", "attention", "job"]).await;
        sockets.push(socket);
    }
    let before = server.rss();
    let message = "x".repeat(3000);
    let began = Instant::now();
    for round in 0..20 {
        let events: Vec<Value> =
            (0..400).map(|n| json!({"id": format!("e{round}-{n}"), "level": "ERROR", "message": message})).collect();
        assert_eq!(server.post("/api/v1/events", &events.into()).await.0, 202);
    }
    until("all are dead", 120, || async { server.delivery_stats().await["failed"] == 8000 }).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = server.rss().saturating_sub(before) >> 20;
    support::say(&format!("40 sockets that nobody reads, {:?}: memory + {grown} MiB", began.elapsed()));
    // Their room, and what the deliveries themselves take.
    assert!(grown < 40 + 80, "memory grew by {grown} MiB");
    // Whoever reads again is told.
    next(&mut sockets.pop().unwrap(), is("lag")).await;
}
