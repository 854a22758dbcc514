//! Whole runs of the release binary, and of its peers where they are installed: what was found is counted and compared, then
//! all run in turn, and a table says what each took.
//!
//! `cargo bench --bench whole -- --help` tells the options, `docs/performance.md` what the figures mean.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a bench reads the clock and talks"
)]

#[path = "../examples/traffic/generator.rs"]
pub mod generator;

#[path = "whole/bench.rs"]
mod bench;
#[path = "whole/captures.rs"]
mod captures;
#[path = "whole/generated.rs"]
mod generated;
#[path = "whole/latency.rs"]
mod latency;
#[path = "whole/logs.rs"]
mod logs;
#[path = "whole/machine.rs"]
mod machine;
#[path = "whole/measure.rs"]
mod measure;
#[path = "whole/paced.rs"]
mod paced;
#[path = "whole/peer.rs"]
mod peer;
#[path = "whole/poll.rs"]
mod poll;
#[path = "whole/stopwatch.rs"]
mod stopwatch;
#[path = "whole/table.rs"]
mod table;
#[path = "whole/tally.rs"]
mod tally;
#[cfg(feature = "live")]
#[path = "whole/veth.rs"]
mod veth;
#[path = "whole/worst.rs"]
mod worst;

use bench::Bench;
use captures::Capture;
use clap::{Parser, ValueEnum};
use std::fs;
use std::path::PathBuf;
use table::{Beside, Section};

const ENVIRONMENT: &str = "\
Environment:
  SIGMABUS_BENCH_RULES, SIGMABUS_BENCH_EVENTS
      folders with Sigma rules and with their log lines (.ndjson, .ndjson.gz) [default: generated ones]
  SIGMABUS_BENCH_BINARY
      another sigmabus to measure [default: this one]
  SIGMABUS_BENCH_CAPTURE
      a capture in place of the generated one
  SIGMABUS_BENCH_TSHARK, SIGMABUS_BENCH_SURICATA, SIGMABUS_BENCH_RSIGMA
      where the peers are [default: on the path]";

/// Measures whole runs.
#[derive(Debug, Parser)]
#[command(name = "whole", after_help = ENVIRONMENT)]
struct Cli {
    /// Smaller inputs and fewer runs: about two minutes instead of fifteen
    #[arg(long)]
    quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Write the tables here, too
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Packets to alerts and to records
    Captures,
    /// Log lines to findings
    Logs,
    /// Worst cases
    Worst,
    /// Latency of the live path
    Latency,
}

fn main() -> anyhow::Result<()> {
    if measure::child()? {
        return Ok(());
    }
    #[cfg(feature = "live")]
    if veth::inside()? {
        return Ok(());
    }
    let cli = Cli::parse();
    let bench = Bench::new(cli.quick)?;
    let mut told = Told { text: String::new(), sections: Vec::new() };
    told.say(&machine::describe(&bench.peers));
    let wanted = |part| cli.only.is_empty() || cli.only.contains(&part);
    if wanted(Part::Captures) {
        let capture = Capture::of_plant(&bench, "plant.pcap", bench.size(50_000, 500_000))?;
        told.section(captures::alerts(&bench, &capture)?);
        told.section(captures::threads(&bench, &capture)?);
        told.section(captures::decode(&bench, &capture)?);
        told.section(captures::beside_suricata(&bench, &capture)?);
        told.section(captures::beside_tshark(&bench)?);
    }
    if wanted(Part::Logs) {
        let logs = logs::logs(&bench)?;
        for log in &logs {
            told.section(log.findings(&bench)?);
            told.section(log.threads(&bench)?);
        }
        if let Some(log) = logs.first() {
            told.section(log.memory(&bench)?);
            told.section(log.load(&bench)?);
        }
    }
    if wanted(Part::Worst) {
        told.section(worst::cases(&bench)?);
    }
    if wanted(Part::Latency) {
        told.say(&latency::table(cli.quick)?);
    }
    told.say(&format!("### Peers beside sigmabus\n\n{}", Beside(&told.sections)));
    if let Some(record) = &cli.record {
        fs::write(record, &told.text)?;
    }
    Ok(())
}

/// What is told as it is known, and kept.
struct Told {
    text: String,
    sections: Vec<Section>,
}

impl Told {
    fn say(&mut self, text: &str) {
        print!("{text}");
        self.text += text;
    }

    fn section(&mut self, section: Section) {
        self.say(&section.to_string());
        self.sections.push(section);
    }
}
