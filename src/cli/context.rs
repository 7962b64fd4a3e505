//! What commands are given: where output goes, which server is meant, and the key for it.

use std::{fs::File, io::Read, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use super::{
    client::Client,
    fail::{Exit, Fail},
    output::Out,
};
use crate::{
    admin_key,
    config::{ClientConfig, ClientFlags, KeySource},
};

/// Longest file of a key that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 1024;

/// What commands are given.
pub(crate) struct Context {
    pub(crate) out: Out,
    pub(crate) flags: ClientFlags,
    pub(crate) timeout: Duration,
}

impl Context {
    pub(crate) fn client(&self) -> Result<Client, Fail> {
        let ClientConfig { server: (server, origin), cacert, key, data, .. } = ClientConfig::load(&self.flags)?;
        let cacert = cacert.map(|(path, origin)| (path.into(), origin));
        let client = Client::new(&server, origin, self.timeout, cacert)?;
        match key {
            Some(KeySource::Flag(path)) => client.with_key(read_key(&path)?),
            Some(KeySource::Profile(path, origin)) => client.with_key(read_private_key(&path, &origin)?),
            Some(KeySource::Environment(key)) => client.with_key(key),
            // That key may do everything: it goes to nobody but this machine.
            None if !client.is_local() => Ok(client),
            None => match admin_key::read(&data) {
                Ok(Some(key)) => client.with_key(key.reveal().to_owned()),
                // Without one: the server says whether it needs any.
                _ => Ok(client),
            },
        }
    }
}

/// A key from a file, or from what another program writes into a pipe. There is no argument for the key itself: every
/// user of the machine sees those.
fn read_key(path: &Path) -> Result<String, Fail> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| Fail::file(path, &error))?;
    match text.trim() {
        "" => Err(Fail::usage(format!("{} holds no key", path.display())).remedy("It should hold one line: the key.")),
        key => Ok(key.to_owned()),
    }
}

/// A key from a file that must be for its owner alone, for it is read again and again. `origin`: what named it.
pub(crate) fn read_private_key(path: &Path, origin: &str) -> Result<String, Fail> {
    let named = format!("It was named by {origin}.");
    let metadata = std::fs::metadata(path).map_err(|error| Fail::file(path, &error).why(&named))?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        let what = format!("others may read the key file {} (mode {mode:03o})", path.display());
        return Err(Fail::new(Exit::Refused, what)
            .why(named)
            .remedy(format!("Close it:  chmod 600 {}", path.display())));
    }
    read_key(path)
}
