//! Certificates and keys in the forms in which people have them. Made once, by OpenSSL.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use loghorn_actors::tls::{Identity, PemError, authorities};

const RSA: &[u8] = include_bytes!("tls/rsa.crt");
const RSA_KEY: &[u8] = include_bytes!("tls/rsa.pkcs8.key");
const EC: &[u8] = include_bytes!("tls/ec.crt");
const EC_KEY: &[u8] = include_bytes!("tls/ec.sec1.key");
/// As `openssl x509 -req` makes them where it is told nothing of extensions.
const VERSION_1: &[u8] = include_bytes!("tls/v1.crt");

fn read(chain: &[u8], key: &[u8]) -> Result<usize, PemError> {
    Identity::read(chain, key).map(|identity| identity.certified.cert.len())
}

#[test]
fn every_form_of_a_key_is_read() {
    assert_eq!(read(RSA, RSA_KEY), Ok(1));
    assert_eq!(read(RSA, include_bytes!("tls/rsa.pkcs1.key")), Ok(1));
    assert_eq!(read(EC, EC_KEY), Ok(1));
    assert_eq!(read(VERSION_1, EC_KEY), Ok(1));
    assert_eq!(read(&[EC, RSA].concat(), EC_KEY), Ok(2));
    // Both in one file, with words in between, and as other systems end lines.
    let both = [EC_KEY, b"words\n", EC].concat();
    assert_eq!(read(&both, &both), Ok(1));
    let text = String::from_utf8(both).unwrap().replace('\n', "\r\n");
    assert_eq!(read(text.as_bytes(), text.as_bytes()), Ok(1));
    let identity = Identity::read(EC, EC_KEY).unwrap();
    assert!(identity.not_after.since(identity.not_before).as_secs() == 36_500 * 24 * 3600);
    assert!(!format!("{identity:?}").contains("BEGIN"));
}

#[test]
fn what_is_of_no_use_is_refused_in_words() {
    for (chain, key, expected) in [
        (RSA, EC_KEY, PemError::Mismatch),
        (&[EC, RSA].concat(), RSA_KEY, PemError::Mismatch),
        (b"", EC_KEY, PemError::NoCertificate),
        (EC_KEY, EC_KEY, PemError::NoCertificate),
        (EC, EC, PemError::NoKey),
        (EC, b"", PemError::NoKey),
        (RSA, include_bytes!("tls/rsa.encrypted.key"), PemError::EncryptedKey),
        (RSA, include_bytes!("tls/rsa.encrypted.pkcs1.key"), PemError::EncryptedKey),
        (&EC[..EC.len() / 2], EC_KEY, PemError::Certificate(1)),
        (b"-----BEGIN CERTIFICATE-----\nTm8=\n-----END CERTIFICATE-----\n", EC_KEY, PemError::Certificate(1)),
        (
            &[EC, b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"].concat(),
            EC_KEY,
            PemError::Certificate(2),
        ),
        (EC, &EC_KEY[..EC_KEY.len() / 2], PemError::Key),
        (EC, b"-----BEGIN PRIVATE KEY-----\nTm8=\n-----END PRIVATE KEY-----\n", PemError::Key),
        (&EC.repeat(257), EC_KEY, PemError::TooMany),
    ] {
        assert_eq!(read(chain, key), Err(expected));
    }
    assert_eq!(authorities(&[EC, RSA].concat()).map(|roots| roots.len()), Ok(2));
    assert_eq!(authorities(b"x").map(|roots| roots.len()), Err(PemError::NoCertificate));
}
