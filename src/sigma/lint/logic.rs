//! Whether any record at all satisfies a condition.
//!
//! A search for a set of tests that can hold together: what must hold is noted, alternatives are tried one after the
//! other, and a way ends where two tests exclude each other ([`theory`](super::theory)). Most rules are satisfied by the
//! first way; where the ways are too many, nothing is said.

use super::super::condition::Condition;
use super::super::ir::Expr;
use super::theory::Leaf;
use std::collections::BTreeSet;

/// Alternatives inside each other that are tried.
const MAX_DEPTH: usize = 200;
/// Steps of one search.
const MAX_SEARCH: usize = 20_000;

/// A condition whose tests are numbered.
#[derive(Debug)]
pub(super) enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// A test.
    Leaf(usize),
    /// A search identifier.
    Selection(usize),
}

/// The tests and the search identifiers of a condition.
#[derive(Debug, Default)]
pub(super) struct Formula<'e> {
    pub(super) leaves: Vec<Leaf<'e>>,
    selections: Vec<Node>,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing speaks against it.
    Possible,
    /// No record does.
    Never,
    /// It was given up.
    Unknown,
}

impl<'e> Formula<'e> {
    /// Adds the next search identifier; `own` as in [`Leaf::new`].
    pub(super) fn add(&mut self, expr: &'e Expr, own: bool) {
        let node = self.node(expr, own);
        self.selections.push(node);
    }

    /// The meaning with its tests among the leaves.
    pub(super) fn node(&mut self, expr: &'e Expr, own: bool) -> Node {
        let mut nodes = |parts: &'e [Expr]| parts.iter().map(|part| self.node(part, own)).collect();
        match expr {
            Expr::All(parts) => Node::All(nodes(parts)),
            Expr::Any(parts) => Node::Any(nodes(parts)),
            Expr::Not(inner) => Node::Not(Box::new(self.node(inner, own))),
            Expr::Test(predicate) => {
                self.leaves.push(Leaf::new(predicate, own));
                Node::Leaf(self.leaves.len() - 1)
            }
        }
    }

    /// Whether a record can satisfy `root`, or with the sign false, not satisfy it; and two tests that exclude each
    /// other on the way. Takes what it costs from `steps`.
    pub(super) fn search(&self, root: &Node, sign: bool, steps: &mut usize) -> (Verdict, Option<Clash>) {
        let share = MAX_SEARCH.min(*steps);
        let mut search = Search { formula: self, held: Vec::new(), left: share, clash: None };
        let verdict = search.solve(vec![(root, sign)], 0);
        *steps -= share - search.left;
        (verdict, search.clash)
    }
}

/// The condition over search identifiers.
pub(super) fn condition(condition: &Condition) -> Node {
    let nodes = |parts: &[Condition]| parts.iter().map(self::condition).collect();
    match condition {
        Condition::All(parts) => Node::All(nodes(parts)),
        Condition::Any(parts) => Node::Any(nodes(parts)),
        Condition::Not(inner) => Node::Not(Box::new(self::condition(inner))),
        Condition::Named(index) => Node::Selection(*index),
    }
}

/// Two tests, each with its sign, that exclude each other.
pub(super) type Clash = [(usize, bool); 2];

/// What is to hold, or with the sign false, not to hold.
type Goal<'f> = (&'f Node, bool);

struct Search<'f, 'e> {
    formula: &'f Formula<'e>,
    /// The tests of the way that is tried.
    held: Vec<(usize, bool)>,
    left: usize,
    clash: Option<Clash>,
}

impl<'f> Search<'f, '_> {
    fn spend(&mut self, steps: usize) -> bool {
        let enough = steps <= self.left;
        self.left = self.left.saturating_sub(steps);
        enough
    }

    /// Whether all of `goals` can hold beside what is held.
    fn solve(&mut self, mut goals: Vec<Goal<'f>>, depth: usize) -> Verdict {
        let before = self.held.len();
        let mut choices: Vec<Goal<'f>> = Vec::new();
        while let Some((node, sign)) = goals.pop() {
            if !self.spend(1) {
                return Verdict::Unknown;
            }
            match (node, sign) {
                (Node::Not(inner), _) => goals.push((inner, !sign)),
                (Node::Selection(index), _) => {
                    goals.extend(self.formula.selections.get(*index).map(|node| (node, sign)))
                }
                (Node::All(parts), true) | (Node::Any(parts), false) => {
                    goals.extend(parts.iter().map(|part| (part, sign)));
                }
                (Node::All(_) | Node::Any(_), _) => choices.push((node, sign)),
                (Node::Leaf(leaf), _) => match self.hold(*leaf, sign) {
                    Verdict::Possible => {}
                    verdict => {
                        self.held.truncate(before);
                        return verdict;
                    }
                },
            }
        }
        let verdict = self.choose(choices, depth);
        self.held.truncate(before);
        verdict
    }

    /// Notes a test, if it goes with those that are held.
    fn hold(&mut self, leaf: usize, sign: bool) -> Verdict {
        if !self.spend(self.held.len()) {
            return Verdict::Unknown;
        }
        let leaves = &self.formula.leaves;
        let excludes = |(other, other_sign): &&(usize, bool)| match (leaves.get(leaf), leaves.get(*other)) {
            (Some(leaf), Some(other)) => leaf.excludes(sign, other, *other_sign),
            _ => false,
        };
        if let Some(other) = self.held.iter().find(excludes) {
            self.clash = Some([*other, (leaf, sign)]);
            return Verdict::Never;
        }
        self.held.push((leaf, sign));
        Verdict::Possible
    }

    /// Tries the alternatives of the choice that has the fewest, each with all other choices still open.
    fn choose(&mut self, mut choices: Vec<Goal<'f>>, depth: usize) -> Verdict {
        let parts = |(node, _): &Goal<'f>| match node {
            Node::All(parts) | Node::Any(parts) => parts.as_slice(),
            _ => &[],
        };
        let fewest = (0..choices.len()).min_by_key(|at| choices.get(*at).map_or(0, |goal| parts(goal).len()));
        let Some(fewest) = fewest else { return Verdict::Possible };
        if depth == MAX_DEPTH {
            return Verdict::Unknown;
        }
        let choice = choices.swap_remove(fewest);
        let mut verdict = Verdict::Never;
        for part in parts(&choice) {
            if !self.spend(choices.len()) {
                return Verdict::Unknown;
            }
            let mut goals = choices.clone();
            goals.push((part, choice.1));
            match self.solve(goals, depth + 1) {
                Verdict::Possible => return Verdict::Possible,
                Verdict::Unknown => verdict = Verdict::Unknown,
                Verdict::Never => {}
            }
        }
        verdict
    }
}

/// Search identifiers of a truth table: 1,024 rows.
const MAX_VARIABLES: usize = 10;

/// A truth table, a bit for each row; bit `v` of a row's number is the truth of variable `v`.
type Table = [u64; 1 << (MAX_VARIABLES - 6)];

/// The rows of one word in which each of the first six variables is true.
const TRUE_ROWS: [u64; 6] = [
    0xAAAA_AAAA_AAAA_AAAA,
    0xCCCC_CCCC_CCCC_CCCC,
    0xF0F0_F0F0_F0F0_F0F0,
    0xFF00_FF00_FF00_FF00,
    0xFFFF_0000_FFFF_0000,
    0xFFFF_FFFF_0000_0000,
];

/// Search identifiers whose truth never changes that of the condition, taken as free of each other; none where there are
/// more than a truth table can hold.
pub(super) fn idle(conditions: &[Condition]) -> Vec<usize> {
    let named: Vec<usize> = named(conditions).into_iter().collect();
    if named.len() > MAX_VARIABLES {
        return Vec::new();
    }
    let mut whole = [0; _];
    for condition in conditions {
        combine(&mut whole, &table(condition, &named), |a, b| a | b);
    }
    let idle = named.iter().enumerate().filter(|(variable, _)| !decides(&whole, *variable));
    idle.map(|(_, selection)| *selection).collect()
}

/// The search identifiers that are named.
pub(super) fn named(conditions: &[Condition]) -> BTreeSet<usize> {
    fn note(condition: &Condition, named: &mut BTreeSet<usize>) {
        match condition {
            Condition::Any(parts) | Condition::All(parts) => parts.iter().for_each(|part| note(part, named)),
            Condition::Not(inner) => note(inner, named),
            Condition::Named(index) => {
                named.insert(*index);
            }
        }
    }
    let mut all = BTreeSet::new();
    conditions.iter().for_each(|condition| note(condition, &mut all));
    all
}

fn table(condition: &Condition, named: &[usize]) -> Table {
    let fold = |parts: &[Condition], start: u64, by: fn(u64, u64) -> u64| {
        let mut whole = [start; _];
        parts.iter().for_each(|part| combine(&mut whole, &table(part, named), by));
        whole
    };
    match condition {
        Condition::Any(parts) => fold(parts, 0, |a, b| a | b),
        Condition::All(parts) => fold(parts, u64::MAX, |a, b| a & b),
        Condition::Not(inner) => table(inner, named).map(|word| !word),
        Condition::Named(index) => {
            let variable = named.binary_search(index).unwrap_or(0);
            std::array::from_fn(|word| match TRUE_ROWS.get(variable) {
                Some(rows) => *rows,
                None if word >> (variable - TRUE_ROWS.len()) & 1 == 1 => u64::MAX,
                None => 0,
            })
        }
    }
}

fn combine(into: &mut Table, from: &Table, by: impl Fn(u64, u64) -> u64) {
    into.iter_mut().zip(from).for_each(|(a, b)| *a = by(*a, *b));
}

/// Whether two rows that differ in the variable alone differ.
fn decides(table: &Table, variable: usize) -> bool {
    match TRUE_ROWS.get(variable) {
        Some(rows) => table.iter().any(|word| (word ^ (word >> (1 << variable))) & !rows != 0),
        None => {
            let other = 1 << (variable - TRUE_ROWS.len());
            (0..table.len()).any(|word| table.get(word) != table.get(word ^ other))
        }
    }
}
