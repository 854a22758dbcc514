//! How worried should we be about this asset now?
//!
//! Every finding is worth [`Points`]; a [`Scoreboard`] adds them up per entity over a sliding window of capture
//! time and raises a [`Threat`] when the sum passes its threshold. Sums are exact, to the nanosecond: an event at
//! exactly the window's length before the latest one still counts. On a board with a half-life points fade within
//! the window; these sums, too, do not depend on the order in which findings come.

mod board;
mod decay;
mod expression;
mod history;
mod points;
mod window;

pub use board::{Board, Change, ENTITIES, Peak, Scored, Threat};
pub use expression::{Expression, ExpressionError};
pub use history::History;
pub use points::{MAX_POINTS, Points, RuleWorth, Worth};

use crate::sigma::ir::Level;
use crate::time::Span;
use std::sync::Arc;

/// What one scoreboard watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoreboard {
    /// Its name in alerts.
    pub name: Arc<str>,
    /// The fields whose values make an entity; a finding that lacks one of them does not count here.
    pub entity: Vec<Arc<str>>,
    /// How far back points count.
    pub window: Span,
    /// How long it takes until half of a finding's points are left; without it they count in full for the window.
    pub half_life: Option<Span>,
    /// When to raise a threat.
    pub threshold: Threshold,
    /// How many different rules must be among what counts.
    pub rules: u32,
    /// How bad a threat is.
    pub level: Level,
    /// How long an entity stays quiet after a threat, in capture time.
    pub cool_down: Span,
    /// What the score must have been below before the next threat; without it, the threshold.
    pub rearm_below: Option<i64>,
    /// Whether a threat that still stands is told again.
    pub repeat: Repeat,
    /// How many entities are remembered, [`ENTITIES`] at most.
    pub entities: usize,
}

/// When a threat that still stands is told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Not at all.
    #[default]
    Never,
    /// When the score is at least twice what it was when it was told last.
    Doubled,
}

/// A bound for a sum of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// The sum exceeds it.
    Gt(i64),
    /// The sum reaches it.
    Gte(i64),
}

impl Threshold {
    /// Whether `sum` passes it.
    #[must_use]
    pub const fn passed_by(self, sum: i64) -> bool {
        match self {
            Self::Gt(bound) => sum > bound,
            Self::Gte(bound) => sum >= bound,
        }
    }

    /// Its word in the configuration and in alerts, and its bound.
    #[must_use]
    pub const fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Gt(bound) => ("gt", bound),
            Self::Gte(bound) => ("gte", bound),
        }
    }
}

/// What a scoreboard is where its configuration says nothing: per client address, 10 minutes, more than 100 points.
impl Default for Scoreboard {
    fn default() -> Self {
        Self {
            name: "client".into(),
            entity: vec!["modbus.client".into()],
            window: Span::from_secs(600),
            half_life: None,
            threshold: Threshold::Gt(100),
            rules: 1,
            level: Level::High,
            cool_down: Span::from_secs(600),
            rearm_below: None,
            repeat: Repeat::Never,
            entities: ENTITIES,
        }
    }
}

impl Scoreboard {
    /// What every installation starts with: a burst of points of one client, and what a client does over hours in
    /// several ways.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        let half_life = Span::from_secs(30 * 60);
        let lasting = Self {
            name: "client, lasting".into(),
            // After ten half-lives less than a thousandth is left.
            window: Span::from_nanos(10 * half_life.nanos()),
            half_life: Some(half_life),
            threshold: Threshold::Gte(200),
            rules: 3,
            level: Level::Critical,
            cool_down: half_life,
            ..Self::default()
        };
        vec![Self::default(), lasting]
    }
}
