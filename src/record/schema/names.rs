//! NXLog's names: `modbus.query.write_multiple_registers.starting_address` is `modbus.address` of a query of function 16.

use super::table::Native;
use crate::modbus::function::{ENCAPSULATED_INTERFACE_TRANSPORT, Function};

/// Which side's words a message uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::record) enum Side {
    /// `modbus.query.…`
    Query,
    /// `modbus.response.…`, a normal answer.
    Response,
    /// `modbus.response.….exc_code`.
    Exception,
}

/// A function as NXLog's names tell them apart: the code, and for function 43 the MEI type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::record) struct Wording(u8);

/// What a message must be to have a field under an NXLog name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::record) struct Guard {
    pub(in crate::record) side: Side,
    pub(in crate::record) wording: Wording,
}

/// Function 43/13.
const CANOPEN: Wording = Wording(128);
/// Function 43/14.
const DEVICE_ID: Wording = Wording(129);

type Words = &'static [(&'static str, Native)];

/// The words of one function.
struct Entry {
    wording: Wording,
    query: Words,
    response: Words,
}

const fn both(code: u8, words: Words) -> Entry {
    Entry { wording: Wording(code), query: words, response: words }
}

const fn entry(code: u8, query: Words, response: Words) -> Entry {
    Entry { wording: Wording(code), query, response }
}

const REGISTERS_READ: Words = &[("byte_count", Native::ByteCount), ("registers", Native::Values)];
const REGISTERS_ASKED: Words = &[("starting_address", Native::Address), ("qty_of_regs", Native::Quantity)];
const DATA: Words = &[("data", Native::Data)];
const GROUPS: Words =
    &[("byte_count", Native::ByteCount), ("sub_requests", Native::SubRequests), ("records", Native::Records)];
const DEVICE_ID_ASKED: Words = &[("read_device_id_code", Native::ReadDeviceIdCode), ("object_id", Native::ObjectId)];

/// The words of every function that has its own. All other functions have `data` alone, and every function may have
/// `data` beside its words: the bytes of a PDU that does not follow its layout.
const ENTRIES: &[Entry] = &[
    entry(
        1,
        &[("starting_address", Native::Address), ("qty_of_coils", Native::Quantity)],
        &[("byte_count", Native::ByteCount), ("coil_status", Native::Values)],
    ),
    entry(
        2,
        &[("starting_address", Native::Address), ("qty_of_inputs", Native::Quantity)],
        &[("byte_count", Native::ByteCount), ("input_status", Native::Values)],
    ),
    entry(3, REGISTERS_ASKED, REGISTERS_READ),
    entry(4, REGISTERS_ASKED, REGISTERS_READ),
    both(5, &[("output_address", Native::Address), ("output_value", Native::OutputValue)]),
    both(6, &[("register_address", Native::Address), ("register_value", Native::Value)]),
    entry(7, &[], &[("output_data", Native::DeviceStatus)]),
    both(8, &[("sub_function", Native::Diagnostic), ("data", Native::Data)]),
    entry(11, &[], &[("status", Native::DeviceStatus), ("event_count", Native::EventCount)]),
    entry(
        12,
        &[],
        &[
            ("byte_count", Native::ByteCount),
            ("status", Native::DeviceStatus),
            ("event_count", Native::EventCount),
            ("message_count", Native::MessageCount),
            ("events", Native::Events),
        ],
    ),
    entry(
        15,
        &[
            ("starting_address", Native::Address),
            ("qty_of_outputs", Native::Quantity),
            ("byte_count", Native::ByteCount),
            ("outputs", Native::Values),
        ],
        &[("starting_address", Native::Address), ("qty_of_outputs", Native::Quantity)],
    ),
    entry(
        16,
        &[
            ("starting_address", Native::Address),
            ("qty_of_regs", Native::Quantity),
            ("byte_count", Native::ByteCount),
            ("registers", Native::Values),
        ],
        REGISTERS_ASKED,
    ),
    entry(17, &[], &[("byte_count", Native::ByteCount), ("server_id", Native::ServerId)]),
    entry(
        20,
        &[("byte_count", Native::ByteCount), ("sub_requests", Native::SubRequests)],
        &[("byte_count", Native::ByteCount), ("records", Native::Records)],
    ),
    both(21, GROUPS),
    both(22, &[("reference_address", Native::Address), ("and_mask", Native::AndMask), ("or_mask", Native::OrMask)]),
    entry(
        23,
        &[
            ("read_starting_address", Native::ReadAddress),
            ("qty_to_read", Native::ReadQuantity),
            ("write_starting_address", Native::Address),
            ("qty_to_write", Native::Quantity),
            ("write_byte_count", Native::ByteCount),
            ("write_registers", Native::Values),
        ],
        REGISTERS_READ,
    ),
    entry(
        24,
        &[("fifo_pointer_address", Native::Address)],
        &[("byte_count", Native::ByteCount), ("fifo_count", Native::FifoCount), ("registers", Native::Values)],
    ),
    both(ENCAPSULATED_INTERFACE_TRANSPORT, &[("mei_type", Native::MeiType), ("data", Native::Data)]),
    both(90, &[("session", Native::UmasSession), ("umas_function", Native::UmasFunction), ("data", Native::Data)]),
    both(CANOPEN.0, DATA),
    entry(
        DEVICE_ID.0,
        DEVICE_ID_ASKED,
        &[
            ("read_device_id_code", Native::ReadDeviceIdCode),
            ("conformity_level", Native::ConformityLevel),
            ("more_follows", Native::MoreFollows),
            ("next_object_id", Native::NextObjectId),
            ("number_of_objects", Native::NumberOfObjects),
            ("vendor_name", Native::VendorName),
            ("product_code", Native::ProductCode),
            ("major_minor_revision", Native::MajorMinorRevision),
            ("vendor_url", Native::VendorUrl),
            ("product_name", Native::ProductName),
            ("model_name", Native::ModelName),
            ("user_application_name", Native::UserApplicationName),
        ],
    ),
];

impl Wording {
    /// The wording of a function code (its exception bit is not looked at) with this MEI type.
    pub(in crate::record) fn of(function_code: u8, mei_type: Option<u8>) -> Self {
        match (function_code & 0x7F, mei_type) {
            (ENCAPSULATED_INTERFACE_TRANSPORT, Some(13)) => CANOPEN,
            (ENCAPSULATED_INTERFACE_TRANSPORT, Some(14)) => DEVICE_ID,
            (code, _) => Self(code),
        }
    }

    /// Every wording.
    fn all() -> impl Iterator<Item = Self> {
        (0..=DEVICE_ID.0).map(Self)
    }

    /// The word in field names.
    pub(in crate::record) fn name(self) -> &'static str {
        match self {
            CANOPEN => "canopen_general_reference",
            DEVICE_ID => "read_device_identification",
            Self(code) => Function::of(code).snake_name,
        }
    }
}

impl Side {
    /// The word in field names.
    pub(in crate::record) fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Response | Self::Exception => "response",
        }
    }
}

impl Guard {
    /// The words of such a message with the fields they stand for, in NXLog's order.
    pub(in crate::record) fn words(self) -> impl Iterator<Item = (&'static str, Native)> {
        let entry = ENTRIES.iter().find(|entry| entry.wording == self.wording);
        let words: Words = match (self.side, entry) {
            (Side::Query, Some(entry)) => entry.query,
            (Side::Response, Some(entry)) => entry.response,
            (Side::Exception, _) => &[("exc_code", Native::ExcCode)],
            (_, None) => &[],
        };
        let has_data = self.side == Side::Exception || words.iter().any(|(_, native)| *native == Native::Data);
        words.iter().copied().chain((!has_data).then_some(DATA).into_iter().flatten().copied())
    }
}

/// Every NXLog name with what it stands for.
pub(in crate::record) fn all() -> impl Iterator<Item = (String, Native, Guard)> {
    Wording::all().flat_map(|wording| {
        [Side::Query, Side::Response, Side::Exception].into_iter().flat_map(move |side| {
            let guard = Guard { side, wording };
            guard
                .words()
                .map(move |(word, native)| (format!("modbus.{}.{}.{word}", side.name(), wording.name()), native, guard))
        })
    })
}
