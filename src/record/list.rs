//! Lists of values, one value at a time.

use super::{Fact, List};

/// The values of a [`List`], in order.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    list: List<'a>,
    next: usize,
}

impl<'a> List<'a> {
    /// Its values.
    #[must_use]
    pub const fn elements(self) -> Elements<'a> {
        Elements { list: self, next: 0 }
    }

    /// Its values that are 16-bit numbers.
    pub(super) fn numbers(self) -> impl Iterator<Item = u16> {
        self.elements().filter_map(|fact| match fact {
            Fact::Int(number) => u16::try_from(number).ok(),
            _ => None,
        })
    }
}

/// Big-endian registers as numbers.
pub(super) fn registers(bytes: &[u8]) -> impl ExactSizeIterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|register| u16::from_be_bytes(*register))
}

/// Of the first `count` bits, whether all are set and whether any is, as numbers; `None` where there are none.
pub(super) fn all_and_any(bytes: &[u8], count: u16) -> Option<[u16; 2]> {
    let count = usize::from(count).min(bytes.len() * 8);
    let (whole, rest) = bytes.split_at_checked(count / 8)?;
    let beyond = u8::MAX << (count % 8);
    let last = rest.first().copied().unwrap_or_default();
    let all = whole.iter().fold(last | beyond, |all, byte| all & byte);
    let any = whole.iter().fold(last & !beyond, |any, byte| any | byte);
    (count > 0).then_some([u16::from(all == u8::MAX), u16::from(any != 0)])
}

impl<'a> Fact<'a> {
    /// Calls `visit` with the value, or with each value of a list; not at all for what has no value.
    pub fn each(self, visit: &mut dyn FnMut(Self)) {
        match self {
            Self::Absent | Self::Null | Self::Object => {}
            Self::List(list) => list.elements().for_each(|element| element.each(visit)),
            value => visit(value),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Fact<'a>;

    fn next(&mut self) -> Option<Fact<'a>> {
        let at = self.next;
        self.next = at.checked_add(1)?;
        match self.list {
            List::Registers(bytes) => {
                bytes.as_chunks::<2>().0.get(at).map(|register| Fact::Int(u16::from_be_bytes(*register).into()))
            }
            List::Bits { count, .. } if at >= usize::from(count) => None,
            List::Bits { bytes, .. } => bytes.get(at / 8).map(|byte| Fact::Int((byte >> (at % 8) & 1).into())),
            List::Words(vocabulary, bits) => {
                // `at` is the bit to start looking from.
                let ahead = bits.checked_shr(u32::try_from(at).ok()?).filter(|ahead| *ahead != 0)?;
                let bit = at + ahead.trailing_zeros() as usize;
                self.next = bit + 1;
                Some(Fact::Word(vocabulary, u16::try_from(bit).ok()?))
            }
            List::Facts(facts) => facts.get(at).copied(),
            List::Spans(spans) => number_at(spans, at),
        }
    }
}

/// The number at a place of ranges. Kept out of the loop over registers, which are far more common.
#[inline(never)]
fn number_at<'a>(spans: &[[u16; 2]], at: usize) -> Option<Fact<'a>> {
    let mut place = at;
    spans.iter().find_map(|[first, last]| {
        let length = usize::from(last.saturating_sub(*first)) + 1;
        let found = (place < length).then(|| Fact::Int(i64::from(*first) + place as i64));
        place = place.saturating_sub(length);
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::vocabulary::FLAGS;

    #[test]
    fn every_kind_of_list_gives_its_values_in_order() {
        let ints = |list: List<'static>| list.numbers().collect::<Vec<_>>();
        assert_eq!(ints(List::Registers(&[0, 97, 1, 0, 9])), [97, 256]);
        assert_eq!(ints(List::Bits { bytes: &[0b0000_0101, 1], count: 9 }), [1, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(ints(List::Bits { bytes: &[1], count: 9 }).len(), 8);
        let words: Vec<_> = List::Words(&FLAGS, 0x8000_0005).elements().collect();
        assert_eq!(words, [Fact::Word(&FLAGS, 0), Fact::Word(&FLAGS, 2), Fact::Word(&FLAGS, 31)]);
        assert_eq!(ints(List::Spans(&[[3, 5], [9, 9], [65_534, 65_535]])), [3, 4, 5, 9, 65_534, 65_535]);
        assert_eq!(List::Facts(&[Fact::Null]).elements().collect::<Vec<_>>(), [Fact::Null]);
    }

    #[test]
    fn all_and_any_look_at_the_bits_that_count_and_at_no_other() {
        for (bytes, count, expected) in [
            (&[0xFF, 0x01][..], 9, Some([1, 1])),
            (&[0xFF, 0x01], 10, Some([0, 1])),
            (&[0x00, 0xFE], 9, Some([0, 0])),
            (&[0xFF], 8, Some([1, 1])),
            (&[0x7F], 60, Some([0, 1])),
            (&[0xFF], 0, None),
            (&[], 8, None),
        ] {
            assert_eq!(all_and_any(bytes, count), expected, "{bytes:?} {count}");
        }
    }

    #[test]
    fn each_takes_lists_apart() {
        let mut seen = Vec::new();
        let inner = [Fact::Int(1), Fact::Null];
        let outer = [Fact::Text("a"), Fact::List(List::Facts(&inner)), Fact::Object];
        Fact::List(List::Facts(&outer)).each(&mut |fact| seen.push(format!("{fact:?}")));
        assert_eq!(seen, ["Text(\"a\")", "Int(1)"]);
    }
}
