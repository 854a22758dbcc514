//! Values as mappings see them: what modifiers have made of them, written as one text with wildcards.

use crate::sigma::ast::{Given, Item, Mapped};
use crate::sigma::limits::MAX_VALUE_BYTES;
use crate::sigma::modifiers::{How, Step};
use crate::sigma::pattern::{self, Part};
use crate::sigma::scalar::{self, Value};
use crate::sigma::yaml::Scalar;
use bumpalo::Bump;
use regex::Regex;

/// A text with wildcards.
pub(super) struct Pattern(Vec<Part>);

/// What counts as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Texts,
    /// Numbers, too, in the form they are written in.
    Numbers,
}

/// The text that a value is after its modifiers; `None` if it is none, or no longer a single readable one.
pub(super) fn text(item: &Item<'_>, given: Given<'_>, counted: Counted) -> Option<Pattern> {
    let Some(Mapped { plan, .. }) = &item.mapped else { return None };
    let How::Text(steps) = &plan.how else { return None };
    let is_text = match given.value {
        Value::Text(_) => true,
        Value::Number(_) => !steps.is_empty() || counted == Counted::Numbers,
        Value::Bool(_) => !steps.is_empty(),
        Value::Null => false,
    };
    if !is_text || given.text.len() > MAX_VALUE_BYTES {
        return None;
    }
    let mut parts = pattern::parse(given.text);
    for (step, _) in steps {
        match step {
            Step::Contains | Step::Start | Step::End => {
                if *step != Step::Start && parts.first() != Some(&Part::Many) {
                    parts.insert(0, Part::Many);
                }
                if *step != Step::End && parts.last() != Some(&Part::Many) {
                    parts.push(Part::Many);
                }
            }
            Step::Expand => {}
            Step::Base64 | Step::Base64Offset | Step::Utf16(_) | Step::Windash => return None,
        }
    }
    Some(Pattern(parts))
}

/// Whether a value is this one: numbers as numbers, texts with case and wildcards.
pub(super) fn equals(item: &Item<'_>, given: Given<'_>, wanted: &Scalar<'_>) -> bool {
    match (scalar::resolve(wanted), given.value) {
        (Value::Text(wanted), _) => {
            text(item, given, Counted::Texts).is_some_and(|text| text.0 == pattern::parse(wanted))
        }
        (wanted, value) => {
            let is_bare = item.mapped.as_ref().is_some_and(|mapped| mapped.plan.how == How::Text(Vec::new()));
            is_bare && wanted == value
        }
    }
}

/// Puts the texts that `new` gives in the place of those it is given; `None` leaves one as it is. Whether any changed.
pub(super) fn rewrite<'t>(
    arena: &'t Bump,
    item: &mut Item<'t>,
    counted: Counted,
    new: impl Fn(&Pattern) -> Option<Vec<String>>,
) -> bool {
    let texts: Vec<_> = item.values.iter().map(|given| text(item, *given, counted)).collect();
    let changes: Vec<_> = texts.iter().map(|text| text.as_ref().and_then(&new)).collect();
    if changes.iter().all(Option::is_none) {
        return false;
    }
    let mut values = Vec::with_capacity(item.values.len());
    for ((given, text), change) in item.values.iter().zip(texts).zip(changes) {
        let written = |text: &str| {
            let text = &*arena.alloc_str(text);
            Given { value: Value::Text(text), text, ..*given }
        };
        match (change, text) {
            (Some(texts), _) => values.extend(texts.iter().map(|text| written(text))),
            // Modifiers are worked into all of the item's texts, since they are taken away from its key.
            (None, Some(text)) => values.push(written(&text.written())),
            (None, None) => values.push(*given),
        }
    }
    item.values = values;
    if let Some(Mapped { plan, .. }) = &mut item.mapped
        && let How::Text(steps) = &mut plan.how
    {
        steps.retain(|(step, _)| *step == Step::Expand);
    }
    true
}

impl Pattern {
    pub(super) fn has_wildcards(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Many | Part::One))
    }

    /// As expressions see it: `*` and `?` that stand for themselves have a backslash, a backslash has none.
    pub(super) fn plain(&self) -> String {
        self.spell(|text| text.replace('*', "\\*").replace('?', "\\?"))
    }

    /// As a rule writes it.
    fn written(&self) -> String {
        self.spell(escaped)
    }

    fn spell(&self, literal: impl Fn(&str) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => literal(text),
            Part::Many => "*".to_owned(),
            Part::One => "?".to_owned(),
            // Values that hold these are not given to mappings.
            Part::Dash | Part::Bytes(_) => String::new(),
        };
        self.0.iter().map(part).collect()
    }

    /// With all that `regex` finds replaced; in texts between wildcards alone, or in all of it.
    pub(super) fn replace(&self, regex: &Regex, replacement: &str, only_text: bool) -> Option<Vec<String>> {
        if only_text {
            let is_found = |part: &Part| matches!(part, Part::Text(text) if regex.is_match(text));
            let replaced = || self.spell(|text| escaped(&regex.replace_all(text, replacement)));
            return self.0.iter().any(is_found).then(|| vec![replaced()]);
        }
        let plain = self.plain();
        regex.is_match(&plain).then(|| vec![doubled(&regex.replace_all(&plain, replacement))])
    }
}

/// A text that stands for itself, as a rule writes it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?")
}

/// With backslashes doubled but for those before wildcards.
fn doubled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        out.push(c);
        if c == '\\' && !matches!(characters.peek(), Some('*' | '?')) {
            out.push(c);
        }
    }
    out
}
