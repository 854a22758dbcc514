//! Sets of addresses as ranges that neither overlap nor touch.

use super::seen::{How, Seen};

/// Addresses from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) seen: Seen,
}

/// A set of addresses, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range>);

impl Ranges {
    /// Its ranges, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Range> {
        self.0.iter()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The range that holds an address.
    pub(super) fn at(&self, address: u16) -> Option<&Range> {
        let place = self.0.partition_point(|range| range.last < address);
        self.0.get(place).filter(|range| range.first <= address)
    }

    /// The first address of a range behind `address`.
    fn next(&self, address: u16) -> Option<u16> {
        self.0.get(self.0.partition_point(|range| range.first <= address)).map(|range| range.first)
    }

    /// Notes that a part of one range was seen again; `false` if no range holds all of it.
    pub(super) fn note(&mut self, first: u16, last: u16, seen: Seen) -> bool {
        let place = self.0.partition_point(|range| range.last < first);
        let Some(range) = self.0.get_mut(place).filter(|range| range.first <= first && last <= range.last) else {
            return false;
        };
        range.seen.join(seen, How::Learned);
        true
    }

    /// Adds addresses: all ranges that they overlap or touch become one with them. `false`, and nothing changes, if
    /// there would be more than `most` ranges.
    pub(super) fn add(&mut self, mut fresh: Range, how: How, most: usize) -> bool {
        let start = self.0.partition_point(|range| range.last < fresh.first.saturating_sub(1));
        let end = self.0.partition_point(|range| range.first <= fresh.last.saturating_add(1));
        if start >= end && self.0.len() >= most {
            return false;
        }
        let parts = start..end.max(start);
        for range in self.0.get(parts.clone()).unwrap_or_default() {
            fresh.first = fresh.first.min(range.first);
            fresh.last = fresh.last.max(range.last);
            fresh.seen.join(range.seen, how);
        }
        self.0.splice(parts, [fresh]);
        true
    }
}

/// Tells `missing` each part of `first` to `last` that no set holds.
pub(super) fn each_missing<'a>(
    sets: impl Iterator<Item = &'a Ranges> + Clone,
    first: u16,
    last: u16,
    missing: &mut dyn FnMut(u16, u16),
) {
    let mut from = Some(first);
    while let Some(at) = from.filter(|at| *at <= last) {
        from = match sets.clone().filter_map(|set| set.at(at)).map(|range| range.last).max() {
            Some(end) => end.checked_add(1),
            None => {
                let next = sets.clone().filter_map(|set| set.next(at)).min();
                let end = next.map_or(last, |next| last.min(next - 1));
                missing(at, end);
                end.checked_add(1)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn range(first: u16, last: u16) -> Range {
        Range { first, last, seen: Seen::once(Timestamp::from_nanos(i64::from(first))) }
    }

    fn told(set: &Ranges) -> Vec<(u16, u16, u64)> {
        set.iter().map(|range| (range.first, range.last, range.seen.count)).collect()
    }

    #[test]
    fn ranges_that_touch_become_one_up_to_the_last_address() {
        let mut set = Ranges::default();
        for (first, last) in [(10, 19), (30, 39), (65_535, 65_535), (0, 0), (20, 29), (1, 8), (65_530, 65_534)] {
            assert!(set.add(range(first, last), How::Learned, 9));
        }
        assert_eq!(told(&set), [(0, 8, 2), (10, 39, 3), (65_530, 65_535, 2)]);
        assert!(!set.add(range(100, 100), How::Learned, 3), "a fourth range does not fit");
        assert!(set.add(range(9, 9), How::Learned, 3), "what joins ranges does");
        assert_eq!(told(&set), [(0, 39, 6), (65_530, 65_535, 2)]);
        assert!(set.note(0, 39, Seen::once(Timestamp::MAX)) && !set.note(39, 40, Seen::once(Timestamp::MAX)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// The law: ranges are a set of addresses in the fewest ranges, and what they lack is what the set lacks.
        #[test]
        fn ranges_are_a_set(
            parts in prop::collection::vec((0_u16..60, 0_u16..6, any::<bool>()), 0..14),
            (first, length) in (0_u16..70, 0_u16..20),
        ) {
            let (mut sets, mut model) = ([Ranges::default(), Ranges::default()], [BTreeSet::new(), BTreeSet::new()]);
            for (first, length, which) in parts {
                prop_assert!(sets[usize::from(which)].add(range(first, first + length), How::Learned, 99));
                model[usize::from(which)].extend(first..=first + length);
            }
            for (set, model) in sets.iter().zip(&model) {
                let held: BTreeSet<u16> = set.iter().flat_map(|range| range.first..=range.last).collect();
                prop_assert_eq!(&held, model);
                prop_assert!(set.0.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
            }
            let mut missing = BTreeSet::new();
            each_missing(sets.iter(), first, first + length, &mut |first, last| missing.extend(first..=last));
            let all = model[0].union(&model[1]).copied().collect();
            let lacking = (first..=first + length).collect::<BTreeSet<u16>>().difference(&all).copied().collect();
            prop_assert_eq!(missing, lacking);
        }
    }
}
