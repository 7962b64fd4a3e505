//! What the command line says of itself, without a server: every help text, every example in them, and errors.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::transcript::{Transcript, called, commands, kept};

/// A snapshot for each command of the first level, with those that it consists of.
#[test]
fn every_help_text_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut transcripts = BTreeMap::<String, Transcript>::new();
    for (path, _) in commands() {
        let noun = path.split(' ').next().filter(|noun| !noun.is_empty()).unwrap_or("loghorn").to_owned();
        let transcript = transcripts.entry(noun).or_insert_with(|| Transcript::in_folder(folder.path()));
        transcript.run(&format!("loghorn {path} --help").replace("  ", " "));
    }
    let names: BTreeSet<String> = transcripts.keys().cloned().collect();
    transcripts.into_iter().for_each(|(noun, transcript)| transcript.compare(&format!("help/{noun}")));
    assert_eq!(kept("help"), names, "a snapshot is of no command any more");
}

/// The lines that begin with `loghorn` in a help text, each as one command without what a shell does with it, and without
/// the remark behind it.
fn examples(help: &str) -> Vec<String> {
    let mut joined = String::new();
    for line in help.lines() {
        match line.strip_suffix('\\') {
            Some(begun) => joined.push_str(&format!("{}{}", joined_to(&joined), begun.trim())),
            None if joined.ends_with('\n') || joined.is_empty() => joined.push_str(&format!("{line}\n")),
            None => joined.push_str(&format!(" {}\n", line.trim())),
        }
    }
    let lines = joined.lines().map(str::trim_start).filter_map(|line| Some(&line[line.find("loghorn ")?..]));
    // Up to what a shell does with it, or a remark.
    let bare = |line: &str| {
        let is_quoted = |at: usize| line[..at].matches('\'').count() % 2 == 1;
        let ends = ["  ", " | ", " > ", " < "].into_iter();
        let ends = ends.flat_map(|end| line.match_indices(end)).map(|(at, _)| at).filter(|at| !is_quoted(*at));
        line[..ends.min().unwrap_or(line.len())].to_owned()
    };
    lines.map(bare).collect()
}

fn joined_to(text: &str) -> &'static str {
    if text.is_empty() || text.ends_with('\n') { "" } else { " " }
}

#[test]
fn every_example_is_a_line_that_is_taken() {
    let mut found = 0;
    for (path, command) in commands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let Some(listed) = help.strip_prefix("Examples:\n") else { continue };
        let listed = listed.split("\n\n").next().unwrap();
        let lines = examples(listed);
        assert!(!lines.is_empty(), "{path}: no example");
        let mut is_shown = path.is_empty();
        for line in lines {
            found += 1;
            let words = shlex::split(&line).unwrap_or_else(|| panic!("{path}: quotes are open: {line}"));
            let taken = loghorn::cli::command().try_get_matches_from(&words);
            assert!(taken.is_ok(), "{path}: {line}\n{}", taken.unwrap_err());
            is_shown |= called(&words).is_some_and(|called| called == path);
        }
        assert!(is_shown, "{path}: no example is one of it");
    }
    assert!(found > 100, "{found}");
}

/// Commands of the guides, in their blocks of code.
#[test]
fn every_command_of_the_guides_is_a_line_that_is_taken() {
    let pages = ["README.md", "deploy/README.md", "examples/verify/README.md"].map(std::path::PathBuf::from);
    let folder = |name: &str| std::fs::read_dir(name).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.into_iter().chain(folder("docs")).chain(folder("docs/shippers"));
    let mut found = 0;
    for page in pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(&page).unwrap();
        let fenced = text.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
        let blocks = fenced.filter(|(language, _)| matches!(*language, "" | "sh")).map(|(_, block)| block);
        // What a command prints begins otherwise.
        let mut is_continued = false;
        let is_command = |line: &&str| {
            let is = line.starts_with("loghorn ") || is_continued;
            is_continued = is && line.ends_with('\\');
            is
        };
        let typed: Vec<&str> = blocks.flat_map(str::lines).filter(is_command).collect();
        for line in examples(&typed.join("\n")) {
            found += 1;
            let words = shlex::split(&line).unwrap_or_else(|| panic!("{}: quotes are open: {line}", page.display()));
            let taken = loghorn::cli::command().try_get_matches_from(&words);
            assert!(taken.is_ok(), "{}: {line}\n{}", page.display(), taken.unwrap_err());
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn examples_are_found_in_a_help_text() {
    let help =
        "  loghorn a 'b  c'\n  tail -f x | loghorn event send -\n  loghorn sub create big \\\n      --type x | jq .a";
    assert_eq!(examples(help), ["loghorn a 'b  c'", "loghorn event send -", "loghorn sub create big --type x"]);
}

#[test]
fn errors_that_need_no_server() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.key"), "\n").unwrap();
    std::fs::write(folder.path().join("bad.toml"), "bind = 'nowhere'\n").unwrap();
    std::fs::write(folder.path().join("typo.toml"), "[delivery]\ntime_out = '5s'\n").unwrap();
    std::fs::write(folder.path().join("body.json"), "{}").unwrap();
    let mut transcript = Transcript::in_folder(folder.path());
    for line in [
        "loghorn",
        "loghorn evnt list",
        "loghorn event sned",
        "loghorn event list --limt 5",
        "loghorn event list --limit 0",
        "loghorn sub create",
        "loghorn sub create gw --url http://127.0.0.1:9100/",
        "loghorn sub create gw --url http://127.0.0.1:9100/ --type x --format xml",
        "loghorn sub create gw --url http://127.0.0.1:9100/ --type x --header X-Team",
        "loghorn status --server 127.0.0.1:9",
        "loghorn status --server ftp://example.com",
        "loghorn status --server https://127.0.0.1:9 --cacert absent.pem",
        "loghorn status --key-file absent.key",
        "loghorn status --key-file empty.key",
        "loghorn status --timeout soon",
        "loghorn status -o xml",
        "loghorn event send -m x --watch",
        "loghorn listen --bind nowhere",
        "loghorn listen --secret-file absent.secret",
        "loghorn verify --secret-file empty.key body.json",
        "loghorn config list --config absent.toml",
        "loghorn config list --config bad.toml",
        "loghorn serve --config typo.toml",
        "loghorn serve --bind 0.0.0.0:8000 --data data",
        "loghorn serve --tls-cert absent.crt --data data",
    ] {
        transcript.run(line);
    }
    transcript.compare("errors");
}
