//! A sliding window over the events of one group, in the order of their times.
//!
//! The window that ends at an event holds the events of the time span before it, both ends included. The condition is
//! looked at twice for each event: just before it, when the window has slid there, and with it. A *run* is a stretch of
//! events at which it holds each time; its first event is an *edge*, held with it, and not before it or not with the event before.
//! Each run has one alert, at its edge.
//!
//! A late event changes the windows of events after it and may so make edges of them; an alert is due only if
//! that run had none yet. To know those windows the tally of the newest one is not built anew but led back and forth: it
//! stays where it last was needed, so that an event far ahead of all others costs the others nothing.

use super::correlated::{MAX_PLACES, Measured};
use super::question::Question;
use super::tally::{Event, Tally};
use crate::sigma::ir::Number;
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// Events kept for one group; the oldest beyond are dropped and counted. No condition may ask for more.
pub(super) const MAX_EVENTS: usize = 1 << 16;

/// The events of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    events: VecDeque<Kept>,
    /// Of the events from `left` to before `right`.
    tally: Tally,
    left: usize,
    right: usize,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    event: Event,
    /// Whether the condition held just before it and with it.
    held: (bool, bool),
    /// Whether an alert was raised for it.
    alerted: bool,
}

/// An event at which an alert may be due.
#[derive(Clone, Copy, Debug)]
struct Edge {
    first: usize,
    last: usize,
    figure: Number,
}

impl Window {
    /// How many events it keeps.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The latest event.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.time(self.events.len().checked_sub(1)?)
    }

    /// Bytes that its tally takes beside those of events.
    pub(super) fn bytes(&self) -> usize {
        self.tally.bytes()
    }

    /// Forgets events before `limit`, and the oldest if it is full; returns how many were forgotten for lack of room.
    pub(super) fn make_room(&mut self, limit: Timestamp) -> u64 {
        while self.time(0).is_some_and(|time| time < limit) {
            self.forget_oldest();
        }
        let full = self.events.len() >= MAX_EVENTS;
        if full {
            self.forget_oldest();
        }
        u64::from(full)
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            if self.left == 0 && self.right > 0 {
                self.tally.remove(&oldest.event);
            }
            self.left = self.left.saturating_sub(1);
            self.right = self.right.saturating_sub(1);
        }
    }

    /// Adds an event and tells the windows for which an alert is due: one at most unless the event is late.
    pub(super) fn add(&mut self, event: Event, span: Span, question: &Question) -> Vec<Measured> {
        if self.events.is_empty() {
            self.reset(0, question);
        }
        let at = match self.latest() {
            Some(latest) if latest > event.time => self.events.partition_point(|kept| kept.event.time <= event.time),
            _ => self.events.len(),
        };
        self.lead(at, event.time.minus(span), question);
        self.events.insert(at, Kept { event, held: (false, false), alerted: false });
        let end = event.time.plus(span);
        let mut edges: Vec<Edge> = Vec::new();
        while self.time(self.right).is_some_and(|time| time <= end) {
            edges.extend(self.step(span, question));
        }
        edges.retain(|edge| !self.has_alerted(edge.last));
        edges.into_iter().map(|edge| self.alert(edge)).collect()
    }

    /// Leads the tally on by one event; tells if that is an edge.
    fn step(&mut self, span: Span, question: &Question) -> Option<Edge> {
        let last = self.right;
        let from = self.time(last)?.minus(span);
        while self.left < last && self.time(self.left).is_some_and(|time| time < from) {
            self.leave();
        }
        let held_till_then = last.checked_sub(1).and_then(|before| self.events.get(before)).is_some_and(|kept| kept.held.1);
        let held_before = question.answer(&self.tally, from).is_some();
        self.enter();
        let answer = question.answer(&self.tally, from);
        let kept = self.events.get_mut(last)?;
        kept.held = (held_before, answer.is_some());
        let figure = answer.filter(|_| !(held_before && held_till_then))?;
        Some(Edge { first: self.left, last, figure })
    }

    /// Leads the tally to the window just before the event that is to stand at `at`, which begins at `from`.
    fn lead(&mut self, at: usize, from: Timestamp, question: &Question) {
        if at == self.right {
            return;
        }
        let left = self.events.partition_point(|kept| kept.event.time < from).min(at);
        let back = at < self.right || left < self.left;
        if at <= self.left || left >= self.right || (back && !self.tally.is_reversible()) {
            self.reset(left, question);
        }
        while self.right > at {
            self.right -= 1;
            if let Some(kept) = self.events.get(self.right) {
                self.tally.remove(&kept.event);
            }
        }
        while self.left > left {
            self.left -= 1;
            if let Some(kept) = self.events.get(self.left) {
                self.tally.add(&kept.event);
            }
        }
        while self.right < at {
            self.enter();
        }
        while self.left < left {
            self.leave();
        }
    }

    fn reset(&mut self, at: usize, question: &Question) {
        self.tally = question.blank();
        (self.left, self.right) = (at, at);
    }

    fn enter(&mut self) {
        if let Some(kept) = self.events.get(self.right) {
            self.tally.add(&kept.event);
        }
        self.right += 1;
    }

    fn leave(&mut self) {
        if let Some(kept) = self.events.get(self.left) {
            self.tally.remove(&kept.event);
        }
        self.left += 1;
    }

    fn time(&self, at: usize) -> Option<Timestamp> {
        self.events.get(at).map(|kept| kept.event.time)
    }

    /// Whether the run that starts at event `edge` had its alert.
    fn has_alerted(&self, edge: usize) -> bool {
        let mut run = self.events.range(edge..);
        let first = run.next().is_some_and(|kept| kept.alerted);
        first || run.take_while(|kept| kept.held == (true, true)).any(|kept| kept.alerted)
    }

    fn alert(&mut self, edge: Edge) -> Measured {
        let Edge { first, last, figure } = edge;
        if let Some(kept) = self.events.get_mut(last) {
            kept.alerted = true;
        }
        let told = first.max((last + 1).saturating_sub(MAX_PLACES));
        Measured {
            first: self.time(first).unwrap_or_default(),
            last: self.time(last).unwrap_or_default(),
            events: last + 1 - first,
            figure,
            places: self.events.range(told..=last).map(|kept| kept.event.place).collect(),
        }
    }
}
