//! Checking a webhook's signatures, as a receiver does: both schemes, each in its own header.

use std::path::PathBuf;

use loghorn_domain::{
    Timestamp,
    secret::Secret,
    signing::{verify_plain, verify_standard},
};

use super::fail::{Exit, Fail};

/// The header of the plain scheme, unless the subscription names another.
pub(crate) const PLAIN_HEADER: &str = "X-Webhook-Signature";
/// How far a timestamp may lie from now.
const TOLERANCE_SECONDS: u64 = 300;
/// Beyond it no timestamp is sensible: the year 9999.
pub(crate) const SECONDS_MAX: i64 = 253_402_128_000;

/// What a check found for one scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It fits.
    Good,
    /// There is no such signature.
    Missing,
    /// It is wrong, and how.
    Bad(String),
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// `webhook-signature`.
    pub(crate) standard: Found,
    /// The plain header.
    pub(crate) plain: Found,
    /// Seconds since it was signed; negative where its clock is ahead.
    pub(crate) age_seconds: Option<i64>,
}

impl Checked {
    /// At least one signature is there, and all that are there fit.
    pub(crate) fn is_good(&self) -> bool {
        let found = [&self.standard, &self.plain];
        found.contains(&&Found::Good) && !found.iter().any(|one| matches!(one, Found::Bad(_)))
    }

    /// In words: what fits, or what does not.
    pub(crate) fn words(&self) -> String {
        let schemes = [("v1", &self.standard), ("sha256", &self.plain)];
        let bad: Vec<String> = schemes
            .iter()
            .filter_map(|(name, found)| match found {
                Found::Bad(why) => Some(format!("{name}: {why}")),
                _ => None,
            })
            .collect();
        if !bad.is_empty() {
            return bad.join("; ");
        }
        let good: Vec<&str> =
            schemes.iter().filter(|(_, found)| **found == Found::Good).map(|(name, _)| *name).collect();
        if good.is_empty() { "it is not signed".into() } else { good.join(" + ") }
    }
}

impl Found {
    /// One word, for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Missing => "missing",
            Self::Bad(_) => "bad",
        }
    }
}

/// Checks `body` against the secrets, of which any may fit: during a rotation two are valid.
pub(crate) fn check(
    secrets: &[Secret],
    plain_header: &str,
    header: impl Fn(&str) -> Option<String>,
    body: &[u8],
    now: Timestamp,
) -> Checked {
    let seconds = header("webhook-timestamp").and_then(|text| text.trim().parse::<i64>().ok());
    let seconds = seconds.filter(|seconds| (0..SECONDS_MAX).contains(seconds));
    let age_seconds = seconds.map(|seconds| now.seconds().saturating_sub(seconds));
    let standard = match (header("webhook-signature"), header("webhook-id"), seconds) {
        (None, ..) => Found::Missing,
        (_, None, _) => Found::Bad("the header webhook-id is missing".into()),
        (.., None) => Found::Bad("the header webhook-timestamp is missing or no number".into()),
        (Some(signature), Some(id), Some(seconds)) => {
            // The age is judged apart, so that a wrong key is not mistaken for a wrong clock.
            let at = Timestamp::from_millis(seconds.saturating_mul(1000));
            let age = age_seconds.unwrap_or_default();
            let fits =
                |secret| verify_standard(secret, id.trim(), &seconds.to_string(), signature.trim(), body, at).is_ok();
            if !secrets.iter().any(fits) {
                Found::Bad("it does not fit the secret, the id, the timestamp and the body".into())
            } else if age.unsigned_abs() > TOLERANCE_SECONDS {
                let side = if age > 0 { "old" } else { "ahead" };
                Found::Bad(format!("the timestamp is {} {side} (limit 5 min)", span(age.unsigned_abs())))
            } else {
                Found::Good
            }
        }
    };
    let plain = match header(plain_header) {
        None => Found::Missing,
        Some(value) if secrets.iter().any(|secret| verify_plain(secret, value.trim(), body).is_ok()) => Found::Good,
        Some(_) => Found::Bad("it does not fit the secret and the body".into()),
    };
    Checked { standard, plain, age_seconds }
}

/// Seconds in words.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Reads the secrets, one in each file.
pub(crate) fn read_secrets(files: &[PathBuf]) -> Result<Vec<Secret>, Fail> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| Fail::file(path, &error))?;
        Secret::own(text.trim().to_owned()).map_err(|error| {
            Fail::new(Exit::Refused, format!("{} holds no secret: {error}", path.display()))
                .remedy("It should hold one line, such as `loghorn sub create --secret-file` writes.")
        })
    };
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use loghorn_domain::signing::Signer;

    use super::*;

    const BODY: &[u8] = b"{\"type\":\"log.error\"}";

    fn signed(secret: &Secret, at: Timestamp) -> HashMap<String, String> {
        let signer = Signer::new(secret, &[]);
        [
            ("webhook-id", "dlv_1".to_owned()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", signer.standard("dlv_1", at, BODY)),
            (PLAIN_HEADER, signer.plain(BODY)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn checked(secrets: &[Secret], headers: &HashMap<String, String>, body: &[u8], now: i64) -> Checked {
        check(secrets, PLAIN_HEADER, |name| headers.get(name).cloned(), body, Timestamp::from_millis(now))
    }

    #[test]
    fn both_schemes_are_checked_against_any_of_the_secrets() {
        let (old, new) = (Secret::generated([1; 32]), Secret::generated([2; 32]));
        let headers = signed(&new, Timestamp::from_millis(1_000_000));
        let found = checked(&[old.clone(), new], &headers, BODY, 1_003_000);
        assert_eq!((found.is_good(), found.words().as_str(), found.age_seconds), (true, "v1 + sha256", Some(3)));
        let wrong = checked(&[old], &headers, BODY, 1_003_000);
        assert!(!wrong.is_good() && matches!(wrong.standard, Found::Bad(_)) && matches!(wrong.plain, Found::Bad(_)));
    }

    #[test]
    fn one_bad_signature_spoils_a_good_one() {
        let secret = Secret::generated([1; 32]);
        let mut headers = signed(&secret, Timestamp::from_millis(1_000_000));
        headers.insert(PLAIN_HEADER.into(), "sha256=00".into());
        assert!(!checked(std::slice::from_ref(&secret), &headers, BODY, 1_000_000).is_good());
        headers.remove(PLAIN_HEADER);
        assert!(checked(std::slice::from_ref(&secret), &headers, BODY, 1_000_000).is_good());
        assert!(!checked(&[secret], &headers, b"other", 1_000_000).is_good());
    }

    #[test]
    fn old_and_unsigned_ones_are_told_apart() {
        let secret = [Secret::generated([1; 32])];
        let headers = signed(&secret[0], Timestamp::from_millis(0));
        assert_eq!(checked(&secret, &headers, BODY, 540_000).words(), "v1: the timestamp is 9 min old (limit 5 min)");
        let unsigned = checked(&secret, &HashMap::new(), BODY, 0);
        assert_eq!((unsigned.is_good(), unsigned.words().as_str()), (false, "it is not signed"));
    }
}
