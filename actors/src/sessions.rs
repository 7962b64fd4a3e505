//! Sessions of the dashboard: whoever showed a key there once is known by a cookie afterwards, and a link that works
//! once lets a browser in without the key being typed.
//!
//! They live in memory alone and end with the process. A session is worth what its key is worth: once that is revoked or
//! expired, it lets nobody in.

use std::{collections::HashMap, sync::Arc, time::Duration};

use loghorn_domain::{
    Clock, Timestamp,
    access::{Digest, Token},
};
use parking_lot::Mutex;

use crate::{Holder, Keys, Random};

/// How long a session lasts.
pub const SESSION_MAX: Duration = Duration::from_secs(12 * 3600);
/// How long a link works.
pub const LINK_MAX: Duration = Duration::from_secs(60);
/// Most sessions, and most links, at a time; one more ends the oldest.
const AT_ONCE_MAX: usize = 1000;

/// Whom a key, a session or a link lets in, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose key it was.
    pub holder: Holder,
    /// When it ends.
    pub until: Timestamp,
}

/// See the module.
pub struct Sessions {
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sessions: Mutex<Passes>,
    links: Mutex<Passes>,
    tickets: Mutex<Passes>,
}

/// What lets in, by the digests of their texts: the digest of the key, or of the session, that it stands for, and until
/// when by the monotonic clock.
#[derive(Default)]
struct Passes(HashMap<Digest, (Digest, Duration)>);

impl Passes {
    fn add(&mut self, pass: Digest, of: Digest, now: Duration, life: Duration) {
        self.0.retain(|_, (_, until)| *until > now);
        if self.0.len() >= AT_ONCE_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(pass, _)| *pass)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(pass, (of, now + life));
    }
}

impl Sessions {
    pub(crate) fn new(keys: Arc<Keys>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { keys, clock, random, sessions: Mutex::default(), links: Mutex::default(), tickets: Mutex::default() }
    }

    /// Opens one for whom this key lets in; its text is told only here.
    pub fn open(&self, key: &str) -> Option<(Session, Token)> {
        self.keys.holder(key)?;
        self.open_for(Digest::of(key))
    }

    /// Opens one for whom this link lets in. It does so once.
    pub fn follow(&self, link: &str) -> Option<(Session, Token)> {
        let (key, until) = self.links.lock().0.remove(&Digest::of(link))?;
        if until > self.clock.monotonic() { self.open_for(key) } else { None }
    }

    fn open_for(&self, key: Digest) -> Option<(Session, Token)> {
        let holder = self.keys.holder_of(key)?;
        let token = self.drawn("lhs_");
        self.sessions.lock().add(Digest::of(token.reveal()), key, self.clock.monotonic(), SESSION_MAX);
        Some((Session { holder, until: self.clock.now().plus(SESSION_MAX) }, token))
    }

    /// The session with this text, if it still lets anybody in.
    pub fn get(&self, text: &str) -> Option<Session> {
        let (key, until) = *self.sessions.lock().0.get(&Digest::of(text))?;
        let left = until.checked_sub(self.clock.monotonic()).filter(|left| !left.is_zero())?;
        Some(Session { holder: self.keys.holder_of(key)?, until: self.clock.now().plus(left) })
    }

    /// Ends the session with this text.
    pub fn close(&self, text: &str) {
        self.sessions.lock().0.remove(&Digest::of(text));
    }

    /// A link for the holder of the key with this digest; none for a session, which would outlive itself.
    pub fn link(&self, key: Digest) -> Option<Token> {
        self.keys.holder_of(key)?;
        Some(self.once(key, "lhl_", &self.links))
    }

    /// A ticket for one live socket of the holder of the key, or of the session, with this digest.
    pub fn ticket(&self, pass: Digest) -> Option<Token> {
        self.holder_of(pass)?;
        Some(self.once(pass, "lht_", &self.tickets))
    }

    /// Whom this ticket lets in, and the digest of the key or session that it stands for. It does so once.
    pub fn admit(&self, ticket: &str) -> Option<(Holder, Digest)> {
        let (pass, until) = self.tickets.lock().0.remove(&Digest::of(ticket))?;
        if until > self.clock.monotonic() { Some((self.holder_of(pass)?, pass)) } else { None }
    }

    /// Whether the key, or the session, with this digest still lets anybody in.
    pub fn lets_in(&self, pass: Digest) -> bool {
        self.holder_of(pass).is_some()
    }

    fn holder_of(&self, pass: Digest) -> Option<Holder> {
        let of_session = self.sessions.lock().0.get(&pass).copied();
        let key = match of_session {
            Some((_, until)) if until <= self.clock.monotonic() => return None,
            Some((key, _)) => key,
            None => pass,
        };
        self.keys.holder_of(key)
    }

    fn once(&self, pass: Digest, prefix: &str, passes: &Mutex<Passes>) -> Token {
        let token = self.drawn(prefix);
        passes.lock().add(Digest::of(token.reveal()), pass, self.clock.monotonic(), LINK_MAX);
        token
    }

    fn drawn(&self, prefix: &str) -> Token {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        Token::drawn(prefix, bytes)
    }
}
