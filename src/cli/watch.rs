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
        seen.get_or_insert_default();
    });
}

/// A round ended. One that failed half-way has not seen all: what stood there before is no news in the next.
pub(crate) fn end(is_whole: bool) {
    SEEN.with_borrow_mut(|seen| {
        let Some(seen) = seen else { return };
        let now = std::mem::take(&mut seen.now);
        if is_whole {
            seen.before = now;
        } else {
            seen.before.extend(now);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_that_failed_makes_nothing_new_again() {
        let round = |lines: &[&str], is_whole| {
            SEEN.set(Some(SEEN.take().unwrap_or_default()));
            let news: Vec<String> = lines.iter().filter(|line| is_news(line)).map(ToString::to_string).collect();
            end(is_whole);
            news
        };
        assert_eq!(round(&["a", "b"], true), ["a", "b"]);
        assert_eq!(round(&["c"], false), ["c"]);
        assert_eq!(round(&["a", "b", "c", "d"], true), ["d"]);
        // What was away is news.
        assert!(round(&["a"], true).is_empty());
        assert_eq!(round(&["a", "b"], true), ["b"]);
    }
}
