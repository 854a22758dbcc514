//! [`Body`] to bytes: the way back from [`decode`](super::decode).

use super::body::{Body, MEI_CANOPEN, MEI_DEVICE_ID};

impl Body<'_> {
    /// Appends the PDU: `function_code` as on the wire and what the body says, byte counts as they are written in it.
    ///
    /// A PDU that was decoded without `length_mismatch` comes back byte by byte.
    pub fn encode(&self, function_code: u8, out: &mut Vec<u8>) {
        out.push(function_code);
        match *self {
            Self::Empty => {}
            Self::ReadQuery { address, quantity } | Self::WriteMultipleResponse { address, quantity } => {
                words(out, [address, quantity]);
            }
            Self::WriteSingle { address, value } => words(out, [address, value]),
            Self::WriteMultiple { address, quantity, byte_count, values } => {
                words(out, [address, quantity]);
                led(out, byte_count, values);
            }
            Self::Bits { byte_count, bits: bytes }
            | Self::Registers { byte_count, registers: bytes }
            | Self::ServerId { byte_count, data: bytes }
            | Self::ReadFileQuery { byte_count, groups: bytes }
            | Self::ReadFileResponse { byte_count, groups: bytes }
            | Self::WriteFile { byte_count, groups: bytes } => led(out, byte_count, bytes),
            Self::ExceptionStatus { status } => out.push(status),
            Self::Diagnostics { sub_function, data } => {
                words(out, [sub_function]);
                out.extend_from_slice(data);
            }
            Self::CommEventCounter { status, event_count } => words(out, [status, event_count]),
            Self::CommEventLog { byte_count, status, event_count, message_count, events } => {
                out.push(byte_count);
                words(out, [status, event_count, message_count]);
                out.extend_from_slice(events);
            }
            Self::MaskWrite { address, and_mask, or_mask } => words(out, [address, and_mask, or_mask]),
            Self::ReadWriteQuery {
                read_address,
                read_quantity,
                write_address,
                write_quantity,
                byte_count,
                registers,
            } => {
                words(out, [read_address, read_quantity, write_address, write_quantity]);
                led(out, byte_count, registers);
            }
            Self::FifoQuery { address } => words(out, [address]),
            Self::FifoResponse { byte_count, fifo_count, registers } => {
                words(out, [byte_count, fifo_count]);
                out.extend_from_slice(registers);
            }
            Self::DeviceIdQuery { code, object_id } => out.extend([MEI_DEVICE_ID, code, object_id]),
            Self::DeviceIdResponse { code, conformity, more_follows, next_object_id, object_count, objects } => {
                out.extend([MEI_DEVICE_ID, code, conformity, more_follows, next_object_id, object_count]);
                out.extend_from_slice(objects);
            }
            Self::CanOpen { data } => led(out, MEI_CANOPEN, data),
            Self::Mei { mei_type, data } => led(out, mei_type, data),
            Self::Umas { session, function, data } => {
                out.extend([session, function]);
                out.extend_from_slice(data);
            }
            Self::Exception { code } => out.extend(code),
            Self::CutShort { data, .. } | Self::Opaque(data) => out.extend_from_slice(data),
        }
    }
}

/// The byte that leads, mostly a byte count, and the bytes after it.
fn led(out: &mut Vec<u8>, first: u8, bytes: &[u8]) {
    out.push(first);
    out.extend_from_slice(bytes);
}

fn words<const N: usize>(out: &mut Vec<u8>, words: [u16; N]) {
    for word in words {
        out.extend(word.to_be_bytes());
    }
}
