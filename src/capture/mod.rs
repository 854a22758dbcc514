//! Here is a file or a wire: what frames?
//!
//! Sources [`fill`](Source::fill) batches: the bytes of many frames in one buffer that is used again, so
//! that a frame costs no allocation and a batch can be handed to another thread whole.

use crate::time::Timestamp;

/// One captured frame: link-layer bytes with their capture time.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its place in the input, counted from 1.
    pub number: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// What its first bytes are.
    pub link: LinkType,
    /// Its length on the wire, which a snap length may have cut.
    pub wire_len: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// The link-layer header type of a frame (tcpdump.org, LINKTYPE_ values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// 0: BSD loopback, address family in host byte order of the capturing machine.
    Null,
    /// 1: Ethernet.
    Ethernet,
    /// 101 (and 12, 14): raw IPv4 or IPv6.
    Raw,
    /// 108: OpenBSD loopback, address family in network byte order.
    Loop,
    /// 113: Linux cooked capture v1.
    Sll,
    /// 228: raw IPv4.
    Ipv4,
    /// 229: raw IPv6.
    Ipv6,
    /// 276: Linux cooked capture v2.
    Sll2,
    /// Anything else: counted, not read.
    Other(u16),
}

impl LinkType {
    /// The link type of a LINKTYPE_ value.
    #[must_use]
    pub const fn from_value(value: u16) -> Self {
        match value {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::Raw,
            108 => Self::Loop,
            113 => Self::Sll,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::Sll2,
            other => Self::Other(other),
        }
    }
}

/// Where a frame of a batch lies.
#[derive(Clone, Copy, Debug)]
struct Placed {
    time: Timestamp,
    link: LinkType,
    wire_len: u32,
    start: u32,
    len: u32,
}

/// Consecutive frames of one input in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    placed: Vec<Placed>,
    first: u64,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets its frames and keeps its memory; the next frame will be number `first`.
    pub fn restart(&mut self, first: u64) {
        self.bytes.clear();
        self.placed.clear();
        self.first = first;
    }

    /// How many frames it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.placed.len()
    }

    /// Whether it holds no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// The number of the frame after its last.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.first + self.placed.len() as u64
    }

    /// Copies a frame to the end.
    pub fn push(&mut self, time: Timestamp, link: LinkType, wire_len: u32, bytes: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        self.placed.push(Placed { time, link, wire_len, start, len: bytes.len() as u32 });
    }

    /// Its frames in order.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> {
        self.placed.iter().enumerate().map(|(index, placed)| Frame {
            number: self.first + index as u64,
            time: placed.time,
            link: placed.link,
            wire_len: placed.wire_len,
            bytes: &self.bytes[placed.start as usize..(placed.start + placed.len) as usize],
        })
    }
}

/// Something that yields frames: a file in one of the formats, a stream, a live interface.
pub trait Source: Send {
    /// Restarts `batch` and fills it with the next frames; an empty batch means the end.
    ///
    /// # Errors
    /// When reading fails. A capture that ends in the middle of a frame is no error: the frames before the
    /// cut are delivered and [`Source::cut`] tells of the rest.
    fn fill(&mut self, batch: &mut Batch) -> Result<(), CaptureError>;

    /// Bytes left over after the last whole frame, once the end was reached.
    fn cut(&self) -> Option<Cut>;
}

/// A capture that ends in the middle of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes after the last whole frame.
    pub bytes: u64,
}

/// What can go wrong while frames are read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A block or record says something that cannot be.
    #[error("{what} at byte {offset}")]
    Malformed {
        /// What is wrong, in the format's own terms.
        what: &'static str,
        /// Where, counted from 0 in the unpacked input.
        offset: u64,
    },
}
