//! The machine on one side, the truth on the other, and events between them.

use bumpalo::Bump;
use sigmabus::detect::{CompileError, Machine, RuleIx, Scratch, naive};
use sigmabus::record::{LogPlan, LogRecord, Slots};
use sigmabus::sigma::ir::{Expr, Rule, Target};
use std::collections::BTreeSet;
use std::fmt;

/// How many disagreements are kept to be shown; the rest are counted.
const SHOWN: usize = 10;

/// Rules, compiled, and the plan that reads events for them.
pub struct Oracle<'r> {
    rules: &'r [Rule],
    machine: Machine,
    slots: Slots,
    plan: LogPlan,
}

/// Which rules the machine's answer is held to.
#[derive(Clone, Copy, Debug)]
pub enum Held {
    /// All of them.
    ToAll,
    /// One, and those that the machine found: what a near miss of the one is asked.
    ToOne(RuleIx),
}

/// What came out of a number of events.
#[derive(Debug, Default)]
pub struct Tally {
    /// Lines that are records.
    pub events: u64,
    /// Lines that are none.
    pub refused: u64,
    /// Rules asked about records, by both.
    pub comparisons: u64,
    /// What both found.
    pub hits: u64,
    /// The rules that were found at least once.
    pub rules_hit: BTreeSet<RuleIx>,
    /// How often one found what the other did not.
    pub disagreements: u64,
    /// The first of those: the rule and the event.
    pub shown: Vec<String>,
}

impl<'r> Oracle<'r> {
    /// Compiles `rules`.
    ///
    /// # Errors
    /// When some are too large; the loader should have refused those.
    pub fn new(rules: &'r [Rule]) -> Result<Self, Vec<CompileError>> {
        let mut slots = Slots::new();
        let machine = Machine::compile(rules, &mut slots)?;
        let plan = LogPlan::new(&slots, rules.iter().any(|rule| has_keywords(&rule.condition)));
        Ok(Self { rules, machine, slots, plan })
    }

    /// Asks both about one event and adds what they say to `tally`.
    pub fn ask(&self, event: &[u8], held: Held, scratch: &mut Scratch, tally: &mut Tally) {
        let arena = Bump::new();
        let Ok(record) = LogRecord::read(event, &self.plan, &arena) else {
            tally.refused += 1;
            return;
        };
        let found = self.machine.matches(&record, scratch);
        let asked: Vec<RuleIx> = match held {
            Held::ToAll => (0..).map(RuleIx).take(self.rules.len()).collect(),
            Held::ToOne(rule) => found.iter().copied().chain([rule]).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        let is_true = |rule: &RuleIx| naive::satisfies(&self.rules[rule.0 as usize].condition, &record, &self.slots);
        let truth: BTreeSet<RuleIx> = asked.iter().copied().filter(is_true).collect();
        let found: BTreeSet<RuleIx> = found.iter().copied().collect();
        tally.events += 1;
        tally.comparisons += asked.len() as u64;
        tally.hits += found.intersection(&truth).count() as u64;
        tally.rules_hit.extend(found.intersection(&truth));
        for rule in found.symmetric_difference(&truth) {
            tally.disagreements += 1;
            if tally.shown.len() < SHOWN {
                let who = if truth.contains(rule) { "the machine misses" } else { "only the machine finds" };
                let title = &self.rules[rule.0 as usize].meta.title;
                tally.shown.push(format!("{who} {title:?} in {}", String::from_utf8_lossy(event)));
            }
        }
    }

    /// Whether `event` satisfies a rule in truth.
    pub fn is_true(&self, event: &[u8], rule: RuleIx) -> bool {
        let arena = Bump::new();
        LogRecord::read(event, &self.plan, &arena)
            .is_ok_and(|record| naive::satisfies(&self.rules[rule.0 as usize].condition, &record, &self.slots))
    }
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.events += other.events;
        self.refused += other.refused;
        self.comparisons += other.comparisons;
        self.hits += other.hits;
        self.rules_hit.extend(other.rules_hit);
        self.disagreements += other.disagreements;
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN);
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {} comparisons, {} hits of {} rules, {} disagreements",
            self.events,
            self.comparisons,
            self.hits,
            self.rules_hit.len(),
            self.disagreements
        )?;
        self.shown.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

fn has_keywords(expr: &Expr) -> bool {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().any(has_keywords),
        Expr::Not(part) => has_keywords(part),
        Expr::Test(predicate) => predicate.target == Target::AnyValue,
    }
}
