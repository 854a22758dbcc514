//! NXLog's records, turned back into what was on the wire, so that the same rules see them as see a capture.

use super::layout::{self, Fields, number};
use crate::modbus::Mbap;
use crate::net::{Direction, Endpoint, Transport};
use crate::record::schema::{Guard, Native, Side, Wording};
use crate::record::{LONGEST_LINE, moment};
use crate::time::Timestamp;
use memchr::memmem::{self, Finder};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::sync::LazyLock;

/// The bytes of a PDU after its function code never pass this (Modbus Application Protocol V1.1b3, 4.1).
const LONGEST_DATA: usize = 252;

/// What one line says was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NxlogMessage {
    /// `EventTime`.
    pub time: Timestamp,
    /// TCP or UDP.
    pub transport: Transport,
    /// Which way it went.
    pub direction: Direction,
    /// Who asks.
    pub client: Endpoint,
    /// Who answers.
    pub server: Endpoint,
    /// The TCP flag byte; 0 where the line has none.
    pub tcp_flags: u8,
    /// The header.
    pub mbap: Mbap,
    /// The function code, exception bit included.
    pub function_code: u8,
    /// The bytes after it.
    pub data: Vec<u8>,
}

/// Why a line in NXLog's form cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NxlogError {
    /// It is no JSON object.
    #[error("not a JSON object: {0}")]
    NotAnObject(#[from] serde_json::Error),
    /// A field is missing or is no value that it can have.
    #[error("no usable `{0}`")]
    Field(&'static str),
    /// The fields of the function are missing, wrong or too long for a PDU.
    #[error("the fields do not make a PDU of `{0}`")]
    Pdu(String),
}

/// Whether a line is in NXLog's form: its mark is a `modbus.trans_id` without the `modbus.kind` that our own records
/// have.
#[must_use]
pub fn is_form(line: &[u8]) -> bool {
    /// Made once: this is asked of every log line.
    static TRANSACTION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"modbus.trans_id\""));
    TRANSACTION.find(line).is_some() && memmem::find(line, b"\"modbus.kind\"").is_none()
}

/// Reads one line; `None` if it is not in NXLog's [form](is_form).
///
/// # Errors
///
/// [`NxlogError`] for a line that is, and from which the message cannot be told.
pub fn read(line: &[u8]) -> Result<Option<NxlogMessage>, NxlogError> {
    if line.len() > LONGEST_LINE || !is_form(line) {
        return Ok(None);
    }
    let line = Line::read(line)?;
    let function_code = line.byte(Native::FunctionCode)?;
    let (side, wording) = line.says(function_code);
    let guard = Guard { side, wording };
    let fields = Worded { line: &line, guard };
    let pdu = || NxlogError::Pdu(wording.name().to_owned());
    // A PDU that does not follow its layout was written as it stood.
    let data = layout::build(guard, function_code, &fields).or_else(|| layout::opaque(&fields)).ok_or_else(pdu)?;
    if data.len() > LONGEST_DATA {
        return Err(pdu());
    }
    let (transport, src, dst) = line.ends()?;
    let (direction, client, server) = match side {
        Side::Query => (Direction::ToServer, src, dst),
        Side::Response | Side::Exception => (Direction::ToClient, dst, src),
    };
    Ok(Some(NxlogMessage {
        time: ["EventTime", "EventReceivedTime"]
            .iter()
            .find_map(|key| line.text(key).and_then(moment::read_text))
            .ok_or(NxlogError::Field("EventTime"))?,
        transport,
        direction,
        client,
        server,
        tcp_flags: line.text(name(Native::TcpFlag)).map_or(0, tcp_flags),
        mbap: Mbap {
            trans_id: line.word(Native::TransId)?,
            prot_id: line.word(Native::ProtId)?,
            length: line.word(Native::Length)?,
            unit_id: line.byte(Native::UnitId)?,
        },
        function_code,
        data,
    }))
}

/// A line's keys and values as texts.
struct Line(FxHashMap<String, String>);

impl Line {
    /// NXLog writes texts; what passed other hands may have numbers for them, or an array for `97, 98`.
    fn read(line: &[u8]) -> Result<Self, NxlogError> {
        let fields: FxHashMap<String, Value> = serde_json::from_slice(line)?;
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Array(values) => {
                let texts = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                Some(texts.collect::<Vec<_>>().join(", "))
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => None,
        };
        Ok(Self(fields.into_iter().filter_map(|(key, value)| Some((key, text(value)?))).collect()))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn word(&self, native: Native) -> Result<u16, NxlogError> {
        self.text(name(native)).and_then(number).ok_or(NxlogError::Field(name(native)))
    }

    fn byte(&self, native: Native) -> Result<u8, NxlogError> {
        u8::try_from(self.word(native)?).map_err(|_| NxlogError::Field(name(native)))
    }

    /// Which words the line uses. Without any word, the function code and the server's port tell.
    fn says(&self, function_code: u8) -> (Side, Wording) {
        const EXCEPTION_BIT: u8 = 0x80;
        let wordings = [None, Some(13), Some(14)].map(|mei_type| Wording::of(function_code, mei_type));
        let uses = |side: Side, wording: Wording| {
            let prefix = format!("modbus.{}.{}.", side.name(), wording.name());
            self.0.keys().any(|key| key.starts_with(&prefix))
        };
        let answer = if function_code & EXCEPTION_BIT == 0 { Side::Response } else { Side::Exception };
        for wording in wordings {
            for side in [Side::Query, answer] {
                if uses(side, wording) {
                    return (side, wording);
                }
            }
        }
        let [plain, ..] = wordings;
        let from_server = self.text(name(Native::TcpSrcPort)).or(self.text(name(Native::UdpSrcPort))) == Some("502");
        (if answer == Side::Exception || from_server { answer } else { Side::Query }, plain)
    }

    /// Transport, sender and receiver.
    fn ends(&self) -> Result<(Transport, Endpoint, Endpoint), NxlogError> {
        let end = |v4: Native, v6: Native, port: Native| {
            let ip = self.text(name(v4)).or(self.text(name(v6))).and_then(|text| text.parse().ok());
            Ok::<_, NxlogError>(Endpoint { ip: ip.ok_or(NxlogError::Field(name(v4)))?, port: self.word(port)? })
        };
        let udp = self.text(name(Native::UdpSrcPort)).is_some();
        let (transport, src_port, dst_port) = if udp {
            (Transport::Udp, Native::UdpSrcPort, Native::UdpDstPort)
        } else {
            (Transport::Tcp, Native::TcpSrcPort, Native::TcpDstPort)
        };
        let src = end(Native::Ipv4Src, Native::Ipv6Src, src_port)?;
        Ok((transport, src, end(Native::Ipv4Dst, Native::Ipv6Dst, dst_port)?))
    }
}

/// The fields of a line whose names have the function in them.
struct Worded<'a> {
    line: &'a Line,
    guard: Guard,
}

impl Worded<'_> {
    fn word(&self, word: &str) -> Option<&str> {
        let Guard { side, wording } = self.guard;
        self.line.text(&format!("modbus.{}.{}.{word}", side.name(), wording.name()))
    }
}

impl Fields for Worded<'_> {
    fn field(&self, native: Native) -> Option<&str> {
        let (word, _) = self.guard.words().find(|(_, of)| *of == native)?;
        self.word(word)
    }

    fn object(&self, id: u8) -> Option<&str> {
        self.word(&format!("object_{id}"))
    }
}

fn name(native: Native) -> &'static str {
    native.row().name
}

/// The flag byte of `[PSH, ACK]`; names in any order, unknown ones are left out.
fn tcp_flags(text: &str) -> u8 {
    const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let names = text.trim_matches(['[', ']']).split(',').map(str::trim);
    names.filter_map(|name| NAMES.iter().position(|known| *known == name)).fold(0, |flags, bit| flags | 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::Kind;
    use crate::record::nxlog::{Module, write};
    use crate::record::samples::{SAMPLES, Sample, carrier, flow, sample};
    use crate::record::{Record, Slots};
    use bumpalo::Bump;

    fn line(sample: &Sample) -> Option<Vec<u8>> {
        sample.with(|message| {
            let (slots, arena, mut out) = (Slots::new(), Bump::new(), Vec::new());
            let module = Module { name: "pcap", received: None, offset: crate::time::Offset::UTC };
            write(&Record::new(message, &slots, &arena), module, &mut out).then_some(out)
        })
    }

    #[test]
    fn what_was_written_is_read_back_byte_by_byte() {
        for sample in SAMPLES {
            let Some(line) = line(sample) else { continue };
            // Not UTF-8, no exception code: NXLog's form cannot say these.
            if ["device id", "no code"].contains(&sample.name) {
                continue;
            }
            let message = read(&line).unwrap().unwrap();
            assert_eq!(message.function_code, sample.pdu[0], "{}", sample.name);
            assert_eq!(message.data, sample.pdu[1..], "{}", sample.name);
            let direction = if sample.kind == Kind::Query { Direction::ToServer } else { Direction::ToClient };
            assert_eq!(message.direction, direction, "{}", sample.name);
            assert_eq!((message.client, message.server), (flow().client, flow().server));
            assert_eq!((message.time, message.tcp_flags), (carrier().time, carrier().tcp_flags));
            let length = u16::try_from(sample.pdu.len() + 1).unwrap();
            assert_eq!(message.mbap, Mbap { trans_id: 7, prot_id: 0, length, unit_id: 10 });
        }
    }

    #[test]
    fn numbers_and_arrays_are_read_as_their_texts() {
        let line =
            br#"{"EventReceivedTime":"2020-09-23T09:02:13.754660Z","ipv4.src":"10.0.2.15","ipv4.dst":"10.0.2.24",
            "tcp.src_port":39565,"tcp.dst_port":502,"modbus.trans_id":7,"modbus.prot_id":0,"modbus.length":11,
            "modbus.unit_id":10,"modbus.function_code":"Write Multiple Registers (16)",
            "modbus.query.write_multiple_registers.starting_address":31,
            "modbus.query.write_multiple_registers.qty_of_regs":2,"modbus.query.write_multiple_registers.byte_count":4,
            "modbus.query.write_multiple_registers.registers":[97,98],"modbus.query.write_multiple_registers.more":1}"#;
        let message = read(line).unwrap().unwrap();
        assert_eq!(message.data, [0, 31, 0, 2, 4, 0, 97, 0, 98]);
        assert_eq!((message.mbap.trans_id, message.client.port), (7, 39_565));
    }

    #[test]
    fn objects_come_back_too() {
        let line = String::from_utf8(line(&sample("device id")).unwrap()).unwrap();
        let message = read(line.replace('\u{FFFD}', "x").as_bytes()).unwrap().unwrap();
        let sent = sample("device id").pdu[1..].iter().map(|byte| if *byte == 0xFF { b'x' } else { *byte });
        assert_eq!(message.data, sent.collect::<Vec<_>>());
    }

    #[test]
    fn other_lines_are_not_nxlog() {
        let not_ours = |line: &str| read(line.as_bytes()).unwrap().is_none();
        assert!(not_ours(r#"{"EventID":1}"#));
        assert!(not_ours(r#"{"modbus.kind":"query","modbus.trans_id":7}"#));
        assert!(not_ours("modbus"));
    }

    #[test]
    fn a_line_that_says_too_little_is_refused_with_the_reason() {
        let line = String::from_utf8(line(&sample("write registers")).unwrap()).unwrap();
        let starting = r#""modbus.query.write_multiple_registers.starting_address":"31","#;
        let many = "1, ".repeat(127);
        for (from, to, reason) in [
            ("Registers (16)", "Registers", "no usable `modbus.function_code`"),
            ("2020-", "20-", "no usable `EventTime`"),
            ("10.0.2.24", "plc", "no usable `ipv4.dst`"),
            (r#""502""#, "70000", "no usable `tcp.dst_port`"),
            (starting, "", "the fields do not make a PDU of `write_multiple_registers`"),
            ("97, 98", &many, "the fields do not make a PDU of `write_multiple_registers`"),
            ("97, 98", "97, x", "the fields do not make a PDU of `write_multiple_registers`"),
        ] {
            let wrong = line.replace(from, to);
            assert_ne!(wrong, line);
            assert_eq!(read(wrong.as_bytes()).unwrap_err().to_string(), reason);
        }
        assert!(matches!(read(br#"{"modbus.trans_id":"#), Err(NxlogError::NotAnObject(_))));
    }
}
