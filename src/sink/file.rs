//! A file of JSON lines that is rotated.
//!
//! Lines are appended whole, so that `tail -F` shows them as they come. The file is renamed to `NAME.1` when it is large
//! enough or when the hour, day, ... of capture time is over, `NAME.1` to `NAME.2` and so on; a packed file appears under
//! its name only when it is complete.

use super::courier::now;
use super::item::Item;
use super::outlet::{Outcome, Outlet, reason};
use crate::time::{Span, Timestamp};
use flate2::write::GzEncoder;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How zstd packs: its usual level.
const ZSTD_LEVEL: i32 = 3;

/// A file as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// Where.
    pub path: PathBuf,
    /// The size in bytes that it does not outgrow (but for a single line that does).
    pub rotate_bytes: Option<u64>,
    /// The stretch of capture time that it holds, counted from the epoch: `1d` ends at midnight UTC.
    pub rotate_every: Option<Span>,
    /// How many rotated files are kept.
    pub keep: u32,
    /// How rotated files are packed.
    pub packing: Packing,
    /// When what was written has to be on the disk.
    pub sync: Sync,
}

/// How rotated files are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    #[default]
    None,
    /// gzip
    Gzip,
    /// Zstandard
    Zstd,
}

impl Packing {
    const fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// When what was written has to be on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// When the system likes.
    #[default]
    Never,
    /// So long after it was written at the latest.
    Every(Duration),
    /// Before it counts as delivered.
    Always,
}

impl FileSpec {
    /// A file with everything else as it is by default.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (rotate_bytes, rotate_every) = (None, None);
        Self { path: path.into(), rotate_bytes, rotate_every, keep: 7, packing: Packing::None, sync: Sync::Never }
    }
}

/// The open file.
pub(super) struct Ndjson {
    spec: FileSpec,
    file: File,
    /// Its length, for what can be cut; devices and pipes cannot.
    length: Option<u64>,
    /// The stretch of capture time that its lines are of.
    stretch: Option<i64>,
    /// Since when something is not on the disk for sure.
    unsynced: Option<Instant>,
    /// Lines that are written at once.
    held: Vec<u8>,
}

impl Ndjson {
    /// Opens or makes the file; what is in it stays.
    pub(super) fn open(spec: FileSpec) -> io::Result<Self> {
        let (file, length) = open(&spec.path)?;
        Ok(Self { spec, file, length, stretch: None, unsynced: None, held: Vec::new() })
    }

    /// Writes what is held. What cannot be written whole is taken back.
    fn write(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.held);
        let bytes = self.held.len() as u64;
        self.held.clear();
        if let Err(error) = written {
            if let Some(length) = self.length {
                // If that fails too, the next line still begins on a line of its own.
                let _ = self.file.set_len(length);
            }
            return Err(error);
        }
        self.length = self.length.map(|length| length + bytes);
        if bytes > 0 {
            self.unsynced.get_or_insert_with(now);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.length.is_some() && self.unsynced.is_some() {
            self.file.sync_data()?;
        }
        self.unsynced = None;
        Ok(())
    }

    fn sync_when_due(&mut self) -> io::Result<()> {
        match self.spec.sync {
            Sync::Always => self.sync(),
            Sync::Every(time) if self.unsynced.is_some_and(|since| since.elapsed() >= time) => self.sync(),
            Sync::Every(_) | Sync::Never => Ok(()),
        }
    }

    /// Whether the file is full, or its time over, before `item`.
    fn is_over(&self, item: &Item) -> bool {
        let Some(length) = self.length else { return false };
        let length = length + self.held.len() as u64;
        let stretch = self.stretch_of(item.time);
        let over = stretch.zip(self.stretch).is_some_and(|(new, old)| new > old);
        let full = self.spec.rotate_bytes.is_some_and(|most| length + item.line.len() as u64 > most);
        length > 0 && (over || full)
    }

    fn stretch_of(&self, time: Option<Timestamp>) -> Option<i64> {
        let every = self.spec.rotate_every.filter(|every| every.nanos() > 0)?;
        Some(time?.nanos().div_euclid(every.nanos()))
    }

    /// Makes the file the first of the rotated ones, and a new one in its place.
    fn rotate(&mut self) -> io::Result<()> {
        if self.spec.sync != Sync::Never {
            self.sync()?;
        }
        shift(&self.spec)?;
        let first = numbered(&self.spec.path, 1, Packing::None);
        match fs::rename(&self.spec.path, &first) {
            // It is away already, but a new one could not be made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        (self.file, self.length) = open(&self.spec.path)?;
        self.unsynced = None;
        // A rotated file that cannot be packed is still complete.
        let _ = pack(&first, &self.spec);
        Ok(())
    }

    /// Writes as many of the items as it can.
    fn append(&mut self, batch: &[Item], delivered: &mut usize) -> io::Result<()> {
        for (count, item) in batch.iter().enumerate() {
            if self.is_over(item) {
                self.write()?;
                *delivered = count;
                self.rotate()?;
            }
            // Late lines do not bring the file's time back.
            self.stretch = self.stretch_of(item.time).max(self.stretch);
            self.held.extend_from_slice(&item.line);
        }
        self.write()?;
        self.sync_when_due()?;
        *delivered = batch.len();
        Ok(())
    }
}

impl Outlet for Ndjson {
    async fn deliver(&mut self, batch: &[Item]) -> Vec<Outcome> {
        let mut delivered = 0;
        self.held.clear();
        let appended = self.append(batch, &mut delivered);
        let mut outcomes = Outcome::Delivered.of_all(delivered);
        if let Err(error) = appended {
            let reason = Outcome::retry(format!("{}: {}", self.spec.path.display(), reason(&error)));
            outcomes.extend(reason.of_all(batch.len() - delivered));
        }
        outcomes
    }

    async fn rest(&mut self) {
        // What fails here fails again with the next line, and is told then.
        let _ = self.sync_when_due();
    }

    async fn close(&mut self) -> usize {
        if self.spec.sync != Sync::Never {
            let _ = self.sync();
        }
        0
    }
}

/// Opens a file to append to, and its length, if it is a file at all. A half line at its end, left by a crash, is closed.
fn open(path: &Path) -> io::Result<(File, Option<u64>)> {
    let regular = fs::metadata(path).map_or(true, |data| data.is_file());
    if !regular {
        return Ok((OpenOptions::new().write(true).open(path)?, None));
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut length = file.metadata()?.len();
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            length += 1;
        }
    }
    Ok((file, Some(length)))
}

/// `NAME.3.gz`
fn numbered(path: &Path, number: u32, packing: Packing) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}{}", packing.ending()));
    name.into()
}

/// Makes room for a new first of the rotated files: each gets the next number, the last one goes.
fn shift(spec: &FileSpec) -> io::Result<()> {
    for packing in [Packing::None, Packing::Gzip, Packing::Zstd] {
        remove(&numbered(&spec.path, spec.keep.max(1), packing))?;
        for number in (1..spec.keep).rev() {
            let from = numbered(&spec.path, number, packing);
            if from.exists() {
                fs::rename(from, numbered(&spec.path, number + 1, packing))?;
            }
        }
    }
    Ok(())
}

/// Packs the first of the rotated files.
fn pack(first: &Path, spec: &FileSpec) -> io::Result<()> {
    if spec.packing == Packing::None {
        return Ok(());
    }
    let packed = numbered(&spec.path, 1, spec.packing);
    let mut unfinished = packed.clone().into_os_string();
    unfinished.push(".tmp");
    let (mut from, to) = (File::open(first)?, File::create(&unfinished)?);
    let to = match spec.packing {
        Packing::Gzip => {
            let mut encoder = GzEncoder::new(to, flate2::Compression::default());
            io::copy(&mut from, &mut encoder)?;
            encoder.finish()?
        }
        Packing::Zstd | Packing::None => {
            let mut encoder = zstd::Encoder::new(to, ZSTD_LEVEL)?;
            io::copy(&mut from, &mut encoder)?;
            encoder.finish()?
        }
    };
    // The lines are in two places until the packed ones are safe.
    to.sync_all()?;
    fs::rename(&unfinished, &packed)?;
    fs::remove_file(first)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Kind;
    use super::*;

    fn item(second: i64, text: &str) -> Item {
        Item {
            kind: Kind::Alert,
            time: Some(Timestamp::from_parts(second, 0)),
            line: format!("{text}\n").as_bytes().into(),
        }
    }

    fn deliver(outlet: &mut Ndjson, batch: &[Item]) -> Vec<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(outlet.deliver(batch))
    }

    /// The files of a folder with what is in them, unpacked.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let raw = fs::read(&path).unwrap();
                let mut text = String::new();
                match path.extension().and_then(|ending| ending.to_str()) {
                    Some("gz") => drop(flate2::read::GzDecoder::new(&*raw).read_to_string(&mut text).unwrap()),
                    Some("zst") => text = String::from_utf8(zstd::decode_all(&*raw).unwrap()).unwrap(),
                    _ => text = String::from_utf8(raw).unwrap(),
                }
                (path.file_name().unwrap().to_string_lossy().into_owned(), text.replace('\n', " "))
            })
            .collect();
        files.sort();
        files
    }

    fn told(folder: &Path) -> String {
        files(folder).iter().map(|(name, text)| format!("{name}: {text}| ")).collect()
    }

    #[test]
    fn by_size_the_oldest_goes_and_all_lines_stay_whole() {
        for (packing, ending) in [(Packing::None, ""), (Packing::Gzip, ".gz"), (Packing::Zstd, ".zst")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.ndjson");
            let mut outlet =
                Ndjson::open(FileSpec { rotate_bytes: Some(6), keep: 2, packing, ..FileSpec::new(&path) }).unwrap();
            let batch = ["11", "22", "33", "44", "55", "66", "77", "longer than all"].map(|text| item(0, text));
            assert_eq!(deliver(&mut outlet, &batch), Outcome::Delivered.of_all(8));
            let expected = format!("a.ndjson: longer than all | a.ndjson.1{ending}: 77 | a.ndjson.2{ending}: 55 66 | ");
            assert_eq!(told(folder.path()), expected);
        }
    }

    #[test]
    fn by_capture_time_and_late_lines_stay_in_the_file_of_the_day() {
        let folder = tempfile::tempdir().unwrap();
        let spec = FileSpec { rotate_every: Some(Span::from_secs(60)), ..FileSpec::new(folder.path().join("a")) };
        let mut outlet = Ndjson::open(spec).unwrap();
        let batch = [item(10, "a"), item(59, "b"), item(60, "c"), item(58, "late"), item(61, "d"), item(400, "e")];
        deliver(&mut outlet, &batch);
        assert_eq!(told(folder.path()), "a: e | a.1: c late d | a.2: a b | ");
    }

    #[test]
    fn what_was_there_stays_and_a_half_line_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "whole\nhal").unwrap();
        for sync in [Sync::Always, Sync::Every(Duration::ZERO), Sync::Never] {
            let mut outlet = Ndjson::open(FileSpec { sync, ..FileSpec::new(&path) }).unwrap();
            deliver(&mut outlet, &[item(0, "x")]);
            assert_eq!(outlet.unsynced.is_some(), sync == Sync::Never, "{sync:?}");
        }
        assert_eq!(told(folder.path()), "a: whole hal x x x | ");
    }

    #[test]
    fn a_full_disk_is_told_and_tried_again() {
        if !Path::new("/dev/full").exists() {
            return eprintln!("skipped: no /dev/full here");
        }
        let mut outlet = Ndjson::open(FileSpec::new("/dev/full")).unwrap();
        let outcomes = deliver(&mut outlet, &[item(0, "a"), item(0, "b")]);
        let [Outcome::Retry { reason, .. }, Outcome::Retry { .. }] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        assert!(reason.contains("/dev/full: no space left on device"), "{reason}");
    }

    #[test]
    fn when_rotation_fails_what_was_written_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut outlet = Ndjson::open(FileSpec { rotate_bytes: Some(4), ..FileSpec::new(&path) }).unwrap();
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(folder.path().join("a.1/x")).unwrap();
        fs::create_dir_all(folder.path().join("a.2/x")).unwrap();
        fs::create_dir_all(folder.path().join("a.3")).unwrap();
        fs::create_dir_all(folder.path().join("a.7/x")).unwrap();
        let outcomes = deliver(&mut outlet, &[item(0, "11"), item(0, "22")]);
        assert!(matches!(outcomes.as_slice(), [Outcome::Delivered, Outcome::Retry { .. }]), "{outcomes:?}");
        for number in [1, 2, 3, 7] {
            fs::remove_dir_all(folder.path().join(format!("a.{number}"))).unwrap();
        }
        assert_eq!(deliver(&mut outlet, &[item(0, "22")]), [Outcome::Delivered]);
        assert_eq!(told(folder.path()), "a: 22 | a.1: 11 | ");
    }
}
