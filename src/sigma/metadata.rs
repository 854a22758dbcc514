//! What a rule says about itself. Only a missing title or log source costs the rule; any other defect is a warning.

use super::ast::{Map, wrong_type};
use super::diagnostic::{Problem, Problems, Refusal, nearest, short};
use super::ir::{Level, LogSource, Meta, Origin};
use super::lower::Context;
use super::scalar::{self, Value};
use super::yaml::{Entry, Kind, Node};
use std::sync::Arc;

/// Characters of a title.
const MAX_TITLE: usize = 256;
/// Characters of a description.
const MAX_DESCRIPTION: usize = 65_535;

const LEVELS: [(&str, Level); 5] = [
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];
const STATUSES: [&str; 5] = ["stable", "test", "experimental", "deprecated", "unsupported"];
const RELATIONS: [&str; 6] = ["derived", "obsolete", "merged", "renamed", "similar", "correlation"];

/// Reads the metadata that detection and correlation rules share.
pub(super) fn read(context: &mut Context<'_>, map: Map<'_>) -> Option<Meta> {
    let title = title(map);
    let title = context.problems.keep(title);
    let line = line(context, map);
    let problems = &mut context.problems;
    let mut meta = Meta {
        id: None,
        name: None,
        title: title.clone().unwrap_or_else(|| "".into()),
        level: Level::Medium,
        tags: Vec::new(),
        description: None,
        status: None,
        false_positives: Vec::new(),
        references: Vec::new(),
        origin: Origin { file: Arc::clone(context.file), line },
        mask: Vec::new(),
    };
    for entry in map.entries {
        match &*entry.key.text {
            "title" if meta.title.chars().count() > MAX_TITLE => {
                problems.push(odd(entry, format!("a title of more than {MAX_TITLE} characters")));
            }
            "id" => meta.id = id(entry, problems),
            "name" => meta.name = text(entry, problems),
            "level" => meta.level = word(entry, &LEVELS.map(|(name, _)| name), problems).map_or(Level::Medium, level),
            "status" => meta.status = word(entry, &STATUSES, problems).map(Into::into),
            "description" => {
                meta.description = text(entry, problems);
                if meta.description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
                    problems.push(odd(entry, format!("a description of more than {MAX_DESCRIPTION} characters")));
                }
            }
            "tags" => meta.tags = tags(entry, problems),
            "falsepositives" => meta.false_positives = texts(entry, problems),
            "references" => meta.references = texts(entry, problems),
            "fields" | "scope" => drop(texts(entry, problems)),
            "license" | "author" => drop(text(entry, problems)),
            "date" | "modified" => date(entry, problems),
            "related" => related(entry, problems),
            "taxonomy" if text(entry, problems).is_some_and(|name| &*name != "sigma") => {
                problems.push(odd(entry, "a taxonomy other than `sigma`").hint("field names are taken as written"));
            }
            _ => {}
        }
    }
    if let Some(node) = map.value("sigmabus") {
        meta.mask = own_block(context, node);
    }
    title.map(|_| meta)
}

/// Reads `logsource`, which a detection rule must have.
pub(super) fn log_source(map: Map<'_>) -> Result<LogSource, Refusal> {
    let Some(node) = map.value("logsource") else { return Err(map.missing("logsource", "a rule")) };
    let parts = Map::of(node, "`logsource`")?;
    let part = |name: &str| -> Result<Option<Arc<str>>, Refusal> {
        let Some(entry) = parts.entry(name) else { return Ok(None) };
        match scalar_text(&entry.value) {
            Some(text) if !text.is_empty() => Ok(Some(text.into())),
            _ => Err(wrong_type(&entry.value, &format!("`{name}`"), "a text")),
        }
    };
    let source = LogSource { category: part("category")?, product: part("product")?, service: part("service")? };
    if source == LogSource::default() {
        return Err(parts.missing("product", "`logsource`").hint("give `category`, `product` or `service`"));
    }
    Ok(source)
}

fn title(map: Map<'_>) -> Result<Arc<str>, Refusal> {
    let Some(node) = map.value("title") else { return Err(map.missing("title", "a rule")) };
    match scalar_text(node) {
        Some(text) if !text.trim().is_empty() => Ok(text.into()),
        _ => Err(wrong_type(node, "`title`", "a text")),
    }
}

/// `sigmabus: {mask: [FIELD, ...]}`
fn own_block(context: &mut Context<'_>, node: &Node<'_>) -> Vec<Arc<str>> {
    const KEYS: [&str; 1] = ["mask"];
    let Some(map) = context.problems.keep(Map::of(node, "`sigmabus`")) else { return Vec::new() };
    let mut mask = Vec::new();
    for entry in map.entries {
        if !KEYS.contains(&&*entry.key.text) {
            let message = format!("`sigmabus` has no `{}`", short(&entry.key.text));
            let problem = Problem::warning("unknown-key", entry.key.span, message);
            context.problems.push(problem.suggest(nearest(&entry.key.text, KEYS)));
            continue;
        }
        let Kind::Sequence(items) = &entry.value.kind else {
            context.problems.push(wrong_type(&entry.value, "`mask`", "a list of field names"));
            continue;
        };
        for item in items {
            // A misspelt name would leave the value in clear, so it is an error.
            let field = match scalar_text(item) {
                Some(field) if !field.is_empty() => context.check_field(field, item.span).map(|()| field),
                _ => Err(wrong_type(item, "a field in `mask`", "a text")),
            };
            if let Some(field) = context.problems.keep(field) {
                mask.push(context.name(field));
            }
        }
    }
    mask
}

fn level(name: &str) -> Level {
    LEVELS.iter().find(|(known, _)| *known == name).map_or(Level::Medium, |(_, level)| *level)
}

fn line(context: &mut Context<'_>, map: Map<'_>) -> u32 {
    context.line(map.entries.first().map_or(map.span.start, |entry| entry.key.span.start))
}

/// A warning about a piece of metadata.
fn odd(entry: &Entry<'_>, message: impl Into<String>) -> Refusal {
    Problem::warning("metadata", entry.value.span, message)
}

fn mistyped(entry: &Entry<'_>, node: &Node<'_>, expected: &str) -> Refusal {
    wrong_type(node, &format!("`{}`", entry.key.text), expected).as_warning("metadata")
}

pub(super) fn scalar_text<'t>(node: &'t Node<'_>) -> Option<&'t str> {
    match &node.kind {
        Kind::Scalar(scalar) => match scalar::resolve(scalar) {
            Value::Text(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn text(entry: &Entry<'_>, problems: &mut Problems) -> Option<Arc<str>> {
    let text = scalar_text(&entry.value).filter(|text| !text.is_empty());
    if text.is_none() {
        problems.push(mistyped(entry, &entry.value, "a text"));
    }
    text.map(Into::into)
}

fn texts(entry: &Entry<'_>, problems: &mut Problems) -> Vec<Arc<str>> {
    let Kind::Sequence(items) = &entry.value.kind else {
        problems.push(mistyped(entry, &entry.value, "a list"));
        return scalar_text(&entry.value).into_iter().map(Into::into).collect();
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match (scalar_text(item), &item.kind) {
            (Some(text), _) => texts.push(text.into()),
            (None, Kind::Scalar(scalar)) if !scalar.text.is_empty() => texts.push((&*scalar.text).into()),
            _ => problems.push(mistyped(entry, item, "a list of texts")),
        }
    }
    texts
}

fn word<'t>(entry: &'t Entry<'_>, known: &[&str], problems: &mut Problems) -> Option<&'t str> {
    let Some(word) = scalar_text(&entry.value) else {
        problems.push(mistyped(entry, &entry.value, "a text"));
        return None;
    };
    if known.contains(&word) {
        return Some(word);
    }
    let problem = odd(entry, format!("no {} `{}`", entry.key.text, short(word)));
    problems.push(match nearest(word, known.iter().copied()) {
        Some(name) => problem.suggest(Some(name)),
        None => problem.hint(format!("it is one of {}", known.join(", "))),
    });
    None
}

/// An id is kept as written: correlations may refer to it even if it is no UUID.
fn id(entry: &Entry<'_>, problems: &mut Problems) -> Option<Arc<str>> {
    let Kind::Scalar(scalar) = &entry.value.kind else {
        problems.push(mistyped(entry, &entry.value, "a UUID"));
        return None;
    };
    let groups =
        scalar.text.split('-').map(|group| if group.bytes().all(|b| b.is_ascii_hexdigit()) { group.len() } else { 0 });
    if !groups.eq([8, 4, 4, 4, 12]) {
        problems.push(odd(entry, "an id that is no UUID"));
    }
    (!scalar.text.is_empty()).then(|| (&*scalar.text).into())
}

fn tags(entry: &Entry<'_>, problems: &mut Problems) -> Vec<Arc<str>> {
    let tags = texts(entry, problems);
    let is_part = |part: &str, more: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
        !part.is_empty() && part.chars().all(allowed)
    };
    let is_tag =
        |tag: &str| tag.split_once('.').is_some_and(|(space, name)| is_part(space, "_-") && is_part(name, "._-"));
    if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
        problems.push(odd(entry, format!("`{}` is not a tag of the form `namespace.name`", short(tag))));
    }
    tags
}

/// `2024-01-31`; `2024/01/31` is older usage.
fn date(entry: &Entry<'_>, problems: &mut Problems) {
    let is_date = |text: &str| {
        let mut numbers = text.split(['-', '/']).map(|part| part.parse::<u16>().ok());
        let year = numbers.next().flatten().is_some_and(|year| year >= 1000);
        let month = numbers.next().flatten().is_some_and(|month| (1..=12).contains(&month));
        let day = numbers.next().flatten().is_some_and(|day| (1..=31).contains(&day));
        year && month && day && numbers.next().is_none()
    };
    if !scalar_text(&entry.value).is_some_and(is_date) {
        problems.push(odd(entry, format!("`{}` is not a date", entry.key.text)).hint("write it as 2024-01-31"));
    }
}

fn related(entry: &Entry<'_>, problems: &mut Problems) {
    let Kind::Sequence(items) = &entry.value.kind else {
        problems.push(mistyped(entry, &entry.value, "a list"));
        return;
    };
    let is_related = |item: &Node<'_>| {
        Map::of(item, "").is_ok_and(|map| {
            let kind = map.value("type").and_then(scalar_text);
            map.entry("id").is_some() && kind.is_some_and(|kind| RELATIONS.contains(&kind))
        })
    };
    if !items.iter().all(is_related) {
        let hint = format!("each has an `id` and a `type` out of {}", RELATIONS.join(", "));
        problems.push(odd(entry, "`related` needs ids with types").hint(hint));
    }
}
