//! What all kinds of work share: where things are, and how runs take turns.

use super::measure::{Cost, Job};
use super::peer::Peers;
use super::table::{Entry, Section, grouped};
use super::tally::{Names, Tally};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};
use tempfile::TempDir;

/// How many rules stand in one file.
const RULES_OF_A_FILE: usize = 200;

/// Where runs find what they need.
#[derive(Debug)]
pub struct Bench {
    /// Inputs, rules and what runs leave behind; gone at the end.
    pub folder: TempDir,
    /// The sigmabus that is measured.
    pub binary: PathBuf,
    /// Who else is there.
    pub peers: Peers,
    /// Whether it must be short.
    pub quick: bool,
}

/// One who is to do the work.
#[derive(Clone, Debug)]
pub struct Runner {
    entry: Entry,
    job: Option<Job>,
    load: Option<Job>,
    /// Whether one run must do, since each takes long.
    once: bool,
}

impl Bench {
    /// An empty folder, and the peers that are installed.
    ///
    /// # Errors
    /// When there can be no folder.
    pub fn new(quick: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let binary = env::var_os("SIGMABUS_BENCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_sigmabus").into());
        Ok(Self { folder, binary: Path::new(&binary).canonicalize()?, peers: Peers::find(), quick })
    }

    /// `short` in a short run, `whole` otherwise.
    pub const fn size<T: Copy>(&self, short: T, whole: T) -> T {
        if self.quick { short } else { whole }
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file to the folder and says where it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// Writes rules to a folder and says where it is.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_rules(&self, name: &str, rules: &[String]) -> anyhow::Result<String> {
        fs::create_dir_all(self.path(name))?;
        for (place, file) in rules.chunks(RULES_OF_A_FILE).enumerate() {
            self.write(&format!("{name}/{place}.yml"), &file.join("---\n"))?;
        }
        Ok(self.path(name).display().to_string())
    }

    /// `sigmabus ARGS`.
    #[must_use]
    pub fn sigmabus(&self, args: &[&str]) -> Job {
        Job::new(self.folder.path(), &self.binary, args)
    }

    /// `sigmabus scan` on one thread, for alerts.
    #[must_use]
    pub fn scan(&self, args: &[&str]) -> Job {
        self.sigmabus(&[&["scan", "--format", "json", "--threads", "1"], args].concat())
    }

    /// Runs all in turn, so that a machine whose speed changes changes it for all; medians.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn race(&self, mut runners: Vec<Runner>) -> anyhow::Result<Vec<Entry>> {
        let mut costs = vec![Vec::new(); runners.len()];
        let mut loads = vec![Vec::new(); runners.len()];
        for turn in 0..self.size(3, 5) {
            for (place, runner) in runners.iter().enumerate().filter(|(_, runner)| turn == 0 || !runner.once) {
                if let Some(job) = &runner.job {
                    costs[place].push(job.cost()?);
                }
                if let Some(load) = &runner.load {
                    loads[place].push(load.cost()?);
                }
            }
        }
        for (runner, (costs, loads)) in runners.iter_mut().zip(costs.iter().zip(&loads)) {
            runner.entry.cost = runner.job.as_ref().map(|_| Cost::median(costs));
            runner.entry.load = Cost::median(loads).processor;
        }
        Ok(runners.into_iter().map(|runner| runner.entry).collect())
    }

    /// One thread beside two, which must have said the same.
    ///
    /// # Errors
    /// When a run fails.
    pub fn two_threads(
        &self,
        work: &str,
        unit: &'static str,
        items: u64,
        said: &[Tally; 2],
        job: impl Fn(&str) -> Job,
    ) -> anyhow::Result<Section> {
        let equal = if said[0] == said[1] { "equal" } else { "DIFFERENT" };
        let runner = |threads: &str, said: &Tally, equal: &str| {
            let found = format!("{} lines{equal}", grouped(said.lines));
            Runner::ours(&format!("--threads {threads}"), items, found, job(threads))
        };
        let one = runner("1", &said[0], "");
        let entries = self.race(vec![one, runner("2", &said[1], &format!(", {equal}"))])?;
        let walls: Vec<f64> = entries.iter().filter_map(|entry| Some(entry.cost?.wall.as_secs_f64())).collect();
        let gain = walls.first().zip(walls.last()).map_or(0.0, |(one, two)| one / two);
        let remarks = vec![format!("wall time: two threads are {gain:.2} times as fast as one")];
        Ok(Section { work: work.to_owned(), unit, entries, remarks })
    }
}

impl Runner {
    /// One of ours, with what it found.
    pub fn ours(who: &str, items: u64, found: String, job: Job) -> Self {
        let entry = Entry { who: who.to_owned(), peer: None, items, found, cost: None, load: Duration::ZERO };
        Self { entry, job: Some(job), load: None, once: false }
    }

    /// A peer, after its findings were counted and compared with `ours`; and what the reader should know of them. One that is not
    /// installed or fails does not take part.
    pub fn peer(
        peer: &'static str,
        how: &str,
        items: u64,
        job: Option<Job>,
        (what, ours, names): (&str, &Tally, Names),
    ) -> (Self, Option<String>) {
        let (found, remark, job) = match job.map(|job| (Tally::of(&job, names), job)) {
            None => ("not installed".to_owned(), None, None),
            Some((Err(error), _)) => ("failed".to_owned(), Some(format!("{peer} failed: {error}")), None),
            Some((Ok(theirs), job)) => {
                let Compared { found, remark } = compared(peer, what, ours, &theirs);
                (found, remark, Some(job))
            }
        };
        let who = format!("{peer}{how}");
        let entry = Entry { who, peer: Some(peer), items, found, cost: None, load: Duration::ZERO };
        (Self { entry, job, load: None, once: false }, remark)
    }

    /// The same, whose cost is that beyond a run on next to nothing.
    #[must_use]
    pub fn beyond(self, load: Option<Job>) -> Self {
        Self { load: load.filter(|_| self.job.is_some()), ..self }
    }

    /// The same, which runs only once.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

/// What a peer found beside what we found, and where they differ.
#[derive(Debug)]
pub struct Compared {
    /// What it found, in short.
    pub found: String,
    /// The differences, one remark; `None` where there are none.
    pub remark: Option<String>,
}

/// How many differences are told by name; the greatest.
const TOLD: usize = 8;

/// What `theirs` says beside `ours`.
#[must_use]
pub fn compared(peer: &str, what: &str, ours: &Tally, theirs: &Tally) -> Compared {
    let found = format!("{} {what}", grouped(theirs.total()));
    let differences = ours.differences(theirs);
    if differences.is_empty() {
        return Compared { found: format!("{found}, equal"), remark: None };
    }
    let told: Vec<String> = differences
        .iter()
        .take(TOLD)
        .map(|(name, ours, theirs)| format!("{name}: {} here, {} there", grouped(*ours), grouped(*theirs)))
        .collect();
    let more = differences.len().saturating_sub(TOLD);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let remark = format!("{peer} found something else: {}{more}", told.join("; "));
    let (differ, names) = (differences.len(), ours.counts.len().max(theirs.counts.len()));
    let found = if names > 1 { format!("{found}, {differ} of {names} differ") } else { format!("{found}, not equal") };
    Compared { found, remark: Some(remark) }
}
