//! The command line as a process of its own, without a terminal.

use std::{
    path::Path,
    process::{Command, Output},
};

use super::{Loghorn, loghorn};

/// Runs `loghorn` with `args` in `folder`; its output.
pub fn run_in(folder: &Path, server: &str, args: &[&str]) -> Output {
    Command::new(loghorn::binary()).args(args).current_dir(folder).env("LOGHORN_SERVER", server).output().unwrap()
}

/// Runs `loghorn` with `args` in the server's own folder; what it printed and its exit code.
pub fn run(server: &Loghorn, args: &[&str]) -> (String, i32) {
    let output = run_in(server.data.parent().unwrap(), &server.addr.to_string(), args);
    let text = String::from_utf8(output.stdout).unwrap();
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

/// The same, where it must end with 0: the cells of its only line.
pub fn cells(server: &Loghorn, args: &[&str]) -> Vec<String> {
    let (text, code) = run(server, args);
    assert_eq!(code, 0, "{args:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    text.split('\t').map(str::to_owned).collect()
}
