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
    /// A PDU without its fixed part is [`Body::CutShort`] or [`Body::Opaque`], and `malformed`. A PDU that is longer
    /// or shorter than its layout is read as far as it goes and gets `length_mismatch`.
    #[must_use]
    #[inline]
    pub fn decode(kind: Kind, function_code: u8, data: &'a [u8]) -> (Self, Flags) {
        match kind {
            Kind::Query | Kind::Timeout => query(function_code, data),
            Kind::Response => response(function_code, data),
            Kind::Exception => exception(function_code, data),
            Kind::Status => (Body::Opaque(data), Flags::NONE),
        }
    }

    /// The same into its place: a body that was just written field by field is slow to move on.
    #[inline]
    pub(super) fn decode_into(&mut self, kind: Kind, function_code: u8, data: &'a [u8]) -> Flags {
        match kind {
            Kind::Query => query_into(self, function_code, data),
            Kind::Response => response_into(self, function_code, data),
            kind => {
                let (body, flags) = Self::decode(kind, function_code, data);
                *self = body;
                flags
            }
        }
    }
}

#[inline(never)]
fn query_into<'a>(body: &mut Body<'a>, function_code: u8, data: &'a [u8]) -> Flags {
    let (decoded, flags) = query(function_code, data);
    *body = decoded;
    flags
}

#[inline(never)]
fn response_into<'a>(body: &mut Body<'a>, function_code: u8, data: &'a [u8]) -> Flags {
    let (decoded, flags) = response(function_code, data);
    *body = decoded;
    flags
}

#[inline(always)]
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

#[inline(always)]
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

/// The fixed part, which begins with an address, is not all there.
fn cut_short(data: &[u8]) -> Decoded<'_> {
    let [a0, a1, ..] = data else { return malformed(data) };
    (Body::CutShort { address: word(*a0, *a1), data }, Flags::NONE.with(Flag::Malformed))
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
    let [a0, a1, q0, q1, rest @ ..] = data else { return cut_short(data) };
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
    let [a0, a1, v0, v1, rest @ ..] = data else { return cut_short(data) };
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
    let [a0, a1, q0, q1, byte_count, rest @ ..] = data else { return cut_short(data) };
    let (address, quantity) = (word(*a0, *a1), word(*q0, *q1));
    let (values, mut flags) = counted(usize::from(*byte_count), rest);
    flags.merge(range(address, quantity, limit));
    flags.merge(flag_if(bytes_for(quantity) != u16::from(*byte_count), Flag::ByteCountMismatch));
    (Body::WriteMultiple { address, quantity, byte_count: *byte_count, values }, flags)
}

fn write_multiple_response(data: &[u8], limit: u16) -> Decoded<'_> {
    let [a0, a1, q0, q1, rest @ ..] = data else { return cut_short(data) };
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
    let [a0, a1, n0, n1, o0, o1, rest @ ..] = data else { return cut_short(data) };
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
            (Body::Opaque(_), flags) => (Body::Mei { mei_type: MEI_DEVICE_ID, data: rest }, flags),
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

fn exception(function_code: u8, data: &[u8]) -> Decoded<'_> {
    let [code, rest @ ..] = data else {
        return (Body::Exception { code: None }, Flags::NONE.with(Flag::Malformed));
    };
    let mut flags = exact(rest);
    flags.merge(flag_if(!may_refuse_with(function_code & !EXCEPTION_BIT, *code), Flag::BadExceptionCode));
    (Body::Exception { code: Some(*code) }, flags)
}

/// Whether the specification lets a function be refused with an exception code (6.1 to 6.21, 7).
fn may_refuse_with(function: u8, code: u8) -> bool {
    match (function, code) {
        // Acknowledge, busy, and what gateways say of devices behind them are no function's own.
        (_, 1 | 5 | 6 | 10 | 11) => true,
        (7 | 11 | 12 | 17, _) => code == 4,
        (8, _) => matches!(code, 3 | 4),
        (20 | 21, _) => matches!(code, 2..=4 | 8),
        (1..=6 | 15 | 16 | 22..=24 | ENCAPSULATED_INTERFACE_TRANSPORT, _) => matches!(code, 2..=4),
        // Whose exceptions nobody wrote down may be refused with any code that has a name.
        _ => matches!(code, 2..=4 | 7 | 8),
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::Small;
    use super::*;
    use proptest::prelude::*;

    fn body(kind: Kind, pdu: &[u8]) -> Body<'_> {
        let (body, flags) = Body::decode(kind, pdu[0], &pdu[1..]);
        assert_eq!(flags, Flags::NONE, "{pdu:02x?}");
        body
    }

    fn q(pdu: &[u8]) -> Body<'_> {
        body(Kind::Query, pdu)
    }

    fn r(pdu: &[u8]) -> Body<'_> {
        body(Kind::Response, pdu)
    }

    fn flags(kind: Kind, pdu: &[u8]) -> Vec<&'static str> {
        let (_, flags) = Body::decode(kind, pdu[0], &pdu[1..]);
        Flag::ALL.iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, name)| *name).collect()
    }

    #[test]
    fn what_can_be_read_of_a_pdu_that_ends_too_soon_is_read() {
        for pdu in [&[3, 0, 31, 0][..], &[16, 0, 31, 0, 2], &[6, 0, 31], &[22, 0, 31, 0, 0, 0]] {
            let (body, flags) = Body::decode(Kind::Query, pdu[0], &pdu[1..]);
            assert_eq!((body, body.address()), (Body::CutShort { address: 31, data: &pdu[1..] }, Some(31)));
            assert_eq!(flags, Flags::NONE.with(Flag::Malformed));
        }
        let (body, _) = Body::decode(Kind::Response, 3, &[6, 0, 1, 0]);
        assert_eq!(body, Body::Registers { byte_count: 6, registers: &[0, 1, 0] });
        let (body, _) = Body::decode(Kind::Response, 24, &[0, 8, 0, 3, 1, 0xB8]);
        assert_eq!(body, Body::FifoResponse { byte_count: 8, fifo_count: 3, registers: &[1, 0xB8] });
        let (body, _) = Body::decode(Kind::Response, 43, &[14, 1, 1, 0, 0, 2, 0, 2, b'A']);
        let objects: Vec<_> = body.device_objects().map(|object| (object.id, object.value)).collect();
        assert_eq!(objects, [(0, &b"A"[..])]);
    }

    #[test]
    fn an_empty_queue_is_an_answer() {
        assert_eq!(r(&[24, 0, 2, 0, 0]), Body::FifoResponse { byte_count: 2, fifo_count: 0, registers: &[] });
    }

    /// The examples of the specification, sections 6.1 to 6.21.
    #[test]
    fn the_specifications_queries_are_read() {
        use Body as B;
        assert_eq!(q(&[1, 0x00, 0x13, 0x00, 0x13]), B::ReadQuery { address: 19, quantity: 19 });
        assert_eq!(q(&[2, 0x00, 0xC4, 0x00, 0x16]), B::ReadQuery { address: 196, quantity: 22 });
        assert_eq!(q(&[3, 0x00, 0x6B, 0x00, 0x03]), B::ReadQuery { address: 107, quantity: 3 });
        assert_eq!(q(&[4, 0x00, 0x08, 0x00, 0x01]), B::ReadQuery { address: 8, quantity: 1 });
        assert_eq!(q(&[5, 0x00, 0xAC, 0xFF, 0x00]), B::WriteSingle { address: 172, value: 0xFF00 });
        assert_eq!(q(&[6, 0x00, 0x01, 0x00, 0x03]), B::WriteSingle { address: 1, value: 3 });
        for function_code in [7, 11, 12, 17] {
            assert_eq!(q(&[function_code]), B::Empty);
        }
        assert_eq!(q(&[8, 0, 0, 0xA5, 0x37]), B::Diagnostics { sub_function: 0, data: &[0xA5, 0x37] });
        assert_eq!(
            q(&[15, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01]),
            B::WriteMultiple { address: 19, quantity: 10, byte_count: 2, values: &[0xCD, 0x01] }
        );
        assert_eq!(
            q(&[16, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02]),
            B::WriteMultiple { address: 1, quantity: 2, byte_count: 4, values: &[0, 10, 1, 2] }
        );
        assert_eq!(
            q(&[20, 7, 6, 0, 4, 0, 1, 0, 2]),
            B::ReadFileQuery { byte_count: 7, groups: &[6, 0, 4, 0, 1, 0, 2] }
        );
        let groups = [6, 0, 4, 0, 7, 0, 3, 0x06, 0xAF, 0x04, 0xBE, 0x10, 0x0D];
        assert_eq!(
            q(&[[21, 13].as_slice(), &groups].concat()),
            B::WriteFile { byte_count: 13, groups: groups.as_slice() }
        );
        assert_eq!(q(&[22, 0, 4, 0, 0xF2, 0, 0x25]), B::MaskWrite { address: 4, and_mask: 0xF2, or_mask: 0x25 });
        assert_eq!(
            q(&[23, 0, 3, 0, 6, 0, 14, 0, 3, 6, 0, 255, 0, 255, 0, 255]),
            B::ReadWriteQuery {
                read_address: 3,
                read_quantity: 6,
                write_address: 14,
                write_quantity: 3,
                byte_count: 6,
                registers: &[0, 255, 0, 255, 0, 255]
            }
        );
        assert_eq!(q(&[24, 0x04, 0xDE]), B::FifoQuery { address: 1246 });
        assert_eq!(q(&[43, 14, 1, 0]), B::DeviceIdQuery { code: 1, object_id: 0 });
        assert_eq!(q(&[43, 13, 0x40, 0]), B::CanOpen { data: &[0x40, 0] });
        assert_eq!(q(&[43, 15, 0]), B::Mei { mei_type: 15, data: &[0] });
        assert_eq!(q(&[90, 1, 0x34, 0, 1]), B::Umas { session: 1, function: 0x34, data: &[0, 1] });
        assert_eq!(q(&[65, 1, 2]), B::Opaque(&[1, 2]));
    }

    #[test]
    fn the_specifications_answers_are_read() {
        use Body as B;
        assert_eq!(r(&[1, 3, 0xCD, 0x6B, 0x05]), B::Bits { byte_count: 3, bits: &[0xCD, 0x6B, 0x05] });
        assert_eq!(r(&[2, 3, 0xAC, 0xDB, 0x35]), B::Bits { byte_count: 3, bits: &[0xAC, 0xDB, 0x35] });
        assert_eq!(r(&[3, 2, 0x02, 0x2B]), B::Registers { byte_count: 2, registers: &[0x02, 0x2B] });
        assert_eq!(r(&[4, 2, 0, 10]), B::Registers { byte_count: 2, registers: &[0, 10] });
        assert_eq!(r(&[23, 2, 0, 254]), B::Registers { byte_count: 2, registers: &[0, 254] });
        assert_eq!(r(&[7, 0x6D]), B::ExceptionStatus { status: 0x6D });
        assert_eq!(r(&[11, 0xFF, 0xFF, 0x01, 0x08]), B::CommEventCounter { status: 0xFFFF, event_count: 0x108 });
        assert_eq!(
            r(&[12, 8, 0, 0, 1, 8, 1, 0x21, 0x20, 0]),
            B::CommEventLog { byte_count: 8, status: 0, event_count: 0x108, message_count: 0x121, events: &[0x20, 0] }
        );
        assert_eq!(r(&[16, 0, 1, 0, 2]), B::WriteMultipleResponse { address: 1, quantity: 2 });
        assert_eq!(r(&[17, 3, b'P', b'M', 0xFF]), B::ServerId { byte_count: 3, data: &[b'P', b'M', 0xFF] });
        let groups = [5, 6, 0x0D, 0xFE, 0x00, 0x20, 5, 6, 0x33, 0xCD, 0x00, 0x40];
        assert_eq!(
            r(&[[20, 12].as_slice(), &groups].concat()),
            B::ReadFileResponse { byte_count: 12, groups: groups.as_slice() }
        );
        assert_eq!(
            r(&[24, 0, 6, 0, 2, 0x01, 0xB8, 0x12, 0x84]),
            B::FifoResponse { byte_count: 6, fifo_count: 2, registers: &[0x01, 0xB8, 0x12, 0x84] }
        );
        assert_eq!(
            r(&[43, 14, 1, 1, 0xFF, 2, 1, 0, 2, b'A', b'B']),
            B::DeviceIdResponse {
                code: 1,
                conformity: 1,
                more_follows: 0xFF,
                next_object_id: 2,
                object_count: 1,
                objects: &[0, 2, b'A', b'B']
            }
        );
        assert_eq!(body(Kind::Exception, &[0x90, 2]), B::Exception { code: Some(2) });
    }

    #[test]
    fn limits_are_those_of_the_specification() {
        let query = |pdu: &[u8]| flags(Kind::Query, pdu);
        assert!(query(&[1, 0, 0, 0x07, 0xD0]).is_empty());
        assert_eq!(query(&[1, 0, 0, 0x07, 0xD1]), ["quantity_limit"]);
        assert!(query(&[3, 0, 0, 0, 0x7D]).is_empty());
        assert_eq!(query(&[3, 0, 0, 0, 0x7E]), ["quantity_limit"]);
        assert_eq!(query(&[3, 0, 0, 0, 0]), ["quantity_limit"]);
        assert_eq!(query(&[3, 0xFF, 0xF0, 0, 0x20]), ["address_wrap"]);
        assert!(query(&[3, 0xFF, 0xF0, 0, 0x10]).is_empty());
        assert_eq!(query(&[5, 0, 1, 0x12, 0x34]), ["bad_coil_value"]);
        assert!(query(&[6, 0, 1, 0x12, 0x34]).is_empty());
        let write = |function_code: u8, quantity: u16, bytes: u8| {
            let [high, low] = quantity.to_be_bytes();
            let head = [function_code, 0, 0, high, low, bytes];
            flags(Kind::Query, &[head.as_slice(), &vec![0; usize::from(bytes)]].concat())
        };
        assert!(write(15, 1968, 246).is_empty());
        assert_eq!(write(15, 1969, 247), ["quantity_limit"]);
        assert!(write(16, 123, 246).is_empty());
        assert_eq!(write(16, 124, 248), ["quantity_limit"]);
        assert_eq!(write(16, 2, 2), ["byte_count_mismatch"]);
        assert_eq!(write(16, 0, 0), ["quantity_limit"]);
    }

    #[test]
    fn lengths_that_lie_are_flagged_and_what_is_there_is_kept() {
        let (body, flags) = Body::decode(Kind::Response, 3, &[8, 1, 2, 3, 4]);
        assert_eq!(body, Body::Registers { byte_count: 8, registers: &[1, 2, 3, 4] });
        assert!(flags.has(Flag::ByteCountMismatch) && flags.has(Flag::LengthMismatch));
        let (body, _) = Body::decode(Kind::Response, 3, &[2, 1, 2, 3, 4]);
        assert_eq!(body, Body::Registers { byte_count: 2, registers: &[1, 2] });
        let (body, flags) = Body::decode(Kind::Query, 3, &[0, 107, 0]);
        assert_eq!(body, Body::CutShort { address: 107, data: &[0, 107, 0] });
        assert_eq!(flags, Flags::NONE.with(Flag::Malformed));
        let (body, flags) = Body::decode(Kind::Query, 3, &[0, 107, 0, 3, 0]);
        assert_eq!(body, Body::ReadQuery { address: 107, quantity: 3 });
        assert_eq!(flags, Flags::NONE.with(Flag::LengthMismatch));
        assert_eq!(self::flags(Kind::Exception, &[0x83]), ["malformed"]);
        for (code, exceptions) in [(0x83, &[1, 2, 3, 4, 5, 6, 10, 11][..]), (0x87, &[1, 4]), (0x94, &[8]), (0xC2, &[7])]
        {
            for exception in exceptions {
                assert_eq!(self::flags(Kind::Exception, &[code, *exception]), [""; 0], "{code} {exception}");
            }
        }
        for [code, exception] in [[0x83, 0], [0x83, 7], [0x83, 8], [0x87, 2], [0x88, 2], [0x94, 9], [0xC2, 99]] {
            assert_eq!(self::flags(Kind::Exception, &[code, exception]), ["bad_exception_code"], "{code} {exception}");
        }
        assert_eq!(self::flags(Kind::Query, &[0x83, 2]), ["malformed"]);
        assert_eq!(self::flags(Kind::Query, &[0, 1, 2, 3]), ["malformed"]);
        assert_eq!(self::flags(Kind::Query, &[8, 0, 4, 0]), ["length_mismatch"]);
        assert_eq!(self::flags(Kind::Query, &[20, 7, 5, 0, 4, 0, 1, 0, 2]), ["malformed"]);
        assert_eq!(self::flags(Kind::Response, &[43, 14, 1, 0]), ["malformed"]);
        assert_eq!(Body::decode(Kind::Response, 43, &[14, 1, 0]).0, Body::Mei { mei_type: 14, data: &[1, 0] });
        assert_eq!(self::flags(Kind::Response, &[24, 0, 6, 0, 3, 1, 2, 3, 4]), ["byte_count_mismatch"]);
        assert_eq!(
            self::flags(Kind::Response, &[43, 14, 1, 1, 0, 0, 2, 0, 1, b'A']),
            ["length_mismatch", "byte_count_mismatch"]
        );
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::Query), Just(Kind::Response), Just(Kind::Exception)]
    }

    /// Function codes, the public ones more often than the others.
    fn function_code() -> impl Strategy<Value = u8> {
        prop_oneof![3 => 1u8..=24, 1 => Just(43u8), 1 => any::<u8>()]
    }

    /// Data whose second byte is often a count of what follows, as many layouts have it.
    fn data() -> impl Strategy<Value = Vec<u8>> {
        let counted = |head: std::ops::Range<usize>| {
            (proptest::collection::vec(any::<u8>(), head), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(
                |(mut head, tail)| {
                    head.push(tail.len() as u8);
                    head.extend(tail);
                    head
                },
            )
        };
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..60), counted(0..1), counted(4..5), counted(8..9)]
    }

    proptest! {
        #[test]
        fn what_was_decoded_encodes_to_the_same_bytes(kind in kind(), code in function_code(), data in data()) {
            let (body, flags) = Body::decode(kind, code, &data);
            let mut pdu = Vec::new();
            body.encode(code, &mut pdu);
            prop_assert_eq!(pdu[0], code);
            if !flags.has(Flag::LengthMismatch) {
                prop_assert_eq!(&pdu[1..], data.as_slice());
            }
            let (again, _) = Body::decode(kind, code, &pdu[1..]);
            prop_assert_eq!(again, body);
            prop_assert!(Small::of(&body).is_none_or(|small| small.body() == body));
        }
    }
}
