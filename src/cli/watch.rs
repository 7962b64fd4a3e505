//! `--watch`: a command again and again. A terminal shows the newest state; elsewhere each line is printed when it is new,
//! or other than it was.

use std::{cell::RefCell, collections::HashSet, io::IsTerminal, time::Duration};

/// How often it is looked again.
pub(crate) const EVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Seen {
    before: HashSet<String>,
    now: HashSet<String>,
}

thread_local! {
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

/// Another round begins.
pub(crate) fn begin() {
    if std::io::stdout().is_terminal() {
        // Cleared from the first line on.
        anstream::print!("\x1b[H\x1b[2J");
        return;
    }
    SEEN.with_borrow_mut(|seen| {
        let seen = seen.get_or_insert_default();
        seen.before = std::mem::take(&mut seen.now);
    });
}

/// Whether this line is to be printed.
pub(crate) fn is_news(line: &str) -> bool {
    SEEN.with_borrow_mut(|seen| match seen {
        Some(seen) => {
            seen.now.insert(line.to_owned());
            !seen.before.contains(line)
        }
        None => true,
    })
}
