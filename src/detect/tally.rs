//! What is known of the events in a window, kept up while events come and go.

use super::ladder::Ladder;
use super::order::{Chains, Ways};
use super::ranks::Ranks;
use super::sum::{Figure, Sum};
use super::{Place, number};
use crate::sigma::ir::Number;
use crate::time::Timestamp;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// An event as a window keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) time: Timestamp,
    pub(super) place: Place,
    pub(super) datum: Datum,
}

/// What an event tells beside its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Datum {
    /// That it happened.
    Nothing,
    /// The place of its rule in the correlation's list.
    Rule(u32),
    /// A number.
    Figure(Figure),
    /// Values that stand together.
    Tuple(Tuple),
}

impl From<()> for Datum {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<u32> for Datum {
    fn from(rule: u32) -> Self {
        Self::Rule(rule)
    }
}

impl From<Figure> for Datum {
    fn from(figure: Figure) -> Self {
        Self::Figure(figure)
    }
}

impl From<Tuple> for Datum {
    fn from(tuple: Tuple) -> Self {
        Self::Tuple(tuple)
    }
}

/// Encoded values, one after the other: the bytes themselves if they are few, otherwise their SHA-256, cut off. So a
/// window takes the same room for any values, and who sends them cannot make two look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tuple([u8; 16]);

impl Tuple {
    /// The tuple of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut tuple = [0; 16];
        let digest;
        let (kept, mark) = match u8::try_from(bytes.len()) {
            Ok(length @ 0..=15) => (bytes, length),
            _ => {
                digest = Sha256::digest(bytes);
                (digest.get(..15).unwrap_or_default(), u8::MAX)
            }
        };
        tuple.iter_mut().zip(kept).for_each(|(to, from)| *to = *from);
        tuple[15] = mark;
        Self(tuple)
    }
}

/// What a correlation keeps of a window. There are many windows, and most of them count: the others stand elsewhere.
#[derive(Clone, Debug)]
pub(super) enum Tally {
    /// How many events.
    Events(usize),
    /// How many of each tuple.
    Distinct(Box<HashMap<Tuple, u32, RandomState>>),
    /// How many of each rule, and of how many there are any.
    Rules(Box<[u32]>, u32),
    /// How far the rules were hit in order.
    Order(Arc<Ways>, Chains),
    /// How many rules were hit in order, whichever they are.
    Ladder(Box<Ladder>),
    /// The figures' sum.
    Sum(Box<Sum>),
    /// Likewise, for their mean.
    Mean(Box<Sum>),
    /// The figures in order, for this percentile.
    Percentile(f64, Box<Ranks>),
}

impl Default for Tally {
    fn default() -> Self {
        Self::Events(0)
    }
}

impl Tally {
    /// Adds the event that comes next or came just before, in the order of time. An order of rules takes none from before.
    pub(super) fn add(&mut self, event: &Event) {
        match (self, event.datum) {
            (Self::Events(count), _) => *count += 1,
            (Self::Distinct(counts), Datum::Tuple(tuple)) => *counts.entry(tuple).or_insert(0) += 1,
            (Self::Rules(hits, different), Datum::Rule(place)) => {
                if let Some(hits) = hits.get_mut(place as usize) {
                    *hits += 1;
                    *different += u32::from(*hits == 1);
                }
            }
            (Self::Order(ways, chains), Datum::Rule(place)) => chains.add(ways, place as usize, event.time),
            (Self::Ladder(ladder), Datum::Rule(place)) => ladder.add(place as usize, event.time),
            (Self::Sum(sum) | Self::Mean(sum), Datum::Figure(figure)) => sum.add(figure),
            (Self::Percentile(_, ranks), Datum::Figure(figure)) => ranks.add(figure.float()),
            _ => {}
        }
    }

    /// Takes the oldest or the newest event away. An order of rules needs not forget the oldest and cannot forget the newest.
    pub(super) fn remove(&mut self, event: &Event) {
        match (self, event.datum) {
            (Self::Events(count), _) => *count = count.saturating_sub(1),
            (Self::Distinct(counts), Datum::Tuple(tuple)) => {
                if let Entry::Occupied(mut entry) = counts.entry(tuple) {
                    *entry.get_mut() -= 1;
                    if *entry.get() == 0 {
                        entry.remove();
                    }
                }
            }
            (Self::Rules(hits, different), Datum::Rule(place)) => {
                if let Some(hits) = hits.get_mut(place as usize) {
                    *hits = hits.saturating_sub(1);
                    *different -= u32::from(*hits == 0);
                }
            }
            (Self::Sum(sum) | Self::Mean(sum), Datum::Figure(figure)) => sum.remove(figure),
            (Self::Percentile(_, ranks), Datum::Figure(figure)) => ranks.remove(figure.float()),
            _ => {}
        }
    }

    /// Whether it can go back in time.
    pub(super) fn is_reversible(&self) -> bool {
        !matches!(self, Self::Order(..) | Self::Ladder(_))
    }

    /// What is counted in the window that begins at `from`; `None` where something else is measured.
    #[inline]
    pub(super) fn count(&self, from: Timestamp) -> Option<usize> {
        match self {
            Self::Events(count) => Some(*count),
            Self::Rules(_, count) => Some(*count as usize),
            Self::Distinct(counts) => Some(counts.len()),
            Self::Order(ways, chains) => Some(chains.longest(ways, from)),
            Self::Ladder(ladder) => Some(ladder.longest(from)),
            Self::Sum(_) | Self::Mean(_) | Self::Percentile(..) => None,
        }
    }

    /// What is measured of the window that begins at `from`; `None` where there is nothing to measure.
    pub(super) fn figure(&self, from: Timestamp) -> Option<Number> {
        if let Some(count) = self.count(from) {
            return Some(Number::Int(count as i128));
        }
        match self {
            Self::Sum(sum) => sum.total().map(number::normal),
            Self::Mean(sum) => sum.mean().map(number::normal),
            Self::Percentile(percentile, ranks) => ranks.percentile(*percentile).map(Number::Float).map(number::normal),
            _ => None,
        }
    }

    /// Whether the rule at a place of the correlation's list was hit.
    pub(super) fn has_seen(&self, place: usize) -> bool {
        matches!(self, Self::Rules(hits, _) if hits.get(place).is_some_and(|hits| *hits > 0))
    }

    /// Bytes that it takes beside those of its events.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Rules(hits, _) => size_of_val(&hits[..]),
            Self::Order(ways, _) => ways.bytes(),
            Self::Ladder(ladder) => ladder.bytes(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_differ_where_their_bytes_do() {
        let long = [7; 40];
        let mut other = long;
        other[39] = 8;
        let all: Vec<Tuple> = [&b""[..], b"a", b"a\0", &long[..15], &long[..16], &long, &other].map(Tuple::of).into();
        for (at, tuple) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|it| it == tuple), Some(at));
        }
        assert_eq!(Tuple::of(&long), Tuple::of(&[7; 40]));
    }
}
