//! What a command costs.
//!
//! Each run is the only child of a process of its own (this program again, see [`child`]): what the system then says of
//! that process's children, it says of this run alone, its peak memory included.

use anyhow::{Context, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::{Deserialize, Serialize};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The first argument of a process that measures; the file for the [`Cost`], the program and its arguments follow.
const MEASURE: &str = "--measure";

/// What one run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Of the processor, on all threads, the system's share included.
    pub processor: Duration,
    /// Of the day.
    pub wall: Duration,
    /// Most memory at one time, in bytes.
    pub peak: u64,
}

impl Cost {
    /// The middle of each figure by itself; of an even number, the higher of the two.
    #[must_use]
    pub fn median(costs: &[Self]) -> Self {
        fn middle<T: Ord + Copy + Default>(figures: impl Iterator<Item = T>) -> T {
            let mut sorted: Vec<T> = figures.collect();
            sorted.sort_unstable();
            sorted.get(sorted.len() / 2).copied().unwrap_or_default()
        }
        Self {
            processor: middle(costs.iter().map(|cost| cost.processor)),
            wall: middle(costs.iter().map(|cost| cost.wall)),
            peak: middle(costs.iter().map(|cost| cost.peak)),
        }
    }
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    /// Its standard input; nothing otherwise.
    input: Option<PathBuf>,
    /// Where it runs. Nothing lies there that a program would take for its configuration.
    folder: PathBuf,
}

impl Job {
    /// `program` with `args`, to be run in `folder`.
    pub fn new<A: Into<OsString>>(folder: &Path, program: &Path, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.to_owned(), args, input: None, folder: folder.to_owned() }
    }

    /// The same with this file as its standard input.
    #[must_use]
    pub fn reading(self, input: &Path) -> Self {
        Self { input: Some(input.to_owned()), ..self }
    }

    /// Runs it and hands on each line that it prints, without its end.
    ///
    /// # Errors
    /// When it cannot be run or fails.
    pub fn lines(&self, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut child = self.spawn(Command::new(&self.program).args(&self.args).stdout(Stdio::piped()))?;
        if let Some(out) = child.stdout.take() {
            let (mut out, mut line) = (BufReader::with_capacity(1 << 18, out), Vec::new());
            while out.read_until(b'\n', &mut line)? > 0 {
                each(line.strip_suffix(b"\n").unwrap_or(&line));
                line.clear();
            }
        }
        self.wait(child)
    }

    /// Runs it for what it costs; what it prints is thrown away.
    ///
    /// # Errors
    /// When it cannot be run or fails.
    pub fn cost(&self) -> anyhow::Result<Cost> {
        let told = self.folder.join("cost.json");
        let mut command = Command::new(env::current_exe()?);
        command.arg(MEASURE).arg(&told).arg(&self.program).args(&self.args).stdout(Stdio::null());
        let child = self.spawn(&mut command)?;
        self.wait(child)?;
        Ok(serde_json::from_slice(&fs::read(told)?)?)
    }

    fn spawn(&self, command: &mut Command) -> anyhow::Result<Child> {
        let input = self.input.as_ref().map_or_else(|| Ok(Stdio::null()), |path| File::open(path).map(Stdio::from))?;
        let errors = File::create(self.errors())?;
        let spawned = command.stdin(input).stderr(errors).current_dir(&self.folder).spawn();
        spawned.with_context(|| format!("cannot run {}", self.program.display()))
    }

    fn wait(&self, mut child: Child) -> anyhow::Result<()> {
        let status = child.wait()?;
        if !status.success() {
            let said = fs::read_to_string(self.errors()).unwrap_or_default();
            bail!("{} {:?}: {status}: {}", self.program.display(), self.args, said.lines().last().unwrap_or_default());
        }
        Ok(())
    }

    /// Where it says what went wrong.
    fn errors(&self) -> PathBuf {
        self.folder.join("stderr.txt")
    }
}

/// Whether this process is one that measures; then it has done so.
///
/// # Errors
/// When the command cannot be run or fails.
pub fn child() -> anyhow::Result<bool> {
    let mut args = env::args_os().skip(1);
    if args.next().is_none_or(|first| first != MEASURE) {
        return Ok(false);
    }
    let (told, program) = (args.next().context("no file")?, args.next().context("no program")?);
    let begin = Instant::now();
    let status = Command::new(program).args(args).status()?;
    let wall = begin.elapsed();
    ensure!(status.success(), "{status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs());
    let processor = time(usage.user_time()) + time(usage.system_time());
    // Linux tells it in KiB.
    let peak = usage.max_rss().unsigned_abs() << 10;
    fs::write(told, serde_json::to_vec(&Cost { processor, wall, peak })?)?;
    Ok(true)
}
