//! What lets a webhook in at its receiver, beside its signature: HTTP Basic, a bearer token, a header of its own, or a
//! token fetched from an authorization server (OAuth 2.0 client credentials).
//!
//! What is secret in it is never shown: a mask stands for it, and a mask that is sent back means "as it was".

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{Problem, egress};

/// Longest text of each member, in bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// Stands for what is not shown.
pub const MASK: &str = "••••";

/// A text that is shown nowhere: wiped from memory when dropped, and `Debug` shows nothing of it. It is serialised only
/// to be sealed, and by [`Auth::masked`] as a mask.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The plaintext, for what goes to the receiver.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// How webhooks prove to their receiver who sends them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// Without a colon.
        username: String,
        /// Its password.
        password: Hidden,
    },
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer {
        /// The token.
        token: Hidden,
    },
    /// A header of the receiver's own choice.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Hidden,
    },
    /// `Authorization: Bearer …` with a token that is fetched and renewed (RFC 6749, 4.4).
    Oauth2(Oauth2),
}

/// OAuth 2.0 client credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Where tokens are fetched; held to the same rules as a webhook's URL.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Hidden,
    /// What the token is to be good for; parted by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whom the token is for, where the server wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Where id and secret stand in the request.
    #[serde(default)]
    pub client_auth: ClientAuth,
}

/// Where a client's id and secret stand in the request for a token (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In its `Authorization`, as every server must take them.
    #[default]
    Basic,
    /// In its body, for servers that do not.
    Post,
}

impl Auth {
    /// What is expected where something else was written; nothing of that is repeated.
    pub const EXPECTED: &str = "expected {\"type\": \"basic\", \"username\", \"password\"}, {\"type\": \"bearer\", \
                                \"token\"}, {\"type\": \"header\", \"name\", \"value\"} or {\"type\": \"oauth2\", \
                                \"token_url\", \"client_id\", \"client_secret\"}";

    /// The header that it goes in, in lower case.
    pub fn header_name(&self) -> String {
        match self {
            Self::Header { name, .. } => name.to_ascii_lowercase(),
            Self::Basic { .. } | Self::Bearer { .. } | Self::Oauth2(_) => "authorization".into(),
        }
    }

    /// As it is shown: what is secret is [`MASK`].
    pub fn masked(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        for member in SECRETS {
            if let Some(value) = shown.get_mut(member) {
                *value = MASK.into();
            }
        }
        shown
    }

    /// Whether `written` says its own secret, so that nothing of this is kept: it is of another kind, or has the member
    /// that is secret here, and that is no mask.
    pub fn is_replaced_by(&self, written: &Value) -> bool {
        let kept = serde_json::to_value(self).unwrap_or_default();
        if written.get("type").is_some_and(|kind| kept.get("type") != Some(kind)) {
            return true;
        }
        let mut secrets = SECRETS.iter().filter(|member| kept.get(member).is_some());
        secrets.all(|member| written.get(member).and_then(Value::as_str).is_some_and(|text| text != MASK))
    }

    /// Puts what is kept where `written` has masks.
    pub fn unmask(&self, written: &mut Value) {
        let kept = serde_json::to_value(self).unwrap_or_default();
        if written.get("type").is_some_and(|kind| kept.get("type") != Some(kind)) {
            return;
        }
        for member in SECRETS {
            if let (Some(value), Some(kept)) = (written.get_mut(member), kept.get(member))
                && *value == MASK
            {
                *value = kept.clone();
            }
        }
    }

    pub(crate) fn problems<'h>(&self, mut headers: impl Iterator<Item = &'h String>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, member: &str, detail: &str| {
            if !holds {
                problems.push(Problem::new(format!("/auth/{member}"), detail));
            }
        };
        let line = "expected 1 to 4096 printable ASCII characters";
        let is_line =
            |text: &str| (1..=TEXT_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
        let is_not_mask = |text: &Hidden| text.reveal() != MASK;
        let mask = "a mask stands for what was kept before, and nothing was: write the secret itself";
        match self {
            Self::Basic { username, password } => {
                // RFC 7617 allows UTF-8 in both, and a password that is empty.
                let is_text = |text: &str| text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
                let is_name = is_text(username) && !username.contains(':');
                check(is_name, "username", "expected at most 4096 bytes without a colon or line breaks");
                check(is_text(password.reveal()), "password", "expected at most 4096 bytes without line breaks");
                check(is_not_mask(password), "password", mask);
            }
            Self::Bearer { token } => {
                check(is_not_mask(token), "token", mask);
                // RFC 6750, 2.1: b64token.
                let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
                let text = token.reveal();
                let is_good = (1..=TEXT_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_token);
                check(is_good || !is_not_mask(token), "token", "expected 1 to 4096 letters, digits and -._~+/=");
            }
            Self::Header { name, value } => {
                check(is_not_mask(value), "value", mask);
                check(is_line(value.reveal()) || !is_not_mask(value), "value", line);
                if let Err(problem) = egress::check_headers(&[(name.clone(), String::new())].into()) {
                    check(false, "name", &problem.detail);
                }
            }
            Self::Oauth2(oauth2) => {
                check(is_line(&oauth2.client_id), "client_id", line);
                check(is_not_mask(&oauth2.client_secret), "client_secret", mask);
                let secret = oauth2.client_secret.reveal();
                check(is_line(secret) || !is_not_mask(&oauth2.client_secret), "client_secret", line);
                check(oauth2.scope.as_deref().is_none_or(is_line), "scope", line);
                check(oauth2.audience.as_deref().is_none_or(is_line), "audience", line);
            }
        }
        let own = self.header_name();
        if headers.any(|name| name.eq_ignore_ascii_case(&own)) {
            let detail = format!("the header {own} is in headers too; leave it out in one of them");
            problems.push(Problem::new("/auth", detail));
        }
        problems
    }
}

/// Members that are never shown.
const SECRETS: [&str; 4] = ["password", "token", "value", "client_secret"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn auth(json: Value) -> Auth {
        serde_json::from_value(json).unwrap()
    }

    fn all() -> [Value; 4] {
        [
            json!({"type": "basic", "username": "u", "password": "hush1"}),
            json!({"type": "bearer", "token": "hush2"}),
            json!({"type": "header", "name": "X-Key", "value": "hush3"}),
            json!({"type": "oauth2", "token_url": "https://a.example/token", "client_id": "c", "client_secret": "hush4"}),
        ]
    }

    #[test]
    fn what_is_secret_is_not_shown_and_its_mask_means_as_it_was() {
        for json in all() {
            let auth = auth(json.clone());
            assert!(auth.problems(std::iter::empty()).is_empty(), "{json}");
            let mut shown = auth.masked();
            assert!(!shown.to_string().contains("hush") && !format!("{auth:?}").contains("hush"), "{shown}");
            assert_eq!(serde_json::from_value::<Auth>(shown.clone()).unwrap().problems(std::iter::empty()).len(), 1);
            auth.unmask(&mut shown);
            assert_eq!(serde_json::from_value::<Auth>(shown).unwrap(), auth);
        }
    }

    #[test]
    fn a_mask_does_not_carry_a_secret_to_another_kind() {
        let bearer = auth(json!({"type": "bearer", "token": "hush"}));
        let mut other = json!({"type": "header", "name": "token", "value": MASK, "token": MASK});
        bearer.unmask(&mut other);
        assert!(!other.to_string().contains("hush"));
    }

    #[test]
    fn what_would_break_the_request_is_refused() {
        let pointers = |json: Value| -> Vec<String> {
            auth(json).problems(["X-Key".to_owned()].iter()).into_iter().map(|problem| problem.pointer).collect()
        };
        assert_eq!(pointers(json!({"type": "basic", "username": "a:b", "password": ""})), ["/auth/username"]);
        assert_eq!(pointers(json!({"type": "bearer", "token": "a b"})), ["/auth/token"]);
        assert_eq!(pointers(json!({"type": "bearer", "token": ""})), ["/auth/token"]);
        assert_eq!(pointers(json!({"type": "header", "name": "Host", "value": "v"})), ["/auth/name"]);
        assert_eq!(pointers(json!({"type": "header", "name": "X-A", "value": "a\r\nX-B: 1"})), ["/auth/value"]);
        assert_eq!(pointers(json!({"type": "header", "name": "x-key", "value": "v"})), ["/auth"]);
    }
}
