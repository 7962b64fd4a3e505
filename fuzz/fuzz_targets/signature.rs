//! Any headers as a webhook's signatures: only the right one fits, whatever stands around it.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use loghorn_domain::{
    Timestamp,
    secret::Secret,
    signing::{Signer, VerifyError, verify_plain, verify_standard},
};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    own: Option<&'a str>,
    id: &'a str,
    timestamp: &'a str,
    signature: &'a str,
    plain: &'a str,
    body: &'a [u8],
    now_ms: i64,
    /// Where the right signature is put into what stands there.
    at: Option<u8>,
}

fuzz_target!(|input: Input| {
    let secret = input.own.and_then(|own| Secret::own(own.to_owned()).ok()).unwrap_or(Secret::generated([5; 32]));
    let (signer, now) = (Signer::new(&secret, &[]), Timestamp::from_millis(input.now_ms));
    let right = signer.standard(input.id, now, input.body);
    let seconds = now.seconds().to_string();
    // What is sent fits, also among others.
    assert_eq!(verify_standard(&secret, input.id, &seconds, &right, input.body, now), Ok(()));
    let among = format!("{} {right} {}", input.signature, input.plain);
    assert_eq!(verify_standard(&secret, input.id, &seconds, &among, input.body, now), Ok(()));
    let plain = signer.plain(input.body);
    assert_eq!(verify_plain(&secret, &plain, input.body), Ok(()));
    // Nothing else does.
    let signature = match input.at {
        Some(at) => {
            let at = input.signature.char_indices().map(|(at, _)| at).nth(usize::from(at)).unwrap_or(0);
            let (before, after) = input.signature.split_at(at);
            format!("{before}{right}{after}")
        }
        None => input.signature.to_owned(),
    };
    let has_right = signature.split(' ').any(|token| token == right);
    let found = verify_standard(&secret, input.id, input.timestamp, &signature, input.body, now);
    if found.is_ok() {
        assert!(has_right && input.timestamp == seconds, "{input:?}");
    }
    if input.timestamp.parse::<i64>().is_err() {
        assert_eq!(found, Err(VerifyError::Missing));
    }
    let found = verify_plain(&secret, input.plain, input.body);
    assert_eq!(found.is_ok(), input.plain.eq_ignore_ascii_case(&plain) && input.plain.starts_with("sha256="), "{input:?}");
});
