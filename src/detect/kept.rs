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

/// The events of one window in the order of their times: each takes 16 bytes, 20 if it tells a rule, and 32 if a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    rows: Rows,
    /// The times of the first and the last: in a long row, both ends are far from what was looked at before.
    first: Timestamp,
    last: Timestamp,
    /// From where places are counted.
    base: Place,
}

/// Events that all tell the same sort of thing beside their time and place.
#[derive(Clone, Debug)]
enum Rows {
    Bare(VecDeque<Row<()>>),
    Rules(VecDeque<Row<u32>>),
    Figures(VecDeque<Row<Figure>>),
    Tuples(VecDeque<Row<Tuple>>),
}

/// An event, with what it tells.
#[derive(Clone, Copy, Debug)]
struct Row<D> {
    kept: Kept,
    datum: D,
}

/// When and where an event was. In halves, for a rule to stand beside it without a gap.
#[derive(Clone, Copy, Debug)]
struct Kept {
    time: [u32; 2],
    /// From the lowest bit on: number, input, marks.
    rest: [u32; 2],
}

/// What is done with the rows, whatever they tell.
macro_rules! each {
    ($all:expr, $rows:ident => $done:expr) => {
        match $all {
            Rows::Bare($rows) => $done,
            Rows::Rules($rows) => $done,
            Rows::Figures($rows) => $done,
            Rows::Tuples($rows) => $done,
        }
    };
}

impl Events {
    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        each!(&self.rows, rows => rows.len())
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
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
        self.kept(at).map(|kept| kept.time())
    }

    /// One as it was added.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<Event> {
        let datum = match &self.rows {
            Rows::Bare(_) => Datum::Nothing,
            Rows::Rules(rows) => Datum::Rule(rows.get(at)?.datum),
            Rows::Figures(rows) => Datum::Figure(rows.get(at)?.datum),
            Rows::Tuples(rows) => Datum::Tuple(rows.get(at)?.datum),
        };
        let kept = self.kept(at)?;
        Some(Event { time: kept.time(), place: unpack(kept.rest(), self.base), datum })
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// How many come before the first whose time is not `early`.
    pub(super) fn before(&self, early: impl Fn(Timestamp) -> bool) -> usize {
        each!(&self.rows, rows => rows.partition_point(|row| early(row.kept.time())))
    }

    /// Adds the last.
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        self.insert(self.len(), event);
    }

    /// Adds one before that at `at`, or at the end.
    #[inline]
    pub(super) fn insert(&mut self, at: usize, event: Event) {
        if self.is_empty() {
            (self.base, self.first, self.last) = (event.place, event.time, event.time);
            self.rows.suit(event.datum);
        }
        let kept = Kept { time: halves(event.time.nanos() as u64), rest: halves(pack(event.place, self.base)) };
        match (&mut self.rows, event.datum) {
            (Rows::Bare(rows), _) => add(rows, at, Row { kept, datum: () }),
            (Rows::Rules(rows), Datum::Rule(datum)) => add(rows, at, Row { kept, datum }),
            (Rows::Figures(rows), Datum::Figure(datum)) => add(rows, at, Row { kept, datum }),
            (Rows::Tuples(rows), Datum::Tuple(datum)) => add(rows, at, Row { kept, datum }),
            // All events of a correlation tell the same sort of thing.
            _ => return,
        }
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
    }

    /// Takes the first away.
    pub(super) fn pop_front(&mut self) -> Option<Event> {
        let first = self.get(0)?;
        each!(&mut self.rows, rows => _ = rows.pop_front());
        if let Some(next) = self.time(0) {
            self.first = next;
        }
        Some(first)
    }

    /// Whether the condition held just before an event, and with it.
    #[inline]
    pub(super) fn held(&self, at: usize) -> (bool, bool) {
        let rest = self.kept(at).map_or(0, |kept| kept.rest());
        (rest & HELD_BEFORE != 0, rest & HELD != 0)
    }

    /// Notes whether it did.
    #[inline]
    pub(super) fn hold(&mut self, at: usize, (before, with): (bool, bool)) {
        let mark = |holds, mark| if holds { mark } else { 0 };
        self.mark(at, HELD_BEFORE | HELD, mark(before, HELD_BEFORE) | mark(with, HELD));
    }

    /// Whether an alert was raised for an event.
    pub(super) fn has_alerted(&self, at: usize) -> bool {
        self.kept(at).is_some_and(|kept| kept.rest() & ALERTED != 0)
    }

    /// Notes that one was.
    pub(super) fn note_alert(&mut self, at: usize) {
        self.mark(at, ALERTED, ALERTED);
    }

    #[inline]
    fn kept(&self, at: usize) -> Option<Kept> {
        each!(&self.rows, rows => rows.get(at).map(|row| row.kept))
    }

    /// Gives an event these of those marks.
    #[inline]
    fn mark(&mut self, at: usize, those: u64, these: u64) {
        if let Some(kept) = each!(&mut self.rows, rows => rows.get_mut(at).map(|row| &mut row.kept)) {
            kept.rest = halves(kept.rest() & !those | these);
        }
    }
}

impl Kept {
    #[inline]
    fn time(self) -> Timestamp {
        Timestamp::from_nanos(whole(self.time) as i64)
    }

    #[inline]
    fn rest(self) -> u64 {
        whole(self.rest)
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::Bare(VecDeque::new())
    }
}

impl Rows {
    /// Where there are none, they can be of another sort.
    fn suit(&mut self, datum: Datum) {
        match (&*self, datum) {
            (Self::Bare(_), Datum::Nothing)
            | (Self::Rules(_), Datum::Rule(_))
            | (Self::Figures(_), Datum::Figure(_))
            | (Self::Tuples(_), Datum::Tuple(_)) => {}
            (_, Datum::Nothing) => *self = Self::Bare(VecDeque::new()),
            (_, Datum::Rule(_)) => *self = Self::Rules(VecDeque::new()),
            (_, Datum::Figure(_)) => *self = Self::Figures(VecDeque::new()),
            (_, Datum::Tuple(_)) => *self = Self::Tuples(VecDeque::new()),
        }
    }
}

/// Adds one at a place. There are many rows of one, and in a row of millions half might lie idle: so there is room for one,
/// then for some, then for a quarter more than there are.
#[inline]
fn add<T>(rows: &mut VecDeque<T>, at: usize, one: T) {
    if rows.len() == rows.capacity() {
        rows.reserve_exact(if rows.is_empty() { 1 } else { 3 + rows.len() / 4 });
    }
    if at == rows.len() {
        rows.push_back(one);
    } else {
        rows.insert(at, one);
    }
}

#[inline]
fn halves(whole: u64) -> [u32; 2] {
    [whole as u32, (whole >> 32) as u32]
}

#[inline]
fn whole([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_takes_at_most_32_bytes() {
        let sizes = [size_of::<Row<()>>(), size_of::<Row<u32>>(), size_of::<Row<Figure>>(), size_of::<Row<Tuple>>()];
        assert_eq!(sizes, [16, 20, 32, 32]);
    }

    #[test]
    fn a_late_one_stands_where_it_belongs() {
        let mut events = Events::default();
        let event = |at: i64| Event {
            time: Timestamp::from_nanos(at),
            place: Place { input: 0, number: at as u64 },
            datum: Datum::Figure(Figure::Int(at)),
        };
        [3, 5, 7].into_iter().for_each(|at| events.push(event(at)));
        events.note_alert(1);
        events.pop_front();
        [(0, 4), (1, 4), (4, 8)].into_iter().for_each(|(at, time)| events.insert(at, event(time)));
        let told: Vec<_> = events.iter().map(|event| (event.time.nanos(), event.place.number, event.datum)).collect();
        let expected = [4, 4, 5, 7, 8].map(|at| (at, at as u64, Datum::Figure(Figure::Int(at))));
        assert_eq!(told, expected);
        assert_eq!((0..5).filter(|at| events.has_alerted(*at)).collect::<Vec<_>>(), [2]);
        assert_eq!((events.oldest(), events.latest()), (Some(event(4).time), Some(event(8).time)));
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
