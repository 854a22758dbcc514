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

use common::{Ran, command};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs sigmabus in `folder`, with a key in its environment.
fn sigmabus(folder: &Path, args: &[&str]) -> Ran {
    Ran::of(&command(folder, args).env("SB_TEST_KEY", "k").output().unwrap())
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
fn rules_on_tags_are_checked_explained_listed_and_tested_with_maps() {
    let folder = configured();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let rule = "title: Hot\nlogsource: {product: modbus}\ndetection:\n  s: {tag.temperature|gt: 80}\n  condition: s\n";
    fs::write(elsewhere.join("good.yml"), rule).unwrap();
    fs::write(elsewhere.join("bad.yml"), rule.replace("tag.temperature", "tag.temprature")).unwrap();
    let run = |args: &[&str]| sigmabus(&elsewhere, args);
    for command in ["check", "explain", "list"] {
        let good = run(&["rules", command, "--config", "../sigmabus.yml", "good.yml"]);
        assert_eq!(good.code, 0, "{command}: {}", good.err);
        assert!(!good.err.contains("unknown-field"), "{command}: {}", good.err);
        // Without a configuration nobody knows which tags there are.
        assert_eq!(run(&["rules", command, "bad.yml"]).code, 0, "{command}");
    }
    for command in ["check", "explain"] {
        let bad = run(&["rules", command, "--config", "../sigmabus.yml", "bad.yml"]);
        assert_eq!(bad.code, 3, "{command}");
        assert!(
            bad.err.contains("unknown-field") && bad.err.contains("did you mean `tag.temperature`?"),
            "{command}: {}",
            bad.err
        );
    }
    let of_capture = format!("  - {{name: read of the wire, capture: {}, findings: [Hot]}}\n", capture());
    let cases =
        "cases:\n  - {name: told, records: [{tag.temperature: 90.1}, {tag.temperature: 20}], findings: [Hot]}\n";
    let test = |maps: &str, rule: &str| {
        fs::write(elsewhere.join("test.yml"), format!("{maps}rules: [{rule}]\n{cases}{of_capture}")).unwrap();
        run(&["rules", "test", "test.yml"])
    };
    let passed = test("maps: [../thermometer.yml]\n", "good.yml");
    assert_eq!(passed.code, 0, "{}", passed.out);
    assert!(passed.out.contains("2 cases passed, 0 failed"), "{}", passed.out);
    assert_eq!(test("", "good.yml").code, 1, "without a map a capture has no tags");
    let unknown = test("maps: [../thermometer.yml]\n", "bad.yml");
    assert_eq!(unknown.code, 3);
    assert!(unknown.out.contains("did you mean `tag.temperature`?"), "{}", unknown.out);
    let missing = test("maps: [../no.yml]\n", "good.yml");
    assert_eq!(missing.code, 4);
    assert!(missing.out.contains("cannot read"), "{}", missing.out);
}

/// What another tool would have logged of a login with `abcdef` (97 to 102) at register 31, and of the device's answer to
/// a read of it: by name of the format, with what of it shows the secret.
fn logins() -> Vec<(&'static str, String)> {
    let ends = r#""id.orig_h":"10.0.2.15","id.orig_p":49201,"id.resp_h":"10.0.2.24","id.resp_p":502,"tid":7,"unit":10"#;
    let zeek = |rest: &str| format!("{{\"ts\":1616490133.5,\"uid\":\"C1\",{ends},{rest}}}\n");
    let eve = |request: &str, response: &str| {
        format!(
            r#"{{"timestamp":"2021-03-23T09:02:13.755Z","event_type":"modbus","src_ip":"10.0.2.15","src_port":49201,"dest_ip":"10.0.2.24","dest_port":502,"proto":"TCP","payload":"YWJjZGVm","modbus":{{"id":1,"request":{{"transaction_id":7,"protocol_id":0,"unit_id":10,{request}}},"response":{{"transaction_id":7,"protocol_id":0,"unit_id":10,{response}}}}}}}"#
        ) + "\n"
    };
    let columns = "frame.time_epoch,ip.src,ip.dst,tcp.srcport,tcp.dstport,mbtcp.trans_id,mbtcp.unit_id,modbus.func_code,modbus.reference_num,modbus.word_cnt,modbus.regval_uint16,tcp.payload";
    let packet =
        r#""frame":{"frame_frame_time_epoch":"1616490133.5"},"ip":{"ip_ip_src":"10.0.2.24","ip_ip_dst":"10.0.2.15"}"#;
    vec![
        (
            "ICSNPP",
            zeek(r#""func":"WRITE_MULTIPLE_REGISTERS","address":31,"quantity":6,"request_values":[97,98,99,100,101,102],"matched":true,"exception_code":"ILLEGAL_DATA_ADDRESS""#),
        ),
        (
            "ICSNPP's answer",
            zeek(r#""func":"READ_HOLDING_REGISTERS","address":31,"quantity":6,"response_values":[97,98,99,100,101,102],"matched":true"#),
        ),
        (
            "ICSNPP's masks",
            zeek(r#""func":"MASK_WRITE_REGISTER","request_response":"REQUEST","address":31,"and_mask":0,"or_mask":97"#),
        ),
        ("ICSNPP's part", zeek(r#""func":"WRITE_MULTIPLE_REGISTERS","address":31,"request_values":[97,98,99,100,101,102],"matched":false"#)),
        ("ICSNPP, broken", zeek(r#""func":"WRITE_MULTIPLE_REGISTERS","address":31,"quantity":6,"request_values":[97,98]"#).replace("10.0.2.24", "plc") + "{\"a\":\"secret: none\"}\n"),
        (
            "Suricata",
            eve(
                r#""function_raw":16,"write":{"address":31,"quantity":6,"data":"\u0000a\u0000b\u0000c\u0000d\u0000e\u0000f"}"#,
                r#""function_raw":16,"write":{"address":31,"data":6}"#,
            ),
        ),
        ("Suricata's bytes", eve(r#""function_raw":90,"data":"\u0001#abcdef""#, r#""function_raw":90,"data":"\u0001\\xfeabcdef""#)),
        ("columns of tshark", format!("{columns}\n1616490133.5,10.0.2.15,10.0.2.24,49201,502,7,10,16,31,6,\"[97,98,99,100,101,102]\",00:61:00:62\n")),
        (
            "tshark",
            format!(
                r#"{{"timestamp":"1","layers":{{{packet},"tcp":{{"tcp_tcp_srcport":"502","tcp_tcp_dstport":"49201","tcp_tcp_payload":"00:61:00:62"}},"mbtcp":{{"mbtcp_mbtcp_trans_id":"7","mbtcp_mbtcp_unit_id":"10"}},"modbus":{{"modbus_modbus_func_code":"3","text":["Register 31 (UINT16): 97"],"Register 31 (UINT16): 97":{{"modbus.regval_uint16":"97"}},"modbus_modbus_regval_uint16":["97","98"]}},"data":{{"data_data_data":"00610062"}}}}}}"#
            ) + "\n",
        ),
        ("CSV", "EventTime;modbus.server;modbus.unit_id;modbus.kind;modbus.function;modbus.address;modbus.values;modbus.text\n2021-03-23T09:02:13Z;10.0.2.24;10;query;16;31;[97,98,99];abc\n".to_owned()),
        ("less of a CSV", "EventTime,modbus.function,modbus.values\n2021-03-23T09:02:13Z,16,\"97, 98\"\n".to_owned()),
    ]
}

#[test]
fn no_log_of_another_tool_shows_a_secret() {
    let folder = configured();
    let rule = "title: any\nlevel: high\nlogsource: {product: modbus}\ndetection: {s: {modbus.function|exists: true}, condition: s}\n";
    fs::write(folder.path().join("any.yml"), rule).unwrap();
    let shown = ["abc", "97,98", "97, 98", "[97", ":97", "\"97", "98]", "6162", "0061", "00:61", "\\u0000a", "YWJj"];
    for (name, log) in logins() {
        fs::write(folder.path().join("log"), &log).unwrap();
        for args in [
            &["decode", "log"][..],
            &["decode", "--naming", "nxlog", "log"],
            &["scan", "-r", "any.yml", "--emit", "records,findings,alerts", "--format", "json", "log"],
            &["scan", "-r", "any.yml", "log"],
        ] {
            let ran = sigmabus(folder.path(), args);
            assert_eq!(ran.code, 0, "{name}: {}", ran.err);
            let all = ran.out.clone() + &ran.err;
            let seen: Vec<&&str> = shown.iter().filter(|secret| all.contains(**secret)).collect();
            assert!(seen.is_empty(), "{name} {args:?}: {seen:?} in {all}");
            assert!(all.contains("secret:") || args.len() != 2, "{name}: {all}");
        }
    }
}

#[test]
fn logs_of_other_tools_have_tags_and_what_is_beside_a_secret() {
    let folder = configured();
    let line = |rest: &str| {
        format!(
            r#"{{"ts":1616490133.5,"id.orig_h":"10.0.2.15","id.orig_p":49201,"id.resp_h":"10.0.2.24","id.resp_p":502,"tid":7,"unit":10,{rest}}}"#
        ) + "\n"
    };
    let read =
        line(r#""func":"READ_HOLDING_REGISTERS","address":4,"quantity":1,"response_values":[901],"matched":true"#);
    let both = line(
        r#""func":"WRITE_MULTIPLE_REGISTERS","address":29,"quantity":3,"request_values":[7,8,97],"matched":false"#,
    );
    fs::write(folder.path().join("log"), read + &both).unwrap();
    let ran = sigmabus(folder.path(), &["decode", "log"]);
    let records: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[1]["tag.temperature"], 90.1, "{}", ran.out);
    // By its own names, too, since the line touches no secret.
    assert_eq!(records[0]["response_values"][0], 901);
    assert_eq!((&records[2]["modbus.values"][0], &records[2]["modbus.values"][1]), (&7.into(), &8.into()));
    let mark = records[2]["modbus.values"][2].as_str().unwrap();
    assert!(mark.starts_with("secret:"));
    assert!(records[2]["request_values"].as_str().unwrap().starts_with("secret:"));
    assert_eq!(records[2]["address"], 29);
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
