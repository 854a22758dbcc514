//! The events of one group that wait for their window to close.
//!
//! Windows follow each other: the first opens with the group's first event and closes a time span later, both ends
//! included; the next opens with the first event after that. They are cut when no earlier event can come any more, so
//! that the order of arrival does not matter.

use super::RuleIx;
use super::correlated::{MAX_PLACES, Measured};
use super::question::MAX_EVENTS;
use super::question::Question;
use super::tally::Event;
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// The events of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    events: VecDeque<Waiting>,
    bytes: usize,
}

/// An event with what an alert has to tell if it is the last of its window.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) event: Event,
    pub(super) rule: RuleIx,
    pub(super) values: Box<[u8]>,
}

impl Pending {
    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Bytes that their values take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the first window opened.
    pub(super) fn opened(&self) -> Option<Timestamp> {
        self.events.front().map(|waiting| waiting.event.time)
    }

    /// Adds an event; `false` if there is no room.
    pub(super) fn add(&mut self, waiting: Waiting) -> bool {
        if self.events.len() >= MAX_EVENTS {
            return false;
        }
        self.bytes += waiting.values.len();
        let time = waiting.event.time;
        let at = match self.events.back() {
            Some(last) if last.event.time > time => self.events.partition_point(|other| other.event.time <= time),
            _ => self.events.len(),
        };
        self.events.insert(at, waiting);
        true
    }

    /// Closes the first window: its last event, and what was measured if the condition holds for it.
    pub(super) fn close(&mut self, span: Span, question: &Question) -> Option<(Waiting, Option<Measured>)> {
        let first = self.opened()?;
        let end = first.plus(span);
        let count = self.events.partition_point(|waiting| waiting.event.time <= end);
        let mut tally = question.blank();
        self.events.range(..count).for_each(|waiting| tally.add(&waiting.event));
        let told = self.events.range(count.saturating_sub(MAX_PLACES)..count);
        let places = told.map(|waiting| waiting.event.place).collect();
        let closed = self.events.drain(..count);
        let bytes = &mut self.bytes;
        let last = closed.inspect(|waiting| *bytes -= waiting.values.len()).last()?;
        let figure = question.answer(&tally, first);
        let measured = figure.map(|figure| Measured { first, last: last.event.time, events: count, figure, places });
        Some((last, measured))
    }
}
