//! What the command line as a client goes by: flag > environment > file > default, as for the server.

use std::path::PathBuf;

use super::{CLIENT_KEY, Config, ConfigError, files, flat, variable};

/// The address of the server for the command line as a client, and in words where it came from.
pub fn client_server(flag: Option<String>) -> Result<(String, String), ConfigError> {
    let default = || ("http://127.0.0.1:8000".into(), "the default".into());
    Ok(client_setting("server", flag)?.unwrap_or_else(default))
}

/// The data directory whose admin key the command line may use.
pub fn client_data(flag: Option<String>) -> Result<PathBuf, ConfigError> {
    Ok(client_setting("data", flag)?.map_or_else(|| Config::default().data, |(data, _)| data.into()))
}

/// The file of the authorities that may vouch for the server, and in words where it was named; `None`: the platform's.
pub fn client_cacert(flag: Option<String>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    Ok(client_setting("cacert", flag)?.map(|(file, origin)| (file.into(), origin)))
}

/// The key that the environment holds for the command line.
pub fn client_key() -> Option<String> {
    std::env::vars().find(|(name, _)| name == CLIENT_KEY).map(|(_, key)| key)
}

/// What a person edits texts with: `VISUAL`, `EDITOR`, or `vi`.
pub fn editor() -> String {
    let named = |name: &str| std::env::vars().find(|(known, text)| known == name && !text.trim().is_empty());
    named("VISUAL").or_else(|| named("EDITOR")).map_or_else(|| "vi".into(), |(_, text)| text)
}

/// What the command line as a client goes by, and in words where it came from.
fn client_setting(key: &str, flag: Option<String>) -> Result<Option<(String, String)>, ConfigError> {
    if let Some(value) = flag {
        return Ok(Some((value, format!("--{key}"))));
    }
    let name = variable(key);
    if let Some((_, value)) = std::env::vars().find(|(variable, _)| *variable == name) {
        return Ok(Some((value, format!("the environment variable {name}"))));
    }
    for (path, _) in files(None).into_iter().rev() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let origin = path.display().to_string();
        if let Some((_, value)) = flat(&text, &origin)?.into_iter().find(|(known, _)| known == key) {
            return Ok(Some((value, origin)));
        }
    }
    Ok(None)
}
