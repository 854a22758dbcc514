//! From the wire to records: what the fixtures promise, and what no transport may change.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;
#[path = "../examples/traffic/generator.rs"]
pub mod generator;

use common::{Ask, decode, fixture, values};
use generator::file::Format;
use generator::packet::{ACK, Endpoint, PSH};
use generator::pdu;
use generator::wire::{Connection, Side, Wire};
use proptest::prelude::*;
use serde_json::Value;
use sigmabus::pipeline::Naming;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A record in a line: frame, who speaks, what it is, what is odd, which frame it answers.
fn line(record: &Value) -> String {
    let text = |key: &str| match &record[key] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let arrow = if record["src_ip"] == record["modbus.client"] { '>' } else { '<' };
    let mut line =
        format!("{:>3} {} {arrow} {}", text("frame.number"), text("modbus.client_port"), text("modbus.kind"));
    for (mark, key) in [
        (" ", "modbus.status"),
        (" by ", "modbus.reason"),
        (" ", "modbus.framing"),
        (" #", "modbus.trans_id"),
        (" unit ", "modbus.unit_id"),
        (" ", "modbus.function_code"),
        (" at ", "modbus.address"),
        (" = ", "modbus.values"),
        (" exception ", "modbus.exc"),
        (" data ", "modbus.data"),
        (" answers ", "modbus.request.frame"),
        (" ", "modbus.flags"),
    ] {
        let text = text(key);
        if !text.is_empty() && text != "tcp" {
            line += &format!("{mark}{}", text.replace('"', ""));
        }
    }
    line
}

fn lines(path: &Path) -> String {
    decode(path).iter().map(|record| line(record) + "\n").collect()
}

#[test]
fn the_fixtures_give_these_records() {
    for name in ["transport", "oddities", "segmented", "truncated"] {
        insta::assert_snapshot!(name, lines(&fixture(&format!("{name}/capture.pcap"))));
    }
}

/// A capture in a file of its own.
struct Capture {
    folder: tempfile::TempDir,
}

impl Capture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// What remains of records when it is forgotten in which frame and when they came.
fn said(records: &[Value]) -> Vec<Value> {
    let placed = [
        "EventTime",
        "frame.number",
        "frame.pdu",
        "tcp.flag",
        "modbus.latency_ms",
        "modbus.request.time",
        "modbus.request.frame",
    ];
    let mut said = records.to_vec();
    said.retain(|record| record["modbus.kind"] != "status");
    for record in &mut said {
        record.as_object_mut().unwrap().retain(|key, _| !placed.contains(&key.as_str()));
    }
    said
}

#[test]
fn a_capture_cut_into_files_gives_the_records_of_the_whole() {
    let capture = Capture::new();
    for name in ["demo", "transport", "oddities"] {
        let bytes = fs::read(fixture(&format!("{name}/capture.pcap"))).unwrap();
        let whole = decode(&fixture(&format!("{name}/capture.pcap")));
        let (header, mut rest) = bytes.split_at(24);
        let mut files = Vec::new();
        let mut firsts = vec![0];
        while !rest.is_empty() {
            let mut len = 0;
            let mut frames = 0;
            while len < rest.len() && frames < 37 {
                len += 16 + u32::from_le_bytes(rest[len + 8..len + 12].try_into().unwrap()) as usize;
                frames += 1;
            }
            let (part, after) = rest.split_at(len);
            files.push(capture.write(&format!("{name}-{}", files.len()), &[header, part].concat()));
            firsts.push(firsts.last().unwrap() + frames);
            rest = after;
        }
        assert!(files.len() > 1);
        let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        for threads in [1, 3] {
            let parts = values(&Ask::records(Naming::Native).on(threads).run(&paths).0);
            assert_eq!(parts.len(), whole.len(), "{name}");
            assert_eq!(said(&parts), said(&whole), "{name} on {threads} threads");
        }
        // A finding names the file that its frame is in, even when it was only known in a later one.
        let (found, _) = Ask::verdicts().run(&paths);
        let (expected, _) = Ask::verdicts().run(&[&fixture(&format!("{name}/capture.pcap"))]);
        let places = |text: &str, within: &dyn Fn(&Value) -> u64| -> Vec<u64> {
            values(text).iter().filter(|line| line["type"] == "finding").map(within).collect()
        };
        let place = |line: &Value| line["source"]["frame"].as_u64().unwrap();
        let in_files = |line: &Value| {
            let file = line["source"]["input"].as_str().unwrap();
            let number: usize = file.rsplit(['-', '.']).next().unwrap().parse().unwrap();
            firsts[number] + place(line)
        };
        assert_eq!(places(&found, &in_files), places(&expected, &place), "{name}");
    }
}

#[test]
fn a_capture_that_does_not_follow_the_one_before_stands_for_itself() {
    let demo = fixture("demo/capture.pcap");
    let once = decode(&demo);
    let twice = values(&Ask::records(Naming::Native).run(&[&demo, &demo]).0);
    // Who is known stays known.
    let news = once.iter().filter(|record| record["modbus.status"].as_str().is_some_and(|it| it.starts_with("new_")));
    let pairs = once.iter().filter(|record| record["modbus.status"] == "new_pair").count();
    assert_eq!(twice.len(), 2 * once.len() - news.count());
    assert!(pairs > 0);
    let mut twice = said(&twice);
    let second = twice.split_off(twice.len() / 2);
    let without_number = |mut records: Vec<Value>| {
        records.iter_mut().for_each(|record| _ = record.as_object_mut().unwrap().remove("modbus.conn"));
        records
    };
    assert_eq!(twice, said(&once));
    assert_eq!(without_number(second), without_number(said(&once)));
}

#[test]
fn hosts_are_new_once_over_all_shards_and_threads() {
    let capture = Capture::new();
    let mut wire = Wire::new(Vec::new(), Format::default(), None, Duration::from_secs(1_700_000_000)).unwrap();
    let host = |number: u8, port: u16| Endpoint::new([192, 0, 2, number], port);
    for client in 1..=9 {
        for server in 101..=109 {
            let mut line = wire.connect(host(client, 40_000 + u16::from(server)), host(server, 502)).unwrap();
            let answer = pdu::registers(3, &[1]);
            wire.exchange(&mut line, 1, 1, (&pdu::read(3, 0, 1), &answer)).unwrap();
            // Two servers change their network cards for one client, later for the others.
            let moved = Endpoint { mac: [2, 9, 9, 9, 9, server], ..host(server, 502) };
            if server < 103 && client > 3 {
                let mut line = wire.connect(host(client, 50_000), moved).unwrap();
                wire.exchange(&mut line, 2, 1, (&pdu::read(3, 0, 1), &answer)).unwrap();
            }
        }
    }
    let path = capture.write("hosts.pcap", &wire.finish().unwrap());
    let run = |threads| Ask::records(Naming::Native).on(threads).run(&[&path]).0;
    let one = run(1);
    let count = |status: &str| values(&one).iter().filter(|record| record["modbus.status"] == status).count();
    assert_eq!((count("new_pair"), count("new_client"), count("new_server"), count("mac_change")), (81, 9, 9, 2));
    for threads in [2, 3, 7] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn state_events_can_be_left_out_of_records_and_are_still_judged() {
    let path = fixture("transport/capture.pcap");
    let all = decode(&path);
    let quiet = Ask { status: false, ..Ask::records(Naming::Native) };
    let without = values(&quiet.run(&[&path]).0);
    assert_eq!(without, all.into_iter().filter(|record| record["modbus.kind"] != "status").collect::<Vec<_>>());
}

/// Transactions with the data of their answers.
fn talk() -> impl Strategy<Value = Vec<(bool, Vec<u16>)>> {
    proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u16>(), 1..60)), 1..8)
}

/// How a stream is sent: the sizes of its segments, which neighbours are swapped, which are sent twice.
fn ways() -> impl Strategy<Value = Vec<(usize, bool, bool)>> {
    proptest::collection::vec((1usize..90, any::<bool>(), any::<bool>()), 4..20)
}

/// Sends one direction's bytes in a way; what is swapped is swapped with its neighbour.
fn send(wire: &mut Wire<Vec<u8>>, line: &mut Connection, side: Side, bytes: &[u8], ways: &[(usize, bool, bool)]) {
    let mut segments = Vec::new();
    let (mut rest, mut way) = (bytes, ways.iter().cycle());
    while !rest.is_empty() {
        let (size, swapped, twice) = *way.next().unwrap();
        let (segment, after) = rest.split_at(size.min(rest.len()));
        segments.push((line.claim(side, segment.len()), segment, swapped, twice));
        rest = after;
    }
    let mut at = 0;
    while at + 1 < segments.len() {
        if segments[at].2 {
            segments.swap(at, at + 1);
        }
        at += 2;
    }
    for (seq, segment, _, twice) in segments {
        for _ in 0..=usize::from(twice) {
            wire.place(line, side, seq, PSH | ACK, segment).unwrap();
            wire.advance(wire.pace);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn segments_in_any_size_order_and_number_give_the_same_records(talk in talk(), ways in ways()) {
        let capture = Capture::new();
        let made = |name: &str, ways: Option<&[(usize, bool, bool)]>| {
            let mut wire = Wire::new(Vec::new(), Format::default(), None, Duration::from_secs(1_700_000_000)).unwrap();
            let host = |number: u8, port: u16| Endpoint::new([192, 0, 2, number], port);
            let mut line = wire.connect(host(10, 40_000), host(20, 502)).unwrap();
            let (mut queries, mut answers) = (Vec::new(), Vec::new());
            for (trans_id, (writes, data)) in (1..).zip(&talk) {
                let query = if *writes { pdu::write_registers(7, data) } else { pdu::read(3, 7, data.len() as u16) };
                let answer = if *writes { pdu::words(16, &[7, data.len() as u16]) } else { pdu::registers(3, data) };
                queries.push(pdu::adu(trans_id, 1, &query));
                answers.push(pdu::adu(trans_id, 1, &answer));
            }
            for (side, adus) in [(Side::Client, queries), (Side::Server, answers)] {
                match ways {
                    Some(ways) => send(&mut wire, &mut line, side, &adus.concat(), ways),
                    None => adus.iter().for_each(|adu| wire.send(&mut line, side, adu).unwrap()),
                }
            }
            wire.close(&mut line).unwrap();
            decode(&capture.write(name, &wire.finish().unwrap()))
        };
        let plain = made("plain", None);
        prop_assert_eq!(said(&plain).len(), 2 * talk.len());
        prop_assert!(said(&plain).iter().all(|record| record["modbus.flags"].is_null()));
        prop_assert_eq!(said(&made("odd", Some(&ways))), said(&plain));
    }
}
