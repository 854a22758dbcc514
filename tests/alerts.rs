//! What a person is told, and what not: policies, repeats, incidents, from the command's output.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, fixture, folder, sigmabus, values};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use tempfile::TempDir;

const RULES: &str = "\
title: Refused write
id: 4f6c1d0e-5a06-4f0b-9a7e-0d2f6a1b7c11
description: A device refused what a client wanted to write.
tags: [attack.t0855, attack.impair-process-control, attack.t0841]
level: high
logsource: {product: modbus, category: ics}
detection: {s: {modbus.kind: exception, modbus.access: write}, condition: s}
---
title: Silenced
id: 8a0b6f3c-77f2-4f0f-8f6a-6f5f3f1d2e22
tags: [attack.t0814]
level: critical
logsource: {product: modbus, category: ics}
detection: {s: {modbus.kind: query, modbus.function: 8}, condition: s}
---
title: Read
level: low
logsource: {product: modbus, category: ics}
detection: {s: {modbus.access: read}, condition: s}
";

struct Scan(TempDir);

impl Scan {
    /// A folder with the rules and this configuration.
    fn by(config: &str) -> Self {
        Self(folder(&[("rules.yml", RULES), ("sigmabus.yml", config)]))
    }

    fn run(&self, log: &[String], args: &[&str]) -> Ran {
        fs::write(self.0.path().join("log.ndjson"), log.join("\n")).unwrap();
        let ran = sigmabus(self.0.path(), &[&["scan", "-r", "rules.yml", "log.ndjson"], args].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran
    }

    fn lines(&self, log: &[String], emit: &str) -> Vec<Value> {
        values(&self.run(log, &["--format", "json", "--emit", emit]).out)
    }

    /// Second, title and number of findings not told before, of each alert.
    fn alerts(&self, log: &[String]) -> Vec<(i64, String, u64)> {
        let alert = |line: &Value| {
            (second(&line["time"]), line["title"].as_str().unwrap().to_owned(), line["suppressed"].as_u64().unwrap())
        };
        self.lines(log, "alerts").iter().map(alert).collect()
    }

    /// What the report says beside the number of alerts.
    fn head(&self, log: &[String]) -> String {
        let report = self.run(log, &["--format", "text"]).out;
        report.lines().find(|line| line.starts_with("Alerts")).unwrap().to_owned()
    }
}

/// Seconds since the log began.
fn second(time: &Value) -> i64 {
    let part = |range: std::ops::Range<usize>| time.as_str().unwrap().get(range).unwrap().parse::<i64>().unwrap();
    part(8..10) * 86_400 + part(11..13) * 3_600 + part(14..16) * 60 + part(17..19) - 86_400
}

fn record(second: i64, client: u8, fields: &str) -> String {
    let (days, hours, minutes) = (second / 86_400 + 1, second / 3_600 % 24, second / 60 % 60);
    format!(
        "{{\"EventTime\":\"2026-01-{days:02}T{hours:02}:{minutes:02}:{:02}Z\",\"modbus.client\":\"10.0.0.{client}\",\
         \"modbus.server\":\"10.0.1.1\",\"modbus.unit_id\":7,{fields}}}",
        second % 60
    )
}

fn refused(second: i64, client: u8) -> String {
    record(second, client, r#""modbus.kind":"exception","modbus.access":"write""#)
}

fn silenced(second: i64, client: u8) -> String {
    record(second, client, r#""modbus.kind":"query","modbus.function":8"#)
}

fn titled(alerts: &[(i64, &str, u64)]) -> Vec<(i64, String, u64)> {
    alerts.iter().map(|(second, title, suppressed)| (*second, (*title).to_owned(), *suppressed)).collect()
}

const NO_SCORES: &str = "scoreboards: []\n";

#[test]
fn a_flood_of_one_alert_is_told_once_in_ten_minutes_with_its_count() {
    let log: Vec<String> = (0..1_500).map(|second| refused(second, 1)).collect();
    let scan = Scan::by(NO_SCORES);
    let expected = titled(&[(0, "Refused write", 0), (601, "Refused write", 600), (1_202, "Refused write", 600)]);
    assert_eq!(scan.alerts(&log), expected);
    assert_eq!(scan.head(&log), "Alerts  3 high; 1,497 repeats; 1 incident");
    let rows = scan.run(&log, &["--format", "text"]).out;
    assert!(rows.contains("line 1, 1,500 times in 24m 59s"), "{rows}");
    // Another client, another rule, and whoever is not known, is told at once.
    let nobody = |second| refused(second, 1).replace("modbus.client", "x").replace("modbus.server", "y");
    let log = [refused(0, 1), refused(1, 2), silenced(2, 1), nobody(3), nobody(4), refused(5, 1)];
    assert_eq!(scan.alerts(&log).iter().map(|alert| alert.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn told_alerts_are_those_of_a_naive_recount_of_all_findings() {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut second = 0;
    let log = std::iter::repeat_with(|| {
        second += random(200) as i64;
        let client = random(3) as u8;
        if random(2) == 0 { refused(second, client) } else { silenced(second, client) }
    });
    let log: Vec<String> = log.take(600).collect();
    let scan = Scan::by(NO_SCORES);
    let lines = scan.lines(&log, "findings");
    let mut last: HashMap<(String, String), (i64, u64)> = HashMap::new();
    let mut expected = Vec::new();
    for finding in &lines {
        let title = finding["rule"]["title"].as_str().unwrap().to_owned();
        let key = (title.clone(), finding["record"]["modbus.client"].to_string());
        let now = second_of(finding);
        match last.get_mut(&key) {
            Some((told, more)) if now - *told <= 600 => *more += 1,
            known => {
                expected.push((now, title, known.map_or(0, |(_, more)| *more)));
                last.insert(key, (now, 0));
            }
        }
    }
    assert!(expected.len() > 50 && expected.len() < lines.len(), "{} of {}", expected.len(), lines.len());
    assert_eq!(scan.alerts(&log), expected);
}

fn second_of(line: &Value) -> i64 {
    second(&line["time"])
}

#[test]
fn an_alert_tells_whom_what_where_and_since_when() {
    let answer = record(
        5,
        1,
        r#""modbus.kind":"exception","modbus.access":"write","frame.number":12,"modbus.request.frame":11,"modbus.request.time":"2026-01-01T00:00:04Z""#,
    );
    let scan = Scan::by(NO_SCORES);
    let lines = scan.lines(&[answer, refused(700, 1), refused(701, 1)], "alerts,incidents");
    let [alert, opened, later, closed] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(alert["description"], "A device refused what a client wanted to write.");
    let ip = |value: &str, role: &str| json!({"type": "ip", "value": value, "role": role});
    let unit = json!({"type": "unit", "value": 7, "role": "server"});
    assert_eq!(alert["entities"], json!([ip("10.0.0.1", "client"), ip("10.0.1.1", "server"), unit]));
    let techniques = json!([
        {"id": "T0855", "name": "Unauthorized Command Message", "successor": "T1692.001"},
        {"id": "T0841", "name": "Network Service Scanning", "successor": "T0846"},
    ]);
    assert_eq!(alert["attack"], json!({"techniques": techniques, "tactics": ["impair-process-control"]}));
    let time = |second: &str| format!("2026-01-01T00:00:0{second}.000000000Z");
    let packets = (json!({"frame": 11, "time": time("4")}), json!({"frame": 12, "time": time("5")}));
    let evidence = json!([{"input": "log.ndjson", "line": 1, "request": packets.0, "answer": packets.1}]);
    assert_eq!(alert["evidence"], evidence);
    assert_eq!(
        (&alert["first"], &alert["last"], &alert["suppressed"]),
        (&json!(time("5")), &json!(time("5")), &json!(0))
    );
    assert_eq!((&alert["incident"], &later["incident"]), (&opened["id"], &opened["id"]));
    assert_eq!((&opened["state"], &opened["techniques"]), (&json!("open"), &techniques));
    assert_eq!(opened["entities"], json!([ip("10.0.0.1", "client")]));
    assert_eq!((&closed["state"], &closed["reason"]), (&json!("closed"), &json!("end of input")));
    let rules = json!([{"id": "4f6c1d0e-5a06-4f0b-9a7e-0d2f6a1b7c11", "title": "Refused write", "count": 3}]);
    assert_eq!((&closed["alerts"], &closed["suppressed"], &closed["rules"]), (&json!(2), &json!(1), &rules));
    assert_eq!((&closed["score"], &closed["last"]), (&json!(210), &json!("2026-01-01T00:11:41.000000000Z")));
}

#[test]
fn the_first_policy_whose_condition_holds_decides() {
    let log = [refused(0, 1), refused(1, 2), refused(2, 3), silenced(3, 3), record(4, 4, r#""modbus.access":"read""#)];
    let of = |policies: &str, emit| Scan::by(&format!("scoreboards: []\npolicies:\n{policies}")).lines(&log, emit);
    let clients = |policies: &str| -> Vec<String> {
        let alerts = of(policies, "alerts");
        alerts.iter().map(|alert| alert["entity"]["modbus.client"].as_str().unwrap()[7..].to_owned()).collect()
    };
    assert_eq!(clients("- {when: {modbus.client: 10.0.0.2}, do: suppress}\n"), ["1", "3", "3"]);
    let not_then = "- {when: {a: {modbus.client|cidr: 10.0.0.0/24}, b: {rule.level: critical}, condition: a and not b}, do: score}\n";
    assert_eq!(clients(not_then), ["3"]);
    assert_eq!(
        clients(&format!("- {{when: {{rule.tags: attack.t0855}}, do: raise}}\n{not_then}")),
        ["1", "2", "3", "3"]
    );
    assert_eq!(clients("- {when: {rule.title|startswith: rea}, do: raise}\n- {do: score}\n"), ["4"]);
    assert_eq!(clients("- {when: {modbus.unit_id: 8}, do: suppress}\n- {do: raise, by: [rule.id]}\n"), ["1", "3", "4"]);
    let grouped = of("- {when: {rule.level: high}, do: group}\n", "alerts,incidents");
    let told: Vec<_> = grouped.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(told[..4], ["incident", "incident", "incident", "alert"], "{grouped:?}");
    assert_eq!((&grouped[4]["state"], &grouped[4]["level"]), (&json!("grown"), &json!("critical")));
}

#[test]
fn conditions_see_what_alerts_show() {
    let rules = "title: Secret\nlevel: high\nlogsource: {product: modbus}\nsigmabus: {mask: [modbus.value]}\n\
                 detection: {s: {modbus.function: 6}, condition: s}\n---\n\
                 title: Quiet\nname: quiet\nlogsource: {product: modbus}\ndetection: {s: {modbus.function: 3}, condition: s}\n---\n\
                 title: Too few\nlevel: high\ncorrelation: {type: event_count, rules: [quiet], group-by: [modbus.unit_id], \
                 timespan: 1m, condition: {lt: 5}}\n";
    let log = [record(0, 1, r#""modbus.function":6,"modbus.value":5"#), record(1, 2, r#""modbus.function":3"#)];
    let titles = |when: &str| -> Vec<String> {
        let scan = Scan::by(&format!("scoreboards: []\npolicies: [{{when: {{{when}}}, do: suppress}}]\n"));
        fs::write(scan.0.path().join("rules.yml"), rules).unwrap();
        scan.alerts(&log).into_iter().map(|(_, title, _)| title).collect()
    };
    assert_eq!(titles("modbus.value: 5"), ["Secret", "Too few"], "it is masked");
    assert_eq!(titles("modbus.value: '[masked]'"), ["Too few"]);
    // Nobody keeps the record of a window that closes; whom it is about and what its events share is known.
    assert_eq!(titles("modbus.client: 10.0.0.2"), ["Secret"]);
    assert_eq!(titles("modbus.unit_id: 7"), [""; 0]);
    assert_eq!(titles("modbus.function: 3"), ["Secret", "Too few"]);
    assert_eq!(titles("rule.title|re: '^Too'"), ["Secret"]);
}

#[test]
fn what_is_suppressed_adds_no_points_and_what_only_scores_does() {
    let log: Vec<String> = (0..3).map(|second| refused(second, 1)).collect();
    let scan = |act: &str| Scan::by(&format!("policies: [{{do: {act}}}]\n"));
    let kinds =
        |act: &str| scan(act).lines(&log, "alerts").iter().map(|line| line["kind"].to_string()).collect::<Vec<_>>();
    assert_eq!(kinds("score"), ["\"threat\""]);
    assert_eq!(kinds("suppress"), [""; 0]);
    assert_eq!(scan("suppress").head(&log), "Alerts  none; 3 suppressed");
    assert_eq!(scan("group").head(&log), "Alerts  1 high; 3 told by incidents only; 1 incident");
    let fail_on = ["scan", "-r", "rules.yml", "log.ndjson", "--format", "json", "--fail-on", "high"];
    let grouped = Scan::by("scoreboards: []\npolicies: [{do: group}]\n");
    grouped.run(&log, &[]);
    let ran = sigmabus(grouped.0.path(), &fail_on);
    assert_eq!(ran.code, 1, "an incident that only groups was raised, too");
}

#[test]
fn thresholds_tell_from_a_number_on_and_up_to_one() {
    let log: Vec<String> = [0, 10, 20, 30, 40, 200, 210].iter().map(|second| refused(*second, 1)).collect();
    let told = |limits: &str| {
        let scan = Scan::by(&format!("scoreboards: []\npolicies: [{{do: raise, {limits}}}]\n"));
        scan.alerts(&log).iter().map(|(second, _, suppressed)| (*second, *suppressed)).collect::<Vec<_>>()
    };
    assert_eq!(told("after: 3, window: 1m"), [(20, 2), (30, 0), (40, 0)]);
    assert_eq!(told("after: 3, window: 1m, repeat: 1h"), [(20, 2)]);
    assert_eq!(told("before: 2, window: 1m"), [(0, 0), (10, 0), (200, 3), (210, 0)]);
    assert_eq!(told("first_only: true, window: 1m"), [(0, 0), (200, 4)]);
    assert_eq!(told("repeat: 15s"), [(0, 0), (20, 1), (40, 1), (200, 0)]);
    assert_eq!(told("repeat: 0s").len(), 7);
    let held = Scan::by("scoreboards: []\npolicies: [{do: raise, after: 9}]\n");
    assert_eq!(held.head(&log), "Alerts  none; 7 below a threshold");
}

#[test]
fn an_incident_ends_with_silence_and_the_next_alert_begins_another() {
    let log = [refused(0, 1), refused(100, 2), silenced(200, 1), refused(86_400, 3)];
    let lines = Scan::by("scoreboards: []\nincidents: {by: [modbus.server], window: 5m}\n").lines(&log, "incidents");
    let told: Vec<_> = lines.iter().map(|line| format!("{} {}", line["state"], line["alerts"])).collect();
    assert_eq!(told, ["\"open\" 1", "\"grown\" 3", "\"closed\" 3", "\"open\" 1", "\"closed\" 1"]);
    assert_eq!((&lines[2]["reason"], &lines[2]["id"]), (&json!("silence"), &lines[0]["id"]));
    assert_ne!(lines[3]["id"], lines[0]["id"]);
    // The second begins within a day of the end of the first.
    assert_eq!((&lines[2]["previous"], &lines[3]["previous"]), (&Value::Null, &lines[0]["id"]));
    let never = Scan::by("scoreboards: []\nincidents: {by: [modbus.server], window: 5m, reopen: 0s}\n");
    assert!(never.lines(&log, "incidents").iter().all(|line| line["previous"].is_null()));
    let alerts = Scan::by("scoreboards: []\n").lines(&log, "alerts");
    let ids: Vec<_> = alerts.iter().map(|alert| alert["id"].clone()).collect();
    assert_eq!((&lines[2]["members"], &lines[4]["members"]), (&json!(ids[..3]), &json!(ids[3..])));
    let none = Scan::by("scoreboards: []\nincidents: none\n").lines(&log, "alerts,incidents");
    assert!(none.len() == 4 && none.iter().all(|alert| alert["incident"].is_null()), "{none:?}");
}

#[test]
fn assets_and_zones_are_entities_and_may_own_incidents() {
    let scan = Scan::by(
        "scoreboards: []\nzones: {it: 10.1.0.0/24, cell: 10.1.1.0/24}\n\
         assets: [{name: stranger, address: 10.1.0.66}, {name: boiler, address: 10.1.1.23}]\n\
         incidents: {by: [zone.client, zone.server]}\n\
         policies: [{when: {asset.server: boiler, rule.title|startswith: Force}, do: suppress}]\n",
    );
    let demo = fixture("demo/capture.pcap");
    let args = ["scan", demo.to_str().unwrap(), "--emit", "alerts,incidents"];
    let lines = values(&sigmabus(scan.0.path(), &args).out);
    let titled = |title: &str| lines.iter().find(|line| line["title"] == title);
    assert!(titled("Force listen only mode").is_none() && titled("Points list scan").is_some(), "{lines:?}");
    let entities = titled("Bad login on passphrase register").unwrap()["entities"].as_array().unwrap();
    let told: Vec<_> = entities.iter().map(|it| format!("{} {} {}", it["type"], it["value"], it["role"])).collect();
    assert_eq!(
        told.join(", ").replace('"', ""),
        "ip 10.1.0.66 client, ip 10.1.1.23 server, unit 10 server, \
        asset stranger client, asset boiler server, zone it client, zone cell server"
    );
    let closed = lines.iter().find(|line| line["state"] == "closed").unwrap();
    assert_eq!(closed["entity"], json!({"zone.client": "it", "zone.server": "cell"}));
}

#[test]
fn people_read_of_incidents_and_of_what_was_not_told() {
    let log = [refused(0, 1), refused(1, 1), silenced(2, 1), refused(700, 1)];
    let scan = Scan::by(NO_SCORES);
    let text = scan.run(&log, &["--format", "text", "--emit", "alerts,incidents"]).out;
    insta::assert_snapshot!(text);
}

#[test]
fn alerts_and_incidents_are_the_same_on_any_number_of_threads_and_in_stored_records() {
    let config = "policies:\n- {when: {modbus.function: 43}, do: raise, after: 2, window: 1h}\n\
                  - {when: {rule.title|contains: login}, do: group}\n";
    let scan = Scan::by(config);
    for name in ["demo/capture.pcap", "badlogin/capture.pcap", "oddities/capture.pcap"] {
        let capture = fixture(name);
        let run = |args: &[&str]| sigmabus(scan.0.path(), args).out;
        let capture = capture.to_str().unwrap();
        let one = run(&["scan", capture, "--emit", "alerts,incidents", "--threads", "1"]);
        assert_eq!(run(&["scan", capture, "--emit", "alerts,incidents", "--threads", "5"]), one);
        let records = run(&["decode", capture]);
        fs::write(scan.0.path().join("records.ndjson"), records).unwrap();
        let stored = run(&["scan", "records.ndjson", "--emit", "alerts,incidents"]);
        let told = |lines: &str| -> Vec<String> {
            let incident = |line: &Value| {
                let same = [
                    "type",
                    "id",
                    "incident",
                    "state",
                    "alerts",
                    "suppressed",
                    "first",
                    "last",
                    "entity",
                    "level",
                    "score",
                ];
                same.map(|field| line[field].to_string()).join(" ")
            };
            values(lines).iter().map(incident).collect()
        };
        assert_eq!(told(&stored), told(&one), "{name}");
        assert!(name.starts_with("odd") || one.lines().count() > 1, "{name}: {one}");
    }
}
