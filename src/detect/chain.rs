//! Correlations of correlations: in which order they are fed, and on which detection rules each rests.

use super::RuleIx;
use super::refusal::{CorrelationIx, Reason, Refusal};
use crate::sigma::ir::{Correlation, RuleRef};
use std::collections::{BTreeSet, VecDeque};

/// All correlations of a set.
#[derive(Debug)]
pub(super) struct Chain {
    /// Inner ones before those that refer to them.
    pub(super) order: Vec<usize>,
    /// For each, the detection rules at its bottom.
    bases: Vec<Vec<RuleIx>>,
}

impl Chain {
    /// The chain of `all` over `rules` detection rules.
    pub(super) fn of(all: &[Correlation], rules: usize) -> Result<Self, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut outer: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
        let mut waits_for: Vec<usize> = vec![0; all.len()];
        for (at, correlation) in all.iter().enumerate() {
            for reference in &correlation.rules {
                match *reference {
                    RuleRef::Rule(rule) if rule < rules => {}
                    RuleRef::Correlation(inner) if inner < all.len() => {
                        outer[inner].push(at);
                        waits_for[at] += 1;
                    }
                    _ => refusals.push(refuse(at, Reason::Unknown(*reference))),
                }
            }
        }
        let mut chain = Self { order: Vec::with_capacity(all.len()), bases: vec![Vec::new(); all.len()] };
        let mut ready: VecDeque<usize> = (0..all.len()).filter(|at| waits_for[*at] == 0).collect();
        while let Some(at) = ready.pop_front() {
            let bases: BTreeSet<RuleIx> = all[at].rules.iter().flat_map(|reference| chain.bases(reference)).collect();
            chain.bases[at] = bases.into_iter().collect();
            chain.order.push(at);
            for outer in &outer[at] {
                waits_for[*outer] -= 1;
                if waits_for[*outer] == 0 {
                    ready.push_back(*outer);
                }
            }
        }
        refusals.extend((0..all.len()).filter(|at| waits_for[*at] > 0).map(|at| refuse(at, Reason::Circle)));
        if refusals.is_empty() { Ok(chain) } else { Err(refusals) }
    }

    /// The detection rules on which events of `reference` rest.
    pub(super) fn bases(&self, reference: &RuleRef) -> Vec<RuleIx> {
        match *reference {
            RuleRef::Rule(rule) => vec![RuleIx(rule as u32)],
            RuleRef::Correlation(inner) => self.bases.get(inner).cloned().unwrap_or_default(),
        }
    }
}

fn refuse(at: usize, reason: Reason) -> Refusal {
    Refusal { correlation: CorrelationIx(at as u32), reason }
}
