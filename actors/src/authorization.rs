//! What lets webhooks in at their receiver: a header that stays the same, or a token that is fetched from an
//! authorization server (OAuth 2.0 client credentials, RFC 6749, 4.4) and kept until shortly before it ends.
//!
//! A token is fetched within the attempt that needs it, by the same guarded connector and under the same deadline;
//! attempts of one endpoint wait for one fetch. Where there is none, nothing is sent and the delivery is tried again:
//! what an authorization server says is no word of the receiver's.

use std::{cell::Cell, time::Duration};

use awc::{
    Client,
    error::SendRequestError,
    http::{
        StatusCode, Uri,
        header::{self, HeaderName, HeaderValue},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::{
    Class, Clock,
    credentials::{Auth, ClientAuth, Oauth2},
    egress::Policy,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::sender;

/// Largest answer of an authorization server, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a token is kept whose end nobody told.
const LIFE_DEFAULT: Duration = Duration::from_secs(300);
/// Longest that one is kept.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Longest word for what was wrong that is shown, in characters.
const WORD_CHARS_MAX: usize = 64;

/// See the module.
pub(crate) enum Authorization {
    /// Nothing but the signature.
    None,
    Fixed(HeaderName, HeaderValue),
    Token(Box<TokenSource>),
}

/// Why nothing came of a request.
pub(crate) enum NotSent {
    /// It could not be sent, or no answer came.
    Failed(SendRequestError),
    /// There is no token to send it with: what the attempt comes to, and why in words.
    NoToken(Class, String),
}

impl Authorization {
    /// That of a subscription with `auth`; in words, why there can be none.
    pub(crate) fn new(auth: Option<&Auth>, policy: &Policy) -> Result<Self, String> {
        let authorization = |value: String| Ok(Self::Fixed(header::AUTHORIZATION, sensitive(&value)?));
        match auth {
            None => Ok(Self::None),
            Some(Auth::Basic { username, password }) => authorization(basic(username, password.reveal())),
            Some(Auth::Bearer { token }) => authorization(format!("Bearer {}", token.reveal())),
            Some(Auth::Header { name, value }) => {
                let name = name.parse().map_err(|error| format!("header {name}: {error}"))?;
                Ok(Self::Fixed(name, sensitive(value.reveal())?))
            }
            Some(Auth::Oauth2(oauth2)) => Ok(Self::Token(Box::new(TokenSource::new(oauth2, policy)?))),
        }
    }

    /// The header to send now, and whether it was fetched just now.
    pub(crate) async fn header(
        &self,
        client: &Client,
        clock: &dyn Clock,
    ) -> Result<Option<(HeaderName, HeaderValue, bool)>, NotSent> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(name, value) => Ok(Some((name.clone(), value.clone(), true))),
            Self::Token(source) => {
                let (value, is_fresh) = source.token(client, clock).await?;
                Ok(Some((header::AUTHORIZATION, value, is_fresh)))
            }
        }
    }

    /// The receiver refused this token: it is kept no longer.
    pub(crate) async fn forget(&self, token: &HeaderValue) {
        if let Self::Token(source) = self {
            let mut kept = source.kept.lock().await;
            // Another attempt may have fetched a new one meanwhile.
            if kept.as_ref().is_some_and(|kept| kept.value == *token) {
                *kept = None;
            }
        }
    }

    /// Whether an attempt waits for a token.
    pub(crate) fn is_fetching(&self) -> bool {
        matches!(self, Self::Token(source) if source.fetching.get() > 0)
    }
}

pub(crate) struct TokenSource {
    uri: Uri,
    authorization: Option<HeaderValue>,
    form: Zeroizing<String>,
    kept: Mutex<Option<Kept>>,
    /// Attempts that wait for a token.
    fetching: Cell<usize>,
}

struct Kept {
    value: HeaderValue,
    /// By the monotonic clock.
    until: Duration,
}

/// RFC 6749, 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: Zeroizing<String>,
    #[serde(default)]
    token_type: Option<String>,
    /// Seconds; some servers write them as a text.
    #[serde(default)]
    expires_in: Option<Value>,
}

impl TokenSource {
    fn new(oauth2: &Oauth2, policy: &Policy) -> Result<Self, String> {
        let url = policy.check_url(&oauth2.token_url);
        let url = url.map_err(|refusal| format!("token_url: {}; {}", refusal.detail, refusal.remedy))?;
        let uri: Uri = url.as_str().parse().map_err(|error| format!("token_url cannot be used: {error}"))?;
        if uri.host() != url.host_str() {
            return Err("token_url's host is read in two ways".into());
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let optional = [("scope", &oauth2.scope), ("audience", &oauth2.audience)];
        form.extend_pairs(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let (id, secret) = (&oauth2.client_id, oauth2.client_secret.reveal());
        let authorization = match oauth2.client_auth {
            // RFC 6749, 2.3.1: each is form-encoded before it is put together.
            ClientAuth::Basic => Some(sensitive(&basic(&encoded(id), &encoded(secret)))?),
            ClientAuth::Post => {
                form.append_pair("client_id", id).append_pair("client_secret", secret);
                None
            }
        };
        let form = Zeroizing::new(form.finish());
        Ok(Self { uri, authorization, form, kept: Mutex::default(), fetching: Cell::new(0) })
    }

    async fn token(&self, client: &Client, clock: &dyn Clock) -> Result<(HeaderValue, bool), NotSent> {
        let _fetching = Fetching::new(&self.fetching);
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| clock.monotonic() < kept.until) {
            return Ok((kept.value.clone(), false));
        }
        *kept = None;
        let (value, life) = self.fetch(client).await?;
        *kept = Some(Kept { value: value.clone(), until: clock.monotonic() + life });
        Ok((value, true))
    }

    async fn fetch(&self, client: &Client) -> Result<(HeaderValue, Duration), NotSent> {
        // A connection of its own: it is needed so seldom that none would still be alive.
        let mut request = client.post(self.uri.clone()).no_decompress().force_close();
        request = request
            .content_type("application/x-www-form-urlencoded")
            .insert_header((header::ACCEPT, "application/json"));
        if let Some(authorization) = &self.authorization {
            request = request.insert_header((header::AUTHORIZATION, authorization.clone()));
        }
        let failed = |error| {
            let (class, words) = sender::classify(&error, false);
            NotSent::NoToken(class, format!("the authorization server: {words}"))
        };
        let mut answer = request.send_body(self.form.to_string()).await.map_err(failed)?;
        let status = answer.status();
        let strange = |why: &str| NotSent::NoToken(Class::Protocol, format!("the authorization server's answer {why}"));
        let body =
            answer.body().limit(ANSWER_BYTES_MAX).await.map_err(|error| strange(&format!("was cut: {error}")))?;
        if status != StatusCode::OK {
            let class = if status.is_server_error() { Class::Http5xx } else { Class::Protocol };
            return Err(NotSent::NoToken(
                class,
                format!("the authorization server answered {}", refusal(status, &body)),
            ));
        }
        // What serde says may repeat what it read.
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| strange("has no access_token"))?;
        if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(strange("has another token_type than Bearer"));
        }
        let value = sensitive(&format!("Bearer {}", *granted.access_token))
            .map_err(|_| strange("has a token that no header can carry"))?;
        let seconds = granted.expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let life = seconds.map_or(LIFE_DEFAULT, Duration::from_secs).min(LIFE_MAX);
        // It is not to end on the way.
        Ok((value, life * 9 / 10))
    }
}

/// The status, and the word for what was wrong (RFC 6749, 5.2) where there is one.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let word =
        serde_json::from_slice::<Value>(body).ok().and_then(|value| value.get("error")?.as_str().map(str::to_owned));
    let is_word =
        |word: &String| word.len() <= WORD_CHARS_MAX && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match word.filter(is_word) {
        Some(word) => format!("{}: {word}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

fn basic(username: &str, password: &str) -> String {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn sensitive(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "a credential cannot be sent in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Counted off also where the attempt's time is over.
struct Fetching<'f>(&'f Cell<usize>);

impl<'f> Fetching<'f> {
    fn new(count: &'f Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
