//! A clock that records wind: which second of capture time it is, for everything that expires.

use super::{Span, Timestamp};

/// A step of capture time of more than this is believed only when a second record agrees: one record with a wrong,
/// far-away time must not make anybody forget anything.
pub const LEAP: Span = Span::from_secs(3_600);

/// The capture clock: it ticks once for each second that records pass into.
///
/// A [`LEAP`] waits for confirmation. The clock looks at nothing but record times in order: the same input ticks at the same records.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    leap: Option<Timestamp>,
}

impl Clock {
    /// Takes the next record's time; answers with the time to expire by when a new second began.
    pub fn tick(&mut self, time: Timestamp) -> Option<Timestamp> {
        let Some(now) = self.now else {
            self.now = Some(time);
            return None;
        };
        let step = time.since(now).nanos();
        if step.unsigned_abs() > LEAP.nanos().unsigned_abs() {
            return self.leap(time);
        }
        self.leap = None;
        if step <= 0 {
            return None;
        }
        let new_second = time.second() != now.second();
        // Within a second the clock stands still, so that most records cost one comparison.
        if new_second {
            self.now = Some(time);
        }
        new_second.then_some(time)
    }

    fn leap(&mut self, time: Timestamp) -> Option<Timestamp> {
        let confirmed =
            self.leap.is_some_and(|leap| time.since(leap).nanos().unsigned_abs() <= LEAP.nanos().unsigned_abs());
        if !confirmed {
            self.leap = Some(time);
            return None;
        }
        self.now = Some(time);
        self.leap = None;
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(seconds: &[f64]) -> Vec<f64> {
        let mut clock = Clock::default();
        let time = |second: f64| Timestamp::from_nanos((second * 1e9) as i64);
        seconds.iter().copied().filter(|second| clock.tick(time(*second)).is_some()).collect()
    }

    #[test]
    fn it_ticks_once_for_each_second_that_records_reach() {
        assert_eq!(ticks(&[1.0, 1.5, 2.1, 2.2, 1.9, 5.0, 5.9]), [2.1, 5.0]);
    }

    #[test]
    fn one_far_away_time_moves_nothing_and_two_do() {
        assert_eq!(ticks(&[1.0, 9e8, 1.5, 2.5]), [2.5]);
        assert_eq!(ticks(&[1.0, 9e8, 9e8 + 1.0, 9e8 + 2.0]), [9e8 + 1.0, 9e8 + 2.0]);
        assert_eq!(ticks(&[9e8, 1.0, 2.0, 3.0]), [2.0, 3.0]);
    }
}
