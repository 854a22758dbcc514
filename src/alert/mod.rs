//! What should a person be told, once?
//!
//! ```text
//! Finding -> Policy (the first one that is for it) -> Act: raise, group, score, suppress
//!         -> Repeats (what was told already?)      -> Verdict: tell, repeat, hold
//!         -> Raiser -> Alert                       what is told, with [`Attack`], [`Entity`], [`Proof`]
//!         -> Incidents                             alerts of one entity, until it is quiet
//! ```
//!
//! Without a policy that says otherwise, a finding of level high or above is an alert by itself, told once in ten
//! minutes; lower ones only add up, and become an alert when a scoreboard calls the sum a threat. Ids are made of what
//! happened and when, not of where it was read: the same traffic gives the same ids from a file, a pipe or a wire.

mod attack;
mod ended;
mod entity;
mod id;
mod incident;
mod json;
mod policy;
mod proof;
mod raise;
mod repeats;
mod score;

pub use attack::{Attack, Technique};
pub use ended::ENDED;
pub use entity::{Entity, EntityKind};
pub use id::{AlertId, Numbering};
pub use incident::{Incident, Incidents, Joining, LISTED, OPEN, Reason, Rule, Score, State, Whose};
pub use json::{RuleSum, sums_by_rule, write_alert, write_finding, write_incident};
pub use policy::{Act, Alerting, Grouping, Limits, MOST_COUNTED, Policy, RULE_FIELDS};
pub use proof::{Packet, Proof};
pub use raise::Raiser;
pub use repeats::{KEYS, Repeats, TIMES, Told, Verdict};
pub use score::{ScoreLine, write_score};

use crate::detect::{Catalogue, Finding, Named, Place};
use crate::score::Threshold;
use crate::sigma::ir::{Level, Number, RuleRef};
use crate::time::{Span, Timestamp};
use std::sync::Arc;

/// What a person should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Tells alerts apart; the same input gives the same ids.
    pub id: AlertId,
    /// The time of the finding that raised it.
    pub time: Timestamp,
    /// Why it was raised.
    pub kind: Kind,
    /// One line.
    pub title: String,
    /// What the rule says of it; a threat has none.
    pub description: Option<Arc<str>>,
    /// How bad it is.
    pub level: Level,
    /// What was done and what for; of a threat, by all its rules.
    pub attack: Attack,
    /// Whom it is about.
    pub entity: Vec<Named>,
    /// Whom and what else, typed.
    pub entities: Vec<Entity>,
    /// The points of the finding, or the sum that made the threat.
    pub score: i64,
    /// The bound that a threat's score passed.
    pub threshold: Option<Threshold>,
    /// The stretch of time that was looked at.
    pub window: Option<Window>,
    /// What made it, oldest first.
    pub causes: Vec<Cause>,
    /// For a correlation's alert, what its events have in common.
    pub group: Vec<Named>,
    /// The record of the finding that raised it, as a JSON object.
    pub record: Box<[u8]>,
    /// Where that finding is.
    pub place: Place,
    /// Where to look it up, oldest first.
    pub proofs: Vec<Proof>,
    /// The time of the earliest event that it tells of, those that were not told before it included.
    pub first: Timestamp,
    /// The time of the latest.
    pub last: Timestamp,
    /// How many like it were not told since the last one that was.
    pub suppressed: u64,
    /// The incident that it belongs to.
    pub incident: Option<AlertId>,
}

/// Why an alert was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One finding was bad enough.
    Rule,
    /// The points of many were.
    Threat,
}

impl Kind {
    /// Its word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Threat => "threat",
        }
    }
}

/// A closed stretch of time: of a correlation, from its first to its last event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
    /// How long the rule or scoreboard looks back.
    pub span: Span,
    /// What a correlation counted in it.
    pub counted: Option<Counted>,
}

/// What a correlation counted in its window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Events.
    pub events: usize,
    /// What its condition is about: events, different values, rules, or a sum, mean, median or percentile.
    pub figure: Number,
}

impl Window {
    /// The window of a correlation's finding.
    #[must_use]
    pub fn of(finding: &Finding<'_>, catalogue: &Catalogue) -> Option<Self> {
        let measured = finding.window?;
        Some(Self {
            from: measured.first,
            to: measured.last,
            span: catalogue.timespan(finding.rule)?,
            counted: Some(Counted { events: measured.events, figure: measured.figure }),
        })
    }
}

/// A finding that made an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Which rule.
    pub rule: RuleRef,
    /// When.
    pub time: Timestamp,
    /// What it was worth.
    pub points: u32,
    /// Where.
    pub place: Place,
}
