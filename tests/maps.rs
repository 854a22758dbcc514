//! Device maps as their users meet them: tags, secrets, register changes, and what is said of mistakes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::Ran;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs sigmabus in `folder`.
fn sigmabus(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmabus"));
    command.args(args).env_remove("COLUMNS").env("SB_TEST_KEY", "k").current_dir(folder).stdin(Stdio::null());
    Ran::of(&command.output().unwrap())
}

fn capture() -> String {
    format!("{ROOT}/fixtures/thermometer/capture.pcap")
}

fn rules() -> String {
    format!("{ROOT}/examples/maps/rules.yml")
}

/// A folder with the example's map and a configuration with a key.
fn configured() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(format!("{ROOT}/examples/maps/thermometer.yml"), folder.path().join("thermometer.yml")).unwrap();
    let text = fs::read_to_string(format!("{ROOT}/examples/maps/sigmabus.yml")).unwrap();
    let text = text.replace("# secret_key: ${SIGMABUS_SECRET_KEY}", "secret_key: ${SB_TEST_KEY}");
    assert!(text.contains("\nsecret_key"));
    fs::write(folder.path().join("sigmabus.yml"), text).unwrap();
    folder
}

/// The fields of a record whose names begin with one of these, by second of capture time.
fn told(line: &str, prefixes: &[&str]) -> String {
    let record: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
    let time = record["EventTime"].as_str().unwrap();
    let wanted = record.iter().filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    let all: Vec<String> = wanted.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {}", &time[14..19], all.join(" "))
}

#[test]
fn records_of_the_example_have_tags_and_no_secret() {
    let folder = configured();
    let ran = sigmabus(folder.path(), &["decode", &capture()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<String> = ran
        .out
        .lines()
        .filter(|line| line.contains("tag."))
        .map(|line| told(line, &["modbus.kind", "tag.", "write.outcome"]))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    for secret in ["abcdef", "letmein", "ab@dp", "[97,98", "108,101"] {
        assert!(!ran.out.contains(secret), "{secret}");
    }
    let nxlog = sigmabus(folder.path(), &["decode", "--naming", "nxlog", &capture()]).out;
    assert!(nxlog.contains(r#"write_multiple_registers.registers":"secret:"#) && !nxlog.contains("97, 98"), "{nxlog}");
    assert!(nxlog.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn rules_on_tags_find_the_same_on_any_number_of_threads_and_in_stored_records() {
    let folder = configured();
    let (capture, rules) = (capture(), rules());
    let scan = |threads: &str, input: &str| {
        let args =
            ["scan", "--rules", &rules, "--emit", "findings,alerts", "--format", "json", "--threads", threads, input];
        let ran = sigmabus(folder.path(), &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let one = scan("1", &capture);
    assert_eq!(one, scan("4", &capture));
    assert!(!one.contains("abcdef"));
    let titles = |out: &str| -> Vec<String> {
        let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let findings = lines.filter(|line| line["type"] == "finding");
        findings.map(|line| format!("{} {}", &line["time"].as_str().unwrap()[14..19], line["rule"]["title"])).collect()
    };
    insta::assert_snapshot!(titles(&one).join("\n"));
    let records = folder.path().join("records.ndjson");
    fs::write(&records, sigmabus(folder.path(), &["decode", &capture]).out).unwrap();
    assert_eq!(titles(&scan("1", "records.ndjson")), titles(&one));
}

#[test]
fn changes_of_registers_are_records() {
    let folder = tempfile::tempdir().unwrap();
    let ran = sigmabus(folder.path(), &["decode", "--register-changes", "--threads", "4", &capture()]);
    let changes = ran.out.lines().filter(|line| line.contains("register_change"));
    let fields =
        ["modbus.client", "modbus.unit", "modbus.table", "modbus.address", "modbus.old", "modbus.new", "modbus.delta"];
    let changes: Vec<String> =
        changes.map(|line| told(line, &fields).replace(r#" modbus.client_port=49201"#, "")).collect();
    insta::assert_snapshot!(changes.join("\n"));
}

#[test]
fn a_capture_cut_in_two_is_remembered_as_one() {
    let folder = configured();
    let bytes = fs::read(capture()).unwrap();
    // The header, and the frames from a certain one on: 16 bytes of record header, the length at byte 8.
    let mut at = 24;
    for _ in 0..20 {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        at += 16 + length as usize;
    }
    fs::write(folder.path().join("1.pcap"), &bytes[..at]).unwrap();
    fs::write(folder.path().join("2.pcap"), [&bytes[..24], &bytes[at..]].concat()).unwrap();
    let previous = |args: &[&str]| {
        let ran = sigmabus(folder.path(), args);
        ran.out.matches("tag.temperature.previous").count()
    };
    assert_eq!(previous(&["decode", "1.pcap", "2.pcap"]), previous(&["decode", &capture()]));
}

#[test]
fn tags_are_listed_and_misspelt_ones_are_refused() {
    let folder = configured();
    let listed = sigmabus(folder.path(), &["rules", "fields", "--format", "text", "--config", "sigmabus.yml"]).out;
    let tags = listed.find("tag.low_threshold").unwrap();
    let tags: Vec<&str> = listed[tags..].lines().map(str::trim_end).collect();
    insta::assert_snapshot!(tags.join("\n"));
    let text = fs::read_to_string(rules()).unwrap().replace("tag.temperature|gt", "tag.temprature|gt");
    fs::write(folder.path().join("rules.yml"), text).unwrap();
    let ran = sigmabus(folder.path(), &["scan", "--rules", "rules.yml", &capture()]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.err.contains("no field `tag.temprature`") && ran.err.contains("did you mean `tag.temperature`?"),
        "{}",
        ran.err
    );
}

#[test]
fn without_a_key_marks_are_of_one_run_only() {
    let folder = configured();
    let path = folder.path().join("sigmabus.yml");
    let text = fs::read_to_string(&path).unwrap().replace("secret_key", "# secret_key");
    fs::write(path, text).unwrap();
    let marks = || {
        let ran = sigmabus(folder.path(), &["decode", &capture()]);
        assert!(ran.err.contains("no `secret_key` is configured"), "{}", ran.err);
        let at = ran.out.find("secret:").unwrap();
        ran.out[at..at + 23].to_owned()
    };
    assert_ne!(marks(), marks());
}

#[test]
fn a_write_touches_every_address_from_first_to_last() {
    let folder = configured();
    let found = |selection: &str, input: &str| {
        let rule = format!(
            "title: t\nlogsource: {{product: modbus}}\ndetection:\n  selection:\n    {selection}\n  condition: selection\nlevel: high\n"
        );
        fs::write(folder.path().join("rule.yml"), rule).unwrap();
        let ran =
            sigmabus(folder.path(), &["scan", "--rules", "rule.yml", "--emit", "findings", "--format", "json", input]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().filter(|line| line.contains(r#""type":"finding""#)).count()
    };
    let records = folder.path().join("records.ndjson");
    fs::write(&records, sigmabus(folder.path(), &["decode", &capture()]).out).unwrap();
    for input in [capture().as_str(), "records.ndjson"] {
        // Four passphrases, each attempted and answered; the longer ones reach beyond 36.
        assert_eq!(found("write.addresses: 31", input), 8);
        assert_eq!(found("write.addresses: 36", input), 8);
        assert_eq!(found("write.addresses: 37", input), 4);
        assert_eq!(found("write.addresses|lt: 3", input), 4);
        assert_eq!(found("write.addresses: 47", input), 0);
        assert_eq!(found("write.outcome: refused", input), 3);
        // Function 22 keeps no bit, so what it leaves is known.
        assert_eq!(found("write.values: 0", input), 2);
    }
    assert_eq!(found("write.old: 420", &capture()), 2);
}

#[test]
fn records_stored_in_clear_are_masked_when_they_are_scanned() {
    let folder = configured();
    let clear = tempfile::tempdir().unwrap();
    let records = sigmabus(clear.path(), &["decode", &capture()]).out;
    assert!(records.contains("abcdef"));
    fs::write(folder.path().join("clear.ndjson"), records).unwrap();
    let args = |input| ["scan", "--emit", "records,findings,alerts", "--format", "json", input];
    let ran = sigmabus(folder.path(), &args("clear.ndjson"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    for secret in ["abcdef", "letmein", "ab@dp", "[97,98", "108,101", ":97,", ":102,"] {
        assert!(!ran.out.contains(secret), "{secret}");
    }
    // The same marks as of the capture.
    let marks = |out: &str| {
        let mut marks: Vec<String> = out.match_indices("secret:").map(|(at, _)| out[at..at + 23].to_owned()).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    };
    assert_eq!(marks(&ran.out), marks(&sigmabus(folder.path(), &args(&capture())).out));
    assert_eq!(marks(&ran.out).len(), 3);
}

#[test]
fn mistakes_end_the_run_with_their_places() {
    let folder = configured();
    let name: PathBuf = folder.path().join("thermometer.yml");
    fs::write(&name, "registers:\n  - {name: a, address: 65536, type: i17}\n").unwrap();
    for command in [&["scan", &capture()][..], &["decode", &capture()], &["rules", "fields"]] {
        let ran = sigmabus(folder.path(), command);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""));
        assert!(
            ran.err.contains("thermometer.yml:2:") && ran.err.contains("2 errors in the configuration"),
            "{}",
            ran.err
        );
    }
    fs::remove_file(name).unwrap();
    let ran = sigmabus(folder.path(), &["decode", &capture()]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("cannot read") && ran.err.contains("sigmabus.yml:3:11"), "{}", ran.err);
}
