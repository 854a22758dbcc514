//! What a correlation asks of a window, and when: as its events come, or when it closes.
//!
//! A condition that can become true by *less* happening (`lt`, `lte`, `neq`, a count of 0, `not`) would be true before anything
//! happened. It is asked once, when the window closes.

use super::ladder::{Ladder, MAX_RUNGS};
use super::number;
use super::order::Ways;
use super::refusal::Reason;
use super::tally::Tally;
use crate::sigma::ir::{Correlation, CorrelationKind, Criterion, Metric, Number, Relation, RuleExpr, Temporal};
use crate::time::Timestamp;
use std::cmp::Ordering;
use std::sync::Arc;

/// Events kept for one group; the oldest beyond are dropped and counted. No condition may ask for more.
pub(super) const MAX_EVENTS: usize = 1 << 16;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// What is kept of a window without events.
    blank: Tally,
    condition: Condition,
    /// The least count that satisfies it, where it is about a count and any larger one does, too.
    least: Option<usize>,
    /// Whether more events never make it false where it is true.
    grows: bool,
    at_close: bool,
}

#[derive(Clone, Debug)]
enum Condition {
    /// The figure satisfies all of these.
    Within(Vec<Criterion>),
    /// The rules that were hit satisfy this.
    Hit(RuleExpr),
    /// An order was followed to its end.
    Followed,
}

impl Question {
    /// What `correlation` asks.
    pub(super) fn of(correlation: &Correlation) -> Result<Self, Reason> {
        let rules = correlation.rules.len();
        match &correlation.kind {
            CorrelationKind::EventCount(criteria) => Self::count(Tally::Events(0), criteria),
            CorrelationKind::ValueCount { criteria, .. } => Self::count(Tally::Distinct(Box::default()), criteria),
            CorrelationKind::Temporal(Temporal::Count(criteria)) => Ok(Self::within(no_rules(rules), criteria)),
            CorrelationKind::Temporal(Temporal::Expr(expr)) => {
                let expr = first_places(expr, correlation);
                let at_close = has_not(&expr) || is_true(&expr, &|_| false);
                Ok(Self::new(no_rules(rules), Condition::Hit(expr), at_close))
            }
            CorrelationKind::TemporalOrdered(temporal) => {
                let repeated =
                    correlation.rules.iter().enumerate().find(|(at, rule)| correlation.rules[..*at].contains(rule));
                if let Some((_, rule)) = repeated {
                    return Err(Reason::Repeated(*rule));
                }
                Self::ordered(temporal, rules)
            }
            CorrelationKind::Metric { metric, criteria, .. } => Ok(Self::within(
                match metric {
                    Metric::Sum => Tally::Sum(Box::default()),
                    Metric::Avg => Tally::Mean(Box::default()),
                    Metric::Median => Tally::Percentile(50.0, Box::default()),
                    Metric::Percentile(percentile) => Tally::Percentile(*percentile, Box::default()),
                },
                criteria,
            )),
        }
    }

    /// A count of events must not ask for more of them than a window can hold.
    fn count(blank: Tally, criteria: &[Criterion]) -> Result<Self, Reason> {
        let most = Number::Int(MAX_EVENTS as i128);
        if criteria.iter().any(|criterion| number::compare(criterion.value, most) != Some(Ordering::Less)) {
            return Err(Reason::Count { limit: MAX_EVENTS });
        }
        Ok(Self::within(blank, criteria))
    }

    fn ordered(temporal: &Temporal, rules: usize) -> Result<Self, Reason> {
        let blank = |ways: Ways| {
            let chains = ways.begin();
            Tally::Order(Arc::new(ways), chains)
        };
        match temporal {
            // To the end of the list there is one way, which costs a step a hit.
            Temporal::Count(criteria) if wants_all(criteria, rules) => {
                Ok(Self::within(blank(Ways::all(rules)), criteria))
            }
            Temporal::Count(_) if rules > MAX_RUNGS => Err(Reason::Rungs { limit: MAX_RUNGS }),
            Temporal::Count(criteria) => Ok(Self::within(Tally::Ladder(Box::new(Ladder::new(rules))), criteria)),
            Temporal::Expr(expr) => {
                let blank = blank(Ways::of(expr, rules)?);
                let at_close = has_not(expr) || is_true(expr, &|_| false);
                Ok(Self::new(blank, Condition::Followed, at_close))
            }
        }
    }

    fn within(blank: Tally, criteria: &[Criterion]) -> Self {
        let falls = |criterion: &Criterion| match criterion.relation {
            Relation::Lt | Relation::Lte | Relation::Neq => true,
            Relation::Eq => number::compare(criterion.value, Number::Int(0)) == Some(Ordering::Equal),
            Relation::Gt | Relation::Gte => false,
        };
        let mut question = Self::new(blank, Condition::Within(criteria.to_vec()), false);
        question.at_close = criteria.iter().any(falls) || question.answer(&question.blank, Timestamp::MAX).is_some();
        question
    }

    fn new(blank: Tally, condition: Condition, at_close: bool) -> Self {
        let counts = blank.count(Timestamp::MAX).is_some();
        let (least, grows) = match &condition {
            Condition::Within(criteria) => {
                let grows = |criterion: &Criterion| matches!(criterion.relation, Relation::Gt | Relation::Gte);
                (least(criteria).filter(|_| counts), counts && criteria.iter().all(grows))
            }
            Condition::Hit(expr) => (None, !has_not(expr)),
            Condition::Followed => (None, !at_close),
        };
        Self { blank, condition, least, grows, at_close }
    }

    /// The tally of no events.
    pub(super) fn blank(&self) -> Tally {
        self.blank.clone()
    }

    /// Whether it is asked when a window closes.
    pub(super) const fn is_at_close(&self) -> bool {
        self.at_close
    }

    /// Whether more events never make it false where it is true.
    pub(super) const fn grows(&self) -> bool {
        self.grows
    }

    /// Whether only the number of events counts.
    pub(super) const fn counts_events(&self) -> bool {
        matches!(self.blank, Tally::Events(_))
    }

    /// It does not hold of fewer events.
    pub(super) fn fewest(&self) -> usize {
        self.least.unwrap_or(1)
    }

    /// A tally of no events by which [`may_hold`](Self::may_hold) tells: their order is left out.
    pub(super) fn unordered(&self) -> Tally {
        match &self.blank {
            Tally::Order(ways, _) => no_rules(ways.rules()),
            Tally::Ladder(ladder) => no_rules(ladder.rules()),
            blank => blank.clone(),
        }
    }

    /// Whether it may hold of some of these events. No means no.
    pub(super) fn may_hold(&self, unordered: &Tally) -> bool {
        matches!(self.condition, Condition::Followed) || self.answer(unordered, Timestamp::MIN).is_some()
    }

    /// Whether the condition holds for the window that begins at `from`.
    #[inline]
    pub(super) fn holds(&self, tally: &Tally, from: Timestamp) -> bool {
        match self.least.zip(tally.count(from)) {
            Some((least, count)) => count >= least,
            None => self.answer(tally, from).is_some(),
        }
    }

    /// The figure of the window that begins at `from`, if the condition holds for it.
    pub(super) fn answer(&self, tally: &Tally, from: Timestamp) -> Option<Number> {
        let figure = tally.figure(from)?;
        let holds = match &self.condition {
            Condition::Within(criteria) => criteria.iter().all(|criterion| satisfies(figure, criterion)),
            Condition::Hit(expr) => is_true(expr, &|place| tally.has_seen(place)),
            Condition::Followed => matches!(tally, Tally::Order(ways, chains) if chains.complete(ways, from)),
        };
        holds.then_some(figure)
    }
}

/// Whether nothing less than all of so many rules satisfies the criteria.
fn wants_all(criteria: &[Criterion], rules: usize) -> bool {
    let enough = |count: usize| criteria.iter().all(|criterion| satisfies(Number::Int(count as i128), criterion));
    enough(rules) && !(0..rules).any(enough)
}

/// The tally of no hits of so many rules.
fn no_rules(rules: usize) -> Tally {
    Tally::Rules(vec![0; rules].into(), 0)
}

/// The least count that satisfies all criteria, if they only say how many it must be at least.
fn least(criteria: &[Criterion]) -> Option<usize> {
    let bounds = criteria.iter().map(|Criterion { relation, value }| match (relation, value) {
        (Relation::Gte, Number::Int(value)) => usize::try_from(*value).ok(),
        (Relation::Gt, Number::Int(value)) => usize::try_from(*value).ok()?.checked_add(1),
        _ => None,
    });
    bounds.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn satisfies(figure: Number, criterion: &Criterion) -> bool {
    number::compare(figure, criterion.value).is_some_and(|order| match criterion.relation {
        Relation::Lt => order == Ordering::Less,
        Relation::Lte => order != Ordering::Greater,
        Relation::Gt => order == Ordering::Greater,
        Relation::Gte => order != Ordering::Less,
        Relation::Eq => order == Ordering::Equal,
        Relation::Neq => order != Ordering::Equal,
    })
}

/// A rule that is listed twice is known by its first place.
fn first_places(expr: &RuleExpr, correlation: &Correlation) -> RuleExpr {
    let all = |inner: &[RuleExpr]| inner.iter().map(|expr| first_places(expr, correlation)).collect();
    match expr {
        RuleExpr::All(inner) => RuleExpr::All(all(inner)),
        RuleExpr::Any(inner) => RuleExpr::Any(all(inner)),
        RuleExpr::Not(inner) => RuleExpr::Not(Box::new(first_places(inner, correlation))),
        RuleExpr::Seen(place) => {
            let rule = correlation.rules.get(*place);
            RuleExpr::Seen(correlation.rules.iter().position(|other| Some(other) == rule).unwrap_or(*place))
        }
    }
}

fn has_not(expr: &RuleExpr) -> bool {
    match expr {
        RuleExpr::All(inner) | RuleExpr::Any(inner) => inner.iter().any(has_not),
        RuleExpr::Not(_) => true,
        RuleExpr::Seen(_) => false,
    }
}

fn is_true(expr: &RuleExpr, seen: &impl Fn(usize) -> bool) -> bool {
    match expr {
        RuleExpr::All(inner) => inner.iter().all(|expr| is_true(expr, seen)),
        RuleExpr::Any(inner) => inner.iter().any(|expr| is_true(expr, seen)),
        RuleExpr::Not(inner) => !is_true(inner, seen),
        RuleExpr::Seen(place) => seen(*place),
    }
}
