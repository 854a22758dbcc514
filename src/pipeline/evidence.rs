//! What the stateless side hands to the ordered side: which records satisfied which rules.

use super::census::Sighting;
use super::event::Event;
use crate::detect::RuleIx;
use crate::modbus::Message;
use crate::record::Mask;
use crate::record::baseline::{Baseline, Thing, Watcher};
use crate::time::Timestamp;
use std::ops::Range;
use std::sync::Arc;

/// How many unreadable lines are told one by one; the rest is only counted.
pub(super) const TOLD_PROBLEMS: usize = 10;

/// The place of an entry among all entries of an input: the same on any number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Frame or line number.
    pub(super) number: u64,
    /// What expired when the clock ticked comes before what the frame itself says.
    pub(super) phase: Phase,
    /// The logical shard.
    pub(super) shard: u8,
}

/// The two things that happen at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The clock ticked.
    Tick,
    /// The frame was read.
    Frame,
}

/// The entries of one batch, their bytes in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    entries: Vec<Entry>,
    hits: Vec<Stored>,
    /// The lines to be printed, one after the other.
    lines: Vec<u8>,
    bytes: Vec<u8>,
    sightings: Vec<Sighting>,
    events: Vec<(Event, Mask)>,
    /// The latest time of its records, also of those that no rule found.
    pub(super) reached: Option<Timestamp>,
    news: Vec<Thing>,
    /// What was learned so far, when it is time to save it.
    pub(super) learned: Option<Arc<Baseline>>,
    /// Lines that could not be read.
    pub(super) problems: Problems,
}

/// One record of interest.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place.
    pub(super) order: Order,
    /// Its time; `None` for a log line that tells none.
    pub(super) time: Option<Timestamp>,
    /// Its frame or line number.
    pub(super) number: u64,
    /// The input that it is in, if that may be an earlier one.
    pub(super) input: Option<u32>,
    line: Range<usize>,
    object: Range<usize>,
    hits: Range<usize>,
    /// Whether the line still has to be joined to others before rules can see it.
    pub(super) to_join: bool,
    /// Of a host that is new, perhaps.
    sighting: Option<usize>,
    /// What the object will be written of, if somebody asks for it.
    event: Option<usize>,
    news: Range<usize>,
}

#[derive(Clone, Debug)]
struct Stored {
    rule: RuleIx,
    values: Range<usize>,
}

/// A rule that a record satisfied, with the values that later stages need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit<'a> {
    /// The rule.
    pub(super) rule: RuleIx,
    /// Encoded values, see [`crate::detect::Carry`].
    pub(super) values: &'a [u8],
}

/// Lines that could not be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    /// How many.
    pub(super) count: u64,
    /// The first of them, with line number and reason.
    pub(super) first: Vec<(u64, String)>,
}

impl Problems {
    /// Notes an unreadable line.
    pub(super) fn note(&mut self, line: u64, reason: impl ToString) {
        self.count += 1;
        let full = self.first.len() >= TOLD_PROBLEMS;
        // Lines that were left to be joined come after those behind them.
        if !full || self.first.last().is_some_and(|(last, _)| line < *last) {
            self.keep([(line, reason.to_string())]);
        }
    }

    /// Adds later ones.
    pub(super) fn merge(&mut self, later: &Self) {
        self.count += later.count;
        self.keep(later.first.iter().cloned());
    }

    fn keep(&mut self, problems: impl IntoIterator<Item = (u64, String)>) {
        self.first.extend(problems);
        self.first.sort_by_key(|(line, _)| *line);
        self.first.truncate(TOLD_PROBLEMS);
    }
}

impl Entry {
    /// Where its line stands among all lines; empty when records are not printed.
    pub(super) fn line(&self) -> Range<usize> {
        self.line.clone()
    }
}

impl Evidence {
    /// Forgets its entries and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.hits.clear();
        self.lines.clear();
        self.bytes.clear();
        self.sightings.clear();
        self.events.clear();
        self.reached = None;
        self.news.clear();
        self.learned = None;
        self.problems = Problems::default();
    }

    /// Its entries, in order.
    #[must_use]
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Begins an entry; what is added next belongs to it.
    pub(super) fn begin(&mut self, order: Order, time: Option<Timestamp>, number: u64) {
        let [line, object, hits] = [self.lines.len(), self.bytes.len(), self.hits.len()].map(|end| end..end);
        self.entries.push(Entry {
            order,
            time,
            number,
            input: None,
            line,
            object,
            hits,
            to_join: false,
            sighting: None,
            event: None,
            news: self.news.len()..self.news.len(),
        });
    }

    /// Begins the entry of a message.
    pub(super) fn begin_message(&mut self, order: Order, message: &Message<'_>) {
        self.begin(order, Some(message.time), message.carrier.frame);
        if let Some(entry) = self.entries.last_mut() {
            entry.input = Some(message.carrier.input);
        }
    }

    /// Adds an entry for a host that is new, perhaps.
    pub(super) fn sight(&mut self, order: Order, message: &Message<'_>, sighting: Sighting) {
        self.begin_message(order, message);
        if let Some(entry) = self.entries.last_mut() {
            entry.sighting = Some(self.sightings.len());
        }
        self.sightings.push(sighting);
    }

    /// Adds what is new to the baseline in the current entry.
    pub(super) fn news(&mut self, things: &[Thing]) {
        self.news.extend_from_slice(things);
        if let Some(entry) = self.entries.last_mut() {
            entry.news.end = self.news.len();
        }
    }

    /// Keeps what was learned so far, if it is time to save it.
    pub(super) fn save(&mut self, watcher: &mut Watcher) {
        if let Some(learned) = watcher.due() {
            self.learned = Some(Arc::new(learned));
        }
    }

    /// What is new in an entry.
    #[must_use]
    pub(super) fn news_of(&self, entry: &Entry) -> &[Thing] {
        self.news.get(entry.news.clone()).unwrap_or_default()
    }

    /// Whether an entry is a record that no rule found, and nothing else either.
    #[must_use]
    pub(super) fn is_bare(&self, entry: &Entry) -> bool {
        entry.hits.is_empty() && entry.news.is_empty()
    }

    /// The sighting that an entry is.
    #[must_use]
    pub(super) fn sighting_of(&self, entry: &Entry) -> Option<&Sighting> {
        self.sightings.get(entry.sighting?)
    }

    /// Writes the current entry's line for `--emit records`.
    pub(super) fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.lines);
        if let Some(entry) = self.entries.last_mut() {
            entry.line.end = self.lines.len();
        }
    }

    /// Writes the current entry's record as a JSON object for findings and alerts.
    pub(super) fn object(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let range = self.write(write);
        if let Some(entry) = self.entries.last_mut() {
            entry.object = range;
        }
    }

    /// Leaves the current entry's object to be written when somebody asks for it.
    pub(super) fn event(&mut self, event: Event, mask: Mask) {
        if let Some(entry) = self.entries.last_mut() {
            entry.event = Some(self.events.len());
            self.events.push((event, mask));
        }
    }

    /// Leaves the current entry to be joined: `raw` is its log line.
    pub(super) fn leave_to_join(&mut self, raw: &[u8]) {
        self.object(|out| out.extend_from_slice(raw));
        if let Some(entry) = self.entries.last_mut() {
            entry.to_join = true;
        }
    }

    /// Adds a hit of `rule` to the current entry.
    pub(super) fn hit(&mut self, rule: RuleIx, write: impl FnOnce(&mut Vec<u8>)) {
        let values = self.write(write);
        self.hits.push(Stored { rule, values });
        if let Some(entry) = self.entries.last_mut() {
            entry.hits.end = self.hits.len();
        }
    }

    /// An entry's line; empty when records are not printed.
    #[must_use]
    pub(super) fn line_of(&self, entry: &Entry) -> &[u8] {
        &self.lines[entry.line.clone()]
    }

    /// The lines of entries that follow one another.
    #[must_use]
    pub(super) fn lines(&self, lines: Range<usize>) -> &[u8] {
        &self.lines[lines]
    }

    /// An entry's JSON object; empty when nobody needs it, or when it is still to be written.
    #[must_use]
    pub(super) fn object_of(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.object.clone()]
    }

    /// What an entry's object is still to be written of, and what must not be seen of it.
    #[must_use]
    pub(super) fn event_of(&self, entry: &Entry) -> Option<(&Event, Mask)> {
        let (event, mask) = self.events.get(entry.event?)?;
        Some((event, *mask))
    }

    /// An entry's hits, by ascending rule.
    pub(super) fn hits_of(&self, entry: &Entry) -> impl Iterator<Item = Hit<'_>> {
        self.hits[entry.hits.clone()]
            .iter()
            .map(|stored| Hit { rule: stored.rule, values: &self.bytes[stored.values.clone()] })
    }

    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }
}

/// Takes the entries of several workers for one batch in their one order.
///
/// # Errors
/// The first that `act` has.
pub(super) fn merged<'a, E>(
    workers: &'a [Evidence],
    mut act: impl FnMut(&'a Evidence, &'a Entry) -> Result<(), E>,
) -> Result<(), E> {
    if let [worker] = workers {
        // One worker's entries are in order.
        return worker.entries.iter().try_for_each(|entry| act(worker, entry));
    }
    let mut next = vec![0; workers.len()];
    loop {
        let heads = workers.iter().zip(&next).enumerate();
        let first = heads
            .filter_map(|(worker, (evidence, place))| Some((worker, evidence, evidence.entries.get(*place)?)))
            .min_by_key(|(worker, _, entry)| (entry.order, *worker));
        let Some((worker, evidence, entry)) = first else { return Ok(()) };
        act(evidence, entry)?;
        if let Some(place) = next.get_mut(worker) {
            *place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_entries_merge_by_frame_then_tick_then_shard() {
        let order = |number, phase, shard| Order { number, phase, shard };
        let mut workers = [Evidence::default(), Evidence::default()];
        for at in [order(1, Phase::Frame, 0), order(4, Phase::Tick, 2), order(4, Phase::Frame, 0)] {
            workers[0].begin(at, None, at.number);
        }
        for at in [order(2, Phase::Frame, 1), order(4, Phase::Tick, 1), order(4, Phase::Tick, 3)] {
            workers[1].begin(at, None, at.number);
        }
        let mut order = Vec::new();
        let Ok(()) = merged(&workers, |_, entry| {
            order.push((entry.number, entry.order.shard));
            Ok::<_, std::convert::Infallible>(())
        });
        assert_eq!(order, [(1, 0), (2, 1), (4, 1), (4, 2), (4, 3), (4, 0)]);
    }

    #[test]
    fn only_the_first_problems_are_told_and_all_are_counted() {
        let mut all = Problems::default();
        for chunk in 0..3 {
            let mut problems = Problems::default();
            (0..7).for_each(|line| problems.note(chunk * 7 + line, "no object"));
            all.merge(&problems);
        }
        assert_eq!(all.count, 21);
        assert_eq!(all.first.iter().map(|(line, _)| *line).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }
}
