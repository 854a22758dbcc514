//! What is right and still not what its author meant: `sigmabus rules check` looks for it, a run does not.
//!
//! ```text
//! file, loaded before -> documents -> about       ids, levels, tags
//!                                  -> selections  unused, idle, equal ones      (logic: is it ever true? theory: which
//!                                  -> values      needless and impossible ones   tests exclude or imply each other?)
//! ```
//!
//! A document with an error is looked at no further: what is wrong with it was told when it was loaded. What costs more
//! than its share of steps is left unsaid.

mod about;
mod logic;
mod selections;
mod sysmon;
#[cfg(test)]
mod tests;
mod theory;
mod values;

use super::ast::{self, Document, Map};
use super::context::Context;
use super::diagnostic::{Diagnostic, Problem, Refusal, Severity, Span};
use super::ir::{LogSource, RuleRef, Ruleset};
use super::limits::{MAX_FILE_BYTES, MAX_LINT_STEPS, MAX_PROBLEMS};
use super::yaml::{self, Node};
use super::{Options, SourceText, collection, is_own, metadata};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rules that only feed correlations, by file and line.
pub(super) type Silent<'r> = BTreeSet<(&'r str, u32)>;

/// The rules of the set to which correlations refer and that none lets speak.
pub(super) fn silent(ruleset: &Ruleset) -> Silent<'_> {
    let referred = |generate: bool| -> BTreeSet<RuleRef> {
        let by = ruleset.correlations.iter().filter(|correlation| correlation.generate == generate);
        by.flat_map(|correlation| correlation.rules.iter().copied()).collect()
    };
    let speaking = referred(true);
    let silent = referred(false).into_iter().filter(|rule| !speaking.contains(rule));
    silent.filter_map(|rule| ruleset.meta(rule)).map(|meta| (&*meta.origin.file, meta.origin.line)).collect()
}

/// All that is to be said of a file that was loaded before, with these problems.
pub(super) fn file(
    source: &SourceText,
    options: &Options,
    silent: &Silent<'_>,
    problems: &[Diagnostic],
) -> Vec<Diagnostic> {
    if source.bytes.len() > MAX_FILE_BYTES {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(&source.bytes) else { return Vec::new() };
    let mut lint = Lint::new(&source.name, text, options);
    let documents = yaml::parse(text, &mut lint.context.problems);
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<usize> = errors.map(|problem| problem.span.start).collect();
    let is_broken = |root: &Node<'_>| errors.iter().any(|at| (root.span.start..=root.span.end).contains(at));
    for root in collection::expand(documents, &mut lint.context.problems) {
        if is_broken(&root) {
            continue;
        }
        lint.document(&root, silent);
    }
    lint.locate(&source.name, text)
}

/// Warnings and hints of one file that are kept until those that are the same are known.
const MAX_KEPT: usize = 10 * MAX_PROBLEMS;

/// What is known and found while a file is looked at.
struct Lint<'a> {
    context: Context<'a>,
    /// The fields of the log source, where they are known and not ours.
    category: Option<sysmon::Category>,
    found: Vec<Refusal>,
    /// How much was found beyond what is kept.
    more: usize,
    /// What searches may still cost.
    steps: usize,
}

impl<'a> Lint<'a> {
    fn new(file: &'a Arc<str>, text: &'a str, options: &'a Options) -> Self {
        let context = Context::again(file, text, options);
        Self { context, category: None, found: Vec::new(), more: 0, steps: MAX_LINT_STEPS }
    }

    fn push(&mut self, problem: Refusal) {
        if self.found.len() < MAX_KEPT {
            self.found.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// How much was found so far.
    fn found(&self) -> usize {
        self.found.len() + self.more
    }

    fn document(&mut self, root: &Node<'_>, silent: &Silent<'_>) {
        match ast::classify(root) {
            Ok(Document::Detection(map, section)) => {
                let Ok(source) = metadata::log_source(map, "") else { return };
                let speaks = self.about(map, "a rule", silent);
                about::tags(self, map, is_own(&source) && speaks);
                self.detection(&source, |lint| ast::detection(section, &mut lint.context.problems));
            }
            Ok(Document::Correlation(map, ..)) => {
                self.about(map, "a correlation", silent);
                about::tags(self, map, false);
            }
            Ok(Document::Filter(map, _, section)) => {
                let (Ok(source), Ok(section)) = (metadata::log_source(map, ""), Map::of(section, "")) else { return };
                self.detection(&source, |lint| ast::filter(section, &mut lint.context.problems));
            }
            Err(_) => {}
        }
    }

    /// What it says about itself, but for its tags. Gives whether it speaks for itself.
    fn about(&mut self, map: Map<'_>, what: &str, silent: &Silent<'_>) -> bool {
        about::missing(self, map, what);
        let start = map.entries.first().map_or(map.span.start, |entry| entry.key.span.start);
        let line = self.context.line(start);
        let speaks = !silent.contains(&(&**self.context.file, line));
        if !speaks {
            about::silent(self, map);
        }
        speaks
    }

    fn detection<'t>(&mut self, source: &LogSource, read: impl FnOnce(&mut Self) -> Option<ast::Detection<'t>>) {
        let before = self.context.problems.errors();
        self.context.own = is_own(source);
        let windows = source.product.as_deref() == Some("windows");
        self.category = source.category.as_deref().filter(|_| windows).and_then(sysmon::category);
        let detection = read(self);
        if let Some(detection) = detection.filter(|_| self.context.problems.errors() == before) {
            selections::detection(self, &detection);
        }
    }

    /// All that was found with its place, as a reader of the file meets it.
    fn locate(mut self, file: &Arc<str>, text: &str) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| problem.start());
        // What documents share by an alias or a `global` document is looked at once for each.
        self.found.dedup();
        let more = self.found.len().saturating_sub(MAX_PROBLEMS) + self.more;
        if more > 0 {
            self.found.truncate(MAX_PROBLEMS);
            let message = format!("{more} more warnings and hints about this file");
            self.found.push(Problem::remark("too-many-remarks", Span::new(text.len(), text.len()), message));
        }
        self.found.into_iter().map(|problem| problem.locate(file, text)).collect()
    }
}
