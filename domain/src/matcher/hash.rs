//! Keys of the index: hashes that can be made piece by piece, so that the dotted name of a value is hashed while it is
//! walked to. Collisions can be made on purpose; one only makes a candidate too many, as every candidate sees its whole
//! filter, and patterns and expressions of one key are kept apart.

use serde_json::Value;

use crate::filter::Number;

/// FNV-1a, mixed at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    /// A hash of nothing; `kind` keeps hashes of different things apart.
    pub(super) const fn new(kind: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).with(&[kind])
    }

    pub(super) const fn with(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self.0 = (self.0 ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        self
    }

    /// The key; every bit depends on every byte.
    pub(super) const fn key(self) -> u64 {
        let mut key = self.0;
        key = (key ^ (key >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        key = (key ^ (key >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        key ^ (key >> 33)
    }
}

const TYPE: Hash = Hash::new(0);
const SOURCE: Hash = Hash::new(1);
/// Before the first name of a path.
pub(super) const PATH: Hash = Hash::new(2);
const ENDPOINT: Hash = Hash::new(3);
const TEXT: Hash = Hash::new(4);
const PREFIX: Hash = Hash::new(5);
const SUFFIX: Hash = Hash::new(6);

/// The parts of an event type or pattern, joined by dots.
pub(super) fn of_parts<'a>(parts: impl Iterator<Item = &'a str>) -> u64 {
    parts.fold(TYPE, |hash, part| hash.with(part.as_bytes()).with(b".")).key()
}

pub(super) fn of_source(source: &str) -> u64 {
    SOURCE.with(source.as_bytes()).key()
}

pub(super) fn of_path(dotted: &str) -> u64 {
    PATH.with(dotted.as_bytes()).key()
}

pub(super) fn of_endpoint(endpoint: crate::EndpointNo) -> u64 {
    ENDPOINT.with(&endpoint.0.to_le_bytes()).key()
}

pub(super) fn of_text(text: &str) -> u64 {
    TEXT.with(text.as_bytes()).key()
}

pub(super) fn of_prefix(prefix: &[u8]) -> u64 {
    PREFIX.with(prefix).key()
}

pub(super) fn of_suffix(suffix: &[u8]) -> u64 {
    SUFFIX.with(suffix).key()
}

/// The same for equal values. `None` for arrays and objects.
pub(super) fn of_scalar(value: &Value) -> Option<u64> {
    const VALUE: u8 = 8;
    let hash = match value {
        Value::Null => Hash::new(VALUE),
        Value::Bool(is_true) => Hash::new(VALUE + 1).with(&[u8::from(*is_true)]),
        Value::Number(_) => Hash::new(VALUE + 2).with(&Number::of(value)?.bytes()),
        Value::String(text) => Hash::new(VALUE + 3).with(text.as_bytes()),
        Value::Array(_) | Value::Object(_) => return None,
    };
    Some(hash.key())
}
