//! What several test targets need: inputs by name, and runs whose output is kept.
#![allow(dead_code, reason = "every test target uses a part of it")]

use serde_json::Value;
use sigmabus::capture;
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::detect::Input;
use sigmabus::pipeline::{Emits, Naming, Plan, Run, Summary, Usual, Wanted, unit_of};
use sigmabus::score::Scoreboard;
use sigmabus::sigma::ir::Ruleset;
use sigmabus::sigma::site_placeholders;
use sigmabus::sink::{JsonLines, Sink};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// What the command said, and how it ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// From a process that has ended; a signal counts as -1.
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `sigmabus ARGS` in `folder`: without input, and without what a terminal or somebody's environment would change.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmabus"));
    command.args(args).env_remove("COLUMNS").env_remove("NO_COLOR").current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs `sigmabus ARGS` in `folder`.
pub fn sigmabus(folder: &Path, args: &[&str]) -> Ran {
    Ran::of(&command(folder, args).output().unwrap())
}

/// A folder with these files, by their paths in it.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The shared captures and corpora beside the project; `None`, said aloud, where they are missing.
///
/// # Panics
/// When they are missing and `SIGMABUS_REQUIRE_SHARED` is set.
pub fn shared(part: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("SIGMABUS_REQUIRE_SHARED").is_none(), "{} is missing", path.display());
    eprintln!("skipped: {} is missing", path.display());
    None
}

/// A file of `fixtures/`.
pub fn fixture(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(part)
}

/// The built-in rules.
pub fn builtin() -> Ruleset {
    rule_files::understand(rule_files::builtin(), &Config::default()).ruleset
}

/// The built-in rules at a site that has told them everything, as the manual's examples do.
pub fn builtin_configured() -> Ruleset {
    let config = Config { placeholders: example_placeholders(), ..Config::default() };
    rule_files::understand(rule_files::builtin(), &config).ruleset
}

/// For each placeholder of the built-in rules, the values of the manual's example.
pub fn example_placeholders() -> BTreeMap<String, Vec<String>> {
    let values = |example: &str| serde_yaml::from_str(example).unwrap();
    site_placeholders().iter().map(|known| (known.name.to_owned(), values(known.example))).collect()
}

/// What a run is asked for.
#[allow(clippy::struct_excessive_bools, reason = "each is something that is asked for or not")]
pub struct Ask {
    pub ruleset: Ruleset,
    pub records: Option<Naming>,
    pub findings: bool,
    pub alerts: bool,
    /// Whether records of state events are printed.
    pub status: bool,
    /// What is usual, if that is known or to be learned.
    pub usual: Option<Usual>,
    /// Whether changes of registers are told as records.
    pub register_changes: bool,
    pub threads: usize,
}

impl Ask {
    /// Records only.
    pub fn records(naming: Naming) -> Self {
        Self {
            ruleset: Ruleset::default(),
            records: Some(naming),
            findings: false,
            alerts: false,
            status: true,
            usual: None,
            register_changes: false,
            threads: 1,
        }
    }

    /// Findings and alerts of the built-in rules.
    pub fn verdicts() -> Self {
        Self { ruleset: builtin(), records: None, findings: true, alerts: true, ..Self::records(Naming::Native) }
    }

    /// The same on several threads.
    pub fn on(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Runs over `inputs` in order; answers with the printed lines and the figures.
    pub fn run(self, inputs: &[&Path]) -> (String, Summary) {
        let wanted = Wanted {
            scoreboards: vec![Scoreboard::default()],
            findings: self.findings,
            records: self.records,
            without_status: !self.status,
            usual: self.usual,
            register_changes: self.register_changes,
            ..Wanted::default()
        };
        let plan = Arc::new(Plan::compile(self.ruleset, wanted).unwrap());
        let mut run = Run::new(
            &plan,
            self.threads,
            &(),
            Emits { alerts: self.alerts, findings: self.findings, ..Emits::default() },
        );
        let mut out = Vec::new();
        let mut sink = JsonLines::new(&mut out);
        for path in inputs {
            let opened = capture::open(Box::new(File::open(path).unwrap())).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let unit = unit_of(&opened).unwrap();
            run.input(Input { name: name.into(), unit }, opened, None, &mut sink).unwrap();
        }
        let summary = run.finish(&mut sink).unwrap();
        sink.flush().unwrap();
        drop(sink);
        (String::from_utf8(out).unwrap(), summary)
    }
}

/// Lines as JSON values.
pub fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of a capture.
pub fn decode(path: &Path) -> Vec<Value> {
    values(&Ask::records(Naming::Native).run(&[path]).0)
}
