//! 16-bit numbers as decimal digits: most of what a record's line consists of.

/// Five digits of any 16-bit number need three of the one table and two of the other.
static BELOW_1000: [u32; 1_000] = below_1000();

/// Room for five digits, the comma after them, and what a store of eight bytes writes beyond.
const ROOM: usize = 8;

/// `000` to `999` as ASCII, the first digit in the lowest byte.
const fn below_1000() -> [u32; 1_000] {
    let mut table = [0; 1_000];
    let mut number = 0;
    while number < 1_000 {
        let [hundreds, tens, ones] = [number / 100, number / 10 % 10, number % 10];
        table[number] = u32::from_le_bytes([b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8, 0]);
        number += 1;
    }
    table
}

/// A number's digits, then a comma, and how many digits there are.
fn digits(number: u16) -> ([u8; ROOM], usize) {
    let three = |number: u16| u64::from(BELOW_1000.get(usize::from(number)).copied().unwrap_or_default());
    // The thousands have two digits at most: their leading zero is shifted out.
    let all = three(number / 1_000) >> 8 | three(number % 1_000) << 16 | u64::from(b',') << 40;
    let zeros = [10, 100, 1_000, 10_000].iter().map(|bound| usize::from(number < *bound)).sum::<usize>();
    ((all >> (8 * zeros)).to_le_bytes(), 5 - zeros)
}

/// Appends `97`.
pub(super) fn write(number: u16, out: &mut Vec<u8>) {
    let (text, count) = digits(number);
    let start = out.len();
    out.extend_from_slice(&text);
    out.truncate(start + count);
}

/// Appends `[97,98]`.
pub(super) fn write_list(numbers: impl ExactSizeIterator<Item = u16>, out: &mut Vec<u8>) {
    out.push(b'[');
    let (start, count) = (out.len(), numbers.len());
    out.resize(start + count * ROOM, 0);
    let mut at = start;
    for number in numbers {
        let (text, count) = digits(number);
        if let Some(room) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *room = text;
        }
        at += count + 1;
    }
    // The last comma gives way to the bracket.
    out.truncate(if count == 0 { start } else { at - 1 });
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_as_any_printer_would() {
        let (mut list, mut single) = (Vec::new(), Vec::new());
        write_list((0..=u16::MAX).collect::<Vec<_>>().into_iter(), &mut list);
        (0..=u16::MAX).for_each(|number| write(number, &mut single));
        let expected: Vec<_> = (0..=u16::MAX).map(|number| number.to_string()).collect();
        assert_eq!(String::from_utf8(list).unwrap(), format!("[{}]", expected.join(",")));
        assert_eq!(String::from_utf8(single).unwrap(), expected.concat());
    }

    #[test]
    fn an_empty_list_is_two_brackets() {
        let mut out = b"x".to_vec();
        write_list([].into_iter(), &mut out);
        assert_eq!(out, b"x[]");
    }
}
