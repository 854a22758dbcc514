//! Whether the machine finds what is true: rules held to events.
//!
//! ```text
//! rule  ->  synthesis  ->  event that hits  ->  mutation  ->  near misses
//!                              |                                  |
//! lane of events  ->           oracle: machine = truth, or a disagreement
//! ```
//!
//! The module is included by path from the example and from `tests/agreement.rs`.

#![allow(dead_code, reason = "each program that includes this uses a part of it")]

pub mod mutation;
pub mod oracle;
#[path = "../traffic/prng.rs"]
pub mod prng;
pub mod searched;
pub mod synthesis;

use oracle::{Held, Oracle, Tally};
use prng::Rng;
use rayon::prelude::*;
use sigmabus::capture::{self, Opened};
use sigmabus::detect::{RuleIx, Scratch};
use sigmabus::sigma::ir::Rule;
use sigmabus::sigma::{self, Loaded, Options, SourceText};
use std::fs::{self, File};
use std::io::{self, BufRead};
use std::path::Path;
use synthesis::Event;

/// How many ways through a condition are tried before a rule counts as one that no event satisfies.
const TRIES: u32 = 300;

/// What came of events made for rules.
#[derive(Debug, Default)]
pub struct Synthesised {
    /// Of the events that were to hit.
    pub hits: Tally,
    /// Of the events near them.
    pub near: Tally,
    /// Of those near them, how many do not satisfy the rule any more.
    pub misses: u64,
    /// Rules for which no event was found.
    pub without: Vec<RuleIx>,
}

/// All rules below `folder`, those without an error.
///
/// # Errors
/// When a file cannot be read.
pub fn load(folder: &Path) -> io::Result<Loaded> {
    let mut sources = Vec::new();
    collect(folder, &mut sources)?;
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sigma::load(sources, &Options::default()))
}

/// The lines of a stored log, packed or not.
///
/// # Errors
/// When it cannot be read, or is a capture.
pub fn lines(file: &Path) -> anyhow::Result<Vec<String>> {
    match capture::open(Box::new(File::open(file)?))? {
        Opened::Other { reader, .. } => Ok(reader.lines().collect::<Result<_, _>>()?),
        Opened::Capture(_) => anyhow::bail!("a capture is no stored log"),
    }
}

fn collect(folder: &Path, sources: &mut Vec<SourceText>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|ending| ending == "yml") {
            sources.push(SourceText::new(path.display().to_string(), fs::read(&path)?));
        }
    }
    Ok(())
}

/// Holds all rules to each of `lines`, as they are or changed by chance.
pub fn lane(oracle: &Oracle<'_>, lines: &[String], change: bool) -> Tally {
    let ask = |(at, line): (usize, &String)| {
        let mut tally = Tally::default();
        let changed = if change { changed(line, &mut Rng::new(at as u64)) } else { None };
        let event = changed.as_deref().map_or(line.as_bytes(), str::as_bytes);
        oracle.ask(event, Held::ToAll, &mut Scratch::new(), &mut tally);
        tally
    };
    lines.par_iter().enumerate().map(ask).reduce(Tally::default, Tally::and)
}

fn changed(line: &str, chance: &mut Rng) -> Option<String> {
    let event: Event = serde_json::from_str(line).ok()?;
    serde_json::to_string(&mutation::one(&mutation::one(&event, chance), chance)).ok()
}

/// Makes `each` events for each of `chosen` rules, and all those near them, and holds the machine to them.
pub fn synthesise(oracle: &Oracle<'_>, rules: &[Rule], chosen: &[RuleIx], each: u32) -> Synthesised {
    let one = |ix: &RuleIx| {
        let mut told = Synthesised::default();
        let mut chance = Rng::new(u64::from(ix.0));
        let mut scratch = Scratch::new();
        for _ in 0..each {
            let Some(event) = satisfying(oracle, &rules[ix.0 as usize], *ix, &mut chance) else {
                told.without.push(*ix);
                return told;
            };
            oracle.ask(&bytes(&event), Held::ToAll, &mut scratch, &mut told.hits);
            for near in mutation::near(&event, &mut chance) {
                let near = bytes(&near);
                oracle.ask(&near, Held::ToOne(*ix), &mut scratch, &mut told.near);
                told.misses += u64::from(!oracle.is_true(&near, *ix));
            }
        }
        told
    };
    chosen.par_iter().map(one).reduce(Synthesised::default, Synthesised::and)
}

impl Synthesised {
    fn and(mut self, other: Self) -> Self {
        self.hits = self.hits.and(other.hits);
        self.near = self.near.and(other.near);
        self.misses += other.misses;
        self.without.extend(other.without);
        self
    }
}

/// An event that satisfies the rule in truth.
fn satisfying(oracle: &Oracle<'_>, rule: &Rule, ix: RuleIx, chance: &mut Rng) -> Option<Event> {
    (0..TRIES).map(|_| synthesis::event(&rule.condition, chance)).find(|event| oracle.is_true(&bytes(event), ix))
}

fn bytes(event: &Event) -> Vec<u8> {
    serde_json::to_vec(event).unwrap_or_default()
}
