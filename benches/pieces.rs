//! What each arrow costs, and the whole run: packets to alerts on one thread.
//!
//! `cargo bench` prints time for each and, where a count stands beside it, per frame or message. The figures depend on
//! the machine; what transfers is the share of each piece and the ratio before and after a change.

#![allow(clippy::expect_used, missing_docs, reason = "a bench that cannot go on should stop")]

#[path = "../examples/traffic/generator.rs"]
pub mod generator;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sigmabus::capture::{self, Batch, Opened};
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::detect::{Input, Machine, Scratch, Unit};
use sigmabus::modbus::{self, Mbap, Message, Pairing, Pdu};
use sigmabus::net::{self, Carrier, Direction, Endpoint, Flow, Net, Packet, Transport};
use sigmabus::pipeline::{Emits, Naming, Plan, Run, Summary, Usual, Wanted};
use sigmabus::record::baseline::{Act, Baseline, Bounds, Mode, Watcher};
use sigmabus::record::json::write_json;
use sigmabus::record::maps::Tags;
use sigmabus::record::{Record, Slots};
use sigmabus::score::{Board, Scoreboard, Scored};
use sigmabus::sigma::ir::Ruleset;
use sigmabus::sink::JsonLines;
use sigmabus::time::{Offset, Timestamp};
use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

/// Normal traffic of 20,000 transactions, with cuts, retransmissions and attacks.
fn traffic() -> Vec<u8> {
    let options = generator::plan::Options {
        transactions: 20_000,
        connections: 200,
        attacks: generator::attack::CATALOGUE.iter().take(4).collect(),
        ..generator::plan::Options::default()
    };
    generator::plan::generate(Vec::new(), &options).expect("writing to memory").0
}

fn batches(bytes: &[u8]) -> Vec<Batch> {
    let Ok(Opened::Capture(mut source)) = capture::open(Box::new(Cursor::new(bytes.to_vec()))) else {
        unreachable!("the generator writes captures")
    };
    let mut batches = Vec::new();
    loop {
        let mut batch = Batch::new();
        source.fill(&mut batch).expect("a whole capture");
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

fn pieces(criterion: &mut Criterion) {
    let bytes = traffic();
    let batches = batches(&bytes);
    let frames: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
    let ruleset = rule_files::understand(rule_files::builtin(), &Config::default()).ruleset;
    let mut slots = Slots::new();
    let machine = Machine::compile(&ruleset.rules, &mut slots).expect("the built-in rules");

    let mut group = criterion.benchmark_group("pieces");
    group.throughput(Throughput::Elements(frames));
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
    let mut scratch = Scratch::new();
    let mut arena = bumpalo::Bump::new();
    let mut out = Vec::new();
    let mut piece = |name: &str, act: &mut dyn FnMut(&Message<'_>)| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || (Net::new(&net::Config::default()), Pairing::new(&modbus::Config::default())),
                |(net, pairing)| {
                    each_frame(&batches, |frame| {
                        net.push(&Packet::parse(frame), &mut |chunk| pairing.push(&chunk, &mut |message| act(message)));
                    });
                },
                BatchSize::LargeInput,
            );
        });
    };
    piece("frame to message", &mut |message| {
        black_box(message);
    });
    piece("frame to matched rules", &mut |message| {
        arena.reset();
        black_box(machine.matches(&Record::new(message, &slots, &arena), &mut scratch).len());
    });
    piece("frame to JSON record", &mut |message| {
        arena.reset();
        out.clear();
        write_json(&Record::new(message, &slots, &arena), &mut out);
        black_box(out.len());
    });
    group.finish();

    criterion.bench_function("YAML to rules (built-in pack)", |bencher| {
        bencher.iter(|| rule_files::understand(rule_files::builtin(), &Config::default()).ruleset.rules.len());
    });
}

/// Requests that wait for their answers, evenly over conversations, and these evenly over the shards.
struct Waiting {
    shards: Vec<Pairing>,
    conversations: usize,
    turn: usize,
}

impl Waiting {
    const SHARDS: usize = 16;

    fn new(open: usize, conversations: usize) -> Self {
        let shards = (0..Self::SHARDS).map(|_| Pairing::new(&modbus::Config::default())).collect();
        let mut waiting = Self { shards, conversations, turn: 0 };
        for number in 0..open {
            waiting.push(number % conversations, Direction::ToServer, (number / conversations) as u16, READ);
        }
        waiting
    }

    fn push(&mut self, conversation: usize, direction: Direction, trans_id: u16, pdu: &[u8]) {
        let (shard, slot) = (conversation % Self::SHARDS, (conversation / Self::SHARDS) as u32);
        let endpoint = |port| Endpoint { ip: [192, 0, 2, slot as u8].into(), port };
        let (client, server) = (endpoint(40_000), endpoint(502));
        let flow = Flow { slot, serial: u64::from(slot) + 1, transport: Transport::Tcp, client, server };
        let time = Timestamp::from_parts(1_700_000_000, 0);
        let carrier = Carrier { input: 0, frame: 1, time, mac: None, vlan: [0xFFFF; 2], tcp_flags: 0x18 };
        let mbap = Mbap { trans_id, prot_id: 0, length: 1 + pdu.len() as u16, unit_id: 1 };
        let pdu = Pdu { mbap, function_code: pdu[0], data: &pdu[1..] };
        self.shards[shard].push_pdu(&flow, direction, &carrier, pdu, &mut |message| _ = black_box(message.flags));
    }

    /// One more request, and its answer, in the next conversation.
    fn exchange(&mut self) {
        self.turn = (self.turn + 1) % self.conversations;
        self.push(self.turn, Direction::ToServer, 0xFFFF, READ);
        self.push(self.turn, Direction::ToClient, 0xFFFF, ANSWER);
    }
}

/// Read one holding register, and its answer.
const READ: &[u8] = &[3, 0, 0, 0, 1];
const ANSWER: &[u8] = &[3, 2, 0, 1];

fn open_requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request and answer");
    group.throughput(Throughput::Elements(2));
    for (open, conversations) in [(10, 10), (100_000, 100), (100_000, 10_000)] {
        let mut waiting = Waiting::new(open, conversations);
        let name = format!("among {open} open in {conversations} conversations");
        group.bench_function(name, |bencher| bencher.iter(|| waiting.exchange()));
        let evicted: u64 = waiting.shards.iter().map(|shard| shard.counters().evicted).sum();
        assert_eq!(evicted, 0, "all of them must stay open");
    }
    group.finish();
}

fn each_frame(batches: &[Batch], mut act: impl FnMut(&capture::Frame<'_>)) {
    batches.iter().flat_map(Batch::frames).for_each(|frame| act(&frame));
}

fn scores(criterion: &mut Criterion) {
    const FINDINGS: u64 = 100_000;
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
fn baseline(criterion: &mut Criterion) {
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

/// One run over the traffic.
fn run(plan: &Arc<Plan>, threads: usize, bytes: &[u8]) -> Summary {
    let mut run = Run::new(plan, threads, &(), Emits { alerts: true, ..Emits::default() });
    let Ok(Opened::Capture(source)) = capture::open(Box::new(Cursor::new(bytes.to_vec()))) else {
        unreachable!("the generator writes captures")
    };
    let input = Input { name: "traffic".into(), unit: Unit::Frame };
    let mut sink = JsonLines::new(std::io::sink());
    run.capture(input, source, None, &mut sink).expect("a whole capture");
    run.finish(&mut sink).expect("a sink that takes all")
}

fn usual(known: &Arc<Baseline>, mode: Mode) -> Option<Usual> {
    Some(Usual { known: Arc::clone(known), mode, bounds: Bounds::default() })
}

fn whole(criterion: &mut Criterion) {
    let bytes = traffic();
    let frames: u64 = batches(&bytes).iter().map(|batch| batch.len() as u64).sum();
    let learning = Wanted { usual: usual(&Arc::default(), Mode::Learn(None)), ..Wanted::default() };
    let learning = Arc::new(Plan::compile(Ruleset::default(), learning).expect("no rules"));
    let learned = run(&learning, 1, &bytes).learned.and_then(|learned| learned.baseline);
    let known = Arc::new(learned.expect("what was learned"));
    let mut group = criterion.benchmark_group("whole run");
    group.sample_size(20).throughput(Throughput::Elements(frames));
    for (name, threads, records, usual) in [
        ("scan, built-in rules", 1, None, None),
        ("scan, built-in rules, 2 threads", 2, None, None),
        ("scan, built-in rules, frozen baseline", 1, None, usual(&known, Mode::Freeze)),
        ("scan, built-in rules, frozen baseline, 2 threads", 2, None, usual(&known, Mode::Freeze)),
        ("scan, built-in rules, learning a baseline", 1, None, usual(&Arc::default(), Mode::Learn(None))),
        ("decode", 1, Some(Naming::Native), None),
        ("decode, NXLog's names", 1, Some(Naming::Nxlog(Offset::UTC)), None),
    ] {
        let ruleset = if records.is_none() {
            rule_files::understand(rule_files::builtin(), &Config::default()).ruleset
        } else {
            Ruleset::default()
        };
        let wanted =
            Wanted { ports: vec![502], scoreboards: vec![Scoreboard::default()], records, usual, ..Wanted::default() };
        let plan = Arc::new(Plan::compile(ruleset, wanted).expect("the built-in rules"));
        group.bench_function(name, |bencher| bencher.iter(|| run(&plan, threads, &bytes).records.count));
    }
    group.finish();
}

criterion_group!(benches, pieces, open_requests, scores, baseline, whole);
criterion_main!(benches);
