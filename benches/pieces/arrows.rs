//! The arrows of the tour, one by one: what each adds to the one before it.

use super::given::{batches, chunks, each_frame, messages, traffic};
use criterion::{BatchSize, Criterion, Throughput};
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::detect::{Machine, Scratch};
use sigmabus::modbus::{self, Pairing};
use sigmabus::net::{self, Net, Packet};
use sigmabus::record::{LineWriter, Record, Slots};
use sigmabus::sigma::ir::Ruleset;
use std::hint::black_box;

fn builtin() -> Ruleset {
    rule_files::understand(rule_files::builtin(), &Config::default()).ruleset
}

/// Frame to chunk, chunk to message, message to record, record to hits; and YAML to the machine that finds them.
pub fn arrows(criterion: &mut Criterion) {
    let batches = batches(&traffic());
    let chunks = chunks(&batches);
    let messages = messages(&chunks);
    let mut slots = Slots::new();
    let machine = Machine::compile(&builtin().rules, &mut slots).expect("the built-in rules");

    let mut group = criterion.benchmark_group("arrows");
    group.throughput(Throughput::Elements(batches.iter().map(|batch| batch.len() as u64).sum()));
    group.bench_function("frame to chunk", |bencher| {
        bencher.iter_batched_ref(
            || Net::new(&net::Config::default()),
            |net| {
                each_frame(&batches, |frame| {
                    net.push(&Packet::parse(frame), &mut |chunk| {
                        black_box(chunk);
                    })
                })
            },
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(chunks.len() as u64));
    group.bench_function("chunk to message", |bencher| {
        bencher.iter_batched_ref(
            || Pairing::new(&modbus::Config::default()),
            |pairing| chunks.iter().for_each(|chunk| pairing.push(chunk, &mut |message| _ = black_box(message.flags))),
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(messages.len() as u64));
    let (mut arena, mut lines, mut out) = (bumpalo::Bump::new(), LineWriter::new(), Vec::new());
    group.bench_function("message to record, written as JSON", |bencher| {
        bencher.iter(|| {
            for message in &messages {
                arena.reset();
                out.clear();
                lines.write(&Record::new(message, &slots, &arena), &mut out);
                black_box(out.len());
            }
        });
    });
    let mut scratch = Scratch::new();
    group.bench_function("message to record to hits, built-in rules", |bencher| {
        bencher.iter(|| {
            for message in &messages {
                arena.reset();
                black_box(machine.matches(&Record::new(message, &slots, &arena), &mut scratch).len());
            }
        });
    });
    group.finish();

    criterion.bench_function("YAML to rules (built-in pack)", |bencher| bencher.iter(|| builtin().rules.len()));
    let ruleset = builtin();
    criterion.bench_function("rules to machine (built-in pack)", |bencher| {
        bencher.iter(|| Machine::compile(&ruleset.rules, &mut Slots::new()).expect("the built-in rules").rules());
    });
}
