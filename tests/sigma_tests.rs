//! Runs every case of `sigma-tests/`: through the whole pipeline, and record by record on both matchers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

use serde::Deserialize;
use sigmabus::alert::Alert;
use sigmabus::detect::{Catalogue, Finding, Input, Machine, Scratch, Unit, naive};
use sigmabus::pipeline::{Emits, Engine, Plan, Run, Wanted};
use sigmabus::record::{LogPlan, LogRecord, Slots};
use sigmabus::sigma::{self, Options, SourceText};
use sigmabus::sink::Sink;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    #[serde(default)]
    rules: Vec<PathBuf>,
    rule: Option<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    records: Vec<BTreeMap<String, serde_json::Value>>,
    findings: Vec<String>,
}

/// Keeps the titles of findings.
#[derive(Default)]
struct Titles(Vec<String>);

impl Sink for Titles {
    fn record(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()> {
        self.0.push(catalogue.meta(finding.rule).title.to_string());
        Ok(())
    }

    fn alert(&mut self, _: &Alert, _: &Catalogue) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn test_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(test_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources(file: &Path, test: &TestFile) -> Vec<SourceText> {
    let folder = file.parent().unwrap();
    let named = test.rules.iter().map(|path| {
        let path = folder.join(path);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        SourceText::new(path.display().to_string(), bytes)
    });
    let inline = test.rule.iter().map(|text| SourceText::new(file.display().to_string(), text.clone().into_bytes()));
    named.chain(inline).collect()
}

fn lines(case: &Case) -> String {
    case.records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

/// The findings of a case through the whole pipeline.
fn found(ruleset: &sigma::ir::Ruleset, case: &Case, threads: usize) -> Vec<String> {
    let plan = Arc::new(Plan::compile(ruleset.clone(), Wanted { findings: true, ..Wanted::default() }).unwrap());
    let mut engine = Engine::new(&plan, Emits { alerts: false, findings: true });
    let input = engine.begin(Input { name: "case".into(), unit: Unit::Line });
    let mut titles = Titles::default();
    let run = Run { plan: &plan, input, threads, progress: &() };
    run.log(Box::new(Cursor::new(lines(case).into_bytes())), &mut engine, &mut titles).unwrap();
    titles.0
}

/// Both matchers on every record.
fn matchers_agree(ruleset: &sigma::ir::Ruleset, case: &Case, at: &str) {
    let mut slots = Slots::new();
    let machine = Machine::compile(&ruleset.rules, &mut slots).unwrap();
    let log = LogPlan::new(&slots, true);
    let mut scratch = Scratch::new();
    for line in lines(case).lines() {
        let bump = bumpalo::Bump::new();
        let record = LogRecord::read(line.as_bytes(), &log, &bump).unwrap();
        let compiled: Vec<usize> = machine.matches(&record, &mut scratch).iter().map(|rule| rule.0 as usize).collect();
        let plain: Vec<usize> = (0..ruleset.rules.len())
            .filter(|rule| naive::satisfies(&ruleset.rules[*rule].condition, &record, &slots))
            .collect();
        assert_eq!(compiled, plain, "{at}: the matchers disagree on {line}");
    }
}

#[test]
fn every_case_gives_its_findings_on_both_matchers_and_any_number_of_threads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sigma-tests");
    let mut wrong = Vec::new();
    let mut cases = 0;
    for file in test_files(&root) {
        let test: TestFile = serde_yaml::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let loaded = sigma::load(sources(&file, &test), &Options::default());
        let problems: Vec<_> = loaded.diagnostics.iter().map(|found| &found.message).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
        for case in &test.cases {
            cases += 1;
            let at = format!("{}: {}", file.file_name().unwrap().to_string_lossy(), case.name);
            matchers_agree(&loaded.ruleset, case, &at);
            for threads in [1, 3] {
                let found = found(&loaded.ruleset, case, threads);
                if found != case.findings {
                    wrong.push(format!(
                        "{at} ({threads} threads)\n  expected {:?}\n  found    {found:?}",
                        case.findings
                    ));
                }
            }
        }
    }
    assert!(cases > 90, "only {cases} cases were run");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_built_in_rule_has_a_hit_and_a_near_miss() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for rule in test_files(&root.join("rules")) {
        let test = root.join("sigma-tests/rules").join(rule.file_name().unwrap());
        let text = fs::read_to_string(&test).unwrap_or_else(|error| panic!("{}: {error}", test.display()));
        let test: TestFile = serde_yaml::from_str(&text).unwrap();
        assert!(test.cases.iter().any(|case| !case.findings.is_empty()), "{}: no hit", rule.display());
        assert!(test.cases.iter().any(|case| case.findings.is_empty()), "{}: no near miss", rule.display());
    }
}
