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

use common::{Ask, fixture, shared, values};
use serde_json::Value;
use sigmabus::pipeline::{Naming, Room, Summary};
use std::collections::BTreeMap;
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
    let folder = tempfile::tempdir().unwrap();
    let scan = |text: &str| {
        fs::write(folder.path().join("log"), text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sigmabus"))
            .args(["scan", "log"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, err) = scan("#separator \\x09\n#path\tmodbus\n#fields\tts\tuid\tid.orig_h\n1.5\tC1\t192.0.2.7\n");
    assert_eq!(code, 4);
    assert!(err.contains("log: line 3: the header of Zeek's modbus.log lacks `id.resp_h`, `func`"), "{err}");
    let (code, err) = scan("frame.time_epoch,ip.src,modbus.func_code\n1.5,192.0.2.7,3\n");
    assert_eq!(code, 4);
    assert!(err.contains("line 1: the header of tshark lacks `ip.dst`"), "{err}");
    let (code, err) = scan("here,there\n1,2\n");
    assert_eq!(code, 4);
    assert!(err.contains("no known format"), "{err}");
}

#[test]
fn what_a_rule_masks_stands_under_no_other_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "rule.yml",
        "title: t\nlevel: high\nlogsource: {product: modbus}\nsigmabus: {mask: [modbus.values]}\ndetection: {s: {modbus.kind: query}, condition: s}\n",
    );
    write(
        "log",
        r#"{"ts":1.5,"id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.20","id.resp_p":502,"func":"WRITE_SINGLE_REGISTER","address":1,"quantity":1,"request_values":[12345],"matched":true}"#,
    );
    let output = Command::new(env!("CARGO_BIN_EXE_sigmabus"))
        .args(["scan", "-r", "rule.yml", "--format", "json", "--emit", "findings,alerts", "log"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("[masked]") && !out.contains("12345"), "{out}");
}

/// Findings as title and time.
fn findings(path: &Path) -> Vec<(String, String)> {
    let (out, _) = Ask { alerts: false, ..Ask::verdicts() }.run(&[path]);
    let finding = |value: &Value| (value["rule"]["title"].to_string(), value["time"].to_string());
    values(&out).iter().map(finding).collect()
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
        let expected = findings(&capture);
        for form in ["ek", "json"] {
            let Some(path) = printed(&capture, form, folder.path()) else {
                eprintln!("skipped: no tshark");
                return;
            };
            assert_eq!(findings(&path), expected, "{name} as {form}");
        }
    }
}

/// Rules on fields that logs of Zeek and ICSNPP have; `kind` is what is asked of the messages' kind beside.
fn rules(kind: &str) -> String {
    let rule = |title: &str, fields: &str| {
        format!(
            "title: {title}\nlogsource: {{product: modbus}}\ndetection: {{s: {{{fields}{kind}}}, condition: s}}\n---\n"
        )
    };
    let functions = (1..=43).map(|code| rule(&format!("function {code}"), &format!("modbus.function: {code}")));
    functions.collect::<String>()
        + &rule("server", "modbus.server: 127.0.0.1, modbus.client_port: 47785, modbus.function|exists: true")
}

/// The same where the log also tells kinds, addresses and values.
fn detailed_rules() -> String {
    let rule = |title: &str, fields: &str| {
        format!("title: {title}\nlogsource: {{product: modbus}}\ndetection: {{s: {{{fields}}}, condition: s}}\n---\n")
    };
    [
        rules(""),
        rule("written", "modbus.kind: query, modbus.function: 6, modbus.values: 43981"),
        rule("coil on", "modbus.kind: query, modbus.output_value: 'ON', modbus.access: write"),
        rule("coils written", "modbus.kind: query, modbus.function: 15, modbus.quantity: 4, modbus.values: 1"),
        rule("many registers", "modbus.kind: query, modbus.function: [3, 6, 16], modbus.address_end|gte: 4"),
        rule("confirmed", "modbus.kind: response, modbus.function: [15, 16], modbus.quantity: 4"),
        rule("read", "modbus.kind: response, modbus.values: 170, modbus.request.quantity: 8"),
        rule("bits", "modbus.kind: response, modbus.function: 2, modbus.request.address: 1"),
        rule(
            "refused",
            "modbus.kind: exception, modbus.exc: 2, modbus.request.address: 600, modbus.request.quantity: 10",
        ),
        rule("diagnostics", "modbus.sub_function: 2, modbus.trans_id: 12, modbus.unit_id: 2"),
    ]
    .concat()
}

/// How often each rule reports, without those that do not.
fn counts(rules: &str, input: &Path) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), rules.trim_end_matches("---\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigmabus"))
        .args(["scan", "-r", "rules.yml", "--emit", "findings", "--format", "json"])
        .arg(input.canonicalize().unwrap())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts = BTreeMap::new();
    for finding in values(&String::from_utf8(output.stdout).unwrap()) {
        *counts.entry(finding["rule"]["title"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn published_logs_of_zeek_find_what_their_captures_do() {
    let Some(captures) = shared("captures") else { return };
    let log = |name: &str| captures.join("zeek").join(name);
    let capture = |name: &str| captures.join(name);
    let example = capture("icsnpp_modbus_example.pcap");
    let detailed = counts(&detailed_rules(), &example);
    assert!(detailed.len() > 25, "{detailed:?}");
    assert_eq!(counts(&detailed_rules(), &log("icsnpp_modbus_example/modbus_detailed.log")), detailed);
    for (name, function) in [("mask_write_register", 22), ("read_write_multiple_registers", 23)] {
        let title = format!("function {function}");
        let found = counts(&rules(""), &log(&format!("icsnpp_modbus_example/modbus_{name}.log")));
        assert_eq!(found[&title], detailed[&title], "{name}");
    }
    // With a word for the kind of each message.
    let rules_by_kind =
        rules(", modbus.kind: query") + &rules(", modbus.kind: response").replace("title: ", "title: answer to ");
    let mixed = "zeek_modbus-and-non-modbus-p502";
    assert_eq!(
        counts(&rules_by_kind, &log(&format!("{mixed}/modbus.log"))),
        counts(&rules_by_kind, &capture(&format!("{mixed}.pcap")))
    );
    // Without: there is a line for each request, or for its refusal.
    let queries = counts(&rules(", modbus.kind: query"), &capture("ndpi_modbus_2008.pcap"));
    assert_eq!(counts(&rules(""), &log("ndpi_modbus_2008/modbus.log")), queries);
    let folder = tempfile::tempdir().unwrap();
    let rows = fs::read_to_string(log("icsnpp_modbus_example/modbus.log")).unwrap();
    let head = "#separator \\x09\n#unset_field\t-\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tfunc\texception\n";
    let headed = folder.path().join("modbus.log");
    fs::write(&headed, format!("{head}{rows}")).unwrap();
    assert_eq!(counts(&rules(""), &headed), counts(&rules(", modbus.kind: query"), &example));
}
