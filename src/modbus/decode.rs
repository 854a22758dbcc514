//! Bytes to [`Body`]. It never fails: what fits is read, what does not is flagged.

use super::body::{Body, MEI_CANOPEN, MEI_DEVICE_ID};
use super::function::{ENCAPSULATED_INTERFACE_TRANSPORT, EXCEPTION_BIT, UMAS};
use super::{Flag, Flags, Kind};

/// The reference type of file records, the only one there is (6.14).
const FILE_REFERENCE: u8 = 6;
/// The records of a file are numbered 0 to 9,999 (6.14).
const FILE_RECORDS: u32 = 10_000;
/// A queue holds at most 31 registers (6.18).
const FIFO_MAX: u16 = 31;

/// A body and what is odd about it.
type Decoded<'a> = (Body<'a>, Flags);

impl<'a> Body<'a> {
    /// Takes apart `data`, the bytes after `function_code` of a message of this kind.
    ///
    /// A PDU without its fixed part is [`Body::Opaque`] and `malformed`. A PDU that is longer or shorter than its
    /// layout is read as far as it goes and gets `length_mismatch`.
    #[must_use]
    pub fn decode(kind: Kind, function_code: u8, data: &'a [u8]) -> (Self, Flags) {
        match kind {
            Kind::Query | Kind::Timeout => query(function_code, data),
            Kind::Response => response(function_code, data),
            Kind::Exception => exception(data),
            Kind::Status => (Body::Opaque(data), Flags::NONE),
        }
    }
}

fn query(function_code: u8, data: &[u8]) -> Decoded<'_> {
    match function_code {
        1 | 2 => read_query(data, 2000),
        3 | 4 => read_query(data, 125),
        5 => write_single_coil(data),
        6 => write_single(data),
        7 | 11 | 12 | 17 => (Body::Empty, exact(data)),
        8 => diagnostics(data),
        15 => write_multiple(data, 1968, |quantity| quantity.div_ceil(8)),
        16 => write_multiple(data, 123, |quantity| quantity.saturating_mul(2)),
        20 => read_file_query(data),
        21 => write_file(data),
        22 => mask_write(data),
        23 => read_write_query(data),
        24 => fifo_query(data),
        ENCAPSULATED_INTERFACE_TRANSPORT => encapsulated(data, device_id_query),
        UMAS => umas(data),
        0 | EXCEPTION_BIT.. => malformed(data),
        _ => (Body::Opaque(data), Flags::NONE),
    }
}

fn response(function_code: u8, data: &[u8]) -> Decoded<'_> {
    match function_code {
        1 | 2 => bits(data),
        3 | 4 | 23 => registers(data),
        5 => write_single_coil(data),
        6 => write_single(data),
        7 => exception_status(data),
        8 => diagnostics(data),
        11 => comm_event_counter(data),
        12 => comm_event_log(data),
        15 => write_multiple_response(data, 1968),
        16 => write_multiple_response(data, 123),
        17 => server_id(data),
        20 => read_file_response(data),
        21 => write_file(data),
        22 => mask_write(data),
        24 => fifo_response(data),
        ENCAPSULATED_INTERFACE_TRANSPORT => encapsulated(data, device_id_response),
        UMAS => umas(data),
        0 | EXCEPTION_BIT.. => malformed(data),
        _ => (Body::Opaque(data), Flags::NONE),
    }
}

/// The fixed part is missing.
fn malformed(data: &[u8]) -> Decoded<'_> {
    (Body::Opaque(data), Flags::NONE.with(Flag::Malformed))
}

/// Nothing may follow.
fn exact(rest: &[u8]) -> Flags {
    flag_if(!rest.is_empty(), Flag::LengthMismatch)
}

fn flag_if(odd: bool, flag: Flag) -> Flags {
    if odd { Flags::NONE.with(flag) } else { Flags::NONE }
}

/// The bytes that a byte count of `declared` announces, as far as they are there, and whether it told the truth.
fn counted(declared: usize, rest: &[u8]) -> (&[u8], Flags) {
    match rest.split_at_checked(declared) {
        Some((bytes, [])) => (bytes, Flags::NONE),
        Some((bytes, _)) => (bytes, Flags::NONE.with(Flag::LengthMismatch).with(Flag::ByteCountMismatch)),
        None => (rest, Flags::NONE.with(Flag::LengthMismatch).with(Flag::ByteCountMismatch)),
    }
}

/// Checks a range of addresses against the function's limit and the end of the address space (4.4).
fn range(address: u16, quantity: u16, limit: u16) -> Flags {
    let mut flags = flag_if(quantity == 0 || quantity > limit, Flag::QuantityLimit);
    flags.merge(flag_if(u32::from(address) + u32::from(quantity) > 0x1_0000, Flag::AddressWrap));
    flags
}

fn word(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

fn read_query(data: &[u8], limit: u16) -> Decoded<'_> {
    let [a0, a1, q0, q1, rest @ ..] = data else { return malformed(data) };
    let (address, quantity) = (word(*a0, *a1), word(*q0, *q1));
    let mut flags = range(address, quantity, limit);
    flags.merge(exact(rest));
    (Body::ReadQuery { address, quantity }, flags)
}

fn bits(data: &[u8]) -> Decoded<'_> {
    let [byte_count, rest @ ..] = data else { return malformed(data) };
    let (bits, flags) = counted(usize::from(*byte_count), rest);
    (Body::Bits { byte_count: *byte_count, bits }, flags)
}

fn registers(data: &[u8]) -> Decoded<'_> {
    let [byte_count, rest @ ..] = data else { return malformed(data) };
    let (registers, mut flags) = counted(usize::from(*byte_count), rest);
    flags.merge(flag_if(byte_count % 2 != 0, Flag::ByteCountMismatch));
    (Body::Registers { byte_count: *byte_count, registers }, flags)
}

fn write_single(data: &[u8]) -> Decoded<'_> {
    let [a0, a1, v0, v1, rest @ ..] = data else { return malformed(data) };
    (Body::WriteSingle { address: word(*a0, *a1), value: word(*v0, *v1) }, exact(rest))
}

fn write_single_coil(data: &[u8]) -> Decoded<'_> {
    let (body, mut flags) = write_single(data);
    if let Body::WriteSingle { value, .. } = body {
        flags.merge(flag_if(value != 0x0000 && value != 0xFF00, Flag::BadCoilValue));
    }
    (body, flags)
}

/// `bytes_for` tells how many bytes a quantity takes.
fn write_multiple(data: &[u8], limit: u16, bytes_for: impl Fn(u16) -> u16) -> Decoded<'_> {
    let [a0, a1, q0, q1, byte_count, rest @ ..] = data else { return malformed(data) };
    let (address, quantity) = (word(*a0, *a1), word(*q0, *q1));
    let (values, mut flags) = counted(usize::from(*byte_count), rest);
    flags.merge(range(address, quantity, limit));
    flags.merge(flag_if(bytes_for(quantity) != u16::from(*byte_count), Flag::ByteCountMismatch));
    (Body::WriteMultiple { address, quantity, byte_count: *byte_count, values }, flags)
}

fn write_multiple_response(data: &[u8], limit: u16) -> Decoded<'_> {
    let [a0, a1, q0, q1, rest @ ..] = data else { return malformed(data) };
    let (address, quantity) = (word(*a0, *a1), word(*q0, *q1));
    let mut flags = range(address, quantity, limit);
    flags.merge(exact(rest));
    (Body::WriteMultipleResponse { address, quantity }, flags)
}

fn exception_status(data: &[u8]) -> Decoded<'_> {
    let [status, rest @ ..] = data else { return malformed(data) };
    (Body::ExceptionStatus { status: *status }, exact(rest))
}

fn diagnostics(data: &[u8]) -> Decoded<'_> {
    let [s0, s1, rest @ ..] = data else { return malformed(data) };
    let sub_function = word(*s0, *s1);
    // 6.8.1: only Return Query Data has data of any length; sub-functions without a public layout may have any.
    let fixed = matches!(sub_function, 1..=4 | 10..=18 | 20);
    (Body::Diagnostics { sub_function, data: rest }, flag_if(fixed && rest.len() != 2, Flag::LengthMismatch))
}

fn comm_event_counter(data: &[u8]) -> Decoded<'_> {
    let [s0, s1, e0, e1, rest @ ..] = data else { return malformed(data) };
    (Body::CommEventCounter { status: word(*s0, *s1), event_count: word(*e0, *e1) }, exact(rest))
}

fn comm_event_log(data: &[u8]) -> Decoded<'_> {
    let [byte_count, s0, s1, e0, e1, m0, m1, rest @ ..] = data else { return malformed(data) };
    // The byte count counts the three words before the events, too; at most 64 events (6.10).
    let (events, mut flags) = counted(usize::from(byte_count.saturating_sub(6)), rest);
    flags.merge(flag_if(*byte_count < 6, Flag::ByteCountMismatch));
    flags.merge(flag_if(*byte_count > 6 + 64, Flag::QuantityLimit));
    let (status, event_count, message_count) = (word(*s0, *s1), word(*e0, *e1), word(*m0, *m1));
    (Body::CommEventLog { byte_count: *byte_count, status, event_count, message_count, events }, flags)
}

fn server_id(data: &[u8]) -> Decoded<'_> {
    let [byte_count, rest @ ..] = data else { return malformed(data) };
    let (data, flags) = counted(usize::from(*byte_count), rest);
    (Body::ServerId { byte_count: *byte_count, data }, flags)
}

fn read_file_query(data: &[u8]) -> Decoded<'_> {
    let [byte_count, rest @ ..] = data else { return malformed(data) };
    let (groups, mut flags) = counted(usize::from(*byte_count), rest);
    flags.merge(flag_if(!(7..=0xF5).contains(byte_count), Flag::QuantityLimit));
    let body = Body::ReadFileQuery { byte_count: *byte_count, groups };
    flags.merge(file_group_flags(&body));
    (body, flags)
}

fn read_file_response(data: &[u8]) -> Decoded<'_> {
    let [byte_count, rest @ ..] = data else { return malformed(data) };
    let (groups, mut flags) = counted(usize::from(*byte_count), rest);
    let body = Body::ReadFileResponse { byte_count: *byte_count, groups };
    flags.merge(file_group_flags(&body));
    flags.merge(file_data_flags(&body));
    (body, flags)
}

fn write_file(data: &[u8]) -> Decoded<'_> {
    let [byte_count, rest @ ..] = data else { return malformed(data) };
    let (groups, mut flags) = counted(usize::from(*byte_count), rest);
    flags.merge(flag_if(!(9..=0xFB).contains(byte_count), Flag::QuantityLimit));
    let body = Body::WriteFile { byte_count: *byte_count, groups };
    flags.merge(file_group_flags(&body));
    flags.merge(file_data_flags(&body));
    (body, flags)
}

/// What is odd about reference types, record numbers and the bytes left over after the last group.
fn file_group_flags(body: &Body<'_>) -> Flags {
    let mut flags = Flags::NONE;
    let mut groups = body.file_groups();
    for group in groups.by_ref() {
        flags.merge(flag_if(group.reference_type != FILE_REFERENCE, Flag::Malformed));
        if let Some((_, record)) = group.place {
            flags.merge(flag_if(u32::from(record) + u32::from(group.length) > FILE_RECORDS, Flag::AddressWrap));
        }
    }
    flags.merge(flag_if(!groups.rest().is_empty(), Flag::ByteCountMismatch));
    flags
}

/// Whether every group has the registers that its length announces.
fn file_data_flags(body: &Body<'_>) -> Flags {
    let whole = body.file_groups().all(|group| group.data.len() == usize::from(group.length) * 2);
    flag_if(!whole, Flag::ByteCountMismatch)
}

fn mask_write(data: &[u8]) -> Decoded<'_> {
    let [a0, a1, n0, n1, o0, o1, rest @ ..] = data else { return malformed(data) };
    (Body::MaskWrite { address: word(*a0, *a1), and_mask: word(*n0, *n1), or_mask: word(*o0, *o1) }, exact(rest))
}

fn read_write_query(data: &[u8]) -> Decoded<'_> {
    let [a0, a1, q0, q1, w0, w1, v0, v1, byte_count, rest @ ..] = data else { return malformed(data) };
    let (read_address, read_quantity) = (word(*a0, *a1), word(*q0, *q1));
    let (write_address, write_quantity) = (word(*w0, *w1), word(*v0, *v1));
    let (registers, mut flags) = counted(usize::from(*byte_count), rest);
    // 6.17: at most 125 to read and 121 to write.
    flags.merge(range(read_address, read_quantity, 125));
    flags.merge(range(write_address, write_quantity, 121));
    flags.merge(flag_if(write_quantity.saturating_mul(2) != u16::from(*byte_count), Flag::ByteCountMismatch));
    let byte_count = *byte_count;
    (Body::ReadWriteQuery { read_address, read_quantity, write_address, write_quantity, byte_count, registers }, flags)
}

fn fifo_query(data: &[u8]) -> Decoded<'_> {
    let [a0, a1, rest @ ..] = data else { return malformed(data) };
    (Body::FifoQuery { address: word(*a0, *a1) }, exact(rest))
}

fn fifo_response(data: &[u8]) -> Decoded<'_> {
    let [b0, b1, c0, c1, rest @ ..] = data else { return malformed(data) };
    let (byte_count, fifo_count) = (word(*b0, *b1), word(*c0, *c1));
    // The byte count counts the FIFO count, too.
    let (registers, mut flags) = counted(usize::from(byte_count.saturating_sub(2)), rest);
    flags.merge(flag_if(fifo_count > FIFO_MAX, Flag::QuantityLimit));
    let consistent = u32::from(byte_count) == 2 + 2 * u32::from(fifo_count);
    flags.merge(flag_if(!consistent, Flag::ByteCountMismatch));
    (Body::FifoResponse { byte_count, fifo_count, registers }, flags)
}

/// Function 43: the MEI type tells the layout; `device_id` reads that of type 14.
fn encapsulated(data: &[u8], device_id: impl Fn(&[u8]) -> Decoded<'_>) -> Decoded<'_> {
    match data {
        [] => malformed(data),
        [MEI_DEVICE_ID, rest @ ..] => match device_id(rest) {
            // The MEI type belongs to what cannot be read.
            (Body::Opaque(_), flags) => (Body::Opaque(data), flags),
            decoded => decoded,
        },
        [MEI_CANOPEN, rest @ ..] => (Body::CanOpen { data: rest }, Flags::NONE),
        [mei_type, rest @ ..] => (Body::Mei { mei_type: *mei_type, data: rest }, Flags::NONE),
    }
}

fn device_id_query(data: &[u8]) -> Decoded<'_> {
    let [code, object_id, rest @ ..] = data else { return malformed(data) };
    (Body::DeviceIdQuery { code: *code, object_id: *object_id }, exact(rest))
}

fn device_id_response(data: &[u8]) -> Decoded<'_> {
    let [code, conformity, more_follows, next_object_id, object_count, objects @ ..] = data else {
        return malformed(data);
    };
    let mut rest = objects;
    let mut flags = Flags::NONE;
    for _ in 0..*object_count {
        let [_, length, value @ ..] = rest else {
            flags.set(Flag::ByteCountMismatch);
            flags.set(Flag::LengthMismatch);
            break;
        };
        rest = value.get(usize::from(*length)..).unwrap_or_else(|| {
            flags.set(Flag::ByteCountMismatch);
            flags.set(Flag::LengthMismatch);
            &[]
        });
    }
    flags.merge(exact(rest));
    let body = Body::DeviceIdResponse {
        code: *code,
        conformity: *conformity,
        more_follows: *more_follows,
        next_object_id: *next_object_id,
        object_count: *object_count,
        objects,
    };
    (body, flags)
}

fn umas(data: &[u8]) -> Decoded<'_> {
    match data {
        [session, function, data @ ..] => (Body::Umas { session: *session, function: *function, data }, Flags::NONE),
        // Function 90 has no public layout that it could break.
        _ => (Body::Opaque(data), Flags::NONE),
    }
}

fn exception(data: &[u8]) -> Decoded<'_> {
    match data {
        [] => (Body::Exception { code: None }, Flags::NONE.with(Flag::Malformed)),
        [code, rest @ ..] => (Body::Exception { code: Some(*code) }, exact(rest)),
    }
}
