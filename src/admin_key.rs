//! The admin key that a first start makes: `admin.key` in the data directory, for its owner alone. Whoever may read that
//! file may do everything, so the command line of the same user needs nothing else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use loghorn_actors::Random;
use loghorn_domain::access::{Scope, Token};

/// Its name in the data directory.
const FILE: &str = "admin.key";
/// Longest file that is read: a key and a line's end fit.
const FILE_BYTES_MAX: u64 = 1024;

/// Why the admin key cannot be used: what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AdminKeyError {
    /// Others than the owner may read it.
    #[error("others may read the admin key (mode {mode:03o}); close it with: chmod 600 {path}", path = path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It does not hold a key.
    #[error("{path} does not hold a key of 32 to 256 visible characters\n  Remove it; the next start makes a new one:  rm {path}", path = .0.display())]
    Unreadable(PathBuf),
    /// It cannot be read or written.
    #[error("cannot use {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where it is kept.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Reads the key of this data directory; `None` where it has none.
pub(crate) fn read(data: &Path) -> Result<Option<Token>, AdminKeyError> {
    let path = path(data);
    let failed = |source| AdminKeyError::Io { path: path.clone(), source };
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = mode(&file).map_err(failed)?;
    if mode & 0o077 != 0 {
        return Err(AdminKeyError::Permissions { path, mode });
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    let token = std::str::from_utf8(&bytes).ok().and_then(|text| Token::own(text.trim()));
    token.map(Some).ok_or(AdminKeyError::Unreadable(path))
}

/// Reads it, or makes one where there is none.
pub(crate) fn read_or_make(data: &Path, random: &dyn Random) -> Result<Token, AdminKeyError> {
    if let Some(token) = read(data)? {
        return Ok(token);
    }
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let token = Token::generated(Scope::Admin, bytes);
    let (path, draft) = (path(data), data.join("admin.key.new"));
    let write = || {
        // Left by a start that was cut off.
        let _ = fs::remove_file(&draft);
        let mut file = private().open(&draft)?;
        writeln!(file, "{}", token.reveal())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        fs::File::open(data)?.sync_all()
    };
    write().map_err(|source| AdminKeyError::Io { path: path.clone(), source })?;
    Ok(token)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

fn mode(file: &fs::File) -> io::Result<u32> {
    Ok(file.metadata()?.permissions().mode() & 0o777)
}
