//! What is usual: learned from captures and logs, told when it is not, approved, merged; and files that are wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{fixture, shared, sigmabus as in_folder, values};
use serde_json::Value;
use sigmabus::capture;
use sigmabus::detect::Input;
use sigmabus::pipeline::{Emits, Learned, Naming, Plan, Run, Usual, Wanted, unit_of};
use sigmabus::record::baseline::{Baseline, Bounds, Kind, Mode};
use sigmabus::sigma::ir::Ruleset;
use sigmabus::sink::JsonLines;
use sigmabus::time::Span;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn thermometer() -> PathBuf {
    fixture("thermometer/capture.pcap")
}

/// A run in this process: the printed records, and what came of the baseline.
fn run(known: &Baseline, mode: Mode, threads: usize, inputs: &[(&str, Vec<u8>)]) -> (String, Learned) {
    let usual = Usual { known: Arc::new(known.clone()), mode, bounds: Bounds::default() };
    let wanted = Wanted { records: Some(Naming::Native), usual: Some(usual), ..Wanted::default() };
    let plan = Arc::new(Plan::compile(Ruleset::default(), wanted).unwrap());
    let mut run = Run::new(&plan, threads, &(), Emits::default());
    let mut out = Vec::new();
    let mut sink = JsonLines::new(&mut out);
    for (name, bytes) in inputs {
        let opened = capture::open(Box::new(std::io::Cursor::new(bytes.clone()))).unwrap();
        let unit = unit_of(&opened).unwrap();
        run.input(Input { name: (*name).into(), unit }, opened, None, &mut sink).unwrap();
    }
    let summary = run.finish(&mut sink).unwrap();
    drop(sink);
    (String::from_utf8(out).unwrap(), summary.learned.unwrap())
}

fn learn(inputs: &[(&str, Vec<u8>)]) -> Baseline {
    run(&Baseline::default(), Mode::Learn(None), 2, inputs).1.baseline.unwrap()
}

/// What is new, record by record, with the frame.
fn news(lines: &str) -> Vec<String> {
    let records = values(lines);
    let new = records.iter().filter(|record| record.get("baseline.new").is_some());
    new.map(|record| format!("{} {} {}", record["frame.number"], record["modbus.kind"], record["baseline.new"]))
        .collect()
}

fn captures() -> Vec<(String, Vec<u8>)> {
    let own = ["demo", "thermometer", "oddities", "transport", "badlogin"];
    let mut paths: Vec<PathBuf> = own.iter().map(|name| fixture(&format!("{name}/capture.pcap"))).collect();
    let others = [
        "plant1_first50_shark2pit",
        "ndpi_modbus_2008",
        "lemay_moving_two_files",
        "iti_modbus_test",
        "zeek_modbusSmall",
        "quickdraw_modbus_test_data_part1",
        "icsnpp_modbus_example",
        "zeek_modbus-and-non-modbus-p502",
    ];
    paths.extend(others.iter().filter_map(|name| shared(&format!("captures/{name}.pcap"))));
    paths.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn what_was_learned_is_not_new_and_the_log_of_a_capture_teaches_the_same() {
    for (name, bytes) in captures() {
        let capture = [(name.as_str(), bytes)];
        let known = learn(&capture);
        assert!(!known.is_empty(), "{name}");
        let (lines, learned) = run(&known, Mode::Freeze, 1, &capture);
        assert_eq!(news(&lines), [""; 0], "{name}");
        assert!(learned.news.is_empty() && learned.baseline.is_none(), "{name}");
        let log = [("log", lines.into_bytes())];
        assert!(learn(&log) == known, "{name}: the log teaches something else");
        assert_eq!(news(&run(&known, Mode::Freeze, 2, &log).0), [""; 0], "{name}: its log");
        let (lines, learned) = run(&known, Mode::Continue, 1, &capture);
        assert_eq!(news(&lines), [""; 0], "{name}: going on");
        let went_on = learned.baseline.unwrap();
        assert!(known.entries().iter().all(|entry| went_on.has(&entry.thing)), "{name}");
    }
}

#[test]
fn threads_and_logs_change_nothing_of_what_is_new() {
    let known = learn(&[("thermometer", fs::read(thermometer()).unwrap())]);
    for (name, bytes) in captures() {
        let capture = [(name.as_str(), bytes)];
        let (one, found) = run(&known, Mode::Freeze, 1, &capture);
        let (four, also) = run(&known, Mode::Freeze, 4, &capture);
        assert!(one == four && found.news == also.news, "{name}: on four threads");
        let expected = if name.contains("thermometer") { news(&one).is_empty() } else { !news(&one).is_empty() };
        assert!(expected, "{name}");
        let plain = one.lines().map(|line| match line.find(",\"baseline.new\":") {
            Some(at) => format!("{}}}\n", &line[..at]),
            None => format!("{line}\n"),
        });
        let log = [("log", plain.collect::<String>().into_bytes())];
        let (of_log, in_log) = run(&known, Mode::Freeze, 4, &log);
        assert_eq!(news(&of_log), news(&one), "{name}: its log");
        assert!(in_log.news == found.news, "{name}: its log");
    }
}

#[test]
fn learning_does_not_hang_on_the_order_of_inputs_or_on_stops_between_them() {
    let folder = folder();
    let (a, b) = (fixture("badlogin/capture.pcap"), thermometer());
    let learn = |inputs: &[&Path], name: &str| {
        let mut args = vec!["baseline", "learn", "-o", name];
        args.extend(inputs.iter().map(|path| text(path)));
        let ran = in_folder(folder.path(), &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        fs::read_to_string(folder.path().join(name)).unwrap()
    };
    let together = learn(&[&a, &b], "ab.yml");
    assert_eq!(together, learn(&[&b, &a], "ba.yml"));
    learn(&[&b], "later.yml");
    assert_eq!(together, learn(&[&a], "later.yml"), "one after the other");
}

#[test]
fn one_changed_packet_is_new_in_just_what_was_changed() {
    let original = fs::read(fixture("badlogin/capture.pcap")).unwrap();
    let known = learn(&[("badlogin", original.clone())]);
    let changed = |from: &[u8], to: &[u8]| {
        let mut bytes = original.clone();
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        news(&run(&known, Mode::Freeze, 1, &[("changed", bytes)]).0)
    };
    // The second login: unit 10, function 16, six registers from 31 on.
    let write = b"\x0A\x10\0\x1F\0\x06\x0C";
    assert_eq!(changed(write, b"\x0A\x10\0\x20\0\x06\x0C"), [r#"12 "query" ["address"]"#]);
    assert_eq!(changed(write, b"\x0A\x10\0\x1F\0\x05\x0C"), [""; 0], "fewer are inside");
    assert_eq!(changed(write, b"\x0B\x10\0\x1F\0\x06\x0C"), [r#"12 "query" ["function","address"]"#], "another unit");
    assert_eq!(changed(write, b"\x0A\x42\0\x1F\0\x06\x0C"), [r#"12 "query" ["function"]"#], "a function of its own");
}

#[test]
fn a_time_of_learning_ends_by_itself_and_is_not_begun_again() {
    let folder = folder();
    let demo = fixture("demo/capture.pcap");
    let config = "baseline:\n  file: b.yml\n  mode: learn for 2m\n  news: news.yml\n";
    fs::write(folder.path().join("sigmabus.yml"), config).unwrap();
    let scan = || in_folder(folder.path(), &["scan", "--emit", "records", "--format", "json", text(&demo)]);
    let first = scan();
    assert_eq!(first.code, 0, "{}", first.err);
    let told = news(&first.out);
    assert!(!told.is_empty(), "the stranger comes after two and a half minutes");
    let records = values(&first.out);
    let early = |record: &&Value| record["EventTime"].as_str().unwrap() < "2024-05-06T07:02:00.02";
    assert!(records.iter().filter(early).all(|record| record.get("baseline.new").is_none()));
    let learned = fs::read_to_string(folder.path().join("b.yml")).unwrap();
    assert!(learned.contains("\nfrozen: 2024-05-06T07:02:00.020000000Z\n"), "{learned}");
    assert!(!learned.contains("10.1.0.66"), "{learned}");
    let found = fs::read_to_string(folder.path().join("news.yml")).unwrap();
    assert!(found.contains("10.1.0.66"), "{found}");
    // Frozen it stays, and what is new is new again; what was new is kept once.
    let second = scan();
    assert_eq!(news(&second.out), told);
    assert_eq!(fs::read_to_string(folder.path().join("b.yml")).unwrap(), learned);
    assert_eq!(fs::read_to_string(folder.path().join("news.yml")).unwrap(), found);
    let usual = learn(&[("demo", fs::read(&demo).unwrap())]);
    let (lines, _) = run(&usual, Mode::Learn(Some(Span::from_secs(1))), 1, &[("demo", fs::read(&demo).unwrap())]);
    assert_eq!(news(&lines), [""; 0]);
}

#[test]
#[cfg(feature = "live")]
fn going_on_tells_a_new_thing_once_and_saves_it() {
    let folder = folder();
    let capture = thermometer();
    fs::write(folder.path().join("sigmabus.yml"), "baseline: {file: b.yml, mode: continue}\n").unwrap();
    let learned = in_folder(folder.path(), &["baseline", "learn", "--bpf", "not host 10.0.2.66", text(&capture)]);
    assert_eq!(learned.code, 0, "{}", learned.err);
    let scan = || in_folder(folder.path(), &["scan", "--emit", "records", "--format", "json", text(&capture)]);
    let first = news(&scan().out);
    let expected = [
        r#"13 "query" ["pair","function","address","mac"]"#,
        r#"16 "query" ["address"]"#,
        r#"22 "query" ["address"]"#,
        r#"28 "query" ["function","address"]"#,
        r#"34 "query" ["function","address"]"#,
    ];
    assert_eq!(first, expected);
    assert_eq!(news(&scan().out), [""; 0]);
    // A run that does not evaluate does not learn.
    let decoded = in_folder(folder.path(), &["decode", text(&capture)]);
    assert_eq!((decoded.code, news(&decoded.out).len()), (0, 0), "{}", decoded.err);
}

/// The example of the manual: learned without the stranger, who is told, then looked at and approved.
#[test]
#[cfg(feature = "live")]
fn novelty_is_told_by_rules_kept_and_approved() {
    let folder = folder();
    let here = |name: &str| folder.path().join(name);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/baseline");
    for name in ["sigmabus.yml", "rules.yml"] {
        fs::copy(example.join(name), here(name)).unwrap();
    }
    let capture = thermometer();
    let sigmabus = |args: &[&str]| in_folder(folder.path(), args);
    let scan = || sigmabus(&["scan", "--rules", "rules.yml", "--emit", "findings", "--format", "json", text(&capture)]);

    let missing = scan();
    assert_eq!(missing.code, 3, "{}", missing.err);
    assert!(
        missing.err.contains("there is no baseline baseline.yml; `sigmabus baseline learn INPUT... -o baseline.yml`")
    );

    let learned = sigmabus(&["baseline", "learn", "--bpf", "not host 10.0.2.66", text(&capture), "-o", "baseline.yml"]);
    assert_eq!((learned.code, learned.err.as_str()), (0, "6 things in baseline.yml\n"));
    insta::assert_snapshot!("learned", fs::read_to_string(here("baseline.yml")).unwrap());
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/baseline.md")).unwrap();
    let shown = sigmabus(&["baseline", "show", "--format", "text"]).out;
    assert!(manual.contains(&shown), "the manual shows something else than\n{shown}");
    insta::assert_snapshot!("shown_as_json", sigmabus(&["baseline", "show"]).out);

    let found = scan();
    assert_eq!(found.code, 0, "{}", found.err);
    let lines = values(&found.out);
    let titles: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line["source"]["frame"], line["rule"]["title"])).collect();
    insta::assert_snapshot!("findings", titles.join("\n"));
    assert!(found.err.contains("`sigmabus baseline approve` takes it from news.yml"), "{}", found.err);

    let difference = sigmabus(&["baseline", "diff", "--exit-code", "baseline.yml", text(&capture), "--format", "text"]);
    assert_eq!(difference.code, 1, "{}", difference.err);
    assert!(manual.contains(&difference.out), "the manual shows something else than\n{}", difference.out);
    assert_eq!(sigmabus(&["baseline", "diff", "--exit-code", "baseline.yml", "baseline.yml"]).code, 0);

    let approve = |what: &[&str]| {
        let by = ["baseline", "approve", "--by", "ann", "--at", "2026-11-21T12:00:00Z"];
        let ran = sigmabus(&[&by, what].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out + &ran.err
    };
    insta::assert_snapshot!("approved_addresses", approve(&["--kind", "address,function"]));
    assert_eq!(approve(&["--pair", "10.0.2.10,10.0.2.99"]), "nothing to approve\n");
    assert!(approve(&["--kind", "pair", "--pair", "10.0.2.66,10.0.2.24"]).starts_with("+ pair "));
    assert!(!fs::read_to_string(here("news.yml")).unwrap().contains("pair"), "what was approved is no news");
    approve(&["--all"]);
    insta::assert_snapshot!("approved", fs::read_to_string(here("baseline.yml")).unwrap());
    let after = scan();
    assert_eq!((after.code, after.out.as_str()), (0, ""), "{}", after.err);
    assert_eq!(sigmabus(&["baseline", "approve", "--by", "ann"]).code, 2, "what, has to be said");
}

#[test]
fn values_of_tags_are_learned_from_logs_and_captures() {
    let folder = folder();
    let capture = thermometer();
    let maps = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/maps");
    fs::copy(maps.join("thermometer.yml"), folder.path().join("thermometer.yml")).unwrap();
    let config = fs::read_to_string(maps.join("sigmabus.yml")).unwrap() + "\nbaseline: {file: b.yml}\n";
    fs::write(folder.path().join("sigmabus.yml"), config).unwrap();
    let sigmabus = |args: &[&str]| in_folder(folder.path(), args);
    let learned = |input: &Path, name: &str| {
        let ran = sigmabus(&["baseline", "learn", text(input), "-o", name]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        fs::read_to_string(folder.path().join(name)).unwrap()
    };
    let all = learned(&capture, "all.yml");
    assert!(all.contains(r#"tag: "temperature", min: 38.8, max: 80.3"#), "{all}");
    assert!(!all.contains("secret:") && !all.contains("passphrase"), "{all}");
    // The same from its log.
    fs::write(folder.path().join("empty.yml"), "").unwrap();
    let records = sigmabus(&["decode", "--config", text(&maps.join("sigmabus.yml")), text(&capture)]).out;
    let log = folder.path().join("log.json");
    fs::write(&log, &records).unwrap();
    assert_eq!(learned(&log, "log.yml"), all);
    // Of the first answers only the first temperatures are known.
    let early: Vec<&str> = records.lines().take_while(|line| !line.contains("10.0.2.66")).collect();
    fs::write(&log, early.join("\n")).unwrap();
    learned(&log, "b.yml");
    let ran = sigmabus(&["scan", "--emit", "records", "--format", "json", text(&capture)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let of_values: Vec<String> = news(&ran.out).into_iter().filter(|line| line.contains("value")).collect();
    let new = r#"["pair","function","address","value","mac"]"#;
    let query = |frame: u32| format!(r#"{frame} "query" {new}"#);
    let answer = |frame: u32| format!(r#"{frame} "response" ["value"]"#);
    // The thresholds that the stranger writes, then what the control room reads: they stay new.
    let expected = [answer(26), query(28), answer(32), query(34), answer(41), answer(44), answer(47), answer(50)];
    assert_eq!(of_values, expected);
}

#[test]
fn merging_gives_the_same_in_any_order() {
    let folder = folder();
    let names = ["badlogin", "demo", "thermometer"];
    for name in names {
        let capture = fixture(&format!("{name}/capture.pcap"));
        let out = format!("{name}.yml");
        assert_eq!(in_folder(folder.path(), &["baseline", "learn", text(&capture), "-o", &out]).code, 0);
    }
    let merged = |names: &[&str], into: &str| {
        for name in names {
            let file = format!("{name}.yml");
            let ran = in_folder(folder.path(), &["baseline", "import", &file, "--baseline", into]);
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        }
        fs::read_to_string(folder.path().join(into)).unwrap()
    };
    let one = merged(&names, "one.yml");
    assert_eq!(one, merged(&["thermometer", "demo", "badlogin", "demo"], "other.yml"));
    assert_eq!(one, merged(&["badlogin"], "one.yml"), "again changes nothing");
    let printed = in_folder(folder.path(), &["baseline", "export", "--baseline", "one.yml"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, one.as_str()));
    let written = in_folder(folder.path(), &["baseline", "export", "--baseline", "one.yml", "-o", "two.yml"]);
    assert_eq!((written.code, fs::read_to_string(folder.path().join("two.yml")).unwrap()), (0, one));
    assert!(fs::read_dir(folder.path()).unwrap().all(|entry| !text(&entry.unwrap().path()).ends_with(".tmp")));
}

#[test]
fn a_file_that_is_wrong_is_refused_and_stays_as_it_is() {
    let folder = folder();
    let capture = thermometer();
    fs::write(folder.path().join("sigmabus.yml"), "baseline: {file: b.yml, mode: continue, news: news.yml}\n").unwrap();
    assert_eq!(in_folder(folder.path(), &["baseline", "learn", text(&capture)]).code, 0);
    let file = folder.path().join("b.yml");
    let right = fs::read_to_string(&file).unwrap();
    let half = right[..right.len() / 2].to_owned();
    let wrongs = [
        ("newer", right.replace("version: 1", "version: 2")),
        ("cut", half),
        ("cut between lines", right.replace("\n...\n", "\n")),
        ("upside down", right.replace("addresses: 31-46", "addresses: 46-31")),
        ("unknown", right.replace("table: holding_registers, access: read", "table: holdings, access: read")),
    ];
    let mut told = String::new();
    for (name, wrong) in wrongs {
        assert_ne!(wrong, right, "{name}");
        fs::write(&file, &wrong).unwrap();
        let commands: [&[&str]; 6] = [
            &["scan", text(&capture)],
            &["baseline", "learn", text(&capture)],
            &["baseline", "show"],
            &["baseline", "approve", "--all", "--by", "ann", "--from", "b.yml"],
            &["baseline", "import", "b.yml", "--baseline", "new.yml"],
            &["baseline", "export", "-o", "new.yml"],
        ];
        for args in commands {
            let ran = in_folder(folder.path(), args);
            assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{name} {args:?} {}", ran.err);
            assert!(ran.err.contains("the baseline b.yml is not used: 1 error"), "{}", ran.err);
            assert_eq!(fs::read_to_string(&file).unwrap(), wrong, "{name} {args:?}");
            assert!(!folder.path().join("new.yml").exists(), "{name} {args:?}");
        }
        told += &format!("## {name}\n{}\n", in_folder(folder.path(), &["baseline", "show"]).err);
    }
    insta::assert_snapshot!("refused", told);
    // A file that cannot be written: what is in force stays, and the run fails.
    fs::write(&file, &right).unwrap();
    let nowhere = in_folder(folder.path(), &["baseline", "learn", text(&capture), "-o", "no/such/b.yml"]);
    assert_eq!(nowhere.code, 4, "{}", nowhere.err);
    assert!(nowhere.err.contains("cannot write no/such/b.yml: no such file or directory"), "{}", nowhere.err);
}

#[test]
fn what_does_not_fit_is_counted() {
    let bounds = Bounds { entries: 2, ranges: 1 };
    let usual = Usual { known: Arc::default(), mode: Mode::Learn(None), bounds };
    let plan = Plan::compile(Ruleset::default(), Wanted { usual: Some(usual), ..Wanted::default() }).unwrap();
    let mut run = Run::new(&Arc::new(plan), 1, &(), Emits::default());
    let mut sink = JsonLines::new(Vec::new());
    let bytes = fs::read(fixture("demo/capture.pcap")).unwrap();
    let opened = capture::open(Box::new(std::io::Cursor::new(bytes))).unwrap();
    let unit = unit_of(&opened).unwrap();
    run.input(Input { name: "demo".into(), unit }, opened, None, &mut sink).unwrap();
    let summary = run.finish(&mut sink).unwrap();
    let learned = summary.learned.unwrap().baseline.unwrap();
    assert!(Kind::ALL.iter().all(|(kind, _)| learned.count(*kind) <= 2));
    let counted = |name: &str| summary.counters.iter().any(|((_, of), count)| *of == name && *count > 0);
    assert!(counted("baseline things not learned") && counted("baseline questions not watched"));
}
