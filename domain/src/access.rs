//! Who may do what: scopes, keys, and how often a wrong key may be shown.
//!
//! A key's text is shown once, when it is made. What is kept is its SHA-256: 32 random bytes cannot be guessed, so no
//! slower hash is needed, and a key is found by its digest in one look-up.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{KeyId, Timestamp, signing::unhex};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// May send events.
    Ingest,
    /// May read.
    Read,
    /// May send events, read, and change subscriptions, deliveries and jobs.
    Manage,
    /// May do everything: keys and the audit log too.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Read, Self::Manage, Self::Admin];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Manage => "manage",
            Self::Admin => "admin",
        }
    }

    /// Whether a key of this scope may do what needs `needed`.
    pub fn includes(self, needed: Self) -> bool {
        self == needed || self == Self::Admin || (self == Self::Manage && needed != Self::Admin)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no [`Scope`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected ingest, read, manage or admin")]
pub struct ParseScopeError;

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(ParseScopeError)
    }
}

/// Fewest characters of a key that a person makes up.
pub const OWN_CHARS_MIN: usize = 32;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits that 32 bytes take: 62⁴³ > 2²⁵⁶.
const DIGITS: usize = 43;

/// The text of a key. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// `lh_<scope>_` and 32 random bytes in base 62.
    pub fn generated(scope: Scope, random: [u8; 32]) -> Self {
        Self::drawn(&format!("lh_{scope}_"), random)
    }

    /// `prefix` and 32 random bytes in base 62.
    pub fn drawn(prefix: &str, mut random: [u8; 32]) -> Self {
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev() {
            let mut rest = 0;
            for byte in &mut random {
                let number = rest * 256 + usize::from(*byte);
                *byte = (number / 62) as u8;
                rest = number % 62;
            }
            *digit = BASE62[rest];
        }
        Self(format!("{prefix}{}", String::from_utf8_lossy(&digits)))
    }

    /// A key that a person made up: 32 to 256 visible ASCII characters, so that every header can carry it.
    pub fn own(text: &str) -> Option<Self> {
        let is_good = (OWN_CHARS_MIN..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        is_good.then(|| Self(text.to_owned()))
    }

    /// The text, for the one place that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The SHA-256 of a key's text. Compared in constant time.
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of a key's text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = unhex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| de::Error::custom("expected 64 hex digits"))
    }
}

/// A key, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// What people name it by; no secret.
    pub id: KeyId,
    /// Whose or what for, in a person's words.
    pub name: String,
    /// What it is for.
    pub scope: Scope,
    /// Of its text.
    pub digest: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, within a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It lets in.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl Standing {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Key {
    /// Where it stands at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.expires_at {
            _ if self.revoked_at.is_some() => Standing::Revoked,
            Some(expires_at) if expires_at <= now => Standing::Expired,
            _ => Standing::Active,
        }
    }
}

/// Wrong keys that an address may show in a [`WRONG_KEYS_WINDOW`].
pub const WRONG_KEYS_MAX: u32 = 10;
/// The window begins with the first of them.
pub const WRONG_KEYS_WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; beyond that the one whose window ends first is forgotten.
const ADDRESSES_MAX: usize = 4096;

/// Counts wrong keys by the address they came from. An IPv6 network of 64 bits counts as one address: whoever has one
/// address of it has all.
#[derive(Debug, Default)]
pub struct WrongKeys(HashMap<IpAddr, (Duration, u32)>);

impl WrongKeys {
    /// How long `from` is still not listened to, if it showed too many.
    pub fn barred_for(&self, from: IpAddr, now: Duration) -> Option<Duration> {
        let (began, count) = self.0.get(&network(from))?;
        let left = (*began + WRONG_KEYS_WINDOW).checked_sub(now).filter(|left| !left.is_zero())?;
        (*count >= WRONG_KEYS_MAX).then_some(left)
    }

    /// Another one came from there. `now` never goes back.
    pub fn add(&mut self, from: IpAddr, now: Duration) {
        let from = network(from);
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&from) {
            self.0.retain(|_, (began, _)| *began + WRONG_KEYS_WINDOW > now);
            let oldest = self.0.iter().min_by_key(|(_, (began, _))| *began).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= ADDRESSES_MAX) {
                self.0.remove(&oldest);
            }
        }
        let (began, count) = self.0.entry(from).or_insert((now, 0));
        if *began + WRONG_KEYS_WINDOW <= now {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scopes_are_rights_of_their_own() {
        use Scope::{Admin, Ingest, Manage, Read};
        let included = |scope: Scope| Scope::ALL.into_iter().filter(move |needed| scope.includes(*needed));
        let expected = [vec![Ingest], vec![Read], vec![Ingest, Read, Manage], vec![Ingest, Read, Manage, Admin]];
        assert_eq!(Scope::ALL.map(|scope| included(scope).collect::<Vec<_>>()), expected);
        assert!(Scope::ALL.iter().all(|scope| scope.name().parse() == Ok(*scope)));
    }

    proptest! {
        #[test]
        fn tokens_hold_all_of_their_bytes(random: [u8; 32]) {
            let token = Token::generated(Scope::Read, random);
            let digits = token.reveal().strip_prefix("lh_read_").unwrap();
            prop_assert_eq!(digits.len(), DIGITS);
            let mut bytes = [0u8; 32];
            for digit in digits.bytes() {
                let mut carry = BASE62.iter().position(|known| *known == digit).unwrap();
                for byte in bytes.iter_mut().rev() {
                    carry += usize::from(*byte) * 62;
                    *byte = (carry % 256) as u8;
                    carry /= 256;
                }
                prop_assert_eq!(carry, 0);
            }
            prop_assert_eq!(bytes, random);
        }
    }

    #[test]
    fn nothing_of_a_key_is_shown_or_kept() {
        let token = Token::generated(Scope::Admin, [7; 32]);
        let digest = Digest::of(token.reveal());
        assert_eq!(format!("{token:?} {digest:?}"), "Token(…) Digest(…)");
        let kept = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&kept).unwrap(), digest);
        assert_ne!(Digest::of("x"), digest);
        assert!(serde_json::from_str::<Digest>("\"00\"").is_err());
    }

    #[test]
    fn own_keys_are_long_and_fit_a_header() {
        assert!(Token::own(&"x".repeat(32)).is_some());
        for bad in ["x".repeat(31), "x".repeat(257), format!("{}\n", "x".repeat(40)), "ü".repeat(40)] {
            assert!(Token::own(&bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn ten_wrong_keys_bar_one_address_for_the_rest_of_the_minute() {
        let (mut wrong, second) = (WrongKeys::default(), Duration::from_secs);
        let (guesser, other): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "192.0.2.7".parse().unwrap());
        for n in 0..10 {
            assert_eq!(wrong.barred_for(guesser, second(n)), None, "{n}");
            wrong.add(guesser, second(n));
        }
        assert_eq!(wrong.barred_for("2001:db8::2".parse().unwrap(), second(20)), Some(second(40)));
        assert_eq!(wrong.barred_for("2001:db8:0:1::1".parse().unwrap(), second(20)), None);
        assert_eq!(wrong.barred_for(other, second(20)), None);
        assert_eq!(wrong.barred_for(guesser, second(60)), None);
        wrong.add(guesser, second(61));
        assert_eq!(wrong.barred_for(guesser, second(61)), None, "a new window begins");
    }

    #[test]
    fn so_many_addresses_are_remembered_and_no_more() {
        let mut wrong = WrongKeys::default();
        for n in 0..10_000u32 {
            wrong.add(IpAddr::V4(n.into()), Duration::from_millis(n.into()));
        }
        assert_eq!(wrong.0.len(), ADDRESSES_MAX);
        assert!(wrong.0.contains_key(&IpAddr::V4(9_999.into())), "the newest is remembered");
    }
}
