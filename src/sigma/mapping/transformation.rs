//! What a step does, read.

use super::expression::Anchor;
use super::file::{Reader, scalars};
use super::{Added, Handled, Rename, Transformation};
use crate::sigma::ast::{self, Map, names, wrong_type};
use crate::sigma::diagnostic::Problem;
use crate::sigma::ir::LogSource;
use crate::sigma::limits::MAX_MAPPED_NAMES;
use crate::sigma::scalar::{self, scalar_text};
use crate::sigma::yaml::{Entry, Kind, Node, Scalar, Text};
use crate::sigma::{lower, metadata};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names or starts of names, each with what comes in its place.
type Renames = Vec<(Arc<str>, Vec<Arc<str>>)>;

impl Reader<'_, '_> {
    pub(super) fn transformation(&mut self, name: &str, map: Map<'_>) -> Option<Transformation> {
        let entry = |key: &str| map.entry(key);
        Some(match name {
            "field_name_mapping" => {
                Transformation::Rename(Rename::Whole(self.renames(&entry("mapping")?.value)?.into_iter().collect()))
            }
            "field_name_prefix_mapping" => {
                Transformation::Rename(Rename::Start(self.renames(&entry("mapping")?.value)?))
            }
            "field_name_prefix" => Transformation::Rename(Rename::Prefix(self.text(entry("prefix")?)?)),
            "field_name_suffix" => Transformation::Rename(Rename::Suffix(self.text(entry("suffix")?)?)),
            "drop_detection_item" => Transformation::DropItem,
            "add_condition" => Transformation::AddCondition(self.added(map)?),
            "change_logsource" => Transformation::ChangeSource(self.log_source(map)?),
            "value_placeholders" => Transformation::ValuePlaceholders(self.handled(map)?),
            "wildcard_placeholders" => Transformation::WildcardPlaceholders(self.handled(map)?),
            "replace_string" => {
                let regex = self.regex(&entry("regex")?.value, Anchor::None)?;
                let replacement = self.replacement(entry("replacement")?, &regex)?;
                let only_text = entry("skip_special").is_some_and(|entry| self.truth(entry));
                Transformation::ReplaceString { regex, replacement, only_text }
            }
            "map_string" => Transformation::MapString(self.strings(&entry("mapping")?.value)?),
            "set_value" => Transformation::SetValue(self.set_value(map)?),
            "rule_failure" => Transformation::RefuseRule(self.text(entry("message")?)?),
            _ => Transformation::RefuseItem(self.text(entry("message")?)?),
        })
    }

    /// `mapping: {NAME: NAME or [NAME, ...]}`
    fn renames(&mut self, node: &Node<'_>) -> Option<Renames> {
        let map = self.keep(Map::of(node, "`mapping`"))?;
        let mut renames = Vec::with_capacity(map.entries.len());
        for entry in map.entries {
            let key = &entry.key;
            if matches!(&*key.text, "" | "null" | "~") {
                let problem = Problem::error("unsupported", key.span, "keywords cannot be mapped to a field");
                self.problems().push(problem);
                continue;
            }
            let Some(new) = self.keep(names(entry)) else { continue };
            if let Some(bad) = new.iter().find(|name| name.text.contains('|')) {
                let problem = Problem::error("bad-value", bad.span, "a name with `|` in it");
                self.problems().push(problem.hint("a mapping changes names; modifiers stay"));
            }
            if new.is_empty() || new.len() > MAX_MAPPED_NAMES {
                let message = format!("expected 1 to {MAX_MAPPED_NAMES} names, not {}", new.len());
                self.problems().push(Problem::error("bad-value", entry.value.span, message));
            }
            renames.push(((&*key.text).into(), new.into_iter().map(|name| name.text).collect()));
        }
        Some(renames)
    }

    /// `mapping: {TEXT: TEXT or [TEXT, ...]}`
    fn strings(&mut self, node: &Node<'_>) -> Option<BTreeMap<String, Vec<String>>> {
        let map = self.keep(Map::of(node, "`mapping`"))?;
        let mut strings = BTreeMap::new();
        for entry in map.entries {
            match scalars(&entry.value).filter(|texts| !texts.is_empty()) {
                Some(texts) => {
                    let texts = texts.into_iter().map(|scalar| scalar.text.into_owned()).collect();
                    strings.insert(entry.key.text.clone().into_owned(), texts);
                }
                None => self.problems().push(wrong_type(&entry.value, "a new text", "a text or a list of texts")),
            }
        }
        Some(strings)
    }

    /// `conditions: {FIELD|MODIFIER: VALUE or [VALUE, ...]}`
    fn added(&mut self, map: Map<'_>) -> Option<Added> {
        let entry = map.entry("conditions")?;
        let name = Text { text: Cow::Borrowed("conditions"), span: entry.key.span };
        if let Some(named) =
            map.entry("name").filter(|entry| !scalar_text(&entry.value).is_some_and(|n| n.starts_with('_')))
        {
            let problem =
                Problem::error("bad-value", named.value.span, "the name of an added condition starts with `_`");
            self.problems().push(problem.hint("so that `1 of them` does not mean it; or leave the name out"));
        }
        let Kind::Mapping(entries) = &entry.value.kind else {
            self.problems().push(wrong_type(&entry.value, "`conditions`", "a map"));
            return None;
        };
        // They are lowered to be tried, not to be kept: what is wrong with them is told here, in their own file.
        let tried = ast::body(&entry.value, &name, &mut self.context.problems)?;
        lower::body(self.context, &tried)?;
        let items = entries.iter().map(|item| Some((item.key.text.clone().into_owned(), scalars(&item.value)?)));
        Some(Added {
            items: items.collect::<Option<_>>()?,
            negated: map.entry("negated").is_some_and(|entry| self.truth(entry)),
            template: map.entry("template").is_some_and(|entry| self.truth(entry)),
        })
    }

    fn handled(&mut self, map: Map<'_>) -> Option<Handled> {
        let mut names =
            |entry: &Entry<'_>| self.keep(names(entry)).map(|names| names.into_iter().map(|name| name.text));
        match (map.entry("include"), map.entry("exclude")) {
            (None, None) => Some(Handled::All),
            (Some(only), None) => Some(Handled::Only(names(only)?.collect())),
            (None, Some(but)) => Some(Handled::AllBut(names(but)?.collect())),
            (Some(only), Some(but)) => {
                let problem =
                    Problem::error("bad-value", but.key.span, "`include` and `exclude` in one transformation");
                self.problems().push(problem.related(only.key.span, "here"));
                None
            }
        }
    }

    fn set_value(&mut self, map: Map<'_>) -> Option<Scalar<'static>> {
        let value = self.value(map.entry("value")?)?;
        match map.value("force_type").map(|node| (node, scalar_text(node))) {
            None => Some(value),
            Some((_, Some("str"))) => Some(Scalar { plain: false, ..value }),
            Some((_, Some("num"))) if scalar::number(&value.text).is_some() => Some(Scalar { plain: true, ..value }),
            Some((node, _)) => {
                self.problems().push(wrong_type(node, "`force_type`", "`str`, or `num` with a number"));
                None
            }
        }
    }

    pub(super) fn log_source(&mut self, map: Map<'_>) -> Option<LogSource> {
        let source = self.keep(metadata::log_source_parts(map))?;
        if source == LogSource::default() {
            self.problems()
                .push(map.missing("product", "a log source").hint("give `category`, `product` or `service`"));
        }
        Some(source)
    }
}
