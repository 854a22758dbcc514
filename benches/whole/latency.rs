//! Latency of the live path: from the last byte of a message to the alert in the hands of a sink.
//!
//! Twice: with frames that are there at once (in process), which leaves out the kernel; and through a pair of virtual
//! interfaces in a network namespace of its own, from the time stamp that the kernel gives a frame. The latter needs the
//! right to make such a namespace, and is skipped where there is none.

use super::paced;
use super::poll;
use super::stopwatch::Stopwatch;
#[cfg(feature = "live")]
use super::veth;
use sigmabus::alert::{Act, Alerting, Limits, Policy};
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::detect::{Input, Unit};
use sigmabus::pipeline::{Emits, Engine, Plan, Wanted};
use sigmabus::score::Scoreboard;
use sigmabus::sigma::SourceText;
use std::sync::Arc;
use std::time::Duration;

/// Messages a second.
pub const RATES: [u32; 3] = [1_000, 10_000, 100_000];

/// How long each rate is kept up, in a short run and in a whole one.
#[must_use]
pub const fn spell(quick: bool) -> Duration {
    Duration::from_secs(if quick { 2 } else { 10 })
}

/// The table of all rates on both paths.
///
/// # Errors
/// When a run fails.
pub fn table(quick: bool) -> anyhow::Result<String> {
    let mut text = "### Latency of the live path, from the last byte of a message to the alert in a sink\n\n\
                    | path | messages/s | alerts | p50 | p99 | p999 | frames lost |\n|---|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for rate in RATES {
        text += &row("in process", rate, &paced::measure(rate, spell(quick))?, 0);
    }
    #[cfg(feature = "live")]
    {
        text += &veth::rows(quick)?;
    }
    Ok(text + "\n")
}

/// A line of the table.
pub fn row(path: &str, rate: u32, stopwatch: &Stopwatch, lost: u64) -> String {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| stopwatch.percentile(share));
    format!("| {path} | {rate} | {} | {p50:.1?} | {p99:.1?} | {p999:.1?} | {lost} |\n", stopwatch.alerts())
}

/// The title of the rule whose alerts are timed.
pub const TIMED: &str = "Timed";

/// The built-in rules, scores, and one rule whose every finding is an alert.
///
/// # Errors
/// When they do not compile.
pub fn plan() -> anyhow::Result<Arc<Plan>> {
    let rule = format!(
        "title: {TIMED}\nlogsource: {{product: modbus}}\nlevel: high\ndetection:\n  a:\n    modbus.kind: query\n    \
         modbus.function: 6\n    modbus.address: {}\n  condition: a\n",
        poll::TOLD
    );
    let mut files = rule_files::builtin();
    files.push(SourceText::new("timed.yml".to_owned(), rule.into_bytes()));
    let ruleset = rule_files::understand(files, &Config::default()).ruleset;
    let each = Policy { limits: Limits::none(), ..Policy::always(Act::Raise) };
    let alerting = Alerting { policies: vec![each], ..Alerting::default() };
    let wanted = Wanted { alerting, scoreboards: vec![Scoreboard::default()], ..Wanted::default() };
    Ok(Arc::new(Plan::compile(ruleset, wanted)?))
}

/// An engine that tells alerts, and the number of its one input.
#[must_use]
pub fn engine(plan: &Arc<Plan>) -> (Engine, u32) {
    let mut engine = Engine::new(plan, Emits { alerts: true, ..Emits::default() });
    let input = engine.begin(Input { name: "wire".into(), unit: Unit::Frame });
    (engine, input)
}
