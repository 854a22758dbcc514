//! Once the tables are warm, a frame costs no allocation: not on its way to a line of JSON, and not in a whole run. And
//! whatever comes, the tables of a shard take no more than so much.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "what fails here fails the test"
)]

mod common;
#[path = "../examples/traffic/generator.rs"]
pub mod generator;

use allocation_counter::measure;
use bumpalo::Bump;
use common::builtin;
use generator::hostile::{self, MACS, REQUESTS, Scale};
use generator::plan::{Options, generate};
use generator::schedule::Network;
use sigmabus::capture::{self, Batch, CaptureError, Cut, Opened, Source};
use sigmabus::detect::{Input, Machine, Scratch, Unit};
use sigmabus::modbus::{self, Message, Pairing, Status, TIMEOUTS_PER_TICK};
use sigmabus::net::{self, Chunk, Closing, Event, Net, Packet, SHARDS};
use sigmabus::pipeline::{Emits, Naming, Plan, Run, Wanted};
use sigmabus::record::baseline::{Act, Bounds, Mode, Watcher};
use sigmabus::record::maps::Tags;
use sigmabus::record::{LineWriter, Record, Slots};
use sigmabus::sigma::ir::Ruleset;
use sigmabus::sink::JsonLines;
use sigmabus::time::Clock;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A plant of a few connections that live on and on, over a network that cuts, reorders and repeats.
fn plant(transactions: u64) -> Options {
    Options {
        transactions,
        connections: 4,
        lifetime: u32::MAX,
        rate: 20.0,
        // A held segment of more than an ADU gets room of its own.
        pipeline: 0.0,
        unanswered: 0.01,
        exceptions: 0.02,
        network: Network { cut: 0.1, reorder: 0.3, retransmit: 0.05, acknowledge: 0.1 },
        ..Options::default()
    }
}

/// The same plant before, in much worse weather: what tables hold at one time afterwards, they held then.
fn storm() -> Options {
    let plant = plant(10_000);
    Options {
        start: plant.start - Duration::from_secs(1_000),
        pipeline: 0.5,
        unanswered: 0.05,
        network: Network { cut: 0.4, reorder: 0.6, ..plant.network },
        ..plant
    }
}

fn batches(options: &Options) -> Vec<Batch> {
    read(generate(Vec::new(), options).unwrap().0)
}

fn read(bytes: Vec<u8>) -> Vec<Batch> {
    let Ok(Opened::Capture(mut source)) = capture::open(Box::new(Cursor::new(bytes))) else { unreachable!() };
    let mut batches = Vec::new();
    loop {
        let mut batch = Batch::new();
        source.fill(&mut batch).unwrap();
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

/// Frames to messages, with the ticks of the clock that a run has.
struct Road {
    net: Net,
    pairing: Pairing,
    clock: Clock,
}

impl Road {
    fn new() -> Self {
        let (net, pairing) = (Net::new(&net::Config::default()), Pairing::new(&modbus::Config::default()));
        Self { net, pairing, clock: Clock::default() }
    }

    fn take(&mut self, batches: &[Batch], hear: &mut impl FnMut(&Message<'_>)) {
        let Self { net, pairing, clock } = self;
        for frame in batches.iter().flat_map(Batch::frames) {
            if let Some(now) = clock.tick(frame.time) {
                pairing.expire(now, hear);
                net.expire(now, &mut |chunk| pairing.push(&chunk, hear));
            }
            net.push(&Packet::parse(&frame), &mut |chunk| pairing.push(&chunk, hear));
        }
    }
}

#[test]
fn a_message_costs_no_allocation_on_its_way_to_a_line_of_json() {
    let (storm, batches) = (batches(&storm()), batches(&plant(30_000)));
    let (first, second) = batches.split_at(batches.len() / 2);
    let ruleset = builtin();
    let mut slots = Slots::new();
    let machine = Machine::compile(&ruleset.rules, &mut slots).unwrap();
    let (mut road, mut writer, mut scratch, mut arena) = (Road::new(), LineWriter::new(), Scratch::new(), Bump::new());
    let (mut out, mut messages, mut found) = (Vec::new(), 0, 0);
    let mut hear = |message: &Message<'_>| {
        arena.reset();
        out.clear();
        let record = Record::new(message, &slots, &arena);
        found += machine.matches(&record, &mut scratch).len();
        writer.write(&record, &mut out);
        messages += 1;
    };
    road.take(&storm, &mut hear);
    road.take(first, &mut hear);
    let before = *road.net.counters();
    let measured = measure(|| road.take(second, &mut hear));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    // It was no idle time.
    let after = road.net.counters();
    assert!(messages > 60_000 && found > 100, "{messages} {found}");
    assert!(after.out_of_order - before.out_of_order > 300 && after.retransmitted - before.retransmitted > 300);
}

#[test]
fn a_message_that_is_usual_costs_no_allocation() {
    let batches = batches(&plant(20_000));
    let (first, second) = batches.split_at(batches.len() / 2);
    let (tags, mut arena) = (Tags::default(), Bump::with_capacity(1 << 12));
    let mut learning = Watcher::new(&Arc::default(), Mode::Learn(None), Bounds::default());
    Road::new().take(&batches, &mut |message| {
        _ = Act::of(message, None, &tags, &Bump::new()).map(|act| learning.see(&act));
    });
    let mut frozen = Watcher::new(&Arc::new(learning.learned().unwrap()), Mode::Freeze, Bounds::default());
    let mut road = Road::new();
    road.take(first, &mut |_| {});
    // The road allocates where the weather is new to it: only what is asked of the baseline counts here.
    let (mut messages, mut allocations, mut new) = (0, 0, 0);
    road.take(second, &mut |message| {
        arena.reset();
        let mut look = || Act::of(message, None, &tags, &arena).is_some_and(|act| !frozen.see(&act).is_nothing());
        allocations += measure(|| new += u64::from(look())).count_total;
        messages += 1;
    });
    assert!(messages > 15_000, "{messages}");
    assert_eq!((new, allocations), (0, 0));
}

/// Frames that were read before.
struct Again {
    batches: Arc<Vec<Batch>>,
    range: Range<usize>,
}

impl Source for Again {
    fn fill(&mut self, batch: &mut Batch) -> Result<(), CaptureError> {
        batch.restart(1);
        if let Some(next) = self.range.next() {
            self.batches[next]
                .frames()
                .for_each(|frame| batch.push(frame.time, frame.link, frame.wire_len, frame.bytes));
        }
        Ok(())
    }

    fn cut(&self) -> Option<Cut> {
        None
    }
}

#[test]
fn a_whole_run_allocates_for_batches_and_not_for_frames() {
    let (storm, plant) = (Arc::new(batches(&storm())), Arc::new(batches(&plant(25_000))));
    let wanted = Wanted { records: Some(Naming::Native), ..Wanted::default() };
    let plan = Arc::new(Plan::compile(Ruleset::default(), wanted).unwrap());
    let mut run = Run::new(&plan, 1, &(), Emits::default());
    let mut sink = JsonLines::new(std::io::sink());
    let mut allocations = |batches: &Arc<Vec<Batch>>, range: Range<usize>| {
        let input = Input { name: "plant".into(), unit: Unit::Frame };
        let source = Box::new(Again { batches: Arc::clone(batches), range });
        measure(|| run.capture(input, source, None, &mut sink).unwrap()).count_total
    };
    allocations(&storm, 0..storm.len());
    let part = plant.len() / 4;
    allocations(&plant, 0..part);
    // What an input costs, however long it is, both cost; a batch has some hundred frames.
    let once = allocations(&plant, part..2 * part);
    let twice = allocations(&plant, 2 * part..4 * part);
    assert!(part > 4 && twice < once + 2 * part as u64, "{once} for {part} batches, {twice} for twice as many");
}

/// What a shard takes at most, of 256 MiB for all of them; and a sixteenth more, since whether a table of one shard has
/// to grow under its coming and going depends on its seed.
const SHARD_BYTES: u64 = (256 << 20) / SHARDS as u64 * 17 / 16;

/// Requests that wait for their answers: all but those of which the end was told or counted.
fn waiting(counted: &modbus::Counters) -> u64 {
    counted.queries - counted.matched - counted.timeouts - counted.one_sided - counted.evicted
}

#[test]
fn a_hostile_capture_fills_the_tables_of_a_shard_and_every_loss_is_counted() {
    let scale = Scale::FULL.part(SHARDS as u32);
    let batches = read(hostile::write(Vec::new(), scale).unwrap());
    let (mut open, mut most_open, mut evicted, mut most_waiting, mut pairs) = (0, 0, 0, 0, 0);
    let Road { mut net, mut pairing, mut clock } = Road::new();
    let measured = measure(|| {
        let mut on_message = |message: &Message<'_>| pairs += u64::from(message.status == Some(Status::NewPair));
        let mut on_chunk = |chunk: &Chunk<'_>| {
            match chunk.event {
                Event::Open { .. } => open += 1,
                Event::Close(_) => open -= 1,
                _ => {}
            }
            evicted += u64::from(matches!(chunk.event, Event::Close(Closing::Evicted)));
            most_open = most_open.max(open);
        };
        for frame in batches.iter().flat_map(Batch::frames) {
            if let Some(now) = clock.tick(frame.time) {
                let told = pairing.counters().timeouts;
                pairing.expire(now, &mut on_message);
                assert!(pairing.counters().timeouts <= told + TIMEOUTS_PER_TICK as u64);
                net.expire(now, &mut |chunk| on_chunk(&chunk));
            }
            net.push(&Packet::parse(&frame), &mut |chunk| {
                on_chunk(&chunk);
                pairing.push(&chunk, &mut on_message);
            });
            most_waiting = most_waiting.max(waiting(pairing.counters()));
        }
    });
    let (net, modbus) = (net.counters(), pairing.counters());
    assert!(measured.bytes_max < SHARD_BYTES, "{measured:?}");
    // The tables are full, and no fuller than the manual says.
    assert_eq!((most_open, most_waiting), (4_096, 8_192));
    // Whoever had to go is counted.
    assert_eq!((net.evicted, net.opened), (evicted, evicted + open));
    assert_eq!((net.fragments, net.fragments_dropped), (scale.fragments.into(), scale.fragments.into()));
    assert_eq!((net.out_of_order, net.gaps), (scale.held.into(), scale.held.into()));
    assert!((scale.elsewhere - 64..scale.elsewhere).contains(&(net.queries_displaced as u32)));
    assert_eq!(modbus.queries, u64::from(scale.connections + scale.datagrams) * u64::from(REQUESTS) + u64::from(MACS));
    assert_eq!((modbus.pairs_forgotten, waiting(modbus)), (pairs - 4_096, 0));
    assert_eq!(modbus.macs_untold, u64::from(MACS) - 4);
}
