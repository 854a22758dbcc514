//! Stored log lines through many rules, beside rsigma.

use super::bench::{Bench, Runner};
use super::generated;
use super::peer;
use super::table::{Section, grouped};
use super::tally::{Names, Tally, findings, lines};
use anyhow::Context;
use flate2::read::MultiGzDecoder;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Log lines, and the rules for them.
#[derive(Clone, Debug)]
pub struct Log {
    /// What they are called.
    name: String,
    /// Where they are.
    path: PathBuf,
    /// How many.
    lines: u64,
    /// The rules.
    rules: String,
}

/// How often the events of a file come.
const TIMES: [u32; 2] = [1, 10];
/// How large a log is for which memory is measured, in bytes.
const LARGE: [u64; 2] = [100 << 20, 1 << 30];

/// The logs there are: those in the folders of the environment or beside the project, or a generated one.
///
/// # Errors
/// When they cannot be read or written.
pub fn logs(bench: &Bench) -> anyhow::Result<Vec<Log>> {
    let beside = |variable: &str, folder: &str| {
        let told = env::var_os(variable).map(PathBuf::from);
        let path = told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(folder));
        path.canonicalize().ok()
    };
    let rules = beside("SIGMABUS_BENCH_RULES", "sigmahq/rules");
    let events = beside("SIGMABUS_BENCH_EVENTS", "events");
    let (Some(rules), Some(events)) = (rules, events) else { return Ok(vec![generated(bench)?]) };
    let mut files: Vec<PathBuf> = fs::read_dir(events)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let rules = rules.display().to_string();
    files.iter().map(|file| unpacked(bench, file, &rules)).collect()
}

fn generated(bench: &Bench) -> anyhow::Result<Log> {
    let path = bench.path("generated.ndjson");
    let count = bench.size(20_000, 200_000);
    let mut out = BufWriter::new(File::create(&path)?);
    generated::events(&mut out, count)?;
    out.flush()?;
    let rules = bench.write_rules("text", &generated::text_rules(3_000))?;
    Ok(Log { name: "generated".to_owned(), path, lines: count.into(), rules })
}

/// The lines of a file, plain or packed, several times.
fn unpacked(bench: &Bench, file: &Path, rules: &str) -> anyhow::Result<Log> {
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut text = Vec::new();
    if file.extension() == Some(OsStr::new("gz")) {
        MultiGzDecoder::new(opened).read_to_end(&mut text)?;
    } else {
        BufReader::new(opened).read_to_end(&mut text)?;
    }
    let times = bench.size(TIMES[0], TIMES[1]);
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    let path = bench.path(&format!("{name}.ndjson"));
    repeat(&text, &path, times)?;
    let lines = text.lines().count() as u64 * u64::from(times);
    Ok(Log { name, path, lines, rules: rules.to_owned() })
}

fn repeat(text: &[u8], path: &Path, times: u32) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    (0..times).try_for_each(|_| out.write_all(text))?;
    Ok(out.flush()?)
}

impl Log {
    fn scan(&self, bench: &Bench, input: &str, threads: &str, more: &[&str]) -> super::measure::Job {
        let args = ["scan", "--format", "json", "--skip-bad-rules", "--emit", "findings", "--threads", threads];
        bench.sigmabus(&[&args, more, &["-r", &self.rules, input]].concat())
    }

    /// A log of one line, on which loading is all there is to do.
    fn first_line(&self, bench: &Bench) -> anyhow::Result<String> {
        let mut line = String::new();
        BufReader::new(File::open(&self.path)?).read_line(&mut line)?;
        bench.write("line.ndjson", &line)
    }

    /// Lines to findings, with all rules and with those for the line's log source.
    ///
    /// # Errors
    /// When a run fails.
    pub fn findings(&self, bench: &Bench) -> anyhow::Result<Section> {
        let input = self.path.display().to_string();
        let line = self.first_line(bench)?;
        let mut runners = Vec::new();
        let mut remarks = Vec::new();
        for (mode, routing, routed) in
            [("all rules", &[][..], false), ("rules of its source", &["--logsource-fields"], true)]
        {
            let found = Tally::of(&self.scan(bench, &input, "1", routing), findings)?;
            let told = format!("{} findings", grouped(found.total()));
            let ours = Runner::ours(mode, self.lines, told, self.scan(bench, &input, "1", routing));
            runners.push(ours.beyond(Some(self.scan(bench, &line, "1", routing))));
            let finds = |events: &Path| {
                let job = bench.peers.finds(bench.folder.path(), &self.rules, routed);
                job.map(|job| job.reading(events))
            };
            let compared = ("findings", &found, peer::rules as Names);
            let (theirs, remark) =
                Runner::peer("rsigma", &format!(", {mode}"), self.lines, finds(&self.path), compared);
            remarks.extend(remark.map(|remark| format!("{mode}: {remark}")));
            runners.push(theirs.beyond(finds(Path::new(&line))));
        }
        let entries = bench.race(runners)?;
        Ok(Section {
            work: format!("Log lines to findings: {}, one thread", self.name),
            unit: "line",
            entries,
            remarks,
        })
    }

    /// What it takes before the first line.
    ///
    /// # Errors
    /// When a run fails.
    pub fn load(&self, bench: &Bench) -> anyhow::Result<Section> {
        let line = self.first_line(bench)?;
        let mut rules = 0;
        let list = bench.sigmabus(&["rules", "list", "--format", "json", &self.rules]);
        list.lines(|_| rules += 1)?;
        let theirs =
            bench.peers.finds(bench.folder.path(), &self.rules, false).map(|job| job.reading(Path::new(&line)));
        let ours = self.scan(bench, &line, "1", &[]);
        let found = Tally::of(&ours, findings)?;
        let (theirs, remark) = Runner::peer("rsigma", "", rules, theirs, ("findings", &found, peer::rules as Names));
        let entries = bench.race(vec![Runner::ours("sigmabus", rules, String::new(), ours), theirs])?;
        let remarks = remark.into_iter().collect();
        Ok(Section { work: "Loading rules, and one line".to_owned(), unit: "rule", entries, remarks })
    }

    /// Two threads beside one.
    ///
    /// # Errors
    /// When a run fails.
    pub fn threads(&self, bench: &Bench) -> anyhow::Result<Section> {
        let input = self.path.display().to_string();
        let tallies = ["1", "2"].map(|threads| Tally::of(&self.scan(bench, &input, threads, &[]), lines));
        let [one, two] = tallies;
        let work = format!("Two threads, log lines to findings: {}", self.name);
        let scan = |threads: &str| self.scan(bench, &input, threads, &[]);
        bench.two_threads(&work, "line", self.lines, &[one?, two?], scan)
    }

    /// Whether memory stays the same however long the log is.
    ///
    /// # Errors
    /// When a run fails.
    pub fn memory(&self, bench: &Bench) -> anyhow::Result<Section> {
        let text = fs::read(&self.path)?;
        let times = (bench.size(LARGE[0], LARGE[1]) / text.len().max(1) as u64).max(2) as u32;
        let large = bench.path("large.ndjson");
        repeat(&text, &large, times)?;
        let run = |path: &Path, times: u32| {
            let size = format!("{} MB", grouped(text.len() as u64 * u64::from(times) / 1_000_000));
            let job = self.scan(bench, &path.display().to_string(), "1", &[]);
            Runner::ours(&size, self.lines * u64::from(times), String::new(), job).once()
        };
        let entries = bench.race(vec![run(&self.path, 1), run(&large, times)])?;
        fs::remove_file(&large)?;
        Ok(Section { work: format!("Memory: {}", self.name), unit: "line", entries, remarks: Vec::new() })
    }
}
