//! What a rule says about itself. Only a missing title or log source costs the rule; any other defect is a warning.

use super::ast::{Map, wrong_type};
use super::context::Context;
use super::diagnostic::{Problem, Problems, Refusal, nearest, short};
use super::ir::{Level, LogSource, Meta, Origin};
use super::scalar::{is_null, scalar_text};
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

/// Reads the metadata that all documents share; `what` names the document for messages.
pub(super) fn read(context: &mut Context<'_>, map: Map<'_>, what: &str) -> Option<Meta> {
    let title = title(map, what);
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
        author: None,
        license: None,
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
            "author" => meta.author = author(entry, problems),
            "license" => meta.license = text(entry, problems),
            "date" | "modified" => date(entry, problems),
            "related" => related(entry, problems),
            "taxonomy" if text(entry, problems).is_some_and(|name| &*name != "sigma") => {
                problems.push(odd(entry, "a taxonomy other than `sigma`").hint("field names are taken as written"));
            }
            _ => {}
        }
    }
    if let Some(node) = map.value("sigmabus") {
        meta.mask = own_block(context, node, what);
    }
    title.map(|_| meta)
}

/// Reads `logsource`, which a detection rule and a filter must have.
pub(super) fn log_source(map: Map<'_>, what: &str) -> Result<LogSource, Refusal> {
    let Some(node) = map.value("logsource") else { return Err(map.missing("logsource", what)) };
    let parts = Map::of(node, "`logsource`")?;
    let source = log_source_parts(parts)?;
    if source == LogSource::default() {
        return Err(parts.missing("product", "`logsource`").hint("give `category`, `product` or `service`"));
    }
    Ok(source)
}

/// The log source that a map says, which may be nothing.
pub(super) fn log_source_parts(parts: Map<'_>) -> Result<LogSource, Refusal> {
    let part = |name: &str| -> Result<Option<Arc<str>>, Refusal> {
        let Some(entry) = parts.entry(name) else { return Ok(None) };
        match scalar_text(&entry.value) {
            Some(text) if !text.is_empty() => Ok(Some(text.into())),
            // Named and left open is the same as not named.
            None if is_null(&entry.value) => Ok(None),
            _ => Err(wrong_type(&entry.value, &format!("`{name}`"), "a text")),
        }
    };
    Ok(LogSource { category: part("category")?, product: part("product")?, service: part("service")? })
}

fn title(map: Map<'_>, what: &str) -> Result<Arc<str>, Refusal> {
    let Some(node) = map.value("title") else { return Err(map.missing("title", what)) };
    match scalar_text(node) {
        Some(text) if !text.trim().is_empty() => Ok(text.into()),
        _ => Err(wrong_type(node, "`title`", "a text")),
    }
}

/// `sigmabus: {mask: [FIELD, ...]}`; what it says of absence is read with what a correlation looks for.
fn own_block(context: &mut Context<'_>, node: &Node<'_>, what: &str) -> Vec<Arc<str>> {
    const KEYS: [&str; 2] = ["mask", "absent"];
    let Some(map) = context.problems.keep(Map::of(node, "`sigmabus`")) else { return Vec::new() };
    let mut mask = Vec::new();
    for entry in map.entries {
        if !KEYS.contains(&&*entry.key.text) {
            context.problems.push(unknown_own(entry, &KEYS));
            continue;
        }
        if entry.key.text == "absent" {
            if what != "a correlation" {
                let problem = Problem::error("bad-absence", entry.key.span, format!("{what} with `absent`"));
                context.problems.push(problem.hint("write it in a correlation that lists this rule"));
            }
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

/// A key that is not known is a warning, unless without it the document would mean something else.
fn unknown_own(entry: &Entry<'_>, known: &[&str]) -> Refusal {
    let message = format!("`sigmabus` has no `{}`", short(&entry.key.text));
    let near = nearest(&entry.key.text, known.iter().copied());
    let problem = match near {
        Some("absent") => Problem::error("unknown-key", entry.key.span, message),
        _ => Problem::warning("unknown-key", entry.key.span, message),
    };
    problem.suggest(near)
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

/// One text; a list of authors is not Sigma, but none of them may get lost.
fn author(entry: &Entry<'_>, problems: &mut Problems) -> Option<Arc<str>> {
    if !matches!(entry.value.kind, Kind::Sequence(_)) {
        return text(entry, problems);
    }
    problems.push(mistyped(entry, &entry.value, "a text"));
    let authors = texts(entry, problems).join(", ");
    (!authors.is_empty()).then(|| authors.into())
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
    if !is_uuid(&scalar.text) {
        problems.push(odd(entry, "an id that is no UUID"));
    }
    (!scalar.text.is_empty()).then(|| (&*scalar.text).into())
}

/// Whether a text has the form of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    let digits = |group: &str| if group.bytes().all(|b| b.is_ascii_hexdigit()) { group.len() } else { 0 };
    text.split('-').map(digits).eq([8, 4, 4, 4, 12])
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
        let separator = if text.contains('/') { '/' } else { '-' };
        let numbers = text.split(separator).map(|part| part.parse::<i16>().ok()).collect::<Option<Vec<_>>>();
        let Some([year @ 1000..=9999, month, day]) = numbers.as_deref() else { return false };
        // Only the older form was ever written without zeros.
        let is_padded = separator == '/' || text.len() == "2024-01-31".len();
        let date = i8::try_from(*month).ok().zip(i8::try_from(*day).ok());
        is_padded && date.is_some_and(|(month, day)| jiff::civil::Date::new(*year, month, day).is_ok())
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
            map.value("id").and_then(scalar_text).is_some_and(is_uuid)
                && kind.is_some_and(|kind| RELATIONS.contains(&kind))
        })
    };
    if !items.iter().all(is_related) {
        let hint = format!("each has an `id` and a `type` out of {}", RELATIONS.join(", "));
        problems.push(odd(entry, "`related` needs ids with types").hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::testing::{brief, load_text, meaning};
    use insta::assert_snapshot;

    const REST: &str = "detection: {s: {a: 1}, condition: s}\n";

    #[test]
    fn what_a_rule_says_about_itself_is_kept() {
        let text = "\ntitle: Coil written\nid: 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\nname: coil\nlevel: high\n\
            status: test\ntags: [attack.t0855, cve.2024-1]\ndescription: D\nfalsepositives: [None]\nreferences: [R]\n\
            date: 2024-01-31\nmodified: 2024/02/01\nauthor: A\nlicense: MIT\nfields: [a]\n\
            related: [{id: 7f1b0e7e-6a0c-4e4e-9c29-5f1d4c8f0003, type: similar}]\n\
            custom: {any: thing}\nsigmabus: {mask: [a, b]}\n\
            logsource: {category: c, product: p, service: s, definition: d, own: 1}\n";
        let loaded = load_text(&format!("{text}{REST}"));
        assert_eq!(loaded.render(false), "");
        let rule = &loaded.ruleset.rules[0];
        let meta = &rule.meta;
        assert_eq!(meta.id.as_deref(), Some("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"));
        assert_eq!((&*meta.title, meta.name.as_deref(), meta.level), ("Coil written", Some("coil"), Level::High));
        assert_eq!((meta.status.as_deref(), meta.description.as_deref()), (Some("test"), Some("D")));
        assert_eq!(meta.tags, ["attack.t0855".into(), "cve.2024-1".into()] as [Arc<str>; 2]);
        assert_eq!((&*meta.false_positives[0], &*meta.references[0]), ("None", "R"));
        assert_eq!((meta.author.as_deref(), meta.license.as_deref()), (Some("A"), Some("MIT")));
        assert_eq!(meta.mask, ["a".into(), "b".into()] as [Arc<str>; 2]);
        assert_eq!(meta.origin, Origin { file: "rule.yml".into(), line: 2 });
        let source = &rule.source;
        let parts = [&source.category, &source.product, &source.service].map(Option::as_deref);
        assert_eq!(parts, [Some("c"), Some("p"), Some("s")]);
    }

    #[test]
    fn no_author_gets_lost() {
        let loaded = load_text(&format!("title: t\nauthor: [A, B]\nlogsource: {{product: x}}\n{REST}"));
        assert_eq!(loaded.ruleset.rules[0].meta.author.as_deref(), Some("A, B"));
    }

    #[test]
    fn a_rule_without_a_level_counts_as_medium() {
        let loaded = load_text(&format!("title: t\nlogsource: {{product: x}}\n{REST}"));
        assert_eq!(loaded.ruleset.rules[0].meta.level, Level::Medium);
    }

    #[test]
    fn defects_in_metadata_are_warnings() {
        let defects = [
            "level: hihg",
            "level: 3",
            "status: new",
            "id: abc",
            "id: [a]",
            "name: ''",
            "tags: attack.t1",
            "tags: [T0855]",
            "date: 31.01.2024",
            "modified: 2024-13-01",
            "description: [a]",
            "references: {a: b}",
            "falsepositives: [[a]]",
            "author: null",
            "author: [A, B]",
            "related: [{id: x, type: twin}]",
            "taxonomy: ecs",
            "sigmabus: {mark: [a]}",
        ];
        let told = |defect: &&str| {
            let text = format!("title: t\nlogsource: {{product: x}}\n{REST}{defect}\n");
            assert_eq!(load_text(&text).ruleset.rules.len(), 1, "{defect}");
            format!("{}\n", brief(&text))
        };
        assert_snapshot!(defects.iter().map(told).collect::<String>(), @r"
        a = 1; metadata: no level `hihg` AT hihg (did you mean `high`?)
        a = 1; metadata: `level` must be a text, not a number AT 3 (write it in quotes: '3')
        a = 1; metadata: no status `new` AT new (it is one of stable, test, experimental, deprecated, unsupported)
        a = 1; metadata: an id that is no UUID AT abc
        a = 1; metadata: `id` must be a UUID, not a list AT [a]
        a = 1; metadata: `name` must be a text, not empty AT ''
        a = 1; metadata: `tags` must be a list, not a text AT attack.t1
        a = 1; metadata: `T0855` is not a tag of the form `namespace.name` AT [T0855]
        a = 1; metadata: `date` is not a date AT 31.01.2024 (write it as 2024-01-31)
        a = 1; metadata: `modified` is not a date AT 2024-13-01 (write it as 2024-01-31)
        a = 1; metadata: `description` must be a text, not a list AT [a]
        a = 1; metadata: `references` must be a list, not a map AT {a: b}
        a = 1; metadata: `falsepositives` must be a list of texts, not a list AT [a]
        a = 1; metadata: `author` must be a text, not empty AT null
        a = 1; metadata: `author` must be a text, not a list AT [A, B]
        a = 1; metadata: `related` needs ids with types AT [{id: x, type: twin}] (each has an `id` and a `type` out of derived, obsolete, merged, renamed, similar, correlation)
        a = 1; metadata: a taxonomy other than `sigma` AT ecs (field names are taken as written)
        a = 1; unknown-key: `sigmabus` has no `mark` AT mark (did you mean `mask`?)
        ");
    }

    #[test]
    fn a_rule_needs_title_log_source_and_detection() {
        let documents = [
            "logsource: {product: x}\ndetection: {s: x, condition: s}",
            "title: 123\nlogsource: {product: x}\ndetection: {s: x, condition: s}",
            "title: ''\nlogsource: {product: x}\ndetection: {s: x, condition: s}",
            "title: t\ndetection: {s: x, condition: s}",
            "title: t\nlogsource: x\ndetection: {s: x, condition: s}",
            "title: t\nlogsource: {definition: x}\ndetection: {s: x, condition: s}",
            "title: t\nlogsource: {produkt: x}\ndetection: {s: x, condition: s}",
            "title: t\nlogsource: {product: [x]}\ndetection: {s: x, condition: s}",
            "title: t\nlogsource: {product: x}",
            "title: t\nlogsource: {product: x}\ndetections: {s: x, condition: s}",
            "title: t\nlogsource: {product: x}\ndetection: [x]",
            "title: t\nlogsource: {product: x}\ndetection: {s: x}",
            "title: t\nlogsource: {product: x}\ndetection: {condition: s}",
            "title: t\nlogsource: {product: x}\ndetection: {}",
            "- title: t",
            "text",
        ];
        let told = |text: &&str| {
            assert!(load_text(text).ruleset.rules.is_empty(), "{text}");
            format!("{}\n", brief(text))
        };
        assert_snapshot!(documents.iter().map(told).collect::<String>(), @r"
        missing-field: a rule without `title` AT logsource (add a key `title`)
        wrong-type: `title` must be a text, not a number AT 123 (write it in quotes: '123')
        wrong-type: `title` must be a text, not empty AT ''
        missing-field: a rule without `logsource` AT title (add a key `logsource`)
        wrong-type: `logsource` must be a map, not a text AT x
        missing-field: `logsource` without `product` AT definition (give `category`, `product` or `service`)
        missing-field: `logsource` without `product` AT produkt (give `category`, `product` or `service`)
        wrong-type: `product` must be a text, not a list AT [x]
        missing-field: a rule without `detection` AT title (add a key `detection`)
        missing-field: a rule without `detection` AT detections (did you mean `detection` here?)
        wrong-type: `detection` must be a map, not a list AT [x]
        missing-field: `detection` without `condition` AT s (add a key `condition`)
        missing-field: `detection` without a search identifier AT condition
        missing-field: `detection` without `condition` AT {} (add a key `condition`)
        wrong-type: a document must be a map, not a list AT - title: t
        wrong-type: a document must be a map, not a text AT text
        ");
        assert_snapshot!(meaning("title: t\nlogsource: {product: x}\ndetections: {s: x, condition: s}"), @r"
        error[missing-field]: a rule without `detection`
         --> rule.yml:3:1
          |
        3 | detections: {s: x, condition: s}
          | ^^^^^^^^^^
          |
          = help: did you mean `detection` here?
        ");
    }

    #[test]
    fn a_misspelt_mask_is_an_error() {
        let text = format!("title: t\nlogsource: {{product: modbus}}\nsigmabus: {{mask: [modbus.f]}}\n{REST}");
        assert_snapshot!(brief(&text), @"unknown-field: no field `modbus.f` AT modbus.f (did you mean `modbus.function`?); unknown-field: no field `a` AT a");
    }
}
