//! Signatures of webhooks, in two schemes that never share a header.
//!
//! - [Standard Webhooks 1.0](https://github.com/standard-webhooks/standard-webhooks): `webhook-signature` holds
//!   `v1,<base64 HMAC-SHA256(key, "{id}.{timestamp}." + body)>`; during a rotation one such token for each key.
//! - plain: `sha256=<lower-case hex HMAC-SHA256(the secret's text, body)>`, the form that GitHub made common.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Timestamp, rotation::Previous, secret::Secret};

type HmacSha256 = Hmac<Sha256>;

/// Keys made ready for signing; make it once per endpoint.
#[derive(Clone)]
pub struct Signer {
    /// The present one first, then those before, each until when it signs.
    standard: Vec<(HmacSha256, Option<Timestamp>)>,
    plain: HmacSha256,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

fn keyed(key: &[u8]) -> HmacSha256 {
    // HMAC takes keys of every length (RFC 2104), so this never falls back.
    HmacSha256::new_from_slice(key).unwrap_or_else(|_| HmacSha256::new(&Default::default()))
}

impl Signer {
    /// A signer with the present secret and, during a rotation, those before, each until when it signs.
    pub fn new(present: &Secret, previous: &[Previous]) -> Self {
        let previous = previous.iter().map(|previous| (&previous.secret, Some(previous.until)));
        let all = std::iter::once((present, None)).chain(previous);
        let standard = all.map(|(secret, until)| (keyed(&secret.standard_key()), until)).collect();
        Self { standard, plain: keyed(present.reveal().as_bytes()) }
    }

    /// The value of `webhook-signature` for this body.
    pub fn standard(&self, webhook_id: &str, timestamp: Timestamp, body: &[u8]) -> String {
        let seconds = timestamp.seconds().to_string();
        let mut value = String::with_capacity(48 * self.standard.len());
        for (key, until) in &self.standard {
            if until.is_some_and(|until| until <= timestamp) {
                continue;
            }
            let mut mac = key.clone();
            for part in [webhook_id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                mac.update(part);
            }
            value.push_str(if value.is_empty() { "v1," } else { " v1," });
            STANDARD.encode_string(mac.finalize().into_bytes(), &mut value);
        }
        value
    }

    /// The value of `X-Webhook-Signature` for this body.
    pub fn plain(&self, body: &[u8]) -> String {
        let mut mac = self.plain.clone();
        mac.update(body);
        let mut value = String::with_capacity(7 + 64);
        value.push_str("sha256=");
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in mac.finalize().into_bytes() {
            value.push(char::from(DIGITS[usize::from(byte >> 4)]));
            value.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        value
    }
}

/// What a receiver found when it checked a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is missing or unreadable.
    #[error("a signature header is missing or unreadable")]
    Missing,
    /// The timestamp lies too far from now.
    #[error("the timestamp is more than 5 minutes away from now")]
    Stale,
    /// No signature fits.
    #[error("no signature fits the body, id and timestamp")]
    Wrong,
}

/// Tolerance of [`verify_standard`], in seconds, as the Standard Webhooks verifiers have it.
const TOLERANCE_SECONDS: u64 = 300;

/// Checks `webhook-signature` as a receiver does, in constant time.
pub fn verify_standard(
    secret: &Secret,
    webhook_id: &str,
    webhook_timestamp: &str,
    webhook_signature: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    let seconds: i64 = webhook_timestamp.parse().map_err(|_| VerifyError::Missing)?;
    if now.seconds().abs_diff(seconds) > TOLERANCE_SECONDS {
        return Err(VerifyError::Stale);
    }
    let key = keyed(&secret.standard_key());
    let fits = |token: &str| {
        let Some(expected) = token.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok()) else {
            return false;
        };
        let mut mac = key.clone();
        for part in [webhook_id.as_bytes(), b".", webhook_timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac.verify_slice(&expected).is_ok()
    };
    if webhook_signature.split(' ').any(fits) { Ok(()) } else { Err(VerifyError::Wrong) }
}

/// The bytes that `text` writes with two hex digits each, and with nothing else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

/// Checks the plain header (`sha256=<hex>`) as a receiver does, in constant time.
pub fn verify_plain(secret: &Secret, header: &str, body: &[u8]) -> Result<(), VerifyError> {
    let hex = header.strip_prefix("sha256=").ok_or(VerifyError::Missing)?;
    let mut mac = keyed(secret.reveal().as_bytes());
    mac.update(body);
    mac.verify_slice(&unhex(hex).ok_or(VerifyError::Missing)?).map_err(|_| VerifyError::Wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BODY: &[u8] = br#"{"type":"log.error"}"#;

    #[test]
    fn the_standard_scheme_fits_its_published_vector() {
        // From the Standard Webhooks specification's own library tests.
        let secret = Secret::own("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signer = Signer::new(&secret, &[]);
        let at = Timestamp::from_millis(1_614_265_330_000);
        let signature = signer.standard("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn someone_elses_verifier_accepts_current_previous_and_own_secrets() {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let now = Timestamp::from_millis(i64::try_from(now).unwrap());
        let current = Secret::generated([1; 32]);
        let previous = Secret::own("a secret of my own".into()).unwrap();
        let replaced = Previous {
            number: 1,
            secret: previous.clone(),
            made_at: now,
            replaced_at: now,
            until: now.plus(Duration::from_secs(1)),
        };
        let signer = Signer::new(&current, &[replaced]);
        assert_eq!(signer.standard("dlv_1", now.plus(Duration::from_secs(1)), BODY).split(' ').count(), 1);
        let signature = signer.standard("dlv_1", now, BODY);
        let seconds = now.seconds().to_string();
        for secret in [&current, &previous] {
            let verifier = standardwebhooks::Webhook::new(&secret.as_whsec()).unwrap();
            let mut headers = http_headers();
            headers.insert("webhook-id", "dlv_1".parse().unwrap());
            headers.insert("webhook-timestamp", seconds.parse().unwrap());
            headers.insert("webhook-signature", signature.parse().unwrap());
            verifier.verify(BODY, &headers).unwrap();
            verify_standard(secret, "dlv_1", &seconds, &signature, BODY, now).unwrap();
        }
    }

    fn http_headers() -> http::HeaderMap {
        http::HeaderMap::new()
    }

    #[test]
    fn the_plain_scheme_uses_the_literal_secret() {
        // RFC 4231, test case 2, through the same code path.
        let mut mac = keyed(b"Jefe");
        mac.update(b"what do ya want for nothing?");
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let secret = Secret::generated([2; 32]);
        let header = Signer::new(&secret, &[]).plain(BODY);
        verify_plain(&secret, &header, BODY).unwrap();
        assert_eq!(verify_plain(&secret, &header, b"other"), Err(VerifyError::Wrong));
        for no_hex in ["sha256=+1", "sha256=0", "sha256=ä", "sha256 00"] {
            assert_eq!(verify_plain(&secret, no_hex, BODY), Err(VerifyError::Missing), "{no_hex}");
        }
        assert_eq!(unhex("0aFF"), Some(vec![0x0a, 0xff]));
    }

    #[test]
    fn stale_and_wrong_signatures_are_refused() {
        let secret = Secret::generated([3; 32]);
        let at = Timestamp::from_millis(1_000_000);
        let signature = Signer::new(&secret, &[]).standard("dlv_1", at, BODY);
        let verify = |id: &str, now| verify_standard(&secret, id, "1000", &signature, BODY, now);
        assert_eq!(verify("dlv_1", at), Ok(()));
        assert_eq!(verify("dlv_2", at), Err(VerifyError::Wrong));
        assert_eq!(verify("dlv_1", Timestamp::from_millis(1_301_000)), Err(VerifyError::Stale));
        for beyond in [i64::MIN, i64::MAX] {
            let verified = verify_standard(&secret, "dlv_1", &beyond.to_string(), &signature, BODY, at);
            assert_eq!(verified, Err(VerifyError::Stale), "no time is too far away to be told from now");
        }
    }
}
