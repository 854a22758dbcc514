//! Points that fade: half of them are left after each half-life.
//!
//! A sum of fading points must not depend on the order in which they came, so it is kept in whole numbers. Time is cut
//! into cells of one half-life. Within its cell a finding's points are raised to what they would have to be at the
//! cell's beginning to fade to what they are (times 2^x for the part x of the cell that was over); in each cell these
//! are added up. A later cell then counts twice as much as the one before, and the sum at a moment is divided by what
//! a point of that moment was raised to.

use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// One, with 31 binary places.
const ONE: u64 = 1 << 31;

/// 2 to the power of 1/2, 1/4, ... 1/65,536, with 31 binary places.
const ROOTS: [u64; 16] = [
    3_037_000_500,
    2_553_802_834,
    2_341_847_524,
    2_242_560_872,
    2_194_507_417,
    2_170_868_212,
    2_159_144_272,
    2_153_306_067,
    2_150_392_887,
    2_148_937_775,
    2_148_210_589,
    2_147_847_087,
    2_147_665_360,
    2_147_574_502,
    2_147_529_075,
    2_147_506_361,
];

/// The fading points of one entity.
#[derive(Debug, Default)]
pub(super) struct Fading {
    /// The number of each cell that has points, oldest first, and their sum.
    cells: VecDeque<(i64, u128)>,
}

impl Fading {
    /// Adds the points of a finding.
    pub(super) fn add(&mut self, half_life: Span, time: Timestamp, points: u32) {
        let (cell, raised) = raise(half_life, time, points);
        let place = self.cells.partition_point(|(other, _)| *other < cell);
        match self.cells.get_mut(place) {
            Some((other, sum)) if *other == cell => *sum += raised,
            _ => self.cells.insert(place, (cell, raised)),
        }
    }

    /// Takes the points of a finding that was added back off.
    pub(super) fn take(&mut self, half_life: Span, time: Timestamp, points: u32) {
        let (cell, raised) = raise(half_life, time, points);
        let place = self.cells.partition_point(|(other, _)| *other < cell);
        let Some((_, sum)) = self.cells.get_mut(place).filter(|(other, _)| *other == cell) else { return };
        *sum = sum.saturating_sub(raised);
        if *sum == 0 {
            self.cells.remove(place);
        }
    }

    /// What is left of them at `time`, which is not before any of them; rounded down.
    pub(super) fn left(&self, half_life: Span, time: Timestamp) -> i64 {
        let (now, _) = cell_of(half_life, time);
        let faded = |(cell, sum): &(i64, u128)| {
            let age = u32::try_from(now.saturating_sub(*cell)).unwrap_or(0);
            sum.checked_shr(age).unwrap_or(0)
        };
        let sum: u128 = self.cells.iter().map(faded).sum();
        let (_, one) = raise(half_life, time, 1);
        i64::try_from(sum / one).unwrap_or(i64::MAX)
    }
}

/// The cell of a moment, and points raised to their worth at its beginning.
fn raise(half_life: Span, time: Timestamp, points: u32) -> (i64, u128) {
    let (cell, part) = cell_of(half_life, time);
    let mut power = ONE;
    for (bit, root) in ROOTS.iter().enumerate() {
        if part & (1 << (15 - bit)) != 0 {
            // Both are below two, so the product has 64 bits at most.
            power = (power * root) >> 31;
        }
    }
    (cell, u128::from(power) * u128::from(points))
}

/// The cell of a moment, and how much of it is over, in parts of 65,536.
fn cell_of(half_life: Span, time: Timestamp) -> (i64, u32) {
    let length = half_life.nanos().max(1);
    let over = u128::from(time.nanos().rem_euclid(length).unsigned_abs());
    let part = (over << 16) / u128::from(length.unsigned_abs());
    (time.nanos().div_euclid(length), part as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HALF_LIFE: Span = Span::from_secs(1_800);

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_parts(1_700_000_123 + seconds, 0)
    }

    #[test]
    fn half_is_left_after_each_half_life() {
        let mut fading = Fading::default();
        fading.add(HALF_LIFE, after(0), 160);
        let left: Vec<i64> = (0..8).map(|count| fading.left(HALF_LIFE, after(1_800 * count))).collect();
        assert_eq!(left, [160, 80, 40, 20, 10, 5, 2, 1]);
        assert_eq!(fading.left(HALF_LIFE, after(900)), 113, "160 / sqrt 2 = 113.1");
        assert_eq!(fading.left(HALF_LIFE, after(1_800 * 500)), 0);
    }

    #[test]
    fn what_is_taken_off_is_gone_to_the_last_bit() {
        let mut fading = Fading::default();
        (0..50).for_each(|at| fading.add(HALF_LIFE, after(at * 77), 7));
        (0..50).rev().for_each(|at| fading.take(HALF_LIFE, after(at * 77), 7));
        assert!(fading.cells.is_empty());
    }

    proptest! {
        /// In any order the same, and at most a point and a step away from what floating point gives.
        #[test]
        fn the_order_does_not_matter(
            events in prop::collection::vec((0i64..20_000, 1u32..200), 1..40),
            half_life in 1i64..5_000,
        ) {
            let half_life = Span::from_secs(half_life);
            let (mut forth, mut back) = (Fading::default(), Fading::default());
            events.iter().for_each(|(at, points)| forth.add(half_life, after(*at), *points));
            events.iter().rev().for_each(|(at, points)| back.add(half_life, after(*at), *points));
            let last = events.iter().map(|(at, _)| *at).max().unwrap_or(0);
            let left = forth.left(half_life, after(last));
            prop_assert_eq!(left, back.left(half_life, after(last)));
            let age = |at: i64| (last - at) as f64 / (half_life.nanos() as f64 / 1e9);
            let expected: f64 = events.iter().map(|(at, points)| f64::from(*points) * (-age(*at)).exp2()).sum();
            // A half-life has 65,536 steps, and what is left is rounded down.
            prop_assert!((left as f64 - expected).abs() <= 1.0 + expected / 50_000.0, "{left} {expected}");
        }
    }
}
