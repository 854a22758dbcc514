//! Which witnesses may hold, given the value of a field? One look-up by the value's type, whatever the number of rules.

use super::ask::{Ask, address};
use super::familiar::{Familiar, Field, Known, Role};
use super::fold;
use super::form;
use super::number;
use super::pattern::Shape;
use super::predicate::{Predicate, PredicateIx, meet, networks};
use super::scan::{self, Mark, Scan, Seen};
use super::set::{Ints, Point, Ranges};
use super::stab::Stab;
use crate::record::{Fact, Slot, Vocabulary};
use aho_corasick::BuildError;
use std::net::IpAddr;

/// Integers that find their place on the number line without a search.
const DIRECT: i64 = 256;

/// Ranges of number keys.
#[derive(Debug)]
struct Line {
    ranges: Stab<i64>,
    /// Where the search for the first integers would end.
    direct: Box<[u32]>,
}

/// What is found. Witnesses may be told more than once.
pub(super) trait Found {
    /// The predicate holds for sure, or only may.
    fn mark(&mut self, mark: Mark);
}

/// Room for text forms and for what was seen. It serves one machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    form: String,
    folded: String,
    /// Needles seen.
    pub(super) seen: Seen,
    /// What was found before.
    pub(super) familiar: Familiar,
}

/// The witnesses of one field, by value.
#[derive(Debug)]
pub(super) struct FieldIndex {
    /// The field; `None` is every value.
    pub(super) slot: Option<Slot>,
    numbers: Line,
    /// The integers about which the number line is right; texts must be searched for others.
    known: (i64, i64),
    /// The words about which `words` is right; others are looked up as texts.
    vocabulary: Option<&'static Vocabulary>,
    words: Line,
    v4: Stab<u32>,
    v6: Stab<u128>,
    /// Whether addresses need no search as texts.
    addresses_known: bool,
    bools: [Vec<PredicateIx>; 2],
    null: Vec<PredicateIx>,
    /// Those that objects and empty lists satisfy.
    present: Vec<PredicateIx>,
    /// Those that any list may satisfy.
    joint: Vec<PredicateIx>,
    scan: Option<Scan>,
    /// Those that any text may satisfy.
    open: Vec<PredicateIx>,
    /// Whether a text can be a number or an address that matters.
    reads_numbers: bool,
    reads_addresses: bool,
}

impl FieldIndex {
    /// An index of `witnesses`, all of one field; texts are searched for `all` predicates of the field.
    pub(super) fn new(
        slot: Option<Slot>,
        witnesses: &[(PredicateIx, &Predicate)],
        all: &[(PredicateIx, &Predicate)],
    ) -> Result<Self, BuildError> {
        let of = |holds: &dyn Fn(&Predicate) -> bool| -> Vec<PredicateIx> {
            witnesses.iter().filter(|(_, predicate)| holds(predicate)).map(|(ix, _)| *ix).collect()
        };
        let has = |wanted: fn(&Ask) -> bool| witnesses.iter().any(|(_, predicate)| predicate.asks.iter().any(wanted));
        let words: Option<Vec<_>> = witnesses.iter().map(|(_, predicate)| predicate.words.as_ref()).collect();
        let vocabulary = words.and_then(|words| words.first().map(|(vocabulary, _)| *vocabulary));
        Ok(Self {
            slot,
            numbers: Line::new(&owned(witnesses, number_keys)),
            known: witnesses.iter().fold((i64::MIN, i64::MAX), |known, (_, predicate)| {
                (known.0.max(predicate.known.0), known.1.min(predicate.known.1))
            }),
            vocabulary,
            words: Line::new(&owned(witnesses, |predicate| match &predicate.words {
                Some((_, words)) => int_keys(words).collect(),
                None => Vec::new(),
            })),
            v4: Stab::new(&owned(witnesses, |predicate| match &predicate.addresses {
                Some((v4, _)) => v4.runs().to_vec(),
                None => networks(&predicate.asks).0,
            })),
            v6: Stab::new(&owned(witnesses, |predicate| match &predicate.addresses {
                Some((_, v6)) => v6.runs().to_vec(),
                None => networks(&predicate.asks).1,
            })),
            addresses_known: witnesses.iter().all(|(_, predicate)| predicate.addresses.is_some()),
            bools: [0, 1].map(|value| of(&|predicate| predicate.bools.is_none_or(|bools| bools[value]))),
            null: of(&|predicate| predicate.bare.null),
            present: of(&|predicate| predicate.bare.present),
            joint: of(&Predicate::is_joint),
            scan: Scan::new(all.iter().copied())?,
            open: of(&|predicate| predicate.asks.iter().any(any_text)),
            reads_numbers: has(|ask| matches!(ask, Ask::Compare(..))),
            reads_addresses: has(|ask| matches!(ask, Ask::Cidr(_))),
        })
    }

    /// How many needles its search has.
    pub(super) fn needles(&self) -> usize {
        self.scan.as_ref().map_or(0, Scan::needles)
    }

    /// Numbers them among those of all fields, from `first` on.
    pub(super) fn number_needles(&mut self, first: usize) {
        if let Some(scan) = &mut self.scan {
            scan.number_needles(first);
        }
    }

    /// Tells the witnesses that `fact` may satisfy.
    #[inline]
    pub(super) fn look_up<M: Found>(&self, fact: Fact<'_>, room: &mut Room, found: &mut M) {
        match fact {
            Fact::Absent => {}
            Fact::Int(value) => {
                let known = self.known.0 <= value && value <= self.known.1;
                let certain = known && number::has_own_key(value);
                self.numbers.at(value, |predicate| found.mark(Mark { predicate, certain }));
                if !known {
                    self.form(fact, room, found);
                }
            }
            Fact::Word(of, word) if self.vocabulary.is_some_and(|known| std::ptr::eq(known, of)) => {
                self.words.at(i64::from(word), |predicate| found.mark(Mark { predicate, certain: true }));
            }
            Fact::Addr(address) => {
                match address {
                    IpAddr::V4(address) => self.v4.at(address.to_bits(), |predicate| found.mark(may(predicate))),
                    IpAddr::V6(address) => self.v6.at(address.to_bits(), |predicate| found.mark(may(predicate))),
                }
                if !self.addresses_known {
                    self.form(fact, room, found);
                }
            }
            _ => self.look_up_rare(fact, room, found),
        }
    }

    /// What our own records seldom have.
    #[inline(never)]
    fn look_up_rare<M: Found>(&self, fact: Fact<'_>, room: &mut Room, found: &mut M) {
        match fact {
            Fact::Null => self.null.iter().for_each(|predicate| found.mark(may(*predicate))),
            Fact::Object => self.present.iter().for_each(|predicate| found.mark(may(*predicate))),
            Fact::Bool(value) => {
                self.bools[usize::from(value)].iter().for_each(|predicate| found.mark(may(*predicate)));
            }
            Fact::Uint(_) | Fact::Float(_) => {
                if let Some(key) = number::of(fact).and_then(number::key) {
                    self.numbers.ranges.at(key, |predicate| found.mark(may(predicate)));
                }
                self.form(fact, room, found);
            }
            Fact::List(list) => {
                self.present.iter().chain(&self.joint).for_each(|predicate| found.mark(may(*predicate)));
                form::any(list, |fact| {
                    self.look_up(fact, room, found);
                    false
                });
            }
            Fact::Text(text) => self.text(None, text, room, found),
            Fact::Word(vocabulary, word) => {
                if let Some(text) = vocabulary.words.get(usize::from(word)) {
                    self.text(None, text, room, found);
                }
            }
            _ => self.form(fact, room, found),
        }
    }

    /// Looks up the text form.
    #[inline(never)]
    fn form<M: Found>(&self, fact: Fact<'_>, room: &mut Room, found: &mut M) {
        self.open.iter().for_each(|predicate| found.mark(may(*predicate)));
        let Some(scan) = &self.scan else { return };
        let mut form = std::mem::take(&mut room.form);
        let field = Field { slot: self.slot, role: Role::Form };
        // Only texts are certain: the number 1 and the Boolean true do not equal their forms for every test.
        let mut search = |text: &str| {
            room.recall_or(field, text, found, |folded, seen, tell| {
                scan.search(folded, seen, |mark| tell(may(mark.predicate)));
            });
        };
        if let Some(text) = form::text(fact, &mut form) {
            search(text);
        }
        if let Some(text) = form::with_point(fact, &mut form) {
            search(text);
        }
        room.form = form;
    }

    /// Tells the witnesses that a text may satisfy, and those of `keywords` if it is one of the values that these search.
    pub(super) fn text<M: Found>(&self, keywords: Option<&Self>, text: &str, room: &mut Room, found: &mut M) {
        let role = if keywords.is_some() { Role::Both } else { Role::Value };
        room.recall_or(Field { slot: self.slot, role }, text, found, |folded, seen, tell| {
            for index in [Some(self), keywords].into_iter().flatten() {
                index.search(text, folded, seen, tell);
            }
        });
    }

    /// Tells what is found in a text, given as it is and folded.
    fn search(&self, text: &str, folded: &str, seen: &mut Seen, tell: &mut dyn FnMut(Mark)) {
        self.open.iter().for_each(|predicate| tell(may(*predicate)));
        if let Some(scan) = &self.scan {
            scan.search(folded, seen, &mut *tell);
        }
        if self.reads_numbers
            && let Some(key) = number::read(text).and_then(number::key)
        {
            self.numbers.ranges.at(key, |predicate| tell(may(predicate)));
        }
        if self.reads_addresses {
            match address(Some(text)) {
                Some(IpAddr::V4(address)) => self.v4.at(address.to_bits(), |predicate| tell(may(predicate))),
                Some(IpAddr::V6(address)) => self.v6.at(address.to_bits(), |predicate| tell(may(predicate))),
                None => {}
            }
        }
    }
}

impl Room {
    /// Tells what was found in a text before, or else searches it, folded, and remembers what is found.
    fn recall_or<M: Found>(
        &mut self,
        field: Field,
        text: &str,
        found: &mut M,
        search: impl FnOnce(&str, &mut Seen, &mut dyn FnMut(Mark)),
    ) {
        let Self { folded, seen, familiar, .. } = self;
        match familiar.recall(field, text) {
            Known::Marks(marks) => marks.iter().for_each(|mark| found.mark(*mark)),
            Known::Strange => {
                fold::fold_into(text, folded);
                search(folded, seen, &mut |mark| found.mark(mark));
            }
            Known::Welcome(place) => {
                fold::fold_into(text, folded);
                search(folded, seen, &mut |mark| {
                    place.add(mark);
                    found.mark(mark);
                });
            }
        }
    }
}

impl Line {
    fn new(ranges: &[(i64, i64, PredicateIx)]) -> Self {
        let ranges = Stab::new(ranges);
        let direct = (0..DIRECT).map(|value| ranges.leaf(number::int_key(value))).collect();
        Self { ranges, direct }
    }

    /// Tells the owners of the ranges that hold an integer.
    #[inline]
    fn at(&self, value: i64, found: impl FnMut(PredicateIx)) {
        let direct = usize::try_from(value).ok().and_then(|value| self.direct.get(value)).copied();
        self.ranges.owners(direct.unwrap_or_else(|| self.ranges.leaf(number::int_key(value))), found);
    }
}

fn may(predicate: PredicateIx) -> Mark {
    Mark { predicate, certain: false }
}

fn owned<K: Point>(
    witnesses: &[(PredicateIx, &Predicate)],
    ranges: impl Fn(&Predicate) -> Vec<(K, K)>,
) -> Vec<(K, K, u32)> {
    let one = |(ix, predicate): &(PredicateIx, &Predicate)| {
        let ix = *ix;
        ranges(predicate).into_iter().map(move |(low, high)| (low, high, ix))
    };
    witnesses.iter().flat_map(one).collect()
}

fn int_keys(ints: &Ints) -> impl Iterator<Item = (i64, i64)> {
    ints.runs().iter().map(|(low, high)| (number::int_key(*low), number::int_key(*high)))
}

/// The keys of all numbers that may satisfy it other than by their text form.
fn number_keys(predicate: &Predicate) -> Vec<(i64, i64)> {
    let asks = predicate.asks.iter().filter_map(|ask| match ask {
        Ask::Exists => Some((i64::MIN, i64::MAX)),
        Ask::Text(matcher) if matches!(matcher.shape, Shape::Anything) => Some((i64::MIN, i64::MAX)),
        Ask::Number(value, _) => number::key(*value).map(|key| (key, key)),
        Ask::Compare(bounds) => {
            meet(bounds.iter().map(|(order, bound)| number::keys(*order, *bound)), (i64::MIN, i64::MAX))
        }
        _ => None,
    });
    Ranges::new(int_keys(&predicate.ints).chain(asks).collect()).runs().to_vec()
}

/// Whether any text may satisfy it. Texts that are numbers or addresses are looked up as such.
pub(super) fn any_text(ask: &Ask) -> bool {
    scan::is_open(ask) && !matches!(ask, Ask::Cidr(_) | Ask::Compare(..))
}
