//! Correlations as users meet them: what is printed of them, whose time counts, what the end of the input means.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, command, sigmabus, values};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const RULES: &str = "
title: A
name: a
author: Jane Doe
license: DRL 1.1
references: [https://example.org/a]
logsource: {product: windows}
detection: {s: {F: a}, condition: s}
---
title: Enough
author: Joe
level: high
correlation: {type: value_sum, rules: [a], timespan: 10s, group-by: [host], condition: {field: n, gte: 3.5}}
---
title: Few
correlation: {type: event_count, rules: [a], timespan: 10s, condition: {lt: 9}, generate: true}
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("rules.yml", RULES);
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let always = ["scan", "-r", "rules.yml", "--emit", "findings,alerts", "--format", "json"];
        command(self.0.path(), &[&always, args].concat())
    }

    /// The lines that are printed of a log.
    fn scan(&self, args: &[&str], log: &str) -> Vec<Value> {
        let log = self.write("events.ndjson", log);
        let ran = Ran::of(&self.command(args).arg(&log).output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.err);
        values(&ran.out)
    }
}

fn of<'v>(lines: &'v [Value], kind: &str, title: &str) -> Vec<&'v Value> {
    let title_of = |line: &'v Value| line["title"].as_str().or_else(|| line["rule"]["title"].as_str());
    lines.iter().filter(|line| line["type"] == kind && title_of(line) == Some(title)).collect()
}

const TWO: &str = r#"{"EventTime":"2026-01-01T00:00:02Z","F":"a","host":"h","n":1}
{"EventTime":"2026-01-01T00:00:05.5Z","F":"a","host":"h","n":2.75}
"#;

#[test]
fn what_was_measured_is_told() {
    let lines = Folder::new().scan(&[], TWO);
    let window = json!({
        "from": "2026-01-01T00:00:02.000000000Z", "to": "2026-01-01T00:00:05.500000000Z", "span": "10s",
        "events": 2, "figure": 3.75,
    });
    let [finding] = of(&lines, "finding", "Enough")[..] else { panic!("{lines:?}") };
    assert_eq!((&finding["window"], &finding["group"]), (&window, &json!({"host": "h"})));
    let [alert] = of(&lines, "alert", "Enough")[..] else { panic!("{lines:?}") };
    assert_eq!((&alert["window"], &alert["entity"]), (&window, &json!({"host": "h"})));
    assert_eq!(alert["findings"][0]["window"], window);
    let [few] = of(&lines, "finding", "Few")[..] else { panic!("{lines:?}") };
    assert_eq!(few["time"], "2026-01-01T00:00:12.000000000Z", "when the window is over");
    assert_eq!((&few["window"]["to"], &few["window"]["figure"]), (&window["to"], &json!(2)));
    assert!(of(&lines, "finding", "A").iter().all(|finding| finding.get("window").is_none()));
}

#[test]
fn who_wrote_a_rule_is_named() {
    let lines = Folder::new().scan(&[], TWO);
    let rule = &of(&lines, "finding", "A")[0]["rule"];
    assert_eq!((&rule["author"], &rule["license"]), (&json!("Jane Doe"), &json!("DRL 1.1")));
    assert_eq!(rule["references"], json!(["https://example.org/a"]));
    let rule = &of(&lines, "alert", "Enough")[0]["findings"][0]["rule"];
    assert_eq!((&rule["author"], rule.get("license")), (&json!("Joe"), None));
}

#[test]
fn the_time_is_in_the_field_that_was_named() {
    let log = r#"{"EventTime":"2026-01-01T00:00:00Z","seen":{"at":1767225600},"F":"a"}
{"EventTime":"2026-01-01T00:00:01Z","seen":{"at":"2026-01-01T00:01:40Z"},"when":"no time","F":"a"}
{"EventTime":"2026-01-01T00:00:02Z","seen":{"at":null},"F":"a"}
"#;
    let folder = Folder::new();
    let times = |args: &[&str]| -> Vec<String> {
        let lines = folder.scan(args, log);
        of(&lines, "finding", "A").iter().map(|it| it["time"].as_str().unwrap()[11..19].to_owned()).collect()
    };
    assert_eq!(times(&[]), ["00:00:00", "00:00:01", "00:00:02"]);
    let named = ["00:00:00", "00:01:40", "00:00:02"];
    assert_eq!(times(&["--timestamp-field", "when,seen.at"]), named);
    assert_eq!(times(&["--timestamp-field", "when", "--timestamp-field", "seen.at"]), named);
    folder.write("sigmabus.yml", "timestamp_fields: [seen.at]\n");
    assert_eq!(times(&[]), named);
    assert_eq!(times(&["--timestamp-field", "EventTime"]), ["00:00:00", "00:00:01", "00:00:02"]);
}

#[test]
fn lines_without_a_time_are_counted_and_told() {
    let folder = Folder::new();
    let log = folder.write("events.ndjson", &format!("{TWO}{}", "{\"F\":\"a\",\"host\":\"h\",\"n\":0}\n"));
    let ran = Ran::of(&folder.command(&[]).arg(log).output().unwrap());
    let last = values(&ran.out).into_iter().rfind(|line| line["rule"]["title"] == "A").unwrap();
    assert_eq!(last["time"], "2026-01-01T00:00:05.500000000Z", "the time of the line before");
    assert!(ran.err.contains("1 record without a time"), "{}", ran.err);
}

#[test]
fn a_run_that_is_stopped_says_nothing_of_windows_that_are_not_over() {
    let folder = Folder::new();
    let mut child =
        folder.command(&["-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Enough for it to be read at once.
    let filler = format!("{{\"F\":\"{}\"}}\n", "x".repeat(1_000)).repeat(1_200);
    stdin.write_all(format!("{TWO}{filler}").as_bytes()).unwrap();
    stdin.flush().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    out.read_line(&mut told).unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    out.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let lines = values(&told);
    assert_eq!(of(&lines, "finding", "Enough").len(), 1);
    assert_eq!(of(&lines, "finding", "Few").len(), 0, "{lines:?}");
    drop(stdin);
}

const MISSED: &str = "
title: Query
name: query
logsource: {product: windows}
detection: {s: {F: query}, condition: s}
---
title: Reply
name: reply
logsource: {product: windows}
detection: {s: {F: reply}, condition: s}
---
title: No reply
correlation: {type: temporal_ordered, rules: [query], timespan: 10s, group-by: [host]}
sigmabus: {absent: {after: reply}}
level: high
";

#[test]
fn what_was_missed_is_told_with_what_waited() {
    let folder = Folder::new();
    folder.write("rules.yml", MISSED);
    let log = r#"{"EventTime":"2026-01-01T00:00:02Z","F":"query","host":"h"}
{"EventTime":"2026-01-01T00:00:07.5Z","F":"query","host":"h"}
{"EventTime":"2026-01-01T00:00:08Z","F":"query","host":"g"}
{"EventTime":"2026-01-01T00:00:12.5Z","F":"other"}
"#;
    let file = folder.write("events.ndjson", log);
    let ran = Ran::of(&folder.command(&["--threads", "2"]).arg(&file).output().unwrap());
    let lines = values(&ran.out);
    let [finding] = of(&lines, "finding", "No reply")[..] else { panic!("{lines:?}") };
    assert_eq!(finding["time"], "2026-01-01T00:00:12.000000000Z");
    let window = json!({
        "from": "2026-01-01T00:00:02.000000000Z", "to": "2026-01-01T00:00:07.500000000Z", "span": "10s",
        "events": 2, "figure": 1,
    });
    assert_eq!((&finding["window"], &finding["group"]), (&window, &json!({"host": "h"})));
    assert_eq!(finding["source"]["line"], 1, "the query that began the wait");
    let args = ["scan", "-r", "rules.yml", "--format", "text", file.to_str().unwrap()];
    let told = sigmabus(folder.0.path(), &args).out;
    assert!(told.contains("1 correlation windows left open"), "that of g: {told}");
    assert!(told.contains("no \"Reply\" in the 10s after: 2 events from"), "{told}");
    // Lines that no rule finds pass the time as well.
    let rest: String =
        (0..3_000).map(|at| format!("{{\"ts\":{},\"F\":\"{}\"}}\n", 1_767_225_613 + at, "x".repeat(900))).collect();
    for threads in ["1", "3"] {
        let lines = folder.scan(&["--threads", threads], &format!("{log}{rest}"));
        assert_eq!(of(&lines, "finding", "No reply").len(), 2, "{threads} threads");
    }
}

#[test]
fn any_number_of_threads_tells_the_same() {
    let folder = Folder::new();
    let event = |at: u64| {
        let (second, group) = (1_767_225_600 + at / 3 + (at * 7) % 13, at % 5);
        format!("{{\"ts\":{second},\"F\":\"a\",\"host\":{group},\"n\":{}.5}}\n", at % 4)
    };
    // More than one chunk.
    let pad = format!("{{\"F\":\"{}\"}}\n", "x".repeat(900));
    let log: String = (0..4_000).map(|at| event(at) + &pad).collect();
    let one = folder.scan(&["--threads", "1"], &log);
    assert!(one.len() > 4_000);
    assert_eq!(folder.scan(&["--threads", "3"], &log), one);
}

/// What stands out is shown with its record, whether findings are asked for or not; one event of a crowd, the last but one of an order and
/// what was not missed are not.
#[test]
fn a_finding_shows_the_record_that_completed_it() {
    const RULES: &str = "
title: A
name: a
logsource: {product: windows}
detection: {s: {F: a}, condition: s}
---
title: B
name: b
logsource: {product: windows}
detection: {s: {F: b}, condition: s}
---
title: Some
level: high
correlation: {type: event_count, rules: [a], timespan: 1h, condition: {gte: 64}}
---
title: Crowd
level: high
correlation: {type: event_count, rules: [a], timespan: 1h, condition: {gte: 65}}
---
title: Order
level: high
correlation: {type: temporal_ordered, rules: [a, b], timespan: 1h}
---
title: Both
level: high
correlation: {type: temporal, rules: [a, b], timespan: 1h}
";
    let folder = Folder::new();
    folder.write("rules.yml", RULES);
    let line = |second: usize, what: &str| {
        format!("{{\"EventTime\":\"2026-11-21T06:{:02}:{:02}Z\",\"F\":\"{what}\"}}\n", second / 60, second % 60)
    };
    let log: String = (0..65).map(|second| line(second, "a")).chain([line(66, "b")]).collect();
    for emit in ["alerts", "findings,alerts"] {
        let log = folder.write("events.ndjson", &log);
        let scan = ["scan", "-r", "rules.yml", "--emit", emit, "--format", "json"];
        let ran = Ran::of(&command(folder.0.path(), &scan).arg(&log).output().unwrap());
        let lines = values(&ran.out);
        let shown = |title: &str| {
            let alerts = of(&lines, "alert", title);
            assert_eq!(alerts.len(), 1, "{title}: {lines:?}");
            alerts[0]["findings"][0]["record"]["F"].clone()
        };
        assert_eq!(
            [shown("Some"), shown("Crowd"), shown("Order"), shown("Both")],
            [json!("a"), json!(null), json!("b"), json!("b")]
        );
    }
}
