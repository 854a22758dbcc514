//! A message or log line becomes a record, the record meets the rules, what matters is noted as evidence.

use super::evidence::{Evidence, Order};
use super::plan::{Naming, Plan};
use super::summary::{Records, Summary};
use crate::detect::{RuleIx, Scratch};
use crate::modbus::Message;
use crate::record::{Facts, Record, nxlog};
use std::sync::Arc;

/// The matcher with its scratch memory and its figures: one for each thread.
pub struct Judge {
    plan: Arc<Plan>,
    scratch: Scratch,
    records: Records,
}

impl Judge {
    /// Judges by `plan`.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { scratch: Scratch::new(&plan.machine), plan, records: Records::default() }
    }

    /// Judges a Modbus message.
    pub fn message(&mut self, message: &Message<'_>, order: Order, evidence: &mut Evidence) {
        self.records.note(Some(message.time), Some(message.kind));
        let plan = &*self.plan;
        let record = Record::new(message, &plan.slots);
        let rules = plan.machine.matches(&record, &mut self.scratch);
        if rules.is_empty() && plan.records.is_none() {
            return;
        }
        evidence.begin(order, Some(message.time), message.carrier.frame);
        match plan.records {
            None => {}
            Some(Naming::Native) => evidence.line(|out| record.write_line(out)),
            Some(Naming::Nxlog) => evidence.line(|out| nxlog::write_line(&record, out)),
        }
        let rules = rules.iter().copied().filter(|rule| plan.is_for_modbus(*rule));
        note_hits(plan, &record, rules.clone(), evidence);
        if rules.clone().any(|rule| plan.shows_record(rule)) {
            evidence.object(|out| record.write_object(&plan.masks(rules), out));
        }
    }

    /// Adds its figures.
    pub fn report(&self, summary: &mut Summary) {
        summary.records.merge(&self.records);
    }
}

/// Notes each rule with the values that later stages need of it.
fn note_hits(plan: &Plan, record: &impl Facts, rules: impl Iterator<Item = RuleIx>, evidence: &mut Evidence) {
    for rule in rules {
        evidence.hit(rule, |out| plan.carry.write(rule, record, out));
    }
}
