//! What should a person be told, once?
//!
//! A finding of level high or above is an alert by itself; lower ones only add up, and become an alert when a
//! scoreboard calls the sum a threat. Alert ids are made of what happened and when, not of where it was read: the
//! same traffic gives the same ids from a file, a pipe or a wire.

mod id;
mod json;
mod score;

pub use id::{AlertId, Numbering};
pub use json::{RuleSum, sums_by_rule, write_alert, write_finding};
pub use score::{Score, write_score};

use crate::detect::{Catalogue, Finding, Named, Place};
use crate::score::{Scoreboard, Scored, Threat, Threshold};
use crate::sigma::ir::{Level, Number, RuleRef};
use crate::time::{Span, Timestamp};

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
    /// How bad it is.
    pub level: Level,
    /// Whom it is about.
    pub entity: Vec<Named>,
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

/// A finding of this level or above is an alert by itself.
pub const ALERT_LEVEL: Level = Level::High;

/// Makes alerts and numbers those that nothing else tells apart.
#[derive(Debug, Default)]
pub struct Raiser {
    numbering: Numbering,
}

impl Raiser {
    /// The alert of a finding that is bad enough.
    pub fn finding(&mut self, finding: &Finding<'_>, entity: Vec<Named>, catalogue: &Catalogue) -> Option<Alert> {
        let meta = catalogue.meta(finding.rule);
        if meta.level < ALERT_LEVEL {
            return None;
        }
        let subject = meta.id.as_ref().unwrap_or(&meta.title);
        Some(Alert {
            id: self.numbering.id(Kind::Rule, subject, finding.time, &entity),
            time: finding.time,
            kind: Kind::Rule,
            title: meta.title.to_string(),
            level: meta.level,
            entity,
            score: i64::from(finding.points),
            threshold: None,
            window: Window::of(finding, catalogue),
            causes: vec![Cause {
                rule: finding.rule,
                time: finding.time,
                points: finding.points,
                place: finding.place,
            }],
            group: finding.group.to_vec(),
            record: finding.record.into(),
            place: finding.place,
        })
    }

    /// The alert of a threat on `board`; `rule_of` turns the board's rule numbers back.
    pub fn threat(
        &mut self,
        threat: &Threat,
        board: &Scoreboard,
        entity: Vec<Named>,
        place: Place,
        rule_of: impl Fn(u32) -> RuleRef,
    ) -> Alert {
        let (_, bound) = board.threshold.parts();
        let news = if threat.doubled { format!("doubled to {}", threat.score) } else { format!("passed {bound}") };
        let who: Vec<&str> = entity.iter().map(|named| named.json.trim_matches('"')).collect();
        let cause = |scored: &Scored| Cause {
            rule: rule_of(scored.rule),
            time: scored.time,
            points: scored.points,
            place: Place { input: scored.input, number: scored.number },
        };
        Alert {
            id: self.numbering.id(Kind::Threat, &board.name, threat.time, &entity),
            time: threat.time,
            kind: Kind::Threat,
            title: format!("Threat score of {} {} {news}", board.name, who.join(" ")),
            level: board.level,
            entity,
            score: threat.score,
            threshold: Some(board.threshold),
            window: Some(Window { from: threat.from, to: threat.to, span: board.window, counted: None }),
            causes: threat.findings.iter().map(cause).collect(),
            group: Vec::new(),
            record: Box::default(),
            place,
        }
    }
}
