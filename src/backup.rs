//! Backups as files: read, held against their checksums, and made data directories again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path},
};

use loghorn_actors::pause_dispatch;
use loghorn_domain::Clock;
use loghorn_storage::rocks::{self, OpenError};
use loghorn_web::api::backup::{FORMAT, MANIFEST, Manifest, SUMS, hex};
use sha2::{Digest, Sha256};

use crate::app::SystemClock;

/// Longest of what a backup says of itself, in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024;
/// Longest list of checksums, in bytes: of some hundred thousand files.
const SUMS_BYTES_MAX: u64 = 32 << 20;
const PIECE_BYTES: usize = 256 * 1024;

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// It cannot be read, or nothing can be written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is none.
    #[error("it is no backup of Loghorn: {0}")]
    Strange(String),
    /// It is packed.
    #[error("it is packed with {0}")]
    Packed(&'static str),
    /// A newer version made it.
    #[error("its form is {found}, and this version reads forms up to {FORMAT}; use a newer version")]
    Newer {
        /// Its form.
        found: u32,
    },
    /// It ends too early.
    #[error("it is not whole: {0}")]
    Cut(String),
    /// A byte of it changed.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// What it holds does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What it holds cannot be read.
    #[error(transparent)]
    Store(#[from] loghorn_storage::Error),
}

/// What a restored store holds.
pub(crate) struct Held {
    pub(crate) events: u64,
    /// Deliveries that wait, retries included.
    pub(crate) waiting: u64,
    pub(crate) dead: u64,
}

/// Reads a backup to its end and holds every file against its checksum; writes them into `into`, where one is given.
/// `told` is given the bytes of files read so far, and how many they will be.
pub(crate) fn read(
    archive: impl Read,
    into: Option<&Path>,
    mut told: impl FnMut(u64, u64),
) -> Result<Manifest, BackupError> {
    let mut begin = Vec::new();
    let mut archive = archive;
    archive.by_ref().take(4).read_to_end(&mut begin)?;
    match begin[..] {
        [0x1f, 0x8b, ..] => return Err(BackupError::Packed("gzip")),
        [0x28, 0xb5, 0x2f, 0xfd] => return Err(BackupError::Packed("zstd")),
        _ => {}
    }
    let mut archive = tar::Archive::new(begin.chain(archive));
    let mut found: Option<Manifest> = None;
    let mut sums = BTreeMap::new();
    let mut done = 0;
    for member in archive.entries().map_err(unreadable)? {
        let mut member = member.map_err(unreadable)?;
        let name = plain_name(&member)?;
        let Some(manifest) = &found else {
            if name != MANIFEST {
                return Err(BackupError::Strange(format!("it begins with {name:?}")));
            }
            found = Some(manifest(text(&mut member, MANIFEST_BYTES_MAX)?)?);
            continue;
        };
        if name == SUMS {
            compare(&text(&mut member, SUMS_BYTES_MAX)?, &sums, manifest)?;
            return Ok(manifest.clone());
        }
        let mut out = into.map(|folder| create(&folder.join(&name))).transpose()?;
        let (mut sum, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
        let length = member.size();
        let mut left = length;
        while left > 0 {
            let n = member.read(&mut piece).map_err(unreadable)?;
            if n == 0 {
                return Err(BackupError::Cut(format!("it ends within {name}")));
            }
            sum.update(&piece[..n]);
            if let Some(out) = &mut out {
                out.write_all(&piece[..n])?;
            }
            left -= n as u64;
            done += n as u64;
            told(done, manifest.bytes);
        }
        if let Some(out) = out {
            out.sync_all()?;
        }
        if sums.insert(name.clone(), hex(sum)).is_some() {
            return Err(BackupError::Strange(format!("{name} is in it twice")));
        }
    }
    Err(match found {
        None => BackupError::Strange("it is empty".into()),
        Some(_) => BackupError::Cut(format!("{SUMS}, its last part, is missing")),
    })
}

fn unreadable(error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::Cut("it ends too early".into()),
        // As the reader says it of what is no archive.
        io::ErrorKind::Other | io::ErrorKind::InvalidData => BackupError::Strange(error.to_string()),
        _ => error.into(),
    }
}

/// A member's name: of a file, in no directory.
fn plain_name(member: &tar::Entry<'_, impl Read>) -> Result<String, BackupError> {
    let path = member.path().map_err(unreadable)?;
    let mut parts = path.components();
    match (parts.next(), parts.next(), member.header().entry_type().is_file()) {
        (Some(Component::Normal(name)), None, true) => Ok(name.to_string_lossy().into_owned()),
        _ => Err(BackupError::Strange(format!("{} in it is no plain file", path.display()))),
    }
}

fn text(member: &mut tar::Entry<'_, impl Read>, bytes_max: u64) -> Result<String, BackupError> {
    let bytes = member.size();
    if bytes > bytes_max {
        return Err(BackupError::Strange("what it says of itself is too long".into()));
    }
    let mut text = String::new();
    match member.read_to_string(&mut text).map_err(unreadable)? as u64 == bytes {
        true => Ok(text),
        false => Err(BackupError::Cut("it ends too early".into())),
    }
}

fn manifest(text: String) -> Result<Manifest, BackupError> {
    let strange = |error: serde_json::Error| BackupError::Strange(error.to_string());
    let value: serde_json::Value = serde_json::from_str(&text).map_err(strange)?;
    // First, for a newer one may look otherwise.
    match value["format"].as_u64() {
        Some(found) if found > u64::from(FORMAT) => {
            Err(BackupError::Newer { found: u32::try_from(found).unwrap_or(u32::MAX) })
        }
        Some(_) => serde_json::from_value(value).map_err(strange),
        None => Err(BackupError::Strange(format!("{MANIFEST} names no format"))),
    }
}

/// Holds what was read against the list: the same files, with the same sums.
fn compare(list: &str, sums: &BTreeMap<String, String>, manifest: &Manifest) -> Result<(), BackupError> {
    let listed: BTreeMap<&str, &str> =
        list.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
    if sums.len() as u64 != manifest.files {
        let n = sums.len();
        return Err(BackupError::Cut(format!("{n} files are in it, and there should be {}", manifest.files)));
    }
    for (name, sum) in sums {
        if listed.get(name.as_str()) != Some(&sum.as_str()) {
            return Err(BackupError::Damaged(format!("{name} is not what was written")));
        }
    }
    match listed.keys().find(|name| !sums.contains_key(**name)) {
        Some(name) => Err(BackupError::Cut(format!("{name} is missing"))),
        None => Ok(()),
    }
}

fn create(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens the store in `folder`, reads every event of it, and counts; pauses dispatch in it where that is wanted.
pub(crate) async fn look(folder: &Path, is_paused: bool) -> Result<Held, BackupError> {
    let clock = std::sync::Arc::new(SystemClock::new());
    let now = clock.now();
    // A store that is there keeps its own number.
    let mut options = rocks::Options::new(folder, 0);
    options.is_full_check = true;
    let store = rocks::open(options, clock)?;
    let bounds = store.log.bounds();
    let mut held = Held { events: bounds.last.0 + 1 - bounds.first.0, waiting: 0, dead: 0 };
    for line in store.reads.ledger().await? {
        if line.imbalance() != 0 {
            return Err(BackupError::Damaged("its ledger does not balance".into()));
        }
        held.waiting += line.counters.waiting;
        held.dead += line.counters.dead;
    }
    if is_paused {
        pause_dispatch(&store, now).await?;
    }
    let closing = store.closing.clone();
    drop(store);
    closing.closed().await;
    Ok(held)
}
