//! The benches' own counting and comparing: a table of wrong figures would be believed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    dead_code,
    reason = "a test that cannot go on should stop; what of the benches is not tested here reads the clock"
)]

#[path = "../benches/whole/bench.rs"]
mod bench;
mod common;
#[path = "../benches/whole/generated.rs"]
mod generated;
#[path = "../examples/traffic/generator.rs"]
pub mod generator;
#[path = "../benches/whole/measure.rs"]
mod measure;
#[path = "../benches/whole/peer.rs"]
mod peer;
#[path = "../benches/whole/table.rs"]
mod table;
#[path = "../benches/whole/tally.rs"]
mod tally;

use bench::compared;
use common::{fixture, folder, sigmabus};
use measure::Cost;
use std::time::Duration;
use table::{Beside, Entry, Section, grouped};
use tally::{Names, Tally};

fn tally(lines: &[&str], names: Names) -> Tally {
    let mut tally = Tally::default();
    lines.iter().for_each(|line| tally.add(line.as_bytes(), names));
    tally
}

fn counts(tally: &Tally) -> Vec<(&str, u64)> {
    tally.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

#[test]
fn what_peers_print_is_counted() {
    assert_eq!(counts(&tally(&["7", "", "8,9,8"], peer::transactions)), [("PDU", 4)]);
    let eve = [
        r#"{"timestamp":"2023-11-14T22:13:20","event_type":"alert","alert":{"action":"allowed","signature_id":3,"rev":0}}"#,
        r#"{"event_type":"stats","stats":{}}"#,
        "i: suricata: This is Suricata version 9",
    ];
    assert_eq!(counts(&tally(&eve, peer::signatures)), [("signature 3", 1)]);
    let found = r#"{"rule_title":"A \"quoted\" rule","rule_id":null,"level":"low","tags":[],"matched_fields":[]}"#;
    assert_eq!(counts(&tally(&[found, found, ""], peer::rules)), [("A \"quoted\" rule", 2)]);
}

#[test]
fn what_sigmabus_prints_is_counted() {
    let capture = fixture("demo/capture.pcap").display().to_string();
    let folder = folder(&[]);
    let ran = sigmabus(folder.path(), &["scan", "--format", "json", "--emit", "findings", &capture]);
    let lines: Vec<&str> = ran.out.lines().collect();
    let findings = tally(&lines, tally::findings);
    assert_eq!(findings.total(), lines.len() as u64);
    assert_eq!((findings.counts["Bad login on passphrase register"], findings.counts["Points list scan"]), (6, 1));
    // As the report of the same capture has them, which stands in the README.
    let ran = sigmabus(folder.path(), &["decode", &capture]);
    let lines: Vec<&str> = ran.out.lines().collect();
    let messages = tally(&lines, tally::messages);
    assert_eq!(counts(&messages), [("exception", 31), ("query", 1_326), ("response", 1_270)]);
    assert_eq!(lines.len(), 2_696);
}

#[test]
fn differences_are_told_the_greatest_first() {
    let ours = tally(&["a", "a", "b", "c", "d"], |line, found| found(std::str::from_utf8(line).unwrap()));
    let mut theirs = ours.clone();
    let same = compared("peer", "findings", &ours, &theirs);
    assert_eq!((same.found.as_str(), same.remark), ("5 findings, equal", None));
    theirs.counts.insert("a".to_owned(), 9);
    theirs.counts.remove("d");
    let other = compared("peer", "findings", &ours, &theirs);
    assert_eq!(other.found, "11 findings, 2 of 4 differ");
    assert_eq!(other.remark.unwrap(), "peer found something else: a: 2 here, 9 there; d: 1 here, 0 there");
}

fn cost(processor: u64, wall: u64, mebibytes: u64) -> Cost {
    Cost { processor: Duration::from_millis(processor), wall: Duration::from_millis(wall), peak: mebibytes << 20 }
}

#[test]
fn a_median_takes_each_figure_by_itself() {
    let costs = [cost(9, 1, 5), cost(1, 2, 6), cost(2, 90, 7)];
    assert_eq!(Cost::median(&costs), cost(2, 2, 6));
    assert_eq!(Cost::median(&[]), cost(0, 0, 0));
}

#[test]
fn tables_put_peers_beside_us() {
    let entry = |who: &str, peer, cost, load| Entry {
        who: who.to_owned(),
        peer,
        items: 1_000_000,
        found: "3 findings".to_owned(),
        cost,
        load: Duration::from_millis(load),
    };
    let section = Section {
        work: "Work".to_owned(),
        unit: "line",
        entries: vec![
            entry("sigmabus", None, Some(cost(250, 260, 16)), 50),
            entry("rsigma, all rules", Some("rsigma"), Some(cost(2_700, 2_800, 160)), 700),
            Entry { found: "not installed".to_owned(), ..entry("Suricata", Some("Suricata"), None, 0) },
        ],
        remarks: vec!["a remark".to_owned()],
    };
    insta::assert_snapshot!("section", section.to_string());
    insta::assert_snapshot!("beside", Beside(&[section]).to_string());
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
}

#[test]
fn generated_rules_are_right_and_generated_lines_are_found() {
    let rules = |rules: Vec<String>| rules.join("---\n");
    let mut lines = Vec::new();
    generated::events(&mut lines, 2_000).unwrap();
    let folder = folder(&[
        ("numeric.yml", &rules(generated::numeric_rules(200))),
        ("text.yml", &rules(generated::text_rules(200))),
        ("log.ndjson", std::str::from_utf8(&lines).unwrap()),
    ]);
    let checked = sigmabus(folder.path(), &["rules", "check", "numeric.yml", "text.yml"]);
    assert!(checked.err.contains("400 good rules, 0 errors, 0 warnings"), "{}", checked.err);
    let ran =
        sigmabus(folder.path(), &["scan", "--format", "json", "--emit", "findings", "-r", "text.yml", "log.ndjson"]);
    let found = ran.out.lines().count();
    assert!((1..2_000).contains(&found), "{found} {}", ran.err);
}
