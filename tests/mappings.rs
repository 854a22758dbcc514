//! The shipped mappings, each from a rule to a finding in a log of its format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, folder, sigmabus};
use sigmabus::sigma::{
    Mappings, Options, SchemaFields, Severity, SourceText, load, read_mapping, shipped_mapping, shipped_mappings,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The titles of what `rules` find in the lines of a log, by these mappings.
fn found(mappings: &[&str], rules: &str, lines: &[&str]) -> Vec<String> {
    let folder = folder(&[("rules.yml", rules), ("log.json", &(lines.join("\n") + "\n"))]);
    let mut args = vec!["scan", "-r", "rules.yml", "--emit", "findings", "--format", "json", "log.json"];
    mappings.iter().for_each(|name| args.extend(["--mapping", name]));
    let Ran { code, out, err } = sigmabus(folder.path(), &args);
    assert_eq!(code, 0, "{err}");
    let title = |line: &str| {
        let finding: serde_json::Value = serde_json::from_str(line).unwrap();
        finding["rule"]["title"].as_str().unwrap().to_owned()
    };
    out.lines().map(title).collect()
}

const MODBUS: &str = "\
title: Asked for its name
logsource: {product: modbus}
detection:
  selection: {modbus.kind: query, modbus.function: 17, modbus.client: 192.0.2.7}
  condition: selection
---
title: Refused
name: refused
logsource: {product: modbus}
detection:
  selection: {modbus.kind: exception, modbus.function: [3, 16], modbus.exc: 2}
  condition: selection
";

const TWICE: &str = "\
---
title: Refused twice
correlation: {type: event_count, rules: [refused], group-by: [modbus.client, modbus.server], timespan: 1m, condition: {gte: 2}}
";

const WRITTEN: &str = "\
---
title: Register 31 written
logsource: {product: modbus}
detection:
  selection: {modbus.kind: query, modbus.access: write, modbus.address: 31, modbus.quantity|gte: 6}
  condition: selection
";

#[test]
fn modbus_rules_find_in_a_log_of_zeek() {
    let line = |rest: &str| {
        format!(
            r#"{{"ts":1600851733.75,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":39565,"id.resp_h":"192.0.2.20","id.resp_p":502,"tid":7,"unit":10,{rest}}}"#
        )
    };
    let lines = [
        line(r#""func":"REPORT_SLAVE_ID","pdu_type":"REQ""#),
        line(r#""func":"REPORT_SLAVE_ID","pdu_type":"RESP""#),
        line(r#""func":"READ_HOLDING_REGISTERS_EXCEPTION","pdu_type":"RESP","exception":"ILLEGAL_DATA_ADDRESS""#),
        line(r#""func":"READ_COILS_EXCEPTION","pdu_type":"RESP","exception":"ILLEGAL_DATA_ADDRESS""#),
        line(r#""func":"WRITE_MULTIPLE_REGISTERS","pdu_type":"RESP","exception":"ILLEGAL_DATA_ADDRESS""#),
        line(r#""func":"WRITE_MULTIPLE_REGISTERS","pdu_type":"RESP","exception":"ILLEGAL_DATA_VALUE""#),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(found(&["zeek"], MODBUS, &lines), ["Asked for its name", "Refused", "Refused"]);
    assert_eq!(found(&["zeek"], &format!("{MODBUS}{TWICE}"), &lines), ["Asked for its name", "Refused twice"]);
}

#[test]
fn modbus_rules_find_in_a_log_of_icsnpp() {
    let line = |rest: &str| {
        format!(
            r#"{{"ts":1600851733.75,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":39565,"id.resp_h":"192.0.2.20","id.resp_p":502,"tid":7,"unit":10,"matched":true,{rest}}}"#
        )
    };
    let lines = [
        line(r#""func":"REPORT_SLAVE_ID","response_data":"x""#),
        line(r#""func":"READ_HOLDING_REGISTERS","address":600,"quantity":10,"exception_code":"ILLEGAL_DATA_ADDRESS""#),
        line(r#""func":"WRITE_MULTIPLE_REGISTERS","address":31,"quantity":6,"request_values":[97,98,99,100,101,102]"#),
        line(r#""func":"WRITE_MULTIPLE_REGISTERS","address":31,"quantity":5,"request_values":[97,98,99,100,101]"#),
        line(r#""func":"READ_HOLDING_REGISTERS","address":31,"quantity":6"#),
        line(r#""func":"DIAGNOSTICS","request_subfunction_code":"Force Listen Only Mode""#),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let listen = "---\ntitle: Silenced\nlogsource: {product: modbus}\ndetection:\n  s: {modbus.kind: query, modbus.function: 8, modbus.sub_function: 4}\n  condition: s\n";
    let values = "---\ntitle: Value\nlogsource: {product: modbus}\ndetection:\n  s: {modbus.kind: query, modbus.values: 102}\n  condition: s\n";
    assert_eq!(
        found(&["icsnpp"], &format!("{MODBUS}{WRITTEN}{listen}{values}"), &lines),
        ["Asked for its name", "Refused", "Register 31 written", "Value", "Silenced"]
    );
}

#[test]
fn modbus_rules_find_in_events_of_suricata() {
    let line = |request: &str, response: &str| {
        format!(
            r#"{{"timestamp":"2020-09-23T08:55:39.978090+0000","flow_id":1,"event_type":"modbus","src_ip":"192.0.2.7","src_port":39565,"dest_ip":"192.0.2.20","dest_port":502,"proto":"TCP","modbus":{{"id":1,"request":{{"transaction_id":7,"protocol_id":0,"unit_id":10,{request}}},"response":{{"transaction_id":7,{response}}}}}}}"#
        )
    };
    let lines = [
        line(r#""function_raw":17"#, r#""function_raw":17"#),
        line(
            r#""function_raw":16,"write":{"address":31,"quantity":6,"data":"a"}"#,
            r#""function_raw":144,"exception":{"raw":2,"code":"IllegalDataAddr"}"#,
        ),
        line(r#""function_raw":16,"write":{"address":30,"quantity":6,"data":"a"}"#, r#""function_raw":16"#),
        line(r#""function_raw":3,"read":{"address":31,"quantity":6}"#, r#""function_raw":3"#),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        found(&["suricata"], &format!("{MODBUS}{WRITTEN}"), &lines),
        ["Asked for its name", "Refused", "Register 31 written"]
    );
}

#[test]
fn modbus_rules_find_in_what_tshark_prints() {
    let line = |from: &str, to: &str, ports: (u16, u16), modbus: &str| {
        format!(
            r#"{{"timestamp":"1600851733755","layers":{{"ip":{{"ip_ip_src":"{from}","ip_ip_dst":"{to}"}},"tcp":{{"tcp_tcp_srcport":"{}","tcp_tcp_dstport":"{}"}},"mbtcp":{{"mbtcp_mbtcp_unit_id":"10"}},"modbus":{{{modbus}}}}}}}"#,
            ports.0, ports.1
        )
    };
    let query = |modbus: &str| line("192.0.2.7", "192.0.2.20", (39_565, 502), modbus);
    let answer = |modbus: &str| line("192.0.2.20", "192.0.2.7", (502, 39_565), modbus);
    let lines = [
        query(r#""modbus_modbus_func_code":"17""#),
        answer(r#""modbus_modbus_func_code":"17""#),
        answer(r#""modbus_modbus_func_code":"16","modbus_modbus_exception_code":"2""#),
        query(r#""modbus_modbus_func_code":"16","modbus_modbus_reference_num":"31","modbus_modbus_word_cnt":"16""#),
        answer(r#""modbus_modbus_func_code":"16","modbus_modbus_reference_num":"31","modbus_modbus_word_cnt":"16""#),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        found(&["wireshark"], &format!("{MODBUS}{WRITTEN}"), &lines),
        ["Asked for its name", "Refused", "Register 31 written"]
    );
}

#[test]
fn modbus_rules_find_in_what_nxlog_writes() {
    let lines = [
        r#"{"EventTime":"2020-09-23T08:55:39.978090+03:00","ipv4.src":"192.0.2.7","ipv4.dst":"192.0.2.20","tcp.src_port":"39565","tcp.dst_port":"502","modbus.function_code":"Report Server ID (17)"}"#,
        r#"{"EventTime":"2020-09-23T08:55:40.978090+03:00","ipv4.src":"192.0.2.20","ipv4.dst":"192.0.2.7","tcp.src_port":"502","tcp.dst_port":"39565","modbus.function_code":"Report Server ID (17)"}"#,
        r#"{"EventTime":"2020-09-23T08:55:41.978090+03:00","ipv4.src":"192.0.2.20","ipv4.dst":"192.0.2.7","tcp.src_port":"502","tcp.dst_port":"39565","modbus.function_code":"Write Multiple Registers Error (0x90)","modbus.response.write_multiple_registers.exc_code":"Illegal Data Address (02)"}"#,
        r#"{"EventTime":"2020-09-23T08:55:42.978090+03:00","ipv4.src":"192.0.2.7","ipv4.dst":"192.0.2.20","tcp.src_port":"39565","tcp.dst_port":"502","modbus.function_code":"Write Multiple Registers (16)","modbus.query.write_multiple_registers.starting_address":"31","modbus.query.write_multiple_registers.qty_of_regs":"16"}"#,
    ];
    assert_eq!(
        found(&["nxlog"], &format!("{MODBUS}{WRITTEN}"), &lines),
        ["Asked for its name", "Refused", "Register 31 written"]
    );
}

/// What NXLog's names say of a real capture must be what our own say.
#[test]
fn nxlogs_names_find_what_our_own_do() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/badlogin/capture.pcap");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), format!("{MODBUS}{WRITTEN}")).unwrap();
    let capture = capture.to_str().unwrap();
    let titles = |args: &[&str]| -> Vec<String> {
        let Ran { code, out, err } = sigmabus(folder.path(), args);
        assert_eq!(code, 0, "{err}");
        let title = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["rule"]["title"].to_string();
        out.lines().map(title).collect()
    };
    let scan = ["scan", "-r", "rules.yml", "--emit", "findings", "--format", "json"];
    let own = titles(&[&scan[..], &[capture]].concat());
    assert!(own.len() > 1, "{own:?}");
    let Ran { code, out: decoded, .. } = sigmabus(folder.path(), &["decode", "--naming", "nxlog", capture]);
    assert_eq!(code, 0);
    fs::write(folder.path().join("nxlog.json"), decoded).unwrap();
    assert_eq!(titles(&[&scan[..], &["--mapping", "nxlog", "nxlog.json"]].concat()), own);
}

#[test]
fn a_rule_that_asks_for_what_a_log_lacks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rules = format!(
        "{MODBUS}---\ntitle: By table\nlogsource: {{product: modbus}}\ndetection:\n  s: {{modbus.table: coils}}\n  condition: s\n---\n\
         title: By address\ncorrelation: {{type: event_count, rules: [refused], group-by: [modbus.address_end], timespan: 1m, condition: {{gte: 2}}}}\n"
    );
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    for name in ["icsnpp", "nxlog", "suricata", "wireshark", "zeek"] {
        let Ran { code, err, .. } = sigmabus(folder.path(), &["rules", "check", "--mapping", name, "rules.yml"]);
        assert_eq!(code, 3, "{name}");
        assert!(err.contains("s: {modbus.table: coils}") && err.contains("no such field"), "{name}: {err}");
        assert!(err.contains("2 good rules, 2 errors"), "{name}: {err}");
    }
}

const PROCESS: &str = "\
title: Encoded command
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\powershell.exe', ParentImage|endswith: '\\winword.exe', CommandLine|contains: ' -enc '}
  condition: selection
";

#[test]
fn windows_rules_find_in_events_of_sysmon() {
    let lines = [
        r#"{"EventTime":"2026-11-21 06:00:00","EventID":1,"Image":"C:\\x\\powershell.exe","ParentImage":"C:\\winword.exe","CommandLine":"powershell -enc AAAA"}"#,
        r#"{"EventTime":"2026-11-21 06:00:01","EventID":4688,"Image":"C:\\x\\powershell.exe","ParentImage":"C:\\winword.exe","CommandLine":"powershell -enc AAAA"}"#,
        r#"{"EventTime":"2026-11-21 06:00:02","EventID":12,"EventType":"CreateKey","TargetObject":"HKLM\\a"}"#,
        r#"{"EventTime":"2026-11-21 06:00:03","EventID":12,"EventType":"DeleteKey","TargetObject":"HKLM\\a"}"#,
    ];
    let key = "---\ntitle: Key added\nlogsource: {product: windows, category: registry_add}\ndetection:\n  s: {TargetObject: 'HKLM\\a'}\n  condition: s\n";
    assert_eq!(found(&["sysmon"], &format!("{PROCESS}{key}"), &lines), ["Encoded command", "Key added"]);
}

#[test]
fn windows_rules_find_in_the_security_log() {
    let lines = [
        r#"{"EventTime":"2026-11-21 06:00:00","Channel":"Security","EventID":4688,"NewProcessName":"C:\\x\\powershell.exe","ParentProcessName":"C:\\winword.exe","CommandLine":"powershell -enc AAAA","MandatoryLabel":"S-1-16-12288"}"#,
        r#"{"EventTime":"2026-11-21 06:00:01","Channel":"Security","EventID":4689,"NewProcessName":"C:\\x\\powershell.exe","ParentProcessName":"C:\\winword.exe","CommandLine":"powershell -enc AAAA"}"#,
        r#"{"EventTime":"2026-11-21 06:00:02","Channel":"System","EventID":7045,"ServiceName":"x"}"#,
        r#"{"EventTime":"2026-11-21 06:00:03","Channel":"Security","EventID":7045,"ServiceName":"x"}"#,
    ];
    let more = "---\ntitle: Elevated\nlogsource: {product: windows, category: process_creation}\ndetection:\n  s: {IntegrityLevel: [High, System]}\n  condition: s\n\
        ---\ntitle: Service\nlogsource: {product: windows, service: system}\ndetection:\n  s: {EventID: 7045}\n  condition: s\n";
    assert_eq!(
        found(&["windows-security"], &format!("{PROCESS}{more}"), &lines),
        ["Encoded command", "Elevated", "Service"]
    );
}

#[test]
fn windows_rules_find_in_what_winlogbeat_writes() {
    let lines = [
        r#"{"@timestamp":"2026-11-21T06:00:00.000Z","event":{"code":"1"},"process":{"executable":"C:\\x\\powershell.exe","command_line":"powershell -enc AAAA","parent":{"executable":"C:\\winword.exe"}},"winlog":{"event_data":{"IntegrityLevel":"High"}}}"#,
        r#"{"@timestamp":"2026-11-21T06:00:01.000Z","event":{"code":"5"},"process":{"executable":"C:\\x\\powershell.exe","command_line":"powershell -enc AAAA","parent":{"executable":"C:\\winword.exe"}}}"#,
        r#"{"@timestamp":"2026-11-21T06:00:02.000Z","event":{"code":"3"},"network":{"direction":"egress"},"destination":{"port":502}}"#,
        r#"{"@timestamp":"2026-11-21T06:00:03.000Z","dns":{"question":{"name":"evil.example"}}}"#,
    ];
    let more = "---\ntitle: Integrity\nlogsource: {product: windows, category: process_creation}\ndetection:\n  s: {IntegrityLevel: High}\n  condition: s\n\
        ---\ntitle: To a device\nlogsource: {product: windows, category: network_connection}\ndetection:\n  s: {Initiated: 'true', DestinationPort: 502}\n  condition: s\n\
        ---\ntitle: Name\nlogsource: {category: dns}\ndetection:\n  s: {query|endswith: .example}\n  condition: s\n";
    assert_eq!(
        found(&["ecs", "sysmon"], &format!("{PROCESS}{more}"), &lines),
        ["Encoded command", "Integrity", "To a device", "Name"]
    );
}

fn rule_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rule_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yml") {
            found.push(path);
        }
    }
}

/// Public rules go through the mappings for Windows; those that do not say why.
#[test]
fn public_rules_go_through() {
    let mut files = Vec::new();
    rule_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/sigmahq")), &mut files);
    if files.is_empty() {
        eprintln!("skipped: no rules beside the project");
        return;
    }
    files.sort();
    let source = |path: &PathBuf| SourceText::new(path.display().to_string(), fs::read(path).unwrap());
    let sources: Vec<SourceText> = files.iter().map(source).collect();
    for (names, least) in [(&["sysmon"][..], 100), (&["windows-security"], 75), (&["sysmon", "ecs"], 90)] {
        let read = |name: &&str| read_mapping(&shipped_mapping(name).unwrap()).unwrap();
        let mappings = Mappings::new(names.iter().map(read).collect());
        let options = Options { mappings, fields: Some(Arc::new(SchemaFields)), ..Options::default() };
        let loaded = load(sources.clone(), &options);
        let mut errors: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let wrong = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        wrong.for_each(|found| *errors.entry((found.code, &found.message)).or_insert(0) += 1);
        println!("{names:?}: {} of {} rules, {errors:?}", loaded.ruleset.rules.len(), sources.len());
        let odd = errors.keys().find(|(code, _)| !matches!(*code, "mapping" | "unresolved-placeholder"));
        assert_eq!(odd, None);
        let placeholders =
            errors.iter().filter(|((code, _), _)| *code == "unresolved-placeholder").map(|(_, n)| n).sum::<usize>();
        assert!(loaded.ruleset.rules.len() * 100 >= (sources.len() - placeholders) * least, "{names:?}: {errors:?}");
    }
}

#[test]
fn every_shipped_mapping_can_be_listed_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let Ran { code, out, .. } = sigmabus(folder.path(), &["rules", "mappings"]);
    assert_eq!(code, 0);
    for shipped in shipped_mappings() {
        assert!(out.lines().any(|line| line.starts_with(shipped.name) && line.ends_with(shipped.summary)), "{out}");
        let Ran { code, out: text, .. } = sigmabus(folder.path(), &["rules", "mappings", shipped.name]);
        assert_eq!((code, &*text), (0, shipped.text));
        read_mapping(&SourceText::new(shipped.name, text.into_bytes())).unwrap();
    }
    let Ran { code, err, .. } = sigmabus(folder.path(), &["rules", "mappings", "zek"]);
    assert_eq!(code, 2);
    assert!(err.contains("zek: no such file, and no shipped mapping: there are ecs, icsnpp"), "{err}");
}

#[test]
fn a_mapping_with_errors_ends_the_run_and_a_configured_one_is_used() {
    let folder = folder(&[
        ("bad.yml", "name: x\ntransformations:\n- {type: field_name_maping, mapping: {a: b}}\n"),
        ("good.yml", "name: x\ntransformations:\n- {type: field_name_mapping, mapping: {a: b}}\n"),
        ("rule.yml", "title: t\nlogsource: {product: x}\ndetection: {s: {a: 1}, condition: s}\n"),
        ("sigmabus.yml", "mappings: [good.yml]\n"),
    ]);
    let Ran { code, err, .. } = sigmabus(folder.path(), &["rules", "list", "--mapping", "bad.yml", "rule.yml"]);
    assert_eq!(code, 3);
    assert!(err.contains("did you mean `field_name_mapping`?") && err.contains("1 error in mappings"), "{err}");
    let Ran { code, out, err } = sigmabus(folder.path(), &["rules", "explain", "rule.yml"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("b = 1"), "{out}");
    let Ran { code, err, .. } = sigmabus(folder.path(), &["rules", "explain", "--mapping", "none.yml", "rule.yml"]);
    assert_eq!(code, 2);
    assert!(err.contains("none.yml: no such file"), "{err}");
}
