//! Protobuf as it stands on the wire, field by field: nothing is gathered, so that a small message cannot become a large
//! one in memory, and records are taken one at a time.

/// The message is not well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// `fixed64`, `double`.
    Fixed64(u64),
    /// `fixed32`, `float`.
    Fixed32(u32),
    /// Texts, bytes, messages.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes of a text, bytes or a message; those of anything else are not read.
    pub fn bytes(self) -> Result<&'a [u8], Broken> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Broken) }
    }

    /// The text; what is no UTF-8 in it is replaced.
    pub fn text(self) -> Result<String, Broken> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    /// A number of any width.
    pub fn number(self) -> Result<u64, Broken> {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => Ok(number),
            Self::Fixed32(number) => Ok(number.into()),
            Self::Bytes(_) => Err(Broken),
        }
    }
}

/// The fields of a message, in their order. After a fault there are no more.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Those of the message in `bytes`.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for at in 0..10 {
            let (byte, rest) = self.rest.split_first().ok_or(Broken)?;
            self.rest = rest;
            // The tenth byte holds the last bit.
            if at == 9 && *byte > 1 {
                return Err(Broken);
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Broken)?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), Broken> {
        let key = u32::try_from(self.varint()?).map_err(|_| Broken)?;
        let number = key >> 3;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Broken)?)),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(usize::try_from(len).map_err(|_| Broken)?)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Broken)?)),
            // Groups are older than any of these protocols.
            _ => return Err(Broken),
        };
        if number == 0 { Err(Broken) } else { Ok((number, value)) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field that is a number.
pub fn put_varint(out: &mut Vec<u8>, field: u32, number: u64) {
    put(out, u64::from(field) << 3);
    put(out, number);
}

/// Appends a field that is a text, bytes or a message.
pub fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put(out, u64::from(field) << 3 | 2);
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Sample {
        #[prost(uint64, tag = "1")]
        number: u64,
        #[prost(fixed64, tag = "2")]
        fixed: u64,
        #[prost(fixed32, tag = "300")]
        small: u32,
        #[prost(string, repeated, tag = "16")]
        texts: Vec<String>,
    }

    proptest! {
        #[test]
        fn it_reads_what_prost_writes(number in 1_u64.., fixed in 1_u64.., small in 1_u32.., texts: Vec<String>) {
            let bytes = Sample { number, fixed, small, texts: texts.clone() }.encode_to_vec();
            let fields: Vec<_> = Fields::of(&bytes).map(Result::unwrap).collect();
            let mut expected = vec![(1, Value::Varint(number)), (2, Value::Fixed64(fixed))];
            expected.extend(texts.iter().map(|text| (16, Value::Bytes(text.as_bytes()))));
            expected.push((300, Value::Fixed32(small)));
            prop_assert_eq!(fields, expected);
        }

        #[test]
        fn it_ends_on_any_bytes_and_agrees_with_prost_on_what_is_broken(bytes: Vec<u8>) {
            let is_broken = Fields::of(&bytes).any(|field| field.is_err());
            let known = |field: Result<(u32, Value<'_>), Broken>| field.is_ok_and(|(n, _)| matches!(n, 1 | 2 | 16 | 300));
            // Prost also refuses a known field of another kind, and takes groups.
            let has_groups = bytes.iter().any(|byte| matches!(byte & 7, 3 | 4));
            if !has_groups && !Fields::of(&bytes).any(known) {
                prop_assert_eq!(is_broken, Sample::decode(&bytes[..]).is_err());
            }
        }
    }

    #[test]
    fn the_examples_of_the_contract_are_written() {
        let mut status = Vec::new();
        put_varint(&mut status, 1, 14);
        put_bytes(&mut status, 2, b"overloaded");
        assert_eq!(status, b"\x08\x0e\x12\x0aoverloaded");
        let mut long = Vec::new();
        put_bytes(&mut long, 1, &[7; 300]);
        assert_eq!(Fields::of(&long).next(), Some(Ok((1, Value::Bytes(&[7; 300])))));
    }
}
