//! What a run comes to: the figures that a report begins with.

use super::evidence::Problems;
use super::usual::Learned;
use crate::detect::Catalogue;
use crate::modbus::Kind;
use crate::sigma::ir::{Level, RuleRef};
use crate::sink::Figures;
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// The figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Rules, inputs: what the numbers below refer to.
    pub catalogue: Catalogue,
    /// The configuration file that was used.
    pub configuration: Option<String>,
    /// Frames read.
    pub frames: u64,
    /// Log lines read.
    pub lines: u64,
    /// Records.
    pub records: Records,
    /// Conversations seen.
    pub conversations: u64,
    /// Findings by rule.
    pub findings: BTreeMap<RuleRef, u64>,
    /// Alerts by level, `informational` first.
    pub alerts: [u64; 5],
    /// Alerts that only their incidents tell, by level likewise.
    pub grouped: [u64; 5],
    /// Findings that would be alerts and were not told, since an alert like them was.
    pub repeats: u64,
    /// Findings that would be alerts and were not told, since there were not enough of them.
    pub held: u64,
    /// Findings that a policy suppressed: they are no alerts and add no points.
    pub suppressed: u64,
    /// Incidents that began.
    pub incidents: u64,
    /// Everything that was counted and is not zero, by room and name.
    pub counters: BTreeMap<(Room, &'static str), u64>,
    /// What went wrong without ending the run, in order.
    pub warnings: Vec<String>,
    /// The entities with the highest scores.
    pub top: Vec<TopEntity>,
    /// What became of the lines for each sink.
    pub sinks: Vec<Figures>,
    /// What a baseline learned, and what was new to it.
    pub learned: Option<Learned>,
}

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Frames, packets, streams.
    Net,
    /// Messages and how they were joined.
    Modbus,
    /// Log lines.
    Log,
    /// Correlations and scores.
    Engine,
}

/// How many records there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// All of them.
    pub count: u64,
    /// By [`Kind`], in the order of its variants; log records that are not Modbus messages are in none.
    pub kinds: [u64; 5],
    /// The earliest time.
    pub first: Option<Timestamp>,
    /// The latest time.
    pub last: Option<Timestamp>,
    /// How many tell no time.
    pub timeless: u64,
}

impl Records {
    /// Counts a record.
    pub fn note(&mut self, time: Option<Timestamp>, kind: Option<Kind>) {
        self.count += 1;
        if let Some(count) = kind.and_then(|kind| self.kinds.get_mut(kind as usize)) {
            *count += 1;
        }
        self.timeless += u64::from(time.is_none());
        if let Some(time) = time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
    }

    /// Adds another's records.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.timeless += other.timeless;
        for (sum, more) in self.kinds.iter_mut().zip(other.kinds) {
            *sum += more;
        }
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

/// An entity with a high score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopEntity {
    /// The scoreboard's name.
    pub board: String,
    /// The entity, as people write it.
    pub entity: String,
    /// Its highest score.
    pub peak: i64,
    /// How many threats it was.
    pub threats: u32,
    /// The highest score in each column of time.
    pub columns: Vec<i64>,
    /// The width of a column.
    pub width: Span,
}

impl Summary {
    /// Whether an alert of `level` or above was raised.
    #[must_use]
    pub fn has_alert(&self, level: Level) -> bool {
        self.alerts.iter().zip(&self.grouped).skip(level as usize).any(|(told, grouped)| told + grouped > 0)
    }

    /// Adds a room's counters.
    pub fn count(&mut self, room: Room, counters: impl IntoIterator<Item = (&'static str, u64)>) {
        for (name, value) in counters {
            if value > 0 {
                *self.counters.entry((room, name)).or_default() += value;
            }
        }
    }

    /// Turns unreadable lines of `input` into warnings.
    pub(super) fn warn_of(&mut self, input: &str, problems: &Problems) {
        for (line, reason) in &problems.first {
            self.warnings.push(format!("{input}:{line}: {reason}"));
        }
        let untold = problems.count.saturating_sub(problems.first.len() as u64);
        if untold > 0 {
            self.warnings.push(format!("{input}: {untold} more lines could not be read"));
        }
    }
}
