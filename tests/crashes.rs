//! kill -9, power cuts and crashes at chosen system calls under load: what was accepted is there, once; every matching
//! delivery arrives or waits.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use support::{crash, say};

#[actix_rt::test]
async fn kill_9_loses_nothing_that_was_accepted() {
    say(&crash::survive_kills(8).await);
}

#[actix_rt::test]
async fn a_power_cut_loses_nothing_that_was_accepted() {
    say(&crash::survive_power_cuts(3).await);
}

#[actix_rt::test]
async fn a_crash_between_two_system_calls_loses_nothing() {
    let syncs = [1, 2, 3, 5, 8, 40].map(|nth| ("fdatasync", nth));
    let writes = [("write", 30), ("write", 90), ("rename", 1), ("fsync", 4), ("unlink", 1)];
    say(&crash::survive_crash_points(&[&syncs[..], &writes].concat()).await);
}
