//! A mapping's file, read.

use super::words::{FIELD_CONDITIONS, ITEM_CONDITIONS, RULE_CONDITIONS, STEP_KEYS, TOP_KEYS, TRANSFORMATIONS, Word};
use super::{Mapping, Step};
use crate::sigma::ast::{Map, wrong_type};
use crate::sigma::context::Context;
use crate::sigma::diagnostic::{Diagnostic, Problem, Problems, Refusal, Span, nearest, short};
use crate::sigma::ir::Number;
use crate::sigma::limits::{MAX_FILE_BYTES, MAX_STEPS};
use crate::sigma::regex::Checker;
use crate::sigma::scalar::{self, Value, scalar_text};
use crate::sigma::yaml::{self, Entry, Kind, Node, Scalar};
use crate::sigma::{Options, SourceText};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads a mapping.
///
/// # Errors
/// All that is wrong with it, with its places.
pub fn read_mapping(source: &SourceText) -> Result<Mapping, Vec<Diagnostic>> {
    let refused = |problem: Refusal, text: &str| Err(vec![problem.locate(&source.name, text)]);
    if source.bytes.len() > MAX_FILE_BYTES {
        let message = format!("a file of {} bytes; at most {MAX_FILE_BYTES} are read", source.bytes.len());
        return refused(Problem::error("too-large", Span::default(), message), "");
    }
    let Ok(text) = std::str::from_utf8(&source.bytes) else {
        return refused(Problem::error("not-utf8", Span::default(), "the file is not UTF-8"), "");
    };
    let (options, checker) = (Options::default(), Checker::new());
    let mut context = Context::new(&source.name, text, &options, Some(&checker));
    let documents = yaml::parse(text, &mut context.problems);
    let mapping = match documents.as_slice() {
        [root] => Reader { context: &mut context }.mapping(root, &source.name),
        [] => {
            if context.problems.errors() == 0 {
                context.problems.push(Problem::error("missing-field", Span::default(), "an empty file"));
            }
            None
        }
        [_, second, ..] => {
            context.problems.push(Problem::error("wrong-type", second.span, "a mapping is one document"));
            None
        }
    };
    let errors = context.problems.errors();
    let diagnostics = context.problems.locate(&source.name, text);
    mapping.filter(|_| errors == 0).ok_or(diagnostics)
}

/// What is wrong with a file is among the problems of its context.
pub(super) struct Reader<'c, 'a> {
    pub(super) context: &'c mut Context<'a>,
}

impl Reader<'_, '_> {
    pub(super) fn problems(&mut self) -> &mut Problems {
        &mut self.context.problems
    }

    fn mapping(&mut self, root: &Node<'_>, file: &Arc<str>) -> Option<Mapping> {
        let map = self.keep(Map::of(root, "a mapping"))?;
        for entry in map.entries {
            let key = &*entry.key.text;
            if matches!(key, "postprocessing" | "finalizers") {
                let problem = Problem::error("unknown-key", entry.key.span, format!("`{key}` is not supported"));
                self.problems().push(problem.hint("it changes queries, and sigmabus makes none"));
            } else {
                self.known(entry, &TOP_KEYS, "a mapping");
            }
        }
        let name = map.entry("name").and_then(|entry| self.text(entry));
        let priority = match map.value("priority").map(|node| (node, number(node))) {
            None => 0,
            Some((_, Some(Number::Int(priority)))) => priority,
            Some((node, _)) => {
                self.problems().push(wrong_type(node, "`priority`", "a whole number"));
                0
            }
        };
        let vars = map.value("vars").map(|node| self.vars(node)).unwrap_or_default();
        let Some(entry) = map.entry("transformations") else {
            self.problems().push(map.missing("transformations", "a mapping"));
            return None;
        };
        let Kind::Sequence(items) = &entry.value.kind else {
            self.problems().push(wrong_type(&entry.value, "`transformations`", "a list"));
            return None;
        };
        if items.len() > MAX_STEPS {
            let message = format!("more than {MAX_STEPS} transformations");
            self.problems().push(Problem::error("too-large", entry.key.span, message));
            return None;
        }
        let steps = items.iter().filter_map(|item| self.step(item)).collect();
        Some(Mapping { name: name.unwrap_or_else(|| Arc::clone(file)), priority, vars, steps })
    }

    pub(super) fn keep<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        self.context.problems.keep(result)
    }

    /// Refuses a key that is none of `keys`.
    pub(super) fn known(&mut self, entry: &Entry<'_>, keys: &[&str], what: &str) {
        let key = &*entry.key.text;
        if keys.contains(&key) {
            return;
        }
        let problem = Problem::error("unknown-key", entry.key.span, format!("{what} has no `{}`", short(key)));
        let hint = match nearest(key, keys.iter().copied()) {
            _ if key.ends_with("_cond_expr") => format!("use `{}op` and `{0}not`", key.trim_end_matches("expr")),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", keys.join(", ")),
        };
        self.problems().push(problem.hint(hint));
    }

    fn vars(&mut self, node: &Node<'_>) -> BTreeMap<Arc<str>, Vec<String>> {
        let Some(map) = self.keep(Map::of(node, "`vars`")) else { return BTreeMap::new() };
        let values = |entry: &Entry<'_>| scalars(&entry.value).into_iter().flatten().collect::<Vec<_>>();
        let mut vars = BTreeMap::new();
        for entry in map.entries {
            let given = values(entry);
            let good = |given: &Scalar<'_>| matches!(scalar::resolve(given), Value::Text(_) | Value::Number(_));
            if given.is_empty() || !given.iter().all(good) {
                self.problems().push(wrong_type(&entry.value, "a variable", "a text, a number or a list of these"));
            }
            let texts = given.into_iter().map(|given| given.text.into_owned()).collect();
            vars.insert((&*entry.key.text).into(), texts);
        }
        vars
    }

    fn step(&mut self, node: &Node<'_>) -> Option<Step> {
        let map = self.keep(Map::of(node, "a transformation"))?;
        let (name, own) = self.word(map, "a transformation", &TRANSFORMATIONS)?;
        let keys: Vec<&str> = STEP_KEYS.into_iter().chain(own.iter().map(|key| key.trim_start_matches('?'))).collect();
        map.entries.iter().for_each(|entry| self.known(entry, &keys, &format!("`{name}`")));
        if matches!(name, "add_condition" | "change_logsource" | "rule_failure") {
            for entry in map.entries.iter().filter(|entry| {
                entry.key.text.starts_with("detection_item_cond") || entry.key.text.starts_with("field_name_cond")
            }) {
                let message = format!("`{name}` is about the whole rule and does not look at lines");
                let problem = Problem::error("unknown-key", entry.key.span, message);
                self.problems().push(problem.hint("use `rule_conditions`, or `detection_item_failure` to refuse"));
            }
        }
        let complete = self.complete(map, name, own);
        let rule = self.conditions(map, "rule", &RULE_CONDITIONS, Self::rule_is);
        let item = self.conditions(map, "detection_item", &ITEM_CONDITIONS, Self::item_is);
        let field = self.conditions(map, "field_name", &FIELD_CONDITIONS, Self::field_is);
        let id = map.entry("id").and_then(|entry| self.text(entry));
        let transformation = if complete { self.transformation(name, map) } else { None };
        Some(Step { id, rule: rule?, item: item?, field: field?, transformation: transformation? })
    }

    /// The word that `type` says, and its own keys.
    pub(super) fn word(
        &mut self,
        map: Map<'_>,
        what: &str,
        words: &[Word],
    ) -> Option<(&'static str, &'static [&'static str])> {
        let Some(entry) = map.entry("type") else {
            self.problems().push(map.missing("type", what));
            return None;
        };
        let name = self.text(entry)?;
        if let Some((name, keys, _)) = words.iter().find(|(known, ..)| *known == &*name) {
            return Some((name, keys));
        }
        let message = format!("{what} of the type `{}` is not supported", short(&name));
        let problem = Problem::error("unsupported", entry.value.span, message);
        let hint = match nearest(&name, words.iter().map(|(known, ..)| *known)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", words.iter().map(|(known, ..)| *known).collect::<Vec<_>>().join(", ")),
        };
        self.problems().push(problem.hint(hint));
        None
    }

    /// Whether all keys that must be there are.
    pub(super) fn complete(&mut self, map: Map<'_>, name: &str, keys: &[&str]) -> bool {
        let mut complete = true;
        for key in keys.iter().filter(|key| !key.starts_with('?') && map.entry(key).is_none()) {
            complete = false;
            self.problems().push(map.missing(key, &format!("`{name}`")));
        }
        complete
    }

    pub(super) fn text(&mut self, entry: &Entry<'_>) -> Option<Arc<str>> {
        match scalar_text(&entry.value) {
            Some(text) if !text.is_empty() => Some(text.into()),
            _ => {
                self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "a text"));
                None
            }
        }
    }

    pub(super) fn truth(&mut self, entry: &Entry<'_>) -> bool {
        if let Kind::Scalar(scalar) = &entry.value.kind
            && let Value::Bool(truth) = scalar::resolve(scalar)
        {
            return truth;
        }
        self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "true or false"));
        false
    }

    pub(super) fn value(&mut self, entry: &Entry<'_>) -> Option<Scalar<'static>> {
        match &entry.value.kind {
            Kind::Scalar(scalar) => Some(owned(scalar)),
            _ => {
                self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "a value"));
                None
            }
        }
    }
}

fn number(node: &Node<'_>) -> Option<Number> {
    match &node.kind {
        Kind::Scalar(scalar) => match scalar::resolve(scalar) {
            Value::Number(number) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// The scalar that `node` is, or those of its list; `None` if it holds anything else.
pub(super) fn scalars(node: &Node<'_>) -> Option<Vec<Scalar<'static>>> {
    let one = |node: &Node<'_>| match &node.kind {
        Kind::Scalar(scalar) => Some(owned(scalar)),
        _ => None,
    };
    match &node.kind {
        Kind::Sequence(items) => items.iter().map(one).collect(),
        _ => one(node).map(|scalar| vec![scalar]),
    }
}

pub(super) fn owned(scalar: &Scalar<'_>) -> Scalar<'static> {
    Scalar { text: Cow::Owned(scalar.text.clone().into_owned()), plain: scalar.plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::{mapping_words, render, shipped_mappings};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    /// What is wrong with a file.
    fn told(text: &str) -> String {
        let source = SourceText::new("mapping.yml", text.as_bytes());
        let drawn = |found: &Diagnostic| format!("{}\n\n", render(found, text, false));
        read_mapping(&source).map_or_else(|found| found.iter().map(drawn).collect(), |_| "good".to_owned())
    }

    /// The same in a line each: `CODE: MESSAGE AT PLACE (HINT)`.
    fn brief(step: &str) -> String {
        let text = format!("transformations:\n- {{{step}}}\n");
        let source = SourceText::new("mapping.yml", text.as_bytes());
        let line = |found: &Diagnostic| {
            let place = text.get(found.span.clone()).unwrap_or("?");
            let hint = found.hint.iter().map(|hint| format!(" ({hint})")).collect::<String>();
            format!("{}: {} AT {place}{hint}", found.code, found.message)
        };
        match read_mapping(&source) {
            Ok(_) => "good".to_owned(),
            Err(found) => found.iter().map(line).collect::<Vec<_>>().join("; "),
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        assert_snapshot!(told(
            "nam: x\ntransformations:\n- type: field_name_maping\n- type: add_condition\n  conditions: {a|contans: x, b|re: '('}\n- type: rule_failure\n  message: no\n  field_name_conditions: [{type: include_fields, fields: [a]}]\nfinalizers: []\n"
        ));
    }

    #[test]
    fn what_is_not_in_the_format_is_refused() {
        let wrong = [
            "id: a",
            "type: hashes_fields, valid_hash_algos: [MD5]",
            "type: nest, items: []",
            "type: field_name_mapping",
            "type: field_name_mapping, mapping: [a, b]",
            "type: field_name_mapping, mapping: {a: []}",
            "type: field_name_mapping, mapping: {a: b|c}",
            "type: field_name_mapping, mapping: {a: {b: c}}",
            "type: field_name_mapping, mapping: {null: a}",
            "type: field_name_prefix, prefix: 1",
            "type: drop_detection_item, field_name_cond_op: or",
            "type: drop_detection_item, field_name_cond_expr: a and b",
            "type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: ['('], mode: re}]",
            "type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [a], mode: glob}]",
            "type: drop_detection_item, field_name_conditions: {x: {type: processing_item_applied, processing_item_id: a}}",
            "type: drop_detection_item, detection_item_conditions: [{type: match_string, cond: some, pattern: a}]",
            "type: drop_detection_item, detection_item_conditions: [{type: is_null}]",
            "type: drop_detection_item, rule_conditions: [{type: logsource}]",
            "type: drop_detection_item, rule_conditions: [{type: rule_attribute, attribute: level, value: high}]",
            "type: drop_detection_item, rule_conditions: x",
            "type: drop_detection_item, rule_conditions: [{type: is_sigma_rule}], rule_cond_op: xor, rule_cond_not: 1",
            "type: add_condition, conditions: {a: {b: c}}",
            "type: add_condition, conditions: {a: 1}, name: cond",
            "type: add_condition, conditions: {a: 1}, negated: 'yes'",
            "type: change_logsource",
            "type: value_placeholders, include: [a], exclude: [b]",
            "type: replace_string, regex: '(', replacement: a",
            "type: replace_string, regex: a, replacement: '\\1'",
            "type: replace_string, regex: a, replacement: '\\d'",
            "type: map_string, mapping: {a: {b: c}}",
            "type: set_value, value: a, force_type: num",
            "type: set_value, value: [a]",
            "type: rule_failure, message: ''",
        ];
        let told = |step: &&str| format!("{step}  =>  {}\n", brief(step));
        assert_snapshot!(wrong.iter().map(told).collect::<String>());
    }

    #[test]
    fn a_file_is_one_map() {
        let files = [
            "",
            "a",
            "[]",
            "name: x",
            "transformations: x",
            "transformations: []\n---\ntransformations: []",
            "priority: high\ntransformations: []",
            "vars: {a: [[1]], b: true}\ntransformations: []",
            "transformations: [",
        ];
        let told = |text: &&str| format!("{}\n", told(text).lines().next().unwrap_or(""));
        assert_snapshot!(files.iter().map(told).collect::<String>());
        assert_eq!(read_mapping(&SourceText::new("x", &b"\xff"[..])).unwrap_err()[0].code, "not-utf8");
        let large = "#".repeat(MAX_FILE_BYTES + 1).into_bytes();
        assert_eq!(read_mapping(&SourceText::new("x", large)).unwrap_err()[0].code, "too-large");
        let many = format!("transformations:\n{}", "- {type: drop_detection_item}\n".repeat(MAX_STEPS + 1));
        assert_eq!(read_mapping(&SourceText::new("x", many.into_bytes())).unwrap_err()[0].code, "too-large");
    }

    #[test]
    fn every_shipped_mapping_is_good() {
        for shipped in shipped_mappings() {
            assert_eq!(told(shipped.text), "good", "{}", shipped.name);
        }
    }

    /// The manual's page on mappings holds the words of the format.
    #[test]
    fn the_manual_has_every_word() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mappings.md")).unwrap();
        for under in ["transformations", "rule_conditions", "detection_item_conditions", "field_name_conditions"] {
            let row = |(name, keys, meaning): Word| {
                let key = |key: &&str| match key.strip_prefix('?') {
                    Some(optional) => format!("`{optional}` (may be left out)"),
                    None => format!("`{key}`"),
                };
                format!("| `{name}` | {} | {meaning} |\n", keys.iter().map(key).collect::<Vec<_>>().join(", "))
            };
            let rows: String = mapping_words().filter(|(key, _)| *key == under).map(|(_, word)| row(word)).collect();
            let table = format!("| type | keys | meaning |\n|---|---|---|\n{rows}");
            let (_, rest) = page.split_once(&format!("<!-- {under} -->\n")).expect("the place of the table");
            let (written, _) = rest.split_once("<!-- end -->").expect("the end of the table");
            assert_eq!(written.trim(), table.trim(), "docs/mappings.md should say\n{table}");
        }
        let rows = shipped_mappings().map(|shipped| format!("| `{}` | {} |\n", shipped.name, shipped.summary));
        let table = format!("| name | for |\n|---|---|\n{}", rows.collect::<String>());
        assert!(page.contains(&table), "docs/mappings.md should say\n{table}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_is_read_or_refused(text in "(transformations|type|mapping|: |\\{|\\}|\\[|\\]|- |\n|a|field_name_mapping|\\*|'){0,40}") {
            let found = read_mapping(&SourceText::new("x", text.into_bytes()));
            if let Err(found) = found {
                prop_assert!(!found.is_empty());
            }
        }
    }
}
