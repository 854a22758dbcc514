//! What a run found, counted: a fast wrong answer is no answer.

use super::measure::Job;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How often something was found, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Counts by name: the title of a rule, the number of a signature, a kind of message.
    pub counts: BTreeMap<String, u64>,
    /// Of all lines in their order: equal output, equal hash.
    pub hash: u64,
    /// Lines printed.
    pub lines: u64,
}

/// Names what a line tells of, each name once for each time that it is told.
pub type Names = fn(&[u8], &mut dyn FnMut(&str));

impl Tally {
    /// Runs `job` and counts what its lines tell of.
    ///
    /// # Errors
    /// When it cannot be run or fails.
    pub fn of(job: &Job, names: Names) -> anyhow::Result<Self> {
        let mut tally = Self::default();
        let mut hasher = DefaultHasher::new();
        job.lines(|line| {
            line.hash(&mut hasher);
            tally.lines += 1;
            tally.add(line, names);
        })?;
        tally.hash = hasher.finish();
        Ok(tally)
    }
}

impl Tally {
    /// Counts what `line` tells of.
    pub fn add(&mut self, line: &[u8], names: Names) {
        names(line, &mut |name| match self.counts.get_mut(name) {
            Some(count) => *count += 1,
            None => _ = self.counts.insert(name.to_owned(), 1),
        });
    }

    /// All that was found.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Where `self` and `other` differ: the name, and both counts; the greatest differences first.
    #[must_use]
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, u64, u64)> {
        let count = |tally: &Self, name: &str| tally.counts.get(name).copied().unwrap_or(0);
        let mut names: Vec<&str> = self.counts.keys().chain(other.counts.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let both = names.into_iter().map(|name| (name, count(self, name), count(other, name)));
        let mut differing: Vec<_> = both.filter(|(_, ours, theirs)| ours != theirs).collect();
        differing.sort_by_key(|(name, ours, theirs)| (std::cmp::Reverse(ours.abs_diff(*theirs)), *name));
        differing
    }
}

/// The rules of findings and alerts that sigmabus prints, by title.
pub fn findings(line: &[u8], found: &mut dyn FnMut(&str)) {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        rule: Option<Rule<'a>>,
    }
    #[derive(Deserialize)]
    struct Rule<'a> {
        #[serde(borrow)]
        title: std::borrow::Cow<'a, str>,
    }
    if let Ok(Line { rule: Some(rule) }) = serde_json::from_slice(line) {
        found(&rule.title);
    }
}

/// The messages among the records that sigmabus prints, by kind; what it adds to them (timeouts, states of connections)
/// is not on the wire.
pub fn messages(line: &[u8], found: &mut dyn FnMut(&str)) {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(rename = "modbus.kind")]
        kind: &'a str,
    }
    if let Ok(Record { kind: kind @ ("query" | "response" | "exception") }) = serde_json::from_slice(line) {
        found(kind);
    }
}

/// Every line, whatever it says.
pub fn lines(_: &[u8], found: &mut dyn FnMut(&str)) {
    found("line");
}
