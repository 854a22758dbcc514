//! `sigmabus config show`: the configuration that is in force.

use super::super::outcome::{Failure, Outcome};
use super::file::{File, Understood};
use super::reader::Notes;
use super::{SECTIONS, path};
use crate::sigma::diagnostic::Problems;
use crate::sigma::scalar::is_null;
use crate::sigma::yaml::{self, Entry, Kind, Node, Scalar};
use crate::sink::{MASK, plain};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Prints the named configuration, or the one here, or what holds without one.
pub(super) fn run(named: Option<&Path>) -> Result<Outcome, Failure> {
    let file = path(named).map(File::read).transpose()?;
    let understood = file.as_ref().map(File::understand);
    if let Some(understood) = &understood {
        understood.settle()?;
    }
    let text = shown(understood.as_ref());
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}

/// The YAML of every section, each below a comment that says where it comes from.
pub(super) fn shown(understood: Option<&Understood<'_>>) -> String {
    let none = Notes::default();
    let mut out = String::new();
    for section in SECTIONS {
        let written = understood.and_then(|understood| Some((understood, understood.written(section.key)?)));
        let default = yaml::parse(section.default, &mut Problems::default());
        let (from, node, notes) = match (written, default.first()) {
            (Some((understood, entry)), _) => (understood.place(entry), &entry.value, &understood.notes),
            (None, Some(node)) => ("default".to_owned(), node, &none),
            (None, None) => continue,
        };
        let gap = if out.is_empty() { "" } else { "\n" };
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{gap}# {from}\n{}:", section.key);
        Page { out: &mut out, notes }.value(node, 0, "");
    }
    out
}

impl<'f> Understood<'f> {
    /// A section that is written.
    fn written(&self, key: &str) -> Option<&Entry<'f>> {
        let Kind::Mapping(entries) = &self.root.as_ref()?.kind else { return None };
        entries.iter().find(|entry| entry.key.text == key).filter(|entry| !is_null(&entry.value))
    }

    /// The file and line of an entry.
    fn place(&self, entry: &Entry<'_>) -> String {
        let Some(source) = self.told.sources.first() else { return String::new() };
        let (line, _) = self.told.position(&source.name, entry.key.span.start);
        format!("{}:{line}", plain(&source.name))
    }
}

/// YAML that is being written.
struct Page<'p> {
    out: &'p mut String,
    notes: &'p Notes,
}

impl Page<'_> {
    /// A value behind its key or dash, whose line begins with `indent` spaces. The remark stands at that line's end.
    fn value(&mut self, node: &Node<'_>, indent: usize, remark: &str) {
        let line = match &node.kind {
            Kind::Scalar(scalar) => self.scalar(scalar, node),
            Kind::Sequence(items) if items.iter().all(|item| matches!(item.kind, Kind::Scalar(_))) => {
                let items = items.iter().filter_map(|item| match &item.kind {
                    Kind::Scalar(scalar) => Some(self.scalar(scalar, item)),
                    _ => None,
                });
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            Kind::Sequence(items) => {
                let _ = writeln!(self.out, "{remark}");
                for item in items {
                    let _ = write!(self.out, "{:indent$}  -", "");
                    self.element(item, indent + 4);
                }
                return;
            }
            Kind::Mapping(_) if self.is_empty(node) => "{}".to_owned(),
            Kind::Mapping(_) => {
                let _ = writeln!(self.out, "{remark}");
                return self.entries(node, indent + 2, true);
            }
        };
        let _ = writeln!(self.out, " {line}{remark}");
    }

    /// What stands behind a dash: a map begins on its line.
    fn element(&mut self, node: &Node<'_>, indent: usize) {
        if matches!(node.kind, Kind::Mapping(_)) && !self.is_empty(node) {
            self.out.push(' ');
            self.entries(node, indent, false);
        } else {
            self.value(node, indent, "");
        }
    }

    /// The entries of a map, those that were written first; `indented` says whether the first one is, too.
    fn entries(&mut self, node: &Node<'_>, indent: usize, mut indented: bool) {
        let Kind::Mapping(entries) = &node.kind else { return };
        let mut start = |out: &mut String, key: &str| {
            let indent = if std::mem::replace(&mut indented, true) { indent } else { 0 };
            let _ = write!(out, "{:indent$}{}:", "", key_of(key));
        };
        for entry in entries {
            start(self.out, &entry.key.text);
            self.value(&entry.value, indent, "");
        }
        let notes = self.notes;
        for (key, value) in notes.filled(node) {
            for value in yaml::parse(value, &mut Problems::default()) {
                start(self.out, key);
                Page { out: self.out, notes: &Notes::default() }.value(&value, indent, "  # default");
            }
        }
    }

    fn is_empty(&self, node: &Node<'_>) -> bool {
        let written = matches!(&node.kind, Kind::Mapping(entries) if !entries.is_empty());
        !written && self.notes.filled(node).is_empty()
    }

    /// A scalar as it was written; in quotes where it was, or where it may need them in another place.
    fn scalar(&self, scalar: &Scalar<'_>, node: &Node<'_>) -> String {
        if self.notes.is_secret(node) {
            return quoted(MASK);
        }
        match &*scalar.text {
            "" if scalar.plain => "~".to_owned(),
            text if scalar.plain && !text.contains([',', '[', ']', '{', '}', '\n']) => text.to_owned(),
            text => quoted(text),
        }
    }
}

/// A key, in quotes unless it is a simple word.
fn key_of(key: &str) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if key.starts_with(|c: char| c.is_ascii_alphanumeric()) && key.chars().all(simple) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// A text in double quotes: those of JSON are among those of YAML (YAML 1.2.2, 1.3).
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A tree without places, every scalar as its meaning.
    fn meaning(node: &Node<'_>) -> Value {
        match &node.kind {
            Kind::Scalar(scalar) => format!("{:?}", crate::sigma::scalar::resolve(scalar)).into(),
            Kind::Sequence(items) => items.iter().map(meaning).collect(),
            Kind::Mapping(entries) => {
                entries.iter().map(|entry| (entry.key.text.to_string(), meaning(&entry.value))).collect()
            }
        }
    }

    fn read(text: &str) -> Value {
        let mut problems = Problems::default();
        let documents = yaml::parse(text, &mut problems);
        assert_eq!((documents.len(), problems.errors()), (1, 0), "{text}");
        meaning(&documents[0])
    }

    fn written(text: &str) -> String {
        let mut out = String::from("key:");
        let documents = yaml::parse(text, &mut Problems::default());
        Page { out: &mut out, notes: &Notes::default() }.value(&documents[0], 0, "");
        out
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[a-z :#,\\-'\"]{0,6}", "\\PC{0,4}", "[\t\n\\\\]{1,2}", Just("yes".to_owned())];
        let scalar = prop_oneof![
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            text.clone().prop_map(Value::from)
        ];
        scalar.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_is_written_reads_as_what_was_read(value in any_value()) {
            let text = value.to_string();
            prop_assert_eq!(read(&written(&text)), serde_json::json!({"key": read(&text)}));
        }
    }

    #[test]
    fn plain_texts_stay_plain_where_they_can() {
        for (text, expected) in [
            ("a, b", "key: \"a, b\"\n"),
            ("${NAME}", "key: \"${NAME}\"\n"),
            ("- a\n- b c", "key: [a, b c]\n"),
            ("0x10", "key: 0x10\n"),
            ("- - 1\n  - a: ~\n- {}", "key:\n  -\n      - 1\n      - a: ~\n  - {}\n"),
        ] {
            assert_eq!(written(text), expected);
            assert_eq!(read(&written(text)), serde_json::json!({"key": read(text)}));
        }
    }
}
