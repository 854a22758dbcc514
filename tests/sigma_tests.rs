//! Runs every case of `sigma-tests/`: through the whole pipeline, and record by record on both matchers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

use sigmabus::detect::{Machine, Scratch, naive};
use sigmabus::pipeline::{Case, Coverage, Plan, Test, read_tests};
use sigmabus::record::{LogPlan, LogRecord, Slots};
use sigmabus::sigma::ir::Rule;
use sigmabus::sigma::{Loaded, Severity};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

fn documents(file: &Path) -> Vec<Test> {
    read_tests(file).unwrap_or_else(|error| panic!("{error}"))
}

/// What differs from what a test says of its rules as such. Here, unlike in users' tests, every warning has to be said.
fn misread(test: &Test, loaded: &Loaded) -> Option<String> {
    let warned = loaded.diagnostics.iter().any(|found| found.severity == Severity::Warning);
    let unsaid = warned && test.warns().is_none() && test.refused().is_none();
    (unsaid || !test.is_read_as_said(loaded)).then(|| {
        let expected = format!("expected {:?}, warnings {:?}", test.refused(), test.warns());
        format!("{expected}\nfound {} rules and\n{}", loaded.ruleset.rules.len(), loaded.render(false))
    })
}

/// What a case finds through the whole pipeline.
fn found(plan: &Arc<Plan>, case: &Case, threads: usize) -> Vec<String> {
    case.told(&case.run(plan, threads).unwrap(), plan)
}

/// Both matchers on every record of a text of JSON lines.
fn matchers_agree(rules: &[Rule], lines: &str, at: &str) {
    let mut slots = Slots::new();
    let machine = Machine::compile(rules, &mut slots).unwrap();
    let log = LogPlan::new(&slots, true);
    let mut scratch = Scratch::new();
    for line in lines.lines() {
        let bump = bumpalo::Bump::new();
        let record = LogRecord::read(line.as_bytes(), &log, &bump).unwrap();
        let compiled: Vec<usize> = machine.matches(&record, &mut scratch).iter().map(|rule| rule.0 as usize).collect();
        let plain: Vec<usize> =
            (0..rules.len()).filter(|rule| naive::satisfies(&rules[*rule].condition, &record, &slots)).collect();
        assert_eq!(compiled, plain, "{at}: the matchers disagree on {line}");
    }
}

#[test]
fn every_case_gives_its_findings_on_both_matchers_and_any_number_of_threads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sigma-tests");
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in test_files(&root) {
        let name = file.file_name().unwrap().to_string_lossy();
        for test in documents(&file) {
            let loaded = test.load().unwrap();
            count += usize::from(test.refused().is_some());
            if let Some(why) = misread(&test, &loaded) {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
            let plan = Arc::new(Plan::compile(loaded.ruleset.clone(), test.wanted()).unwrap());
            let cases = test.cases(&loaded.ruleset);
            matchers_agree(&loaded.ruleset.rules, &cases.iter().map(Case::lines).collect::<String>(), &name);
            for case in cases {
                count += 1;
                let at = format!("{name}: {}: {}", case.name, case.lines());
                for threads in [1, 3] {
                    let found = found(&plan, &case, threads);
                    if found != case.expected() {
                        wrong.push(format!(
                            "{at}  expected {:?}\n  found    {found:?} ({threads} threads)",
                            case.expected()
                        ));
                    }
                }
            }
        }
    }
    assert!(count > 90, "only {count} cases were run");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_matchers_agree_on_all_rules_together() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sigma-tests/spec");
    let (mut rules, mut records) = (Vec::new(), String::new());
    for file in test_files(&root) {
        for test in documents(&file) {
            let ruleset = test.load().unwrap().ruleset;
            // Not all: the plain matcher compiles every regular expression anew.
            records.extend(test.cases(&ruleset).iter().step_by(20).map(Case::lines));
            rules.extend(ruleset.rules);
        }
    }
    matchers_agree(&rules, &records, "all rules");
}

#[test]
fn every_built_in_rule_has_a_hit_and_a_near_miss() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut coverage = Coverage::default();
    for file in test_files(&root.join("sigma-tests/rules")) {
        for test in documents(&file) {
            let ruleset = test.load().unwrap().ruleset;
            let plan = Arc::new(Plan::compile(ruleset.clone(), test.wanted()).unwrap());
            for case in test.cases(&ruleset) {
                coverage.note(&ruleset, &case.run(&plan, 1).unwrap().rules);
            }
        }
    }
    assert!(coverage.rules() >= test_files(&root.join("rules")).len(), "only {} rules were tried", coverage.rules());
    assert!(coverage.without_hit().is_empty(), "no hit: {:?}", coverage.without_hit());
    assert!(coverage.without_near_miss().is_empty(), "no near miss: {:?}", coverage.without_near_miss());
}
