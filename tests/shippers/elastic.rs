//! Elasticsearch: the handshake, bulk and single documents.

use serde_json::{Value, json};

use crate::{
    support::Loghorn,
    wire::{JSON, assert_event, call, gzip, last_seq, newest, post},
};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

#[actix_rt::test]
async fn clients_find_an_elasticsearch_at_the_root_and_under_es() {
    let server = Loghorn::start_with(&["--set", "ingest.elasticsearch_version=8.11.3"], &[]).await;
    for path in ["/", "/es", "/es/"] {
        let answer = call(&server, "GET", path, &[("accept", "application/json")], "").await;
        assert_eq!((answer.status, answer.header("x-elastic-product")), (200, "Elasticsearch"), "{path}");
        let json = answer.json();
        assert_eq!(json["version"]["number"], "8.11.3");
        assert_eq!(json["tagline"], "You Know, for Search");
        let head = call(&server, "HEAD", path, &[], "").await;
        assert_eq!((head.status, head.header("x-elastic-product")), (200, "Elasticsearch"), "{path}");
    }
    let page = call(&server, "GET", "/", &[("accept", "text/html")], "").await;
    assert!(page.header("content-type").starts_with("text/html"));
    for prefix in ["", "/es"] {
        let license = call(&server, "GET", &format!("{prefix}/_license?human=false"), &[], "").await;
        assert_eq!((license.status, &license.json()["license"]["status"]), (200, &json!("active")));
        assert_eq!(license.header("x-elastic-product"), "Elasticsearch");
        let health = call(&server, "GET", &format!("{prefix}/_cat/health"), &[], "").await;
        assert!(health.status == 200 && health.header("content-type").starts_with("text/plain"));
        let health = call(&server, "GET", &format!("{prefix}/_cluster/health"), &[], "").await;
        assert_eq!(health.json()["status"], "green");
    }
}

#[actix_rt::test]
async fn bulks_are_stored_and_answered_item_by_item() {
    let server = Loghorn::start().await;
    let body = concat!(
        r#"{"create":{"_index":"logs-app-default","_id":"a-1"}}"#,
        "\n",
        r#"{"@timestamp":"2026-08-22T10:00:00.123Z","message":"Credit card timeout é","log.level":"error","service.name":"pay","host":{"name":"w1"},"tx":{"n":[1]}}"#,
        "\n\n",
        r#"{"index":{"_index":"logs","_type":"events"}}"#,
        "\r\n",
        r#"{"message":"two","severity":"crit","program":"nginx"}"#,
        "\n",
        r#"{"create":{}}"#,
        "\n",
        "{no json}\n",
        r#"{"delete":{"_index":"logs","_id":"gone"}}"#,
        "\n",
        r#"{"update":{"_index":"logs","_id":"u"}}"#,
        "\n",
        r#"{"doc":{"message":"changed"},"doc_as_upsert":true}"#,
        "\n",
        r#"{"create":{"_index":"logs-app-default","_id":"a-1"}}"#,
        "\n",
        r#"{"message":"again"}"#,
    );
    let answer = call(&server, "PUT", "/path-index/_bulk?filter_path=items&pipeline=x", &[NDJSON], body).await;
    assert_eq!((answer.status, answer.header("x-elastic-product")), (200, "Elasticsearch"), "{}", answer.text());
    let text = answer.text();
    assert!(text.find("\"errors\"") < text.find("\"items\""), "{text}");
    let json = answer.json();
    assert_eq!(json["errors"], true);
    let items: Vec<(String, u64)> = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let (verb, of) = item.as_object().unwrap().iter().next().unwrap();
            (verb.clone(), of["status"].as_u64().unwrap())
        })
        .collect();
    let expected =
        [("create", 201), ("index", 201), ("create", 400), ("delete", 404), ("update", 200), ("create", 409)];
    assert_eq!(items, expected.map(|(verb, status)| (verb.to_owned(), status)), "{json}");
    assert_eq!(json["items"][0]["create"]["_id"], "a-1");
    assert_eq!(json["items"][2]["create"]["_index"], "path-index");
    assert_eq!(json["items"][2]["create"]["error"]["type"], "document_parsing_exception");
    let events = newest(&server, 3).await;
    assert_event(
        &events[0],
        &json!({
            "id": "a-1@logs-app-default", "level": "ERROR", "event_type": "log.error", "source": "pay", "message": "Credit card timeout é",
            "timestamp": "2026-08-22T10:00:00.123Z",
            "metadata": {"index": "logs-app-default", "host": "w1", "tx": {"n": [1]}},
        }),
    );
    assert_event(
        &events[1],
        &json!({"level": "CRITICAL", "source": "nginx", "message": "two", "metadata": {"index": "logs"}}),
    );
    assert_eq!(json["items"][1]["index"]["_id"], events[1]["id"]);
    assert_event(&events[2], &json!({"id": "u@logs", "message": "changed"}));
}

#[actix_rt::test]
async fn answers_have_the_type_that_the_client_accepts() {
    let server = Loghorn::start().await;
    let body = "{\"index\":{\"_index\":\"a\"}}\n{\"message\":\"x\"}\n";
    let own = "application/vnd.elasticsearch+x-ndjson; compatible-with=9";
    let accept = "application/vnd.elasticsearch+json; compatible-with=9";
    let packed = gzip(body.as_bytes());
    let answer =
        post(&server, "/_bulk", &[("content-type", own), ("accept", accept), ("content-encoding", "gzip")], packed)
            .await;
    assert_eq!((answer.status, answer.header("content-type")), (200, accept));
    assert_eq!(answer.json()["errors"], false);
    let answer = post(&server, "/es/_bulk", &[NDJSON], body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
}

#[actix_rt::test]
async fn single_documents_are_stored() {
    let server = Loghorn::start().await;
    let answer = post(&server, "/es/logs/_doc", &[JSON], r#"{"message":"one"}"#).await;
    assert_eq!((answer.status, &answer.json()["result"]), (201, &json!("created")));
    let answer = call(&server, "PUT", "/logs/_create/x1", &[JSON], r#"{"message":"two"}"#).await;
    assert_eq!((answer.status, &answer.json()["_id"]), (201, &json!("x1")));
    let answer = call(&server, "PUT", "/logs/_create/x1", &[JSON], r#"{"message":"two"}"#).await;
    assert_eq!(answer.status, 409);
    let answer = post(&server, "/logs/_doc", &[JSON], "[1]").await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (400, &json!("illegal_argument_exception")));
    assert_eq!(last_seq(&server).await, 2);
    assert_event(
        &newest(&server, 1).await[0],
        &json!({"id": "x1@logs", "message": "two", "metadata": {"index": "logs"}}),
    );
}

#[actix_rt::test]
async fn an_id_is_one_of_its_index_alone() {
    let server = Loghorn::start().await;
    let long = "é".repeat(100);
    let action = |index: &str, id: &str| {
        let action = json!({"create": {"_index": index, "_id": id}});
        format!("{action}\n{{\"message\":\"{index}\"}}\n")
    };
    let body =
        [action("logs-a", "1"), action("logs-b", "1"), action("logs-a", &long), action("logs-b", &long)].concat();
    for expected in [201, 409] {
        let json = post(&server, "/_bulk", &[NDJSON], body.clone()).await.json();
        for (item, id) in json["items"].as_array().unwrap().iter().zip(["1", "1", &long, &long]) {
            assert_eq!((&item["create"]["status"], &item["create"]["_id"]), (&json!(expected), &json!(id)), "{json}");
        }
    }
    let events = newest(&server, 4).await;
    assert_event(&events[1], &json!({"id": "1@logs-b", "metadata": {"id_raw": null}}));
    assert_event(&events[3], &json!({"message": "logs-b", "metadata": {"id_raw": long}}));
    assert_eq!(last_seq(&server).await, 4);
}

#[actix_rt::test]
async fn a_bad_action_refuses_the_request_and_stores_nothing() {
    let server = Loghorn::start().await;
    let good = "{\"index\":{}}\n{\"message\":\"x\"}\n";
    for bad in ["{\"index\":{}}\n", "nonsense\n", "{\"index\":{}", "{\"burn\":{}}\n{}\n", "[]\n", ""] {
        let body = if bad.is_empty() { String::new() } else { format!("{good}{bad}") };
        let answer = post(&server, "/_bulk", &[NDJSON], body).await;
        let json: Value = answer.json();
        assert_eq!((answer.status, &json["status"]), (400, &json!(400)), "{bad}: {json}");
        assert_eq!(json["error"]["type"], "illegal_argument_exception");
        assert_eq!(answer.header("x-elastic-product"), "Elasticsearch");
    }
    assert_eq!(last_seq(&server).await, 0);
}
