//! Stock daemons of Debian send to the real server with the configurations that the documentation has for them, and what is
//! stored is compared field by field.

use std::{io::Write as _, os::unix::net::UnixStream, path::Path};

use serde_json::{Value, json};

use crate::{
    support::{
        Loghorn,
        clients::{Daemon, deb, debs, documented, run, with_share},
        until,
    },
    wire::{assert_event, last_seq, newest},
};

const TEXT: &str = "Credit card timeout é ☃";
const EXCEPTION: &str = "ValueError: no card ü\n\tat \"pay.py\":7 in C:\\pay";

/// rsyslog, which takes messages from a socket and hands them on as `action` says.
pub(super) fn rsyslog(folder: &Path, action: &str) -> Option<Daemon> {
    let shown = folder.display();
    let conf = format!(
        "global(workDirectory=\"{shown}\" parser.escapeControlCharactersOnReceive=\"off\")\n\
         module(load=\"imptcp\")\ninput(type=\"imptcp\" path=\"{shown}/in\")\n{action}"
    );
    std::fs::write(folder.join("conf"), conf).unwrap();
    let mut command = deb("usr/sbin/rsyslogd")?;
    command.arg("-n").arg("-f").arg(folder.join("conf")).arg("-i").arg(folder.join("pid"));
    command.arg("-M").arg(debs().join("usr/lib/x86_64-linux-gnu/rsyslog"));
    Some(Daemon::start(command, folder))
}

/// Sends messages to it, as RFC 5424 has them, each after its length.
pub(super) async fn log(folder: &Path, messages: &[String]) {
    until("rsyslog listens", 20, || async { UnixStream::connect(folder.join("in")).is_ok() }).await;
    let mut socket = UnixStream::connect(folder.join("in")).unwrap();
    for message in messages {
        write!(socket, "{} {message}", message.len()).unwrap();
    }
}

/// Waits until so many events are stored; all of them, oldest first.
async fn stored(server: &Loghorn, sender: &Daemon, n: u64) -> Vec<Value> {
    for _ in 0..300 {
        if last_seq(server).await >= n {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(last_seq(server).await, n, "{}", sender.said());
    newest(server, n as usize).await
}

#[actix_rt::test]
async fn rsyslog_as_the_page_has_it() {
    let (server, folder) = (Loghorn::start().await, tempfile::tempdir().unwrap());
    let Some(sender) = rsyslog(folder.path(), &documented("elasticsearch.md", "rsyslog", server.addr)) else { return };
    let message = |severity: u8, text: &str| {
        format!("<{}>1 2026-08-22T10:00:00.123456+02:00 web1 payment-service 4242 ID7 - {text}", 8 + severity)
    };
    let severities = [(3, "ERROR"), (4, "WARNING"), (0, "CRITICAL"), (5, "INFO"), (7, "DEBUG")];
    let mut messages: Vec<String> = severities.iter().map(|(severity, _)| message(*severity, TEXT)).collect();
    messages.push(message(2, EXCEPTION));
    log(folder.path(), &messages).await;
    let events = stored(&server, &sender, 6).await;
    for ((_, level), event) in severities.iter().zip(&events) {
        let expected = json!({
            "level": level, "event_type": format!("log.{}", level.to_lowercase()), "source": "payment-service",
            "message": TEXT, "timestamp": "2026-08-22T08:00:00.123Z", "metadata": {"host": "web1", "index": "logs"},
        });
        assert_event(event, &expected);
    }
    assert_event(&events[5], &json!({"level": "CRITICAL", "message": EXCEPTION}));
}

#[actix_rt::test]
async fn rsyslog_with_records_of_json() {
    let (server, folder) = (Loghorn::start().await, tempfile::tempdir().unwrap());
    let port = server.addr.port();
    let action = format!(
        r#"module(load="mmjsonparse") module(load="omelasticsearch")
        template(name="all" type="list") {{ property(name="$!all-json") }}
        action(type="mmjsonparse" cookie="")
        action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" template="all" searchIndex="logs" bulkmode="on")"#
    );
    let Some(sender) = rsyslog(folder.path(), &action) else { return };
    let order = json!({"id": 7, "tags": ["a", "ü"], "deep": {"er": null}});
    let record = json!({
        "ts": "2026-08-22 10:00:00,987", "level": "FATAL", "service": {"name": "payment-service"}, "msg": TEXT,
        "order": order, "exception": EXCEPTION,
    });
    log(folder.path(), &[format!("<13>1 - web1 app - - - {record}")]).await;
    let expected = json!({
        "level": "CRITICAL", "source": "payment-service", "message": TEXT, "timestamp": "2026-08-22T10:00:00.987Z",
        "metadata": {"order": order, "exception": EXCEPTION, "index": "logs"},
    });
    assert_event(&stored(&server, &sender, 1).await[0], &expected);
}

/// An entry of the journal in its export format.
fn entry(number: u64, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let at = 1_787_389_200_123_456 + number * 1_000_000;
    let mut entry = format!(
        "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n\
         _MACHINE_ID=fedcba9876543210fedcba9876543210\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=payment-service\n",
        1000 * (number + 1)
    )
    .into_bytes();
    for (name, value) in fields {
        entry.extend_from_slice(name.as_bytes());
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        entry.extend_from_slice(value);
        entry.push(b'\n');
    }
    entry.push(b'\n');
    entry
}

#[actix_rt::test]
async fn systemd_journal_upload() {
    let (server, folder) = (Loghorn::start().await, tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name);
    let entries = [
        entry(0, &[("MESSAGE", TEXT.as_bytes()), ("PRIORITY", b"3"), ("EXCEPTION", EXCEPTION.as_bytes())]),
        entry(1, &[("MESSAGE", b"line1\nline2 \xff"), ("PRIORITY", b"5"), ("TAG", b"a"), ("TAG", "ü".as_bytes())]),
        entry(2, &[("MESSAGE", b"odd"), ("PRIORITY", b"9"), ("BLOB", b"\x00\x01\xfe")]),
    ];
    std::fs::write(path("export"), entries.concat()).unwrap();
    std::fs::create_dir(path("journal")).unwrap();
    let Some(mut making) = deb("lib/systemd/systemd-journal-remote") else { return };
    making.arg("-o").arg(path("journal/remote-x.journal")).arg(path("export"));
    run(making).await;
    let conf = documented("others.md", "journal-upload", server.addr);
    let url = conf.lines().find_map(|line| line.strip_prefix("URL=")).unwrap();
    let upload = |state: &str| {
        let mut command = deb("lib/systemd/systemd-journal-upload").unwrap();
        command.arg(format!("--url={url}")).arg(format!("--directory={}", path("journal").display()));
        command.arg(format!("--save-state={}", path(state).display())).arg("--follow=no");
        command
    };
    run(upload("state")).await;
    assert_eq!(last_seq(&server).await, 3);
    let events = newest(&server, 3).await;
    let expected = json!({
        "level": "ERROR", "source": "payment-service", "message": TEXT, "timestamp": "2026-08-22T09:00:00.123Z",
        "metadata": {"host": "web1", "EXCEPTION": EXCEPTION},
    });
    assert_event(&events[0], &expected);
    let tags = json!({"TAG": ["a", "ü"]});
    assert_event(&events[1], &json!({"level": "INFO", "message": "line1\nline2 \u{fffd}", "metadata": tags}));
    let blob = json!({"BLOB": "AAH+", "level_raw": "9"});
    assert_event(&events[2], &json!({"level": "INFO", "message": "odd", "metadata": blob}));
    // Without what it remembers it sends everything again.
    run(upload("other state")).await;
    assert_eq!(last_seq(&server).await, 3);
}

#[actix_rt::test]
async fn alertmanager_and_amtool() {
    let (server, folder) = (Loghorn::start().await, tempfile::tempdir().unwrap());
    let receivers = documented("generic.md", "alertmanager", server.addr);
    let route = "route: {receiver: loghorn, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n";
    std::fs::write(folder.path().join("conf"), format!("{route}{receivers}")).unwrap();
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Some(mut command) = deb("usr/bin/prometheus-alertmanager") else { return };
    command.arg(format!("--config.file={}", folder.path().join("conf").display()));
    command.arg(format!("--storage.path={}", folder.path().join("data").display()));
    command.args(["--cluster.listen-address=".to_owned(), format!("--web.listen-address={addr}")]);
    let Some(command) = with_share(&command) else { return };
    let sender = Daemon::start(command, folder.path());
    until("Alertmanager listens", 20, || async { std::net::TcpStream::connect(addr).is_ok() }).await;
    let amtool = |words: &[&str]| {
        let mut command = deb("usr/bin/amtool").unwrap();
        command.arg(format!("--alertmanager.url=http://{addr}")).args(words);
        run(command)
    };
    let about = ["alert", "add", "HighErrors", "service=payment-service", "severity=fatal", "instance=wéb1"];
    let more = [
        "--annotation=summary=Credit card timeout é ☃",
        "--annotation=description=\"no card ü\\n\tat \\\"pay.py\\\":7\"",
    ];
    let starts = "--start=2026-08-22T08:00:00.123456Z";
    amtool(&[&about[..], &more, &[starts]].concat()).await;
    let firing = stored(&server, &sender, 1).await.remove(0);
    let labels =
        json!({"alertname": "HighErrors", "service": "payment-service", "severity": "fatal", "instance": "wéb1"});
    let expected = |state: &str, status: &str, id: &Value| {
        json!({
            "event_type": format!("alert.{state}"), "level": "CRITICAL", "source": "payment-service", "message": TEXT,
            "timestamp": "2026-08-22T08:00:00.123Z", "id": id,
            "metadata": {
                "labels": labels, "annotations": {"summary": TEXT, "description": "no card ü\n\tat \"pay.py\":7"},
                "status": status, "receiver": "loghorn", "groupKey": "{}:{alertname=\"HighErrors\"}",
            },
        })
    };
    let id = firing["id"].as_str().unwrap();
    assert_event(&firing, &expected("firing", "firing", &json!(id)));
    amtool(&[&about[..], &more, &[starts, "--end=2026-08-22T09:00:00Z"]].concat()).await;
    let resolved = stored(&server, &sender, 2).await.remove(1);
    assert_event(&resolved, &expected("resolved", "resolved", &json!(format!("{id}-resolved"))));
    assert_eq!(resolved["metadata"]["endsAt"], "2026-08-22T09:00:00Z");
}
