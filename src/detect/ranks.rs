//! Numbers in order, from which any percentile can be read while they come and go.
//!
//! A list of sorted runs, none longer than [`LONGEST`]: adding, removing and reading cost about the square root of how
//! many there are, in memory that is read from end to end.

/// A run longer than this is cut in two; two neighbours shorter than half of it together are joined.
const LONGEST: usize = 512;

/// A bag of numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranks {
    runs: Vec<Vec<f64>>,
    count: usize,
}

impl Ranks {
    /// Adds a number.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        let at = self.run(value).min(self.runs.len().saturating_sub(1));
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.push(vec![value]);
            return;
        };
        run.insert(place(run, value), value);
        if run.len() > LONGEST {
            let upper = run.split_off(run.len() / 2);
            self.runs.insert(at + 1, upper);
        }
    }

    /// Takes a number away that was added.
    pub(super) fn remove(&mut self, value: f64) {
        let at = self.run(value);
        let Some(run) = self.runs.get_mut(at) else { return };
        let found = place(run, value);
        if run.get(found).is_none_or(|other| other.total_cmp(&value).is_ne()) {
            return;
        }
        run.remove(found);
        self.count -= 1;
        if run.is_empty() {
            self.runs.remove(at);
        } else {
            self.join(at);
            self.join(at.wrapping_sub(1));
        }
    }

    /// Joins a run with the next if they are short.
    fn join(&mut self, at: usize) {
        if let Some([run, next]) = self.runs.get_mut(at..).and_then(|runs| runs.first_chunk_mut())
            && run.len() + next.len() < LONGEST / 2
        {
            run.append(next);
            self.runs.remove(at + 1);
        }
    }

    /// The percentile, from 0 to 100, linear between the two nearest ranks: 0 is the least number, 100 the greatest, 50 the
    /// median. `None` of no numbers.
    pub(super) fn percentile(&self, percentile: f64) -> Option<f64> {
        let rank = percentile.clamp(0.0, 100.0) / 100.0 * self.count.checked_sub(1)? as f64;
        let below = self.nth(rank as usize)?;
        match rank.fract() {
            0.0 => Some(below),
            fraction => Some(below + (self.nth(rank as usize + 1)? - below) * fraction),
        }
    }

    fn nth(&self, mut rank: usize) -> Option<f64> {
        for run in &self.runs {
            match run.get(rank) {
                Some(value) => return Some(*value),
                None => rank -= run.len(),
            }
        }
        None
    }

    /// The first run that reaches up to a number.
    fn run(&self, value: f64) -> usize {
        self.runs.partition_point(|run| run.last().is_some_and(|last| last.total_cmp(&value).is_lt()))
    }
}

fn place(run: &[f64], value: f64) -> usize {
    run.partition_point(|other| other.total_cmp(&value).is_lt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranks(values: &[f64]) -> Ranks {
        let mut ranks = Ranks::default();
        values.iter().for_each(|value| ranks.add(*value));
        ranks
    }

    #[test]
    fn percentiles_are_linear_between_ranks() {
        let four = ranks(&[40.0, 10.0, 30.0, 20.0]);
        for (percentile, value) in [(0.0, 10.0), (25.0, 17.5), (50.0, 25.0), (90.0, 37.0), (100.0, 40.0)] {
            assert_eq!(four.percentile(percentile), Some(value), "{percentile}");
        }
        assert_eq!(ranks(&[7.0]).percentile(99.0), Some(7.0));
        assert_eq!(ranks(&[]).percentile(50.0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn it_is_a_sorted_list(steps in prop::collection::vec((0_u8..3, 0_u16..2000), 0..4000)) {
            let mut ranks = Ranks::default();
            let mut truth: Vec<f64> = Vec::new();
            // Grows first, so that runs are cut, and shrinks then, so that they are joined.
            let shrink = steps.len() * 2 / 3;
            for (at, (kind, number)) in steps.into_iter().enumerate() {
                let value = f64::from(number) - 1000.0;
                if (kind == 0) == (at < shrink) && !truth.is_empty() {
                    let gone = truth.remove(usize::from(number) % truth.len());
                    ranks.remove(gone);
                } else {
                    truth.insert(place(&truth, value), value);
                    ranks.add(value);
                }
                let rank = usize::from(number) % truth.len().max(1);
                prop_assert_eq!(ranks.nth(rank), truth.get(rank).copied());
                prop_assert_eq!(ranks.count, truth.len());
            }
            let most = truth.len() * 4 / LONGEST + 2;
            prop_assert!(ranks.runs.len() <= most, "{} runs", ranks.runs.len());
            prop_assert!(ranks.runs.iter().all(|run| !run.is_empty() && run.len() <= LONGEST));
        }
    }
}
