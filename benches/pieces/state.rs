//! What remembers: correlations over windows, scores of entities.

use criterion::{BatchSize, Criterion, Throughput};
use sigmabus::detect::{Carry, Correlator, Hit, Place, RuleIx};
use sigmabus::record::{Fact, Facts, Slot, Slots};
use sigmabus::score::{Board, Scoreboard, Scored};
use sigmabus::sigma::{self, Options, SourceText};
use sigmabus::time::{Span, Timestamp};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

/// How many findings a run has.
const FINDINGS: u64 = 100_000;

/// Findings on one board, among few and many entities.
pub fn scores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    group.throughput(Throughput::Elements(FINDINGS));
    let plain = Scoreboard::default();
    let fading = Scoreboard { half_life: Some(plain.window), rules: 3, ..plain.clone() };
    for (name, board, entities) in [
        ("1,000 entities", &plain, 1_000),
        ("50,000 entities", &plain, 50_000),
        ("fading, 1,000 entities", &fading, 1_000),
    ] {
        group.bench_function(format!("finding to score, {name}"), |bencher| {
            bencher.iter_batched_ref(
                || Board::new(board.clone()),
                |board| {
                    for number in 0..FINDINGS {
                        let time = Timestamp::from_nanos(number as i64 * 1_000_000);
                        let scored = Scored { time, number, input: 0, rule: 0, points: 5 };
                        black_box(board.add(&(number % entities).to_be_bytes(), scored));
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// What a finding carries: who did what to whom.
struct Deed {
    slots: [Slot; 3],
    values: [Fact<'static>; 3],
}

impl Facts for Deed {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        self.slots.iter().position(|known| *known == slot).map_or(Fact::Absent, |place| self.values[place])
    }

    fn each_value(&self, _: &mut dyn FnMut(Fact<'_>)) {}
}

/// Fifty correlations of all kinds, for windows of different lengths: over as many rules in turn.
fn correlations(rules: u32) -> String {
    let mut text = String::new();
    for rule in 0..rules {
        text += &format!(
            "---\ntitle: Write {rule}\nname: write_{rule}\nlogsource: {{product: modbus}}\ndetection:\n  a:\n    \
             modbus.function: 6\n    modbus.unit_id: {rule}\n  condition: a\n"
        );
    }
    for number in 0..50 {
        let (kind, condition) = match number % 5 {
            0 | 1 => ("event_count", "{gte: 50}"),
            2 => ("value_count", "{field: modbus.server, gte: 20}"),
            3 => ("value_sum", "{field: modbus.address, gt: 10000000}"),
            _ => ("value_count", "{field: modbus.address, gte: 20}"),
        };
        text += &format!(
            "---\ntitle: Correlation {number}\ncorrelation:\n  type: {kind}\n  rules: [write_{}]\n  \
             group-by: [modbus.client]\n  timespan: {}s\n  condition: {condition}\n",
            number % rules,
            10 + number
        );
    }
    text
}

/// Findings of one rule through all of this at once: fifty correlations and three boards, over 100,000 entities, and over
/// a few; and findings of fifty rules, each through its own correlation and the boards.
pub fn all_state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    group.sample_size(10);
    for (rules, findings, through) in [(1, FINDINGS, "50 correlations"), (50, 4 * FINDINGS, "one of 50 correlations")] {
        group.throughput(Throughput::Elements(findings));
        let source = SourceText::new("correlations.yml".to_owned(), correlations(rules).into_bytes());
        let ruleset = sigma::load(vec![source], &Options::default()).ruleset;
        assert_eq!(ruleset.correlations.len(), 50, "all of them are understood");
        let (mut slots, mut carry) = (Slots::new(), Carry::new(rules as usize));
        let lateness = Span::from_secs(60);
        let all = &ruleset.correlations;
        let correlator = Correlator::compile(all, rules as usize, lateness, &mut slots, &mut carry);
        let correlator = correlator.expect("fifty correlations");
        let named = ["modbus.client", "modbus.server", "modbus.address"].map(|name| slots.want(name).expect("a field"));
        let board = Scoreboard { entities: 100_000, ..Scoreboard::default() };
        for entities in [100, 100_000] {
            let deeds: Vec<(RuleIx, Vec<u8>)> = (0..findings as u32)
                .map(|number| {
                    let host = |number: u32| Fact::Addr(IpAddr::V4(Ipv4Addr::from(0x0A00_0000 + number)));
                    let address = Fact::Int(i64::from(number % 977));
                    let deed = Deed { slots: named, values: [host(number % entities), host(number % 31), address] };
                    let (rule, mut values) = (RuleIx(number % rules), Vec::new());
                    carry.extract(rule, &deed, &mut values);
                    (rule, values)
                })
                .collect();
            group.bench_function(format!("finding through {through} and 3 boards, {entities} entities"), |bencher| {
                bencher.iter_batched_ref(
                    || (correlator.clone(), [(); 3].map(|()| Board::new(board.clone()))),
                    |(correlator, boards)| {
                        let mut out = Vec::new();
                        for (number, (rule, values)) in (0..).zip(&deeds) {
                            let time = Timestamp::from_nanos(number as i64 * 1_000_000);
                            let place = Place { input: 0, number };
                            correlator.observe(&Hit { rule: *rule, time, place, values }, &mut out);
                            out.clear();
                            let entity = (number % u64::from(entities)).to_be_bytes();
                            let scored = Scored { time, number, input: 0, rule: rule.0, points: 5 };
                            boards.iter_mut().for_each(|board| _ = black_box(board.add(&entity, scored)));
                        }
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}
