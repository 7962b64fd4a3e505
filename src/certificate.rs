//! The server's own certificate: read from two files, shown to whoever connects, and read again when the files change
//! or on SIGHUP, without a connection being cut.
//!
//! A pair that cannot be used never takes the place of one that can. What is wrong is logged once and told to
//! whoever listens, which is the health.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use loghorn_actors::tls::{Identity, PemError, provider};
use loghorn_domain::{Clock, Timestamp};
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use zeroize::Zeroizing;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So long before its end a certificate is told of.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// Longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where certificate and key are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used: which file, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}\n  Give the certificate as --tls-cert FILE and its key as --tls-key FILE, both PEM.", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others may read the key.
    #[error("others may read the key {path} (mode {mode:03o})\n  Close it with:  chmod 600 {path}", path = .path.display())]
    Permissions {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file holds something else.
    #[error("{path}: {error}", path = .path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        error: PemError,
    },
    /// Each is good, but they do not belong together.
    #[error(
        "the key {key} does not belong to the certificate {chain}, which must be the first in its file\n  \
         Compare:  openssl pkey -in {key} -pubout    openssl x509 -in {chain} -noout -pubkey",
        key = .0.key.display(), chain = .0.chain.display()
    )]
    Mismatch(CertificateFiles),
}

impl CertificateFiles {
    fn read(&self) -> Result<Identity, CertificateError> {
        let chain = read(&self.chain, |_| Ok(()))?;
        let key = read(&self.key, |metadata| is_private(metadata, &self.key))?;
        Identity::read(&chain, &key).map_err(|error| match error {
            PemError::Mismatch => CertificateError::Mismatch(self.clone()),
            error => {
                let path = if error.is_of_key() { &self.key } else { &self.chain };
                CertificateError::Pem { path: path.clone(), error }
            }
        })
    }

    /// What changes whenever the files do, also where a link to them leads elsewhere or their modes were mended.
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.chain, &self.key].map(|path| {
            let found = fs::metadata(path).ok()?;
            let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
            Some(Stamp { place: (found.dev(), found.ino()), bytes: found.len(), times })
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    bytes: u64,
    times: [i64; 4],
}

fn read(
    path: &Path,
    check: impl FnOnce(&fs::Metadata) -> Result<(), CertificateError>,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let failed = |error| CertificateError::Io { path: path.to_owned(), error };
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check(&metadata)?;
    // Not a device that never ends.
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::other("it is no file of at most 1 MiB")));
    }
    // At once as large as it becomes: growing would leave copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn is_private(metadata: &fs::Metadata, path: &Path) -> Result<(), CertificateError> {
    let mode = metadata.permissions().mode() & 0o777;
    match is_open(mode, metadata.uid(), rustix::process::geteuid().as_raw()) {
        true => Err(CertificateError::Permissions { path: path.to_owned(), mode }),
        false => Ok(()),
    }
}

/// Whether more people than needed may read a key. One of root's, read by somebody else, may be shared with a group:
/// that is how Kubernetes and Debian's `ssl-cert` hand keys out.
fn is_open(mode: u32, owner: u32, reader: u32) -> bool {
    let shared = if owner == 0 && reader != 0 { 0o037 } else { 0o077 };
    mode & shared != 0
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: CertificateFiles,
    /// Taken before the files were first read, so that no change after that is missed.
    stamps: [Option<Stamp>; 2],
    served: ArcSwap<Identity>,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served.load().certified.clone())
    }
}

impl Certificate {
    /// Reads it.
    pub(crate) fn open(files: CertificateFiles) -> Result<Arc<Self>, CertificateError> {
        let stamps = files.stamps();
        let served = ArcSwap::from_pointee(files.read()?);
        Ok(Arc::new(Self { files, stamps, served }))
    }

    /// The settings of a server that shows it: TLS 1.2 and 1.3.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(builder.with_no_client_auth().with_cert_resolver(self.clone()))
    }

    /// Reads it again whenever it changes, and tells `told` what is wrong with it; goes on for ever.
    pub(crate) async fn watch(
        self: Arc<Self>,
        clock: Arc<dyn Clock>,
        told: watch::Sender<Option<String>>,
    ) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut seen = self.stamps;
        let mut broken = None;
        loop {
            self.tell(clock.now(), broken.as_deref(), &told);
            let is_asked = tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => false,
                _ = hangup.recv() => true,
            };
            let this = self.clone();
            // Files may lie on a disk that hangs.
            let look = move || {
                let stamps = this.files.stamps();
                let is_changed = stamps != seen;
                (stamps, (is_asked || is_changed).then(|| this.files.read()))
            };
            let Ok((stamps, read)) = actix_rt::task::spawn_blocking(look).await else { continue };
            seen = stamps;
            match read {
                None => {}
                Some(Ok(identity)) => {
                    tracing::info!(not_after = %identity.not_after, "the certificate was read again");
                    self.served.store(Arc::new(identity));
                    broken = None;
                }
                Some(Err(error)) => broken = Some(error.to_string()),
            }
        }
    }

    fn tell(&self, now: Timestamp, broken: Option<&str>, told: &watch::Sender<Option<String>>) {
        let wrong = wrong(&self.served.load(), now, broken);
        told.send_if_modified(|before| {
            let is_news = *before != wrong;
            if let Some(reason) = &wrong
                && is_news
            {
                tracing::warn!(reason, "the certificate needs attention");
            }
            *before = wrong;
            is_news
        });
    }
}

/// What is wrong with the certificate that is served, if anything is.
fn wrong(served: &Identity, now: Timestamp, broken: Option<&str>) -> Option<String> {
    let (begin, end) = (served.not_before, served.not_after);
    let time = if end <= now {
        Some(format!("the certificate expired at {end}"))
    } else if end <= now.plus(ENDS_SOON) {
        Some(format!("the certificate expires at {end}"))
    } else if begin > now {
        Some(format!("the certificate is not valid before {begin}"))
    } else {
        None
    };
    // One line, as other reasons are.
    let broken = broken.map(|why| {
        format!("the new one cannot be used, the one before is still served: {}", why.replace("\n  ", "; "))
    });
    let all: Vec<String> = broken.into_iter().chain(time).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_whoever_serves_it_and_a_group_of_roots_choice() {
        for (mode, owner, reader, expected) in [
            (0o600, 0, 0, false),
            (0o400, 1000, 1000, false),
            (0o640, 0, 0, true),
            (0o640, 1000, 1000, true),
            (0o640, 0, 1000, false),
            (0o440, 0, 1000, false),
            (0o660, 0, 1000, true),
            (0o644, 0, 1000, true),
            (0o604, 1000, 1000, true),
        ] {
            assert_eq!(is_open(mode, owner, reader), expected, "{mode:o} of {owner}, read by {reader}");
        }
    }

    #[test]
    fn its_end_is_told_of_two_weeks_before() {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let pem = (pair.cert.pem(), pair.signing_key.serialize_pem());
        let mut served = Identity::read(pem.0.as_bytes(), pem.1.as_bytes()).unwrap();
        const DAY: i64 = 24 * 3600 * 1000;
        let at = |day: i64| Timestamp::from_millis(day * DAY);
        (served.not_before, served.not_after) = (at(10), at(100));
        let wrong = |day, broken| wrong(&served, at(day), broken).unwrap_or_default();
        assert_eq!(wrong(85, None), "");
        assert_eq!(wrong(86, None), format!("the certificate expires at {}", at(100)));
        assert_eq!(wrong(100, None), format!("the certificate expired at {}", at(100)));
        assert!(wrong(9, None).contains("not valid before"));
        let both = wrong(99, Some("x.pem: no key\n  Mend it"));
        assert!(both.contains("still served: x.pem: no key; Mend it; the certificate expires"), "{both}");
    }
}
