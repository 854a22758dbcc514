//! Mappings: a rule that is written for one kind of log, made one for another. A mapping is a Sigma processing pipeline:
//! steps that change names, values, conditions and the log source of rules, each under conditions of its own.
//!
//! ```text
//!  YAML -- file --> Mapping          (words: what the format has; conditions, transformation, expression: its parts)
//!  rule -- rule --> changed rule     (plan: its lines before; item: each of them changed; value: their values as texts)
//! ```
//!
//! Rules are changed between their shape and their meaning. What sigmabus brings along is in [`shipped`].

mod conditions;
mod expression;
mod file;
mod item;
mod plan;
pub(super) mod rule;
mod shipped;
mod transformation;
mod value;
mod words;

pub use file::read_mapping;
pub use shipped::{Shipped, shipped_mapping, shipped_mappings};
pub use words::mapping_words;

use super::ir::LogSource;
use super::yaml::Scalar;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A mapping, read and checked.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) name: Arc<str>,
    pub(super) priority: i128,
    /// Values of placeholders.
    pub(super) vars: BTreeMap<Arc<str>, Vec<String>>,
    pub(super) steps: Vec<Step>,
}

impl Mapping {
    /// Its `name`, or that of its file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The mappings that rules go through, in order.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    list: Arc<[Mapping]>,
    /// The log sources that conditions ask for, each once.
    sources: Arc<[LogSource]>,
}

impl Mappings {
    /// Mappings in the order of their priority, least first; those of the same priority in the order given.
    #[must_use]
    pub fn new(mut list: Vec<Mapping>) -> Self {
        list.sort_by_key(|mapping| mapping.priority);
        let mut sources: Vec<LogSource> = Vec::new();
        for condition in list.iter().flat_map(|mapping| &mapping.steps).flat_map(|step| &step.rule.list) {
            if let RuleIs::For(source) = condition
                && !sources.contains(source)
            {
                sources.push(source.clone());
            }
        }
        Self { list: list.into(), sources: sources.into() }
    }

    /// These and more, in the order of their priority.
    #[must_use]
    pub fn and(&self, more: Vec<Mapping>) -> Self {
        Self::new(self.list.iter().cloned().chain(more).collect())
    }

    /// Whether rules stay as they are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All steps in order, each with its mapping.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&Mapping, &Step)> {
        self.list.iter().flat_map(|mapping| mapping.steps.iter().map(move |step| (mapping, step)))
    }

    /// The log sources that conditions ask for.
    pub(super) fn sources(&self) -> &[LogSource] {
        &self.sources
    }
}

/// One transformation and when it is made.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) id: Option<Arc<str>>,
    pub(super) rule: Conditions<RuleIs>,
    pub(super) item: Conditions<ItemIs>,
    pub(super) field: Conditions<FieldIs>,
    pub(super) transformation: Transformation,
}

/// Conditions of one kind; none of them is no condition.
#[derive(Clone, Debug)]
pub(super) struct Conditions<T> {
    pub(super) list: Vec<T>,
    pub(super) link: Link,
    pub(super) negated: bool,
}

/// How conditions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    All,
    Any,
}

impl Link {
    pub(super) fn of<T>(self, list: &[T], holds: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::All => list.iter().all(holds),
            Self::Any => list.iter().any(holds),
        }
    }
}

impl<T> Conditions<T> {
    pub(super) fn hold(&self, holds: impl FnMut(&T) -> bool) -> bool {
        self.list.is_empty() || self.link.of(&self.list, holds) != self.negated
    }
}

/// What can be asked of a rule.
#[derive(Clone, Debug)]
pub(super) enum RuleIs {
    /// Its log source says all that this one says. Of a correlation, that of any rule it refers to.
    For(LogSource),
    HasField(Arc<str>),
    HasItem(Arc<str>, Scalar<'static>),
    Tagged(Arc<str>),
    Detection,
    Correlation,
    /// A step of this id was made.
    Changed(Arc<str>),
}

/// What can be asked of a line of a selection.
#[derive(Clone, Debug)]
pub(super) enum ItemIs {
    /// Texts among its values that the expression is found at the start of, or is not.
    Text {
        link: Link,
        regex: Regex,
        negated: bool,
    },
    Value {
        link: Link,
        value: Scalar<'static>,
    },
    Wildcard(Link),
    Null(Link),
    Changed(Arc<str>),
}

/// What can be asked of a field's name.
#[derive(Clone, Debug)]
pub(super) struct FieldIs {
    pub(super) names: BTreeSet<Arc<str>>,
    pub(super) patterns: Vec<Regex>,
    /// Whether it must be none of them.
    pub(super) excluded: bool,
}

impl FieldIs {
    /// `None` is a keyword, which has no field.
    pub(super) fn holds(&self, field: Option<&str>) -> bool {
        let listed = |name: &str| self.names.contains(name) || self.patterns.iter().any(|regex| regex.is_match(name));
        field.is_some_and(listed) != self.excluded
    }
}

/// What a step does.
#[derive(Clone, Debug)]
pub(super) enum Transformation {
    Rename(Rename),
    DropItem,
    AddCondition(Added),
    ChangeSource(LogSource),
    ValuePlaceholders(Handled),
    WildcardPlaceholders(Handled),
    ReplaceString { regex: Regex, replacement: String, only_text: bool },
    MapString(BTreeMap<String, Vec<String>>),
    SetValue(Scalar<'static>),
    RefuseRule(Arc<str>),
    RefuseItem(Arc<str>),
}

/// New names for fields.
#[derive(Clone, Debug)]
pub(super) enum Rename {
    /// By the whole name.
    Whole(BTreeMap<Arc<str>, Vec<Arc<str>>>),
    /// By how the name starts; the first that fits.
    Start(Vec<(Arc<str>, Vec<Arc<str>>)>),
    Prefix(Arc<str>),
    Suffix(Arc<str>),
}

impl Rename {
    /// The new names of a field; `None` if it keeps its own.
    pub(super) fn names(&self, field: &str) -> Option<Vec<Arc<str>>> {
        match self {
            Self::Whole(names) => names.get(field).cloned(),
            Self::Start(starts) => starts.iter().find_map(|(start, new)| {
                let rest = field.strip_prefix(&**start)?;
                Some(new.iter().map(|new| format!("{new}{rest}").into()).collect())
            }),
            Self::Prefix(prefix) => Some(vec![format!("{prefix}{field}").into()]),
            Self::Suffix(suffix) => Some(vec![format!("{field}{suffix}").into()]),
        }
    }
}

/// A selection that is added to every condition.
#[derive(Clone, Debug)]
pub(super) struct Added {
    /// Keys with modifiers, and values; all must hold.
    pub(super) items: Vec<(String, Vec<Scalar<'static>>)>,
    pub(super) negated: bool,
    /// Whether `$category`, `$product` and `$service` in values stand for the rule's own.
    pub(super) template: bool,
}

/// Which placeholders a step replaces.
#[derive(Clone, Debug)]
pub(super) enum Handled {
    All,
    Only(BTreeSet<Arc<str>>),
    AllBut(BTreeSet<Arc<str>>),
}

impl Handled {
    pub(super) fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
            Self::AllBut(names) => !names.contains(name),
        }
    }
}
