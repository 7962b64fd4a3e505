//! How far long work is, for a person who waits for it: on stderr, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::{Out, plain};

/// A bar that goes away when dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Shown with a table only: whoever asks for another form reads by program.
    pub(crate) fn new(out: &Out) -> Self {
        Self::with_template(out, "{bar:24} {human_pos}/{human_len}  {wide_msg}")
    }

    /// The same, of bytes.
    pub(crate) fn of_bytes(out: &Out) -> Self {
        Self::with_template(out, "{bar:24} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {wide_msg}")
    }

    fn with_template(out: &Out, template: &str) -> Self {
        let target = match out.is_table() && !out.is_quiet {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self(bar)
    }

    /// So much of so much is done.
    pub(crate) fn set(&self, done: u64, total: u64, words: &str) {
        self.0.set_message(plain(words));
        self.0.update(|state| {
            state.set_len(total);
            state.set_pos(done.min(total));
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
