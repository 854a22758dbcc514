//! The command as its users meet it: what goes in, what comes out, how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, fixture, values};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The command where it finds nobody's `sigmabus.yml`.
fn command(args: &[&str]) -> Command {
    common::command(Path::new(env!("CARGO_TARGET_TMPDIR")), args)
}

fn sigmabus(args: &[&str]) -> Ran {
    Ran::of(&command(args).output().unwrap())
}

fn with_input(args: &[&str], input: &[u8]) -> Ran {
    let mut child = command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran::of(&output)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder for one test's files.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

const RULE: &str = "\
title: Any write
id: 0b29d8b4-3a5c-4a26-92f8-5d2b7d2b8f11
logsource: {product: modbus, category: ics}
detection:
  selection: {modbus.access: write, modbus.kind: query}
  condition: selection
level: high
";

#[test]
fn the_article_s_records_come_out_field_by_field() {
    let ran =
        sigmabus(&["decode", "--naming", "nxlog", "--utc-offset", "+03:00", text(&fixture("badlogin/capture.pcap"))]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let mut found = values(&ran.out);
    let expected = values(&fs::read_to_string(fixture("badlogin/expected.nxlog.json")).unwrap());
    for record in &mut found {
        let received = record.as_object_mut().unwrap().remove("EventReceivedTime");
        assert!(received.is_none_or(|time| time.is_string()));
    }
    assert_eq!(found.len(), 4);
    for (found, expected) in found.iter().zip(&expected) {
        let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
        assert_eq!(found, expected);
    }
}

#[test]
fn the_failed_login_is_an_alert_that_does_not_show_the_passphrase() {
    let capture = fixture("badlogin/capture.pcap");
    let ran = sigmabus(&["scan", "--emit", "alerts,findings", text(&capture)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = values(&ran.out);
    let alerts: Vec<_> = lines.iter().filter(|line| line["type"] == "alert").collect();
    assert_eq!(alerts.len(), 1, "the successful login is not reported: {}", ran.out);
    assert_eq!(alerts[0]["title"], "Bad login on passphrase register");
    assert_eq!(alerts[0]["findings"][0]["record"]["modbus.request.values"], "[masked]");
    for secret in ["97,98,99", "97, 98, 99", "abcdef", "616263", "006100620063"] {
        assert!(!ran.out.contains(secret), "{secret} in {}", ran.out);
    }
    insta::assert_snapshot!("badlogin_lines", ran.out.replace(text(&capture), "capture.pcap"));
}

#[test]
fn a_log_in_nxlog_s_form_gives_the_same_verdict_as_the_capture() {
    let ran = sigmabus(&["scan", "--emit", "alerts,findings", text(&fixture("badlogin/expected.nxlog.json"))]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let titles: Vec<_> = values(&ran.out).iter().map(|line| (line["type"].clone(), line["title"].clone())).collect();
    assert_eq!(titles.len(), 2, "{}", ran.out);
    assert_eq!(titles[1].1, "Bad login on passphrase register");
    assert!(!ran.out.contains("97, 98, 99"), "{}", ran.out);
}

#[test]
fn our_own_records_scanned_again_give_the_same_findings() {
    let folder = folder();
    for name in ["badlogin/capture.pcap", "demo/capture.pcap", "oddities/capture.pcap", "segmented/capture.pcap"] {
        let capture = fixture(name);
        let records = file(folder.path(), "records.ndjson", sigmabus(&["decode", text(&capture)]).out);
        let told = |input: &Path| -> Vec<String> {
            let lines = values(&sigmabus(&["scan", "--emit", "alerts,findings", text(input)]).out);
            let told = lines
                .iter()
                .map(|line| format!("{} {} {} {}", line["type"], line["time"], line["id"], line["rule"]["title"]));
            told.collect()
        };
        assert_eq!(told(&capture), told(&records), "{name}");
    }
}

#[test]
fn packed_piped_and_plain_input_are_the_same_input() {
    let folder = folder();
    let bytes = fs::read(fixture("demo/capture.pcap")).unwrap();
    let zst = file(folder.path(), "no-ending", zstd::encode_all(bytes.as_slice(), 3).unwrap());
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&bytes).unwrap();
    let gz = file(folder.path(), "capture.zst", gz.finish().unwrap());
    let ids = |ran: &Ran| -> Vec<String> { values(&ran.out).iter().map(|line| line["id"].to_string()).collect() };
    let plain = sigmabus(&["scan", text(&fixture("demo/capture.pcap"))]);
    assert!(ids(&plain).len() > 4, "{}", plain.out);
    for packed in [zst, gz] {
        assert_eq!(ids(&sigmabus(&["scan", text(&packed)])), ids(&plain));
    }
    assert_eq!(ids(&with_input(&["scan", "-"], &bytes)), ids(&plain));
}

#[test]
fn fail_on_makes_the_exit_code_1_when_its_level_was_reached() {
    let capture = fixture("badlogin/capture.pcap");
    assert_eq!(sigmabus(&["scan", "--fail-on", "high", text(&capture)]).code, 1);
    assert_eq!(sigmabus(&["scan", "--fail-on", "critical", text(&capture)]).code, 0);
}

#[test]
fn inputs_that_are_not_there_end_with_4_and_the_system_s_reason() {
    let ran = sigmabus(&["scan", "/nowhere/at-all.pcap"]);
    assert_eq!(ran.code, 4);
    assert_eq!(ran.err, "sigmabus: cannot read /nowhere/at-all.pcap: no such file or directory\n");
    let empty = folder();
    let ran = sigmabus(&["scan", text(empty.path())]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("a directory with no files in it"), "{}", ran.err);
}

#[test]
fn an_empty_input_is_no_records_and_no_error() {
    let folder = folder();
    let empty = file(folder.path(), "empty", "");
    for input in ["/dev/null", text(&empty)] {
        let ran = sigmabus(&["scan", "--format", "text", input]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("Records        0"), "{}", ran.out);
        assert_eq!(sigmabus(&["decode", input]).out, "");
    }
}

#[test]
fn a_cut_capture_is_scored_up_to_the_cut_with_a_warning() {
    let ran = sigmabus(&["scan", "--format", "text", text(&fixture("truncated/capture.pcap"))]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("cut short: ") && ran.err.contains(" bytes after the last whole packet"), "{}", ran.err);
    assert!(!ran.out.contains("Records        0"), "{}", ran.out);
}

#[test]
fn an_unknown_format_is_told_with_its_first_bytes() {
    let folder = folder();
    let input = file(folder.path(), "picture.pcap", b"\x89PNG\r\n\x1a\n and so on");
    let ran = sigmabus(&["scan", text(&input)]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("tried pcap, pcapng, JSON"), "{}", ran.err);
    assert!(ran.err.contains("89 50 4e 47"), "{}", ran.err);
}

#[test]
fn a_capture_without_modbus_says_so_and_hints_at_the_port() {
    let folder = folder();
    let capture = fs::read(fixture("badlogin/capture.pcap")).unwrap();
    // One query: without its answer nobody can know that it is one.
    let first = u32::from_le_bytes(capture[32..36].try_into().unwrap()) as usize;
    let capture = file(folder.path(), "query.pcap", &capture[..40 + first]);
    let ran = sigmabus(&["scan", "--port", "1502", "--format", "text", text(&capture)]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("no Modbus on port 1502; if the servers listen elsewhere, say --port N"), "{}", ran.err);
}

#[cfg(feature = "live")]
#[test]
fn a_capture_filter_leaves_the_other_frames_out_and_numbers_as_they_are() {
    let capture = fixture("badlogin/capture.pcap");
    let frames = |ran: &Ran| -> Vec<_> { values(&ran.out).iter().map(|line| line["frame.number"].as_u64()).collect() };
    let all = frames(&sigmabus(&["decode", "--no-status", text(&capture)]));
    for threads in ["1", "3"] {
        let some = sigmabus(&["decode", "--no-status", "--threads", threads, "--bpf", "port 39565", text(&capture)]);
        assert_eq!(frames(&some), all[2..], "{}", some.err);
    }
    let ran = sigmabus(&["decode", "--bpf", "no filter at all", text(&capture)]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains("filter `no filter at all`"), "{}", ran.err);
}

#[test]
fn wrong_rules_are_all_told_and_end_with_3_or_are_skipped() {
    let folder = folder();
    file(folder.path(), "1-good.yml", RULE);
    file(folder.path(), "2-modifier.yml", RULE.replace("modbus.access:", "modbus.access|beginswith:"));
    file(folder.path(), "3-field.yml", RULE.replace("modbus.access:", "modbus.acess:"));
    file(folder.path(), "4-condition.yml", RULE.replace("  condition: selection\n", ""));
    file(folder.path(), "5-yaml.yml", RULE.replace("level: high", "level: [high"));
    let rules = text(folder.path());
    let capture = fixture("badlogin/capture.pcap");
    let ran = sigmabus(&["scan", "-r", rules, text(&capture)]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    insta::assert_snapshot!("wrong_rules", ran.err.replace(rules, "rules"));
    assert_eq!(sigmabus(&["rules", "check", rules]).code, 3);
    let ran = sigmabus(&["scan", "--skip-bad-rules", "-r", rules, text(&capture)]);
    assert_eq!(ran.code, 0);
    assert!(values(&ran.out).iter().any(|line| line["title"] == "Any write"), "{}", ran.out);
}

#[test]
fn hostile_rule_files_are_refused() {
    let folder = folder();
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &('b'..='j')
            .map(|c| format!("{c}: &{c} [{}]\n", vec![format!("*{}", (c as u8 - 1) as char); 9].join(",")))
            .collect::<String>();
    let hostile: [(&str, Vec<u8>); 5] = [
        ("bomb", bomb.into_bytes()),
        ("nesting", vec![b'['; 1 << 20]),
        ("maps", b"{a: ".repeat(1 << 18)),
        ("large", RULE.as_bytes().repeat(10_000_000 / RULE.len())),
        ("bytes", [RULE.as_bytes(), b"description: \xFF\xFE\n"].concat()),
    ];
    for (name, bytes) in hostile {
        let rule = file(folder.path(), &format!("{name}.yml"), bytes);
        let ran = sigmabus(&["rules", "check", text(&rule)]);
        assert_eq!(ran.code, 3, "{name}: {}", ran.err);
        assert!(ran.err.contains(".yml:"), "{name}: no place in {}", ran.err);
        assert!(ran.err.len() < 20_000, "{name}: too many words");
    }
}

#[test]
fn lines_that_are_no_objects_are_counted_and_told_and_the_rest_goes_on() {
    let folder = folder();
    let good = r#"{"EventTime":"2024-01-01T00:00:00Z","modbus.access":"write","modbus.kind":"query"}"#;
    let mut log = format!("{good}\nnot json\n[1]\n{good}\n");
    log.push_str(&"{\n".repeat(20));
    log.push_str(good);
    let log = file(folder.path(), "log", log);
    let rule = file(folder.path(), "rule.yml", RULE);
    let ran = sigmabus(&["scan", "--emit", "findings", "-r", text(&rule), text(&log)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<_> = values(&ran.out).iter().map(|line| line["source"]["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 4, 25]);
    let told: Vec<_> = ran.err.lines().filter(|line| line.contains("/log:")).collect();
    assert_eq!(told.len(), 10 + 1, "{}", ran.err);
    assert!(
        told[0].contains("/log:2: ") && told[1].contains("/log:3: ") && told[10].contains("12 more"),
        "{}",
        ran.err
    );
}

#[test]
fn a_broken_character_hides_no_event() {
    let folder = folder();
    let rule = "title: T\nlogsource: {product: windows}\ndetection: {s: {a|startswith: x}, condition: s}\n";
    let rule = file(folder.path(), "rule.yml", rule);
    let log = file(folder.path(), "log", &b"{\"a\":\"x\xFF\"}\n{\"a\":\"x\\uD83D\"}\n{\"a\":\"x\\uD83D\n"[..]);
    let ran = sigmabus(&["scan", "-r", text(&rule), "--emit", "findings", "--format", "json", text(&log)]);
    let found: Vec<_> = values(&ran.out).into_iter().map(|finding| finding["record"]["a"].clone()).collect();
    assert_eq!(found, ["x\u{FFFD}", "x\u{FFFD}"]);
    assert!(ran.err.contains("log:3: not a JSON object"), "{}", ran.err);
}

#[test]
fn a_log_of_bad_lines_only_is_no_log() {
    let folder = folder();
    let ran = sigmabus(&["decode", text(&file(folder.path(), "cut.json", "{\"a\"\n{\"b\"\n"))]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("not one line is a JSON object"), "{}", ran.err);
}

#[test]
fn an_output_never_overwrites_an_input() {
    let folder = folder();
    let capture = file(folder.path(), "capture.pcap", fs::read(fixture("badlogin/capture.pcap")).unwrap());
    let before = fs::read(&capture).unwrap();
    let other_name = folder.path().join(".").join("capture.pcap");
    let ran = sigmabus(&["decode", "--output", text(&other_name), text(&capture)]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(fs::read(&capture).unwrap(), before);
    // A directory that is read may hold the output; it is no input.
    let out = folder.path().join("alerts.ndjson");
    for _ in 0..2 {
        let ran = sigmabus(&["scan", "--output", text(&out), text(folder.path())]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert_eq!(values(&fs::read_to_string(&out).unwrap()).len(), 1);
    }
}

#[test]
fn files_are_read_in_the_order_of_their_times() {
    let folder = folder();
    let record = |time: &str| {
        format!(
            "{{\"EventTime\":\"{time}\",\"modbus.access\":\"write\",\"modbus.kind\":\"query\",\"modbus.client\":\"192.0.2.1\"}}\n"
        )
    };
    let late = file(folder.path(), "a", record("2024-01-01T02:00:00Z"));
    let early = file(folder.path(), "b", record("2024-01-01T01:00:00Z"));
    let rule = file(folder.path(), "rule.yml", RULE);
    let ran =
        sigmabus(&["scan", "-r", text(&rule), text(&late), text(&fixture("badlogin/capture.pcap")), text(&early)]);
    let times: Vec<_> = values(&ran.out).iter().map(|line| line["time"].as_str().unwrap()[..4].to_owned()).collect();
    assert_eq!(times, ["2020", "2020", "2024", "2024"], "{}", ran.out);
}

#[test]
fn a_directory_of_unknown_files_is_told_once_and_fails() {
    let folder = folder();
    for name in ["a.md", "b.md"] {
        file(folder.path(), name, "# text");
    }
    let ran = sigmabus(&["scan", text(folder.path())]);
    assert_eq!(ran.code, 4);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("skipped 2 files"), "{}", ran.err);
}

#[test]
fn a_rule_with_another_log_source_is_not_for_these_lines() {
    let folder = folder();
    let rule = RULE.replace("{product: modbus, category: ics}", "{product: windows, category: process_creation}");
    let rule = file(folder.path(), "rule.yml", rule);
    let line = |source: &str| format!("{{\"modbus.access\":\"write\",\"modbus.kind\":\"query\"{source}}}\n");
    let told = [",\"product\":\"windows\"", ",\"product\":\"linux\"", ",\"category\":\"file_event\"", ""].map(line);
    let log = file(folder.path(), "log", told.concat());
    let lines = |args: &[&str]| -> Vec<u64> {
        let ran = sigmabus(&[&["scan", "--emit", "findings", "-r", text(&rule)], args, &[text(&log)]].concat());
        values(&ran.out).iter().map(|line| line["source"]["line"].as_u64().unwrap()).collect()
    };
    assert_eq!(lines(&[]), [1, 2, 3, 4]);
    assert_eq!(lines(&["--logsource", "product=windows"]), [1, 2, 3, 4]);
    assert_eq!(lines(&["--logsource", "product=windows,category=dns_query"]), [0; 0]);
    assert_eq!(lines(&["--logsource-fields"]), [1, 4]);
    assert_eq!(lines(&["--logsource-fields=service,product,category"]), [3, 4]);
    assert_eq!(sigmabus(&["scan", "--logsource", "windows", text(&log)]).code, 2);
}

#[test]
fn without_a_rule_there_is_no_all_clear() {
    let folder = folder();
    let empty = file(folder.path(), "empty.yml", "# nothing\n");
    let bad = file(folder.path(), "bad.yml", RULE.replace("modbus.access:", "modbus.acess:"));
    let capture = fixture("badlogin/capture.pcap");
    for args in [&["scan", "-r", text(&empty)][..], &["scan", "--skip-bad-rules", "-r", text(&bad)]] {
        let ran = sigmabus(&[args, &[text(&capture)]].concat());
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("no rules to run"), "{}", ran.err);
    }
}

#[test]
fn a_rule_of_one_s_own_goes_before_the_built_in_one_of_the_same_id() {
    let folder = folder();
    let builtin = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/modbus/bad_login.yml")).unwrap();
    let own = builtin.replace("level: high", "level: low").replace("title: Bad login", "title: My bad login");
    let own = file(folder.path(), "bad_login.yml", own);
    let capture = fixture("badlogin/capture.pcap");
    let ran = sigmabus(&["scan", "--emit", "findings", "--builtin", "-r", text(&own), text(&capture)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let titles: Vec<_> = values(&ran.out).iter().map(|line| line["rule"]["title"].clone()).collect();
    assert_eq!(titles, ["My bad login on passphrase register"]);
}

#[test]
fn alerts_come_while_a_pipe_is_still_open() {
    let mut child = command(&["scan", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fs::read(fixture("badlogin/capture.pcap")).unwrap()).unwrap();
    stdin.flush().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("Bad login"), "{first}");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn one_interrupt_ends_a_run_that_waits_for_its_input() {
    let mut child =
        command(&["scan", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fs::read(fixture("badlogin/capture.pcap")).unwrap()).unwrap();
    stdin.flush().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    // The first alert shows that it has read everything and waits.
    out.read_line(&mut String::new()).unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("interrupted"), "{}", ran.err);
    drop(stdin);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let folder = folder();
    let one = fs::read(fixture("demo/capture.pcap")).unwrap();
    let records = sigmabus(&["decode", text(&fixture("demo/capture.pcap"))]).out;
    assert!(one.len() > 10_000 && records.len() > 200_000);
    let log = file(folder.path(), "log", records.repeat(10));
    let mut child = command(&["decode", text(&log)]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with('{'));
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [&["scan"][..], &["scan", "--threads", "0", "x"], &["frobnicate"], &["scan", "--port", "70000", "x"]] {
        assert_eq!(sigmabus(args).code, 2, "{args:?}");
    }
}

#[test]
fn a_wrong_configuration_ends_with_3_and_its_place() {
    let folder = folder();
    let config = file(folder.path(), "site.yml", "ports: [502]\nscoreboard: []\n");
    let ran = sigmabus(&["scan", "--config", text(&config), text(&fixture("badlogin/capture.pcap"))]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("site.yml:2:1") && ran.err.contains("did you mean `scoreboards`?"), "{}", ran.err);
    assert!(ran.err.contains("1 error in the configuration; correct it"), "{}", ran.err);
    assert_eq!(sigmabus(&["scan", "--config", "no.yml", text(&fixture("badlogin/capture.pcap"))]).code, 4);
}

#[test]
fn scores_of_the_configuration_decide_about_threats() {
    let folder = folder();
    let rule = file(folder.path(), "rule.yml", RULE.replace("level: high", "level: low"));
    let config = |points: u32| {
        let text = format!(
            "scores: {{rules: {{0b29d8b4-3a5c-4a26-92f8-5d2b7d2b8f11: {points}}}}}\n\
             scoreboards: [{{name: pair, entity: [modbus.client, modbus.server], window: 1h, gte: 60}}]\n"
        );
        file(folder.path(), "sigmabus.yml", text)
    };
    let alerts = |points| {
        let config = config(points);
        let capture = fixture("badlogin/capture.pcap");
        values(&sigmabus(&["scan", "--config", text(&config), "-r", text(&rule), text(&capture)]).out)
    };
    assert_eq!(alerts(29).len(), 0, "two writes of 29 points do not reach 60");
    let threats = alerts(30);
    assert_eq!(threats.len(), 1);
    assert_eq!((threats[0]["kind"].as_str(), threats[0]["score"].as_u64()), (Some("threat"), Some(60)));
    assert_eq!(threats[0]["findings"].as_array().unwrap().len(), 2);
}

#[test]
fn the_report_reads_well() {
    let capture = fixture("demo/capture.pcap");
    let ran = sigmabus(&["scan", "--format", "text", text(&capture)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!("demo_report", ran.out.replace(text(&capture), "capture.pcap"));
}

#[test]
fn the_readme_shows_what_is_printed() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let capture = fixture("demo/capture.pcap");
    let report = sigmabus(&["scan", "--format", "text", text(&capture)]).out;
    let report = report.replace(text(&capture), "fixtures/demo/capture.pcap");
    assert!(readme.contains(&report), "the tour shows another report than\n{report}");
    let folder = folder();
    let rule = file(
        folder.path(),
        "my-rule.yml",
        "title: Valve moved by a stranger\nlogsource: {product: modbus, category: ics}\ndetection:\n  write:\n    \
         modbus.access: write\n    modbus.adress|lte: 103\n  condition: write\nlevel: high\n",
    );
    let told = sigmabus(&["rules", "check", text(&rule)]).err.replace(text(&rule), "my-rule.yml");
    assert!(readme.contains(told.trim_end()), "the page shows another diagnostic than\n{told}");
}

#[test]
fn the_help_texts_are_these() {
    let config = ["config", "config check", "config show"];
    let baseline = ["baseline", "baseline learn", "baseline diff", "baseline approve"];
    for topic in
        ["", "scan", "decode", "watch", "rules", "rules check", "sinks test"].into_iter().chain(config).chain(baseline)
    {
        let mut args: Vec<&str> = topic.split_whitespace().collect();
        args.push("--help");
        let ran = sigmabus(&args);
        assert_eq!(ran.code, 0);
        insta::assert_snapshot!(format!("help_{}", topic.replace(' ', "_")), ran.out);
    }
}

#[test]
fn lists_are_data_in_a_pipe() {
    let rules = values(&sigmabus(&["rules", "list"]).out);
    assert!(rules.len() >= 13);
    assert!(rules.iter().all(|rule| rule["type"] == "rule" && rule["title"].is_string() && rule["level"].is_string()));
    let fields = values(&sigmabus(&["rules", "fields"]).out);
    assert!(fields.iter().any(|field| field["name"] == "modbus.function"));
    assert!(sigmabus(&["completions", "bash"]).out.contains("sigmabus"));
    assert!(sigmabus(&["man"]).out.contains(".SH"));
    assert!(sigmabus(&["man", "scan"]).out.contains("fail"));
}
