//! `sigmabus rules`: what authors of rules are told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::{Ran, command, fixture, values};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Runs `sigmabus rules ARGS` in `folder`.
fn rules(folder: &Path, args: &[&str]) -> Ran {
    sigmabus(folder, &[&["rules"], args].concat(), "")
}

/// Runs `sigmabus ARGS` in `folder`, with what comes on standard input.
fn sigmabus(folder: &Path, args: &[&str], input: &str) -> Ran {
    let mut child =
        command(folder, args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who does not read it has closed it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Ran::of(&output)
}

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

const RULE: &str = "\
title: Setpoint written
id: 0b29d8b4-3a5c-4a26-92f8-5d2b7d2b8f11
logsource: {product: modbus, category: ics}
detection:
  write: {modbus.access: write, modbus.kind: query}
  hmi: {modbus.client: [192.0.2.10, 192.0.2.11]}
  condition: write and not hmi
level: high
";

const TEST: &str = "\
rules: [../my-rules/setpoint.yml]
cases:
  - name: a laptop writes
    records:
      - {EventTime: 2026-11-21T06:00:00Z, modbus.kind: query, modbus.access: write, modbus.client: 192.0.2.77}
    findings: [Setpoint written]
  - name: the HMI <writes> & \"more\"
    records:
      - {EventTime: 2026-11-21T06:00:00Z, modbus.kind: query, modbus.access: write, modbus.client: 192.0.2.10}
    findings: []
";

/// A folder with a rule and its test.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "my-rules/setpoint.yml", RULE);
    file(folder.path(), "my-tests/setpoint.yml", TEST);
    folder
}

#[test]
fn tests_that_pass_end_with_0_and_a_coverage_line() {
    let folder = project();
    let ran = rules(folder.path(), &["test", "my-tests"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out, "2 cases passed, 0 failed\n1 rule: without a hit none, without a near miss none\n");
    // Rules in the same directory are not taken for tests, and the tests here are found by themselves.
    fs::rename(folder.path().join("my-tests"), folder.path().join("sigma-tests")).unwrap();
    assert_eq!(rules(folder.path(), &["test", "."]).out, ran.out);
    assert_eq!(rules(folder.path(), &["test"]).out, ran.out);
}

#[test]
fn a_failed_case_is_one_line_and_ends_with_1() {
    let folder = project();
    file(folder.path(), "my-rules/setpoint.yml", RULE.replace("192.0.2.10, ", ""));
    let ran = rules(folder.path(), &["test", "my-tests/setpoint.yml"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out, @r#"
    my-tests/setpoint.yml: the HMI <writes> & "more": expected none, found "Setpoint written"
    1 case passed, 1 failed
    1 rule: without a hit none, without a near miss "Setpoint written"
    "#);
    let ran = rules(folder.path(), &["test", "--format", "json", "my-tests/setpoint.yml"]);
    let lines = values(&ran.out);
    assert_eq!(ran.code, 1);
    assert_eq!((lines[0]["result"].as_str(), lines[1]["result"].as_str()), (Some("passed"), Some("failed")));
    assert_eq!(lines[1]["found"][0], "Setpoint written");
    assert_eq!((lines[2]["failed"].as_u64(), &lines[2]["without_near_miss"][0]), (Some(1), &"Setpoint written".into()));
    let ran = rules(folder.path(), &["test", "--format", "junit", "my-tests/setpoint.yml"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!("junit", ran.out);
}

#[test]
fn what_cannot_be_used_is_told_with_its_place() {
    let folder = project();
    let test = |text: &str| {
        file(folder.path(), "my-tests/t.yml", text);
        let ran = rules(folder.path(), &["test", "my-tests/t.yml"]);
        (ran.code, ran.out)
    };
    let (code, told) = test("rule: |\n  title: t\n---\nrules: [../my-rules/setpoint.yml]\nkases: []\n");
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("my-tests/t.yml:5:1: unknown field `kases`"), "{told}");
    let (code, told) = test("rules: [../my-rules/other.yml]\n");
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("other.yml: no such file"), "{told}");
    let (code, told) = test(
        &format!("rule: |\n{}", RULE.replace("modbus.access", "modbus.acces").replace('\n', "\n  "))
            .replacen("title", "  title", 1),
    );
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("my-tests/t.yml:6:") && told.contains("did you mean `modbus.access`?"), "{told}");
    let (code, told) =
        test("rules: [../my-rules/setpoint.yml]\ncases:\n  - {name: n, capture: no.pcap, findings: []}\n");
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("no.pcap"), "{told}");
    let (code, told) = test(&format!("warns: [odd]\n{TEST}"));
    assert_eq!(code, 1, "{told}");
    assert!(told.starts_with("my-tests/t.yml: warnings: expected \"odd\", found none\n2 cases passed"), "{told}");
    let bomb: String = (1..40).map(|n| format!("  a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect();
    let (code, told) = test(&format!("rule: x\nplaceholders:\n  a0: &a0 [x]\n{bomb}"));
    assert_eq!(code, 4, "{told}");
    let ran = rules(folder.path(), &["test"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(rules(folder.path(), &["test", "my-rules"]).code, 4, "no test in it");
    assert_eq!(rules(folder.path(), &["test", "nowhere"]).code, 4);
}

#[test]
fn a_case_may_be_a_capture() {
    let folder = project();
    fs::copy(fixture("badlogin/capture.pcap"), folder.path().join("my-tests/login.pcap")).unwrap();
    let test = |findings: &str| {
        let text = format!(
            "rules: [../my-rules/setpoint.yml]\ncases:\n  - {{name: n, capture: login.pcap, findings: {findings}}}\n"
        );
        file(folder.path(), "my-tests/setpoint.yml", text);
        rules(folder.path(), &["test", "my-tests"])
    };
    assert_eq!(test("[Setpoint written, Setpoint written]").code, 0, "two writes are in it");
    assert_eq!(test("[Setpoint written]").code, 1);
}

#[test]
fn the_project_s_own_cases_pass() {
    let ran = rules(folder_of_project(), &["test", "sigma-tests/rules"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn a_rule_is_explained_as_a_tree_and_leaf_by_leaf() {
    let folder = project();
    let ran = rules(folder.path(), &["explain", "my-rules/setpoint.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!("explain_meaning", ran.out);
    let event = "{\"modbus.kind\": \"query\",\n \"modbus.access\": \"write\",\n \"modbus.client\": [\"192.0.2.11\"]}\n";
    file(folder.path(), "event.json", event);
    let ran = rules(folder.path(), &["explain", "my-rules/setpoint.yml", "event.json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!("explain_answers", ran.out);
    let piped = sigmabus(folder.path(), &["rules", "explain", "my-rules/setpoint.yml", "-"], event);
    assert_eq!(piped.out, ran.out);
    let ran = rules(folder.path(), &["explain", "--format", "json", "my-rules/setpoint.yml", "event.json"]);
    insta::assert_snapshot!("explain_json", ran.out);
}

#[test]
fn what_is_missed_is_drawn_along_a_line_of_time() {
    let folder = project();
    let rule = |title: &str| {
        let name = title.to_lowercase();
        format!(
            "title: {title}\nname: {name}\nlogsource: {{product: x}}\ndetection: {{s: {{F: {name}}}, condition: s}}\n---\n"
        )
    };
    let correlation = |title: &str, absent: &str| {
        format!(
            "title: {title}\ncorrelation: {{type: temporal_ordered, rules: [load, run], group-by: [host], timespan: 5m}}\n\
             sigmabus: {{absent: {absent}}}\n---\n"
        )
    };
    let text = ["Login", "Load", "Run"].map(rule).concat()
        + &correlation("Before", "{before: login}")
        + &correlation("After", "{after: login, once: true}");
    file(folder.path(), "missed.yml", text);
    let ran = rules(folder.path(), &["explain", "missed.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let (_, drawn) = ran.out.split_once("Before").unwrap();
    insta::assert_snapshot!(drawn, @r#"
     (missed.yml:16)
      "Load" and then "Run" without "Login" in the 5m before by host
      ├──── 5m: no "Login"; "Load" ────┤ "Run" ▶ told with it

    After (missed.yml:20)
      "Load" and then "Run" without "Login" in the 5m after by host; once, until "Login" is found
      "Load" → "Run" ├──── 5m: no "Login" ────┤ ▶ told at the end
    "#);
}

#[test]
fn an_explanation_agrees_with_the_scan() {
    let folder = folder_of_project();
    let capture = fixture("demo/capture.pcap");
    let capture = capture.to_str().unwrap();
    let found = values(&sigmabus(folder, &["scan", "--emit", "findings", capture], "").out);
    let found: Vec<_> = found.iter().filter(|finding| finding["kind"] == "detection").collect();
    assert!(found.len() > 5);
    for finding in found {
        let (title, frame) = (finding["rule"]["title"].as_str().unwrap(), finding["source"]["frame"].to_string());
        let args = ["explain", title, "--capture", capture, "--frame", &frame, "--format", "json"];
        let told = values(&rules(folder, &args).out);
        assert!(told.iter().any(|told| told["matched"] == true), "{title}, frame {frame}");
        let other =
            if title == "Force listen only mode" { "Diagnostic counters cleared" } else { "Force listen only mode" };
        let told = values(
            &rules(folder, &["explain", other, "--capture", capture, "--frame", &frame, "--format", "json"]).out,
        );
        assert!(!told.is_empty() && told.iter().all(|told| told["matched"] == false), "{other}, frame {frame}");
    }
}

fn folder_of_project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_cannot_be_explained_is_told() {
    let folder = project();
    let explain = |args: &[&str], input: &str| {
        let ran = sigmabus(folder.path(), &[&["rules", "explain"], args].concat(), input);
        assert_eq!(ran.out, "");
        (ran.code, ran.err)
    };
    let rule = "my-rules/setpoint.yml";
    for (input, told) in [
        ("", "no event"),
        ("[1]", "neither a JSON object nor a row"),
        ("{\"a\": 1} {", "not a JSON object"),
        ("{\"a\":", "not a JSON object"),
    ] {
        let (code, err) = explain(&[rule, "-"], input);
        assert_eq!(code, 4, "{input}");
        assert!(err.contains(told), "{input}: {err}");
    }
    assert_eq!(explain(&["no such rule"], "").0, 2);
    assert_eq!(explain(&[rule, "nowhere.json"], "").0, 4);
    let capture = fixture("badlogin/capture.pcap");
    let (code, err) = explain(&[rule, "--capture", capture.to_str().unwrap(), "--frame", "99"], "");
    assert!(code == 4 && err.contains("frame 99"), "{err}");
    file(folder.path(), "my-rules/bad.yml", RULE.replace("write and", "wrote and"));
    let (code, err) = explain(&["my-rules/bad.yml"], "");
    assert!(code == 3 && err.contains("my-rules/bad.yml:7:"), "{err}");
}

#[test]
fn problems_are_data_on_request() {
    let folder = project();
    let rule = RULE.replace("modbus.client:", "modbus.klient:") + "level: low\n";
    file(
        folder.path(),
        "my rules/a.yml",
        rule + "---\ntitle: \u{e4}\u{e4}\ndetection: {s: {a|none: 1}, condition: s}\nlogsource: {product: x}\n",
    );
    let text = rules(folder.path(), &["check", "my rules"]);
    assert_eq!((text.code, text.out.as_str()), (3, ""));
    let json = rules(folder.path(), &["check", "--format", "json", "my rules"]);
    assert_eq!(json.code, 3);
    assert!(text.err.ends_with(&json.err) && json.err.lines().count() == 1, "{}", json.err);
    insta::assert_snapshot!("check_json", json.out);
    let sarif = rules(folder.path(), &["check", "--format", "sarif", "my rules"]);
    let found: serde_json::Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!((sarif.code, found["version"].as_str()), (3, Some("2.1.0")));
    let results = found["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), values(&json.out).len());
    for (result, line) in results.iter().zip(values(&json.out)) {
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!((&result["ruleId"], &result["level"]), (&line["code"], &line["severity"]));
        assert_eq!(place["artifactLocation"]["uri"], "my%20rules/a.yml");
        assert_eq!(
            (&place["region"]["startLine"], &place["region"]["endColumn"]),
            (&line["line"], &line["end"]["column"])
        );
    }
    let good = rules(folder.path(), &["check", "--format", "sarif", "my-rules"]);
    let good_run: serde_json::Value = serde_json::from_str(&good.out).unwrap();
    let results = good_run["runs"][0]["results"].as_array().unwrap();
    assert_eq!((good.code, results.len()), (0, 1));
    assert_eq!((&results[0]["ruleId"], &results[0]["level"]), (&"no-attack-tag".into(), &"note".into()));
}

/// Twelve rules of rising cost: numbers, texts, and what is asked of every record.
fn priced() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rule = |title: &str, detection: &str| {
        format!(
            "title: {title}\nlogsource: {{product: p}}\ndetection:\n  s:\n    {detection}\n  condition: s\nlevel: low\n"
        )
    };
    let mut rules: Vec<String> = (0..10).map(|n| rule(&format!("Number {n}"), &format!("EventID: {n}"))).collect();
    rules.push(rule("Regex", "CommandLine|re: 'a.*b'"));
    rules.push(rule("Missing", "User: null"));
    file(folder.path(), "rules.yml", rules.join("---\n"));
    folder
}

#[test]
fn the_dearest_rules_come_first() {
    let folder = priced();
    let text = rules(folder.path(), &["check", "--cost", "rules.yml"]);
    assert_eq!(text.code, 0, "{}", text.err);
    let lines: Vec<&str> = text.out.lines().collect();
    assert!(lines[1].ends_with("Regex  rules.yml:81"), "{}", text.out);
    assert!(lines[1].contains("where the field is"), "{}", text.out);
    assert!(lines[2].contains("always") && lines[2].contains("Missing"), "{}", text.out);
    // A heading, the ten dearest, a space, the two others under a heading, a space, the sum.
    assert_eq!((lines.len(), lines[11], lines[12]), (17, "", "The others"), "{}", text.out);
    assert!(lines[16].contains("for 12 rules"), "{}", text.out);
    assert!(text.err.contains("12 good rules"), "{}", text.err);

    let json = rules(folder.path(), &["check", "--cost", "--format", "json", "rules.yml"]);
    let costs: Vec<_> = values(&json.out).into_iter().filter(|line| line["type"] == "cost").collect();
    assert_eq!(costs.len(), 12);
    assert_eq!(
        (&costs[0]["title"], &costs[0]["tested"], &costs[0]["line"]),
        (&"Regex".into(), &"open".into(), &81.into())
    );
    let each: Vec<f64> = costs.iter().map(|line| line["record_ns"].as_f64().unwrap()).collect();
    assert!(each.is_sorted_by(|a, b| a >= b), "{each:?}");
    assert!(costs[0]["search_ns"].as_f64().unwrap() + costs[0]["tests_ns"].as_f64().unwrap() > 100.0, "{}", costs[0]);

    let sarif = rules(folder.path(), &["check", "--cost", "--format", "sarif", "rules.yml"]);
    assert_eq!((sarif.code, sarif.out.as_str()), (2, ""), "{}", sarif.err);
}

/// What SARIF 2.1.0 requires of the objects that are used here, by the clauses of the standard.
#[test]
fn sarif_has_what_the_standard_requires() {
    let folder = project();
    let rule = RULE
        .replace("title: Setpoint", "title: \u{1f9ef}\u{e4} Setpoint")
        .replace("192.0.2.11]", "'\u{e4}\u{1f9ef}']")
        + "---\ntitle: t\nid: x\nlogsource: {product: x}\ndetection: {s: ['\u{1f9ef}', y], u: y, condition: s and not s}\nlevel: low\n";
    file(folder.path(), "\u{e4} rules/a.yml", rule);
    let ran = rules(folder.path(), &["check", "--format", "sarif", "\u{e4} rules"]);
    let log: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &log["version"]), (0, &"2.1.0".into()), "3.13.2");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(driver["name"].is_string(), "3.19.8");
    assert_eq!(run["columnKind"], "unicodeCodePoints", "3.14.17");
    let descriptors = driver["rules"].as_array().unwrap();
    for descriptor in descriptors {
        assert!(descriptor["id"].is_string(), "3.49.3");
        assert!(descriptor["shortDescription"]["text"].is_string(), "3.49.9");
        assert!(descriptor["help"]["text"].is_string(), "3.49.13");
        let level = descriptor["defaultConfiguration"]["level"].as_str().unwrap();
        assert!(["error", "warning", "note"].contains(&level), "3.50.3");
    }
    let text = fs::read_to_string(folder.path().join("\u{e4} rules/a.yml")).unwrap();
    let results = run["results"].as_array().unwrap();
    let places: Vec<String> = results
        .iter()
        .map(|result| {
            assert!(result["message"]["text"].is_string(), "3.27.11");
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(result["ruleId"], descriptors[index]["id"], "3.27.6");
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "%C3%A4%20rules/a.yml", "3.4.3");
            let [line, start, end_line, end] = ["startLine", "startColumn", "endLine", "endColumn"]
                .map(|key| usize::try_from(place["region"][key].as_u64().unwrap()).unwrap());
            assert_eq!(line, end_line);
            let place: String = text.lines().nth(line - 1).unwrap().chars().skip(start - 1).take(end - start).collect();
            format!("{} {}: {place}\n", result["level"].as_str().unwrap(), result["ruleId"].as_str().unwrap())
        })
        .collect();
    insta::assert_snapshot!(places.concat(), @r"
    note no-attack-tag: title
    warning impossible-value: 'ä🧯'
    warning metadata: x
    warning unused-selection: u
    warning never-true: s and not s
    ");
}

#[test]
fn only_errors_and_what_was_asked_for_turn_the_exit_code() {
    let folder = project();
    let check = |rule: &str, args: &[&str]| {
        file(folder.path(), "rule.yml", rule);
        let ran = rules(folder.path(), &[&["check", "rule.yml"], args].concat());
        (ran.code, ran.err.lines().last().unwrap().to_owned())
    };
    let warned = RULE.replace("write and not hmi", "write");
    let wrong = RULE.replace("write and not hmi", "wrote");
    assert_eq!(check(RULE, &["--fail-on", "warning"]), (0, "1 good rule, 0 errors, 0 warnings, 1 hint".to_owned()));
    assert_eq!(check(&warned, &[]), (0, "1 good rule, 0 errors, 1 warning, 1 hint".to_owned()));
    assert_eq!(check(&warned, &["--fail-on", "warning"]).0, 1);
    assert_eq!(check(&wrong, &["--fail-on", "warning"]), (3, "0 good rules, 1 error, 0 warnings".to_owned()));
}

#[test]
fn warnings_show_both_places() {
    let folder = project();
    let rule = "title: t\nid: 0b29d8b4-3a5c-4a26-92f8-5d2b7d2b8f11\nlogsource: {product: x}\nlevel: low\ndetection:\n  \
        s:\n    F: [a, b, A]\n  t:\n    F|contains:\n      - foobar\n      - foo\n  condition: s and not t and not s\n";
    file(folder.path(), "rule.yml", rule);
    insta::assert_snapshot!("check_warnings", rules(folder.path(), &["check", "rule.yml"]).err);
}

#[test]
fn coverage_tells_what_rules_are_about_and_what_none_is() {
    let folder = project();
    let tagged = |tags: &str| RULE.replace("level: high", &format!("level: high\ntags: [{tags}]"));
    file(folder.path(), "my-rules/setpoint.yml", tagged("attack.impact, attack.t0831, attack.t0855, attack.t1110.001"));
    let second = tagged("attack.t0831").replace("title: Setpoint written", "title: Other setpoint written");
    file(folder.path(), "my-rules/other.yml", second.replace("0b29d8b4", "0b29d8b5"));
    let ran = rules(folder.path(), &["coverage", "--format", "text", "--navigator", "layer.json", "my-rules"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!("coverage", ran.out);
    let layer = fs::read_to_string(folder.path().join("layer.json")).unwrap();
    insta::assert_snapshot!("navigator_layer", layer);
    assert_eq!(rules(folder.path(), &["coverage", "--navigator", "-", "my-rules"]).out, layer);

    let lines = values(&rules(folder.path(), &["coverage", "my-rules"]).out);
    let named: Vec<_> = lines.iter().filter(|line| line["rules"][0].is_object()).map(|line| &line["id"]).collect();
    assert_eq!(named, ["T0831", "T1110.001", "T1692.001"]);
    assert_eq!(lines.last().unwrap()["covered"], 2);

    let ran = rules(folder.path(), &["coverage", "--navigator", "none/layer.json", "my-rules"]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert!(ran.err.contains("cannot write none/layer.json: no such file or directory"), "{}", ran.err);
}

#[test]
fn the_built_in_rules_name_techniques_of_the_ics_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let lines = values(&rules(folder.path(), &["coverage"]).out);
    let foreign: Vec<_> = lines.iter().filter(|line| line["type"] == "technique" && line["name"].is_null()).collect();
    assert_eq!(foreign.iter().map(|line| &line["id"]).collect::<Vec<_>>(), ["T1110.001"]);
    assert!(lines.last().unwrap()["covered"].as_u64() >= Some(30));
}

#[test]
fn placeholders_are_listed_with_what_is_in_force() {
    let folder = project();
    let listed = |format: &str| {
        let ran = rules(folder.path(), &["placeholders", "--format", format]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out
    };
    let default = listed("text");
    assert!(
        default.starts_with("modbus_writers        clients that may write\n                      any (default)\n"),
        "{default}"
    );
    file(
        folder.path(),
        "sigmabus.yml",
        "placeholders: {modbus_writers: [192.0.2.10, 192.0.2.16/28], protected_registers: [100-109, 7], asset_scanners: [], boilers: [b1]}\n",
    );
    let told = values(&listed("json"));
    let of = |name: &str| told.iter().find(|told| told["name"] == name).unwrap();
    assert_eq!(of("modbus_writers")["values"], serde_json::json!(["192.0.2.10", "192.0.2.16/28"]));
    assert_eq!((&of("modbus_writers")["configured"], &of("modbus_writers")["default"][0]), (&true.into(), &"*".into()));
    assert_eq!(of("protected_registers")["values"], serde_json::json!(["100-109", "7"]));
    assert_eq!(
        (&of("asset_scanners")["configured"], &of("asset_scanners")["values"]),
        (&true.into(), &serde_json::json!([]))
    );
    assert_eq!(of("block_writers")["configured"], false);
    assert_eq!(
        (told.last().unwrap()["name"].as_str(), told.last().unwrap()["default"].is_null()),
        (Some("boilers"), true)
    );
    assert!(listed("text").contains("192.0.2.10, 192.0.2.16/28\n"));
}

#[test]
fn a_new_rule_lacks_nothing_but_its_date() {
    let folder = tempfile::tempdir().unwrap();
    for (args, good, dates) in [(&["new"][..], "1 good rule", 1), (&["new", "--correlation"], "2 good rules", 2)] {
        let skeleton = rules(folder.path(), args);
        assert_eq!((skeleton.code, skeleton.err.as_str()), (0, ""));
        assert_ne!(skeleton.out, rules(folder.path(), args).out, "the id is fresh");
        file(folder.path(), "rule.yml", &skeleton.out);
        let checked = rules(folder.path(), &["check", "rule.yml"]);
        assert_eq!(checked.code, 0, "{}", checked.err);
        assert_eq!(checked.err.matches("`date` is not a date").count(), dates, "{}", checked.err);
        file(folder.path(), "rule.yml", skeleton.out.replace("YYYY-MM-DD", "2026-11-21"));
        let checked = rules(folder.path(), &["check", "rule.yml"]);
        assert_eq!(checked.err, format!("{good}, 0 errors, 0 warnings\n"));
    }
}

#[test]
fn the_manual_s_first_rule_passes_its_test() {
    let manual = fs::read_to_string(folder_of_project().join("docs/rules.md")).unwrap();
    let blocks: Vec<&str> = manual.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let [rule, test, correlation, ..] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "boiler_setpoint.yml", format!("{rule}---\n{correlation}"));
    file(folder.path(), "tests/boiler_setpoint.yml", test);
    let checked = rules(folder.path(), &["check", "boiler_setpoint.yml"]);
    assert_eq!(checked.err, "2 good rules, 0 errors, 0 warnings\n");
    let ran = rules(folder.path(), &["test", "tests"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(
        ran.out.contains("without a hit \"Boiler setpoints written by a stranger again and again\""),
        "{}",
        ran.out
    );
}

#[test]
fn the_help_texts_are_these() {
    for topic in ["explain", "new", "test"] {
        let ran = rules(Path::new("."), &[topic, "--help"]);
        assert_eq!(ran.code, 0);
        insta::assert_snapshot!(format!("help_{topic}"), ran.out);
    }
}
