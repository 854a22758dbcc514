//! The ways that records took through the conditions, remembered.
//!
//! The records of a plant are much alike in what rules ask of them: who polls whom, with which function, with nothing
//! odd about it. So the ways are kept as a tree that grows with the records:
//!
//! ```text
//!  kin -> fork: the field that most rules wait for -> class of its value -> the next fork ... -> end: the rules satisfied
//! ```
//!
//! Records of one kin say the same of some fields (see [`Facts::kin`]): what is asked of these is answered before the
//! first fork. Values are in one class if no predicate tells them apart, so a few classes stand for all addresses and
//! codes. Behind a fork all predicates of its field are known, rules that they settle are gone, and fields of which only
//! those ask are never looked at. Numbers above a byte are in
//! one class from one bound of any predicate to the next. Values of endless kinds (texts, lists, fractions) have no
//! class: their predicates are asked one by one, each a fork with two ways.
//!
//! Of many rules only those are led through the tree that the index would often have to look at: the others would make it
//! grow and seldom matter. The tree is bounded. Traffic that makes it grow again and again is not alike, and is left to the index.

use super::RuleIx;
use super::ask::Buffers;
use super::predicate::{Predicate, PredicateIx};
use super::program::{Code, Stand};
use crate::record::{Fact, Facts, List, Slot, Vocabulary};
use hashbrown::HashMap;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

/// Rules for which ways are kept; of more, the index finds those that matter to a record.
pub(super) const MAX_RULES: usize = 512;
/// How likely the index takes a rule for a candidate, for its ways to be kept even among so many.
const OFTEN: f64 = 0.02;
/// Forks of the tree.
const MAX_FORKS: usize = 1 << 13;
/// How often the tree may be begun anew.
const MAX_TREES: u32 = 8;
/// Kins that are known; the records of others begin at the root.
const MAX_KINS: usize = 1 << 10;
/// Classes of a field.
const MAX_CLASSES: usize = 1 << 10;
/// Addresses and sets of words of a field whose classes are remembered.
const MAX_FAR: usize = 1 << 12;
/// Numbers at which the answers of a field change; a field with more has no classes above a byte.
const MAX_BOUNDS: usize = 1 << 8;
/// Values that have their class in a table: absent, null, Booleans, bytes, words, no words.
const NEAR: usize = 4 + 256 + 256 + 1;

/// The class of values that have none.
const OPEN: u16 = 0;
/// Not found out yet.
const UNKNOWN: u16 = u16::MAX;
/// Where nobody went.
const NOWHERE: u32 = u32::MAX;
/// Where all records begin that have no known kin.
const ROOT: u32 = 0;

/// The compiled rules as ways need them.
#[derive(Clone, Copy)]
pub(super) struct Map<'m> {
    pub(super) code: &'m Code,
    pub(super) predicates: &'m [Predicate],
    pub(super) kept: &'m Kept,
}

/// The rules whose ways are kept, and the predicates that they ask, both in ascending order.
#[derive(Debug)]
pub(super) struct Kept {
    rules: Box<[u32]>,
    predicates: Box<[PredicateIx]>,
}

impl Kept {
    /// At most so many rules: all of them, or else those that the index would often have to look at, if these are few
    /// enough. `chances` tell how often.
    pub(super) fn of(chances: &[f64], code: &Code, most: usize) -> Self {
        let all = chances.len() <= most;
        let often = (0..).zip(chances).filter(|(_, chance)| all || **chance >= OFTEN);
        let rules: Box<[u32]> = often.map(|(rule, _)| rule).collect();
        if rules.len() > most {
            return Self { rules: Box::default(), predicates: Box::default() };
        }
        let predicates: BTreeSet<_> = rules.iter().flat_map(|rule| code.predicates(*rule)).collect();
        Self { rules, predicates: predicates.into_iter().collect() }
    }

    /// How many rules.
    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether the ways of a rule are kept.
    pub(super) fn has(&self, rule: u32) -> bool {
        self.rules.binary_search(&rule).is_ok()
    }
}

impl<'m> Map<'m> {
    fn predicate(self, ix: PredicateIx) -> Option<&'m Predicate> {
        self.predicates.get(ix as usize)
    }

    /// The predicates that are asked.
    fn asked(self) -> impl Iterator<Item = (PredicateIx, &'m Predicate)> {
        self.kept.predicates.iter().filter_map(move |ix| Some((*ix, self.predicate(*ix)?)))
    }
}

/// The tree, with what it knows of values. It is good for one machine.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    max_forks: usize,
    forks: Vec<Fork>,
    /// The ways on of all forks, and the rules found at all of them: what a walk looks at lies close together.
    next: Vec<u32>,
    found: Vec<RuleIx>,
    /// What it takes to grow, by fork.
    stands: Vec<Stands>,
    /// By slot.
    classes: Vec<Classes>,
    /// For each predicate its place among those of its slot.
    places: Vec<u32>,
    by_kin: FxHashMap<u64, u16>,
    kins: Vec<Kin>,
    /// How many trees there were before this one.
    felled: u32,
}

#[derive(Clone, Copy, Debug)]
struct Fork {
    turn: Turn,
    /// Its part of the ways on: by class, or for no and yes.
    next: Part,
    /// Its part of the rules found: those that are satisfied for sure; at the end all of them, in ascending order.
    found: Part,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    from: u32,
    len: u32,
}

/// How rules stand at a fork.
#[derive(Clone, Debug)]
struct Stands {
    /// The rules that are not settled, with where they stand in their code.
    live: Box<[(u32, u32)]>,
    known: Box<[Known]>,
}

/// What a fork asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    End,
    Field(Slot),
    Predicate(PredicateIx),
}

/// What was answered on the way to a fork.
#[derive(Clone, Copy, Debug)]
enum Known {
    Kin(u16),
    Class(Slot, u16),
    Answer(PredicateIx, bool),
}

/// Records that say the same of some fields.
#[derive(Clone, Debug)]
struct Kin {
    /// The predicates on these fields, each a bit.
    asked: Box<[u64]>,
    /// Those that hold.
    held: Box<[u64]>,
    /// Where they begin.
    at: u32,
}

/// The classes of one field's values.
#[derive(Clone, Debug, Default)]
struct Classes {
    /// The predicates on it that look at no other.
    predicates: Vec<PredicateIx>,
    near: Vec<u16>,
    far: FxHashMap<u64, u16>,
    /// The numbers at which answers change, in order; none where texts or too many are asked for.
    bounds: Vec<i64>,
    /// The classes of numbers below the first bound, from there to the next, and so on.
    spans: Vec<u16>,
    vocabulary: Option<&'static Vocabulary>,
    /// For each class but the open one, a bit for each of its predicates that holds.
    answers: Vec<Box<[u64]>>,
    by_answers: HashMap<Box<[u64]>, u16, foldhash::fast::RandomState>,
}

impl Default for Ways {
    fn default() -> Self {
        Self::of_at_most(MAX_FORKS)
    }
}

impl Ways {
    /// No way yet; a tree will have so many forks.
    pub(super) fn of_at_most(max_forks: usize) -> Self {
        Self {
            max_forks,
            forks: Vec::new(),
            next: Vec::new(),
            found: Vec::new(),
            stands: Vec::new(),
            classes: Vec::new(),
            places: Vec::new(),
            by_kin: FxHashMap::default(),
            kins: Vec::new(),
            felled: 0,
        }
    }

    /// Whether records went too many different ways.
    pub(super) fn given_up(&self) -> bool {
        self.felled >= MAX_TREES
    }

    /// The rules that `record` satisfies, in ascending order.
    pub(super) fn walk<F: Facts + ?Sized>(&mut self, map: Map<'_>, record: &F, buffers: &mut Buffers) -> &[RuleIx] {
        let mut at = self.begin(map, record, buffers);
        while let Some(next) = self.step(at, map, record, buffers) {
            at = next;
        }
        self.forks.get(at as usize).map_or(&[], |fork| fork.found.of(&self.found))
    }

    /// The fork after the one at `at`; none at the end.
    #[inline]
    fn step<F: Facts + ?Sized>(&mut self, at: u32, map: Map<'_>, record: &F, buffers: &mut Buffers) -> Option<u32> {
        let Fork { turn, next, .. } = *self.forks.get(at as usize)?;
        let way = match turn {
            Turn::End => return None,
            Turn::Field(slot) => self.class(slot, map, record, buffers),
            Turn::Predicate(ix) => {
                let predicate = map.predicate(ix);
                u16::from(predicate.is_some_and(|it| it.is_met(false, record, buffers)))
            }
        };
        Some(match next.of(&self.next).get(usize::from(way)) {
            Some(next) if *next != NOWHERE => *next,
            _ => self.grow(at, way, map),
        })
    }

    /// Where the way of a record begins.
    fn begin<F: Facts + ?Sized>(&mut self, map: Map<'_>, record: &F, buffers: &mut Buffers) -> u32 {
        if self.forks.is_empty() {
            self.plant(map);
        }
        let Some(kin) = record.kin() else { return ROOT };
        let number = match self.by_kin.get(&kin) {
            Some(number) => *number,
            None if self.kins.len() >= MAX_KINS => return ROOT,
            None => {
                self.kins.push(Kin::of(map, record, buffers));
                let number = self.kins.len() as u16 - 1;
                self.by_kin.insert(kin, number);
                number
            }
        };
        match self.kins.get(usize::from(number)).map(|kin| kin.at) {
            Some(NOWHERE) => {
                let live = self.stands.first().map(|root| root.live.clone()).unwrap_or_default();
                let found = self.forks.first().map_or(&[][..], |root| root.found.of(&self.found)).to_vec();
                let at = self.add(&live, vec![Known::Kin(number)], found, map);
                if let Some(kin) = self.kins.get_mut(usize::from(number)) {
                    kin.at = at;
                }
                at
            }
            at => at.unwrap_or(ROOT),
        }
    }

    fn class<F: Facts + ?Sized>(&mut self, slot: Slot, map: Map<'_>, record: &F, buffers: &mut Buffers) -> u16 {
        let Some(classes) = self.classes.get_mut(usize::from(slot.0)) else { return OPEN };
        let fact = record.fact(slot);
        let Some(value) = Key::of(fact, classes) else { return OPEN };
        if let Some(class) = classes.find(value) {
            return class;
        }
        let mut answers = bits(classes.predicates.len());
        for (place, ix) in classes.predicates.iter().enumerate() {
            if map.predicate(*ix).is_some_and(|predicate| predicate.holds(fact, false, record, buffers)) {
                set(&mut answers, place);
            }
        }
        classes.note(value, answers)
    }

    /// Begins the tree.
    fn plant(&mut self, map: Map<'_>) {
        if self.classes.is_empty() {
            self.sort(map);
        }
        let live: Vec<(u32, u32)> = map.kept.rules.iter().map(|rule| (*rule, map.code.start(*rule))).collect();
        self.put(&live, Vec::new(), Vec::new(), map);
    }

    /// Sorts the predicates by the fields that they ask about.
    fn sort(&mut self, map: Map<'_>) {
        let highest = map.asked().filter_map(|(_, predicate)| predicate.slot).max();
        self.classes.resize_with(highest.map_or(0, |slot| usize::from(slot.0)) + 1, Classes::default);
        self.places.resize(map.predicates.len(), 0);
        for (ix, predicate) in map.asked() {
            let slot = predicate.slot.filter(|_| !predicate.relative);
            let classes = slot.and_then(|slot| self.classes.get_mut(usize::from(slot.0)));
            if let (Some(classes), Some(place)) = (classes, self.places.get_mut(ix as usize)) {
                *place = classes.predicates.len() as u32;
                classes.predicates.push(ix);
            }
        }
        self.classes.iter_mut().for_each(|classes| classes.bound(map));
    }

    /// Adds what is behind a fork on the way that a record takes for the first time; answers with its number.
    fn grow(&mut self, at: u32, way: u16, map: Map<'_>) -> u32 {
        let (Some(fork), Some(stands)) = (self.forks.get(at as usize).copied(), self.stands.get(at as usize)) else {
            return NOWHERE;
        };
        let mut known = stands.known.to_vec();
        known.extend(match fork.turn {
            Turn::End => None,
            Turn::Field(slot) => Some(Known::Class(slot, way)),
            Turn::Predicate(ix) => Some(Known::Answer(ix, way == 1)),
        });
        let (live, found) = (stands.live.clone(), fork.found.of(&self.found).to_vec());
        let felled = self.felled;
        let number = self.add(&live, known, found, map);
        // In a new tree the record goes on alone: its fork stands behind no other.
        if felled == self.felled {
            self.lead_on(at, usize::from(way), number);
        }
        number
    }

    /// Notes where a way leads on. A fork with more ways than before gets another part of the list.
    fn lead_on(&mut self, at: u32, way: usize, number: u32) {
        let Some(Fork { next, .. }) = self.forks.get_mut(at as usize) else { return };
        if next.len as usize <= way {
            let (from, room) = (self.next.len(), (way + 1).next_power_of_two());
            self.next.extend_from_within(next.range());
            self.next.resize(from + room, NOWHERE);
            *next = Part { from: from as u32, len: room as u32 };
        }
        if let Some(next) = self.next.get_mut(next.from as usize + way) {
            *next = number;
        }
    }

    /// Adds the fork where `live` rules stand when so much is `known`, to a new tree if there is no room in this one;
    /// answers with its number.
    fn add(&mut self, live: &[(u32, u32)], known: Vec<Known>, found: Vec<RuleIx>, map: Map<'_>) -> u32 {
        if self.forks.len() >= self.max_forks {
            self.forks.clear();
            self.stands.clear();
            self.next.clear();
            self.found.clear();
            self.kins.iter_mut().for_each(|kin| kin.at = NOWHERE);
            self.felled += 1;
            self.plant(map);
        }
        self.put(live, known, found, map)
    }

    fn put(&mut self, live: &[(u32, u32)], known: Vec<Known>, mut found: Vec<RuleIx>, map: Map<'_>) -> u32 {
        let mut left = Vec::with_capacity(live.len());
        let mut turns: Vec<(Turn, usize)> = Vec::new();
        for (rule, at) in live {
            match map.code.advance(*at, |ix| self.answer(ix, &known, map)) {
                Stand::Match => found.push(RuleIx(*rule)),
                Stand::Fail => {}
                Stand::At(at, predicate) => {
                    left.push((*rule, at));
                    let turn = turn(predicate, &known, map);
                    match turns.iter_mut().find(|(known, _)| *known == turn) {
                        Some((_, rules)) => *rules += 1,
                        None => turns.push((turn, 1)),
                    }
                }
            }
        }
        found.sort_unstable();
        // The first of those that most rules wait for.
        let turn = turns.iter().rev().max_by_key(|(_, rules)| *rules).map_or(Turn::End, |(turn, _)| *turn);
        let part = Part { from: self.found.len() as u32, len: found.len() as u32 };
        self.found.extend(found);
        self.stands.push(Stands { live: left.into(), known: known.into() });
        self.forks.push(Fork { turn, next: Part::default(), found: part });
        self.forks.len() as u32 - 1
    }

    fn answer(&self, ix: PredicateIx, known: &[Known], map: Map<'_>) -> Option<bool> {
        let predicate = map.predicate(ix)?;
        known.iter().find_map(|known| match known {
            Known::Kin(kin) => self.kins.get(usize::from(*kin))?.answer(ix),
            Known::Answer(known, answer) => (*known == ix).then_some(*answer),
            Known::Class(slot, class) if *class != OPEN && predicate.slot == Some(*slot) && !predicate.relative => {
                self.classes.get(usize::from(slot.0))?.answer(*class, *self.places.get(ix as usize)?)
            }
            Known::Class(..) => None,
        })
    }
}

impl Part {
    fn range(self) -> Range<usize> {
        self.from as usize..self.from as usize + self.len as usize
    }

    #[inline]
    fn of<T>(self, list: &[T]) -> &[T] {
        list.get(self.range()).unwrap_or_default()
    }
}

impl Kin {
    /// The kin of a record, with what all of it answers.
    fn of<F: Facts + ?Sized>(map: Map<'_>, record: &F, buffers: &mut Buffers) -> Self {
        let [mut asked, mut held] = [bits(map.predicates.len()), bits(map.predicates.len())];
        for (ix, predicate) in map.asked() {
            if !predicate.relative && predicate.slot.is_some_and(|slot| record.shares(slot)) {
                set(&mut asked, ix as usize);
                if predicate.is_met(false, record, buffers) {
                    set(&mut held, ix as usize);
                }
            }
        }
        Self { asked, held, at: NOWHERE }
    }

    fn answer(&self, ix: PredicateIx) -> Option<bool> {
        has(&self.asked, ix as usize).then(|| has(&self.held, ix as usize))
    }
}

/// Room for so many bits.
fn bits(count: usize) -> Box<[u64]> {
    vec![0; count.div_ceil(64)].into()
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

fn has(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
}

/// What is to be asked for a predicate.
fn turn(ix: PredicateIx, known: &[Known], map: Map<'_>) -> Turn {
    let predicate = map.predicate(ix).filter(|predicate| !predicate.relative);
    let Some(slot) = predicate.and_then(|predicate| predicate.slot) else { return Turn::Predicate(ix) };
    let is_open = |known: &Known| matches!(known, Known::Class(open, OPEN) if *open == slot);
    if known.iter().any(is_open) { Turn::Predicate(ix) } else { Turn::Field(slot) }
}

/// What tells a value from others.
#[derive(Clone, Copy)]
enum Key {
    Near(usize),
    Far(u64),
    /// Of a number, how many bounds it has reached.
    Span(usize),
}

impl Key {
    #[inline]
    fn of(fact: Fact<'_>, classes: &mut Classes) -> Option<Self> {
        Some(match fact {
            Fact::Absent => Self::Near(0),
            Fact::Null => Self::Near(1),
            Fact::Bool(value) => Self::Near(2 + usize::from(value)),
            Fact::Int(value @ 0..=255) => Self::Near(4 + value as usize),
            Fact::Int(value) if !classes.spans.is_empty() => {
                Self::Span(classes.bounds.partition_point(|bound| *bound <= value))
            }
            Fact::Word(vocabulary, word @ 0..=255) if classes.speaks(vocabulary) => Self::Near(260 + usize::from(word)),
            Fact::List(List::Words(vocabulary, words)) if classes.speaks(vocabulary) => match words {
                0 => Self::Near(NEAR - 1),
                words => Self::Far(1 << 32 | u64::from(words)),
            },
            Fact::Addr(IpAddr::V4(address)) => Self::Far(address.to_bits().into()),
            _ => return None,
        })
    }
}

impl Classes {
    /// Finds the numbers at which answers change, if they tell all.
    fn bound(&mut self, map: Map<'_>) {
        for predicate in self.predicates.iter().filter_map(|ix| map.predicate(*ix)) {
            let knows_all = predicate.known == (i64::MIN, i64::MAX);
            if !knows_all || self.bounds.len() > MAX_BOUNDS {
                return self.bounds.clear();
            }
            let ends = predicate.ints.runs().iter().flat_map(|(low, high)| [Some(*low), high.checked_add(1)]);
            self.bounds.extend(ends.flatten());
            self.bounds.sort_unstable();
            self.bounds.dedup();
        }
        if self.bounds.len() <= MAX_BOUNDS {
            self.spans = vec![UNKNOWN; self.bounds.len() + 1];
        }
    }

    /// Whether words are of the vocabulary of all words before.
    #[inline]
    fn speaks(&mut self, vocabulary: &'static Vocabulary) -> bool {
        std::ptr::eq(*self.vocabulary.get_or_insert(vocabulary), vocabulary)
    }

    #[inline]
    fn find(&self, key: Key) -> Option<u16> {
        match key {
            Key::Near(value) => self.near.get(value).copied().filter(|class| *class != UNKNOWN),
            Key::Span(span) => self.spans.get(span).copied().filter(|class| *class != UNKNOWN),
            Key::Far(value) => self.far.get(&value).copied(),
        }
    }

    /// Notes a value of which these predicates hold, and tells its class.
    fn note(&mut self, key: Key, answers: Box<[u64]>) -> u16 {
        let class = match self.by_answers.get(&answers) {
            Some(class) => *class,
            None if self.answers.len() >= MAX_CLASSES => OPEN,
            None => {
                self.answers.push(answers.clone());
                let class = self.answers.len() as u16;
                self.by_answers.insert(answers, class);
                class
            }
        };
        match key {
            Key::Near(value) => {
                self.near.resize(NEAR, UNKNOWN);
                self.near[value] = class;
            }
            Key::Span(span) => self.spans[span] = class,
            Key::Far(value) => {
                if self.far.len() >= MAX_FAR {
                    self.far.clear();
                }
                self.far.insert(value, class);
            }
        }
        class
    }

    /// Whether the predicate at this place among those of the field holds.
    fn answer(&self, class: u16, place: u32) -> Option<bool> {
        let answers = self.answers.get(usize::from(class).checked_sub(1)?)?;
        Some(has(answers, place as usize))
    }
}
