//! Secrets sealed at rest: what is kept is sealed under a data key, and data keys are wrapped by a master key.
//!
//! XChaCha20-Poly1305 throughout: its nonces are long enough to be drawn at random. What is sealed is bound to its
//! place (subscription, field, version of this format), so that no record can be given another's secret. A keyring
//! wraps the same data keys for each of its masters: a new master is added before the old one goes, so that at every
//! moment one that somebody holds opens it, and no record is sealed anew.

use std::{collections::BTreeMap, fmt};

use base64::{
    Engine,
    engine::general_purpose::{GeneralPurpose, STANDARD},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::signing::unhex;

/// The version of everything here; part of what each seal is bound to.
const FORMAT: u32 = 1;
const KEY_BYTES: usize = 32;
/// Bytes of a [`Nonce`].
pub const NONCE_BYTES: usize = 24;

/// Drawn at random for each seal; never used twice.
pub type Nonce = [u8; NONCE_BYTES];

/// A key of 32 bytes: a master or a data key. Wiped from memory when dropped; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// A text is no [`Key`]. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in base64 or hex")]
pub struct NotAKey;

impl Key {
    /// The key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads base64 (with or without padding) or hex; space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        use base64::engine::{DecodePaddingMode::Indifferent, GeneralPurposeConfig};
        const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent);
        const LENIENT: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG);
        let text = text.trim();
        let bytes = if text.len() == 2 * KEY_BYTES { unhex(text) } else { LENIENT.decode(text).ok() };
        let bytes = Zeroizing::new(bytes.ok_or(NotAKey)?);
        Ok(Self::new(bytes.as_slice().try_into().map_err(|_| NotAKey)?))
    }

    /// The text that [`Key::parse`] reads, for the file that keeps it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*self.0))
    }

    fn seal(&self, nonce: Nonce, place: &str, plain: &[u8]) -> String {
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let Ok(sealed) = self.cipher().encrypt(&XNonce::from(nonce), payload) else {
            unreachable!("only messages of more than 256 GiB cannot be sealed")
        };
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    fn open(&self, place: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What is sealed cannot be opened: it was changed, moved, or sealed under a key that is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was changed, moved here from elsewhere, or sealed under a key that is not in the keyring")]
pub struct Broken;

/// The data keys, unwrapped. The newest seals, all of them open.
#[derive(Debug, Clone)]
pub struct DataKeys(BTreeMap<u32, Key>);

impl DataKeys {
    /// Seals `plain` for this field of this owner: `<key>.<base64 of nonce and ciphertext>`.
    pub fn seal(&self, owner: &str, field: &str, nonce: Nonce, plain: &[u8]) -> String {
        let Some((id, key)) = self.0.last_key_value() else { unreachable!("a keyring has at least one key") };
        format!("{id}.{}", key.seal(nonce, &place(owner, field), plain))
    }

    /// Opens what was sealed for this field of this owner.
    pub fn open(&self, owner: &str, field: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let (id, sealed) = sealed.split_once('.').ok_or(Broken)?;
        let key = self.0.get(&id.parse().map_err(|_| Broken)?).ok_or(Broken)?;
        key.open(&place(owner, field), sealed).ok_or(Broken)
    }
}

fn place(owner: &str, field: &str) -> String {
    format!("{owner}|{field}|{FORMAT}")
}

/// The data keys as they are kept, wrapped for each master that opens them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyring {
    format: u32,
    /// The newest last.
    masters: Vec<Wrapped>,
    /// Whether nothing is left on the disk of what was kept before it was sealed.
    pub is_swept: bool,
}

/// The data keys under one master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Wrapped {
    /// Nothing, sealed: tells a wrong master from damage.
    check: String,
    keys: BTreeMap<u32, String>,
}

/// Why a keyring gives no data keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It was made for other masters.
    #[error("it was made for another master key")]
    WrongMaster,
    /// It is of a newer format.
    #[error("the keyring has format {0}, and this version knows formats up to {FORMAT}")]
    Newer(u32),
    /// It is not what was written.
    #[error("the keyring is damaged")]
    Damaged,
}

impl Keyring {
    /// A keyring with one data key, for `master`.
    pub fn new(master: &Key, data: Key, nonce: impl FnMut() -> Nonce) -> Self {
        let wrapped = Wrapped::new(master, &DataKeys([(1, data)].into()), nonce);
        Self { format: FORMAT, masters: vec![wrapped], is_swept: false }
    }

    /// Reads what [`Keyring::to_bytes`] made.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyringError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_slice(bytes).map_err(|_| KeyringError::Damaged)?;
        if format > FORMAT {
            return Err(KeyringError::Newer(format));
        }
        serde_json::from_slice(bytes).map_err(|_| KeyringError::Damaged)
    }

    /// As it is kept; nothing in it is secret.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The data keys, and whether `master` is the newest.
    pub fn open(&self, master: &Key) -> Result<(DataKeys, bool), KeyringError> {
        let at = self.masters.iter().position(|wrapped| wrapped.is_for(master)).ok_or(KeyringError::WrongMaster)?;
        Ok((self.masters[at].open(master)?, at + 1 == self.masters.len()))
    }

    /// Whether others than one master open it.
    pub fn is_between_masters(&self) -> bool {
        self.masters.len() > 1
    }

    /// The same for `current` and, as the newest, `next`.
    pub fn with(&self, current: &Key, next: &Key, nonce: impl FnMut() -> Nonce) -> Result<Self, KeyringError> {
        let (keys, _) = self.open(current)?;
        let mut masters = self.only(current).masters;
        masters.push(Wrapped::new(next, &keys, nonce));
        Ok(Self { masters, ..self.clone() })
    }

    /// The same for `master` alone.
    pub fn only(&self, master: &Key) -> Self {
        let masters = self.masters.iter().filter(|wrapped| wrapped.is_for(master)).cloned().collect();
        Self { masters, ..self.clone() }
    }
}

impl Wrapped {
    fn new(master: &Key, keys: &DataKeys, mut nonce: impl FnMut() -> Nonce) -> Self {
        let check = master.seal(nonce(), &place("keyring", "check"), &[]);
        let wrap = |(id, key): (&u32, &Key)| (*id, master.seal(nonce(), &place("keyring", &id.to_string()), &*key.0));
        Self { check, keys: keys.0.iter().map(wrap).collect() }
    }

    fn is_for(&self, master: &Key) -> bool {
        master.open(&place("keyring", "check"), &self.check).is_some()
    }

    fn open(&self, master: &Key) -> Result<DataKeys, KeyringError> {
        let unwrap = |(id, sealed): (&u32, &String)| {
            let bytes = master.open(&place("keyring", &id.to_string()), sealed)?;
            Some((*id, Key::new(bytes.as_slice().try_into().ok()?)))
        };
        let keys: BTreeMap<u32, Key> =
            self.keys.iter().map(unwrap).collect::<Option<_>>().ok_or(KeyringError::Damaged)?;
        if keys.is_empty() { Err(KeyringError::Damaged) } else { Ok(DataKeys(keys)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Different at each call.
    fn nonces() -> impl FnMut() -> Nonce {
        let mut n = 0;
        move || {
            n += 1;
            [n; NONCE_BYTES]
        }
    }

    fn key(byte: u8) -> Key {
        Key::new([byte; KEY_BYTES])
    }

    #[test]
    fn the_cipher_fits_its_published_vector() {
        // draft-irtf-cfrg-xchacha-03, A.3.1.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let key: Vec<u8> = (0x80..0xa0).collect();
        let nonce: Vec<u8> = (0x40..0x58).collect();
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        let aad = hex("50515253c0c1c2c3c4c5c6c7");
        let cipher = Key::new(key.try_into().unwrap()).cipher();
        let nonce = XNonce::from(Nonce::try_from(nonce).unwrap());
        let sealed = cipher.encrypt(&nonce, Payload { msg: plain, aad: &aad }).unwrap();
        assert_eq!(sealed[..16], hex("bd6d179d3e83d43b9576579493c0e939"));
        assert_eq!(sealed[sealed.len() - 16..], hex("c0875924c1c7987947deafd8780acf49"));
    }

    #[test]
    fn keys_are_read_in_base64_and_hex() {
        for text in [
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n",
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
            &"01".repeat(32),
        ] {
            assert_eq!(Key::parse(text), Ok(key(1)), "{text}");
        }
        assert_eq!(Key::parse(&key(7).to_text()), Ok(key(7)));
        for text in ["", "short", "AQEB", &"0x".repeat(32), &"é".repeat(32), &"01".repeat(33)] {
            assert_eq!(Key::parse(text), Err(NotAKey), "{text}");
        }
        assert_eq!(format!("{:?}", key(1)), "Key(…)");
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let ring = Keyring::new(&key(1), key(2), nonces());
        let (keys, _) = ring.open(&key(1)).unwrap();
        let sealed = keys.seal("sub_1", "secret", [9; NONCE_BYTES], b"whsec_x");
        assert_eq!(*keys.open("sub_1", "secret", &sealed).unwrap(), b"whsec_x");
        assert_eq!(keys.open("sub_2", "secret", &sealed), Err(Broken));
        assert_eq!(keys.open("sub_1", "headers", &sealed), Err(Broken));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys.open("sub_1", "secret", &changed), Err(Broken), "{changed}");
        }
        let again = keys.seal("sub_1", "secret", [8; NONCE_BYTES], b"whsec_x");
        assert_ne!(sealed, again);
    }

    #[test]
    fn masters_come_and_go_and_the_data_keys_stay() {
        let [old, new, other] = [1, 2, 3].map(key);
        let ring = Keyring::new(&old, key(9), nonces());
        let sealed = ring.open(&old).unwrap().0.seal("a", "b", [1; NONCE_BYTES], b"c");
        let both = Keyring::read(&ring.with(&old, &new, nonces()).unwrap().to_bytes()).unwrap();
        assert!(both.is_between_masters());
        for (master, is_newest) in [(&old, false), (&new, true)] {
            let (keys, found) = both.open(master).unwrap();
            assert_eq!((&keys.open("a", "b", &sealed).unwrap()[..], found), (&b"c"[..], is_newest));
        }
        let after = both.only(&new);
        assert_eq!(after.open(&old).err(), Some(KeyringError::WrongMaster));
        assert!(after.open(&new).unwrap().1);
        assert_eq!(both.with(&old, &other, nonces()).unwrap().open(&new).err(), Some(KeyringError::WrongMaster));
        assert_eq!(ring.with(&other, &new, nonces()).err(), Some(KeyringError::WrongMaster));
    }

    #[test]
    fn damage_is_told_from_a_wrong_master() {
        let mut ring = Keyring::new(&key(1), key(2), nonces());
        let check = ring.masters[0].check.clone();
        ring.masters[0].keys.insert(1, check);
        assert_eq!(ring.open(&key(1)).err(), Some(KeyringError::Damaged));
        ring.masters[0].keys.clear();
        assert_eq!(ring.open(&key(1)).err(), Some(KeyringError::Damaged));
        assert_eq!(Keyring::read(b"{\"format\":2}"), Err(KeyringError::Newer(2)));
        assert_eq!(Keyring::read(b"nonsense"), Err(KeyringError::Damaged));
    }
}
