//! The captures of `fixtures/` are what the generator writes, and show what their READMEs promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../examples/traffic/generator.rs"]
pub mod generator;
mod naive;

use generator::fixture;
use naive::{Packet, adus, frames, packet, streams};
use std::fs;
use std::path::{Path, PathBuf};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");

fn folder(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

fn capture(name: &str) -> Vec<u8> {
    let fixture = fixture::find(name).expect("no such fixture");
    fs::read(folder(name).join(fixture.file)).expect("the fixture has no capture")
}

fn packets(capture: &[u8]) -> Vec<Packet> {
    frames(capture).iter().map(packet).collect()
}

#[test]
fn fixtures_are_what_the_generator_writes() {
    for fixture in fixture::ALL {
        let built = (fixture.build)().unwrap();
        assert!(
            capture(fixture.name) == built,
            "fixtures/{0}/{1} differs: cargo run --example traffic -- fixture {0} fixtures/{0}/{1}",
            fixture.name,
            fixture.file
        );
    }
}

#[test]
fn every_fixture_is_explained() {
    for fixture in fixture::ALL {
        let readme = fs::read_to_string(folder(fixture.name).join("README.md")).unwrap();
        assert!(readme.contains(&format!("fixture {}", fixture.name)), "{}: no word on how it is made", fixture.name);
    }
}

#[test]
fn every_whole_frame_has_right_checksums() {
    for fixture in fixture::ALL.iter().filter(|fixture| fixture.name != "truncated") {
        assert!(packets(&capture(fixture.name)).iter().all(|packet| packet.sums), "{}", fixture.name);
    }
}

#[test]
fn badlogin_is_the_articles_traffic() {
    let path = Path::new(SHARED).join("captures/badlogin.pcap");
    let Ok(reference) = fs::read(&path) else {
        eprintln!("skipped: {} is missing", path.display());
        return;
    };
    let facts = |capture: &[u8]| -> Vec<_> {
        packets(capture)
            .into_iter()
            .map(|packet| (packet.time, packet.from, packet.to, packet.flags, packet.payload))
            .collect()
    };
    assert_eq!(facts(&capture("badlogin")), facts(&reference));
}

#[test]
fn badlogin_records_agree_with_its_bytes() {
    let expected = fs::read_to_string(folder("badlogin").join("expected.nxlog.json")).unwrap();
    let records: Vec<serde_json::Map<String, serde_json::Value>> =
        expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let packets = packets(&capture("badlogin"));
    let carriers: Vec<&Packet> = packets.iter().filter(|packet| !packet.payload.is_empty()).collect();
    assert_eq!((records.len(), carriers.len()), (4, 4));
    for (record, packet) in records.iter().zip(carriers) {
        let text = |key: &str| record[key].as_str().unwrap_or_else(|| panic!("{key} is no string")).to_owned();
        assert!(record.values().all(serde_json::Value::is_string));
        let time: jiff::Timestamp = text("EventTime").parse().unwrap();
        assert_eq!(time.as_microsecond() as u64, packet.time / 1_000);
        assert_eq!(text("ipv4.src"), packet.from.ip().to_string());
        assert_eq!(text("ipv4.dst"), packet.to.ip().to_string());
        assert_eq!(text("tcp.src_port"), packet.from.port().to_string());
        assert_eq!(text("tcp.dst_port"), packet.to.port().to_string());
        let word = |at: usize| u16::from_be_bytes([packet.payload[at], packet.payload[at + 1]]);
        for (key, at) in [("modbus.trans_id", 0), ("modbus.prot_id", 2), ("modbus.length", 4)] {
            assert_eq!(text(key), word(at).to_string());
        }
        assert_eq!(text("modbus.unit_id"), packet.payload[6].to_string());
        if packet.to.port() == 502 {
            let values: Vec<String> =
                (14..packet.payload.len()).step_by(2).map(|at| word(at - 1).to_string()).collect();
            assert_eq!(text("modbus.query.write_multiple_registers.registers"), values.join(", "));
            assert_eq!(text("modbus.query.write_multiple_registers.starting_address"), word(8).to_string());
            assert_eq!(text("modbus.query.write_multiple_registers.qty_of_regs"), word(10).to_string());
            assert_eq!(text("modbus.query.write_multiple_registers.byte_count"), packet.payload[12].to_string());
        }
    }
}

#[test]
fn the_demo_is_small_and_its_readme_names_the_frames() {
    let (capture, truth) = fixture::demo().unwrap();
    assert!(capture.len() < 300_000, "{}", capture.len());
    let readme = fs::read_to_string(folder("demo").join("README.md")).unwrap();
    assert_eq!(truth.attacks.len(), 5);
    for attack in &truth.attacks {
        let row = format!("| {} to {} |", attack.first_frame, attack.last_frame);
        assert!(readme.contains(&row), "{}: {row}", attack.name);
    }
}

#[test]
fn segmented_holds_every_transaction_once() {
    let mut found = Vec::new();
    for streams in streams(&packets(&capture("segmented"))).values() {
        let (queries, answers) = (adus(&streams.client), adus(&streams.server));
        assert_eq!(queries.len(), answers.len());
        for (query, answer) in queries.iter().zip(answers) {
            let [high, low] = query.trans_id.to_be_bytes();
            assert_eq!(query.pdu, [3, 0, 107, 0, 2]);
            assert_eq!(answer.trans_id, query.trans_id);
            assert_eq!(answer.pdu[..4], [3, 4, high, low]);
            found.push(query.trans_id);
        }
    }
    let expected = [1..=12, 21..=22, 31..=37, 41..=44, 51..=54, 61..=62];
    assert_eq!(found, expected.into_iter().flatten().collect::<Vec<u16>>());
}

#[test]
fn pcapng_has_three_interfaces_with_five_transactions_each() {
    let frames = frames(&capture("pcapng"));
    for link in [1, 113, 101] {
        let packets: Vec<Packet> = frames.iter().filter(|frame| frame.link == link).map(packet).collect();
        let streams = streams(&packets);
        assert_eq!(streams.len(), 1);
        assert!(streams.values().all(|streams| adus(&streams.client).len() == 5 && adus(&streams.server).len() == 5));
    }
    // Nanoseconds are not rounded off.
    assert!(frames.iter().any(|frame| frame.time % 1_000 != 0));
}

#[test]
fn truncated_is_cut_in_its_frames_and_at_its_end() {
    let bytes = capture("truncated");
    let frames = frames(&bytes);
    let kept: usize = frames.iter().map(|frame| 16 + frame.bytes.len()).sum();
    assert!(frames.iter().any(|frame| frame.bytes.len() < frame.wire_len as usize), "no frame is cut");
    assert!(24 + kept < bytes.len(), "the file ends with a whole frame");
}
