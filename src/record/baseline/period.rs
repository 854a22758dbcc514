//! How often a client asks the same.
//!
//! The steps of a question are the times between one query and the next equal one of the same client and server. The
//! median of five steps in a row does not care for one that was lost, repeated or late: that is the period. What is
//! learned of a pair is the least and the greatest period of the question that it asked most often.

use super::seen::{How, Seen};
use crate::time::{Span, Timestamp};

/// How many steps a period is the median of.
const STEPS: usize = 5;

/// A period is new when it is less than the least known one by this factor, or more than the greatest.
pub const PERIOD_FACTOR: i64 = 2;

/// How many different questions of a pair are watched while the one asked most often is not known.
pub const QUERIES_PER_PAIR: usize = 16;

/// A question that can be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// The unit identifier.
    pub unit: u8,
    /// The function code.
    pub function: u8,
    /// First address and quantity, if it has such; of function 23 those that are read.
    pub place: Option<(u16, u16)>,
}

/// The periods of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The least one.
    pub least: Span,
    /// The greatest one.
    pub greatest: Span,
}

/// Periods with when the question was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Periods {
    pub(super) period: Period,
    pub(super) seen: Seen,
}

/// The last steps of one question.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steps {
    last: Option<Timestamp>,
    spans: [Span; STEPS],
    count: usize,
}

/// What a pair asks, while it is learned.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Vec<(Query, Track)>);

#[derive(Clone, Copy, Debug)]
struct Track {
    steps: Steps,
    seen: Seen,
    period: Option<Period>,
}

impl Period {
    /// Of one period.
    pub(super) const fn of(span: Span) -> Self {
        Self { least: span, greatest: span }
    }

    /// Whether a period lies far outside.
    #[must_use]
    pub const fn excludes(self, span: Span) -> bool {
        span.nanos().saturating_mul(PERIOD_FACTOR) < self.least.nanos()
            || span.nanos() / PERIOD_FACTOR > self.greatest.nanos()
    }

    /// Whether all of another lies in it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.least <= other.least && other.greatest <= self.greatest
    }

    /// Takes in another.
    pub(super) fn join(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }
}

impl Periods {
    pub(super) fn join(&mut self, period: Period, seen: Seen, how: How) {
        self.period.join(period);
        self.seen.join(seen, how);
    }
}

impl Steps {
    /// The question was asked; gives the period once there are enough steps. A time before the last one begins anew
    /// from there.
    pub(super) fn step(&mut self, time: Timestamp) -> Option<Span> {
        let last = self.last.replace(time)?;
        if time < last {
            return None;
        }
        let place = self.spans.get_mut(self.count % STEPS)?;
        *place = time.since(last);
        // Only what remains of it counts, once all places are taken.
        self.count = if self.count + 1 >= 2 * STEPS { STEPS } else { self.count + 1 };
        if self.count < STEPS {
            return None;
        }
        let mut sorted = self.spans;
        sorted.sort_unstable();
        sorted.get(STEPS / 2).copied()
    }
}

impl Tally {
    /// The pair asked; `false` if it asks too many different questions to watch this one.
    pub(super) fn see(&mut self, query: Query, time: Timestamp) -> bool {
        let at = match self.0.iter().position(|(known, _)| *known == query) {
            Some(at) => at,
            None if self.0.len() < QUERIES_PER_PAIR => {
                let seen = Seen { count: 0, ..Seen::once(time) };
                self.0.push((query, Track { steps: Steps::default(), seen, period: None }));
                self.0.len() - 1
            }
            None => return false,
        };
        let Some((_, track)) = self.0.get_mut(at) else { return false };
        track.seen.join(Seen::once(time), How::Learned);
        if let Some(span) = track.steps.step(time) {
            track.period.get_or_insert(Period::of(span)).join(Period::of(span));
        }
        true
    }

    /// The question asked most often of those that have a period.
    pub(super) fn most_frequent(&self) -> Option<(Query, Periods)> {
        let with = self.0.iter().filter_map(|(query, track)| {
            let period = track.period?;
            Some((*query, Periods { period, seen: track.seen }))
        });
        with.max_by(|(a, x), (b, y)| x.seen.count.cmp(&y.seen.count).then_with(|| b.cmp(a)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    const fn millis(count: i64) -> Span {
        Span::from_nanos(count * 1_000_000)
    }

    const READ: Query = Query { unit: 1, function: 3, place: Some((0, 10)) };

    fn periods(times: &[i64]) -> Vec<i64> {
        let mut steps = Steps::default();
        times.iter().filter_map(|time| steps.step(at(*time))).map(|span| span.nanos() / 1_000_000).collect()
    }

    #[test]
    fn a_period_takes_five_steps_and_no_notice_of_single_ones() {
        assert_eq!(periods(&[0, 10, 20, 30, 40]), [0_i64; 0]);
        assert_eq!(periods(&[0, 10, 20, 30, 40, 50, 61]), [10, 10]);
        assert_eq!(periods(&[0, 10, 20, 21, 30, 1_000, 1_010, 1_020, 1_030, 1_040, 1_050, 1_060]), [10; 7]);
        // Faster for good: the third step tells it.
        assert_eq!(periods(&[0, 10, 20, 30, 40, 50, 51, 52, 53, 54]), [10, 10, 10, 1, 1]);
        // A clock that was set back.
        assert_eq!(periods(&[100, 110, 120, 130, 0, 10, 20, 30]), [10, 10]);
    }

    #[test]
    fn the_question_asked_most_often_counts() {
        let mut tally = Tally::default();
        let rare = Query { function: 4, ..READ };
        for step in 0..20 {
            assert!(tally.see(READ, at(step * 1_000 + step % 2)));
            if step % 2 == 0 {
                assert!(tally.see(rare, at(step * 1_000)));
            }
        }
        let (query, found) = tally.most_frequent().unwrap();
        assert_eq!((query, found.seen.count), (READ, 20));
        assert_eq!(found.period, Period { least: millis(999), greatest: millis(1_001) });
        let others = (0..20).filter(|unit| tally.see(Query { unit: 100 + unit, ..READ }, at(0))).count();
        assert_eq!(others, QUERIES_PER_PAIR - 2);
    }

    #[test]
    fn only_a_factor_makes_a_period_new() {
        let period = Period { least: millis(100), greatest: millis(200) };
        assert!([50, 100, 150, 400].iter().all(|span| !period.excludes(millis(*span))));
        assert!([49, 402].iter().all(|span| period.excludes(millis(*span))));
    }
}
