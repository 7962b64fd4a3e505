//! Any bytes as a key, a keyring, a seal, an id or a record of the store: refused, or the same again when it is
//! written. Nothing opens that was not sealed.
#![no_main]

use std::{fmt::Display, str::FromStr, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use loghorn_domain::{
    DeliveryId, EventId, JobId, KeyId, SubscriptionId,
    access::{self, Digest, Scope, Token},
    seal::{DataKeys, Key, Keyring},
    secret::Secret,
};
use loghorn_storage::rocks::door;

const OWNER: &str = "sub_1";
const FIELD: &str = "secret";
const PLAIN: &[u8] = b"a secret";

struct Sealed {
    master: Key,
    keyring: Keyring,
    keys: DataKeys,
    text: String,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let master = Key::new([7; 32]);
    let mut n = 0;
    let keyring = Keyring::new(&master, Key::new([9; 32]), || {
        n += 1;
        [n; 24]
    });
    let (keys, _) = keyring.open(&master).unwrap();
    let text = keys.seal(OWNER, FIELD, [42; 24], PLAIN);
    Sealed { master, keyring, keys, text }
});

/// What is read is the same when it is written and read again.
fn same_again<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(one) = text.parse::<T>() {
        let again = one.to_string().parse::<T>();
        assert!(again.is_ok_and(|again| again == one), "{text:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let sealed = &*SEALED;
    door::read(data);
    if let Ok(keyring) = Keyring::read(data) {
        assert_eq!(Keyring::read(&keyring.to_bytes()), Ok(keyring.clone()));
        let opened = keyring.open(&sealed.master);
        assert!(opened.is_err() || keyring.to_bytes().windows(40).any(|part| is_ours(sealed, part)));
    }
    if let Ok(key) = serde_json::from_slice::<access::Key>(data) {
        let again: access::Key = serde_json::from_slice(&serde_json::to_vec(&key).unwrap()).unwrap();
        assert_eq!(again, key);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    same_again::<EventId>(text);
    same_again::<DeliveryId>(text);
    same_again::<SubscriptionId>(text);
    same_again::<JobId>(text);
    same_again::<KeyId>(text);
    same_again::<Scope>(text);
    if let Some(token) = Token::own(text) {
        assert_eq!(token.reveal(), text);
        assert!(!format!("{token:?}").contains(text));
    }
    assert!(Digest::of(text) == Digest::of(text));
    if let Ok(key) = Key::parse(text) {
        assert_eq!(Key::parse(&key.to_text()), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
    if let Ok(secret) = Secret::own(text.to_owned()) {
        assert!(secret.standard_key().len() >= 16);
        assert_eq!(Secret::own(secret.as_whsec()).is_ok(), secret.standard_key().len() <= 64 && secret.standard_key().len() >= 24);
    }
    // A seal that differs in anything, or stands elsewhere, is broken.
    let opened = sealed.keys.open(OWNER, FIELD, text);
    assert_eq!(opened.is_ok(), text == sealed.text, "{text:?}");
    assert!(sealed.keys.open(OWNER, "headers", text).is_err() && sealed.keys.open("sub_2", FIELD, text).is_err());
});

/// Whether it is a part of the keyring that the master was given.
fn is_ours(sealed: &Sealed, part: &[u8]) -> bool {
    sealed.keyring.to_bytes().windows(part.len()).any(|ours| ours == part)
}
