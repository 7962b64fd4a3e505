//! TLS of the server's own: whom it lets in, what it shows, and how its certificate changes while it serves.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Loghorn, loghorn, say,
    tls::{self, Authority},
    until, write_private,
};

const HEALTH: &str = "/api/v1/health";
const FAR: (i32, u8, u8) = (2099, 12, 31);

/// A client that trusts `authority` alone.
fn client(authority: &Authority) -> awc::Client {
    let connector = awc::Connector::new().rustls_0_23(authority.client());
    awc::Client::builder().connector(connector).timeout(Duration::from_secs(30)).finish()
}

async fn health(server: &Loghorn, client: &awc::Client) -> Value {
    let url = format!("https://localhost:{}{HEALTH}", server.addr.port());
    client.get(url).force_close().send().await.unwrap().json().await.unwrap()
}

/// Starts a server that shows the pair in `folder`, with more arguments.
async fn start(folder: &Path, more: &[&str]) -> Loghorn {
    let args = tls_args(&folder.join("tls.crt"), &folder.join("tls.key"));
    let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Loghorn::start_in(&folder.join("data"), &args, &[]).await
}

fn tls_args(chain: &Path, key: &Path) -> [String; 4] {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    ["--tls-cert".into(), text(chain), "--tls-key".into(), text(key)]
}

fn run(folder: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
    Command::new(loghorn::binary())
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[actix_rt::test]
async fn it_speaks_tls_and_cuts_whoever_does_not() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("localhost", FAR).write(folder.path());
    let server = start(folder.path(), &["--host", "logs.example.com"]).await;
    let url = format!("https://localhost:{}{HEALTH}", server.addr.port());
    let mut answer = client(&authority).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().get("strict-transport-security").is_none(), "it would hold for every server on localhost");
    let named = client(&authority).get(&url).insert_header(("host", "logs.example.com")).send().await.unwrap();
    assert_eq!(named.headers().get("strict-transport-security").unwrap(), "max-age=31536000");
    // A page that came without TLS may have been changed on the way.
    for (scheme, status) in [("http", 403), ("https", 202)] {
        let origin = format!("{scheme}://localhost:{}", server.addr.port());
        let post = client(&authority).post(url.replace(HEALTH, "/api/v1/events")).insert_header(("origin", origin));
        let answer = post.send_json(&json!({"level": "ERROR", "message": "m"})).await.unwrap();
        assert_eq!(answer.status(), status, "{scheme}");
    }
    let found: Value = answer.json().await.unwrap();
    assert_eq!((&found["status"], &found["components"]["tls"]), (&json!("healthy"), &json!("ready")), "{found}");
    assert!(server.said(&format!("https://{}", server.addr)) > 0, "the banner names another address");
    // Somebody else's authority does not vouch for it.
    assert!(client(&Authority::new()).get(&url).send().await.is_err());
    for words in [&b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &[0; 2000], b"\x16\x03\x01\xff\xff"] {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(words).unwrap();
        let mut answer = Vec::new();
        // The end of the connection, whichever way.
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(health(&server, &client(&authority)).await["status"], "healthy");
    assert_eq!(server.said("panicked"), 0);
}

#[actix_rt::test]
async fn a_new_certificate_is_shown_at_once_and_no_request_fails() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    // As Kubernetes mounts a secret: links to a link that moves.
    let mount = |version: &str| {
        let inner = folder.path().join(version);
        fs::create_dir(&inner).unwrap();
        let pair = authority.issue("localhost", FAR);
        pair.write(&inner);
        symlink(version, folder.path().join("..new")).unwrap();
        fs::rename(folder.path().join("..new"), folder.path().join("..data")).unwrap();
        pair
    };
    let first = mount("..1");
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
    }
    let server = start(folder.path(), &[]).await;
    let trust = authority.client();
    assert_eq!(tls::shown(server.addr, trust.clone()).await, first.der());
    let (is_done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let traffic = async {
        // One connection that is kept over the change, and fresh ones.
        let (kept, url) = (client(&authority), format!("https://localhost:{}{HEALTH}/live", server.addr.port()));
        while !is_done.load(Relaxed) {
            for request in [kept.get(&url), client(&authority).get(&url).force_close()] {
                let mut answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.body().await.unwrap();
                asked.fetch_add(1, Relaxed);
            }
        }
    };
    let change = async {
        let (mut shown, mut changes) = (first.der(), Vec::new());
        for version in ["..2", "..3"] {
            let next = mount(version).der();
            let began = Instant::now();
            until("the new certificate is shown", 15, || async {
                let now = tls::shown(server.addr, trust.clone()).await;
                assert!(now == next || now == shown);
                now == next
            })
            .await;
            shown = next;
            changes.push(began.elapsed());
        }
        // Nothing has changed: it is read again because it is told to.
        let before = server.said("the certificate was read again");
        assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
        until("it is read again", 15, || async { server.said("the certificate was read again") > before }).await;
        is_done.store(true, Relaxed);
        changes
    };
    let (_, changes) = futures_util::future::join(traffic, change).await;
    say(&format!("{} requests while the certificate changed twice, seen after {changes:?}", asked.load(Relaxed)));
    assert!(asked.load(Relaxed) > 10);
    assert_eq!(health(&server, &client(&authority)).await["status"], "healthy");
}

#[actix_rt::test]
async fn a_pair_that_cannot_be_used_takes_no_ones_place_and_health_says_so() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let first = authority.issue("localhost", FAR);
    let (chain, key) = first.write(folder.path());
    let (server, client) = (start(folder.path(), &[]).await, client(&authority));
    let second = authority.issue("localhost", FAR);
    let chain_name = chain.to_str().unwrap();
    let loose = || {
        fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    };
    type Break<'a> = (&'a dyn Fn(), &'a str);
    let breaks: [Break; 4] = [
        (&|| fs::write(&chain, second.chain()).unwrap(), "does not belong to the certificate"),
        (&|| fs::write(&chain, "no certificate").unwrap(), chain_name),
        (&|| fs::remove_file(&chain).unwrap(), "cannot read"),
        (&loose, "chmod 600"),
    ];
    for (n, (break_it, expected)) in breaks.iter().enumerate() {
        break_it();
        until("health says so", 15, || async { health(&server, &client).await["status"] == "degraded" }).await;
        let found = health(&server, &client).await;
        let reason = found["reasons"]["tls"].as_str().unwrap();
        assert_eq!(found["components"]["tls"], "degraded");
        assert!(reason.contains(expected) && reason.contains("still served"), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
        assert_eq!(tls::shown(server.addr, authority.client()).await, first.der());
        // Looked at twice more, and told once.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(server.said("needs attention"), n + 1);
        first.write(folder.path());
        until("health is well again", 15, || async { health(&server, &client).await["status"] == "healthy" }).await;
    }
    // It is no reason to send requests elsewhere.
    second.write(folder.path());
    until("the second is shown", 15, || async { tls::shown(server.addr, authority.client()).await == second.der() })
        .await;
}

#[actix_rt::test]
async fn the_end_of_a_certificate_is_told_of() {
    let authority = Authority::new();
    let day = |days: u64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let at = loghorn_domain::Timestamp::from_millis(now.as_millis() as i64);
        let text = at.plus(Duration::from_secs(days * 24 * 3600)).to_string();
        let part = |range: std::ops::Range<usize>| text[range].parse::<i32>().unwrap();
        (part(0..4), part(5..7) as u8, part(8..10) as u8)
    };
    for (end, expected) in [((2021, 1, 31), "expired at 2021-01-31"), (day(10), "expires at"), (day(20), "")] {
        let folder = tempfile::tempdir().unwrap();
        authority.issue("localhost", end).write(folder.path());
        let server = start(folder.path(), &["--auth", "required"]).await;
        if expected.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        } else {
            until("the log says so", 15, || async { server.said(expected) == 1 }).await;
        }
        // Nobody who verifies would look at an expired one.
        if end.0 == 2021 {
            continue;
        }
        let get = async |path: &str| {
            let url = format!("https://localhost:{}{path}", server.addr.port());
            let mut answer = client(&authority).get(url).bearer_auth(server.admin_key()).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        let (_, found) = get(HEALTH).await;
        assert!(found["reasons"]["tls"].as_str().unwrap_or_default().contains(expected), "{found}");
        assert_eq!(found["status"], if expected.is_empty() { "healthy" } else { "degraded" });
        assert_eq!(get("/api/v1/health/ready").await.0, 200);
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_what_to_do() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let (chain, key) = authority.issue("localhost", FAR).write(folder.path());
    let other = folder.path().join("other.key");
    write_private(&other, &authority.issue("localhost", FAR).key());
    let open = folder.path().join("open.key");
    fs::copy(&key, &open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o640)).unwrap();
    let empty = folder.path().join("empty");
    write_private(&empty, "");
    let nowhere = folder.path().join("nowhere");
    let refused = |args: &[String], expected: &[&str]| {
        let args = [&["serve", "--bind", "127.0.0.1:0"], &args.iter().map(String::as_str).collect::<Vec<_>>()[..]];
        let output = run(folder.path(), &[], &args.concat());
        let text = said(&output);
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?}: {text}");
        assert!(!text.contains("BEGIN PRIVATE KEY-----\n"), "{text}");
    };
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    refused(&tls_args(&chain, &other), &["does not belong", &name(&other), &name(&chain)]);
    refused(&tls_args(&chain, &open), &[&format!("chmod 600 {}", name(&open))]);
    refused(&tls_args(&chain, &empty), &[&name(&empty), "no private key"]);
    refused(&tls_args(&empty, &key), &[&name(&empty), "no certificate"]);
    refused(&tls_args(&nowhere, &key), &[&name(&nowhere)]);
    refused(&tls_args(&chain, &nowhere), &[&name(&nowhere)]);
    refused(&tls_args(folder.path(), &key), &[&name(folder.path())]);
    refused(&tls_args(&chain, &key)[..2], &["--tls-key"]);
    refused(&tls_args(&chain, &key)[2..], &["--tls-cert"]);
    assert!(!folder.path().join("loghorn-data").exists(), "a refused start made something");
}

#[actix_rt::test]
async fn with_a_certificate_and_an_admin_key_it_listens_beyond_loopback() {
    const KEY: &str = "an-admin-s-own-key-of-forty-characters-..";
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let (chain, key) = authority.issue("localhost", FAR).write(folder.path());
    let args = tls_args(&chain, &key);
    let beyond = ["--bind", "0.0.0.0:0"];
    let serve: Vec<&str> = ["serve"].into_iter().chain(beyond).chain(args.iter().map(String::as_str)).collect();
    let text = said(&run(folder.path(), &[], &serve));
    assert!(text.contains("Add:  LOGHORN_ADMIN_KEY"), "{text}");
    let text = said(&run(folder.path(), &[("LOGHORN_ADMIN_KEY", KEY)], &serve[..3]));
    assert!(text.contains("Add:  --tls-cert FILE --tls-key FILE, or --behind-tls-proxy"), "{text}");
    // Also where a proxy speaks TLS with it: then the proxy says where a request came from.
    for (more, from) in [(&[][..], "127.0.0.1"), (&["--behind-tls-proxy"], "192.0.2.7")] {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(beyond).chain(more.iter().copied()).collect();
        let data = folder.path().join(format!("data-{}", more.len()));
        let server = Loghorn::start_in(&data, &args, &[("LOGHORN_ADMIN_KEY", KEY)]).await;
        let get = async |path: &str, key: &str| {
            let url = format!("https://localhost:{}{path}", server.addr.port());
            let request = client(&authority).get(url).insert_header(("X-Forwarded-For", "192.0.2.7"));
            let request = if key.is_empty() { request } else { request.bearer_auth(key) };
            let mut answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
        };
        assert_eq!(get(HEALTH, "").await.0, 401);
        assert_eq!(get(HEALTH, KEY).await.0, 200);
        let told = get("/api/v1/audit", KEY).await.1;
        assert_eq!(told["items"][0]["from"], from, "{told}");
    }
}

#[actix_rt::test]
async fn the_command_line_speaks_https_with_whom_it_trusts() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("localhost", FAR).write(folder.path());
    let server = start(folder.path(), &["--auth", "required"]).await;
    let (ca, other) = (folder.path().join("ca.pem"), folder.path().join("other.pem"));
    let namesake = folder.path().join("namesake.pem");
    Authority::new().write(&namesake);
    authority.write(&ca);
    Authority::named("another").write(&other);
    let (ca, other) = (ca.to_str().unwrap(), other.to_str().unwrap());
    let port = server.addr.port();
    let https = format!("https://localhost:{port}");
    let status = |env: &[(&str, &str)], args: &[&str]| {
        let output = run(folder.path(), env, &[&["status", "--data", "data"], args].concat());
        (output.status.code().unwrap(), said(&output))
    };
    let named = ["--server", &https, "--cacert", ca];
    // It shows the admin's key, which it finds by itself.
    let (code, text) = status(&[], &named);
    assert_eq!(code, 0, "{text}");
    let (code, text) = status(&[("LOGHORN_CACERT", ca), ("LOGHORN_SERVER", &https)], &[]);
    assert_eq!(code, 0, "{text}");
    fs::write(folder.path().join("loghorn.toml"), format!("server = '{https}'\ncacert = '{ca}'\n")).unwrap();
    let (code, text) = status(&[], &[]);
    assert_eq!(code, 0, "{text}");
    fs::remove_file(folder.path().join("loghorn.toml")).unwrap();
    let refused = |args: &[&str], code: i32, expected: &str| {
        let (found, text) = status(&[], args);
        assert!(found == code && text.contains(expected), "{args:?}: {found} {text}");
    };
    refused(&["--server", &https], 6, "--cacert FILE");
    refused(&["--server", &https, "--cacert", other], 6, "unknown issuer");
    refused(&["--server", &https, "--cacert", "namesake.pem"], 6, "unknown issuer");
    refused(&["--server", &https, "--cacert", "/nowhere.pem"], 1, "/nowhere.pem");
    refused(&["--server", &https, "--cacert", "tls.key"], 1, "no certificate");
    let by_address = format!("https://127.0.0.1:{port}");
    refused(&["--server", &by_address, "--cacert", ca], 6, "another name");
    refused(&["--server", &by_address.replace("https", "http")], 6, &format!("--server {by_address}"));
    let plain = Loghorn::start().await;
    let plain_address = format!("https://localhost:{}", plain.addr.port());
    refused(&["--server", &plain_address, "--cacert", ca], 6, "--server http://localhost");
    // The key was never shown to whom it does not trust.
    assert_eq!(server.said("wrong key"), 0);
}

#[actix_rt::test]
async fn whoever_says_nothing_holds_no_place_for_ever() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let (chain, key) = authority.issue("localhost", FAR).write(folder.path());
    let args = tls_args(&chain, &key);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let limited = ["sh", "-c", "ulimit -n 256; exec \"$0\" \"$@\""];
    let server = Loghorn::try_start(&limited, &folder.path().join("data"), &args, &[]).await.unwrap();
    let client = client(&authority);
    health(&server, &client).await;
    let fds = server.fds();
    let connect = |n: usize| (0..n).map(|_| TcpStream::connect(server.addr).unwrap()).collect::<Vec<_>>();
    // As many as leave room: nobody waits for them.
    let mut silent = connect(60);
    // The connection of the call before may end meanwhile.
    until("they are let in", 10, || async { server.fds() >= fds + 55 }).await;
    let began = Instant::now();
    health(&server, &client).await;
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
    // They are cut after the time that a handshake may take.
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        assert!(!matches!(stream.read(&mut [0; 100]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock));
    }
    assert!(began.elapsed() < Duration::from_secs(12), "it took {:?}", began.elapsed());
    until("their files are closed", 10, || async { server.fds() <= fds + 2 }).await;
    // More than may come in: the store keeps its files, and it is over with the handshakes.
    let crowd = connect(400);
    until("as many as may are let in", 10, || async { server.fds() >= fds + 100 }).await;
    assert!(server.fds() <= 256 - 40, "{} open files", server.fds());
    let began = Instant::now();
    drop(crowd);
    let found = tokio::time::timeout(Duration::from_secs(15), health(&server, &client)).await;
    assert_eq!(found.expect("it does not recover")["status"], "healthy");
    say(&format!("answers again after {:?}", began.elapsed()));
}

#[actix_rt::test]
async fn whoever_is_at_the_handshake_counts_among_its_addresss_connections() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("localhost", FAR).write(folder.path());
    let server = start(folder.path(), &["--set", "connections_per_address=5"]).await;
    let fds = server.fds();
    let silent: Vec<_> = (0..5).map(|_| TcpStream::connect(server.addr).unwrap()).collect();
    until("they are let in", 4, || async { server.fds() >= fds + 5 }).await;
    let is_closed = || {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    };
    assert!(is_closed(), "one too many waits for its handshake");
    drop(silent);
    until("another may come", 10, || async { !is_closed() }).await;
    assert_eq!(health(&server, &client(&authority)).await["status"], "healthy");
}
