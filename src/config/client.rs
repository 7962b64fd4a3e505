//! What the command line as a client goes by: flag > environment > `./loghorn.toml` > the chosen profile > the rest of
//! `~/.config/loghorn/config.toml` > default. A profile that a flag or the environment names ranks with these.

use std::path::{Path, PathBuf};

use loghorn_web::Setting;

use super::{
    CLIENT_KEY, CLIENT_PROFILE, Config, ConfigError, FILE, flat, home_file,
    profiles::{self, Profile},
    variable,
};

/// A value, and in words where it came from.
pub type Told = (String, String);

/// What the flags of the command line say.
#[derive(Debug, Clone, Default)]
pub struct ClientFlags {
    /// The server's address.
    pub server: Option<String>,
    /// The file of the authorities that may vouch for it.
    pub cacert: Option<String>,
    /// The file of the key that is shown.
    pub key_file: Option<PathBuf>,
    /// The data directory.
    pub data: Option<String>,
    /// The profile.
    pub profile: Option<String>,
}

/// What all sources make together.
#[derive(Debug)]
pub struct ClientConfig {
    /// The server's address.
    pub server: Told,
    /// The file of the authorities that may vouch for the server; `None`: the platform's.
    pub cacert: Option<Told>,
    /// The key that is shown; `None`: whatever the data directory has.
    pub key: Option<KeySource>,
    /// The data directory whose admin key may be used.
    pub data: PathBuf,
    /// The profile that was chosen.
    pub profile: Option<Told>,
}

/// Where the key comes from.
#[derive(Debug)]
pub enum KeySource {
    /// A file or pipe that a flag names.
    Flag(PathBuf),
    /// The file that the profile names, and the words for that; for its owner alone.
    Profile(PathBuf, String),
    /// The environment. Neither shown nor kept.
    Environment(String),
}

/// The places that say something, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Flag,
    Environment,
    Here,
    Home,
}

/// The profile that was chosen: what it holds, which place chose it, and what it is called in words.
struct Chosen {
    name: String,
    profile: Profile,
    by: Place,
    origin: String,
}

impl ClientConfig {
    /// The settings that `flags`, the environment and the files make together.
    pub fn load(flags: &ClientFlags) -> Result<Self, ConfigError> {
        let here = settings(Path::new(FILE))?;
        let home_path = home_file();
        // First: what it says of a file that is broken shows nothing of it.
        let chosen = choose(flags.profile.as_deref(), home_path.as_deref())?;
        let home = home_path.as_deref().map(settings).transpose()?.unwrap_or_default();
        let home_name = home_path.as_deref().map(profiles::shown).unwrap_or_default();
        let find = |key: &str, flag: Option<&String>, of_profile: Option<&String>| -> Option<Told> {
            let in_file = |found: &[(String, String)]| {
                found.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
            };
            [Place::Flag, Place::Environment, Place::Here, Place::Home]
                .into_iter()
                .find_map(|place| {
                    let own = match place {
                        Place::Flag => flag.cloned().map(|value| (value, format!("--{}", key.replace('_', "-")))),
                        Place::Environment => {
                            let name = variable(key);
                            environment(&name).map(|value| (value, format!("the environment variable {name}")))
                        }
                        Place::Here => in_file(&here).map(|value| (value, FILE.to_owned())),
                        // What stands beside the profiles is weaker than the one that was chosen there.
                        Place::Home => None,
                    };
                    own.or_else(|| {
                        let chosen = chosen.as_ref().filter(|chosen| chosen.by == place)?;
                        Some((of_profile?.clone(), chosen.origin.clone()))
                    })
                })
                .or_else(|| in_file(&home).map(|value| (value, home_name.clone())))
        };
        let profile = chosen.as_ref().map(|chosen| &chosen.profile);
        let server = find("server", flags.server.as_ref(), profile.and_then(|profile| profile.server.as_ref()));
        let server = server.unwrap_or_else(|| ("http://127.0.0.1:8000".into(), "the default".into()));
        // A profile's key and trust are for its own server, wherever another address came from.
        let of_server = chosen.as_ref().filter(|chosen| chosen.origin == server.1);
        let cacert = of_server.and_then(|chosen| chosen.profile.cacert.as_ref());
        let cacert = find("cacert", flags.cacert.as_ref(), cacert);
        let data =
            find("data", flags.data.as_ref(), None).map_or_else(|| Config::default().data, |(data, _)| data.into());
        let of_profile = of_server.and_then(|chosen| {
            let file = chosen.profile.key_file.as_ref()?;
            Some((KeySource::Profile(file.into(), chosen.origin.clone()), chosen.by))
        });
        let key = match (&flags.key_file, of_profile) {
            (Some(path), _) => Some(KeySource::Flag(path.clone())),
            (None, Some((key, Place::Flag))) => Some(key),
            (None, of_profile) => {
                environment(CLIENT_KEY).map(KeySource::Environment).or_else(|| of_profile.map(|(key, _)| key))
            }
        };
        let profile = chosen.map(|chosen| {
            let by = match chosen.by {
                Place::Flag => "--profile".into(),
                Place::Environment => format!("environment variable {CLIENT_PROFILE}"),
                Place::Here | Place::Home => home_name.clone(),
            };
            (chosen.name, by)
        });
        Ok(Self { server, cacert, key, data, profile })
    }

    /// All of them, as people write them; a key is masked.
    pub fn shown(&self) -> Vec<Setting> {
        let row = |key: &str, told: Option<Told>| {
            let (value, origin) = told.unwrap_or_else(|| (String::new(), "default".into()));
            let origin = origin.trim_start_matches("the ").to_owned();
            Setting { key: key.into(), value, origin }
        };
        let (key, key_file) = match &self.key {
            None => (None, None),
            Some(KeySource::Flag(path)) => (None, Some((path.display().to_string(), "--key-file".into()))),
            Some(KeySource::Profile(path, origin)) => (None, Some((path.display().to_string(), origin.clone()))),
            Some(KeySource::Environment(_)) => {
                (Some(("••••".into(), format!("environment variable {CLIENT_KEY}"))), None)
            }
        };
        [
            ("profile", self.profile.clone()),
            ("server", Some(self.server.clone())),
            ("cacert", self.cacert.clone()),
            ("key_file", key_file),
            ("key", key),
        ]
        .map(|(name, told)| row(name, told))
        .into()
    }
}

/// What a person edits texts with: `VISUAL`, `EDITOR`, or `vi`.
pub fn editor() -> String {
    let named = |name: &str| environment(name).filter(|text| !text.trim().is_empty());
    named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".into())
}

fn environment(name: &str) -> Option<String> {
    std::env::vars().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The settings of a file; none where there is no such file.
fn settings(path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => flat(&text, &path.display().to_string()),
        Err(_) => Ok(Vec::new()),
    }
}

/// The profile that a flag, the environment or the file of profiles names.
fn choose(flag: Option<&str>, file: Option<&Path>) -> Result<Option<Chosen>, ConfigError> {
    let named = match flag {
        Some(name) => Some((name.to_owned(), Place::Flag)),
        None => environment(CLIENT_PROFILE).map(|name| (name, Place::Environment)),
    };
    let Some(file) = file else {
        let Some((name, _)) = named else { return Ok(None) };
        return Err(ConfigError(format!("there is no profile {name:?}: no home directory is known")));
    };
    let (all, default) = profiles::read(file)?;
    let Some((name, by)) = named.or_else(|| default.map(|name| (name, Place::Home))) else { return Ok(None) };
    let origin = format!("{}, profile {name:?}", profiles::shown(file));
    match all.get(&name) {
        Some(profile) => Ok(Some(Chosen { profile: profile.clone(), name, by, origin })),
        None => Err(profiles::unknown(&name, &all, file)),
    }
}
