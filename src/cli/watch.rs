//! `sigmabus watch` and `sigmabus interfaces`: live traffic.

use super::args::{Format, FormatArgs, WatchArgs};
use super::baseline::Keeper;
use super::config::Config;
use super::outcome::{Failure, Outcome};
use super::printer::{Printer, emits};
use super::progress::stop_flag;
use super::{format_for_stdout, note, report, rule_files, scan};
use crate::capture::live::{self, Live, LiveError, Options};
use crate::detect::{Input, Unit};
use crate::pipeline::{self, Engine, Progress};
use crate::record::baseline::Baseline;
use crate::sink::{Pace, Pressure, plain};
use serde_json::json;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// `sigmabus watch`
pub(super) fn watch(args: WatchArgs) -> Result<Outcome, Failure> {
    let mut config = Config::load(args.rules.config.as_deref())?;
    let ruleset = rule_files::load(&args.rules, &config)?;
    let configuration = config.origin.as_ref().map(|path| path.display().to_string());
    let delivery = config.delivery.clone();
    let keeper = Keeper::open(config.baseline.take())?;
    let mut wanted = scan::wanted(config, &args.traffic, &args.output.emit);
    wanted.usual = keeper.usual();
    let options = Options {
        ports: wanted.ports.clone(),
        filter: args.traffic.bpf.clone(),
        promiscuous: !args.no_promiscuous,
        buffer: i32::try_from(args.buffer << 20).unwrap_or(i32::MAX),
    };
    let plan = Arc::new(rule_files::compile(ruleset, wanted, &args.rules)?);
    let live = Live::open(&args.interface, &options).map_err(refused)?;
    let mut printer = Printer::open(&args.output, Pace::AsTheyHappen, &delivery, Pressure::Drop)?;
    let mut engine = Engine::new(&plan, emits(&args.output.emit, &delivery));
    let input = engine.begin(Input { name: args.interface.as_str().into(), unit: Unit::Frame });
    note(&format!("watching {}; Ctrl-C ends with a summary", args.interface));

    let stop = Stop { stop: stop_flag(), keeper: &keeper };
    let ran = pipeline::live::watch(live, input, &plan, &mut engine, printer.sink(), &stop);
    let mut summary = engine.stop(printer.sink()).map_err(|error| Failure::output(&error))?;
    summary.configuration = configuration;
    let outcome = scan::delivered(&mut summary, &mut printer, Outcome::Done);
    summary.warnings.iter().for_each(|warning| note(&format!("sigmabus: warning: {warning}")));
    let kept = keeper.end(summary.learned.take());
    let mut words = Vec::new();
    let told = report::overview(&mut words, &summary);
    note(String::from_utf8_lossy(&words).trim_end());
    told.map_err(|error| Failure::output(&error))?;
    let edge = ran.map_err(|error| match error {
        pipeline::RunError::Output(error) => Failure::output(&error),
        other => Failure::failed(other),
    })?;
    note(&format!("Alerts         {}", report::told(&summary)));
    note(&format!(
        "Packets        {} received, {} dropped by the kernel, {} dropped by the interface, {} dropped by sigmabus",
        report::grouped(edge.stats.received),
        report::grouped(edge.stats.dropped),
        report::grouped(edge.stats.dropped_by_interface),
        report::grouped(edge.own_drops),
    ));
    printer.sink().flush().map_err(|error| Failure::output(&error))?;
    Ok(match (outcome, kept) {
        (Outcome::Done, Outcome::Done) => scan::judged(&summary, &args.output),
        (Outcome::Done, failed) | (failed, _) => failed,
    })
}

/// Ctrl-C or SIGTERM; and what is learned until then.
struct Stop<'a> {
    stop: Arc<AtomicBool>,
    keeper: &'a Keeper,
}

impl Progress for Stop<'_> {
    fn learned(&self, baseline: &Baseline) {
        self.keeper.save(baseline);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn refused(error: LiveError) -> Failure {
    match &error {
        LiveError::Permission { interface } => {
            let program = std::env::current_exe().map_or_else(|_| "sigmabus".into(), |path| path.display().to_string());
            Failure::failed(format!(
                "watching {interface} needs the capabilities CAP_NET_RAW and CAP_NET_ADMIN; grant them with: \
                 sudo setcap cap_net_raw,cap_net_admin=eip {program}"
            ))
        }
        LiveError::NoInterface { interface } => {
            Failure::failed(format!("no interface `{interface}`; `sigmabus interfaces` lists what can be watched"))
        }
        LiveError::Filter { .. } => Failure::usage(error),
        LiveError::Failed { .. } => Failure::failed(error),
    }
}

/// `sigmabus interfaces`
pub(super) fn interfaces(args: &FormatArgs) -> Result<Outcome, Failure> {
    let format = format_for_stdout(args.format);
    let mut out = io::stdout().lock();
    for interface in live::interfaces().map_err(refused)? {
        let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
        let line = match format {
            Format::Json => json!({
                "type": "interface", "name": interface.name, "description": interface.description, "up": interface.up,
                "loopback": interface.loopback, "addresses": addresses,
            })
            .to_string(),
            Format::Text => {
                let state = if interface.up { "up" } else { "down" };
                let description = interface.description.as_deref().unwrap_or("");
                let line = format!("{:16} {state:5} {:40} {description}", interface.name, addresses.join(" "));
                plain(line.trim_end())
            }
        };
        writeln!(out, "{line}").map_err(|error| Failure::output(&error))?;
    }
    Ok(Outcome::Done)
}
