//! TLS of one subscription's own, as a person writes it: texts in PEM. Whether they hold what they should is found out
//! where TLS is made.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Problem;

/// Most bytes of the authorities.
const CA_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of the certificate with those that vouch for it.
const CERTIFICATE_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of the key.
const KEY_BYTES_MAX: usize = 16 * 1024;

/// How one receiver is spoken to by TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The authorities that may vouch for the receiver, instead of the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The certificate that is shown to a receiver that asks for one, with those that vouch for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The key of that certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PrivateKey>,
}

impl Tls {
    /// Whether it is as if there was none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with it at first sight.
    pub fn problems(&self) -> Vec<Problem> {
        let key = self.key.as_ref().map(PrivateKey::reveal);
        let mut problems = Vec::new();
        for (pointer, text, most) in [
            ("/tls/ca", self.ca.as_deref(), CA_BYTES_MAX),
            ("/tls/certificate", self.certificate.as_deref(), CERTIFICATE_BYTES_MAX),
            ("/tls/key", key, KEY_BYTES_MAX),
        ] {
            if text.is_some_and(|text| text.len() > most) {
                problems.push(Problem::new(pointer, format!("longer than {} KiB", most / 1024)));
            }
        }
        match (&self.certificate, key) {
            (Some(_), None) => problems.push(Problem::new("/tls/key", "missing: the certificate is of no use without")),
            (None, Some(_)) => {
                problems.push(Problem::new("/tls/certificate", "missing: the key is of no use without"));
            }
            _ => {}
        }
        problems
    }
}

/// A private key in PEM. `Debug` shows nothing of it; it is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivateKey(Zeroizing<String>);

impl PrivateKey {
    /// The plaintext. For making TLS of it, and for sealing.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pointers(tls: Value) -> Vec<String> {
        let tls: Tls = serde_json::from_value(tls).unwrap();
        tls.problems().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn a_certificate_and_its_key_come_together_and_in_bounds() {
        assert!(pointers(json!({})).is_empty());
        assert!(pointers(json!({"ca": "a", "certificate": "b", "key": "c"})).is_empty());
        assert_eq!(pointers(json!({"certificate": "b"})), ["/tls/key"]);
        assert_eq!(pointers(json!({"key": "c"})), ["/tls/certificate"]);
        let long = "x".repeat(CA_BYTES_MAX + 1);
        let all = json!({"ca": long, "certificate": long, "key": long});
        assert_eq!(pointers(all), ["/tls/ca", "/tls/certificate", "/tls/key"]);
    }

    #[test]
    fn debug_shows_no_key() {
        let tls: Tls = serde_json::from_value(json!({"certificate": "b", "key": "well-kept"})).unwrap();
        assert!(!format!("{tls:?}").contains("well-kept"));
    }
}
