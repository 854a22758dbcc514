//! Rules, from where they lie to where they are understood.

use super::args::RuleArgs;
use super::config::Config;
use super::mapping_files;
use super::outcome::{Failure, Outcome, reason};
use super::report::counted;
use crate::pipeline::{self, Plan, PlanError, Wanted};
use crate::sigma::ir::Ruleset;
use crate::sigma::{
    self, Diagnostic, FieldCheck, Loaded, MappedFields, Mappings, Options, SchemaFields, Severity, SourceText,
};
use include_dir::{Dir, DirEntry, include_dir};
use rayon::prelude::*;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rules that sigmabus brings along.
static BUILTIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The built-in rule files.
#[must_use]
pub fn builtin() -> Vec<SourceText> {
    let mut files = Vec::new();
    collect(&BUILTIN, &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn collect(folder: &Dir<'_>, files: &mut Vec<SourceText>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            DirEntry::File(file) if is_rule_file(file.path()) => {
                let name = format!("builtin:{}", file.path().display());
                files.push(SourceText::new(name, file.contents().to_vec()));
            }
            DirEntry::File(_) => {}
        }
    }
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml")
}

/// Reads rule files; directories are searched for `.yml` and `.yaml`.
///
/// # Errors
/// When something cannot be read, or a directory holds no rule file.
pub fn read(paths: &[PathBuf]) -> Result<Vec<SourceText>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let below = find(path)?;
        if below.is_empty() {
            return Err(Failure::failed(format!("{}: no rule files (.yml, .yaml) in it", path.display())));
        }
        found.extend(below);
    }
    // Of several errors the first is told, whichever was met first.
    let files: Vec<Result<SourceText, Failure>> =
        found.par_iter().map_init(Vec::new, |room, path| read_file(path, room)).collect();
    files.into_iter().collect()
}

/// Reads a file; `bytes` is room to read into, which keeps what it grew to.
fn read_file(path: &Path, bytes: &mut Vec<u8>) -> Result<SourceText, Failure> {
    let unreadable = |error| unreadable(path, &error);
    // One byte more than a rule file may have is enough to refuse it.
    let limit = sigma::MAX_FILE_BYTES as u64 + 1;
    let file = File::open(path).map_err(unreadable)?;
    bytes.clear();
    (&file).take(limit).read_to_end(bytes).map_err(unreadable)?;
    let source = SourceText::new(path.display().to_string(), bytes.as_slice());
    if bytes.len() > sigma::MAX_FILE_BYTES {
        return Ok(source.of_size(file.metadata().map_err(unreadable)?.len()));
    }
    Ok(source)
}

/// A file, or the `.yml` and `.yaml` files of a directory and of those in it, by name.
///
/// # Errors
/// When something cannot be read.
pub(super) fn find(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    if path.metadata().map_err(|error| unreadable(path, &error))?.is_dir() {
        find_into(path, &mut found)?;
    } else {
        found.push(path.to_owned());
    }
    Ok(found)
}

fn find_into(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error| unreadable(folder, &error);
    let mut entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(unreadable)?;
    entries.sort_by_cached_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        if kind.is_dir() {
            find_into(&path, found)?;
        } else if is_rule_file(&path) && !(kind.is_symlink() && path.is_dir()) {
            found.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {}", path.display(), reason(error)))
}

/// Understands rule files; fields of Modbus rules must be in the schema, placeholders have their configured values.
#[must_use]
pub fn understand(files: Vec<SourceText>, config: &Config) -> Loaded {
    understand_by(files, config, Mappings::default())
}

/// The same for rules that go through mappings first.
#[must_use]
pub fn understand_by(files: Vec<SourceText>, config: &Config, mappings: Mappings) -> Loaded {
    sigma::load(files, &options(config, mappings))
}

/// The same, and looks for what the authors of the rules did not mean.
#[must_use]
pub(super) fn check(files: Vec<SourceText>, config: &Config, mappings: Mappings) -> Loaded {
    sigma::check(files, &options(config, mappings))
}

fn options(config: &Config, mappings: Mappings) -> Options {
    let tags = config.maps.tags();
    let fields: Arc<dyn FieldCheck> =
        if tags.is_empty() { Arc::new(SchemaFields) } else { Arc::new(MappedFields(Arc::clone(tags))) };
    Options { fields: Some(fields), placeholders: config.placeholders.clone(), mappings }
}

/// The built-in files without those that hold a rule of which `own` has a version of its own, told by the id.
fn builtin_beside(own: &[SourceText], config: &Config) -> Vec<SourceText> {
    let ids = |files: &[SourceText]| -> Vec<(Arc<str>, Arc<str>)> {
        let ruleset = understand(files.to_vec(), config).ruleset;
        let rules = ruleset.rules.iter().map(|rule| &rule.meta);
        let all = rules.chain(ruleset.correlations.iter().map(|rule| &rule.meta));
        all.filter_map(|meta| Some((Arc::clone(meta.id.as_ref()?), Arc::clone(&meta.origin.file)))).collect()
    };
    let mut files = builtin();
    let own = ids(own);
    let replaced: Vec<Arc<str>> = ids(&files)
        .into_iter()
        .filter(|(id, _)| own.iter().any(|(other, _)| other == id))
        .map(|(_, file)| file)
        .collect();
    files.retain(|file| !replaced.contains(&file.name));
    files
}

/// The rules that the arguments ask for. Problems are told on standard error.
///
/// # Errors
/// When files cannot be read, or a rule is wrong and may not be skipped.
pub fn load(args: &RuleArgs, config: &Config) -> Result<Ruleset, Failure> {
    let mut files = read(&args.rules)?;
    if args.rules.is_empty() {
        files = builtin();
    } else if args.builtin {
        files.extend(builtin_beside(&files, config));
    }
    let loaded = understand_by(files, config, mapping_files::load(&args.mappings, config)?);
    let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    for found in &loaded.diagnostics {
        if found.severity == Severity::Error {
            tell(found, &loaded);
        }
    }
    if errors > 0 && !args.skip_bad_rules {
        let errors = counted(errors, "error");
        let message = format!("{errors} in rules; correct them, or leave these rules out with --skip-bad-rules");
        return Err(Failure { outcome: Outcome::Rules, message: Some(message) });
    }
    if loaded.ruleset.rules.is_empty() {
        return Err(Failure::rules("no rules to run: what was read holds none without an error"));
    }
    Ok(loaded.ruleset)
}

/// Compiles rules for a run. Rules that ask for too much are told on standard error.
///
/// # Errors
/// When there are such rules and they may not be skipped.
pub fn compile(ruleset: Ruleset, wanted: Wanted, args: &RuleArgs) -> Result<Plan, Failure> {
    let mut ruleset = Arc::new(ruleset);
    match Plan::compile(Arc::clone(&ruleset), wanted.clone()) {
        Err(PlanError::Rules(refused)) if args.skip_bad_rules => {
            refused.iter().for_each(|refused| super::note(&format!("sigmabus: {refused}")));
            pipeline::silence(Arc::make_mut(&mut ruleset), &refused);
            Plan::compile(ruleset, wanted).map_err(Failure::rules)
        }
        other => other.map_err(Failure::rules),
    }
}

/// Draws a diagnostic on standard error.
pub fn tell(found: &Diagnostic, loaded: &Loaded) {
    let source = loaded.sources.iter().find(|source| source.name == found.file);
    let text = source.map(SourceText::lossy).unwrap_or_default();
    super::note(&format!("{}\n", sigma::render(found, &text, super::colour_on_stderr()).trim_end()));
}
