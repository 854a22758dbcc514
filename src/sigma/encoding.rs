//! The modifiers that re-encode a value: `base64`, `base64offset`, `utf16le` and its kin.

use super::pattern::Part;

/// Which UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Utf16 {
    /// `wide`, `utf16le`
    Little,
    /// `utf16be`
    Big,
    /// `utf16`: byte order mark, then little-endian.
    Marked,
}

/// The texts among `parts` as UTF-16 bytes; wildcards stay.
pub(super) fn utf16(parts: Vec<Part>, encoding: Utf16) -> Vec<Part> {
    let mut marked = encoding != Utf16::Marked;
    let mut encode = |text: &str| {
        let mark = (!std::mem::replace(&mut marked, true)).then_some(0xFEFF);
        let units = mark.into_iter().chain(text.encode_utf16());
        let bytes = |unit: u16| if encoding == Utf16::Big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        Part::Bytes(units.flat_map(bytes).collect())
    };
    let recode = |part| match part {
        Part::Text(text) => encode(&text),
        other => other,
    };
    parts.into_iter().map(recode).collect()
}

/// The same with the byte order mark as the character that it is to a reader of UTF-16; `None` if there is no mark.
pub(super) fn decoded_mark(parts: &[Part]) -> Option<Vec<Part>> {
    let at = parts.iter().position(|part| matches!(part, Part::Bytes(_)))?;
    let (before, rest) = parts.split_at(at);
    let [Part::Bytes(bytes), after @ ..] = rest else { return None };
    let unmarked = bytes.strip_prefix(&[0xFF, 0xFE])?;
    let mark = [Part::Text('\u{FEFF}'.into()), Part::Bytes(unmarked.to_vec())];
    Some([before, &mark, after].concat())
}

/// Base64 with padding (RFC 4648, 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// What of `bytes` is certain in base64 of a text that holds them, for each of the three places in a group of three.
///
/// Digits that also depend on a neighbour are cut. Of a single byte at the second place none is left, and of no bytes
/// none at any place: such an empty text would be in any other, and is left out.
pub(super) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let variant = |offset: usize| {
        let mut padded = vec![b' '; offset];
        padded.extend_from_slice(bytes);
        let text = base64(&padded);
        let start = [0, 2, 3][offset % 3];
        let end = text.len() - [0, 3, 2][padded.len() % 3];
        text.get(start..end).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    (0..3).filter_map(variant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, 10
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xFF, 0xFE, 0xFB]), "//77");
    }

    #[test]
    fn an_offset_variant_is_in_the_encoding_of_any_text_around() {
        let value = b"http://";
        let variants = base64_offsets(value);
        assert_eq!(variants, ["aHR0cDovL", "h0dHA6Ly", "odHRwOi8v"]);
        for (offset, variant) in variants.iter().enumerate() {
            for around in [&b"xyz"[..], b"\x00\xff\x7f"] {
                let text = [&around[..offset], value, around].concat();
                assert!(base64(&text).contains(variant));
            }
        }
    }

    #[test]
    fn an_offset_variant_without_a_certain_digit_is_left_out() {
        assert_eq!(base64_offsets(b"a"), ["Y", "h"]);
        assert!(base64_offsets(b"").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_found_in_base64_by_its_place(
            before: Vec<u8>,
            value in proptest::collection::vec(any::<u8>(), 2..20),
            after: Vec<u8>,
        ) {
            let variants = base64_offsets(&value);
            prop_assert_eq!(variants.len(), 3);
            let variant = &variants[before.len() % 3];
            let encoded = base64(&[&*before, &*value, &*after].concat());
            let at = (before.len() * 8).div_ceil(6);
            prop_assert_eq!(encoded.get(at..at + variant.len()), Some(&**variant));
        }
    }

    #[test]
    fn utf16_comes_in_both_byte_orders_and_with_a_mark() {
        let encoded = |encoding| utf16(vec![Part::Text("aé".to_owned()), Part::Many], encoding);
        assert_eq!(encoded(Utf16::Little), [Part::Bytes(vec![0x61, 0, 0xE9, 0]), Part::Many]);
        assert_eq!(encoded(Utf16::Big), [Part::Bytes(vec![0, 0x61, 0, 0xE9]), Part::Many]);
        assert_eq!(encoded(Utf16::Marked), [Part::Bytes(vec![0xFF, 0xFE, 0x61, 0, 0xE9, 0]), Part::Many]);
        let read = [Part::Text("\u{FEFF}".into()), Part::Bytes(vec![0x61, 0, 0xE9, 0]), Part::Many];
        assert_eq!(decoded_mark(&encoded(Utf16::Marked)), Some(read.to_vec()));
        assert_eq!(decoded_mark(&encoded(Utf16::Little)), None);
    }
}
