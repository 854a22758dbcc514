//! The ways that records took through the conditions, remembered.
//!
//! The records of a plant are much alike in what rules ask of them: who polls whom, with which function, with nothing
//! odd about it. So the ways are kept as a tree that grows with the records:
//!
//! ```text
//!  fork: the field that most rules wait for -> class of its value -> the next fork ... -> end: the rules satisfied
//! ```
//!
//! Values are in one class if no predicate tells them apart, so a few classes stand for all addresses and codes. Behind a
//! fork all predicates of its field are known, rules that they settle are gone, and fields of which only those ask are
//! never looked at. Values of endless kinds (numbers above a byte, texts) have no class: their predicates are asked one
//! by one, each a fork with two ways.
//!
//! The tree is bounded. Traffic that makes it grow again and again is not alike, and is left to the index.

use super::RuleIx;
use super::ask::Buffers;
use super::predicate::{Predicate, PredicateIx};
use super::program::{Code, Stand};
use crate::record::{Fact, Facts, List, Slot, Vocabulary};
use hashbrown::HashMap;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Rules for which ways are kept; of more, the index finds those that matter.
pub(super) const MAX_RULES: usize = 512;
/// Forks of the tree.
const MAX_FORKS: usize = 8_192;
/// How often the tree may be begun anew.
const MAX_TREES: u32 = 8;
/// Classes of a field.
const MAX_CLASSES: usize = 1_024;
/// Addresses and sets of words of a field whose classes are remembered.
const MAX_FAR: usize = 4_096;
/// Values that have their class in a table: absent, null, Booleans, bytes, words, no words.
const NEAR: usize = 4 + 256 + 256 + 1;

/// The class of values that have none.
const OPEN: u16 = 0;
/// Not found out yet.
const UNKNOWN: u16 = u16::MAX;
/// Where nobody went.
const NOWHERE: u32 = u32::MAX;

/// The compiled rules as ways need them.
#[derive(Clone, Copy)]
pub(super) struct Map<'m> {
    pub(super) code: &'m Code,
    pub(super) predicates: &'m [Predicate],
}

impl<'m> Map<'m> {
    fn predicate(self, ix: PredicateIx) -> Option<&'m Predicate> {
        self.predicates.get(ix as usize)
    }
}

/// The tree, with what it knows of values. It is good for one machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    forks: Vec<Fork>,
    /// By slot.
    classes: Vec<Classes>,
    /// How many trees there were before this one.
    felled: u32,
}

#[derive(Clone, Debug)]
struct Fork {
    turn: Turn,
    /// The next forks by class, or for no and yes.
    next: Vec<u32>,
    /// The rules that are not settled, with where they stand in their code.
    live: Box<[(u32, u32)]>,
    known: Box<[Known]>,
    /// The rules that are satisfied for sure; at the end all of them, in ascending order.
    found: Box<[RuleIx]>,
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
    Class(Slot, u16),
    Answer(PredicateIx, bool),
}

/// The classes of one field's values.
#[derive(Clone, Debug, Default)]
struct Classes {
    near: Vec<u16>,
    far: FxHashMap<u64, u16>,
    vocabulary: Option<&'static Vocabulary>,
    /// For each class but the open one, a bit for each predicate that holds.
    answers: Vec<Box<[u64]>>,
    by_answers: HashMap<Box<[u64]>, u16, foldhash::fast::RandomState>,
}

impl Ways {
    /// Whether records went too many different ways.
    pub(super) fn given_up(&self) -> bool {
        self.felled >= MAX_TREES
    }

    /// The rules that `record` satisfies, in ascending order.
    pub(super) fn walk<F: Facts + ?Sized>(&mut self, map: Map<'_>, record: &F, buffers: &mut Buffers) -> &[RuleIx] {
        let mut at = 0;
        if self.forks.is_empty() {
            self.plant(map);
        }
        while let Some(fork) = self.forks.get(at as usize) {
            let way = match fork.turn {
                Turn::End => break,
                Turn::Field(slot) => self.class(slot, map, record, buffers),
                Turn::Predicate(ix) => {
                    let predicate = map.predicate(ix);
                    u16::from(predicate.is_some_and(|it| it.is_met(false, record, buffers)))
                }
            };
            let next = self.forks.get(at as usize).and_then(|fork| fork.next.get(usize::from(way)));
            at = match next {
                Some(next) if *next != NOWHERE => *next,
                _ => self.grow(at, way, map),
            };
        }
        self.forks.get(at as usize).map_or(&[], |fork| &fork.found)
    }

    fn class<F: Facts + ?Sized>(&mut self, slot: Slot, map: Map<'_>, record: &F, buffers: &mut Buffers) -> u16 {
        let Some(classes) = self.classes.get_mut(usize::from(slot.0)) else { return OPEN };
        let fact = record.fact(slot);
        let Some(value) = Key::of(fact, classes) else { return OPEN };
        if let Some(class) = classes.find(value) {
            return class;
        }
        let mut answers = vec![0; map.predicates.len().div_ceil(64)];
        for (ix, predicate) in map.predicates.iter().enumerate() {
            let asks = predicate.slot == Some(slot) && !predicate.relative;
            if asks && predicate.holds(fact, false, record, buffers) {
                answers[ix / 64] |= 1 << (ix % 64);
            }
        }
        classes.note(value, answers.into())
    }

    /// Begins the tree.
    fn plant(&mut self, map: Map<'_>) {
        let slots = map.predicates.iter().filter_map(|predicate| predicate.slot);
        let highest = slots.map(|slot| usize::from(slot.0)).max().unwrap_or_default();
        self.classes.resize_with(highest + 1, Classes::default);
        let live: Vec<(u32, u32)> = (0..map.code.rules() as u32).map(|rule| (rule, map.code.start(rule))).collect();
        let root = self.fork(&live, Vec::new(), Vec::new(), map);
        self.forks.push(root);
    }

    /// Adds what is behind a fork on the way that a record takes for the first time; answers with its number.
    fn grow(&mut self, at: u32, way: u16, map: Map<'_>) -> u32 {
        let Some(fork) = self.forks.get(at as usize) else { return NOWHERE };
        let mut known = fork.known.to_vec();
        known.extend(match fork.turn {
            Turn::End => None,
            Turn::Field(slot) => Some(Known::Class(slot, way)),
            Turn::Predicate(ix) => Some(Known::Answer(ix, way == 1)),
        });
        let next = self.fork(&fork.live, known, fork.found.to_vec(), map);
        if self.forks.len() >= MAX_FORKS {
            self.forks.clear();
            self.felled += 1;
            self.plant(map);
            // The record goes on alone: its fork stands behind no other.
            self.forks.push(next);
            return self.forks.len() as u32 - 1;
        }
        let number = self.forks.len() as u32;
        self.forks.push(next);
        if let Some(fork) = self.forks.get_mut(at as usize) {
            let way = usize::from(way);
            if fork.next.len() <= way {
                fork.next.resize(way + 1, NOWHERE);
            }
            fork.next[way] = number;
        }
        number
    }

    /// The fork where `live` rules stand when so much is `known`.
    fn fork(&self, live: &[(u32, u32)], known: Vec<Known>, mut found: Vec<RuleIx>, map: Map<'_>) -> Fork {
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
        Fork { turn, next: Vec::new(), live: left.into(), known: known.into(), found: found.into() }
    }

    fn answer(&self, ix: PredicateIx, known: &[Known], map: Map<'_>) -> Option<bool> {
        let predicate = map.predicate(ix)?;
        known.iter().find_map(|known| match known {
            Known::Answer(known, answer) => (*known == ix).then_some(*answer),
            Known::Class(slot, class) if *class != OPEN && predicate.slot == Some(*slot) && !predicate.relative => {
                self.classes.get(usize::from(slot.0))?.answer(*class, ix)
            }
            Known::Class(..) => None,
        })
    }
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
}

impl Key {
    #[inline]
    fn of(fact: Fact<'_>, classes: &mut Classes) -> Option<Self> {
        Some(match fact {
            Fact::Absent => Self::Near(0),
            Fact::Null => Self::Near(1),
            Fact::Bool(value) => Self::Near(2 + usize::from(value)),
            Fact::Int(value @ 0..=255) => Self::Near(4 + value as usize),
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
    /// Whether words are of the vocabulary of all words before.
    #[inline]
    fn speaks(&mut self, vocabulary: &'static Vocabulary) -> bool {
        std::ptr::eq(*self.vocabulary.get_or_insert(vocabulary), vocabulary)
    }

    #[inline]
    fn find(&self, key: Key) -> Option<u16> {
        match key {
            Key::Near(value) => self.near.get(value).copied().filter(|class| *class != UNKNOWN),
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
            Key::Far(value) => {
                if self.far.len() >= MAX_FAR {
                    self.far.clear();
                }
                self.far.insert(value, class);
            }
        }
        class
    }

    fn answer(&self, class: u16, ix: PredicateIx) -> Option<bool> {
        let answers = self.answers.get(usize::from(class).checked_sub(1)?)?;
        Some(answers.get(ix as usize / 64)? >> (ix % 64) & 1 != 0)
    }
}
