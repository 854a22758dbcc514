//! Runs from the first byte of a capture to its last alert or record, within this process.

use super::given::{batches, traffic};
use criterion::{Criterion, Throughput};
use sigmabus::capture::{self, Opened};
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::detect::{Input, Unit};
use sigmabus::pipeline::{Emits, Naming, Plan, Run, Summary, Usual, Wanted};
use sigmabus::record::baseline::{Baseline, Bounds, Mode};
use sigmabus::score::Scoreboard;
use sigmabus::sigma::ir::Ruleset;
use sigmabus::sink::JsonLines;
use sigmabus::time::Offset;
use std::io::Cursor;
use std::sync::Arc;

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

/// Scanning and decoding, on one thread and on two.
pub fn whole(criterion: &mut Criterion) {
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
