//! What rules mean, free of YAML: the input of the matcher (`detect`), compiled or naive.
//!
//! All value modifiers are worked into the values here, lists are `Any` or `All`, `neq` and `exists: false` are
//! `Not`: an [`Expr`] has only Boolean structure and leaves that ask one thing of one field.

use crate::time::Span;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// All that was loaded, in input order.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    /// Detection rules.
    pub rules: Vec<Rule>,
    /// Correlation rules; they refer to rules by index.
    pub correlations: Vec<Correlation>,
}

impl Ruleset {
    /// What a rule or correlation says about itself; `None` for one that is not here.
    #[must_use]
    pub fn meta(&self, rule: RuleRef) -> Option<&Meta> {
        match rule {
            RuleRef::Rule(index) => self.rules.get(index).map(|rule| &rule.meta),
            RuleRef::Correlation(index) => self.correlations.get(index).map(|correlation| &correlation.meta),
        }
    }
}

/// What a rule says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// `id`, as written.
    pub id: Option<Arc<str>>,
    /// `name`.
    pub name: Option<Arc<str>>,
    /// `title`.
    pub title: Arc<str>,
    /// `level`; rules without one count as medium.
    pub level: Level,
    /// `tags`, as written.
    pub tags: Vec<Arc<str>>,
    /// `description`.
    pub description: Option<Arc<str>>,
    /// `status`.
    pub status: Option<Arc<str>>,
    /// `falsepositives`.
    pub false_positives: Vec<Arc<str>>,
    /// `references`.
    pub references: Vec<Arc<str>>,
    /// `author`; whoever passes a rule on must name them, if its licence says so.
    pub author: Option<Arc<str>>,
    /// `license`.
    pub license: Option<Arc<str>>,
    /// Where it was read.
    pub origin: Origin,
    /// `sigmabus: {mask: [FIELD, ...]}`: fields whose values must not appear in findings and alerts.
    pub mask: Vec<Arc<str>>,
}

/// The place of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// File name as given, or `builtin:NAME`.
    pub file: Arc<str>,
    /// Line of the document's first key, counted from 1.
    pub line: u32,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `informational`
    Informational,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl Level {
    /// Every level, least first.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its word in rules and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}

/// Which logs a rule is for. `definition` and custom keys are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogSource {
    /// `category`
    pub category: Option<Arc<str>>,
    /// `product`
    pub product: Option<Arc<str>>,
    /// `service`
    pub service: Option<Arc<str>>,
}

impl LogSource {
    /// Whether a rule for this source is to be asked about records that are declared to come from `declared`. It is not
    /// where both say something and it differs; what one of them leaves open is no reason.
    #[must_use]
    pub fn admits(&self, declared: &Self) -> bool {
        let agree =
            |(own, other): (&Option<Arc<str>>, &Option<Arc<str>>)| own.is_none() || other.is_none() || own == other;
        self.parts().into_iter().zip(declared.parts()).all(agree)
    }

    /// Whether all that this source says, `other` says as well: a filter for this source is for rules of `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let same = |(own, other): (&Option<Arc<str>>, &Option<Arc<str>>)| own.is_none() || own == other;
        self.parts().into_iter().zip(other.parts()).all(same)
    }

    const fn parts(&self) -> [&Option<Arc<str>>; 3] {
        [&self.category, &self.product, &self.service]
    }
}

/// A detection rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it says about itself.
    pub meta: Meta,
    /// Which logs it is for.
    pub source: LogSource,
    /// When a record satisfies it.
    pub condition: Expr,
}

impl Rule {
    /// A condition by itself, as a rule that says nothing; `name` names it in messages.
    #[must_use]
    pub fn asking(name: &str, condition: Expr) -> Self {
        let meta = Meta {
            id: None,
            name: None,
            title: name.into(),
            level: Level::Informational,
            tags: Vec::new(),
            description: None,
            status: None,
            false_positives: Vec::new(),
            references: Vec::new(),
            author: None,
            license: None,
            origin: Origin { file: name.into(), line: 1 },
            mask: Vec::new(),
        };
        Self { meta, source: LogSource::default(), condition }
    }
}

/// A Boolean function of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of them; true when empty.
    All(Vec<Self>),
    /// Any of them; false when empty.
    Any(Vec<Self>),
    /// Not it.
    Not(Box<Self>),
    /// A leaf.
    Test(Predicate),
}

impl Expr {
    /// Whether it asks for keywords: for any value of the record.
    #[must_use]
    pub fn asks_for_keywords(&self) -> bool {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().any(Self::asks_for_keywords),
            Self::Not(inner) => inner.asks_for_keywords(),
            Self::Test(predicate) => predicate.target == Target::AnyValue,
        }
    }
}

/// One question about one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// Of what.
    pub target: Target,
    /// What is asked. On a list it holds if it holds for any element.
    pub test: Test,
}

/// What a predicate looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A field by its exact name.
    Field(Arc<str>),
    /// Every value of the record (keywords).
    AnyValue,
}

/// What is asked of a value. An absent field satisfies only `Null`; JSON null satisfies only `Null` and `Exists`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The field is there, even null or empty.
    Exists,
    /// The field is absent or null.
    Null,
    /// Equal to true or false, or to that text in any case.
    Bool(bool),
    /// Equal as a number, or a text that is exactly this number's decimal form.
    Number(Number),
    /// The whole text form of the value matches. Matches numbers and Booleans by their text form.
    Text(Pattern),
    /// The regular expression is found in the text form.
    Regex(Regex),
    /// The value is an address, or a text that is one, within the network. Families never mix.
    Cidr(ipnet::IpNet),
    /// The value is a number, or a text that is one, and compares so.
    Compare(Order, Number),
    /// Another field's text form relates so to this one's.
    FieldRef {
        /// The other field.
        field: Arc<str>,
        /// How its content lies in this value.
        place: Place,
        /// Whether case counts.
        cased: bool,
    },
    /// The part of the value read as a time (written clock, epoch numbers as UTC) compares so.
    TimePart {
        /// Which part.
        part: TimePart,
        /// How it compares; `None` is equality.
        order: Option<Order>,
        /// With what.
        value: i64,
    },
}

/// A number as a rule wrote it; integers are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer of 64 bits, signed or not.
    Int(i128),
    /// Any other number, finite.
    Float(f64),
}

/// No number is other than itself, since all are finite.
impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Int(value) => value.hash(state),
            // Both zeros are equal.
            Self::Float(value) => (value + 0.0).to_bits().hash(state),
        }
    }
}

/// `<`, `<=`, `>`, `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `lt`
    Lt,
    /// `lte`
    Lte,
    /// `gt`
    Gt,
    /// `gte`
    Gte,
}

/// Where a referenced text must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// It is the whole value.
    Whole,
    /// Anywhere.
    Contains,
    /// At the start.
    Start,
    /// At the end.
    End,
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// 0 to 59
    Minute,
    /// 0 to 23
    Hour,
    /// Day of the month, 1 to 31
    Day,
    /// ISO 8601 week, 1 to 53
    Week,
    /// 1 to 12
    Month,
    /// All four digits
    Year,
}

/// A text with wildcards, anchored at both ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The pieces in order; no two `Many` and no two `Literal` stand side by side. No pieces: the empty text.
    pub pieces: Vec<Piece>,
    /// Whether case counts. If not, literals are still as written; comparison folds case (Unicode simple folding).
    pub cased: bool,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// This text.
    Literal(Box<str>),
    /// `*`: any text, also none, line breaks included.
    Many,
    /// `?`: exactly one character, line breaks included.
    One,
    /// `windash`: one of `-` `/` `–` `—` `―`.
    Dash,
}

/// A regular expression, checked when it was lowered.
#[allow(clippy::struct_excessive_bools, reason = "three are flags of the language")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regex {
    /// The pattern text for the `regex` crate, flags not included.
    pub pattern: Box<str>,
    /// `i`
    pub ignore_case: bool,
    /// `m`: `^` and `$` at line ends.
    pub multi_line: bool,
    /// `s`: `.` also matches a line break.
    pub dot_all: bool,
    /// Whether its automaton was reckoned to be small enough, so that it may be built at any time.
    pub measured: bool,
}

impl Regex {
    /// What the pattern is made of, by its flags.
    ///
    /// # Errors
    /// Where it is no regular expression, what is wrong with it.
    pub(crate) fn parse(&self) -> Result<Hir, Box<regex_syntax::Error>> {
        let config = syntax::Config::new()
            .case_insensitive(self.ignore_case)
            .multi_line(self.multi_line)
            .dot_matches_new_line(self.dot_all);
        syntax::parse_with(&self.pattern, &config).map_err(Box::new)
    }
}

/// A correlation rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    /// What it says about itself.
    pub meta: Meta,
    /// What it counts.
    pub kind: CorrelationKind,
    /// The rules it refers to, each once; among them one that must not be hit, if there is one.
    pub rules: Vec<RuleRef>,
    /// Fields whose values make a group; for each referred rule, the field to read (aliases resolved).
    pub group_by: Vec<GroupKey>,
    /// The window.
    pub timespan: Span,
    /// `generate`: referred rules also speak for themselves.
    pub generate: bool,
    /// `sigmabus: absent`, ours alone: the first or the last of [`rules`](Self::rules) must not be hit.
    pub absent: Option<Absent>,
}

/// That one rule of an order must not be hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absent {
    /// When.
    pub side: Side,
    /// `once`: after it was told, it is not told again until that rule is hit.
    pub once: bool,
}

/// On which side of the others a rule must not be hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// `before`: within the timespan before the last of them. It is the first of [`Correlation::rules`].
    Before,
    /// `after`: within the timespan after the last of them. It is the last of [`Correlation::rules`].
    After,
}

impl Correlation {
    /// The rules that must be hit, and the one that must not, if there is one.
    #[must_use]
    pub fn present(&self) -> (&[RuleRef], Option<&RuleRef>) {
        let split = match self.absent.map(|absent| absent.side) {
            None => None,
            Some(Side::Before) => self.rules.split_first(),
            Some(Side::After) => self.rules.split_last(),
        };
        split.map_or((&self.rules, None), |(absent, present)| (present, Some(absent)))
    }
}

/// What a correlation refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleRef {
    /// Index into [`Ruleset::rules`].
    Rule(usize),
    /// Index into [`Ruleset::correlations`].
    Correlation(usize),
}

/// One part of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey {
    /// Its name in the output: the field or the alias.
    pub name: Arc<str>,
    /// The field to read, for each of [`Correlation::rules`] in order.
    pub fields: Vec<Arc<str>>,
}

/// What a correlation looks for in its window.
#[derive(Clone, Debug, PartialEq)]
pub enum CorrelationKind {
    /// `event_count`: how many hits.
    EventCount(Vec<Criterion>),
    /// `value_count`: how many distinct tuples of non-null values of these fields.
    ValueCount {
        /// The fields, at least one.
        fields: Vec<GroupKey>,
        /// The bounds.
        criteria: Vec<Criterion>,
    },
    /// `temporal`: which of the referred rules were hit.
    Temporal(Temporal),
    /// `temporal_ordered`: which of the referred rules were hit, in the order of [`Correlation::rules`].
    TemporalOrdered(Temporal),
    /// `value_sum`, `value_avg`, `value_percentile`, `value_median` over the numeric values of a field.
    Metric {
        /// Which figure.
        metric: Metric,
        /// The field.
        field: GroupKey,
        /// The bounds.
        criteria: Vec<Criterion>,
    },
}

/// When a temporal correlation is true.
#[derive(Clone, Debug, PartialEq)]
pub enum Temporal {
    /// The number of different referred rules within these bounds; without a condition, all of them.
    Count(Vec<Criterion>),
    /// A Boolean expression over them.
    Expr(RuleExpr),
}

/// A Boolean expression over which rules were hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleExpr {
    /// All of them.
    All(Vec<Self>),
    /// Any of them.
    Any(Vec<Self>),
    /// Not it; known only when the window closes.
    Not(Box<Self>),
    /// The rule at this place of [`Correlation::rules`] was hit.
    Seen(usize),
}

/// A figure over numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// `value_sum`
    Sum,
    /// `value_avg`
    Avg,
    /// `value_percentile` with its percentile, 0 to 100; linear interpolation.
    Percentile(f64),
    /// `value_median`
    Median,
}

/// One bound of a condition; several must all hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criterion {
    /// How.
    pub relation: Relation,
    /// With what.
    pub value: Number,
}

impl Criterion {
    /// Whether no count up to `count` satisfies it.
    #[must_use]
    pub fn needs_more_than(&self, count: u32) -> bool {
        let count = f64::from(count);
        let least = match self.value {
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        };
        match self.relation {
            Relation::Gt => least >= count,
            Relation::Gte | Relation::Eq => least > count,
            Relation::Lt | Relation::Lte | Relation::Neq => false,
        }
    }
}

/// How a count compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `lt`
    Lt,
    /// `lte`
    Lte,
    /// `gt`
    Gt,
    /// `gte`
    Gte,
    /// `eq`
    Eq,
    /// `neq`
    Neq,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `category product service`, with `-` for what is not said.
    fn source(text: &str) -> LogSource {
        let mut parts = text.split(' ').map(|part| (part != "-").then(|| part.into()));
        let mut next = || parts.next().flatten();
        LogSource { category: next(), product: next(), service: next() }
    }

    #[test]
    fn a_rule_is_asked_unless_its_source_is_another() {
        for (rule, declared, admits) in [
            ("ics modbus -", "- - -", true),
            ("ics modbus -", "- modbus -", true),
            ("- modbus -", "ics modbus plc", true),
            ("- - -", "ics modbus plc", true),
            ("ics modbus -", "firewall modbus -", false),
            ("process_creation windows -", "- modbus -", false),
            ("- Modbus -", "- modbus -", false),
            ("- - sysmon", "- windows security", false),
        ] {
            assert_eq!(source(rule).admits(&source(declared)), admits, "{rule} of {declared}");
        }
    }

    #[test]
    fn a_filter_is_for_sources_that_say_at_least_as_much() {
        for (filter, rule, covers) in [
            ("- modbus -", "ics modbus -", true),
            ("ics modbus -", "ics modbus -", true),
            ("ics modbus -", "- modbus -", false),
            ("- modbus -", "- windows -", false),
            ("- - plc", "ics modbus -", false),
        ] {
            assert_eq!(source(filter).covers(&source(rule)), covers, "{filter} over {rule}");
        }
    }
}
