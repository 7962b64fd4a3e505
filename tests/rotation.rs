//! Signing secrets are replaced without a webhook that its receiver cannot verify, revealed to whoever may, and told of
//! before they end.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::secret::Secret;
use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, cli::run, event, receiver::Webhook, until};

/// Whether someone else's verifier takes the webhook with this secret.
fn is_signed(webhook: &Webhook, secret: &str) -> bool {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, webhook.headers[name].parse().unwrap());
    }
    let secret = Secret::own(secret.into()).unwrap();
    standardwebhooks::Webhook::new(&secret.as_whsec()).unwrap().verify(&webhook.body, &headers).is_ok()
}

async fn deliver(server: &Loghorn, receiver: &Receiver, n: usize) -> Webhook {
    let before = receiver.count();
    assert_eq!(server.post("/api/v1/events", &event("ERROR", n)).await.0, 202);
    until("it arrives", 20, || async { receiver.count() > before }).await;
    receiver.arrived().pop().unwrap()
}

async fn numbers(server: &Loghorn, path: &str) -> Vec<(u64, String)> {
    let page = server.get(path).await;
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| (item["number"].as_u64().unwrap(), item["state"].as_str().unwrap().to_owned())).collect()
}

#[actix_rt::test]
async fn both_secrets_sign_until_the_overlap_is_over() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, first) = server.subscribe(&receiver.url(), json!({})).await;
    let path = format!("/api/v1/subscriptions/{id}/secrets");
    assert_eq!(numbers(&server, &path).await, [(1, "present".into())]);
    let (status, made) = server.post(&format!("{path}/rotate"), &json!({"overlap": "6s"})).await;
    assert_eq!(status, 200, "{made}");
    let second = made["secret"].as_str().unwrap().to_owned();
    assert_eq!((&made["number"], &made["previous"][0]["number"]), (&json!(2), &json!(1)));
    let during = deliver(&server, &receiver, 1).await;
    assert!(is_signed(&during, &first) && is_signed(&during, &second));
    during.verify(&second);
    // Also after a crash.
    server.kill();
    server.restart();
    let during = deliver(&server, &receiver, 2).await;
    assert!(is_signed(&during, &second));
    assert_eq!(numbers(&server, &path).await[0], (2, "present".into()));
    // Told of before, and forgotten after.
    until("the end is told", 20, || async {
        server.get("/api/v1/events?type=loghorn.secret.expiring").await["items"].as_array().unwrap().len() == 1
    })
    .await;
    until("the first is forgotten", 20, || async { numbers(&server, &path).await.len() == 1 }).await;
    let after = deliver(&server, &receiver, 3).await;
    assert!(!is_signed(&after, &first) && is_signed(&after, &second));
    let (status, _) = server.post(&format!("{path}/1/reveal"), &json!({})).await;
    assert_eq!(status, 404);
}

#[actix_rt::test]
async fn a_secret_that_leaked_is_worth_nothing_at_once() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, first) = server.subscribe(&receiver.url(), json!({})).await;
    let rotate = format!("/api/v1/subscriptions/{id}/secrets/rotate");
    let rotated = async |body: Value| server.post(&rotate, &body).await;
    for n in 0..3 {
        let own = format!("a secret of my own, the {n}th");
        assert_eq!(rotated(json!({"overlap": "1h", "secret": own})).await.0, 200);
    }
    let (status, refused) = rotated(json!({})).await;
    assert_eq!(status, 409, "a receiver would lose its secret before the time: {refused}");
    let (status, made) = rotated(json!({"overlap": "0s"})).await;
    assert_eq!((status, &made["number"]), (200, &json!(5)), "{made}");
    let webhook = deliver(&server, &receiver, 1).await;
    assert!(is_signed(&webhook, made["secret"].as_str().unwrap()));
    assert!(!is_signed(&webhook, &first) && !is_signed(&webhook, "a secret of my own, the 2th"));
    for wrong in [json!({"secret": ""}), json!({"secret": "8 bytes."}), json!({"overlap": "721h"}), json!({"x": 1})] {
        let (status, refused) = rotated(wrong.clone()).await;
        assert_eq!(status, 422, "{wrong}: {refused}");
    }
    let (status, _) = server.call("POST", &rotate, Some("[]".into())).await;
    assert_eq!(status, 422);
}

#[actix_rt::test]
async fn what_was_signed_before_is_shown_with_the_secret_of_its_time() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    let webhook = deliver(&server, &receiver, 1).await;
    let shown = async || {
        let path = format!("/api/v1/deliveries/{}", webhook.id());
        until("it is recorded", 10, || async { server.get(&path).await["status"] == "delivered" }).await;
        let delivery = server.get(&path).await;
        delivery["attempt_log"][0]["request"]["headers"]["x-webhook-signature"].clone()
    };
    assert_eq!(shown().await, webhook.headers["x-webhook-signature"]);
    let rotate = format!("/api/v1/subscriptions/{id}/secrets/rotate");
    assert_eq!(server.post(&rotate, &json!({})).await.0, 200);
    assert_eq!(shown().await, webhook.headers["x-webhook-signature"]);
    assert_eq!(server.post(&rotate, &json!({"overlap": "0s"})).await.0, 200);
    assert_eq!(shown().await, Value::Null, "the secret of that time is gone, and another's is no answer");
}

#[actix_rt::test]
async fn the_command_line_rotates_and_reveals_and_the_audit_log_tells_it() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, first) = server.subscribe(&receiver.url(), json!({"name": "gw"})).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gw.secret").display().to_string();
    let (printed, code) = run(&server, &["sub", "secret", "rotate", "gw", "--overlap", "1h", "--secret-file", &file]);
    let second = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(code, 0);
    assert!(!printed.contains(&second), "{printed}");
    assert_eq!(run(&server, &["sub", "secret", "reveal", "gw"]), (format!("2\t{second}"), 0));
    assert_eq!(run(&server, &["sub", "secret", "reveal", "gw", "--number", "1"]), (format!("1\t{first}"), 0));
    assert_eq!(run(&server, &["sub", "secret", "reveal", "gw", "--number", "7"]).1, 3);
    let (listed, _) = run(&server, &["sub", "secrets", "list", "gw"]);
    assert_eq!(listed.lines().count(), 2);
    assert!(!listed.contains("whsec_"), "{listed}");
    let audit = server.get("/api/v1/audit").await;
    let reveals = audit["items"].as_array().unwrap().iter().filter(|entry| {
        entry["route"] == "/api/v1/subscriptions/{id}/secrets/{number}/reveal" && entry["target"] == id.as_str()
    });
    assert_eq!(reveals.count(), 3);
    for secret in [&first, &second] {
        assert!(!audit.to_string().contains(secret.as_str()));
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
    }
}

#[actix_rt::test]
async fn the_plain_signature_is_switched_off_by_null_and_a_new_secret_is_shown_for_standard_verifiers_too() {
    let server = Loghorn::start().await;
    let spec = json!({
        "name": "own", "url": "https://example.com/hook", "events": ["**"], "secret": "my-own-secret-0123",
        "signature_header": "X-Hub-Signature-256",
    });
    let (status, made) = server.post("/api/v1/subscriptions", &spec).await;
    assert_eq!((status, &made["secret"]), (201, &json!("my-own-secret-0123")));
    assert_eq!(made["whsec"], "whsec_bXktb3duLXNlY3JldC0wMTIz");
    // What was shown may be sent back, as another one too.
    let (status, copy) = server.post("/api/v1/subscriptions", &made).await;
    assert!(status == 201 && copy["id"] != made["id"] && copy["whsec"] == made["whsec"], "{status} {copy}");
    let path = format!("/api/v1/subscriptions/{}", made["id"].as_str().unwrap());
    let patch = async |body: Value| server.call("PATCH", &path, Some(body.to_string())).await;
    let (status, off) = patch(json!({"signature_header": null})).await;
    assert_eq!((status, &off["signature_header"]), (200, &Value::Null));
    let (_, other) = patch(json!({"description": "still off"})).await;
    assert_eq!((&other["signature_header"], other.get("whsec")), (&Value::Null, None));
}
