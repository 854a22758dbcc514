//! How a score went over time, in little memory: what the summary's score line is drawn from.

use crate::time::{Span, Timestamp};

/// How many columns a history keeps.
const COLUMNS: usize = 64;

/// The highest score in each of at most 64 columns of equal width; the width doubles when time runs on.
#[derive(Clone, Debug, Default)]
pub struct History {
    start: Timestamp,
    width: i64,
    columns: Vec<i64>,
}

impl History {
    /// Notes that the score was `sum` at `time`. Times before the first one count as the first.
    pub fn note(&mut self, time: Timestamp, sum: i64) {
        if self.columns.is_empty() {
            self.start = time;
            self.width = Span::from_secs(1).nanos();
        }
        let distance = time.since(self.start).nanos().max(0);
        while distance / self.width >= COLUMNS as i64 {
            self.halve();
        }
        let column = (distance / self.width) as usize;
        if column >= self.columns.len() {
            self.columns.resize(column + 1, 0);
        }
        if let Some(highest) = self.columns.get_mut(column) {
            *highest = sum.max(*highest);
        }
    }

    /// The highest scores, oldest first, and the width of a column.
    #[must_use]
    pub fn columns(&self) -> (&[i64], Span) {
        (&self.columns, Span::from_nanos(self.width))
    }

    fn halve(&mut self) {
        self.columns = self.columns.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
        self.width = self.width.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_peaks_in_64_columns() {
        let mut history = History::default();
        for second in 0..1_000 {
            history.note(Timestamp::from_parts(second, 0), if second == 700 { 300 } else { 10 });
        }
        let (columns, width) = history.columns();
        assert!(columns.len() <= COLUMNS);
        assert_eq!(width, Span::from_secs(16));
        assert_eq!(columns[700 / 16], 300);
        assert_eq!(columns.iter().filter(|sum| **sum == 300).count(), 1);
    }

    #[test]
    fn the_widest_times_there_are_do_not_hang_it() {
        let mut history = History::default();
        history.note(Timestamp::MIN, 1);
        history.note(Timestamp::MAX, 2);
        assert!(history.columns().0.len() <= COLUMNS);
    }
}
