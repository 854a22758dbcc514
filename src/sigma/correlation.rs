//! A correlation rule's shape to its meaning, up to the rules it refers to: those are known when all files are read
//! ([`references`](super::references)).

use super::absence::Absence;
use super::ast::{Map, Name, name, names, wrong_type};
use super::context::Context;
use super::criteria::{self, Sought};
use super::diagnostic::{Problem, Problems, Refusal, Span, nearest, short};
use super::ir::{Absent, Meta};
use super::limits::{MAX_FILE_WEIGHT, MAX_GROUP_ALIASES, MAX_GROUP_KEYS, MAX_ORDERS, MAX_REFERENCES};
use super::metadata;
use super::scalar::{self, Value};
use super::yaml::{Entry, Kind, Node, Text};
use crate::time;

const KEYS: [&str; 7] = ["type", "rules", "timespan", "group-by", "aliases", "condition", "generate"];

/// A correlation whose references are still names.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) meta: Meta,
    pub(super) sought: Sought,
    pub(super) rules: Vec<Name>,
    pub(super) group_by: Vec<Key>,
    /// The fields of what is sought.
    pub(super) fields: Vec<Key>,
    pub(super) timespan: time::Span,
    pub(super) generate: bool,
    /// What must not be hit; it is among `rules`.
    pub(super) absent: Option<Absent>,
    /// The key `correlation`.
    pub(super) span: Span,
}

/// A field to read, by rule.
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
    let meta = metadata::read(context, map, "a correlation");
    let problems = &mut context.problems;
    let section = problems.keep(Map::of(section, "`correlation`"))?;
    section.entries.iter().for_each(|entry| refuse_misspelt(entry, problems));
    let sought = criteria::read(section, context.text, problems);
    let mut rules = problems.keep(rules(section, sought.as_ref())).unwrap_or_default();
    let timespan = problems.keep(timespan(section));
    let aliases = problems.keep(Aliases::read(section)).unwrap_or_default();
    let group_by = problems.keep(group_by(section)).unwrap_or_default();
    let generate = problems.keep(generate(section));
    let absence = Absence::read(map, sought.as_ref(), problems);
    if problems.errors() > before {
        return None;
    }
    let sought = sought?;
    absence.iter().for_each(|absence| absence.join(&mut rules));
    // Each rule has a field to read for each key, and steps in the orders that it stands in.
    let each = sought.orders().min(MAX_ORDERS) + group_by.len() + sought.fields().len();
    if !context.budget.take(rules.len().saturating_mul(each)) {
        let message = format!("the rules of this file need more than {MAX_FILE_WEIGHT} tests");
        let hint = "a correlation counts once for every rule that it lists, and again for each field of `group-by`, and \
                    with `or` in an order for each order";
        problems.push(Problem::error("too-large", key.span, message).hint(hint));
        return None;
    }
    aliases.warn_of_unused(group_by.iter().chain(sought.fields()), problems);
    Some(Pending {
        meta: meta?,
        rules,
        group_by: group_by.into_iter().map(|name| aliases.key(name)).collect(),
        fields: sought.fields().iter().map(|name| aliases.key(name.clone())).collect(),
        sought,
        timespan: timespan?,
        generate: generate?,
        absent: absence.map(|absence| absence.absent),
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

/// The rules it lists; a condition over rules needs no list.
fn rules(section: Map<'_>, sought: Option<&Sought>) -> Result<Vec<Name>, Refusal> {
    let Some(entry) = section.entry("rules") else {
        return match sought.map(Sought::mentions) {
            Some(Some(mentions)) => Ok(mentions.to_vec()),
            Some(None) => Err(section.missing("rules", "`correlation`")),
            // Whether it needs a list is not known.
            None => Ok(Vec::new()),
        };
    };
    references(entry)
}

/// A list of rules, not empty and not too long.
pub(super) fn references(entry: &Entry<'_>) -> Result<Vec<Name>, Refusal> {
    let rules = names(entry)?;
    match rules.len() {
        0 => Err(Problem::error("wrong-type", entry.value.span, "an empty list of rules")),
        1..=MAX_REFERENCES => Ok(rules),
        _ => {
            let message = format!("more than {MAX_REFERENCES} rules in one list");
            Err(Problem::error("too-large", entry.key.span, message))
        }
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

fn group_by(section: Map<'_>) -> Result<Vec<Name>, Refusal> {
    let Some(entry) = section.entry("group-by") else { return Ok(Vec::new()) };
    let names = names(entry)?;
    if names.len() > MAX_GROUP_KEYS {
        let message = format!("more than {MAX_GROUP_KEYS} fields in one `group-by`");
        return Err(Problem::error("too-large", entry.key.span, message));
    }
    Ok(names)
}

/// `aliases: {ALIAS: {RULE: FIELD}}`
#[derive(Default)]
struct Aliases(Vec<(Name, Vec<Alias>)>);

impl Aliases {
    fn read(section: Map<'_>) -> Result<Self, Refusal> {
        let Some(entry) = section.entry("aliases") else { return Ok(Self::default()) };
        let map = Map::of(&entry.value, "`aliases`")?;
        if map.entries.len() > MAX_GROUP_ALIASES {
            return Err(Problem::error("too-large", entry.key.span, format!("more than {MAX_GROUP_ALIASES} aliases")));
        }
        map.entries.iter().map(alias).collect::<Result<_, _>>().map(Self)
    }

    /// A field, or the fields that the alias of this name stands for.
    fn key(&self, name: Name) -> Key {
        let alias = self.0.iter().find(|(alias, _)| alias.text == name.text).map(|(_, fields)| fields.clone());
        Key { name, alias }
    }

    fn warn_of_unused<'n>(&self, used: impl Iterator<Item = &'n Name> + Clone, problems: &mut Problems) {
        for (alias, _) in &self.0 {
            if !used.clone().any(|name| name.text == alias.text) {
                let message = format!("nothing names the alias `{}`", short(&alias.text));
                problems.push(Problem::warning("unused-alias", alias.span, message).hint("name it in `group-by`"));
            }
        }
    }
}

/// `ALIAS: {RULE: FIELD}`
fn alias(entry: &Entry<'_>) -> Result<(Name, Vec<Alias>), Refusal> {
    let fields = Map::of(&entry.value, "an alias")
        .map_err(|refusal| refusal.hint("write the field of each rule: {RULE: FIELD}"))?;
    if fields.entries.len() > MAX_REFERENCES {
        let message = format!("more than {MAX_REFERENCES} rules in one alias");
        return Err(Problem::error("too-large", entry.key.span, message));
    }
    let mut aliases = Vec::with_capacity(fields.entries.len());
    for field in fields.entries {
        aliases.push(Alias { rule: key(field), field: name(&field.value, "aliases")? });
    }
    Ok((key(entry), aliases))
}

fn key(entry: &Entry<'_>) -> Name {
    Name { text: (&*entry.key.text).into(), span: entry.key.span }
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
