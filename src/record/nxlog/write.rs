//! Our records in NXLog's form.

use crate::modbus::Body;
use crate::record::json::{write_escaped, write_fact, write_text};
use crate::record::schema::{Guard, Native, Side};
use crate::record::{Fact, Record};
use crate::time::{Offset, Timestamp};
use std::io::Write;

/// What NXLog says of itself in every record.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// `SourceModuleName`: how the operator calls this input.
    pub name: &'a str,
    /// `EventReceivedTime`; left out where nobody knows it.
    pub received: Option<Timestamp>,
    /// The zone that times are written in.
    pub offset: Offset,
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
    write_time(record.message().time, module.offset, out);
    for native in ENVELOPE {
        write_field(native.row().key.text(), record.native(native), out);
    }
    write_words(record, guard, out);
    if let Some(received) = module.received {
        out.extend_from_slice(b",\"EventReceivedTime\":");
        write_time(received, module.offset, out);
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
        let fact = match record.native(native) {
            // Sub-functions above 255 and coil values that are neither ON nor OFF have no label.
            Fact::Absent if native == Native::Diagnostic => record.native(Native::SubFunction),
            Fact::Absent if native == Native::OutputValue => record.native(Native::Value),
            fact => fact,
        };
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
                match element {
                    // A mark in place of a secret.
                    Fact::Text(text) => write_escaped(text, out),
                    number => write_fact(number, out),
                }
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
fn write_time(time: Timestamp, offset: Offset, out: &mut Vec<u8>) {
    out.push(b'"');
    time.plus(offset.span()).write_rfc3339(out);
    // The form is fixed: nine decimals and a Z.
    out.pop();
    if time.nanos() % 1_000 == 0 {
        out.truncate(out.len() - 3);
    }
    // Writing to memory cannot fail.
    let _ = write!(out, "{offset}\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::{Kind, Mbap};
    use crate::record::Slots;
    use crate::record::samples::{SAMPLES, Sample, carrier, flow, sample};
    use bumpalo::Bump;

    /// The article's frames have no VLAN tag and a plain acknowledgement.
    fn line(sample: Sample, time: &str, mbap: Mbap) -> String {
        let received = Timestamp::parse_rfc3339("2020-09-23T09:00:00Z");
        sample.within(&flow(), &crate::net::Carrier { tcp_flags: 0x10, ..carrier() }, |message| {
            let message = crate::modbus::Message { time: Timestamp::parse_rfc3339(time).unwrap(), mbap, ..*message };
            let (slots, arena, mut out) = (Slots::new(), Bump::new(), Vec::new());
            let module = Module { name: "pcap", received, offset: Offset::UTC };
            assert!(write(&Record::new(&message, &slots, &arena), module, &mut out));
            String::from_utf8(out).unwrap()
        })
    }

    fn query(pdu: &'static [u8]) -> Sample {
        Sample { name: "", kind: Kind::Query, pdu, request: None }
    }

    #[test]
    fn the_four_records_of_the_article_come_out_field_by_field() {
        let login = b"\x10\0\x1F\0\x10\x20\0a\0b\0@\0d\0p\0@\0s\0s\0w\0o\0r\0d\x001\x002\x003\x004";
        let right = Mbap { trans_id: 10, prot_id: 0, length: 39, unit_id: 0 };
        let sent = line(query(login), "2020-09-23T08:55:39.979Z", right);
        assert_eq!(
            sent,
            concat!(
                r#"{"EventTime":"2020-09-23T08:55:39.979000+00:00","ipv4.src":"10.0.2.15","ipv4.dst":"10.0.2.24","#,
                r#""tcp.src_port":"52701","tcp.dst_port":"502","tcp.flag":"[ACK]","modbus.trans_id":"10","#,
                r#""modbus.prot_id":"0","modbus.length":"39","modbus.unit_id":"0","#,
                r#""modbus.function_code":"Write Multiple Registers (16)","#,
                r#""modbus.query.write_multiple_registers.starting_address":"31","#,
                r#""modbus.query.write_multiple_registers.qty_of_regs":"16","#,
                r#""modbus.query.write_multiple_registers.byte_count":"32","#,
                r#""modbus.query.write_multiple_registers.registers":"97, 98, 64, 100, 112, 64, 115, 115, 119, 111, "#,
                r#"114, 100, 49, 50, 51, 52","EventReceivedTime":"2020-09-23T09:00:00.000000+00:00","#,
                r#""SourceModuleName":"pcap","SourceModuleType":"im_pcap"}"#,
            )
        );
        let done = Sample { kind: Kind::Response, ..query(b"\x10\0\x1F\0\x10") };
        let done = line(done, "2020-09-23T08:55:39.979Z", Mbap { length: 6, ..right });
        assert!(done.contains(concat!(
            r#""ipv4.src":"10.0.2.24","ipv4.dst":"10.0.2.15","tcp.src_port":"502","tcp.dst_port":"52701","#,
            r#""tcp.flag":"[ACK]","modbus.trans_id":"10","modbus.prot_id":"0","modbus.length":"6","#,
            r#""modbus.unit_id":"0","modbus.function_code":"Write Multiple Registers (16)","#,
            r#""modbus.response.write_multiple_registers.starting_address":"31","#,
            r#""modbus.response.write_multiple_registers.qty_of_regs":"16","EventReceivedTime""#,
        )));
        let wrong = Mbap { trans_id: 7, prot_id: 0, length: 19, unit_id: 10 };
        let sent = line(sample("write registers"), "2020-09-23T09:03:17.754Z", wrong);
        assert!(sent.contains(concat!(
            r#""modbus.query.write_multiple_registers.starting_address":"31","#,
            r#""modbus.query.write_multiple_registers.qty_of_regs":"6","#,
            r#""modbus.query.write_multiple_registers.byte_count":"12","#,
            r#""modbus.query.write_multiple_registers.registers":"97, 98, 99, 100, 101, 102","EventReceivedTime""#,
        )));
        let refused = line(sample("write refused"), "2020-09-23T09:03:17.754Z", Mbap { length: 3, ..wrong });
        assert!(refused.contains(concat!(
            r#""modbus.length":"3","modbus.unit_id":"10","#,
            r#""modbus.function_code":"Write Multiple Registers Error (0x90)","#,
            r#""modbus.response.write_multiple_registers.exc_code":"Illegal Data Address (02)","EventReceivedTime""#,
        )));
    }

    #[test]
    fn every_function_has_its_words() {
        let mut words = String::new();
        for sample in SAMPLES.iter().filter(|sample| !matches!(sample.kind, Kind::Timeout | Kind::Status)) {
            let mbap = Mbap { trans_id: 7, prot_id: 0, length: 0, unit_id: 10 };
            let line = line(*sample, "2020-09-23T09:03:17.754000001Z", mbap);
            assert!(line.contains("17.754000001+00:00"));
            let (_, tail) = line.split_once(r#""modbus.function_code":"#).unwrap();
            let (own, _) = tail.split_once(r#","EventReceivedTime""#).unwrap();
            words += &format!("{}\n", own.replace(r#","modbus."#, "\n  \""));
        }
        insta::assert_snapshot!("words", words);
    }

    #[test]
    fn what_nxlog_does_not_know_has_no_form() {
        for name in ["timeout", "status"] {
            sample(name).with(|message| {
                let (slots, arena, mut out) = (Slots::new(), Bump::new(), Vec::new());
                let module = Module { name: "pcap", received: None, offset: Offset::UTC };
                assert!(!write(&Record::new(message, &slots, &arena), module, &mut out));
                assert!(out.is_empty());
            });
        }
    }
}
