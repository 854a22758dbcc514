//! Events that wait for earlier ones, to be taken in the order of time.
//!
//! Nearly all come in that order: they stand in line, with what they tell in one row of bytes, so that nothing is allocated
//! for each. Those that come before the last in line stand apart, sorted.

use super::{Place, RuleIx};
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// The order in which events are taken: by time, by the order of their rules, then by where they are. The last number
/// keeps alerts of one record apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) time: Timestamp,
    pub(super) step: u32,
    input: u32,
    number: u64,
    count: u64,
}

/// An event whose turn has not come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting<'a> {
    /// The encoded values of its group.
    pub(super) key: &'a [u8],
    pub(super) rule: RuleIx,
    /// What its hit carried; nothing where only its time counts.
    pub(super) values: &'a [u8],
}

/// Who waits for what.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    line: VecDeque<Seat>,
    /// What those in line tell, one after the other.
    told: VecDeque<u8>,
    apart: BTreeMap<Rank, (Seat, Box<[u8]>)>,
    bytes: usize,
}

/// An event, but for what it tells: the key, then the values.
#[derive(Clone, Copy, Debug)]
struct Seat {
    rank: Rank,
    rule: RuleIx,
    key: u32,
    values: u32,
}

impl Rank {
    /// The rank of the event that came as this one.
    pub(super) fn new(time: Timestamp, step: usize, place: Place, count: u64) -> Self {
        Self { time, step: step as u32, input: place.input, number: place.number, count }
    }

    /// Where the event is.
    pub(super) fn place(&self) -> Place {
        Place { input: self.input, number: self.number }
    }
}

impl Waiting<'_> {
    /// Bytes reckoned for one beside its group and values.
    const BYTES: usize = 256;
}

impl Seat {
    /// Bytes that the event is reckoned to take.
    fn bytes(&self) -> usize {
        Waiting::BYTES + 2 * self.key as usize + self.values as usize
    }

    fn told(&self) -> usize {
        self.key as usize + self.values as usize
    }

    fn event<'a>(&self, told: &'a [u8]) -> (Rank, Waiting<'a>) {
        let (key, values) = told.split_at_checked(self.key as usize).unwrap_or_default();
        (self.rank, Waiting { key, rule: self.rule, values })
    }
}

impl Turns {
    /// Bytes that they are reckoned to take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty() && self.apart.is_empty()
    }

    /// Lets an event wait.
    pub(super) fn add(&mut self, rank: Rank, event: Waiting<'_>) {
        let Waiting { key, rule, values } = event;
        let seat = Seat { rank, rule, key: key.len() as u32, values: values.len() as u32 };
        self.bytes += seat.bytes();
        if self.line.back().is_none_or(|last| last.rank < rank) {
            self.line.push_back(seat);
            self.told.extend(key);
            self.told.extend(values);
        } else {
            self.apart.insert(rank, (seat, [key, values].concat().into()));
        }
    }

    /// The time of the earliest.
    pub(super) fn first(&self) -> Option<Timestamp> {
        let (line, apart) =
            (self.line.front().map(|seat| seat.rank), self.apart.first_key_value().map(|(rank, _)| *rank));
        line.into_iter().chain(apart).min().map(|rank| rank.time)
    }

    /// The time of the latest: of those apart, all are before the last in line, unless that has gone.
    pub(super) fn last(&self) -> Option<Timestamp> {
        let (line, apart) =
            (self.line.back().map(|seat| seat.rank), self.apart.last_key_value().map(|(rank, _)| *rank));
        line.into_iter().chain(apart).max().map(|rank| rank.time)
    }

    /// Takes the earliest; what it tells is put into `room`.
    pub(super) fn take_first<'a>(&mut self, room: &'a mut Vec<u8>) -> Option<(Rank, Waiting<'a>)> {
        room.clear();
        let first = self.line.front().map(|seat| seat.rank);
        let apart = self.apart.first_entry().filter(|entry| first.is_none_or(|first| *entry.key() < first));
        let seat = if let Some(entry) = apart {
            let (seat, told) = entry.remove();
            room.extend_from_slice(&told);
            seat
        } else {
            let seat = self.line.pop_front()?;
            let (one, other) = self.told.as_slices();
            let cut = seat.told().min(one.len());
            room.extend_from_slice(one.get(..cut).unwrap_or_default());
            room.extend_from_slice(other.get(..seat.told() - cut).unwrap_or_default());
            self.told.drain(..seat.told().min(self.told.len()));
            seat
        };
        self.bytes -= seat.bytes();
        Some(seat.event(room))
    }

    /// Takes the latest; what it tells is put into `room`.
    pub(super) fn take_last<'a>(&mut self, room: &'a mut Vec<u8>) -> Option<(Rank, Waiting<'a>)> {
        room.clear();
        let last = self.line.back().map(|seat| seat.rank);
        let apart = self.apart.last_entry().filter(|entry| last.is_none_or(|last| *entry.key() > last));
        let seat = if let Some(entry) = apart {
            let (seat, told) = entry.remove();
            room.extend_from_slice(&told);
            seat
        } else {
            let seat = self.line.pop_back()?;
            room.extend(self.told.drain(self.told.len().saturating_sub(seat.told())..));
            seat
        };
        self.bytes -= seat.bytes();
        Some(seat.event(room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// In whatever order they come and go, a sorted map says the same of them.
        #[test]
        fn they_are_taken_in_the_order_of_their_ranks(
            steps in prop::collection::vec((0_u8..5, -9_i64..4, 0_usize..2, 0_u8..40), 1..200),
        ) {
            let (mut turns, mut model) = (Turns::default(), BTreeMap::new());
            let (mut now, mut room) = (0, Vec::new());
            for (count, (kind, step, rule, length)) in (0..).zip(steps) {
                let taken = match kind {
                    0 => Some((turns.take_first(&mut room), model.pop_first())),
                    1 if length < 10 => Some((turns.take_last(&mut room), model.pop_last())),
                    _ => None,
                };
                if let Some((taken, expected)) = taken {
                    let taken = taken.map(|(rank, it)| (rank, (it.key.to_vec(), it.rule, it.values.to_vec())));
                    prop_assert_eq!(taken, expected);
                } else {
                    now = now.max(now + step);
                    let time = Timestamp::from_nanos(now + step.min(0));
                    let rank = Rank::new(time, rule, Place { input: 0, number: count }, count);
                    let (key, values) = (vec![length; usize::from(length)], vec![1; usize::from(length / 2)]);
                    let rule = RuleIx(rule as u32);
                    turns.add(rank, Waiting { key: &key, rule, values: &values });
                    model.insert(rank, (key, rule, values));
                }
                let time = |first: Option<(&Rank, &_)>| first.map(|(rank, _)| rank.time);
                prop_assert_eq!((turns.first(), turns.last()), (time(model.first_key_value()), time(model.last_key_value())));
                let bytes = model.values().map(|(key, _, values)| Waiting::BYTES + 2 * key.len() + values.len());
                prop_assert_eq!((turns.bytes(), turns.is_empty()), (bytes.sum(), model.is_empty()));
            }
        }
    }
}
