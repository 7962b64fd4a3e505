//! Clients that hold on to connections: slow ones, and more of them than there are file descriptors.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, say, until};

/// Connects so many times; those that wait to be accepted count too.
fn connect(server: &Loghorn, n: usize) -> Vec<TcpStream> {
    (0..n).map(|_| TcpStream::connect(server.addr).unwrap()).collect()
}

/// How many files it has open once it is at rest: at its start it opens some of its own.
async fn fds_at_rest(server: &Loghorn) -> usize {
    let (mut fds, mut since) = (server.fds(), Instant::now());
    while since.elapsed() < Duration::from_millis(500) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = server.fds();
        if now != fds {
            (fds, since) = (now, Instant::now());
        }
    }
    fds
}

/// The 99th percentile of an answer to one who has nothing else to do; the best of three, for the machine is shared.
async fn p99(server: &Loghorn) -> Duration {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let mut took = Vec::new();
        for _ in 0..100 {
            let began = Instant::now();
            server.get("/api/v1/health/live").await;
            took.push(began.elapsed());
        }
        took.sort();
        rounds.push(took[98]);
    }
    rounds.into_iter().min().unwrap()
}

#[actix_rt::test]
async fn two_hundred_slow_clients_slow_nobody_down_and_are_sent_away() {
    let server = Loghorn::start().await;
    p99(&server).await;
    let calm = p99(&server).await;
    let fds = server.fds();
    let mut slow = connect(&server, 200);
    for stream in &mut slow {
        stream.write_all(b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nX-").unwrap();
        stream.set_nonblocking(true).unwrap();
    }
    // Connections of this test that were idle may end meanwhile.
    until("they are connected", 10, || async { server.fds() >= fds + 190 }).await;
    let with = p99(&server).await;
    say(&format!("p99 {calm:?}, with 200 slow clients {with:?}"));
    // The test itself shares the cores.
    assert!(with <= 2 * calm + Duration::from_millis(20), "{calm:?} → {with:?}");
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut answer = [0; 1024];
    while !slow.is_empty() {
        assert!(Instant::now() < deadline, "{} slow clients are still served", slow.len());
        slow.retain_mut(|stream| {
            let is_open = stream.write_all(b"a").is_ok();
            // An answer, the end of the connection, or nothing yet.
            is_open && !matches!(stream.read(&mut answer), Ok(0) | Ok(_))
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    until("their files are closed", 10, || async { server.fds() <= fds + 2 }).await;
}

#[actix_rt::test]
async fn one_address_holds_no_more_than_its_share() {
    let server = Loghorn::start_with(&["--set", "connections_per_address=5"], &[]).await;
    let is_cut = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    };
    let mut held = connect(&server, 5);
    assert!(!held.iter().any(is_cut));
    assert!(is_cut(&TcpStream::connect(server.addr).unwrap()), "one too many");
    held.pop();
    until("another may come", 10, || async { !is_cut(&TcpStream::connect(server.addr).unwrap()) }).await;
    drop(held);
    until("whoever comes later is served", 10, || async {
        server.call("GET", "/api/v1/health/live", None).await.0 == 200
    })
    .await;
}

#[actix_rt::test]
async fn whoever_leaves_a_body_unfinished_is_sent_away() {
    let server = Loghorn::start().await;
    let fds = fds_at_rest(&server).await;
    // Refused, open to everyone, wrong at first sight, and the one that anybody may write to.
    let calls = ["POST /nowhere", "GET /api/v1/health/live", "POST /api/v1/subscriptions?no=1", "POST /api/v1/session"];
    let heads = calls.map(|call| {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        let head = format!("{call} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
        stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{\"\r\n").as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(ended.is_ok() || !answer.is_empty(), "{call}: the connection is held: {ended:?}");
        String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned()
    });
    assert_eq!(heads, ["HTTP/1.1 404", "HTTP/1.1 200", "HTTP/1.1 400", "HTTP/1.1 408"]);
    until("their files are closed", 10, || async { server.fds() <= fds + 2 }).await;
}

#[actix_rt::test]
async fn with_few_file_descriptors_connections_wait_and_the_store_does_not_suffer() {
    let folder = tempfile::tempdir().unwrap();
    let limited = ["sh", "-c", "ulimit -n 256; exec \"$0\" \"$@\""];
    let server = Loghorn::try_start(&limited, &folder.path().join("data"), &[], &[]).await.unwrap();
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    assert_eq!(server.post("/api/v1/events", &event("ERROR", 0)).await.0, 202);
    // One who was there before goes on while more come than can be served; it sends enough to fill a table.
    let client = awc::Client::builder().timeout(Duration::from_secs(30)).finish();
    let post = async |body: Value| {
        let mut answer = client.post(server.url("/api/v1/events")).send_json(&body).await.unwrap();
        // Read, so that the connection is kept.
        answer.body().await.unwrap();
        answer.status()
    };
    assert_eq!(post(event("ERROR", 1)).await, 202);
    let fds = server.fds();
    let began = Instant::now();
    let crowd = connect(&server, 400);
    // Or the queue is too short, and clients try again after a second.
    assert!(began.elapsed() < Duration::from_secs(1), "connecting took {:?}", began.elapsed());
    until("as many as may are let in", 10, || async { server.fds() >= fds + 120 }).await;
    let (cpu, began) = (server.cpu(), Instant::now());
    let filler = "x".repeat(100_000);
    let mut most = 0;
    for part in 0..5 {
        let big = |n| json!({"event_type": "big", "message": format!("{part} {n} {filler}")});
        let events: Vec<_> = (0..60).map(big).collect();
        assert_eq!(post(json!(events)).await, 202, "while connections wait");
        most = most.max(server.fds());
    }
    until("all is delivered", 30, || async { receiver.count() == 302 }).await;
    // Half of them are kept from the crowd.
    assert!(most <= 256 - 40, "{most} open files of 256");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy = (server.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    drop(crowd);
    let began = Instant::now();
    let healthy = tokio::time::timeout(Duration::from_secs(5), server.get("/api/v1/health")).await;
    assert_eq!(healthy.expect("it does not recover")["status"], "healthy");
    let again = began.elapsed();
    say(&format!("{most} open files of 256 in a crowd of 400; answers again after {again:?}, {busy:.2} of a core"));
    assert!(busy < 0.9, "it spins: {busy:.2} of a core");
    server.assert_ledger_balances().await;
}
