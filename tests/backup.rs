//! Backups: what is in one taken under load, what becomes of it, and what is refused.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{fs, io::Read, net::TcpStream, os::unix::fs::PermissionsExt, path::Path, process::Output};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, cli, crash::Load, event, until};

/// Runs `loghorn backup` beside the server; what it said on stderr, and its exit code.
fn backup(server: &Loghorn, args: &[&str]) -> (String, i32) {
    let args: Vec<&str> = ["backup"].iter().chain(args).copied().collect();
    let Output { status, stderr, .. } = cli::run_in(folder(server), &server.addr.to_string(), &args);
    (String::from_utf8(stderr).unwrap(), status.code().unwrap())
}

fn folder(server: &Loghorn) -> &Path {
    server.data.parent().unwrap()
}

#[actix_rt::test]
async fn a_backup_taken_under_load_becomes_a_server_that_has_everything() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let dead = Receiver::start(Mood::Answer(404, ""));
    let (id, secret) = server.subscribe(&receiver.url(), json!({"name": "live"})).await;
    server.subscribe(&dead.url(), json!({"name": "gone"})).await;
    let load = Load::start(server.addr, "before");
    until("some are delivered", 30, || async { receiver.count() > 50 }).await;
    let accepted = load.accepted();
    let file = folder(&server).join("loghorn.tar");
    assert_eq!(backup(&server, &["create", "loghorn.tar"]), (String::new(), 0));
    load.stop();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Nothing is left of the making of it.
    let left = |at: &Path, begin: &str| {
        fs::read_dir(at)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(begin))
            .count()
    };
    assert_eq!((left(folder(&server), ".loghorn-"), left(&server.data, "checkpoint-")), (0, 0));
    assert_eq!(backup(&server, &["check", "loghorn.tar"]), (String::new(), 0));

    assert_eq!(backup(&server, &["restore", "loghorn.tar", "--data", "copy/data", "--paused"]), (String::new(), 0));
    let data = folder(&server).join("copy/data");
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    // Nothing starts without the master key, which is not in it.
    let refused = Loghorn::try_start(&[], &data, &[], &[]).await.err().unwrap();
    assert!(refused.contains("master key"), "{refused}");
    fs::copy(server.data.join("master.key"), data.join("master.key")).unwrap();
    let copy = Loghorn::start_in(&data, &[], &[]).await;
    let ids = copy.event_ids().await;
    let lost: Vec<&String> = accepted.iter().filter(|id| !ids.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} accepted are not in it: {lost:?}", lost.len(), accepted.len());
    assert_eq!(copy.get("/api/v1/dispatch").await["state"], "paused");
    let count = receiver.count();
    assert_eq!(copy.post("/api/v1/events", &event("ERROR", 1)).await.0, 202);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(receiver.count(), count, "it sends though it is paused");
    // What was set up is as it was, secrets too.
    copy.post("/api/v1/dispatch/resume", &Value::Null).await;
    until("what waits is sent", 30, || async {
        let stats = copy.delivery_stats().await;
        receiver.count() > count && stats["queued"] == 0 && stats["retrying"] == 0
    })
    .await;
    receiver.arrived()[count].verify(&secret);
    assert_eq!(copy.get(&format!("/api/v1/subscriptions/{id}")).await["name"], "live");
    assert!(copy.delivery_stats().await["failed"].as_u64().unwrap() > 0);
    copy.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn what_is_not_whole_makes_nothing() {
    let server = Loghorn::start().await;
    for n in 0..20 {
        assert_eq!(server.post("/api/v1/events", &event("ERROR", n)).await.0, 202);
    }
    assert_eq!(backup(&server, &["create", "b.tar"]).1, 0);
    let whole = fs::read(folder(&server).join("b.tar")).unwrap();
    let (said, code) = backup(&server, &["create", "b.tar"]);
    assert!(code == 5 && said.contains("not overwritten"), "{said}");
    let made = |name: &str, bytes: &[u8]| fs::write(folder(&server).join(name), bytes).unwrap();
    // Where a table is, which are most of it.
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let (head, tail) = (&whole[..257], &whole[258..]);
    for (name, bytes, words) in [
        ("cut.tar", &whole[..whole.len() - 3000], "not whole"),
        ("half.tar", &whole[..whole.len() / 2], "not whole"),
        ("block.tar", &whole[..512], "not whole"),
        ("empty.tar", &[], "it is empty"),
        ("text.tar", b"hello, this is no archive", "no backup"),
        ("flipped.tar", &flipped, ""),
        ("headless.tar", &[head, tail].concat(), "no backup"),
        ("packed.tar.gz", &[0x1f, 0x8b, 8, 0], "gzip -dc"),
    ] {
        made(name, bytes);
        for args in [&["check", name][..], &["restore", name, "--data", "new"]] {
            let (said, code) = backup(&server, args);
            assert!(code == 5 && said.contains(words) && said.starts_with("error: "), "{name}: {code} {said}");
        }
        assert!(!folder(&server).join("new").exists(), "{name}");
    }
    let left = fs::read_dir(folder(&server)).unwrap().flatten();
    assert!(!left.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with(".loghorn")));
    assert_eq!(backup(&server, &["check", "missing.tar"]).1, 3);
    // Never over what is there, and least of all over a server's own.
    fs::create_dir(folder(&server).join("full")).unwrap();
    made("full/x", b"x");
    for data in ["full", "data"] {
        let (said, code) = backup(&server, &["restore", "b.tar", "--data", data]);
        assert!(code == 5 && said.contains("is not empty"), "{said}");
    }
    fs::create_dir(folder(&server).join("free")).unwrap();
    assert_eq!(backup(&server, &["restore", "b.tar", "--data", "free"]), (String::new(), 0));
}

#[actix_rt::test]
async fn names_in_it_lead_nowhere_else() {
    let server = Loghorn::start().await;
    assert_eq!(backup(&server, &["create", "b.tar"]).1, 0);
    let whole = fs::read(folder(&server).join("b.tar")).unwrap();
    let rewritten = |name: &str, kind: tar::EntryType| {
        let mut archive = tar::Builder::new(Vec::new());
        for (n, member) in tar::Archive::new(&whole[..]).entries().unwrap().enumerate() {
            let mut member = member.unwrap();
            let (mut header, mut content) = (member.header().clone(), Vec::new());
            member.read_to_end(&mut content).unwrap();
            if n == 1 {
                let bytes = &mut header.as_mut_bytes()[..100];
                bytes.fill(0);
                bytes[..name.len()].copy_from_slice(name.as_bytes());
                header.set_entry_type(kind);
                header.set_cksum();
            }
            archive.append(&header, &content[..]).unwrap();
        }
        archive.into_inner().unwrap()
    };
    let file = tar::EntryType::Regular;
    for (name, kind) in [("../evil", file), ("/tmp/evil", file), ("a/b", file), ("CURRENT", tar::EntryType::Symlink)] {
        fs::write(folder(&server).join("evil.tar"), rewritten(name, kind)).unwrap();
        let (said, code) = backup(&server, &["restore", "evil.tar", "--data", "new"]);
        assert!(code == 5 && said.contains("no plain file"), "{name}: {said}");
        assert!(!folder(&server).join("new").exists() && !folder(&server).join("evil").exists());
    }
    // Written as plainly, it is refused for its name alone: nothing like it was listed.
    fs::write(folder(&server).join("evil.tar"), rewritten("evil", file)).unwrap();
    assert_eq!(backup(&server, &["restore", "evil.tar", "--data", "new"]).1, 5);
}

#[actix_rt::test]
async fn one_at_a_time_and_whoever_leaves_leaves_nothing() {
    use std::io::Write;
    let server = Loghorn::start().await;
    // More than waits on the way, so that one who does not read holds it up.
    for n in 0..100 {
        let body = json!({"level": "INFO", "metadata": {"n": noise(n)}});
        assert_eq!(server.post("/api/v1/events", &body).await.0, 202);
    }
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(b"POST /api/v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut begin = [0; 200];
    stream.read_exact(&mut begin).unwrap();
    assert!(begin.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&begin));
    let (status, problem) = server.post("/api/v1/backup", &Value::Null).await;
    assert_eq!((status, problem["type"].as_str().unwrap()), (503, "urn:loghorn:problem:overloaded"));
    drop(stream);
    let folders = || fs::read_dir(&server.data).unwrap().flatten().filter(|entry| entry.path().is_dir()).count();
    until("its checkpoint is gone", 10, || async { folders() == 0 }).await;
    assert_eq!(
        backup(&server, &["create", "-"]),
        ("✓ the backup was sent on; the master key is not in it\n".into(), 0)
    );
}

#[actix_rt::test]
async fn a_key_that_is_revoked_ends_the_backup_that_it_began() {
    use std::io::Write;
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let admin = server.admin_key();
    for n in 0..100 {
        let body = json!({"level": "INFO", "metadata": {"n": noise(n)}}).to_string();
        assert_eq!(server.call_as(&admin, "POST", "/api/v1/events", Some(body)).await.0, 202);
    }
    let spec = json!({"name": "leaked", "scope": "admin"}).to_string();
    let (_, made) = server.call_as(&admin, "POST", "/api/v1/keys", Some(spec)).await;
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let request = format!("POST /api/v1/backup HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut begin = [0; 1024];
    stream.read_exact(&mut begin).unwrap();
    let head = String::from_utf8_lossy(&begin).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap_or_else(|| panic!("{head}"));
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    assert_eq!(server.call_as(&admin, "DELETE", &format!("/api/v1/keys/{id}"), None).await.0, 204);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < length - 1024, "all {length} bytes came");
}

/// Text that does not pack well.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + u8::try_from(state % 26).unwrap())
    };
    (0..200_000).map(|_| draw()).collect()
}
