//! Profiles: servers by name, with their keys, and what is stronger than they are.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use support::{Loghorn, loghorn, write_private};

/// A person with a home directory of their own.
struct Person {
    home: tempfile::TempDir,
}

impl Person {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run_with(&self, env: &[(&str, &str)], args: &[&str]) -> Output {
        let mut command = Command::new(loghorn::binary());
        command.args(args).env_clear().env("HOME", self.home.path()).envs(env.iter().copied());
        command.current_dir(self.home.path()).output().unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_with(&[], args)
    }

    /// Which address is gone by, and where it came from.
    fn server(&self, env: &[(&str, &str)], args: &[&str]) -> (String, String) {
        let output = self.run_with(env, &[&["config", "list", "-o", "json"], args].concat());
        let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
        let row = all["items"].as_array().unwrap().iter().find(|row| row["key"] == "server").unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const FILE: &str = ".config/loghorn/config.toml";

#[actix_rt::test]
async fn a_profile_brings_a_server_and_its_key() {
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let person = Person::new();
    let (key_file, address) = (person.path("prod.key"), server.url(""));
    write_private(&key_file, &server.admin_key());
    let key = key_file.to_str().unwrap();
    let set = person.run(&["config", "set", "prod", "--server", &address, "--key-file", key]);
    assert!(set.status.success(), "{}", stderr(&set));
    assert_eq!(String::from_utf8(set.stdout).unwrap(), format!("prod\t{address}\n"));
    assert_eq!((mode(&person.path(FILE)), mode(&person.path(".config/loghorn"))), (0o600, 0o700));
    let text = std::fs::read_to_string(person.path(FILE)).unwrap();
    assert!(text.contains(key) && !text.contains(&server.admin_key()), "{text}");
    assert!(person.run(&["key", "list", "--profile", "prod"]).status.success());
    assert!(person.run_with(&[("LOGHORN_PROFILE", "prod")], &["key", "list"]).status.success());
    assert!(person.run(&["config", "use", "prod"]).status.success());
    assert!(person.run(&["key", "list"]).status.success());
    // Its key goes to no other server, wherever that was named.
    let elsewhere = person.run(&["key", "list", "--server", &address]);
    assert_eq!(elsewhere.status.code(), Some(4), "{}", stderr(&elsewhere));
    let elsewhere = person.run_with(&[("LOGHORN_SERVER", &address)], &["key", "list"]);
    assert_eq!(elsewhere.status.code(), Some(4), "{}", stderr(&elsewhere));
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = person.run(&["key", "list"]);
    let said = stderr(&open);
    assert!(open.status.code() == Some(5) && said.contains("chmod 600") && said.contains("\"prod\""), "{said}");
    let open = person.run(&["config", "set", "more", "--server", &address, "--key-file", key]);
    assert!(open.status.code() == Some(5) && stderr(&open).contains("chmod 600"), "{}", stderr(&open));
    // The server reads the same file, and has no use for profiles.
    let listed = person.run(&["config", "list", "--changed"]);
    assert!(listed.status.success(), "{}", stderr(&listed));
}

#[test]
fn what_is_stronger_wins_and_says_so() {
    let person = Person::new();
    assert_eq!(person.server(&[], &[]), ("http://127.0.0.1:8000".into(), "default".into()));
    for (name, address) in [("local", "http://l:1"), ("prod", "https://p:2")] {
        assert!(person.run(&["config", "set", name, "--server", address]).status.success());
    }
    assert_eq!(person.server(&[], &[]).1, "default", "none is used before it is said");
    assert!(person.run(&["config", "use", "local"]).status.success());
    let of_file = |name: &str| format!("~/.config/loghorn/config.toml, profile {name:?}");
    assert_eq!(person.server(&[], &[]), ("http://l:1".into(), of_file("local")));
    std::fs::write(person.path("loghorn.toml"), "server = 'http://here:3'\n").unwrap();
    assert_eq!(person.server(&[], &[]), ("http://here:3".into(), "loghorn.toml".into()));
    let named = [("LOGHORN_PROFILE", "prod")];
    assert_eq!(person.server(&named, &[]), ("https://p:2".into(), of_file("prod")));
    let both = [("LOGHORN_PROFILE", "prod"), ("LOGHORN_SERVER", "http://e:4")];
    assert_eq!(person.server(&both, &[]), ("http://e:4".into(), "environment variable LOGHORN_SERVER".into()));
    assert_eq!(person.server(&both, &["--profile", "local"]), ("http://l:1".into(), of_file("local")));
    assert_eq!(person.server(&both, &["--server", "http://f:5"]), ("http://f:5".into(), "--server".into()));
    let two = person.run(&["status", "--server", "http://f:5", "--profile", "prod"]);
    assert_eq!(two.status.code(), Some(2));
    std::fs::remove_file(person.path("loghorn.toml")).unwrap();
    assert!(person.run(&["config", "use", "--none"]).status.success());
    assert_eq!(person.server(&[], &[]).1, "default");
}

#[test]
fn errors_say_where_the_address_came_from() {
    let person = Person::new();
    person.run(&["config", "set", "local", "--server", "http://127.0.0.1:9"]);
    person.run(&["config", "use", "local"]);
    let output = person.run(&["status"]);
    let expected = "error: cannot reach Loghorn at http://127.0.0.1:9 (connection refused)\n  \
                    The server's address came from ~/.config/loghorn/config.toml, profile \"local\".\n  \
                    Start one:  loghorn serve        Or name another:  --server URL\n";
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(6), expected));
    let output = person.run(&["status", "--profile", "locla"]);
    let expected = "error: there is no profile \"locla\" in ~/.config/loghorn/config.toml; did you mean \"local\"?\n";
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(2), expected));
    std::fs::write(person.path("loghorn.toml"), "[profile.x]\nserver = 'y'\n").unwrap();
    let output = person.run(&["config", "list"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("~/.config/loghorn"), "{}", stderr(&output));
}

#[test]
fn a_key_in_the_file_is_refused_and_not_shown() {
    let person = Person::new();
    person.run(&["config", "set", "local", "--server", "http://127.0.0.1:9"]);
    let text = std::fs::read_to_string(person.path(FILE)).unwrap();
    std::fs::write(person.path(FILE), format!("{text}key = \"lh_admin_hush\"\n")).unwrap();
    for args in [&["status"][..], &["status", "--profile", "local"], &["config", "list"], &["config", "profiles"]] {
        let output = person.run(args);
        let said = stderr(&output);
        assert!(
            output.status.code() == Some(2) && said.contains("key_file") && !said.contains("hush"),
            "{args:?} {said}"
        );
    }
}
