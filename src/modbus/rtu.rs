//! RTU frames over TCP, as serial servers send them: unit, PDU, CRC, and no header.
//!
//! An RTU frame does not tell its length. Where its function has a layout the layout does; else a frame ends where the
//! CRC comes out right (MODBUS over Serial Line V1.02, 2.5.1.2).

use super::function::{Category, EXCEPTION_BIT, Function};
use crate::net::Direction;

/// A unit, a function code and the CRC.
const FRAME_MIN: usize = 4;
/// A unit, a PDU of 253 bytes and the CRC.
pub(super) const FRAME_MAX: usize = 256;
/// The CRC's bytes.
const CRC: usize = 2;

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut<'a> {
    /// A frame: its unit, its PDU, and what follows.
    Frame(u8, &'a [u8], &'a [u8]),
    /// A frame that goes on, perhaps.
    Short,
    /// No frame.
    None,
}

/// Cuts the first frame off.
pub(super) fn cut(bytes: &[u8], direction: Direction) -> Cut<'_> {
    let expected = match length(bytes, direction) {
        Length::Is(length) => length,
        Length::Untold if bytes.len() < FRAME_MAX => return Cut::Short,
        Length::Untold => return Cut::None,
        Length::Any => 0,
    };
    if expected > bytes.len() && expected <= FRAME_MAX {
        return Cut::Short;
    }
    let mut crc = 0xFFFF;
    for (at, byte) in bytes.iter().enumerate().take(FRAME_MAX) {
        crc = step(crc, *byte);
        let len = at.saturating_add(1);
        // The CRC of a frame with its CRC, low byte first, is 0.
        if crc != 0 || len < FRAME_MIN || expected != 0 && len != expected {
            continue;
        }
        let (frame, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
        if let ([unit_id, pdu @ ..], Some(end)) = (frame, len.checked_sub(CRC.saturating_add(1))) {
            return Cut::Frame(*unit_id, pdu.get(..end).unwrap_or_default(), rest);
        }
    }
    if expected == 0 && bytes.len() < FRAME_MAX { Cut::Short } else { Cut::None }
}

/// Whether `bytes` are whole frames of functions that somebody defined, one after the other, and nothing else.
pub(super) fn is_all(bytes: &[u8], direction: Direction) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        // Looked at first, as it spares most bytes that are no frames their CRC.
        let known = |code: &u8| !matches!(Function::of(*code).category, Category::Unassigned | Category::Invalid);
        if !rest.get(1).is_some_and(known) {
            return false;
        }
        let Cut::Frame(_, _, after) = cut(rest, direction) else { return false };
        rest = after;
    }
    !bytes.is_empty()
}

/// How long a frame is by its function's layout.
enum Length {
    Is(usize),
    /// The byte that tells is yet to come.
    Untold,
    /// The function has no layout.
    Any,
}

fn length(bytes: &[u8], direction: Direction) -> Length {
    let Some(function_code) = bytes.get(1) else { return Length::Untold };
    let counted = |at: usize| {
        let count = bytes.get(at).map(|count| usize::from(*count));
        count.map_or(Length::Untold, |count| Length::Is(count.saturating_add(at).saturating_add(1 + CRC)))
    };
    match (direction, *function_code) {
        (Direction::ToServer, 1..=6) | (Direction::ToClient, 5 | 6 | 11 | 15 | 16) => Length::Is(8),
        (Direction::ToServer, 7 | 11 | 12 | 17) => Length::Is(4),
        (Direction::ToServer, 15 | 16) => counted(6),
        (Direction::ToServer, 23) => counted(10),
        (Direction::ToServer, 24) => Length::Is(6),
        (Direction::ToClient, 1..=4 | 12 | 17 | 23) | (_, 20 | 21) => counted(2),
        (Direction::ToClient, 7 | EXCEPTION_BIT..) => Length::Is(5),
        (_, 22) => Length::Is(10),
        (Direction::ToClient, 24) => match bytes.get(2..4) {
            Some([0, count]) => Length::Is(usize::from(*count).saturating_add(6)),
            Some(_) => Length::Any,
            None => Length::Untold,
        },
        _ => Length::Any,
    }
}

/// CRC-16 with the polynomial 0xA001, a byte on (MODBUS over Serial Line V1.02, 6.2.2).
fn step(crc: u16, byte: u8) -> u16 {
    let [high, low] = crc.to_be_bytes();
    u16::from(high) ^ TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default()
}

/// The CRC of each byte.
static TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u16, 0);
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xA001 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
pub(super) fn frame(unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let bytes = [&[unit_id], pdu].concat();
    let crc = bytes.iter().fold(0xFFFF, |crc, byte| step(crc, *byte));
    [bytes, crc.to_le_bytes().to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READ: &[u8] = &[3, 0, 0x6B, 0, 3];

    #[test]
    fn the_crc_is_the_one_of_serial_lines() {
        // MODBUS over Serial Line V1.02, 6.2.2: unit 2, function 7 has the CRC 0x1241, low byte first.
        assert_eq!(frame(2, &[7]), [2, 7, 0x41, 0x12]);
    }

    #[test]
    fn frames_are_cut_by_layout_or_by_crc() {
        let two = [frame(1, READ), frame(2, &[66, 1, 2, 3])].concat();
        let Cut::Frame(1, READ, rest) = cut(&two, Direction::ToServer) else { panic!("no frame") };
        assert_eq!(cut(rest, Direction::ToServer), Cut::Frame(2, &[66, 1, 2, 3], &[]));
        assert!(is_all(&two, Direction::ToServer));
        assert_eq!(cut(&two[..7], Direction::ToServer), Cut::Short);
        let mut wrong = frame(1, READ);
        wrong[7] ^= 1;
        assert_eq!(cut(&wrong, Direction::ToServer), Cut::None);
        // A function that nobody defined proves nothing.
        assert!(!is_all(&frame(1, &[99, 1]), Direction::ToServer));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_public_answer_is_cut_where_it_ends(
            (pdu, direction) in prop_oneof![
                (1..=4u8, proptest::collection::vec(any::<u8>(), 0..250)).prop_map(|(code, data)| {
                    ([&[code, data.len() as u8], data.as_slice()].concat(), Direction::ToClient)
                }),
                (0x81..=0x98u8, any::<u8>()).prop_map(|(code, exc)| (vec![code, exc], Direction::ToClient)),
                proptest::collection::vec(any::<u8>(), 0..240).prop_map(|data| {
                    ([&[16, 0, 1, 0, 1, data.len() as u8], data.as_slice()].concat(), Direction::ToServer)
                }),
            ],
            unit_id: u8,
            more in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let bytes = [frame(unit_id, &pdu), more.clone()].concat();
            prop_assert_eq!(cut(&bytes, direction), Cut::Frame(unit_id, &pdu, &more));
        }

        #[test]
        fn any_bytes_are_cut_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..600), to_server: bool) {
            let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
            if let Cut::Frame(_, pdu, rest) = cut(&bytes, direction) {
                prop_assert!(!pdu.is_empty() && pdu.len() + rest.len() + 3 == bytes.len());
            }
        }
    }
}
