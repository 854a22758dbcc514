//! Which witnesses may hold, given the value of a field? One look-up by the value's type, whatever the number of rules.

use super::ask::{Ask, address};
use super::fold;
use super::form;
use super::number;
use super::pattern::Shape;
use super::predicate::{Predicate, PredicateIx, networks};
use super::scan::{self, Mark, Scan, Seen};
use super::set::{Point, Ranges};
use super::stab::Stab;
use crate::record::{Fact, Slot, Vocabulary};
use crate::sigma::ir::Number;
use aho_corasick::BuildError;
use std::net::IpAddr;

/// Integers that find their place on the number line without a search.
const DIRECT: usize = 256;

/// What is found. Witnesses may be told more than once.
pub(super) trait Found {
    /// The predicate holds for sure, or only may.
    fn mark(&mut self, mark: Mark);
}

/// Room for text forms and for what was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    form: String,
    folded: String,
    /// Needles seen.
    pub(super) seen: Seen,
}

/// The witnesses of one field, by value.
#[derive(Debug)]
pub(super) struct FieldIndex {
    /// The field; `None` is every value.
    pub(super) slot: Option<Slot>,
    numbers: Stab<i64>,
    /// Where 0 to 255 are on the number line.
    direct: Box<[u32]>,
    /// The integers about which the number line is right; texts must be searched for others.
    known: (i64, i64),
    vocabulary: Option<&'static Vocabulary>,
    words: Stab<i64>,
    v4: Stab<u32>,
    v6: Stab<u128>,
    /// Whether addresses need no search as texts.
    addresses_known: bool,
    bools: [Vec<PredicateIx>; 2],
    null: Vec<PredicateIx>,
    /// Those that objects and empty lists satisfy.
    present: Vec<PredicateIx>,
    scan: Option<Scan>,
    /// Those that any text may satisfy.
    open: Vec<PredicateIx>,
    /// Whether a text can be a number or an address that matters.
    reads_numbers: bool,
    reads_addresses: bool,
}

impl FieldIndex {
    /// An index of `witnesses`, all of one field; texts are searched for `all` predicates of the field. `needles` is how many
    /// needles other searches have.
    pub(super) fn new(
        slot: Option<Slot>,
        witnesses: &[(PredicateIx, &Predicate)],
        all: &[(PredicateIx, &Predicate)],
        needles: usize,
    ) -> Result<Self, BuildError> {
        let of = |holds: &dyn Fn(&Predicate) -> bool| -> Vec<PredicateIx> {
            witnesses.iter().filter(|(_, predicate)| holds(predicate)).map(|(ix, _)| *ix).collect()
        };
        let has = |wanted: fn(&Ask) -> bool| witnesses.iter().any(|(_, predicate)| predicate.asks.iter().any(wanted));
        let numbers = Stab::new(&owned(witnesses, number_keys));
        let direct = (0..DIRECT).map(|value| numbers.leaf(value as i64 * 2)).collect();
        let vocabulary = witnesses.iter().find_map(|(_, predicate)| predicate.words.as_ref()).map(|(of, _)| *of);
        let text_wanted = witnesses.iter().any(|(_, predicate)| !predicate.asks.is_empty());
        Ok(Self {
            slot,
            numbers,
            direct,
            known: witnesses.iter().fold((i64::MIN, i64::MAX), |known, (_, predicate)| {
                (known.0.max(predicate.known.0), known.1.min(predicate.known.1))
            }),
            vocabulary,
            words: Stab::new(&owned(witnesses, |predicate| match &predicate.words {
                Some((_, words)) => words.runs().to_vec(),
                None => vec![(0, i64::MAX)],
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
            bools: [0, 1].map(|value| of(&|predicate| predicate.relative || predicate.bools[value])),
            null: of(&|predicate| predicate.bare.null),
            present: of(&|predicate| predicate.bare.present),
            scan: if text_wanted { Scan::new(all.iter().copied(), needles)? } else { None },
            open: of(&|predicate| predicate.asks.iter().any(any_text)),
            reads_numbers: has(|ask| matches!(ask, Ask::Compare(..))),
            reads_addresses: has(|ask| matches!(ask, Ask::Cidr(_))),
        })
    }

    /// How many needles its search has.
    pub(super) fn needles(&self) -> usize {
        self.scan.as_ref().map_or(0, Scan::needles)
    }

    /// Tells the witnesses that `fact` may satisfy.
    #[inline]
    pub(super) fn look_up<M: Found>(&self, fact: Fact<'_>, room: &mut Room, found: &mut M) {
        match fact {
            Fact::Absent => {}
            Fact::Int(value) => {
                let leaf = match usize::try_from(value).ok().and_then(|value| self.direct.get(value)) {
                    Some(leaf) => *leaf,
                    None => number::key(Number::Int(value.into())).map_or(u32::MAX, |key| self.numbers.leaf(key)),
                };
                self.numbers.owners(leaf, |predicate| found.mark(may(predicate)));
                if value < self.known.0 || value > self.known.1 {
                    self.form(fact, room, found);
                }
            }
            Fact::Word(of, word) if self.vocabulary.is_some_and(|known| std::ptr::eq(known, of)) => {
                self.words.at(i64::from(word), |predicate| found.mark(may(predicate)));
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
    fn look_up_rare<M: Found>(&self, fact: Fact<'_>, room: &mut Room, found: &mut M) {
        match fact {
            Fact::Null => self.null.iter().for_each(|predicate| found.mark(may(*predicate))),
            Fact::Object => self.present.iter().for_each(|predicate| found.mark(may(*predicate))),
            Fact::Bool(value) => {
                self.bools[usize::from(value)].iter().for_each(|predicate| found.mark(may(*predicate)));
            }
            Fact::Uint(_) | Fact::Float(_) => {
                if let Some(key) = number::of(fact).and_then(number::key) {
                    self.numbers.at(key, |predicate| found.mark(may(predicate)));
                }
                self.form(fact, room, found);
            }
            Fact::List(list) => {
                self.present.iter().for_each(|predicate| found.mark(may(*predicate)));
                form::any(list, |fact| {
                    self.look_up(fact, room, found);
                    false
                });
            }
            Fact::Text(text) => self.text(text, room, found),
            Fact::Word(vocabulary, word) => {
                if let Some(text) = vocabulary.words.get(usize::from(word)) {
                    self.text(text, room, found);
                }
            }
            _ => self.form(fact, room, found),
        }
    }

    /// Looks up the text form.
    fn form<M: Found>(&self, fact: Fact<'_>, room: &mut Room, found: &mut M) {
        self.open.iter().for_each(|predicate| found.mark(may(*predicate)));
        let Some(scan) = &self.scan else { return };
        let Room { form, folded, seen } = room;
        if let Some(text) = form::text(fact, form) {
            fold::fold_into(text, folded);
            // Only texts are certain: the number 1 and the Boolean true do not equal their forms for every test.
            scan.search(folded, seen, |mark| found.mark(may(mark.predicate)));
        }
    }

    fn text<M: Found>(&self, text: &str, room: &mut Room, found: &mut M) {
        self.open.iter().for_each(|predicate| found.mark(may(*predicate)));
        if let Some(scan) = &self.scan {
            fold::fold_into(text, &mut room.folded);
            scan.search(&room.folded, &mut room.seen, |mark| found.mark(mark));
        }
        if self.reads_numbers
            && let Some(key) = number::read(text).and_then(number::key)
        {
            self.numbers.at(key, |predicate| found.mark(may(predicate)));
        }
        if self.reads_addresses {
            match address(Some(text)) {
                Some(IpAddr::V4(address)) => self.v4.at(address.to_bits(), |predicate| found.mark(may(predicate))),
                Some(IpAddr::V6(address)) => self.v6.at(address.to_bits(), |predicate| found.mark(may(predicate))),
                None => {}
            }
        }
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

/// The keys of all numbers that may satisfy it other than by their text form.
fn number_keys(predicate: &Predicate) -> Vec<(i64, i64)> {
    let int = |value: i64| number::key(Number::Int(value.into()));
    let ints = predicate.ints.runs().iter().filter_map(|(low, high)| int(*low).zip(int(*high)));
    let asks = predicate.asks.iter().filter_map(|ask| match ask {
        Ask::Exists => Some((i64::MIN, i64::MAX)),
        Ask::Text(matcher) if matches!(matcher.shape, Shape::Anything) => Some((i64::MIN, i64::MAX)),
        Ask::Number(value, _) => number::key(*value).map(|key| (key, key)),
        Ask::Compare(order, bound) => number::keys(*order, *bound),
        _ => None,
    });
    Ranges::new(ints.chain(asks).collect()).runs().to_vec()
}

/// Whether any text may satisfy it. Texts that are numbers or addresses are looked up as such.
fn any_text(ask: &Ask) -> bool {
    scan::is_open(ask) && !matches!(ask, Ask::Cidr(_) | Ask::Compare(..))
}
