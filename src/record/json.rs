//! Records as JSON: one object a line, native types, fields in the order of the table, absent fields left out.

use super::schema::{Field, Native, SECTIONS};
use super::{Fact, List, Record};
use std::io::Write;
use std::net::IpAddr;

/// What stands in place of a masked value.
const MASKED: &[u8] = b"\"[masked]\"";

/// Fields whose values must not be shown.
///
/// To mask one field of values is to mask them all, the request's included: a passphrase that is hidden in
/// `modbus.values` must not be read from `modbus.text`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u128);

// A mask has a bit for every field.
const _: () = assert!((Native::Flags as u8) < 128);

/// The fields that can show what was read or written.
const VALUES: [Native; 11] = [
    Native::Values,
    Native::Value,
    Native::ValueMin,
    Native::ValueMax,
    Native::Text,
    Native::OutputValue,
    Native::Records,
    Native::Data,
    Native::RequestValues,
    Native::RequestValue,
    Native::RequestText,
];

impl Mask {
    /// Nothing is masked.
    pub const NONE: Self = Self(0);

    /// Masks `fields`.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        let mut mask = fields.into_iter().fold(Self::NONE, |mask, field| mask.with(field.native));
        if VALUES.iter().any(|native| mask.hides(*native)) {
            mask = VALUES.iter().fold(mask, |mask, native| mask.with(*native));
        }
        mask
    }

    /// Whether a field's value must not be shown.
    #[must_use]
    pub const fn has(self, field: Field) -> bool {
        self.hides(field.native)
    }

    const fn with(self, native: Native) -> Self {
        Self(self.0 | 1 << native as u8)
    }

    pub(super) const fn hides(self, native: Native) -> bool {
        self.0 >> native as u8 & 1 != 0
    }
}

/// Appends the record as one object without a line end: `{"type":"record","EventTime":"…",…}`.
pub fn write_json(record: &Record<'_>, out: &mut Vec<u8>) {
    write_object(record, Mask::NONE, None, out);
}

/// Appends the record as an object to be nested in another: without `type`, with `mask`.
pub fn write_fields(record: &Record<'_>, mask: Mask, out: &mut Vec<u8>) {
    write_object(record, mask, Some(Native::Type), out);
}

fn write_object(record: &Record<'_>, mask: Mask, without: Option<Native>, out: &mut Vec<u8>) {
    // Every key brings the comma before it; the first one is turned into the brace.
    let start = out.len();
    for (group, rows) in &*SECTIONS {
        if !record.has(*group) {
            continue;
        }
        for row in *rows {
            let fact = record.native(row.native);
            if fact == Fact::Absent || without == Some(row.native) {
                continue;
            }
            out.extend_from_slice(row.key.as_bytes());
            if mask.hides(row.native) {
                out.extend_from_slice(MASKED);
            } else {
                write_fact(fact, out);
            }
        }
    }
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

/// Appends one value as JSON; an absent one is null.
pub fn write_fact(fact: Fact<'_>, out: &mut Vec<u8>) {
    match fact {
        Fact::Absent | Fact::Null => out.extend_from_slice(b"null"),
        Fact::Object => out.extend_from_slice(b"{}"),
        Fact::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Fact::Int(value) => write_int(value, out),
        Fact::Uint(value) => write_int(value, out),
        Fact::Float(value) => write_float(value, out),
        Fact::Text(text) => write_text(text, out),
        Fact::Word(vocabulary, word) => {
            write_text(vocabulary.words.get(usize::from(word)).copied().unwrap_or_default(), out);
        }
        Fact::Addr(address) => {
            out.push(b'"');
            write_addr(address, out);
            out.push(b'"');
        }
        Fact::Time(time) => {
            out.push(b'"');
            time.write_rfc3339(out);
            out.push(b'"');
        }
        Fact::List(list) => write_list(list, out),
    }
}

fn write_list(list: List<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, element) in list.elements().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_fact(element, out);
    }
    out.push(b']');
}

pub(super) fn write_int(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A text in quotes.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let special = |byte: &u8| matches!(byte, 0..=0x1F | b'"' | b'\\');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        write_escape(*byte, out);
        rest = tail;
    }
    out.extend_from_slice(rest);
}

#[cold]
fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(br#"\""#),
        b'\\' => out.extend_from_slice(br"\\"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        // Writing into a vector cannot fail.
        _ => _ = write!(out, "\\u{byte:04x}"),
    }
}

pub(super) fn write_addr(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (place, part) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                write_int(part, out);
            }
        }
        // Writing into a vector cannot fail.
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

/// The shortest decimal that reads back as the same number; always with a fraction or an exponent.
fn write_float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    // Most of our fractions are milliseconds with whole nanoseconds: six decimals, worked out in integers.
    const MILLION: f64 = 1e6;
    const EXACT: f64 = 9e15;
    let millionths = (value * MILLION).round();
    if millionths.abs() < EXACT && millionths / MILLION == value {
        write_millionths(millionths as i64, out);
    } else {
        // Writing into a vector cannot fail.
        let _ = write!(out, "{value:?}");
    }
}

fn write_millionths(millionths: i64, out: &mut Vec<u8>) {
    if millionths < 0 {
        out.push(b'-');
    }
    let magnitude = millionths.unsigned_abs();
    write_int(magnitude / 1_000_000, out);
    out.push(b'.');
    let mut fraction = magnitude % 1_000_000;
    let mut place = 100_000;
    loop {
        out.push(b'0' + (fraction / place) as u8);
        fraction %= place;
        if fraction == 0 {
            break;
        }
        place /= 10;
    }
}
