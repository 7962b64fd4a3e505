//! The built-in receiver: the one target on this machine that webhooks may go to without being opened. It verifies what
//! arrives by itself and answers as it is told.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::{Loghorn, event, until};

const RECEIVER: &str = "/api/v1/receiver";

async fn items(server: &Loghorn) -> Vec<Value> {
    server.get(RECEIVER).await["items"].as_array().unwrap().clone()
}

#[actix_rt::test]
async fn it_takes_webhooks_verifies_them_and_answers_as_told() {
    let server = Loghorn::start_closed(&[]).await;
    let url = server.get(RECEIVER).await["url"].as_str().unwrap().to_owned();
    server.subscribe(&url, json!({"name": "mine", "retry": {"max_attempts": 3}})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    until("it arrives", 20, || async { !items(&server).await.is_empty() }).await;
    let arrived = items(&server).await.remove(0);
    assert_eq!((&arrived["verified"], &arrived["answered"]), (&json!("yes"), &json!(200)));
    let body: Value = serde_json::from_str(arrived["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["data"]["id"], "test-ERROR-1");
    until("it is delivered", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;

    let set = async |answer: Value| server.call("PUT", RECEIVER, Some(json!({"answer": answer}).to_string())).await;
    assert_eq!(set(json!({"status": 410})).await.0, 200);
    server.post("/api/v1/events", &event("ERROR", 2)).await;
    until("it is dead", 20, || async { server.delivery_stats().await["failed"] == 1 }).await;
    assert_eq!(items(&server).await[0]["answered"], 410);
    for wrong in [json!({"status": 99}), json!({"status": 700}), json!("loud"), json!(200)] {
        assert_eq!(set(wrong.clone()).await.0, 422, "{wrong}");
    }
    // What somebody else sends is not taken for ours.
    assert_eq!(set(json!({"status": 204})).await.0, 200);
    let mut stream = std::net::TcpStream::connect(server.addr).unwrap();
    let head =
        "POST /receiver/hook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    std::io::Write::write_all(&mut stream, format!("{head}Content-Length: 15\r\n\r\n{{\"forged\":true}}").as_bytes())
        .unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204") && answer.ends_with("\r\n\r\n"), "it has a body: {answer}");
    assert_eq!(items(&server).await[0]["verified"], "unsigned");
    assert_eq!(server.call("DELETE", RECEIVER, None).await.0, 204);
    assert_eq!(server.get(RECEIVER).await["items"], json!([]));
}

#[actix_rt::test]
async fn nothing_else_of_this_machine_is_opened_with_it() {
    let server = Loghorn::start_closed(&[]).await;
    let url = server.get(RECEIVER).await["url"].as_str().unwrap().to_owned();
    let root = url.strip_suffix("/receiver/hook").unwrap();
    let port = server.addr.port();
    for other in [
        format!("{root}/api/v1/events"),
        format!("{root}/receiver/"),
        format!("{root}/receiver/hook/x"),
        format!("{root}/receiver/hook?x=1"),
        format!("{root}/receiver/../api/v1/keys"),
        format!("http://localhost:{port}/receiver/hook"),
        format!("http://[::1]:{port}/receiver/hook"),
        format!("https://127.0.0.1:{port}/receiver/hook"),
        "http://127.0.0.1:9/receiver/hook".into(),
    ] {
        let spec = json!({"name": "n", "url": other, "events": ["**"]});
        let (status, refused) = server.post("/api/v1/subscriptions", &spec).await;
        assert_eq!((status, refused["errors"][0]["pointer"].as_str()), (422, Some("/url")), "{other}: {refused}");
    }
}

#[actix_rt::test]
async fn webhooks_reach_it_also_where_a_key_is_needed() {
    let server = Loghorn::start_closed(&["--auth", "required"]).await;
    let admin = server.admin_key();
    let receiver = async || server.call_as(&admin, "GET", RECEIVER, None).await.1;
    let url = receiver().await["url"].clone();
    let spec = json!({"name": "mine", "url": url, "events": ["**"]}).to_string();
    assert_eq!(server.call_as(&admin, "POST", "/api/v1/subscriptions", Some(spec)).await.0, 201);
    server.call_as(&admin, "POST", "/api/v1/events", Some(event("ERROR", 1).to_string())).await;
    until("it arrives", 20, || async { receiver().await["items"][0]["verified"] == "yes" }).await;
    assert_eq!(server.call("GET", RECEIVER, None).await.0, 401);
}
