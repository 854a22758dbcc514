//! A clock that records wind: which second of capture time it is, for everything that expires.

use super::{Span, Timestamp};

/// A step of capture time of more than this is believed only when a second record agrees: one record with a wrong,
/// far-away time must not make anybody forget anything.
pub const LEAP: Span = Span::from_secs(3_600);

/// The capture clock: it ticks once for each second that records pass into.
///
/// A [`LEAP`] waits for confirmation: by the next record at about the same time, or, where records are always far apart,
/// by two more that each come later; then the first of the three is believed. The clock looks at nothing but record
/// times in order: the same input ticks at the same records.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    /// The next second after that; times up to it need not be divided to be told.
    next: Timestamp,
    /// The latest time that two records agree about.
    latest: Option<Timestamp>,
    /// The last record's time if that was a leap, and the one before it if that was one, too, and not later.
    leap: Option<Timestamp>,
    leap_before: Option<Timestamp>,
}

impl Clock {
    /// The time it shows: of the last tick, or of the first record.
    #[must_use]
    pub const fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// The latest time of the records so far, to the nanosecond. What only one record says does not count.
    #[must_use]
    pub const fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// Takes the next record's time; answers with the time to expire by when a new second began.
    #[inline]
    pub fn tick(&mut self, time: Timestamp) -> Option<Timestamp> {
        // Within a second the clock stands still, so that most records cost a few comparisons.
        if let (Some(now), Some(latest), None) = (self.now, self.latest, self.leap)
            && (now..self.next).contains(&time)
        {
            self.latest = Some(latest.max(time));
            return None;
        }
        self.turn(time)
    }

    fn turn(&mut self, time: Timestamp) -> Option<Timestamp> {
        let Some(now) = self.now else {
            self.show(time);
            return None;
        };
        if time.since(now).nanos().unsigned_abs() > LEAP.nanos().unsigned_abs() {
            return self.leap(now, time);
        }
        (self.leap, self.leap_before) = (None, None);
        self.latest = self.latest.max(Some(now.max(time)));
        let new_second = time > now && time >= self.next;
        if new_second {
            self.show(time);
        }
        new_second.then_some(time)
    }

    fn show(&mut self, time: Timestamp) {
        self.now = Some(time);
        self.next = Timestamp::from_parts(time.second().saturating_add(1), 0);
    }

    /// Takes the [latest](Self::latest) time of a clock that saw more records; answers likewise.
    pub fn follow(&mut self, latest: Timestamp) -> Option<Timestamp> {
        let is_leap = |now: Timestamp| latest.since(now).nanos().unsigned_abs() > LEAP.nanos().unsigned_abs();
        if self.now.is_some_and(is_leap) {
            // That clock has asked a second record.
            self.leap = Some(latest);
        }
        self.tick(latest)
    }

    fn leap(&mut self, now: Timestamp, time: Timestamp) -> Option<Timestamp> {
        let close = |leap: &Timestamp| time.since(*leap).nanos().unsigned_abs() <= LEAP.nanos().unsigned_abs();
        if self.leap.as_ref().is_some_and(close) {
            self.latest = self.leap.max(Some(time));
            (self.leap, self.leap_before) = (None, None);
            self.show(time);
            return Some(time);
        }
        let before = self.leap.replace(time).filter(|leap| now < *leap && *leap < time);
        let first = std::mem::replace(&mut self.leap_before, before).filter(|_| before.is_some())?;
        self.latest = Some(first);
        self.show(first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticks(seconds: &[f64]) -> Vec<f64> {
        let mut clock = Clock::default();
        let time = |second: f64| Timestamp::from_nanos((second * 1e9) as i64);
        seconds.iter().copied().filter(|second| clock.tick(time(*second)).is_some()).collect()
    }

    #[test]
    fn it_ticks_once_for_each_second_that_records_reach() {
        assert_eq!(ticks(&[1.0, 1.5, 2.1, 2.2, 1.9, 5.0, 5.9]), [2.1, 5.0]);
    }

    proptest! {
        /// What the clock keeps at hand says the same as a division.
        #[test]
        fn it_ticks_where_a_later_second_begins(
            start in prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>()],
            steps in prop::collection::vec(-3_000_000_000..3_000_000_000_i64, 0..40),
        ) {
            let (mut clock, mut now) = (Clock::default(), Timestamp::from_nanos(start));
            clock.tick(now);
            for step in steps {
                let time = now.plus(Span::from_nanos(step));
                let later = time > now && time.second() != now.second();
                prop_assert_eq!(clock.tick(time), later.then_some(time));
                now = if later { time } else { now };
            }
        }
    }

    #[test]
    fn one_far_away_time_moves_nothing_and_two_do() {
        assert_eq!(ticks(&[1.0, 9e8, 1.5, 2.5]), [2.5]);
        assert_eq!(ticks(&[1.0, 9e8, 9e8 + 1.0, 9e8 + 2.0]), [9e8 + 1.0, 9e8 + 2.0]);
        assert_eq!(ticks(&[9e8, 1.0, 2.0, 3.0]), [2.0, 3.0]);
    }

    #[test]
    fn the_latest_time_is_known_to_the_nanosecond() {
        let mut clock = Clock::default();
        assert_eq!(clock.latest(), None);
        let time = |seconds: f64| Timestamp::from_nanos((seconds * 1e9) as i64);
        assert_eq!((clock.tick(time(1.0)), clock.latest()), (None, None), "nobody agrees yet");
        for (seconds, latest) in [(1.5, 1.5), (1.25, 1.5), (9e8, 1.5), (3.75, 3.75), (3.5, 3.75)] {
            clock.tick(time(seconds));
            assert_eq!(clock.latest(), Some(time(latest)), "after {seconds}");
        }
        assert_eq!((clock.follow(time(9e8)), clock.latest()), (Some(time(9e8)), Some(time(9e8))), "two have agreed");
    }

    #[test]
    fn records_that_are_always_far_apart_move_it_with_a_delay() {
        let mut clock = Clock::default();
        let mut tick = |day: i64| clock.tick(Timestamp::from_parts(day * 86_400, 0)).map(|now| now.second() / 86_400);
        assert_eq!([0, 1, 2, 3, 4].map(&mut tick), [None, None, None, Some(1), Some(2)]);
        assert_eq!([2, 900, 950, 2].map(&mut tick), [None; 4], "two wrong times are not enough");
        assert_eq!([700, 600, 500, 400, 2].map(&mut tick), [None; 5], "and three that do not rise neither");
        assert_eq!(clock.now().map(Timestamp::second), Some(2 * 86_400));
    }
}
