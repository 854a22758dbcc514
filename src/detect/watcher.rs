//! One correlation at work: it counts what happens, or watches for what does not.

use super::absence::Absence;
use super::correlated::{Correlated, Ending, Losses};
use super::counter::{Counted, Counter};
use super::question::Question;
use super::refusal::{CorrelationIx, Reason};
use crate::sigma::ir::Correlation;
use crate::time::{Span, Timestamp};

/// One correlation.
#[derive(Clone, Debug)]
pub(super) enum Watcher {
    /// It counts what happens.
    Counter(Counter),
    /// It watches for what does not.
    Absence(Absence),
}

impl Watcher {
    /// What `correlation`, the one at this index, needs.
    pub(super) fn of(ix: CorrelationIx, correlation: &Correlation, lateness: Span) -> Result<Self, Reason> {
        Ok(match Absence::of(ix, correlation, lateness)? {
            Some(absence) => Self::Absence(absence),
            None => Self::Counter(Counter::new(ix, Question::of(correlation)?, correlation.timespan, lateness)),
        })
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Counter(counter) => counter.groups(),
            Self::Absence(absence) => absence.groups(),
        }
    }

    /// Takes an event and appends the alerts that are due at once.
    pub(super) fn count(&mut self, counted: &Counted<'_>, losses: &mut Losses, out: &mut Vec<Correlated>) {
        match self {
            Self::Counter(counter) => counter.count(counted, losses, out),
            Self::Absence(absence) => absence.count(counted, losses, out),
        }
    }

    /// Takes the caller's time, appends the alerts that fall due by it, and forgets what no event can add to.
    pub(super) fn expire(&mut self, watermark: Timestamp, losses: &mut Losses, out: &mut Vec<Correlated>) {
        match self {
            Self::Counter(counter) => counter.expire(watermark, out),
            Self::Absence(absence) => absence.expire(watermark, losses, out),
        }
    }

    /// Ends, and appends the alerts that are due by then; how many windows were not over.
    pub(super) fn finish(&mut self, ending: Ending, losses: &mut Losses, out: &mut Vec<Correlated>) -> u64 {
        match self {
            Self::Counter(counter) => counter.finish(ending, out),
            Self::Absence(absence) => absence.finish(ending, losses, out),
        }
    }
}
