//! Tests of rules: which records must a rule find, which must it not?
//!
//! A test file holds YAML documents, each a [`Test`]: rules, and [`Case`]s with the findings that are expected of them.
//! A case runs through the whole pipeline, from lines or frames to findings.

use super::captures::Run;
use super::engine::Emits;
use super::given::{self, Record, WrittenSource};
use super::input::unit_of;
use super::plan::Plan;
use super::{RunError, Wanted};
use crate::capture::{self, Opened};
use crate::detect::Input;
use crate::record::maps::Maps;
use crate::sigma::ir::{Meta, RuleRef, Ruleset};
use crate::sigma::{self, Loaded, MappedFields, Mapping, Mappings, Options, SchemaFields, Severity, SourceText};
use crate::sink::{Listener, Said};
use crate::time::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest test file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A test file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// It, or a rule file that it names, cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A mapping that it names cannot be used: all that is wrong with it.
    #[error("a mapping cannot be used\n{0}")]
    Mapping(String),
    /// It is not written as a test.
    #[error("{}:{line}:{column}: {problem}{}", path.display(), in_key(key))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// `cases[0].name`, or nothing.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

fn in_key(key: &str) -> String {
    if key.is_empty() || key == "." { String::new() } else { format!(" (in `{key}`)") }
}

/// One document of a test file.
#[derive(Clone, Debug)]
pub struct Test {
    /// The file.
    file: PathBuf,
    /// Where the text of an inline rule stands in it, counted from 1.
    rule_line: usize,
    written: Written,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rules: Vec<PathBuf>,
    rule: Option<String>,
    #[serde(default)]
    placeholders: BTreeMap<String, Vec<String>>,
    logsource: Option<WrittenSource>,
    logsource_fields: Option<[String; 3]>,
    mapping: Option<OneOrMore>,
    #[serde(default)]
    maps: Vec<PathBuf>,
    warns: Option<Vec<String>>,
    refused: Option<String>,
    #[serde(default)]
    hits: Vec<Record>,
    #[serde(default)]
    misses: Vec<Record>,
    #[serde(default)]
    cases: Vec<Case>,
}

/// A text or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Records and the findings that are expected of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenCase")]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// What is read.
    pub given: Given,
    /// The titles of all findings, in order.
    pub findings: Vec<String>,
    /// Their times, if the case says them.
    pub times: Option<Vec<Timestamp>>,
}

/// What a case reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// Records as they stand in the test file.
    Records(Vec<Record>),
    /// A capture or a stored log, relative to the test file.
    Capture(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    records: Option<Vec<Record>>,
    capture: Option<PathBuf>,
    findings: Vec<String>,
    times: Option<Vec<String>>,
}

impl TryFrom<WrittenCase> for Case {
    type Error = String;

    fn try_from(written: WrittenCase) -> Result<Self, String> {
        let WrittenCase { name, records, capture, findings, times } = written;
        let given = match (records, capture) {
            (Some(records), None) => Given::Records(records),
            (None, Some(capture)) => Given::Capture(capture),
            _ => return Err(format!("case `{name}`: expected either `records` or `capture`")),
        };
        let time = |text: String| {
            Timestamp::parse_rfc3339(&text).ok_or_else(|| format!("case `{name}`: `{text}` is not an RFC 3339 time"))
        };
        let times = times.map(|times| times.into_iter().map(time).collect::<Result<Vec<_>, _>>()).transpose()?;
        if times.as_ref().is_some_and(|times| times.len() != findings.len()) {
            return Err(format!("case `{name}`: expected as many `times` as `findings`"));
        }
        Ok(Self { name, given, findings, times })
    }
}

/// What a case came to.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Who reported, in order.
    pub rules: Vec<RuleRef>,
    /// At what times.
    pub times: Vec<Timestamp>,
    /// What went wrong on the way.
    pub warnings: Vec<String>,
}

/// Reads a test file.
///
/// # Errors
/// When it cannot be read, or a document of it is no test.
pub fn read_tests(file: &Path) -> Result<Vec<Test>, TestError> {
    let unreadable = |reason| TestError::Read { path: file.to_owned(), reason };
    let mut text = String::new();
    let reader = File::open(file).map_err(unreadable)?;
    reader.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unreadable(io::Error::other(format!("more than the {MAX_BYTES} bytes a test file may have"))));
    }
    documents(&text).into_iter().map(|(line, document)| parse(file, line, &document)).collect()
}

/// Whether a text is a test file and no rule file: a rule never has these keys on top.
#[must_use]
pub fn looks_like_tests(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("rules:") || line.starts_with("rule:"))
}

/// The documents that hold more than comments, each with the number of lines before it.
fn documents(text: &str) -> Vec<(usize, String)> {
    let mut found = vec![(0, String::new())];
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix("---") {
            Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
                found.push((number, format!("{rest}\n")));
            }
            _ => {
                if let Some((_, document)) = found.last_mut() {
                    document.push_str(line);
                    document.push('\n');
                }
            }
        }
    }
    let is_empty = |line: &str| line.trim().is_empty() || line.starts_with('#') || line.trim_end() == "...";
    found.retain(|(_, document)| !document.lines().all(is_empty));
    found
}

fn parse(file: &Path, before: usize, document: &str) -> Result<Test, TestError> {
    let wrong = |line, column, key: String, problem: String| TestError::Wrong {
        path: file.to_owned(),
        line: before + line,
        column,
        key,
        problem,
    };
    let deserializer = serde_yaml::Deserializer::from_str(document);
    let written: Written = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let key = error.path().to_string();
        let inner = error.into_inner();
        let (line, column) = inner.location().map_or((1, 1), |at| (at.line(), at.column()));
        let full = inner.to_string();
        let problem = full.split(" at line ").next().unwrap_or(&full);
        let problem = problem.strip_prefix(&format!("{key}: ")).unwrap_or(problem).to_owned();
        wrong(line, column, key, problem)
    })?;
    if written.rule.is_some() != written.rules.is_empty() {
        let first = document.lines().position(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let problem = "expected either `rules`, a list of rule files, or `rule`, the text of rules";
        return Err(wrong(first.unwrap_or(0) + 1, 1, String::new(), problem.to_owned()));
    }
    if written.logsource.is_some() && written.logsource_fields.is_some() {
        let line = document.lines().position(|line| line.starts_with("logsource_fields:")).unwrap_or(0);
        let problem = "expected either `logsource`, of all records, or `logsource_fields`, which tell it of each";
        return Err(wrong(line + 1, 1, String::new(), problem.to_owned()));
    }
    let key = document.lines().position(|line| line.starts_with("rule:")).unwrap_or(0);
    Ok(Test { file: file.to_owned(), rule_line: before + key + 2, written })
}

impl Test {
    /// Reads its rules.
    ///
    /// # Errors
    /// When a rule file cannot be read.
    pub fn load(&self) -> Result<Loaded, TestError> {
        self.load_by(&Mappings::default(), &Maps::default())
    }

    /// The device maps that it names. Whoever reads them gives them to [`load_by`](Self::load_by), and to the plan for its
    /// [cases](Self::cases) beside what it [wants](Self::wanted).
    #[must_use]
    pub fn maps(&self) -> Vec<PathBuf> {
        self.written.maps.iter().map(|path| self.beside(path)).collect()
    }

    /// Reads its rules, which go through these mappings and those that it names; where there are maps, they may ask for
    /// no other tags.
    ///
    /// # Errors
    /// When a rule file cannot be read, or a mapping cannot be used.
    pub fn load_by(&self, mappings: &Mappings, maps: &Maps) -> Result<Loaded, TestError> {
        let mut sources = Vec::new();
        for path in &self.written.rules {
            let path = self.beside(path);
            let bytes = std::fs::read(&path).map_err(|reason| TestError::Read { path: path.clone(), reason })?;
            sources.push(SourceText::new(path.display().to_string(), bytes));
        }
        if let Some(text) = &self.written.rule {
            // So that diagnostics name the lines of the test file.
            let text = "\n".repeat(self.rule_line - 1) + text;
            sources.push(SourceText::new(self.file.display().to_string(), text.into_bytes()));
        }
        let options = Options {
            placeholders: self.written.placeholders.clone(),
            mappings: mappings.and(self.mappings()?),
            fields: Some(if maps.is_empty() {
                Arc::new(SchemaFields)
            } else {
                Arc::new(MappedFields(Arc::clone(maps.tags())))
            }),
        };
        Ok(sigma::load(sources, &options))
    }

    /// The mappings that it names or holds.
    fn mappings(&self) -> Result<Vec<Mapping>, TestError> {
        let named = self.written.mapping.iter().flat_map(|mapping| match mapping {
            OneOrMore::One(mapping) => std::slice::from_ref(mapping),
            OneOrMore::More(mappings) => mappings,
        });
        let read = |mapping: &String| {
            let source = match sigma::shipped_mapping(mapping) {
                Some(shipped) => shipped,
                None if mapping.contains('\n') => {
                    SourceText::new(self.file.display().to_string(), mapping.clone().into_bytes())
                }
                None => {
                    let path = self.beside(Path::new(mapping));
                    let bytes =
                        std::fs::read(&path).map_err(|reason| TestError::Read { path: path.clone(), reason })?;
                    SourceText::new(path.display().to_string(), bytes)
                }
            };
            sigma::read_mapping(&source).map_err(|found| {
                let text = source.lossy();
                TestError::Mapping(found.iter().map(|found| sigma::render(found, &text, false) + "\n").collect())
            })
        };
        named.map(read).collect()
    }

    /// A path as the test file names it.
    fn beside(&self, path: &Path) -> PathBuf {
        self.file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The code of the error that its rules must have.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.written.refused.as_deref()
    }

    /// The codes of the warnings that its rules must have, where it says so.
    #[must_use]
    pub fn warns(&self) -> Option<&[String]> {
        self.written.warns.as_deref()
    }

    /// What its rules are to be compiled for.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let Written { logsource, logsource_fields, .. } = &self.written;
        let sources = given::sources(logsource.as_ref(), logsource_fields.as_ref());
        Wanted { findings: true, sources, ..Wanted::default() }
    }

    /// Whether its rules are read with the problems that it expects.
    #[must_use]
    pub fn is_read_as_said(&self, loaded: &Loaded) -> bool {
        let codes = |severity| {
            let of = loaded.diagnostics.iter().filter(move |found| found.severity == severity);
            of.map(|found| found.code)
        };
        let Some(code) = self.refused() else {
            let warned = self.warns().is_none_or(|codes_said| codes(Severity::Warning).eq(codes_said));
            return warned && codes(Severity::Error).next().is_none();
        };
        // Rules that refused correlations refer to are good.
        let text = self.written.rule.as_deref().unwrap_or_default();
        let correlations = text.split("\n---\n").filter(|document| document.contains("\ncorrelation:")).count();
        let refused = if correlations > 0 { correlations } else { text.split("\n---\n").count() };
        codes(Severity::Error).eq(std::iter::repeat_n(code, refused))
            && loaded.ruleset.correlations.is_empty()
            && (correlations > 0 || loaded.ruleset.rules.is_empty())
    }

    /// Its cases, those of `hits` and `misses` too: a record alone that all rules report, or none.
    #[must_use]
    pub fn cases(&self, ruleset: &Ruleset) -> Vec<Case> {
        let titles: Vec<String> = ruleset.rules.iter().map(|rule| rule.meta.title.to_string()).collect();
        let alone = |kind: &str, at: usize, record: &Record, findings: &[String]| Case {
            name: format!("{}, {kind} {}", titles.join(", "), at + 1),
            given: Given::Records(vec![record.clone()]),
            findings: findings.to_vec(),
            times: None,
        };
        let Written { hits, misses, cases, .. } = &self.written;
        let hits = hits.iter().enumerate().map(|(at, record)| alone("hit", at, record, &titles));
        let misses = misses.iter().enumerate().map(|(at, record)| alone("miss", at, record, &[]));
        hits.chain(misses)
            .chain(cases.iter().map(|case| match &case.given {
                Given::Records(_) => case.clone(),
                Given::Capture(path) => Case { given: Given::Capture(self.beside(path)), ..case.clone() },
            }))
            .collect()
    }
}

impl Case {
    /// Its records as the lines of a log; nothing for a capture.
    #[must_use]
    pub fn lines(&self) -> String {
        let Given::Records(records) = &self.given else { return String::new() };
        records.iter().map(|record| record.line() + "\n").collect()
    }

    /// Runs it; `plan` must have been compiled for what its test wants.
    ///
    /// # Errors
    /// When its capture cannot be read.
    pub fn run(&self, plan: &Arc<Plan>, threads: usize) -> Result<Found, RunError> {
        let opened = match &self.given {
            Given::Records(_) => {
                Opened::Other { start: b"{".to_vec(), reader: Box::new(Cursor::new(self.lines().into_bytes())) }
            }
            Given::Capture(path) => {
                let file = File::open(path).map_err(RunError::Input)?;
                capture::open(Box::new(file)).map_err(RunError::Capture)?
            }
        };
        let unknown = |_: &[u8]| RunError::Input(io::Error::other("neither a capture nor a log"));
        let unit = unit_of(&opened).map_err(unknown)?;
        let mut run = Run::new(plan, threads, &(), Emits { findings: true, ..Emits::default() });
        let (mut rules, mut times) = (Vec::new(), Vec::new());
        let mut sink = Listener::new(|said| {
            if let Said::Finding(finding) = said {
                rules.push(finding.rule);
                times.push(finding.time);
            }
        });
        run.input(Input { name: self.name.as_str().into(), unit }, opened, None, &mut sink)?;
        let warnings = run.finish(&mut sink).map_err(RunError::Output)?.warnings;
        Ok(Found { rules, times, warnings })
    }
}

impl Case {
    /// What it expects: titles, each with its time where it says times.
    #[must_use]
    pub fn expected(&self) -> Vec<String> {
        self.with_times(self.findings.clone(), self.times.as_deref().unwrap_or_default())
    }

    /// What was found, told as [`expected`](Self::expected) tells it.
    #[must_use]
    pub fn told(&self, found: &Found, plan: &Plan) -> Vec<String> {
        self.with_times(found.rules.iter().map(|rule| plan.title(*rule).to_owned()).collect(), &found.times)
    }

    fn with_times(&self, titles: Vec<String>, times: &[Timestamp]) -> Vec<String> {
        if self.times.is_none() {
            return titles;
        }
        titles.into_iter().zip(times).map(|(title, time)| format!("{title} at {time}")).collect()
    }
}

/// Which rules were tried out by cases, over several test files.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// By file, line and title.
    rules: BTreeMap<(Arc<str>, u32, Arc<str>), Tried>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    hit: bool,
    miss: bool,
}

impl Coverage {
    /// Rules that some test has. Those that only feed correlations are left out: no case can see them.
    pub fn add(&mut self, ruleset: &Ruleset) {
        for (_, meta) in telling(ruleset) {
            self.tried(meta);
        }
    }

    /// A case was run on `ruleset` and these reported.
    pub fn note(&mut self, ruleset: &Ruleset, found: &[RuleRef]) {
        for (rule, meta) in telling(ruleset) {
            let tried = self.tried(meta);
            if found.contains(&rule) {
                tried.hit = true;
            } else {
                tried.miss = true;
            }
        }
    }

    fn tried(&mut self, meta: &Meta) -> &mut Tried {
        let key = (Arc::clone(&meta.origin.file), meta.origin.line, Arc::clone(&meta.title));
        self.rules.entry(key).or_default()
    }

    /// How many rules there were.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// The titles of rules that no case found anything with.
    #[must_use]
    pub fn without_hit(&self) -> Vec<&str> {
        self.titles(|tried| !tried.hit)
    }

    /// The titles of rules that found something in every case.
    #[must_use]
    pub fn without_near_miss(&self) -> Vec<&str> {
        self.titles(|tried| !tried.miss)
    }

    fn titles(&self, wanted: impl Fn(Tried) -> bool) -> Vec<&str> {
        self.rules.iter().filter(|(_, tried)| wanted(**tried)).map(|((.., title), _)| &**title).collect()
    }
}

/// The rules and correlations that speak for themselves: not those that only feed correlations.
fn telling(ruleset: &Ruleset) -> impl Iterator<Item = (RuleRef, &Meta)> {
    let referred = |generate: bool| -> BTreeSet<RuleRef> {
        let by = ruleset.correlations.iter().filter(|correlation| correlation.generate == generate);
        by.flat_map(|correlation| correlation.rules.iter().copied()).collect()
    };
    let (silenced, generated) = (referred(false), referred(true));
    let rules = ruleset.rules.iter().enumerate().map(|(at, rule)| (RuleRef::Rule(at), &rule.meta));
    let correlations = ruleset.correlations.iter().enumerate().map(|(at, rule)| (RuleRef::Correlation(at), &rule.meta));
    rules.chain(correlations).filter(move |(rule, _)| !silenced.contains(rule) || generated.contains(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let found: Result<Vec<_>, _> =
            documents(text).iter().map(|(line, document)| parse(Path::new("t.yml"), *line, document)).collect();
        found.err().map_or_else(|| "none".to_owned(), |error| error.to_string())
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, told) in [
            ("rule: x\nhits: [{a: 1}]\n---\nrule: x\n", "none"),
            ("# only\n---\n# comments\n...\n", "none"),
            ("rule: x\n---\nrule: y\ncase: []\n", "t.yml:4:1: unknown field `case`"),
            ("rules: [a.yml]\ncases:\n  - name: n\n    findings: []\n", "expected either `records` or `capture`"),
            ("# none\nhits: []\n", "t.yml:2:1: expected either `rules`"),
            ("rule: x\nrules: [a]\n", "t.yml:1:1: expected either `rules`"),
            ("rule: x\ncases:\n  - name: n\n    records: 1\n    findings: []\n", "t.yml:4:14: invalid type"),
            ("rule: x\nhits: [1]\n", "t.yml:2:8: invalid type: integer `1`, expected the fields of a record"),
            ("rule: x\nhits: [\"{}\\n{}\"]\n", "a record in more than one line"),
            ("rule: x\nlogsource: {product: a}\nlogsource_fields: [a, b, c]\n", "t.yml:3:1: expected either"),
            ("rule: [", "t.yml:1:"),
        ] {
            assert!(problem(text).contains(told), "{text}: {}", problem(text));
        }
    }

    #[test]
    fn an_inline_rule_s_problems_are_told_with_the_lines_of_the_file() {
        let text = "# first\n---\nrule: |\n  title: t\n  logsource: {product: p}\n  detection: {s: {a|none: 1}, condition: s}\n";
        let (line, document) = documents(text).remove(0);
        let loaded = parse(Path::new("t.yml"), line, &document).unwrap().load().unwrap();
        assert_eq!(
            loaded.diagnostics.iter().map(|found| (found.code, found.line)).collect::<Vec<_>>(),
            [("unknown-modifier", 6)]
        );
    }

    #[test]
    fn rules_are_told_from_tests() {
        assert!(looks_like_tests("# a\nrules: [x.yml]\n"));
        assert!(!looks_like_tests("title: t\ncorrelation:\n  rules: [a]\n"));
    }
}
