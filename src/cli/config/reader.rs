//! What the sections of a configuration are read with.

use super::super::node::{Fields, elements, text, wrong_value};
use super::super::outcome::reason;
use crate::sigma::diagnostic::{Diagnostic, Problem, Problems, Refusal, Span};
use crate::sigma::ir::Expr;
use crate::sigma::yaml::Node;
use crate::sigma::{self, MAX_FILE_BYTES, Options, SourceText};
use crate::sink::Secret;
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of a secret's file.
const MAX_SECRET: usize = 4_096;

/// Collects what is wrong, and what there is to know of the values beside the values themselves.
pub(super) struct Reader<'a> {
    /// What is wrong with the configuration's own file.
    pub(super) problems: Problems,
    /// What is wrong with files that it names.
    pub(super) elsewhere: Vec<(SourceText, Vec<Diagnostic>)>,
    /// What to know when the configuration is shown.
    pub(super) notes: Notes,
    folder: &'a Path,
    /// The configuration's own name and text.
    name: Arc<str>,
    text: &'a str,
}

/// What the tree of a configuration does not tell.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// By map, keys that were not written in it, with what they stand at, as it would be written.
    filled: FxHashMap<Span, Vec<(&'static str, String)>>,
    /// Where each secret was written.
    secrets: FxHashSet<Span>,
    /// Where one seems to be written itself.
    exposed: Vec<Span>,
}

impl Notes {
    /// The keys that were not written in a map, with what they stand at.
    pub(super) fn filled(&self, map: &Node<'_>) -> &[(&'static str, String)] {
        self.filled.get(&map.span).map_or(&[], Vec::as_slice)
    }

    /// The configuration's text as it may be drawn: a value that should say where a secret is kept, and does not, may be
    /// the secret, and has a `*` for each byte.
    pub(super) fn masked(&self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for span in &self.exposed {
            let secret = bytes.get_mut(span.start..span.end).unwrap_or_default();
            secret.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        bytes
    }

    /// Whether a node is a secret.
    pub(super) fn is_secret(&self, node: &Node<'_>) -> bool {
        self.secrets.contains(&node.span)
    }
}

impl<'a> Reader<'a> {
    /// For a configuration of this name and text in this folder: the files that it names are relative to it.
    pub(super) fn new(folder: &'a Path, name: &Arc<str>, text: &'a str) -> Self {
        let (problems, elsewhere, notes) = (Problems::default(), Vec::new(), Notes::default());
        Self { problems, elsewhere, notes, folder, name: Arc::clone(name), text }
    }

    /// A condition in the language of rules: search identifiers with a `condition`, or a single selection.
    pub(super) fn when(&mut self, node: &Node<'_>, options: &Options) -> Option<Expr> {
        sigma::when(node, &self.name, self.text, options, &mut self.problems)
    }

    /// Keeps the value, or the reason why there is none.
    pub(super) fn keep<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        self.problems.keep(result)
    }

    /// The entries of a map whose keys are known; see [`Fields::of`].
    pub(super) fn fields<'n>(&mut self, node: &'n Node<'n>, keys: &[&str], what: &str) -> Option<Fields<'n>> {
        Fields::of(node, keys, what, &mut self.problems)
    }

    /// The value of a key that must be there.
    pub(super) fn need<'n, T>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        what: &str,
        read: impl FnOnce(&'n Node<'n>) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.keep(fields.need(key, what).and_then(read))
    }

    /// The value of a key, or its default, with which the configuration is shown.
    pub(super) fn or<T: Display>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Node<'_>) -> Result<T, Refusal>,
    ) -> Option<T> {
        match fields.get(key) {
            Some(node) => self.keep(read(node)),
            None => {
                self.fill(fields, key, &default);
                Some(default)
            }
        }
    }

    /// The value of a key that need not be there; the outer `None` if it is wrong.
    pub(super) fn may<'n, T>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        read: impl FnOnce(&'n Node<'n>) -> Result<T, Refusal>,
    ) -> Option<Option<T>> {
        match fields.get(key) {
            Some(node) => self.keep(read(node)).map(Some),
            None => Some(None),
        }
    }

    /// Says what a key that was not written stands at.
    pub(super) fn fill(&mut self, fields: &Fields<'_>, key: &'static str, value: impl Display) {
        let filled = self.notes.filled.entry(fields.span).or_default();
        // What an alias stands for is read more than once.
        if filled.iter().all(|(known, _)| *known != key) {
            filled.push((key, value.to_string()));
        }
    }

    /// The values of a key that has one or several, none where it is not written; `None` if one of them is wrong.
    pub(super) fn several<T>(
        &mut self,
        node: Option<&Node<'_>>,
        what: &str,
        read: impl Fn(&Node<'_>) -> Result<T, Refusal>,
    ) -> Option<Vec<T>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let items = self.keep(elements(node, what))?;
        if items.is_empty() {
            self.problems.push(wrong_value(node, format!("expected {what}, one or a list of them")));
            return None;
        }
        let values: Vec<Option<T>> = items.iter().map(|item| self.keep(read(item))).collect();
        values.into_iter().collect()
    }

    /// Where a file lies that the configuration names.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A text file that the configuration names at `node`.
    pub(super) fn file(&mut self, name: &str, node: &Node<'_>) -> Option<SourceText> {
        let path = self.path(name);
        let bytes = read_at_most(&path, MAX_FILE_BYTES).map_err(|problem| unreadable(node, &path, &problem));
        let bytes = self.keep(bytes)?;
        if std::str::from_utf8(&bytes).is_err() {
            self.problems.push(unreadable(node, &path, "it is not UTF-8"));
            return None;
        }
        Some(SourceText::new(path.display().to_string(), bytes))
    }

    /// A secret, from where it is kept: never from the configuration itself, which many may read.
    pub(super) fn secret(&mut self, node: &Node<'_>, what: &str) -> Option<Secret> {
        self.notes.secrets.insert(node.span);
        let secret = self.kept(node, what);
        self.keep(secret)
    }

    fn kept(&mut self, node: &Node<'_>, what: &str) -> Result<Secret, Refusal> {
        let written = text(node, what)?;
        let (bytes, from) = if let Some(name) = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            let value = std::env::var_os(name).ok_or_else(|| {
                Problem::error("missing-variable", node.span, format!("there is no environment variable `{name}`"))
            })?;
            (value.into_encoded_bytes(), format!("the environment variable `{name}`"))
        } else if let Some(name) = written.strip_prefix("file:") {
            let path = self.path(name.trim());
            let mut bytes = read_at_most(&path, MAX_SECRET).map_err(|problem| unreadable(node, &path, &problem))?;
            // An editor's line end is no part of it.
            while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
                bytes.pop();
            }
            (bytes, path.display().to_string())
        } else {
            self.notes.exposed.push(node.span);
            return Err(wrong_value(node, format!("expected where {what} is kept, not what it is"))
                .hint("write `${NAME}` for an environment variable, or `file:PATH`"));
        };
        if bytes.is_empty() {
            return Err(wrong_value(node, format!("{from} is empty")));
        }
        Ok(Secret::new(bytes))
    }
}

fn unreadable(node: &Node<'_>, path: &Path, problem: &str) -> Refusal {
    Problem::error("unreadable-file", node.span, format!("cannot read {}: {problem}", path.display()))
}

/// The content of a file, or why there is none.
fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // One byte more than it may have is enough to refuse it.
    let read = File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| reason(&error))?;
    if bytes.len() > limit { Err(format!("it has more than the {limit} bytes it may have")) } else { Ok(bytes) }
}
