//! What is usual, asked for each message.

use super::given::{batches, each_frame, traffic};
use criterion::{Criterion, Throughput};
use sigmabus::capture::Batch;
use sigmabus::modbus::{self, Pairing};
use sigmabus::net::{self, Net, Packet};
use sigmabus::record::baseline::{Act, Bounds, Mode, Watcher};
use sigmabus::record::maps::Tags;
use std::sync::Arc;

/// What the messages of the traffic do, kept for as long as the bench runs.
fn acts(batches: &[Batch]) -> Vec<Act<'static>> {
    let (mut net, mut pairing) = (Net::new(&net::Config::default()), Pairing::new(&modbus::Config::default()));
    let (tags, mut acts) = (Tags::default(), Vec::new());
    each_frame(batches, |frame| {
        net.push(&Packet::parse(frame), &mut |chunk| {
            pairing.push(&chunk, &mut |message| {
                let arena = bumpalo::Bump::new();
                let Some(act) = Act::of(message, None, &tags, &arena) else { return };
                let Act { time, pair, asked, asks, query, mac, .. } = act;
                let areas: &'static [_] = act.areas.to_vec().leak();
                acts.push(Act { time, pair, asked, asks, query, areas, values: &[], mac });
            });
        });
    });
    acts
}

/// What a baseline costs a message beyond its decoding.
pub fn baseline(criterion: &mut Criterion) {
    let acts = acts(&batches(&traffic()));
    let mut learning = Watcher::new(&Arc::default(), Mode::Learn(None), Bounds::default());
    acts.iter().for_each(|act| _ = learning.see(act));
    let known = Arc::new(learning.learned().expect("it learns"));
    let mut group = criterion.benchmark_group("baseline");
    group.throughput(Throughput::Elements(acts.len() as u64));
    for (name, mode) in [("frozen baseline", Mode::Freeze), ("baseline that learns on", Mode::Learn(None))] {
        let mut watcher = Watcher::new(&known, mode, Bounds::default());
        group.bench_function(format!("message to what is new, {name}"), |bencher| {
            bencher.iter(|| acts.iter().filter(|act| !watcher.see(act).is_nothing()).count());
        });
    }
    group.finish();
}
