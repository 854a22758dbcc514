//! The shape of a document, before anything is given a meaning.

use super::diagnostic::{Problem, Problems, Refusal, Span, nearest, short};
use super::limits::MAX_IDENTIFIERS;
use super::modifiers::Plan;
use super::scalar::{self, Value, scalar_text};
use super::yaml::{Entry, Kind, Node, Text};
use std::sync::Arc;

/// One document, by the key that tells its sort.
#[derive(Debug)]
pub(super) enum Document<'t> {
    Detection(Map<'t>, &'t Node<'t>),
    Correlation(Map<'t>, &'t Text<'t>, &'t Node<'t>),
    Filter(Map<'t>, &'t Text<'t>, &'t Node<'t>),
}

/// A map of the document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map<'t> {
    pub(super) entries: &'t [Entry<'t>],
    pub(super) span: Span,
}

/// A `detection` section, or that of a filter.
#[derive(Debug)]
pub(super) struct Detection<'t> {
    pub(super) selections: Vec<Selection<'t>>,
    pub(super) conditions: Vec<(&'t str, Span)>,
    /// What mappings ask for besides.
    pub(super) added: Vec<Added<'t>>,
}

/// A selection that every condition holds only together with.
#[derive(Debug)]
pub(super) struct Added<'t> {
    pub(super) body: Body<'t>,
    pub(super) negated: bool,
}

/// A search identifier.
#[derive(Debug)]
pub(super) struct Selection<'t> {
    pub(super) name: &'t Text<'t>,
    /// `None` if something in it is wrong.
    pub(super) body: Option<Body<'t>>,
}

/// What a search identifier holds.
#[derive(Debug)]
pub(super) enum Body<'t> {
    /// All items must hold.
    Map(Vec<Item<'t>>),
    /// All of these must hold; mappings write so where an item has become several.
    All(Vec<Self>),
    /// Any of these must hold.
    List(Vec<Self>),
    /// This value must occur.
    Keyword(Given<'t>),
}

impl Body<'_> {
    /// Whether mappings left nothing of it.
    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Self::Map(items) => items.is_empty(),
            Self::All(parts) | Self::List(parts) => parts.is_empty(),
            Self::Keyword(_) => false,
        }
    }
}

/// A key with modifiers, and its values.
#[derive(Clone, Debug)]
pub(super) struct Item<'t> {
    pub(super) key: &'t Text<'t>,
    /// None at all count as `null`.
    pub(super) values: Vec<Given<'t>>,
    /// What mappings made of the key; without any, it is read as it stands.
    pub(super) mapped: Option<Mapped<'t>>,
}

/// What mappings made of a key.
#[derive(Clone, Debug)]
pub(super) struct Mapped<'t> {
    pub(super) plan: Plan<'t>,
    /// The steps that replace its placeholders, by number.
    pub(super) placeholders: Vec<usize>,
    /// The steps that changed it, by number.
    pub(super) changed: Vec<usize>,
}

/// A value as given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'t> {
    pub(super) value: Value<'t>,
    /// Its text as written, without quotes.
    pub(super) text: &'t str,
    pub(super) span: Span,
    /// Whether it stands in a list of values.
    pub(super) listed: bool,
}

/// The name of a rule or a field that is not looked up yet, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    pub(super) span: Span,
}

impl<'t> Map<'t> {
    /// The map that `node` is; `what` names it in the message if it is none.
    pub(super) fn of(node: &'t Node<'t>, what: &str) -> Result<Self, Refusal> {
        match &node.kind {
            Kind::Mapping(entries) => Ok(Self { entries, span: node.span }),
            _ => Err(wrong_type(node, what, "a map")),
        }
    }

    pub(super) fn entry(self, key: &str) -> Option<&'t Entry<'t>> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    pub(super) fn value(self, key: &str) -> Option<&'t Node<'t>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key that `wanted` was probably misspelt as, and where; else the place of the first key.
    pub(super) fn missing(self, wanted: &str, what: &str) -> Refusal {
        let misspelt = nearest(wanted, self.entries.iter().map(|entry| &*entry.key.text));
        let place = misspelt.and_then(|name| self.entry(name)).or(self.entries.first());
        let span = place.map_or(self.span, |entry| entry.key.span);
        let problem = Problem::error("missing-field", span, format!("{what} without `{wanted}`"));
        match misspelt {
            Some(_) => problem.hint(format!("did you mean `{wanted}` here?")),
            None => problem.hint(format!("add a key `{wanted}`")),
        }
    }
}

/// `WHAT must be EXPECTED, not a list`.
pub(super) fn wrong_type(node: &Node<'_>, what: &str, expected: &str) -> Refusal {
    let found = match &node.kind {
        Kind::Scalar(scalar) => match scalar::resolve(scalar) {
            Value::Null => "empty",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(text) if text.trim().is_empty() => "empty",
            Value::Text(_) => "a text",
        },
        _ => node.noun(),
    };
    let problem = Problem::error("wrong-type", node.span, format!("{what} must be {expected}, not {found}"));
    match &node.kind {
        Kind::Scalar(scalar) if expected.contains("text") && matches!(found, "a number" | "a truth value") => {
            problem.hint(format!("write it in quotes: '{}'", short(&scalar.text)))
        }
        _ => problem,
    }
}

/// A list of names, or one name.
pub(super) fn names(entry: &Entry<'_>) -> Result<Vec<Name>, Refusal> {
    match &entry.value.kind {
        Kind::Sequence(items) => items.iter().map(|item| name(item, &entry.key.text)).collect(),
        _ => Ok(vec![name(&entry.value, &entry.key.text)?]),
    }
}

/// The name that is `node`, an entry of `what`.
pub(super) fn name(node: &Node<'_>, what: &str) -> Result<Name, Refusal> {
    match scalar_text(node) {
        Some(text) if !text.is_empty() => Ok(Name { text: text.into(), span: node.span }),
        _ => Err(wrong_type(node, &format!("an entry of `{what}`"), "a text")),
    }
}

/// Tells what sort of document `root` is.
pub(super) fn classify<'t>(root: &'t Node<'t>) -> Result<Document<'t>, Refusal> {
    let map = Map::of(root, "a document")?;
    if let Some(entry) = map.entry("correlation") {
        return Ok(Document::Correlation(map, &entry.key, &entry.value));
    }
    if let Some(entry) = map.entry("filter") {
        return Ok(Document::Filter(map, &entry.key, &entry.value));
    }
    match map.value("detection") {
        Some(section) => Ok(Document::Detection(map, section)),
        None => Err(map.missing("detection", "a rule")),
    }
}

/// Reads a `detection` section as far as it can be read; what is wrong in it is among `problems`.
pub(super) fn detection<'t>(section: &'t Node<'t>, problems: &mut Problems) -> Option<Detection<'t>> {
    let map = problems.keep(Map::of(section, "`detection`"))?;
    // `timeframe` belonged to the aggregations of version 1; without one it has no effect.
    Some(selections(map, "`detection`", "timeframe", problems))
}

/// Reads a `filter` section likewise. It has one condition.
pub(super) fn filter<'t>(map: Map<'t>, problems: &mut Problems) -> Option<Detection<'t>> {
    if let Some(node) = map.value("condition")
        && matches!(node.kind, Kind::Sequence(_))
    {
        problems.push(wrong_type(node, "the condition of a filter", "a text"));
        return None;
    }
    Some(selections(map, "`filter`", "rules", problems))
}

/// Search identifiers and conditions; the key `other` is neither.
fn selections<'t>(map: Map<'t>, what: &str, other: &str, problems: &mut Problems) -> Detection<'t> {
    let mut detection = Detection { selections: Vec::new(), conditions: Vec::new(), added: Vec::new() };
    match map.value("condition") {
        Some(node) => detection.conditions = problems.keep(conditions(node)).unwrap_or_default(),
        None => problems.push(map.missing("condition", what)),
    }
    for entry in map.entries {
        if entry.key.text == "condition" || entry.key.text == other {
            continue;
        }
        if detection.selections.len() == MAX_IDENTIFIERS {
            let message = format!("more than {MAX_IDENTIFIERS} search identifiers");
            problems.push(Problem::error("too-large", entry.key.span, message));
            break;
        }
        let body = body(&entry.value, &entry.key, problems);
        detection.selections.push(Selection { name: &entry.key, body });
    }
    if detection.selections.is_empty() && map.value("condition").is_some() {
        let first = map.entries.first().map_or(map.span, |entry| entry.key.span);
        problems.push(Problem::error("missing-field", first, format!("{what} without a search identifier")));
    }
    detection
}

fn conditions<'t>(node: &'t Node<'t>) -> Result<Vec<(&'t str, Span)>, Refusal> {
    let one = |node: &'t Node<'t>| match &node.kind {
        Kind::Scalar(scalar) if scalar::resolve(scalar) != Value::Null && !scalar.text.trim().is_empty() => {
            Ok((&*scalar.text, node.span))
        }
        _ => Err(wrong_type(node, "`condition`", "a text or a list of texts")),
    };
    match &node.kind {
        Kind::Sequence(items) if !items.is_empty() => items.iter().map(one).collect(),
        Kind::Sequence(_) => Err(Problem::error("wrong-type", node.span, "an empty list of conditions")),
        _ => Ok(vec![one(node)?]),
    }
}

/// What a search identifier holds, or an element of its list.
pub(super) fn body<'t>(node: &'t Node<'t>, name: &Text<'_>, problems: &mut Problems) -> Option<Body<'t>> {
    let empty = |what: &str| {
        Problem::error("empty-selection", node.span, format!("{what} in `{}`", short(&name.text)))
            .hint("a search identifier needs at least one item, list element or keyword")
    };
    match &node.kind {
        Kind::Mapping(entries) if entries.is_empty() => problems.push(empty("an empty map")),
        Kind::Sequence(items) if items.is_empty() => problems.push(empty("an empty list")),
        Kind::Mapping(entries) => {
            // All items are read, so that all that is wrong is told at once.
            let items: Vec<_> = entries.iter().map(|entry| item(entry, problems)).collect();
            return items.into_iter().collect::<Option<_>>().map(Body::Map);
        }
        Kind::Sequence(items) => {
            let parts: Vec<_> = items.iter().map(|item| body(item, name, problems)).collect();
            return parts.into_iter().collect::<Option<_>>().map(Body::List);
        }
        Kind::Scalar(_) => match given(node) {
            Some(Given { value: Value::Null, .. }) | None => problems.push(empty("nothing to search for")),
            Some(keyword) => return Some(Body::Keyword(keyword)),
        },
    }
    None
}

fn item<'t>(entry: &'t Entry<'t>, problems: &mut Problems) -> Option<Item<'t>> {
    let key = &entry.key;
    let nodes = match &entry.value.kind {
        Kind::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(&entry.value),
    };
    if nodes.is_empty() {
        problems.push(
            Problem::warning(
                "empty-list",
                entry.value.span,
                format!("an empty list of values for `{}`", short(&key.text)),
            )
            .hint("it counts as `null`: the field is absent"),
        );
        return Some(Item { key, values: Vec::new(), mapped: None });
    }
    let mut values = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(given) = given(node) else {
            let message = format!("{} as a value of `{}`", node.noun(), short(&key.text));
            problems.push(
                Problem::error("wrong-type", node.span, message).hint("a value is a scalar, or a list of scalars"),
            );
            return None;
        };
        let listed = matches!(entry.value.kind, Kind::Sequence(_));
        if given.value == Value::Null && listed {
            problems.push(
                Problem::warning("null-in-list", node.span, "`null` in a list of values")
                    .hint("it means: or the field is absent. Sigma asks to write that as a selection of its own"),
            );
        }
        values.push(Given { listed, ..given });
    }
    Some(Item { key, values, mapped: None })
}

fn given<'t>(node: &'t Node<'t>) -> Option<Given<'t>> {
    match &node.kind {
        Kind::Scalar(scalar) => {
            Some(Given { value: scalar::resolve(scalar), text: &scalar.text, span: node.span, listed: false })
        }
        _ => None,
    }
}
