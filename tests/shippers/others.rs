//! GELF, Datadog and the journal.

use serde_json::json;

use crate::{
    support::Loghorn,
    wire::{JSON, assert_event, gzip, last_seq, newest, post, zlib},
};

#[actix_rt::test]
async fn gelf_is_stored_also_where_zlib_is_called_gzip() {
    let server = Loghorn::start().await;
    let message = json!({"version": "1.1", "host": "vm", "short_message": "no card é", "full_message": "all of it", "level": 3,
        "timestamp": 1_795_457_121.216_012_7, "_app": "pay", "_tx": {"n": 1}, "_stack_info": null});
    let text = message.to_string();
    for (headers, body) in [
        (vec![], text.clone().into_bytes()),
        (vec![("content-encoding", "gzip,deflate")], zlib(text.as_bytes())),
        (vec![("content-encoding", "gzip")], gzip(text.as_bytes())),
    ] {
        let answer = post(&server, "/gelf", &headers, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (202, ""));
        assert_event(
            &newest(&server, 1).await[0],
            &json!({
                "level": "ERROR", "source": "pay", "message": "no card é", "timestamp": "2026-11-23T18:05:21.216Z",
                "metadata": {"host": "vm", "tx": {"n": 1}, "full_message": "all of it", "version": "1.1"},
            }),
        );
    }
    let two = r#"{"short_message":"a","host":"h1","level":0}
{"host":"h2","short_message":"b"}"#;
    assert_eq!(post(&server, "/gelf", &[], two).await.status, 202);
    let events = newest(&server, 2).await;
    assert_event(&events[0], &json!({"level": "CRITICAL", "source": "h1", "message": "a"}));
    assert_event(&events[1], &json!({"level": "INFO", "source": "h2", "message": "b"}));
    for bad in ["{", "[1]", "x"] {
        assert_eq!(post(&server, "/gelf", &[], bad).await.status, 400, "{bad}");
    }
    assert_eq!(last_seq(&server).await, 5);
}

#[actix_rt::test]
async fn datadog_s_entries_are_stored_with_their_tags() {
    let server = Loghorn::start().await;
    let entry = json!({"message": "no card é", "status": "error", "timestamp": 1_795_457_121_216_i64, "hostname": "i-1",
        "service": "pay", "ddsource": "nginx", "ddtags": "env:staging,version:5.1,alone"});
    for (path, headers, body) in [
        ("/api/v2/logs", vec![JSON], json!([entry]).to_string().into_bytes()),
        ("/v1/input", vec![JSON], entry.to_string().into_bytes()),
        ("/v1/input/some-token", vec![JSON, ("content-encoding", "gzip")], gzip(json!([entry]).to_string().as_bytes())),
        ("/api/v2/logs", vec![("content-encoding", "deflate")], zlib(entry.to_string().as_bytes())),
        (
            "/api/v2/logs",
            vec![("content-encoding", "zstd")],
            zstd::encode_all(entry.to_string().as_bytes(), 3).unwrap(),
        ),
    ] {
        let answer = post(&server, path, &headers, body).await;
        assert_eq!((answer.status, answer.json(), answer.header("content-type")), (202, json!({}), "application/json"));
        assert_event(
            &newest(&server, 1).await[0],
            &json!({
                "level": "ERROR", "event_type": "log.error", "source": "pay", "message": "no card é", "timestamp": "2026-11-23T18:05:21.216Z",
                "metadata": {"host": "i-1", "ddsource": "nginx", "ddtags": "env:staging,version:5.1,alone", "tags": {"env": "staging", "version": "5.1", "alone": ""}},
            }),
        );
    }
    assert_eq!(
        post(&server, "/api/v2/logs", &[JSON], "{}").await.status,
        202,
        "an agent looks whether somebody is there"
    );
    let answer = post(&server, "/api/v2/logs", &[JSON], "[{").await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["status"]), (400, &json!("400")));
    assert_eq!(last_seq(&server).await, 5);
}

#[actix_rt::test]
async fn entries_of_the_journal_are_stored_once() {
    let server = Loghorn::start().await;
    let mut body = b"__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1787389200123456\nPRIORITY=3\nSYSLOG_IDENTIFIER=pay\n_HOSTNAME=web1\nMESSAGE=no card\nA=1\nA=2\n\n".to_vec();
    body.extend_from_slice(b"PRIORITY=6\nMESSAGE\n\x04\0\0\0\0\0\0\0a\n\xffb\n\n_SYSTEMD_UNIT=x.service\n\n");
    let headers = [("content-type", "application/vnd.fdo.journal")];
    for _ in 0..2 {
        let answer = post(&server, "/upload", &headers, body.clone()).await;
        assert_eq!((answer.status, answer.text().as_str()), (202, "OK.\n"));
    }
    let all = newest(&server, 5).await;
    assert_event(
        &all[0],
        &json!({
            "id": "s=1;i=1", "level": "ERROR", "source": "pay", "message": "no card", "timestamp": "2026-08-22T09:00:00.123Z",
            "metadata": {"host": "web1", "A": ["1", "2"]},
        }),
    );
    assert_event(&all[1], &json!({"level": "INFO", "message": "a\n\u{fffd}b"}));
    assert_event(&all[2], &json!({"source": "x.service"}));
    for (headers, bad, status) in [
        (headers, &b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff"[..], 400),
        ([("content-type", "text/html")], &b"A=1\n"[..], 415),
    ] {
        let answer = post(&server, "/upload", &headers, bad).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
}
