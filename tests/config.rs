//! What an operator sees of a configuration: `config check`, `config show`, and runs under it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, command, fixture, folder, values};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The command in a folder, with a key in its environment.
fn sigmabus(folder: &TempDir, args: &[&str]) -> Ran {
    Ran::of(&command(folder.path(), args).env("SIGMABUS_SECRET_KEY", "hunter2").output().unwrap())
}

const WRONG: &str = "prots: [502]\nmaps: [{file: map.yml}]\nsecret_key: ${SIGMABUS_NO_SUCH_KEY}\n";

#[test]
fn a_right_configuration_is_told_what_it_holds() {
    let folder =
        folder(&[("sigmabus.yml", "placeholders: {a: 1, b: 2}\nmappings: [zeek]\nscoreboards: []\n"), ("e", "# x\n")]);
    let ran = sigmabus(&folder, &["config", "check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "sigmabus.yml is right: 2 placeholders, 1 mapping\n");
    assert_eq!(sigmabus(&folder, &["config", "check", "e"]).err, "e is right: it says nothing\n");
}

#[test]
fn every_mistake_of_every_file_is_told_and_an_unreadable_file_ends_with_4() {
    let folder =
        folder(&[("a.yml", WRONG), ("b.yml", "ports: 0\n"), ("map.yml", "registers: 5\n"), ("c.yml", "ports: 1\n")]);
    let ran = sigmabus(&folder, &["config", "check", "a.yml", "b.yml", "c.yml"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    insta::assert_snapshot!(ran.err);
    let ran = sigmabus(&folder, &["config", "check", "no.yml", "b.yml"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("cannot read no.yml: no such file") && ran.err.contains("b.yml:1:8"), "{}", ran.err);
    assert_eq!(sigmabus(&folder, &["config", "check"]).code, 4, "there is no sigmabus.yml here");
}

#[test]
fn mistakes_are_told_to_programs() {
    let folder = folder(&[("a.yml", WRONG), ("map.yml", "registers: 5\n")]);
    let ran = sigmabus(&folder, &["config", "check", "--format", "json", "a.yml"]);
    assert_eq!(ran.code, 3);
    let told: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> =
        told.iter().map(|one| (one["code"].as_str().unwrap(), one["file"].as_str().unwrap(), &one["line"])).collect();
    assert_eq!(
        places,
        [
            ("unknown-key", "a.yml", &1.into()),
            ("missing-variable", "a.yml", &3.into()),
            ("wrong-type", "map.yml", &1.into())
        ]
    );
    let ran = sigmabus(&folder, &["config", "check", "--format", "sarif", "a.yml"]);
    let sarif: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, sarif["runs"][0]["results"].as_array().map(Vec::len)), (3, Some(3)));
}

#[test]
fn what_is_in_force_is_shown_without_its_secrets() {
    let folder = folder(&[("site.yml", "secret_key: ${SIGMABUS_SECRET_KEY}\nports: [1502]\n"), ("wrong.yml", WRONG)]);
    let ran = sigmabus(&folder, &["config", "show", "site.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out.contains("# site.yml:2\nports: [1502]\n") && ran.out.contains("secret_key: \"***\""),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("hunter2"));
    let ran = sigmabus(&folder, &["config", "show"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("# default\nports: [502, 802]\n"), "{}", ran.out);
    let ran = sigmabus(&folder, &["config", "show", "wrong.yml"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert_eq!(sigmabus(&folder, &["config", "show", "no.yml"]).code, 4);
}

#[test]
fn the_manual_s_example_is_right() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/configuration.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```\n").unwrap();
    let map = fs::read_to_string(Path::new(ROOT).join("examples/maps/thermometer.yml")).unwrap();
    let folder = folder(&[("sigmabus.yml", example), ("maps/thermometer.yml", &map)]);
    let ran = sigmabus(&folder, &["config", "check"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shown = sigmabus(&folder, &["config", "show"]);
    assert!(!shown.out.contains("# default\nscore"), "the example tells every section\n{}", shown.out);
}

/// A plant with an office in the control network, and a drive behind a gateway.
const PLANT: &str = "zones: {control: 10.1.0.0/24, it: 10.1.0.64/26, cell: 10.1.1.0/24}\n\
    assets:\n\
    - {name: scada, address: 10.1.0.10}\n\
    - {name: laptop, address: 10.1.0.66}\n\
    - {name: gateway, address: 10.1.1.24}\n\
    - {name: drive, address: 10.1.1.24, unit: 3, zone: hall, criticality: critical}\n\
    scoreboards: [{name: zones, entity: [zone.client, zone.server], window: 1h, gte: 1}]\n";

const FROM_OFFICE: &str = "title: Office talks to a cell\nid: 5f0d3c0e-6f4e-4f6b-9e0a-0f3f1f1f7a11\n\
    logsource: {product: modbus}\ndetection:\n  selection: {zone.client: it, zone.server: cell, modbus.kind: query}\n  \
    condition: selection\nlevel: high\n";

fn plant() -> TempDir {
    folder(&[("sigmabus.yml", &PLANT.replace("zones: {", "zones: {hall: 192.0.2.0/24, ")), ("rule.yml", FROM_OFFICE)])
}

#[test]
fn rules_ask_for_zones_and_find_the_same_in_a_capture_and_in_what_was_stored_of_it() {
    let folder = plant();
    let capture = fixture("demo/capture.pcap").display().to_string();
    fs::write(folder.path().join("bare.yml"), "# nothing\n").unwrap();
    let store = |name: &str, args: &[&str]| {
        let stored = sigmabus(&folder, &[&["decode", &capture, "--output", name], args].concat());
        assert_eq!(stored.code, 0, "{}", stored.err);
    };
    store("named.ndjson", &[]);
    store("bare.ndjson", &["--config", "bare.yml"]);
    store("nxlog.ndjson", &["--config", "bare.yml", "--naming", "nxlog"]);
    let scan = |input: &str, threads: &str| {
        let args =
            ["scan", "--emit", "findings,alerts", "--format", "json", "-r", "rule.yml", "--threads", threads, input];
        let ran = sigmabus(&folder, &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        values(&ran.out)
    };
    let findings = |lines: &[Value]| lines.iter().filter(|line| line["type"] == "finding").count();
    let told = scan(&capture, "1");
    let all = findings(&told);
    assert!(all > 20, "{all}");
    assert_eq!(scan(&capture, "3"), told);
    for stored in ["named.ndjson", "bare.ndjson", "nxlog.ndjson"] {
        let lines = scan(stored, "2");
        assert_eq!(findings(&lines), all, "{stored}");
        assert!(lines.iter().any(|line| line["kind"] == "threat"), "{stored}");
    }
    let record = &told.iter().find(|line| line["type"] == "finding").unwrap()["record"];
    assert_eq!((&record["asset.client"], &record["zone.server"]), (&"laptop".into(), &"cell".into()));
    let threat = told.iter().find(|line| line["kind"] == "threat").unwrap();
    assert!(threat.to_string().contains("\"cell\""), "{threat}");
    // Without a configuration nobody knows of zones.
    let ran = sigmabus(&folder, &["scan", "--config", "bare.yml", "--emit", "findings", "-r", "rule.yml", &capture]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

#[test]
fn every_record_tells_the_names_of_its_ends_and_of_the_unit() {
    let folder = plant();
    let capture = fixture("demo/capture.pcap").display().to_string();
    let names = |args: &[&str]| {
        let ran = sigmabus(&folder, &[&["decode"], args].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let mut seen: Vec<String> = values(&ran.out)
            .iter()
            .map(|line| {
                let says = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
                let fields =
                    ["modbus.client", "asset.client", "zone.client", "modbus.server", "asset.server", "zone.server"];
                format!("{} {}", fields.map(says).join(" "), line["modbus.unit_id"])
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    let seen = names(&[&capture]);
    insta::assert_snapshot!(seen.join("\n"));
    sigmabus(&folder, &["decode", "--config", "/dev/null", "--output", "bare.ndjson", &capture]);
    assert_eq!(names(&["bare.ndjson"]), seen);
}

#[test]
fn records_of_other_tools_logs_have_names() {
    let line = r#"{"ts":1.5,"id.orig_h":"10.1.0.66","id.orig_p":1,"id.resp_h":"10.1.1.24","id.resp_p":502,"tid":7,"unit":3,"func":"READ_COILS","address":1,"quantity":8}"#;
    let folder = plant();
    fs::write(folder.path().join("modbus_detailed.log"), format!("{line}\n{}\n", line.replace("\"unit\":3,", "")))
        .unwrap();
    let ran = sigmabus(&folder, &["decode", "modbus_detailed.log"]);
    let names = |name: &str| values(&ran.out).iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(names("asset.server"), ["drive", "gateway"]);
    assert_eq!(names("zone.server"), ["hall", "cell"]);
    assert_eq!(names("asset.client"), ["laptop", "laptop"]);
}
