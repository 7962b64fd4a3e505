//! How a command says no: one shape on stderr (what, why, what to do), and the exit codes.

use std::process::ExitCode;

use anstream::eprintln;

use super::output::plain;
use crate::config::ConfigError;

/// The exit codes; what each means is part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Something went wrong that none of the others names.
    Error = 1,
    /// Wrong use of the command line. clap gives the same.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// The server does not let us in.
    Auth = 4,
    /// Refused, or invalid.
    Refused = 5,
    /// The server does not answer.
    Unreachable = 6,
    /// Done, but some of it failed.
    Partly = 7,
    /// Waited in vain.
    TimedOut = 8,
    /// Interrupted by a person.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fail {
    /// What the process ends with.
    pub(crate) exit: Exit,
    what: String,
    why: Vec<String>,
    remedy: Option<String>,
    is_silent: bool,
}

impl Fail {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: Vec::new(), remedy: None, is_silent: false }
    }

    /// Wrong use of the command line.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A local file that cannot be used.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Exit::Error, format!("cannot use {}", path.display())).why(error.to_string())
    }

    /// What failed, in words.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Says it on stderr.
    pub(crate) fn report(&self) {
        if !self.is_silent {
            eprintln!("{}", self.shown());
        }
    }

    fn shown(&self) -> String {
        let mut text = format!("\x1b[1;31merror:\x1b[0m {}", plain(&self.what));
        for line in self.why.iter().chain(&self.remedy) {
            text.push_str("\n  ");
            text.push_str(&plain(line));
        }
        text
    }
}

/// Settings that cannot be used: the first line says what is wrong.
impl From<ConfigError> for Fail {
    fn from(error: ConfigError) -> Self {
        let mut lines = error.0.lines();
        let fail = Self::usage(lines.next().unwrap_or_default());
        lines.fold(fail, |fail, line| fail.why(line.strip_prefix("  ").unwrap_or(line)))
    }
}

/// What could not be printed. That nobody reads on (`| head`) is no error.
impl From<std::io::Error> for Fail {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self { is_silent: true, ..Self::new(Exit::Ok, "") };
        }
        Self::new(Exit::Error, "cannot write the output").why(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_one_shape_and_no_control_characters() {
        let fail = Fail::new(Exit::NotFound, "there is no \x1b[2J").why("because").remedy("Do this:  x");
        let shown = anstream::adapter::strip_str(&fail.shown()).to_string();
        assert_eq!(shown, "error: there is no \\x1b[2J\n  because\n  Do this:  x");
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let fail = Fail::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!((fail.exit, fail.is_silent), (Exit::Ok, true));
        assert_eq!(Fail::from(std::io::Error::other("disk full")).exit, Exit::Error);
    }
}
