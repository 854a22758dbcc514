//! What did the operator ask?
//!
//! Arguments ([`args`]) and `sigmabus.yml` ([`config`]) become a run. Data goes to standard output, everything else
//! to standard error; how it ended is the exit code ([`outcome`]).

pub mod args;
pub mod baseline;
pub mod config;
mod diagnostics;
mod explain;
mod inputs;
mod manual;
mod map_file;
mod mapping_files;
mod node;
pub mod outcome;
mod piped;
mod printer;
mod progress;
pub mod report;
pub mod rule_files;
mod rules;
mod rules_check;
mod rules_cost;
mod rules_coverage;
mod rules_test;
mod scan;
mod sinks;
mod skeleton;
#[cfg(feature = "live")]
mod watch;

use args::{Cli, Command, Format};
use clap::Parser;
use outcome::{Failure, Outcome};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap prints each where it belongs.
            let _ = error.print();
            return if error.use_stderr() { Outcome::Usage.into() } else { Outcome::Done.into() };
        }
    };
    let outcome = run(cli.command).unwrap_or_else(|failure| {
        if let Some(message) = failure.message {
            note(&format!("sigmabus: {message}"));
        }
        failure.outcome
    });
    outcome.into()
}

fn run(command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Scan(args) => scan::scan(args),
        Command::Decode(args) => scan::decode(args),
        #[cfg(feature = "live")]
        Command::Watch(args) => watch::watch(args),
        #[cfg(feature = "live")]
        Command::Interfaces(args) => watch::interfaces(&args),
        #[cfg(not(feature = "live"))]
        Command::Watch(_) | Command::Interfaces(_) => {
            Err(Failure::usage("this sigmabus was built without libpcap and reads files only"))
        }
        Command::Rules(command) => rules::run(command),
        Command::Sinks(command) => sinks::run(&command),
        Command::Config(command) => config::run(command),
        Command::Baseline(command) => baseline::run(command),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { words } => manual::page(&words),
    }
}

/// Says something on standard error. If nobody can hear it, nothing can be done about that.
fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

fn colour_on_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// The format asked for, or what suits standard output.
fn format_for_stdout(asked: Option<Format>) -> Format {
    asked.unwrap_or(if io::stdout().is_terminal() { Format::Text } else { Format::Json })
}
