//! The conditions of a step, read.

use super::expression::Anchor;
use super::file::Reader;
use super::words::Word;
use super::{Conditions, FieldIs, ItemIs, Link, RuleIs};
use crate::sigma::ast::{Map, names, wrong_type};
use crate::sigma::diagnostic::Problem;
use crate::sigma::scalar::scalar_text;
use crate::sigma::yaml::{Kind, Node};
use std::collections::BTreeSet;

impl Reader<'_, '_> {
    /// The conditions of one kind.
    pub(super) fn conditions<T>(
        &mut self,
        map: Map<'_>,
        kind: &str,
        words: &[Word],
        read: fn(&mut Self, &str, Map<'_>) -> Option<T>,
    ) -> Option<Conditions<T>> {
        let key = |rest: &str| map.entry(&format!("{kind}_{rest}"));
        let list: Vec<&Node<'_>> = match key("conditions").map(|entry| &entry.value) {
            None => Vec::new(),
            Some(Node { kind: Kind::Sequence(items), .. }) => items.iter().collect(),
            Some(Node { kind: Kind::Mapping(entries), .. }) => entries.iter().map(|entry| &entry.value).collect(),
            Some(node) => {
                self.problems().push(wrong_type(node, "conditions", "a list"));
                return None;
            }
        };
        if let Some(entry) = key("cond_op").or(key("cond_not")).filter(|_| list.is_empty()) {
            let message = format!("`{}` without conditions", entry.key.text);
            self.problems().push(Problem::error("missing-field", entry.key.span, message));
        }
        let link = match key("cond_op").map(|entry| (entry, scalar_text(&entry.value))) {
            None | Some((_, Some("and"))) => Link::All,
            Some((_, Some("or"))) => Link::Any,
            Some((entry, _)) => {
                self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "`and` or `or`"));
                Link::All
            }
        };
        let negated = key("cond_not").is_some_and(|entry| self.truth(entry));
        let mut read_one = |node: &Node<'_>| {
            let map = self.keep(Map::of(node, "a condition"))?;
            let (name, own) = self.word(map, "a condition", words)?;
            let keys: Vec<&str> =
                ["type"].into_iter().chain(own.iter().map(|key| key.trim_start_matches('?'))).collect();
            map.entries.iter().for_each(|entry| self.known(entry, &keys, &format!("`{name}`")));
            if self.complete(map, name, own) { read(self, name, map) } else { None }
        };
        // All are read, so that all that is wrong is told at once.
        let list: Vec<Option<T>> = list.into_iter().map(&mut read_one).collect();
        Some(Conditions { list: list.into_iter().collect::<Option<_>>()?, link, negated })
    }

    pub(super) fn rule_is(&mut self, name: &str, map: Map<'_>) -> Option<RuleIs> {
        let mut text = |key: &str| map.entry(key).and_then(|entry| self.text(entry));
        Some(match name {
            "contains_field" => RuleIs::HasField(text("field")?),
            "contains_detection_item" => RuleIs::HasItem(text("field")?, self.value(map.entry("value")?)?),
            "tag" => RuleIs::Tagged(text("tag")?),
            "is_sigma_rule" => RuleIs::Detection,
            "is_sigma_correlation_rule" => RuleIs::Correlation,
            "processing_item_applied" => RuleIs::Changed(text("processing_item_id")?),
            _ => RuleIs::For(self.log_source(map)?),
        })
    }

    pub(super) fn item_is(&mut self, name: &str, map: Map<'_>) -> Option<ItemIs> {
        if name == "processing_item_applied" {
            return map.entry("processing_item_id").and_then(|entry| self.text(entry)).map(ItemIs::Changed);
        }
        let entry = map.entry("cond")?;
        let link = match scalar_text(&entry.value) {
            Some("any") => Link::Any,
            Some("all") => Link::All,
            _ => {
                self.problems().push(wrong_type(&entry.value, "`cond`", "`any` or `all`"));
                return None;
            }
        };
        Some(match name {
            "match_string" => ItemIs::Text {
                link,
                regex: self.regex(&map.entry("pattern")?.value, Anchor::Start)?,
                negated: map.entry("negate").is_some_and(|entry| self.truth(entry)),
            },
            "match_value" => ItemIs::Value { link, value: self.value(map.entry("value")?)? },
            "contains_wildcard" => ItemIs::Wildcard(link),
            _ => ItemIs::Null(link),
        })
    }

    pub(super) fn field_is(&mut self, name: &str, map: Map<'_>) -> Option<FieldIs> {
        let names = self.keep(names(map.entry("fields")?))?;
        let mut is = FieldIs { names: BTreeSet::new(), patterns: Vec::new(), excluded: name == "exclude_fields" };
        match map.value("mode").map(|node| (node, scalar_text(node))) {
            None | Some((_, Some("plain"))) => is.names = names.into_iter().map(|name| name.text).collect(),
            Some((_, Some("re"))) => {
                let entry = map.entry("fields")?;
                let nodes = match &entry.value.kind {
                    Kind::Sequence(items) => items.as_slice(),
                    _ => std::slice::from_ref(&entry.value),
                };
                let patterns: Vec<_> = nodes.iter().map(|node| self.regex(node, Anchor::Start)).collect();
                is.patterns = patterns.into_iter().collect::<Option<_>>()?;
            }
            Some((node, _)) => {
                self.problems().push(wrong_type(node, "`mode`", "`plain` or `re`"));
                return None;
            }
        }
        Some(is)
    }
}
