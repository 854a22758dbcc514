//! Which of many ranges hold a point? A segment tree over the elementary intervals between all ends.
//!
//! A range is stored at the O(log n) nodes that cover it; the ranges over a point are those at the nodes from its leaf
//! to the root. Each node knows the next node above it that holds anything, so that a look-up costs one search for
//! the leaf and one step for each node that has something to say. Memory stays O(n log n) whatever the ranges are,
//! where a list for each elementary interval could take O(n²).

use super::set::Point;

/// The node that is not there.
const NONE: u32 = u32::MAX;

/// Ranges over `K`, each with the number of what it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Stab<K> {
    /// The first points of the elementary intervals; what lies before the first one is in no range.
    starts: Box<[K]>,
    /// The lowest non-empty node over each elementary interval.
    leaves: Box<[u32]>,
    nodes: Box<[Node]>,
    owners: Box<[u32]>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Its part of `owners`.
    from: u32,
    to: u32,
    /// The next non-empty node above.
    up: u32,
}

impl<K: Point> Stab<K> {
    /// An index of closed ranges with their owners.
    pub(super) fn new(ranges: &[(K, K, u32)]) -> Self {
        let mut starts: Vec<K> = ranges.iter().flat_map(|(low, high, _)| [Some(*low), high.next()]).flatten().collect();
        starts.sort_unstable();
        starts.dedup();
        let width = starts.len().next_power_of_two();
        let mut held: Vec<Vec<u32>> = vec![Vec::new(); width * 2];
        for (low, high, owner) in ranges {
            let from = starts.partition_point(|start| start < low);
            let to = high.next().map_or(starts.len(), |next| starts.partition_point(|start| *start < next));
            cover(&mut held, width + from, width + to, *owner);
        }
        let mut owners = Vec::new();
        let mut nodes = Vec::new();
        let mut nearest = vec![NONE; width * 2];
        for (at, held) in held.into_iter().enumerate().skip(1) {
            let up = if at == 1 { NONE } else { nearest[at / 2] };
            nearest[at] = up;
            if !held.is_empty() {
                nearest[at] = nodes.len() as u32;
                let from = owners.len() as u32;
                owners.extend(held);
                nodes.push(Node { from, to: owners.len() as u32, up });
            }
        }
        let leaves = nearest[width..width + starts.len()].into();
        Self { starts: starts.into(), leaves, nodes: nodes.into(), owners: owners.into() }
    }

    /// Where to start for `point`: to be given to [`Stab::owners`].
    pub(super) fn leaf(&self, point: K) -> u32 {
        let after = self.starts.partition_point(|start| *start <= point);
        after.checked_sub(1).and_then(|at| self.leaves.get(at)).copied().unwrap_or(NONE)
    }

    /// The owners of the ranges over a leaf.
    #[inline]
    pub(super) fn owners(&self, leaf: u32, mut found: impl FnMut(u32)) {
        let mut at = leaf;
        while let Some(node) = self.nodes.get(at as usize) {
            for owner in self.owners.get(node.from as usize..node.to as usize).unwrap_or_default() {
                found(*owner);
            }
            at = node.up;
        }
    }

    /// The owners of the ranges that hold `point`.
    pub(super) fn at(&self, point: K, found: impl FnMut(u32)) {
        self.owners(self.leaf(point), found);
    }
}

/// Gives `owner` to the highest nodes that together cover the leaves `from..to`.
fn cover(held: &mut [Vec<u32>], mut from: usize, mut to: usize, owner: u32) {
    while from < to {
        if from % 2 == 1 {
            held[from].push(owner);
            from += 1;
        }
        if to % 2 == 1 {
            to -= 1;
            held[to].push(owner);
        }
        from /= 2;
        to /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(stab: &Stab<i64>, point: i64) -> Vec<u32> {
        let mut found = Vec::new();
        stab.at(point, |owner| found.push(owner));
        found.sort_unstable();
        found
    }

    #[test]
    fn the_ends_of_the_line_are_in_ranges() {
        let stab = Stab::new(&[(i64::MIN, 0, 1), (0, i64::MAX, 2), (5, 5, 3)]);
        assert_eq!(at(&stab, i64::MIN), [1]);
        assert_eq!(at(&stab, 0), [1, 2]);
        assert_eq!(at(&stab, 5), [2, 3]);
        assert_eq!(at(&stab, i64::MAX), [2]);
        assert!(at(&Stab::new(&[]), 7).is_empty());
    }

    #[test]
    fn nested_ranges_take_little_room() {
        let ranges: Vec<_> = (0..5_000).map(|n| (i64::from(n), i64::MAX, n)).collect();
        let stab = Stab::new(&ranges);
        assert!(stab.owners.len() < 5_000 * 14, "{}", stab.owners.len());
        assert_eq!(at(&stab, 2), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn exactly_the_ranges_over_the_point_are_found(
            ranges in prop::collection::vec((-9_i64..50, 0_i64..30), 0..20),
            point in -12_i64..90,
        ) {
            let ranges: Vec<_> = (0..).zip(ranges).map(|(owner, (low, length))| (low, low + length, owner)).collect();
            let expected: Vec<u32> =
                ranges.iter().filter(|(low, high, _)| (*low..=*high).contains(&point)).map(|range| range.2).collect();
            prop_assert_eq!(at(&Stab::new(&ranges), point), expected);
        }
    }
}
