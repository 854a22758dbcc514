//! `sigmabus config check`: every mistake of configurations.

use super::super::args::CheckFormat;
use super::super::diagnostics::{Problem, print_json, print_sarif};
use super::super::note;
use super::super::outcome::{Failure, Outcome};
use super::super::report::counted;
use super::file::{File, Understood};
use super::{DEFAULT_NAME, SECTIONS, refused};
use crate::sigma::scalar::is_null;
use crate::sigma::yaml::{Kind, Node};
use crate::sink::plain;
use std::path::PathBuf;

/// Checks the files, or `sigmabus.yml` here, and goes on behind one that cannot be read.
pub(super) fn run(paths: &[PathBuf], format: CheckFormat) -> Result<Outcome, Failure> {
    let here = [PathBuf::from(DEFAULT_NAME)];
    let paths = if paths.is_empty() { &here[..] } else { paths };
    let read: Vec<Result<File, Failure>> = paths.iter().map(|path| File::read(path)).collect();
    let unreadable = read.iter().any(Result::is_err);
    let files: Vec<File> = read.into_iter().filter_map(|file| file.map_err(Failure::told).ok()).collect();
    let understood: Vec<(&File, Understood<'_>)> = files.iter().map(|file| (file, file.understand())).collect();
    let problems = understood
        .iter()
        .flat_map(|(_, Understood { told, .. })| told.diagnostics.iter().map(|found| Problem::located(found, told)));
    match format {
        CheckFormat::Text => understood.iter().for_each(|(_, understood)| understood.tell()),
        CheckFormat::Json => print_json(&problems.collect::<Vec<_>>())?,
        CheckFormat::Sarif => print_sarif(&problems.collect::<Vec<_>>())?,
    }
    for (file, understood) in understood.iter().filter(|(_, understood)| understood.errors() == 0) {
        note(&format!("{} is right: {}", plain(&file.path.display().to_string()), contents(understood.root.as_ref())));
    }
    match understood.iter().map(|(_, understood)| understood.errors()).sum() {
        _ if unreadable => Ok(Outcome::Failed),
        0 => Ok(Outcome::Done),
        errors => Err(refused(errors)),
    }
}

/// What a configuration holds: `2 scoreboards, 1 map`.
fn contents(root: Option<&Node<'_>>) -> String {
    let Some(Kind::Mapping(entries)) = root.map(|root| &root.kind) else { return "it says nothing".to_owned() };
    let of_section = |section: &super::Section| {
        let written = &entries.iter().find(|entry| entry.key.text == section.key)?.value;
        let elements = match &written.kind {
            Kind::Sequence(items) => items.len(),
            Kind::Mapping(entries) => entries.len(),
            Kind::Scalar(_) => usize::from(!is_null(written)),
        };
        (elements > 0).then(|| counted(elements, section.noun))
    };
    let contents: Vec<String> = SECTIONS.iter().filter_map(of_section).collect();
    if contents.is_empty() { "it says nothing".to_owned() } else { contents.join(", ") }
}
