//! Requests that real clients sent, as they were captured.

use std::path::Path;

const FOLDER: &str = "../shared/fixtures/captures";

/// One request of a capture.
pub struct Captured {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Whether the captures are here.
pub fn are_here() -> bool {
    Path::new(FOLDER).exists()
}

/// What concerns the connection and not the request.
const SKIPPED: [&str; 6] = ["host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect"];

/// The requests in the capture of this name.
pub fn read(name: &str) -> Vec<Captured> {
    let text = std::fs::read_to_string(format!("{FOLDER}/{name}.txt")).unwrap();
    let parts = text.split("=====").skip(1).map(|part| {
        let (head, rest) = part.split_once("\n--- body").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        let end = ["\n--- gunzip", "\n--- answered"].iter().filter_map(|mark| rest.find(mark)).min();
        let body = end.map_or("", |end| &rest[..end]);
        let body = match body.strip_prefix("hex: ") {
            Some(hex) => unhex(hex),
            None => body.strip_prefix("text: ").unwrap_or_default().as_bytes().to_vec(),
        };
        let mut lines = head.lines().skip(1);
        let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
        let (method, path) = (first.next().unwrap(), first.next().unwrap());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.filter(|(name, _)| !SKIPPED.contains(&name.to_lowercase().as_str()));
        Captured { method, path, headers: headers.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(), body }
    });
    parts.collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
