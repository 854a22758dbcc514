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
use sigmabus::sigma::ir::Rule;
use sigmabus::sigma::{self, Loaded, Options, Severity, SourceText};
use sigmabus::sink::Sink;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One YAML document of a test file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    #[serde(default)]
    rules: Vec<PathBuf>,
    rule: Option<String>,
    #[serde(default)]
    placeholders: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    warns: Vec<String>,
    refused: Option<String>,
    #[serde(default)]
    hits: Vec<Fields>,
    #[serde(default)]
    misses: Vec<Fields>,
    #[serde(default)]
    cases: Vec<Case>,
}

type Fields = BTreeMap<String, serde_json::Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    records: Vec<Fields>,
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

fn documents(file: &Path) -> Vec<Test> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let documents = serde_yaml::Deserializer::from_str(&text).map(Test::deserialize);
    documents.map(|test| test.unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}

fn load(file: &Path, test: &Test) -> Loaded {
    let folder = file.parent().unwrap();
    let named = test.rules.iter().map(|path| {
        let path = folder.join(path);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        SourceText::new(path.display().to_string(), bytes)
    });
    let inline = test.rule.iter().map(|text| SourceText::new(file.display().to_string(), text.clone().into_bytes()));
    let options = Options { placeholders: test.placeholders.clone(), ..Options::default() };
    sigma::load(named.chain(inline), &options)
}

/// What differs from what a test says of its rules as such.
fn misloaded(test: &Test, loaded: &Loaded) -> Option<String> {
    let of = |severity| loaded.diagnostics.iter().filter(move |found| found.severity == severity);
    let errors: Vec<_> = of(Severity::Error).map(|found| found.code).collect();
    let as_said = match &test.refused {
        None => errors.is_empty() && of(Severity::Warning).map(|found| found.code).eq(&test.warns),
        Some(code) => {
            // Rules that refused correlations refer to are good.
            let documents = || test.rule.as_deref().unwrap_or_default().split("\n---\n");
            let correlations = documents().filter(|document| document.contains("\ncorrelation:")).count();
            let ruleset = &loaded.ruleset;
            let refused = if correlations > 0 { correlations } else { documents().count() };
            errors == vec![code.as_str(); refused]
                && ruleset.correlations.is_empty()
                && (correlations > 0 || ruleset.rules.is_empty())
        }
    };
    let expected = format!("expected {:?}, warnings {:?}", test.refused, test.warns);
    (!as_said).then(|| {
        let (rule, told) = (test.rule.as_deref().unwrap_or_default(), loaded.render(false));
        format!("{expected} of\n{rule}\nfound {} rules and\n{told}", loaded.ruleset.rules.len())
    })
}

/// The cases of a test, those of single records too.
fn cases(test: Test, loaded: &Loaded) -> Vec<Case> {
    let titles: Vec<_> = loaded.ruleset.rules.iter().map(|rule| rule.meta.title.to_string()).collect();
    let alone = |record: Fields, findings: &[String]| Case {
        name: titles.join(", "),
        records: vec![record],
        findings: findings.to_vec(),
    };
    let hits = test.hits.into_iter().map(|record| alone(record, &titles));
    let misses = test.misses.into_iter().map(|record| alone(record, &[]));
    hits.chain(misses).chain(test.cases).collect()
}

fn lines(case: &Case) -> String {
    case.records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

/// The findings of a case through the whole pipeline.
fn found(plan: &Arc<Plan>, case: &Case, threads: usize) -> Vec<String> {
    let mut engine = Engine::new(plan, Emits { alerts: false, findings: true });
    let input = engine.begin(Input { name: "case".into(), unit: Unit::Line });
    let mut titles = Titles::default();
    let run = Run { plan, input, threads, progress: &() };
    run.log(Box::new(Cursor::new(lines(case).into_bytes())), &mut engine, &mut titles).unwrap();
    engine.finish(&mut titles).unwrap();
    titles.0
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
            let loaded = load(&file, &test);
            count += usize::from(test.refused.is_some());
            if let Some(why) = misloaded(&test, &loaded) {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
            let wanted = Wanted { findings: true, ..Wanted::default() };
            let plan = Arc::new(Plan::compile(loaded.ruleset.clone(), wanted).unwrap());
            let cases = cases(test, &loaded);
            matchers_agree(&loaded.ruleset.rules, &cases.iter().map(lines).collect::<String>(), &name);
            for case in cases {
                count += 1;
                let at = format!("{name}: {}: {}", case.name, lines(&case));
                for threads in [1, 3] {
                    let found = found(&plan, &case, threads);
                    if found != case.findings {
                        wrong.push(format!(
                            "{at}  expected {:?}\n  found    {found:?} ({threads} threads)",
                            case.findings
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
            let loaded = load(&file, &test);
            // Not all: the plain matcher compiles every regular expression anew.
            records.extend(cases(test, &loaded).iter().step_by(20).map(lines));
            rules.extend(loaded.ruleset.rules);
        }
    }
    matchers_agree(&rules, &records, "all rules");
}

#[test]
fn every_built_in_rule_has_a_hit_and_a_near_miss() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for rule in test_files(&root.join("rules")) {
        let test = root.join("sigma-tests/rules").join(rule.file_name().unwrap());
        let cases: Vec<_> = documents(&test).into_iter().flat_map(|test| test.cases).collect();
        assert!(cases.iter().any(|case| !case.findings.is_empty()), "{}: no hit", rule.display());
        assert!(cases.iter().any(|case| case.findings.is_empty()), "{}: no near miss", rule.display());
    }
}
