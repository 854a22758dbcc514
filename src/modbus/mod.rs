//! Here are stream bytes: what was asked, what was answered?
//!
//! Section numbers refer to the MODBUS Application Protocol Specification V1.1b3 (2012).

use crate::net::{Carrier, Flow};
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
    /// Not a PDU: something about the connection (here: not Modbus on the port).
    Status,
}

/// What one PDU says. Slices borrow from the PDU; lengths in the PDU that disagree with its bytes are kept
/// as written and flagged on the [`Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A function without data: queries 7, 11, 12, 17.
    Empty,
    /// Queries 1, 2, 3, 4 (6.1 to 6.4).
    ReadQuery { address: u16, quantity: u16 },
    /// Responses 1, 2: bits, least significant first, padded to bytes.
    Bits { byte_count: u8, bits: &'a [u8] },
    /// Responses 3, 4, 23: big-endian registers.
    Registers { byte_count: u8, registers: &'a [u8] },
    /// Queries and responses 5, 6 (6.5, 6.6).
    WriteSingle { address: u16, value: u16 },
    /// Queries 15, 16 (6.11, 6.12): bits or registers by function.
    WriteMultiple { address: u16, quantity: u16, byte_count: u8, values: &'a [u8] },
    /// Responses 15, 16.
    WriteMultipleResponse { address: u16, quantity: u16 },
    /// Response 7 (6.7).
    ExceptionStatus { status: u8 },
    /// Queries and responses 8 (6.8).
    Diagnostics { sub_function: u16, data: &'a [u8] },
    /// Response 11 (6.9).
    CommEventCounter { status: u16, event_count: u16 },
    /// Response 12 (6.10).
    CommEventLog { byte_count: u8, status: u16, event_count: u16, message_count: u16, events: &'a [u8] },
    /// Response 17 (6.13): device specific; the run indicator is the last byte of the id where it can be told.
    ServerId { byte_count: u8, data: &'a [u8] },
    /// Query 20 (6.14): groups of 7 bytes {reference type, file, record, length}.
    ReadFileQuery { byte_count: u8, groups: &'a [u8] },
    /// Response 20: groups {length (counts the reference type), reference type, data}.
    ReadFileResponse { byte_count: u8, groups: &'a [u8] },
    /// Queries and responses 21 (6.15): groups {reference type, file, record, length, data}.
    WriteFile { byte_count: u8, groups: &'a [u8] },
    /// Queries and responses 22 (6.16).
    MaskWrite { address: u16, and_mask: u16, or_mask: u16 },
    /// Query 23 (6.17).
    ReadWriteQuery {
        read_address: u16,
        read_quantity: u16,
        write_address: u16,
        write_quantity: u16,
        byte_count: u8,
        registers: &'a [u8],
    },
    /// Query 24 (6.18).
    FifoQuery { address: u16 },
    /// Response 24.
    FifoResponse { byte_count: u16, fifo_count: u16, registers: &'a [u8] },
    /// Query 43/14 (6.21).
    DeviceIdQuery { code: u8, object_id: u8 },
    /// Response 43/14: objects {id, length, value}.
    DeviceIdResponse { code: u8, conformity: u8, more_follows: u8, next_object_id: u8, object_count: u8, objects: &'a [u8] },
    /// Queries and responses 43/13 (6.20), payload opaque (CiA 309).
    CanOpen { data: &'a [u8] },
    /// Other MEI types of function 43.
    Mei { mei_type: u8, data: &'a [u8] },
    /// Function 90 as Schneider uses it.
    Umas { session: u8, function: u8, data: &'a [u8] },
    /// An exception answer; no code where the byte is missing.
    Exception { code: Option<u8> },
    /// A function without a public layout, or a PDU whose bytes do not fit its layout: the bytes after the function code.
    Opaque(&'a [u8]),
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
    /// When: the carrier's time, but for a timeout the moment it fell due.
    pub time: Timestamp,
    /// Its place among the messages that its frame completed, counted from 0.
    pub index: u16,
    /// What it is.
    pub kind: Kind,
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
}

impl Flag {
    /// Every flag in bit order with the name that rules use.
    pub const ALL: [(Self, &'static str); 17] = [
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
