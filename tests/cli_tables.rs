//! What a person sees of a running server: every command, with its tables, sentences and errors, as snapshots. What is
//! in them was run; `tests/cli_complete.rs` holds against them that no command is left out.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Loghorn, Mood, Receiver, transcript::Transcript, until};

/// Waits until so many deliveries ended so.
async fn ended(server: &Loghorn, how: &str, count: u64) {
    until(how, 20, || async { server.delivery_stats().await[how] == count }).await;
}

#[actix_rt::test]
async fn events() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({"name": "gw", "events": ["payment.failed"]})).await;
    let amount = json!({"metadata": {"amount": {"gt": 1000}}});
    server.subscribe(&receiver.url(), json!({"name": "fraud", "events": ["payment.**"], "filters": amount})).await;
    let mut transcript = Transcript::of(&server);
    let long = "a long message that goes on and on ".repeat(8);
    transcript.run("loghorn event list -o table");
    transcript
        .run("loghorn event send --type payment.failed --source pay -m 'no card' --meta amount=86.1 --id order-1");
    transcript.run(&format!("loghorn event send --type log.error --source pay -m '{long}' --id order-2 -o table"));
    transcript.run("loghorn event send --type payment.failed --id order-1");
    ended(&server, "delivered", 1).await;
    transcript.run("loghorn trigger payment.done --set metadata.amount=1240 --set id=order-3 --wait");
    ended(&server, "delivered", 2).await;
    let piped = transcript.run("loghorn event list");
    assert!(piped.contains(&long), "what is piped is whole");
    for line in [
        "loghorn event list -o table",
        "loghorn event list -o wide --limit 1",
        "loghorn event list -o name",
        "loghorn event list -o jsonl --limit 1",
        "loghorn event list --level loud",
        "loghorn event get order-1 -o table",
        "loghorn event get order-1",
        "loghorn event get order-1 -o yaml",
        "loghorn event get order-1 --explain -o table",
        "loghorn event get order-1 --explain --sub fraud -o table",
        "loghorn event get order-9",
        "loghorn event send --type 'No Good'",
        "loghorn filter test --type 'payment.**' --meta 'amount > 1000' -o table",
        "loghorn filter test --type 'payment.**' --meta 'amount > 1000'",
        "loghorn filter test --where '@.metadata.amount >'",
        "loghorn status -o table",
        "loghorn status",
        "loghorn verify",
        "loghorn verify -o table",
    ] {
        transcript.run(line);
    }
    transcript.compare("server/events");
}

#[actix_rt::test]
async fn subscriptions() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let url = receiver.url();
    let mut transcript = Transcript::of(&server).env("EDITOR", "sed -i s/payment/invoice/");
    server.post("/api/v1/events", &json!({"id": "order-1", "event_type": "payment.done", "message": "paid"})).await;
    for line in [
        &*format!("loghorn sub create gw --url {url} --type 'payment.**' --secret-file gw.secret -o table"),
        &format!("loghorn sub create all --url {url} --type '**' --min-level ERROR --header 'X-Team: pay'"),
        &format!("loghorn sub create gw --url {url} --type '**' --secret-file gw.secret"),
        "loghorn sub create bad --url https://example.com/ --type 'No Good' --rate-limit -1",
        &format!("loghorn sub create later --url {url} --type '**' --shadow -o table"),
        "loghorn sub list -o table",
        "loghorn sub list",
        "loghorn sub list --state shadow -o name",
        "loghorn sub get gw -o table",
        "loghorn sub get g",
        "loghorn sub get gv",
        "loghorn sub get nobody",
        "loghorn sub preview gw -o table",
        "loghorn sub test gw -o table",
        "loghorn sub test gw",
        "loghorn sub pause gw -o table",
        "loghorn sub resume gw",
        "loghorn sub secret list gw -o table",
        "loghorn sub secret rotate gw --overlap 1h -o table",
        "loghorn sub secret reveal gw -o table",
        "loghorn sub export",
        "loghorn sub edit gw -o table",
        "loghorn sub backfill gw --since 1h",
        "loghorn sub backfill all --since 1h --dry-run -o table",
        "loghorn sub backfill all --since 1h --yes",
        "loghorn sub shadow later -o table",
        "loghorn sub promote later -o table",
        "loghorn sub delete later",
        "loghorn sub delete later --yes -o table",
    ] {
        transcript.run(line);
    }
    let file = "subscriptions:\n  - name: gw\n    url: http://127.0.0.1:9100/\n    events: ['invoice.**']\n";
    std::fs::write(server.data.parent().unwrap().join("subs.yaml"), file).unwrap();
    transcript.run("loghorn sub apply -f subs.yaml --dry-run -o table");
    transcript.run("loghorn sub apply -f subs.yaml");
    transcript.compare("server/subscriptions");
}

#[actix_rt::test]
async fn deliveries() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    let mut transcript = Transcript::of(&server);
    server.subscribe(&receiver.url(), json!({"name": "gw"})).await;
    transcript.run("loghorn delivery list -o table");
    for n in 0..2 {
        server.post("/api/v1/events", &support::event("ERROR", n)).await;
    }
    ended(&server, "failed", 2).await;
    let id = transcript.run("loghorn delivery list -o name --limit 1").trim().to_owned();
    for line in [
        "loghorn delivery list -o table",
        "loghorn delivery list -o wide --status dead_letter",
        "loghorn delivery list --limit 1",
        "loghorn delivery list --status lost",
        &format!("loghorn delivery get {id} -o table"),
        &format!("loghorn delivery get {id}"),
        "loghorn delivery get dlv_nothing",
        &format!("loghorn delivery resend {id} --wait -o table"),
        "loghorn dlq list -o table",
        "loghorn dlq list",
        "loghorn dlq groups -o table",
        "loghorn dlq groups",
        "loghorn dlq export --limit 1",
        "loghorn dlq replay --all --dry-run -o table",
        "loghorn dlq replay --all",
        "loghorn trigger log.error --set id=by-hand --wait -o table",
    ] {
        transcript.run(line);
    }
    receiver.set(Mood::Answer(200, ""));
    transcript.run("loghorn dlq replay --all --rate 100/s --yes");
    ended(&server, "delivered", 3).await;
    for line in [
        "loghorn dlq discard --all --yes -o table",
        "loghorn job list -o table",
        "loghorn job get job_ -o table",
        "loghorn job cancel job_nothing",
        "loghorn circuit list -o table",
        "loghorn circuit open gw -o table",
        "loghorn circuit list -o table",
        "loghorn circuit probe gw",
        "loghorn circuit close gw",
        "loghorn circuit list --all",
        "loghorn dispatch status",
        "loghorn dispatch pause -o table",
        "loghorn status -o table",
        "loghorn dispatch resume -o table",
    ] {
        transcript.run(line);
    }
    let id = transcript.run("loghorn job list -o name --limit 1").trim().to_owned();
    transcript.run(&format!("loghorn job get {id} -o table"));
    transcript.run(&format!("loghorn job cancel {id}"));
    transcript.compare("server/deliveries");
}

#[actix_rt::test]
async fn administration() {
    let server = Loghorn::start().await;
    server.subscribe("http://127.0.0.1:9099/", json!({"name": "gw"})).await;
    let mut transcript = Transcript::of(&server).changing(r"^(workers|delivery\.threads) .*$", "$1 [OF THE MACHINE]");
    transcript = transcript.changing(r"\([\d,]+ bytes\)", "([SIZE] bytes)");
    transcript = transcript.changing(r"^( +Port +)\d+$", "$1[PORT]");
    for line in [
        "loghorn key create laptop --scope read -o table",
        "loghorn key create shop --scope ingest --expires-in 90d",
        "loghorn key create laptop --scope everything",
        "loghorn key list -o table",
        "loghorn key revoke laptop",
        "loghorn key revoke laptop --yes -o table",
        "loghorn key list",
        "loghorn key revoke nobody --yes",
        "loghorn key rotate-master",
        "loghorn connect -o table",
        "loghorn connect curl",
        "loghorn connect fluent-bit",
        "loghorn connect nothing",
        "loghorn audit --limit 3 -o table",
        "loghorn audit --limit 1",
        "loghorn config list --origins -o table",
        "loghorn config list --changed",
        "loghorn config set local --server http://127.0.0.1:8000",
        "loghorn config set prod --server https://loghorn.example.com -o table",
        "loghorn config set new",
        "loghorn config set new --server http://127.0.0.1:8000 --key-file data/gone.key",
        "loghorn config use local -o table",
        "loghorn config use loacl",
        "loghorn config profiles -o table",
        "loghorn config profiles",
        "loghorn config remove prod -o table",
        "loghorn config use --none -o table",
        "loghorn status --profile prod",
        "loghorn backup create b.tar -o table",
        "loghorn backup create b.tar",
        "loghorn backup check b.tar -o table",
        "loghorn backup check gone.tar",
        "loghorn backup restore b.tar --data data",
        "loghorn backup restore b.tar --data copy --paused -o table",
        "loghorn validate -o table",
        "loghorn validate absent.toml",
        "loghorn open --print",
        "loghorn open sub_nothing --print",
        "loghorn api GET /dispatch",
        "loghorn api GET /subscriptions/nothing",
        "loghorn version",
        "loghorn event list --key-file gone.key",
    ] {
        transcript.run(line);
    }
    transcript.run_only("loghorn openapi", &[0]);
    transcript.run_only("loghorn man", &[0]);
    transcript.run_only("loghorn completion bash", &[0]);
    transcript.run_only("loghorn doctor", &[0, 5]);
    transcript.compare("server/administration");
}

#[actix_rt::test]
async fn live() {
    let server = Loghorn::start().await;
    let mut transcript = Transcript::of(&server).changing(r"\b\d\d:\d\d:\d\d\b", "[CLOCK]");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let (_, secret) = server.subscribe(&format!("http://{address}/"), json!({"name": "gw"})).await;
    std::fs::write(server.data.parent().unwrap().join("gw.secret"), secret).unwrap();
    let line = format!("loghorn listen --bind {address} --secret-file gw.secret --count 1 -o table");
    let listening = transcript.begin(&line);
    until("it listens", 10, || async { std::net::TcpStream::connect(&address).is_ok() }).await;
    server.post("/api/v1/events", &support::event("ERROR", 1)).await;
    transcript.finish(&line, listening);
    std::fs::write(server.data.parent().unwrap().join("body.json"), "{}").unwrap();
    transcript.run("loghorn sign --secret-file gw.secret --id order-1 --timestamp 1700000000 body.json");
    transcript.run("loghorn listen --sub gw --print-secret");
    transcript.run("loghorn delivery get dlv_ --curl");
    let receiver = Receiver::start_at(address.parse().unwrap(), Mood::Answer(200, ""));
    assert!(receiver.is_some(), "its port is free again");
    let line = "loghorn tail --count 1 --status delivered -o table";
    let mut tailing = transcript.begin(line);
    for n in 2.. {
        if tailing.try_wait().unwrap().is_some() {
            break;
        }
        server.post("/api/v1/events", &support::event("ERROR", n)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    transcript.finish(line, tailing);
    transcript.compare("server/live");
}
