//! Here is a frame: which bytes of which conversation?
//!
//! ```text
//! Frame -- Packet::parse --> Packet -- Net::push --> fragments --> Flows --> Stream --> Chunk
//!            link, ip                  ports                        tcp
//! ```
//!
//! A [`Packet`] is what the headers say, without any state. Its [`shard`](Packet::shard) depends on its two
//! addresses only, so that both directions of a conversation and all fragments of a datagram agree on it. A
//! [`Net`] is the state of one shard: a program keeps [`SHARDS`] of them, on however many threads, and because
//! nothing in one looks at another, the chunks do not depend on how many threads there are.
//!
//! Headers are read by hand rather than with `etherparse`: half of the link types (SLL2, both loopbacks) would
//! be by hand anyway, it takes three times as long, and only a reader that knows the length on the wire can
//! tell a packet that a snap length cut from one that lies about its length. The tests hold it to `etherparse`.
//!
//! What an attacker could do to the order of bytes, and what is done about it:
//!
//! - Bytes sent twice with different content: the first copy wins and [`Event::Data`] says `conflict`.
//! - A false RST or FIN: the conversation is closed, and opens again with the next bytes.
//! - A false SYN: it counts once its handshake goes on; until then the old conversation continues.
//! - Sequence numbers out of all reach: an [`Event::Gap`], and on from there; never silence.
//! - Lengths beyond the frame: the packet is counted and left, since no host would take it.
//! - Checksums are not looked at: hosts that offload them make captures full of wrong ones.
//! - Floods of handshakes, holes or fragments: all tables are bounded and evict the least used first;
//!   conversations that have talked are evicted last.

mod counters;
mod flows;
mod fragments;
mod history;
mod ip;
mod link;
mod packet;
mod probe;
mod shard;
mod stream;
mod tcp;
#[cfg(test)]
mod testing;

pub use counters::Counters;
pub(crate) use counters::counters;
pub use packet::Packet;
pub use shard::{Config, Net};

use crate::time::Timestamp;
use std::net::IpAddr;

/// The ports of Modbus: plain (MODBUS Messaging on TCP/IP V1.0b) and inside TLS (MODBUS/TCP Security v21).
pub const SERVER_PORTS: [u16; 2] = [502, 802];

/// How many shards conversations are spread over.
pub const SHARDS: usize = 16;

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The IP address.
    pub ip: IpAddr,
    /// The TCP or UDP port.
    pub port: u16,
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// UDP datagrams between two endpoints.
    Udp,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From client to server: queries.
    ToServer,
    /// From server to client: answers.
    ToClient,
}

/// One conversation: a TCP connection from its opening to its close, or the datagrams of two UDP endpoints.
///
/// The same four addresses used again after a close are another conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its place in the flow table, small and used again: the index for per-flow state of later rooms.
    pub slot: u32,
    /// Which conversation this is; never used again, in any shard.
    pub serial: u64,
    /// TCP or UDP.
    pub transport: Transport,
    /// Who asks.
    pub client: Endpoint,
    /// Who answers.
    pub server: Endpoint,
}

/// What is known of the frame that delivered some bytes.
///
/// Bytes that waited for a hole before them are delivered by the frame that closed the hole or gave it up:
/// `frame` and `time` are its own, the rest is that of the frame they came in. A close that no frame caused
/// (expiry, eviction, end of input) carries the last frame of the conversation, with the time of the close.
#[derive(Clone, Copy, Debug)]
pub struct Carrier {
    /// Which input it is in, counted from 0.
    pub input: u32,
    /// The frame's number in its input, counted from 1.
    pub frame: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// Source and destination MAC address where the link layer has them.
    pub mac: Option<MacPair>,
    /// VLAN ids from the outermost inward; 0xFFFF where there is none.
    pub vlan: [u16; 2],
    /// TCP flag byte (CWR ECE URG ACK PSH RST SYN FIN from the high bit down); 0 for UDP.
    pub tcp_flags: u8,
}

impl Carrier {
    /// The VLAN that its hosts are in. Id 0 only carries a priority: some devices tag their frames so, and their peers'
    /// are untagged.
    #[must_use]
    pub const fn outer_vlan(&self) -> u16 {
        if self.vlan[0] == 0 { link::NO_VLAN } else { self.vlan[0] }
    }
}

/// The two MAC addresses of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacPair {
    /// Who sent it.
    pub src: [u8; 6],
    /// To whom.
    pub dst: [u8; 6],
}

/// Something that happened to a conversation, in order within each direction.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The conversation.
    pub flow: &'a Flow,
    /// The direction of the bytes.
    pub direction: Direction,
    /// The frame that delivered them.
    pub carrier: &'a Carrier,
    /// What happened.
    pub event: Event<'a>,
}

/// What happened to a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It began. Always the first event of a flow; `handshake` tells whether its SYN was seen.
    ///
    /// A conversation that goes on after its close opens again, under a new serial.
    Open {
        /// Whether the capture holds the opening of the connection.
        handshake: bool,
    },
    /// The next bytes of a TCP direction. `conflict`: a retransmission of these bytes differed (the first copy is here).
    Data {
        /// The bytes.
        bytes: &'a [u8],
        /// Whether a later copy of some bytes since the last chunk differed from the first.
        conflict: bool,
        /// Whether a snap length cut the segment after these bytes.
        truncated: bool,
    },
    /// One whole UDP datagram.
    Datagram {
        /// The payload.
        bytes: &'a [u8],
        /// Whether a snap length cut it.
        truncated: bool,
    },
    /// The capture holds packets of both ends: from now on silence is silence. Told once, for TCP only.
    BothEnds,
    /// Bytes of this direction are missing; what follows starts at a segment boundary.
    Gap {
        /// Whether a snap length cut them; else they were lost.
        cut: bool,
    },
    /// It ended.
    Close(Closing),
}

/// What ended a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// A FIN in both directions.
    Fin,
    /// A RST.
    Reset,
    /// A handshake between the same endpoints.
    Reused,
    /// Nothing came for long.
    Idle,
    /// Others needed the room.
    Evicted,
    /// The end of the input.
    End,
}

impl Closing {
    /// Whether it ended on the wire, and not only for us.
    #[must_use]
    pub const fn was_seen(self) -> bool {
        matches!(self, Self::Fin | Self::Reset | Self::Reused)
    }
}
