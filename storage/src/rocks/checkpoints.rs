//! Checkpoints: tables are linked, the rest is copied, so that one costs little time and no room of its own.

use std::{fs, io, path::Path};

use super::{OpenError, core::Core, disk};
use crate::{Checkpoint, Error};

/// What directories of checkpoints are called, before a number.
const PREFIX: &str = "checkpoint-";

/// Makes one. To be called by one thread at a time.
pub(super) fn make(core: &Core) -> Result<Checkpoint, Error> {
    core.db.check_writable()?;
    if let Some(reason) = disk::shortage(&core.options) {
        return Err(Error::Full(reason.into()));
    }
    let failed = |what: &dyn std::fmt::Display| Error::Read(format!("no checkpoint was made: {what}").into());
    let path = &core.options.path;
    let folders = (1..).map(|number| path.join(format!("{PREFIX}{number}")));
    let Some(folder) = folders.into_iter().find(|folder| !folder.exists()) else { unreachable!("numbers do not end") };
    let made = core.db.checkpoint(&folder).map_err(|error| failed(&error)).and_then(|()| {
        disk::mark_made(&folder).map_err(|error| failed(&error))?;
        Checkpoint::of(folder.clone()).map_err(|error| failed(&error))
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&folder);
    }
    made
}

/// Removes those that a crash left.
pub(super) fn clear(path: &Path) -> Result<(), OpenError> {
    let clear = || -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    };
    clear().map_err(|source| OpenError::Io { path: path.to_owned(), source })
}
