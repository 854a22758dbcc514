//! A condition as code: tests with two ways on, so that running it is a loop without a stack.

use super::ask::Ask;
use super::error::Problem;
use super::predicate::{Predicate, PredicateIx};
use crate::sigma::ir::{Expr, Target, Test};

/// How deep a condition may be nested; rules written by people stay under ten.
const MAX_DEPTH: usize = 100;
/// How many tests a condition may have: ten times the largest of the public rules.
const MAX_TESTS: usize = 50_000;

/// The way on that ends with a match.
const MATCH: u32 = u32::MAX;
/// The way on that ends without.
const FAIL: u32 = u32::MAX - 1;

/// A condition over predicates, negations pushed down to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// All of them.
    All(Vec<Self>),
    /// Any of them.
    Any(Vec<Self>),
    /// The predicate holds.
    Is(PredicateIx),
    /// It does not.
    Not(PredicateIx),
}

/// Refuses conditions of hostile size, before anything recursive looks at them.
pub(super) fn check(condition: &Expr) -> Result<(), Problem> {
    let mut tests = 0;
    let mut open = vec![(condition, 1)];
    while let Some((expr, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(Problem::Depth { limit: MAX_DEPTH });
        }
        tests += 1;
        if tests > MAX_TESTS {
            return Err(Problem::Tests { limit: MAX_TESTS });
        }
        match expr {
            Expr::All(parts) | Expr::Any(parts) => open.extend(parts.iter().map(|part| (part, depth + 1))),
            Expr::Not(part) => open.push((part, depth + 1)),
            Expr::Test(_) => {}
        }
    }
    Ok(())
}

/// Lowers a condition. Tests of one target under one `Any` become one predicate, numbered by `intern`.
pub(super) fn lower<I>(condition: &Expr, intern: &mut I) -> Result<Node, Problem>
where
    I: FnMut(&Target, &[&Test]) -> Result<PredicateIx, Problem>,
{
    node(condition, false, intern)
}

fn node<I>(expr: &Expr, negated: bool, intern: &mut I) -> Result<Node, Problem>
where
    I: FnMut(&Target, &[&Test]) -> Result<PredicateIx, Problem>,
{
    match expr {
        Expr::Not(part) => node(part, !negated, intern),
        Expr::Test(predicate) => leaf(intern(&predicate.target, &[&predicate.test])?, negated),
        Expr::All(parts) => {
            let parts = parts.iter().map(|part| node(part, negated, intern)).collect::<Result<_, _>>()?;
            Ok(join(parts, negated))
        }
        Expr::Any(parts) => {
            let mut flat = Vec::new();
            flatten(parts, &mut flat);
            let mut lists: Vec<(&Target, Vec<&Test>)> = Vec::new();
            let mut nodes = Vec::new();
            for part in flat {
                let Expr::Test(predicate) = part else {
                    nodes.push(node(part, negated, intern)?);
                    continue;
                };
                match lists.iter_mut().find(|(target, _)| **target == predicate.target) {
                    Some((_, tests)) => tests.push(&predicate.test),
                    None => lists.push((&predicate.target, vec![&predicate.test])),
                }
            }
            for (target, tests) in lists {
                nodes.push(leaf(intern(target, &tests)?, negated)?);
            }
            Ok(join(nodes, !negated))
        }
    }
}

fn leaf(predicate: PredicateIx, negated: bool) -> Result<Node, Problem> {
    Ok(if negated { Node::Not(predicate) } else { Node::Is(predicate) })
}

fn join(mut parts: Vec<Node>, any: bool) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            if any { Node::Any(parts) } else { Node::All(parts) }
        }
    }
}

fn flatten<'e>(parts: &'e [Expr], flat: &mut Vec<&'e Expr>) {
    for part in parts {
        match part {
            Expr::Any(inner) => flatten(inner, flat),
            other => flat.push(other),
        }
    }
}

/// The compiled condition.
#[derive(Clone, Debug)]
pub(super) struct Program {
    code: Box<[Step]>,
    start: u32,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    predicate: PredicateIx,
    /// Where to go on if it holds, and if not.
    yes: u32,
    no: u32,
}

impl Program {
    /// Compiles `node`, cheap tests before dear ones.
    pub(super) fn new(node: &Node, predicates: &[Predicate]) -> Self {
        let mut code = Vec::new();
        let start = emit(node, MATCH, FAIL, predicates, &mut code);
        Self { code: code.into(), start }
    }

    /// Whether the condition holds, given which predicates do.
    #[inline]
    pub(super) fn run(&self, mut holds: impl FnMut(PredicateIx) -> bool) -> bool {
        let mut at = self.start;
        while let Some(step) = self.code.get(at as usize) {
            at = if holds(step.predicate) { step.yes } else { step.no };
        }
        at == MATCH
    }
}

/// Appends the code of `node`, last part first, so that the ways on are known; returns where it starts.
fn emit(node: &Node, yes: u32, no: u32, predicates: &[Predicate], code: &mut Vec<Step>) -> u32 {
    match node {
        Node::Is(predicate) => step(*predicate, yes, no, code),
        Node::Not(predicate) => step(*predicate, no, yes, code),
        Node::All(parts) => {
            by_cost(parts, predicates).iter().rev().fold(yes, |next, part| emit(part, next, no, predicates, code))
        }
        Node::Any(parts) => {
            by_cost(parts, predicates).iter().rev().fold(no, |next, part| emit(part, yes, next, predicates, code))
        }
    }
}

fn step(predicate: PredicateIx, yes: u32, no: u32, code: &mut Vec<Step>) -> u32 {
    code.push(Step { predicate, yes, no });
    code.len() as u32 - 1
}

fn by_cost<'n>(parts: &'n [Node], predicates: &[Predicate]) -> Vec<&'n Node> {
    let mut sorted: Vec<&Node> = parts.iter().collect();
    sorted.sort_by_cached_key(|part| cost(part, predicates));
    sorted
}

/// What it may take to find out, roughly: a look-up is 1.
fn cost(node: &Node, predicates: &[Predicate]) -> usize {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().map(|part| cost(part, predicates)).sum(),
        Node::Is(predicate) | Node::Not(predicate) => {
            let Some(predicate) = predicates.get(*predicate as usize) else { return 1 };
            let keyword = if predicate.slot.is_none() { 1_000 } else { 0 };
            keyword
                + predicate.asks.iter().fold(0, |sum, ask| {
                    sum + match ask {
                        Ask::Regex(_) => 100,
                        Ask::Text(_) if predicate.known == (i64::MIN, i64::MAX) => 2,
                        Ask::Text(_) | Ask::FieldRef { .. } | Ask::TimePart(..) => 10,
                        _ => 1,
                    }
                })
        }
    }
}
