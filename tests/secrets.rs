//! Secrets are on no disk, in no log and in no answer but the one that gives them out; the master key that they are
//! sealed under changes under load, and without the right one nothing starts and nothing is changed.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::{Clock, Timestamp, secret::Secret, signing};
use loghorn_storage::{Store, rocks};
use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, loghorn, tls::Authority, until};

const OWN: &str = "my-own-secret-Zq7wX3kLp9";
const TOKEN: &str = "token-Vb4nM8tYr2Ks6Hd1";
const API_KEY: &str = "api-key-Jf5gC0uWx7Qe3Tz";
const PASSWORD: &str = "password-Yb6nD2sVk9Lm4Rh8";

/// Every form in which `secret` might lie somewhere: as it is, in hex, and in base64 wherever it begins there.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for shift in 0..3 {
        let encoded = STANDARD.encode([&b"\0\0"[..shift], secret].concat());
        // Without the ends, which depend on what stands before and after.
        let inner = encoded[4..encoded.len() - 4].to_owned();
        forms.push(inner.replace('+', "-").replace('/', "_").into_bytes());
        forms.push(inner.into_bytes());
    }
    forms
}

fn forms_of_all(secrets: &[&str]) -> Vec<Vec<u8>> {
    let keys = secrets.iter().filter_map(|secret| STANDARD.decode(secret.strip_prefix("whsec_")?).ok());
    let texts = secrets.iter().map(|secret| secret.as_bytes().to_vec());
    keys.chain(texts).flat_map(|secret| forms(&secret)).collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The files of the data directory and of folders in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(files(&entry.path())),
            // It may just have been removed.
            Ok(metadata) => {
                let bytes = fs::read(entry.path()).unwrap_or_default();
                found.insert(entry.path(), (bytes, metadata.modified().unwrap()));
            }
            Err(_) => {}
        }
    }
    found
}

fn assert_on_no_disk(data: &Path, secrets: &[Vec<u8>], when: &str) {
    for (path, (bytes, _)) in files(data) {
        let found = secrets.iter().find(|secret| holds(&bytes, secret));
        assert!(found.is_none(), "{when}: {} holds {}", path.display(), String::from_utf8_lossy(found.unwrap()));
    }
}

/// Asks for everything that can be read.
async fn assert_in_no_answer(server: &Loghorn, secrets: &[Vec<u8>]) {
    let document = server.get("/api/v1/openapi.json").await;
    let mut paths: Vec<String> = vec!["/api/v1/openapi.json".into(), "/".into(), "/docs/".into()];
    let mut ids = BTreeMap::new();
    for noun in ["events", "subscriptions", "deliveries", "jobs", "dead-letters"] {
        let page = server.get(&format!("/api/v1/{noun}")).await;
        let all = page["items"].as_array().unwrap().clone();
        ids.insert(noun, all.iter().filter_map(|item| Some(item["id"].as_str()?.to_owned())).collect::<Vec<_>>());
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        match path.split_once("{id}") {
            _ if methods.get("get").is_none() => {}
            None if path.ends_with("/stats/subscriptions") => {
                paths.push(format!("{path}?ids={}", ids["subscriptions"].join(",")))
            }
            None => paths.push(path.clone()),
            Some((before, after)) => {
                let noun = before.trim_end_matches('/').rsplit('/').next().unwrap();
                paths.extend(ids[noun].iter().map(|id| format!("{before}{id}{after}")));
            }
        }
    }
    assert!(paths.len() > 30, "too little is asked for: {paths:?}");
    for path in paths {
        let (status, answer) = server.call("GET", &path, None).await;
        assert!(status == 200 || path == "/", "{path}: {status} {answer}");
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        for secret in secrets {
            assert!(!holds(text.as_bytes(), secret), "{path} tells {}", String::from_utf8_lossy(secret));
        }
    }
}

/// Sends `n` events and waits until `receiver` got them, signed with `secret` and with the header that lets us in.
async fn assert_delivers(server: &Loghorn, receiver: &Receiver, secret: &str, n: usize) {
    let before = receiver.count();
    let events: Vec<Value> = (0..n).map(|n| json!({"level": "ERROR", "message": format!("line {n}")})).collect();
    assert_eq!(server.post("/api/v1/events", &events.into()).await.0, 202);
    until("all is delivered", 60, || async { receiver.count() >= before + n }).await;
    assert_signed(receiver, secret);
}

fn assert_signed(receiver: &Receiver, secret: &str) {
    let secret = Secret::own(secret.into()).unwrap();
    for webhook in receiver.arrived() {
        let signature = &webhook.headers["x-webhook-signature"];
        assert_eq!(signing::verify_plain(&secret, signature, &webhook.body), Ok(()));
        assert_eq!(webhook.headers["authorization"], format!("Bearer {TOKEN}"));
    }
}

fn headers() -> Value {
    json!({"Authorization": format!("Bearer {TOKEN}"), "X-Api-Key": API_KEY})
}

#[actix_rt::test]
async fn no_secret_is_found_on_the_disk_in_logs_or_in_answers() {
    let mut server = Loghorn::start_with(&["--log-level", "trace"], &[]).await;
    let (well, ill) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(500, "")));
    let own = json!({"name": "well-known-name", "secret": OWN, "headers": headers()});
    let (id, _) = server.subscribe(&well.url(), own).await;
    let more = json!({"headers": headers(), "retry": {"max_attempts": 2}});
    let (_, generated) = server.subscribe(&ill.url(), more).await;
    let auth = json!({"type": "basic", "username": "u", "password": PASSWORD});
    let (rotated, earlier) = server.subscribe(&well.url(), json!({"name": "rotated", "auth": auth})).await;
    let rotate = format!("/api/v1/subscriptions/{rotated}/secrets/rotate");
    let newer = server.post(&rotate, &json!({"overlap": "24h"})).await.1["secret"].as_str().unwrap().to_owned();
    assert_eq!(server.call("DELETE", &format!("/api/v1/subscriptions/{rotated}"), None).await.0, 204);
    let (kept, _) = server.subscribe(&ill.url(), json!({"name": "kept", "auth": auth})).await;
    let admin = server.admin_key();
    let pass = server.call_as(&admin, "POST", "/api/v1/session/link", Some("{}".into())).await.1["token"].clone();
    let secrets = [OWN, TOKEN, API_KEY, PASSWORD, &generated, &earlier, &newer, pass.as_str().unwrap()];
    let us = Authority::new().issue("us.example", (2099, 12, 31));
    let key = us.key();
    let tls = json!({"certificate": us.chain(), "key": key});
    let more = json!({"headers": headers(), "tls": tls, "retry": {"max_attempts": 2}});
    let (mutual, _) = server.subscribe(&ill.url().replace("http:", "https:"), more).await;
    // The lines of the PEM; of the key itself what begins after the form, and is the same in every encoding of it.
    let lines: Vec<&str> = key.lines().filter(|line| !line.starts_with("--")).collect();
    let mut secrets = forms_of_all(&[&secrets, &lines[..]].concat());
    secrets.extend(forms(&STANDARD.decode(lines.concat()).unwrap()[36..68]));
    // Still in the write-ahead log alone, which is never compressed: so the search would find what is there.
    let is_known = files(&server.data).values().any(|(bytes, _)| holds(bytes, b"well-known-name"));
    assert!(is_known, "the search finds nothing at all");
    assert_on_no_disk(&server.data, &secrets, "after the creation");
    // What is refused, too.
    let wrong = json!({"auth": {"type": PASSWORD}}).to_string();
    let (status, answer) = server.call("PATCH", &format!("/api/v1/subscriptions/{kept}"), Some(wrong)).await;
    assert!(status == 422 && !answer.to_string().contains(PASSWORD), "{answer}");
    for wrong in [
        json!({"headers": format!("Bearer {TOKEN}")}),
        json!({"secret": OWN}),
        json!({"tls": key}),
        json!({"tls": {"kye": key}}),
        json!({"tls": {"ca": key}}),
        json!({"tls": {"certificate": key, "key": key}}),
    ] {
        let (status, answer) =
            server.call("PATCH", &format!("/api/v1/subscriptions/{id}"), Some(wrong.to_string())).await;
        assert_eq!(status, 422, "{answer}");
        for secret in [TOKEN, OWN, lines[1]] {
            assert!(!answer.to_string().contains(secret), "{answer}");
        }
    }
    assert_delivers(&server, &well, OWN, 5).await;
    // Not all of them: its circuit opens before.
    until("one that fails is a dead letter", 60, || async {
        !server.get("/api/v1/dead-letters").await["items"].as_array().unwrap().is_empty()
    })
    .await;
    assert_on_no_disk(&server.data, &secrets, "after deliveries");
    server.kill();
    assert_on_no_disk(&server.data, &secrets, "after a kill");
    server.restart();
    assert_delivers(&server, &well, OWN, 5).await;
    let change = json!({"description": "changed", "headers": {"X-Api-Key": "••••"}});
    let (status, _) = server.call("PATCH", &format!("/api/v1/subscriptions/{id}"), Some(change.to_string())).await;
    assert_eq!(status, 200);
    let change = json!({"description": "changed", "tls": {"key": "••••"}});
    let (status, _) = server.call("PATCH", &format!("/api/v1/subscriptions/{mutual}"), Some(change.to_string())).await;
    assert_eq!(status, 200);
    assert_delivers(&server, &well, OWN, 1).await;
    assert_eq!(server.terminate(), Some(0));
    assert_on_no_disk(&server.data, &secrets, "after a stop");
    server.restart();
    assert_in_no_answer(&server, &secrets).await;
    for secret in secrets.iter().filter_map(|secret| std::str::from_utf8(secret).ok()) {
        assert_eq!(server.said(secret), 0, "the log tells {secret}");
    }
    assert!(server.said("TRACE") > 100, "nothing was traced");
}

/// The store of a server that was stopped, to be changed by hand.
fn store(data: &Path) -> Store {
    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_700_000_000_000)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }
    rocks::open(rocks::Options::new(data, 1), Arc::new(Still)).unwrap()
}

#[actix_rt::test]
async fn what_was_kept_in_clear_is_sealed_at_the_next_start() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({"secret": OWN, "headers": headers()})).await;
    assert_delivers(&server, &receiver, OWN, 1).await;
    server.kill();
    // As an earlier version left it.
    let earlier = store(&server.data);
    let kept = earlier.catalog.list("subscription/".into()).await.unwrap().remove(0);
    let mut clear: Value = serde_json::from_slice(&kept.value).unwrap();
    assert!(clear.as_object_mut().unwrap().remove("sealed").is_some());
    clear["secret"] = OWN.into();
    clear["spec"]["headers"] = headers();
    earlier.catalog.put_if(kept.key, Some(kept.revision), clear.to_string().into()).await.unwrap();
    let keyring = earlier.catalog.get("keyring".into()).await.unwrap().unwrap();
    earlier.catalog.delete_if(keyring.key, keyring.revision).await.unwrap();
    drop(earlier);
    fs::remove_file(server.data.join("master.key")).unwrap();
    let is_in_clear = || files(&server.data).values().any(|(bytes, _)| holds(bytes, OWN.as_bytes()));
    assert!(is_in_clear(), "the search finds nothing");
    server.restart();
    let secrets = forms_of_all(&[OWN, TOKEN, API_KEY]);
    assert_on_no_disk(&server.data, &secrets, "after the start");
    assert_delivers(&server, &receiver, OWN, 1).await;
    server.kill();
    server.restart();
    assert_delivers(&server, &receiver, OWN, 1).await;
    assert_eq!(server.said("gone from older files"), 1);
}

/// Starts a server that must refuse to; what it says.
fn refused(data: &Path, args: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = Command::new(loghorn::binary());
    command.args(["serve", "--bind", "127.0.0.1:0", "--data"]).arg(data).args(args).env_clear();
    command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    for _ in 0..600 {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(78), "{}: {said}", output.status);
            return said;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    panic!("it was not refused: {:?}", child.wait_with_output());
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[actix_rt::test]
async fn without_the_right_master_key_nothing_starts_and_nothing_is_changed() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({"secret": OWN, "headers": headers()})).await;
    server.kill();
    let data = server.data.clone();
    let own = data.join("master.key");
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o600);
    let key = fs::read_to_string(&own).unwrap();
    let other = data.with_file_name("other.key");
    let (wrong, other_name) = ("ab".repeat(32), other.to_str().unwrap());
    let before = files(&data);
    let said = refused(&data, &[], &[("LOGHORN_MASTER_KEY", &wrong)]);
    assert!(said.contains("LOGHORN_MASTER_KEY is not the one") && said.contains("Nothing was changed"), "{said}");
    write(&other, &wrong, 0o600);
    assert!(refused(&data, &["--master-key-file", other_name], &[]).contains(other_name));
    write(&other, "no-key-at-all", 0o600);
    let said = refused(&data, &["--master-key-file", other_name], &[]);
    assert!(said.contains("head -c 32 /dev/urandom") && !said.contains("no-key-at-all"), "{said}");
    assert!(!refused(&data, &[], &[("LOGHORN_MASTER_KEY", "no-key-at-all")]).contains("no-key-at-all"));
    write(&other, &key, 0o640);
    let said = refused(&data, &["--master-key-file", other_name], &[]);
    assert!(said.contains(&format!("chmod 600 {other_name}")), "{said}");
    refused(&data, &["--master-key-file", "/nowhere/at/all.key"], &[]);
    refused(&data, &["--master-key-file", other_name], &[("LOGHORN_MASTER_KEY", key.trim())]);
    assert!(files(&data) == before, "a refused start changed something");
    fs::remove_file(&own).unwrap();
    let before = files(&data);
    let said = refused(&data, &[], &[]);
    assert!(said.contains("is missing") && said.contains("--master-key-file"), "{said}");
    assert!(files(&data) == before, "a refused start changed something");
    server.restart_with(&[("LOGHORN_MASTER_KEY", key.trim())]);
    assert_delivers(&server, &receiver, OWN, 1).await;
    assert!(!own.exists());
}

#[actix_rt::test]
async fn the_master_key_changes_under_load() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({"secret": OWN, "headers": headers()})).await;
    let own = server.data.join("master.key");
    let first = fs::read_to_string(&own).unwrap();
    let load = async {
        for n in 0..200 {
            assert_eq!(server.post("/api/v1/events", &event("ERROR", n)).await.0, 202);
        }
    };
    let changes = async {
        for _ in 0..5 {
            let (status, answer) = server.post("/api/v1/keyring/rotate", &json!({})).await;
            assert_eq!((status, &answer["restart_needed"]), (200, &json!(false)), "{answer}");
            assert_eq!(answer["master_key_file"], own.to_str().unwrap());
            server.subscribe(&receiver.url(), json!({"enabled": false})).await;
        }
    };
    futures_util::future::join(load, changes).await;
    server.kill();
    let said = refused(&server.data, &[], &[("LOGHORN_MASTER_KEY", first.trim())]);
    assert!(said.contains("is not the one"), "{said}");
    server.restart();
    until("all is delivered", 60, || async { server.delivery_stats().await["delivered"] == 200 }).await;
    assert_delivers(&server, &receiver, OWN, 1).await;
    assert!(fs::metadata(&own).unwrap().permissions().mode() & 0o077 == 0);
}

#[actix_rt::test]
async fn a_master_key_of_one_s_own_follows_in_two_steps() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({"secret": OWN, "headers": headers()})).await;
    let first = fs::read_to_string(server.data.join("master.key")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("second.key");
    let name = path.to_str().unwrap();
    let rotate = ["keys", "rotate-master", "--new-master-key-file", name];
    assert_eq!(support::cli::run(&server, &rotate).1, 5, "there is no such file");
    let second = "cd".repeat(32);
    write(&path, &second, 0o600);
    assert_eq!(support::cli::cells(&server, &rotate), [name, "restart"]);
    let relative = server.post("/api/v1/keyring/rotate", &json!({"new_master_key_file": "second.key"})).await;
    assert_eq!(relative.0, 422, "{}", relative.1);
    // Either key opens it, until the new one was used.
    for env in [first.trim(), &second, &second] {
        server.kill();
        server.restart_with(&[("LOGHORN_MASTER_KEY", env)]);
        assert_delivers(&server, &receiver, OWN, 1).await;
    }
    let (status, answer) = server.post("/api/v1/keyring/rotate", &json!({})).await;
    assert_eq!(status, 409, "{answer}");
    let same = server.post("/api/v1/keyring/rotate", &json!({"new_master_key_file": name})).await;
    assert_eq!(same.0, 422, "{}", same.1);
    server.kill();
    assert!(refused(&server.data, &[], &[]).contains("is not the one"));
}

#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn a_change_of_the_master_key_that_is_cut_off_locks_nobody_out() {
    for failpoint in ["vault::admitted=pause", "vault::replaced=pause"] {
        let mut server = Loghorn::start_with(&[], &[("FAILPOINTS", failpoint)]).await;
        let receiver = Receiver::start(Mood::Answer(200, ""));
        server.subscribe(&receiver.url(), json!({"secret": OWN, "headers": headers()})).await;
        let own = server.data.join("master.key");
        let before = fs::read_to_string(&own).unwrap();
        let url = server.url("/api/v1/keyring/rotate");
        let asking = actix_rt::spawn(async move {
            let client = awc::Client::builder().timeout(Duration::from_secs(120)).finish();
            client.post(url).send_json(&json!({})).await.is_ok()
        });
        let is_replaced = failpoint.contains("replaced");
        until("it is under way", 60, || async {
            server.said("still with the old one") == 1 && (fs::read_to_string(&own).unwrap() != before) == is_replaced
        })
        .await;
        server.kill();
        assert!(!asking.await.unwrap(), "it was answered");
        server.restart_with(&[]);
        assert_delivers(&server, &receiver, OWN, 1).await;
        let (status, answer) = server.post("/api/v1/keyring/rotate", &json!({})).await;
        assert_eq!(status, 200, "{answer}");
        server.kill();
        server.restart();
        assert_delivers(&server, &receiver, OWN, 1).await;
    }
}
