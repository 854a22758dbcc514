//! Baseline files on disk: read whole or not at all, written whole or not at all.

use super::super::outcome::{Failure, reason};
use super::super::report::counted;
use super::super::{colour_on_stderr, note};
use super::file::{self, MAX_BYTES};
use super::page;
use crate::record::baseline::Baseline;
use crate::sigma::render;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The baseline in a file; `None` where there is no such file. What is wrong with it is told on standard error.
///
/// # Errors
/// When it cannot be read, or any of it is wrong.
pub(super) fn find(path: &Path) -> Result<Option<Baseline>, Failure> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &reason(&error))),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &reason(&error)))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(path, &format!("it has more than the {MAX_BYTES} bytes a baseline may have")));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong(path, "it is not UTF-8"))?;
    file::read(&path.display().to_string().into(), &text).map(Some).map_err(|found| {
        let colour = colour_on_stderr();
        found.iter().for_each(|found| note(&format!("{}\n", render(found, &text, colour).trim_end())));
        wrong(path, &counted(found.len(), "error"))
    })
}

/// The baseline in a file that has to be there.
///
/// # Errors
/// When it is not, cannot be read, or any of it is wrong.
pub(super) fn load(path: &Path) -> Result<Baseline, Failure> {
    find(path)?.ok_or_else(|| {
        let path = path.display();
        Failure::rules(format!("there is no baseline {path}; `sigmabus baseline learn INPUT... -o {path}` makes one"))
    })
}

/// Writes a baseline beside its file and puts it in the file's place, so that there is a whole one at any moment.
///
/// # Errors
/// When it cannot be written; then the old one stays.
pub(super) fn save(path: &Path, baseline: &Baseline) -> Result<(), Failure> {
    // A link stays a link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beside = beside(&path);
    let written = write(&beside, page::write(baseline).as_bytes()).and_then(|()| fs::rename(&beside, &path));
    written.map_err(|error| {
        // What is left of it is of no use to anybody.
        let _ = fs::remove_file(&beside);
        Failure::failed(format!("cannot write {}: {}", path.display(), reason(&error)))
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::failed(format!("cannot read {}: {why}", path.display()))
}

fn wrong(path: &Path, why: &str) -> Failure {
    Failure::rules(format!("the baseline {} is not used: {why}", path.display()))
}
