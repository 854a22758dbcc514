//! One correlation at work: its groups, each with a window, within a budget of memory.

use super::RuleIx;
use super::correlated::{Correlated, Ending, Losses, Measured};
use super::groups::Groups;
use super::pending::{Pending, Waiting};
use super::question::Question;
use super::refusal::CorrelationIx;
use super::tally::Event;
use super::window::Window;
use crate::time::{Span, Timestamp};
use std::collections::BTreeSet;

/// Groups that one correlation keeps; beyond, the one that was quiet longest is given up.
pub(super) const MAX_GROUPS: usize = 1 << 17;
/// Bytes that all groups of one correlation take; beyond, likewise.
pub(super) const MAX_BYTES: usize = 96 << 20;
/// Bytes reckoned for a group beside its key and events.
pub(super) const GROUP_BYTES: usize = 320;
/// Bytes reckoned for an event, with its share of what is counted of it.
const EVENT_BYTES: usize = 96;

/// One correlation.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    correlation: CorrelationIx,
    question: Question,
    timespan: Span,
    lateness: Span,
    /// How long sliding windows keep events, and how much longer so that many are forgotten at a time.
    kept: Span,
    at_a_time: Span,
    /// The time that the caller vouches for.
    watermark: Option<Timestamp>,
    /// Bytes that the groups take.
    held: usize,
    keep: Keep,
}

#[derive(Clone, Debug)]
enum Keep {
    /// Asked with each event.
    Sliding { groups: Groups<Window>, swept: Option<Timestamp> },
    /// Asked when a window closes; the ends of all groups' first windows, with their groups' places.
    Closing { groups: Groups<Pending>, ends: BTreeSet<(Timestamp, u32)> },
}

/// What a counter needs to know of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<'a> {
    /// The encoded values of its group.
    pub(super) key: &'a [u8],
    pub(super) event: Event,
    pub(super) rule: RuleIx,
    /// What the hit carried.
    pub(super) values: &'a [u8],
}

impl Counter {
    /// A counter of nothing yet.
    pub(super) fn new(correlation: CorrelationIx, question: Question, timespan: Span, lateness: Span) -> Self {
        let keep = if question.is_at_close() {
            Keep::Closing { groups: Groups::new(), ends: BTreeSet::new() }
        } else {
            Keep::Sliding { groups: Groups::new(), swept: None }
        };
        let kept = Span::from_nanos(timespan.nanos().saturating_add(lateness.nanos()));
        let at_a_time = Span::from_nanos(kept.nanos() / 16);
        Self { correlation, question, timespan, lateness, kept, at_a_time, watermark: None, held: 0, keep }
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        match &self.keep {
            Keep::Sliding { groups, .. } => groups.len(),
            Keep::Closing { groups, .. } => groups.len(),
        }
    }

    /// Counts an event and appends the alerts that are due at once.
    pub(super) fn count(&mut self, counted: &Counted<'_>, losses: &mut Losses, out: &mut Vec<Correlated>) {
        match &mut self.keep {
            Keep::Sliding { groups, .. } => {
                // An event far ahead of the caller's time must not push out the others: the earlier of both times tells
                // what can go.
                let now = self.watermark.map_or(Timestamp::MIN, |watermark| watermark.min(counted.event.time));
                let (_, window) = groups.touch(counted.key);
                let before = weight(counted.key.len(), window.len(), window.bytes());
                losses.dropped_events += window.make_room(now.minus(self.kept), self.at_a_time);
                let correlation = self.correlation;
                window.add(counted.event, self.timespan, &self.question, |measured| {
                    let (group, time) = (counted.key.into(), measured.last);
                    let (rule, place, values) = (counted.rule, counted.event.place, counted.values.into());
                    out.push(Correlated { correlation, time, window: measured, group, rule, place, values });
                });
                self.held = self.held + weight(counted.key.len(), window.len(), window.bytes()) - before;
            }
            Keep::Closing { groups, ends } => {
                let time = counted.event.time;
                let is_late = self.watermark.is_some_and(|watermark| time < watermark.minus(self.lateness));
                // Only an event after the start of an open window is known to be in none that was asked already.
                if is_late && groups.find(counted.key).and_then(Pending::opened).is_none_or(|opened| time < opened) {
                    losses.late += 1;
                    return;
                }
                let (at, pending) = groups.touch(counted.key);
                let before = weight(counted.key.len(), pending.len(), pending.bytes());
                let opened = pending.opened();
                let waiting = Waiting { event: counted.event, rule: counted.rule, values: counted.values.into() };
                losses.dropped_events += u64::from(!pending.add(waiting));
                self.held = self.held + weight(counted.key.len(), pending.len(), pending.bytes()) - before;
                if pending.opened() != opened {
                    let end = |opened: Timestamp| (opened.plus(self.timespan), at);
                    opened.map(|opened| ends.remove(&end(opened)));
                    ends.extend(pending.opened().map(end));
                }
            }
        }
        self.make_room(losses);
    }

    /// Gives up the groups that were quiet longest, as many as must go.
    fn make_room(&mut self, losses: &mut Losses) {
        while self.groups() > MAX_GROUPS || self.held > MAX_BYTES {
            match &mut self.keep {
                Keep::Sliding { groups, .. } => {
                    let Some(at) = groups.quietest() else { break };
                    let (key, window) = groups.remove(at);
                    self.held -= weight(key, window.len(), window.bytes());
                }
                Keep::Closing { groups, ends } => {
                    let Some(at) = groups.quietest() else { break };
                    let (key, pending) = groups.remove(at);
                    self.held -= weight(key, pending.len(), pending.bytes());
                    pending.opened().map(|opened| ends.remove(&(opened.plus(self.timespan), at)));
                }
            }
            losses.evicted_groups += 1;
        }
    }

    /// Takes the caller's time: closes the windows that no event can come into any more and appends their alerts in the
    /// order of their ends, and forgets groups that no event can add to.
    pub(super) fn expire(&mut self, watermark: Timestamp, out: &mut Vec<Correlated>) {
        self.watermark = Some(watermark);
        let limit = watermark.minus(self.lateness);
        match &mut self.keep {
            Keep::Sliding { groups, swept } => {
                // Groups are looked through once for each quarter of a timespan.
                let pause = Span::from_nanos(self.timespan.nanos() / 4);
                if swept.is_some_and(|swept| swept <= watermark && watermark < swept.plus(pause)) {
                    return;
                }
                *swept = Some(watermark);
                let limit = limit.minus(self.timespan);
                let held = &mut self.held;
                groups.retain(|key, window| {
                    let keep = window.latest().is_some_and(|latest| latest >= limit);
                    *held -= if keep { 0 } else { weight(key.len(), window.len(), window.bytes()) };
                    keep
                });
            }
            Keep::Closing { .. } => self.close(|end| end < limit, out),
        }
    }

    /// Ends: closes the windows that are over by `ending`; returns how many were not, which nobody is told of.
    pub(super) fn finish(&mut self, ending: Ending, out: &mut Vec<Correlated>) -> u64 {
        self.close(
            |end| match ending {
                Ending::Complete(_) => true,
                Ending::Cut(now) => now.is_some_and(|now| end < now),
            },
            out,
        );
        let Keep::Closing { groups, ends } = &mut self.keep else { return 0 };
        let open = ends.len() as u64;
        ends.clear();
        *groups = Groups::new();
        self.held = 0;
        open
    }

    /// Closes the windows whose end is `due`.
    fn close(&mut self, due: impl Fn(Timestamp) -> bool, out: &mut Vec<Correlated>) {
        let Keep::Closing { groups, ends } = &mut self.keep else { return };
        while let Some((end, at)) = ends.first().copied().filter(|(end, _)| due(*end)) {
            ends.pop_first();
            let (key, pending) = groups.at(at);
            let before = weight(key.len(), pending.len(), pending.bytes());
            let Some((last, measured)) = pending.close(self.timespan, &self.question) else { continue };
            out.extend(measured.map(|window: Measured| Correlated {
                correlation: self.correlation,
                time: end,
                window,
                group: key.into(),
                rule: last.rule,
                place: last.event.place,
                values: last.values.into(),
            }));
            self.held = self.held + weight(key.len(), pending.len(), pending.bytes()) - before;
            match pending.opened() {
                Some(opened) => _ = ends.insert((opened.plus(self.timespan), at)),
                None => _ = groups.remove(at),
            }
        }
    }
}

/// Bytes that a group is reckoned to take; none before its first event.
fn weight(key: usize, events: usize, more: usize) -> usize {
    if events == 0 { 0 } else { GROUP_BYTES + key + EVENT_BYTES * events + more }
}
