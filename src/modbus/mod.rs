//! Here are stream bytes: what was asked, what was answered?
//!
//! ```text
//!  Chunk -> framing -> ADU -> Body::decode -> joining -> Message
//! ```
//!
//! - [`function`] is the one table of function codes: names, labels, categories, access, tables.
//! - `framing` cuts a direction's bytes into ADUs and finds its step again where it was lost; `rtu` cuts frames of
//!   serial lines.
//! - [`Body`] is what a PDU says. Decoding it never fails: what does not fit is a [`Flag`].
//! - `join` finds the request that an answer belongs to among those `pending` in its `conversation`, and tells which
//!   were never answered.
//! - `status` says what happens besides messages; `pairs` knows who talked to whom before.
//! - [`Pairing`] is all of that for one shard. It holds the room's state, bounded by the constants beside it;
//!   [`Counters`] tell what was dropped.
//!
//! Section numbers refer to the MODBUS Application Protocol Specification V1.1b3 (2012).

mod blocks;
mod body;
mod contradiction;
mod conversation;
mod counters;
mod decode;
mod encode;
mod framing;
pub mod function;
mod join;
mod pace;
mod pairing;
mod pairs;
mod pending;
#[cfg(test)]
mod plant;
mod rtu;
mod status;

pub use body::{Body, DeviceObject, DeviceObjects, FileGroup, FileGroups, Values};
pub use counters::Counters;
pub use function::{Access, Category, Function, Table};
pub use join::{Config, MISMATCH_REACH, OPEN_PER_CONVERSATION};
pub use pairing::{CONVERSATIONS_PER_SHARD, OPEN_PER_SHARD, Pairing, TIMEOUTS_PER_TICK};
pub use pairs::{MACS_PER_END, PAIRS_PER_SHARD};

use crate::net::{Carrier, Closing, Direction, Flow, Transport};
use crate::time::Timestamp;

/// The MBAP header (MODBUS Messaging on TCP/IP V1.0b, 3.1.3), unit identifier included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mbap {
    /// Transaction identifier.
    pub trans_id: u16,
    /// Protocol identifier, 0 for Modbus.
    pub prot_id: u16,
    /// Bytes that follow the length field: unit identifier and PDU.
    pub length: u16,
    /// Unit identifier.
    pub unit_id: u8,
}

/// One PDU with its header, as it was framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    /// The header it came with.
    pub mbap: Mbap,
    /// Its function code as on the wire.
    pub function_code: u8,
    /// The bytes after it.
    pub data: &'a [u8],
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A request from client to server.
    Query,
    /// A normal answer.
    Response,
    /// An exception answer.
    Exception,
    /// A request that was not answered in time; the message repeats the request.
    Timeout,
    /// Not a PDU: something happened, a [`Status`].
    Status,
}

/// How ADUs are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Framing {
    /// By MBAP headers, over TCP.
    Tcp,
    /// By MBAP headers, over UDP.
    Udp,
    /// By CRC, over TCP: there is no header, only a unit.
    Rtu,
}

/// Something that happened, other than a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// A TCP connection was opened, or found open.
    ConnectionOpen,
    /// A TCP connection ended, other than by the end of the input.
    ConnectionClose,
    /// Bytes of a connection are missing from the capture.
    Gap,
    /// A connection carries something else than Modbus.
    NotModbus,
    /// A length field that no ADU can have.
    BadLength,
    /// A connection is encrypted.
    Tls,
    /// A client and a server talk that did not before.
    NewPair,
    /// A client asks that did not before. Of one shard: a [`perhaps`](Self::is_perhaps).
    NewClient,
    /// A server answers that did not before. Of one shard: a [`perhaps`](Self::is_perhaps).
    NewServer,
    /// A host sends from another hardware address. Of one shard: a [`perhaps`](Self::is_perhaps).
    MacChange,
    /// A register, coil or input has another value than the last one seen. Told by who remembers values.
    RegisterChange,
}

/// Why a status or a timeout is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// A connection opened with a SYN.
    Handshake,
    /// A connection was found open.
    MidStream,
    /// The time for an answer is over.
    Elapsed,
    /// The connection ended with a FIN in both directions.
    Fin,
    /// The connection ended with a RST.
    Reset,
    /// The connection's endpoints began another one.
    Reused,
    /// Nothing came for long.
    Idle,
    /// Others needed the room.
    Evicted,
    /// The input ended.
    End,
}

/// The request that a message answers.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// In which frame it was complete.
    pub frame: u64,
    /// Its header.
    pub mbap: Mbap,
    /// Its function code as on the wire.
    pub function_code: u8,
    /// What it asked.
    pub body: Body<'a>,
}

/// One ADU, decoded, with its request's context: what the record is a flat view of.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The conversation.
    pub flow: &'a Flow,
    /// The frame that completed it.
    pub carrier: &'a Carrier,
    /// When: the carrier's time, but for a timeout the moment it was known.
    pub time: Timestamp,
    /// Its place among the messages that its frame completed, counted from 0.
    pub index: u16,
    /// Which way its frame went.
    pub direction: Direction,
    /// How it was framed.
    pub framing: Framing,
    /// What it is.
    pub kind: Kind,
    /// What happened, for a status.
    pub status: Option<Status>,
    /// Why, for a timeout or a status that has a reason.
    pub reason: Option<Reason>,
    /// Its header.
    pub mbap: Mbap,
    /// The function code as on the wire, exception bit included.
    pub function_code: u8,
    /// What it says.
    pub body: Body<'a>,
    /// The PDU's bytes after the function code.
    pub data: &'a [u8],
    /// What is odd about it.
    pub flags: Flags,
    /// For a matched answer, its request; for a timeout, the request itself.
    pub request: Option<Request<'a>>,
}

impl<'a> Message<'a> {
    /// What is known of its function code.
    #[must_use]
    pub fn function(&self) -> &'static Function {
        Function::of(self.function_code)
    }

    /// What it does to the device; of function 43 the MEI type tells.
    #[must_use]
    pub fn access(&self) -> Access {
        let identifies = |body: &Body<'_>| body.mei_type() == Some(body::MEI_DEVICE_ID);
        if identifies(&self.body) || self.request.is_some_and(|request| identifies(&request.body)) {
            return Access::Identification;
        }
        self.function().access
    }

    /// Who gave its function its meaning; of functions 8 and 43 sub-function and MEI type tell (Annex A).
    #[must_use]
    pub fn category(&self) -> Category {
        let says = |body: &Body<'_>| match (body.sub_function(), body.mei_type()) {
            (Some(5..=9 | 19 | 21..), _) => true,
            (_, Some(mei_type)) => !matches!(mei_type, body::MEI_CANOPEN | body::MEI_DEVICE_ID),
            _ => false,
        };
        if says(&self.body) || self.request.is_some_and(|request| says(&request.body)) {
            return Category::Reserved;
        }
        self.function().category
    }

    /// The values it carries. The padding of an answer's bits is left out where the request tells how many were asked
    /// for.
    #[must_use]
    pub fn values(&self) -> Values<'a> {
        match (self.body.values(self.function_code), self.request.and_then(|request| request.body.quantity())) {
            (Values::Bits { bytes, count }, Some(quantity)) => Values::Bits { bytes, count: count.min(quantity) },
            (values, _) => values,
        }
    }
}

impl<'a> Request<'a> {
    /// The values it carried.
    #[must_use]
    pub fn values(&self) -> Values<'a> {
        self.body.values(self.function_code)
    }
}

impl Kind {
    /// Every kind, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Query, "query"),
        (Self::Response, "response"),
        (Self::Exception, "exception"),
        (Self::Timeout, "timeout"),
        (Self::Status, "status"),
    ];
}

impl Framing {
    /// Every framing, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 3] = [(Self::Tcp, "tcp"), (Self::Udp, "udp"), (Self::Rtu, "rtu")];

    /// How ADUs with a header are framed over this transport.
    #[must_use]
    pub const fn of(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
        }
    }
}

impl Status {
    /// Every status, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::ConnectionOpen, "connection_open"),
        (Self::ConnectionClose, "connection_close"),
        (Self::Gap, "gap"),
        (Self::NotModbus, "not_modbus"),
        (Self::BadLength, "bad_length"),
        (Self::Tls, "tls"),
        (Self::NewPair, "new_pair"),
        (Self::NewClient, "new_client"),
        (Self::NewServer, "new_server"),
        (Self::MacChange, "mac_change"),
        (Self::RegisterChange, "register_change"),
    ];

    /// Whether a shard can only say "perhaps": it does not know all conversations of a host, and somebody who does
    /// has to decide.
    #[must_use]
    pub const fn is_perhaps(self) -> bool {
        matches!(self, Self::NewClient | Self::NewServer | Self::MacChange)
    }
}

impl Reason {
    /// Every reason, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Handshake, "handshake"),
        (Self::MidStream, "midstream"),
        (Self::Elapsed, "elapsed"),
        (Self::Fin, "fin"),
        (Self::Reset, "reset"),
        (Self::Reused, "reused"),
        (Self::Idle, "idle"),
        (Self::Evicted, "evicted"),
        (Self::End, "end"),
    ];
}

impl From<Closing> for Reason {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::Fin => Self::Fin,
            Closing::Reset => Self::Reset,
            Closing::Reused => Self::Reused,
            Closing::Idle => Self::Idle,
            Closing::Evicted => Self::Evicted,
            Closing::End => Self::End,
        }
    }
}

/// What is odd about a message: a set of [`Flag`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

/// One oddity. The order is the bit order in [`Flags`] and the order of `modbus.flags` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// The PDU does not follow its function's layout.
    Malformed,
    /// A snap length cut it.
    Truncated,
    /// MBAP length and PDU layout disagree.
    LengthMismatch,
    /// The byte count disagrees with the quantity or with the bytes.
    ByteCountMismatch,
    /// The quantity is 0 or over the function's limit.
    QuantityLimit,
    /// Address plus quantity passes 65,536.
    AddressWrap,
    /// A single coil's value is neither 0x0000 nor 0xFF00.
    BadCoilValue,
    /// The answer's function differs from the request's.
    FunctionMismatch,
    /// The answer's unit differs from the request's.
    UnitMismatch,
    /// The answer's address, quantity or value differs from the request's.
    ValueMismatch,
    /// An answer to no request that was seen.
    Unsolicited,
    /// An answer that was given before.
    Duplicate,
    /// An answer after its request's time was out.
    Late,
    /// A retransmission of its bytes differed from the first copy.
    RetransmitConflict,
    /// The first message after lost bytes.
    AfterGap,
    /// A request to unit 0, which nobody answers.
    Broadcast,
    /// These bytes are no Modbus.
    NotModbus,
    /// An exception code that its function does not have.
    BadExceptionCode,
    /// An answer that took ten times as long as is usual in its conversation.
    Slow,
}

impl Flag {
    /// Every flag in bit order with the name that rules use.
    pub const ALL: [(Self, &'static str); 19] = [
        (Self::Malformed, "malformed"),
        (Self::Truncated, "truncated"),
        (Self::LengthMismatch, "length_mismatch"),
        (Self::ByteCountMismatch, "byte_count_mismatch"),
        (Self::QuantityLimit, "quantity_limit"),
        (Self::AddressWrap, "address_wrap"),
        (Self::BadCoilValue, "bad_coil_value"),
        (Self::FunctionMismatch, "function_mismatch"),
        (Self::UnitMismatch, "unit_mismatch"),
        (Self::ValueMismatch, "value_mismatch"),
        (Self::Unsolicited, "unsolicited"),
        (Self::Duplicate, "duplicate"),
        (Self::Late, "late"),
        (Self::RetransmitConflict, "retransmit_conflict"),
        (Self::AfterGap, "after_gap"),
        (Self::Broadcast, "broadcast"),
        (Self::NotModbus, "not_modbus"),
        (Self::BadExceptionCode, "bad_exception_code"),
        (Self::Slow, "slow"),
    ];
}

impl Flags {
    /// No oddity.
    pub const NONE: Self = Self(0);

    /// With `flag` added.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | 1 << flag as u8)
    }

    /// Adds `flag`.
    pub const fn set(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u8;
    }

    /// Adds all of `other`.
    pub const fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Without those of `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `flag` is in it.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & 1 << flag as u8 != 0
    }

    /// Whether nothing is odd.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits, flag `n` of [`Flag::ALL`] at bit `n`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}
