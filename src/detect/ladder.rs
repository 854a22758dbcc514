//! How many different rules were hit in the order they are listed, whichever they are? For each number of them and each
//! rule that may be the last, the latest moment at which a chain of hits that got so far may have begun.
//!
//! As in [`order`](super::order), a chain lies in a window if it began in it, and hits at one and the same time count as
//! ordered. Each hit costs the square of the number of rules, so there may not be many.

use crate::time::Timestamp;

/// Rules of an order of which fewer than all may be enough.
pub(super) const MAX_RUNGS: usize = 64;

/// How far hits have come.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    rules: usize,
    /// By hits of earlier times only.
    before: Table,
    /// By all hits.
    now: Table,
    time: Option<Timestamp>,
    /// Places that were hit at `time`, ascending.
    places: Vec<usize>,
}

/// For each length less one, and in it for each last place: when a chain began that came there, the latest such.
type Table = Box<[Option<Timestamp>]>;

impl Ladder {
    /// No hits of so many rules yet.
    pub(super) fn new(rules: usize) -> Self {
        let blank: Table = vec![None; rules * rules].into();
        Self { rules, before: blank.clone(), now: blank, time: None, places: Vec::new() }
    }

    /// How many rules the list has.
    pub(super) const fn rules(&self) -> usize {
        self.rules
    }

    /// Adds a hit of the rule at `place`, not earlier than those before.
    pub(super) fn add(&mut self, place: usize, time: Timestamp) {
        if self.time != Some(time) {
            self.before.copy_from_slice(&self.now);
            self.time = Some(time);
            self.places.clear();
        }
        let Err(at) = self.places.binary_search(&place) else { return };
        self.places.insert(at, place);
        if at + 1 == self.places.len() {
            climb(&mut self.now, self.rules, place, time);
            return;
        }
        // Hits of later places at this very time may go on from here.
        self.now.copy_from_slice(&self.before);
        for place in &self.places {
            climb(&mut self.now, self.rules, *place, time);
        }
    }

    /// The most rules of a chain that began at `from` or later.
    pub(super) fn longest(&self, from: Timestamp) -> usize {
        if self.rules == 0 {
            return 0;
        }
        let reached = |row: &&[Option<Timestamp>]| row.iter().flatten().any(|began| *began >= from);
        self.now.chunks_exact(self.rules).take_while(reached).count()
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.before[..]) + size_of_val(&self.now[..])
    }
}

/// Notes a hit of the rule at `place`: each chain of earlier places goes on by one.
fn climb(table: &mut [Option<Timestamp>], rules: usize, place: usize, time: Timestamp) {
    for length in 0..=place.min(rules.saturating_sub(1)) {
        let began = match length.checked_sub(1) {
            None => Some(time),
            Some(shorter) => table.iter().skip(shorter * rules).take(place).copied().max().flatten(),
        };
        if let Some(noted) = table.get_mut(length * rules + place) {
            *noted = began.max(*noted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn longest(rules: usize, hits: &[(usize, i64)], from: i64) -> usize {
        let mut ladder = Ladder::new(rules);
        hits.iter().for_each(|(place, time)| ladder.add(*place, Timestamp::from_nanos(*time)));
        ladder.longest(Timestamp::from_nanos(from))
    }

    #[test]
    fn any_rules_in_order_make_a_chain() {
        assert_eq!(longest(3, &[(1, 1), (2, 2)], 0), 2);
        assert_eq!(longest(3, &[(0, 1), (2, 2)], 0), 2);
        assert_eq!(longest(3, &[(2, 1), (1, 2), (0, 3)], 0), 1);
        assert_eq!(longest(3, &[(2, 1), (0, 2), (0, 3), (1, 4)], 0), 2);
        assert_eq!(longest(3, &[(0, 1), (1, 2), (2, 3)], 2), 2);
        assert_eq!(longest(3, &[(2, 7), (1, 7), (0, 7)], 7), 3, "the same time is in order");
        assert_eq!(longest(3, &[], 0), 0);
        assert_eq!(longest(0, &[], 0), 0);
    }

    /// By definition: the longest list of rising places among hits in the order of time, and of place at one time.
    fn rising(hits: &[(i64, usize)]) -> usize {
        let mut best = vec![0; hits.len()];
        for at in 0..hits.len() {
            let shorter = (0..at).filter(|before| hits[*before].1 < hits[at].1).map(|before| best[before]).max();
            best[at] = shorter.unwrap_or(0) + 1;
        }
        best.into_iter().max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn chains_are_the_longest_of_the_window(
            hits in prop::collection::vec((0_i64..12, 0_usize..5), 0..30),
            from in 0_i64..12,
        ) {
            let mut hits = hits;
            hits.sort_by_key(|(time, _)| *time);
            let told: Vec<_> = hits.iter().map(|(time, place)| (*place, *time)).collect();
            let mut inside: Vec<_> = hits.into_iter().filter(|(time, _)| *time >= from).collect();
            inside.sort_unstable();
            prop_assert_eq!(longest(5, &told, from), rising(&inside));
        }
    }
}
