//! Packed inputs: gzip and Zstandard, known by their first bytes.

use std::io::{self, BufReader, Read};

/// The gzip magic with its only method, deflate (RFC 1952, 2.3.1).
const GZIP: &[u8] = &[0x1F, 0x8B, 8];
/// The Zstandard magic (RFC 8878, 3.1.1).
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
/// The largest window a Zstandard frame may ask for: 2 to the 27 bytes, the reference decoder's own bound.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
}

impl Packing {
    /// How an input that begins so is packed; `None` where it is not.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        match start {
            _ if start.starts_with(GZIP) => Some(Self::Gzip),
            _ if start.starts_with(ZSTD) => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What `input` holds.
    ///
    /// # Errors
    /// When the decoder cannot be made.
    pub(super) fn unpack(self, input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(input))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}
