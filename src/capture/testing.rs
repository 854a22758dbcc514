//! Reads whole captures, for the tests of this room.

use super::{Batch, Frame, LinkType, Opened, open};
use std::io::Cursor;

/// Everything a capture told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Number, nanoseconds, link type, length on the wire and bytes of each frame.
    pub(super) frames: Vec<(u64, i64, LinkType, u32, Vec<u8>)>,
    /// The bytes left over.
    pub(super) cut: Option<u64>,
    /// What went wrong.
    pub(super) error: Option<String>,
}

/// Reads a capture to its end.
pub(super) fn read(bytes: &[u8]) -> Told {
    let Ok(Opened::Capture(mut source)) = open(Box::new(Cursor::new(bytes.to_vec()))) else { panic!("not a capture") };
    let mut batch = Batch::new();
    let mut told = Told { frames: Vec::new(), cut: None, error: None };
    loop {
        let result = source.fill(&mut batch);
        told.frames.extend(batch.frames().map(|frame| {
            let Frame { number, time, link, wire_len, bytes } = frame;
            (number, time.nanos(), link, wire_len, bytes.to_vec())
        }));
        told.error = result.err().map(|error| error.to_string());
        if told.error.is_some() || batch.is_empty() {
            told.cut = source.cut().map(|cut| cut.bytes);
            return told;
        }
    }
}
