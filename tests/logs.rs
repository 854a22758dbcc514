//! Logs of other tools give what the captures give that they were made from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ask, decode, fixture, folder, shared, sigmabus, values};
use serde_json::Value;
use sigmabus::pipeline::{Naming, Room, Summary};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes `text` to a file and answers with the records and figures that come of it.
fn read(text: &str) -> (Vec<Value>, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, text).unwrap();
    let (out, summary) = Ask::records(Naming::Native).run(&[&path]);
    (values(&out), summary)
}

/// What a record says of some of our fields, those left out that it does not have.
fn says(record: &Value, fields: &[&str]) -> Value {
    fields
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), record.get(name)?.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

const TELLING: &[&str] = &[
    "modbus.kind",
    "modbus.client",
    "modbus.server",
    "modbus.function_code",
    "modbus.exc",
    "modbus.address",
    "modbus.address_end",
    "modbus.quantity",
    "modbus.values",
    "modbus.sub_function",
    "modbus.and_mask",
    "modbus.matched",
    "modbus.latency_ms",
    "modbus.request.address",
    "modbus.request.values",
];

fn told(text: &str) -> String {
    let lines = read(text).0.iter().map(|record| says(record, TELLING).to_string() + "\n").collect::<String>();
    lines.replace("\"modbus.", "\"")
}

#[test]
fn zeek_s_queries_and_answers_are_joined() {
    let head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tmodbus\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttid\tunit\tfunc\tpdu_type\texception\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tcount\tcount\tstring\tstring\tstring\n";
    let row = |time: &str, tid: u16, rest: &str| {
        format!("{time}\tC1\t192.0.2.7\t39565\t192.0.2.20\t502\t{tid}\t10\t{rest}\n")
    };
    let rows = [
        row("1600851733.750000", 7, "READ_COILS\tREQ\t-"),
        row("1600851733.750500", 8, "WRITE_MULTIPLE_REGISTERS\tREQ\t-"),
        row("1600851733.751000", 7, "READ_COILS\tRESP\t-"),
        row("1600851733.751500", 8, "WRITE_MULTIPLE_REGISTERS_EXCEPTION\tRESP\tILLEGAL_DATA_ADDRESS"),
    ]
    .concat();
    insta::assert_snapshot!("zeek", told(&format!("{head}{rows}#close\t2020\n")));
    let (records, summary) = read(&format!("{head}{rows}"));
    assert_eq!(records[0]["EventTime"], "2020-09-23T09:02:13.750000000Z");
    assert_eq!((&records[0]["tid"], &records[0]["id.orig_h"]), (&7.into(), &"192.0.2.7".into()));
    assert_eq!(summary.counters[&(Room::Log, "lines of Zeek")], 4);
    assert_eq!(summary.records.kinds[..3], [2, 1, 1]);
    let old = "#separator \\x09\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tfunc\texception\n\
        1.5\t192.0.2.7\t1\t192.0.2.20\t502\tREAD_COILS\t-\n1.5\t192.0.2.7\t1\t192.0.2.20\t502\tREAD_COILS\tACKNOWLEDGE\n";
    insta::assert_snapshot!("zeek_before_pdu_type", told(old));
}

#[test]
fn icsnpp_s_lines_are_a_query_and_an_answer() {
    let line = |rest: &str| {
        format!(
            r#"{{"ts":1600851733.75,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":39565,"id.resp_h":"192.0.2.20","id.resp_p":502,"tid":7,"unit":10,{rest}}}"#
        ) + "\n"
    };
    let lines = [
        line(r#""func":"READ_COILS","address":1,"quantity":8,"response_values":[true,false,0,1,0,1,1,1],"matched":true"#),
        line(r#""func":"WRITE_SINGLE_COIL","address":1,"quantity":1,"request_values":[1],"response_values":[1],"matched":true"#),
        line(
            r#""func":"WRITE_MULTIPLE_REGISTERS","address":31,"quantity":2,"request_values":[97,98],"matched":true,"exception_code":"ILLEGAL_DATA_ADDRESS""#,
        ),
        line(
            r#""func":"DIAGNOSTICS","request_subfunction_code":"Force Listen Only Mode","request_data":"\\x00\\x00","matched":false"#,
        ),
        line(r#""func":"REPORT_SLAVE_ID""#),
        line(r#""func":"MASK_WRITE_REGISTER","request_response":"REQUEST","address":10,"and_mask":57005,"or_mask":0"#),
    ]
    .concat();
    insta::assert_snapshot!("icsnpp", told(&lines));
    // What a rule for this log would find is in one record of two.
    let own = read(&lines).0.iter().filter(|record| record.get("func").is_some()).count();
    assert_eq!(own, 6);
}

#[test]
fn suricata_s_events_are_a_query_and_an_answer_and_others_stay_as_they_are() {
    let line = |request: &str, response: &str| {
        format!(
            r#"{{"timestamp":"2020-09-23T08:55:39.978090+0000","flow_id":1,"event_type":"modbus","src_ip":"192.0.2.7","src_port":39565,"dest_ip":"192.0.2.20","dest_port":502,"proto":"TCP","modbus":{{"id":1,"request":{{"transaction_id":7,"protocol_id":0,"unit_id":10,{request}}},"response":{{"transaction_id":7,"protocol_id":0,"unit_id":10,{response}}}}}}}"#
        ) + "\n"
    };
    let lines = [
        line(
            r#""function_raw":16,"write":{"address":31,"quantity":2,"data":"\u0000a\u0000b"}"#,
            r#""function_raw":144,"exception":{"raw":2,"code":"IllegalDataAddr"}"#,
        ),
        line(
            r#""function_raw":16,"write":{"address":31,"quantity":2,"data":"\u0000\\xff\\xff"}"#,
            r#""function_raw":16,"write":{"address":31,"data":2}"#,
        ),
        line(r#""function_raw":3,"read":{"address":31,"quantity":2}"#, r#""function_raw":3,"read":{"data":"abcd"}"#),
        r#"{"timestamp":"2020-09-23T08:55:40+0000","event_type":"dns","dns":{"rrname":"x"}}"#.to_owned(),
    ]
    .concat();
    insta::assert_snapshot!("suricata", told(&lines));
    assert_eq!(read(&lines).0[6]["dns"]["rrname"], "x");
}

#[test]
fn tables_are_typed_and_may_have_our_names_or_tshark_s() {
    let (records, summary) =
        read("EventTime;modbus.kind;modbus.function;note\n2020-09-23T08:55:39Z;query;16;\"a;\nb\"\n;;3;007\n");
    assert_eq!(summary.counters[&(Room::Log, "rows of tables")], 2);
    assert_eq!(records[0]["modbus.function"], 16);
    assert_eq!((&records[0]["note"], &records[1]["note"]), (&"a;\nb".into(), &"007".into()));
    assert_eq!(records[1].get("modbus.kind"), None);
    let packets = "frame.time_epoch,ip.src,ip.dst,tcp.srcport,tcp.dstport,mbtcp.trans_id,mbtcp.unit_id,modbus.func_code,modbus.reference_num,modbus.word_cnt\n\
        1.5,192.0.2.7,192.0.2.20,39565,502,7,10,3,107,2\n";
    insta::assert_snapshot!("columns_of_tshark", told(packets));
}

#[test]
fn arrays_and_printed_objects_are_read_and_line_numbers_stay() {
    let object = "{\n  \"EventTime\": \"2020-09-23T08:55:39Z\",\n  \"a\": {\"b\": [1, 2]}\n}";
    let (records, _) = read(&format!("[\n{object},\n{object}\n]\n"));
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["a"]["b"][1], 2);
    let (records, summary) = read(&format!("{object}\n{{\"a\": tru}}\n{object}\n"));
    assert_eq!(records.len(), 2);
    assert!(summary.warnings[0].starts_with("log:5: not a JSON object"), "{:?}", summary.warnings);
}

#[test]
fn each_line_of_a_mixed_file_is_read_by_its_own_form() {
    let zeek = r#"{"ts":1.5,"id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.20","id.resp_p":502,"func":"READ_COILS","pdu_type":"REQ"}"#;
    let broken = zeek.replace("192.0.2.20", "plc");
    let text = format!(
        "{{\"EventTime\":\"2020-09-23T08:55:39Z\",\"x\":1}}\n{zeek}\nwhat is this\n{broken}\n{{\"index\":{{\"_index\":\"packets-2020-09-23\"}}}}\ntimestamp,note\n1.5,x\n1.5\n"
    );
    let (records, summary) = read(&text);
    assert_eq!(records.len(), 4);
    let counted: BTreeMap<&str, u64> = summary
        .counters
        .iter()
        .filter(|((room, _), _)| *room == Room::Log)
        .map(|((_, name), count)| (*name, *count))
        .collect();
    insta::assert_debug_snapshot!("mixed", (counted, &summary.warnings));
}

#[test]
fn a_header_without_the_needed_columns_ends_the_input() {
    let scan = |text: &str| {
        let ran = sigmabus(folder(&[("log", text)]).path(), &["scan", "log"]);
        (ran.code, ran.err)
    };
    let (code, err) = scan("#separator \\x09\n#path\tmodbus\n#fields\tts\tuid\tid.orig_h\n1.5\tC1\t192.0.2.7\n");
    assert_eq!(code, 4);
    assert!(err.contains("log: line 3: the header of Zeek's modbus.log lacks `id.resp_h`, `func`"), "{err}");
    let (code, err) = scan("frame.time_epoch,ip.src,modbus.func_code\n1.5,192.0.2.7,3\n");
    assert_eq!(code, 4);
    assert!(err.contains("line 1: the header of tshark lacks `ip.dst`"), "{err}");
    let (code, err) = scan(
        "#separator \\x09\n#path\tmodbus_read_device_identification\n#fields\tts\tid.orig_h\tid.resp_h\tobject_value\n",
    );
    assert_eq!(code, 4);
    assert!(err.contains("line 3: the header of ICSNPP's Modbus logs lacks `func`"), "{err}");
    let (code, err) = scan("here,there\n1,2\n");
    assert_eq!(code, 4);
    assert!(err.contains("no known format"), "{err}");
}

#[test]
fn half_of_an_escaped_pair_hides_no_message_and_a_broken_line_is_one_problem() {
    let line = r#"{"ts":1.5,"id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.20","id.resp_p":502,"tid":7,"unit":1,"func":"READ_COILS","address":1,"quantity":8,"note":"\ud800x"}"#;
    let (records, summary) = read(&format!("{line}\n{}\n", line.replace("\"unit\":1,", "broken,")));
    assert_eq!(records[0]["modbus.function"], 1);
    assert_eq!(records[0]["note"], "\u{FFFD}x");
    assert_eq!(summary.counters[&(Room::Log, "unreadable lines")], 1);
}

#[test]
fn rows_of_zeek_without_their_header_are_refused_with_what_they_lack() {
    let row = "1600851733.750000\tCHhAvVGS1DHFjwGM9\t192.0.2.7\t39565\t192.0.2.20\t502\t7\t10\tREAD_COILS\tREQ\t-\n";
    let refused = |text: &str| {
        let ran = sigmabus(folder(&[("modbus.log", text)]).path(), &["scan", "modbus.log"]);
        assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{}", ran.err);
        ran.err
    };
    let told = refused(row);
    assert!(told.contains("modbus.log: rows of a log of Zeek without its header"), "{told}");
    assert!(told.contains("`#fields`"), "{told}");
    assert_eq!(refused(&format!("# cut by hand\n{}", row.repeat(3))), told);
    // What is no row of Zeek is not said to be one.
    for other in ["a\tb\tc\n", "1.5\tC1\t192.0.2.7\t39565\t192.0.2.20\t502\n", &row.replace("\t502", "\tx")] {
        assert!(refused(other).contains("no known format"), "{other}");
    }
    let Some(logs) = shared("captures/zeek") else { return };
    let log = fs::read_to_string(logs.join("icsnpp_modbus_example/modbus.log")).unwrap();
    assert_eq!(refused(&log), told);
}

#[test]
fn what_a_rule_masks_stands_under_no_other_name() {
    let folder = folder(&[
        (
            "rule.yml",
            "title: t\nlevel: high\nlogsource: {product: modbus}\nsigmabus: {mask: [modbus.values]}\ndetection: {s: {modbus.kind: query}, condition: s}\n",
        ),
        (
            "log",
            r#"{"ts":1.5,"id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.20","id.resp_p":502,"func":"WRITE_SINGLE_REGISTER","address":1,"quantity":1,"request_values":[12345],"matched":true}"#,
        ),
    ]);
    let out =
        sigmabus(folder.path(), &["scan", "-r", "rule.yml", "--format", "json", "--emit", "findings,alerts", "log"])
            .out;
    assert!(out.contains("[masked]") && !out.contains("12345"), "{out}");
}

/// Findings as title and time.
fn findings(path: &Path) -> Vec<(String, String)> {
    let (out, _) = Ask { alerts: false, ..Ask::verdicts() }.run(&[path]);
    let finding = |value: &Value| (value["rule"]["title"].to_string(), value["time"].to_string());
    values(&out).iter().map(finding).collect()
}

/// Rules that ask for state events, for lengths or for the place of copies, which no log of another tool tells.
const OURS_ALONE: [&str; 5] = [
    "Points probed by a new client",
    "Session as FrostyGoop has it",
    "Foreign protocol on the Modbus port",
    "Malformed message",
    "Unsolicited or duplicate answers",
];

/// The findings of rules that ask for what all logs tell.
fn told_by_all(path: &Path) -> Vec<(String, String)> {
    let all = findings(path).into_iter();
    all.filter(|(title, _)| !OURS_ALONE.contains(&title.trim_matches('"'))).collect()
}

/// What tshark prints of a capture, in a file; none where there is no tshark.
fn printed(capture: &Path, form: &str, folder: &Path) -> Option<PathBuf> {
    let output = Command::new("tshark").arg("-r").arg(capture).args(["-T", form, "-Y", "modbus"]).output().ok()?;
    let path = folder.join(form);
    fs::write(&path, output.stdout).unwrap();
    Some(path)
}

#[test]
fn what_tshark_prints_of_a_capture_gives_its_findings() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["demo/capture.pcap", "badlogin/capture.pcap", "oddities/capture.pcap", "segmented/capture.pcap"] {
        let capture = fixture(name);
        let expected = told_by_all(&capture);
        for form in ["ek", "json"] {
            let Some(path) = printed(&capture, form, folder.path()) else {
                eprintln!("skipped: no tshark");
                return;
            };
            assert_eq!(told_by_all(&path), expected, "{name} as {form}");
        }
    }
}

/// How often each rule reports, without those that do not.
fn counts(rules: &str, input: &Path) -> BTreeMap<String, u64> {
    let (folder, input) = (folder(&[("rules.yml", rules.trim_end_matches("---\n"))]), input.canonicalize().unwrap());
    let args = ["scan", "-r", "rules.yml", "--emit", "findings", "--format", "json", input.to_str().unwrap()];
    let ran = sigmabus(folder.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut counts = BTreeMap::new();
    for finding in values(&ran.out) {
        *counts.entry(finding["rule"]["title"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    counts
}

/// A published log and the capture it was made from.
struct Pair {
    log: &'static str,
    capture: &'static str,
    /// What is asked of the messages of both.
    of: &'static str,
    /// What is asked of those of the capture, of which the log tells only some.
    told: &'static str,
}

const PAIRS: [Pair; 7] = [
    // The other functions have logs of their own, or nothing but their name.
    Pair {
        log: "icsnpp_modbus_example/modbus_detailed.log",
        capture: "icsnpp_modbus_example",
        of: "modbus.function: [1, 2, 3, 4, 5, 6, 8, 15, 16]",
        told: "",
    },
    Pair {
        log: "icsnpp_modbus_example/modbus_mask_write_register.log",
        capture: "icsnpp_modbus_example",
        of: "modbus.function: 22",
        told: "",
    },
    Pair {
        log: "icsnpp_modbus_example/modbus_read_write_multiple_registers.log",
        capture: "icsnpp_modbus_example",
        of: "modbus.function: 23",
        told: "",
    },
    // What is not Modbus on port 502 may be refused in Modbus; Zeek does not log that.
    Pair {
        log: "zeek_modbus-and-non-modbus-p502/modbus.log",
        capture: "zeek_modbus-and-non-modbus-p502",
        of: "modbus.kind: [query, response, exception]",
        told: ", modbus.client: 10.0.0.9",
    },
    Pair {
        log: "zeek_fuzz-1011/modbus.log",
        capture: "zeek_fuzz-1011",
        of: "modbus.kind: [query, response, exception]",
        told: "",
    },
    // Older versions have a line for each transaction that was answered, and no word for its kind.
    Pair {
        log: "ndpi_modbus_2008/modbus.log",
        capture: "ndpi_modbus_2008",
        of: "modbus.function|exists: true",
        told: ", modbus.kind: response",
    },
    Pair {
        log: "quickdraw_modbus_test_data_part1/modbus.log",
        capture: "quickdraw_modbus_test_data_part1",
        of: "modbus.function|exists: true",
        told: ", modbus.kind: response, modbus.matched: true",
    },
];

/// Numbers of conversations count those that are not Modbus, too.
const NOT_COMPARED: &str = "modbus.conn";

/// A rule for each value that a field has in any of these records: `FIELD: VALUE` is its title. Of a list, each element.
fn rules_on(fields: &BTreeSet<&str>, records: &[Value], conditions: &str) -> String {
    let mut rules = BTreeSet::new();
    for (field, value) in records.iter().flat_map(|record| record.as_object().unwrap()) {
        if !fields.contains(field.as_str()) {
            continue;
        }
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let title = Value::from(format!("{field}: {value}"));
            rules.insert(format!(
                "title: {title}\nlogsource: {{product: modbus}}\ndetection: {{s: {{{conditions}}}, t: {{{field}: {value}}}, condition: s and t}}\n---\n"
            ));
        }
    }
    rules.into_iter().collect()
}

#[test]
fn published_logs_of_zeek_find_what_their_captures_do() {
    let Some(captures) = shared("captures") else { return };
    let mut told = String::new();
    for Pair { log, capture, of, told: some } in PAIRS {
        let (log_path, capture) = (captures.join("zeek").join(log), captures.join(format!("{capture}.pcap")));
        let (ours, theirs) = (decode(&capture), decode(&log_path));
        let names = |records: &[Value]| -> BTreeSet<String> {
            records.iter().flat_map(|record| record.as_object().unwrap().keys().cloned()).collect()
        };
        let (in_capture, in_log) = (names(&ours), names(&theirs));
        let both: BTreeSet<&str> = in_capture.intersection(&in_log).map(String::as_str).collect();
        let both: BTreeSet<&str> = both.into_iter().filter(|field| *field != NOT_COMPARED).collect();
        let all = [ours, theirs].concat();
        let found = counts(&rules_on(&both, &all, of), &log_path);
        let expected = counts(&rules_on(&both, &all, &format!("{of}{some}")), &capture);
        assert!(found.len() >= both.len(), "{log}: {found:?}");
        assert_eq!(found, expected, "{log}");
        told += &format!("{log}, {} rules that found: {}\n", found.len(), Vec::from_iter(both).join(" "));
    }
    insta::assert_snapshot!("fields_of_logs_and_captures", told);
}

#[test]
fn a_device_s_objects_are_one_answer() {
    let head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tmodbus_read_device_identification\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tis_orig\ttid\tunit\tfunc\trequest_response\tmei_type\tconformity_level_code\tconformity_level\tdevice_id_code\tobject_id_code\tobject_id\tobject_value\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tbool\tcount\tcount\tstring\tstring\tstring\tstring\tstring\tcount\tstring\tstring\tstring\n";
    let row = |time: &str, tid: u8, rest: &str| {
        format!("{time}\tC1\t192.0.2.7\t39565\t192.0.2.20\t502\tT\t{tid}\t1\tENCAP_INTERFACE_TRANSPORT\t{rest}\n")
    };
    let answer = |object: &str| {
        format!("RESPONSE\tREAD-DEVICE-IDENTIFICATION\t0x81\tBasic Identification (Stream, Individual)\t1\t{object}")
    };
    let asked = "REQUEST\tREAD-DEVICE-IDENTIFICATION\t-\t-\t1\t0x00\tBasic Device Identification\t-";
    let rows = [
        row("1600851733.750000", 7, asked),
        row("1600851733.750500", 7, &answer("0x00\tVendorName\tACME")),
        row("1600851733.750500", 7, &answer("0x01\tProductCode\t2020")),
        row("1600851733.750500", 7, &answer("0x02\tMajorMinorVersion\tv2.5")),
        row("1600851734.750500", 8, asked),
        row("1600851734.751000", 8, &answer("0x00\tVendorName\tOther")),
    ]
    .concat();
    let fields = [
        "modbus.kind",
        "modbus.trans_id",
        "modbus.mei_type",
        "modbus.read_device_id_code",
        "modbus.object_id",
        "modbus.conformity_level",
        "modbus.more_follows",
        "modbus.number_of_objects",
        "modbus.object_ids",
        "modbus.vendor_name",
        "modbus.product_code",
        "modbus.major_minor_revision",
        "modbus.matched",
        "modbus.latency_ms",
        "modbus.request.mei_type",
        "object_value",
    ];
    let told = |text: &str| -> String {
        let (records, summary) = read(text);
        assert_eq!(summary.counters[&(Room::Log, "lines of ICSNPP")], 6);
        // Each line once, by its own names.
        let values = records.iter().filter_map(|record| record.get("object_value"));
        assert_eq!(values.count(), 4);
        let ours = records.iter().filter(|record| record.get("modbus.kind").is_some());
        ours.map(|record| says(record, &fields).to_string() + "\n").collect::<String>().replace("\"modbus.", "\"")
    };
    let by_rows = told(&format!("{head}{rows}"));
    insta::assert_snapshot!("device_identification", by_rows);
    let columns: Vec<&str> =
        head.lines().find_map(|line| line.strip_prefix("#fields\t")).unwrap().split('\t').collect();
    let json: String = rows
        .lines()
        .map(|row| {
            let cells = columns.iter().zip(row.split('\t')).filter(|(_, cell)| *cell != "-");
            let number = ["ts", "id.orig_p", "id.resp_p", "tid", "unit", "device_id_code"];
            let cell = |(name, cell): (&&str, &str)| {
                let cell = if number.contains(name) { cell.to_owned() } else { Value::from(cell).to_string() };
                format!("\"{name}\":{cell}")
            };
            format!("{{{}}}\n", cells.map(cell).collect::<Vec<_>>().join(","))
        })
        .collect();
    assert_eq!(told(&json), by_rows);
}

#[test]
fn suricata_s_bytes_are_the_fields_of_functions_without_a_layout_there() {
    let line = |function: u8, request: &str, response: &str| {
        let half = |function: u8, data: &str| {
            format!(
                r#"{{"transaction_id":7,"protocol_id":0,"unit_id":10,"function_raw":{function},"category":"PUBLIC_ASSIGNED"{data}}}"#
            )
        };
        format!(
            r#"{{"timestamp":"2020-09-23T08:55:39.978090+0000","event_type":"modbus","src_ip":"192.0.2.7","src_port":39565,"dest_ip":"192.0.2.20","dest_port":502,"proto":"TCP","modbus":{{"id":1,"request":{},"response":{}}}}}"#,
            half(function, request),
            half(function, response)
        ) + "\n"
    };
    let lines = [
        line(7, r#","data":"""#, r#","data":"\\x6d""#),
        line(11, r#","data":"""#, r#","data":"\\xff\\xff\u0001\b""#),
        line(17, r#","data":"""#, r#","data":"\u0002\n\\xff""#),
        line(20, r#","data":"\u0007\u0006\u0000\u0004\u0000\u0001\u0000\u0001""#, r#","data":"\u0004\u0003\u0006ab""#),
        line(24, r#","data":"\u0004\\xde""#, r#","data":"\u0000\u0006\u0000\u0002\u0000a\u0000b""#),
        line(90, r#","data":"\u0000\u0002""#, r#","data":"\u0000\\xfe\u0001""#),
        line(66, r#","data":"abc""#, ""),
    ]
    .concat();
    let fields = [
        "modbus.kind",
        "modbus.function",
        "modbus.device_status",
        "modbus.event_count",
        "modbus.server_id",
        "modbus.run_indicator",
        "modbus.sub_requests",
        "modbus.records",
        "modbus.request.address",
        "modbus.values",
        "modbus.umas_function",
        "modbus.data",
        "modbus.flags",
    ];
    let told: String = read(&lines).0.iter().map(|record| says(record, &fields).to_string() + "\n").collect();
    insta::assert_snapshot!("suricata_bytes", told.replace("\"modbus.", "\""));
}

#[test]
fn tshark_s_link_layer_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let capture = fixture("badlogin/capture.pcap");
    let links = |records: &[Value]| -> BTreeSet<String> {
        let messages = records.iter().filter(|record| record["modbus.kind"] == "query");
        messages.map(|record| says(record, &["frame.number", "eth.src", "eth.dst"]).to_string()).collect()
    };
    for form in ["ek", "json"] {
        let Some(path) = printed(&capture, form, folder.path()) else {
            eprintln!("skipped: no tshark");
            break;
        };
        assert_eq!(links(&decode(&path)), links(&decode(&capture)), "{form}");
        assert!(links(&decode(&path)).iter().all(|link| link.contains("eth.src")), "{form}");
    }
    let packet = r#"{"timestamp":"1","layers":{"frame":{"frame_frame_time_epoch":"1.5"},"eth":{"eth_eth_dst":"08:00:27:aa:0f:15","eth_eth_src":"08:00:27:BB:18:24"},"vlan":[{"vlan_vlan_id":"100"},{"vlan_vlan_id":"7"}],"ip":{"ip_ip_src":"192.0.2.7","ip_ip_dst":"192.0.2.20"},"tcp":{"tcp_tcp_srcport":"1","tcp_tcp_dstport":"502"},"mbtcp":{"mbtcp_mbtcp_trans_id":"7"},"modbus":{"modbus_modbus_func_code":"3"}}}"#;
    let columns = "frame.time_epoch,eth.src,eth.dst,vlan.id,ip.src,ip.dst,tcp.srcport,tcp.dstport,modbus.func_code\n1.5,08:00:27:bb:18:24,08:00:27:aa:0f:15,\"[100,7]\",192.0.2.7,192.0.2.20,1,502,3\n";
    for text in [packet, columns] {
        let told = says(&read(text).0[0], &["eth.src", "eth.dst", "vlan.id"]);
        assert_eq!(
            told.to_string(),
            r#"{"eth.dst":"08:00:27:aa:0f:15","eth.src":"08:00:27:bb:18:24","vlan.id":[100,7]}"#
        );
    }
}

#[test]
fn arrays_and_printed_objects_may_follow_lines() {
    let zeek = |number: u8| {
        format!(
            r#"{{"ts":{number}.5,"id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.20","id.resp_p":502,"func":"READ_COILS","pdu_type":"REQ"}}"#
        )
    };
    let printed = |number: u8| zeek(number).replace('{', "{\n  ").replace(",\"", ",\n  \"").replace('}', "\n}");
    let text = format!(
        "{}\n[\n{},\n{}\n]\n{}\n{}\n[{},{}]\n{{\"EventTime\":\n{}\n",
        zeek(1),
        zeek(2),
        zeek(3),
        printed(4),
        zeek(5),
        printed(6),
        zeek(7),
        zeek(8)
    );
    let (records, summary) = read(&text);
    let seconds: Vec<&str> = records.iter().map(|record| &record["EventTime"].as_str().unwrap()[18..19]).collect();
    assert_eq!(seconds, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    let counted = |name| summary.counters[&(Room::Log, name)];
    assert_eq!(counted("lines of Zeek"), 8);
    assert_eq!((counted("objects in arrays"), counted("objects over several lines")), (4, 1));
    assert_eq!((summary.warnings.len(), counted("unreadable lines")), (1, 1), "{:?}", summary.warnings);
}
