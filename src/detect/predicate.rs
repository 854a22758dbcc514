//! What rules ask of one field, each question once, and as sets where values are typed.
//!
//! A predicate holds if any of its tests holds of any value of its field. Tests on the same field that stand under one
//! `Any` (a list of values) are one predicate, and equal predicates of different rules are one. When it is compiled, the answers
//! for typed values are worked out: integers as ranges (a string test on an 8- or 16-bit field by trying all values),
//! words of the field's vocabulary one by one, addresses as ranges, the few others as constants. Stored logs may
//! hold a value of any other type in the same field: then the tests themselves are asked.

use super::ask::{Ask, Buffers};
use super::error::Problem;
use super::form;
use super::number;
use super::pattern::Shape;
use super::set::{Ints, Ranges};
use crate::record::{Domain, Fact, Facts, Slot, Slots, Vocabulary};
use crate::sigma::ir::{Number, Order, Target, Test};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ipnet::IpNet;
use rayon::prelude::*;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr};

/// How many predicates may have a string test tried on all values of a 16-bit field; further ones are asked when a
/// record comes. A rule set cannot make loading slow.
const MAX_TRIALS: usize = 200;

/// A predicate by its number.
pub(super) type PredicateIx = u32;

/// All integers.
const ALL: (i64, i64) = (i64::MIN, i64::MAX);
/// No integer.
const NOTHING: (i64, i64) = (0, -1);

/// A question about one field.
#[derive(Clone, Debug)]
pub(super) struct Predicate {
    /// The field; `None` is every value (keywords).
    pub(super) slot: Option<Slot>,
    /// It holds if any of these does.
    pub(super) asks: Box<[Ask]>,
    /// What values its field has in our own records.
    pub(super) domain: Option<Domain>,
    /// The answers for what has no value.
    pub(super) bare: Bare,
    /// The answers for false and true, where they are known before; regular expressions are compiled late.
    pub(super) bools: Option<[bool; 2]>,
    /// The integers that satisfy it, as far as `known` reaches.
    pub(super) ints: Ints,
    /// The integers about which `ints` is right.
    pub(super) known: (i64, i64),
    /// The words that satisfy it, with their vocabulary.
    pub(super) words: Option<(&'static Vocabulary, Ints)>,
    /// The addresses that satisfy it.
    pub(super) addresses: Option<(Ranges<u32>, Ranges<u128>)>,
    /// Whether it refers to other fields: then no answer can be worked out before.
    pub(super) relative: bool,
    folds: bool,
    /// Whether it is so dear to ask, and hangs on its field's text alone, that its answers are worth remembering.
    pub(super) dear: bool,
}

/// The answers for what is there without a value, or not at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare {
    /// For an absent field.
    pub(super) absent: bool,
    /// For null.
    pub(super) null: bool,
    /// For objects, and for lists without values.
    pub(super) present: bool,
}

impl Predicate {
    fn new(slot: Option<Slot>, domain: Option<Domain>, asks: Vec<Ask>) -> Self {
        let mut predicate = Self {
            slot,
            domain,
            bare: Bare {
                absent: asks.iter().any(|ask| matches!(ask, Ask::Null)),
                null: asks.iter().any(|ask| matches!(ask, Ask::Null | Ask::Exists)),
                present: asks.iter().any(|ask| matches!(ask, Ask::Exists)),
            },
            bools: None,
            ints: Ints::new(Vec::new()),
            known: NOTHING,
            words: None,
            addresses: None,
            relative: asks.iter().any(|ask| matches!(ask, Ask::FieldRef { .. })),
            folds: asks.iter().any(Ask::folds),
            dear: false,
            asks: asks.into(),
        };
        let has_regex = predicate.asks.iter().any(|ask| matches!(ask, Ask::Regex(_)));
        let has_glob =
            predicate.asks.iter().any(|ask| matches!(ask, Ask::Text(it) if matches!(it.shape, Shape::Glob(_))));
        predicate.dear = (has_regex || has_glob) && slot.is_some() && !predicate.relative;
        if !predicate.relative {
            let mut buffers = Buffers::default();
            if domain.is_some() || !has_regex {
                let answers = [false, true].map(|value| predicate.tests(Fact::Bool(value), &Nothing, &mut buffers));
                predicate.bools = Some(answers);
            }
            predicate.resolve_ints(&mut buffers);
            predicate.resolve_words(&mut buffers);
            predicate.addresses = address_ranges(&predicate.asks);
        }
        predicate
    }

    fn resolve_ints(&mut self, buffers: &mut Buffers) {
        let by_form: Option<Vec<_>> = self.asks.iter().map(int_ranges).collect();
        if let Some(ranges) = by_form {
            self.known = ALL;
            self.ints = Ints::new(ranges.concat());
        } else if self.domain == Some(Domain::U8) {
            self.try_up_to(i64::from(u8::MAX), buffers);
        }
    }

    /// Whether only trying tells its answers for 16-bit values.
    fn needs_trial(&self) -> bool {
        matches!(self.domain, Some(Domain::U16 | Domain::U16List)) && !self.relative && self.known == NOTHING
    }

    fn try_up_to(&mut self, highest: i64, buffers: &mut Buffers) {
        self.known = (0, highest);
        let tried = (0..=highest).filter(|value| self.tests(Fact::Int(*value), &Nothing, buffers));
        self.ints = Ints::new(tried.map(|value| (value, value)).collect());
    }

    fn resolve_words(&mut self, buffers: &mut Buffers) {
        let Some(Domain::Word(vocabulary) | Domain::Words(vocabulary)) = self.domain else { return };
        let words = (0..vocabulary.words.len() as u16)
            .filter(|word| self.tests(Fact::Word(vocabulary, *word), &Nothing, buffers))
            .map(|word| (i64::from(word), i64::from(word)));
        self.words = Some((vocabulary, Ints::new(words.collect())));
    }

    /// Whether the record satisfies it: by its field, or by any of its values.
    #[inline]
    pub(super) fn is_met<F: Facts + ?Sized>(&self, missed: bool, record: &F, buffers: &mut Buffers) -> bool {
        let Some(slot) = self.slot else {
            let mut found = false;
            record.each_value(&mut |fact| found = found || self.holds(fact, missed, record, buffers));
            return found;
        };
        self.holds(record.fact(slot), missed, record, buffers)
    }

    /// Whether a value satisfies it. `missed` says that texts were already searched for it in vain.
    #[inline]
    pub(super) fn holds<F: Facts + ?Sized>(
        &self,
        fact: Fact<'_>,
        missed: bool,
        record: &F,
        buffers: &mut Buffers,
    ) -> bool {
        match fact {
            Fact::Absent => self.bare.absent,
            Fact::Int(value) if self.known.0 <= value && value <= self.known.1 => self.ints.contains(value),
            Fact::Word(of, word) => match &self.words {
                Some((vocabulary, words)) if std::ptr::eq(*vocabulary, of) => words.contains(i64::from(word)),
                _ => self.tests(fact, record, buffers),
            },
            Fact::Text(_) if missed => false,
            _ => self.holds_rare(fact, missed, record, buffers),
        }
    }

    /// Kept apart so that the common cases are a few instructions.
    #[inline(never)]
    fn holds_rare<F: Facts + ?Sized>(&self, fact: Fact<'_>, missed: bool, record: &F, buffers: &mut Buffers) -> bool {
        match fact {
            Fact::Null => self.bare.null,
            Fact::Object => self.bare.present,
            Fact::List(list) => self.bare.present || form::any(list, |fact| self.holds(fact, missed, record, buffers)),
            Fact::Bool(value) => match self.bools {
                Some(answers) => answers[usize::from(value)],
                None => self.tests(fact, record, buffers),
            },
            Fact::Addr(address) => match (&self.addresses, address) {
                (Some((v4, _)), IpAddr::V4(address)) => v4.contains(address.to_bits()),
                (Some((_, v6)), IpAddr::V6(address)) => v6.contains(address.to_bits()),
                (None, _) => self.tests(fact, record, buffers),
            },
            _ => self.tests(fact, record, buffers),
        }
    }

    /// Whether it holds for lists on which its tests, asked of single values, do not: it stands for several predicates
    /// each of which may be satisfied by another value.
    pub(super) fn is_joint(&self) -> bool {
        matches!(&*self.asks, [Ask::Compare(bounds)] if bounds.len() > 1)
    }

    /// Asks the tests themselves about a scalar.
    #[inline(never)]
    fn tests<F: Facts + ?Sized>(&self, fact: Fact<'_>, record: &F, buffers: &mut Buffers) -> bool {
        let (reading, mut other) = buffers.read(fact, self.folds);
        if self.asks.iter().any(|ask| ask.holds(&reading, record, &mut other)) {
            return true;
        }
        let Some((reading, mut other)) = buffers.read_with_point(fact) else { return false };
        self.asks.iter().any(|ask| ask.holds(&reading, record, &mut other))
    }
}

/// Where the domain of a field comes from.
pub(super) type DomainOf<'a> = &'a dyn Fn(&Slots, Slot) -> Option<Domain>;

/// What tells a predicate from others.
#[derive(Debug, PartialEq, Eq)]
enum Question<'r> {
    /// Any of these tests holds.
    Any(&'r Target, Vec<&'r Test>),
    /// One value compares so with all of these bounds.
    Within(&'r Target, Vec<(Order, Number)>),
}

/// A question that has its number.
struct Asked<'r> {
    question: Question<'r>,
    slot: Option<Slot>,
    domain: Option<Domain>,
    /// Its tests in the order of the rule that asked first.
    tests: Vec<&'r Test>,
}

/// Gives each predicate its number.
pub(super) struct Interner<'a, 'r> {
    /// In the order of their numbers.
    asked: Vec<Asked<'r>>,
    /// Their numbers, with hashes: to reckon one takes a walk through all texts of a question.
    known: HashTable<(u64, PredicateIx)>,
    hasher: RandomState,
    slots: &'a mut Slots,
    domain: DomainOf<'a>,
}

impl<'a, 'r> Interner<'a, 'r> {
    /// No predicates yet. Their fields become wanted.
    pub(super) fn new(slots: &'a mut Slots, domain: DomainOf<'a>) -> Self {
        Self { asked: Vec::new(), known: HashTable::new(), hasher: RandomState::default(), slots, domain }
    }

    /// The predicate that holds if any of `tests` holds of `target`.
    pub(super) fn any(&mut self, target: &'r Target, tests: &[&'r Test]) -> Result<PredicateIx, Problem> {
        // In an order of their own, so that lists of the same are one.
        let mut sorted: Vec<(u64, &Test)> = tests.iter().map(|test| (self.hasher.hash_one(test), *test)).collect();
        sorted.sort_by_key(|(hash, _)| *hash);
        sorted.dedup_by(|a, b| a.1 == b.1);
        let (hashes, sorted): (Vec<u64>, Vec<&Test>) = sorted.into_iter().unzip();
        let hash = self.hasher.hash_one((target, hashes));
        self.intern(target, hash, Question::Any(target, sorted), tests)
    }

    /// The predicate that holds if one value of `target` compares so with all of these bounds.
    pub(super) fn within(&mut self, target: &'r Target, bounds: &[(Order, Number)]) -> Result<PredicateIx, Problem> {
        let hash = self.hasher.hash_one((target, bounds));
        self.intern(target, hash, Question::Within(target, bounds.to_vec()), &[])
    }

    fn intern(
        &mut self,
        target: &Target,
        hash: u64,
        question: Question<'r>,
        tests: &[&'r Test],
    ) -> Result<PredicateIx, Problem> {
        let is_asked = |ix: PredicateIx| self.asked.get(ix as usize).is_some_and(|asked| asked.question == question);
        if let Some((_, known)) = self.known.find(hash, |(other, ix)| *other == hash && is_asked(*ix)) {
            return Ok(*known);
        }
        let slot = match target {
            Target::AnyValue => None,
            Target::Field(name) => {
                Some(self.slots.want(name).ok_or_else(|| Problem::Fields { field: name.to_string() })?)
            }
        };
        tests.iter().try_for_each(|test| Ask::admit(test, self.slots))?;
        let domain = slot.and_then(|slot| (self.domain)(self.slots, slot));
        let ix = self.asked.len() as PredicateIx;
        self.asked.push(Asked { question, slot, domain, tests: tests.to_vec() });
        self.known.insert_unique(hash, (hash, ix), |(hash, _)| *hash);
        Ok(ix)
    }

    /// All predicates by their numbers, compiled side by side.
    pub(super) fn predicates(self) -> Vec<Predicate> {
        let slots: &Slots = self.slots;
        let mut all: Vec<Predicate> = self.asked.par_iter().map(|asked| asked.predicate(slots)).collect();
        let tried: Vec<&mut Predicate> = all.iter_mut().filter(|it| it.needs_trial()).take(MAX_TRIALS).collect();
        let room = Buffers::default;
        tried.into_par_iter().for_each_init(room, |room, it| it.try_up_to(i64::from(u16::MAX), room));
        all
    }
}

impl Asked<'_> {
    fn predicate(&self, slots: &Slots) -> Predicate {
        let asks = match &self.question {
            Question::Any(..) => self.tests.iter().filter_map(|test| Ask::new(test, slots)).collect(),
            Question::Within(_, bounds) => vec![Ask::Compare(bounds.as_slice().into())],
        };
        Predicate::new(self.slot, self.domain, asks)
    }
}

/// What all of several ranges have in common.
pub(super) fn meet(ranges: impl Iterator<Item = Option<(i64, i64)>>, whole: (i64, i64)) -> Option<(i64, i64)> {
    let mut common = whole;
    for range in ranges {
        let (low, high) = range?;
        common = (common.0.max(low), common.1.min(high));
    }
    (common.0 <= common.1).then_some(common)
}

/// The integers that satisfy a test, if its form tells.
fn int_ranges(ask: &Ask) -> Option<Vec<(i64, i64)>> {
    let one = |value: Option<i64>| value.map(|value| (value, value)).into_iter().collect();
    match ask {
        Ask::Exists => Some(vec![ALL]),
        Ask::Null | Ask::Bool(_) | Ask::Cidr(_) => Some(Vec::new()),
        Ask::Number(Number::Int(value), _) => Some(one(i64::try_from(*value).ok())),
        Ask::Number(..) => Some(Vec::new()),
        Ask::Compare(comparisons) => {
            Some(meet(comparisons.iter().map(|(order, bound)| number::ints(*order, *bound)), ALL).into_iter().collect())
        }
        Ask::Text(matcher) => match &matcher.shape {
            Shape::Anything => Some(vec![ALL]),
            Shape::Exact(text) => {
                let value: Option<i64> = text.parse().ok();
                Some(one(value.filter(|value| itoa::Buffer::new().format(*value) == &**text)))
            }
            _ => None,
        },
        Ask::Regex(_) | Ask::FieldRef { .. } | Ask::TimePart(..) => None,
    }
}

/// Ranges of IPv4 and IPv6 addresses.
pub(super) type AddressRanges = (Vec<(u32, u32)>, Vec<(u128, u128)>);

/// The networks that any of the tests asks for.
pub(super) fn networks(asks: &[Ask]) -> AddressRanges {
    let (mut v4, mut v6) = AddressRanges::default();
    for ask in asks {
        match ask {
            Ask::Cidr(IpNet::V4(network)) => v4.push((network.network().to_bits(), network.broadcast().to_bits())),
            Ask::Cidr(IpNet::V6(network)) => v6.push((network.network().to_bits(), network.broadcast().to_bits())),
            _ => {}
        }
    }
    (v4, v6)
}

/// The addresses that satisfy any of the tests, if their form tells.
fn address_ranges(asks: &[Ask]) -> Option<(Ranges<u32>, Ranges<u128>)> {
    let (mut v4, mut v6) = networks(asks);
    for ask in asks {
        match ask {
            Ask::Regex(_) | Ask::FieldRef { .. } => return None,
            Ask::Exists => {
                v4.push((0, u32::MAX));
                v6.push((0, u128::MAX));
            }
            Ask::Text(matcher) => match &matcher.shape {
                Shape::Anything => {
                    v4.push((0, u32::MAX));
                    v6.push((0, u128::MAX));
                }
                Shape::Exact(text) => match text.parse() {
                    Ok(address) if canonical(address, text) => match address {
                        IpAddr::V4(address) => v4.push((address.to_bits(), address.to_bits())),
                        IpAddr::V6(address) => v6.push((address.to_bits(), address.to_bits())),
                    },
                    _ => {}
                },
                Shape::Start(text) => v4.push(octets(text)?),
                _ => return None,
            },
            Ask::Cidr(_) | Ask::Null | Ask::Bool(_) | Ask::Number(..) | Ask::Compare(..) | Ask::TimePart(..) => {}
        }
    }
    Some((Ranges::new(v4), Ranges::new(v6)))
}

fn canonical(address: IpAddr, text: &str) -> bool {
    address.to_string() == text
}

/// The addresses whose text starts with these whole octets: `192.168.`. No IPv6 address starts so.
fn octets(text: &str) -> Option<(u32, u32)> {
    let first: Vec<&str> = text.strip_suffix('.')?.split('.').collect();
    let zeros = 4_usize.checked_sub(first.len()).filter(|zeros| *zeros > 0)?;
    let low: Ipv4Addr = format!("{}{}", first.join("."), ".0".repeat(zeros)).parse().ok()?;
    Some((low.to_bits(), low.to_bits() | (u32::MAX >> (32 - 8 * zeros))))
}

/// A record without fields, for working out answers before there is a record.
struct Nothing;

impl Facts for Nothing {
    fn fact(&self, _slot: Slot) -> Fact<'_> {
        Fact::Absent
    }

    fn each_value(&self, _visit: &mut dyn FnMut(Fact<'_>)) {}
}
