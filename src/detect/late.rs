//! Regular expressions, compiled when they are first asked: most of a large rule set never are, and compiling one takes a
//! thousand times as long as asking it.

use super::error::Problem;
use super::required;
use crate::sigma::ir::Regex;
use crate::sigma::limits::MAX_REGEX_SIZE;
use regex::RegexBuilder;
use std::sync::OnceLock;

/// Bytes that a compiled regular expression may take. The language bounds its automaton; here captures and the
/// automaton for the other direction come to it.
const MAX_REGEX: usize = 4 * MAX_REGEX_SIZE;
/// Bytes of lazily built states that each thread may keep for one regular expression.
const MAX_REGEX_CACHE: usize = 256 << 10;

/// A regular expression.
#[derive(Clone, Debug)]
pub(super) struct LateRegex {
    source: Regex,
    /// What is in every text that it finds, folded.
    required: Option<Box<str>>,
    compiled: OnceLock<Option<regex::Regex>>,
}

impl LateRegex {
    /// Refuses one that is wrong or too large; what was measured is neither.
    pub(super) fn admit(source: &Regex) -> Result<(), Problem> {
        if source.measured { Ok(()) } else { compile(source, MAX_REGEX).map(drop) }
    }

    /// One that was admitted.
    pub(super) fn new(source: &Regex) -> Self {
        Self { source: source.clone(), required: required::text(source), compiled: OnceLock::new() }
    }

    /// A text that is in every text which holds a match, folded.
    pub(super) fn required(&self) -> Option<&str> {
        self.required.as_deref()
    }

    /// Whether `text` holds a match.
    pub(super) fn is_match(&self, text: &str) -> bool {
        // What was admitted is known to be one, and small.
        let compiled = self.compiled.get_or_init(|| compile(&self.source, usize::MAX).ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

fn compile(regex: &Regex, size: usize) -> Result<regex::Regex, Problem> {
    RegexBuilder::new(&regex.pattern)
        .case_insensitive(regex.ignore_case)
        .multi_line(regex.multi_line)
        .dot_matches_new_line(regex.dot_all)
        .size_limit(size)
        .dfa_size_limit(MAX_REGEX_CACHE)
        .build()
        .map_err(|error| Problem::Regex { pattern: regex.pattern.to_string(), reason: error.to_string() })
}
