//! Verifies a webhook of Loghorn (Standard Webhooks 1.0). Needs the crates base64, hmac and sha2.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far the sender's clock may be off, in seconds.
const TOLERANCE: u64 = 5 * 60;

/// Whether `body`, byte for byte as it arrived, is what the holder of `secret` sent not long before `now` (Unix seconds).
/// `id`, `timestamp` and `signatures` are the headers webhook-id, webhook-timestamp and webhook-signature.
pub fn verify(secret: &str, id: &str, timestamp: &str, signatures: &str, body: &[u8], now: u64) -> bool {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => secret.as_bytes().to_vec(),
    };
    let Ok(sent_at) = timestamp.parse::<u64>() else { return false };
    if key.is_empty() || now.abs_diff(sent_at) > TOLERANCE {
        return false;
    }
    // While a secret is being replaced there is one signature of each.
    signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).any(|signature| {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        // Takes the same time wherever they differ.
        mac.verify_slice(&signature).is_ok()
    })
}
