//! What an input is, by its content.

use super::pcap::{self, Pcap};
use super::pcapng::Pcapng;
use super::records::Records;
use super::unpack::Packing;
use super::{CaptureError, Source};
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

/// How many bytes are read before an input is judged, unless it has fewer: a classic pcap file header.
const ENOUGH: usize = pcap::HEADER;
/// How many bytes are read at most before an input is judged, and at once of what is no capture.
const START: usize = 64 << 10;
/// How often an input may be packed: once, and once more around it.
const LAYERS: u32 = 2;

/// What an input turned out to be.
pub enum Opened {
    /// A capture.
    Capture(Box<dyn Source>),
    /// Something else, unpacked.
    Other {
        /// Its first bytes, up to 64 KiB; fewer than the caller may like where it comes through a pipe; none
        /// where it is empty.
        start: Vec<u8>,
        /// All of it, from the first byte on.
        reader: Box<dyn BufRead + Send>,
    },
}

/// Looks at the first bytes of an input, unpacks `.gz` and `.zst`, and tells a capture from anything else.
///
/// Names tell nothing. Everything is read as a stream: a packed input that swells costs time, not memory.
///
/// # Errors
/// When reading fails, or a capture ends within its file header.
pub fn open(mut reader: Box<dyn Read + Send>) -> Result<Opened, CaptureError> {
    let mut layer = 0;
    loop {
        let start = read_start(&mut reader)?;
        match Packing::of(&start) {
            Some(packing) if layer < LAYERS => {
                reader = packing.unpack(Box::new(Cursor::new(start).chain(reader)))?;
                layer += 1;
            }
            _ => return recognise(start, reader),
        }
    }
}

/// Tells what `start` begins; `rest` is what follows it.
fn recognise(mut start: Vec<u8>, rest: Box<dyn Read + Send>) -> Result<Opened, CaptureError> {
    if Pcap::is_start(&start) {
        let format = start.first_chunk().and_then(Pcap::from_header);
        let Some(format) = format else {
            return Err(CaptureError::Malformed { what: "file header of fewer than 24 bytes", offset: 0 });
        };
        start.drain(..pcap::HEADER);
        return Ok(Opened::Capture(Box::new(Records::new(rest, format, start, pcap::HEADER as u64))));
    }
    if Pcapng::is_start(&start) {
        return Ok(Opened::Capture(Box::new(Records::new(rest, Pcapng::new(), start, 0))));
    }
    let reader = Box::new(BufReader::with_capacity(START, Cursor::new(start.clone()).chain(rest)));
    Ok(Opened::Other { start, reader })
}

/// Reads until an input can be judged: as much as one read gives, unless that is too little.
fn read_start(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = vec![0; START];
    let mut len = 0;
    while len < ENOUGH {
        match reader.read(start.get_mut(len..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A packed stream that breaks off is told as a cut, later, by whoever reads what there is of it.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && len > 0 => break,
            Err(error) => return Err(error),
        }
    }
    start.truncate(len);
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::testing::{Told, read};
    use proptest::prelude::*;
    use std::io::Write;

    /// A nanosecond pcap file of raw frames `a`, `bb`.
    fn plain() -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        [
            words(&[0xA1B2_3C4D, 0x0004_0002, 0, 0, 65_535, 101, 0, 1, 1, 1]),
            b"a".to_vec(),
            words(&[0, 2, 2, 2]),
            b"bb".to_vec(),
        ]
        .concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    #[test]
    fn packing_changes_nothing() {
        let plain = plain();
        let told = read(&plain);
        assert_eq!(told.frames.len(), 2);
        let members = [gzip(&plain[..30]), gzip(&plain[30..])].concat();
        let frames = [zstd(&plain[..30]), zstd(&plain[30..])].concat();
        for packed in [gzip(&plain), zstd(&plain), members, frames, gzip(&zstd(&plain)), zstd(&gzip(&plain))] {
            assert_eq!(read(&packed), told);
        }
    }

    #[test]
    fn a_third_packing_is_left_alone() {
        let packed = gzip(&gzip(&gzip(&plain())));
        let Ok(Opened::Other { start, .. }) = open(Box::new(Cursor::new(packed))) else { panic!("unpacked too often") };
        assert_eq!(Packing::of(&start), Some(Packing::Gzip));
    }

    #[test]
    fn a_packed_capture_that_breaks_off_is_a_cut() {
        // More than one Zstandard block, and nothing that packs well.
        let noise: Vec<u8> = (0..400_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut plain = plain();
        for chunk in noise.chunks(400) {
            plain.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x90, 1, 0, 0, 0x90, 1, 0, 0]);
            plain.extend(chunk);
        }
        for packed in [gzip(&plain), zstd(&plain)] {
            let told = read(&packed[..packed.len() - 10]);
            assert_eq!(told.error, None);
            assert!(told.cut.is_some() && (1..1_002).contains(&told.frames.len()), "{:?}", told.cut);
        }
    }

    #[test]
    fn anything_else_comes_back_whole() {
        let text = b"{\"ts\":1}\n".repeat(20_000);
        for (bytes, packed) in
            [(text.clone(), gzip(&text)), (text.clone(), text), (vec![], gzip(b"")), (vec![], vec![])]
        {
            let Ok(Opened::Other { start, mut reader }) = open(Box::new(Cursor::new(packed))) else {
                panic!("a capture?")
            };
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert_eq!(all, bytes);
            assert!(bytes.starts_with(&start) && start.is_empty() == bytes.is_empty());
        }
    }

    #[test]
    fn a_file_header_cut_short_is_told() {
        let told = open(Box::new(Cursor::new(plain()[..23].to_vec()))).err().unwrap();
        assert_eq!(told.to_string(), "file header of fewer than 24 bytes at byte 0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_bytes_after_a_header_end(bytes in proptest::collection::vec(any::<u8>(), 0..3_000), ng: bool, small: bool) {
            let mut input = if ng {
                // A section header, and an interface so that frames are possible.
                let words = [0x0A0D_0D0A_u32, 28, 0x1A2B_3C4D, 1, 0, 0, 28, 1, 20, 1, 0, 20];
                words.iter().flat_map(|word| word.to_le_bytes()).collect()
            } else {
                plain()
            };
            // Small numbers make records that hang together more often.
            input.extend(bytes.iter().map(|byte| if small { byte % 8 * 4 } else { *byte }));
            let Told { frames, .. } = read(&input);
            let held: usize = frames.iter().map(|frame| frame.4.len()).sum();
            prop_assert!(held <= input.len());
        }
    }
}
