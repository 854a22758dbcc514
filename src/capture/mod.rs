//! Here is a file or a wire: what frames?
//!
//! Sources [`fill`](Source::fill) batches: the bytes of many frames in one buffer that is used again, so
//! that a frame costs no allocation and a batch can be handed to another thread whole.
//!
//! ```text
//! bytes -- open --> unpack (gz, zst) --> pcap or pcapng step by step -- Records --> Batch
//! wire  -- Live::poll (libpcap) ----------------------------------------------------> Batch
//! ```
//!
//! A format (`pcap`, `pcapng`) only tells what stands at the start of some bytes; `records` reads the input
//! straight into the batch, lets the format walk over it, and keeps the half record at the end for the next
//! batch. So a frame is copied once, out of the kernel, and both formats share what is said about cuts,
//! malformed lengths and memory.

mod batch;
#[cfg(feature = "live")]
mod bpf;
#[cfg(feature = "live")]
pub mod live;
mod open;
mod pcap;
mod pcapng;
mod records;
#[cfg(test)]
mod testing;
mod unpack;

pub use batch::Batch;
#[cfg(feature = "live")]
pub use bpf::{Bpf, BpfError};
pub use open::{Opened, open};

use crate::time::Timestamp;

/// The longest frame that is believed: libpcap's bound (MAXIMUM_SNAPLEN).
pub const MAX_FRAME: usize = 262_144;

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

    /// Its LINKTYPE_ value; 101 for every raw one.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Loop => 108,
            Self::Sll => 113,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::Sll2 => 276,
            Self::Other(value) => value,
        }
    }
}

/// Something that yields frames: a file in one of the formats, a stream, a live interface.
pub trait Source: Send {
    /// Restarts `batch` and fills it with the next frames; an empty batch means the end.
    ///
    /// # Errors
    /// When reading fails or a record cannot be, after the frames before it were delivered. A capture that
    /// ends in the middle of a frame is no error: the frames before the cut are delivered and
    /// [`Source::cut`] tells of the rest.
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
