//! Certificates, keys and trust: read from PEM, checked, and said in words. The server, the senders and the command
//! line all make their TLS of this: TLS 1.2 and 1.3, HTTP/1.1, verified always.

use std::{io, sync::Arc};

use loghorn_domain::Timestamp;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, InvalidMessage, RootCertStore,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};
use x509_parser::{
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

/// Most certificates of one chain, or of one bundle of authorities.
pub const CERTIFICATES_MAX: usize = 256;

/// Why a PEM is of no use. Never repeats anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// No certificate in it.
    #[error("it holds no certificate; PEM is expected: -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// A certificate that cannot be read.
    #[error("certificate number {0} in it cannot be read")]
    Certificate(usize),
    /// More certificates than anybody needs.
    #[error("it holds more than {CERTIFICATES_MAX} certificates")]
    TooMany,
    /// No key in it.
    #[error("it holds no private key; PEM is expected: -----BEGIN PRIVATE KEY-----, EC PRIVATE KEY or RSA PRIVATE KEY")]
    NoKey,
    /// A key under a password.
    #[error("the key is encrypted; take its password off: openssl pkey -in FILE -out OTHER")]
    EncryptedKey,
    /// A key of a kind that is not used here.
    #[error("the key cannot be used: RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519 is expected")]
    Key,
    /// The key of another certificate.
    #[error("the key does not belong to the certificate, which must be the first of its chain")]
    Mismatch,
}

impl PemError {
    /// Whether the key is to blame.
    pub fn is_of_key(self) -> bool {
        matches!(self, Self::NoKey | Self::EncryptedKey | Self::Key | Self::Mismatch)
    }
}

/// Who somebody is: a certificate with those that vouch for it, and its key. `Debug` shows nothing of the key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What TLS shows and signs with.
    pub certified: Arc<CertifiedKey>,
    /// Valid from then on.
    pub not_before: Timestamp,
    /// Valid until then.
    pub not_after: Timestamp,
}

impl Identity {
    /// From the PEM of a chain, its own certificate first, and of the key: PKCS#8, SEC1 or PKCS#1.
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Self, PemError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            _ if contains(key, b"ENCRYPTED") => PemError::EncryptedKey,
            pem::Error::NoItemsFound => PemError::NoKey,
            _ => PemError::Key,
        })?;
        let key = provider().key_provider.load_private_key(key).map_err(|_| PemError::Key)?;
        let own = parse(&chain[0]).ok_or(PemError::Certificate(1))?;
        // Not rustls' own comparison, which knows no certificates of version 1.
        if key.public_key().is_some_and(|public| public.as_ref() != own.public_key().raw) {
            return Err(PemError::Mismatch);
        }
        let (not_before, not_after) = (at(own.validity().not_before), at(own.validity().not_after));
        Ok(Self { certified: Arc::new(CertifiedKey::new(chain, key)), not_before, not_after })
    }
}

/// The certificates of a PEM, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| PemError::Certificate(found.len() + 1))?;
        if parse(&certificate).is_none() {
            return Err(PemError::Certificate(found.len() + 1));
        }
        found.push(certificate);
        if found.len() > CERTIFICATES_MAX {
            return Err(PemError::TooMany);
        }
    }
    if found.is_empty() { Err(PemError::NoCertificate) } else { Ok(found) }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (rest, parsed) = X509Certificate::from_der(certificate).ok()?;
    rest.is_empty().then_some(parsed)
}

fn at(time: ASN1Time) -> Timestamp {
    Timestamp::from_millis(time.timestamp().saturating_mul(1000))
}

/// Until when a certificate is valid; `None` where it cannot be read.
pub fn valid_until(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    parse(certificate).map(|own| at(own.validity().not_after))
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// The authorities of a PEM.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, PemError> {
    let mut roots = RootCertStore::empty();
    for (n, certificate) in certificates(pem)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|_| PemError::Certificate(n + 1))?;
    }
    Ok(roots)
}

/// The authorities that the platform trusts, or Mozilla's where it names none.
pub fn platform_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// What all TLS here is made with.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The settings of a client that trusts `authorities`, and asks `identity` who it is where a server wants to know.
pub fn client(authorities: Arc<RootCertStore>, identity: Arc<dyn ResolvesClientCert>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_client_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Nobody in particular.
#[derive(Debug)]
pub struct Anonymous;

impl ResolvesClientCert for Anonymous {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// The TLS error that an error of a connection is about.
pub fn error_in(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What a client met, in words: of the server it called.
pub fn words(error: &Error) -> String {
    use CertificateError as Certificate;
    match error {
        Error::InvalidCertificate(Certificate::Expired) => "the certificate has expired".into(),
        Error::InvalidCertificate(Certificate::ExpiredContext { not_after, .. }) => {
            let seconds = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            let end = Timestamp::from_millis(seconds.saturating_mul(1000));
            format!("the certificate has expired: it was valid until {end}")
        }
        Error::InvalidCertificate(Certificate::NotValidYet | Certificate::NotValidYetContext { .. }) => {
            "the certificate is not valid yet; is the clock right?".into()
        }
        Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "the certificate is of an unknown issuer: no authority that is trusted here vouches for it".into()
        }
        Error::InvalidCertificate(Certificate::BadSignature) => {
            "the certificate is of an unknown issuer: the authority of that name that is trusted here did not make it"
                .into()
        }
        Error::InvalidCertificate(
            why @ (Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }),
        ) => format!("the certificate is for another name: {why}"),
        Error::InvalidCertificate(why) => format!("the certificate is not accepted: {why}"),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "a client certificate is demanded, and none was shown".into()
        }
        Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError),
        ) => format!("the client certificate, or the lack of one, is refused: {alert:?}"),
        Error::AlertReceived(alert) => format!("the other side refuses TLS: {alert:?}"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "what answers there does not speak TLS".into(),
        Error::PeerIncompatible(why) => format!("no common ground: {why:?}"),
        other => other.to_string(),
    }
}
