//! Texts that a record makes of bytes when somebody asks for them. They live in the caller's arena.

use crate::modbus::Values;
use bumpalo::Bump;
use bumpalo::collections::{String, Vec};

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// The bytes in lower-case hex.
pub(super) fn hex<'a>(bytes: &[u8], arena: &'a Bump) -> &'a str {
    let mut out = Vec::with_capacity_in(bytes.len() * 2, arena);
    push_hex(bytes, &mut out);
    ascii(out)
}

/// The hex forms of several runs of bytes, `0dfe0020, 33cd0040`.
pub(super) fn hex_list<'a, 'b>(runs: impl Iterator<Item = &'b [u8]>, arena: &'a Bump) -> &'a str {
    let mut out = Vec::new_in(arena);
    for (place, run) in runs.enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        push_hex(run, &mut out);
    }
    ascii(out)
}

/// A MAC address, `08:00:27:bb:18:24`.
pub(super) fn mac(address: [u8; 6], arena: &Bump) -> &str {
    let mut out = Vec::with_capacity_in(17, arena);
    for (place, byte) in address.iter().enumerate() {
        if place > 0 {
            out.push(b':');
        }
        push_hex(&[*byte], &mut out);
    }
    ascii(out)
}

/// Groups of numbers, `4:1:2, 3:9:2`.
pub(super) fn triples(groups: impl Iterator<Item = [u16; 3]>, arena: &Bump) -> &str {
    let mut out = Vec::new_in(arena);
    for (place, group) in groups.enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        for (part, number) in group.into_iter().enumerate() {
            if part > 0 {
                out.push(b':');
            }
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
    }
    ascii(out)
}

/// Ranges of numbers, `31-46, 50`.
pub(super) fn spans<'a>(spans: &[[u16; 2]], arena: &'a Bump) -> &'a str {
    let mut out = Vec::new_in(arena);
    for (place, [first, last]) in spans.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(itoa::Buffer::new().format(*first).as_bytes());
        if last != first {
            out.push(b'-');
            out.extend_from_slice(itoa::Buffer::new().format(*last).as_bytes());
        }
    }
    ascii(out)
}

/// Registers that hold one printable ASCII character each, as text. Zeros at the end are padding.
#[inline]
pub(super) fn characters<'a>(values: Values<'_>, arena: &'a Bump) -> Option<&'a str> {
    // The first of most registers tells that they are none.
    let begins = match values {
        Values::Registers([0, b' '..=b'~', ..]) => true,
        Values::One(value) => (0x20..=0x7E).contains(&value),
        _ => false,
    };
    if begins { all_characters(values, arena) } else { None }
}

#[inline(never)]
fn all_characters<'a>(values: Values<'_>, arena: &'a Bump) -> Option<&'a str> {
    let single;
    let registers = match values {
        Values::Registers(registers) => registers,
        Values::One(value) => {
            single = value.to_be_bytes();
            &single[..]
        }
        Values::None | Values::Bits { .. } => return None,
    };
    let (registers, _) = registers.as_chunks::<2>();
    let length = registers.iter().rposition(|register| *register != [0, 0])? + 1;
    let (registers, _) = registers.split_at_checked(length)?;
    // Most registers are no text: nothing is kept before that is known.
    registers.iter().all(|register| matches!(register, [0, b' '..=b'~'])).then_some(())?;
    let mut out = Vec::with_capacity_in(length, arena);
    out.extend(registers.iter().map(|[_, character]| *character));
    Some(ascii(out))
}

/// Bytes that should be text; what is not UTF-8 becomes U+FFFD.
pub(super) fn lossy<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy_in(bytes, arena).into_bump_str(),
    }
}

fn push_hex(bytes: &[u8], out: &mut Vec<'_, u8>) {
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0x0F)]);
    }
}

/// What was built of ASCII only is always a text.
fn ascii(bytes: Vec<'_, u8>) -> &str {
    std::str::from_utf8(bytes.into_bump_slice()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_text_only_if_every_one_is_a_character() {
        let arena = Bump::new();
        let text = |bytes: &[u8]| characters(Values::Registers(bytes), &arena);
        assert_eq!(text(b"\0a\0b\0@"), Some("ab@"));
        assert_eq!(text(b"\0a\0b\0\0\0\0"), Some("ab"));
        assert_eq!(text(b"\0a\0\0\0b"), None);
        assert_eq!(text(b"abcd"), None);
        assert_eq!(text(b"\0a\x01b"), None);
        assert_eq!(text(b"\0\0\0\0"), None);
        assert_eq!(text(b""), None);
        assert_eq!(characters(Values::One(0x41), &arena), Some("A"));
        assert_eq!(characters(Values::Bits { bytes: b"a", count: 8 }, &arena), None);
    }

    #[test]
    fn bytes_print_in_hex() {
        let arena = Bump::new();
        assert_eq!(hex(&[0x00, 0xA5, 0xFF], &arena), "00a5ff");
        assert_eq!(hex_list([&[0x0D, 0xFE][..], &[]].into_iter(), &arena), "0dfe, ");
        assert_eq!(mac([8, 0, 0x27, 0xBB, 0x18, 0x24], &arena), "08:00:27:bb:18:24");
        assert_eq!(triples([[4, 1, 2], [3, 9, 2]].into_iter(), &arena), "4:1:2, 3:9:2");
        assert_eq!(lossy(b"M\xFF340", &arena), "M\u{FFFD}340");
    }
}
