//! A finding: a rule or correlation was satisfied, by this record, at this place.

use super::correlated::Measured;
use crate::sigma::ir::{Meta, RuleRef, Ruleset};
use crate::time::{Span, Timestamp};
use std::sync::{Arc, OnceLock};

/// Where in the inputs something was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which input, an index into [`Catalogue::inputs`].
    pub input: u32,
    /// The frame's or line's number there, counted from 1.
    pub number: u64,
}

/// A field's name with its value as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The field or alias.
    pub name: Arc<str>,
    /// The value, one JSON token.
    pub json: Box<str>,
}

/// One rule or correlation that was satisfied.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// Which one.
    pub rule: RuleRef,
    /// When: the time of the record, or of the record that completed the group, or the end of a window that had to close.
    pub time: Timestamp,
    /// What it is worth.
    pub points: u32,
    /// For a correlation, what its events have in common.
    pub group: &'a [Named],
    /// For a correlation, what was measured.
    pub window: Option<&'a Measured>,
    /// The record as a JSON object, masked; empty when nobody wants to see it.
    pub record: &'a [u8],
    /// Where it was found.
    pub place: Place,
}

/// What is counted in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Frames of a capture.
    Frame,
    /// Lines of a log.
    Line,
}

impl Unit {
    /// Its word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Line => "line",
        }
    }
}

/// One input by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// As it was given.
    pub name: Arc<str>,
    /// What is counted in it.
    pub unit: Unit,
}

/// What findings refer to by number: rules and inputs.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The rules that were loaded.
    pub ruleset: Arc<Ruleset>,
    /// The inputs so far.
    pub inputs: Vec<Input>,
    /// What is said of each rule, and behind them of each correlation, in every finding of it.
    said: Box<[OnceLock<Box<[u8]>>]>,
}

impl Catalogue {
    /// The rules, and no input.
    #[must_use]
    pub fn new(ruleset: Arc<Ruleset>) -> Self {
        let said = vec![OnceLock::new(); ruleset.rules.len() + ruleset.correlations.len()];
        Self { ruleset, inputs: Vec::new(), said: said.into() }
    }

    /// Appends what is said of a rule in every finding of it: written once, then copied.
    pub fn say(&self, rule: RuleRef, out: &mut Vec<u8>, write: impl Fn(&Meta, &mut Vec<u8>)) {
        let place = match rule {
            RuleRef::Rule(index) => index,
            RuleRef::Correlation(index) => self.ruleset.rules.len() + index,
        };
        let written = || {
            let mut text = Vec::new();
            write(self.meta(rule), &mut text);
            text.into()
        };
        match self.said.get(place) {
            Some(said) => out.extend_from_slice(said.get_or_init(written)),
            None => write(self.meta(rule), out),
        }
    }

    /// How far back a correlation looks; `None` for a rule.
    #[must_use]
    pub fn timespan(&self, rule: RuleRef) -> Option<Span> {
        match rule {
            RuleRef::Rule(_) => None,
            RuleRef::Correlation(index) => self.ruleset.correlations.get(index).map(|it| it.timespan),
        }
    }

    /// What a rule or correlation says about itself.
    #[must_use]
    pub fn meta(&self, rule: RuleRef) -> &Meta {
        match rule {
            RuleRef::Rule(index) => &self.ruleset.rules[index].meta,
            RuleRef::Correlation(index) => &self.ruleset.correlations[index].meta,
        }
    }
}
