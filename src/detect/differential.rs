//! Random rules on random records: the machine says what the truth says.

use super::fixture::{COLOURS, FakeRecord, domain, each, field, pattern, rule};
use super::{Explainer, Machine, RuleIx, Scratch, naive};
use crate::record::{Fact, Facts, List, Slot, Slots, Whose};
use crate::sigma::ir::{Expr, Number, Order, Place, Predicate, Regex, Rule, Target, Test, TimePart};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::cell::RefCell;

const FIELDS: [&str; 12] = ["u8", "u16", "int", "bool", "word", "words", "list", "addr", "time", "a", "b", "c"];

/// 2^63: the first float above all `i64`.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Texts that are numbers at the edge of something, or nearly numbers.
const NUMBERS: [&str; 24] = [
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "9007199254740993",
    "9223372036854775807.5",
    "1e19",
    "1E400",
    "-1e-400",
    "0.1",
    ".5",
    "5.",
    "+5",
    "-0",
    "007",
    "1_0",
    " 1",
    "0x10",
    "١",
    "nan",
    "inf",
    "1e",
    "--1",
];

/// Texts that are times, or nearly times.
const TIMES: [&str; 14] = [
    "2023-11-14T22:13:20Z",
    "2024-02-30",
    "2024-02-29",
    "2021-01-03",
    "2024-12-30 23:59",
    "2024-01-01T23:59:59+05:00",
    "2024-01-01t05:07:09.123456789-11:30",
    "2024-01-01T24:00",
    "2024-01-01T5:00",
    "2024-01-01T05:60",
    "0000-01-01T00:00",
    "9999-12-31T23:59:60Z",
    "2024-01-01T05:07é",
    "2024-1-1",
];

/// Pieces of regular expressions; any row of them is one.
const REGEXES: [&str; 26] = [
    "^",
    "$",
    "a",
    "b+",
    "[0-9]{2}",
    "(?s).",
    ".*",
    "S",
    "\\.0\\.",
    "(é|σ)",
    "e?",
    "\\b",
    "\\B",
    "(?i:k)",
    "[^a]",
    "\\d",
    "\\W",
    "\\p{Greek}",
    "(a|b|ab)*?",
    "ſ",
    "[i-k]",
    "\\x{212a}",
    "(?m)^",
    "-|/",
    "()",
    "[[:upper:]]",
];

/// A value that owns its parts; [`Owned::fact`] lends them.
#[derive(Clone, Debug)]
enum Owned {
    Plain(Fact<'static>),
    Text(String),
    Registers(Vec<u8>),
    List(Vec<Self>),
}

impl Owned {
    fn fact<'a>(&'a self, arena: &'a bumpalo::Bump) -> Fact<'a> {
        match self {
            Self::Plain(fact) => *fact,
            Self::Text(text) => Fact::Text(text),
            Self::Registers(bytes) => Fact::List(List::Registers(bytes)),
            Self::List(values) => {
                Fact::List(List::Facts(arena.alloc_slice_fill_iter(values.iter().map(|value| value.fact(arena)))))
            }
        }
    }
}

fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abAB\\-/.* ]{0,6}",
        "[aσςΣsſßẞkK\u{212a}iIİı\n–é]{0,5}",
        "[-/–—―ab ]{0,5}",
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?",
        prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        prop::sample::select(&TIMES[..]).prop_map(str::to_owned),
        "10\\.0\\.[01]\\.[0-3]",
        "(fe80::[0-3]|FE80::1|true|False|red|2023-11-14T22:13:20Z|2024-02-30|18446744073709551615|1e3)",
        "a{30,40}b?",
    ]
}

fn a_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-3_i128..12).prop_map(Number::Int),
        prop_oneof![Just(256_i128), Just(65_535), Just(1 << 53), Just((1 << 53) + 1)].prop_map(Number::Int),
        (prop_oneof![Just(i64::MIN.into()), Just(i64::MAX.into()), Just(i128::from(u64::MAX))], -1_i128..2)
            .prop_map(|(limit, by)| Number::Int((limit + by).clamp(i64::MIN.into(), u64::MAX.into()))),
        (-6_i32..24).prop_map(|halves| Number::Float(f64::from(halves) / 2.0)),
        prop_oneof![Just(1e300), Just(9_007_199_254_740_992.0), Just(-0.0), Just(0.1), Just(5e-324)]
            .prop_map(Number::Float),
        prop_oneof![Just(TWO_TO_63), Just(-TWO_TO_63), Just(2.0 * TWO_TO_63), Just(TWO_TO_63.next_down())]
            .prop_map(Number::Float),
    ]
}

fn a_scalar() -> impl Strategy<Value = Owned> {
    prop_oneof![
        3 => a_text().prop_map(Owned::Text),
        2 => prop_oneof![-3_i64..300, Just(i64::MAX), Just(i64::MIN), Just(1_700_000_000), Just(1_700_000_000_123), Just(99_999_999_999), Just(-1)].prop_map(|v| Owned::Plain(Fact::Int(v))),
        1 => a_number().prop_map(|number| Owned::Plain(match number {
            Number::Int(value) => u64::try_from(value).map_or(Fact::Null, Fact::Uint),
            Number::Float(value) => Fact::Float(value),
        })),
        1 => any::<bool>().prop_map(|value| Owned::Plain(Fact::Bool(value))),
        1 => (0_u16..6).prop_map(|word| Owned::Plain(Fact::Word(&COLOURS, word))),
        1 => (0_u32..4).prop_map(|host| Owned::Plain(Fact::Addr(std::net::Ipv4Addr::from_bits(0x0A00_0000 + host * 86).into()))),
        1 => (0_u16..3).prop_map(|host| Owned::Plain(Fact::Addr(std::net::Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, host).into()))),
        1 => (0_i64..5).prop_map(|hour| Owned::Plain(Fact::Time(Timestamp::from_parts(1_700_000_000 + hour * 3_600, hour)))),
        1 => prop_oneof![Just(Fact::Absent), Just(Fact::Null), Just(Fact::Object), Just(Fact::Float(f64::NAN))].prop_map(Owned::Plain),
    ]
}

fn a_value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        8 => a_scalar(),
        1 => prop::collection::vec(prop_oneof![Just(0_u8), 0_u8..5, any::<u8>()], 0..7).prop_map(Owned::Registers),
        1 => (any::<u8>(), 0_u16..12).prop_map(|(byte, count)| {
            Owned::Plain(Fact::List(List::Bits { bytes: if byte < 99 { &[0, 4] } else { &[0] }, count }))
        }),
        1 => (0_u32..64).prop_map(|bits| Owned::Plain(Fact::List(List::Words(&COLOURS, bits)))),
        1 => prop::collection::vec(prop_oneof![4 => a_scalar(), 1 => prop::collection::vec(a_scalar(), 0..3).prop_map(Owned::List)], 0..4).prop_map(Owned::List),
    ]
}

/// A record that is kin to all that say the same of some fields.
struct Kindred<'r, 'a> {
    record: &'r FakeRecord<'a>,
    /// What was seen of these fields so far: the places are the numbers of kins.
    seen: &'r RefCell<Vec<String>>,
}

/// The fields that kin share.
const SHARED: [Slot; 4] = [Slot(0), Slot(4), Slot(7), Slot(9)];

impl Facts for Kindred<'_, '_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        self.record.fact(slot)
    }

    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        self.record.each_value(visit);
    }

    fn kin(&self) -> Option<u64> {
        let said = format!("{:?}", SHARED.map(|slot| self.record.fact(slot)));
        let all = &mut *self.seen.borrow_mut();
        let known = all.iter().position(|known| *known == said);
        Some(known.unwrap_or_else(|| {
            all.push(said);
            all.len() - 1
        }) as u64)
    }

    fn shares(&self, slot: Slot) -> bool {
        SHARED.contains(&slot)
    }
}

fn an_order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Lt), Just(Order::Lte), Just(Order::Gt), Just(Order::Gte)]
}

fn a_test() -> impl Strategy<Value = Test> {
    let parts =
        [TimePart::Minute, TimePart::Hour, TimePart::Day, TimePart::Week, TimePart::Month, TimePart::Year].as_slice();
    let part = prop::sample::select(parts);
    let place = prop_oneof![Just(Place::Whole), Just(Place::Contains), Just(Place::Start), Just(Place::End)];
    prop_oneof![
        2 => ("[aAbBsSkKſßẞσςΣİıé10.*?~:/ -]{0,5}", any::<bool>()).prop_map(|(text, cased)| Test::Text(pattern(&text, cased))),
        2 => (a_text(), prop_oneof![Just(("", "")), Just(("*", "*")), Just(("", "*")), Just(("*", "")), Just(("*", "*b"))], prop::bool::weighted(0.2))
            .prop_map(|(text, (before, after), cased)| Test::Text(pattern(&format!("{before}{text}{after}"), cased))),
        1 => (prop::collection::vec(prop::sample::select(&REGEXES[..]), 0..4), any::<[bool; 3]>()).prop_map(
            |(regex, [ignore_case, multi_line, dot_all])| {
                Test::Regex(Regex { pattern: regex.concat().into(), ignore_case, multi_line, dot_all, measured: ignore_case })
            }
        ),
        2 => a_number().prop_map(Test::Number),
        2 => (an_order(), a_number()).prop_map(|(order, number)| Test::Compare(order, number)),
        1 => prop::sample::select(&["10.0.0.0/31", "10.0.0.0/8", "fe80::/10", "0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "10.0.0.1/32", "fe80::1/128"][..]).prop_map(|net| Test::Cidr(net.parse().unwrap())),
        1 => any::<bool>().prop_map(Test::Bool),
        1 => prop_oneof![Just(Test::Exists), Just(Test::Null)],
        1 => (prop::sample::select(&FIELDS[..]), place, any::<bool>())
            .prop_map(|(field, place, cased)| Test::FieldRef { field: field.into(), place, cased }),
        1 => (part, prop::option::of(an_order()), prop_oneof![0_i64..60, Just(2023), Just(2024), Just(i64::MAX), Just(i64::MIN)])
            .prop_map(|(part, order, value)| Test::TimePart { part, order, value }),
    ]
}

fn a_condition() -> impl Strategy<Value = Expr> {
    let target = prop_oneof![
        8 => prop::sample::select(&FIELDS[..]).prop_map(|name| Target::Field(name.into())),
        1 => Just(Target::AnyValue),
    ];
    let leaf = (target, a_test()).prop_map(|(target, test)| Expr::Test(Predicate { target, test }));
    let range = (prop::sample::select(&FIELDS[..]), prop::collection::vec((an_order(), a_number()), 2..4)).prop_map(
        |(name, bounds)| {
            let test = |(order, bound)| field(name, Test::Compare(order, bound));
            Expr::All(bounds.into_iter().map(test).collect())
        },
    );
    let leaf = prop_oneof![8 => leaf, 1 => range];
    leaf.prop_recursive(3, 10, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::Any),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

/// A record that tells which facts it has, as log lines do.
struct Sparse<'a>(&'a FakeRecord<'a>);

impl Facts for Sparse<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        self.0.fact(slot)
    }

    fn each_fact(&self, visit: &mut dyn FnMut(Whose, Fact<'_>)) -> bool {
        for (slot, fact) in (0..).map(Slot).zip(&self.0.0).filter(|(_, fact)| **fact != Fact::Absent) {
            if slot.0 % 2 == 0 && !matches!(fact, Fact::List(_)) {
                visit(Whose::Both(slot), *fact);
            } else {
                visit(Whose::Field(slot), *fact);
                each(*fact, &mut |fact| visit(Whose::Value, fact));
            }
        }
        true
    }

    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        self.0.each_value(visit);
    }
}

proptest! {
    #[test]
    fn the_machine_finds_what_is_true(
        conditions in prop::collection::vec(a_condition(), 1..12),
        records in prop::collection::vec(prop::collection::vec(a_value(), FIELDS.len()), 1..8),
        most in 0_usize..16,
    ) {
        let mut slots = Slots::new();
        FIELDS.iter().for_each(|name| { slots.want(name).unwrap(); });
        let rules: Vec<Rule> = conditions.iter().cloned().map(rule).collect();
        // Of all rules, of some, or of none the ways are kept.
        let machine = Machine::compile_with(&rules, &mut slots, domain, most).unwrap();
        let (mut scratch, mut kindred) = (Scratch::new(), Scratch::new());
        let seen = RefCell::default();
        for record in &records {
            let arena = bumpalo::Bump::new();
            let record = FakeRecord(record.iter().map(|value| value.fact(&arena)).collect());
            let truth: Vec<RuleIx> = (0..)
                .zip(&conditions)
                .filter(|(_, condition)| naive::satisfies(condition, &record, &slots))
                .map(|(ix, _)| RuleIx(ix))
                .collect();
            let found = machine.matches(&record, &mut scratch);
            prop_assert!(
                found == truth,
                "found {:?}, true is {:?}\nrecord {:?}\nrules {:#?}",
                found, truth, record.0,
                found.iter().chain(&truth).filter(|ix| !truth.contains(ix) || !found.contains(ix))
                    .map(|ix| &conditions[ix.0 as usize]).collect::<Vec<_>>()
            );
            // Texts are remembered when they come again.
            for _ in 0..3 {
                prop_assert_eq!(machine.matches(&Sparse(&record), &mut scratch), &truth[..]);
            }
            // Once on a new way, once on a known one.
            for _ in 0..2 {
                prop_assert_eq!(machine.matches_alike(&record, &mut scratch), &truth[..]);
                let record = Kindred { record: &record, seen: &seen };
                prop_assert_eq!(machine.matches_alike(&record, &mut kindred), &truth[..]);
            }
            let explained = conditions.iter().zip(0..).filter(|(condition, _)| {
                let mut slots = slots.clone();
                Explainer::compile_with(condition, &mut slots, domain).unwrap().explain(&record).holds
            });
            prop_assert_eq!(explained.map(|(_, ix)| RuleIx(ix)).collect::<Vec<_>>(), truth);
        }
    }

    /// Records that share much go the ways of others a part of the way.
    #[test]
    fn what_kindred_were_found_to_be_holds_for_the_next(
        conditions in prop::collection::vec(a_condition(), 1..12),
        values in prop::collection::vec([a_value(), a_value()], FIELDS.len()),
        choices in prop::collection::vec(any::<u16>(), 1..24),
        most in 0_usize..16,
    ) {
        let mut slots = Slots::new();
        FIELDS.iter().for_each(|name| { slots.want(name).unwrap(); });
        let rules: Vec<Rule> = conditions.iter().cloned().map(rule).collect();
        let machine = Machine::compile_with(&rules, &mut slots, domain, most).unwrap();
        let (mut plain, mut kindred) = (Scratch::new(), Scratch::new());
        let seen = RefCell::default();
        for choice in choices {
            let arena = bumpalo::Bump::new();
            let facts = values.iter().enumerate().map(|(at, both)| both[usize::from(choice >> at & 1)].fact(&arena));
            let record = FakeRecord(facts.collect());
            let found = machine.matches_alike(&Kindred { record: &record, seen: &seen }, &mut kindred);
            prop_assert_eq!(found, machine.matches(&record, &mut plain));
        }
    }
}
