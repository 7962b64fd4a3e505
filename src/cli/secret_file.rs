//! New files that hold a secret, for their owner alone.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use super::fail::Fail;

/// A new file that holds a secret; removed again where none came.
pub(crate) struct SecretFile<'a> {
    pub(crate) path: &'a Path,
    file: std::fs::File,
    is_written: bool,
}

impl<'a> SecretFile<'a> {
    pub(crate) fn create(path: &'a Path) -> Result<Self, Fail> {
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = opened.map_err(|error| {
            let fail = Fail::file(path, &error).why("Nothing was changed.");
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                fail.remedy("Name a new file: secrets are not overwritten.")
            } else {
                fail
            }
        })?;
        Ok(Self { path, file, is_written: false })
    }

    pub(crate) fn write(&mut self, secret: &str) -> Result<(), Fail> {
        self.is_written = true;
        let written = writeln!(self.file, "{secret}").and_then(|()| self.file.sync_all());
        // Better on the terminal than nowhere.
        written.map_err(|error| {
            Fail::file(self.path, &error).why(format!("It was done nevertheless. The secret: {secret}"))
        })
    }
}

impl Drop for SecretFile<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secret_files_are_for_their_owner_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(SecretFile::create(&path).unwrap());
        assert!(!path.exists());
        SecretFile::create(&path).unwrap().write("whsec_x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whsec_x\n");
        assert!(SecretFile::create(&path).is_err());
    }
}
