//! Threat scores as users meet them: configured boards on a stored log, on one thread and on several.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, fixture, sigmabus, values};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const RULES: &str = "
title: Write
id: 1d1ef52e-6c0e-4a3e-8a8b-6a0f0f0f0f01
level: low
logsource: {product: modbus, category: ics}
detection: {s: {write.outcome: attempted}, condition: s}
---
title: Read
level: informational
logsource: {product: modbus, category: ics}
detection: {s: {modbus.access: read}, condition: s}
";

const CONFIG: &str = "
scores:
  levels: {informational: 1}
  rules: {1d1ef52e-6c0e-4a3e-8a8b-6a0f0f0f0f01: 10 * write.count}
scoreboards:
- {name: plc, entity: [modbus.server, modbus.unit_id], window: 10s, gte: 50, cool_down: 1s, repeat: doubled}
- {name: both, entity: [modbus.client], window: 1m, half_life: 10s, gt: 40, rules: 2, level: critical}
";

fn event(second: u32, unit: u8, fields: &Value) -> String {
    let mut event = json!({
        "EventTime": format!("2026-11-21T06:00:{second:02}Z"), "modbus.client": "192.0.2.10",
        "modbus.server": "192.0.2.20", "modbus.unit_id": unit,
    });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    format!("{event}\n")
}

fn log() -> String {
    let write = |count: u32| json!({"write.outcome": "attempted", "write.count": count});
    let read = json!({"modbus.access": "read"});
    [
        event(0, 1, &write(3)),
        event(1, 2, &write(4)),
        event(2, 1, &write(2)),
        // Late, and in its place by time.
        event(1, 1, &read),
        event(3, 1, &write(5)),
        // The record does not say how many: the points of a low rule.
        event(4, 2, &json!({"write.outcome": "attempted"})),
        event(30, 1, &write(1)),
    ]
    .concat()
}

fn scan(folder: &Path, args: &[&str]) -> Ran {
    fs::write(folder.join("rules.yml"), RULES).unwrap();
    fs::write(folder.join("sigmabus.yml"), CONFIG).unwrap();
    fs::write(folder.join("log.ndjson"), log()).unwrap();
    sigmabus(folder, &[&["scan", "-r", "rules.yml"], args, &["log.ndjson"]].concat())
}

#[test]
fn every_change_of_a_score_is_told_and_threats_are_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let ran = scan(folder.path(), &["--emit", "scores,alerts", "--format", "json"]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    let told: Vec<String> = values(&ran.out)
        .iter()
        .map(|line| {
            let who = line["entity"].as_object().unwrap().values().map(ToString::to_string).collect::<Vec<_>>();
            let second = &line["time"].as_str().unwrap()[17..19];
            match line["type"].as_str().unwrap() {
                "score" => {
                    format!("{second} {} {}: {} (+{})", line["board"], who.join(" "), line["score"], line["points"])
                }
                _ => format!("{second} {} {}: {}", line["level"], who.join(" "), line["title"]),
            }
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    00 "plc" "192.0.2.20" 1: 30 (+30)
    00 "both" "192.0.2.10": 30 (+30)
    01 "plc" "192.0.2.20" 2: 40 (+40)
    01 "both" "192.0.2.10": 67 (+40)
    02 "plc" "192.0.2.20" 1: 50 (+20)
    02 "high" "192.0.2.20" 1: "Threat score of plc 192.0.2.20 1 passed 50"
    02 "both" "192.0.2.10": 83 (+20)
    02 "plc" "192.0.2.20" 1: 51 (+1)
    02 "both" "192.0.2.10": 84 (+1)
    01 "critical" "192.0.2.10": "Threat score of both 192.0.2.10 passed 40"
    03 "plc" "192.0.2.20" 1: 101 (+50)
    03 "high" "192.0.2.20" 1: "Threat score of plc 192.0.2.20 1 doubled to 101"
    03 "both" "192.0.2.10": 128 (+50)
    04 "plc" "192.0.2.20" 2: 60 (+20)
    04 "high" "192.0.2.20" 2: "Threat score of plc 192.0.2.20 2 passed 50"
    04 "both" "192.0.2.10": 140 (+20)
    30 "plc" "192.0.2.20" 1: 10 (+10)
    30 "both" "192.0.2.10": 33 (+10)
    "#);
}

#[test]
fn scores_are_the_same_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let on = |threads| scan(folder.path(), &["--emit", "scores,alerts", "--format", "json", "--threads", threads]).out;
    assert_eq!(on("1").lines().count(), 18);
    assert_eq!(on("1"), on("3"));
    let (demo, elsewhere) = (fixture("demo/capture.pcap"), tempfile::tempdir().unwrap());
    let always = ["scan", demo.to_str().unwrap(), "--emit", "scores,alerts", "--format", "json", "--threads"];
    let on = |threads| sigmabus(elsewhere.path(), &[&always[..], &[threads]].concat()).out;
    let one = on("1");
    assert!(one.contains("\"type\":\"score\""), "{one}");
    assert_eq!(one, on("3"));
}

#[test]
fn scores_are_lines_for_people_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let ran = scan(folder.path(), &["--emit", "scores", "--format", "text"]);
    let first = ran.out.lines().next().unwrap();
    assert_eq!(first, "2026-11-21 06:00:00.000  plc  192.0.2.20 > 1  30 (+30 Write)");
}

#[test]
fn findings_about_a_critical_asset_count_twice() {
    let folder = tempfile::tempdir().unwrap();
    scan(folder.path(), &[]);
    let assets = "assets: [{name: boiler, address: 192.0.2.20, unit: 2, criticality: critical}]\n";
    fs::write(folder.path().join("assets.yml"), format!("{CONFIG}{assets}")).unwrap();
    let args =
        ["scan", "-r", "rules.yml", "--config", "assets.yml", "--emit", "findings", "--format", "json", "log.ndjson"];
    let points: Vec<String> =
        values(&sigmabus(folder.path(), &args).out).iter().map(|line| line["points"].to_string()).collect();
    // Those of unit 2: the second and the sixth.
    assert_eq!(points.join(" "), "30 80 20 1 50 40 10");
}
