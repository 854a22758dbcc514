//! The events of a window, closely packed: there may be millions of them.

use super::Place;
use super::sum::Figure;
use super::tally::{Datum, Event, Tuple};
use crate::time::Timestamp;
use std::collections::VecDeque;

/// Bits of a place's number, counted from the base; a window at a million frames a second holds fewer for days.
const NUMBER: u32 = 40;
/// Bits of a place's input, counted from the base.
const INPUT: u32 = 21;
/// Whether the condition held just before the event.
const HELD_BEFORE: u64 = 1 << (NUMBER + INPUT);
/// Whether it held with it.
const HELD: u64 = HELD_BEFORE << 1;
/// Whether an alert was raised for it.
const ALERTED: u64 = HELD << 1;
/// All that is not the place.
const MARKS: u64 = HELD_BEFORE | HELD | ALERTED;

/// The events of one window in the order of their times: each takes 16 bytes, and 4 or 16 more if it tells a rule or a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    all: VecDeque<Kept>,
    data: Data,
    /// The times of the first and the last: in a long row, both ends are far from what was looked at before.
    first: Timestamp,
    last: Timestamp,
    /// From where places are counted.
    base: Place,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    time: Timestamp,
    /// From the lowest bit on: number, input, marks.
    rest: u64,
}

/// What each event tells; they are all of one sort.
#[derive(Clone, Debug, Default)]
enum Data {
    #[default]
    Nothing,
    Rules(VecDeque<u32>),
    Figures(VecDeque<Figure>),
    Tuples(VecDeque<Tuple>),
}

impl Events {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The time of the last.
    #[inline]
    pub(super) fn latest(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.last)
    }

    /// The time of the first.
    #[inline]
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.first)
    }

    /// The time of one.
    #[inline]
    pub(super) fn time(&self, at: usize) -> Option<Timestamp> {
        self.all.get(at).map(|kept| kept.time)
    }

    /// One as it was added.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<Event> {
        let Kept { time, rest } = *self.all.get(at)?;
        Some(Event { time, place: unpack(rest, self.base), datum: self.data.get(at) })
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// How many come before the first whose time is not `early`.
    pub(super) fn before(&self, early: impl Fn(Timestamp) -> bool) -> usize {
        self.all.partition_point(|kept| early(kept.time))
    }

    /// Adds the last.
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        let kept = self.pack(event);
        add(&mut self.all, kept);
        self.data.push(event.datum);
        self.last = event.time;
    }

    /// Adds one before that at `at`.
    pub(super) fn insert(&mut self, at: usize, event: Event) {
        let kept = self.pack(event);
        make_room(&mut self.all);
        self.all.insert(at, kept);
        self.data.insert(at, event.datum);
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
    }

    /// Takes the first away.
    pub(super) fn pop_front(&mut self) -> Option<Event> {
        let first = self.get(0)?;
        self.all.pop_front();
        self.data.pop_front();
        if let Some(next) = self.all.front() {
            self.first = next.time;
        }
        Some(first)
    }

    /// Whether the condition held just before an event, and with it.
    #[inline]
    pub(super) fn held(&self, at: usize) -> (bool, bool) {
        let rest = self.all.get(at).map_or(0, |kept| kept.rest);
        (rest & HELD_BEFORE != 0, rest & HELD != 0)
    }

    /// Notes whether it did.
    #[inline]
    pub(super) fn hold(&mut self, at: usize, (before, with): (bool, bool)) {
        if let Some(kept) = self.all.get_mut(at) {
            let mark = |holds, mark| if holds { mark } else { 0 };
            kept.rest = kept.rest & !(HELD_BEFORE | HELD) | mark(before, HELD_BEFORE) | mark(with, HELD);
        }
    }

    /// Whether an alert was raised for an event.
    pub(super) fn has_alerted(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|kept| kept.rest & ALERTED != 0)
    }

    /// Notes that one was.
    pub(super) fn note_alert(&mut self, at: usize) {
        if let Some(kept) = self.all.get_mut(at) {
            kept.rest |= ALERTED;
        }
    }

    fn pack(&mut self, event: Event) -> Kept {
        if self.all.is_empty() {
            self.base = event.place;
            (self.first, self.last) = (event.time, event.time);
            self.data = Data::of(event.datum, std::mem::take(&mut self.data));
        }
        Kept { time: event.time, rest: pack(event.place, self.base) }
    }
}

/// Makes room for one more, and for a quarter as many as there are: of millions, half might lie idle otherwise.
#[inline]
fn make_room<T>(row: &mut VecDeque<T>) {
    if row.len() == row.capacity() {
        row.reserve_exact(4 + row.len() / 4);
    }
}

#[inline]
fn add<T>(row: &mut VecDeque<T>, one: T) {
    make_room(row);
    row.push_back(one);
}

/// A place as its distance from `base`, in the bits that it has.
#[inline]
fn pack(place: Place, base: Place) -> u64 {
    let number = place.number.wrapping_sub(base.number) & ((1 << NUMBER) - 1);
    let input = u64::from(place.input.wrapping_sub(base.input)) & ((1 << INPUT) - 1);
    number | input << NUMBER
}

#[inline]
fn unpack(rest: u64, base: Place) -> Place {
    // Shifted up and down again, the highest bit tells the sign.
    let rest = (rest & !MARKS) as i64;
    let number = rest << (64 - NUMBER) >> (64 - NUMBER);
    let input = rest << (64 - NUMBER - INPUT) >> (64 - INPUT);
    Place { input: base.input.wrapping_add_signed(input as i32), number: base.number.wrapping_add_signed(number) }
}

impl Data {
    /// Room for more like this one: the room there is, if it fits.
    fn of(datum: Datum, before: Self) -> Self {
        match (datum, before) {
            (Datum::Rule(_), before @ Self::Rules(_))
            | (Datum::Figure(_), before @ Self::Figures(_))
            | (Datum::Tuple(_), before @ Self::Tuples(_)) => before,
            (Datum::Nothing, _) => Self::Nothing,
            (Datum::Rule(_), _) => Self::Rules(VecDeque::new()),
            (Datum::Figure(_), _) => Self::Figures(VecDeque::new()),
            (Datum::Tuple(_), _) => Self::Tuples(VecDeque::new()),
        }
    }

    #[inline]
    fn get(&self, at: usize) -> Datum {
        let datum = match self {
            Self::Nothing => None,
            Self::Rules(rules) => rules.get(at).copied().map(Datum::Rule),
            Self::Figures(figures) => figures.get(at).copied().map(Datum::Figure),
            Self::Tuples(tuples) => tuples.get(at).copied().map(Datum::Tuple),
        };
        datum.unwrap_or(Datum::Nothing)
    }

    #[inline]
    fn push(&mut self, datum: Datum) {
        match (self, datum) {
            (Self::Rules(rules), Datum::Rule(rule)) => add(rules, rule),
            (Self::Figures(figures), Datum::Figure(figure)) => add(figures, figure),
            (Self::Tuples(tuples), Datum::Tuple(tuple)) => add(tuples, tuple),
            _ => {}
        }
    }

    fn insert(&mut self, at: usize, datum: Datum) {
        match (self, datum) {
            (Self::Rules(rules), Datum::Rule(rule)) => rules.insert(at, rule),
            (Self::Figures(figures), Datum::Figure(figure)) => figures.insert(at, figure),
            (Self::Tuples(tuples), Datum::Tuple(tuple)) => tuples.insert(at, tuple),
            _ => {}
        }
    }

    fn pop_front(&mut self) {
        match self {
            Self::Nothing => {}
            Self::Rules(rules) => _ = rules.pop_front(),
            Self::Figures(figures) => _ = figures.pop_front(),
            Self::Tuples(tuples) => _ = tuples.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_takes_16_bytes() {
        assert_eq!(size_of::<Kept>(), 16);
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(
            start in (any::<u32>(), any::<u64>()),
            steps in prop::collection::vec((-1_000_000_i32..1_000_000, -500_000_000_000_i64..500_000_000_000, any::<[bool; 3]>()), 1..20),
        ) {
            let base = Place { input: start.0, number: start.1 };
            let mut events = Events::default();
            let event = |place, at| Event { time: Timestamp::from_nanos(at), place, datum: Datum::Rule(at as u32) };
            events.push(event(base, 0));
            let mut places = vec![base];
            for (at, (input, number, marks)) in (1..).zip(&steps) {
                let place = Place {
                    input: base.input.wrapping_add_signed(*input),
                    number: base.number.wrapping_add_signed(*number),
                };
                events.push(event(place, at));
                places.push(place);
                events.hold(at as usize, (marks[0], marks[1]));
                if marks[2] {
                    events.note_alert(at as usize);
                }
            }
            let kept: Vec<Place> = events.iter().map(|event| event.place).collect();
            prop_assert_eq!(kept, places);
            for (at, (_, _, marks)) in (1..).zip(&steps) {
                prop_assert_eq!(events.held(at), (marks[0], marks[1]));
                prop_assert_eq!(events.has_alerted(at), marks[2]);
                prop_assert_eq!(events.get(at).map(|event| event.datum), Some(Datum::Rule(at as u32)));
            }
        }
    }
}
