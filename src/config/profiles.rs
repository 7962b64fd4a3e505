//! Profiles: servers that the command line knows by name, in `~/.config/loghorn/config.toml`. A key stands in none of
//! them, only the name of a file that holds it.

use std::{
    collections::BTreeMap,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use toml_edit::{DocumentMut, Item, Table, value};

use super::{ConfigError, home};

/// Where profiles stand, and which is chosen where nothing else names one.
const PROFILES: &str = "profile";
const DEFAULT: &str = "default_profile";

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its address.
    pub server: Option<String>,
    /// The file of the authorities that may vouch for it.
    pub cacert: Option<String>,
    /// The file of the key to show it.
    pub key_file: Option<String>,
}

impl Profile {
    const MEMBERS: [&str; 3] = ["server", "cacert", "key_file"];

    fn place(&mut self, member: &str) -> Option<&mut Option<String>> {
        match member {
            "server" => Some(&mut self.server),
            "cacert" => Some(&mut self.cacert),
            "key_file" => Some(&mut self.key_file),
            _ => None,
        }
    }
}

/// All profiles by name, and the name of the one to use.
pub type Profiles = (BTreeMap<String, Profile>, Option<String>);

/// Whether a setting of the file of profiles is about them.
pub(super) fn is_about(key: &str) -> bool {
    key == DEFAULT || key.split('.').next() == Some(PROFILES)
}

/// Reads the profiles of `file`; none where there is no such file. No error repeats what stands in the file: it may be a
/// key in the wrong place.
pub fn read(file: &Path) -> Result<Profiles, ConfigError> {
    let document = document(file)?;
    let wrong = |what: String| ConfigError(format!("{}: {what}", shown(file)));
    let default = match document.get(DEFAULT) {
        None => None,
        Some(item) => {
            let name = item.as_str().ok_or_else(|| wrong(format!("{DEFAULT}: expected the name of a profile")))?;
            Some(name.to_owned())
        }
    };
    let mut all = BTreeMap::new();
    let Some(item) = document.get(PROFILES) else { return Ok((all, default)) };
    let table =
        item.as_table_like().ok_or_else(|| wrong(format!("{PROFILES}: expected tables such as [profile.prod]")))?;
    for (name, item) in table.iter() {
        let members = item.as_table_like().ok_or_else(|| wrong(format!("profile.{name}: expected a table")))?;
        let mut profile = Profile::default();
        for (member, item) in members.iter() {
            let place = profile.place(member).ok_or_else(|| {
                let hint = if member.contains("key") || member.contains("token") {
                    "\n  A key does not stand here: put it into a file for you alone, and name that as key_file."
                } else {
                    ""
                };
                wrong(format!(
                    "profile.{name}: unknown setting {member:?}; a profile has {}{hint}",
                    Profile::MEMBERS.join(", ")
                ))
            })?;
            let text = item.as_str().ok_or_else(|| wrong(format!("profile.{name}.{member}: expected a text")))?;
            let is_path = member != "server";
            *place = Some(if is_path { absolute(file, text) } else { text.to_owned() });
        }
        all.insert(name.to_owned(), profile);
    }
    Ok((all, default))
}

/// Saves a profile under this name: what is `Some` is set, the rest stays as it is.
pub fn save(file: &Path, name: &str, profile: &Profile) -> Result<(), ConfigError> {
    let mut document = document(file)?;
    let all = document.entry(PROFILES).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let wrong = || ConfigError(format!("{}: {PROFILES}: expected tables such as [profile.prod]", shown(file)));
    let all = all.as_table_like_mut().ok_or_else(wrong)?;
    let one = all.entry(name).or_insert_with(|| Item::Table(Table::new()));
    let one = one.as_table_like_mut().ok_or_else(wrong)?;
    let Profile { server, cacert, key_file } = profile;
    for (member, text) in Profile::MEMBERS.into_iter().zip([server, cacert, key_file]) {
        if let Some(text) = text {
            one.insert(member, value(text));
        }
    }
    write(file, &document)
}

/// Chooses the profile of this name from now on, or none.
pub fn choose(file: &Path, name: Option<&str>) -> Result<(), ConfigError> {
    let mut document = document(file)?;
    match name {
        Some(name) => drop(document.insert(DEFAULT, value(name))),
        None => drop(document.remove(DEFAULT)),
    }
    write(file, &document)
}

/// Forgets the profile of this name.
pub fn remove(file: &Path, name: &str) -> Result<(), ConfigError> {
    let mut document = document(file)?;
    if let Some(all) = document.get_mut(PROFILES).and_then(Item::as_table_like_mut) {
        all.remove(name);
    }
    if document.get(DEFAULT).and_then(Item::as_str) == Some(name) {
        document.remove(DEFAULT);
    }
    write(file, &document)
}

/// The error for a name that no profile has.
pub fn unknown(name: &str, all: &BTreeMap<String, Profile>, file: &Path) -> ConfigError {
    let nearest = all.keys().max_by(|a, b| {
        let likeness = |known: &str| strsim::jaro_winkler(known, name);
        likeness(a).total_cmp(&likeness(b))
    });
    let hint = match nearest {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => "there is none yet:  loghorn config set NAME --server URL".into(),
    };
    ConfigError(format!("there is no profile {name:?} in {}; {hint}", shown(file)))
}

/// The path as people write it: what is below the home directory begins with `~`.
pub fn shown(path: &Path) -> String {
    let below = home().and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned));
    below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()))
}

/// A file that a profile names, wherever the command is run: below the folder of the profiles, or the home directory.
fn absolute(file: &Path, text: &str) -> String {
    let from_home = text.strip_prefix("~/").and_then(|rest| Some(home()?.join(rest)));
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    from_home.unwrap_or_else(|| folder.join(text)).display().to_string()
}

fn document(file: &Path) -> Result<DocumentMut, ConfigError> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(ConfigError(format!("{}: cannot be read: {error}", shown(file)))),
    };
    text.parse().map_err(|error: toml_edit::TomlError| {
        let before = &text[..error.span().map_or(0, |span| span.start.min(text.len()))];
        ConfigError(format!("{}: line {}: {}", shown(file), before.lines().count().max(1), error.message()))
    })
}

/// Writes it as a whole or not at all, for its owner alone.
fn write(file: &Path, document: &DocumentMut) -> Result<(), ConfigError> {
    let failed = |error: std::io::Error| ConfigError(format!("{}: cannot be written: {error}", shown(file)));
    // One that is a link stays one.
    let file: PathBuf = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    draft.write_all(document.to_string().as_bytes()).and_then(|()| draft.as_file().sync_all()).map_err(failed)?;
    draft.persist(&file).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_stands_in_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("loghorn/config.toml");
        let profile = |server: &str| Profile { server: Some(server.into()), ..Profile::default() };
        save(&file, "prod", &profile("https://a.example")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("# mine\ndata = \"d\" # here\n{text}cacert = \"ca.pem\"\n")).unwrap();
        save(&file, "local", &profile("http://127.0.0.1:8000")).unwrap();
        save(&file, "prod", &profile("https://b.example")).unwrap();
        choose(&file, Some("prod")).unwrap();
        let (all, default) = read(&file).unwrap();
        assert_eq!((default.as_deref(), all.len()), (Some("prod"), 2));
        assert_eq!(all["prod"].server.as_deref(), Some("https://b.example"));
        assert_eq!(all["prod"].cacert, Some(file.with_file_name("ca.pem").display().to_string()));
        remove(&file, "prod").unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# mine\ndata = \"d\" # here\n") && !text.contains("default_profile"), "{text}");
        assert_eq!(read(&file).unwrap().0.len(), 1);
    }

    #[test]
    fn a_key_in_the_file_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        for text in
            ["[profile.a]\nkey = \"lh_admin_x\"\n", "[profile.a]\nkey_file = lh_admin_x\n", "profile = \"lh_admin_x\""]
        {
            std::fs::write(&file, text).unwrap();
            let error = read(&file).unwrap_err().0;
            assert!(!error.contains("lh_admin_x") && error.contains("config.toml"), "{error}");
        }
    }
}
