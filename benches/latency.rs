//! Latency of the live path: from the last byte of a message to the alert in the hands of a sink.
//!
//! Twice: with frames that are there at once (in process), which leaves out the kernel; and through a pair of virtual
//! interfaces in a network namespace of its own, from the time stamp that the kernel gives a frame. The latter needs the right to
//! make such a namespace, and is skipped where there is none.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a bench reads the clock and talks"
)]

#[path = "../examples/traffic/generator.rs"]
pub mod generator;

#[path = "latency/paced.rs"]
mod paced;
#[path = "latency/stopwatch.rs"]
mod stopwatch;
#[path = "latency/traffic.rs"]
mod traffic;
#[cfg(feature = "live")]
#[path = "latency/veth.rs"]
mod veth;

use clap::Parser;
use sigmabus::alert::{Act, Alerting, Limits, Policy};
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::detect::{Input, Unit};
use sigmabus::pipeline::{Emits, Engine, Plan, Wanted};
use sigmabus::score::Scoreboard;
use sigmabus::sigma::SourceText;
use sigmabus::sigma::ir::Ruleset;
use std::sync::Arc;
use std::time::Duration;
use stopwatch::Stopwatch;

/// Messages a second.
const RATES: [u32; 3] = [1_000, 10_000, 100_000];

/// Measures the live path.
#[derive(Debug, Parser)]
#[command(name = "latency")]
struct Cli {
    /// Two seconds for each rate instead of ten
    #[arg(long)]
    quick: bool,
    /// This process is already in a namespace of its own
    #[arg(long, hide = true)]
    inside: bool,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let spell = Duration::from_secs(if cli.quick { 2 } else { 10 });
    if cli.inside {
        #[cfg(feature = "live")]
        return veth::measure(spell);
    }
    println!("### Latency, from the last byte of a message to the alert in a sink\n");
    println!("| path | messages/s | alerts | p50 | p99 | p999 | lost |\n|---|---:|---:|---:|---:|---:|---:|");
    for rate in RATES {
        println!("{}", paced::measure(rate, spell)?.row("in process", rate, 0));
    }
    #[cfg(feature = "live")]
    veth::enter(cli.quick)?;
    println!();
    Ok(())
}

/// The title of the rule whose alerts are timed.
const TIMED: &str = "Timed";

/// The built-in rules, scores, and one rule whose every finding is an alert.
fn plan() -> anyhow::Result<Arc<Plan>> {
    let rule = format!(
        "title: {TIMED}\nlogsource: {{product: modbus}}\nlevel: high\ndetection:\n  a:\n    modbus.kind: query\n    \
         modbus.function: 6\n    modbus.address: {}\n  condition: a\n",
        traffic::TOLD
    );
    let mut files = rule_files::builtin();
    files.push(SourceText::new("timed.yml".to_owned(), rule.into_bytes()));
    let ruleset: Ruleset = rule_files::understand(files, &Config::default()).ruleset;
    let each = Policy { limits: Limits::none(), ..Policy::always(Act::Raise) };
    let alerting = Alerting { policies: vec![each], ..Alerting::default() };
    let wanted = Wanted { alerting, scoreboards: vec![Scoreboard::default()], ..Wanted::default() };
    Ok(Arc::new(Plan::compile(ruleset, wanted)?))
}

/// An engine that tells alerts, and the number of its one input.
fn engine(plan: &Arc<Plan>) -> (Engine, u32) {
    let mut engine = Engine::new(plan, Emits { alerts: true, ..Emits::default() });
    let input = engine.begin(Input { name: "wire".into(), unit: Unit::Frame });
    (engine, input)
}

/// Both ends of a run, and its middle.
impl Stopwatch {
    fn row(&self, path: &str, rate: u32, lost: u64) -> String {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| self.percentile(share));
        format!("| {path} | {rate} | {} | {p50:.1?} | {p99:.1?} | {p999:.1?} | {lost} |", self.alerts())
    }
}
