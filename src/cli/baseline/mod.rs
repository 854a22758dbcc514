//! `sigmabus baseline`: what is usual here, to be learned, looked at, compared, approved and merged.

mod file;
mod keeper;
mod matrix;
mod page;
mod store;

pub(super) use keeper::Keeper;
pub use keeper::Settings;

use super::args::{ApproveArgs, BaselineCommand, BaselineFile, Format, LearnArgs, TrafficArgs};
use super::config::Config;
use super::outcome::{Failure, Outcome};
use super::printer::Printer;
use super::report::counted;
use super::scan::{self, Stored};
use super::{format_for_stdout, inputs, note};
use crate::pipeline::{Emits, Plan, Usual};
use crate::record::baseline::{Approval, Baseline, Bounds, Entry, Mode, Pair};
use crate::sigma::ir::Ruleset;
use crate::time::Timestamp;
use file::{ALL, LONGEST_NAME};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs `sigmabus baseline ...`.
pub(super) fn run(command: BaselineCommand) -> Result<Outcome, Failure> {
    match command {
        BaselineCommand::Learn(args) => learn(&args),
        BaselineCommand::Show { file, config, format } => show(file, config.as_deref(), format.format),
        BaselineCommand::Diff { old, new, learn, exit_code, format } => {
            let (old, new) = (either(&old, &learn)?, either(&new, &learn)?);
            let differ = differences(&old, &new, format.format)?;
            Ok(if differ && exit_code { Outcome::FailOn } else { Outcome::Done })
        }
        BaselineCommand::Approve(args) => approve(&args),
        BaselineCommand::Export { of, output } => {
            let baseline = store::load(&of.path()?)?;
            match output {
                Some(path) => store::save(&path, &baseline)?,
                None => print(&page::write(&baseline))?,
            }
            Ok(Outcome::Done)
        }
        BaselineCommand::Import { files, into } => import(&files, &into.path()?),
    }
}

impl BaselineFile {
    /// The file that is named, or the configured one.
    fn path(&self) -> Result<PathBuf, Failure> {
        match &self.baseline {
            Some(path) => Ok(path.clone()),
            None => Ok(configured(self.config.as_deref())?.file),
        }
    }
}

fn configured(config: Option<&Path>) -> Result<Settings, Failure> {
    Config::load(config)?.baseline.ok_or_else(|| {
        Failure::usage("no file was named, and the configuration has none: expected `baseline:` with `file:` in it")
    })
}

/// Learns from inputs and writes, or prints, the baseline.
fn learn(args: &LearnArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.traffic.config.as_deref())?;
    let target = args.output.clone().or_else(|| config.baseline.as_ref().map(|settings| settings.file.clone()));
    let known = target.as_deref().map_or(Ok(None), store::find)?.unwrap_or_default();
    let (learned, outcome) = learned(&args.inputs, known, config, &args.traffic)?;
    match &target {
        Some(path) => {
            store::save(path, &learned)?;
            note(&format!("{} in {}", counted(learned.entries().len(), "thing"), path.display()));
        }
        None => print(&page::write(&learned))?,
    }
    Ok(outcome)
}

/// What is learned of inputs, beside what is known.
fn learned(
    inputs: &[PathBuf],
    known: Baseline,
    config: Config,
    args: &super::args::LearnTraffic,
) -> Result<(Baseline, Outcome), Failure> {
    let bounds = config.baseline.as_ref().map_or_else(Bounds::default, |settings| settings.bounds);
    let traffic = TrafficArgs { bpf: args.bpf.clone(), ports: args.ports.clone(), ..TrafficArgs::default() };
    let mut wanted = scan::wanted(config, &traffic, &[]);
    wanted.scoreboards.clear();
    // Sinks are for what a scan finds.
    wanted.routes.clear();
    let times = wanted.times.clone();
    wanted.usual = Some(Usual { known: Arc::new(known), mode: Mode::Learn(None), bounds });
    let plan = Plan::compile(Ruleset::default(), wanted).map_err(Failure::rules)?;
    let mut stored = Stored::find(inputs, None, traffic, Some(1))?;
    inputs::sort_by_time(&mut stored.inputs, &times);
    let (summary, outcome) = stored.run(plan, Emits::default(), None, Printer::json(None)?, &Keeper::default())?;
    let learned = summary.learned.and_then(|learned| learned.baseline).unwrap_or_default();
    if learned.not_learned() > 0 {
        let count = counted(usize::try_from(learned.not_learned()).unwrap_or(usize::MAX), "time");
        note(&format!("sigmabus: warning: {count} something was not learned: raise `bounds` in the configuration"));
    }
    Ok((learned, outcome))
}

fn show(file: Option<PathBuf>, config: Option<&Path>, format: Option<Format>) -> Result<Outcome, Failure> {
    let path = file.map_or_else(|| Ok(configured(config)?.file), Ok)?;
    let baseline = store::load(&path)?;
    match format_for_stdout(format) {
        Format::Text => print(&matrix::text(&baseline))?,
        Format::Json => {
            let lines = baseline.entries().into_iter().map(|entry| json_line(matrix::object("baseline", &entry)));
            print(&lines.collect::<String>())?;
        }
    }
    Ok(Outcome::Done)
}

/// The baseline in a YAML file, or what is learned of a capture or log.
fn either(path: &Path, args: &super::args::LearnTraffic) -> Result<Baseline, Failure> {
    let is_yaml = path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    if is_yaml {
        return store::load(path);
    }
    let config = Config::load(args.config.as_deref())?;
    let (learned, outcome) = learned(&[path.to_owned()], Baseline::default(), config, args)?;
    // Half of an input would differ in what was not read.
    if outcome == Outcome::Done { Ok(learned) } else { Err(Failure { outcome, message: None }) }
}

/// Prints what one knows and the other does not; whether there is any.
fn differences(old: &Baseline, new: &Baseline, format: Option<Format>) -> Result<bool, Failure> {
    let format = format_for_stdout(format);
    let mut out = String::new();
    for (sign, change, from, against) in [("-", "gone", old, new), ("+", "new", new, old)] {
        for entry in keeper::unknown(against, from).entries() {
            match format {
                Format::Text => out.push_str(&format!("{sign} {}\n", matrix::line(&entry))),
                Format::Json => {
                    let mut object = matrix::object("difference", &entry);
                    object.insert("change".to_owned(), change.into());
                    out.push_str(&json_line(object));
                }
            }
        }
    }
    print(&out)?;
    Ok(!out.is_empty())
}

/// Takes what was new, as far as it was chosen, into the baseline.
fn approve(args: &ApproveArgs) -> Result<Outcome, Failure> {
    let ApproveArgs { from, kinds, pairs, all, by, at, into } = args;
    if by.trim().is_empty() || by.chars().count() > LONGEST_NAME {
        return Err(Failure::usage(format!("--by needs a name of at most {LONGEST_NAME} characters")));
    }
    let news = match from {
        Some(path) => path.clone(),
        None => configured(into.config.as_deref())?.news.ok_or_else(|| {
            Failure::usage("no --from was given, and the configuration has no `news` in its `baseline:`")
        })?,
    };
    let path = into.path()?;
    let mut baseline = store::load(&path)?;
    let unknown = keeper::unknown(&baseline, &store::load(&news)?);
    let of = |entry: &Entry| {
        let kind = kinds.is_empty() || kinds.iter().any(|kind| kind.kind() == entry.thing.kind());
        let pair = pairs.is_empty() || pairs.iter().any(|pair: &Pair| entry.thing.concerns(*pair));
        *all || (kind && pair)
    };
    let approval = Approval { at: at.unwrap_or_else(now), by: by.trim().into() };
    let mut approved = Vec::new();
    for entry in unknown.entries().into_iter().filter(of) {
        let entry = Entry { approved: Some(approval.clone()), ..entry };
        if !baseline.add(&entry, ALL) {
            return Err(Failure::failed("the baseline is full: not all of it could be approved, and nothing was"));
        }
        approved.push(entry);
    }
    if approved.is_empty() {
        note("nothing to approve");
        return Ok(Outcome::Done);
    }
    store::save(&path, &baseline)?;
    if from.is_none() {
        store::save(&news, &keeper::unknown(&baseline, &unknown))?;
    }
    approved.iter().try_for_each(|entry| print(&format!("+ {}\n", matrix::line(entry))))?;
    Ok(Outcome::Done)
}

/// Merges baselines into one, which need not be there yet.
fn import(files: &[PathBuf], into: &Path) -> Result<Outcome, Failure> {
    // All are read before any is used.
    let others = files.iter().map(|path| store::load(path)).collect::<Result<Vec<_>, _>>()?;
    let mut baseline = store::find(into)?.unwrap_or_default();
    others.iter().for_each(|other| baseline.merge(other, ALL));
    if baseline.not_learned() > 0 {
        let message = format!("there is no room for {} more things; nothing was changed", baseline.not_learned());
        return Err(Failure::failed(message));
    }
    store::save(into, &baseline)?;
    Ok(Outcome::Done)
}

fn json_line(object: serde_json::Map<String, serde_json::Value>) -> String {
    format!("{}\n", serde_json::Value::Object(object))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// The time of an approval that was given none.
#[expect(clippy::disallowed_methods, reason = "a person approves now, and what was captured has nothing to do with it")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), 0)
}

#[cfg(test)]
mod tests;
