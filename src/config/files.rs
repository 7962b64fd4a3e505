//! Where files of settings stand, and what is in them.

use std::path::{Path, PathBuf};

use super::ConfigError;

/// The one in the folder that a command is run in.
pub(super) const FILE: &str = "loghorn.toml";

/// The files to read, the weakest first, and whether a person named them.
pub(super) fn files(named: Option<&Path>) -> Vec<(PathBuf, bool)> {
    let home = home_file().map(|path| (path, false));
    let own = named.map_or_else(|| (PathBuf::from(FILE), false), |path| (path.to_owned(), true));
    home.into_iter().chain([own]).collect()
}

/// The file of settings of whoever runs this, with the profiles of the command line.
pub fn home_file() -> Option<PathBuf> {
    home().map(|home| home.join(".config/loghorn/config.toml"))
}

/// The home directory of whoever runs this.
pub(super) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// The settings of a TOML file as dotted keys and texts.
pub(super) fn flat(text: &str, origin: &str) -> Result<Vec<(String, String)>, ConfigError> {
    fn walk(prefix: &str, table: toml::Table, out: &mut Vec<(String, String)>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(table) => walk(&key, table, out),
                toml::Value::Array(items) => {
                    let items: Vec<String> = items.iter().map(text_of).collect();
                    out.push((key, items.join(",")));
                }
                scalar => out.push((key, text_of(&scalar))),
            }
        }
    }
    fn text_of(value: &toml::Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }
    let table: toml::Table = text.parse().map_err(|error| ConfigError(format!("{origin}: {error}")))?;
    let mut out = Vec::new();
    walk("", table, &mut out);
    Ok(out)
}
