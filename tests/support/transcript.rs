//! Commands of the line with all that they said, as snapshots: what a user sees stands in `tests/snapshots`, and a change
//! of it fails until it is taken over with `INSTA_UPDATE=always`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use regex::Regex;

use super::{Loghorn, loghorn};

/// Where the snapshots stand.
pub fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// Compares `text` with the snapshot `name`.
fn compare(name: &str, text: &str) {
    let mut settings = insta::Settings::new();
    let (folder, name) = name.rsplit_once('/').unwrap_or(("", name));
    settings.set_snapshot_path(snapshots().join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Commands that were run in one folder, and what they said.
pub struct Transcript {
    folder: PathBuf,
    env: Vec<(String, String)>,
    /// What is another text each time, and what stands for it.
    changing: Vec<(Regex, String)>,
    text: String,
}

impl Transcript {
    /// In the folder above `server`'s data.
    pub fn of(server: &Loghorn) -> Self {
        Self::in_folder(server.data.parent().unwrap()).env("LOGHORN_SERVER", &server.url(""))
    }

    /// In `folder`, with no server named.
    pub fn in_folder(folder: &Path) -> Self {
        let mut this = Self { folder: folder.to_owned(), env: Vec::new(), changing: Vec::new(), text: String::new() };
        let folder = regex::escape(&folder.display().to_string());
        for (changing, stands) in [
            (folder.as_str(), "[FOLDER]"),
            (r"\b(evt|dlv|sub|job|key|jrn)_[0-9a-f]{20,}\b", "${1}_[ID]"),
            (r"\bwhsec_[A-Za-z0-9+/=]+", "whsec_[SECRET]"),
            (r"\blh[a-z]*_[A-Za-z0-9_-]{20,}", "[KEY]"),
            (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
            // The cell is as wide as its text.
            (r"\b(in )?\d+ (s|min|h)( ago)? *( {2}|$)", "[WHEN]${4}"),
            (r"\b(in )?\d+ (s|min|h) ago\b", "[WHEN]"),
            (r"(-signature: )(v1,|sha256=)[A-Za-z0-9+/=]+", "${1}${2}[SIGNATURE]"),
            (r"(webhook-timestamp: )\d+", "${1}[SECONDS]"),
            (r"\b(CREATED|RECEIVED|STARTED|MADE|WHEN) +", "$1  "),
            // Connections are kept or made anew.
            (r"^  ((dns|connect|tls) [\d.]+ ms  )*first byte [\d.]+ ms$", "  [PHASES]"),
            (r"\b\d+(\.\d+)? ms\b", "[N] ms"),
            // Free ones that were drawn; those of examples have four digits.
            (r"127\.0\.0\.1:\d{5}\b", "127.0.0.1:[PORT]"),
            (r"\b([Ll]oghorn[ /]|version\t)\d+\.\d+\.\d+", "${1}[VERSION]"),
            (r"^(uptime_seconds|events_per_second)\t.*$", "$1\t[N]"),
            (r"\b\d+(\.\d+)? ev/s", "[N] ev/s"),
            (r"\b\d+(\.\d+)? a minute on average, \d+ in", "[N] a minute on average, [N] in"),
        ] {
            this = this.changing(changing, stands);
        }
        this.changing.reverse();
        this
    }

    /// With this in the environment too.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// What fits `pattern` is another text each time: `stands` is shown for it.
    pub fn changing(mut self, pattern: &str, stands: &str) -> Self {
        self.changing.insert(0, (Regex::new(&format!("(?m){pattern}")).unwrap(), stands.into()));
        self
    }

    /// Runs a line such as a person would type; what it printed.
    pub fn run(&mut self, line: &str) -> String {
        let output = self.output(line);
        self.take(line, &output)
    }

    fn take(&mut self, line: &str, output: &Output) -> String {
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
        assert!(!out.contains('\x1b') && !err.contains('\x1b'), "no terminal, and there are colours: {line}");
        self.text.push_str(&format!("$ {line}\n{out}"));
        for line in err.lines() {
            self.text.push_str(&format!("! {line}\n"));
        }
        match output.status.code().unwrap() {
            0 => self.text.push('\n'),
            code => self.text.push_str(&format!("? {code}\n\n")),
        }
        out
    }

    /// Runs a line whose output is long, or another on each machine: only that it ends with one of `codes` is kept.
    pub fn run_only(&mut self, line: &str, codes: &[i32]) -> String {
        let output = self.output(line);
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(codes.contains(&output.status.code().unwrap()), "{line}: {out}{err}");
        assert!(!out.contains('\x1b'), "no terminal, and there are colours: {line}");
        self.text.push_str(&format!("$ {line}\n…\n\n"));
        out
    }

    /// Begins a line that runs beside others; [`Self::finish`] ends it.
    pub fn begin(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits for the end of a line that was begun.
    pub fn finish(&mut self, line: &str, begun: Child) -> String {
        let output = begun.wait_with_output().unwrap();
        self.take(line, &output)
    }

    fn output(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let words = shlex::split(line).unwrap_or_else(|| panic!("quotes are open: {line}"));
        assert_eq!(words[0], "loghorn", "{line}");
        let mut command = Command::new(loghorn::binary());
        command.args(&words[1..]).current_dir(&self.folder).stdin(Stdio::null());
        command.env_clear().env("HOME", &self.folder).env("COLUMNS", "100");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Compares all of it with the snapshot `name`.
    pub fn compare(self, name: &str) {
        let mut text = self.text;
        for (changing, stands) in &self.changing {
            text = changing.replace_all(&text, stands).into_owned();
        }
        // Nobody sees white space at the end of a line.
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        compare(name, lines.join("\n").trim_end());
    }
}

/// A command and those that it consists of: its path (`sub create`) and its declaration.
pub fn commands() -> Vec<(String, clap::Command)> {
    fn walk(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        for inner in command.get_subcommands() {
            let path = format!("{path} {}", inner.get_name()).trim_start().to_owned();
            found.push((path.clone(), inner.clone()));
            walk(inner, &path, found);
        }
    }
    let mut found = vec![(String::new(), ::loghorn::cli::command())];
    walk(&found[0].1.clone(), "", &mut found);
    found
}

/// The path of the command that these words call, such as `sub create`; `None` where clap refuses them.
pub fn called(words: &[String]) -> Option<String> {
    let matches = ::loghorn::cli::command().try_get_matches_from(words).ok()?;
    let mut path = Vec::new();
    let mut matches = &matches;
    while let Some((name, inner)) = matches.subcommand() {
        path.push(name.to_owned());
        matches = inner;
    }
    Some(path.join(" "))
}

/// The names of the snapshots in `folder` of them.
pub fn kept(folder: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(snapshots().join(folder)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".snap").map(str::to_owned)).collect()
}
