//! Messages for tests: one for every layout.

use crate::modbus::{Body, Flag, Flags, Framing, Kind, Mbap, Message, Reason, Request, Status};
use crate::net::{Carrier, Direction, Endpoint, Flow, MacPair, Transport};
use crate::time::{Span, Timestamp};

/// A message by its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Function code and the bytes after it.
    pub(super) pdu: &'static [u8],
    /// The request's.
    pub(super) request: Option<&'static [u8]>,
}

const fn query(name: &'static str, pdu: &'static [u8]) -> Sample {
    Sample { name, kind: Kind::Query, pdu, request: None }
}

const fn answer(name: &'static str, pdu: &'static [u8], request: &'static [u8]) -> Sample {
    Sample { name, kind: Kind::Response, pdu, request: Some(request) }
}

const fn exception(name: &'static str, pdu: &'static [u8], request: &'static [u8]) -> Sample {
    Sample { name, kind: Kind::Exception, pdu, request: Some(request) }
}

/// `Write Multiple Registers` of "abcdef" at 31: the failed login of the NXLog article.
pub(super) const LOGIN: &[u8] = b"\x10\0\x1F\0\x06\x0C\0a\0b\0c\0d\0e\0f";
const READ_COILS: &[u8] = b"\x01\0\x13\0\x13";
const READ_HOLDING: &[u8] = b"\x03\0\x6B\0\x03";
const WRITE_COILS: &[u8] = b"\x0F\0\x13\0\x0A\x02\xCD\x01";
const WRITE_FILE: &[u8] = b"\x15\x0D\x06\0\x04\0\x07\0\x03\x06\xAF\x04\xBE\x10\x0D";
const READ_FILE: &[u8] = b"\x14\x0E\x06\0\x04\0\x01\0\x02\x06\0\x03\0\x09\0\x02";
const READ_WRITE: &[u8] = b"\x17\0\x03\0\x06\0\x0E\0\x03\x06\0\xFF\0\xFF\0\xFF";
const READ_DEVICE_ID: &[u8] = b"\x2B\x0E\x01\0";
const UMAS_STOP: &[u8] = b"\x5A\x01\x41\xFF\0";

/// The examples of the specification, mostly.
pub(super) const SAMPLES: &[Sample] = &[
    query("read coils", READ_COILS),
    answer("coils read", b"\x01\x03\xCD\x6B\x05", READ_COILS),
    query("read inputs", b"\x02\0\xC4\0\x16"),
    answer("inputs read", b"\x02\x03\xAC\xDB\x35", b"\x02\0\xC4\0\x16"),
    query("read holding", READ_HOLDING),
    answer("holding read", b"\x03\x06\x02\x2B\0\0\0\x64", READ_HOLDING),
    query("read input registers", b"\x04\0\x08\0\x01"),
    answer("input registers read", b"\x04\x02\0\x0A", b"\x04\0\x08\0\x01"),
    query("write coil", b"\x05\0\xAC\xFF\0"),
    answer("coil written", b"\x05\0\xAC\0\0", b"\x05\0\xAC\0\0"),
    query("write coil badly", b"\x05\0\xAC\x12\x34"),
    query("write register", b"\x06\0\x01\0\x41"),
    query("read exception status", b"\x07"),
    answer("exception status read", b"\x07\x6D", b"\x07"),
    query("listen only", b"\x08\0\x04\0\0"),
    answer("query data", b"\x08\0\0\xA5\x37", b"\x08\0\0\xA5\x37"),
    query("reserved diagnostics", b"\x08\x01\x2C\xA5\x37"),
    answer("event counter", b"\x0B\xFF\xFF\x01\x08", b"\x0B"),
    answer("event log", b"\x0C\x08\0\0\x01\x08\x01\x21\x20\0", b"\x0C"),
    query("write coils", WRITE_COILS),
    answer("coils written", b"\x0F\0\x13\0\x0A", WRITE_COILS),
    query("write registers", LOGIN),
    answer("registers written", b"\x10\0\x1F\0\x06", LOGIN),
    exception("write refused", b"\x90\x02", LOGIN),
    exception("no code", b"\x90", LOGIN),
    answer("server id", b"\x11\x03\x0A\xFF\x2A", b"\x11"),
    query("read file", READ_FILE),
    answer("file read", b"\x14\x0C\x05\x06\x0D\xFE\0\x20\x05\x06\x33\xCD\0\x40", READ_FILE),
    query("write file", WRITE_FILE),
    query("mask write", b"\x16\0\x04\0\xF2\0\x25"),
    query("read and write", READ_WRITE),
    answer("read and written", b"\x17\x0C\0\xFE\x0A\xCD\0\x01\0\x03\0\x0D\0\xFF", READ_WRITE),
    query("read queue", b"\x18\x04\xDE"),
    answer("queue read", b"\x18\0\x06\0\x02\x01\xB8\x12\x84", b"\x18\x04\xDE"),
    query("read device id", READ_DEVICE_ID),
    answer(
        "device id",
        b"\x2B\x0E\x01\x83\0\0\x08\0\x03A\"B\x01\x02M\xFF\x02\x02v2\x03\x01u\x04\x01p\x05\x01m\x06\0\x80\x02\x01\x02",
        READ_DEVICE_ID,
    ),
    exception("device id refused", b"\xAB\x01", READ_DEVICE_ID),
    query("canopen", b"\x2B\x0D\x01\x02"),
    query("other mei", b"\x2B\x05\x01\x02"),
    query("umas stop", UMAS_STOP),
    query("user defined", b"\x42\x01\x02\x03"),
    query("cut short", b"\x03\0"),
    Sample { name: "unsolicited", kind: Kind::Response, pdu: b"\x03\x02\0\x01", request: None },
    Sample { name: "timeout", kind: Kind::Timeout, pdu: READ_HOLDING, request: Some(READ_HOLDING) },
    Sample { name: "status", kind: Kind::Status, pdu: b"GET / HTTP/1.1", request: None },
];

/// The sample of this name.
pub(super) fn sample(name: &str) -> Sample {
    *SAMPLES.iter().find(|sample| sample.name == name).unwrap()
}

/// The article's conversation.
pub(super) fn flow() -> Flow {
    Flow {
        slot: 0,
        serial: 1,
        transport: Transport::Tcp,
        client: Endpoint { ip: [10, 0, 2, 15].into(), port: 52_701 },
        server: Endpoint { ip: [10, 0, 2, 24].into(), port: 502 },
    }
}

/// A frame with both MAC addresses and one VLAN tag.
pub(super) fn carrier() -> Carrier {
    Carrier {
        input: 0,
        frame: 6,
        time: Timestamp::from_nanos(1_600_851_339_979_000_512),
        mac: Some(MacPair { src: [8, 0, 0x27, 0xBB, 0x18, 0x24], dst: [8, 0, 0x27, 0xAA, 0x0F, 0x15] }),
        vlan: [100, 0xFFFF],
        tcp_flags: 0x18,
    }
}

impl Sample {
    /// Calls `look` with the message, in the article's conversation.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Message<'_>) -> T) -> T {
        self.within(&flow(), &carrier(), look)
    }

    /// Calls `look` with the message, in a given conversation.
    pub(super) fn within<T>(&self, flow: &Flow, carrier: &Carrier, look: impl FnOnce(&Message<'_>) -> T) -> T {
        let (function_code, data) = match self.kind {
            Kind::Status => (0, self.pdu),
            _ => self.pdu.split_first().map(|(code, data)| (*code, data)).unwrap(),
        };
        let (body, mut flags) = Body::decode(self.kind, function_code, data);
        if self.name == "unsolicited" {
            flags.set(Flag::Unsolicited);
        }
        let mbap = |pdu: &[u8]| Mbap { trans_id: 7, prot_id: 0, length: 1 + pdu.len() as u16, unit_id: 10 };
        let request = self.request.map(|pdu| {
            let (code, data) = pdu.split_first().unwrap();
            let body = Body::decode(Kind::Query, *code, data).0;
            let time = carrier.time.minus(Span::from_nanos(512_512));
            Request { time, frame: 4, mbap: mbap(pdu), function_code: *code, body }
        });
        let flags = if self.kind == Kind::Status { Flags::NONE.with(Flag::NotModbus) } else { flags };
        look(&Message {
            flow,
            carrier,
            time: carrier.time,
            index: 0,
            direction: match self.kind {
                Kind::Query | Kind::Timeout | Kind::Status => Direction::ToServer,
                Kind::Response | Kind::Exception => Direction::ToClient,
            },
            framing: Framing::of(flow.transport),
            kind: self.kind,
            status: (self.kind == Kind::Status).then_some(Status::NotModbus),
            reason: (self.kind == Kind::Timeout).then_some(Reason::Elapsed),
            mbap: mbap(self.pdu),
            function_code,
            body,
            data,
            flags,
            request,
        })
    }
}
