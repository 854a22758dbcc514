//! What was named on the command line: files, directories, standard input.

use super::outcome::{Failure, reason};
use super::piped::Piped;
use crate::capture::{self, Batch, Opened};
use crate::record::foreign::is_row_of_zeek;
use crate::record::foreign::{Rows, Taken};
use crate::record::{LONGEST_LINE, LogPlan, LogRecord, Slots};
use crate::time::Timestamp;
use bumpalo::Bump;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where the first line that tells a time is looked for: a header may be before it.
const HEADER_LINES: usize = 64;

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its name in output.
    pub(super) name: Arc<str>,
    /// Its path; standard input where there is none.
    path: Option<PathBuf>,
    /// Its size in bytes, where that is known.
    pub(super) size: u64,
    /// Whether it was named itself, not found in a directory: then it has to be of a known format.
    pub(super) asked_for: bool,
}

/// Finds what was named: directories are taken apart, their files sorted by name.
///
/// # Errors
/// When something does not exist, may not be read, or is an empty directory.
pub(super) fn expand(paths: &[PathBuf]) -> Result<Vec<Named>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Named { name: "-".into(), path: None, size: 0, asked_for: true });
            continue;
        }
        let data = path.metadata().map_err(|error| unreadable(path, &error))?;
        if !data.is_dir() {
            // Opened once now, so that a missing permission is told before hours of work.
            File::open(path).map_err(|error| unreadable(path, &error))?;
            found.push(named(path, data.len(), true));
            continue;
        }
        let before = found.len();
        walk(path, &mut found)?;
        if found.len() == before {
            return Err(Failure::failed(format!("{}: a directory with no files in it", path.display())));
        }
    }
    Ok(found)
}

fn named(path: &Path, size: u64, asked_for: bool) -> Named {
    Named { name: path.display().to_string().into(), path: Some(path.to_owned()), size, asked_for }
}

fn walk(folder: &Path, found: &mut Vec<Named>) -> Result<(), Failure> {
    let list = || -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut paths = list().map_err(|error| unreadable(folder, &error))?;
    paths.sort();
    for path in paths {
        // A link that leads nowhere is no input; one that leads to a directory might lead in circles.
        let Ok(data) = path.metadata() else { continue };
        if data.is_dir() && !path.is_symlink() {
            walk(&path, found)?;
        } else if data.is_file() {
            found.push(named(&path, data.len(), false));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {}", path.display(), reason(error)))
}

impl Named {
    /// Opens it and looks what it is; `read` counts the bytes as they are read from it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(&self, read: &Arc<AtomicU64>, stop: &Arc<AtomicBool>) -> Result<Opened, Failure> {
        let reader: Box<dyn Read + Send> = match &self.path {
            None => Box::new(Piped::stdin(Arc::clone(stop))),
            Some(path) => Box::new(File::open(path).map_err(|error| unreadable(path, &error))?),
        };
        let counted = Box::new(Counted { reader, read: Arc::clone(read) });
        capture::open(counted).map_err(|error| Failure::failed(format!("{}: {error}", self.name)))
    }

    /// The time of its first frame or line, if it is a file that tells one; of a line, in these fields first.
    fn first_time(&self, times: &[Arc<str>]) -> Option<Timestamp> {
        self.path.as_ref()?;
        match self.open(&Arc::default(), &Arc::default()).ok()? {
            Opened::Capture(mut source) => {
                let mut batch = Batch::new();
                source.fill(&mut batch).ok()?;
                batch.frames().next().map(|frame| frame.time)
            }
            Opened::Other { reader, .. } => {
                let plan = LogPlan::with_times(&Slots::new(), false, times);
                let mut rows = Rows::default();
                let mut lines = reader.take(LONGEST_LINE as u64).split(b'\n').take(HEADER_LINES);
                lines.find_map(|line| line_time(line.ok()?.trim_ascii(), &mut rows, &plan))
            }
        }
    }

    /// Whether it is the file at `path`, by whatever name.
    fn is(&self, path: &Path) -> bool {
        let same = |own: &PathBuf| Some(own.canonicalize().ok()? == path.canonicalize().ok()?);
        self.path.as_ref().and_then(same).unwrap_or(false)
    }
}

/// The time of a line, or of the row of a table that it is.
fn line_time(line: &[u8], rows: &mut Rows, plan: &LogPlan) -> Option<Timestamp> {
    let arena = Bump::new();
    if line.starts_with(b"{") {
        return LogRecord::read(line, plan, &arena).ok()?.time();
    }
    let Ok(Taken::Row(row)) = rows.take(&String::from_utf8_lossy(line)) else { return None };
    LogRecord::read(row.as_bytes(), plan, &arena).ok()?.time()
}

/// Takes the output file out of the inputs: a directory that is read may be the one that is written to.
///
/// # Errors
/// When an input was named itself and would be overwritten.
pub(super) fn spare_output(inputs: &mut Vec<Named>, output: Option<&Path>) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    if let Some(input) = inputs.iter().find(|input| input.asked_for && input.is(output)) {
        return Err(Failure::usage(format!("--output {} would overwrite the input {}", output.display(), input.name)));
    }
    inputs.retain(|input| !input.is(output));
    Ok(())
}

/// Puts files in the order of their first frames or lines (in which `times` are tried first), so that what happened first is seen first; what tells no
/// time keeps its place.
pub(super) fn sort_by_time(inputs: &mut [Named], times: &[Arc<str>]) {
    if inputs.len() < 2 {
        return;
    }
    let timed: Vec<(usize, Timestamp)> =
        inputs.iter().enumerate().filter_map(|(place, input)| Some((place, input.first_time(times)?))).collect();
    let mut sorted = timed.clone();
    sorted.sort_by_key(|(_, time)| *time);
    let sorted: Vec<Named> = sorted.into_iter().map(|(place, _)| inputs[place].clone()).collect();
    for ((place, _), input) in timed.into_iter().zip(sorted) {
        inputs[place] = input;
    }
}

/// A reader that counts.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What an input of no known format looks like, and what it was tried as.
#[must_use]
pub(super) fn unknown_format(name: &str, start: &[u8]) -> String {
    let mut lines = start.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    if lines.any(|line| is_row_of_zeek(&line)) {
        return format!(
            "{name}: rows of a log of Zeek without its header: nothing says what the columns are; it needs the lines that begin with `#separator`, `#path`, `#fields` and `#types`, or write the log as JSON"
        );
    }
    let first = start.get(..start.len().min(16)).unwrap_or_default();
    let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{name}: no known format; tried pcap, pcapng, JSON, tables with a header, and each of them packed with gzip or zstd; it begins with {} (\"{}\")",
        hex.join(" "),
        first.escape_ascii(),
    )
}
