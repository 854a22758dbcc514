//! Holds the compiled matcher to the plain one, on a folder of rules: on stored events, on those events changed by
//! chance, and on events made for each rule out of its own values.

use anyhow::{Context, anyhow};
use clap::Parser;
use proof::oracle::{Oracle, Tally};
use proof::{lane, lines, load, synthesise};
use sigmabus::detect::{CompileError, RuleIx};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[path = "agreement/proof.rs"]
pub mod proof;

const EXAMPLE: &str = "\
Example (`agreement` stands for `cargo run --release --example agreement --`):
  agreement ../shared/sigmahq ../shared/events/*.gz --every 10";

/// Holds the compiled matcher to the plain one.
#[derive(Debug, Parser)]
#[command(name = "agreement", after_help = EXAMPLE)]
struct Args {
    /// A folder of Sigma rules.
    rules: PathBuf,
    /// Stored events, one JSON object a line, packed or not; each file is a lane of its own.
    events: Vec<PathBuf>,
    /// Of each lane, ask about every Nth event only: the plain matcher takes its time.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Events to make for each rule.
    #[arg(long, default_value_t = 3)]
    made: u32,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mut out = io::stdout().lock();
    let loaded = load(&args.rules).with_context(|| args.rules.display().to_string())?;
    let rules = &loaded.ruleset.rules;
    let told =
        |errors: Vec<CompileError>| errors.first().map_or_else(|| anyhow!("no reason"), |error| anyhow!("{error}"));
    let oracle = Oracle::new(rules).map_err(told)?;
    writeln!(out, "{} rules, {} problems", rules.len(), loaded.diagnostics.len())?;
    let mut all = Tally::default();
    for path in &args.events {
        let lines = lines(path).with_context(|| path.display().to_string())?;
        let lines: Vec<String> = lines.into_iter().step_by(args.every.max(1)).collect();
        for (name, change) in [("", false), (", changed", true)] {
            let tally = lane(&oracle, &lines, change);
            writeln!(out, "{}{name}: {tally}", path.display())?;
            all = all.and(tally);
        }
    }
    let chosen: Vec<RuleIx> = (0..).map(RuleIx).take(rules.len()).collect();
    let made = synthesise(&oracle, rules, &chosen, args.made);
    writeln!(out, "events made for a rule: {}", made.hits)?;
    writeln!(out, "events near those: {}, {} of them misses", made.near, made.misses)?;
    for RuleIx(ix) in &made.without {
        let rule = &rules[*ix as usize];
        writeln!(out, "no event found for {:?}: {}", rule.meta.title, rule.condition)?;
    }
    all = all.and(made.hits).and(made.near);
    writeln!(out, "all: {all}")?;
    Ok(if all.disagreements == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
