//! A condition as code: tests with two ways on, so that running it is a loop without a stack.

use super::ask::Ask;
use super::error::Problem;
use super::predicate::{self, Interner, PredicateIx};
use crate::record::Domain;
use crate::sigma::ir::{Expr, Number, Order, Predicate, Target, Test};
use std::collections::BTreeSet;

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
    All {
        /// The parts.
        parts: Vec<Self>,
        /// What the parts together say of one value: for each record without lists in these fields, these hold too.
        /// Good as witnesses only.
        joint: Vec<PredicateIx>,
    },
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

/// Lowers a condition. Tests of one target under one `Any` become one predicate.
pub(super) fn lower<'r>(condition: &'r Expr, interner: &mut Interner<'_, 'r>) -> Result<Node, Problem> {
    node(condition, false, interner)
}

fn node<'r>(expr: &'r Expr, negated: bool, interner: &mut Interner<'_, 'r>) -> Result<Node, Problem> {
    match expr {
        Expr::Not(part) => node(part, !negated, interner),
        Expr::Test(predicate) => Ok(leaf(interner.any(&predicate.target, &[&predicate.test])?, negated)),
        Expr::All(parts) => {
            let joint = if negated { Vec::new() } else { ranges(parts, interner)? };
            let parts = parts.iter().map(|part| node(part, negated, interner)).collect::<Result<_, _>>()?;
            Ok(join(parts, negated, joint))
        }
        Expr::Any(parts) => {
            let mut flat = Vec::new();
            flatten(parts, &mut flat);
            let mut lists: Vec<(&Target, Vec<&Test>)> = Vec::new();
            let mut nodes = Vec::new();
            for part in flat {
                match part {
                    Expr::Test(predicate) => group(&mut lists, &predicate.target, &predicate.test),
                    other => nodes.push(node(other, negated, interner)?),
                }
            }
            for (target, tests) in lists {
                nodes.push(leaf(interner.any(target, &tests)?, negated));
            }
            Ok(join(nodes, !negated, Vec::new()))
        }
    }
}

/// `address >= 10` and `address < 20` say little each, but much together.
fn ranges<'r>(parts: &'r [Expr], interner: &mut Interner<'_, 'r>) -> Result<Vec<PredicateIx>, Problem> {
    let mut bounds: Vec<(&Target, Vec<(Order, Number)>)> = Vec::new();
    for part in parts {
        if let Expr::Test(Predicate { target: target @ Target::Field(_), test: Test::Compare(order, bound) }) =
            only(part)
        {
            group(&mut bounds, target, (*order, *bound));
        }
    }
    let several = bounds.iter().filter(|(_, bounds)| bounds.len() > 1);
    several.map(|(target, bounds)| interner.within(target, bounds)).collect()
}

/// What a list of one thing says.
fn only(expr: &Expr) -> &Expr {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => match parts.as_slice() {
            [part] => only(part),
            _ => expr,
        },
        _ => expr,
    }
}

fn group<'e, T>(groups: &mut Vec<(&'e Target, Vec<T>)>, target: &'e Target, member: T) {
    match groups.iter_mut().find(|(known, _)| *known == target) {
        Some((_, members)) => members.push(member),
        None => groups.push((target, vec![member])),
    }
}

fn leaf(predicate: PredicateIx, negated: bool) -> Node {
    if negated { Node::Not(predicate) } else { Node::Is(predicate) }
}

fn join(parts: Vec<Node>, any: bool, mut joint: Vec<PredicateIx>) -> Node {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Node::Any(inner) if any => flat.extend(inner),
            Node::All { parts, joint: inner } if !any => {
                flat.extend(parts);
                joint.extend(inner);
            }
            part => flat.push(part),
        }
    }
    match flat.pop() {
        Some(only) if flat.is_empty() => only,
        last => {
            flat.extend(last);
            if any { Node::Any(flat) } else { Node::All { parts: flat, joint } }
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

/// The compiled conditions of all rules, in one piece.
#[derive(Debug)]
pub(super) struct Code {
    steps: Box<[Step]>,
    /// Where each rule starts.
    starts: Box<[u32]>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    predicate: PredicateIx,
    /// Where to go on if it holds, and if not.
    yes: u32,
    no: u32,
}

impl Code {
    /// Compiles conditions: cheap tests before dear ones, and first those that likely settle it.
    pub(super) fn new(rules: &[Node], predicates: &[predicate::Predicate], chances: &[f64]) -> Self {
        let guess = Guess { predicates, chances };
        let mut steps = Vec::new();
        let starts = rules.iter().map(|rule| emit(rule, MATCH, FAIL, &guess, &mut steps)).collect();
        Self { steps: steps.into(), starts }
    }

    /// How many rules there are.
    pub(super) fn rules(&self) -> usize {
        self.starts.len()
    }

    /// Where the code of `rule` begins.
    pub(super) fn start(&self, rule: u32) -> u32 {
        self.starts.get(rule as usize).copied().unwrap_or(FAIL)
    }

    /// The predicates that the condition of `rule` asks, each once, in ascending order.
    pub(super) fn predicates(&self, rule: u32) -> Vec<PredicateIx> {
        let mut open = vec![self.start(rule)];
        let mut steps = BTreeSet::new();
        while let Some(at) = open.pop() {
            if let Some(step) = self.steps.get(at as usize)
                && steps.insert(at)
            {
                open.extend([step.yes, step.no]);
            }
        }
        let asked = steps.iter().filter_map(|at| self.steps.get(*at as usize)).map(|step| step.predicate);
        asked.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Follows a condition from a place in its code as far as predicates are known.
    pub(super) fn advance(&self, mut at: u32, known: impl Fn(PredicateIx) -> Option<bool>) -> Stand {
        while let Some(step) = self.steps.get(at as usize) {
            at = match known(step.predicate) {
                Some(true) => step.yes,
                Some(false) => step.no,
                None => return Stand::At(at, step.predicate),
            };
        }
        if at == MATCH { Stand::Match } else { Stand::Fail }
    }

    /// Whether the condition of `rule` holds, given which predicates do.
    #[inline]
    pub(super) fn run(&self, rule: u32, mut holds: impl FnMut(PredicateIx) -> bool) -> bool {
        let mut at = self.start(rule);
        while let Some(step) = self.steps.get(at as usize) {
            at = if holds(step.predicate) { step.yes } else { step.no };
        }
        at == MATCH
    }
}

/// How far a condition can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// It holds.
    Match,
    /// It does not.
    Fail,
    /// It hangs on a predicate; the place in the code to go on from.
    At(u32, PredicateIx),
}

/// Appends the code of `node`, last part first, so that the ways on are known; returns where it starts.
fn emit(node: &Node, yes: u32, no: u32, guess: &Guess<'_>, code: &mut Vec<Step>) -> u32 {
    match node {
        Node::Is(predicate) => step(*predicate, yes, no, code),
        Node::Not(predicate) => step(*predicate, no, yes, code),
        Node::All { parts, .. } => {
            guess.order(parts, false).iter().rev().fold(yes, |next, part| emit(part, next, no, guess, code))
        }
        Node::Any(parts) => {
            guess.order(parts, true).iter().rev().fold(no, |next, part| emit(part, yes, next, guess, code))
        }
    }
}

fn step(predicate: PredicateIx, yes: u32, no: u32, code: &mut Vec<Step>) -> u32 {
    code.push(Step { predicate, yes, no });
    code.len() as u32 - 1
}

/// What can be guessed before there is a record.
struct Guess<'a> {
    predicates: &'a [predicate::Predicate],
    chances: &'a [f64],
}

impl Guess<'_> {
    /// Parts by cost; among equals first those that are likely as asked for.
    fn order<'n>(&self, parts: &'n [Node], likely: bool) -> Vec<&'n Node> {
        let mut keyed: Vec<(usize, f64, &Node)> = parts
            .iter()
            .map(|part| (self.cost(part), if likely { -self.chance(part) } else { self.chance(part) }, part))
            .collect();
        keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        keyed.into_iter().map(|(_, _, part)| part).collect()
    }

    fn chance(&self, node: &Node) -> f64 {
        match node {
            Node::All { parts, .. } => parts.iter().map(|part| self.chance(part)).fold(1.0, f64::min),
            Node::Any(parts) => parts.iter().map(|part| self.chance(part)).sum::<f64>().min(1.0),
            Node::Is(predicate) => self.chances.get(*predicate as usize).map_or(1.0, |chance| chance.min(1.0)),
            Node::Not(predicate) => self.chances.get(*predicate as usize).map_or(1.0, |chance| 1.0 - chance.min(1.0)),
        }
    }

    /// What it may take to find out, roughly: a look-up is 1.
    fn cost(&self, node: &Node) -> usize {
        match node {
            Node::All { parts, .. } | Node::Any(parts) => parts.iter().map(|part| self.cost(part)).sum(),
            Node::Is(predicate) | Node::Not(predicate) => {
                let Some(predicate) = self.predicates.get(*predicate as usize) else { return 1 };
                let values = match (predicate.slot, predicate.domain) {
                    (None, _) => 1_000,
                    (_, Some(Domain::U16List)) => 20,
                    // Whatever it asks for, one look-up tells.
                    (_, Some(Domain::U8 | Domain::Bool | Domain::Word(_))) => return 1,
                    // However many networks, they were merged to ranges.
                    _ if predicate.addresses.is_some() => return 5,
                    _ => 0,
                };
                values + predicate.asks.iter().map(ask_cost).sum::<usize>()
            }
        }
    }
}

fn ask_cost(ask: &Ask) -> usize {
    match ask {
        Ask::Regex(_) => 100,
        Ask::Text(_) | Ask::FieldRef { .. } | Ask::TimePart(..) => 10,
        _ => 1,
    }
}
