//! Public captures, message by message and field by field: what tshark tells, we tell. Each difference has a name, is shown
//! by the capture itself to be what the name says, and stands in a table of `docs/decoding.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{decode, shared, values};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// By what name a difference goes; the same as in the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    ExceptionJoined,
    OldestRequest,
    WithoutCode,
    BehindHole,
    OtherProtocol,
    NoFixedPart,
    NoRequest,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::ExceptionJoined => "exceptions",
            Self::OldestRequest => "equal transaction ids under way",
            Self::WithoutCode => "an exception without a code, or of a transaction with another function",
            Self::BehindHole => "bytes behind a hole",
            Self::OtherProtocol => "Modbus answers with a protocol id that is not 0, to requests that were no Modbus",
            Self::NoFixedPart => "a PDU that ends before its fixed part does",
            Self::NoRequest => "the addresses of an answer whose request was not seen",
        }
    }
}

/// Where messages differ.
#[derive(Debug, PartialEq, Eq)]
enum Where {
    /// In these frames.
    Frames(&'static [u64]),
    /// In so many, too many to be named.
    Count(usize),
}

use Where::{Count, Frames};

/// All differences there are.
const DIFFERENCES: [(&str, Reason, Where); 13] = [
    ("arkime_synthetic.pcap", Reason::WithoutCode, Frames(&[866])),
    ("arkime_synthetic.pcap", Reason::NoRequest, Frames(&[866])),
    ("emreekin_IllegalFunction.pcap", Reason::ExceptionJoined, Count(20)),
    ("emreekin_encapsulated-transport.pcap", Reason::NoFixedPart, Frames(&[6])),
    ("icsnpp_modbus_example.pcap", Reason::ExceptionJoined, Frames(&[100])),
    ("iti_modbus_test.pcap", Reason::OldestRequest, Frames(&[70])),
    ("iti_modbus_test.pcap", Reason::NoRequest, Frames(&[1])),
    ("lemay_characterization.pcap", Reason::ExceptionJoined, Count(3_329)),
    ("ndpi_modbus_2008.pcap", Reason::NoRequest, Frames(&[96, 98, 100, 102])),
    ("quickdraw_modbus_test_data_part1.pcap", Reason::ExceptionJoined, Frames(&[9, 11, 13, 16])),
    ("zeek_fuzz-1011.pcap", Reason::BehindHole, Frames(&[4])),
    ("zeek_fuzz-1011.pcap", Reason::NoRequest, Frames(&[3, 6])),
    ("zeek_modbus-and-non-modbus-p502.pcap", Reason::OtherProtocol, Frames(&[31, 41, 51, 72, 82])),
];

/// Fields that say the same under both names.
const SAME: [(&str, &str); 32] = [
    ("frame", "frame.number"),
    ("src", "src_ip"),
    ("dst", "dst_ip"),
    ("sport", "src_port"),
    ("dport", "dst_port"),
    ("proto", "modbus.framing"),
    ("trans_id", "modbus.trans_id"),
    ("prot_id", "modbus.prot_id"),
    ("length", "modbus.length"),
    ("unit_id", "modbus.unit_id"),
    ("function", "modbus.function"),
    ("exc_code", "modbus.exc"),
    ("ref", "modbus.address"),
    ("byte_count", "modbus.byte_count"),
    ("byte_count16", "modbus.byte_count"),
    ("regs", "modbus.values"),
    ("bits", "modbus.values"),
    ("value", "modbus.value"),
    ("diag_sub", "modbus.sub_function"),
    ("mei", "modbus.mei_type"),
    ("read_device_id", "modbus.read_device_id_code"),
    ("conformity", "modbus.conformity_level"),
    ("more_follows", "modbus.more_follows"),
    ("next_object_id", "modbus.next_object_id"),
    ("num_objects", "modbus.number_of_objects"),
    ("and_mask", "modbus.and_mask"),
    ("or_mask", "modbus.or_mask"),
    ("read_ref", "modbus.read_address"),
    ("read_quantity", "modbus.read_quantity"),
    ("write_ref", "modbus.address"),
    ("write_quantity", "modbus.quantity"),
    ("write_regs", "modbus.values"),
];

fn truth(captures: &Path, name: &str) -> Vec<Value> {
    let file = File::open(captures.join("truth").join(format!("{name}.truth.jsonl.gz"))).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    values(&text)
}

fn number(of: &Value, key: &str) -> u64 {
    of[key].as_u64().unwrap_or_else(|| panic!("{key} of {of}"))
}

fn flagged(record: &Value, flag: &str) -> bool {
    record["modbus.flags"].as_array().is_some_and(|flags| flags.iter().any(|it| it == flag))
}

/// What tells a message from its neighbours: frame, transaction, unit, function byte.
fn told_by_them(line: &Value) -> [u64; 4] {
    ["frame", "trans_id", "unit_id", "func_code"].map(|key| number(line, key))
}

fn told_by_us(record: &Value) -> [u64; 4] {
    let [frame, trans_id, unit_id, function] =
        ["frame.number", "modbus.trans_id", "modbus.unit_id", "modbus.function"].map(|key| number(record, key));
    [frame, trans_id, unit_id, function | if record["modbus.kind"] == "exception" { 0x80 } else { 0 }]
}

/// Why tshark has no such message.
///
/// # Panics
/// When nobody knows.
fn untold(record: &Value) -> Reason {
    if number(record, "modbus.prot_id") != 0 {
        assert!(flagged(record, "not_modbus") && flagged(record, "unsolicited"), "{record}");
        Reason::OtherProtocol
    } else if flagged(record, "after_gap") {
        Reason::BehindHole
    } else {
        assert!(record["modbus.kind"] == "exception" && flagged(record, "malformed"), "tshark has no {record}");
        // The unit and the function byte.
        assert!(record["modbus.exc"].is_null() && record["modbus.length"] == 2, "{record}");
        Reason::WithoutCode
    }
}

/// A message as both tell it.
struct Pair {
    theirs: Value,
    ours: Value,
    /// How many messages that tshark does not have stand before it in its frame.
    before: u64,
    /// Whether it or another message of its frame is malformed.
    malformed: bool,
    /// Of an answer: the frames of the queries of its stream, transaction, unit and function without an answer so far.
    waiting: Vec<u64>,
}

/// One capture as both tell it: the messages of both, in their order, and the frames of those that differ.
fn read(captures: &Path, name: &str) -> (Vec<Pair>, BTreeMap<Reason, Vec<u64>>) {
    let mut open: BTreeMap<[u64; 4], Vec<u64>> = BTreeMap::new();
    let mut differ: BTreeMap<Reason, Vec<u64>> = BTreeMap::new();
    let mut pairs = Vec::new();
    let (mut lines, mut before) = (truth(captures, name).into_iter().peekable(), (0, 0));
    let records = decode(&captures.join(name));
    let malformed = records.iter().filter(|record| flagged(record, "malformed"));
    let malformed: BTreeSet<u64> = malformed.map(|record| number(record, "frame.number")).collect();
    for ours in records {
        if matches!(ours["modbus.kind"].as_str(), Some("status" | "timeout")) {
            continue;
        }
        let frame = number(&ours, "frame.number");
        if before.0 != frame {
            before = (frame, 0);
        }
        let Some(theirs) = lines.next_if(|line| told_by_them(line) == told_by_us(&ours)) else {
            differ.entry(untold(&ours)).or_default().push(frame);
            before.1 += 1;
            continue;
        };
        let open =
            open.entry(["stream", "trans_id", "unit_id", "function"].map(|key| number(&theirs, key))).or_default();
        let waiting = open.clone();
        if theirs["kind"] == "query" {
            open.push(frame);
        } else if !open.is_empty() {
            open.remove(0);
        }
        pairs.push(Pair { theirs, ours, before: before.1, malformed: malformed.contains(&frame), waiting });
    }
    assert_eq!(lines.next(), None, "{name}: we miss this one");
    (pairs, differ)
}

impl Pair {
    /// Holds each field of the line to what the record says; tells why they differ.
    ///
    /// # Panics
    /// When they differ and nobody knows why.
    fn compare(&self, name: &str) -> Vec<Reason> {
        let Self { theirs, ours, .. } = self;
        let mut reasons = Vec::new();
        for (key, value) in theirs.as_object().unwrap() {
            let said = match SAME.iter().find(|(theirs, _)| theirs == key) {
                Some((_, key)) => ours[*key].clone(),
                None => self.said(key),
            };
            if said != *value {
                let reason = self.reason(key);
                reasons.push(reason.unwrap_or_else(|| panic!("{name}: {key} is {value}, not {said}: {theirs} {ours}")));
            }
        }
        assert_eq!(self.malformed, theirs["malformed"] == true, "{name}: {ours}");
        if theirs["kind"] != "query" {
            assert_eq!(ours["modbus.request.frame"].as_u64(), self.waiting.first().copied(), "{name}: {ours}");
            if theirs["req_frame"].is_null() && !self.waiting.is_empty() {
                assert_eq!(ours["modbus.kind"], "exception", "{name}: {ours}");
                reasons.push(Reason::ExceptionJoined);
            }
        }
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    /// What we tell of a field that is not told in the same words.
    fn said(&self, key: &str) -> Value {
        let Self { theirs, ours, .. } = self;
        match key {
            "ts" => {
                let time: jiff::Timestamp = ours["EventTime"].as_str().unwrap().parse().unwrap();
                json!(format!("{}.{:09}", time.as_second(), time.subsec_nanosecond()))
            }
            "flags" => json!(format!("{:#06x}", flag_byte(ours["tcp.flag"].as_str().unwrap()))),
            "pdu" => json!(number(ours, "frame.pdu") - self.before),
            "framing" => json!(format!("mb{}", ours["modbus.framing"].as_str().unwrap())),
            "kind" => json!(if ours["modbus.kind"] == "query" { "query" } else { "response" }),
            "exception" => json!(ours["modbus.kind"] == "exception"),
            "func_code" => json!(told_by_us(ours)[3]),
            "malformed" => json!(self.malformed),
            // Streams are compared as a whole.
            "stream" => theirs[key].clone(),
            "quantity" if !ours["modbus.fifo_count"].is_null() => ours["modbus.fifo_count"].clone(),
            "quantity" => ours["modbus.quantity"].clone(),
            "regnum0" | "bitnum0" if theirs["kind"] == "query" => ours["modbus.address"].clone(),
            "regnum0" | "bitnum0" => ours["modbus.request.address"].clone(),
            "req_frame" => ours["modbus.request.frame"].clone(),
            "rtt" => json!((ours["modbus.latency_ms"].as_f64().unwrap() * 1e6).round() / 1e9),
            "data" => json!(self.bytes()),
            // Words in hex and in decimal.
            "diag" => {
                let hex = ours["modbus.data"].as_str().unwrap();
                let word = |told: &Value| match told.as_str().unwrap().strip_prefix("0x") {
                    Some(_) => format!("0x{hex}"),
                    None => u16::from_str_radix(hex, 16).unwrap().to_string(),
                };
                theirs[key].as_object().unwrap().iter().map(|(name, told)| (name.clone(), json!(word(told)))).collect()
            }
            "objects" => objects(ours),
            // No capture has any.
            "files" => json!(ours["modbus.files"].as_array().map_or(&[][..], Vec::as_slice)),
            _ => panic!("nobody said what {key} is, in {theirs}"),
        }
    }

    /// The bytes that tshark calls data, from what they mean.
    fn bytes(&self) -> String {
        let ours = &self.ours;
        let values: Vec<u64> =
            ours["modbus.values"].as_array().into_iter().flatten().map(|value| value.as_u64().unwrap()).collect();
        match number(ours, "modbus.function") {
            5 | 6 => format!("{:04x}", number(ours, "modbus.value")),
            23 | 24 => values.iter().map(|value| format!("{value:04x}")).collect(),
            7 => format!("{:02x}", number(ours, "modbus.device_status")),
            15 => {
                let byte = |bits: &[u64]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
                values.chunks(8).map(|bits| format!("{:02x}", byte(bits))).collect()
            }
            17 => {
                let id = ours["modbus.server_id"].as_str().unwrap();
                format!("{:02x}{id}", id.len() / 2)
            }
            _ => ours["modbus.data"].as_str().unwrap().to_owned(),
        }
    }

    /// Why a field that tshark tells is another here, if that is known.
    fn reason(&self, key: &str) -> Option<Reason> {
        let Self { theirs, ours, waiting, .. } = self;
        match key {
            // Both wait, and differ in nothing that an answer repeats.
            "req_frame" | "rtt" => {
                let latest = waiting.len() > 1 && waiting.last().copied() == theirs["req_frame"].as_u64();
                latest.then_some(Reason::OldestRequest)
            }
            // After unit and function: type, code, conformity, more follows, next object, number of objects (6.21).
            "read_device_id" | "conformity" => (number(ours, "modbus.length") < 8).then_some(Reason::NoFixedPart),
            "regnum0" | "bitnum0" => (theirs[key] == 0 && waiting.is_empty()).then_some(Reason::NoRequest),
            _ => None,
        }
    }
}

/// TCP flags as the byte that they are.
fn flag_byte(text: &str) -> u8 {
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let place = |name: &str| names.iter().position(|it| *it == name).unwrap();
    text.trim_matches(['[', ']']).split(", ").fold(0, |byte, name| byte | 1 << place(name))
}

/// The objects of a device's identification, asked for or told.
fn objects(record: &Value) -> Value {
    let names = ["vendor_name", "product_code", "major_minor_revision", "vendor_url", "product_name", "model_name"];
    if record["modbus.kind"] == "query" {
        return json!([{ "id": record["modbus.object_id"] }]);
    }
    let ids = record["modbus.object_ids"].as_array().into_iter().flatten();
    ids.map(|id| {
        let value = record[format!("modbus.{}", names[id.as_u64().unwrap() as usize])].as_str().unwrap();
        json!({ "id": id, "len": value.len(), "value": value })
    })
    .collect()
}

/// The captures that tshark was asked about.
fn names(captures: &Path) -> Vec<String> {
    let files = fs::read_dir(captures.join("truth")).unwrap();
    let name = |file: fs::DirEntry| Some(file.file_name().to_str()?.strip_suffix(".truth.jsonl.gz")?.to_owned());
    let mut names: Vec<String> = files.filter_map(|file| name(file.unwrap())).collect();
    names.sort();
    names
}

fn conversations_are_streams(name: &str, pairs: &[Pair]) {
    let (mut of_stream, mut of_conversation) = (BTreeMap::new(), BTreeMap::new());
    for Pair { theirs, ours, .. } in pairs {
        let (stream, conversation) = (number(theirs, "stream"), number(ours, "modbus.conn"));
        assert_eq!(*of_stream.entry(stream).or_insert(conversation), conversation, "{name}: {theirs}");
        assert_eq!(*of_conversation.entry(conversation).or_insert(stream), stream, "{name}: {theirs}");
    }
}

#[test]
fn every_field_is_what_tshark_says_or_differs_for_a_known_reason() {
    let Some(captures) = shared("captures") else { return };
    let (names, mut messages) = (names(&captures), 0);
    let mut found: Vec<(&str, Reason, Vec<u64>)> = Vec::new();
    for name in &names {
        let (pairs, mut differ) = read(&captures, name);
        for pair in &pairs {
            for reason in pair.compare(name) {
                differ.entry(reason).or_default().push(number(&pair.theirs, "frame"));
            }
        }
        conversations_are_streams(name, &pairs);
        messages += pairs.len();
        found.extend(differ.into_iter().map(|(reason, frames)| (name.as_str(), reason, frames)));
    }
    assert_eq!((names.len(), messages), (20, 11_337));
    found.sort();
    for ((name, reason, frames), (known, why, at)) in found.iter().zip(DIFFERENCES) {
        assert_eq!((*name, *reason), (known, why), "{frames:?}");
        match at {
            Frames(numbers) => assert_eq!(frames, numbers, "{name}"),
            Count(count) => assert_eq!(frames.len(), count, "{name}"),
        }
    }
    assert_eq!(found.len(), DIFFERENCES.len());
}

#[test]
fn the_manual_tells_every_difference() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decoding.md")).unwrap();
    let (_, section) = page.split_once("\n## Where we differ from tshark\n").unwrap();
    let mut rows = String::new();
    for (name, reason, at) in &DIFFERENCES {
        let reason = reason.name();
        assert!(section.contains(&format!("\n| {reason} | ")), "{reason}");
        let (count, frames) = match at {
            Frames(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                (numbers.len(), numbers.join(", "))
            }
            Count(count) => (*count, "all".to_owned()),
        };
        rows += &format!("| `{name}` | {reason} | {count} | {frames} |\n");
    }
    assert!(section.contains(&rows), "the table of captures should be\n{rows}");
}
