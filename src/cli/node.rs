//! The operator's YAML, taken apart node by node, so that every mistake is told with its place.

use crate::sigma::diagnostic::{Problem, Problems, Refusal, Span, nearest, short};
use crate::sigma::ir::Number;
use crate::sigma::scalar::{Value, resolve};
use crate::sigma::yaml::{Entry, Kind, Node};
use crate::time;
use std::ops::RangeInclusive;

/// The entries of a map whose keys are known.
pub(super) struct Fields<'n> {
    /// The map's place.
    pub(super) span: Span,
    entries: &'n [Entry<'n>],
}

impl<'n> Fields<'n> {
    /// The entries of `node`, which should be a map; keys that are not among `keys` become problems.
    pub(super) fn of(node: &'n Node<'n>, keys: &[&str], what: &str, problems: &mut Problems) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            let expected = format!("expected {what} as a map with {}", keys.join(", "));
            problems.push(wrong_type(node, expected));
            return None;
        };
        for entry in entries.iter().filter(|entry| !keys.contains(&&*entry.key.text)) {
            let message = format!("{what} has no `{}`", short(&entry.key.text));
            let problem = Problem::error("unknown-key", entry.key.span, message);
            problems.push(match nearest(&entry.key.text, keys.iter().copied()) {
                Some(key) => problem.hint(format!("did you mean `{key}`?")),
                None => problem.hint(format!("there are {}", keys.join(", "))),
            });
        }
        // Of a map of many lines its first line is shown.
        Some(Self { span: node.span, entries })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node<'n>> {
        self.entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &str, what: &str) -> Result<&'n Node<'n>, Refusal> {
        let missing = || Problem::error("missing-key", self.span, format!("{what} needs `{key}`"));
        self.get(key).ok_or_else(missing)
    }

    /// The entries as they stand.
    pub(super) const fn entries(&self) -> &'n [Entry<'n>] {
        self.entries
    }
}

/// A node that is something else than what was expected.
pub(super) fn wrong_type(node: &Node<'_>, expected: impl Into<String>) -> Refusal {
    Problem::error("wrong-type", node.span, expected.into()).label(format!("this is {}", node.noun()))
}

/// A scalar that is not one of those expected.
pub(super) fn wrong_value(node: &Node<'_>, message: impl Into<String>) -> Refusal {
    Problem::error("wrong-value", node.span, message.into())
}

/// A text; numbers and words as they are written.
pub(super) fn text<'n>(node: &'n Node<'_>, what: &str) -> Result<&'n str, Refusal> {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.text.trim().is_empty() => Ok(&scalar.text),
        _ => Err(wrong_type(node, format!("expected {what} as a text"))),
    }
}

/// A whole number within `range`.
pub(super) fn integer(node: &Node<'_>, what: &str, range: RangeInclusive<i64>) -> Result<i64, Refusal> {
    let expected = || format!("expected {what} as a whole number from {} to {}", range.start(), range.end());
    let Kind::Scalar(scalar) = &node.kind else { return Err(wrong_type(node, expected())) };
    let number = match resolve(scalar) {
        Value::Number(Number::Int(number)) => i64::try_from(number).ok(),
        _ => None,
    };
    number.filter(|number| range.contains(number)).ok_or_else(|| {
        Problem::error("out-of-range", node.span, expected()).label(format!("this is `{}`", short(&scalar.text)))
    })
}

/// A whole number from 0 to `highest`, or a range of them: `1-8`.
pub(super) fn range(node: &Node<'_>, what: &str, highest: i64) -> Result<RangeInclusive<i64>, Refusal> {
    if let Kind::Scalar(scalar) = &node.kind
        && let Some((first, last)) = scalar.text.split_once('-')
    {
        let end = |text: &str| text.trim().parse::<i64>().ok().filter(|end| (0..=highest).contains(end));
        return match end(first).zip(end(last)).filter(|(first, last)| first <= last) {
            Some((first, last)) => Ok(first..=last),
            None => Err(wrong_value(node, format!("expected a range of {what}s from 0 to {highest}, such as 1-8"))),
        };
    }
    let only = integer(node, &format!("a {what}"), 0..=highest)?;
    Ok(only..=only)
}

/// A number.
pub(super) fn number(node: &Node<'_>, what: &str) -> Result<f64, Refusal> {
    let number = match &node.kind {
        Kind::Scalar(scalar) => match resolve(scalar) {
            Value::Number(Number::Int(number)) => Some(number as f64),
            Value::Number(Number::Float(number)) => Some(number),
            _ => None,
        },
        _ => None,
    };
    number.ok_or_else(|| wrong_type(node, format!("expected {what} as a number")))
}

/// A length of time, such as `10m`.
pub(super) fn timespan(node: &Node<'_>, what: &str) -> Result<time::Span, Refusal> {
    let written = text(node, what)?;
    time::Span::parse(written).ok_or_else(|| {
        let message = format!("expected {what} as a number and one of s m h d w, not `{}`", short(written));
        wrong_value(node, message).hint("such as 30s, 10m or 7d")
    })
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node<'_>, what: &str) -> Result<bool, Refusal> {
    match &node.kind {
        Kind::Scalar(scalar) => match resolve(scalar) {
            Value::Bool(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
    .ok_or_else(|| wrong_type(node, format!("expected {what} as `true` or `false`")))
}

/// The elements of what must be a list.
pub(super) fn list<'n>(node: &'n Node<'n>, what: &str) -> Result<&'n [Node<'n>], Refusal> {
    match &node.kind {
        Kind::Sequence(items) => Ok(items),
        _ => Err(wrong_type(node, format!("expected {what} as a list"))),
    }
}

/// The entries of a map whose keys are names of the operator's own.
pub(super) fn entries<'n>(node: &'n Node<'n>, what: &str) -> Result<&'n [Entry<'n>], Refusal> {
    match &node.kind {
        Kind::Mapping(entries) => Ok(entries),
        _ => Err(wrong_type(node, format!("expected {what} as a map"))),
    }
}

/// The elements of a list; a scalar is a list of one.
pub(super) fn elements<'n>(node: &'n Node<'n>, what: &str) -> Result<&'n [Node<'n>], Refusal> {
    match &node.kind {
        Kind::Sequence(items) => Ok(items),
        Kind::Scalar(_) => Ok(std::slice::from_ref(node)),
        Kind::Mapping(_) => Err(wrong_type(node, format!("expected {what}, one or a list of them"))),
    }
}

/// One of the words, with what it stands for.
pub(super) fn word<T: Copy>(node: &Node<'_>, what: &str, words: &[(&str, T)]) -> Result<T, Refusal> {
    let written = text(node, what)?;
    let found = words.iter().find(|(word, _)| *word == written);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names = || words.iter().map(|(word, _)| *word);
        let problem = Problem::error("unknown-word", node.span, format!("no {what} `{}`", short(written)));
        match nearest(written, names()) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem.hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// A problem for each name that an earlier one of the list has, too.
pub(super) fn refuse_twice<'a>(names: impl IntoIterator<Item = (&'a str, Span)>, problems: &mut Problems) {
    let mut sorted: Vec<(&str, Span)> = names.into_iter().collect();
    sorted.sort_by_key(|(name, span)| (*name, span.start));
    for same in sorted.chunk_by(|(a, _), (b, _)| a == b) {
        let [(name, first), others @ ..] = same else { continue };
        for (_, other) in others {
            let message = format!("the name `{}` is here twice", short(name));
            let problem = Problem::error("duplicate-name", *other, message).label("again here");
            problems.push(problem.related(*first, "first here"));
        }
    }
}
