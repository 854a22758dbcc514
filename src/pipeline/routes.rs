//! Routes that take records: rules that say nothing, asked by the one machine beside all others.

use crate::detect::RuleIx;
use crate::sigma::ir::{Expr, Rule};

/// The machine's last rules, which are routes.
#[derive(Debug)]
pub(super) struct RecordRoutes {
    /// The first of them, and one past the last.
    first: u32,
    end: u32,
}

impl RecordRoutes {
    /// Routes that the machine gets behind `rules` rules, and what it gets; nobody else knows of them.
    pub(super) fn new(conditions: &[Expr], rules: usize) -> (Self, Vec<Rule>) {
        let first = rules as u32;
        let routes = conditions.iter().map(|condition| Rule::asking("route", condition.clone()));
        (Self { first, end: first + conditions.len() as u32 }, routes.collect())
    }

    /// Whether a rule is a route.
    pub(super) const fn has(&self, rule: RuleIx) -> bool {
        self.first <= rule.0 && rule.0 < self.end
    }

    /// Whether a route takes a record which satisfies these rules, in ascending order.
    pub(super) fn take_any(&self, rules: &[RuleIx]) -> bool {
        rules.last().is_some_and(|last| self.has(*last))
    }

    /// The routes among these rules, each a bit.
    pub(super) fn bits(&self, rules: impl Iterator<Item = RuleIx>) -> u64 {
        if self.first == self.end {
            return 0;
        }
        let bit = |rule: RuleIx| 1_u64.checked_shl(rule.0 - self.first).unwrap_or(0);
        rules.filter(|rule| self.has(*rule)).fold(0, |bits, rule| bits | bit(rule))
    }
}
