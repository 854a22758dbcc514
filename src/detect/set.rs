//! Which values are in? Sets over typed values, so that a predicate on them is one look-up.

/// A value that has a next one.
pub(super) trait Point: Copy + Ord {
    /// The next larger value.
    fn next(self) -> Option<Self>;
}

impl Point for i64 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Point for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Point for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// A union of closed ranges, sorted, with gaps between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges<K>(Box<[(K, K)]>);

impl<K: Point> Ranges<K> {
    /// The union of any ranges.
    pub(super) fn new(mut ranges: Vec<(K, K)>) -> Self {
        ranges.sort_unstable();
        let mut union: Vec<(K, K)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match union.last_mut() {
                Some(last) if last.1.next().is_none_or(|next| low <= next) => last.1 = last.1.max(high),
                _ => union.push((low, high)),
            }
        }
        Self(union.into())
    }

    /// Whether `key` is in it.
    pub(super) fn contains(&self, key: K) -> bool {
        let after = self.0.partition_point(|range| range.0 <= key);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|range| key <= range.1)
    }

    /// Its ranges.
    pub(super) fn runs(&self) -> &[(K, K)] {
        &self.0
    }
}

/// A set of integers: a bitmap for 0 to 255, ranges for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ints {
    low: [u64; 4],
    all: Ranges<i64>,
}

impl Ints {
    /// The union of any ranges.
    pub(super) fn new(ranges: Vec<(i64, i64)>) -> Self {
        let all = Ranges::new(ranges);
        let mut low = [0; 4];
        for (first, last) in all.runs() {
            for value in (*first).max(0)..=(*last).min(255) {
                low[value as usize / 64] |= 1 << (value % 64);
            }
        }
        Self { low, all }
    }

    /// Whether `value` is in it.
    #[inline]
    pub(super) fn contains(&self, value: i64) -> bool {
        match usize::try_from(value >> 6).ok().and_then(|word| self.low.get(word)) {
            Some(bits) => bits >> (value & 63) & 1 == 1,
            None => self.all.contains(value),
        }
    }

    /// Its ranges.
    pub(super) fn runs(&self) -> &[(i64, i64)] {
        self.all.runs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(Ranges::new(vec![(5_i64, 9), (1, 4), (20, 30), (22, 23)]).runs(), [(1, 9), (20, 30)]);
        assert_eq!(Ranges::new(vec![(u32::MAX, u32::MAX), (0, 0), (5, u32::MAX)]).runs(), [(0, 0), (5, u32::MAX)]);
    }

    proptest! {
        #[test]
        fn a_set_holds_what_any_of_its_ranges_holds(
            ranges in prop::collection::vec((-20_i64..300, 0_i64..40), 0..8),
            value in prop_oneof![-30_i64..350, any::<i64>()],
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(low, length)| (low, low + length)).collect();
            let expected = ranges.iter().any(|(low, high)| (*low..=*high).contains(&value));
            prop_assert_eq!(Ints::new(ranges).contains(value), expected);
        }
    }
}
