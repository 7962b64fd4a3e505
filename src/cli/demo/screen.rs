//! Where the demo talks: lines that stay, and on a terminal one below them that is written anew. Keys are read only there,
//! and the terminal is put back whatever happens.

use std::io::{IsTerminal, Write};

use anstream::{eprint, eprintln};
use ratatui::crossterm::{
    event::KeyEvent,
    terminal::{disable_raw_mode, enable_raw_mode},
};
use tokio::sync::mpsc;

use super::super::{output::Out, top::read_keys};

/// Where it talks.
pub(super) struct Screen {
    out: Out,
    /// Only where there is a terminal, which then hands over each key as it is pressed.
    keys: Option<mpsc::Receiver<KeyEvent>>,
}

impl Screen {
    /// With `wants_keys` they are read, if this is a terminal.
    pub(super) fn new(out: Out, wants_keys: bool) -> Self {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let is_raw = wants_keys && is_terminal && enable_raw_mode().is_ok();
        let keys = is_raw.then(|| {
            let (tell, keys) = mpsc::channel(16);
            std::thread::spawn(move || read_keys(&tell));
            keys
        });
        Self { out, keys }
    }

    pub(super) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// The next key; never, where there are none.
    pub(super) async fn key(&mut self) -> KeyEvent {
        let key = match &mut self.keys {
            Some(keys) => keys.recv().await,
            None => None,
        };
        match key {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// A line that stays.
    pub(super) fn say(&self, text: &str) {
        if !self.has_keys() {
            self.out.say(text);
        } else if !self.out.is_quiet {
            // A raw terminal does not go back to the line's beginning by itself.
            eprint!("\r\x1b[2K{text}\r\n");
        }
    }

    /// The line that is written anew.
    pub(super) fn status(&self, text: &str) {
        if self.out.is_quiet {
            return;
        }
        if self.has_keys() {
            eprint!("\r\x1b[2K{text}");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.has_keys() {
            eprint!("\r\x1b[2K");
            let _ = disable_raw_mode();
        }
    }
}
