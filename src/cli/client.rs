//! The server as the command line sees it: a thin HTTP client over the wire types of `loghorn_web`. What the server
//! answers with a problem becomes a [`Fail`] with its exit code.

pub(crate) mod forward;
mod refusal;
mod search;

pub(crate) use search::{ambiguous, begins};

use std::{path::PathBuf, time::Duration};

use actix_codec::Framed;
use awc::{
    BoxedSocket, ClientRequest, SendClientRequest,
    error::{SendRequestError, WsClientError},
    http::{
        Method,
        header::{self, HeaderValue},
    },
    ws::Codec,
};
use futures_util::StreamExt;
use loghorn_domain::Timestamp;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::{
    fail::{Exit, Fail},
    trust,
};

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// A server and how long to wait for its answers.
pub(crate) struct Client {
    http: awc::Client,
    base: Url,
    origin: String,
    timeout: Duration,
    /// Shown with every request.
    key: Option<HeaderValue>,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Fail> {
        serde_json::from_str(&self.body).map_err(|error| strange(&error.to_string()))
    }
}

/// The error for an answer that is not as it should be.
pub(crate) fn strange(why: &str) -> Fail {
    Fail::new(Exit::Error, "the server's answer could not be understood")
        .why(why)
        .remedy("Is it a Loghorn of another version? Compare:  loghorn version    loghorn status -o json")
}

/// What narrows a list: names and values.
pub(crate) type Query<'a> = Vec<(&'static str, std::borrow::Cow<'a, str>)>;

impl Client {
    /// A client of the server at `address`, which came from `origin`. `cacert`: a file of the authorities that may vouch
    /// for it, and where that was named.
    pub(crate) fn new(
        address: &str,
        origin: String,
        timeout: Duration,
        cacert: Option<(PathBuf, String)>,
    ) -> Result<Self, Fail> {
        let base = base(address).map_err(|why| {
            Fail::usage(format!("{address:?} is no address of a server: {why}"))
                .why(format!("It came from {origin}."))
                .remedy("Give one such as:  --server http://127.0.0.1:8000")
        })?;
        let mut connector = awc::Connector::new();
        if base.scheme() == "https" {
            connector = connector.rustls_0_23(trust::config(cacert)?);
        }
        let http = awc::Client::builder()
            .connector(connector)
            .disable_redirects()
            .disable_timeout()
            .add_default_header((header::USER_AGENT, concat!("loghorn-cli/", env!("CARGO_PKG_VERSION"))))
            .add_default_header((header::ACCEPT, "application/json"))
            .finish();
        Ok(Self { http, base, origin, timeout, key: None })
    }

    /// The same, with this key.
    pub(crate) fn with_key(self, key: String) -> Result<Self, Fail> {
        let unreadable = |_| Fail::usage("the key holds characters that no key has").remedy("Give it as it was shown.");
        let mut key = HeaderValue::from_str(&format!("Bearer {}", key.trim())).map_err(unreadable)?;
        key.set_sensitive(true);
        Ok(Self { key: Some(key), ..self })
    }

    /// Whether the server is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self.base.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    fn request(&self, method: Method, url: &Url) -> ClientRequest {
        // A fresh connection for each: none is used that the server is just closing, so no request is lost half-way.
        let request = self.http.request(method, url.as_str()).force_close();
        match &self.key {
            Some(key) => request.insert_header((header::AUTHORIZATION, key.clone())),
            None => request,
        }
    }

    /// The server's time, to the second; `None` where it does not tell it.
    pub(crate) async fn date(&self) -> Option<Timestamp> {
        let url = self.url(&["health", "live"]);
        let answer = self.request(Method::GET, &url).timeout(self.timeout).send().await.ok()?;
        let date = httpdate::parse_http_date(answer.headers().get(header::DATE)?.to_str().ok()?).ok()?;
        let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) async fn get(&self, path: &[&str]) -> Result<Answer, Fail> {
        self.call(Method::GET, path, &[], None).await
    }

    pub(crate) async fn query(&self, path: &[&str], query: &Query<'_>) -> Result<Answer, Fail> {
        self.call(Method::GET, path, query, None).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Answer, Fail> {
        self.call(Method::DELETE, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &[&str], json: String) -> Result<Answer, Fail> {
        self.call(Method::POST, path, &[], Some(json)).await
    }

    /// Opens the live socket, with this subprotocol.
    pub(crate) async fn socket(&self, protocol: &str) -> Result<Framed<BoxedSocket, Codec>, Fail> {
        let mut url = self.url(&["ws"]);
        // It is the same port, so this is always taken.
        let _ = url.set_scheme(if self.base.scheme() == "https" { "wss" } else { "ws" });
        let mut request = self.http.ws(url.as_str()).protocols([protocol]);
        if let Some(key) = &self.key {
            request = request.set_header(header::AUTHORIZATION, key.clone());
        }
        let late = |_| self.unreachable(&SendRequestError::Timeout);
        match tokio::time::timeout(self.timeout, request.connect()).await.map_err(late)? {
            Ok((_, framed)) => Ok(framed),
            Err(WsClientError::SendRequest(error)) => Err(self.unreachable(&error)),
            // What was wrong is told to those that do not ask for a socket.
            Err(WsClientError::InvalidResponseStatus(status)) => match self.get(&["health"]).await {
                Err(fail) if matches!(status.as_u16(), 401 | 403) => Err(fail),
                _ => Err(Fail::new(
                    if status == 401 { Exit::Auth } else { Exit::Error },
                    format!("{} answered {status} to the live socket", self.server()),
                )),
            },
            Err(error) => Err(strange(&error.to_string())),
        }
    }

    /// Replaces what is at `path`, unless it is no longer at `version`.
    pub(crate) async fn put(&self, path: &[&str], json: String, version: u32) -> Result<Answer, Fail> {
        let request = self.request(Method::PUT, &self.url(path)).timeout(self.timeout);
        let request =
            request.content_type("application/json").insert_header((header::IF_MATCH, format!("\"v{version}\"")));
        self.answer(request.send_body(json)).await
    }

    /// Whatever the API has at `path`, which may have a query.
    pub(crate) async fn any(&self, method: Method, path: &str, body: Option<String>) -> Result<Answer, Fail> {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = path.trim_start_matches('/').trim_start_matches("api/v1/");
        let mut url = self.url(&[]);
        // As it was written: what is encoded in it already is not encoded again.
        url.set_path(&format!("{}/{path}", url.path()));
        url.set_query(query);
        let request = self.request(method, &url).timeout(self.timeout);
        self.answer(match body {
            Some(body) => request.content_type("application/json").send_body(body),
            None => request.send(),
        })
        .await
    }

    /// Posts, and hands each line of the answer to `take` as it comes. No time is set for the whole of it: only each
    /// piece must come within the time for an answer.
    pub(crate) async fn post_for_lines(
        &self,
        path: &[&str],
        json: String,
        mut take: impl FnMut(&str) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        let mut begun = Vec::new();
        self.pieces(path, Some(json), "application/x-ndjson", |piece, _| {
            begun.extend_from_slice(piece);
            while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = begun.drain(..=end).collect();
                take(&String::from_utf8_lossy(&line))?;
            }
            if begun.len() > ANSWER_BYTES_MAX {
                return Err(strange("a line of it is too long"));
            }
            Ok(())
        })
        .await?;
        if begun.is_empty() { Ok(()) } else { take(&String::from_utf8_lossy(&begun)) }
    }

    /// Posts nothing, and hands the answer of this media type to `take` as it comes, with its length where that is known.
    /// Time is set as for lines.
    pub(crate) async fn post_for_pieces(
        &self,
        path: &[&str],
        kind: &str,
        take: impl FnMut(&[u8], Option<u64>) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        self.pieces(path, None, kind, take).await
    }

    async fn pieces(
        &self,
        path: &[&str],
        json: Option<String>,
        kind: &str,
        mut take: impl FnMut(&[u8], Option<u64>) -> Result<(), Fail>,
    ) -> Result<(), Fail> {
        let request = self.request(Method::POST, &self.url(path)).insert_header((header::ACCEPT, kind));
        let request = match json {
            Some(json) => request.content_type("application/json").send_body(json),
            None => request.send(),
        };
        let late = |_| self.unreachable(&SendRequestError::Timeout);
        let sent = tokio::time::timeout(self.timeout, request).await.map_err(late)?;
        let mut answer = sent.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let body = tokio::time::timeout(self.timeout, answer.body().limit(ANSWER_BYTES_MAX)).await.map_err(late)?;
            let body = body.map_err(|error| self.broken_off(&error))?;
            return Err(self.refused(status, &String::from_utf8_lossy(&body)));
        }
        let length = answer.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        while let Some(piece) = tokio::time::timeout(self.timeout, answer.next()).await.map_err(late)? {
            take(&piece.map_err(|error| self.broken_off(&error))?, length)?;
        }
        Ok(())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url
    }

    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&'static str, std::borrow::Cow<'_, str>)],
        json: Option<String>,
    ) -> Result<Answer, Fail> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.request(method, &url).timeout(self.timeout);
        let sent: SendClientRequest = match json {
            Some(json) => request.content_type("application/json").send_body(json),
            None => request.send(),
        };
        self.answer(sent).await
    }

    async fn answer(&self, sent: SendClientRequest) -> Result<Answer, Fail> {
        let mut answer = sent.await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = answer.body().limit(ANSWER_BYTES_MAX).await.map_err(|error| self.broken_off(&error))?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() { Ok(Answer { body }) } else { Err(self.refused(status, &body)) }
    }
}

fn base(address: &str) -> Result<Url, String> {
    let with_scheme = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let mut url: Url = with_scheme.parse().map_err(|error: url::ParseError| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("expected http:// or https://".into());
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_generously() {
        let shown = |text| base(text).map(|url| url.to_string().trim_end_matches('/').to_owned());
        assert_eq!(shown("127.0.0.1:8000").unwrap(), "http://127.0.0.1:8000");
        assert_eq!(shown("http://localhost:8000/api/v1/").unwrap(), "http://localhost:8000");
        assert_eq!(shown("http://h/loghorn/").unwrap(), "http://h/loghorn");
        assert_eq!(shown("https://h:8443/").unwrap(), "https://h:8443");
        for text in ["", "ftp://h", "http://"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_admin_key_stays_on_this_machine() {
        let is_local = |server| Client::new(server, String::new(), Duration::from_secs(1), None).unwrap().is_local();
        assert!(["127.0.0.1:8000", "localhost", "[::1]:8000", "https://localhost"].into_iter().all(is_local));
        assert!(!["192.168.1.5", "localhost.example.com", "h", "[::2]"].into_iter().any(is_local));
    }
}
