//! The events of a window, closely packed: there may be millions of them.
//!
//! What tells an event apart is mostly a time some seconds ago and a number near those of the others. So both are kept as
//! distances, in eight bytes, as long as they are short enough in the whole window; otherwise in sixteen.

use super::Place;
use super::sum::Figure;
use super::tally::{Datum, Event, Tuple};
use crate::time::Timestamp;
use std::collections::VecDeque;

/// Whether the condition held just before the event.
const HELD_BEFORE: u64 = 1;
/// Whether it held with it.
const HELD: u64 = 1 << 1;
/// Whether an alert was raised for it.
const ALERTED: u64 = 1 << 2;
/// All of them.
const ALL_MARKS: u64 = HELD_BEFORE | HELD | ALERTED;
/// Their bits.
const MARKS: u32 = ALL_MARKS.count_ones();

/// Bytes that an allocation takes at least, whatever is asked for.
const LEAST: usize = 24;

/// The events of one window in the order of their times. Each takes 8 bytes, 12 if it tells a rule and 24 if a value; or 16,
/// 20 and 32 in a window in which they are far from each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    rows: Rows,
    /// The times of the first and the last: in a long row, both ends are far from what was looked at before.
    first: Timestamp,
    last: Timestamp,
    /// From where places are counted.
    base: Place,
}

/// Events that all tell the same sort of thing beside their time and place, near each other or not.
#[derive(Clone, Debug)]
enum Rows {
    Bare(VecDeque<Row<Near, ()>>),
    Rules(VecDeque<Row<Near, u32>>),
    Figures(VecDeque<Row<Near, Figure>>),
    Tuples(VecDeque<Row<Near, Tuple>>),
    FarBare(VecDeque<Row<Far, ()>>),
    FarRules(VecDeque<Row<Far, u32>>),
    FarFigures(VecDeque<Row<Far, Figure>>),
    FarTuples(VecDeque<Row<Far, Tuple>>),
}

/// An event, with what it tells.
#[derive(Clone, Copy, Debug)]
struct Row<K, D> {
    kept: K,
    datum: D,
}

/// What distances are taken from.
#[derive(Clone, Copy, Debug)]
struct Origin {
    /// The last time: none is later.
    last: Timestamp,
    base: Place,
}

/// When and where an event was, and its marks.
trait Kept: Copy {
    /// Without marks.
    fn new(time: Timestamp, place: Place, origin: Origin) -> Self;
    fn time(self, origin: Origin) -> Timestamp;
    fn place(self, origin: Origin) -> Place;
    fn marks(self) -> u64;
    /// Takes some marks away and gives others.
    fn mark(&mut self, those: u64, these: u64);
}

/// Near others. From the lowest bit on: marks, number, time. In halves, for a rule to stand beside it without a gap.
#[derive(Clone, Copy, Debug)]
struct Near([u32; 2]);

/// Far from others. In halves, likewise.
#[derive(Clone, Copy, Debug)]
struct Far {
    time: [u32; 2],
    /// From the lowest bit on: marks, number, input.
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
            Rows::FarBare($rows) => $done,
            Rows::FarRules($rows) => $done,
            Rows::FarFigures($rows) => $done,
            Rows::FarTuples($rows) => $done,
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
        let origin = self.origin();
        each!(&self.rows, rows => rows.get(at).map(|row| row.kept.time(origin)))
    }

    /// One as it was added.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<Event> {
        let origin = self.origin();
        each!(&self.rows, rows => rows.get(at).map(|row| row.event(origin)))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// How many come before the first whose time is not `early`.
    pub(super) fn before(&self, early: impl Fn(Timestamp) -> bool) -> usize {
        let origin = self.origin();
        each!(&self.rows, rows => rows.partition_point(|row| early(row.kept.time(origin))))
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
        let (first, last) = (self.first.min(event.time), self.last.max(event.time));
        let fits = if self.rows.are_near() {
            Near::spans(first, last) && Near::reaches(event.place, self.base)
        } else {
            // What once was far may be near by now.
            !self.rows.are_full()
        };
        if !fits {
            self.reach(first, last, event.place);
        }
        (self.first, self.last) = (first, last);
        let origin = self.origin();
        match (&mut self.rows, event.datum) {
            (Rows::Bare(rows), _) => add(rows, at, Row::new(&event, origin, ())),
            (Rows::Rules(rows), Datum::Rule(datum)) => add(rows, at, Row::new(&event, origin, datum)),
            (Rows::Figures(rows), Datum::Figure(datum)) => add(rows, at, Row::new(&event, origin, datum)),
            (Rows::Tuples(rows), Datum::Tuple(datum)) => add(rows, at, Row::new(&event, origin, datum)),
            (Rows::FarBare(rows), _) => add(rows, at, Row::new(&event, origin, ())),
            (Rows::FarRules(rows), Datum::Rule(datum)) => add(rows, at, Row::new(&event, origin, datum)),
            (Rows::FarFigures(rows), Datum::Figure(datum)) => add(rows, at, Row::new(&event, origin, datum)),
            (Rows::FarTuples(rows), Datum::Tuple(datum)) => add(rows, at, Row::new(&event, origin, datum)),
            // All events of a correlation tell the same sort of thing.
            _ => {}
        }
    }

    /// Makes room for an event that the rows do not take as they are: counts places from elsewhere, if that leaves some more
    /// room beside it, and keeps all as near or far ones, whichever they are now.
    #[cold]
    fn reach(&mut self, first: Timestamp, last: Timestamp, place: Place) {
        let inputs = self.iter().all(|event| event.place.input == place.input);
        let numbers = self.iter().map(|event| event.place.number);
        let (least, most) = numbers.fold((place.number, place.number), |(a, b), at| (a.min(at), b.max(at)));
        let near = inputs && Near::spans(first, last) && most - least <= Near::REACH as u64;
        let old = self.origin();
        if near {
            self.base = Place { input: place.input, number: least + (most - least) / 2 };
        }
        let new = self.origin();
        self.rows = match std::mem::take(&mut self.rows) {
            Rows::Bare(rows) if near => Rows::Bare(moved(rows, old, new)),
            Rows::Bare(rows) => Rows::FarBare(moved(rows, old, new)),
            Rows::Rules(rows) if near => Rows::Rules(moved(rows, old, new)),
            Rows::Rules(rows) => Rows::FarRules(moved(rows, old, new)),
            Rows::Figures(rows) if near => Rows::Figures(moved(rows, old, new)),
            Rows::Figures(rows) => Rows::FarFigures(moved(rows, old, new)),
            Rows::Tuples(rows) if near => Rows::Tuples(moved(rows, old, new)),
            Rows::Tuples(rows) => Rows::FarTuples(moved(rows, old, new)),
            Rows::FarBare(rows) if near => Rows::Bare(moved(rows, old, new)),
            Rows::FarRules(rows) if near => Rows::Rules(moved(rows, old, new)),
            Rows::FarFigures(rows) if near => Rows::Figures(moved(rows, old, new)),
            Rows::FarTuples(rows) if near => Rows::Tuples(moved(rows, old, new)),
            far => far,
        };
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
        let marks = self.marks(at);
        (marks & HELD_BEFORE != 0, marks & HELD != 0)
    }

    /// Notes whether it did.
    #[inline]
    pub(super) fn hold(&mut self, at: usize, (before, with): (bool, bool)) {
        let mark = |holds, mark| if holds { mark } else { 0 };
        self.mark(at, HELD_BEFORE | HELD, mark(before, HELD_BEFORE) | mark(with, HELD));
    }

    /// Whether an alert was raised for an event.
    pub(super) fn has_alerted(&self, at: usize) -> bool {
        self.marks(at) & ALERTED != 0
    }

    /// Notes that one was.
    pub(super) fn note_alert(&mut self, at: usize) {
        self.mark(at, ALERTED, ALERTED);
    }

    #[inline]
    fn marks(&self, at: usize) -> u64 {
        each!(&self.rows, rows => rows.get(at).map_or(0, |row| row.kept.marks()))
    }

    #[inline]
    fn mark(&mut self, at: usize, those: u64, these: u64) {
        each!(&mut self.rows, rows => if let Some(row) = rows.get_mut(at) {
            row.kept.mark(those, these);
        });
    }

    #[inline]
    fn origin(&self) -> Origin {
        Origin { last: self.last, base: self.base }
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

    #[inline]
    fn are_near(&self) -> bool {
        matches!(self, Self::Bare(_) | Self::Rules(_) | Self::Figures(_) | Self::Tuples(_))
    }

    fn are_full(&self) -> bool {
        each!(self, rows => rows.len() == rows.capacity())
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::Bare(VecDeque::new())
    }
}

impl<K: Kept, D: Copy + Into<Datum>> Row<K, D> {
    #[inline]
    fn new(event: &Event, origin: Origin, datum: D) -> Self {
        Self { kept: K::new(event.time, event.place, origin), datum }
    }

    #[inline]
    fn event(&self, origin: Origin) -> Event {
        Event { time: self.kept.time(origin), place: self.kept.place(origin), datum: self.datum.into() }
    }
}

/// The same rows from another origin.
fn moved<K: Kept, L: Kept, D: Copy + Into<Datum>>(
    rows: VecDeque<Row<K, D>>,
    old: Origin,
    new: Origin,
) -> VecDeque<Row<L, D>> {
    let moved = rows.into_iter().map(|row| {
        let mut to = Row::new(&row.event(old), new, row.datum);
        L::mark(&mut to.kept, 0, row.kept.marks());
        to
    });
    moved.collect()
}

/// Adds one at a place. There are many rows of one, and in a row of millions half might lie idle: so there is what is
/// allocated at least, then room for some, then for a quarter more than there are.
#[inline]
fn add<T>(rows: &mut VecDeque<T>, at: usize, one: T) {
    if rows.len() == rows.capacity() {
        let first = const { if size_of::<T>() < LEAST { LEAST / size_of::<T>() } else { 1 } };
        rows.reserve_exact(if rows.is_empty() { first } else { 3 + rows.len() / 4 });
    }
    if at == rows.len() {
        rows.push_back(one);
    } else {
        rows.insert(at, one);
    }
}

impl Near {
    /// Bits of a number, counted from the base: some million frames before and after.
    const NUMBER: u32 = 23;
    /// Bits of a time: four and a half minutes.
    const TIME: u32 = u64::BITS - Self::NUMBER - MARKS;
    /// How far numbers reach to either side of the base.
    const REACH: i64 = 1 << (Self::NUMBER - 1);

    /// Whether no two of these times look the same.
    #[inline]
    fn spans(first: Timestamp, last: Timestamp) -> bool {
        last.since(first).nanos() >> Self::TIME == 0
    }

    #[inline]
    fn reaches(place: Place, base: Place) -> bool {
        let distance = place.number.wrapping_sub(base.number) as i64;
        place.input == base.input && (-Self::REACH..Self::REACH).contains(&distance)
    }
}

impl Kept for Near {
    #[inline]
    fn new(time: Timestamp, place: Place, origin: Origin) -> Self {
        let number = place.number.wrapping_sub(origin.base.number) << (u64::BITS - Self::NUMBER) >> Self::TIME;
        Self(halves((time.nanos() as u64) << (u64::BITS - Self::TIME) | number))
    }

    #[inline]
    fn time(self, origin: Origin) -> Timestamp {
        let last = origin.last.nanos();
        let ago = (last as u64).wrapping_sub(whole(self.0) >> (u64::BITS - Self::TIME)) & ((1 << Self::TIME) - 1);
        Timestamp::from_nanos(last.wrapping_sub_unsigned(ago))
    }

    #[inline]
    fn place(self, Origin { base, .. }: Origin) -> Place {
        // Shifted up and down again, the highest bit tells the sign.
        let number = (whole(self.0) as i64) << Self::TIME >> (u64::BITS - Self::NUMBER);
        Place { input: base.input, number: base.number.wrapping_add_signed(number) }
    }

    #[inline]
    fn marks(self) -> u64 {
        whole(self.0) & ALL_MARKS
    }

    #[inline]
    fn mark(&mut self, those: u64, these: u64) {
        self.0 = halves(whole(self.0) & !those | these);
    }
}

impl Far {
    /// Bits of a number, counted from the base; a window at a million frames a second holds fewer for days.
    const NUMBER: u32 = 40;
    /// Bits of an input, counted from the base.
    const INPUT: u32 = u64::BITS - Self::NUMBER - MARKS;
}

impl Kept for Far {
    #[inline]
    fn new(time: Timestamp, place: Place, Origin { base, .. }: Origin) -> Self {
        let number = place.number.wrapping_sub(base.number) << (u64::BITS - Self::NUMBER) >> Self::INPUT;
        let input = u64::from(place.input.wrapping_sub(base.input)) << (u64::BITS - Self::INPUT);
        Self { time: halves(time.nanos() as u64), rest: halves(input | number) }
    }

    #[inline]
    fn time(self, _: Origin) -> Timestamp {
        Timestamp::from_nanos(whole(self.time) as i64)
    }

    #[inline]
    fn place(self, Origin { base, .. }: Origin) -> Place {
        // Likewise.
        let rest = whole(self.rest) as i64;
        let number = rest << Self::INPUT >> (u64::BITS - Self::NUMBER);
        let input = rest >> (u64::BITS - Self::INPUT);
        Place { input: base.input.wrapping_add_signed(input as i32), number: base.number.wrapping_add_signed(number) }
    }

    #[inline]
    fn marks(self) -> u64 {
        whole(self.rest) & ALL_MARKS
    }

    #[inline]
    fn mark(&mut self, those: u64, these: u64) {
        self.rest = halves(whole(self.rest) & !those | these);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_takes_at_most_32_bytes() {
        fn sizes<K>() -> [usize; 4] {
            [size_of::<Row<K, ()>>(), size_of::<Row<K, u32>>(), size_of::<Row<K, Figure>>(), size_of::<Row<K, Tuple>>()]
        }
        assert_eq!((sizes::<Near>(), sizes::<Far>()), ([8, 12, 24, 24], [16, 20, 32, 32]));
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
        /// However near or far from each other events are, they come back, in the order of their times.
        #[test]
        fn what_is_kept_comes_back(
            start in (any::<u32>(), any::<i64>(), any::<u64>()),
            kind in 0..4,
            steps in prop::collection::vec(
                ((0_u32..=40, any::<i64>()), (0_u32..=30, any::<i64>()), (0_u32..16, any::<i8>()), any::<[bool; 3]>(), 0_usize..4),
                1..60,
            ),
        ) {
            let datum = |at: usize| match kind {
                0 => Datum::Nothing,
                1 => Datum::Rule(at as u32),
                2 => Datum::Figure(Figure::Float(at as f64)),
                _ => Datum::Tuple(Tuple::of(&at.to_be_bytes())),
            };
            let (mut events, mut model) = (Events::default(), Vec::<(Event, [bool; 3])>::new());
            let mut place = Place { input: start.0, number: start.2 };
            for (at, (time, number, input, marks, pops)) in steps.into_iter().enumerate() {
                let within = |(bits, any): (u32, i64)| any % (1 << bits);
                let time = Timestamp::from_nanos(events.latest().map_or(start.1 >> 1, Timestamp::nanos) + within(time));
                place.number = place.number.wrapping_add_signed(within(number));
                // Few captures are read at once.
                place.input = place.input.wrapping_add_signed(if input.0 == 0 { input.1.into() } else { 0 });
                let event = Event { time, place, datum: datum(at) };
                let new = model.partition_point(|(other, _)| other.time <= time);
                events.insert(new, event);
                model.insert(new, (event, marks));
                events.hold(new, (marks[0], marks[1]));
                if marks[2] {
                    events.note_alert(new);
                }
                for _ in 0..pops.saturating_sub(2) {
                    let popped = events.pop_front().map(|event| (event.time, event.place, event.datum));
                    let expected = (!model.is_empty()).then(|| model.remove(0).0);
                    prop_assert_eq!(popped, expected.map(|event| (event.time, event.place, event.datum)));
                }
                prop_assert_eq!(events.len(), model.len());
                prop_assert_eq!(events.oldest(), model.first().map(|(event, _)| event.time));
                for (at, (event, [before, with, alerted])) in model.iter().enumerate() {
                    let kept = events.get(at).map(|event| (event.time, event.place, event.datum));
                    prop_assert_eq!(kept, Some((event.time, event.place, event.datum)));
                    prop_assert_eq!((events.held(at), events.has_alerted(at)), ((*before, *with), *alerted));
                    prop_assert_eq!(events.before(|time| time < event.time), model.partition_point(|it| it.0.time < event.time));
                }
            }
        }
    }
}
