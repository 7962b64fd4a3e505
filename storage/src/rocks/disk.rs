//! What the engine asks of the file system besides RocksDB: a private directory, its format, its size, room to grow.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{OpenError, Options, core::Core, keys::SCHEMA_VERSION};

/// Names the format beside the database, so that a newer one is refused before anything is opened or changed. Written
/// once the database has been made.
const FORMAT_FILE: &str = "FORMAT";
/// Twice what is still to be written once events stop: the write-ahead logs and the largest write buffer, 64 MiB each.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// Of a small disk no larger part is kept free.
const FREE_PERCENT_MAX: u64 = 25;

/// Makes the directory if there is none; refuses one that others may enter.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { path: path.to_owned(), source };
    make_lasting(path).map_err(failed)?;
    let mode = mode(path).map_err(failed)?;
    if mode & 0o077 != 0 {
        return Err(OpenError::Permissions { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Makes the directory and those above it so that no power cut takes them back.
fn make_lasting(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let made = path.ancestors().take_while(|directory| !directory.exists()).count();
    make_private(&path)?;
    // Each that was made, and the one that names the first of them.
    path.ancestors().take(made + 1).try_for_each(sync_directory)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Directories cannot be synced here.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
fn mode(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> io::Result<u32> {
    Ok(0o700)
}

/// Whether a store was made here before. Refuses a newer one.
pub(super) fn is_made(path: &Path) -> Result<bool, OpenError> {
    let text = match fs::read_to_string(format_file(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(OpenError::Io { path: format_file(path), source }),
    };
    let found = text.trim().parse().map_err(|_| OpenError::Damaged {
        path: path.to_owned(),
        detail: format!("{FORMAT_FILE} should hold the number {SCHEMA_VERSION}").into(),
    })?;
    check_version(found)?;
    Ok(true)
}

pub(super) fn check_version(found: u32) -> Result<(), OpenError> {
    if found > SCHEMA_VERSION { Err(OpenError::Newer { found, known: SCHEMA_VERSION }) } else { Ok(()) }
}

/// Says that the store was made.
pub(super) fn mark_made(path: &Path) -> Result<(), OpenError> {
    let write = || {
        let draft = path.join("FORMAT.new");
        let mut file = fs::File::create(&draft)?;
        file.write_all(format!("{SCHEMA_VERSION}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, format_file(path))?;
        sync_directory(path)
    };
    write().map_err(|source| OpenError::Io { path: format_file(path), source })
}

fn format_file(path: &Path) -> PathBuf {
    path.join(FORMAT_FILE)
}

/// Bytes of all files in the directory.
pub(super) fn used_bytes(path: &Path) -> u64 {
    let Ok(files) = fs::read_dir(path) else { return 0 };
    files.flatten().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Bytes that are free beside it.
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    space(path).map(|(free, _)| free)
}

/// Why no more events are taken, if the disk has too little room left.
pub(super) fn shortage(options: &Options) -> Option<String> {
    let (free, total) = space(&options.path)?;
    let min = options.disk_free_min.unwrap_or_else(|| free_min(total));
    let path = options.path.display();
    (free < min).then(|| format!("{free} bytes are free at {path}, and {min} are kept free"))
}

/// How often the free disk space is looked at.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Looks at the free disk space now and then, so that events stop coming in before the disk is full: cursors and
/// deliveries can then still be written.
#[derive(Default)]
pub(super) struct DiskGuard {
    checked_at: Option<Duration>,
    full: Option<Arc<str>>,
}

impl DiskGuard {
    /// Why no more events are taken, as of a moment ago.
    pub(super) fn check(&mut self, core: &Core) -> Option<Arc<str>> {
        let now = core.clock.monotonic();
        if self.checked_at.is_none_or(|at| now.saturating_sub(at) >= CHECK_EVERY) {
            self.checked_at = Some(now);
            self.full = shortage(&core.options).map(Into::into);
        }
        self.full.clone()
    }
}

fn free_min(total: u64) -> u64 {
    FREE_BYTES_MIN.min(total / 100 * FREE_PERCENT_MAX)
}

#[cfg(unix)]
fn space(path: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
fn space(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_disks_keep_less_room_free() {
        assert_eq!(free_min(1 << 40), 256 << 20);
        assert_eq!(free_min(2 << 30), 256 << 20);
        assert_eq!(free_min(400 << 20), 100 << 20);
    }
}
