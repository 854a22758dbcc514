//! Classic pcap (draft-ietf-opsawg-pcap): a file header, then records.

use super::batch::Placed;
use super::records::{Format, Step};
use super::{LinkType, MAX_FRAME};
use crate::time::Timestamp;

/// Length of the file header.
pub(super) const HEADER: usize = 24;
/// Offset of the link type in the file header.
const NETWORK: usize = 20;
/// Length of a record header, and of the one Kuznetzov's patched libpcap wrote.
const RECORD: usize = 16;
const RECORD_MODIFIED: usize = 24;

/// Microsecond time stamps.
const MICRO: u32 = 0xA1B2_C3D4;
/// Nanosecond time stamps.
const NANO: u32 = 0xA1B2_3C4D;
/// Kuznetzov's "modified" format: microseconds, and eight more bytes in a record header.
const MODIFIED: u32 = 0xA1B2_CD34;

/// A classic pcap file, as its header describes it.
pub(super) struct Pcap {
    link: LinkType,
    big_endian: bool,
    nanos_per_tick: i64,
    record_header: usize,
}

impl Pcap {
    /// Whether a file that begins so is one of these.
    pub(super) fn is_start(start: &[u8]) -> bool {
        start.first_chunk().is_some_and(|magic| Self::from_magic(*magic).is_some())
    }

    /// What the file header says; `None` where it is none.
    pub(super) fn from_header(header: &[u8; HEADER]) -> Option<Self> {
        let mut file = Self::from_magic(*header.first_chunk()?)?;
        // The upper bits tell the length of a frame check sequence, which no later layer looks at.
        let network = file.word(*header[NETWORK..].first_chunk()?);
        file.link = LinkType::from_value(network as u16);
        Some(file)
    }

    fn from_magic(magic: [u8; 4]) -> Option<Self> {
        [(u32::from_le_bytes(magic), false), (u32::from_be_bytes(magic), true)].into_iter().find_map(
            |(magic, big_endian)| {
                let (nanos_per_tick, record_header) = match magic {
                    MICRO => (1_000, RECORD),
                    NANO => (1, RECORD),
                    MODIFIED => (1_000, RECORD_MODIFIED),
                    _ => return None,
                };
                Some(Self { link: LinkType::Null, big_endian, nanos_per_tick, record_header })
            },
        )
    }

    #[inline]
    fn word(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

impl Format for Pcap {
    #[inline]
    fn step(&mut self, bytes: &[u8]) -> Result<Step, &'static str> {
        let Some(header) = bytes.first_chunk::<RECORD>() else {
            return Ok(Step::Partial { size: RECORD });
        };
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = *header;
        let captured = self.word([c0, c1, c2, c3]);
        let len = captured as usize;
        if len > MAX_FRAME {
            return Err("captured length above 262144");
        }
        let size = self.record_header + len;
        if bytes.len() < size {
            return Ok(Step::Partial { size });
        }
        let fraction = i64::from(self.word([f0, f1, f2, f3])) * self.nanos_per_tick;
        let frame = Placed {
            time: Timestamp::from_parts(i64::from(self.word([s0, s1, s2, s3])), fraction),
            link: self.link,
            wire_len: self.word([w0, w1, w2, w3]).max(captured),
            start: self.record_header,
            len,
        };
        Ok(Step::Frame { frame, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::testing::{Told, read};

    /// A file with one frame `AB CD` of 60 bytes at 1.000002 s (or 1.000000002 s), in one byte order.
    fn file(magic: u32, bytes: fn(u32) -> [u8; 4], extra: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for word in [magic, 0x0002_0004, 0, 0, 65_535, 113, 1, 2, 2, 60] {
            out.extend(bytes(word));
        }
        out.resize(out.len() + extra, 0);
        out.extend([0xAB, 0xCD]);
        out
    }

    #[test]
    fn every_magic_in_both_byte_orders_is_read() {
        for bytes in [u32::to_le_bytes as fn(u32) -> [u8; 4], u32::to_be_bytes] {
            for (magic, extra, nanos) in
                [(MICRO, 0, 1_000_002_000), (NANO, 0, 1_000_000_002), (MODIFIED, 8, 1_000_002_000)]
            {
                let told = read(&file(magic, bytes, extra));
                let frame = (1, nanos, LinkType::Sll, 60, vec![0xAB, 0xCD]);
                assert_eq!(told, Told { frames: vec![frame], cut: None, error: None });
            }
        }
    }

    #[test]
    fn an_absurd_length_is_an_error_after_the_frames_before_it() {
        let mut bytes = file(MICRO, u32::to_le_bytes, 0);
        for word in [1, 2, MAX_FRAME as u32 + 1, 60] {
            bytes.extend(u32::to_le_bytes(word));
        }
        let told = read(&bytes);
        assert_eq!((told.frames.len(), told.cut), (1, None));
        assert_eq!(told.error.as_deref(), Some("captured length above 262144 at byte 42"));
    }

    #[test]
    fn a_cut_file_yields_the_frames_before_the_cut() {
        let mut bytes = file(MICRO, u32::to_le_bytes, 0);
        bytes.extend_from_within(HEADER..);
        bytes.pop();
        let told = read(&bytes);
        assert_eq!((told.frames.len(), told.cut, told.error), (1, Some(17), None));
    }
}
