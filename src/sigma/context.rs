//! What lowering a file needs to know and keeps count of.

use super::Options;
use super::ast::Given;
use super::diagnostic::{Problem, Problems, Refusal, Span, short};
use super::ir::Regex;
use super::limits::Budget;
use super::regex::Checker;
use super::site;
use super::yaml::part_of;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Placeholder<'a> {
    /// Any of these, which may hold wildcards.
    Values(&'a [String]),
    /// Any text.
    Anything,
}

/// What lowering a file needs to know and keeps count of.
pub(super) struct Context<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
    pub(super) options: &'a Options,
    pub(super) problems: Problems,
    pub(super) budget: Budget,
    /// `None` for a file that was loaded before: its regular expressions are known to be good.
    checker: Option<&'a Checker>,
    /// Whether the rule at hand is for our own records, whose fields are known.
    pub(super) own: bool,
    /// The steps of mappings that replace the placeholders of the item at hand, by number.
    pub(super) placeholder_steps: Vec<usize>,
    /// Field names met so far: the same few are used again and again.
    names: FxHashSet<Arc<str>>,
    /// A byte and its line, counted from 1, so that lines are counted once and not for each rule from the start.
    line: (usize, u32),
}

impl<'a> Context<'a> {
    pub(super) fn new(file: &'a Arc<str>, text: &'a str, options: &'a Options, checker: Option<&'a Checker>) -> Self {
        Self {
            file,
            text,
            options,
            problems: Problems::default(),
            budget: Budget::new(),
            checker,
            own: false,
            placeholder_steps: Vec::new(),
            names: FxHashSet::default(),
            line: (0, 1),
        }
    }

    /// For a file that was loaded before, so that it is within all bounds.
    pub(super) fn again(file: &'a Arc<str>, text: &'a str, options: &'a Options) -> Self {
        Self { budget: Budget::of(usize::MAX), ..Self::new(file, text, options, None) }
    }

    /// The line of byte `at`, counted from 1; places must be asked for in order.
    pub(super) fn line(&mut self, at: usize) -> u32 {
        let (from, line) = self.line;
        let between = self.text.as_bytes().get(from..at).unwrap_or(&[]);
        let lines = memchr::memchr_iter(b'\n', between).count();
        self.line = (from.max(at), line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)));
        self.line.1
    }

    /// The one copy of a field name.
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    /// Refuses a field that our own records do not have.
    pub(super) fn check_field(&self, field: &str, span: Span) -> Result<(), Refusal> {
        if self.own { self.options.check_field(field, span) } else { Ok(()) }
    }

    /// Refuses a regular expression that is none, or too large; says whether it was looked at.
    pub(super) fn check_regex(&mut self, regex: &Regex, given: Given<'_>) -> Result<bool, Refusal> {
        let Some(checker) = self.checker else { return Ok(false) };
        checker.check(regex, &mut self.budget).map(|()| true).map_err(|fault| {
            // What `expand` wrote has no place of its own.
            let part = fault.part.filter(|_| *regex.pattern == *given.text);
            let span = part.map_or(given.span, |part| part_of(self.text, given.span, given.text, part));
            let problem = Problem::error("bad-regex", span, fault.message);
            fault.hint.into_iter().fold(problem, |problem, hint| problem.hint(hint))
        })
    }

    /// The values of a placeholder: those that mappings say, or else the configuration, or else its default.
    pub(super) fn placeholder(&self, name: &str, span: Span) -> Result<Placeholder<'a>, Refusal> {
        let configured = self.options.placeholders.get(name).map(|values| &**values);
        let configured = configured.or_else(|| site::default(name)).map(Placeholder::Values);
        let mapped = if self.placeholder_steps.is_empty() {
            None
        } else {
            self.options.mappings.placeholder(&self.placeholder_steps, name, configured)
        };
        match mapped.or(configured) {
            // Nothing is configured yet, and a condition that waits for it is no mistake.
            Some(Placeholder::Values([])) if self.checker.is_none() => Ok(Placeholder::Anything),
            Some(values) => Ok(values),
            None => {
                let written = format!("%{name}%");
                let span = part_of(self.text, span, &written, 0..written.len());
                Err(Problem::error("unresolved-placeholder", span, format!("no values for `{}`", short(&written)))
                    .hint("give values for this placeholder in the configuration"))
            }
        }
    }
}
