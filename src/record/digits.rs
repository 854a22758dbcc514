//! Small numbers as decimal digits: most of what a record's line consists of.

/// Three digits at a time.
static BELOW_1000: [u32; 1_000] = below_1000();

/// Four bits as `0,1,0,0,`, the lowest first.
static NIBBLES: [[u8; 8]; 16] = nibbles();

/// The least number that has more than eight digits.
pub(super) const BEYOND: u32 = 100_000_000;

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

const fn nibbles() -> [[u8; 8]; 16] {
    let mut table = [*b"0,0,0,0,"; 16];
    let mut place = 0;
    while place < 64 {
        let (nibble, bit) = (place / 4, place % 4);
        table[nibble][2 * bit] += (nibble >> bit) as u8 & 1;
        place += 1;
    }
    table
}

fn three(number: u32) -> u64 {
    BELOW_1000.get(number as usize).copied().unwrap_or_default().into()
}

/// The digits of a number below [`BEYOND`], the first in the lowest byte, and how many there are. Of a type that has no
/// more than six digits, the compiler knows.
#[inline(always)]
fn counted(number: u32) -> (u64, usize) {
    const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
    // The last digit is not looked at, so that 0 has one.
    let (all, last) = if number < 1_000_000 {
        (three(number / 1_000) | three(number % 1_000) << 24, 5)
    } else {
        let high = three(number / 1_000_000) >> 8 | three(number / 1_000 % 1_000) << 16;
        (high | three(number % 1_000) << 40, 7)
    };
    let leading = ((all ^ ZEROS) | 0xFF << (8 * last)).trailing_zeros() & !7;
    (all >> leading, last + 1 - leading as usize / 8)
}

/// The digits of a number below [`BEYOND`], and how many there are.
#[inline(always)]
#[expect(clippy::inline_always, reason = "for numbers whose type is known")]
pub(super) fn digits(number: u32) -> ([u8; 8], usize) {
    let (text, count) = counted(number);
    (text.to_le_bytes(), count)
}

/// The same with a comma behind them.
#[inline(always)]
#[expect(clippy::inline_always, reason = "for loops")]
pub(super) fn listed(number: u16) -> ([u8; 8], usize) {
    let (text, count) = counted(number.into());
    ((text | u64::from(b',') << (8 * count)).to_le_bytes(), count + 1)
}

/// A byte's bits as `0,1,0,0,0,0,0,0,`, the lowest first.
#[inline]
pub(super) fn eight(byte: u8) -> [u8; 16] {
    let [low, high] = [byte & 0x0F, byte >> 4].map(|nibble| u64::from_le_bytes(NIBBLES[usize::from(nibble)]));
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// The digits of a number that has eight at most and no sign, and how many there are.
#[inline]
pub(super) fn short(number: i64) -> Option<([u8; 8], usize)> {
    u32::try_from(number).ok().filter(|number| *number < BEYOND).map(digits)
}

/// The nine digits of a second's nanoseconds: the first eight, and the last.
#[inline]
pub(super) fn nanos(nanos: u32) -> ([u8; 8], u8) {
    let [first, then, last] = [nanos / 1_000_000, nanos / 1_000 % 1_000, nanos % 1_000].map(three);
    ((first | then << 24 | last << 48).to_le_bytes(), (last >> 16) as u8)
}

/// Appends `97`.
#[inline]
pub(super) fn write(number: i64, out: &mut Vec<u8>) {
    match short(number) {
        Some((text, count)) => {
            let start = out.len();
            out.extend_from_slice(&text);
            out.truncate(start + count);
        }
        None => write_long(number, out),
    }
}

/// Appends any number.
#[inline(never)]
pub(super) fn write_long(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The decimals of a number of millionths below a million, `25` of 250,000, and how many there are, one at least.
#[inline]
pub(super) fn decimals(millionths: u32) -> ([u8; 8], usize) {
    const ZEROS: u64 = u64::from_le_bytes(*b"000000\0\0");
    let all = three(millionths / 1_000) | three(millionths % 1_000) << 24;
    let trailing = (all ^ ZEROS).leading_zeros() / 8;
    (all.to_le_bytes(), (8 - trailing as usize).max(1))
}

/// Appends the decimals of a number of millionths below a million.
pub(super) fn write_decimals(millionths: u32, out: &mut Vec<u8>) {
    let (text, count) = decimals(millionths);
    out.extend_from_slice(text.get(..count).unwrap_or_default());
}

/// Appends `[97,98]`.
pub(super) fn write_list(numbers: impl ExactSizeIterator<Item = u16>, out: &mut Vec<u8>) {
    out.push(b'[');
    let start = out.len();
    for number in numbers {
        let (text, count) = listed(number);
        out.extend_from_slice(text.get(..count).unwrap_or_default());
    }
    end_list(start, out);
}

/// Appends the first `count` bits, the lowest of each byte first: `[0,1]`.
pub(super) fn write_bits(bytes: &[u8], count: u16, out: &mut Vec<u8>) {
    out.push(b'[');
    let start = out.len();
    let count = usize::from(count).min(bytes.len() * 8);
    bytes.iter().take(count.div_ceil(8)).for_each(|byte| out.extend_from_slice(&eight(*byte)));
    out.truncate(start + 2 * count);
    end_list(start, out);
}

/// The last comma gives way to the bracket.
fn end_list(start: usize, out: &mut Vec<u8>) {
    match out.get_mut(start..).and_then(<[u8]>::last_mut) {
        Some(comma) => *comma = b']',
        None => out.push(b']'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_as_any_printer_would() {
        let (mut list, mut single) = (Vec::new(), Vec::new());
        write_list((0..=u16::MAX).collect::<Vec<_>>().into_iter(), &mut list);
        (0..=u16::MAX).for_each(|number| write(number.into(), &mut single));
        let expected: Vec<_> = (0..=u16::MAX).map(|number| number.to_string()).collect();
        assert_eq!(String::from_utf8(list).unwrap(), format!("[{}]", expected.join(",")));
        assert_eq!(String::from_utf8(single).unwrap(), expected.concat());
    }

    #[test]
    fn numbers_of_any_size_have_all_their_digits() {
        let powers = (0..19).map(|power| 10_i64.pow(power));
        for number in powers.flat_map(|power| [power - 1, power, power + 1, -power]).chain([i64::MAX, i64::MIN]) {
            let mut out = Vec::new();
            write(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }

    #[test]
    fn decimals_end_with_their_last_digit_that_is_not_zero() {
        for (millionths, expected) in [(0, "0"), (1, "000001"), (250_000, "25"), (6_314, "006314"), (999_999, "999999")]
        {
            let mut out = Vec::new();
            write_decimals(millionths, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn bits_are_written_lowest_first_and_no_more_than_there_are() {
        for (bytes, count, expected) in [
            (&[0b0101_0011, 0b1000_0001][..], 16, "[1,1,0,0,1,0,1,0,1,0,0,0,0,0,0,1]"),
            (&[0b0101_0011], 5, "[1,1,0,0,1]"),
            (&[1], 9, "[1,0,0,0,0,0,0,0]"),
            (&[1], 0, "[]"),
        ] {
            let mut out = Vec::new();
            write_bits(bytes, count, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn an_empty_list_is_two_brackets() {
        let mut out = b"x".to_vec();
        write_list([].into_iter(), &mut out);
        assert_eq!(out, b"x[]");
    }
}
