//! The laws of learning and merging, and what is new in one changed message.

use super::super::maps::Tags;
use super::super::samples::{Sample, carrier, flow, sample};
use super::super::{LogPlan, LogRecord, Record, Slots, json};
use super::*;
use crate::modbus;
use crate::net::Endpoint;
use crate::time::{Span, Timestamp};
use bumpalo::Bump;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { entries: 1_000, ranges: 100 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_parts(1_600_000_000 + second, 0)
}

fn host(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn pair(client: u8, server: u8) -> Pair {
    Pair { client: host(client), server: host(server) }
}

/// An act with its parts in boxes of its own.
#[derive(Clone, Debug)]
struct Deed {
    time: Timestamp,
    pair: Pair,
    unit: u8,
    function: u8,
    asks: bool,
    areas: Vec<Area>,
    value: Option<i64>,
    mac: Option<u8>,
}

impl Deed {
    fn with<T>(&self, look: impl FnOnce(&Act<'_>) -> T) -> T {
        let values: Vec<_> =
            self.value.iter().map(|value| ("speed", Value::Number(Number::Int((*value).into())))).collect();
        let place = self.areas.first().map(|area| (area.first, area.last - area.first + 1));
        look(&Act {
            time: self.time,
            pair: self.pair,
            asked: Some((self.unit, self.function)),
            asks: self.asks,
            query: self.asks.then_some(Query { unit: self.unit, function: self.function, place }),
            areas: &self.areas,
            values: &values,
            mac: self.mac.map(|mac| (self.pair.client, [2, 0, 0, 0, 0, mac])),
        })
    }
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let area = (0_u16..40, 0_u16..5, any::<bool>()).prop_map(|(first, more, write)| Area {
        table: Table::HoldingRegisters,
        touch: if write { Touch::Write } else { Touch::Read },
        first,
        last: first + more,
    });
    let deed = (
        (0_i64..50, 0_u8..3, 10_u8..12, 0_u8..2),
        (prop::sample::select(&[3_u8, 6, 16][..]), any::<bool>(), prop::collection::vec(area, 0..3)),
        (prop::option::of(-5_i64..5), prop::option::of(0_u8..3)),
    );
    let deed = deed.prop_map(|((second, client, server, unit), (function, asks, areas), (value, mac))| {
        let areas = if asks { areas } else { Vec::new() };
        Deed { time: at(second), pair: pair(client, server), unit, function, asks, areas, value, mac }
    });
    prop::collection::vec(deed, 0..20)
}

impl Deed {
    /// The things that it does, in the order in which they are told.
    fn things(&self) -> Vec<Thing> {
        self.with(|act| {
            let Some(device) = act.device() else { unreachable!() };
            let mut things = Vec::new();
            if self.asks {
                things.extend([Thing::Pair(self.pair), Thing::Function(self.pair, self.unit, self.function)]);
                things.extend(act.regions().map(|(region, first, last)| Thing::Address(region, first, last)));
            }
            things
                .extend(act.values.iter().map(|(tag, value)| Thing::Value(device, (*tag).into(), Extent::of(*value))));
            things.extend(act.mac.map(|(host, mac)| Thing::Mac(host, mac)));
            things
        })
    }
}

/// What is learned of these.
fn learned(deeds: &[Deed]) -> Baseline {
    let mut watcher = Watcher::new(&Arc::default(), Mode::Learn(None), BOUNDS);
    deeds.iter().for_each(|deed| assert!(deed.with(|act| watcher.see(act)).is_nothing()));
    watcher.learned().unwrap()
}

/// Some of what was learned, approved by different people.
fn baselines() -> impl Strategy<Value = Baseline> {
    (deeds(), prop::collection::vec((0_i64..3, 0_usize..3), 40)).prop_map(|(deeds, approvals)| {
        let mut baseline = Baseline::default();
        baseline.since = deeds.first().map(|deed| deed.time);
        for (entry, (day, who)) in learned(&deeds).entries().iter().zip(approvals) {
            let by = ["", "ann", "bob"][who];
            let approved = (!by.is_empty()).then(|| Approval { at: at(day), by: by.into() });
            baseline.add(&Entry { approved, ..entry.clone() }, BOUNDS);
        }
        baseline
    })
}

fn merged(parts: &[&Baseline]) -> Baseline {
    let mut all = Baseline::default();
    parts.iter().for_each(|part| all.merge(part, BOUNDS));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The law: merging is a union. Order, grouping and repetition change nothing.
    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in baselines(), b in baselines(), c in baselines()) {
        prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
        prop_assert_eq!(merged(&[&merged(&[&a, &b]), &c]), merged(&[&a, &merged(&[&b, &c])]));
        prop_assert_eq!(merged(&[&a, &a]), merged(&[&a]));
        prop_assert_eq!(merged(&[&a]), a.clone());
        // Nothing that one knew is lost.
        let both = merged(&[&a, &b]);
        prop_assert!(a.entries().iter().chain(&b.entries()).all(|entry| both.has(&entry.thing)));
        prop_assert_eq!(both.not_learned(), 0);
    }

    /// The law: what is learned does not hang on the order (but for periods, which are an order).
    #[test]
    fn learning_is_independent_of_order(deeds in deeds(), seed in any::<prop::sample::Index>()) {
        let without_periods = |deeds: &[Deed]| {
            let mut entries = learned(deeds).entries();
            entries.retain(|entry| entry.thing.kind() != Kind::Period);
            entries
        };
        let mut other = deeds.clone();
        other.reverse();
        if !other.is_empty() {
            let by = seed.index(other.len());
            other.rotate_left(by);
        }
        prop_assert_eq!(without_periods(&deeds), without_periods(&other));
    }

    /// The law: what was learned is not new.
    #[test]
    fn nothing_that_was_learned_is_new(deeds in deeds()) {
        let mut watcher = Watcher::new(&Arc::new(learned(&deeds)), Mode::Freeze, BOUNDS);
        for deed in &deeds {
            prop_assert!(deed.with(|act| watcher.see(act)).is_nothing(), "{:?} {:?}", deed, watcher.news());
        }
        prop_assert!(watcher.learned().is_none());
    }

    /// The law: frozen, what is told is what the baseline lacks, thing by thing, of the kinds that it has. All that is
    /// usual about a question is seen at the first look.
    #[test]
    fn a_frozen_baseline_tells_what_it_lacks(known in baselines(), deeds in deeds()) {
        let known = Arc::new(known);
        let mut watcher = Watcher::new(&known, Mode::Freeze, BOUNDS);
        let mut index = index::Index::new(&known);
        let judged = |thing: &Thing| match thing {
            Thing::Value(of, name, _) => known.entries().iter().any(
                |entry| matches!(&entry.thing, Thing::Value(device, tag, _) if (device, tag) == (of, name))
            ),
            thing => known.count(thing.kind()) > 0,
        };
        for deed in &deeds {
            deed.with(|act| watcher.see(act));
            let told: Vec<Thing> =
                watcher.news().iter().filter(|thing| thing.kind() != Kind::Period).cloned().collect();
            let lacking: Vec<Thing> =
                deed.things().iter().filter(|thing| judged(thing)).flat_map(|thing| known.lacking(thing)).collect();
            prop_assert_eq!(&told, &lacking, "{:?}", deed);
            let usual = deed.with(|act| index.look(&known, act)) == index::Look::Usual;
            prop_assert!(!usual || watcher.news().is_empty(), "{:?}", deed);
            let all = deed.things().iter().all(|thing| known.has(thing) || (thing.kind() == Kind::Value && !judged(thing)));
            prop_assert!(usual || !deed.asks || !all || !watcher.news().is_empty(), "{:?}", deed);
        }
    }

    /// The law: going on, everything new is told once, and in the end as much is known as by learning.
    #[test]
    fn going_on_tells_each_new_thing_once(deeds in deeds()) {
        let mut watcher = Watcher::new(&Arc::default(), Mode::Continue, BOUNDS);
        deeds.iter().for_each(|deed| _ = deed.with(|act| watcher.see(act)));
        prop_assert_eq!(watcher.learned().unwrap(), learned(&deeds));
        for deed in &deeds {
            prop_assert!(deed.with(|act| watcher.see(act)).is_nothing(), "{:?} {:?}", deed, watcher.news());
        }
    }

    /// The law: within its bounds, a baseline never holds more and forgets nothing.
    #[test]
    fn bounds_hold_and_what_was_learned_stays(deeds in deeds(), entries in 0_usize..6) {
        let bounds = Bounds { entries, ranges: 2 };
        let mut watcher = Watcher::new(&Arc::default(), Mode::Learn(None), bounds);
        let mut before: Vec<Entry> = Vec::new();
        for deed in &deeds {
            deed.with(|act| watcher.see(act));
            let now = watcher.learned().unwrap();
            prop_assert!(before.iter().all(|entry| entry.thing.kind() == Kind::Period || now.has(&entry.thing)));
            before = now.entries();
            for (kind, _) in Kind::ALL {
                let held = before.iter().filter(|entry| entry.thing.kind() == kind).count();
                prop_assert!(held <= entries && held == now.count(kind));
            }
        }
        let all = learned(&deeds);
        let lost = all.entries().iter().any(|entry| !watcher.learned().unwrap().has(&entry.thing));
        let told: u64 = watcher.counters().map(|(_, count)| count).sum();
        prop_assert!(!lost || told > 0);
    }
}

/// What is new in a sample, by what was learned of all samples that `teach` names.
fn new_in(known: &Baseline, look: impl FnOnce(&mut dyn FnMut(&modbus::Message<'_>))) -> Vec<&'static str> {
    let mut watcher = Watcher::new(&Arc::new(known.clone()), Mode::Freeze, BOUNDS);
    let mut new = New::NOTHING;
    look(&mut |message| {
        let (arena, tags) = (Bump::new(), Tags::default());
        new = Act::of(message, None, &tags, &arena).map_or(New::NOTHING, |act| watcher.see(&act));
    });
    Kind::ALL.iter().filter(|(kind, _)| new.has(*kind)).map(|(_, word)| *word).collect()
}

fn taught(samples: &[&str]) -> Baseline {
    let mut watcher = Watcher::new(&Arc::default(), Mode::Learn(None), BOUNDS);
    let (arena, tags) = (Bump::new(), Tags::default());
    for name in samples {
        sample(name).with(|message| _ = Act::of(message, None, &tags, &arena).map(|act| watcher.see(&act)));
    }
    watcher.learned().unwrap()
}

#[test]
fn one_changed_message_is_new_in_just_what_was_changed() {
    let known = taught(&["read holding", "holding read", "write registers"]);
    let query = |pdu: &'static [u8]| Sample { name: "", kind: modbus::Kind::Query, pdu, request: None };
    let new = |sample: Sample| new_in(&known, |see| sample.with(|message| see(message)));
    assert_eq!(new(sample("read holding")), [""; 0]);
    // Inside of what was read, at its edge, beyond it.
    assert_eq!(new(query(b"\x03\0\x6C\0\x01")), [""; 0]);
    assert_eq!(new(query(b"\x03\0\x6D\0\x02")), ["address"]);
    assert_eq!(new(query(b"\x03\0\x1F\0\x01")), ["address"], "what is written is not read");
    assert_eq!(new(query(b"\x06\0\x1F\0\x01")), ["function"], "another function writes there");
    assert_eq!(new(query(b"\x17\0\x6B\0\x01\0\x1F\0\x02\x04\0\0\0\0")), ["function"]);
    assert_eq!(new(query(b"\x17\0\x6B\0\x01\0\x10\0\x01\x02\0\0")), ["function", "address"]);
    assert_eq!(new(sample("read file")), ["function", "address"]);
    assert_eq!(new(sample("umas stop")), ["function"]);

    let other = flow();
    let other = crate::net::Flow { client: Endpoint { ip: [10, 0, 2, 66].into(), port: 1 }, ..other };
    let rogue = |carrier: &crate::net::Carrier| {
        new_in(&known, |see| sample("read holding").within(&other, carrier, |message| see(message)))
    };
    assert_eq!(rogue(&crate::net::Carrier { mac: None, ..carrier() }), ["pair", "function"]);
    assert_eq!(rogue(&carrier()), ["pair", "function", "mac"]);
    let mac = crate::net::MacPair { src: [2; 6], dst: [3; 6] };
    let moved = crate::net::Carrier { mac: Some(mac), ..carrier() };
    let new = new_in(&known, |see| sample("read holding").within(&flow(), &moved, |message| see(message)));
    assert_eq!(new, ["mac"]);
}

#[test]
fn an_answer_tells_only_what_is_new_in_itself() {
    let known = taught(&["read coils", "coils read"]);
    let new = |name: &str| new_in(&known, |see| sample(name).with(|message| see(message)));
    for name in ["holding read", "registers written", "write refused", "timeout", "status"] {
        assert_eq!(new(name), [""; 0], "{name}");
    }
    assert_eq!(new("unsolicited"), ["function"], "nobody saw its query");
    assert_eq!(new("write registers"), ["function", "address"]);
}

#[test]
fn nothing_is_new_of_a_kind_of_which_nothing_is_known() {
    let mut known = Baseline::default();
    assert_eq!(new_in(&known, |see| sample("read coils").with(|message| see(message))), [""; 0]);
    let entry = Entry { thing: Thing::Pair(pair(1, 2)), seen: Seen::once(at(0)), approved: None };
    assert!(known.add(&entry, BOUNDS));
    assert_eq!(new_in(&known, |see| sample("read coils").with(|message| see(message))), ["pair"]);
}

#[test]
fn a_log_line_does_what_its_message_does() {
    let mut slots = Slots::new();
    let own = ActSlots::want(&mut slots, std::iter::empty()).unwrap();
    let plan = LogPlan::new(&slots, false);
    for sample in super::super::samples::SAMPLES {
        sample.with(|message| {
            let (arena, tags, mut line) = (Bump::new(), Tags::default(), Vec::new());
            json::write_json(&Record::new(message, &slots, &arena), &mut line);
            let record = LogRecord::read(&line, &plan, &arena).unwrap();
            let told = own.act(&record, record.time(), &arena);
            let seen = Act::of(message, None, &tags, &arena);
            // An answer without a request, of which only the line knows no more than a flag, may tell less.
            assert_eq!(format!("{told:?}"), format!("{seen:?}"), "{}", sample.name);
        });
    }
}

#[test]
fn a_line_that_tells_what_is_new_is_left_as_it_is() {
    let mut slots = Slots::new();
    let own = ActSlots::want(&mut slots, std::iter::empty()).unwrap();
    let plan = LogPlan::new(&slots, false);
    let line = br#"{"EventTime":"2020-09-23T08:55:39Z","modbus.kind":"query","modbus.client":"192.0.2.1","modbus.server":"192.0.2.2","baseline.new":["pair"]}"#;
    let arena = Bump::new();
    let record = LogRecord::read(line, &plan, &arena).unwrap();
    assert!(own.act(&record, record.time(), &arena).is_none());
}

fn read(second: i64, address: u16) -> Deed {
    let area = Area { table: Table::HoldingRegisters, touch: Touch::Read, first: address, last: address };
    Deed {
        time: at(second),
        pair: pair(1, 10),
        unit: 1,
        function: 3,
        asks: true,
        areas: vec![area],
        value: None,
        mac: None,
    }
}

#[test]
fn learning_ends_by_itself_and_one_wrong_time_does_not_end_it() {
    let mut watcher = Watcher::new(&Arc::default(), Mode::Learn(Some(Span::from_secs(100))), BOUNDS);
    let mut see = |deed: Deed| deed.with(|act| !watcher.see(act).is_nothing());
    // At 99 it is still learning, however far the clock of one packet was off before.
    assert!(![read(0, 1), read(50, 2), read(900_000, 3), read(99, 4)].map(&mut see).contains(&true));
    assert!(see(read(100, 5)), "at exactly the end it is over");
    assert!(see(read(101, 5)), "and what is new stays new");
    assert!(!see(read(101, 4)));
    let learned = watcher.learned().unwrap();
    assert_eq!((learned.since, learned.frozen), (Some(at(0)), Some(at(100))));
    assert_eq!(watcher.due().as_ref(), Some(&learned), "it is saved when it freezes");
    assert!(watcher.due().is_none());

    // Told to learn for a time, one that was frozen stays so, and one that learned long enough is at once.
    let again = Watcher::new(&Arc::new(learned.clone()), Mode::Learn(Some(Span::from_secs(100))), BOUNDS);
    assert!(again.learned().is_none());
    let mut open = learned;
    open.frozen = None;
    let mut later = Watcher::new(&Arc::new(open), Mode::Learn(Some(Span::from_secs(100))), BOUNDS);
    assert!(read(500, 9).with(|act| !later.see(act).is_nothing()));
}

#[test]
fn what_was_learned_is_due_every_so_often() {
    let mut watcher = Watcher::new(&Arc::default(), Mode::Continue, BOUNDS);
    let mut due = |second| {
        read(second, 1).with(|act| watcher.see(act));
        watcher.due().is_some()
    };
    assert_eq!([0, 300, 599, 600, 601, 1_199, 1_200].map(&mut due), [false, false, false, true, false, false, true]);
}

#[test]
fn a_client_that_asks_at_another_pace_is_new() {
    let polls = |start: i64, step: i64, count: i64| (0..count).map(move |n| read(start + n * step, 1));
    let known = Arc::new(learned(&polls(0, 10, 20).collect::<Vec<_>>()));
    let entry = known.entries().into_iter().find(|entry| entry.thing.kind() == Kind::Period).unwrap();
    assert_eq!(entry.seen.count, 20);
    let mut watcher = Watcher::new(&known, Mode::Freeze, BOUNDS);
    let mut words = |deed: Deed| deed.with(|act| watcher.see(act)).has(Kind::Period);
    // As before, with one repeated, one lost; then five times faster: the third step of it tells.
    let told: Vec<bool> =
        polls(1_000, 10, 8).chain([read(1_071, 1)]).chain(polls(1_090, 10, 8)).map(&mut words).collect();
    assert!(!told.contains(&true));
    assert_eq!(polls(1_162, 2, 5).map(&mut words).collect::<Vec<_>>(), [false, false, true, true, true]);
    // Another question of the pair has no period.
    assert!(!polls(2_000, 1, 9).map(|deed| Deed { unit: 1, areas: read(0, 1).areas, function: 4, ..deed }).any(words));

    let mut goes_on = Watcher::new(&known, Mode::Continue, BOUNDS);
    let told = polls(1_000, 2, 12).map(|deed| deed.with(|act| goes_on.see(act)).has(Kind::Period));
    assert_eq!(told.filter(|new| *new).count(), 1, "told once, then learned");
}

#[test]
fn approved_extents_grow_only_by_approval() {
    let region = Region { device: Device { server: host(10), unit: 1 }, table: Table::Coils, touch: Touch::Write };
    let approved = Some(Approval { at: at(9), by: "ann".into() });
    let mut baseline = Baseline::default();
    let add = |baseline: &mut Baseline, first, last, approved: &Option<Approval>| {
        let thing = Thing::Address(region, first, last);
        baseline.add(&Entry { thing, seen: Seen::once(at(0)), approved: approved.clone() }, BOUNDS)
    };
    assert!(add(&mut baseline, 0, 9, &None) && add(&mut baseline, 10, 19, &approved));
    let told = |baseline: &Baseline| {
        let parts = baseline.entries().into_iter().map(|entry| match entry.thing {
            Thing::Address(_, first, last) => (first, last, entry.approved.is_some(), entry.seen.count),
            _ => unreachable!(),
        });
        parts.collect::<Vec<_>>()
    };
    assert_eq!(told(&baseline), [(0, 9, false, 1), (10, 19, true, 1)]);
    assert!(baseline.has(&Thing::Address(region, 5, 15)), "known is what any of them holds");
    assert_eq!(baseline.lacking(&Thing::Address(region, 5, 25)), [Thing::Address(region, 20, 25)]);
    // Seen again, it counts where it was approved; across both, it is learned.
    baseline.learn(&Thing::Address(region, 12, 13), Seen::once(at(1)), BOUNDS);
    baseline.learn(&Thing::Address(region, 8, 12), Seen::once(at(1)), BOUNDS);
    assert_eq!(told(&baseline), [(0, 12, false, 2), (10, 19, true, 2)]);
}
