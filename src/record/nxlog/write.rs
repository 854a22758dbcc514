//! Our records in NXLog's form.

use crate::modbus::Body;
use crate::record::json::{write_fact, write_text};
use crate::record::schema::{Guard, Native, Side};
use crate::record::{Fact, Record};
use crate::time::Timestamp;

/// What NXLog says of itself in every record.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// `SourceModuleName`: how the operator calls this input.
    pub name: &'a str,
    /// `EventReceivedTime`; left out where nobody knows it.
    pub received: Option<Timestamp>,
}

/// The fields that every record has, in NXLog's order.
const ENVELOPE: [Native; 14] = [
    Native::Ipv4Src,
    Native::Ipv4Dst,
    Native::Ipv6Src,
    Native::Ipv6Dst,
    Native::TcpSrcPort,
    Native::TcpDstPort,
    Native::TcpFlag,
    Native::UdpSrcPort,
    Native::UdpDstPort,
    Native::TransId,
    Native::ProtId,
    Native::Length,
    Native::UnitId,
    Native::FunctionCode,
];

/// From here on an object of a device's identification is the vendor's own (6.21).
const PRIVATE_OBJECTS: u8 = 0x80;

/// Appends the record as one object without a line end.
///
/// A timeout or status has no NXLog form: nothing is appended, and the answer is false.
pub fn write(record: &Record<'_>, module: Module<'_>, out: &mut Vec<u8>) -> bool {
    let Some(guard) = record.guard() else { return false };
    out.extend_from_slice(b"{\"EventTime\":");
    write_time(record.message().time, out);
    for native in ENVELOPE {
        write_field(native.row().key, record.native(native), out);
    }
    write_words(record, guard, out);
    if let Some(received) = module.received {
        out.extend_from_slice(b",\"EventReceivedTime\":");
        write_time(received, out);
    }
    out.extend_from_slice(b",\"SourceModuleName\":");
    write_text(module.name, out);
    out.extend_from_slice(b",\"SourceModuleType\":\"im_pcap\"}");
    true
}

/// The fields whose names have the function in them.
fn write_words(record: &Record<'_>, guard: Guard, out: &mut Vec<u8>) {
    let (side, function) = (guard.side.name(), guard.wording.name());
    for (word, native) in guard.words() {
        let fact = record.native(native);
        if fact != Fact::Absent {
            write_field(&format!(",\"modbus.{side}.{function}.{word}\":"), fact, out);
        }
    }
    if let (Side::Response, body @ Body::DeviceIdResponse { .. }) = (guard.side, record.message().body) {
        for object in body.device_objects().filter(|object| object.id >= PRIVATE_OBJECTS) {
            let hex: String = object.value.iter().map(|byte| format!("{byte:02x}")).collect();
            let key = format!(",\"modbus.{side}.{function}.object_{}\":", object.id);
            write_field(&key, Fact::Text(&hex), out);
        }
    }
}

/// A key with its comma and colon, and a value as a string; nothing for an absent value.
fn write_field(key: &str, fact: Fact<'_>, out: &mut Vec<u8>) {
    if fact == Fact::Absent {
        return;
    }
    out.extend_from_slice(key.as_bytes());
    match fact {
        Fact::List(list) => {
            out.push(b'"');
            for (place, element) in list.elements().enumerate() {
                if place > 0 {
                    out.extend_from_slice(b", ");
                }
                write_fact(element, out);
            }
            out.push(b'"');
        }
        Fact::Bool(_) | Fact::Int(_) | Fact::Uint(_) | Fact::Float(_) => {
            out.push(b'"');
            write_fact(fact, out);
            out.push(b'"');
        }
        text => write_fact(text, out),
    }
}

/// With microseconds as NXLog has it, and with nanoseconds where the capture has them.
fn write_time(time: Timestamp, out: &mut Vec<u8>) {
    out.push(b'"');
    time.write_rfc3339(out);
    // The form is fixed: nine decimals and a Z.
    out.pop();
    if time.nanos() % 1_000 == 0 {
        out.truncate(out.len() - 3);
    }
    out.extend_from_slice(b"+00:00\"");
}
