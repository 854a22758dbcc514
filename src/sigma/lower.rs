//! A detection rule's shape to its meaning.

use super::ast::{self, Added, Body, Detection, Given, Item, Map, Selection};
use super::condition::{self, Condition, Names};
use super::context::Context;
use super::diagnostic::{Problem, Refusal, Span};
use super::ir::{Expr, Piece, Predicate, Rule, Target, Test};
use super::is_own;
use super::limits::{Budget, MAX_FILE_WEIGHT};
use super::mapping::rule::{self, Changes};
use super::metadata;
use super::modifiers::{How, Plan};
use super::scalar::Value;
use super::value;
use super::yaml::Node;
use bumpalo::Bump;
use std::borrow::Cow;

/// Lowers one detection rule, and tells what mappings did with it. `None` if it has an error; all its problems are in
/// the context.
pub(super) fn rule<'t>(context: &mut Context<'_>, map: Map<'t>, section: &'t Node<'t>) -> Option<(Rule, Changes)> {
    let before = context.problems.errors();
    let mut source = context.problems.keep(metadata::log_source(map, "a rule"));
    context.own = source.as_ref().is_some_and(is_own);
    let mut meta = metadata::read(context, map, "a rule");
    let mut given = ast::detection(section, &mut context.problems);
    let mut changes = Changes { was_own: context.own, steps: Vec::new() };
    let arena = Bump::new();
    if let (Some(given), Some(source), Some(meta)) = (&mut given, &mut source, &mut meta)
        && !context.options.mappings.is_empty()
    {
        let place = map.entry("logsource").map_or(map.span, |entry| entry.key.span);
        changes.steps = rule::change(context, &arena, given, source, meta, place);
        context.own = is_own(source);
    }
    let condition = given.and_then(|given| detection(context, &given));
    if context.problems.errors() > before {
        return None;
    }
    Some((Rule { meta: meta?, source: source?, condition: condition? }, changes))
}

/// The condition of a rule or a filter, with the selections in their places.
pub(super) fn detection(context: &mut Context<'_>, detection: &Detection<'_>) -> Option<Expr> {
    if detection.selections.is_empty() {
        return None;
    }
    let names: Names<'_> =
        detection.selections.iter().enumerate().map(|(index, selection)| (&*selection.name.text, index)).collect();
    let mut conditions = Vec::with_capacity(detection.conditions.len());
    for (text, span) in &detection.conditions {
        let parsed = condition::parse(text, *span, context.text, &names);
        conditions.extend(context.problems.keep(parsed));
    }
    let lowered = |selection: &Selection<'_>| selection.body.as_ref().and_then(|given| body(context, given));
    let bodies: Vec<_> = detection.selections.iter().map(lowered).collect();
    if conditions.len() < detection.conditions.len() {
        return None;
    }
    let span = detection.conditions.first().map_or_else(Span::default, |(_, span)| *span);
    let Some(conditions) = left(conditions, &detection.selections) else {
        let problem = Problem::error("mapping", span, "the mapping leaves nothing of this condition");
        context.problems.push(problem.hint("it drops all lines of the selections that the condition names"));
        return None;
    };
    let condition = Condition::Any(conditions);
    let added: Vec<_> = detection.added.iter().map(|added| lower_added(context, added)).collect();
    let mut selections = Selections::new(bodies, &condition)?;
    let expr = selections.build(&condition, &mut context.budget).ok_or_else(|| too_heavy(span));
    let expr = context.problems.keep(expr)?;
    let mut parts = added.into_iter().collect::<Option<Vec<_>>>()?;
    match expr {
        Expr::All(more) if !parts.is_empty() => parts.extend(more),
        expr => parts.push(expr),
    }
    Some(all(parts))
}

fn lower_added(context: &mut Context<'_>, added: &Added<'_>) -> Option<Expr> {
    let expr = body(context, &added.body)?;
    Some(if added.negated { Expr::Not(Box::new(expr)) } else { expr })
}

/// The conditions without the selections of which mappings left nothing; `None` if nothing is left of one.
fn left(conditions: Vec<Condition>, selections: &[Selection<'_>]) -> Option<Vec<Condition>> {
    let gone: Vec<bool> =
        selections.iter().map(|selection| selection.body.as_ref().is_some_and(Body::is_empty)).collect();
    if !gone.contains(&true) {
        return Some(conditions);
    }
    conditions.into_iter().map(|condition| condition.without(&gone)).collect()
}

/// The lowered search identifiers, and how often the condition still names each.
struct Selections {
    exprs: Vec<Option<Expr>>,
    mentions: Vec<usize>,
}

impl Selections {
    /// `None` if one of them has an error.
    fn new(bodies: Vec<Option<Expr>>, condition: &Condition) -> Option<Self> {
        let exprs: Vec<_> = bodies.into_iter().map(|body| body.map(Some)).collect::<Option<_>>()?;
        let mut mentions = vec![0; exprs.len()];
        count(condition, &mut mentions);
        Some(Self { exprs, mentions })
    }

    /// The condition with the selections in their places; the last mention moves, the others copy. `None` if the
    /// copies are too many.
    fn build(&mut self, condition: &Condition, budget: &mut Budget) -> Option<Expr> {
        let mut each = |parts: &[Condition]| parts.iter().map(|part| self.build(part, budget)).collect::<Option<_>>();
        match condition {
            Condition::Any(parts) => each(parts).map(any),
            Condition::All(parts) => each(parts).map(all),
            Condition::Not(inner) => self.build(inner, budget).map(|inner| Expr::Not(Box::new(inner))),
            Condition::Named(index) => {
                let left = self.mentions.get_mut(*index)?;
                *left = left.saturating_sub(1);
                let expr = self.exprs.get_mut(*index)?;
                if *left == 0 {
                    return expr.take();
                }
                let expr = expr.as_ref()?;
                budget.take(weight(expr)).then(|| expr.clone())
            }
        }
    }
}

fn count(condition: &Condition, mentions: &mut [usize]) {
    match condition {
        Condition::Any(parts) | Condition::All(parts) => parts.iter().for_each(|part| count(part, mentions)),
        Condition::Not(inner) => count(inner, mentions),
        Condition::Named(index) => mentions.iter_mut().skip(*index).take(1).for_each(|mention| *mention += 1),
    }
}

/// What a search identifier asks, or an element of its list.
pub(super) fn body(context: &mut Context<'_>, body: &Body<'_>) -> Option<Expr> {
    // Everything is lowered even after an error, so that all that is wrong is told at once; but nobody is told more
    // than the file's share of problems.
    if context.problems.is_full() {
        return None;
    }
    match body {
        Body::Map(items) => {
            let parts: Vec<_> = items
                .iter()
                .map(|item| {
                    if context.problems.is_full() {
                        return None;
                    }
                    let lowered = lower_item(context, item);
                    context.problems.keep(lowered)
                })
                .collect();
            parts.into_iter().collect::<Option<_>>().map(all)
        }
        Body::List(bodies) => each(context, bodies).map(any),
        Body::All(bodies) => each(context, bodies).map(all),
        Body::Keyword(given) => {
            let plan = Plan {
                field: "",
                field_span: given.span,
                how: How::Text(Vec::new()),
                cased: false,
                all: false,
                neq: false,
            };
            let group = group(context, &plan, &Target::AnyValue, *given);
            context.problems.keep(group)
        }
    }
}

fn each(context: &mut Context<'_>, bodies: &[Body<'_>]) -> Option<Vec<Expr>> {
    let parts: Vec<_> = bodies.iter().map(|part| body(context, part)).collect();
    parts.into_iter().collect()
}

/// What a line of a selection asks.
pub(super) fn lower_item(context: &mut Context<'_>, item: &Item<'_>) -> Result<Expr, Refusal> {
    let plan = match &item.mapped {
        Some(mapped) => {
            context.placeholder_steps.clone_from(&mapped.placeholders);
            Cow::Borrowed(&mapped.plan)
        }
        None => {
            context.placeholder_steps.clear();
            Cow::Owned(Plan::read(item.key, context.text)?)
        }
    };
    let target = if plan.field.is_empty() {
        if !matches!(plan.how, How::Text(_) | How::Regex { .. } | How::Cidr) {
            let problem = Problem::error("bad-modifier", item.key.span, "this modifier needs a field");
            return Err(problem.hint("write the field's name before the `|`"));
        }
        Target::AnyValue
    } else {
        context.check_field(plan.field, plan.field_span)?;
        Target::Field(context.name(plan.field))
    };
    if plan.how == How::Exists {
        return exists(target, item);
    }
    if item.values.is_empty() {
        return no_values(target, &plan, item);
    }
    let groups: Vec<_> =
        item.values.iter().map(|given| group(context, &plan, &target, *given)).collect::<Result<_, _>>()?;
    // One value may have become several: those stay alternatives, also under `all`.
    let whole = if plan.all { all(groups) } else { any(groups) };
    Ok(negated(whole, &plan))
}

fn negated(whole: Expr, plan: &Plan<'_>) -> Expr {
    if plan.neq { Expr::Not(Box::new(whole)) } else { whole }
}

/// An empty list of values: whatever the modifiers, it is null, which is no keyword.
fn no_values(target: Target, plan: &Plan<'_>, item: &Item<'_>) -> Result<Expr, Refusal> {
    if target == Target::AnyValue {
        return Err(Problem::error("empty-selection", item.key.span, "no keywords to search for"));
    }
    Ok(negated(Expr::Test(Predicate { target, test: Test::Null }), plan))
}

fn exists(target: Target, item: &Item<'_>) -> Result<Expr, Refusal> {
    let refuse = |span, message: &str| Err(Problem::error("bad-value", span, message).hint("write true or false"));
    match item.values.as_slice() {
        [Given { value: Value::Bool(wanted), .. }] => {
            let test = Expr::Test(Predicate { target, test: Test::Exists });
            Ok(if *wanted { test } else { Expr::Not(Box::new(test)) })
        }
        [given] => refuse(given.span, "`exists` needs true or false, without quotes"),
        _ => refuse(item.key.span, "`exists` takes one value"),
    }
}

/// What one value becomes.
pub(super) fn group(
    context: &mut Context<'_>,
    plan: &Plan<'_>,
    target: &Target,
    given: Given<'_>,
) -> Result<Expr, Refusal> {
    let tests = value::tests(context, plan, given)?;
    let mut parts = Vec::with_capacity(tests.len());
    for test in tests {
        let part = Expr::Test(Predicate { target: target.clone(), test });
        if !context.budget.take(weight(&part)) {
            return Err(too_heavy(given.span));
        }
        parts.push(part);
    }
    Ok(any(parts))
}

fn too_heavy(span: Span) -> Refusal {
    Problem::error("too-large", span, format!("the rules of this file need more than {MAX_FILE_WEIGHT} tests"))
        .hint("a test counts once for every 64 bytes of text or 8 wildcards, and again each time the condition names its selection")
}

/// See [`Budget`].
pub(super) fn weight(expr: &Expr) -> usize {
    let text = |len: usize| 1 + len / 64;
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().map(weight).sum::<usize>() + 1,
        Expr::Not(inner) => 1 + weight(inner),
        Expr::Test(Predicate { test, .. }) => match test {
            Test::Text(pattern) => {
                let literals = pattern.pieces.iter().filter_map(|piece| match piece {
                    Piece::Literal(literal) => Some(literal.len() / 64),
                    Piece::Many | Piece::One | Piece::Dash => None,
                });
                1 + pattern.pieces.len() / 16 + literals.sum::<usize>()
            }
            Test::Regex(regex) => text(regex.pattern.len()),
            _ => 1,
        },
    }
}

/// All of `parts`, without a list around a single one.
fn all(parts: Vec<Expr>) -> Expr {
    single(parts).unwrap_or_else(Expr::All)
}

/// Any of `parts`, without a list around a single one.
fn any(parts: Vec<Expr>) -> Expr {
    single(parts).unwrap_or_else(Expr::Any)
}

fn single(mut parts: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        Some(last) => {
            parts.push(last);
            Err(parts)
        }
        None => Err(parts),
    }
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{brief, load_text, meaning, rule};
    use insta::assert_snapshot;

    /// The meaning of a search identifier with each of these contents.
    fn selections(contents: &[&str]) -> String {
        let meaning =
            |content: &&str| format!("{content}  =>  {}\n", brief(&rule(&format!("  condition: s\n  s: {content}\n"))));
        contents.iter().map(meaning).collect()
    }

    #[test]
    fn maps_are_conjunctions_and_lists_alternatives() {
        assert_snapshot!(selections(&[
            "{a: 1, b: 2}",
            "{F|contains: x, F|endswith: y}",
            "[{a: 1, b: 2}, {c: 3}]",
            "[[{a: 1}, {b: 2}], {c: 3}]",
            "[x, y]",
            "[x, {a: 1}]",
            "x",
            "12",
            "{'@a.b-c d': x, ä: y}",
            "{}",
            "[]",
            "[[]]",
            "[{}]",
            "",
            "[x, null]",
            "{a: 1, a: 2}",
        ]), @r"
        {a: 1, b: 2}  =>  (a = 1 and b = 2)
        {F|contains: x, F|endswith: y}  =>  (F = '*x*' and F = '*y')
        [{a: 1, b: 2}, {c: 3}]  =>  ((a = 1 and b = 2) or c = 3)
        [[{a: 1}, {b: 2}], {c: 3}]  =>  ((a = 1 or b = 2) or c = 3)
        [x, y]  =>  (any value = '*x*' or any value = '*y*')
        [x, {a: 1}]  =>  (any value = '*x*' or a = 1)
        x  =>  any value = '*x*'
        12  =>  any value = '*12*'
        {'@a.b-c d': x, ä: y}  =>  (@a.b-c d = 'x' and ä = 'y')
        {}  =>  empty-selection: an empty map in `s` AT {} (a search identifier needs at least one item, list element or keyword)
        []  =>  empty-selection: an empty list in `s` AT [] (a search identifier needs at least one item, list element or keyword)
        [[]]  =>  empty-selection: an empty list in `s` AT [] (a search identifier needs at least one item, list element or keyword)
        [{}]  =>  empty-selection: an empty map in `s` AT {} (a search identifier needs at least one item, list element or keyword)
          =>  empty-selection: nothing to search for in `s` AT  (a search identifier needs at least one item, list element or keyword)
        [x, null]  =>  empty-selection: nothing to search for in `s` AT null (a search identifier needs at least one item, list element or keyword)
        {a: 1, a: 2}  =>  duplicate-key: the key `a` is here twice AT a (put the values into one list, or into two maps in a list)
        ");
    }

    #[test]
    fn all_problems_of_a_rule_are_told_at_once() {
        let text = rule("  s:\n    F|contain: x\n    G|re: '('\n  t: {}\n  condition: s and u\n");
        assert_snapshot!(meaning(&text), @r"
        error[unknown-modifier]: no modifier `contain`
         --> rule.yml:5:7
          |
        5 |     F|contain: x
          |       ^^^^^^^
          |
          = help: did you mean `contains`?

        error[bad-regex]: invalid regular expression: unclosed group
         --> rule.yml:6:12
          |
        6 |     G|re: '('
          |            ^

        error[empty-selection]: an empty map in `t`
         --> rule.yml:7:6
          |
        7 |   t: {}
          |      ^^
          |
          = help: a search identifier needs at least one item, list element or keyword

        error[bad-condition]: no search identifier `u`
         --> rule.yml:8:20
          |
        8 |   condition: s and u
          |                    ^
          |
          = help: the search identifiers are `s`, `t`
        ");
    }

    #[test]
    fn a_selection_may_be_unused_but_not_wrong() {
        assert_snapshot!(brief(&rule("  a: {F: 1}\n  b: {G: 1}\n  timeframe: 5m\n  condition: a\n")), @"F = 1");
        assert_snapshot!(brief(&rule("  a: {F: 1}\n  b: {G|x: 1}\n  condition: a\n")), @"unknown-modifier: no modifier `x` AT x (most rules need contains, startswith, endswith, all, re, cidr or exists)");
    }

    #[test]
    fn a_selection_named_twice_is_copied() {
        assert_snapshot!(brief(&rule("  a: [x, y]\n  condition: a or not a\n")), @"((any value = '*x*' or any value = '*y*') or not (any value = '*x*' or any value = '*y*'))");
    }

    #[test]
    fn fields_of_our_own_records_are_known() {
        let own = |item: &str| {
            format!("title: t\nlogsource: {{product: modbus}}\ndetection:\n  s:\n    {item}\n  condition: s\n")
        };
        assert_snapshot!(meaning(&own("modbus.func: 3")), @r"
        error[unknown-field]: no field `modbus.func`
         --> rule.yml:5:5
          |
        5 |     modbus.func: 3
          |     ^^^^^^^^^^^
          |
          = help: did you mean `modbus.function`?
        ");
        assert_snapshot!(brief(&own("modbus.function|fieldref: dst")), @"unknown-field: no field `dst` AT dst");
        assert_snapshot!(brief(&own("modbus.function|gt: 3")), @"modbus.function > 3");
    }

    #[test]
    fn a_broken_rule_does_not_hide_the_others() {
        let good = rule("  a: {F: 1}\n  condition: a\n");
        let bad = rule("  a: {F|x: 1}\n  condition: a\n");
        let loaded = load_text(&format!("{good}---\n{bad}---\n[broken\n---\n{good}---\n"));
        let lines: Vec<_> = loaded.ruleset.rules.iter().map(|rule| rule.meta.origin.line).collect();
        assert_eq!(lines, [1, 15]);
        assert_eq!(loaded.diagnostics.iter().map(|found| found.line).collect::<Vec<_>>(), [10, 13]);
    }
}
