//! A small client, and the ways in which bodies are packed.

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use serde_json::Value;

use crate::support::Loghorn;

pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: {}", self.status, self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub async fn call(
    server: &Loghorn,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Answer {
    let client = awc::Client::builder().timeout(Duration::from_secs(60)).finish();
    let mut request = client.request(method.parse().unwrap(), server.url(path)).no_decompress().force_close();
    for (name, value) in headers {
        let value = awc::http::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.insert_header((*name, value));
    }
    let mut answer = request.send_body(body.into()).await.unwrap();
    let body = answer.body().limit(64 << 20).await.unwrap().to_vec();
    let headers = answer.headers().iter().map(|(k, v)| (k.to_string(), v.to_str().unwrap().to_owned())).collect();
    Answer { status: answer.status().as_u16(), headers, body }
}

pub async fn post(server: &Loghorn, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    call(server, "POST", path, headers, body).await
}

pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// The newest events, oldest first.
pub async fn newest(server: &Loghorn, n: usize) -> Vec<Value> {
    let mut events = server.get(&format!("/api/v1/events?limit={n}")).await["items"].as_array().unwrap().clone();
    events.reverse();
    assert_eq!(events.len(), n);
    events
}

pub async fn last_seq(server: &Loghorn) -> u64 {
    server.get("/api/v1/stats").await["event_stats"]["last_seq"].as_u64().unwrap_or(0)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// What the stored event must hold: each member of `expected`, `metadata` member by member.
pub fn assert_event(event: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        match (name.as_str(), value) {
            ("metadata", Value::Object(members)) => {
                for (name, value) in members {
                    assert_eq!(&event["metadata"][name], value, "metadata.{name} of {event}");
                }
            }
            _ => assert_eq!(&event[name], value, "{name} of {event}"),
        }
    }
}
