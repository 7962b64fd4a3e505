//! What only the receiver may know: the signing secret, shown once, and the headers that let us in there. Neither is
//! ever in logs; both are wiped from memory when dropped.

use std::{collections::BTreeMap, fmt, ops::Deref};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// A subscription's signing secret, generated (`whsec_…`) or the user's own. `Debug` shows nothing of it, and it cannot
/// be serialised.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

const PREFIX: &str = "whsec_";
const GENERATED_BYTES: usize = 32;

/// Why a text is no [`Secret`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// Neither 16–256 characters nor `whsec_…`.
    #[error("expected 16 to 256 characters, or whsec_ and the base64 of 24 to 64 bytes")]
    Length,
    /// `whsec_` with something else than base64.
    #[error("after whsec_ the base64 of 24 to 64 bytes is expected")]
    Base64,
}

impl Secret {
    /// A generated secret from 32 random bytes.
    pub fn generated(random: [u8; GENERATED_BYTES]) -> Self {
        let encoded = Zeroizing::new(STANDARD.encode(random));
        Self(Zeroizing::new([PREFIX, &encoded].concat()))
    }

    /// A user's own secret.
    pub fn own(text: String) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text);
        if let Some(encoded) = text.strip_prefix(PREFIX) {
            let key = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?);
            return if (24..=64).contains(&key.len()) { Ok(Self(text)) } else { Err(SecretError::Base64) };
        }
        if (16..=256).contains(&text.chars().count()) { Ok(Self(text)) } else { Err(SecretError::Length) }
    }

    /// None yet: what a record gives whose secret is sealed, until that is opened.
    pub(crate) fn absent() -> Self {
        Self(Zeroizing::default())
    }

    /// Whether there is none yet.
    pub fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    /// The plaintext. For the one answer that shows it, and for signing.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The key of the Standard Webhooks scheme: the decoded bytes after `whsec_`, or the text's own bytes.
    pub fn standard_key(&self) -> Zeroizing<Vec<u8>> {
        let decoded = self.0.strip_prefix(PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
        Zeroizing::new(decoded.unwrap_or_else(|| self.0.as_bytes().to_vec()))
    }

    /// The secret in the form that stock Standard Webhooks verifiers take.
    pub fn as_whsec(&self) -> String {
        if self.0.starts_with(PREFIX) { self.0.to_string() } else { format!("{PREFIX}{}", STANDARD.encode(&*self.0)) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Headers added to each webhook: names and values. Values may be credentials, so `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(BTreeMap<String, String>);

impl Deref for Headers {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_secrets_are_checked() {
        assert!(Secret::own("x".repeat(16)).is_ok());
        assert_eq!(Secret::own("short".into()), Err(SecretError::Length));
        assert_eq!(Secret::own("x".repeat(257)), Err(SecretError::Length));
        assert_eq!(Secret::own("whsec_!!".into()), Err(SecretError::Base64));
        assert_eq!(Secret::own("whsec_MDEyMw==".into()), Err(SecretError::Base64));
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::generated([7; 32]);
        assert!(secret.reveal().starts_with("whsec_"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(*secret.standard_key(), [7; 32]);
        let headers: Headers = serde_json::from_str(r#"{"Authorization":"Bearer x"}"#).unwrap();
        assert_eq!(format!("{headers:?}"), r#"{"Authorization"}"#);
    }
}
