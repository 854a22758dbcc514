//! What is wrong with a rule, where, and what to write instead.
//!
//! Lowering makes a [`Problem`], which knows a byte span; [`Problems::locate`] turns those of one file into
//! [`Diagnostic`]s, which know file, line and column; [`render`] draws one in the manner of rustc.

use super::limits::MAX_PROBLEMS;
use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Whether the rule was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The rule is right, and could be better.
    Hint,
    /// The rule is used all the same.
    Warning,
    /// The rule, or what of the file could not be read, is left out.
    Error,
}

impl Severity {
    /// Its word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place that has to do with the problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Bytes of the file.
    pub span: Range<usize>,
    /// What is there.
    pub label: String,
}

/// A problem and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A short stable name of the kind of problem: `unknown-modifier`.
    pub code: &'static str,
    /// Whether the rule was left out.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What stands beside the caret; may be empty.
    pub label: Cow<'static, str>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The file's name as given.
    pub file: Arc<str>,
    /// Bytes of the file.
    pub span: Range<usize>,
    /// Line of the span's start, counted from 1.
    pub line: u32,
    /// Column of the span's start in characters, counted from 1.
    pub column: u32,
    /// Other places that belong to it.
    pub related: Vec<Related>,
}

/// Bytes `start..end` of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A problem that knows its span, not yet its file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    code: &'static str,
    severity: Severity,
    message: String,
    label: Cow<'static, str>,
    hint: Option<String>,
    span: Span,
    related: Vec<(Span, String)>,
}

/// Why something was not lowered. Boxed, since results that carry it are returned everywhere.
pub(crate) type Refusal = Box<Problem>;

impl Problem {
    pub(crate) fn error(code: &'static str, span: Span, message: impl Into<String>) -> Refusal {
        Self::new(Severity::Error, code, span, message.into())
    }

    pub(crate) fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Refusal {
        Self::new(Severity::Warning, code, span, message.into())
    }

    pub(super) fn remark(code: &'static str, span: Span, message: impl Into<String>) -> Refusal {
        Self::new(Severity::Hint, code, span, message.into())
    }

    fn new(severity: Severity, code: &'static str, span: Span, message: String) -> Refusal {
        Box::new(Self { code, severity, message, label: Cow::Borrowed(""), hint: None, span, related: Vec::new() })
    }

    pub(crate) fn label(mut self: Box<Self>, label: impl Into<Cow<'static, str>>) -> Refusal {
        self.label = label.into();
        self
    }

    pub(crate) fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a warning, under another code.
    pub(crate) fn as_warning(mut self: Box<Self>, code: &'static str) -> Refusal {
        self.code = code;
        self.severity = Severity::Warning;
        self
    }

    /// Adds `did you mean ...?` if there is a name near enough.
    pub(crate) fn suggest(self: Box<Self>, name: Option<&str>) -> Refusal {
        match name {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    pub(crate) fn related(mut self: Box<Self>, span: Span, label: impl Into<String>) -> Refusal {
        self.related.push((span, label.into()));
        self
    }

    /// Where it begins.
    pub(super) const fn start(&self) -> usize {
        self.span.start
    }

    /// The problem with its place in `text`, the file's content as far as it is text.
    pub(crate) fn locate(self, file: &Arc<str>, text: &str) -> Diagnostic {
        let (line, column) = position(text, self.span.start);
        Diagnostic {
            code: self.code,
            severity: self.severity,
            message: self.message,
            label: self.label,
            hint: self.hint,
            file: Arc::clone(file),
            span: self.span.range(),
            line,
            column,
            related: self.related.into_iter().map(|(span, label)| Related { span: span.range(), label }).collect(),
        }
    }
}

/// The problems of one file, in the order they were met.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Refusal>,
    errors: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Refusal) {
        if problem.severity == Severity::Error {
            self.errors += 1;
        }
        // Errors beyond the bound still count, so that a rule with one is never taken for a good one.
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        }
    }

    /// Takes a warning, but of several in a row of one kind only the first: one value may become many.
    pub(super) fn push_first(&mut self, warning: Refusal) {
        if self.list.last().is_none_or(|last| last.code != warning.code) {
            self.push(warning);
        }
    }

    /// Keeps the value, or the reason why there is none.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        result.map_err(|refusal| self.push(refusal)).ok()
    }

    /// How many errors there were so far.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    /// Whether no more are kept.
    pub(crate) const fn is_full(&self) -> bool {
        self.list.len() >= MAX_PROBLEMS
    }

    /// The errors alone.
    pub(super) fn into_errors(self) -> Vec<Refusal> {
        self.list.into_iter().filter(|problem| problem.severity == Severity::Error).collect()
    }

    /// All of them with their places, as a reader of the file meets them.
    pub(crate) fn locate(mut self, file: &Arc<str>, text: &str) -> Vec<Diagnostic> {
        if self.is_full() {
            let span = Span::new(text.len(), text.len());
            let message = format!("{MAX_PROBLEMS} problems or more; the rest of this file was not read");
            self.list.push(Problem::error("too-many-problems", span, message));
        }
        self.list.sort_by_key(|problem| problem.span.start);
        // What documents share by an alias or a `global` document is read once for each.
        self.list.dedup();
        self.list.into_iter().map(|problem| problem.locate(file, text)).collect()
    }
}

/// The one of `names` that `wrong` was most likely meant to be.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Names looked at, so that a long list of long names costs no time.
    const CANDIDATES: usize = 200;
    /// Longest name compared.
    const LENGTH: usize = 64;
    if wrong.len() > LENGTH {
        return None;
    }
    let length = wrong.chars().count();
    let allowed = (1 + length / 4).min(length.saturating_sub(1));
    names
        .into_iter()
        .take(CANDIDATES)
        .filter(|name| name.len() <= LENGTH && name.len().abs_diff(wrong.len()) <= 4 * allowed)
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `text`, cut for a message.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        Some((at, _)) => Cow::Owned(format!("{}...", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

/// Line and column of a byte, both counted from 1.
pub(super) fn position(text: &str, at: usize) -> (u32, u32) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let line = 1 + memchr::memchr_iter(b'\n', before).count();
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let column = 1 + text.get(start..at).map_or(0, |part| part.chars().count());
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Draws a problem: message, `file:line:column`, the line with a caret below, hint. `text` is the file's content.
#[must_use]
pub fn render(diagnostic: &Diagnostic, text: &str, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::NOTE.with_name("hint"),
    };
    let title = level.primary_title(&*diagnostic.message).id(diagnostic.code);
    let mut group = if text.is_empty() {
        title.element(Origin::path(&*diagnostic.file))
    } else {
        title.element(excerpt(diagnostic, text))
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(&**hint));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The lines from the first to the last place, with the places marked.
fn excerpt<'a>(diagnostic: &'a Diagnostic, text: &'a str) -> Snippet<'a, Annotation<'a>> {
    let related = diagnostic.related.iter().map(|related| (&related.span, &*related.label, AnnotationKind::Context));
    let own = (&diagnostic.span, &*diagnostic.label, AnnotationKind::Primary);
    let places: Vec<_> = std::iter::once(own).chain(related).collect();
    let first = places.iter().map(|(span, ..)| span.start).min().unwrap_or(0);
    let last = places.iter().map(|(span, ..)| span.start).max().unwrap_or(0);
    let start = line_at(text, first).start;
    let end = line_at(text, last).end;
    let shown = text.get(start..end).unwrap_or("");
    let (line, _) = position(text, start);
    let snippet = Snippet::source(shown).line_start(usize::try_from(line).unwrap_or(1)).path(&*diagnostic.file);
    let marks = places.into_iter().map(|(span, label, kind)| {
        // Of a place of several lines the first is marked. `text` may be another version of the file.
        let line = line_at(text, span.start);
        let inside = |at: usize| text.floor_char_boundary(at.clamp(line.start, line.end)) - start;
        let mark = kind.span(inside(span.start)..inside(span.end.max(span.start)));
        if label.is_empty() { mark } else { mark.label(label) }
    });
    snippet.annotations(marks)
}

/// The bytes of the line around byte `at`, without its end.
fn line_at(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let (before, after) = text.split_at(at);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = after.find('\n').map_or(text.len(), |newline| at + newline);
    start..end
}
