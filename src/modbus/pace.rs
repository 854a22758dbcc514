//! How long a server usually takes to answer in one conversation, so that an answer can be called slow.

use crate::time::Span;

/// So many answers tell what is usual.
const LEARNED: u8 = 16;
/// A slow answer takes so many times the usual.
const FACTOR: u64 = 10;
/// And at least so long: below it, nobody who waits notices.
const NOTABLE: u64 = 100_000_000;
/// How much an answer counts for the usual, after the first [`LEARNED`]: one part in so many.
const INERTIA: u64 = 256;

/// What was learned of a server's answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    seen: u8,
    /// The mean of the first answers, then a mean that follows slowly; in nanoseconds.
    usual: u64,
}

impl Pace {
    /// Takes in how long an answer took; tells whether it was slow.
    pub(super) fn answer(&mut self, latency: Span) -> bool {
        let taken = u64::try_from(latency.nanos()).unwrap_or(0);
        if self.seen < LEARNED {
            self.seen += 1;
            let (seen, usual) = (u64::from(self.seen), self.usual);
            self.usual = usual - usual / seen + taken / seen;
            return false;
        }
        let slow = taken >= NOTABLE && taken / FACTOR >= self.usual;
        // What is slow must not soon be usual: it counts for no more than twice the usual.
        self.usual = self.usual - self.usual / INERTIA + taken.min(self.usual.saturating_mul(2)) / INERTIA;
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: i64) -> Span {
        Span::from_nanos(count * 1_000_000)
    }

    /// A server that has answered sixteen times, each after so many milliseconds.
    fn used_to(usual: i64) -> Pace {
        let mut pace = Pace::default();
        assert!((0..LEARNED).all(|_| !pace.answer(millis(usual))));
        pace
    }

    #[test]
    fn ten_times_the_usual_is_slow() {
        let taken = [999, 1_000, 999, 5_000];
        assert_eq!(taken.map(|taken| used_to(100).answer(millis(taken))), [false, true, false, true]);
        // A tenth of a second is the least that is noticed.
        assert_eq!([99, 100].map(|taken| used_to(1).answer(millis(taken))), [false, true]);
    }

    #[test]
    fn nothing_is_slow_before_something_is_usual() {
        let mut pace = Pace::default();
        assert!((0..LEARNED - 1).all(|_| !pace.answer(millis(1))));
        assert!(!pace.answer(millis(9_000)));
    }

    #[test]
    fn slow_answers_become_usual_only_slowly() {
        let mut pace = used_to(100);
        let slow = (0..2_000).take_while(|_| pace.answer(millis(2_000))).count();
        assert!((100..1_000).contains(&slow), "{slow}");
    }

    #[test]
    fn no_latency_is_too_long_or_too_short() {
        let mut pace = Pace::default();
        for nanos in [i64::MAX, -1, 0, i64::MIN, i64::MAX].into_iter().cycle().take(100) {
            pace.answer(Span::from_nanos(nanos));
        }
    }
}
