//! Captures with ground truth, and all captures whatever they hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ask, decode, shared};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A message: frame, transaction, unit, function byte, kind.
type Told = (u64, u64, u64, u64, String);

fn from_record(record: &Value) -> Option<Told> {
    let number = |key: &str| record[key].as_u64();
    let kind = record["modbus.kind"].as_str()?;
    if !["query", "response", "exception"].contains(&kind) {
        return None;
    }
    Some((
        number("frame.number")?,
        number("modbus.trans_id")?,
        number("modbus.unit_id")?,
        number("modbus.function")?,
        kind.to_owned(),
    ))
}

fn captures_of(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "pcap" || ending == "pcapng"))
        .collect();
    found.sort();
    found
}

#[test]
fn every_constructed_capture_gives_every_expected_adu() {
    let Some(edge) = shared("captures/edge") else { return };
    let mut wrong = BTreeMap::new();
    for path in captures_of(&edge) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(edge.join(format!("{name}.expected.json"))).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let number = |adu: &Value, key: &str| adu[key].as_u64().unwrap();
        let mut missing: Vec<_> = expected["adus"]
            .as_array()
            .unwrap()
            .iter()
            .map(|adu| (number(adu, "frame"), number(adu, "tid"), number(adu, "unit"), number(adu, "fc") & 0x7F))
            .collect();
        for record in decode(&path).iter().filter_map(from_record) {
            let told = (record.0, record.1, record.2, record.3);
            if let Some(place) = missing.iter().position(|adu| *adu == told) {
                missing.remove(place);
            }
        }
        if !missing.is_empty() {
            wrong.insert(name, missing);
        }
    }
    assert!(wrong.is_empty(), "missing (frame, transaction, unit, function): {wrong:#?}");
}

/// The flags of a constructed capture's records, by frame.
fn oddities(edge: &Path, name: &str) -> Vec<(u64, String)> {
    let records = decode(&edge.join(format!("{name}.pcap")));
    let odd = records.iter().filter(|record| !record["modbus.flags"].is_null());
    odd.map(|record| {
        let flags: Vec<_> = record["modbus.flags"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        (record["frame.number"].as_u64().unwrap(), flags.join(" "))
    })
    .collect()
}

#[test]
fn every_constructed_capture_shows_what_it_is_about() {
    let Some(edge) = shared("captures/edge") else { return };
    let check = |name: &str, expected: &[(u64, &str)]| {
        let found = oddities(&edge, name);
        let found: Vec<_> = found.iter().map(|(frame, flags)| (*frame, flags.as_str())).collect();
        assert_eq!(found, expected, "{name}");
    };
    check(
        "limits",
        &[
            (6, "quantity_limit"),
            (10, "quantity_limit"),
            (12, "quantity_limit"),
            (16, "quantity_limit"),
            (20, "length_mismatch quantity_limit"),
            (26, "address_wrap"),
            (28, "bad_coil_value"),
            (30, "byte_count_mismatch"),
            (32, "length_mismatch byte_count_mismatch"),
            (35, "length_mismatch byte_count_mismatch value_mismatch"),
            (37, "length_mismatch byte_count_mismatch"),
            (39, "value_mismatch"),
        ],
    );
    check(
        "matching",
        &[
            (14, "duplicate"),
            (15, "unsolicited"),
            (17, "late"),
            (19, "unit_mismatch"),
            (21, "function_mismatch"),
            (25, "broadcast"),
        ],
    );
    check("tls802", &[(4, "not_modbus")]);
    for quiet in ["all_functions", "diagnostics", "ipv6", "midstream_half_adu", "out_of_order", "plain", "udp502"] {
        check(quiet, &[]);
    }
    let lengths = oddities(&edge, "bad_lengths");
    assert_eq!(lengths.iter().filter(|(_, flags)| flags == "length_mismatch").count(), 9, "{lengths:?}");
    let exceptions = oddities(&edge, "exceptions");
    assert!(exceptions.iter().all(|(_, flags)| flags == "bad_exception_code"));
    assert_eq!(exceptions.len(), 32);
    let timeouts = |name: &str| -> Vec<_> {
        let records = decode(&edge.join(format!("{name}.pcap")));
        let silent = records.iter().filter(|record| record["modbus.kind"] == "timeout");
        silent.map(|record| (record["frame.number"].as_u64().unwrap(), record["modbus.reason"].clone())).collect()
    };
    assert_eq!(timeouts("matching"), [(16, "elapsed".into()), (22, "end".into())]);
    // Nobody need answer Force Listen Only Mode; the last request of that capture has no answer either.
    assert_eq!(timeouts("diagnostics"), [(39, "end".into())]);
    let mut categories = BTreeMap::new();
    for record in decode(&edge.join("user_and_reserved_functions.pcap")) {
        if record["modbus.kind"] == "query" {
            *categories.entry(record["modbus.category"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    let expected = [("invalid", 1), ("public", 1), ("reserved", 11), ("unassigned", 6), ("user", 19)];
    assert!(categories.iter().map(|(name, count)| (name.as_str(), *count)).eq(expected), "{categories:?}");
}

#[test]
fn every_capture_is_scanned_to_its_end_and_threads_change_nothing() {
    let Some(captures) = shared("captures") else { return };
    let mut all = captures_of(&captures);
    all.extend(captures_of(&captures.join("edge")));
    assert!(all.len() > 40);
    for path in all {
        let (one, summary) = Ask::verdicts().run(&[&path]);
        assert!(summary.frames > 0, "{}", path.display());
        for threads in [2, 5] {
            let (many, _) = Ask::verdicts().on(threads).run(&[&path]);
            assert_eq!(one, many, "{} on {threads} threads", path.display());
        }
    }
}
