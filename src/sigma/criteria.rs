//! What does a correlation look for in its window? Its `type` and its `condition`.

use super::ast::{Map, Name, names, wrong_type};
use super::condition::{self, Condition};
use super::diagnostic::{Problem, Problems, Refusal, Span, nearest, short};
use super::ir::{Criterion, Metric, Number, Relation};
use super::limits::MAX_GROUP_KEYS;
use super::scalar::{self, Value, scalar_text};
use super::yaml::{Entry, Kind, Node};
use std::cmp::Ordering;

/// What a correlation looks for; its fields and rules are still names.
#[derive(Debug)]
pub(super) enum Sought {
    EventCount(Vec<Criterion>),
    ValueCount(Vec<Name>, Vec<Criterion>),
    Temporal(When),
    TemporalOrdered(When),
    Metric(Metric, Name, Vec<Criterion>),
}

/// When a temporal correlation is true.
#[derive(Debug)]
pub(super) enum When {
    /// When all of its rules were hit.
    All,
    /// When so many of them were; the condition's place.
    Count(Vec<Criterion>, Span),
    /// When this holds; the rules that it names by number.
    Expr(Condition, Vec<Name>),
}

impl Sought {
    /// In how many orders its rules may be hit: an order with `(a or b) and (c or d)` is four.
    pub(super) fn orders(&self) -> usize {
        match self {
            Self::TemporalOrdered(When::Expr(condition, _)) => orders(condition, false),
            _ => 1,
        }
    }

    /// The fields whose values it looks at.
    pub(super) fn fields(&self) -> &[Name] {
        match self {
            Self::ValueCount(fields, _) => fields,
            Self::Metric(_, field, _) => std::slice::from_ref(field),
            Self::EventCount(_) | Self::Temporal(_) | Self::TemporalOrdered(_) => &[],
        }
    }

    /// The rules that its condition names; `None` if it is no condition over rules.
    pub(super) fn mentions(&self) -> Option<&[Name]> {
        match self {
            Self::Temporal(When::Expr(_, mentions)) | Self::TemporalOrdered(When::Expr(_, mentions)) => Some(mentions),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Events,
    Values,
    Rules,
    RulesInOrder,
    Sum,
    Avg,
    Percentile,
    Median,
}

/// A correlation type.
#[derive(Debug)]
struct Type {
    name: &'static str,
    figure: Figure,
    /// An example of its condition.
    example: &'static str,
    /// What is compared with the condition, for the manual.
    meaning: &'static str,
}

const TYPES: [Type; 8] = [
    Type {
        name: "event_count",
        figure: Figure::Events,
        example: "{gte: 5}",
        meaning: "how many events the rules found",
    },
    Type {
        name: "value_count",
        figure: Figure::Values,
        example: "{field: FIELD, gte: 5}",
        meaning: "how many different values `field` had; of a list of fields, how many different combinations",
    },
    Type {
        name: "temporal",
        figure: Figure::Rules,
        example: "{gte: 2}",
        meaning: "how many of the rules found something; without a condition, all of them must",
    },
    Type {
        name: "temporal_ordered",
        figure: Figure::RulesInOrder,
        example: "{gte: 2}",
        meaning: "how many of the rules found something, in the order of `rules`; without a condition, all of them must",
    },
    Type {
        name: "value_sum",
        figure: Figure::Sum,
        example: "{field: FIELD, gt: 1000}",
        meaning: "the sum of the numbers in `field`",
    },
    Type {
        name: "value_avg",
        figure: Figure::Avg,
        example: "{field: FIELD, gt: 80.5}",
        meaning: "the mean of the numbers in `field`",
    },
    Type {
        name: "value_percentile",
        figure: Figure::Percentile,
        example: "{field: FIELD, percentile: 95, gt: 80}",
        meaning: "the percentile of the numbers in `field`, between two of them linearly",
    },
    Type {
        name: "value_median",
        figure: Figure::Median,
        example: "{field: FIELD, gt: 80}",
        meaning: "the median of the numbers in `field`",
    },
];

const RELATIONS: [(&str, Relation); 6] = [
    ("gte", Relation::Gte),
    ("gt", Relation::Gt),
    ("lte", Relation::Lte),
    ("lt", Relation::Lt),
    ("eq", Relation::Eq),
    ("neq", Relation::Neq),
];

/// The correlation types there are: name, an example of a condition, and what is compared with it.
pub fn correlation_types() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TYPES.iter().map(|kind| (kind.name, kind.example, kind.meaning))
}

impl Type {
    fn of(section: Map<'_>) -> Result<&'static Self, Refusal> {
        let Some(node) = section.value("type") else { return Err(section.missing("type", "`correlation`")) };
        let Some(name) = scalar_text(node) else { return Err(wrong_type(node, "`type`", "a text")) };
        TYPES.iter().find(|kind| kind.name == name).ok_or_else(|| {
            let message = format!("no correlation type `{}`", short(name));
            let problem = Problem::error("unknown-correlation", node.span, message);
            match nearest(name, TYPES.iter().map(|kind| kind.name)) {
                Some(near) => problem.suggest(Some(near)),
                None => problem.hint(format!("the types are {}", TYPES.each_ref().map(|kind| kind.name).join(", "))),
            }
        })
    }

    /// Its name with an article.
    fn noun(&self) -> String {
        let article = if self.name.starts_with('e') { "an" } else { "a" };
        format!("{article} `{}`", self.name)
    }

    /// Whether it counts, so that fractions and negative numbers make no sense.
    const fn counts(&self) -> bool {
        matches!(self.figure, Figure::Events | Figure::Values | Figure::Rules | Figure::RulesInOrder)
    }

    const fn has_field(&self) -> bool {
        !matches!(self.figure, Figure::Events | Figure::Rules | Figure::RulesInOrder)
    }

    fn has_percentile(&self) -> bool {
        self.figure == Figure::Percentile
    }

    /// The keys of its condition.
    fn keys(&self) -> Vec<&'static str> {
        let more = [("field", self.has_field()), ("percentile", self.has_percentile())];
        let more = more.into_iter().filter(|(_, has)| *has).map(|(key, _)| key);
        more.chain(RELATIONS.iter().map(|(key, _)| *key)).collect()
    }

    fn misses(&self, problem: Refusal) -> Refusal {
        problem.hint(format!("write, for example, condition: {}", self.example))
    }
}

/// Reads `type` and `condition` of the file `text`. `None` if something is wrong with them, which is among `problems`.
pub(super) fn read(section: Map<'_>, text: &str, problems: &mut Problems) -> Option<Sought> {
    let kind = problems.keep(Type::of(section))?;
    match kind.figure {
        Figure::Rules => when(kind, section, text, problems).map(Sought::Temporal),
        Figure::RulesInOrder => when(kind, section, text, problems).map(Sought::TemporalOrdered),
        Figure::Events => Bounds::read(kind, section, problems).map(|bounds| Sought::EventCount(bounds.criteria)),
        Figure::Values => {
            Bounds::read(kind, section, problems).map(|bounds| Sought::ValueCount(bounds.fields, bounds.criteria))
        }
        Figure::Sum => Bounds::read(kind, section, problems)?.on(Metric::Sum),
        Figure::Avg => Bounds::read(kind, section, problems)?.on(Metric::Avg),
        Figure::Median => Bounds::read(kind, section, problems)?.on(Metric::Median),
        Figure::Percentile => {
            let bounds = Bounds::read(kind, section, problems)?;
            let metric = Metric::Percentile(bounds.percentile);
            bounds.on(metric)
        }
    }
}

fn when(kind: &Type, section: Map<'_>, text: &str, problems: &mut Problems) -> Option<When> {
    let Some(node) = section.value("condition") else { return Some(When::All) };
    if let Kind::Mapping(entries) = &node.kind {
        let map = Map { entries, span: node.span };
        return criteria(kind, map, problems).map(|criteria| When::Count(criteria, node.span));
    }
    let Some(expression) = scalar_text(node).filter(|expression| !expression.trim().is_empty()) else {
        let what = format!("the condition of {}", kind.noun());
        problems.push(kind.misses(wrong_type(node, &what, "a map, or a text such as `a and b`")));
        return None;
    };
    let (condition, mentions) = problems.keep(condition::parse_rules(expression, node.span, text))?;
    let name = |(text, span): (&str, Span)| Name { text: text.into(), span };
    Some(When::Expr(condition, mentions.into_iter().map(name).collect()))
}

/// A condition with numbers.
struct Bounds {
    criteria: Vec<Criterion>,
    /// Empty where the type has none.
    fields: Vec<Name>,
    /// 0 where the type has none.
    percentile: f64,
}

impl Bounds {
    fn read(kind: &Type, section: Map<'_>, problems: &mut Problems) -> Option<Self> {
        let Some(node) = section.value("condition") else {
            problems.push(kind.misses(section.missing("condition", &kind.noun())));
            return None;
        };
        let map = Map::of(node, &format!("the condition of {}", kind.noun()));
        let map = problems.keep(map.map_err(|refusal| kind.misses(refusal)))?;
        // All are read before any is given up, so that all that is wrong is told at once.
        let criteria = criteria(kind, map, problems);
        let fields = if kind.has_field() { problems.keep(fields(kind, map)) } else { Some(Vec::new()) };
        let percentile = if kind.has_percentile() { problems.keep(percentile(kind, map)) } else { Some(0.0) };
        Some(Self { criteria: criteria?, fields: fields?, percentile: percentile? })
    }

    fn on(self, metric: Metric) -> Option<Sought> {
        self.fields.into_iter().next().map(|field| Sought::Metric(metric, field, self.criteria))
    }
}

/// The bounds; several must all hold.
fn criteria(kind: &Type, map: Map<'_>, problems: &mut Problems) -> Option<Vec<Criterion>> {
    let before = problems.errors();
    let bounds = map.entries.iter().filter(|entry| match &*entry.key.text {
        "field" => !kind.has_field(),
        "percentile" => !kind.has_percentile(),
        _ => true,
    });
    let criteria: Vec<_> = bounds.filter_map(|entry| problems.keep(criterion(kind, entry))).collect();
    if problems.errors() > before {
        return None;
    }
    if criteria.is_empty() {
        let problem = Problem::error("missing-field", map.span, "a condition that compares with nothing");
        problems.push(kind.misses(problem));
        return None;
    }
    if !can_hold(&criteria, &candidates(kind, &criteria)) {
        problems.push(never_true(map.span));
        return None;
    }
    Some(criteria)
}

fn criterion(kind: &Type, entry: &Entry<'_>) -> Result<Criterion, Refusal> {
    let key = &*entry.key.text;
    let Some((_, relation)) = RELATIONS.iter().find(|(name, _)| *name == key) else {
        let message = format!("the condition of {} has no `{}`", kind.noun(), short(key));
        let problem = Problem::error("unknown-key", entry.key.span, message);
        let keys = kind.keys();
        return Err(match nearest(key, keys.iter().copied()) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.hint(format!("it has {}", keys.join(", "))),
        });
    };
    let expected = if kind.counts() { "a whole number of 0 or more" } else { "a number" };
    match number(&entry.value) {
        Some(value) if !kind.counts() || matches!(value, Number::Int(0..)) => {
            Ok(Criterion { relation: *relation, value })
        }
        Some(value) => {
            let message = format!("`{key}` must be {expected}, not {value}");
            Err(Problem::error("wrong-type", entry.value.span, message))
        }
        None => {
            let problem = wrong_type(&entry.value, &format!("`{key}`"), expected);
            let quoted = scalar_text(&entry.value).is_some_and(|text| scalar::number(text).is_some());
            Err(if quoted { problem.hint("write it without quotes") } else { problem })
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

fn fields(kind: &Type, map: Map<'_>) -> Result<Vec<Name>, Refusal> {
    let Some(entry) = map.entry("field") else {
        return Err(kind.misses(map.missing("field", &format!("the condition of {}", kind.noun()))));
    };
    let fields = names(entry)?;
    let span = entry.value.span;
    match fields.len() {
        0 => Err(kind.misses(Problem::error("wrong-type", span, "an empty list of fields"))),
        2.. if kind.figure != Figure::Values => {
            Err(Problem::error("wrong-type", span, format!("{} has one `field`", kind.noun())))
        }
        1..=MAX_GROUP_KEYS => Ok(fields),
        _ => Err(Problem::error("too-large", span, format!("more than {MAX_GROUP_KEYS} fields in one condition"))),
    }
}

fn percentile(kind: &Type, map: Map<'_>) -> Result<f64, Refusal> {
    let Some(node) = map.value("percentile") else {
        return Err(kind.misses(map.missing("percentile", &format!("the condition of {}", kind.noun()))));
    };
    let number = number(node).map(to_float).filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| {
        let message = "`percentile` must be a number from 0 to 100";
        Problem::error("wrong-type", node.span, message).hint("for example percentile: 95")
    })
}

/// Numbers one of which satisfies all criteria, if any number does that the type can give: the bounds, and numbers on
/// either side of each.
fn candidates(kind: &Type, criteria: &[Criterion]) -> Vec<Number> {
    let bounds = criteria.iter().map(|criterion| criterion.value);
    if kind.counts() {
        let near = |bound| match bound {
            Number::Int(count) => [count - 1, count, count + 1],
            Number::Float(_) => [0; 3],
        };
        return bounds.flat_map(near).filter(|count| *count >= 0).map(Number::Int).collect();
    }
    let mut bounds: Vec<f64> = bounds.map(to_float).chain([f64::MIN, f64::MAX]).collect();
    bounds.sort_by(f64::total_cmp);
    let middles = bounds.windows(2).filter_map(|pair| Some(pair.first()? / 2.0 + pair.get(1)? / 2.0));
    let middles: Vec<f64> = middles.collect();
    bounds.into_iter().chain(middles).map(Number::Float).collect()
}

/// Whether any of `numbers` satisfies all criteria.
pub(super) fn can_hold(criteria: &[Criterion], numbers: &[Number]) -> bool {
    numbers.iter().any(|number| criteria.iter().all(|criterion| holds(criterion, *number)))
}

pub(super) fn never_true(span: Span) -> Refusal {
    Problem::error("never-true", span, "this condition is never true").hint("all its bounds must hold at once")
}

fn holds(criterion: &Criterion, number: Number) -> bool {
    let order = match (number, criterion.value) {
        (Number::Int(number), Number::Int(bound)) => Some(number.cmp(&bound)),
        (number, bound) => to_float(number).partial_cmp(&to_float(bound)),
    };
    order.is_some_and(|order| match criterion.relation {
        Relation::Lt => order == Ordering::Less,
        Relation::Lte => order != Ordering::Greater,
        Relation::Gt => order == Ordering::Greater,
        Relation::Gte => order != Ordering::Less,
        Relation::Eq => order == Ordering::Equal,
        Relation::Neq => order != Ordering::Equal,
    })
}

fn to_float(number: Number) -> f64 {
    match number {
        Number::Int(number) => number as f64,
        Number::Float(number) => number,
    }
}

fn orders(condition: &Condition, denied: bool) -> usize {
    match (condition, denied) {
        (Condition::Named(_), _) => 1,
        (Condition::Not(inner), _) => orders(inner, !denied),
        (Condition::Any(parts), false) | (Condition::All(parts), true) => {
            parts.iter().fold(0, |sum: usize, part| sum.saturating_add(orders(part, denied)))
        }
        (Condition::Any(parts), true) | (Condition::All(parts), false) => {
            parts.iter().fold(1, |product: usize, part| product.saturating_mul(orders(part, denied)))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{RULES, assert_manual, brief, correlations, load_text};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    #[test]
    fn the_manual_has_every_type() {
        let row = |(name, example, meaning)| format!("| `{name}` | {meaning} | `{example}` |\n");
        let rows: String = super::correlation_types().map(row).collect();
        let head = "| type | what is compared with the condition | for example |\n|---|---|---|\n";
        assert_manual("correlation types", &format!("{head}{rows}"));
    }

    #[test]
    fn each_type_is_lowered() {
        assert_snapshot!(correlations(&[
            "type: event_count, rules: a, condition: {gte: 5}",
            "type: event_count, rules: [b, a], condition: {gte: 5, lt: 10}, group-by: src_ip, generate: true",
            "type: value_count, rules: a, condition: {field: F, gt: 3}, group-by: [G, H]",
            "type: value_count, rules: [a], condition: {gt: 3, field: [F, G]}",
            "type: temporal, rules: [a, b]",
            "type: temporal, rules: [a, b], condition: {gte: 1}",
            "type: temporal_ordered, rules: [b, a]",
            "type: temporal_ordered, rules: [b, a], condition: {eq: 2}",
            "type: value_sum, rules: a, condition: {field: F, gt: -0.5, lte: 1e3}",
            "type: value_avg, rules: a, condition: {field: [F], lt: 20}",
            "type: value_median, rules: a, condition: {field: F, neq: 0}",
            "type: value_percentile, rules: a, condition: {field: F, percentile: 99.9, gte: 100}",
        ]), @r"
        type: event_count, rules: a, condition: {gte: 5}  =>  events >= 5 of rule 0 within 1m
        type: event_count, rules: [b, a], condition: {gte: 5, lt: 10}, group-by: src_ip, generate: true  =>  events >= 5 and < 10 of rule 1, rule 0 by src_ip within 1m, which are told too
        type: value_count, rules: a, condition: {field: F, gt: 3}, group-by: [G, H]  =>  values of F > 3 of rule 0 by G, H within 1m
        type: value_count, rules: [a], condition: {gt: 3, field: [F, G]}  =>  values of F, G > 3 of rule 0 within 1m
        type: temporal, rules: [a, b]  =>  rules >= 2 of rule 0, rule 1 within 1m
        type: temporal, rules: [a, b], condition: {gte: 1}  =>  rules >= 1 of rule 0, rule 1 within 1m
        type: temporal_ordered, rules: [b, a]  =>  rules in order >= 2 of rule 1, rule 0 within 1m
        type: temporal_ordered, rules: [b, a], condition: {eq: 2}  =>  rules in order = 2 of rule 1, rule 0 within 1m
        type: value_sum, rules: a, condition: {field: F, gt: -0.5, lte: 1e3}  =>  sum of F > -0.5 and <= 1000 of rule 0 within 1m
        type: value_avg, rules: a, condition: {field: [F], lt: 20}  =>  mean of F < 20 of rule 0 within 1m
        type: value_median, rules: a, condition: {field: F, neq: 0}  =>  median of F != 0 of rule 0 within 1m
        type: value_percentile, rules: a, condition: {field: F, percentile: 99.9, gte: 100}  =>  percentile 99.9 of F >= 100 of rule 0 within 1m
        ");
    }

    #[test]
    fn conditions_over_rules_are_read() {
        assert_snapshot!(correlations(&[
            "type: temporal, rules: [a, b], condition: a and b",
            "type: temporal, rules: [b, a], condition: a or not (b and a)",
            "type: temporal, condition: b or a and not b",
            "type: temporal_ordered, condition: b or a, group-by: src_ip",
            "type: temporal, rules: [b, a], condition: 00000000-0000-0000-0000-00000000000a and b",
            "type: temporal, condition: 00000000-0000-0000-0000-00000000000a and (a or b)",
            "type: temporal, rules: [a, b], condition: a",
            "type: temporal, rules: [a], condition: a and b",
            "type: temporal, rules: [a], condition: a and aa",
            "type: temporal, rules: [a], condition: a and nothing",
            "type: temporal, rules: [], condition: a and b",
            "type: temporal, rules: [a, b], condition: 1 of them",
            "type: temporal, rules: [a, b], condition: a*",
            "type: temporal, rules: [a, b], condition: a b",
            "type: temporal, rules: [a, b], condition: a and",
            "type: temporal, rules: [a, b], condition: 'a, b'",
            "type: temporal, rules: [a, b], condition: ''",
            "type: temporal, rules: [a, b], condition: [a, b]",
            "type: temporal, rules: [a, b], condition: 2",
        ]), @r"
        type: temporal, rules: [a, b], condition: a and b  =>  rules: (#0 and #1) of rule 0, rule 1 within 1m
        type: temporal, rules: [b, a], condition: a or not (b and a)  =>  rules: (#1 or not (#0 and #1)) of rule 1, rule 0 within 1m
        type: temporal, condition: b or a and not b  =>  rules: (#0 or (#1 and not #0)) of rule 1, rule 0 within 1m
        type: temporal_ordered, condition: b or a, group-by: src_ip  =>  rules in order: (#0 or #1) of rule 1, rule 0 by src_ip within 1m
        type: temporal, rules: [b, a], condition: 00000000-0000-0000-0000-00000000000a and b  =>  rules: (#1 and #0) of rule 1, rule 0 within 1m
        type: temporal, condition: 00000000-0000-0000-0000-00000000000a and (a or b)  =>  rules: (#0 and (#0 or #1)) of rule 0, rule 1 within 1m; duplicate-reference: the rule `a` is listed twice AT a (it counts once)
        type: temporal, rules: [a, b], condition: a  =>  bad-condition: the condition does not name the rule `b` AT b (take it out of `rules`)
        type: temporal, rules: [a], condition: a and b  =>  bad-condition: `rules` does not list the rule `b` AT b (add it to `rules`, or leave out `rules`)
        type: temporal, rules: [a], condition: a and aa  =>  unresolved-reference: no rule `aa` AT aa (did you mean `a`?)
        type: temporal, rules: [a], condition: a and nothing  =>  unresolved-reference: no rule `nothing` AT nothing (`rules` lists ids or names of rules that are loaded with this document)
        type: temporal, rules: [], condition: a and b  =>  wrong-type: an empty list of rules AT []
        type: temporal, rules: [a, b], condition: 1 of them  =>  bad-condition: `1 of` cannot stand in a condition over rules AT 1 (join the names of the rules by `and` and `or`)
        type: temporal, rules: [a, b], condition: a*  =>  bad-condition: a condition over rules has no patterns AT a* (join the names of the rules by `and` and `or`)
        type: temporal, rules: [a, b], condition: a b  =>  bad-condition: `and` or `or` expected here AT b (names of rules have no blanks)
        type: temporal, rules: [a, b], condition: a and  =>  bad-condition: a rule expected after this AT 
        type: temporal, rules: [a, b], condition: 'a, b'  =>  bad-condition: `,` cannot stand in a condition AT , (a condition names rules of letters, digits, `_` and `-`)
        type: temporal, rules: [a, b], condition: ''  =>  wrong-type: the condition of a `temporal` must be a map, or a text such as `a and b`, not empty AT '' (write, for example, condition: {gte: 2})
        type: temporal, rules: [a, b], condition: [a, b]  =>  wrong-type: the condition of a `temporal` must be a map, or a text such as `a and b`, not a list AT [a, b] (write, for example, condition: {gte: 2})
        type: temporal, rules: [a, b], condition: 2  =>  wrong-type: the condition of a `temporal` must be a map, or a text such as `a and b`, not a number AT 2 (write, for example, condition: {gte: 2})
        ");
    }

    #[test]
    fn what_a_type_lacks_is_told() {
        assert_snapshot!(correlations(&[
            "rules: [a], condition: {gt: 1}",
            "type: event_cuont, rules: [a], condition: {gt: 1}",
            "type: near, rules: [a], condition: {gt: 1}",
            "type: [temporal], rules: [a]",
            "type: event_count, rules: [a]",
            "type: value_count, rules: [a]",
            "type: value_percentile, rules: [a]",
            "type: temporal, condition: {gte: 2}",
            "type: temporal",
            "type: value_count, rules: [a], condition: {gte: 2}",
            "type: value_count, rules: [a], condition: {feild: F, gte: 2}",
            "type: value_count, rules: [a], condition: {field: F}",
            "type: value_count, rules: [a], condition: {field: [], gte: 2}",
            "type: value_count, rules: [a], condition: {field: 3, gte: 2}",
            "type: value_count, rules: [a], condition: {field: F, gte: 2.5}",
            "type: value_count, rules: [a], condition: {field: F, percentile: 3, gte: 2}",
            "type: value_sum, rules: [a], condition: {field: [F, G], gte: 2}",
            "type: value_sum, rules: [a], condition: {field: F, gte: high}",
            "type: value_percentile, rules: [a], condition: {field: F, gte: 2}",
            "type: value_percentile, rules: [a], condition: {field: F, percentile: 101, gte: 2}",
            "type: value_percentile, rules: [a], condition: {field: F, percentile: p95, gte: 2}",
            "type: event_count, rules: [a], condition: a and b",
            "type: event_count, rules: [a], condition: {gte: '5'}",
            "type: event_count, rules: [a], condition: {gte: -5}",
            "type: event_count, rules: [a], condition: {ge: 5}",
            "type: event_count, rules: [a], condition: {}",
            "type: temporal, rules: [a], condition: {field: F, gte: 1}",
        ]), @r"
        rules: [a], condition: {gt: 1}  =>  missing-field: `correlation` without `type` AT timespan (add a key `type`)
        type: event_cuont, rules: [a], condition: {gt: 1}  =>  unknown-correlation: no correlation type `event_cuont` AT event_cuont (did you mean `event_count`?)
        type: near, rules: [a], condition: {gt: 1}  =>  unknown-correlation: no correlation type `near` AT near (the types are event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile, value_median)
        type: [temporal], rules: [a]  =>  wrong-type: `type` must be a text, not a list AT [temporal]
        type: event_count, rules: [a]  =>  missing-field: an `event_count` without `condition` AT timespan (write, for example, condition: {gte: 5})
        type: value_count, rules: [a]  =>  missing-field: a `value_count` without `condition` AT timespan (write, for example, condition: {field: FIELD, gte: 5})
        type: value_percentile, rules: [a]  =>  missing-field: a `value_percentile` without `condition` AT timespan (write, for example, condition: {field: FIELD, percentile: 95, gt: 80})
        type: temporal, condition: {gte: 2}  =>  missing-field: `correlation` without `rules` AT timespan (add a key `rules`)
        type: temporal  =>  missing-field: `correlation` without `rules` AT timespan (add a key `rules`)
        type: value_count, rules: [a], condition: {gte: 2}  =>  missing-field: the condition of a `value_count` without `field` AT gte (write, for example, condition: {field: FIELD, gte: 5})
        type: value_count, rules: [a], condition: {feild: F, gte: 2}  =>  unknown-key: the condition of a `value_count` has no `feild` AT feild (did you mean `field`?); missing-field: the condition of a `value_count` without `field` AT feild (write, for example, condition: {field: FIELD, gte: 5})
        type: value_count, rules: [a], condition: {field: F}  =>  missing-field: a condition that compares with nothing AT {field: F} (write, for example, condition: {field: FIELD, gte: 5})
        type: value_count, rules: [a], condition: {field: [], gte: 2}  =>  wrong-type: an empty list of fields AT [] (write, for example, condition: {field: FIELD, gte: 5})
        type: value_count, rules: [a], condition: {field: 3, gte: 2}  =>  wrong-type: an entry of `field` must be a text, not a number AT 3 (write it in quotes: '3')
        type: value_count, rules: [a], condition: {field: F, gte: 2.5}  =>  wrong-type: `gte` must be a whole number of 0 or more, not 2.5 AT 2.5
        type: value_count, rules: [a], condition: {field: F, percentile: 3, gte: 2}  =>  unknown-key: the condition of a `value_count` has no `percentile` AT percentile (it has field, gte, gt, lte, lt, eq, neq)
        type: value_sum, rules: [a], condition: {field: [F, G], gte: 2}  =>  wrong-type: a `value_sum` has one `field` AT [F, G]
        type: value_sum, rules: [a], condition: {field: F, gte: high}  =>  wrong-type: `gte` must be a number, not a text AT high
        type: value_percentile, rules: [a], condition: {field: F, gte: 2}  =>  missing-field: the condition of a `value_percentile` without `percentile` AT field (write, for example, condition: {field: FIELD, percentile: 95, gt: 80})
        type: value_percentile, rules: [a], condition: {field: F, percentile: 101, gte: 2}  =>  wrong-type: `percentile` must be a number from 0 to 100 AT 101 (for example percentile: 95)
        type: value_percentile, rules: [a], condition: {field: F, percentile: p95, gte: 2}  =>  wrong-type: `percentile` must be a number from 0 to 100 AT p95 (for example percentile: 95)
        type: event_count, rules: [a], condition: a and b  =>  wrong-type: the condition of an `event_count` must be a map, not a text AT a and b (write, for example, condition: {gte: 5})
        type: event_count, rules: [a], condition: {gte: '5'}  =>  wrong-type: `gte` must be a whole number of 0 or more, not a text AT '5' (write it without quotes)
        type: event_count, rules: [a], condition: {gte: -5}  =>  wrong-type: `gte` must be a whole number of 0 or more, not -5 AT -5
        type: event_count, rules: [a], condition: {ge: 5}  =>  unknown-key: the condition of an `event_count` has no `ge` AT ge (did you mean `gte`?)
        type: event_count, rules: [a], condition: {}  =>  missing-field: a condition that compares with nothing AT {} (write, for example, condition: {gte: 5})
        type: temporal, rules: [a], condition: {field: F, gte: 1}  =>  unknown-key: the condition of a `temporal` has no `field` AT field (it has gte, gt, lte, lt, eq, neq)
        ");
    }

    #[test]
    fn bounds_that_exclude_each_other_are_refused() {
        let told = |condition: &str| {
            let kind = if condition.contains("field") { "value_sum" } else { "event_count" };
            let told = correlations(&[&format!("type: {kind}, rules: [a], condition: {{{condition}}}")]);
            told.contains("never-true")
        };
        for condition in [
            "lt: 0",
            "gt: 5, lt: 6",
            "eq: 3, neq: 3",
            "lte: 3, gte: 4",
            "field: F, gt: 5, lt: 5",
            "field: F, eq: 1, gt: 1",
        ] {
            assert!(told(condition), "{condition}");
        }
        for condition in [
            "lt: 1",
            "gt: 5, lt: 7",
            "neq: 0",
            "gte: 5, lte: 5",
            "gt: 18446744073709551615",
            "field: F, gt: 5, lt: 6",
            "field: F, gt: 1e308",
            "field: F, lt: -1e308",
            "field: F, neq: 0, gte: 0",
        ] {
            assert!(!told(condition), "{condition}");
        }
        assert_snapshot!(correlations(&["type: temporal, rules: [a, b], condition: {gt: 2}"]), @"type: temporal, rules: [a, b], condition: {gt: 2}  =>  never-true: this condition is never true AT {gt: 2} (it counts 2 rules)");
    }

    proptest! {
        #[test]
        fn any_correlation_is_read_or_refused(
            kind in "event_count|value_(count|sum|avg|percentile|median)|temporal(_ordered)?",
            rules in "\\[[ab](, [abc])?\\]|a|",
            condition in "\\{(field: (F|\\[F\\]), )?(percentile: 9(\\.5)?, )?(l|g)te?: -?[0-9]{1,3}(, (n?eq|lt): [0-9])?\\}|[ab()andort ]{0,12}|'\\PC{0,8}'",
            group_by in "src_ip|x|\\[x, G\\]",
        ) {
            let section = format!("{{timespan: 1m, type: {kind}, rules: {rules}, condition: {condition}, group-by: {group_by}, aliases: {{x: {{a: F}}}}}}");
            let loaded = load_text(&format!("{RULES}---\ntitle: c\ncorrelation: {section}\n"));
            let _ = loaded.render(false);
            prop_assert!(loaded.ruleset.correlations.len() == 1 || !loaded.diagnostics.is_empty());
            for correlation in &loaded.ruleset.correlations {
                prop_assert!(correlation.group_by.iter().all(|key| key.fields.len() == correlation.rules.len()));
            }
        }
    }

    #[test]
    fn long_conditions_over_rules_are_bounded() {
        let rules: String = (0..1_001).map(|at| format!("r{at} or ")).collect();
        let text = format!("title: c\ncorrelation: {{type: temporal, timespan: 1m, condition: {rules} x}}\n");
        assert!(brief(&text).contains("more than 1000 rules in one condition"));
    }
}
