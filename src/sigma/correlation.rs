//! A correlation rule's shape to its meaning, up to the rules it refers to: those are known when all files are read
//! ([`references`](super::references)).

use super::ast::{Map, wrong_type};
use super::diagnostic::{Problem, Problems, Refusal, Span, nearest, short};
use super::ir::{CorrelationKind, Criterion, Meta, Number, Relation};
use super::limits::{MAX_GROUP_KEYS, MAX_REFERENCES};
use super::lower::Context;
use super::metadata::{self, scalar_text};
use super::scalar::{self, Value};
use super::yaml::{Entry, Kind, Node, Text};
use crate::time;
use std::sync::Arc;

const KEYS: [&str; 7] = ["type", "rules", "timespan", "group-by", "aliases", "condition", "generate"];
const TYPES: [&str; 8] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];
const RELATIONS: [(&str, Relation); 6] = [
    ("gt", Relation::Gt),
    ("gte", Relation::Gte),
    ("lt", Relation::Lt),
    ("lte", Relation::Lte),
    ("eq", Relation::Eq),
    ("neq", Relation::Neq),
];

/// A correlation whose references are still names.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) meta: Meta,
    pub(super) kind: CorrelationKind,
    pub(super) rules: Vec<Name>,
    pub(super) group_by: Vec<Key>,
    pub(super) timespan: time::Span,
    pub(super) generate: bool,
    /// The key `correlation`.
    pub(super) span: Span,
}

/// A name and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    pub(super) span: Span,
}

/// A part of `group-by`.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: Name,
    /// The fields that an alias stands for, by rule; `None` for a field.
    pub(super) alias: Option<Vec<Alias>>,
}

/// What an alias stands for in one rule.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    pub(super) rule: Name,
    pub(super) field: Name,
}

/// Lowers one correlation rule. `None` if it has an error; all its problems are in the context.
pub(super) fn lower(context: &mut Context<'_>, map: Map<'_>, key: &Text<'_>, section: &Node<'_>) -> Option<Pending> {
    let before = context.problems.errors();
    // Fields are checked when the rules are known.
    context.own = false;
    let meta = metadata::read(context, map);
    let problems = &mut context.problems;
    let section = problems.keep(Map::of(section, "`correlation`"))?;
    // Keys differ from type to type, so the others are not looked at for one that is not supported.
    problems.keep(event_count(section))?;
    section.entries.iter().for_each(|entry| refuse_misspelt(entry, problems));
    let rules = problems.keep(rules(section)).unwrap_or_default();
    let timespan = problems.keep(timespan(section));
    let group_by = group_by(section, problems);
    let criteria = criteria(section, problems);
    let generate = problems.keep(generate(section));
    if problems.errors() > before {
        return None;
    }
    Some(Pending {
        meta: meta?,
        kind: CorrelationKind::EventCount(criteria),
        rules,
        group_by,
        timespan: timespan?,
        generate: generate?,
        span: key.span,
    })
}

/// A key that is not known is a warning, unless it looks like one that is: a `group_by` must not be passed over.
fn refuse_misspelt(entry: &Entry<'_>, problems: &mut Problems) {
    let key = &*entry.key.text;
    if KEYS.contains(&key) {
        return;
    }
    let message = format!("`correlation` has no `{}`", short(key));
    problems.push(match nearest(key, KEYS) {
        Some(near) => Problem::error("unknown-key", entry.key.span, message).suggest(Some(near)),
        None => Problem::warning("unknown-key", entry.key.span, message),
    });
}

/// Refuses every type but the one that there is.
fn event_count(section: Map<'_>) -> Result<(), Refusal> {
    let Some(node) = section.value("type") else { return Err(section.missing("type", "`correlation`")) };
    match scalar_text(node) {
        Some("event_count") => Ok(()),
        Some(name) if TYPES.contains(&name) => Err(Problem::error(
            "unsupported-correlation",
            node.span,
            format!("correlations of type `{name}` are not supported yet"),
        )
        .hint("supported is `event_count`")),
        Some(name) => {
            Err(Problem::error("unknown-correlation", node.span, format!("no correlation type `{}`", short(name)))
                .suggest(nearest(name, TYPES)))
        }
        None => Err(wrong_type(node, "`type`", "a text")),
    }
}

fn rules(section: Map<'_>) -> Result<Vec<Name>, Refusal> {
    let Some(entry) = section.entry("rules") else { return Err(section.missing("rules", "`correlation`")) };
    let rules = names(entry)?;
    if rules.is_empty() {
        return Err(Problem::error("wrong-type", entry.value.span, "an empty list of rules"));
    }
    if rules.len() > MAX_REFERENCES {
        let message = format!("more than {MAX_REFERENCES} rules in one correlation");
        return Err(Problem::error("too-large", entry.key.span, message));
    }
    Ok(rules)
}

/// A list of names, or one name.
fn names(entry: &Entry<'_>) -> Result<Vec<Name>, Refusal> {
    match &entry.value.kind {
        Kind::Sequence(items) => items.iter().map(|item| name(item, &entry.key.text)).collect(),
        _ => Ok(vec![name(&entry.value, &entry.key.text)?]),
    }
}

fn name(node: &Node<'_>, what: &str) -> Result<Name, Refusal> {
    match scalar_text(node) {
        Some(text) if !text.is_empty() => Ok(Name { text: text.into(), span: node.span }),
        _ => Err(wrong_type(node, &format!("an entry of `{what}`"), "a text")),
    }
}

fn timespan(section: Map<'_>) -> Result<time::Span, Refusal> {
    let Some(node) = section.value("timespan") else { return Err(section.missing("timespan", "`correlation`")) };
    let text = match &node.kind {
        Kind::Scalar(scalar) => &*scalar.text,
        _ => return Err(wrong_type(node, "`timespan`", "a text")),
    };
    time::Span::parse(text).ok_or_else(|| {
        Problem::error("bad-timespan", node.span, format!("`{}` is not a timespan", short(text)))
            .hint("write a number and one of the units s, m, h, d, w, M (month), y: 10m")
    })
}

fn group_by(section: Map<'_>, problems: &mut Problems) -> Vec<Key> {
    let aliases = aliases(section, problems);
    let entry = section.entry("group-by");
    let names = entry.and_then(|entry| problems.keep(names(entry))).unwrap_or_default();
    if let Some(entry) = entry.filter(|_| names.len() > MAX_GROUP_KEYS) {
        let message = format!("more than {MAX_GROUP_KEYS} fields in one `group-by`");
        problems.push(Problem::error("too-large", entry.key.span, message));
        return Vec::new();
    }
    for (alias, _) in aliases.iter().filter(|(alias, _)| !names.iter().any(|name| *name.text == **alias)) {
        let span = section.value("aliases").map_or(section.span, |node| node.span);
        problems.push(Problem::warning(
            "unused-alias",
            span,
            format!("no `group-by` names the alias `{}`", short(alias)),
        ));
    }
    let alias = |name: &Name| aliases.iter().find(|(alias, _)| **alias == *name.text).map(|(_, fields)| fields.clone());
    names.into_iter().map(|name| Key { alias: alias(&name), name }).collect()
}

/// `aliases: {ALIAS: {RULE: FIELD}}`
fn aliases<'t>(section: Map<'t>, problems: &mut Problems) -> Vec<(&'t str, Vec<Alias>)> {
    let Some(node) = section.value("aliases") else { return Vec::new() };
    let Some(map) = problems.keep(Map::of(node, "`aliases`")) else { return Vec::new() };
    let mut aliases = Vec::with_capacity(map.entries.len());
    for entry in map.entries {
        let Some(fields) = problems.keep(Map::of(&entry.value, "an alias")) else { continue };
        let field = |entry: &Entry<'_>| {
            let rule = Name { text: (&*entry.key.text).into(), span: entry.key.span };
            Ok(Alias { rule, field: name(&entry.value, "aliases")? })
        };
        let fields = fields.entries.iter().map(field).collect::<Result<Vec<_>, _>>();
        aliases.extend(problems.keep(fields).map(|fields| (&*entry.key.text, fields)));
        if aliases.len() > MAX_GROUP_KEYS {
            problems.push(Problem::error("too-large", entry.key.span, format!("more than {MAX_GROUP_KEYS} aliases")));
            break;
        }
    }
    aliases
}

/// `condition: {gte: 5}`; several bounds make a range.
fn criteria(section: Map<'_>, problems: &mut Problems) -> Vec<Criterion> {
    let Some(node) = section.value("condition") else {
        problems.push(
            section
                .missing("condition", "an `event_count`")
                .hint("write the least number of events: condition: {gte: 5}"),
        );
        return Vec::new();
    };
    let Some(map) = problems.keep(Map::of(node, "the condition of an `event_count`")) else { return Vec::new() };
    if map.entries.is_empty() {
        problems
            .push(Problem::error("wrong-type", node.span, "an empty condition").hint("write, for example, {gte: 5}"));
    }
    map.entries.iter().filter_map(|entry| problems.keep(criterion(entry))).collect()
}

fn criterion(entry: &Entry<'_>) -> Result<Criterion, Refusal> {
    let key = &*entry.key.text;
    let Some((_, relation)) = RELATIONS.iter().find(|(name, _)| *name == key) else {
        let message = format!("the condition of an `event_count` has no `{}`", short(key));
        let problem = Problem::error("unknown-key", entry.key.span, message);
        return Err(problem.hint("it has gt, gte, lt, lte, eq and neq"));
    };
    match &entry.value.kind {
        Kind::Scalar(scalar) => match scalar::resolve(scalar) {
            Value::Number(Number::Int(count)) if count >= 0 => {
                Ok(Criterion { relation: *relation, value: Number::Int(count) })
            }
            _ => Err(wrong_type(&entry.value, &format!("`{key}`"), "a count of 0 or more")),
        },
        _ => Err(wrong_type(&entry.value, &format!("`{key}`"), "a count of 0 or more")),
    }
}

fn generate(section: Map<'_>) -> Result<bool, Refusal> {
    let Some(node) = section.value("generate") else { return Ok(false) };
    match &node.kind {
        Kind::Scalar(scalar) => match scalar::resolve(scalar) {
            Value::Bool(generate) => Ok(generate),
            _ => Err(wrong_type(node, "`generate`", "true or false")),
        },
        _ => Err(wrong_type(node, "`generate`", "true or false")),
    }
}
