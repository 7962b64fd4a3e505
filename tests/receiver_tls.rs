//! TLS towards receivers whose subscriptions have their own: whom it trusts, and who it says that it is.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::{
    Loghorn, Mood, Receiver, cli,
    tls::{Authority, Pair},
    until,
};

const FAR: (i32, u8, u8) = (2099, 12, 31);
const MASK: &str = "••••";

fn own(authority: &Authority, pair: &Pair) -> Value {
    json!({"ca": authority.pem(), "certificate": pair.chain(), "key": pair.key()})
}

/// A receiver that only lets in whom `clients` knows.
fn strict(authority: &Authority, clients: &Authority) -> Receiver {
    Receiver::start_tls(Mood::Answer(200, ""), authority.issue("127.0.0.1", FAR).server(Some(clients)))
}

/// Sends an event of this type, and waits for what the first attempt of its only delivery came to.
async fn attempt(server: &Loghorn, event_type: &str, message: &str) -> Value {
    let event = json!({"event_type": event_type, "level": "ERROR", "message": message});
    let (status, sent) = server.post("/api/v1/events", &event).await;
    assert_eq!(status, 202, "{sent}");
    let path = format!("/api/v1/events/{}/deliveries", sent["id"].as_str().unwrap());
    let attempts = async || {
        let page = server.get(&path).await;
        let id = page["items"][0]["id"].as_str()?.to_owned();
        let delivery = server.get(&format!("/api/v1/deliveries/{id}")).await;
        delivery["attempt_log"].get(0).cloned()
    };
    until("an attempt is made", 20, || async { attempts().await.is_some() }).await;
    attempts().await.unwrap()
}

/// Makes a subscription to events of the type `name`; its path.
async fn subscribe(server: &Loghorn, name: &str, url: &str, tls: &Value) -> String {
    let spec = json!({"name": name, "events": [name], "tls": tls, "retry": {"max_attempts": 1}});
    format!("/api/v1/subscriptions/{}", server.subscribe(url, spec).await.0)
}

async fn assert_class(server: &Loghorn, event_type: &str, class: &str, words: &str) {
    let found = attempt(server, event_type, "card timeout").await;
    let error = found["error"].as_str().unwrap_or_default();
    assert!(found["class"] == class && error.contains(words), "{event_type}: {found}");
}

async fn patch(server: &Loghorn, path: &str, change: Value) -> (u16, Value) {
    server.call("PATCH", path, Some(change.to_string())).await
}

#[actix_rt::test]
async fn an_authority_of_its_own_is_trusted_instead_of_the_platforms() {
    let (platforms, own, other) = (Authority::new(), Authority::new(), Authority::named("another"));
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    platforms.write(&roots);
    let env = [("SSL_CERT_FILE", roots.to_str().unwrap())];
    let server = Loghorn::start_in(&folder.path().join("data"), &[], &env).await;
    let receiver =
        |authority: &Authority| Receiver::start_tls(Mood::Answer(200, ""), authority.certify("127.0.0.1", 2099));
    let (of_platform, of_own) = (receiver(&platforms), receiver(&own));
    let misnamed = Receiver::start_tls(Mood::Answer(200, ""), own.certify("other.example", 2099));
    let expired = Receiver::start_tls(Mood::Answer(200, ""), own.certify("127.0.0.1", 2021));
    let ca = |authority: &Authority| json!({"ca": authority.pem()});
    let both = json!({"ca": format!("{}{}", other.pem(), own.pem())});
    for (name, receiver, tls, class, words) in [
        ("a.own", &of_own, ca(&own), "ok", ""),
        ("a.bundle", &of_own, both, "ok", ""),
        ("a.none", &of_own, Value::Null, "tls", "unknown issuer"),
        ("a.other", &of_own, ca(&other), "tls", "unknown issuer"),
        ("a.platform", &of_platform, Value::Null, "ok", ""),
        ("a.empty", &of_platform, json!({}), "ok", ""),
        ("a.instead", &of_platform, ca(&own), "tls", "unknown issuer"),
        ("a.name", &misnamed, ca(&own), "tls", "another name"),
        ("a.expired", &expired, ca(&own), "tls", "expired"),
    ] {
        subscribe(&server, name, &receiver.url(), &tls).await;
        assert_class(&server, name, class, words).await;
    }
    assert_eq!((of_own.count(), of_platform.count(), misnamed.count(), expired.count()), (2, 2, 0, 0));
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_receiver_that_demands_client_certificates_gets_each_subscriptions_own() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let mut server = Loghorn::start().await;
    let receiver = strict(&authority, &clients);
    let (first, second) = (clients.issue("first.example", FAR), clients.issue("second.example", FAR));
    let stranger = strangers.issue("stranger.example", FAR);
    let one = subscribe(&server, "one", &receiver.url(), &own(&authority, &first)).await;
    subscribe(&server, "two", &receiver.url(), &own(&authority, &second)).await;
    subscribe(&server, "wrong", &receiver.url(), &own(&authority, &stranger)).await;
    subscribe(&server, "none", &receiver.url(), &json!({"ca": authority.pem()})).await;
    for _ in 0..5 {
        assert_class(&server, "one", "ok", "").await;
        assert_class(&server, "two", "ok", "").await;
    }
    let large = "x".repeat(200_000);
    for (name, words) in [("wrong", "client certificate"), ("none", "client certificate")] {
        assert_class(&server, name, "tls", words).await;
        // Why may be lost with a connection that is cut while much is being sent.
        let found = attempt(&server, name, &large).await;
        assert!(found["class"] == "tls" && found["error"].as_str().unwrap().contains(words), "{found}");
    }
    let shown = |name: &str, from: usize| {
        let of = |webhook: &support::receiver::Webhook| webhook.json()["type"] == name;
        let arrived = receiver.arrived().split_off(from);
        arrived.into_iter().filter(of).map(|webhook| webhook.from.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(shown("one", 0), vec![first.der().to_vec(); 5]);
    assert_eq!(shown("two", 0), vec![second.der().to_vec(); 5]);
    // Each kept its own connection.
    let before = receiver.connections();
    assert_class(&server, "one", "ok", "").await;
    assert_eq!(receiver.connections(), before);
    // A change holds from the next attempt on, whatever connection is still open.
    let third = clients.issue("third.example", FAR);
    let from = receiver.count();
    let (status, answer) =
        patch(&server, &one, json!({"tls": {"certificate": third.chain(), "key": third.key()}})).await;
    assert_eq!(status, 200, "{answer}");
    assert_class(&server, "one", "ok", "").await;
    assert_eq!(shown("one", from), vec![third.der().to_vec()]);
    // It lies sealed on the disk, and is there again after a crash.
    server.kill();
    server.restart();
    let from = receiver.count();
    assert_class(&server, "one", "ok", "").await;
    assert_class(&server, "two", "ok", "").await;
    assert_eq!((shown("one", from), shown("two", from)), (vec![third.der().to_vec()], vec![second.der().to_vec()]));
    assert_eq!(patch(&server, &one, json!({"tls": null})).await.0, 200);
    assert_class(&server, "one", "tls", "unknown issuer").await;
}

#[actix_rt::test]
async fn with_tls_1_2_it_is_the_same() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let server = Loghorn::start().await;
    let config = authority.issue("127.0.0.1", FAR).server_of(&[&rustls::version::TLS12], Some(&clients));
    let receiver = Receiver::start_tls(Mood::Answer(200, ""), config);
    subscribe(&server, "right", &receiver.url(), &own(&authority, &clients.issue("us.example", FAR))).await;
    subscribe(&server, "wrong", &receiver.url(), &own(&authority, &strangers.issue("us.example", FAR))).await;
    subscribe(&server, "none", &receiver.url(), &json!({"ca": authority.pem()})).await;
    assert_class(&server, "right", "ok", "").await;
    assert_class(&server, "wrong", "tls", "TLS").await;
    assert_class(&server, "none", "tls", "TLS").await;
    assert_eq!(receiver.count(), 1);
}

#[actix_rt::test]
async fn the_key_is_masked_and_the_mask_sent_back_means_as_it_was() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Loghorn::start().await;
    let receiver = strict(&authority, &clients);
    let us = clients.issue("us.example", FAR);
    let path = subscribe(&server, "one", &receiver.url(), &own(&authority, &us)).await;
    let shown = server.get(&path).await;
    let expected = json!({"ca": authority.pem(), "certificate": us.chain(), "key": MASK});
    assert_eq!(shown["tls"], expected);
    assert_eq!(server.get("/api/v1/subscriptions").await["items"][0]["tls"], expected);
    let mut again = shown.clone();
    again["description"] = "sent back".into();
    let (status, answer) = server.call("PUT", &path, Some(again.to_string())).await;
    assert_eq!((status, &answer["tls"]), (200, &expected), "{answer}");
    let (status, answer) = patch(&server, &path, json!({"tls": {"key": MASK}, "description": "and again"})).await;
    assert_eq!((status, &answer["tls"]), (200, &expected), "{answer}");
    assert_class(&server, "one", "ok", "").await;
    // Only a mask is kept, and only where there is something behind it.
    let other = clients.issue("other.example", FAR);
    let (status, answer) = patch(&server, &path, json!({"tls": {"certificate": other.chain(), "key": MASK}})).await;
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/tls/key")), "{answer}");
    let bare = subscribe(&server, "two", &receiver.url(), &Value::Null).await;
    let (status, answer) = patch(&server, &bare, json!({"tls": {"certificate": us.chain(), "key": MASK}})).await;
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/tls/key")), "{answer}");
    assert_class(&server, "one", "ok", "").await;
}

#[actix_rt::test]
async fn what_cannot_be_used_is_refused_when_it_is_saved() {
    let authority = Authority::new();
    let server = Loghorn::start().await;
    let (us, other, old) =
        (authority.issue("us", FAR), authority.issue("other", FAR), authority.issue("us", (2021, 1, 31)));
    let long = "x".repeat(70_000);
    let secret = us.key();
    let middle = &secret[60..90];
    for (tls, pointer, words) in [
        (json!({"ca": "no PEM"}), "/tls/ca", "no certificate"),
        (json!({"ca": us.key()}), "/tls/ca", "no certificate"),
        (json!({"ca": authority.pem().replace('M', "-")}), "/tls/ca", ""),
        (json!({"ca": long}), "/tls/ca", "64 KiB"),
        (json!({"certificate": us.chain()}), "/tls/key", "missing"),
        (json!({"key": us.key()}), "/tls/certificate", "missing"),
        (json!({"certificate": "no PEM", "key": us.key()}), "/tls/certificate", "no certificate"),
        (json!({"certificate": us.chain(), "key": "no PEM"}), "/tls/key", "no private key"),
        (json!({"certificate": us.chain(), "key": other.key()}), "/tls/key", "does not belong"),
        (
            json!({"certificate": us.chain(), "key": us.key().replace("PRIVATE", "ENCRYPTED PRIVATE")}),
            "/tls/key",
            "encrypted",
        ),
        (json!({"certificate": old.chain(), "key": old.key()}), "/tls/certificate", "expired at 2021-01-31"),
        (json!({"certificate": us.chain(), "key": 7}), "/tls/key", "PEM"),
        (json!({"cert": us.chain(), "key": us.key()}), "/tls/cert", "PEM"),
        (json!(us.key()), "/tls", "PEM"),
        (json!([us.key()]), "/tls", "object"),
    ] {
        let spec = json!({"name": "n", "url": "https://example.com/", "events": ["**"], "tls": tls});
        let (status, answer) = server.post("/api/v1/subscriptions", &spec).await;
        assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!(pointer)), "{answer}");
        assert!(answer["errors"][0]["detail"].as_str().unwrap().contains(words), "{answer}");
        assert!(!answer.to_string().contains(middle), "{answer}");
    }
    let plain = json!({"name": "n", "url": "http://127.0.0.1:8443/", "events": ["**"], "tls": own(&authority, &us)});
    let (status, answer) = server.post("/api/v1/subscriptions", &plain).await;
    assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/tls")), "{answer}");
    assert_eq!(server.get("/api/v1/subscriptions").await["items"], json!([]));
}

#[actix_rt::test]
async fn the_command_line_takes_files() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Loghorn::start().await;
    let receiver = strict(&authority, &clients);
    let folder = server.data.parent().unwrap();
    authority.write(&folder.join("ca.pem"));
    clients.issue("us.example", FAR).write(folder);
    let url = receiver.url();
    let create = ["sub", "create", "bank", "--url", &url, "--type", "bank", "--ca", "ca.pem"];
    let (_, code) = cli::run(&server, &[&create[..], &["--client-cert", "tls.crt"]].concat());
    assert_eq!(code, 2, "a certificate needs its key");
    let with_key = [&create[..], &["--client-cert", "tls.crt", "--client-key"]].concat();
    assert_eq!(cli::run(&server, &[&with_key[..], &["nowhere.key"]].concat()).1, 1);
    assert_eq!(cli::run(&server, &[&with_key[..], &["tls.crt"]].concat()).1, 5);
    assert_eq!(cli::cells(&server, &[&with_key[..], &["tls.key"]].concat())[1], "bank");
    assert_class(&server, "bank", "ok", "").await;
}

#[actix_rt::test]
async fn a_receiver_is_looked_at_before_its_subscription_is_saved() {
    let authority = Authority::new();
    let server = Loghorn::start().await;
    let check = async |body: Value| server.post("/api/v1/subscriptions/check", &body).await;
    let good = Receiver::start_tls(Mood::Answer(200, ""), authority.certify("127.0.0.1", 2099));
    let expired = Receiver::start_tls(Mood::Answer(200, ""), authority.certify("127.0.0.1", 2021));
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let ca = json!({"ca": authority.pem()});
    let (status, seen) = check(json!({"url": good.url(), "tls": ca, "secret": secret})).await;
    assert_eq!((status, &seen["class"], &seen["status_code"]), (200, &json!("ok"), &json!(200)), "{seen}");
    assert_eq!(
        (&seen["response"]["body"], &seen["certificate_expires_at"]),
        (&json!("ok"), &json!("2099-12-31T00:00:00.000Z"))
    );
    assert!(seen["tls_days"].as_i64().unwrap() > 20_000 && seen["phases"]["tls_ms"].is_number(), "{seen}");
    let webhook = good.arrived().remove(0);
    webhook.verify(secret);
    assert_eq!(
        (webhook.headers["webhook-origin"].as_str(), webhook.json()["type"].as_str()),
        ("test", Some("loghorn.test"))
    );
    let (_, seen) = check(json!({"url": expired.url(), "tls": ca})).await;
    assert_eq!((&seen["class"], &seen["status_code"]), (&json!("tls"), &Value::Null));
    assert!(seen["tls_days"].as_i64().unwrap() < -1000, "{seen}");
    let plain = Receiver::start(Mood::Answer(410, "gone"));
    let (_, seen) = check(json!({"url": plain.url(), "name": "x", "auth": {"type": "bearer", "token": "t0ken"}})).await;
    assert_eq!((&seen["class"], &seen["tls_days"]), (&json!("http_4xx"), &Value::Null));
    assert_eq!(plain.arrived()[0].headers["authorization"], "Bearer t0ken");
    for (wrong, pointer) in [
        (json!({}), "/url"),
        (json!({"url": "http://10.0.0.1/"}), "/url"),
        (json!({"url": plain.url(), "secret": "short"}), "/secret"),
        (json!({"url": plain.url(), "tls": ca}), "/tls"),
    ] {
        let (status, problem) = check(wrong.clone()).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{wrong}: {problem}");
    }
    // Nothing of it is kept.
    assert_eq!(server.get("/api/v1/subscriptions").await["items"], json!([]));
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], 0);
}

#[actix_rt::test]
async fn one_event_is_sent_to_a_url_that_is_being_written() {
    let server = Loghorn::start().await;
    let check = async |body: Value| server.post("/api/v1/subscriptions/check", &body).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let event = json!({
        "id": "evt_chosen", "event_type": "payment.processor.failure", "level": "ERROR", "source": "payment-service",
        "message": "card timeout", "metadata": {"amount": 1240}, "received_at": "2026-01-02T03:04:05Z", "seq": 7,
    });
    let (status, seen) = check(json!({"url": receiver.url(), "event": event})).await;
    assert_eq!((status, &seen["class"]), (200, &json!("ok")), "{seen}");
    let arrived = receiver.arrived().remove(0);
    let sent = arrived.json();
    assert_eq!(
        (&sent["type"], &sent["data"]["metadata"]["amount"], arrived.headers["webhook-origin"].as_str()),
        (&json!("payment.processor.failure"), &json!(1240), "test"),
        "{sent}"
    );

    // Of a saved one: what is not written is as there, and its secret signs.
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let saved = json!({
        "name": "desk", "url": receiver.url(), "events": ["payment.**"], "secret": secret,
        "auth": {"type": "bearer", "token": "t0ken"},
    });
    let (_, made) = server.post("/api/v1/subscriptions", &saved).await;
    let (status, seen) = check(json!({"subscription": made["id"], "event": event, "timeout": "5s"})).await;
    assert_eq!((status, &seen["class"]), (200, &json!("ok")), "{seen}");
    let webhook = receiver.arrived().pop().unwrap();
    webhook.verify(secret);
    assert_eq!(webhook.headers["authorization"], "Bearer t0ken");

    // Its token goes to no other host, and nothing is sent that is wrong.
    let other = Receiver::start(Mood::Answer(200, ""));
    for (wrong, status, pointer) in [
        (json!({"subscription": made["id"], "url": other.url()}), 422, "/auth"),
        (json!({"subscription": made["id"], "secret": secret}), 422, "/secret"),
        (json!({"url": other.url(), "event": {"level": "LOUD"}}), 422, "/event/level"),
        (json!({"url": other.url(), "event": 5}), 422, "/event"),
    ] {
        let (answered, problem) = check(wrong.clone()).await;
        assert_eq!((answered, &problem["errors"][0]["pointer"]), (status, &json!(pointer)), "{wrong}: {problem}");
    }
    assert_eq!(check(json!({"subscription": "sub_unknown", "event": event})).await.0, 404);
    assert!(other.arrived().is_empty());
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], 0);
}
