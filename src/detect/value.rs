//! A field value on its way from a record to correlations, scores and alerts: a few bytes, canonical.
//!
//! Values with the same text form have the same bytes, so that groups compare without decoding: the text `1` is encoded as
//! the number 1, the text `10.0.0.1` as the address, the number 2.0 as 2. Only lists stand apart: they are their JSON
//! text, equal to other lists of the same text and to nothing else.

use super::form;
use super::number;
use crate::record::Fact;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt::{self, Display, Write};
use std::net::IpAddr;

/// Bytes of a text that are kept; of a longer one its beginning and a digest of all of it, so that two that differ stay two.
/// Bounds what a group key can take.
const MAX_TEXT: usize = 1 << 10;
/// Bytes of a list's JSON that are kept: as many values as fit. All registers or bits of a PDU do.
const MAX_LIST: usize = 1 << 12;

/// A decoded value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// The record has no such field.
    Absent,
    /// JSON null.
    Null,
    /// A Boolean, or the text `true` or `false`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// Any other finite number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// An address, or its canonical text.
    Addr(IpAddr),
    /// A moment, or its RFC 3339 text in UTC with nanoseconds.
    Time(Timestamp),
    /// A list, as JSON.
    List(&'a str),
    /// An object, contents unknown.
    Object,
}

/// First byte of each encoded value.
mod tag {
    pub(super) const ABSENT: u8 = 0;
    pub(super) const NULL: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const TRUE: u8 = 3;
    pub(super) const INT: u8 = 4;
    pub(super) const UINT: u8 = 5;
    pub(super) const FLOAT: u8 = 6;
    pub(super) const TEXT: u8 = 7;
    pub(super) const V4: u8 = 8;
    pub(super) const V6: u8 = 9;
    pub(super) const TIME: u8 = 10;
    pub(super) const LIST: u8 = 11;
    pub(super) const OBJECT: u8 = 12;
}

impl<'a> Value<'a> {
    /// The canonical value of a scalar; a list counts as an object here.
    #[must_use]
    pub fn of(fact: Fact<'a>) -> Self {
        match fact {
            Fact::Absent => Self::Absent,
            Fact::Null => Self::Null,
            Fact::Bool(value) => Self::Bool(value),
            Fact::Int(value) => Self::Int(value),
            Fact::Uint(value) => Self::whole(value.into()).unwrap_or(Self::Uint(value)),
            Fact::Float(value) => Self::of_float(value),
            Fact::Text(text) => Self::of_text(text),
            Fact::Word(vocabulary, word) => {
                vocabulary.words.get(usize::from(word)).map_or(Self::Null, |t| Self::of_text(t))
            }
            Fact::Addr(address) => Self::Addr(address),
            Fact::Time(time) => Self::Time(time),
            Fact::List(_) | Fact::Object => Self::Object,
        }
    }

    fn whole(value: i128) -> Option<Self> {
        i64::try_from(value).map(Self::Int).or_else(|_| u64::try_from(value).map(Self::Uint)).ok()
    }

    fn of_float(value: f64) -> Self {
        if value.is_nan() {
            return Self::Text("NaN");
        }
        if value.is_infinite() {
            return Self::Text(if value > 0.0 { "inf" } else { "-inf" });
        }
        number::whole(value).and_then(Self::whole).unwrap_or(Self::Float(value))
    }

    /// What else the text is the text form of, if anything.
    fn of_text(text: &'a str) -> Self {
        let guess = match text {
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            _ => match text.as_bytes() {
                [b'0'..=b'9', .., b'Z'] => Timestamp::parse_rfc3339(text).map(Self::Time),
                [b'0'..=b'9' | b'-', ..] => number_or_address(text),
                [b'a'..=b'f' | b':', ..] => text.parse().ok().map(Self::Addr),
                _ => None,
            },
        };
        guess.filter(|value| reads(value, text)).unwrap_or(Self::Text(text))
    }

    /// A number without its fraction, held at the ends of the range; a Boolean is 1 or 0.
    #[must_use]
    pub const fn integer(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            Self::Uint(_) => Some(i64::MAX),
            Self::Float(value) => Some(value as i64),
            Self::Bool(value) => Some(value as i64),
            _ => None,
        }
    }

    /// Appends the value as JSON; absent is null.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent | Self::Null => out.extend_from_slice(b"null"),
            Self::Object => out.extend_from_slice(b"{}"),
            Self::List(json) => out.extend_from_slice(json.as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::Addr(_) | Self::Time(_) => {
                out.push(b'"');
                self.append(out);
                out.push(b'"');
            }
            Self::Bool(_) | Self::Int(_) | Self::Uint(_) | Self::Float(_) => self.append(out),
        }
    }

    fn append(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{self}"));
    }

    /// How many bytes the encoded value at the front of `bytes` takes.
    #[inline]
    pub(super) fn length(bytes: &[u8]) -> Option<usize> {
        Some(match *bytes.first()? {
            tag::ABSENT | tag::NULL | tag::FALSE | tag::TRUE | tag::OBJECT => 1,
            tag::V4 => 5,
            tag::INT | tag::UINT | tag::FLOAT | tag::TIME => 9,
            tag::V6 => 17,
            tag::TEXT | tag::LIST => 3 + usize::from(u16::from_le_bytes(*bytes.get(1..)?.first_chunk()?)),
            _ => return None,
        })
    }

    /// Takes one encoded value off the front of `bytes`; `None` where there is none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, rest) = bytes.split_first()?;
        Some(match *tag {
            tag::ABSENT => (Self::Absent, rest),
            tag::NULL => (Self::Null, rest),
            tag::FALSE => (Self::Bool(false), rest),
            tag::TRUE => (Self::Bool(true), rest),
            tag::OBJECT => (Self::Object, rest),
            tag::INT => rest.split_first_chunk().map(|(bytes, rest)| (Self::Int(i64::from_le_bytes(*bytes)), rest))?,
            tag::UINT => {
                rest.split_first_chunk().map(|(bytes, rest)| (Self::Uint(u64::from_le_bytes(*bytes)), rest))?
            }
            tag::FLOAT => {
                rest.split_first_chunk().map(|(bytes, rest)| (Self::Float(f64::from_le_bytes(*bytes)), rest))?
            }
            tag::TIME => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (Self::Time(Timestamp::from_nanos(i64::from_le_bytes(*bytes))), rest)
            }
            tag::V4 => rest.split_first_chunk::<4>().map(|(bytes, rest)| (Self::Addr((*bytes).into()), rest))?,
            tag::V6 => rest.split_first_chunk::<16>().map(|(bytes, rest)| (Self::Addr((*bytes).into()), rest))?,
            tag::TEXT | tag::LIST => {
                let (length, rest) = rest.split_first_chunk()?;
                let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
                let text = std::str::from_utf8(text).ok()?;
                (if *tag == tag::TEXT { Self::Text(text) } else { Self::List(text) }, rest)
            }
            _ => return None,
        })
    }
}

/// The text form, as string predicates see it; lists as JSON, nothing for what is absent.
impl Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}"),
            Self::Float(value) => match number::whole(*value) {
                Some(whole) => write!(f, "{whole}"),
                None => write!(f, "{value}"),
            },
            Self::Text(text) | Self::List(text) => f.write_str(text),
            Self::Addr(address) => write!(f, "{address}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Object => f.write_str("{}"),
        }
    }
}

/// Appends the encoded value of `fact`.
#[inline]
pub(super) fn encode(fact: Fact<'_>, out: &mut Vec<u8>) {
    match fact {
        Fact::Addr(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            out.extend_from_slice(&[tag::V4, a, b, c, d]);
        }
        Fact::Int(value) => {
            let mut encoded = [tag::INT; 9];
            encoded[1..].copy_from_slice(&value.to_le_bytes());
            out.extend_from_slice(&encoded);
        }
        Fact::List(_) => encode_list(fact, out),
        _ => encode_scalar(fact, out),
    }
}

fn encode_list(fact: Fact<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[tag::LIST, 0, 0]);
    write_list(fact, start + 3 + MAX_LIST, out);
    let length = (out.len() - start - 3) as u16;
    if let Some(place) = out.get_mut(start + 1..start + 3) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn encode_scalar(fact: Fact<'_>, out: &mut Vec<u8>) {
    match Value::of(fact) {
        Value::Absent => out.push(tag::ABSENT),
        Value::Null => out.push(tag::NULL),
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Object | Value::List(_) => out.push(tag::OBJECT),
        Value::Int(value) => fixed(tag::INT, &value.to_le_bytes(), out),
        Value::Uint(value) => fixed(tag::UINT, &value.to_le_bytes(), out),
        Value::Float(value) => fixed(tag::FLOAT, &value.to_le_bytes(), out),
        Value::Time(time) => fixed(tag::TIME, &time.nanos().to_le_bytes(), out),
        Value::Addr(IpAddr::V4(address)) => fixed(tag::V4, &address.octets(), out),
        Value::Addr(IpAddr::V6(address)) => fixed(tag::V6, &address.octets(), out),
        Value::Text(text) if text.len() > MAX_TEXT => encode_long(text, out),
        Value::Text(text) => {
            fixed(tag::TEXT, &(text.len() as u16).to_le_bytes(), out);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Appends the beginning of a long text, `…`, and the first half of its SHA-256 in hexadecimal digits.
fn encode_long(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    const CUT: &str = "…";
    const HALF: usize = 16;
    let kept = text.get(..text.floor_char_boundary(MAX_TEXT - CUT.len() - 2 * HALF)).unwrap_or_default();
    fixed(tag::TEXT, &((kept.len() + CUT.len() + 2 * HALF) as u16).to_le_bytes(), out);
    out.extend_from_slice(kept.as_bytes());
    out.extend_from_slice(CUT.as_bytes());
    for byte in Sha256::digest(text).into_iter().take(HALF) {
        out.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
}

/// Whether an encoded value can make a group: not absent, not null.
#[inline]
pub(super) fn is_some(encoded: &[u8]) -> bool {
    !matches!(encoded.first(), None | Some(&(tag::ABSENT | tag::NULL)))
}

fn fixed(tag: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(payload);
}

/// Appends a list as JSON, leaving out values that would go beyond `end`.
fn write_list(fact: Fact<'_>, end: usize, out: &mut Vec<u8>) {
    let Fact::List(list) = fact else {
        Value::of(fact).write_json(out);
        return;
    };
    out.push(b'[');
    let first = out.len();
    form::any(list, |fact| {
        let before = out.len();
        if before > first {
            out.push(b',');
        }
        write_list(fact, end.saturating_sub(1), out);
        let full = out.len() >= end;
        if full {
            out.truncate(before);
        }
        full
    });
    out.push(b']');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"null");
    }
}

fn number_or_address(text: &str) -> Option<Value<'_>> {
    match number::read(text) {
        Some(crate::sigma::ir::Number::Int(value)) => {
            Value::whole(value).or_else(|| Some(Value::of_float(value as f64)))
        }
        Some(crate::sigma::ir::Number::Float(value)) => Some(Value::of_float(value)),
        None => text.parse().ok().map(Value::Addr),
    }
}

/// Whether the text is the text form of the value.
fn reads(value: &Value<'_>, text: &str) -> bool {
    let mut rest = Rest(text);
    write!(rest, "{value}").is_ok() && rest.0.is_empty()
}

/// What is left of a text when what is written is taken off its front.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::List;
    use proptest::prelude::*;

    fn encoded(fact: Fact<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(fact, &mut out);
        out
    }

    fn json(fact: Fact<'_>) -> String {
        let bytes = encoded(fact);
        let (value, rest) = Value::decode(&bytes).unwrap();
        assert!(rest.is_empty());
        let mut out = Vec::new();
        value.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_texts_have_equal_bytes() {
        let address: IpAddr = "fe80::1".parse().unwrap();
        for (fact, text) in [
            (Fact::Int(1), "1"),
            (Fact::Float(1.0), "1"),
            (Fact::Int(-7), "-7"),
            (Fact::Uint(u64::MAX), "18446744073709551615"),
            (Fact::Uint(5), "5"),
            (Fact::Float(1.5), "1.5"),
            (Fact::Float(1e39), "1000000000000000000000000000000000000000"),
            (Fact::Float(f64::NAN), "NaN"),
            (Fact::Bool(true), "true"),
            (Fact::Addr(address), "fe80::1"),
            (Fact::Addr("10.0.0.1".parse().unwrap()), "10.0.0.1"),
            (Fact::Time(Timestamp::from_nanos(5)), "1970-01-01T00:00:00.000000005Z"),
        ] {
            assert_eq!(encoded(fact), encoded(Fact::Text(text)), "{text}");
        }
        for (one, other) in
            [("1", "01"), ("1", "1.0"), ("fe80::1", "FE80::1"), ("true", "True"), ("", "null"), ("-0", "0")]
        {
            assert_ne!(encoded(Fact::Text(one)), encoded(Fact::Text(other)), "{one} {other}");
        }
        assert_ne!(encoded(Fact::Null), encoded(Fact::Text("")));
    }

    #[test]
    fn values_print_as_json() {
        assert_eq!(json(Fact::Text("a\"b\n")), r#""a\"b\n""#);
        assert_eq!(json(Fact::Text("12")), "12");
        assert_eq!(json(Fact::Addr("10.0.0.1".parse().unwrap())), r#""10.0.0.1""#);
        assert_eq!(json(Fact::Absent), "null");
        assert_eq!(json(Fact::List(List::Registers(&[0, 97, 0, 98]))), "[97,98]");
        let inner = [Fact::Text("x"), Fact::Null];
        let outer = [Fact::List(List::Facts(&inner)), Fact::Bool(false)];
        assert_eq!(json(Fact::List(List::Facts(&outer))), r#"[["x",null],false]"#);
        assert_eq!(json(Fact::List(List::Facts(&[]))), "[]");
    }

    #[test]
    fn long_values_are_cut_to_what_can_be_read_back() {
        let text = "é".repeat(5_000);
        let printed = json(Fact::Text(&text));
        assert!((MAX_TEXT - 1..=MAX_TEXT + 2).contains(&printed.len()), "{}", printed.len());
        assert_ne!(json(Fact::Text(&format!("{text}a"))), json(Fact::Text(&format!("{text}b"))));
        let longest = "x".repeat(MAX_TEXT);
        assert_eq!(json(Fact::Text(&longest)), format!("\"{longest}\""));
        let list = vec![Fact::List(List::Registers(&[1; 9])); 3_000];
        let printed = json(Fact::List(List::Facts(&list)));
        assert!(printed.len() <= MAX_LIST);
        let read: Vec<Vec<u16>> = serde_json::from_str(&printed).unwrap();
        assert!(read.len() > 100, "{}", read.len());
    }

    proptest! {
        #[test]
        fn a_text_comes_back_as_written(text in "[0-9a-fA-F:.+eE-]{0,12}|\\PC{0,8}|-?[0-9]{15,45}") {
            let bytes = encoded(Fact::Text(&text));
            let (value, rest) = Value::decode(&bytes).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(value.to_string(), text);
        }

        #[test]
        fn any_bytes_decode_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Some((_, rest)) = Value::decode(&bytes) {
                prop_assert!(rest.len() < bytes.len());
            }
        }

        #[test]
        fn a_float_has_the_bytes_of_its_text(value in any::<f64>()) {
            let mut form = String::new();
            form::float(value, &mut form);
            prop_assert_eq!(encoded(Fact::Float(value)), encoded(Fact::Text(&form)));
        }
    }
}
