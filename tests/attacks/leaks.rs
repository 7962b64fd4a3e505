//! What is secret stays so, however much is logged.

use std::path::Path;

use serde_json::json;

use crate::support::{Loghorn, Mood, Receiver, until};

const OWN_SECRET: &str = "own-secret-8hV2mQz6Lk0Xw";
const AUTHORIZATION: &str = "token-3nR7cYp1Tf9Bs5Jd";
const QUERY: &str = "query-token-6gW4xEu8Ka2Zm";
const WRONG: &str = "wrong-key-1qD5vHo3Ni7Cr-of-32-characters";

/// The files below `folder` that hold `text`, but for the one that is there to hold it.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found.retain(|path| !path.ends_with("admin.key"));
    found
}

#[actix_rt::test]
async fn at_trace_level_nothing_secret_is_logged_or_stored() {
    let mut server = Loghorn::start_with(&["--auth", "required", "--log-level", "trace"], &[]).await;
    let (admin, receiver) = (server.admin_key(), Receiver::start(Mood::Answer(200, "")));
    let (status, made) = {
        let body = json!({"name": "app", "scope": "ingest"}).to_string();
        server.call_as(&admin, "POST", "/api/v1/keys", Some(body)).await
    };
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().unwrap().to_owned();
    let mut secrets = vec![admin.clone(), key.clone()];
    for secret in [None, Some(OWN_SECRET)] {
        let body = json!({"name": "n", "url": receiver.url(), "events": ["**"], "secret": secret,
            "headers": {"Authorization": format!("Bearer {AUTHORIZATION}")}});
        let (status, made) = server.call_as(&admin, "POST", "/api/v1/subscriptions", Some(body.to_string())).await;
        assert_eq!(status, 201, "{made}");
        secrets.push(made["secret"].as_str().unwrap().to_owned());
    }
    let event = Some(json!({"message": "x"}).to_string());
    for path in [format!("/api/v1/ingest?token={key}"), format!("/api/v1/ingest/shop?a=1&api_key={key}")] {
        assert_eq!(server.call_as("", "POST", &path, event.clone()).await.0, 200);
    }
    // What is refused is logged no more than what is taken.
    for (path, key) in [("/api/v1/events", WRONG), ("/api/v1/keys", WRONG), ("/api/v1/ingest", WRONG)] {
        assert!(matches!(server.call_as(key, "POST", path, event.clone()).await.0, 401 | 403));
    }
    for path in
        [format!("/api/v1/ingest?token={QUERY}"), format!("/api/v1/nothing?token={QUERY}"), format!("/docs?{QUERY}")]
    {
        server.call_as("", "POST", &path, event.clone()).await;
    }
    let broken = format!("{{\"name\": \"n\", \"secret\": \"{OWN_SECRET}\", \"headers\": [\"{AUTHORIZATION}\"]");
    assert_eq!(server.call_as(&admin, "POST", "/api/v1/subscriptions", Some(broken)).await.0, 400);
    until("all is delivered", 20, || async { receiver.count() == 4 }).await;
    let sent = receiver.arrived();
    assert!(sent.iter().all(|webhook| webhook.headers["authorization"].ends_with(AUTHORIZATION)));
    server.terminate();
    assert!(server.said("TRACE") > 0, "nothing was logged at trace level");
    secrets.extend([OWN_SECRET, AUTHORIZATION, QUERY, WRONG].map(str::to_owned));
    for secret in &secrets {
        // Of what has a beginning that everyone knows, the rest.
        let secret =
            secret.trim_start_matches("whsec_").trim_start_matches("lh_admin_").trim_start_matches("lh_ingest_");
        assert_eq!(server.said(secret), 0, "{secret} is in the log");
        assert_eq!(files_with(&server.data, secret), Vec::<String>::new(), "{secret} is on the disk");
    }
}
