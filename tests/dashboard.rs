//! The dashboard as the server hands it out: to browsers only, under a policy with a nonce that is used once, and nothing
//! else than what was built.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{BTreeMap, HashSet};

use support::Loghorn;

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

async fn get(server: &Loghorn, path: &str, headers: &[(&str, &str)]) -> Answer {
    // As it stands: nothing in between resolves `..` or unpacks.
    let mut request = awc::Client::default().get(server.url(path)).no_decompress();
    for header in headers {
        request = request.insert_header(*header);
    }
    let mut answer = request.send().await.unwrap();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = answer.body().limit(16 << 20).await.unwrap().to_vec();
    Answer { status: answer.status().as_u16(), headers, body }
}

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9");

#[actix_rt::test]
async fn pages_are_for_browsers_and_each_has_a_nonce_of_its_own() {
    let server = Loghorn::start().await;
    let mut nonces = HashSet::new();
    let pages =
        ["/", "/welcome", "/deliveries", "/deliveries/dlv_1", "/subscriptions/new", "/subscriptions/sub_1/edit"];
    for path in pages.into_iter().chain(["/dead-letters", "/events/evt_1", "/receiver", "/system", "/?overview"]) {
        let page = get(&server, path, &[HTML]).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "a kept page would bear a used nonce");
        let policy = page.header("content-security-policy");
        let nonce = policy.split_once("'nonce-").unwrap().1.split('\'').next().unwrap();
        assert!(policy.starts_with("default-src 'self'; style-src 'self' 'nonce-"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(nonce.len() >= 22 && nonces.insert(nonce.to_owned()), "{nonce}");
        let is_built = !page.text().contains("Dashboard not built");
        assert!(!is_built || page.text().contains(&format!("content=\"{nonce}\"")), "{}", page.text());
        assert!(!page.text().contains("__CSP_NONCE__"));
    }
    for accept in ["*/*", "application/json", ""] {
        let answer = get(&server, "/welcome", &[("accept", accept)]).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{accept}");
        // Clients of Elasticsearch look there whom they talk to.
        let answer = get(&server, "/", &[("accept", accept)]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{accept}");
    }
    for path in ["/nothing", "/deliveries/a/b", "/index.html", "/api/v1/nothing"] {
        assert_eq!(get(&server, path, &[HTML]).await.status, 404, "{path}");
    }
    assert_eq!(get(&server, "/", &[HTML, ("host", "evil.example")]).await.status, 403, "by no foreign name");
}

#[actix_rt::test]
async fn pages_are_open_where_a_key_is_needed_and_tell_nothing() {
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    assert_eq!(get(&server, "/deliveries", &[HTML]).await.status, 200);
    assert_eq!(get(&server, "/api/v1/deliveries", &[HTML]).await.status, 401);
}

#[actix_rt::test]
async fn assets_never_change_and_nothing_else_is_among_them() {
    let server = Loghorn::start().await;
    for path in [
        "/assets/",
        "/assets/nothing.js",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/index.html",
        "/assets/../index.html",
        "/assets/..%2f..%2f..%2fCargo.toml",
        "/assets/%2fetc%2fpasswd",
        "/assets/index.html",
    ] {
        assert_eq!(get(&server, path, &[HTML]).await.status, 404, "{path}");
    }
    let page = get(&server, "/", &[HTML]).await.text();
    if page.contains("Dashboard not built") {
        eprintln!("skipped: the dashboard is not built here");
        return;
    }
    let script = page.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")).unwrap();
    let plain = get(&server, script, &[]).await;
    assert_eq!((plain.status, plain.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "Accept-Encoding"));
    let mut tags = HashSet::from([plain.header("etag").to_owned()]);
    for (accepted, encoding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip")] {
        let packed = get(&server, script, &[("accept-encoding", accepted)]).await;
        assert_eq!((packed.status, packed.header("content-encoding")), (200, encoding), "{accepted}");
        assert!(packed.body.len() * 2 < plain.body.len());
        tags.insert(packed.header("etag").to_owned());
        let known = [("accept-encoding", accepted), ("if-none-match", packed.header("etag"))];
        let again = get(&server, script, &known).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    assert_eq!(tags.len(), 3, "each form has a tag of its own: {tags:?}");
    for copy in [".br", ".gz"] {
        assert_eq!(get(&server, &format!("{script}{copy}"), &[]).await.status, 404);
    }
}
