//! `sigmabus scan` and `sigmabus decode`: stored input, from its first byte to its last.

use super::args::{DecodeArgs, Emit, Naming as NamingArg, OutputArgs, ScanArgs, TrafficArgs};
use super::baseline::Keeper;
use super::config::Config;
use super::inputs::{self, Named};
use super::outcome::{Failure, Outcome};
use super::printer::{Printer, emits};
use super::progress::{Bar, stop_flag};
use super::report::counted;
use super::{note, rule_files};
use crate::capture::LinkType;
use crate::detect::Input;
use crate::pipeline::{self, Emits, Filter, Naming, Plan, Progress, Run, RunError, Sources, Summary, Wanted};
use crate::record::baseline::Baseline;
use crate::sigma::ir::Ruleset;
use crate::sink::{Figures, Kind, Pace, Pressure, plain};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// `sigmabus scan`
pub(super) fn scan(args: ScanArgs) -> Result<Outcome, Failure> {
    let mut config = Config::load(args.rules.config.as_deref())?;
    let ruleset = rule_files::load(&args.rules, &config)?;
    let origin = config.origin.clone();
    let delivery = config.delivery.clone();
    let keeper = Keeper::open(config.baseline.take())?;
    let mut wanted = wanted(config, &args.traffic, &args.output.emit);
    wanted.usual = keeper.usual();
    wanted.sources = match (args.sources.logsource, args.sources.logsource_fields) {
        (Some(source), _) => Sources::Declared(source),
        (None, Some(fields)) => Sources::Told(fields.0),
        (None, None) => Sources::Unknown,
    };
    let named = args.sources.timestamp_fields.into_iter().map(Arc::from);
    wanted.times = named.chain(wanted.times).collect();
    let times = wanted.times.clone();
    let plan = rule_files::compile(ruleset, wanted, &args.rules)?;
    let mut stored = Stored::find(&args.inputs, args.output.output.as_deref(), args.traffic, args.threads)?;
    inputs::sort_by_time(&mut stored.inputs, &times);
    let printer = Printer::open(&args.output, Pace::Report, &delivery, Pressure::Wait)?;
    let (mut summary, outcome) = stored.run(plan, emits(&args.output.emit, &delivery), origin, printer, &keeper)?;
    let kept = keeper.end(summary.learned.take());
    Ok(match (outcome, kept) {
        (Outcome::Done, Outcome::Done) => judged(&summary, &args.output),
        (Outcome::Done, failed) | (failed, _) => failed,
    })
}

/// `sigmabus decode`
pub(super) fn decode(args: DecodeArgs) -> Result<Outcome, Failure> {
    let mut config = Config::load(args.config.as_deref())?;
    let origin = config.origin.clone();
    let keeper = Keeper::open(config.baseline.take())?;
    let mut wanted = wanted(config, &args.traffic, &[]);
    wanted.usual = keeper.frozen();
    wanted.scoreboards.clear();
    // Sinks are for what a scan finds.
    wanted.routes.clear();
    wanted.records = Some(match args.naming {
        NamingArg::Native => Naming::Native,
        NamingArg::Nxlog => Naming::Nxlog(args.utc_offset),
    });
    let plan = Plan::compile(Ruleset::default(), wanted).map_err(Failure::rules)?;
    let stored = Stored::find(&args.inputs, args.output.as_deref(), args.traffic, args.threads)?;
    let printer = Printer::json(args.output.as_deref())?;
    Ok(stored.run(plan, Emits::default(), origin, printer, &keeper)?.1)
}

/// What the configuration and the command line ask for; ports of the command line go before those of the file.
pub(super) fn wanted(config: Config, traffic: &TrafficArgs, emit: &[Emit]) -> Wanted {
    let assets = config.assets();
    Wanted {
        ports: if traffic.ports.is_empty() { config.ports } else { traffic.ports.clone() },
        points: config.points,
        scoreboards: config.scoreboards,
        alerting: config.alerting,
        findings: emit.contains(&Emit::Findings) || config.delivery.takes(Kind::Finding),
        records: emit.contains(&Emit::Records).then_some(Naming::Native),
        without_status: traffic.no_status,
        sources: Sources::Unknown,
        times: config.times,
        maps: config.maps,
        assets,
        register_changes: traffic.register_changes,
        routes: config.delivery.record_conditions(),
        usual: None,
    }
}

/// How a run that was done ends, by `--fail-on`.
pub(super) fn judged(summary: &Summary, output: &OutputArgs) -> Outcome {
    let met = output.fail_on.is_some_and(|level| summary.has_alert(level.into()));
    if met { Outcome::FailOn } else { Outcome::Done }
}

/// A run over stored input.
pub(super) struct Stored {
    pub(super) inputs: Vec<Named>,
    traffic: TrafficArgs,
    threads: Option<u16>,
    stop: Arc<AtomicBool>,
}

impl Stored {
    /// Finds the inputs, and what is wrong with them or with the filter, before anything is read or written.
    pub(super) fn find(
        paths: &[PathBuf],
        output: Option<&Path>,
        traffic: TrafficArgs,
        threads: Option<u16>,
    ) -> Result<Self, Failure> {
        let mut inputs = inputs::expand(paths)?;
        inputs::spare_output(&mut inputs, output)?;
        let stored = Self { inputs, traffic, threads, stop: stop_flag() };
        stored.filter()?;
        Ok(stored)
    }

    /// Reads all of it.
    pub(super) fn run(
        self,
        plan: Plan,
        emits: Emits,
        configuration: Option<PathBuf>,
        mut printer: Printer,
        keeper: &Keeper,
    ) -> Result<(Summary, Outcome), Failure> {
        let plan = Arc::new(plan);
        // One owner more, who never goes: the process is about to end, and taking thousands of rules apart takes longer than
        // many a run.
        std::mem::forget(Arc::clone(&plan));
        let size = self.inputs.iter().map(|input| input.size).sum();
        let bar = Bar::new(size, printer.meanwhile(), Arc::clone(&self.stop));
        let threads = self.threads.map_or_else(cores, usize::from);
        let watched = Watched { bar: &bar, keeper };
        let mut run = Run::new(&plan, threads, &watched, emits);
        let mut outcome = Outcome::Done;
        let mut skipped = Vec::new();
        for input in self.inputs.iter().take_while(|_| !self.stop.load(Ordering::Relaxed)) {
            let Err(failure) = self.input(input, &bar, &mut run, &mut printer) else { continue };
            let Some(message) = failure.message else { return Err(failure) };
            if input.asked_for {
                outcome = failure.outcome;
                note(&format!("sigmabus: {message}"));
            } else {
                skipped.push(message);
            }
        }
        bar.clear();
        if let Some(first) = skipped.first() {
            let files = counted(skipped.len(), "file");
            note(&format!("sigmabus: warning: skipped {files} that could not be read; the first is {first}"));
        }
        if skipped.len() == self.inputs.len() && !skipped.is_empty() {
            outcome = Outcome::Failed;
        }
        let summary = if self.stop.load(Ordering::Relaxed) {
            note("sigmabus: interrupted; what was read so far follows");
            outcome = Outcome::Failed;
            run.stop(printer.sink())
        } else {
            run.finish(printer.sink())
        };
        // Nor is what was remembered taken apart: there may be a hundred thousand conversations.
        std::mem::forget(run);
        let mut summary = summary.map_err(|error| Failure::output(&error))?;
        outcome = delivered(&mut summary, &mut printer, outcome);
        summary.configuration = configuration.map(|path| path.display().to_string());
        hint_at_ports(&mut summary, &plan);
        if summary.records.timeless > 0 {
            let count = counted(usize::try_from(summary.records.timeless).unwrap_or(usize::MAX), "record");
            summary.warnings.push(format!("{count} without a time; they count as if they came with the one before"));
        }
        for warning in &summary.warnings {
            note(&format!("sigmabus: warning: {warning}"));
        }
        printer.finish(&summary).map_err(|error| Failure::output(&error))?;
        Ok((summary, outcome))
    }

    /// Reads one input to its end.
    fn input(&self, input: &Named, bar: &Bar, run: &mut Run<'_>, printer: &mut Printer) -> Result<(), Failure> {
        let opened = input.open(&bar.read, &self.stop)?;
        let unknown = |start: &[u8]| Failure::failed(inputs::unknown_format(&input.name, start));
        let unit = pipeline::unit_of(&opened).map_err(unknown)?;
        let known = Input { name: Arc::clone(&input.name), unit };
        run.input(known, opened, self.filter()?, printer.sink()).map_err(|error| match error {
            // Nothing more can be said: the other inputs need not be read.
            RunError::Output(error) => Failure::output(&error).told(),
            other => Failure::failed(format!("{}: {other}", input.name)),
        })
    }

    #[cfg(feature = "live")]
    fn filter(&self) -> Result<Option<Filter>, Failure> {
        let Some(expression) = &self.traffic.bpf else { return Ok(None) };
        let mut bpf = crate::capture::Bpf::compile(expression, LinkType::Ethernet).map_err(Failure::usage)?;
        Ok(Some(Box::new(move |frame| bpf.matches(frame).map_err(|error| error.to_string()))))
    }

    #[cfg(not(feature = "live"))]
    fn filter(&self) -> Result<Option<Filter>, Failure> {
        let _ = LinkType::Ethernet;
        match self.traffic.bpf {
            None => Ok(None),
            Some(_) => Err(Failure::usage("--bpf needs libpcap, and this sigmabus was built without it")),
        }
    }
}

/// Waits for the sinks. What did not arrive is a warning, and the run failed.
pub(super) fn delivered(summary: &mut Summary, printer: &mut Printer, outcome: Outcome) -> Outcome {
    summary.sinks = printer.close();
    let lost: Vec<&Figures> = summary.sinks.iter().filter(|figures| figures.lost() > 0).collect();
    for figures in &lost {
        let lines = counted(usize::try_from(figures.lost()).unwrap_or(usize::MAX), "line");
        let reason = figures.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", plain(reason)));
        summary.warnings.push(format!("sink {} did not get {lines}{reason}", figures.name));
    }
    if lost.is_empty() { outcome } else { Outcome::Failed }
}

/// How far a run is, and what it learned so far.
struct Watched<'a> {
    bar: &'a Bar,
    keeper: &'a Keeper,
}

impl Progress for Watched<'_> {
    fn step(&self) {
        self.bar.step();
    }

    fn learned(&self, baseline: &Baseline) {
        self.keeper.save(baseline);
    }

    fn stopped(&self) -> bool {
        self.bar.stopped()
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Frames but no Modbus: perhaps it is on another port.
fn hint_at_ports(summary: &mut Summary, plan: &Plan) {
    if summary.frames > 0 && summary.records.count == 0 {
        let ports: Vec<String> = plan.net.ports.iter().map(ToString::to_string).collect();
        let ports = ports.join(", ");
        summary.warnings.push(format!("no Modbus on port {ports}; if the servers listen elsewhere, say --port N"));
    }
}
