//! Webhooks prove to their receivers who sends them: HTTP Basic, a bearer token, a header, or a token fetched from an
//! authorization server. What is secret in it is shown nowhere.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, receiver::Webhook, until};

const HUSH: &str = "hush-Qm4vT9xLr2Zs7Kw1";

async fn deliver(server: &Loghorn, receiver: &Receiver, n: usize) -> Webhook {
    let before = receiver.count();
    assert_eq!(server.post("/api/v1/events", &event("ERROR", n)).await.0, 202);
    until("it arrives", 20, || async { receiver.count() > before }).await;
    receiver.arrived().pop().unwrap()
}

fn granted(body: &str) -> Mood {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ";
    Mood::raw(format!("{head}{}\r\n\r\n{body}", body.len()))
}

#[actix_rt::test]
async fn credentials_go_out_and_are_never_shown() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let basic = json!({"type": "basic", "username": "loghorn", "password": HUSH});
    let (id, _) = server.subscribe(&receiver.url(), json!({"auth": basic})).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let sent = deliver(&server, &receiver, 1).await;
    // printf 'loghorn:hush-Qm4vT9xLr2Zs7Kw1' | base64
    assert_eq!(sent.headers["authorization"], "Basic bG9naG9ybjpodXNoLVFtNHZUOXhMcjJaczdLdzE=");
    let shown = server.get(&path).await;
    assert_eq!(shown["auth"], json!({"type": "basic", "username": "loghorn", "password": "••••"}));
    let delivery = format!("/api/v1/deliveries/{}", sent.id());
    until("it is recorded", 10, || async { server.get(&delivery).await["status"] == "delivered" }).await;
    let headers = &server.get(&delivery).await["attempt_log"][0]["request"]["headers"];
    assert_eq!(headers["authorization"], "••••");

    // What is shown may be sent back, whole or in part.
    assert_eq!(server.call("PUT", &path, Some(shown.to_string())).await.0, 200);
    let part = json!({"auth": {"username": "other"}}).to_string();
    assert_eq!(server.call("PATCH", &path, Some(part)).await.0, 200);
    // It goes only to whom it was given for, unless it is written again.
    let moved = "http://127.0.0.1:18999/hook";
    for change in [
        json!({"url": moved}),
        json!({"regions": {"by": "level", "urls": {"x": moved}}}),
        // What says nothing of the secret says nothing, whatever else it says.
        json!({"url": moved, "auth": {"token": null}}),
        json!({"url": moved, "auth": {"username": "other"}}),
    ] {
        let (status, problem) = server.call("PATCH", &path, Some(change.to_string())).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/auth")), "{change}: {problem}");
    }
    let elsewhere = json!({"name": "a", "url": moved, "events": ["**"], "auth": shown["auth"]});
    assert_eq!(server.call("PUT", &path, Some(elsewhere.to_string())).await.0, 422);
    assert_eq!(server.call("PATCH", &path, Some(json!({"url": receiver.url() + "/other"}).to_string())).await.0, 200);
    assert_eq!(server.call("PATCH", &path, Some(json!({"url": receiver.url()}).to_string())).await.0, 200);
    // Headers with a credential may be given up on the way.
    assert_eq!(server.call("PATCH", &path, Some(json!({"headers": {"X-Api-Key": HUSH}}).to_string())).await.0, 200);
    let drop_them = json!({"url": moved, "headers": null, "auth": null}).to_string();
    let other = server.subscribe(&receiver.url(), json!({"name": "other", "headers": {"X-Api-Key": HUSH}})).await.0;
    let other = format!("/api/v1/subscriptions/{other}");
    assert_eq!(server.call("PATCH", &other, Some(json!({"url": moved}).to_string())).await.0, 422);
    assert_eq!(server.call("PATCH", &other, Some(drop_them)).await.0, 200);
    assert_eq!(server.call("DELETE", &other, None).await.0, 204);
    assert_eq!(server.call("PATCH", &path, Some(json!({"headers": null}).to_string())).await.0, 200);
    server.kill();
    server.restart();
    let sent = deliver(&server, &receiver, 2).await;
    assert_eq!(sent.headers["authorization"], "Basic b3RoZXI6aHVzaC1RbTR2VDl4THIyWnM3S3cx");

    // Another kind, which has other members.
    let bearer = json!({"auth": {"type": "bearer", "token": HUSH}}).to_string();
    assert_eq!(server.call("PATCH", &path, Some(bearer)).await.0, 200);
    assert_eq!(deliver(&server, &receiver, 3).await.headers["authorization"], format!("Bearer {HUSH}"));
    let header = json!({"auth": {"type": "header", "name": "X-Hook-Key", "value": HUSH}}).to_string();
    assert_eq!(server.call("PATCH", &path, Some(header)).await.0, 200);
    let sent = deliver(&server, &receiver, 4).await;
    assert_eq!((sent.headers["x-hook-key"].as_str(), sent.headers.get("authorization")), (HUSH, None));
    assert_eq!(server.call("PATCH", &path, Some(json!({"auth": null}).to_string())).await.0, 200);
    assert!(!deliver(&server, &receiver, 5).await.headers.contains_key("x-hook-key"));
    assert_eq!(server.said(HUSH), 0);
}

#[actix_rt::test]
async fn credentials_that_cannot_be_sent_are_refused() {
    let server = Loghorn::start().await;
    for (auth, pointer) in [
        (json!({"type": "digest", "username": "u", "password": HUSH}), "/auth/type"),
        (json!({"type": "bearer"}), "/auth/token"),
        (json!(HUSH), "/auth"),
        (json!([HUSH]), "/auth"),
        (json!({"type": "bearer", "token": format!("{HUSH}\r\nX-Evil: 1")}), "/auth/token"),
        (json!({"type": "bearer", "token": "••••"}), "/auth/token"),
        (json!({"type": "header", "name": "Transfer-Encoding", "value": "chunked"}), "/auth/name"),
        (json!({"type": "header", "name": "webhook-signature", "value": "v1,AAAA"}), "/auth/name"),
        (
            json!({"type": "oauth2", "token_url": "http://169.254.169.254/token", "client_id": "c", "client_secret": HUSH}),
            "/auth/token_url",
        ),
    ] {
        let spec = json!({"name": "n", "url": "https://example.com/hook", "events": ["**"], "auth": auth});
        let (status, refused) = server.post("/api/v1/subscriptions", &spec).await;
        assert_eq!((status, refused["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{refused}");
        assert!(!refused.to_string().contains(HUSH), "{refused}");
    }
    assert_eq!(server.get("/api/v1/subscriptions").await["items"], json!([]));
    assert_eq!(server.said(HUSH), 0);
}

static FETCHED: AtomicUsize = AtomicUsize::new(0);

#[actix_rt::test]
async fn a_token_is_fetched_once_kept_and_renewed_when_it_is_refused() {
    let server = Loghorn::start().await;
    let authority = Receiver::start(Mood::By(|_| {
        let n = FETCHED.fetch_add(1, Ordering::Relaxed);
        granted(&json!({"access_token": format!("token-{n}"), "token_type": "Bearer", "expires_in": 3600}).to_string())
    }));
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let auth = json!({
        "type": "oauth2", "token_url": authority.url(), "client_id": "log horn", "client_secret": HUSH, "scope": "hooks",
    });
    let (id, _) = server.subscribe(&receiver.url(), json!({"auth": auth})).await;
    for n in 0..5 {
        assert_eq!(deliver(&server, &receiver, n).await.headers["authorization"], "Bearer token-0");
    }
    let asked = authority.arrived();
    assert_eq!(asked.len(), 1);
    assert_eq!(String::from_utf8_lossy(&asked[0].body), "grant_type=client_credentials&scope=hooks");
    // printf 'log+horn:hush-Qm4vT9xLr2Zs7Kw1' | base64
    assert_eq!(asked[0].headers["authorization"], "Basic bG9nK2hvcm46aHVzaC1RbTR2VDl4THIyWnM3S3cx");

    // The receiver forgot it: a new one is fetched, and the delivery succeeds in the same attempt.
    receiver.set(Mood::By(|webhook| match webhook.headers["authorization"] == "Bearer token-0" {
        true => Mood::Answer(401, ""),
        false => Mood::Answer(200, ""),
    }));
    let before = receiver.count();
    assert_eq!(server.post("/api/v1/events", &event("ERROR", 9)).await.0, 202);
    until("it arrives with the new one", 20, || async { receiver.count() >= before + 2 }).await;
    let sent = receiver.arrived().pop().unwrap();
    assert_eq!(sent.headers["authorization"], "Bearer token-1");
    let delivery = format!("/api/v1/deliveries/{}", sent.id());
    until("it is delivered", 10, || async { server.get(&delivery).await["status"] == "delivered" }).await;
    assert_eq!(server.get(&delivery).await["attempts"], 1);

    // One that refuses a fresh token too is asked no more.
    receiver.set(Mood::Answer(401, ""));
    let before = receiver.count();
    assert_eq!(server.post("/api/v1/events", &event("ERROR", 10)).await.0, 202);
    until("it is dead", 20, || async { server.delivery_stats().await["failed"] == 1 }).await;
    assert_eq!(receiver.count(), before + 2);
    let shown = server.get(&format!("/api/v1/subscriptions/{id}")).await;
    assert_eq!(shown["auth"]["client_secret"], "••••");
    assert_eq!(server.said(HUSH) + server.said("token-0"), 0);
}

#[actix_rt::test]
async fn without_a_token_nothing_is_sent_and_the_delivery_is_tried_again() {
    let server = Loghorn::start_with(&["--set", "delivery.backoff_base=200ms"], &[]).await;
    let body = r#"{"error": "invalid_client", "error_description": "hush-Qm4vT9xLr2Zs7Kw1 is wrong"}"#;
    let head = "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: ";
    let authority = Receiver::start(Mood::raw(format!("{head}{}\r\n\r\n{body}", body.len())));
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let auth = json!({
        "type": "oauth2", "token_url": authority.url(), "client_id": "c", "client_secret": HUSH, "client_auth": "post",
    });
    let (_, secret) = server.subscribe(&receiver.url(), json!({"auth": auth})).await;
    let (_, sent) = server.post("/api/v1/events", &event("ERROR", 1)).await;
    let deliveries = format!("/api/v1/events/{}/deliveries", sent["id"].as_str().unwrap());
    let error = async || -> Option<Value> {
        let id = server.get(&deliveries).await["items"][0]["id"].as_str()?.to_owned();
        let shown = server.get(&format!("/api/v1/deliveries/{id}")).await;
        Some(shown["attempt_log"][0]["error"].clone()).filter(|error| !error.is_null())
    };
    until("the first attempt failed", 20, || async { error().await.is_some() }).await;
    assert_eq!(error().await.unwrap(), "no token: the authorization server answered 401: invalid_client");
    assert_eq!(receiver.count(), 0);
    let form = String::from_utf8_lossy(&authority.arrived()[0].body).into_owned();
    assert_eq!(form, format!("grant_type=client_credentials&client_id=c&client_secret={HUSH}"));
    for wrong in [r#"{"access_token": 7}"#, "<html>", r#"{"access_token":"a\r\nb"}"#] {
        authority.set(granted(wrong));
        let before = authority.count();
        until("it is tried again", 20, || async { authority.count() > before }).await;
        assert_eq!(receiver.count(), 0, "{wrong}");
    }
    authority.set(granted(r#"{"access_token":"good","token_type":"bearer","expires_in":"60"}"#));
    until("it is delivered", 30, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    let webhook = receiver.arrived().pop().unwrap();
    webhook.verify(&secret);
    assert_eq!(webhook.headers["authorization"], "Bearer good");
    assert_eq!(server.said(HUSH), 0);
}
