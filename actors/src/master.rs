//! The master key: where it is kept, and files that nobody else may read.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use loghorn_domain::seal::{Key, Keyring, KeyringError};
use zeroize::Zeroizing;

use crate::Random;

/// Its file in the data directory, where none is given.
pub const MASTER_FILE: &str = "master.key";
/// Longest file of a key, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The environment; with the key itself.
    Environment(Key),
    /// A file that a person keeps.
    File(PathBuf),
    /// A file in the data directory, made at the first start.
    Generated(PathBuf),
}

/// Why there is no master key, or not the right one: what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// The file cannot be read or written.
    #[error("cannot use the master key file {path}: {error}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others than its owner may read the file.
    #[error(
        "others may read the master key file {path} (mode {mode:03o})\n  Close it with:  chmod 600 {path}",
        path = .path.display()
    )]
    Permissions {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds something else.
    #[error(
        "{path} holds no master key: 32 bytes in base64 or hex are expected\n  Make one with:  \
         (umask 077; head -c 32 /dev/urandom | base64 > {path})", path = .path.display()
    )]
    NotAKey {
        /// Which.
        path: PathBuf,
    },
    /// The secrets are sealed, and the key that opens them is gone.
    #[error(
        "the master key {path} is missing, and the secrets of this data directory are sealed under it\n  Put the file \
         back, or give the key by --master-key-file or LOGHORN_MASTER_KEY. Nothing was changed.", path = .path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key opens another keyring.
    #[error(
        "the master key from {from} is not the one that the secrets of this data directory are sealed under\n  Start \
         with the key that was used last: in LOGHORN_MASTER_KEY, in a file named by --master-key-file, or as \
         {MASTER_FILE} in the data directory. Nothing was changed."
    )]
    Wrong {
        /// Where it came from.
        from: String,
    },
    /// The keyring cannot be used.
    #[error("the secrets of this data directory cannot be opened: {0}")]
    Keyring(KeyringError),
}

impl Source {
    /// Where it is, in words.
    pub fn name(&self) -> String {
        match self {
            Self::Environment(_) => "LOGHORN_MASTER_KEY".into(),
            Self::File(path) | Self::Generated(path) => path.display().to_string(),
        }
    }

    /// The key, held against `keyring` where there is one. `None`: it is still to be made. Changes nothing, so that it
    /// can be asked before a store is opened.
    pub fn find(&self, keyring: Option<&[u8]>) -> Result<Option<Key>, MasterError> {
        let key = match self {
            Self::Environment(key) => Some(key.clone()),
            Self::File(path) => Some(read(path)?),
            Self::Generated(path) => match read(path) {
                Err(MasterError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
                read => Some(read?),
            },
        };
        match (&key, keyring) {
            (None, Some(_)) => Err(MasterError::Missing { path: self.name().into() }),
            (Some(key), Some(bytes)) => {
                Keyring::read(bytes).and_then(|keyring| keyring.open(key)).map_err(|error| self.refusal(error))?;
                Ok(Some(key.clone()))
            }
            (_, None) => Ok(key),
        }
    }

    pub(crate) fn refusal(&self, error: KeyringError) -> MasterError {
        match error {
            KeyringError::WrongMaster => MasterError::Wrong { from: self.name() },
            error => MasterError::Keyring(error),
        }
    }
}

/// A key from this file, which nobody but its owner may read.
pub(crate) fn read(path: &Path) -> Result<Key, MasterError> {
    let failed = |error| MasterError::Io { path: path.to_owned(), error };
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = mode(&metadata);
    if mode & 0o077 != 0 {
        return Err(MasterError::Permissions { path: path.to_owned(), mode });
    }
    let wrong = || MasterError::NotAKey { path: path.to_owned() };
    // Not a device that never ends.
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(wrong());
    }
    let text = Zeroizing::new(io::read_to_string(file).map_err(failed)?);
    Key::parse(&text).map_err(|_| wrong())
}

/// A new key in this file, which is there or not, whole and on the disk when this returns.
pub(crate) fn generate(path: &Path, random: &dyn Random) -> Result<Key, MasterError> {
    let key = random_key(random);
    let draft = draft(path, &key)?;
    replace(&draft, path)?;
    Ok(key)
}

/// Writes `key` beside `path`; [`replace`] puts it in its place.
pub(crate) fn draft(path: &Path, key: &Key) -> Result<PathBuf, MasterError> {
    let draft = path.with_extension("key.new");
    let write = || {
        // One that a crash left behind: its mode may be anything.
        let _ = fs::remove_file(&draft);
        let mut file = create_private(&draft)?;
        file.write_all(key.to_text().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write().map_err(|error| MasterError::Io { path: draft.clone(), error })?;
    Ok(draft)
}

/// Puts `draft` in the place of `path`, on the disk when this returns.
pub(crate) fn replace(draft: &Path, path: &Path) -> Result<(), MasterError> {
    let replace = || {
        fs::rename(draft, path)?;
        sync_directory_of(path)
    };
    replace().map_err(|error| MasterError::Io { path: path.to_owned(), error })
}

pub(crate) fn random_key(random: &dyn Random) -> Key {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(&mut *bytes);
    Key::new(*bytes)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

#[cfg(unix)]
fn sync_directory_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0o600
}

/// Directories cannot be synced here.
#[cfg(not(unix))]
fn sync_directory_of(_: &Path) -> io::Result<()> {
    Ok(())
}
