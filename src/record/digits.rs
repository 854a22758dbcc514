//! Lists of 16-bit numbers as decimal digits: most of what a record's line consists of.

/// The numbers below 1,000 with leading zeros, and how many of the three digits count without them.
static THREE: [[u8; 4]; 1_000] = three();

/// The longest number and the comma after it, and what a store of four bytes may write beyond.
const ROOM: usize = 6 + 2;

const fn three() -> [[u8; 4]; 1_000] {
    let mut table = [[0; 4]; 1_000];
    let mut number = 0;
    while number < 1_000 {
        let digits = [(number / 100) as u8, (number / 10 % 10) as u8, (number % 10) as u8];
        let count = if number >= 100 { 3 } else if number >= 10 { 2 } else { 1 };
        table[number] = [b'0' + digits[0], b'0' + digits[1], b'0' + digits[2], count];
        number += 1;
    }
    table
}

/// Appends `[97,98]`.
pub(super) fn write_list(numbers: impl ExactSizeIterator<Item = u16>, out: &mut Vec<u8>) {
    out.push(b'[');
    let (start, count) = (out.len(), numbers.len());
    out.resize(start + count * ROOM, b',');
    let mut at = start;
    for number in numbers {
        at += put(number, out.get_mut(at..).and_then(<[u8]>::first_chunk_mut));
        if let Some(comma) = out.get_mut(at) {
            *comma = b',';
        }
        at += 1;
    }
    // The last comma gives way to the bracket.
    out.truncate(if count == 0 { start } else { at - 1 });
    out.push(b']');
}

/// Puts a number at the front of its room; how many digits it has.
fn put(number: u16, room: Option<&mut [u8; ROOM]>) -> usize {
    let Some(room) = room else { return 0 };
    let (thousands, rest) = (usize::from(number / 1_000), usize::from(number % 1_000));
    let Some([a, b, c, digits]) = THREE.get(rest).copied() else { return 0 };
    if thousands == 0 {
        return put_short([a, b, c], usize::from(digits), room);
    }
    let Some([_, tens, ones, digits]) = THREE.get(thousands).copied() else { return 0 };
    let [r0, r1, r2, r3, r4, ..] = room;
    if digits == 1 {
        (*r0, *r1, *r2, *r3) = (ones, a, b, c);
        4
    } else {
        (*r0, *r1, *r2, *r3, *r4) = (tens, ones, a, b, c);
        5
    }
}

fn put_short([a, b, c]: [u8; 3], digits: usize, room: &mut [u8; ROOM]) -> usize {
    let [r0, r1, r2, ..] = room;
    (*r0, *r1, *r2) = match digits {
        1 => (c, c, c),
        2 => (b, c, c),
        _ => (a, b, c),
    };
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_as_any_printer_would() {
        let mut out = Vec::new();
        write_list((0..=u16::MAX).collect::<Vec<_>>().into_iter(), &mut out);
        let expected: Vec<_> = (0..=u16::MAX).map(|number| number.to_string()).collect();
        assert_eq!(String::from_utf8(out).unwrap(), format!("[{}]", expected.join(",")));
    }

    #[test]
    fn an_empty_list_is_two_brackets() {
        let mut out = b"x".to_vec();
        write_list([].into_iter(), &mut out);
        assert_eq!(out, b"x[]");
    }
}
