//! A copy of a store as of one moment.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A whole store as of one moment, in a directory of its own that goes when this is dropped.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    files: Vec<(String, u64)>,
}

impl Checkpoint {
    /// What lies in `folder`, which is taken over.
    pub(crate) fn of(folder: PathBuf) -> io::Result<Self> {
        let mut checkpoint = Self { folder, files: Vec::new() };
        for file in fs::read_dir(&checkpoint.folder)? {
            let file = file?;
            checkpoint.files.push((file.file_name().to_string_lossy().into_owned(), file.metadata()?.len()));
        }
        checkpoint.files.sort();
        Ok(checkpoint)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Their names, none with a directory in it, and how many bytes each has. They change no more.
    pub fn files(&self) -> &[(String, u64)] {
        &self.files
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            let folder = self.folder.display();
            tracing::warn!(%error, %folder, "a checkpoint could not be removed; the next start does it");
        }
    }
}
