//! A mapping's file, read.

use super::ast::{self, Map, names, wrong_type};
use super::context::Context;
use super::diagnostic::{Diagnostic, Problem, Problems, Refusal, Span, nearest, short};
use super::ir::{LogSource, Number};
use super::limits::{MAX_FILE_BYTES, MAX_MAPPED_NAMES, MAX_REGEX_BYTES, MAX_REGEX_SIZE, MAX_STEPS};
use super::mapping::{
    Added, Conditions, FieldIs, Handled, ItemIs, Link, Mapping, Rename, RuleIs, Step, Transformation,
};
use super::regex::Checker;
use super::scalar::{self, Value, scalar_text};
use super::yaml::{self, Entry, Kind, Node, Scalar, Text};
use super::{Options, SourceText, lower, metadata};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A word of the format: its name, the keys that go with it (one that starts with `?` may be left out), and what it means.
type Word = (&'static str, &'static [&'static str], &'static str);

/// Names or starts of names, each with what comes in its place.
type Renames = Vec<(Arc<str>, Vec<Arc<str>>)>;

/// The types of transformations.
const TRANSFORMATIONS: [Word; 14] = [
    ("field_name_mapping", &["mapping"], "fields of these names get others; of a list of names, any may hold"),
    ("field_name_prefix_mapping", &["mapping"], "the same by how the name starts; the first start that fits"),
    ("field_name_prefix", &["prefix"], "this is put before the names of fields"),
    ("field_name_suffix", &["suffix"], "this is put behind them"),
    ("drop_detection_item", &[], "the line is taken out; a selection without lines is taken out of the condition"),
    (
        "add_condition",
        &["conditions", "?name", "?negated", "?template"],
        "every condition holds only together with this selection; `template` replaces `$category`, `$product`, `$service`",
    ),
    ("change_logsource", &["?category", "?product", "?service"], "the rule is for this log source instead"),
    (
        "value_placeholders",
        &["?include", "?exclude"],
        "placeholders stand for what `vars` says, or else the configuration",
    ),
    (
        "wildcard_placeholders",
        &["?include", "?exclude"],
        "placeholders that the configuration has no values for stand for anything",
    ),
    (
        "replace_string",
        &["regex", "replacement", "?skip_special"],
        "parts of texts are replaced; `\\1` is what the first group found",
    ),
    ("map_string", &["mapping"], "whole texts are replaced, by one or by several of which any may match"),
    ("set_value", &["value", "?force_type"], "the line asks for this value instead"),
    ("rule_failure", &["message"], "the rule is refused with this message"),
    (
        "detection_item_failure",
        &["message"],
        "the same if the conditions hold for a line; with conditions on names alone, also for a field that a correlation groups by",
    ),
];

const RULE_CONDITIONS: [Word; 7] = [
    (
        "logsource",
        &["?category", "?product", "?service"],
        "the rule is for this log source; of a correlation, any rule it refers to",
    ),
    ("contains_field", &["field"], "a line asks for this field"),
    ("contains_detection_item", &["field", "value"], "a line asks for this field and, among others, this value"),
    ("tag", &["tag"], "it has this tag"),
    ("is_sigma_rule", &[], "it is a detection rule"),
    ("is_sigma_correlation_rule", &[], "it is a correlation"),
    ("processing_item_applied", &["processing_item_id"], "the step of this id was made for it"),
];

const ITEM_CONDITIONS: [Word; 5] = [
    (
        "match_string",
        &["cond", "pattern", "?negate"],
        "a regular expression is found at the start of `any` or `all` of its texts",
    ),
    ("match_value", &["cond", "value"], "`any` or `all` of its values are this one"),
    ("contains_wildcard", &["cond"], "`any` or `all` of its values have wildcards"),
    ("is_null", &["cond"], "`any` or `all` of its values are null"),
    ("processing_item_applied", &["processing_item_id"], "the step of this id changed it"),
];

const FIELD_CONDITIONS: [Word; 2] = [
    (
        "include_fields",
        &["fields", "?mode"],
        "the name is one of these; with `mode: re`, one of these expressions fits its start",
    ),
    ("exclude_fields", &["fields", "?mode"], "the name is none of these"),
];

/// Keys of all transformations.
const STEP_KEYS: [&str; 11] = [
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
];

const TOP_KEYS: [&str; 5] = ["name", "priority", "vars", "transformations", "allowed_backends"];

/// The words of the format by the key they stand under, with their own keys and meaning, for the manual.
pub fn mapping_words() -> impl Iterator<Item = (&'static str, Word)> {
    let under = |key: &'static str, words: &'static [Word]| words.iter().map(move |word| (key, *word));
    under("transformations", &TRANSFORMATIONS)
        .chain(under("rule_conditions", &RULE_CONDITIONS))
        .chain(under("detection_item_conditions", &ITEM_CONDITIONS))
        .chain(under("field_name_conditions", &FIELD_CONDITIONS))
}

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
struct Reader<'c, 'a> {
    context: &'c mut Context<'a>,
}

impl Reader<'_, '_> {
    fn problems(&mut self) -> &mut Problems {
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

    fn keep<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        self.context.problems.keep(result)
    }

    /// Refuses a key that is none of `keys`.
    fn known(&mut self, entry: &Entry<'_>, keys: &[&str], what: &str) {
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
    fn word(&mut self, map: Map<'_>, what: &str, words: &[Word]) -> Option<(&'static str, &'static [&'static str])> {
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
    fn complete(&mut self, map: Map<'_>, name: &str, keys: &[&str]) -> bool {
        let mut complete = true;
        for key in keys.iter().filter(|key| !key.starts_with('?') && map.entry(key).is_none()) {
            complete = false;
            self.problems().push(map.missing(key, &format!("`{name}`")));
        }
        complete
    }

    /// The conditions of one kind.
    fn conditions<T>(
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

    fn rule_is(&mut self, name: &str, map: Map<'_>) -> Option<RuleIs> {
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

    fn item_is(&mut self, name: &str, map: Map<'_>) -> Option<ItemIs> {
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

    fn field_is(&mut self, name: &str, map: Map<'_>) -> Option<FieldIs> {
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

    fn transformation(&mut self, name: &str, map: Map<'_>) -> Option<Transformation> {
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

    fn log_source(&mut self, map: Map<'_>) -> Option<LogSource> {
        let source = self.keep(metadata::log_source_parts(map))?;
        if source == LogSource::default() {
            self.problems()
                .push(map.missing("product", "a log source").hint("give `category`, `product` or `service`"));
        }
        Some(source)
    }

    fn text(&mut self, entry: &Entry<'_>) -> Option<Arc<str>> {
        match scalar_text(&entry.value) {
            Some(text) if !text.is_empty() => Some(text.into()),
            _ => {
                self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "a text"));
                None
            }
        }
    }

    fn truth(&mut self, entry: &Entry<'_>) -> bool {
        if let Kind::Scalar(scalar) = &entry.value.kind
            && let Value::Bool(truth) = scalar::resolve(scalar)
        {
            return truth;
        }
        self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "true or false"));
        false
    }

    fn value(&mut self, entry: &Entry<'_>) -> Option<Scalar<'static>> {
        match &entry.value.kind {
            Kind::Scalar(scalar) => Some(owned(scalar)),
            _ => {
                self.problems().push(wrong_type(&entry.value, &format!("`{}`", entry.key.text), "a value"));
                None
            }
        }
    }

    fn regex(&mut self, node: &Node<'_>, anchor: Anchor) -> Option<Regex> {
        let Some(pattern) = scalar_text(node).filter(|pattern| pattern.len() <= MAX_REGEX_BYTES) else {
            self.problems().push(wrong_type(
                node,
                "a regular expression",
                &format!("a text of up to {MAX_REGEX_BYTES} bytes"),
            ));
            return None;
        };
        let anchored = match anchor {
            Anchor::Start => format!("^(?:{pattern})"),
            Anchor::None => pattern.to_owned(),
        };
        let built = RegexBuilder::new(&anchored).size_limit(MAX_REGEX_SIZE).build().map_err(|error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            Problem::error("bad-regex", node.span, format!("invalid regular expression: {why}"))
        });
        self.keep(built)
    }

    /// A replacement as it is written for `re.sub` (`\1`, `\g<name>`, `\\`), as the regex crate writes it.
    fn replacement(&mut self, entry: &Entry<'_>, regex: &Regex) -> Option<String> {
        let Some(text) = scalar_text(&entry.value) else {
            self.problems().push(wrong_type(&entry.value, "`replacement`", "a text"));
            return None;
        };
        let template = template(text, regex);
        if template.is_none() {
            let problem =
                Problem::error("bad-value", entry.value.span, "no group of the expression, or no known escape");
            self.problems().push(problem.hint("`\\1` and `\\g<name>` are groups, `\\\\` is a backslash"));
        }
        template
    }
}

/// Where an expression must be found.
#[derive(Clone, Copy)]
enum Anchor {
    None,
    Start,
}

/// See [`Reader::replacement`]. `None` if it names a group that is not there, or an escape that means something else.
fn template(text: &str, regex: &Regex) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = found.strip_prefix('$') {
            out.push_str("$$");
            rest = after;
            continue;
        }
        let after = found.get(1..)?;
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (group, left) = if digits > 0 {
            after.split_at(digits)
        } else if let Some(named) = after.strip_prefix("g<") {
            named.split_once('>')?
        } else {
            match after.chars().next() {
                Some('\\') => out.push('\\'),
                Some(c) if !c.is_ascii_alphabetic() => out.extend(['\\', c]),
                _ => return None,
            }
            rest = after.get(after.chars().next().map_or(0, char::len_utf8)..)?;
            continue;
        };
        let there = match group.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|name| name == group),
        };
        if !there {
            return None;
        }
        out.push_str(&format!("${{{group}}}"));
        rest = left;
    }
    out.push_str(rest);
    Some(out)
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
fn scalars(node: &Node<'_>) -> Option<Vec<Scalar<'static>>> {
    let one = |node: &Node<'_>| match &node.kind {
        Kind::Scalar(scalar) => Some(owned(scalar)),
        _ => None,
    };
    match &node.kind {
        Kind::Sequence(items) => items.iter().map(one).collect(),
        _ => one(node).map(|scalar| vec![scalar]),
    }
}

fn owned(scalar: &Scalar<'_>) -> Scalar<'static> {
    Scalar { text: Cow::Owned(scalar.text.clone().into_owned()), plain: scalar.plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::{render, shipped_mappings};
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
    fn replacements_are_those_of_re_sub() {
        let regex = Regex::new("(?P<name>a)(b)").unwrap();
        for (written, read) in [
            (r"x\1y", Some("x${1}y")),
            (r"\g<name>\g<2>", Some("${name}${2}")),
            (r"$1", Some("$$1")),
            (r"\\1", Some(r"\1")),
            (r"C:\.", Some(r"C:\.")),
            (r"\3", None),
            (r"\g<other>", None),
            (r"\n", None),
            (r"a\", None),
        ] {
            assert_eq!(template(written, &regex).as_deref(), read, "{written}");
        }
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
