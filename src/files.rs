//! How the process's open files are shared out, so that no crowd of clients takes what the store needs to write: a
//! store that cannot open a file is read-only from then on.

/// Below this, a busy server may run short.
pub(crate) const LIMIT_ENOUGH: u64 = 4096;
/// Connections that one HTTP thread serves at a time, however many files there may be.
const CONNECTIONS_MAX: u64 = 10_000;
/// Files that the store keeps open, however many there may be.
const STORE_MAX: u64 = 256;

/// Who may have how many files open. A quarter is left for deliveries and everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Of clients, for each HTTP thread; further ones wait to be accepted.
    pub(crate) connections: usize,
    /// Of tables, in the store.
    pub(crate) store: i32,
}

impl Share {
    /// The shares of `limit` files over `workers` HTTP threads.
    pub(crate) fn of(limit: u64, workers: usize) -> Self {
        let connections = (limit / 2 / workers.max(1) as u64).clamp(1, CONNECTIONS_MAX);
        if limit < LIMIT_ENOUGH {
            tracing::warn!(limit, connections, "few files may be open; allow more with: ulimit -n 8192");
        }
        // Both are small by now.
        Self { connections: connections as usize, store: (limit / 4).min(STORE_MAX) as i32 }
    }
}

/// Raises the limit of open files as far as it goes without rights; how many may be open now.
#[cfg(unix)]
pub(crate) fn raise_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => found.maximum,
        Err(_) => found.current,
    };
    // Absent: there is no limit.
    current.unwrap_or(u64::MAX)
}

/// Elsewhere nobody says.
#[cfg(not(unix))]
pub(crate) fn raise_limit() -> u64 {
    LIMIT_ENOUGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_leaves_files_for_the_store_and_for_deliveries() {
        assert_eq!(Share::of(256, 1), Share { connections: 128, store: 64 });
        assert_eq!(Share::of(4096, 2), Share { connections: 1024, store: 256 });
        assert_eq!(Share::of(u64::MAX, 4), Share { connections: 10_000, store: 256 });
    }
}
