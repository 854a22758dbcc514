//! A sliding window over the events of one group, in the order of their times.
//!
//! The window that ends at an event holds the events of the time span before it, both ends included. An event is an *edge*
//! if the condition holds with it and did not just before it: there an alert is due. The condition stays true until
//! the window has slid too far; that stretch is a *run*, and has one alert. A late event changes the windows of events after it and
//! may so make an edge of itself or of them; an alert is due only if that run had none yet.

use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// Events kept for one group; the oldest beyond are dropped and counted. No condition may ask for more.
pub(super) const MAX_EVENTS: usize = 1 << 16;

/// The events of a group.
#[derive(Debug, Default)]
pub(super) struct Window {
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    time: Timestamp,
    record: u64,
    /// Whether an alert was raised for it.
    alerted: bool,
}

/// An alert that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The first event of its window.
    pub(super) first: Timestamp,
    /// The last.
    pub(super) last: Timestamp,
    /// How many events it holds.
    pub(super) count: usize,
    /// The newest of their records.
    pub(super) records: Vec<u64>,
}

/// Records told with an alert.
const MAX_RECORDS: usize = 32;

impl Window {
    /// How many events it holds.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The latest event.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.events.back().map(|event| event.time)
    }

    /// Forgets events before `limit`, and the oldest if it is full; returns how many were forgotten for lack of room.
    pub(super) fn make_room(&mut self, limit: Timestamp) -> u64 {
        while self.events.front().is_some_and(|event| event.time < limit) {
            self.events.pop_front();
        }
        let full = self.events.len() >= MAX_EVENTS;
        if full {
            self.events.pop_front();
        }
        u64::from(full)
    }

    /// Adds an event and tells the alerts that are due: one at most unless it is late. `holds` is the condition on the
    /// number of events.
    pub(super) fn add(&mut self, time: Timestamp, record: u64, span: Span, holds: impl Fn(usize) -> bool) -> Vec<Due> {
        let at = self.events.partition_point(|event| event.time <= time);
        self.events.insert(at, Event { time, record, alerted: false });
        let end = time.plus(span);
        let mut due = Vec::new();
        for edge in at..self.events.len() {
            if self.events.get(edge).is_none_or(|event| event.time > end) {
                break;
            }
            let count = self.count(edge, span);
            if holds(count) && !holds(count - 1) && !self.alerted(edge, span, &holds) {
                due.push(self.alert(edge, count));
            }
        }
        due
    }

    /// How many events the window that ends at event `at` holds.
    fn count(&self, at: usize, span: Span) -> usize {
        let Some(event) = self.events.get(at) else { return 0 };
        let from = event.time.minus(span);
        at + 1 - self.events.partition_point(|event| event.time < from)
    }

    /// Whether the run that starts at event `edge` had its alert.
    fn alerted(&self, edge: usize, span: Span, holds: &impl Fn(usize) -> bool) -> bool {
        let run = self.events.range(edge..).enumerate();
        run.take_while(|(ahead, _)| *ahead == 0 || holds(self.count(edge + ahead, span) - 1))
            .any(|(_, event)| event.alerted)
    }

    fn alert(&mut self, edge: usize, count: usize) -> Due {
        let first = edge + 1 - count;
        let told = edge + 1 - count.min(MAX_RECORDS);
        let time = |at: usize| self.events.get(at).map_or(Timestamp::MIN, |event| event.time);
        let due = Due {
            first: time(first),
            last: time(edge),
            count,
            records: self.events.range(told..=edge).map(|event| event.record).collect(),
        };
        if let Some(event) = self.events.get_mut(edge) {
            event.alerted = true;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: all windows of all events, counted anew after each arrival.
    #[derive(Default)]
    struct Truth {
        events: Vec<(i64, u64, bool)>,
    }

    impl Truth {
        fn add(&mut self, time: i64, record: u64, span: i64, holds: &dyn Fn(usize) -> bool) -> Vec<(i64, usize)> {
            self.events.push((time, record, false));
            self.events.sort_by_key(|event| event.0);
            let new = self.events.iter().position(|event| event.1 == record).unwrap();
            let counts: Vec<usize> = (0..self.events.len())
                .map(|at| self.events[..=at].iter().filter(|event| event.0 >= self.events[at].0 - span).count())
                .collect();
            let mut due = Vec::new();
            let mut run: Vec<usize> = Vec::new();
            for at in 0..=counts.len() {
                if at < counts.len() && holds(counts[at] - 1) {
                    run.push(at);
                    continue;
                }
                if let Some(edge) = run.first().copied()
                    && edge >= new
                    && self.events[edge].0 - span <= time
                    && holds(counts[edge])
                    && !run.iter().any(|at| self.events[*at].2)
                {
                    self.events[edge].2 = true;
                    due.push((self.events[edge].0, counts[edge]));
                }
                run = vec![at];
            }
            due
        }
    }

    fn run(times: &[i64], span: i64, holds: impl Fn(usize) -> bool) -> Vec<Vec<(i64, usize)>> {
        let mut window = Window::default();
        let mut add = |record, time: i64| {
            let due = window.add(Timestamp::from_nanos(time), record, Span::from_nanos(span), &holds);
            due.iter().map(|due| (due.last.nanos(), due.count)).collect()
        };
        (0..).zip(times).map(|(record, time)| add(record, *time)).collect()
    }

    /// All alerts of events that arrive in this order, when three make one.
    fn three(times: &[i64], span: i64) -> Vec<(i64, usize)> {
        run(times, span, |count| count >= 3).concat()
    }

    #[test]
    fn an_event_at_exactly_the_span_is_inside() {
        assert_eq!(three(&[0, 5, 10], 10), [(10, 3)]);
        assert_eq!(three(&[0, 5, 11], 10), []);
    }

    #[test]
    fn a_burst_alerts_once_and_the_next_one_again() {
        assert_eq!(three(&[0, 1, 2, 3, 4, 100, 101, 102], 10), [(2, 3), (102, 3)]);
        assert_eq!(run(&[0, 100], 10, |count| count >= 1).concat(), [(0, 1), (100, 1)]);
    }

    #[test]
    fn a_late_event_counts_where_it_belongs() {
        assert_eq!(three(&[0, 20, 5, 6], 10), [(6, 3)]);
        assert_eq!(three(&[0, 10, 5], 10), [(10, 3)]);
        assert_eq!(three(&[0, 1, 2, 1], 10), [(2, 3)]);
    }

    proptest! {
        #[test]
        fn alerts_are_those_of_a_full_rescan(
            times in prop::collection::vec(0_i64..60, 1..40),
            span in 0_i64..15,
            least in 1_usize..5,
            exactly in any::<bool>(),
            sorted in any::<bool>(),
        ) {
            let mut times = times;
            if sorted {
                times.sort_unstable();
            }
            let holds = |count: usize| if exactly { count == least } else { count >= least };
            let mut truth = Truth::default();
            let expected: Vec<_> =
                (0..).zip(&times).map(|(record, time)| truth.add(*time, record, span, &holds)).collect();
            prop_assert_eq!(run(&times, span, holds), expected);
        }
    }
}
