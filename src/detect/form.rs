//! What is the text form of a value? What string predicates see where the value is not a text.

use super::number;
use crate::record::{Fact, List};
use std::fmt::Write;

/// The text form of a scalar, written into `buffer` where it is not a text already; `None` for what has none.
///
/// Numbers are decimal without exponent, whole ones without fraction (so that equal numbers have equal texts),
/// addresses canonical (RFC 5952), times RFC 3339 in UTC with nanoseconds.
pub(super) fn text<'a>(fact: Fact<'a>, buffer: &'a mut String) -> Option<&'a str> {
    match fact {
        Fact::Text(text) => return Some(text),
        Fact::Word(vocabulary, word) => return vocabulary.words.get(usize::from(word)).copied(),
        Fact::Bool(true) => return Some("true"),
        Fact::Bool(false) => return Some("false"),
        Fact::Absent | Fact::Null | Fact::Object | Fact::List(_) => return None,
        Fact::Int(_) | Fact::Uint(_) | Fact::Float(_) | Fact::Addr(_) | Fact::Time(_) => buffer.clear(),
    }
    match fact {
        Fact::Int(value) => buffer.push_str(itoa::Buffer::new().format(value)),
        Fact::Uint(value) => buffer.push_str(itoa::Buffer::new().format(value)),
        Fact::Float(value) => float(value, buffer),
        Fact::Addr(address) => {
            // Writing to a `String` cannot fail.
            let _ = write!(buffer, "{address}");
        }
        Fact::Time(time) => {
            let mut bytes = std::mem::take(buffer).into_bytes();
            time.write_rfc3339(&mut bytes);
            *buffer = String::from_utf8(bytes).unwrap_or_default();
        }
        _ => {}
    }
    Some(buffer)
}

/// The other way to write a whole float, `2.0`, written into `buffer`; `None` for all other facts. Logs hold both, and
/// so do rules.
pub(super) fn with_point<'a>(fact: Fact<'_>, buffer: &'a mut String) -> Option<&'a str> {
    let Fact::Float(value) = fact else { return None };
    number::whole(value)?;
    buffer.clear();
    float(value, buffer);
    buffer.push_str(".0");
    Some(buffer)
}

/// Appends the decimal form of a float.
pub(super) fn float(value: f64, out: &mut String) {
    match number::whole(value) {
        Some(whole) => out.push_str(itoa::Buffer::new().format(whole)),
        None => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Whether `ask` holds for any value of a list.
pub(super) fn any(list: List<'_>, mut ask: impl FnMut(Fact<'_>) -> bool) -> bool {
    match list {
        List::Registers(bytes) => bytes
            .chunks_exact(2)
            .filter_map(|pair| pair.first_chunk())
            .any(|pair| ask(Fact::Int(i64::from(u16::from_be_bytes(*pair))))),
        List::Bits { bytes, count } => bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1))
            .take(usize::from(count))
            .any(|bit| ask(Fact::Int(i64::from(bit)))),
        List::Words(vocabulary, bits) => {
            let mut left = bits;
            while left != 0 {
                if ask(Fact::Word(vocabulary, left.trailing_zeros() as u16)) {
                    return true;
                }
                left &= left - 1;
            }
            false
        }
        List::Spans(_) => list.elements().any(ask),
        List::Facts(facts) => facts.iter().any(|fact| ask(*fact)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_value_has_one_text_form() {
        let mut buffer = String::from("before");
        for (fact, form) in [
            (Fact::Int(-5), "-5"),
            (Fact::Uint(u64::MAX), "18446744073709551615"),
            (Fact::Float(2.0), "2"),
            (Fact::Float(-0.0), "0"),
            (Fact::Float(0.1), "0.1"),
            (Fact::Float(1_152_921_504_606_846_976.0), "1152921504606846976"),
            (Fact::Bool(true), "true"),
            (Fact::Addr("FE80:0::1".parse().unwrap()), "fe80::1"),
            (Fact::Addr("10.0.0.1".parse().unwrap()), "10.0.0.1"),
            (Fact::Time(Timestamp::from_nanos(1)), "1970-01-01T00:00:00.000000001Z"),
            (Fact::Text("as is"), "as is"),
        ] {
            assert_eq!(text(fact, &mut buffer), Some(form));
        }
        assert_eq!(text(Fact::Null, &mut buffer), None);
        assert_eq!(text(Fact::Object, &mut buffer), None);
    }

    #[test]
    fn a_last_odd_byte_is_no_register() {
        let mut seen = Vec::new();
        any(List::Registers(&[0, 1, 0xFF, 0xFF, 7]), |fact| {
            seen.push(number::of(fact));
            false
        });
        assert_eq!(seen.len(), 2);
        assert!(any(List::Bits { bytes: &[0b100], count: 3 }, |fact| fact == Fact::Int(1)));
        assert!(!any(List::Bits { bytes: &[0b100], count: 2 }, |fact| fact == Fact::Int(1)));
    }
}
