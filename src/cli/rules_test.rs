//! `sigmabus rules test`: do rules find what they should, and nothing else?

use super::args::{MappingArgs, TestFormat};
use super::config::{Config, maps_of_files};
use super::outcome::{Failure, Outcome};
use super::report::counted;
use super::{mapping_files, outcome, rule_files};
use crate::pipeline::{Case, Coverage, Given, Plan, Test, TestError, Wanted, looks_like_tests, read_tests};
use crate::sigma::{Mappings, Severity};
use crate::sink::plain;
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where tests are looked for when none are named.
const DEFAULT_FOLDER: &str = "sigma-tests";

/// Runs every case of the test files.
pub(super) fn run(paths: &[PathBuf], mappings: &MappingArgs, format: TestFormat) -> Result<Outcome, Failure> {
    // Tests say themselves what they need: they mean the same with every configuration.
    let mappings = mapping_files::load(mappings, &Config::default())?;
    let mut report = Report { mappings, ..Report::default() };
    for file in test_files(paths)? {
        report.file(&file);
    }
    let text = match format {
        TestFormat::Text => report.text(),
        TestFormat::Json => report.json_lines(),
        TestFormat::Junit => report.junit(),
    };
    let mut out = anstream::AutoStream::auto(io::stdout());
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(report.outcome())
}

/// The test files that were named, those of directories that look like tests included.
fn test_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let default = [PathBuf::from(DEFAULT_FOLDER)];
    let paths = match paths {
        [] if Path::new(DEFAULT_FOLDER).is_dir() => &default,
        [] => {
            return Err(Failure::usage(format!(
                "no test files named, and there is no directory {DEFAULT_FOLDER} here"
            )));
        }
        named => named,
    };
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        let is_test = |file: &PathBuf| {
            // What cannot be read is told later, when it is run.
            file == path || std::fs::read_to_string(file).is_ok_and(|text| looks_like_tests(&text))
        };
        files.extend(rule_files::find(path)?.into_iter().filter(is_test));
        if files.len() == before {
            return Err(Failure::failed(format!("{}: no test files in it", path.display())));
        }
    }
    Ok(files)
}

/// One thing that was tried.
struct Tried {
    file: String,
    name: String,
    verdict: Verdict,
}

enum Verdict {
    Passed,
    Failed {
        expected: Vec<String>,
        found: Vec<String>,
        warnings: Vec<String>,
    },
    /// The rules cannot be used.
    Rules(String),
    /// A file cannot be read.
    Unreadable(String),
}

/// What all files came to.
#[derive(Default)]
struct Report {
    mappings: Mappings,
    tried: Vec<Tried>,
    coverage: Coverage,
}

impl Report {
    fn file(&mut self, file: &Path) {
        let name = file.display().to_string();
        match read_tests(file) {
            Ok(tests) => tests.iter().for_each(|test| self.test(&name, test)),
            Err(error) => self.note(&name, "file", unreadable(&error)),
        }
    }

    fn note(&mut self, file: &str, name: &str, verdict: Verdict) {
        self.tried.push(Tried { file: file.to_owned(), name: name.to_owned(), verdict });
    }

    fn test(&mut self, file: &str, test: &Test) {
        let maps = match maps_of_files(&test.maps()) {
            Ok(maps) => Arc::new(maps),
            Err(why) => return self.note(file, "maps", Verdict::Unreadable(why.trim_end().to_owned())),
        };
        let loaded = match test.load_by(&self.mappings, &maps) {
            Ok(loaded) => loaded,
            Err(error) => return self.note(file, "rules", unreadable(&error)),
        };
        let as_said = test.is_read_as_said(&loaded);
        let codes = || loaded.diagnostics.iter().map(|found| found.code.to_owned()).collect();
        let otherwise =
            |expected: &[String]| Verdict::Failed { expected: expected.to_vec(), found: codes(), warnings: Vec::new() };
        if let Some(code) = test.refused() {
            let verdict = if as_said { Verdict::Passed } else { otherwise(&[code.to_owned()]) };
            return self.note(file, &format!("rules refused with {code}"), verdict);
        }
        if loaded.diagnostics.iter().any(|found| found.severity == Severity::Error) {
            return self.note(file, "rules", Verdict::Rules(loaded.render(false).trim_end().to_owned()));
        }
        if !as_said {
            self.note(file, "warnings", otherwise(test.warns().unwrap_or_default()));
        }
        let ruleset = loaded.ruleset;
        let cases = test.cases(&ruleset);
        self.coverage.add(&ruleset);
        match Plan::compile(ruleset, Wanted { maps, ..test.wanted() }) {
            Ok(plan) => {
                let plan = Arc::new(plan);
                cases.iter().for_each(|case| self.case(file, case, &plan));
            }
            Err(error) => self.note(file, "rules", Verdict::Rules(error.to_string())),
        }
    }

    fn case(&mut self, file: &str, case: &Case, plan: &Arc<Plan>) {
        let verdict = match case.run(plan, 1) {
            Err(error) => Verdict::Unreadable(match &case.given {
                Given::Capture(path) => format!("cannot read {}: {error}", path.display()),
                Given::Records(_) => error.to_string(),
            }),
            Ok(found) => {
                self.coverage.note(&plan.ruleset, &found.rules);
                let (expected, told) = (case.expected(), case.told(&found, plan));
                // A record that is not read would make a near miss of anything.
                let all_read = found.warnings.is_empty() || matches!(case.given, Given::Capture(_));
                if told == expected && all_read {
                    Verdict::Passed
                } else {
                    Verdict::Failed { expected, found: told, warnings: found.warnings }
                }
            }
        };
        self.note(file, &case.name, verdict);
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.tried.iter().filter(|tried| wanted(&tried.verdict)).count()
    }

    fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed { .. }))
    }

    fn errors(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Rules(_) | Verdict::Unreadable(_)))
    }

    /// The worst of all: what could not be read, then wrong rules, then failed cases.
    fn outcome(&self) -> Outcome {
        let worst = self.tried.iter().map(|tried| match tried.verdict {
            Verdict::Passed => Outcome::Done,
            Verdict::Failed { .. } => Outcome::FailOn,
            Verdict::Rules(_) => Outcome::Rules,
            Verdict::Unreadable(_) => Outcome::Failed,
        });
        worst.max_by_key(|outcome| *outcome as u8).unwrap_or(Outcome::Done)
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for tried in &self.tried {
            if let Some(why) = tried.verdict.why() {
                // Writing to a `String` cannot fail.
                let _ = writeln!(out, "{}: {}: {why}", plain(&tried.file), plain(&tried.name));
            }
        }
        let (failed, errors) = (self.failed(), self.errors());
        let passed = self.tried.len() - failed - errors;
        let _ = write!(out, "{} passed, {failed} failed", counted(passed, "case"));
        let _ = writeln!(out, "{}", if errors > 0 { format!(", {}", counted(errors, "error")) } else { String::new() });
        let (no_hit, no_miss) = (self.coverage.without_hit(), self.coverage.without_near_miss());
        let rules = counted(self.coverage.rules(), "rule");
        let _ = writeln!(out, "{rules}: without a hit {}, without a near miss {}", listed(&no_hit), listed(&no_miss));
        out
    }

    fn json_lines(&self) -> String {
        let mut out = String::new();
        for Tried { file, name, verdict } in &self.tried {
            let line = match verdict {
                Verdict::Passed => json!({"type": "test", "file": file, "name": name, "result": "passed"}),
                Verdict::Failed { expected, found, warnings } => json!({
                    "type": "test", "file": file, "name": name, "result": "failed",
                    "expected": expected, "found": found, "warnings": warnings,
                }),
                Verdict::Rules(why) | Verdict::Unreadable(why) => {
                    json!({"type": "test", "file": file, "name": name, "result": "error", "message": why})
                }
            };
            let _ = writeln!(out, "{line}");
        }
        let (failed, errors) = (self.failed(), self.errors());
        let summary = json!({
            "type": "tests", "passed": self.tried.len() - failed - errors, "failed": failed, "errors": errors,
            "rules": self.coverage.rules(), "without_hit": self.coverage.without_hit(),
            "without_near_miss": self.coverage.without_near_miss(),
        });
        let _ = writeln!(out, "{summary}");
        out
    }

    /// A suite for each file.
    fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let totals = |tried: &[Tried]| {
            let count = |wanted: fn(&Verdict) -> bool| tried.iter().filter(|tried| wanted(&tried.verdict)).count();
            let failures = count(|verdict| matches!(verdict, Verdict::Failed { .. }));
            let errors = count(|verdict| matches!(verdict, Verdict::Rules(_) | Verdict::Unreadable(_)));
            format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", tried.len())
        };
        let _ = writeln!(out, "<testsuites name=\"sigmabus rules test\" {}>", totals(&self.tried));
        for suite in self.tried.chunk_by(|a, b| a.file == b.file) {
            let Some(first) = suite.first() else { continue };
            let file = xml(&first.file);
            let _ = writeln!(out, "  <testsuite name=\"{file}\" {}>", totals(suite));
            for Tried { name, verdict, .. } in suite {
                let _ = write!(out, "    <testcase classname=\"{file}\" name=\"{}\"", xml(name));
                let tag = if matches!(verdict, Verdict::Failed { .. }) { "failure" } else { "error" };
                let _ = match verdict.why() {
                    None => writeln!(out, "/>"),
                    Some(why) => {
                        let first = xml(why.lines().next().unwrap_or_default());
                        writeln!(out, "><{tag} message=\"{first}\">{}</{tag}></testcase>", xml(&why))
                    }
                };
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

impl Verdict {
    /// Why it did not pass.
    fn why(&self) -> Option<String> {
        Some(match self {
            Self::Passed => return None,
            Self::Failed { expected, found, warnings } => {
                let warnings: String =
                    warnings.iter().map(|warning| format!("; warning: {}", plain(warning))).collect();
                format!("expected {}, found {}{warnings}", listed(expected), listed(found))
            }
            Self::Rules(why) => format!("wrong\n{why}"),
            Self::Unreadable(why) => why.clone(),
        })
    }
}

fn unreadable(error: &TestError) -> Verdict {
    Verdict::Unreadable(match error {
        TestError::Read { path, reason } => format!("cannot read {}: {}", path.display(), outcome::reason(reason)),
        TestError::Wrong { .. } | TestError::Mapping(_) => error.to_string(),
    })
}

/// Titles on one line.
fn listed<T: AsRef<str>>(titles: &[T]) -> String {
    if titles.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = titles.iter().map(|title| format!("\"{}\"", plain(title.as_ref()))).collect();
    quoted.join(", ")
}

/// A text in XML 1.0, which has no way to write most control characters.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}
