//! Were rules hit in the order they are listed? For each step of an order, the latest moment at which a chain of hits
//! that got so far may have begun.
//!
//! A chain lies in a window if it began in it, so nothing has to be undone when the window slides. Hits at one and the
//! same time count as ordered, whichever came first.

use super::refusal::Reason;
use crate::sigma::ir::RuleExpr;
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::ops::Range;

/// Into how many orders an expression may unfold: `(a or b) and (c or d)` makes four.
const MAX_WAYS: usize = 64;
/// Steps of all of them together.
const MAX_STEPS: usize = 4_096;

/// The orders of which one must be followed.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    ways: Vec<Way>,
    /// For each place in the list of rules, the steps that its hits take.
    steps: Vec<Vec<Step>>,
    /// How many steps there are.
    len: usize,
}

/// One order.
#[derive(Clone, Debug)]
struct Way {
    steps: Range<usize>,
    /// Places of rules that must not be hit.
    never: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Step {
    at: usize,
    way: Range<usize>,
}

/// How far hits have followed the orders.
#[derive(Clone, Debug)]
pub(super) struct Chains {
    /// By step.
    reached: Box<[Reached]>,
    /// Which places were hit; nothing where none must not be.
    seen: Box<[bool]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    /// When the chain began that came here, the latest such.
    began: Option<Timestamp>,
    /// When the step's rule was last hit.
    last: Option<Timestamp>,
}

/// Places that must be hit and places that must not be.
type Term = (BTreeSet<usize>, BTreeSet<usize>);

impl Ways {
    /// How many rules the list has.
    pub(super) fn rules(&self) -> usize {
        self.steps.len()
    }

    /// One order: all of so many rules.
    pub(super) fn all(rules: usize) -> Self {
        Self::new(rules, vec![((0..rules).collect(), BTreeSet::new())])
    }

    /// The orders of `rules` rules that satisfy an expression.
    pub(super) fn of(expr: &RuleExpr, rules: usize) -> Result<Self, Reason> {
        let terms = terms(expr, true).ok_or(Reason::Ways { limit: MAX_WAYS })?;
        let ways = Self::new(rules, terms);
        if ways.len > MAX_STEPS { Err(Reason::Ways { limit: MAX_WAYS }) } else { Ok(ways) }
    }

    fn new(rules: usize, terms: Vec<Term>) -> Self {
        let mut all = Self { ways: Vec::new(), steps: vec![Vec::new(); rules], len: 0 };
        for (wanted, never) in terms {
            let way = all.len..all.len + wanted.len();
            for (at, place) in way.clone().zip(wanted) {
                if let Some(steps) = all.steps.get_mut(place) {
                    steps.push(Step { at, way: way.clone() });
                }
            }
            all.len = way.end;
            all.ways.push(Way { steps: way, never: never.into_iter().collect() });
        }
        all
    }

    /// No hits yet.
    pub(super) fn begin(&self) -> Chains {
        let is_asked = self.ways.iter().any(|way| !way.never.is_empty());
        let seen = if is_asked { vec![false; self.steps.len()] } else { Vec::new() };
        Chains { reached: vec![Reached::default(); self.len].into(), seen: seen.into() }
    }

    /// Bytes that the chains of one window take.
    pub(super) fn bytes(&self) -> usize {
        self.len * size_of::<Reached>() + self.steps.len()
    }
}

impl Chains {
    /// Adds a hit of the rule at `place`, not earlier than those before.
    pub(super) fn add(&mut self, ways: &Ways, place: usize, time: Timestamp) {
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = true;
        }
        for step in ways.steps.get(place).into_iter().flatten() {
            let mut began = if step.at == step.way.start { Some(time) } else { self.began(step.at - 1) };
            // Hits of later steps at this very time go on from here.
            for at in step.at..step.way.end {
                let Some(reached) = self.reached.get_mut(at) else { break };
                if at > step.at && reached.last != Some(time) {
                    break;
                }
                began = began.max(reached.began);
                *reached = Reached { began, last: Some(time) };
            }
        }
    }

    fn began(&self, step: usize) -> Option<Timestamp> {
        self.reached.get(step)?.began
    }

    /// How many steps, from the first on, a chain that began at `from` or later has reached; of the orders, the one that
    /// is furthest.
    pub(super) fn longest(&self, ways: &Ways, from: Timestamp) -> usize {
        ways.ways.iter().map(|way| self.length(way, from)).max().unwrap_or(0)
    }

    /// Whether an order was followed to its end.
    pub(super) fn complete(&self, ways: &Ways, from: Timestamp) -> bool {
        let seen = |place: &usize| self.seen.get(*place).copied().unwrap_or(false);
        ways.ways.iter().any(|way| self.length(way, from) == way.steps.len() && !way.never.iter().any(seen))
    }

    fn length(&self, way: &Way, from: Timestamp) -> usize {
        way.steps.clone().take_while(|step| self.began(*step).is_some_and(|began| began >= from)).count()
    }
}

/// The terms of which one must hold for the expression to be `wanted`; `None` if there are too many.
fn terms(expr: &RuleExpr, wanted: bool) -> Option<Vec<Term>> {
    let one = |place: usize| BTreeSet::from([place]);
    match expr {
        RuleExpr::Seen(place) if wanted => Some(vec![(one(*place), BTreeSet::new())]),
        RuleExpr::Seen(place) => Some(vec![(BTreeSet::new(), one(*place))]),
        RuleExpr::Not(inner) => terms(inner, !wanted),
        RuleExpr::All(all) | RuleExpr::Any(all) => {
            let each = all.iter().map(|inner| terms(inner, wanted));
            if matches!(expr, RuleExpr::All(_)) == wanted {
                each.fold(Some(vec![Term::default()]), both)
            } else {
                each.fold(Some(Vec::new()), either)
            }
        }
    }
}

fn either(left: Option<Vec<Term>>, right: Option<Vec<Term>>) -> Option<Vec<Term>> {
    let mut terms = left?;
    terms.extend(right?);
    terms.sort();
    terms.dedup();
    (terms.len() <= MAX_WAYS).then_some(terms)
}

fn both(left: Option<Vec<Term>>, right: Option<Vec<Term>>) -> Option<Vec<Term>> {
    let (left, right) = (left?, right?);
    let pairs = left.iter().flat_map(|one| right.iter().map(move |other| (&one.0 | &other.0, &one.1 | &other.1)));
    either(Some(Vec::new()), Some(pairs.filter(|(wanted, never)| wanted.is_disjoint(never)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: Timestamp = Timestamp::MIN;

    fn after(ways: &Ways, hits: &[(usize, i64)]) -> Chains {
        let mut chains = ways.begin();
        hits.iter().for_each(|(place, time)| chains.add(ways, *place, Timestamp::from_nanos(*time)));
        chains
    }

    fn seen(place: usize) -> RuleExpr {
        RuleExpr::Seen(place)
    }

    #[test]
    fn a_chain_begins_as_late_as_it_can() {
        let ways = Ways::all(3);
        let longest = |hits: &[(usize, i64)], from| after(&ways, hits).longest(&ways, Timestamp::from_nanos(from));
        let hits = [(0, 1), (1, 2), (0, 3), (2, 4), (1, 5), (2, 6)];
        assert_eq!(longest(&hits, 3), 3);
        assert_eq!(longest(&hits, 4), 0);
        assert_eq!(longest(&hits[..4], 2), 1);
        assert_eq!(longest(&hits[..4], 1), 3);
        assert_eq!(longest(&[(2, 1), (1, 2), (0, 3)], 0), 1);
    }

    #[test]
    fn hits_at_the_same_time_are_in_order() {
        let ways = Ways::all(3);
        for hits in
            [[(0, 7), (1, 7), (2, 7)], [(2, 7), (1, 7), (0, 7)], [(1, 7), (2, 7), (0, 7)], [(2, 7), (0, 6), (1, 7)]]
        {
            let mut hits = hits.to_vec();
            hits.sort_by_key(|(_, time)| *time);
            assert!(after(&ways, &hits).complete(&ways, ALWAYS), "{hits:?}");
        }
        assert_eq!(after(&ways, &[(1, 6), (2, 7), (0, 7)]).longest(&ways, ALWAYS), 1);
    }

    #[test]
    fn an_expression_unfolds_into_orders() {
        let expr = RuleExpr::All(vec![RuleExpr::Any(vec![seen(0), seen(1)]), seen(2)]);
        let ways = Ways::of(&expr, 3).unwrap();
        assert_eq!(ways.ways.len(), 2);
        assert!(after(&ways, &[(1, 1), (2, 2)]).complete(&ways, ALWAYS));
        assert!(after(&ways, &[(0, 1), (2, 2), (1, 3)]).complete(&ways, ALWAYS));
        assert!(!after(&ways, &[(2, 1), (0, 2), (1, 3)]).complete(&ways, ALWAYS));
    }

    #[test]
    fn what_must_not_be_seen_is_not_in_the_order() {
        let neither = RuleExpr::Not(Box::new(RuleExpr::Any(vec![seen(1), seen(2)])));
        let ways = Ways::of(&RuleExpr::All(vec![seen(0), neither]), 3).unwrap();
        assert!(after(&ways, &[(0, 1)]).complete(&ways, ALWAYS));
        assert!(!after(&ways, &[(0, 1), (2, 2)]).complete(&ways, ALWAYS));
        assert!(!after(&ways, &[]).complete(&ways, ALWAYS));
    }

    #[test]
    fn expressions_that_unfold_too_far_are_refused() {
        let pair = |n: usize| RuleExpr::Any(vec![seen(2 * n), seen(2 * n + 1)]);
        assert!(Ways::of(&RuleExpr::All((0..6).map(pair).collect()), 12).is_ok());
        let seven = Ways::of(&RuleExpr::All((0..7).map(pair).collect()), 14);
        assert_eq!(seven.err(), Some(Reason::Ways { limit: MAX_WAYS }));
    }
}
