//! The audit log's entries: who did what, when, from where, and what came of it. Never a secret, never a body.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, access::Scope};

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place: ascending from 1, without gaps.
    pub number: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// What was done, and by whom.
    #[serde(flatten)]
    pub act: Act,
}

/// What was done, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// The id of the key that was shown, where it came from if it came with the start, or `loopback`: none.
    pub who: String,
    /// The key's name.
    pub name: Option<String>,
    /// The key's scope.
    pub scope: Option<Scope>,
    /// The method.
    pub method: String,
    /// The route, as in the API's description.
    pub route: String,
    /// The thing that it was about: named in the path, or made.
    pub target: Option<String>,
    /// The address that it came from.
    pub from: IpAddr,
    /// The answer's status code.
    pub status: u16,
}
