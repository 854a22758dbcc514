//! What the search identifiers of a rule add up to.

use super::super::ast::{Body, Detection, Item, Selection};
use super::super::condition::{self, Condition, Names};
use super::super::diagnostic::{Problem, Refusal, Span, short};
use super::super::ir::Expr;
use super::super::lower;
use super::Lint;
use super::logic::{self, Clash, Formula, Node, Verdict};
use super::values;
use std::collections::BTreeSet;

/// Search identifiers among which equal ones are looked for.
const MAX_COMPARED: usize = 64;
/// Lines of a map that are compared pair by pair.
const MAX_LINES: usize = 32;

/// Looks at a detection without errors.
pub(super) fn detection(lint: &mut Lint<'_>, detection: &Detection<'_>) {
    let selections = &detection.selections;
    let names: Names<'_> =
        selections.iter().enumerate().map(|(index, selection)| (&*selection.name.text, index)).collect();
    let read = |(text, span): &(&str, Span)| condition::parse(text, *span, lint.context.text, &names).ok();
    let Some(conditions) = detection.conditions.iter().map(read).collect::<Option<Vec<Condition>>>() else { return };
    let lowered = |selection: &Selection<'_>| lower::body(&mut lint.context, selection.body.as_ref()?);
    let Some(exprs) = selections.iter().map(lowered).collect::<Option<Vec<Expr>>>() else { return };

    let bodies = selections.iter().filter_map(|selection| selection.body.as_ref());
    let never = bodies.fold(false, |never, given| body(lint, given) | never);
    let named = logic::named(&conditions);
    unused(lint, selections, &named);
    same(lint, selections, &exprs, &named);
    let span = detection.conditions.first().map_or(Span::default(), |(_, span)| *span);
    // Whoever was told that a selection is never true need not be told that of the condition.
    if never || !is_constant(lint, &exprs, &conditions, span) {
        idle(lint, selections, &conditions);
    }
}

fn unused(lint: &mut Lint<'_>, selections: &[Selection<'_>], named: &BTreeSet<usize>) {
    for (index, Selection { name, .. }) in selections.iter().enumerate() {
        if !named.contains(&index) && !name.text.starts_with('_') {
            let message = format!("the condition does not use `{}`", short(&name.text));
            lint.push(
                Problem::warning("unused-selection", name.span, message)
                    .hint("name it in the condition, delete it, or begin its name with `_`"),
            );
        }
    }
}

fn same(lint: &mut Lint<'_>, selections: &[Selection<'_>], exprs: &[Expr], named: &BTreeSet<usize>) {
    let pairs: Vec<_> = selections.iter().zip(exprs).enumerate().filter(|(index, _)| named.contains(index)).collect();
    for (at, (_, (second, expr))) in pairs.iter().enumerate().take(MAX_COMPARED) {
        if let Some((_, (first, _))) = pairs.iter().take(at).find(|(_, (_, other))| other == expr) {
            let message = format!("`{}` asks the same as `{}`", short(&second.name.text), short(&first.name.text));
            lint.push(
                Problem::warning("same-selection", second.name.span, message)
                    .label("the same again")
                    .related(first.name.span, "first here")
                    .hint("one of them may have been meant otherwise"),
            );
        }
    }
}

fn idle(lint: &mut Lint<'_>, selections: &[Selection<'_>], conditions: &[Condition]) {
    for index in logic::idle(conditions) {
        let Some(Selection { name, .. }) = selections.get(index) else { continue };
        let message = format!("`{}` is in the condition and can never decide it", short(&name.text));
        lint.push(
            Problem::warning("idle-selection", name.span, message).hint(
                "whether it holds or not, the condition comes out the same: look at `and`, `or` and the brackets",
            ),
        );
    }
}

/// Tells a condition that always, or never, holds.
fn is_constant(lint: &mut Lint<'_>, exprs: &[Expr], conditions: &[Condition], span: Span) -> bool {
    let own = lint.context.own;
    let mut formula = Formula::default();
    exprs.iter().for_each(|expr| formula.add(expr, own));
    let root = Node::Any(conditions.iter().map(logic::condition).collect());
    if let (Verdict::Never, clash) = formula.search(&root, true, &mut lint.steps) {
        let problem = Problem::warning("never-true", span, "no event can satisfy this condition");
        lint.push(with_reason(problem, &formula, clash));
        return true;
    }
    let always = formula.search(&root, false, &mut lint.steps).0 == Verdict::Never;
    if always {
        lint.push(
            Problem::warning("always-true", span, "every event satisfies this condition")
                .hint("the rule would find all that is read; look at `or` and `not`"),
        );
    }
    always
}

/// Adds the tests that exclude each other: `a = 1` and `not a = 1` never hold together.
fn with_reason(problem: Refusal, formula: &Formula<'_>, clash: Option<Clash>) -> Refusal {
    let Some(clash) = clash else { return problem };
    let [first, second] = clash.map(|(leaf, sign)| {
        let test = formula.leaves.get(leaf).map(|leaf| leaf.predicate.to_string()).unwrap_or_default();
        format!("`{}{}`", if sign { "" } else { "not " }, short(&test))
    });
    problem.hint(format!("{first} and {second} never hold together"))
}

/// Looks at the lines of a search identifier; whether some of them were told to be never true.
fn body(lint: &mut Lint<'_>, given: &Body<'_>) -> bool {
    match given {
        Body::Map(items) => {
            items.iter().for_each(|item| values::item(lint, item));
            lines(lint, items)
        }
        Body::All(parts) | Body::List(parts) => parts.iter().fold(false, |never, part| body(lint, part) | never),
        Body::Keyword(_) => false,
    }
}

/// Tells lines of one map that are never true, or never both; whether there are some.
fn lines(lint: &mut Lint<'_>, items: &[Item<'_>]) -> bool {
    let own = lint.context.own;
    // Only lines of one field, or one that wants all of its values, can go wrong; lowering is what costs.
    let shares = |(at, item): (usize, &Item<'_>)| items.iter().take(at).any(|other| field(other) == field(item));
    let wants_all = |item: &Item<'_>| item.key.text.split('|').any(|modifier| modifier == "all");
    if !items.iter().any(wants_all) && !items.iter().take(MAX_LINES).enumerate().any(shares) {
        return false;
    }
    let lowered: Option<Vec<Expr>> =
        items.iter().take(MAX_LINES).map(|item| lower::lower_item(&mut lint.context, item).ok()).collect();
    let Some(lowered) = lowered else { return false };
    let before = lint.found();
    let mut formula = Formula::default();
    lowered.iter().for_each(|expr| formula.add(expr, own));
    for (at, item) in items.iter().enumerate().take(MAX_LINES) {
        if let (Verdict::Never, clash) = formula.search(&Node::Selection(at), true, &mut lint.steps) {
            let problem = Problem::warning("never-true", item.key.span, "no event can satisfy this line");
            lint.push(with_reason(problem, &formula, clash));
            continue;
        }
        for (before, first) in items.iter().enumerate().take(at).filter(|(_, first)| field(first) == field(item)) {
            let root = Node::All(vec![Node::Selection(before), Node::Selection(at)]);
            if let (Verdict::Never, clash @ Some(_)) = formula.search(&root, true, &mut lint.steps) {
                let message = "two lines that no event can satisfy at once";
                let problem = Problem::warning("never-true", item.key.span, message);
                let problem = problem.label("this excludes the other").related(first.key.span, "the other");
                lint.push(with_reason(problem, &formula, clash));
            }
        }
    }
    lint.found() > before
}

fn field<'i>(item: &'i Item<'_>) -> &'i str {
    item.key.text.split('|').next().unwrap_or("")
}
