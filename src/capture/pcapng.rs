//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks, each frame of an interface of its section.
//!
//! Written by hand rather than with `pcap-parser`: its blocks borrow from a buffer of its own, so that every
//! frame would be copied once more, and it wants a whole block in that buffer even to pass it over.

use super::batch::Placed;
use super::records::{Format, Step};
use super::{LinkType, MAX_FRAME};
use crate::time::Timestamp;

/// The type of a section header, the same in both byte orders, and so the first bytes of a file.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
/// Block types that are read; all others are passed over.
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// What a section header holds to tell its byte order.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// Type and length before the body of a block.
const BEFORE: usize = 8;
/// Type, length, and the length again after the body: the shortest block.
const AROUND: usize = 12;
/// The longest block that is read: a frame and plenty of options.
const MAX_BLOCK: usize = 1 << 20;
/// How many interfaces of one section are believed.
const MAX_INTERFACES: usize = 65_536;

/// Options of an interface description.
const OPT_END: u16 = 0;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

const NANOS: u128 = 1_000_000_000;

/// A pcapng file, as far as its blocks have told.
pub(super) struct Pcapng {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// Of the last frame; simple packets have none of their own.
    last: Timestamp,
}

/// What frames of an interface have in common.
struct Interface {
    link: LinkType,
    snap_len: u32,
    clock: Clock,
}

/// How time stamps of an interface are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    resolution: Resolution,
    /// Seconds to be added.
    offset: i64,
}

/// The length of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// So many nanoseconds.
    Nanos(u64),
    /// This part of a nanosecond.
    PerNano(u128),
    /// 2 to this negative power of a second.
    Binary(u8),
}

impl Clock {
    /// Microseconds, which is meant where nothing is said.
    const DEFAULT: Self = Self { resolution: Resolution::Nanos(1_000), offset: 0 };

    fn time(self, ticks: u64) -> Timestamp {
        let nanos = match self.resolution {
            Resolution::Nanos(nanos) => ticks.saturating_mul(nanos),
            Resolution::PerNano(part) => (u128::from(ticks) / part) as u64,
            // Below 2 to the 94, so the product fits; the shift is below 128.
            Resolution::Binary(power) => u64::try_from((u128::from(ticks) * NANOS) >> power).unwrap_or(u64::MAX),
        };
        Timestamp::from_parts(self.offset, i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

impl Resolution {
    /// The value of `if_tsresol`: a negative power of 10, or of 2 where the high bit is set.
    fn from_option(value: u8) -> Self {
        let power = value & 0x7F;
        if value & 0x80 != 0 {
            return Self::Binary(power);
        }
        match 9_u32.checked_sub(power.into()) {
            Some(more) => Self::Nanos(10_u64.pow(more)),
            None => Self::PerNano(10_u128.checked_pow(u32::from(power) - 9).unwrap_or(u128::MAX)),
        }
    }
}

impl Pcapng {
    /// Whether a file that begins so is one of these.
    pub(super) fn is_start(start: &[u8]) -> bool {
        let Some(&[t0, t1, t2, t3, _, _, _, _, o0, o1, o2, o3]) = start.first_chunk::<AROUND>() else { return false };
        u32::from_le_bytes([t0, t1, t2, t3]) == SECTION_HEADER && order([o0, o1, o2, o3]).is_some()
    }

    /// A file of which nothing is known yet.
    pub(super) fn new() -> Self {
        Self { big_endian: false, interfaces: Vec::new(), last: Timestamp::from_nanos(0) }
    }

    fn word(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn half(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    /// The words at the start of a block's body.
    fn words<const COUNT: usize>(&self, body: &[u8]) -> Result<[u32; COUNT], &'static str> {
        let (words, _) = body.as_chunks::<4>();
        let words: &[[u8; 4]; COUNT] = words.first_chunk().ok_or("block too short for its type")?;
        Ok(words.map(|word| self.word(word)))
    }

    /// Reads an interface description.
    fn describe(&mut self, body: &[u8]) -> Result<(), &'static str> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err("more than 65536 interfaces in a section");
        }
        let [_, snap_len] = self.words(body)?;
        let link = body.first_chunk().map(|value| LinkType::from_value(self.half(*value))).unwrap_or(LinkType::Null);
        let clock = self.clock(body.get(8..).unwrap_or_default());
        self.interfaces.push(Interface { link, snap_len, clock });
        Ok(())
    }

    /// The clock that the options of an interface description tell.
    fn clock(&self, mut options: &[u8]) -> Clock {
        let mut clock = Clock::DEFAULT;
        while let Some((&[c0, c1, l0, l1], rest)) = options.split_first_chunk() {
            let len = usize::from(self.half([l0, l1]));
            let value = rest.get(..len).unwrap_or_default();
            match (self.half([c0, c1]), value) {
                (OPT_END, _) => break,
                (IF_TSRESOL, &[value]) => clock.resolution = Resolution::from_option(value),
                (IF_TSOFFSET, &[a, b, c, d, e, f, g, h]) => {
                    let bytes = [a, b, c, d, e, f, g, h];
                    clock.offset = if self.big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
                }
                _ => {}
            }
            options = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        clock
    }

    /// Reads a block with a frame; the frame's start counts from the start of the block.
    fn frame(&mut self, kind: u32, body: &[u8]) -> Result<Placed, &'static str> {
        let (index, before, ticks, captured, wire_len) = match kind {
            SIMPLE_PACKET => {
                let [wire_len] = self.words(body)?;
                (0, 4, None, None, wire_len)
            }
            PACKET => {
                let [_, high, low, captured, wire_len] = self.words(body)?;
                let index = body.first_chunk().map_or(0, |index| self.half(*index));
                (u32::from(index), 20, Some((high, low)), Some(captured), wire_len)
            }
            _ => {
                let [index, high, low, captured, wire_len] = self.words(body)?;
                (index, 20, Some((high, low)), Some(captured), wire_len)
            }
        };
        let interface = self.interfaces.get(index as usize).ok_or("interface that was not described")?;
        let room = body.len() - before;
        let len = match captured {
            Some(captured) => captured as usize,
            None => {
                let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
                room.min(wire_len.min(snap_len) as usize)
            }
        };
        if len > MAX_FRAME {
            return Err("captured length above 262144");
        }
        if len > room {
            return Err("captured length above the length of the block");
        }
        let time = ticks.map_or(self.last, |(high, low)| interface.clock.time(u64::from(high) << 32 | u64::from(low)));
        self.last = time;
        Ok(Placed { time, link: interface.link, wire_len: wire_len.max(len as u32), start: BEFORE + before, len })
    }
}

/// Whether a byte-order magic says big-endian; `None` where it is none.
fn order(magic: [u8; 4]) -> Option<bool> {
    match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (BYTE_ORDER, _) => Some(false),
        (_, BYTE_ORDER) => Some(true),
        _ => None,
    }
}

impl Format for Pcapng {
    fn step(&mut self, bytes: &[u8]) -> Result<Step, &'static str> {
        let Some(&[k0, k1, k2, k3, l0, l1, l2, l3, o0, o1, o2, o3]) = bytes.first_chunk::<AROUND>() else {
            return Ok(Step::Partial { size: AROUND });
        };
        let section = u32::from_le_bytes([k0, k1, k2, k3]) == SECTION_HEADER;
        if section {
            self.big_endian = order([o0, o1, o2, o3]).ok_or("byte-order magic that is none")?;
            self.interfaces.clear();
        }
        let kind = self.word([k0, k1, k2, k3]);
        let size = self.word([l0, l1, l2, l3]) as usize;
        if size < AROUND || !size.is_multiple_of(4) {
            return Err("block length that cannot be");
        }
        if !matches!(kind, INTERFACE_DESCRIPTION | PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
            return Ok(Step::Skip { size: size as u64 });
        }
        if size > MAX_BLOCK {
            return Err("block length above 1048576");
        }
        let Some((body, &[e0, e1, e2, e3])) = bytes.get(BEFORE..size).and_then(|rest| rest.split_last_chunk()) else {
            return Ok(Step::Partial { size });
        };
        if self.word([e0, e1, e2, e3]) as usize != size {
            return Err("block whose two lengths differ");
        }
        if kind == INTERFACE_DESCRIPTION {
            self.describe(body)?;
            return Ok(Step::Skip { size: size as u64 });
        }
        let frame = self.frame(kind, body)?;
        Ok(Step::Frame { frame, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::testing::{Told, read};

    /// Writes blocks in one byte order.
    struct Writer {
        out: Vec<u8>,
        big_endian: bool,
    }

    impl Writer {
        fn word(&self, word: u32) -> [u8; 4] {
            if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
        }

        fn half(&self, half: u16) -> [u8; 2] {
            if self.big_endian { half.to_be_bytes() } else { half.to_le_bytes() }
        }

        fn block(&mut self, kind: u32, body: &[u8]) {
            let padded = body.len().next_multiple_of(4);
            let size = self.word((padded + AROUND) as u32);
            self.out.extend(self.word(kind));
            self.out.extend(size);
            self.out.extend(body);
            self.out.resize(self.out.len() + padded - body.len(), 0);
            self.out.extend(size);
        }

        fn section(&mut self, big_endian: bool) {
            self.big_endian = big_endian;
            let body = [self.word(BYTE_ORDER).to_vec(), vec![0; 4], vec![0xFF; 8]].concat();
            self.block(SECTION_HEADER, &body);
        }

        fn interface(&mut self, link: u16, options: &[(u16, &[u8])]) {
            let mut body = [self.half(link).to_vec(), vec![0; 2], self.word(4).to_vec()].concat();
            for (code, value) in options {
                body.extend(self.half(*code));
                body.extend(self.half(value.len() as u16));
                body.extend(*value);
                body.resize(body.len().next_multiple_of(4), 0);
            }
            self.block(INTERFACE_DESCRIPTION, &body);
        }

        fn words(&self, words: &[u32], data: &[u8]) -> Vec<u8> {
            let mut body: Vec<u8> = words.iter().flat_map(|word| self.word(*word)).collect();
            body.extend(data);
            body
        }

        fn enhanced(&mut self, interface: u32, ticks: u64, data: &[u8]) {
            let len = data.len() as u32;
            let body = self.words(&[interface, (ticks >> 32) as u32, ticks as u32, len, 60], data);
            self.block(ENHANCED_PACKET, &body);
        }
    }

    fn two_sections() -> Vec<u8> {
        let mut writer = Writer { out: Vec::new(), big_endian: false };
        writer.section(false);
        writer.interface(1, &[]);
        writer.interface(113, &[(2, b"eth0"), (IF_TSRESOL, &[9]), (IF_TSOFFSET, &[10, 0, 0, 0, 0, 0, 0, 0])]);
        writer.enhanced(1, 7, b"nano!");
        writer.block(0x0BAD, &[1; 300]);
        writer.enhanced(0, 5, b"mu");
        let simple = writer.words(&[60], b"simple");
        writer.block(SIMPLE_PACKET, &simple);
        writer.section(true);
        writer.interface(276, &[(IF_TSRESOL, &[0x80 | 10])]);
        writer.enhanced(0, 1_536, b"b");
        let mut old = writer.half(0).to_vec();
        old.extend([0xFF, 0xFF]);
        old.extend(writer.words(&[0, 512, 3, 3], b"old"));
        writer.block(PACKET, &old);
        writer.out
    }

    #[test]
    fn sections_interfaces_and_clocks_keep_apart() {
        let frames = vec![
            (1, 10_000_000_007, LinkType::Sll, 60, b"nano!".to_vec()),
            (2, 5_000, LinkType::Ethernet, 60, b"mu".to_vec()),
            // Cut at the snap length of 4; its time is that of the frame before.
            (3, 5_000, LinkType::Ethernet, 60, b"simp".to_vec()),
            (4, 1_500_000_000, LinkType::Sll2, 60, b"b".to_vec()),
            (5, 500_000_000, LinkType::Sll2, 3, b"old".to_vec()),
        ];
        assert_eq!(read(&two_sections()), Told { frames, cut: None, error: None });
    }

    #[test]
    fn a_cut_anywhere_yields_whole_frames_and_no_error() {
        let whole = two_sections();
        let all = read(&whole).frames;
        for cut in AROUND..whole.len() {
            let told = read(&whole[..cut]);
            assert_eq!(told.error, None, "{cut}");
            assert_eq!(told.frames, all[..told.frames.len()], "{cut}");
            assert!(told.frames.len() < all.len());
        }
    }

    #[test]
    fn blocks_that_cannot_be_are_told_with_their_place() {
        let mut writer = Writer { out: Vec::new(), big_endian: false };
        writer.section(false);
        let section = writer.out.len();
        writer.enhanced(3, 0, b"x");
        let told = read(&writer.out);
        assert_eq!(told.error, Some(format!("interface that was not described at byte {section}")));

        for (length, what) in [(13_u32, "block length that cannot be"), (8, "block length that cannot be")] {
            writer.out.truncate(section);
            writer.out.extend(7_u32.to_le_bytes());
            writer.out.extend(length.to_le_bytes());
            writer.out.extend([0; 8]);
            assert_eq!(read(&writer.out).error, Some(format!("{what} at byte {section}")));
        }
        writer.out.truncate(section);
        writer.interface(1, &[]);
        let last = writer.out.len() - 4;
        writer.out[last] ^= 4;
        assert_eq!(read(&writer.out).error, Some(format!("block whose two lengths differ at byte {section}")));
    }

    #[test]
    fn extreme_clocks_hold_at_the_ends_of_time() {
        let time = |option, ticks| Clock { resolution: Resolution::from_option(option), offset: 0 }.time(ticks).nanos();
        assert_eq!((time(0, 2), time(6, 2), time(9, 2), time(12, 2_000)), (2_000_000_000, 2_000, 2, 2));
        assert_eq!((time(127, u64::MAX), time(0, u64::MAX), time(0xFF, u64::MAX)), (0, i64::MAX, 0));
        assert_eq!(time(0x80, u64::MAX), i64::MAX);
        let far = Clock { resolution: Resolution::Nanos(1), offset: i64::MAX };
        assert_eq!(far.time(u64::MAX), Timestamp::MAX);
    }
}
